/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees of files that may be hostile: every step is one name below an open folder, or a path that
 * the kernel keeps beneath one (openat2). Nothing here follows a symbolic link.
 */
#ifndef UM_LAYER_TREE_H
#define UM_LAYER_TREE_H

#include <sys/stat.h>

#include "base/util.h"

/* The names in a folder, sorted by their bytes; "." and ".." are left out. */
struct names {
	char **name;
	size_t n;
};

/* dirfd is only looked at. 0, or -errno; release in any case. */
int MUST_CHECK names_read(int dirfd, struct names *ret);
void names_release(struct names *names);
#define _cleanup_names_ _cleanup_(names_release)

/* A path beneath a folder, "" for the folder itself: an open descriptor, or -errno (-EXDEV, -ELOOP:
 * it would lead out, or over a symbolic link). */
int MUST_CHECK tree_open(int dirfd, const char *path, int flags);
/* One name, as it is. */
int MUST_CHECK tree_look_at(int dirfd, const char *name, int flags);
/* The same in what is ours to change: a file that its mode keeps from us, its owner, is opened all
 * the same. A folder whose names its mode keeps from us stays open to us: the caller gives it its
 * mode back. */
int MUST_CHECK tree_open_at(int dirfd, const char *name, int flags);
/* The same for what is asked of the file itself: its mode stays what it was. */
int MUST_CHECK tree_peek_at(int dirfd, const char *name, int flags);
/* The folder that a path is in, as tree_open() opens it, and the last name of the path. */
int MUST_CHECK tree_open_parent(int dirfd, const char *path, const char **ret_name);

/* Removes a name with all below it, whatever its modes, on the same file system. Goes on after a
 * failure: 0 (also if there is nothing), or the first -errno. */
int tree_remove(int dirfd, const char *name);
/* The same for all that is in a folder. */
int MUST_CHECK tree_empty(int dirfd);

/* "a/b": a malloc'ed path, NULL when out of memory. Either may be "". */
char *tree_join(const char *a, const char *b);
/* Is path the same as, or below, above ("" is above all)? */
bool tree_below(const char *path, const char *above);
/* Is it a relative path that stays: no "..", not empty, no empty or "." parts? */
bool tree_path_valid(const char *path);

#endif
