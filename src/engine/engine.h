/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: the listener, the workers that answer, and the launcher, the one process of ours
 * that lives inside the view and starts what runs in it.
 */
#ifndef UM_ENGINE_ENGINE_H
#define UM_ENGINE_ENGINE_H

#include "engine/call.h"

struct engine_options {
	const struct sysrow *rows;
	size_t nrows;
	const struct sysrow32 *rows32;
	size_t nrows32;
	call_handler unknown; /* of calls that are newer than the tables */
	struct um *um;
	bool all_fstat; /* as in struct filter_options */
	bool identity;
	bool stack; /* as filter_options has it */
	/* The kernel writes no core file of a guest's: it would be where no call of the guest's may
	 * write. (A program that core_pattern names still gets it.) */
	bool no_cores;
	uint64_t ignored; /* signals that the command ignores from the start: bit n-1 */
	/* Before and after each call's handler, for --trace and statistics; may be NULL. */
	void (*before)(struct call *c);
	void (*observe)(struct call *c, enum verdict v);
};

/* Starts the launcher and installs the filter there. The caller must have one thread only: the
 * launcher is a copy of it, and a lock that another thread held would stay locked for ever.
 * -errno; -EOPNOTSUPP: this kernel has no listener; -EBUSY: the chain has one already. *ret is set
 * once there is something to stop. */
int MUST_CHECK engine_new(const struct engine_options *o, struct engine **ret);
/* Begins to answer: from now on handlers run, and what they work with must be there. */
int MUST_CHECK engine_start(struct engine *e);
/* The guests are gone: ends the workers. */
void engine_stop(struct engine *e);

int engine_listener(const struct engine *e);
/* Calls are profiled from now on (call->profiled), or not any more. */
void engine_set_profile(struct engine *e, bool on);
pid_t engine_launcher_pid(const struct engine *e);
/* Workers alive and idle now: for umctl stat and tests. */
void engine_workers(const struct engine *e, int *ret_alive, int *ret_idle);

/* What to start in the view. The process is a child of the supervisor. */
struct spawn {
	char *const *argv;
	char *const *envp;
	int fd[3];    /* stdin, stdout, stderr; -1: /dev/null, or for the command the launcher's */
	bool service; /* of the view: own session, not counted when the view ends */
	pid_t pgid;   /* the command's process group; 0 for services */
	const char *cwd;	     /* NULL: where the launcher is */
	const struct spawn_ids *ids; /* NULL: the launcher's */
};
/* As whom it runs: set by its own system calls, in the view. */
struct spawn_ids {
	uid_t uid;
	gid_t gid;
};
/* 0 and the process id, which is in the view already when this returns; -errno. A failing exec
 * is a message on its stderr and exit status 126 or 127. */
int MUST_CHECK engine_spawn(struct engine *e, const struct spawn *s, pid_t *ret);
/* The command has been started: the launcher lets go of what the user's descriptors were. */
int MUST_CHECK engine_launcher_settle(struct engine *e);

/* RLIMIT_LOCKS, which the kernel ignores, carries what we know of a process over fork and exec:
 * whether it is a service, and its virtual identity (an index of sys/task/ids.c). A service of the
 * launcher marks itself before its exec, so sys/task/limits.c lets a value with this magic pass. */
#define TASK_MARK_MAGIC 0x7576000000000000ull
#define TASK_MARK_MASK 0xffff000000000000ull
#define TASK_MARK_SPACE_MAX 0xfff
struct task_mark {
	bool service;
	bool network_server; /* which ends by itself, when all that the view has sent is out */
	bool undumpable;     /* PR_SET_DUMPABLE 0 was asked for: sys/task/dumpable.h */
	uint16_t identity;
	uint16_t network; /* an index of sys/net/networks.c, */
	uint16_t space;	  /* one of view/space.h: both at most TASK_MARK_SPACE_MAX */
};
int MUST_CHECK task_mark_get(pid_t pid, struct task_mark *ret);
int MUST_CHECK task_mark_set(pid_t pid, const struct task_mark *m);
/* Calls fn for each process of the view. (Others may have numbers that are the same.) */
void task_mark_each(void (*fn)(pid_t pid, const struct task_mark *m, void *arg), void *arg);
/* Is this task one of the view's: a descendant of ours? */
bool task_is_ours(pid_t pid);
/* A process that became a server, and what it has started (sshfs its ssh): services from now on. */
int MUST_CHECK task_mark_service_tree(pid_t pid);

/* claim.c: is this thread's call one of ours, to be CONTINUEd? May wait. */
bool inject_claims(struct engine *e, pid_t tid);

#endif
