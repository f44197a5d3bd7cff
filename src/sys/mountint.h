/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the mount family's files share: mount.c, umount.c, mountapi.c. */
#ifndef UM_SYS_MOUNTINT_H
#define UM_SYS_MOUNTINT_H

#include "sys/mountsrv_int.h"

bool mount_type_is_fuse(const char *type);
/* MS_* of mount(2) to those that a new mount keeps. */
unsigned long mount_flags_new(unsigned long flags);
/* The place a guest's words name, always with its canonical name. */
int MUST_CHECK mount_where(
	struct call *c, int dirfd, const char *word, unsigned flags, struct path *ret);
/* Is it the root of a mount of the view, by its own mount point? */
bool path_is_mount_root(const struct path *p);
/* A server's mount of its open /dev/fuse. data as for mount(2). */
int MUST_CHECK mount_fuse(struct call *c, const char *source, const char *type, const char *data,
	unsigned long flags, const struct path *where);

#endif
