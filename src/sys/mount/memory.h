/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts of file systems in memory, which need no server: tmpfs and ramfs. */
#ifndef UM_SYS_MOUNT_MEMORY_H
#define UM_SYS_MOUNT_MEMORY_H

#include "sys/um.h"
#include "view/path.h"

struct memory_request {
	const struct path *where;
	const char *source, *type, *options;
	unsigned long flags; /* MS_* of the mount */
	bool made;	     /* where nothing is: sys/mount/make.h */
	bool dry_run;	     /* see whether it could be, and no more */
};

/* 0, -ENOTDIR, -EINVAL: an option, in ret_option, else what the kernel said. */
int MUST_CHECK um_mount_memory(
	struct um *um, const struct memory_request *rq, char ret_option[256]);

#endif
