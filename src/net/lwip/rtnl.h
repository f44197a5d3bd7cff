/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of rtnetlink(7) among each other. */
#ifndef UM_NET_LWIP_RTNL_H
#define UM_NET_LWIP_RTNL_H

#include "net/lwip/netlink.h"

/* A request at hand. */
struct rtnl {
	struct stack *st;
	const struct nlmsghdr *h;
	struct nl_answer *a;
	uint16_t flags; /* of the answers: NLM_F_MULTI */
};

/* error, and what is said to the user. */
int rtnl_refuse(struct rtnl *q, int error, const char *why);

/* ---- rtnlroute.c ---- */

void rtnl_put_route(struct nl_answer *a, const struct route *r, uint16_t type, uint16_t flags);
int rtnl_get_route(struct rtnl *q);
int rtnl_change_route(struct rtnl *q);
int rtnl_get_rules(struct rtnl *q);

#endif
