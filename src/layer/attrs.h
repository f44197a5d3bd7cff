/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The extended attributes of a file, those of the layer's format left out. */
#ifndef UM_LAYER_ATTRS_H
#define UM_LAYER_ATTRS_H

#include "base/util.h"

struct attrs {
	struct attr {
		char *key;
		char *value;
		size_t len;
		bool kept; /* it stands there by a longer name: a virtual root set it */
	} * attr;	   /* sorted by key */
	size_t n;
};

/* Of a regular file or folder. 0, or -errno; where a file system has none there are none. */
int MUST_CHECK attrs_read(int dirfd, const char *name, bool ours, struct attrs *ret);
/* Is it one that these are of: not of the format, and not the system's? */
bool attrs_wanted(const char *key);
void attrs_release(struct attrs *a);
#define _cleanup_attrs_ _cleanup_(attrs_release)
bool attrs_equal(const struct attrs *a, const struct attrs *b);
int MUST_CHECK attrs_add(struct attrs *a, const char *key, const void *value, size_t len);
/* The same in the place of one that is there. */
int MUST_CHECK attrs_put(struct attrs *a, const char *key, const void *value, size_t len);
/* Without it, if it is there. */
void attrs_drop(struct attrs *a, const char *key);
/* NULL: it is not there. */
const struct attr *attrs_find(const struct attrs *a, const char *key);
/* As attrs_read() for what an entry says: of what is no file or folder also what stands beside it.
 */
struct entry;
int MUST_CHECK attrs_of_entry(
	int dirfd, const char *name, bool ours, const struct entry *e, struct attrs *ret);

/* Gives an open file these and no others. What may not be set by this user (trusted.*, security.*)
 * is left as it is. kept: it is a layer's file, where those of the format that are another's have
 * longer names (layer/entry.h), and so has what may not be set; elsewhere what is not wanted is not
 * set. */
int MUST_CHECK attrs_write(int fd, const struct attrs *a, bool kept);

#endif
