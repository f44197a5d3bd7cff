/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of several names, by which they were met first. */
#ifndef UM_LAYER_TWINS_H
#define UM_LAYER_TWINS_H

#include <sys/stat.h>

#include "base/util.h"

struct twins {
	void *root; /* of tsearch(3) */
};

/* The path that this file was first asked about by. NULL: this one, or it has no other name. Where
 * there is no memory they are two files: no harm but space. */
const char *twins_first(struct twins *t, const struct stat *st, const char *path);
/* Is it such a file that was met before? Then it is linked from there, below top, to a name. path:
 * of that name, below top. */
bool twins_link(struct twins *t, const struct stat *st, int top, const char *path, int dirfd,
	const char *name);
void twins_release(struct twins *t);

#endif
