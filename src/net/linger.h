/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a view's network. What a process has written before it ended arrives, as natively,
 * where the kernel goes on alone: so the processes of a network (umview-net, umview-lwip) live on
 * without the supervisor until it has been acknowledged, or nothing of it is for so long.
 */
#ifndef UM_NET_LINGER_H
#define UM_NET_LINGER_H

#include <fcntl.h>

#include "base/util.h"

#define LINGER_NS (8 * NSEC_PER_SEC)
#define LINGER_FIN_NS                                                                              \
	(300 * NSEC_PER_MSEC) /* for the end of the other side, which is acknowledged */
#define LINGER_SECONDS_MAX 300

/* Nobody waits for us: whoever reads the command's output sees its end, and a fault of ours is no
 * process that stays. */
static inline void linger_begin(void)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		(void)dup2(null, fd);
	alarm(LINGER_SECONDS_MAX);
}

/* What is left, as any number that changes when it does; and until when it is waited for. */
struct lingering {
	uint64_t left, until_ns, since_ns;
};

/* Is an end of the other side still waited for? */
static inline bool linger_for_fin(struct lingering *l)
{
	if (!l->since_ns)
		l->since_ns = now_ns();
	return now_ns() < l->since_ns + LINGER_FIN_NS;
}

/* Is that to be waited for? 0: nothing is left. */
static inline bool linger_on(struct lingering *l, uint64_t left)
{
	if (left != l->left) {
		l->left = left;
		l->until_ns = now_ns() + LINGER_NS;
	}
	return left && now_ns() < l->until_ns;
}

#endif
