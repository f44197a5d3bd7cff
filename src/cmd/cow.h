/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umview --cow: folders, or all, of which changes go to a layer. */
#ifndef UM_CMD_COW_H
#define UM_CMD_COW_H

#include <stdio.h>

#include "cmd/rootfs.h"
#include "layer/store.h"
#include "sys/um.h"

struct cow {
	struct cow_layer {
		struct layer layer;
		char *of; /* the folder that it changes */
		bool ro;
		bool fresh; /* made for this view */
		bool image; /* it is, or lies on, the image that is the root */
	} * layers;
	size_t n;
};

/* Opens the layers of these "[NAME][,of=DIR][,ro]" and mounts them; then the image (whose layer is
 * taken), which may be NULL, as the root. dry_run: says what would be, to plan. 0, or -errno after
 * a message. */
int MUST_CHECK cow_begin(struct cow *cow, struct um *um, char *const *specs, struct rootfs *image,
	bool dry_run, FILE *plan);
/* After the view: what changed, in a line on standard error; a layer without a name in which
 * nothing did goes. */
void cow_end(struct cow *cow);

#endif
