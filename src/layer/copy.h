/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a file, as a layer shows it, in another place. */
#ifndef UM_LAYER_COPY_H
#define UM_LAYER_COPY_H

#include "layer/attrs.h"
#include "layer/links.h"
#include "layer/walk.h"

struct copy {
	bool link; /* the same file in the upper will do, where it carries nothing of the layer's */
	bool any_owner; /* an owner that may not be given is left out, a device too */
	int layerfd;	/* -1: real owners and devices; else the folder of the layer that it is made
			 * in: what cannot be real becomes virtual (layer/entry.h) */
	bool real;	/* in a layer: but this can */
	/* in a layer from which things are removed as well: what stands beside its files by now, of
	 * which a new file may have the number. NULL: nothing is removed */
	struct links **beside;
};

/* Copies all that is in an open file to a new one: by reflink, else with its holes. */
int MUST_CHECK copy_data(int in, int out);

/*
 * Makes what a change shows, under a name that does not exist, with owner, mode, attributes and
 * times. Of a folder only an empty one that is open to us: copy_folder_end() gives it the rest.
 */
int MUST_CHECK copy_entry(const struct copy *how, struct layer_walk *w, const struct change *c,
	int dirfd, const char *name);
int MUST_CHECK copy_folder_end(const struct copy *how, const struct change *c, int fd);

/* Gives an open file or folder all of that. attrs NULL: those that it has stay. */
int MUST_CHECK copy_metadata(
	const struct copy *how, const struct stat *st, const struct attrs *attrs, int fd);
/* Makes a fifo, socket or device. */
int MUST_CHECK copy_special(const struct copy *how, const struct stat *st,
	const struct attrs *attrs, int dirfd, const char *name);
/* The same of what cannot be opened: in a layer its owner and attributes stand beside it. */
int MUST_CHECK copy_metadata_at(const struct copy *how, const struct stat *st,
	const struct attrs *attrs, int dirfd, const char *name);

#endif
