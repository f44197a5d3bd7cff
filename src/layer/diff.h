/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All changes of a layer, as a list, with what was renamed found. */
#ifndef UM_LAYER_DIFF_H
#define UM_LAYER_DIFF_H

#include "layer/walk.h"

struct diff_item {
	enum change_kind kind;
	char *path;
	char *from;  /* CHANGE_RENAMED: the path below */
	mode_t mode; /* with the type; of what was removed: as it was */
	off_t size, lower_size;
	struct timespec mtime;
};

struct diff {
	struct diff_item *item; /* sorted by path */
	size_t n;
};

/* Of what is at or below path ("" is all). */
int MUST_CHECK diff_make(struct layer_walk *w, const char *path, struct diff *ret);
void diff_release(struct diff *d);
#define _cleanup_diff_ _cleanup_(diff_release)
const char *change_kind_name(enum change_kind kind);

#endif
