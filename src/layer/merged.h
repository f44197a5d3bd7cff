/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies below a layer: a folder, or several whose entries show through each other as overlayfs
 * has it. A struct merged is one folder of the merged tree: a descriptor for each place that it is
 * made of, top first.
 */
#ifndef UM_LAYER_MERGED_H
#define UM_LAYER_MERGED_H

#include "layer/entry.h"
#include "layer/store.h"
#include "layer/tree.h"

struct merged {
	int n;
	struct merged_level {
		int fd;
		int root;	    /* which of the layer's lower folders it is in */
		struct entry entry; /* of the folder itself; its redirect is not kept */
	} level[LAYER_LOWER_MAX];
};

void merged_release(struct merged *m);
void merged_free(struct merged *m);
#define _cleanup_merged_ _cleanup_(merged_cleanup)
static inline void merged_cleanup(struct merged **m)
{
	merged_free(*m);
}

/* The top of it, malloc'ed. -ENOENT: *ret_missing (one of l's strings) is not there. */
int MUST_CHECK merged_open(const struct layer *l, struct merged **ret, const char **ret_missing);
/* A name: in *ret_level the place that it is seen in. -ENOENT. */
int MUST_CHECK merged_lookup(
	const struct merged *m, const char *name, int *ret_level, struct entry *ret);
/* A folder in it; root is the top. -ENOENT, -ENOTDIR. */
int MUST_CHECK merged_enter(
	const struct merged *root, const struct merged *m, const char *name, struct merged **ret);
/* A path ("" is the top) that leads to a folder. */
int MUST_CHECK merged_walk(const struct merged *root, const char *path, struct merged **ret);
/* All names that are seen, sorted. */
int MUST_CHECK merged_names(const struct merged *m, struct names *ret);
/* Where the content of a file is, that an entry (whose content is below) is for: by its name here
 * or its redirect. */
int MUST_CHECK merged_content(const struct merged *root, const struct merged *m, const char *name,
	const struct entry *e, int *ret_fd);

/* The names of both, sorted, each once. */
int MUST_CHECK names_join(const struct names *a, const struct names *b, struct names *ret);

#endif
