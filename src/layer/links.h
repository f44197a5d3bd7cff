/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual owners of what cannot carry an attribute, symbolic links, fifos and sockets: a layer's
 * file `links` (layer/entry.h has its form), and the same in memory. Not locked.
 */
#ifndef UM_LAYER_LINKS_H
#define UM_LAYER_LINKS_H

#include <sys/stat.h>

#include "base/util.h"

struct links;

/* A layer without the file has none: *ret is NULL. */
int MUST_CHECK links_read(int layerfd, struct links **ret);
void links_free(struct links *links);
/* Gives a link's stat its virtual owner, by its inode number, if it has one: was there one? */
bool links_apply(const struct links *links, struct stat *st);
/* Appends a record. st is the virtual one, ino the link's. */
int MUST_CHECK links_append(int layerfd, ino_t ino, const struct stat *st);
/* The same in memory; *links may be NULL. */
int MUST_CHECK links_put(struct links **links, ino_t ino, const struct stat *st);

#endif
