/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/net as proc(5) has it. */
#ifndef UM_NET_LWIP_PROCNET_H
#define UM_NET_LWIP_PROCNET_H

#include "net/lwip/stack.h"

/* A descriptor of a file with what "/proc/self/net/..." says now, or of the one that stands for the
 * network (NET_FILE); -ENOENT, -EACCES. */
int MUST_CHECK procnet_open(struct stack *st, const char *path, int flags);

#endif
