/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The working directory: chdir, fchdir, getcwd, and what inherits it. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static char here[PATH_MAX];

static const char *where(void)
{
	static char buf[PATH_MAX];
	size_t n = strlen(here);

	if (!getcwd(buf, sizeof(buf)))
		return strerrorname_np(errno);
	if (strncmp(buf, here, n) == 0)
		return buf[n] ? buf + n + 1 : ".";
	return buf;
}

static void go(struct tap *t, const char *path)
{
	tap_result(
		t, chdir(path), "chdir(%s)", strncmp(path, here, strlen(here)) ? path : "absolute");
	tap_check(t, 1, "now in %s", where());
}

static void check_walk(struct tap *t)
{
	char path[PATH_MAX + 16];

	go(t, "a");
	go(t, "b/c");
	go(t, "..");
	go(t, "../..");
	go(t, "./a//b/");
	snprintf(path, sizeof(path), "%s/a", here);
	go(t, path);
	go(t, "to-b");
	go(t, ".");
	go(t, "../../file");
	go(t, "nonexistent");
	go(t, "");
	go(t, "../../loop");
	go(t, "../../closed");
	go(t, "/");
	go(t, "usr");
	go(t, here);
	tap_result(t, chdir((char *)8), "chdir(bad pointer)");
}

static void check_fd(struct tap *t)
{
	int fd = open("a/b", O_RDONLY | O_DIRECTORY), file = open("file", O_RDONLY), path;

	tap_result(t, fchdir(fd), "fchdir");
	tap_check(t, 1, "now in %s", where());
	tap_result(t, fchdir(file), "fchdir(file)");
	tap_result(t, fchdir(9999), "fchdir(bad)");
	tap_result(t, chdir("../.."), "back");
	path = open("a", O_PATH | O_DIRECTORY);
	tap_result(t, fchdir(path), "fchdir(O_PATH)");
	tap_check(t, 1, "now in %s", where());
	close(fd);
	close(path);
	close(file);
	tap_result(t, access("b/c", F_OK), "relative access");
	tap_result(t, chdir(here), "back");
}

static void check_getcwd(struct tap *t)
{
	char buf[PATH_MAX];
	long n = syscall(SYS_getcwd, buf, sizeof(buf));

	tap_check(t, n == (long)strlen(here) + 1, "getcwd gives the length");
	tap_result(t, syscall(SYS_getcwd, buf, (size_t)n - 1) > 0, "one byte short");
	tap_check(t, syscall(SYS_getcwd, buf, (size_t)n) == n, "just enough");
	tap_result(t, syscall(SYS_getcwd, buf, 0), "no room");
	tap_result(t, syscall(SYS_getcwd, (char *)8, sizeof(buf)), "bad pointer");
}

static void check_inherit(struct tap *t)
{
	int st;
	pid_t pid;

	tap_result(t, chdir("a/b"), "chdir");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		tap_check(t, 1, "child is in %s", where());
		tap_result(t, chdir("c"), "child's chdir");
		tap_check(t, 1, "child is in %s", where());
		execl("/bin/sh", "sh", "-c", "test c = \"$(basename \"$(pwd -P)\")\"", NULL);
		_exit(1);
	}
	waitpid(pid, &st, 0);
	tap_check(t, 1, "program in the child: %x", (unsigned)st);
	tap_check(t, 1, "parent is in %s", where());
	tap_result(t, chdir(here), "back");
}

static void check_removed(struct tap *t)
{
	mkdir("gone", 0755);
	tap_result(t, chdir("gone"), "chdir");
	tap_result(t, rmdir("../gone"), "rmdir of it");
	tap_check(t, 1, "now in %s", where());
	tap_result(t, open("x", O_CREAT | O_WRONLY, 0644), "create in it");
	tap_result(t, chdir(here), "back");
	mkdir("old", 0755);
	tap_result(t, chdir("old"), "chdir");
	tap_result(t, rename("../old", "../new"), "rename of it");
	tap_check(t, 1, "now in %s", where());
	tap_result(t, chdir(".."), "up");
	tap_check(t, 1, "now in %s", where());
	tap_result(t, rmdir("new"), "rmdir");
}

static void *walker(void *arg)
{
	int *bad = arg;

	/* threads share the directory */
	for (int i = 0; i < 100; i++)
		*bad += chdir("a/b") < 0 && errno != ENOENT;
	return NULL;
}

static void on_signal(int sig)
{
	char room[512];

	memset(room, sig, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
}

static void check_signals(struct tap *t)
{
	struct itimerval every = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
	int bad = 0;

	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 200; i++) {
		bad += chdir("a") != 0;
		bad += chdir("nonexistent") != -1 || errno != ENOENT;
		bad += chdir("..") != 0;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	tap_check(t, bad == 0, "under signals (%d wrong)", bad);
	tap_check(t, 1, "now in %s", where());
}

static void check_threads(struct tap *t)
{
	pthread_t th[4];
	int bad[4] = { 0 };

	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, walker, &bad[i]);
	for (int i = 0; i < 100; i++)
		(void)!chdir(here);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	tap_check(t, bad[0] + bad[1] + bad[2] + bad[3] == 0, "threads");
	tap_result(t, chdir(here), "back");
	tap_result(t, chdir("file"), "chdir(file)");
}

static void check_permission(struct tap *t)
{
	int fd;

	mkdir("nosearch", 0400);
	fd = open("nosearch", O_RDONLY | O_DIRECTORY);
	tap_check(t, fd >= 0, "open nosearch");
	tap_result(t, fchdir(fd), "fchdir nosearch");
	close(fd);
	tap_result(t, chroot("a"), "chroot without the right to it");
	tap_result(t, chroot("none"), "chroot(none)");
	tap_result(t, chroot("file"), "chroot(file)");
	tap_result(t, chroot("nosearch"), "chroot(nosearch)");
	tap_result(t, mount("none", "none", "tmpfs", 0, NULL), "mount on none");
	tap_result(t, mount("none", "a", "tmpfs", 0, NULL), "mount without the right to it");
	tap_result(t, mount("a", "a", NULL, MS_BIND, NULL), "bind without the right to it");
	rmdir("nosearch");
}

int main(void)
{
	struct tap t = TAP_INIT;

	if (!getcwd(here, sizeof(here)))
		return 1;
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("a/b/c", 0755);
	mkdir("closed", 0000);
	symlink("b", "a/to-b");
	symlink("loop", "loop");
	close(open("file", O_CREAT | O_WRONLY, 0644));
	check_permission(&t);
	check_walk(&t);
	check_fd(&t);
	check_getcwd(&t);
	check_inherit(&t);
	check_removed(&t);
	check_signals(&t);
	check_threads(&t);
	chmod("closed", 0700);
	return tap_done(&t);
}
