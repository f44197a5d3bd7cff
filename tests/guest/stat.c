/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stat, lstat, fstat, statx, access, readlink, statfs. */
#include <linux/stat.h>
#include <sys/statfs.h>

#include "guest.h"

/* libc of i386 asks for another structure, and fills the program's by itself. */
#ifdef SYS_stat64
#define RAW_STAT SYS_stat64
#define RAW_FSTAT SYS_fstat64
#else
#define RAW_STAT SYS_stat
#define RAW_FSTAT SYS_fstat
#endif

static void show_fd(const char *what, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		tap_result(&t, -1, "fstat %s", what);
	else
		tap_check(&t, 1, "fstat %s: %c%04o nlink %lu size %ld", what,
			type_letter(st.st_mode), st.st_mode & 07777, (unsigned long)st.st_nlink,
			S_ISDIR(st.st_mode) ? 0 : (long)st.st_size);
}

/* What does not depend on the file system must agree between all ways to ask. */
static void agree(const char *name)
{
	struct stat a, b, c;
	struct statx x;
	uint64_t id;
	int fd = open(name, O_RDONLY), p = open(name, O_PATH);

	if (stat(name, &a) < 0 || fstat(fd, &b) < 0 || fstat(p, &c) < 0) {
		tap_check(&t, 0, "stat %s: %s", name, strerror(errno));
	} else {
		tap_check(
			&t, a.st_dev == b.st_dev && a.st_ino == b.st_ino, "%s: fstat is it", name);
		tap_check(
			&t, a.st_dev == c.st_dev && a.st_ino == c.st_ino, "%s: O_PATH is it", name);
		tap_check(&t,
			a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_size == b.st_size,
			"%s: mode, uid, size", name);
		tap_check(&t,
			a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
				a.st_mtim.tv_nsec == b.st_mtim.tv_nsec,
			"%s: mtime", name);
		tap_check(&t, a.st_ctim.tv_sec == b.st_ctim.tv_sec, "%s: ctime", name);
		tap_check(&t, a.st_blksize > 0 && a.st_blksize % 512 == 0, "%s: blksize", name);
	}
	if (syscall(SYS_statx, AT_FDCWD, name, 0, STATX_BASIC_STATS | 0x1000, &x) < 0) {
		tap_result(&t, -1, "statx %s", name);
	} else {
		tap_check(&t,
			x.stx_ino == a.st_ino && x.stx_mode == a.st_mode &&
				x.stx_size == (uint64_t)a.st_size,
			"%s: statx is it", name);
		tap_check(&t, (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS, "%s: mask",
			name);
		tap_check(&t, (x.stx_mask & 0x1000) != 0, "%s: it has a mount id", name);
		tap_check(&t, !(x.stx_attributes & 0x2000), "%s: it is no mount root", name);
		id = x.stx_mnt_id;
		syscall(SYS_statx, AT_FDCWD, name, 0, 0x4000, &x);
		/* older kernels have none */
		tap_check(&t, !(x.stx_mask & 0x4000) || x.stx_mnt_id != id,
			"%s: its unique mount id is another", name);
	}
	close(fd);
	close(p);
}

static void stats(void)
{
	struct stat st;
	struct statx x;
	int fd;

	make("f", "some text");
	R(mkdir("d", 0750));
	R(symlink("f", "l"));
	R(mkfifo("p", 0640));
	show("f");
	show("d");
	show("l");
	show("p");
	agree("f");
	agree("d");
	R(syscall(RAW_STAT, "f", BAD));
	R(stat(BAD, &st));
	R(stat("none", &st));
	R(stat("f/", &st));
	R(stat("f/x", &st));
	R(stat("l/", &st));
	R(lstat("l/", &st));
	R(stat("", &st));
	R(fstatat(AT_FDCWD, "", &st, 0));
	R(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	tap_check(&t, S_ISDIR(st.st_mode), "\"\" is the working directory");
	R(fstatat(AT_FDCWD, "l", &st, AT_SYMLINK_NOFOLLOW));
	tap_check(&t, S_ISLNK(st.st_mode), "not followed");
	R(fstatat(AT_FDCWD, "f", &st, 0x40000));
	R(fstatat(-1, "f", &st, 0));
	R(fstatat(-1, "", &st, AT_EMPTY_PATH));
	R(fstat(-1, &st));
	R(fstat(500, &st));
	R(fstat(600, &st));
	R(fstat(1000, &st));
	fd = FD(open("f", O_RDWR));
	show_fd("f", fd);
	R(syscall(RAW_FSTAT, fd, BAD));
	R(fstatat(fd, "", &st, AT_EMPTY_PATH));
	tap_check(&t, S_ISREG(st.st_mode) && st.st_size == 9, "by descriptor");
	R(fstatat(fd, "x", &st, 0));
	R(write(fd, "more than before", 16));
	show_fd("f after write", fd);
	show("f");
	R(ftruncate(fd, 4));
	show_fd("f after ftruncate", fd);
	show("f");
	R(unlink("f"));
	show_fd("f without a name", fd);
	close(fd);
	fd = FD(open("l", O_PATH | O_NOFOLLOW));
	show_fd("the link", fd);
	close(fd);
	fd = FD(open("p", O_PATH));
	show_fd("the fifo", fd);
	close(fd);
	R(syscall(
		SYS_statx, AT_FDCWD, "d", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &x));
	R(syscall(SYS_statx, AT_FDCWD, "d", 0x200, STATX_ALL, &x));
	R(syscall(SYS_statx, AT_FDCWD, "d", 0, 0x80000000u, &x));
	R(syscall(SYS_statx, AT_FDCWD, "d", AT_STATX_FORCE_SYNC, STATX_ALL, &x));
	R(syscall(SYS_statx, AT_FDCWD, "d", AT_STATX_DONT_SYNC, 0, &x));
	R(syscall(SYS_statx, AT_FDCWD, "d", 0, STATX_ALL, BAD));
	R(syscall(SYS_statx, -1, "", AT_EMPTY_PATH, STATX_ALL, &x));
}

static void accesses(void)
{
	make("x", "");
	R(access("x", F_OK));
	R(access("x", R_OK | W_OK));
	R(access("x", X_OK));
	R(access("x", 8));
	R(access("x", -1));
	R(access("none", F_OK));
	R(access("x/", F_OK));
	R(access("x/y", F_OK));
	R(access("", F_OK));
	R(access(BAD, F_OK));
	R(access("d", R_OK | W_OK | X_OK));
	R(chmod("x", 0500));
	R(access("x", X_OK));
	if (getuid() != 0) {
		R(access("x", W_OK));
		R(chmod("x", 0));
		R(access("x", R_OK));
		R(access("x", F_OK));
		R(chmod("d", 0600));
		R(access("d/none", F_OK));
		R(access("d", X_OK));
		R(chmod("d", 0755));
	}
	R(symlink("none", "dangling"));
	R(access("dangling", F_OK));
	R(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
	R(syscall(SYS_faccessat2, AT_FDCWD, "x", F_OK, AT_EACCESS));
	R(syscall(SYS_faccessat2, AT_FDCWD, "x", F_OK, 1));
	R(syscall(SYS_faccessat2, AT_FDCWD, "x", 8, 0));
	R(syscall(SYS_faccessat2, AT_FDCWD, "", F_OK, AT_EMPTY_PATH));
	R(syscall(SYS_faccessat2, -1, "x", F_OK, 0));
}

static void readlinks(void)
{
	char buf[64] = "", small[5] = "....";
	int fd;

	R(readlink("l", buf, sizeof(buf)));
	tap_check(&t, 1, "l leads to %s", buf);
	R(symlink("a longer body", "long"));
	R(readlink("long", small, 4));
	tap_check(&t, 1, "cut: %s", small);
	R(syscall(SYS_readlink, "l", buf, 0));
	R(syscall(SYS_readlink, "l", buf, -1));
	R(readlink("x", buf, sizeof(buf)));
	R(readlink("d", buf, sizeof(buf)));
	R(readlink("none", buf, sizeof(buf)));
	R(readlink("", buf, sizeof(buf)));
	R(readlink("l", BAD, sizeof(buf)));
	R(readlink("l/", buf, sizeof(buf)));
	R(readlinkat(AT_FDCWD, "", buf, sizeof(buf)));
	fd = FD(open("l", O_PATH | O_NOFOLLOW));
	memset(buf, 0, sizeof(buf));
	R(readlinkat(fd, "", buf, sizeof(buf)));
	tap_check(&t, 1, "by descriptor: %s", buf);
	close(fd);
	fd = FD(open("d", O_RDONLY));
	R(readlinkat(fd, "", buf, sizeof(buf)));
	R(readlinkat(fd, "../l", buf, sizeof(buf)));
	close(fd);
}

/* What a descriptor, the working directory and the program are called. */
static void magic(void)
{
	char here[4096], link[4096], name[64];
	int fd = FD(open("d", O_RDONLY));
	ssize_t n;

	if (!getcwd(here, sizeof(here)))
		tap_result(&t, -1, "getcwd");
	n = readlink("/proc/self/cwd", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	tap_check(&t, !strcmp(here, link), "/proc/self/cwd");
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	tap_check(&t, !strncmp(here, link, strlen(here)) && !strcmp(link + strlen(here), "/d"),
		"a directory's descriptor: %s",
		strlen(link) > strlen(here) ? link + strlen(here) : link);
	close(fd);
	fd = FD(open("x2", O_RDWR | O_CREAT, 0600));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	R(unlink("x2"));
	n = readlink(name, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	tap_check(&t,
		!strncmp(here, link, strlen(here)) && !strcmp(link + strlen(here), "/x2 (deleted)"),
		"a file that is gone: %s",
		strlen(link) > strlen(here) ? link + strlen(here) : link);
	close(fd);
}

static void statfss(void)
{
	struct statfs a, b;
	int fd;

	R(statfs("d", &a));
	fd = FD(open("d", O_RDONLY));
	R(fstatfs(fd, &b));
	close(fd);
	tap_check(&t, a.f_type == b.f_type && a.f_bsize == b.f_bsize && a.f_blocks == b.f_blocks,
		"statfs and fstatfs agree");
	tap_check(&t,
		a.f_bsize > 0 && a.f_blocks > 0 && a.f_bfree <= a.f_blocks &&
			a.f_bavail <= a.f_bfree,
		"block counts");
	tap_check(&t, a.f_namelen == 255, "name length %ld", (long)a.f_namelen);
	tap_check(&t, a.f_flags & 0x20, "f_flags are valid");
	R(statfs("none", &a));
	R(statfs("x/y", &a));
	R(statfs("d", BAD));
	R(fstatfs(-1, &a));
	R(fstatfs(700, &a));
}

int main(void)
{
	umask(022);
	stats();
	accesses();
	readlinks();
	magic();
	statfss();
	return tap_done(&t);
}
