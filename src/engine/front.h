/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front: the process that the user's shell knows. It forks the supervisor, passes signals on
 * to the command, stops and continues with it, and ends with its status. As a subreaper it is the
 * ancestor of all; should the supervisor die, it ends every guest and restores the terminal.
 */
#ifndef UM_ENGINE_FRONT_H
#define UM_ENGINE_FRONT_H

#include <sys/types.h>

#include "base/util.h"

enum front_event {
	FRONT_STARTED,	/* value: the command's process id, to which signals are passed on */
	FRONT_STOPPED,	/* the command stopped */
	FRONT_ENDING,	/* the command has ended: the user's signals are the supervisor's now */
	FRONT_STATUS,	/* value: the exit status to end with */
	FRONT_LISTENER, /* with the listener's descriptor: front_lend() */
};

/* What the supervisor is given. */
struct front_link {
	int fd;		  /* events go through it; EOF on it means that the front is gone; a
			     message, after FRONT_ENDING: the user does not want to wait */
	pid_t pgid;	  /* the job's process group, which the command joins */
	uint64_t ignored; /* bit n-1: the user ignores signal n (nohup), and so does the command */
};

/* Runs supervise(arg, link) in a new process; returns the exit status for the shell. */
int front_run(int (*supervise)(void *arg, const struct front_link *link), void *arg);

/* In the supervisor. */
void front_tell(const struct front_link *link, enum front_event ev, int value);
/* Should the supervisor die, the front lets servers that write what they have not yet go on with
 * this listener: fsync(2), and what they need to end (libfuse loads a library then). */
void front_lend(const struct front_link *link, int listener);
/* Once the launcher is there, which stays in the user's session. A process group is orphaned when
 * no parent of its members is in another group of the same session: so a supervisor there would
 * keep the kernel from ending a stopped job whose shell is gone (SIGHUP and SIGCONT). 0 or -errno.
 */
int MUST_CHECK front_leave_session(void);

/* Children of this process that are alive, including what was left to it as subreaper: fn is
 * called for each. */
void each_child(void (*fn)(pid_t pid, void *arg), void *arg);
/* Sends SIGKILL to all descendants, again and again until none is left or 5 s have passed;
 * spare (0: none) is left alone. */
void kill_descendants(pid_t spare);

#endif
