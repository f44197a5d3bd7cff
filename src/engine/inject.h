/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making a guest run a call with other arguments, once: exec(2) and chdir(2), whose effect on the
 * guest only the guest itself can have. A short ptrace seizure (facts: exec can be redirected
 * without a standing tracer), with all signals blocked meanwhile.
 */
#ifndef UM_ENGINE_INJECT_H
#define UM_ENGINE_INJECT_H

#include "engine/call.h"

struct inject_args {
	int nr;		    /* the call to run instead */
	uint64_t args[6];   /* its arguments, but for those given as strings */
	const char *str[6]; /* not NULL: copied below the guest's stack pointer, its address passed */
	char **argv;	    /* exec: a new argv (NULL-terminated strings), or NULL to keep the guest's */
	int argv_arg;	    /* the argument that it replaces */
};

/*
 * Answers c by running another call in its place. The guest sees that call's result as its own.
 * ANSWERED; or DONE with -EPERM when the guest cannot be seized (another tracer holds it), -ESRCH.
 * After a failed call registers, memory below the stack pointer and mask are as before.
 */
enum verdict inject_call(struct call *c, const struct inject_args *a);

#endif
