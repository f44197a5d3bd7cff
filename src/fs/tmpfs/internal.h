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
	/* those that the kernel's is not told: of a virtual root's ids it knows nothing */
	bool ours[TMPFS_WORDS_MAX];
};

/* The kernel's own tmpfs. */
struct tmpfs_kernel {
	int root;   /* in no mount namespace */
	int userns; /* which it belongs to; -1: ours */
};

/* Makes one. -EINVAL: an option of which *ret_bad is the index; -EPERM and others: it cannot be had
 * here. */
int MUST_CHECK tmpfs_of_kernel(
	const struct tmpfs_words *w, struct tmpfs_kernel *ret, size_t *ret_bad);
/* Changes its options, as a remount does. */
int MUST_CHECK tmpfs_kernel_remount(
	const struct tmpfs_kernel *k, const struct tmpfs_words *w, bool read_only);
void tmpfs_kernel_release(struct tmpfs_kernel *k);

/* The same as a new folder below rundir, with a file system that holds the limits. */
int MUST_CHECK tmpfs_of_folder(const struct tmpfs_words *w, const struct tmpfs_request *rq,
	struct fs **ret, size_t *ret_bad);

#endif
