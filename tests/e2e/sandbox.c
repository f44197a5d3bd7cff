/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that fence themselves in: what each way gives, a line each. sandbox FILE */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *file;

static int reads(void)
{
	char ch;
	int fd = open(file, O_RDONLY), r = fd < 0 || read(fd, &ch, 1) != 1 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

/* All passes but call nr. */
static long filter(int nr, unsigned action, unsigned flags)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { 4, f };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}

static int by_prctl(void)
{
	struct sock_filter f[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog p = { 1, f };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) < 0 ? errno : reads();
}

static int refused(void)
{
	if (filter(SYS_mkdir, SECCOMP_RET_ERRNO | ENOTTY, 0) < 0)
		return 100;
	return mkdir("dir", 0755) == 0 ? 101 : errno != ENOTTY ? errno : reads();
}

static int logged(void)
{
	return filter(SYS_mkdir, SECCOMP_RET_LOG, SECCOMP_FILTER_FLAG_LOG) < 0 ? 100 : reads();
}

static int killed(void)
{
	return filter(SYS_openat, SECCOMP_RET_KILL_PROCESS, 0) < 0 ? 100 : reads();
}

static volatile sig_atomic_t trapped;

static void on_sys(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	trapped = si->si_syscall == SYS_mkdir;
}

static int traps(void)
{
	struct sigaction sa = { .sa_sigaction = on_sys, .sa_flags = SA_SIGINFO };

	sigaction(SIGSYS, &sa, NULL);
	if (filter(SYS_mkdir, SECCOMP_RET_TRAP, 0) < 0)
		return 100;
	mkdir("dir", 0755);
	return trapped ? reads() : 101;
}

static int go[2];

static void *waits(void *arg)
{
	char ch;

	if (read(go[0], &ch, 1) != 1)
		return NULL;
	*(int *)arg = mkdir("dir", 0755) == 0 ? 101 : errno;
	return NULL;
}

static int synced(void)
{
	int got = -1;
	pthread_t th;

	if (pipe(go) < 0 || pthread_create(&th, NULL, waits, &got))
		return 100;
	if (filter(SYS_mkdir, SECCOMP_RET_ERRNO | ENOTTY, SECCOMP_FILTER_FLAG_TSYNC) != 0)
		return 102;
	if (write(go[1], "x", 1) != 1)
		return 103;
	pthread_join(th, NULL);
	return got == ENOTTY ? reads() : got;
}

static int undumpable(void)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_GET_DUMPABLE) != 0)
		return 100;
	return reads();
}

static int landlocked(void)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_DIR };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (fd < 0)
		return EACCES; /* a kernel without it */
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return 100;
	return reads() ? 101 : mkdir("dir", 0755) == 0 ? 102 : errno;
}

/* A child may have a filter that its parent does not know of. */
static int twice(void)
{
	for (int i = 0; i < 20; i++) {
		if (filter(SYS_mkdir, SECCOMP_RET_ERRNO | (unsigned)i, 0) < 0)
			return 100;
	}
	return reads();
}

static int listens(void)
{
	long fd = filter(SYS_mkdir, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	return fd < 0 ? errno : reads();
}

static int strict(void)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
		return errno;
	syscall(SYS_exit, 0);
	return 0;
}

static void run(const char *what, int (*fn)(void))
{
	int st = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(fn());
	waitpid(pid, &st, 0);
	if (WIFSIGNALED(st))
		printf("%s: signal %d\n", what, WTERMSIG(st));
	else
		printf("%s: %s\n", what, strerror(WEXITSTATUS(st)));
}

int main(int argc, char **argv)
{
	file = argc > 1 ? argv[1] : "file";
	run("a filter by prctl", by_prctl);
	run("an error", refused);
	run("the log", logged);
	run("killed", killed);
	run("a trap", traps);
	run("all threads", synced);
	run("twenty filters", twice);
	run("not dumpable", undumpable);
	run("Landlock", landlocked);
	run("a listener", listens);
	run("strict mode", strict);
	return 0;
}
