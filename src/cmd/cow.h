/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umview --cow: folders, or all, of which changes go to a layer. */
#ifndef UM_CMD_COW_H
#define UM_CMD_COW_H

#include <stdio.h>

#include "cmd/rootfs.h"
#include "cmd/run.h"
#include "layer/store.h"
#include "sys/um.h"

struct cow {
	struct cow_layer {
		struct layer layer;
		char *of; /* the folder that it changes */
		bool ro;
		bool consistent; /* who reads a file sees what is written to it */
		bool fresh;	 /* made for this view */
		bool unnamed;	 /* by nobody's word */
		bool image;	 /* it is, or lies on, the image that is the root */
		bool late;	 /* its folder is on a mount that is to be made */
	} * layers;
	size_t n;
	char *hide;  /* the folder of layers */
	char *owned; /* --rootfs: a tree whose files say themselves whose they are; or NULL */
};

/* "[NAME][,of=FOLDER][,ro][,consistent]": *ret_name NULL without a name, ret->of real; both
 * malloc'ed. -EINVAL after a message, -ENOMEM. */
int MUST_CHECK cow_parse(const char *spec, struct cow_layer *ret, char **ret_name);
/* Opens the layers of o->cows and mounts them; then the image (whose layer is taken), which may be
 * NULL, as the root. Of o->mounts the late ones come first: cow_mount(). dry_run: says what would
 * be, to plan. 0, or -errno after a message. */
int MUST_CHECK cow_begin(struct cow *cow, struct um *um, const struct run_options *o, FILE *plan);
/* Is all of what is mounted there written over? */
bool cow_covers(const struct cow *cow, const char *target);
/* Those of folders on mounts that were asked for, once these are there; or the others. */
int MUST_CHECK cow_mount(struct cow *cow, struct um *um, bool late);
/* After the view: what changed, in a line on standard error, where a command ran; a layer without a
 * name in which nothing did goes. */
void cow_end(struct cow *cow, bool ran);
/* Between its parts: cowmount.c. */
int MUST_CHECK cow_find_late(struct cow *cow, struct um *um, char *const *mounts);
/* The kernel's own folders, and those of the user's running services, are what they were. */
int MUST_CHECK cow_set_outside(struct um *um, FILE *plan);

#endif
