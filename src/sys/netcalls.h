/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a network of the view's own (--net) changes beside socket(2). All do nothing without one. */
#ifndef UM_SYS_NETCALLS_H
#define UM_SYS_NETCALLS_H

#include "sys/um.h"

/* Is this absolute, normalized path a file that each network has its own of? ret: the path by which
 * net/net.h opens it. The caller's process decides for /proc/PID/net. */
bool netfile_name(struct call *c, const char *path, char *ret, size_t size);

/* Opens it as open(2): a descriptor or -errno. What is written there asks for CAP_NET_ADMIN. */
int MUST_CHECK netfile_open(struct call *c, const char *path, int flags);

/* Is this the socket of a resolver of the host, which would look names up by the host's network? */
bool net_hides_socket(const struct um *um, const char *path);

#endif
