/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the mount family's files share. */
#ifndef UM_SYS_MOUNT_CALLS_H
#define UM_SYS_MOUNT_CALLS_H

#include <stdio.h>

#include "sys/mount/internal.h"

bool mount_type_is_fuse(const char *type);
/* MS_* of mount(2) to those that a new mount keeps. */
unsigned long mount_flags_new(unsigned long flags);
/* The place a guest's words name, always with its canonical name. */
int MUST_CHECK mount_where(
	struct call *c, int dirfd, const char *word, unsigned flags, struct path *ret);
/* MOUNT_ATTR_* to MS_*: -EINVAL for what a view has not (idmapped mounts). */
int MUST_CHECK mount_attr_flags(uint64_t attr, unsigned long *ret);
/* Is it the root of a mount of the view, by its own mount point? */
bool path_is_mount_root(const struct path *p);
/* Is the caller in a mount namespace of its own, and this mount not made there? */
bool mount_is_foreign(struct call *c, const struct mount *m);
/* Kernel file systems that no server stands for: the kernel says what it thinks of them. */
bool mount_type_is_kernels(const char *type);
/* Those of them that are kept in memory, which a view has itself (fs/tmpfs). */
bool mount_type_is_memory(const char *type);
/* Folders over each other, which a view can do itself (fs/overlay). */
bool mount_type_is_overlay(const char *type);
/* Does the view make an overlay for a guest that could have one of the kernel's? Where rules or
 * layers lie over the host's files, which the kernel would find by the same words. */
bool mount_overlay_is_ours(struct call *c);
/* Either of them. */
bool mount_type_is_ours(const char *type);
/* Those that their servers cannot write, or not rightly (archivemount forgets what was renamed). */
bool mount_type_read_only(const char *type);
/* Another server, with new MS_* flags, for a mount that was made read-only. -EBUSY while it is in
 * use; -EACCES where that cannot be. */
int MUST_CHECK remount_writable(struct call *c, struct mount *m, unsigned long flags);
/* New MS_* flags of a mount: -EACCES when it was mounted read-only, or what writing back gave. */
int MUST_CHECK mount_set_flags(struct call *c, struct mount *m, unsigned long flags);
/* The same, and options of the file system's own: "" for none. */
int MUST_CHECK mount_remount(
	struct call *c, struct mount *m, const char *options, unsigned long flags);
/* What of its file system a mount shows, malloc'ed: mountinfo's fourth field. NULL: no memory. */
char *mount_root_name(const struct mount *m);
/* Moves a mount of the view, whose root `from` is, to a place that has a name. */
int MUST_CHECK mount_move(struct call *c, const struct path *from, const struct path *where);
/* Would mount_fuse() take this data? */
int MUST_CHECK mount_fuse_check(struct call *c, const char *data);
/* A server's mount of its open /dev/fuse. data as for mount(2). */
int MUST_CHECK mount_fuse(struct call *c, const char *source, const char *type, const char *data,
	unsigned long flags, const struct path *where);

/* Whom a mount or unmount is made for: the caller, or who started the fusermount that makes it. */
pid_t mount_server_of(struct call *c);

/* mounttable.c: the text, with each of the characters `which` in octal, as in fstab(5). */
void mount_put_octal(FILE *out, const char *s, const char *which);

/* export.c: a line that umview -F takes; malloc'ed, NULL when out of memory. */
char *mount_table_line(const char *source, const char *target, const char *type,
	const char *options, unsigned long flags);
/* The mount at this place that has no line yet gets it (taken, may be NULL). */
void mount_note_line(struct view *v, const char *target, char *line);
/* It has no line of its own: another line, or what the view was asked for, brings it. */
void mount_note_brought(struct view *v, const char *target);

#endif
