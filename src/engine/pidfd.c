/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Each look at a guest's descriptor needs a pidfd, and making one costs more
 * than the look. So a worker keeps a few. A pidfd never leads to another task than the one that it
 * was made for: where that has ended, and its number is another's by now, it says ESRCH and a
 * new one is made. So does an open /proc/TID/status, which is kept likewise.
 */
#include "engine/pidfd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "engine/status.h"

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static void drop(struct pidfd_kept *k)
{
	if (k->tid)
		close(k->fd);
	k->tid = 0;
}

void pidfds_drop(struct pidfds *p)
{
	for (unsigned i = 0; i < PIDFDS_KEPT; i++) {
		drop(&p->kept[i]);
		drop(&p->status[i]);
	}
}

struct pidfd_info_ {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
	uint64_t more[16];
};
#define PIDFD_GET_INFO_ _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, 64)

static pid_t tgid_by_status(struct call *c)
{
	char status[STATUS_MAX];

	if (!c->tgid_ && status_read(c->tid, status, sizeof(status)) > 0)
		c->tgid_ = (pid_t)status_number(status, "\nTgid:", 10);
	return c->tgid_ ? c->tgid_ : -ESRCH;
}

/* A descriptor for the thread, or its process where the kernel knows no thread pidfds (< 6.9). */
static int open_pidfd(struct call *c)
{
	int fd = (int)syscall(SYS_pidfd_open, c->tid, PIDFD_THREAD);

	if (fd < 0 && errno == EINVAL) {
		pid_t tgid = tgid_by_status(c);

		if (tgid < 0)
			return -ESRCH;
		fd = (int)syscall(SYS_pidfd_open, tgid, 0);
	}
	return fd < 0 ? -errno : fd;
}

/* The kept pidfd of the thread, be it still alive or not; -1: none is kept. */
static int find_kept(const struct call *c)
{
	struct pidfds *own = pool_pidfds();
	struct pidfd_kept *k;

	if (!own)
		return -1;
	k = &own->kept[(unsigned)c->tid % PIDFDS_KEPT];
	return k->tid == c->tid ? k->fd : -1;
}

/* Makes one, and keeps it in a worker; elsewhere *ret_close is to be closed. */
static int make_pidfd(struct call *c, int *ret_close)
{
	struct pidfds *own = pool_pidfds();
	int fd = open_pidfd(c);
	struct pidfd_kept *k;

	if (!own)
		*ret_close = fd;
	if (fd < 0 || !own)
		return fd;
	k = &own->kept[(unsigned)c->tid % PIDFDS_KEPT];
	drop(k);
	*k = (struct pidfd_kept){ c->tid, fd };
	return fd;
}

static int lend(int pidfd, int fd)
{
	int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return got < 0 ? -errno : got;
}

int pidfd_lend(struct call *c, int fd)
{
	int pidfd = find_kept(c), got = pidfd < 0 ? -ESRCH : lend(pidfd, fd);
	_cleanup_fd_ int ours = -1;

	if (got != -ESRCH)
		return got;
	pidfd = make_pidfd(c, &ours);
	return pidfd < 0 ? pidfd : lend(pidfd, fd);
}

/* 0 where it cannot say: it is none of a thread, the kernel is older than 6.13, or the task is
 * gone. */
static pid_t tgid_of(int pidfd)
{
	struct pidfd_info_ info = { .mask = 1 };

	return pidfd >= 0 && ioctl(pidfd, PIDFD_GET_INFO_, &info) == 0 ? (pid_t)info.tgid : 0;
}

bool call_start(const struct call *c, int dirfd, const char *word, char ret[CALL_START_MAX])
{
	if (*word == '/')
		snprintf(ret, CALL_START_MAX, "/proc/%d/root", c->tid);
	else if (dirfd == AT_FDCWD)
		snprintf(ret, CALL_START_MAX, "/proc/%d/cwd", c->tid);
	else
		snprintf(ret, CALL_START_MAX, "/proc/%d/fd/%d", c->tid, dirfd);
	return *word == '/' || dirfd == AT_FDCWD || dirfd >= 0;
}

pid_t call_tgid(struct call *c)
{
	_cleanup_fd_ int ours = -1;

	if (!c->tgid_)
		c->tgid_ = tgid_of(find_kept(c));
	if (!c->tgid_)
		c->tgid_ = tgid_of(make_pidfd(c, &ours));
	if (!c->tgid_)
		return tgid_by_status(c);
	return c->tgid_;
}

ssize_t call_status(const struct call *c, char *buf, size_t size)
{
	struct pidfds *own = pool_pidfds();
	struct pidfd_kept *k = own ? &own->status[(unsigned)c->tid % PIDFDS_KEPT] : NULL;
	ssize_t n = k && k->tid == c->tid ? status_again(k->fd, buf, size) : -ESRCH;
	int fd;

	if (!k)
		return status_read(c->tid, buf, size);
	if (n > 0)
		return n;
	fd = status_open(c->tid);
	if (fd < 0)
		return fd;
	drop(k);
	*k = (struct pidfd_kept){ c->tid, fd };
	return status_again(fd, buf, size);
}
