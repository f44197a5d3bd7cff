/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bind mounts. */
#ifndef UM_SYS_MOUNT_BIND_H
#define UM_SYS_MOUNT_BIND_H

#include "sys/um.h"

/* Shows what is at `from` (PATH_REAL or PATH_VIRTUAL, existing) at `where` as well: a directory on
 * a directory, a file on a file. flags: MS_*, of the new mount; those of a mount of the view are
 * kept besides. 0 and *ret referenced; -ENOTDIR, -ENOMEM, -errno. */
int MUST_CHECK um_bind(struct um *um, const struct path *from, const struct path *where,
	unsigned long flags, struct mount **ret);

/* The same for a folder of the host's whose files say by user.containers.override_stat whose they
 * are, beginning with itself, or in which root of the view may say so. Others are bound as they
 * are. */
int MUST_CHECK um_bind_owned(struct um *um, const struct path *from, const struct path *where,
	unsigned long flags, struct mount **ret);

/* um_bind() with all mounts of the view below `from`, each at its place below `where` (MS_REC). c:
 * by whom, NULL for the view itself. All or nothing. */
int MUST_CHECK um_bind_all(struct um *um, struct call *c, const struct path *from,
	const struct path *where, unsigned long flags, struct mount **ret);

/* The same as um_bind() for a mount that is more than a bind. */
int MUST_CHECK um_bind_as(struct um *um, const struct path *from, const struct path *where,
	unsigned long flags, const struct mount_as *as, struct mount **ret);

#endif
