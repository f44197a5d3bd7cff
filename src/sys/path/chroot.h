/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chroot(2) and pivot_root(2) of a virtual root. */
#ifndef UM_SYS_PATH_CHROOT_H
#define UM_SYS_PATH_CHROOT_H

#include "sys/um.h"

/* Has the caller this capability from the view, and not from the kernel? */
bool chroot_is_virtual(struct call *c, int cap);
enum verdict chroot_virtual(struct call *c);
/* Of all that have the caller's root; their working directories stay. */
enum verdict pivot_virtual(struct call *c);

#endif
