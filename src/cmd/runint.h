/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the supervisor's life: what run.c (beginning), reap.c and end.c share. */
#ifndef UM_CMD_RUNINT_H
#define UM_CMD_RUNINT_H

#include "cmd/cow.h"
#include "cmd/run.h"
#include "engine/front.h"
#include "net/net.h"
#include "sys/um.h"

struct run {
	const struct run_options *o;
	const struct front_link *link;
	struct um um;
	struct cow cow;
	FILE *plan;		     /* --dry-run: where it is printed */
	struct json_object *planned; /* the mounts of it, with --json */
	enum net_stack stack;	     /* of --net */
	char **settings;	     /* um.settings (cmd/settings.h) */
	int trace_fd;
	bool ran;   /* the command has begun */
	int status; /* of the command, once it ended */
	bool command_ended;
};

/* reap.c: SIGCHLD is blocked from here on, before any thread is there. */
void hold_sigchld(void);
/* Waits for children until no guest is left or the front is gone. */
void reap(struct run *r);
/* Is there any process of the view, or any that serves it? */
bool children_left(struct run *r, bool service);
/* Looks at one child (0: any): 1 when something became of it; 0, -ECHILD, -EBUSY: it is another's
 * to see. */
int reap_child(struct run *r, pid_t pid);

/* end.c: writes back and unmounts all, with progress on a terminal; then waits for servers. False:
 * something that was written is lost, which was said. */
bool MUST_CHECK end_mounts(struct run *r);

#endif
