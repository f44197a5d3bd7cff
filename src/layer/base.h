/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the lower tree was when a layer first put something over it: the file `base` of a layer, by
 * which a commit finds out that the lower tree was changed meanwhile.
 *
 * Records end with a NUL byte and are only appended, each by one write(2). The first is
 * "umview-base 1"; the others are
 *
 *	AT CTIME MTIME SIZE INO MODE UID GID PATH
 *
 * with times as SECONDS.NANOSECONDS (AT is CLOCK_REALTIME_COARSE, by which file systems stamp),
 * MODE in octal with the type, PATH below the lower folder. A record is written before a name that
 * the upper has nothing for gets a copy, a whiteout or an opaque folder, and the lower has it. The
 * last record of a path counts; a torn one at the end does not. "unread PATH" follows that of a
 * file which whoever changed it could not read: what the upper has for it was made without its
 * content.
 */
#ifndef UM_LAYER_BASE_H
#define UM_LAYER_BASE_H

#include <sys/stat.h>

#include "base/util.h"

struct base_record {
	char *path;
	struct timespec at, ctime, mtime;
	off_t size;
	ino_t ino;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	size_t order;
	bool unread;
};

struct base {
	bool recorded; /* there is a file: what has no record was not in the lower tree */
	struct base_record *record; /* sorted by path */
	size_t n;
	size_t nunread; /* of them */
};

/* Opens the file for base_append() (made with its header if need be): a descriptor or -errno. */
int MUST_CHECK base_open(int layerfd);
/* st is the lower entry's. Safe against other threads and processes that append. */
int MUST_CHECK base_append(int fd, const struct stat *st, const char *path, bool unread);

/* Reads it: 0 also when there is none. -EPROTONOSUPPORT: of a newer umview. */
int MUST_CHECK base_read(int layerfd, struct base *ret);
void base_release(struct base *base);
/* NULL: no record. */
const struct base_record *base_find(const struct base *base, const char *path);
/* Is this path, or anything below it, one that could not be read? */
bool base_unread_below(const struct base *base, const char *path);
/* Is this still what the record tells? Of a folder its mode and owner count, not its times. */
bool base_same(const struct base_record *r, const struct stat *st);

int base_compare_time(struct timespec a, struct timespec b);

#endif
