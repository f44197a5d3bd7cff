/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real files reached through a symbolic link or ".." of the test's folder: in a view the kernel is
 * not led there by the program's own words. And what crosses from one file system to the other.
 */
#include <dirent.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "guest.h"

static void attributes(void)
{
	struct timespec ts[2] = { { 1000000000, 1 }, { 1000000001, 2 } };
	struct stat st;
	struct statfs sf;
	char buf[64] = "";
	int fd;

	R(mkdir("out/d", 0750));
	show("out/d");
	make("out/f", "some text");
	show("out/f");
	show_text("out/f");
	R(chmod("out/f", 0600));
	R(fchmodat(AT_FDCWD, "out/f", 0640, 0));
	show("out/f");
	R(chown("out/f", getuid(), getgid()));
	R(lchown("out/f", -1, -1));
	R(utimensat(AT_FDCWD, "out/f", ts, 0));
	R(stat("out/f", &st));
	tap_check(&t, 1, "times %ld.%ld %ld.%ld", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
		(long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	R(utimes("out/f", NULL));
	R(truncate("out/f", 4));
	R(truncate("out/none", 4));
	show("out/f");
	R(access("out/f", R_OK | W_OK));
	R(access("out/f", X_OK));
	R(access("out/none", F_OK));
	R(statfs("out/f", &sf));
	tap_check(&t, sf.f_type == 0x01021994, "it is a tmpfs");
	R(setxattr("out/f", "user.a", "v", 1, 0) == 0 || errno == EOPNOTSUPP);
	R(getxattr("out/f", "user.none", buf, sizeof(buf)) == -1);
	R(symlink("f", "out/l"));
	R(readlink("out/l", buf, sizeof(buf)));
	tap_check(&t, 1, "out/l: %s", buf);
	R(readlink("out/f", buf, sizeof(buf)));
	show("out/l");
	R(stat("out/l", &st));
	R(lstat("out/", &st));
	tap_check(&t, S_ISDIR(st.st_mode), "a slash follows");
	R(lstat("out", &st));
	tap_check(&t, S_ISLNK(st.st_mode), "without one not");
	fd = FD(open("out", O_RDONLY | O_DIRECTORY));
	R(fstatat(fd, "f", &st, 0));
	R(faccessat(fd, "l", F_OK, 0));
	R(mkdirat(fd, "e", 0700));
	R(unlinkat(fd, "e", AT_REMOVEDIR));
	close(fd);
}

static void opens(void)
{
	char buf[16] = "";
	int fd;

	fd = FD(open("out/new", O_RDWR | O_CREAT | O_EXCL, 0666));
	R(write(fd, "new", 3));
	R(pread(fd, buf, 3, 0));
	tap_check(&t, 1, "flags %#o", fcntl(fd, F_GETFL));
	tap_check(&t, fcntl(fd, F_GETFD) == 0, "not close-on-exec");
	close(fd);
	show("out/new");
	FD(open("out/new", O_RDWR | O_CREAT | O_EXCL, 0666));
	umask(077);
	close(FD(creat("out/masked", 0666)));
	umask(022);
	show("out/masked");
	R(unlink("out/masked"));
	fd = FD(open("out/new", O_RDONLY | O_CLOEXEC));
	tap_check(&t, fcntl(fd, F_GETFD) == FD_CLOEXEC, "close-on-exec");
	close(fd);
	FD(open("out/none", O_RDONLY));
	FD(open("out/l", O_RDONLY | O_NOFOLLOW));
	close(FD(open("out/l", O_RDONLY)));
	FD(open("out/f/x", O_RDONLY));
	FD(open("out/d", O_WRONLY));
	FD(open("out/x/", O_WRONLY | O_CREAT, 0600));
	close(FD(open("out/d", O_RDONLY | O_DIRECTORY)));
	FD(open("out/f", O_RDONLY | O_DIRECTORY));
	fd = FD(open("out/f", O_PATH));
	R(read(fd, buf, 1));
	R(fchmod(fd, 0600));
	close(fd);
	fd = FD(open("out/d", O_PATH | O_DIRECTORY));
	close(FD(openat(fd, "../f", O_RDONLY)));
	close(fd);
	fd = FD(open("out/d", O_RDWR | O_TMPFILE, 0600));
	close(fd);
	/* the lowest number */
	fd = open("out/f", O_RDONLY);
	close(fd);
	tap_check(&t, open("out/f", O_RDONLY) == fd, "the lowest number");
	close(fd);
}

static void names(void)
{
	make("in", "in");
	R(rename("in", "out/in"));
	R(rename("out/f", "f"));
	R(link("in", "out/in"));
	R(link("out/f", "f"));
	R(link("out/f", "out/f2"));
	show("out/f2");
	R(rename("out/f2", "out/f3"));
	show("out/f3");
	R(unlink("out/f3"));
	R(unlink("out/f3"));
	R(unlink("out/d"));
	R(rmdir("out/f"));
	R(rmdir("out"));
	R(unlink("out/"));
	R(rmdir("out/d"));
	R(rmdir("out/."));
	R(mknod("out/fifo", S_IFIFO | 0666, 0));
	show("out/fifo");
	R(rename("out/none", "out/x"));
	R(rename("out/f", "out/none/x"));
	R(symlink("/dev/null", "null"));
	{
		int fd = FD(open("null", O_WRONLY));

		R(write(fd, "x", 1));
		close(fd);
	}
	R(unlink("in"));
}

/* The other end of a fifo comes later. */
static void fifo(void)
{
	char buf[8] = "";
	pid_t child = fork();
	int fd;

	if (child == 0) {
		usleep(100000);
		fd = open("out/fifo", O_WRONLY);
		_exit(write(fd, "fifo", 4) == 4 ? 0 : 1);
	}
	fd = FD(open("out/fifo", O_RDONLY));
	R(read(fd, buf, 4));
	tap_check(&t, 1, "read \"%s\"", buf);
	waitpid(child, NULL, 0);
	close(fd);
	FD(open("out/fifo", O_WRONLY | O_NONBLOCK));
	R(unlink("out/fifo"));
}

static void others(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "out/sock" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	DIR *d;
	int count = 0;

	R(bind(s, (struct sockaddr *)&sun, sizeof(sun)));
	show("out/sock");
	R(listen(s, 1));
	R(connect(c, (struct sockaddr *)&sun, sizeof(sun)));
	close(s);
	close(c);
	R(unlink("out/sock"));
	fd = FD(inotify_init());
	R(inotify_add_watch(fd, "out", IN_CREATE));
	close(FD(open("out/watched", O_WRONLY | O_CREAT, 0600)));
	{
		char buf[512];

		R(read(fd, buf, sizeof(buf)) > 0);
	}
	close(fd);
	R(unlink("out/watched"));
	d = opendir("out");
	while (d && readdir(d))
		count++;
	R(count);
	if (d)
		closedir(d);
	R(chdir("out"));
	show("f");
	R(access("new", F_OK));
	R(chdir("d") == -1);
	R(chdir(".."));
	R(access("umview-guest-none", F_OK));
	R(access("../dev/null", F_OK));
}

int main(void)
{
	char real[] = "/dev/shm/umview-guest-XXXXXX", here[4096], back[4200];

	umask(022);
	if (!mkdtemp(real) || !getcwd(here, sizeof(here)))
		return 77;
	R(symlink(real, "to") == 0);
	R(rename("to", "out"));
	attributes();
	opens();
	names();
	fifo();
	others();
	/* and back, through a link on the other side */
	snprintf(back, sizeof(back), "%s/back", real);
	R(symlink(here, back));
	if (chdir(real) < 0)
		tap_result(&t, -1, "chdir");
	make("back/in", "text");
	show_text("back/in");
	R(rename("f", "back/f"));
	R(rename("back/in", "back/in2"));
	R(unlink("back/in2"));
	R(chdir("back"));
	snprintf(back, sizeof(back), "%s/back", real);
	unlink(back);
	snprintf(back, sizeof(back), "%s/f", real);
	unlink(back);
	snprintf(back, sizeof(back), "%s/l", real);
	unlink(back);
	snprintf(back, sizeof(back), "%s/new", real);
	unlink(back);
	snprintf(back, sizeof(back), "%s/in", real);
	unlink(back);
	R(rmdir(real));
	return tap_done(&t);
}
