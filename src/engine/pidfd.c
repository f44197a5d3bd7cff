/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Each look at a guest's descriptor needs a pidfd, and making one costs more than
 * the look. So a worker keeps a few. A pidfd never leads to another task than the one that it
 * was made for: where that has ended, and its number is another's by now, it says ESRCH and a
 * new one is made.
 */
#include "engine/pidfd.h"

#include <fcntl.h>
#include <sys/syscall.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

void pidfds_drop(struct pidfds *p)
{
	for (unsigned i = 0; i < PIDFDS_KEPT; i++) {
		if (p->kept[i].tid)
			close(p->kept[i].fd);
		p->kept[i].tid = 0;
	}
}

/* A descriptor for the thread, or its process where the kernel knows no thread pidfds (< 6.9). */
static int open_pidfd(struct call *c)
{
	int fd = (int)syscall(SYS_pidfd_open, c->tid, PIDFD_THREAD);

	if (fd < 0 && errno == EINVAL) {
		pid_t tgid = call_tgid(c);

		if (tgid < 0)
			return -ESRCH;
		fd = (int)syscall(SYS_pidfd_open, tgid, 0);
	}
	return fd < 0 ? -errno : fd;
}

static int lend(int pidfd, int fd)
{
	int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return got < 0 ? -errno : got;
}

int pidfd_lend(struct call *c, int fd)
{
	struct pidfds *own = pool_pidfds();
	_cleanup_fd_ int pidfd = -1;
	struct pidfd_kept *k;
	int got;

	if (!own) {
		pidfd = open_pidfd(c);
		return pidfd < 0 ? pidfd : lend(pidfd, fd);
	}
	k = &own->kept[(unsigned)c->tid % PIDFDS_KEPT];
	if (k->tid == c->tid) {
		got = lend(k->fd, fd);
		if (got != -ESRCH)
			return got;
	}
	pidfd = open_pidfd(c);
	if (pidfd < 0)
		return pidfd;
	if (k->tid)
		close(k->fd);
	*k = (struct pidfd_kept){ c->tid, take_fd(&pidfd) };
	return lend(k->fd, fd);
}
