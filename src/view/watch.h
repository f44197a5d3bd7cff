/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inotify(7) on served files: the guest's own inotify descriptor watches a mirror, a real file or
 * directory in the run directory, to which what happens in the view is done as well.
 */
#ifndef UM_VIEW_WATCH_H
#define UM_VIEW_WATCH_H

#include <limits.h>

#include "view/inode.h"

struct watches; /* the mirrors, one table a supervisor */

int MUST_CHECK watches_new(const char *rundir, struct watches **ret);
void watches_free(struct watches *w);

/* The real path to watch for this inode, which the mirror is made for when there is none yet:
 * 0; -ENOSPC: a directory of more names than are mirrored, -ENOMEM, or what the server says. */
int MUST_CHECK watch_mirror(
	struct watches *w, const struct fs_req *req, struct inode *ino, char ret_path[PATH_MAX]);
/* The file system goes: watches on it end (IN_DELETE_SELF, IN_IGNORED). */
void watch_drop_fs(struct watches *w, struct fs *fs);

enum watch_event { WATCH_MODIFY, WATCH_ATTRIB, WATCH_CLOSE_WRITE, WATCH_CLOSE_NOWRITE };

/* What happened (name NULL in watch_removed: the name was taken by another). Each costs one atomic
 * read when nothing on this file system is watched. */
void watch_created(struct inode *dir, const char *name, mode_t type);
void watch_removed(struct inode *dir, const char *name, struct inode *ino, bool isdir);
void watch_renamed(struct inode *dir, const char *name, struct inode *newdir, const char *newname,
	struct inode *ino, bool exchange);
void watch_event(struct inode *ino, enum watch_event ev);

/* Is it a file that stays what it is on the host, and may be watched there? Not a folder of layers,
 * nor a file that a change would copy. */
bool watch_is_host(struct inode *ino);

/* Of files that are a layer's (an overlay's): this one, or something in this folder, is going to be
 * written to, or has come to the topmost layer. */
void watch_written(struct inode *ino);
/* Around what we do ourselves to the layers' files of a node, which has this name: what was done so
 * far is told, what we did is not. */
void watch_ours_begin(struct fs *fs);
void watch_ours_end(struct fs *fs, uint64_t nodeid, const char *name);

#endif
