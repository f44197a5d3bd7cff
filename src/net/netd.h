/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process umview-net (net/daemon/) that one or several networks of a view are in; or
 * umview-lwip (net/lwip/), which is one. */
#ifndef UM_NET_NETD_H
#define UM_NET_NETD_H

#include <sys/types.h>

#include "base/util.h"
#include "net/proto.h"
#include "net/spec.h"

struct netd;

/* Starts it with the interfaces of the specs, in its network number 0. 0 and a reference; or -errno
 * and *ret_message (malloc'ed, may be NULL): what the user is to know. */
int MUST_CHECK netd_start(
	char *const specs[], enum net_stack stack, struct netd **ret, char **ret_message);
struct netd *netd_get(struct netd *d);
/* The last one ends it. NULL is fine. */
void netd_put(struct netd *d);
/* resolv.conf by DHCP; "" */
const char *netd_resolv(const struct netd *d);
/* A child of the caller. */
pid_t netd_pid(const struct netd *d);
/* Hung up on (POLLHUP) when it is gone; not the caller's. */
int netd_fd(const struct netd *d);

/* One request of len bytes: 0 and nfds descriptors (-1 where fewer came), or -errno; -ENETDOWN when
 * it is gone. */
int MUST_CHECK netd_ask(struct netd *d, const struct net_request *rq, size_t len, int fds[],
	size_t nfds, uint32_t *ret_value);
/* A request whose answer is the connection that fd becomes. 0 or -errno. */
int MUST_CHECK netd_connect(struct netd *d, const struct net_request *rq, size_t len, int fd);

#endif
