/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system in memory. Where the kernel lets us make one for ourselves (in a user namespace, or
 * as root), it is the kernel's own tmpfs, which no mount namespace has: limits, numbers and errors
 * are the kernel's. Else it is a folder in the run directory, with limits as near as can be had.
 * Either way it is shown as a bind of the host's files is (fs/host): what guests open are the files
 * themselves.
 */
#ifndef UM_FS_TMPFS_TMPFS_H
#define UM_FS_TMPFS_TMPFS_H

#include "view/fs.h"

/* What a mount of it is made of; strings are borrowed. */
struct tmpfs_request {
	const char *type;    /* "tmpfs", or "ramfs": without limits */
	const char *options; /* tmpfs(5): "size=64M,nr_inodes=1k,mode=755,uid=0,gid=0" */
	const char *rundir;  /* where a folder may be made */
	bool virtual_root;   /* --root: owners and devices are kept; in a folder root's ids are the
				user's own */
};

/* *ret is for view_mount(), its root a directory. -EINVAL: an option; its words are in ret_option
 * then. */
int MUST_CHECK tmpfs_new(const struct tmpfs_request *rq, struct fs **ret, char ret_option[256]);

#endif
