/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share. */
#ifndef UM_FS_TMPFS_INTERNAL_H
#define UM_FS_TMPFS_INTERNAL_H

#include "fs/tmpfs/tmpfs.h"

enum { TMPFS_WORDS_MAX = 32 };

/* The options, split at commas. */
struct tmpfs_words {
	char *text;
	char *word[TMPFS_WORDS_MAX], *value[TMPFS_WORDS_MAX]; /* value NULL: a word alone */
	size_t n;
};

/* The kernel's own tmpfs as a descriptor of its root, in no mount namespace. -EINVAL: an option of
 * which *ret_bad is the index; -EPERM and others: it cannot be had here. */
int MUST_CHECK tmpfs_of_kernel(const struct tmpfs_words *w, size_t *ret_bad);

/* The same as a new folder below rundir, with a file system that holds the limits. */
int MUST_CHECK tmpfs_of_folder(
	const struct tmpfs_words *w, const char *rundir, struct fs **ret, size_t *ret_bad);

#endif
