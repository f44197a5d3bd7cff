/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes that serve a mount which is about to go, where a guest started them by itself
 * (`fuse2fs disk.img mnt`). What they do after their mount has gone (fuse2fs writes its superblock
 * once more) they shall have done when umount(2) returns: the next server of the same image may
 * start at once. The kernel does not wait, and its users lose that race at times.
 */
#ifndef UM_SYS_MOUNT_LEAVING_H
#define UM_SYS_MOUNT_LEAVING_H

#include "sys/mount/internal.h"

enum { LEAVING_MAX = 4 };

struct leaving {
	int n;
	int pidfd[LEAVING_MAX];
};

/* Before the end of the mount. c: who unmounts, or NULL; a server that itself does, or that waits
 * for the program that does, is not waited for. */
void leaving_note(struct leaving *l, struct call *c, struct fs *fs);
/* After it: until they have ended, but not for long. Releases. */
void leaving_wait(struct leaving *l, struct call *c);

#endif
