/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Brings what a layer changed into the tree below, or into another folder: all of it or nothing.
 *
 *	commit_open(), commit_plan(), then commit_run() if what it found is acceptable;
 *	or commit_open(), commit_load(), then commit_resume() or commit_undo().
 */
#ifndef UM_LAYER_COMMIT_H
#define UM_LAYER_COMMIT_H

#include "layer/base.h"
#include "layer/journal.h"
#include "layer/walk.h"

enum {
	COMMIT_OURS = 1,      /* what was changed on both sides becomes as the layer has it */
	COMMIT_THEIRS = 2,    /* it stays as the tree below has it */
	COMMIT_FORCE = 4,     /* OURS, and owners and devices that may not be made are left out */
	COMMIT_ELSEWHERE = 8, /* into another folder: the layer stays as it is */
};

struct commit {
	struct layer *layer;
	struct layer_walk *walk;
	int target;
	struct journal j;
	struct base base;
	struct conflict {
		char *path;
		const char *why;
	} * conflict;
	size_t nconflicts;
	/* what this user may not make, and the first of them (malloc'ed) */
	size_t nforbidden;
	char *forbidden;
	/* what is not replaced or removed, since the layer was made without its content */
	size_t nunread;
	char *unread;
	/* after a failure: where (malloc'ed) */
	char *where;
	size_t total;						/* entries to be made */
	void (*progress)(void *arg, size_t done, size_t total); /* may be NULL */
	void *arg;
	struct stage *stage; /* commit-stage.c's own */
};

#define COMMIT_INIT                                                                                \
	{                                                                                          \
		.target = -1                                                                       \
	}

/* to: an absolute path of a folder. Releases by commit_release() in any case. */
int MUST_CHECK commit_open(
	struct commit *k, struct layer *l, struct layer_walk *w, const char *to, unsigned flags);
void commit_release(struct commit *k);
/* Makes the steps, changes nothing. -ENOTSUP: a path (k->where) is in a folder that goes as a
 * whole. */
int MUST_CHECK commit_plan(struct commit *k);
/* On failure all is as before, unless *ret_stuck: then what undoes or ends it is for later.
 * -ESTALE: the tree below was changed meanwhile (k->where). */
int MUST_CHECK commit_run(struct commit *k, bool *ret_stuck);

/* Of a commit that was interrupted; k->j tells about it. */
int MUST_CHECK commit_load(struct layer *l, struct journal *ret);
/* -EAGAIN: nothing had been changed yet, and is not now: begin again. */
int MUST_CHECK commit_resume(struct commit *k);
/* -EALREADY: it is past that; resume it. */
int MUST_CHECK commit_undo(struct commit *k);

/* Between its parts. */
int MUST_CHECK commit_stage(struct commit *k);
int MUST_CHECK step_apply(struct commit *k, size_t i);
int MUST_CHECK step_undo(struct commit *k, size_t i);
int MUST_CHECK step_clean(struct commit *k, size_t i);
/* Sets metadata as the layer has it: of a folder at the end. */
int MUST_CHECK step_metadata(struct commit *k, size_t i);
/* The folder that a step's name is in (a descriptor, for a folder itself that one), its name ("."
 * for that), and that under which the step keeps what it has to. */
#define STEP_TMP_MAX 64
#define STEP_TMP                                                                                   \
	".umview-%s-" /* A folder whose owner the layer left alone: where it is made elsewhere, on \
		       * the way to what was changed in it, and this user cannot give it that      \
		       * owner, it is his. */
bool commit_keeps_owner(const struct change *c);
/* what it begins with: the journal's id */
int MUST_CHECK step_open(
	struct commit *k, size_t i, const char **ret_name, char ret_tmp[STEP_TMP_MAX]);
bool commit_includes(const struct commit *k, const char *path);
bool commit_leads_to(const struct commit *k, const char *path);
int commit_failed(struct commit *k, const char *path, int err);

#endif
