/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a guest run a call with other arguments, once: exec(2) and chdir(2), whose effect on the
 * guest only the guest itself can have. A short ptrace seizure (facts: exec can be redirected
 * without a standing tracer), with all signals blocked meanwhile.
 */
#ifndef UM_ENGINE_INJECT_H
#define UM_ENGINE_INJECT_H

#include <sys/stat.h>

#include "engine/engine.h"
#include "engine/guestmem.h"

struct inject_args {
	int nr;		    /* the call to run instead */
	uint64_t args[6];   /* its arguments, but for those given as strings */
	const char *str[6]; /* not NULL: copied below the guest's stack pointer, its address passed */
	/* exec: a new argv for argument argv_arg: the NULL-terminated strings of `head`, then the
	 * guest's own array at `argv` without its first `skip` entries. head NULL: as in args. */
	const char *const *head;
	gaddr_t argv;
	unsigned skip;
	int argv_arg;
	/* exec: what AT_EXECFN is to read instead of str[0]; never longer than it. May be NULL. */
	const char *execfn;
};

/*
 * Answers c by running another call in its place, and waits for its end. The guest sees that
 * call's result as its own. ANSWERED, with the result in c->ret (0 for an exec that succeeded,
 * -ESRCH when the guest was killed meanwhile); or DONE with -EPERM when the guest cannot be
 * seized (another tracer holds it), -EFAULT, -E2BIG, -ENOMEM, -ESRCH: then nothing was done.
 * After a failed call registers, memory below the stack pointer and mask are as before.
 */
enum verdict inject_call(struct call *c, const struct inject_args *a);

/*
 * The way for a guest that has a tracer already: writes `path` over the string at `at`, lets the
 * guest's own call go on, and puts the old string back once the kernel has taken it in. The
 * string there is `old`; a longer path needs zero bytes behind it. Waits until the call has ended,
 * or until the program it starts is (dev, ino). As inject_call(); -ENAMETOOLONG: no room.
 */
enum verdict inject_in_place(struct call *c, gaddr_t at, const char *old, const char *path,
	const struct stat *exe);

#endif
