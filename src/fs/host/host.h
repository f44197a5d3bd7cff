/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system of the view that shows a directory (or a file) of the host: what a bind mount is
 * made of.
 */
#ifndef UM_FS_HOST_HOST_H
#define UM_FS_HOST_HOST_H

#include "view/fs.h"

/* dir: an O_PATH descriptor of its root, taken on success; host_root: see struct fs. *ret is for
 * view_mount(), *ret_type is the root's S_IFMT. -ENOMEM, -errno. */
int MUST_CHECK hostfs_new(int dir, const char *host_root, struct fs **ret, mode_t *ret_type);

/* A read-only clone of what an O_PATH descriptor is open on and path names: a descriptor, or -errno
 * where the kernel gives none. */
int MUST_CHECK hostfs_clone_ro(int of, const char *path);

#endif
