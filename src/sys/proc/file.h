/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names that lead to something the view itself makes up, whatever lies on the host's disk:
 * /proc/PID/{mounts,mountinfo,mountstats,status}, /dev/fuse, with --root /dev/loop*, and
 * what each network has its own of.
 * The path handlers ask here first, before path_resolve(), with the word as they read it.
 */
#ifndef UM_SYS_PROC_FILE_H
#define UM_SYS_PROC_FILE_H

#include <fcntl.h>

#include "sys/net/networks.h"

/* May an open with these flags, while nothing is mounted, still be of a made-up file? If not, the
 * handler CONTINUEs without reading the path. (/dev/fuse is opened O_RDWR.) */
static inline bool procfile_maybe(const struct call *c, int flags)
{
	return view_has_mounts(&c->um->view) || c->um->ids || networks_any(c->um) ||
	       ((flags & O_ACCMODE) == O_RDWR && !(flags & (O_CREAT | O_PATH)));
}

/* The same for calls that open nothing. */
static inline bool procfile_maybe_stat(const struct call *c)
{
	return view_has_mounts(&c->um->view) || c->um->ids || networks_any(c->um);
}

/* open, openat, openat2 of a made-up file: true and *ret is the verdict, the call being answered;
 * false: an ordinary path (or nothing that a view changes): go on. */
bool procfile_open(struct call *c, int dirfd, const char *word, int flags, enum verdict *ret);

/* stat family and access of a made-up file that the host may not have: true and *ret filled.
 * (Those of /proc keep the host's attributes: false.) follow: a last symlink is followed.
 * st_mode 0: it does not exist in the view, whatever the host has there (-ENOENT). */
bool procfile_stat(struct call *c, int dirfd, const char *word, bool follow, struct stat *ret);

/* readlink, readlinkat of /proc/PID/{exe,cwd,root}, /proc/PID/fd/N that lead to a virtual file:
 * the length written to buf (as readlink(2): not terminated, cut at size), or -errno;
 * 0: not ours, go on. */
ssize_t MUST_CHECK procfile_readlink(
	struct call *c, int dirfd, const char *word, char *buf, size_t size);

/*
 * Calls that change names and attributes (mkdir, unlink, rename, chown ...), each path in turn,
 * where it may be made up: true, the whole call was done, and *ret is -errno or 0. With --root
 * alone: /run/mount is the view's own, and chown of one's own files to 0 does nothing.
 */
bool procfile_change(struct call *c, int dirfd, const char *word, int *ret);

/* The text of a mount table as a task sees it; malloc'ed. -ENOMEM, -ESRCH, -EACCES. */
enum procfile_table { TABLE_MOUNTS, TABLE_MOUNTINFO, TABLE_MOUNTSTATS };
int MUST_CHECK mounttable_text(
	struct um *um, pid_t tid, enum procfile_table kind, char **ret, size_t *ret_len);

/* /proc/PID/maps or smaps, in which what is mapped of placeholders has the names, devices and inode
 * numbers of the view's files; malloc'ed. 1; 0: there are none, it is as the kernel has it. */
int MUST_CHECK maps_text(struct um *um, pid_t pid, const char *name, char **ret, size_t *ret_len);
/* Where /proc/PID/map_files/RANGE leads: 1 and the malloc'ed name, if it is a placeholder; else 0.
 */
int MUST_CHECK maps_target(struct um *um, pid_t pid, const char *range, char **ret);

#endif
