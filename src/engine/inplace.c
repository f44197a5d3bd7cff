/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A guest that has a tracer of its own (gdb, strace in the view) cannot be
 * seized. What is left is its memory: the path is written over in place, the call CONTINUEs, and the
 * old string comes back when the call is over. The kernel copies a path before it does anything
 * else, but nothing says when; so the end of the call is polled for, in /proc. The memory is
 * held by a descriptor opened before: after an exec it is still the old one, which matters to the
 * parent of a vfork.
 */
#include "engine/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "engine/internal.h"

#define WAIT_MAX_NS (5 * NSEC_PER_SEC)

static int open_mem(pid_t tid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -EPERM : fd;
}

/* Is the thread still in this call? Its number is the first word; "running" when it is not. */
static bool in_call(pid_t tid, int nr)
{
	char path[64], buf[64];
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	/* "running": on a CPU, perhaps within the call */
	return buf[0] == 'r' || atoi(buf) == nr;
}

static bool runs(pid_t tid, const struct stat *exe)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	return stat(path, &st) == 0 && st.st_dev == exe->st_dev && st.st_ino == exe->st_ino;
}

static int64_t wait_end(struct call *c, const struct stat *exe)
{
	uint64_t until = now_ns() + WAIT_MAX_NS;
	struct timespec nap = { .tv_nsec = 50000 };

	while (now_ns() < until) {
		nanosleep(&nap, NULL);
		if (exe && runs(c->tid, exe))
			return 0;
		if (!in_call(c->tid, c->nr))
			return exe ? -ENOEXEC : 0;
		if (nap.tv_nsec < 2000000)
			nap.tv_nsec *= 2;
	}
	return 0;
}

static int continue_call(struct call *c)
{
	union {
		struct seccomp_notif_resp r;
		char room[256];
	} u;

	memset(&u, 0, sizeof(u));
	u.r.id = c->id;
	u.r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	while (ioctl(c->engine->listener, SECCOMP_IOCTL_NOTIF_SEND, &u.r) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Is the room behind the old string unused? */
static bool room_behind(int mem, uint64_t at, size_t old_len, size_t len, char *saved)
{
	if (pread(mem, saved, len, (off_t)at) != (ssize_t)len)
		return false;
	for (size_t i = old_len; i < len; i++) {
		if (saved[i])
			return false;
	}
	return true;
}

enum verdict inject_in_place(struct call *c, gaddr_t at, const char *old, const char *path,
	const struct stat *exe)
{
	_cleanup_fd_ int mem = open_mem(c->tid);
	size_t old_len = strlen(old) + 1, len = strlen(path) + 1;
	char saved[PATH_MAX];

	if (mem < 0)
		return call_return(c, mem);
	if (len > sizeof(saved))
		return call_return(c, -ENAMETOOLONG);
	if (len < old_len)
		len = old_len; /* for the saved copy alone */
	if (!room_behind(mem, at.v, old_len, len, saved))
		return call_return(c, -ENAMETOOLONG);
	if (!call_alive(c))
		return call_return(c, -ESRCH);
	len = strlen(path) + 1;
	if (pwrite(mem, path, len, (off_t)at.v) != (ssize_t)len)
		return call_return(c, -EFAULT);
	c->ret = continue_call(c);
	if (c->ret == 0)
		c->ret = wait_end(c, exe);
	if (pwrite(mem, saved, len, (off_t)at.v) < 0)
		log_debug("%d: its memory is gone", c->tid);
	return ANSWERED;
}
