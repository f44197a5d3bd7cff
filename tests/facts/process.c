/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one process may see and change of its own children. */
#include "facts/list.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd 438
#endif

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	(void)fact_wait(pid);
}

static int probe_memory(char *why, size_t size)
{
	char here[16] = "the guest's own", copy[16] = "";
	struct iovec local = { copy, sizeof(copy) }, remote = { here, sizeof(here) };
	pid_t pid = sleeper();
	ssize_t n;
	int ret = 0;

	if (pid < 0)
		return fact_fail(why, size, "fork");
	n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
	if (n == sizeof(here))
		n = process_vm_writev(pid, &local, 1, &remote, 1, 0);
	if (n != sizeof(here) || memcmp(here, copy, sizeof(here)) != 0)
		ret = fact_fail(why, size, "process_vm_readv, process_vm_writev");
	end(pid);
	return ret;
}

const struct fact fact_memory = {
	.name = "memory",
	.what = "the memory of a child can be read and written",
	.without = "kernel.yama.ptrace_scope must be 0 or 1 (sysctl), and a container must allow "
		   "process_vm_readv(2)",
	.must = true,
	.probe = probe_memory,
};

static int probe_getfd(char *why, size_t size)
{
	pid_t pid = sleeper();
	_cleanup_fd_ int pidfd = -1;
	_cleanup_fd_ int fd = -1;
	int ret = 0;

	if (pid < 0)
		return fact_fail(why, size, "fork");
	pidfd = (int)syscall(__NR_pidfd_open, pid, 0);
	if (pidfd >= 0)
		fd = (int)syscall(__NR_pidfd_getfd, pidfd, 0, 0);
	if (fd < 0)
		ret = fact_fail(why, size, pidfd < 0 ? "pidfd_open" : "pidfd_getfd");
	end(pid);
	return ret;
}

const struct fact fact_getfd = {
	.name = "getfd",
	.what = "the open files of a child can be shared (pidfd_getfd)",
	.without = "Docker's default profile refuses it: start the container with "
		   "--cap-add=SYS_PTRACE or another seccomp profile",
	.must = true,
	.probe = probe_getfd,
};

static int probe_seize(char *why, size_t size)
{
	pid_t pid = sleeper();
	int status, ret = 0;

	if (pid < 0)
		return fact_fail(why, size, "fork");
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACEEXEC) < 0 ||
		ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 ||
		waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) ||
		ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
		ret = fact_fail(why, size, "ptrace(PTRACE_SEIZE)");
	end(pid);
	return ret;
}

const struct fact fact_seize = {
	.name = "seize",
	.what = "a child can be stopped for a moment, to run a program or enter a directory of the "
		"view",
	.without =
		"programs and directories on mounts cannot be used: run umview outside a debugger "
		"and where ptrace(2) is allowed",
	.must = true,
	.probe = probe_seize,
};

static int probe_rlimit(char *why, size_t size)
{
	struct rlimit mark = { 12345, RLIM_INFINITY }, got = { 0, 0 };
	int go[2], status;
	pid_t pid;
	char byte;

	if (pipe2(go, O_CLOEXEC) < 0)
		return fact_fail(why, size, "pipe");
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		if (fork() == 0) {
			if (getrlimit(RLIMIT_LOCKS, &got) < 0 || got.rlim_cur != mark.rlim_cur)
				_exit(1);
			execl("/bin/sh", "sh", "-c", "exit 7", NULL);
			_exit(1);
		}
		(void)wait(&status);
		_exit(WEXITSTATUS(status));
	}
	close(go[0]);
	if (pid < 0 || prlimit(pid, RLIMIT_LOCKS, &mark, NULL) < 0 ||
		prlimit(pid, RLIMIT_LOCKS, NULL, &got) < 0 || got.rlim_cur != mark.rlim_cur) {
		int ret = fact_fail(why, size, "prlimit(RLIMIT_LOCKS)");

		close(go[1]);
		if (pid > 0)
			end(pid);
		return ret;
	}
	status = write(go[1], "", 1) == 1 ? fact_wait(pid) : 255;
	close(go[1]);
	if (status != 7) {
		snprintf(why, size, "the mark was not inherited (%d)", status);
		return -EPROTO;
	}
	return 0;
}

const struct fact fact_rlimit = {
	.name = "rlimit",
	.what = "a mark set on a child (RLIMIT_LOCKS) is inherited by all that it starts",
	.without = "--root cannot be used",
	.must = false,
	.probe = probe_rlimit,
};
