/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a commit does, step by step, on disk: so that one which was killed can be ended or undone.
 *
 * The file `journal` of a layer has records that end with a NUL byte: "umview-journal 1"; the
 * state; "id", "to", "flags" and "path" with a word each; then a step a record, "KIND STAGED OLD
 * PATH", the two being inode numbers. It is replaced as a whole, by rename(2).
 */
#ifndef UM_LAYER_JOURNAL_H
#define UM_LAYER_JOURNAL_H

#include <sys/stat.h>

#include "base/util.h"

enum step_kind {
	STEP_PUT = 'p', /* what was staged takes the place, of something or nothing */
	STEP_REMOVE = 'r',
	STEP_META = 'm',   /* of a file: mode, owner, attributes, times */
	STEP_FOLDER = 'f', /* the same of a folder that stays */
	STEP_DROP = 'd',   /* nothing: the tree below keeps its own */
};

struct step {
	enum step_kind kind;
	char *path;
	ino_t staged;	 /* 0: not yet, or none */
	struct stat was; /* st_ino 0: there was nothing */
};

/* In this order. Before JOURNAL_CLEAN a commit can be undone; from then on it is ended. */
enum journal_state {
	JOURNAL_STAGE,	/* new files are made under names of the journal's id, nothing is seen */
	JOURNAL_SWITCH, /* they take their places */
	JOURNAL_CLEAN,	/* all are there: what was replaced is removed */
	JOURNAL_CLEAR,	/* the layer gives up what it gave */
};

struct journal {
	enum journal_state state;
	char id[17];
	char *to;	/* the folder that is written to */
	unsigned flags; /* of commit.h */
	char **path;	/* "" is all */
	size_t npaths;
	struct step *step;
	size_t n, room;
};

/* -ENOENT: there is none. -EPROTONOSUPPORT. */
int MUST_CHECK journal_read(int layerfd, struct journal *ret);
/* On disk when it returns. */
int MUST_CHECK journal_write(int layerfd, const struct journal *j);
int MUST_CHECK journal_remove(int layerfd);
int MUST_CHECK journal_add(
	struct journal *j, enum step_kind kind, const char *path, const struct stat *was);
int MUST_CHECK journal_add_path(struct journal *j, const char *path);
void journal_release(struct journal *j);
#define _cleanup_journal_ _cleanup_(journal_release)

#endif
