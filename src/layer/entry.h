/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One entry of an upper folder, in overlayfs's format (Documentation/filesystems/overlayfs.rst,
 * with user.* attributes) and in what fuse-overlayfs writes besides: what it stands for.
 *
 * Owner, mode and type may be virtual, by user.containers.override_stat of containers/storage:
 * "UID:GID:MODE[:TYPE]", TYPE being file, dir, symlink, pipe, socket, block-MAJOR-MINOR or
 * char-MAJOR-MINOR. Symbolic links, fifos and sockets cannot carry one; their owner stands in the
 * layer's file `links`, made as `base` is: "umview-links 1", then "INO UID:GID:MODE", INO being
 * theirs in the upper. So do their attributes that only root may set, and ACLs: "INO x NAME VALUE",
 * both in hexadecimal digits, "INO x NAME" where it was removed, and "INO -" where a new file has
 * that number. Later records hold.
 */
#ifndef UM_LAYER_ENTRY_H
#define UM_LAYER_ENTRY_H

#include <linux/limits.h>
#include <sys/stat.h>

#include "base/util.h"

#define XATTR_OVERRIDE "user.containers.override_stat"
#define XATTR_OVERLAY "user.overlay."
/* Before the names of those that only root may set, where a virtual root did. */
#define XATTR_KEPT "user.containers."

struct attrs; /* layer/attrs.h */

struct entry {
	struct stat st; /* as it is to be seen: with the virtual owner, mode and type */
	struct stat real;
	struct timespec btime; /* {0} where the file system has none */
	bool whiteout;
	bool hidden;		    /* a mark of fuse-overlayfs or aufs: no entry */
	bool opaque;		    /* of a folder: nothing below shows through */
	bool xwhiteouts;	    /* of a folder: it may hold whiteouts in the xattr form */
	bool metacopy;		    /* a file whose content is below */
	bool private;		    /* it carries attributes of the layer that mean something */
	bool origin;		    /* it carries the one by which a copy keeps its inode number */
	const struct attrs *beside; /* those that it could not carry, of `links`; NULL: none */
	char *redirect; /* where its content below is: a name, or "/" and a path from the top */
};

#define ENTRY_INIT                                                                                 \
	{                                                                                          \
		.redirect = NULL                                                                   \
	}
#define _cleanup_entry_ _cleanup_(entry_release)

struct links;

/* The name in an upper folder; parent may be NULL. links may be NULL. ours: it may be opened up for
 * the moment, where its mode keeps it from its owner; what lies below is never touched. */
int MUST_CHECK entry_read(int dirfd, const char *name, bool ours, const struct entry *parent,
	const struct links *links, struct entry *ret);
void entry_release(struct entry *e);
/* An attribute that belongs to the format, not to the file. */
bool entry_private_xattr(const char *name);
/* One that the layer itself is read by, and not kept for another (below). */
bool entry_xattr_own(const char *name);
/* The name that it is shown by, which is a part of its own. */
const char *entry_xattr_shown(const char *name);
/*
 * What an overlay whose layers lie on this one sets of the format is kept by a longer name, as the
 * kernel does: "user.overlay.overlay.opaque" for "user.overlay.opaque" ("Nesting overlayfs
 * mounts"). False: the name is none of the format's, or (-unescape) the layer's own.
 */
bool entry_xattr_escape(const char *name, char buf[XATTR_NAME_MAX + 1]);
bool entry_xattr_unescape(const char *name, char buf[XATTR_NAME_MAX + 1]);

/* The name that a ".wh.NAME" hides, or NULL; "" for the mark of an opaque folder and other marks.
 */
const char *entry_dot_wh(const char *name);

/* The text of a virtual stat, for XATTR_OVERRIDE. */
void entry_format_override(const struct stat *st, char buf[64]);
/* Sets owner, mode, type and device of st. false: not of that form. */
bool entry_parse_override(const char *text, struct stat *st);

/* A value by the name in a folder; ours: as entry_read() has it. The length, or -errno (-ENODATA:
 * none). The value is NUL-terminated. */
ssize_t MUST_CHECK entry_getxattr(
	int dirfd, const char *name, bool ours, const char *key, char *buf, size_t size);

#endif
