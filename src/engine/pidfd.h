/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the engine: a guest's descriptor lent to us. */
#ifndef UM_ENGINE_PIDFD_H
#define UM_ENGINE_PIDFD_H

#include "engine/internal.h"

#define PIDFDS_KEPT 4

struct pidfd_kept {
	pid_t tid; /* 0: none */
	int fd;
};

/* What one worker keeps: pidfds, and open /proc/TID/status. */
struct pidfds {
	struct pidfd_kept kept[PIDFDS_KEPT], status[PIDFDS_KEPT];
};
void pidfds_drop(struct pidfds *p);

/* pidfd_getfd(2) for the thread that calls: a descriptor, -EBADF, -ESRCH, -EPERM. */
int MUST_CHECK pidfd_lend(struct call *c, int fd);

/* The calling worker's; NULL in other threads (pool.c). */
struct pidfds *pool_pidfds(void);

#endif
