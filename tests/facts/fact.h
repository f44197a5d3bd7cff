/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts about the kernel that umview stands on, each a small probe. tests/run runs them before
 * all other tests, `umview --check` runs the same for a user.
 */
#ifndef UM_FACTS_FACT_H
#define UM_FACTS_FACT_H

#include <sys/types.h>

#include "base/util.h"

struct fact {
	const char *name;
	const char *what;    /* what holds where the probe succeeds */
	const char *without; /* what follows, and what to do, where it does not */
	bool must;	     /* without it nothing works */
	/* 0 when it holds; else why not in `why`, and -errno. It leaves no process or file. */
	int (*probe)(char *why, size_t size);
};

extern const struct fact *const facts[];
extern const size_t facts_len;

/* `return fact_fail(why, size, "what failed")`: appends strerror(errno); -errno. */
int fact_fail(char *why, size_t size, const char *what);

/*
 * A child whose getppid(2) notifies a listener: the child runs fn(arg) and exits with its result.
 * Its pid, and the listener's descriptor in *ret_listener; -errno. flags: SECCOMP_FILTER_FLAG_*.
 */
pid_t fact_guest(unsigned flags, int (*fn)(void *arg), void *arg, int *ret_listener);
/* Waits for a child: its exit status, or -signal. */
int fact_wait(pid_t pid);
/* Waits for a descriptor to be readable: 1, or 0 after ms. */
int fact_readable(int fd, int ms);

#endif
