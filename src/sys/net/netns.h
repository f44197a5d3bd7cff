/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ip-netns(8) makes of networks: names for them, in /run/netns. With --root alone. */
#ifndef UM_SYS_NET_NETNS_H
#define UM_SYS_NET_NETNS_H

#include "sys/um.h"

/* mkdir(2), whose path is argument `arg`, of /run/netns by who is root in the view and not outside:
 * true when it was answered. */
bool netns_mkdir(struct call *c, int arg, int *ret);
/* mount(2): a bind of /proc/PID/ns/net, or a sysfs on /sys, which shows the caller's network in any
 * case. */
bool netns_mount(struct call *c, const char *source, const char *target, const char *type,
	unsigned long flags, int *ret);

#endif
