/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual owners of what cannot carry an attribute, symbolic links, fifos and sockets, and their
 * attributes that only root may set: a layer's file `links` (layer/entry.h has its form), and the
 * same in memory. Not locked.
 */
#ifndef UM_LAYER_LINKS_H
#define UM_LAYER_LINKS_H

#include <sys/stat.h>

#include "base/util.h"

struct attrs; /* layer/attrs.h */
struct links;

/* A layer without the file has none: *ret is NULL. */
int MUST_CHECK links_read(int layerfd, struct links **ret);
void links_free(struct links *links);
/* Gives a link's stat its virtual owner, by its inode number, if it has one: was there one? */
bool links_apply(const struct links *links, struct stat *st);
/* Its attributes; NULL: it has none. Until links are changed. */
const struct attrs *links_attrs(const struct links *links, ino_t ino);
/* Appends a record of an attribute: value NULL: it was removed. -ENOSPC: the file is too long. */
int MUST_CHECK links_append_attr(
	int layerfd, ino_t ino, const char *key, const void *value, size_t len);
/* The same in memory; *links may be NULL. -ENOSPC: the file has, or all have, too much. */
int MUST_CHECK links_put_attr(
	struct links **links, ino_t ino, const char *key, const void *value, size_t len);
/* A new file has the number, of which nothing holds that was said before: in memory, and in the
 * file too where layerfd is not -1. */
int MUST_CHECK links_forget(struct links *links, int layerfd, ino_t ino);
/* Appends a record. st is the virtual one, ino the link's. */
int MUST_CHECK links_append(int layerfd, ino_t ino, const struct stat *st);
/* The same in memory; *links may be NULL. */
int MUST_CHECK links_put(struct links **links, ino_t ino, const struct stat *st);

#endif
