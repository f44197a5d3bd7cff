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
	int nr;		  /* the call to run instead */
	uint64_t args[6]; /* its arguments, but for those given as strings */
	const char
		*str[6]; /* not NULL: copied below the guest's stack pointer, its address passed */
	size_t str_len[6]; /* of what is no string; 0: of a string, with its NUL */
	/* Not NULL: in the place of str[1], no longer than that, where 32-bit code makes the call.
	 */
	const char *narrow;
	size_t narrow_len;
	int points; /* N > 0: the first word of str[1] is to be the address of str[N] */
	/* exec: a new argv for argument argv_arg: the NULL-terminated strings of `head`, then the
	 * guest's own array at `argv` without its first `skip` entries. head NULL: as in args. */
	const char *const *head;
	gaddr_t argv;
	unsigned skip;
	int argv_arg;
	gaddr_t envp; /* exec: the argument behind argv_arg */
	/* exec: what AT_EXECFN is to read instead of str[0]; never longer than it. May be NULL. */
	const char *execfn;
	int close_fd; /* a descriptor of the guest to close after a call that it comes back from */
	bool waits;   /* the call may wait for others: a signal ends that, as of the guest's own */
	int error; /* what such a call is to have failed with, whatever it did; 0: its own result */
	/* Not NULL: called while what the call made something of still stands in it, once it has
	 * succeeded: the new process of a clone(2), which then begins as it would have without us;
	 * of other calls the guest. */
	void (*made)(pid_t pid, void *arg);
	void *made_arg;
};

/*
 * Answers c by running another call in its place, and waits for its end. The guest sees that
 * call's result as its own. ANSWERED, with the result in c->ret (0 for an exec that succeeded,
 * -ESRCH when the guest was killed meanwhile); or DONE with -EPERM when the guest cannot be
 * seized (another tracer holds it), -EFAULT, -E2BIG, -ENOMEM, -ESRCH: then nothing was done.
 * After a failed call registers, memory below the stack pointer and mask are as before.
 */
enum verdict inject_call(struct call *c, const struct inject_args *a);
/* A call of i386 by a program of x86_64: in its place one of x86_64 is made, whose structs differ.
 */
bool inject_is_foreign(struct call *c);

/*
 * The way for a guest that has a tracer already: a path is written over the guest's string in
 * place, its own call goes on, and the old string is put back when the call is over.
 */
struct in_place {
	gaddr_t at;	  /* the string, */
	const char *old;  /* what it says, */
	const char *path; /* and what it shall say */
	/* A link on the way (hop_make_slow), which tells that the kernel has copied the path. */
	const char *link;
	void (*copied)(void *arg); /* called then; may be NULL */
	void *arg;
	/* What /proc/TID/cwd, or of an exec /proc/TID/exe, is when the call has succeeded. */
	struct stat then;
	/* exec: the guest's argv and environment, whose strings keep their old words; 0 for other
	 * calls */
	gaddr_t argv, envp;
	/* exec: what argv and AT_EXECFN are to read in the place of `path`, if it is not longer */
	const char *shown;
	/* exec of a script: the same for the path of its interpreter; or NULL */
	const char *interp, *interp_shown;
	/* exec: what lies behind the string may be written over too, where inject_sole() */
	bool over;
};

/* Is the calling thread the only one that runs in its memory? */
bool inject_sole(struct call *c);

/* How long a string may be written at `at`, where `old` is: zero bytes behind it are room. */
size_t inject_room(struct call *c, gaddr_t at, const char *old);
/* Waits until the call has ended. As inject_call(); -ENAMETOOLONG: no room. */
enum verdict inject_in_place(struct call *c, const struct in_place *p);

#endif
