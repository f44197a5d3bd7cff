/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the supervisor decided: counts and times of each system call, always; and one line a
 * decision for whoever listens (--trace, umctl trace).
 *
 *	PID CALL [WHAT] = RESULT (MICROSECONDS)
 *
 * RESULT is "continue", a value, an error's name, or "fd N" for an injected descriptor.
 */
#ifndef UM_SYS_TRACE_H
#define UM_SYS_TRACE_H

#include "engine/call.h"

struct trace;

struct trace_stat {
	const char *name;
	uint64_t calls;
	uint64_t continued;
	uint64_t failed;
	uint64_t total_ns; /* from being caught to the answer */
	uint64_t max_ns;
};

/* rows: the table that the calls' rows are of. 0 or -ENOMEM. */
int MUST_CHECK trace_new(const struct sysrow *rows, size_t nrows, struct trace **ret);
void trace_free(struct trace *t);

/* engine_options.before and observe: need um->trace. */
void trace_before(struct call *c);
void trace_observe(struct call *c, enum verdict v);

/* What calls spent their time on while they were profiled. */
struct trace_profile {
	uint64_t calls;
	uint64_t total_ns; /* from the receipt, with it, to the answer */
	uint64_t part_ns[CALL_PARTS];
};

/* Profiles calls from now on, for this long; what was counted before is forgotten. */
void trace_profile_start(struct trace *t, struct engine *e, uint64_t ns);
void trace_profile_get(struct trace *t, struct trace_profile *ret);

/* Lines go to fd from now on, until it fails or trace_remove(). The fd stays the caller's and must
 * live until then. lossy: never wait for a slow reader, drop lines. 0, -ENOMEM. */
int MUST_CHECK trace_add(struct trace *t, int fd, bool lossy);
void trace_remove(struct trace *t, int fd);

/* Calls fn for each call that was ever caught. */
void trace_each(struct trace *t, void (*fn)(const struct trace_stat *s, void *arg), void *arg);

/* The line for a call, with its newline: its length (< size). */
size_t trace_format(const struct call *c, enum verdict v, uint64_t ns, char *buf, size_t size);

#endif
