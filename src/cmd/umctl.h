/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl's parts: what was asked for, and how it is told. One file a subject. */
#ifndef UM_CMD_UMCTL_H
#define UM_CMD_UMCTL_H

#include "base/json.h"
#include "base/util.h"

struct options {
	const char *name;
	bool json;
	const char *type, *mount_options;
	bool lazy;
	long profile_ms;   /* 0: no */
	const char *mount; /* of stat: one mount alone */
	char *words[3];	   /* the command's arguments */
	int nwords;
};

/* What fails before the view is asked, or without one. With --json as the view would tell it. 125.
 */
int PRINTF(3, 4) complain(const struct options *o, int err, const char *fmt, ...);

/* Of a view's answer: "" and false where it has no such key. put() adds nothing for NULL. */
const char *get(struct json_object *o, const char *key);
bool truth_of(struct json_object *o, const char *key);
void put(struct json_object *o, const char *key, const char *value);

/* umctl-show.c: an answer as text. */
void show_ls(struct json_object *answer);
void show_ps(struct json_object *answer);
void show_stat(struct json_object *answer);
void show_export(struct json_object *answer);
void show_df(struct json_object *answer);
void show_cache(struct json_object *answer);
void show_level(struct json_object *answer);
void show_networks(struct json_object *answer);

/* umctl-view.c: a command that a running view answers. */
struct command {
	const char *name;
	int min, max; /* arguments */
	struct json_object *(*ask)(const struct options *o);
	void (*show)(struct json_object *answer);
	bool quiet; /* its answer is shown when it is a refusal alone */
};
/* Finds the view, asks it, shows the answer: the exit status. */
int view_run(const struct command *cmd, const struct options *o);
/* Sends a request (taken) to the view: its answer, with the descriptor that came along in *ret_fd
 * (-1: none; NULL: none is wanted); NULL when it failed, which has been told. */
struct json_object *view_ask(const struct options *o, struct json_object *rq, int *ret_fd);

/* Commands that parse their own arguments, one file each; but for net they need no running view.
 * argv[0] is the command; --json has been taken out. They return the exit status. */
int cmd_layers(const struct options *o, int argc, char **argv);
int cmd_layer(const struct options *o, int argc, char **argv);
int cmd_commit(const struct options *o, int argc, char **argv);
int cmd_diff(const struct options *o, int argc, char **argv);
int cmd_net(const struct options *o, int argc, char **argv);
int cmd_discard(const struct options *o, int argc, char **argv);

#endif
