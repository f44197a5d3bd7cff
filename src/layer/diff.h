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
/* How many changes of each kind that would be, cheaply: WALK_CHEAP, and what has size and time of
 * what is gone is that. -ETIME: w's deadline is over, and ret has a part. */
struct diff_count {
	size_t kind[CHANGE_RENAMED + 1];
	size_t all;
};
int MUST_CHECK diff_count(struct layer_walk *w, struct diff_count *ret);
/* "2 added, 1 changed": malloc'ed. */
char *diff_count_text(const struct diff_count *count);
void diff_release(struct diff *d);
#define _cleanup_diff_ _cleanup_(diff_release)
const char *change_kind_name(enum change_kind kind);

#endif
