/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folders that each network has its own of: /proc/PID/net, /proc/sys/net, /sys/class/net,
 * /sys/devices/virtual/net. */
#ifndef UM_SYS_NET_NETDIR_H
#define UM_SYS_NET_NETDIR_H

#include "sys/um.h"

struct netdir;

/* From now on paths lead there (view->leads). 0 or -errno. */
int MUST_CHECK netdir_new(struct um *um, struct netdir **ret);
/* When no file of it is open any more. NULL is fine. */
void netdir_free(struct netdir *d);

#endif
