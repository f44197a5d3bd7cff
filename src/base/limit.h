/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UM_BASE_LIMIT_H
#define UM_BASE_LIMIT_H

#include <sys/resource.h>

/* The soft limit of ours becomes the hard one (RLIMIT_NOFILE and the like), where it can. */
static inline void raise_limit(int resource)
{
	struct rlimit rl;

	if (getrlimit(resource, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(resource, &rl);
	}
}

#endif
