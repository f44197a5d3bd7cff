/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goes through a layer's upper folder beside what lies below it, and tells each change. Names of a
 * folder come in the order of their bytes; a folder comes before what is in it.
 */
#ifndef UM_LAYER_WALK_H
#define UM_LAYER_WALK_H

#include "layer/links.h"
#include "layer/merged.h"

enum change_kind {
	CHANGE_NONE, /* in the upper, and not different */
	CHANGE_ADDED,
	CHANGE_CONTENT,
	CHANGE_REMOVED,
	CHANGE_METADATA, /* mode, owner, attributes, and the time of what is no folder */
	CHANGE_RENAMED,	 /* only of folders that the format says it of: layer/diff.h finds others */
};

struct change {
	enum change_kind kind;
	const char *path; /* as the view has it, "" for the top */
	const char *name; /* its last part; "." for the top */
	const char *from; /* CHANGE_RENAMED: the path below */
	int dirfd; /* the folder that it is in: of the upper, or (WALK_EXPAND) of below; -1: removed
		    */
	bool ours; /* it is in the upper */
	const struct entry *entry; /* NULL: removed */
	const struct entry *lower; /* what is below, NULL: nothing */
	int lower_dirfd;	   /* the folder that this is in, lower_name its name */
	const char *lower_name;
	const char *lower_path;
	bool whiteout;	       /* removed, and by a whiteout of its own */
	struct timespec since; /* when the upper got something for this name, {0}: unknown */
	bool merged;	       /* a folder that is seen with what is below it */
	bool moved;  /* WALK_EXPAND: this folder, or one above it, has another name below */
	bool inside; /* a folder above is new, or hides what is below it */
};

enum {
	WALK_EXPAND = 1, /* of folders with a redirect: tell all that is in them, as new */
	WALK_QUICK = 2,	 /* do not compare: what is in the upper is CHANGE_CONTENT */
	WALK_WHITEOUTS =
		4, /* tell whiteouts of what is not below, too: it may be in another layer */
	/* content of the same size and time is the same, which who sets times can make untrue */
	WALK_CHEAP = 8,
};

enum { WALK_SKIP = 1 }; /* visit: not what is in this folder */

struct layer_walk {
	int upper;
	const struct merged *lower; /* NULL: nothing is below */
	const struct links *links;
	unsigned flags;
	uint64_t deadline_ns; /* by the monotonic clock: then the walk ends with -ETIME; 0: none */
	const char *except;   /* names that begin so are passed over; NULL: none */
	/* 0, WALK_SKIP, or -errno, which ends the walk. leave() comes for folders that were gone
	 * into. */
	int (*visit)(struct layer_walk *w, const struct change *c);
	int (*leave)(struct layer_walk *w, const struct change *c); /* may be NULL */
	void *arg;
	char *where; /* after a failure: the path at which it was (malloc'ed) */
};

int MUST_CHECK layer_walk_run(struct layer_walk *w);
void layer_walk_release(struct layer_walk *w);

/* The content of a change's file, open for reading. */
int MUST_CHECK layer_walk_content(struct layer_walk *w, const struct change *c);

#endif
