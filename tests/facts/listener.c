/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A seccomp listener: how calls reach the supervisor, and the ways to answer them. */
#include "facts/list.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

/* The guest's exit status is what its getppid(2) returned. */
static int call_getppid(UNUSED void *arg)
{
	return (int)(syscall(__NR_getppid) & 0xff);
}

/* Starts the guest and takes its call: its pid, or -errno with a reason. */
static pid_t take_call(
	unsigned flags, int *ret_listener, struct seccomp_notif *n, char *why, size_t size)
{
	pid_t pid = fact_guest(flags, call_getppid, NULL, ret_listener);

	if (pid < 0) {
		errno = (int)-pid;
		return fact_fail(why, size, "seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER)");
	}
	memset(n, 0, sizeof(*n));
	if (!fact_readable(*ret_listener, 10000) ||
		ioctl(*ret_listener, SECCOMP_IOCTL_NOTIF_RECV, n) < 0) {
		int ret = fact_fail(why, size, "SECCOMP_IOCTL_NOTIF_RECV");

		kill(pid, SIGKILL);
		(void)fact_wait(pid);
		close(*ret_listener);
		return ret;
	}
	return pid;
}

static int finish(
	pid_t pid, int listener, bool sent, int wanted, const char *what, char *why, size_t size)
{
	int ret = sent ? 0 : fact_fail(why, size, what);
	int status;

	if (!sent)
		kill(pid, SIGKILL);
	status = fact_wait(pid);
	close(listener);
	if (sent && status != wanted) {
		snprintf(why, size, "%s: the guest saw %d, not %d", what, status, wanted);
		ret = -EPROTO;
	}
	return ret;
}

static int probe_answer(char *why, size_t size)
{
	struct seccomp_notif n;
	struct seccomp_notif_resp r = { 0 };
	int listener;
	pid_t pid = take_call(0, &listener, &n, why, size);

	if (pid < 0)
		return (int)pid;
	r.id = n.id;
	r.val = 42;
	return finish(pid, listener,
		ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id) == 0 &&
			ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0,
		42, "SECCOMP_IOCTL_NOTIF_SEND", why, size);
}

const struct fact fact_listener = {
	.name = "listener",
	.what = "a process may hand its system calls to another one (seccomp user notification)",
	.without = "umview needs Linux 5.14 with CONFIG_SECCOMP_FILTER, and a container whose own "
		   "filter "
		   "has no listener and allows seccomp(2)",
	.must = true,
	.probe = probe_answer,
};

static int probe_continue(char *why, size_t size)
{
	struct seccomp_notif n;
	struct seccomp_notif_resp r = { 0 };
	int listener;
	pid_t pid = take_call(0, &listener, &n, why, size);

	if (pid < 0)
		return (int)pid;
	r.id = n.id;
	r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	return finish(pid, listener, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0,
		getpid() & 0xff, "SECCOMP_USER_NOTIF_FLAG_CONTINUE", why, size);
}

const struct fact fact_continue = {
	.name = "continue",
	.what = "a caught call may go on into the kernel",
	.without = "umview needs Linux 5.14",
	.must = true,
	.probe = probe_continue,
};

static int probe_addfd(char *why, size_t size)
{
	_cleanup_fd_ int fd = memfd_create("umview-fact", MFD_CLOEXEC);
	struct seccomp_notif_addfd add = { .srcfd = (uint32_t)fd, .newfd = 77 };
	struct seccomp_notif n;
	int listener;
	pid_t pid;

	if (fd < 0)
		return fact_fail(why, size, "memfd_create");
	pid = take_call(0, &listener, &n, why, size);
	if (pid < 0)
		return (int)pid;
	add.id = n.id;
	add.flags = SECCOMP_ADDFD_FLAG_SEND | SECCOMP_ADDFD_FLAG_SETFD;
	return finish(pid, listener, ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0, 77,
		"SECCOMP_IOCTL_NOTIF_ADDFD with SECCOMP_ADDFD_FLAG_SEND", why, size);
}

const struct fact fact_addfd = {
	.name = "addfd-send",
	.what = "a caught call may be answered with an open file, at a number of our choice",
	.without = "umview needs Linux 5.14",
	.must = true,
	.probe = probe_addfd,
};

static int probe_killable(char *why, size_t size)
{
	struct seccomp_notif n;
	struct seccomp_notif_resp r = { 0 };
	int listener;
	pid_t pid = take_call(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &listener, &n, why, size);

	if (pid < 0)
		return (int)pid;
	r.id = n.id;
	r.val = 1;
	return finish(pid, listener, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0, 1,
		"WAIT_KILLABLE_RECV", why, size);
}

const struct fact fact_killable = {
	.name = "wait-killable",
	.what = "a signal with a handler waits for the answer of a caught call",
	.without = "on kernels before 5.19 a signal may make a guest run a call twice; a newer "
		   "kernel helps",
	.must = false,
	.probe = probe_killable,
};
