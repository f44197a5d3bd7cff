/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks that servers keep, and leases. */
#ifndef UM_SYS_FD_LOCK_H
#define UM_SYS_FD_LOCK_H

#include "sys/fd/fd.h"

/* fcntl(2)'s F_GETLK, F_SETLK, F_SETLKW and F_OFD_*, and F32_GETLK64 and its like of i386. */
enum verdict lock_fcntl(struct vfd *v, struct call *c, int cmd);
/* Its F_SETLEASE. */
enum verdict lock_lease(struct vfd *v, struct call *c);

#endif
