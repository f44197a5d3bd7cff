/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/PID/uid_map and gid_map with --root. What a virtual root calls 0 is another id to the
 * kernel, which is the only one that it lets us map.
 */
#ifndef UM_SYS_PROC_IDMAPFILE_H
#define UM_SYS_PROC_IDMAPFILE_H

#include "sys/um.h"
#include "sys/task/nsids.h"

/* open(2) of it. False: it is the kernel's. */
bool idmapfile_open(struct call *c, pid_t pid, enum nsid kind, int flags, enum verdict *ret);

#endif
