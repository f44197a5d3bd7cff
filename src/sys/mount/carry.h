/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounting where a filter outside of the view refuses mount(2) and umount2(2) before the view sees
 * them (Docker's default profile): an ioctl(2) on an open /dev/fuse carries the call instead. Our
 * own helpers use it, which exec of mount, umount and fusermount becomes there.
 */
#ifndef UM_SYS_MOUNT_CARRY_H
#define UM_SYS_MOUNT_CARRY_H

#include <stdint.h>
#include <sys/ioctl.h>

#include "engine/call.h"

struct um_carried {
	uint64_t nr; /* __NR_mount or __NR_umount2 */
	uint64_t args[6];
};

#define UM_IOC_CALL _IOW('u', 0x76, struct um_carried)

/* In the supervisor: does a filter outside refuse mount(2)? */
bool mount_is_refused(void);
/* The handler of the ioctl. */
enum verdict carry_ioctl(struct call *c);

#endif
