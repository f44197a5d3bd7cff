/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands on layers share: how a layer is opened, and what is said when that fails. */
#ifndef UM_CMD_LAYERMSG_H
#define UM_CMD_LAYERMSG_H

#include <stdio.h>

#include "cmd/umctl.h"
#include "layer/walk.h"

/* As layer_open(); says what is wrong. 0, or the exit status. A layer whose commit was interrupted
 * is refused for LAYER_WRITE. */
int MUST_CHECK open_layer(
	const struct options *o, const char *name, enum layer_use use, struct layer *ret);

/* A layer's upper folder, and what is below it, for layer_walk_run(). */
struct opened {
	struct layer layer;
	struct merged *lower;
	struct links *links;
	struct layer_walk walk;
};
/* needs_lower: a missing lower folder is an error. 0, or the exit status after a message. */
int MUST_CHECK open_tree(const struct options *o, const char *name, enum layer_use use,
	bool needs_lower, struct opened *ret);
void opened_release(struct opened *t);
#define _cleanup_opened_ _cleanup_(opened_release)
#define OPENED_INIT                                                                                \
	{                                                                                          \
		.layer = LAYER_INIT, .walk = {.upper = -1 }                                        \
	}

/* "what: where in the layer: why": the exit status 1. */
int walk_complain(const struct options *o, const struct opened *t, int err, const char *what);

/* A name for a terminal: what is no printable character, and the backslash, as \ooo. */
void put_name(FILE *f, const char *name);
/* The same for a message, malloc'ed. */
char *shown_name(const char *name);
/* A word of the user's as a path in the layer's tree: absolute ones must be in the folder that the
 * layer is of, others are relative to it. malloc'ed; NULL: it is not below it. */
char *path_in_layer(const struct layer *l, const char *word);
/* Prints an object on a line, and frees it. */
void put_json(struct json_object *o);
/* layer-oci.c: parts of cmd_layer(). */
int layer_cmd_copy(const struct options *o, int argc, char **argv);
int layer_cmd_rename(const struct options *o, int argc, char **argv);
int layer_cmd_squash(const struct options *o, int argc, char **argv);
int layer_cmd_export(const struct options *o, int argc, char **argv);
int layer_cmd_import(const struct options *o, int argc, char **argv);
int layer_cmd_image(const struct options *o, int argc, char **argv);
/* {"ok":true} */
struct json_object *ok_object(void);
/* Has its --json its own table of options wrong? Message and 125. */
int usage_error(const struct options *o, const char *command);

#endif
