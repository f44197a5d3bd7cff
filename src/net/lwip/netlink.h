/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink(7) sockets of the families NETLINK_ROUTE (rtnetlink(7)) and NETLINK_SOCK_DIAG
 * (sock_diag(7)). */
#ifndef UM_NET_LWIP_NETLINK_H
#define UM_NET_LWIP_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "net/lwip/endpoint.h"

extern const struct endpoint_ops netlink_endpoint;

/* An answer under way: messages that are sent together. */
struct nl_answer {
	struct endpoint *ep; /* NULL: a notification to all of `group` */
	const struct nlmsghdr *request;
	const char *why; /* with an error: a text for the user */
	uint32_t group;
	size_t len;
	struct nlmsghdr *open; /* the message that is being made */
	uint8_t buf[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* Begins a message with a fixed part of size bytes, which is returned zeroed; then its attributes;
 * then the end. */
void *nl_begin(struct nl_answer *a, uint16_t type, uint16_t flags, size_t size);
void nl_put(struct nl_answer *a, uint16_t attr, const void *data, size_t len);
void nl_put_u32(struct nl_answer *a, uint16_t attr, uint32_t value);
void nl_end(struct nl_answer *a);
/* Sends what has been made: to the asker, or to those who listen to the group. */
void nl_flush(struct stack *st, struct nl_answer *a);

/* Attributes of a request by type, up to max; NULL where it is not there or shorter than its least
 * size. False: malformed. */
struct nl_attrs {
	const struct rtattr *v[64];
};
bool MUST_CHECK nl_parse(const struct nlmsghdr *h, size_t fixed, struct nl_attrs *ret);
static inline const void *nl_data(const struct nl_attrs *a, unsigned type, size_t least)
{
	const struct rtattr *r = type < ARRAY_SIZE(a->v) ? a->v[type] : NULL;

	return r && RTA_PAYLOAD(r) >= least ? RTA_DATA(r) : NULL;
}

/* rtnetlink.c: one request; its answers but for the last one (done, acknowledgement). 0 or -errno.
 */
int rtnl_request(struct stack *st, const struct nlmsghdr *h, bool privileged, struct nl_answer *a);
/* sockdiag.c: the same. */
int sockdiag_request(
	struct stack *st, const struct nlmsghdr *h, bool privileged, struct nl_answer *a);
/* Tells who listens. */
void rtnl_notify_link(struct iface *i);
void rtnl_notify_addr(struct iface *i, const struct net_addr *addr, bool gone);
void rtnl_notify_route(struct stack *st, const struct route *r, bool gone);

#endif
