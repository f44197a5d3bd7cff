/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One system call of a guest, from the moment it was caught to its answer.
 *
 * A struct call is passed by pointer through everything; there is no thread-local "current".
 * A handler returns a verdict:
 *	CONTINUE	the kernel runs the call as the guest made it;
 *	DONE		c->ret is the result: a value, or -errno;
 *	ANSWERED	the answer has been sent already (a descriptor was injected).
 */
#ifndef UM_ENGINE_CALL_H
#define UM_ENGINE_CALL_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/util.h"

struct engine;
struct um;
struct call;

enum verdict { CONTINUE, DONE, ANSWERED };

typedef enum verdict (*call_handler)(struct call *c);

enum support_level { FULL, PARTIAL, NATIVE, DENIED };

/* When the filter notifies us of a call. */
enum trap_rule {
	TRAP_NEVER,   /* the kernel alone */
	TRAP_ALWAYS,  /* each call */
	TRAP_FD0,     /* argument 0 is a descriptor >= VFD_BASE */
	TRAP_FD0_LOW, /* the same, or 0, 1, 2 */
	TRAP_FD0_HOT, /* argument 0 is a descriptor >= VFD_HOT */
	TRAP_FD1_ANY, /* argument 0 or 1 is a descriptor >= VFD_BASE (dup2, dup3) */
	TRAP_FD02,    /* argument 0 or 2 is a descriptor >= VFD_BASE (splice, copy_file_range) */
	TRAP_FD4_HOT, /* argument 4 is a descriptor >= VFD_HOT, or the mapping is shared; of a file
			 (mmap) */
	TRAP_SENDTO,  /* argument 4 is an address, not NULL; or as TRAP_STACK_MSG */
	TRAP_STACK, /* each call, where the view's sockets are those of a stack of its own; else as
		       TRAP_FD0_LOW */
	TRAP_STACK_MSG, /* the same, and argument 4 is an address, or 3 (flags) says more */
	TRAP_PRLIMIT,	/* argument 1 (prlimit64) or 0 (getrlimit, setrlimit) is RLIMIT_LOCKS */
	TRAP_SPECIAL,	/* src/engine/filter.c knows by number */
};

/* One row of syscalls.def. */
struct sysrow {
	const char *name;
	int nr;
	enum trap_rule trap;
	enum support_level level;
	call_handler handler; /* NULL: never trapped */
	const char *note;
};

/* How a call of i386 lays out what it passes by address, where there is more than one way. */
enum call_form {
	FORM_32,  /* times, offsets, sizes of 32 bits */
	FORM_64,  /* of 64 bits: stat64, utimensat_time64, sendfile64 */
	FORM_OLD, /* older than that: oldstat, the first getrlimit */
	FORM_16,  /* user and group ids of 16 bits */
};

/* One row of i386.def: a call of 32-bit programs, in terms of one of x86_64. */
struct sysrow32 {
	const char *name;
	int nr;	  /* i386's */
	int base; /* x86_64's, whose row, rules and handler hold; -1: none, and never trapped */
	const char *args; /* how the registers make base's arguments (compat.c); NULL: one by one */
	call_handler handler; /* NULL: base's */
	enum trap_rule trap;  /* if there is a handler */
	enum call_form form;
};

/* What a call's time is spent on, for umctl stat --profile. */
enum call_part {
	PART_RECEIVE, /* NOTIF_RECV of a call that waits already */
	PART_MEMORY,  /* the guest's, read and written */
	PART_RESOLVE, /* of paths, with what servers are asked for it */
	PART_ANSWER,  /* NOTIF_SEND, NOTIF_ADDFD */
	CALL_PARTS
};

/* Whose call it is: kept here by view/cred.c once read. A thread that waits for its answer cannot
 * change its ids. */
struct call_cred {
	bool known;
	bool asked; /* the kernel, about the thread */
	uid_t uid, ruid;
	gid_t gid, rgid;
	uint64_t odd_caps;
	mode_t umask;
};

struct call {
	struct engine *engine;
	struct um *um;
	const struct sysrow *row;
	/* The row of i386.def if it is a call of i386. Then nr, row and args are already those of
	 * the x86_64 call that does the same; only what lies in memory is the guest's (abi.h). */
	const struct sysrow32 *row32;
	pid_t tid;
	int nr;
	int raw_nr; /* as the guest made it */
	uint64_t args[6];
	uint64_t id; /* the notification's cookie */
	int64_t ret; /* with DONE; with ANSWERED what was sent, for the trace */
	pid_t tgid_; /* call_tgid() keeps it here; 0 before */
	int nofile_; /* guestfd.c's: RLIMIT_NOFILE, 0 before it was asked for */
	struct call_cred cred_;
	uint64_t t_recv;  /* now_ns() when caught */
	uint64_t t_end;	  /* and when it had been answered */
	bool interrupted; /* call_interrupted() has said so */
	bool blind;	  /* the guest's memory is closed to us: see guestmem.c */
	/* Why a descriptor of the guest's could not be looked at (we are short of something); 0: it
	 * could. Such a call is not left to the kernel, which knows nothing of virtual files, and
	 * its answer is this where it would be that the guest has gone. */
	int unseen;
	bool profiled;
	uint64_t part_ns[CALL_PARTS];
	char what[160]; /* what was decided, for --trace; may stay empty */
};

static inline enum verdict call_return(struct call *c, int64_t value)
{
	c->ret = value;
	return DONE;
}

static inline bool call_is32(const struct call *c)
{
	return c->row32;
}

/* As the guest knows it; NULL: beyond the tables. */
static inline const char *call_name(const struct call *c)
{
	return c->row32 ? c->row32->name : c->row ? c->row->name : NULL;
}

/* Around a part of its work. */
static inline uint64_t part_begin(const struct call *c)
{
	return c->profiled ? now_ns() : 0;
}

static inline void part_end(struct call *c, enum call_part part, uint64_t began)
{
	if (c->profiled)
		c->part_ns[part] += now_ns() - began;
}

/* The argument as the kernel takes a descriptor: its low 32 bits. */
static inline int call_fd(const struct call *c, int arg)
{
	return (int)c->args[arg];
}

/* A call that is not the one made: nr and args, as a guest makes it, become those of its row.
 * False: there is none, or it is never ours. */
bool call_find_row(struct call *c, bool is32);

/* Is the guest still waiting for this answer? Asked after its memory, its /proc files or its
 * descriptors were read and before they are believed (seccomp_unotify(2)). */
bool call_alive(const struct call *c);

/*
 * The handler is going to wait for somebody else: a server, another guest, another handler. Another
 * worker receives from now on. Nothing breaks where it is not said, but for a millisecond or two
 * all other calls wait as well. In a thread that is no worker it does nothing.
 */
void call_waits(void);

/* The process (thread-group id) of the calling thread, in our pid namespace; -ESRCH. */
pid_t call_tgid(struct call *c);
/* As status_read() of the calling thread (engine/status.h). */
ssize_t MUST_CHECK call_status(const struct call *c, char *buf, size_t size);

/* The link of /proc to what a path of the guest's begins at: its root, its working directory
 * (AT_FDCWD), or a descriptor of it. False: there can be none. */
#define CALL_START_MAX 40
bool call_start(const struct call *c, int dirfd, const char *word, char ret[CALL_START_MAX]);

/* getrlimit(2) of another task, of another user too: 0 or -errno. */
int MUST_CHECK task_limit(pid_t pid, int resource, struct rlimit *ret);

/* Is a signal that the guest does not block pending for the calling thread (SIGKILL too)?
 * A handler that blocks asks this every so often, interrupts its work, and answers -EINTR. */
bool call_interrupted(struct call *c);
/* Did we answer EINTR, or that the call is to be made again for a signal, and has no handler of the
 * thread returned since? Forgets it. */
bool call_told_eintr(struct call *c);
/* SIGPIPE for the thread that writes where nobody reads; -EPIPE. */
int MUST_CHECK call_broken_pipe(struct call *c);
/* Has the guest been killed, or is it going to be: nobody waits for the answer. */
bool call_killed(const struct call *c);

#endif
