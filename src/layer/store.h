/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where layers are kept: $XDG_STATE_HOME/umview/layers/NAME (default ~/.local/state), with in it
 *
 *	upper/	what was changed, in overlayfs's own format
 *	work/	for whoever mounts it
 *	layer	"key=value" lines; locked (F_OFD) by whoever uses the layer
 *	base	what the lower tree was when it was first changed (layer/base.h)
 *	links	owners of symbolic links (layer/entry.h)
 *	journal	a commit that has not ended (layer/journal.h)
 *
 * LAST, beside the layers, is a symbolic link to the newest.
 */
#ifndef UM_LAYER_STORE_H
#define UM_LAYER_STORE_H

#include <sys/types.h>

#include "base/util.h"

#define LAYER_FORMAT 1
#define LAYER_LOWER_MAX 64

enum layer_use {
	LAYER_LOOK,  /* no lock */
	LAYER_READ,  /* shared with others that only read */
	LAYER_WRITE, /* alone */
	LAYER_MEND,  /* alone, to end what LAYER_WRITE is refused for */
};

struct layer {
	char *name, *path;
	int dirfd;  /* of the folder */
	int lockfd; /* of its file `layer` */
	int format;
	time_t created;
	char *of;		      /* the folder it changes, as the user said it */
	char *lower[LAYER_LOWER_MAX]; /* where the data below is, top first */
	size_t nlower;
	char *others; /* lines whose keys are not known here, kept */
};

#define LAYER_INIT                                                                                 \
	{                                                                                          \
		.dirfd = -1, .lockfd = -1                                                          \
	}
#define _cleanup_layer_ _cleanup_(layer_release)

bool layer_name_valid(const char *name);

/*
 * Opens a layer ("LAST" is the newest). 0, or -errno: -EINVAL no name of a layer, -ENOENT none of
 * that name, -EBUSY somebody uses it in a way that excludes ours, -EPROTONOSUPPORT a newer umview
 * made it, -EBADMSG its file `layer` cannot be understood. After these two *ret is filled with what
 * is known, and to be released.
 */
int MUST_CHECK layer_open(const char *name, enum layer_use use, struct layer *ret);
/* Makes an empty layer of a folder (an absolute path), locked for writing. -EEXIST. */
int MUST_CHECK layer_create(const char *name, const char *of, struct layer *ret);
void layer_release(struct layer *l);

/* Writes the file `layer` anew (l->of, lower, created, others). Keeps the lock. */
int MUST_CHECK layer_save(struct layer *l);
int MUST_CHECK layer_rename(struct layer *l, const char *name);
/* Takes the layer out of sight, then removes it; what could not be removed is told by -errno. */
int layer_remove(struct layer *l);
/* Makes it the one that LAST leads to. */
int MUST_CHECK layer_set_last(const struct layer *l);
/* Does LAST lead to it still? Another view may have begun meanwhile. */
bool layer_is_last(const struct layer *l);

/* Is it used by a view: 0 no, 1 for reading, 2 for writing; -errno. */
int MUST_CHECK layer_in_use(const struct layer *l);
/* Did a commit not come to its end? */
bool layer_interrupted(const struct layer *l);

/* A folder in it that is not a layer yet, for what is made by and by: layer_publish() gives it its
 * name, layer_remove() drops it. -EEXIST when there is a layer of that name already. */
int MUST_CHECK layer_draft(const char *name, const char *of, struct layer *ret);
int MUST_CHECK layer_publish(struct layer *l, const char *name);
/* What it is of, what is below it, and unknown lines, as another has them. */
int MUST_CHECK layer_inherit(struct layer *l, const struct layer *from);
/* Keeps what it lies on, the topmost first, if that is something else than before. */
int MUST_CHECK layer_set_lower(struct layer *l, const char *const *lower, size_t n);
/* The draft becomes the layer, at once; what the layer was is removed. */
int MUST_CHECK layer_replace(struct layer *l, struct layer *draft);

/* The name of the folder of all layers, malloc'ed; NULL: out of memory. */
char *layers_path(void);
/* The folder of all layers; made if create. A descriptor, or -errno (-ENOENT). ret_path may be
 * NULL. */
int MUST_CHECK layers_open(bool create, char **ret_path);

#endif
