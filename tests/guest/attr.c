/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chmod, chown, utimes, truncate and their forms. */
#include <sys/resource.h>
#include <sys/time.h>
#include <signal.h>
#include <time.h>
#include <utime.h>

#include "guest.h"

static void show_times(const char *name)
{
	struct stat st;

	if (lstat(name, &st) < 0)
		tap_result(&t, -1, "lstat %s", name);
	else
		tap_check(&t, 1, "%s: atime %ld mtime %ld", name, (long)st.st_atim.tv_sec,
			(long)st.st_mtim.tv_sec);
}

/* Is the time that was set now? */
static void show_now(const char *name)
{
	struct stat st;
	time_t now = time(NULL);

	if (stat(name, &st) < 0)
		tap_result(&t, -1, "stat %s", name);
	else
		tap_check(&t, 1, "%s: atime %s mtime %s", name,
			labs((long)(st.st_atim.tv_sec - now)) < 100 ? "now" : "old",
			labs((long)(st.st_mtim.tv_sec - now)) < 100 ? "now" : "old");
}

static long fchmodat2_(int dirfd, const char *name, mode_t mode, int flags)
{
	return syscall(452, dirfd, name, mode, flags);
}

static void modes(void)
{
	int fd;

	make("f", "text");
	R(mkdir("d", 0755));
	R(symlink("f", "l"));
	R(chmod("f", 0));
	show("f");
	R(chmod("f", 07777));
	show("f");
	R(chmod("f", 0100644));
	show("f");
	R(chmod("f", 0170000 | 0640));
	show("f");
	R(chmod("l", 0600));
	show("f");
	R(chmod("d", 01770));
	show("d");
	R(chmod("d", 02755));
	show("d");
	R(chmod("none", 0600));
	R(chmod("", 0600));
	R(chmod("f/", 0600));
	R(chmod("/", 0755) == -1 && errno == EPERM ? 0 : getuid() == 0 ? 0 : 1);
	R(fchmodat(AT_FDCWD, "f", 0644, 0));
	R(fchmodat2_(AT_FDCWD, "f", 0600, 1));
	R(fchmodat2_(AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
	R(fchmodat2_(AT_FDCWD, "f", 0600, AT_SYMLINK_NOFOLLOW));
	show("f");
	fd = FD(open("f", O_RDONLY));
	R(fchmod(fd, 0711));
	show("f");
	R(fchmodat2_(fd, "", 0700, AT_EMPTY_PATH));
	show("f");
	R(fchmodat(fd, "", 0700, 0));
	close(fd);
	fd = FD(open("f", O_PATH));
	R(fchmod(fd, 0644));
	close(fd);
	R(fchmod(-1, 0644));
	R(fchmod(700, 0644));
	fd = FD(open("d", O_RDONLY));
	R(fchmod(fd, 0755));
	R(fchmodat(fd, "../f", 0644, 0));
	close(fd);
	show("d");
	show("f");
	/* a file keeps being writable for who has it open */
	fd = FD(open("f", O_RDWR));
	R(fchmod(fd, 0));
	R(write(fd, "TEXT", 4));
	R(fchmod(fd, 0644));
	close(fd);
	show_text("f");
}

static void owners(void)
{
	uid_t me = getuid(), other = me == 0 ? 0 : me + 1;
	gid_t mine = getgid();
	int fd;

	R(chown("f", -1, -1));
	R(chown("f", me, -1));
	R(chown("f", -1, mine));
	R(chown("f", me, mine));
	if (me != 0) {
		R(chown("f", 0, -1) == -1);
		R(chown("f", other, -1) == -1);
		R(chown("f", -1, 0) == -1);
		R(lchown("l", other, -1) == -1);
	}
	R(chown("none", -1, -1));
	R(chown("l", me, mine));
	R(lchown("l", me, mine));
	R(fchownat(AT_FDCWD, "l", me, mine, AT_SYMLINK_NOFOLLOW));
	R(fchownat(AT_FDCWD, "l", me, mine, 1));
	R(chmod("f", 06755));
	show("f");
	R(chown("f", -1, mine));
	show("f");
	R(chmod("f", 06745));
	R(chown("f", me, -1));
	show("f");
	R(chmod("d", 02755));
	R(chown("d", me, mine));
	show("d");
	fd = FD(open("f", O_RDONLY));
	R(fchown(fd, me, mine));
	R(fchownat(fd, "", me, mine, AT_EMPTY_PATH));
	close(fd);
	fd = FD(open("f", O_PATH));
	R(fchown(fd, me, mine));
	R(fchownat(fd, "", me, mine, AT_EMPTY_PATH));
	close(fd);
	R(fchown(-1, me, mine));
	R(chmod("f", 0644));
	/* writing takes set-user-id away */
	R(chmod("f", 04755));
	fd = FD(open("f", O_WRONLY));
	R(write(fd, "x", 1));
	close(fd);
	if (me != 0)
		show("f");
	R(chmod("f", 0644));
}

static void times(void)
{
	struct timespec set[2] = { { 1000000000, 5 }, { 1100000000, 999999999 } };
	struct timespec bad[2] = { { 0, 1000000000 }, { 0, 0 } };
	struct timespec mixed[2] = { { 0, UTIME_OMIT }, { 1200000000, 0 } };
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
	struct timeval tv[2] = { { 1300000000, 0 }, { 1300000001, 0 } };
	struct timeval badtv[2] = { { 0, 1000000 }, { 0, 0 } };
	struct utimbuf ut = { 1400000000, 1400000001 };
	struct stat st;
	int fd;

	R(utimensat(AT_FDCWD, "f", set, 0));
	show_times("f");
	if (stat("f", &st) == 0)
		tap_check(&t, 1, "nanoseconds %ld %ld", st.st_atim.tv_nsec, st.st_mtim.tv_nsec);
	R(utimensat(AT_FDCWD, "f", mixed, 0));
	show_times("f");
	R(utimensat(AT_FDCWD, "f", now, 0));
	show_now("f");
	R(utimensat(AT_FDCWD, "none", omit, 0));
	R(utimensat(AT_FDCWD, "f", bad, 0));
	R(utimensat(AT_FDCWD, "none", set, 0));
	R(utimensat(AT_FDCWD, "f", set, 1));
	R(utimensat(AT_FDCWD, "f", NULL, 0));
	show_now("f");
	R(utimensat(AT_FDCWD, "l", set, AT_SYMLINK_NOFOLLOW));
	show_times("l");
	show_now("f");
	R(utimensat(AT_FDCWD, "d", set, 0));
	show_times("d");
	R(utimes("f", tv));
	show_times("f");
	R(utimes("f", badtv));
	R(utimes("f", NULL));
	show_now("f");
	R(utime("f", &ut));
	show_times("f");
	R(utime("f", NULL));
	show_now("f");
	R(syscall(SYS_utime, "f", BAD));
	R(syscall(SYS_futimesat, AT_FDCWD, "f", tv));
	show_times("f");
	fd = FD(open("f", O_RDWR));
	R(futimens(fd, set));
	show_times("f");
	/* what is written before the times are set does not change them */
	R(write(fd, "text", 4));
	R(futimens(fd, set));
	close(fd);
	{
		if (stat("f", &st) == 0)
			tap_check(&t, 1, "mtime after write and futimens: %ld",
				(long)st.st_mtim.tv_sec);
	}
	fd = FD(open("f", O_RDWR));
	R(write(fd, "TEXT", 4));
	close(fd);
	show_text("f");
	if (stat("f", &st) == 0)
		tap_check(&t, 1, "after a write mtime is %s",
			labs((long)(st.st_mtim.tv_sec - time(NULL))) < 100 ? "now" : "old");
	R(syscall(SYS_utimensat, AT_FDCWD, NULL, set, 0));
	R(syscall(SYS_utimensat, -1, NULL, set, 0));
	fd = FD(open("f", O_PATH));
	R(syscall(SYS_utimensat, fd, NULL, set, 0));
	R(utimensat(fd, "", set, AT_EMPTY_PATH));
	close(fd);
	if (getuid() != 0) {
		R(utimensat(AT_FDCWD, "/", NULL, 0));
		R(utimensat(AT_FDCWD, "/", set, 0));
	}
}

static void truncates(void)
{
	struct rlimit lim = { 1000, 1000 }, old;
	long at_limit, above;
	int fd, e;

	make("t", "0123456789");
	R(truncate("t", 4));
	show_text("t");
	R(truncate("t", 6));
	show("t");
	R(truncate("t", -1));
	R(truncate("d", 0));
	R(truncate("none", 0));
	R(truncate("t/", 0));
	R(truncate("", 0));
	R(truncate("l", 2));
	show_text("f");
	R(mkfifo("fifo", 0600));
	R(truncate("fifo", 0));
	fd = FD(open("t", O_RDWR));
	R(truncate("t", 100));
	R(lseek(fd, 0, SEEK_END));
	R(write(fd, "end", 3));
	show("t");
	R(truncate("t", 101));
	R(lseek(fd, 0, SEEK_END));
	R(ftruncate(fd, 3));
	show_text("t");
	R(ftruncate(fd, -1));
	close(fd);
	fd = FD(open("t", O_RDONLY));
	R(ftruncate(fd, 0));
	close(fd);
	if (getuid() != 0) {
		R(chmod("t", 0400));
		R(truncate("t", 0));
		R(chmod("t", 0644));
	}
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	lim.rlim_max = old.rlim_max;
	/* the limit is on the output, too */
	setrlimit(RLIMIT_FSIZE, &lim);
	at_limit = truncate("t", 1000);
	above = truncate("t", 1001);
	e = errno;
	setrlimit(RLIMIT_FSIZE, &old);
	R(at_limit);
	errno = e;
	R(above);
	show("t");
}

/* file_getattr(2), file_setattr(2) (Linux 6.17): what is wrong with the call itself. */
static void file_attrs(void)
{
	enum { GET = 468, SET = 469, SIZE = 24 };
	char attr[5000] = "";

	R(syscall(GET, AT_FDCWD, "t", attr, SIZE, -1));
	R(syscall(GET, AT_FDCWD, "t", attr, 0, 0));
	R(syscall(GET, AT_FDCWD, "t", attr, SIZE - 1, 0));
	R(syscall(GET, AT_FDCWD, "t", attr, 5000, 0));
	R(syscall(GET, AT_FDCWD, "none", attr, SIZE, 0));
	R(syscall(SET, AT_FDCWD, "t", attr, SIZE, 0x8000));
	R(syscall(SET, AT_FDCWD, "t", NULL, SIZE, 0));
	R(syscall(SET, AT_FDCWD, "t", attr, SIZE - 1, 0));
	R(syscall(SET, AT_FDCWD, "t", attr, 5000, 0));
	R(syscall(SET, AT_FDCWD, "none", attr, SIZE, 0));
}

int main(void)
{
	umask(022);
	modes();
	owners();
	times();
	truncates();
	file_attrs();
	return tap_done(&t);
}
