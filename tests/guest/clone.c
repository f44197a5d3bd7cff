/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks made in all the ways that clone(2) has, and what they share: descriptors, working
 * directory, memory, parent. Files are made in the working directory, so that on a mount the open
 * files, directories and programs are virtual ones.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "guest.h"

static const char *program;
static char stack[256 << 10] __attribute__((aligned(16)));
static volatile int word;

static pid_t start(int (*fn)(void *), unsigned long flags, void *arg)
{
	fflush(stdout);
	return clone(fn, stack + sizeof(stack), (int)flags, arg);
}

static void ended(const char *what, pid_t pid, int options)
{
	int st = -1;
	pid_t got;

	if (pid < 0) {
		tap_result(&t, -1, "%s", what);
		return;
	}
	got = waitpid(pid, &st, options);
	tap_check(&t, got == pid, "%s: status %x", what, (unsigned)st);
}

static int text_of(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return n < 0 ? -errno : (int)n;
}

static int opens_file(void *arg)
{
	*(int *)arg = open("one", O_RDONLY);
	return 0;
}

static int closes_file(void *arg)
{
	return close(*(int *)arg) < 0 ? errno : 0;
}

static int enters_dir(__attribute__((unused)) void *arg)
{
	return chdir("dir") < 0 ? errno : 0;
}

/* The parent keeps its own after the child has left what was shared. */
static int leaves_table(void *arg)
{
	if (unshare(CLONE_FILES | CLONE_FS) < 0)
		return errno;
	close(*(int *)arg);
	return chdir("dir") < 0 ? errno : 0;
}

static int reads_file(void *arg)
{
	char buf[16];

	return text_of(*(int *)arg, buf, sizeof(buf)) == 3 && strcmp(buf, "one") == 0 ? 0 : 1;
}

static int writes_word(void *arg)
{
	word = open("one", O_RDONLY) >= 0 && *(int *)arg == 5 ? 77 : 1;
	_exit(3);
}

static void show_cwd(const char *what)
{
	char buf[4096], *name = getcwd(buf, sizeof(buf));

	name = name ? strrchr(name, '/') : NULL;
	tap_check(&t, 1, "%s: in %s, one is%s there", what,
		name && strcmp(name, "/dir") == 0 ? "dir" : "the first",
		access("one", F_OK) == 0 ? "" : " not");
}

static void check_sharing(void)
{
	int fd = -1, other;
	char buf[16];

	ended("CLONE_FILES", start(opens_file, CLONE_FILES | CLONE_VM | SIGCHLD, &fd), 0);
	tap_check(&t, 1, "what it opened: %d bytes, \"%s\"", text_of(fd, buf, sizeof(buf)), buf);
	ended("CLONE_FILES, read there", start(reads_file, CLONE_FILES | SIGCHLD, &fd), 0);
	ended("no CLONE_FILES", start(closes_file, SIGCHLD, &fd), 0);
	R(lseek(fd, 1, SEEK_SET));
	ended("CLONE_FILES, closed there", start(closes_file, CLONE_FILES | SIGCHLD, &fd), 0);
	R(lseek(fd, 0, SEEK_SET));
	fd = open("one", O_RDONLY);
	other = dup(fd);
	ended("unshare", start(leaves_table, CLONE_FILES | CLONE_FS | SIGCHLD, &fd), 0);
	tap_check(&t, 1, "after it: %d bytes", text_of(fd, buf, sizeof(buf)));
	show_cwd("after unshare");
	ended("CLONE_FS", start(enters_dir, CLONE_FS | SIGCHLD, NULL), 0);
	show_cwd("after CLONE_FS");
	R(chdir(".."));
	ended("no CLONE_FS", start(enters_dir, SIGCHLD, NULL), 0);
	show_cwd("after the other");
	close(fd);
	close(other);
}

static void check_memory(void)
{
	int five = 5;

	ended("CLONE_VM | CLONE_VFORK", start(writes_word, CLONE_VM | CLONE_VFORK | SIGCHLD, &five),
		0);
	tap_check(&t, 1, "the word is %d", word);
	ended("no signal", start(opens_file, CLONE_VM, &word), __WALL);
	tap_check(&t, 1, "opened: %d", word >= 0);
	close(word);
}

/* A child made with CLONE_PARENT is a sister. */
static int makes_sister(__attribute__((unused)) void *arg)
{
	static char more[64 << 10] __attribute__((aligned(16)));
	int five = 5;

	return clone(writes_word, more + sizeof(more),
		       CLONE_PARENT | CLONE_VM | CLONE_VFORK | SIGCHLD, &five) < 0
		       ? errno
		       : 0;
}

static void check_parent(void)
{
	int st, n = 0;

	start(makes_sister, CLONE_VM | SIGCHLD, NULL);
	while (wait(&st) > 0)
		n += WEXITSTATUS(st) == 3 ? 10 : 1;
	tap_check(&t, 1, "CLONE_PARENT: two were waited for, one a sister: %d", n);
}

static long clone3(struct clone_args *a)
{
	fflush(stdout);
	return syscall(SYS_clone3, a, sizeof(*a));
}

static void check_clone3(void)
{
	struct clone_args a = { .exit_signal = SIGCHLD, .flags = CLONE_PIDFD };
	pid_t ids[1] = { 300 };
	int pidfd = -1, cgroup;
	siginfo_t si;
	pid_t pid;

	a.pidfd = (uintptr_t)&pidfd;
	pid = (pid_t)clone3(&a);
	if (pid == 0)
		_exit(access("one", F_OK) == 0 ? 4 : errno);
	R(waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED));
	tap_check(&t, si.si_pid == pid, "CLONE_PIDFD: %d", si.si_status);
	close(pidfd);
	a = (struct clone_args){
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)ids, .set_tid_size = 1
	};
	R(clone3(&a)); /* without the right: EPERM */
	a.set_tid_size = 99;
	R(clone3(&a));
	cgroup = open("dir", O_RDONLY | O_DIRECTORY);
	a = (struct clone_args){
		.exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP, .cgroup = (uint64_t)cgroup
	};
	R(clone3(&a)); /* not a cgroup */
	close(cgroup);
	R(syscall(SYS_clone3, BAD, sizeof(a)));
	R(syscall(SYS_clone3, &a, 8));
	a = (struct clone_args){ .exit_signal = SIGCHLD,
		.flags = CLONE_CLEAR_SIGHAND | CLONE_FILES };
	pid = (pid_t)clone3(&a);
	if (pid == 0)
		_exit(open("one", O_RDONLY) >= 0 ? 5 : errno);
	ended("CLONE_CLEAR_SIGHAND", pid, 0);
}

static void *leader_joined(void *arg)
{
	char buf[16];
	int fd, seen = 0;

	/* wait until the leader has gone: it is a zombie then */
	while (!seen) {
		char path[64], *p;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
		fd = open(path, O_RDONLY);
		memset(path, 0, sizeof(path));
		seen = fd < 0 || read(fd, path, sizeof(path) - 1) <= 0;
		p = strrchr(path, ')');
		seen |= p && p[2] == 'Z';
		close(fd);
		sched_yield();
	}
	fd = open("one", O_RDONLY);
	if (text_of(fd, buf, sizeof(buf)) != 3 || chdir("dir") < 0 || access("two", F_OK) < 0)
		_exit(50);
	if (arg)
		execl("../prog", "prog", "quiet", NULL);
	_exit(errno == 0 ? 6 : 51);
}

static void check_leader(void)
{
	for (int run = 0; run < 2; run++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			pthread_t th;

			errno = 0;
			if (pthread_create(&th, NULL, leader_joined, run ? &word : NULL))
				_exit(49);
			syscall(SYS_exit, 0); /* the leader alone */
		}
		ended(run ? "the leader is gone, then exec" : "the leader is gone", pid, 0);
	}
}

/* Each child gets an id that was used before, as soon as they come round. */
static void check_many(void)
{
	int bad = 0;

	for (int i = 0; i < 400; i++) {
		int st = -1;
		pid_t pid = i & 1 ? vfork() : (pid_t)syscall(SYS_fork);

		if (pid == 0) {
			if (i % 8 == 0)
				execl("./prog", "prog", "quiet", NULL);
			_exit(access("dir/two", F_OK) < 0 ? 9 : i % 8 ? 8 : 10);
		}
		waitpid(pid, &st, 0);
		bad += WEXITSTATUS(st) != 8;
	}
	tap_check(&t, bad == 0, "400 children (%d failed)", bad);
}

int main(int argc, char **argv)
{
	char cmd[4400];

	if (argc > 1 && strcmp(argv[1], "quiet") == 0)
		return 8;
	program = getenv("GUEST_PROGRAM");
	snprintf(cmd, sizeof(cmd), "cp %s prog", program ? program : argv[0]);
	if (system(cmd) != 0)
		return 1;
	make("one", "one");
	mkdir("dir", 0755);
	make("dir/two", "two");
	check_sharing();
	check_memory();
	check_parent();
	check_clone3();
	check_leader();
	check_many();
	return tap_done(&t);
}
