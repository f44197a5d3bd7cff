/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The seccomp filter, made of the table of calls with libseccomp. */
#ifndef UM_ENGINE_FILTER_H
#define UM_ENGINE_FILTER_H

#include <linux/filter.h>

#include "engine/call.h"

struct filter_options {
	const struct sysrow *rows;
	size_t nrows;
	const struct sysrow32 *rows32;
	size_t nrows32;
	bool all_fstat; /* --cow: owners and numbers of ordinary open files may be others than the
			   kernel's */
	bool stack;	/* sockets are answered by us: --net ...,stack=lwip */
	bool identity;	/* --root: the calls about uids, gids and capabilities are trapped too */
};

/* A BPF program for seccomp(2); prog->filter is malloc'ed. 0 or -errno. */
int MUST_CHECK filter_build(const struct filter_options *o, struct sock_fprog *prog);

#endif
