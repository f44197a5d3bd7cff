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

/* ---- rtnlneigh.c ---- */

int rtnl_get_neighbours(struct rtnl *q);
int rtnl_change_neighbour(struct rtnl *q);

/* ---- rtnlconf.c ---- */

int rtnl_get_netconf(struct rtnl *q);
int rtnl_get_nsid(struct rtnl *q);
int rtnl_get_rules(struct rtnl *q);
/* Of what there is none: a dump has no end but its end. */
int rtnl_none(struct rtnl *q);

/* ---- rtnlroute.c ---- */

/* An address of a message as one of lwIP's, any where data is NULL. */
void rtnl_read_ip(int family, const void *data, ip_addr_t *ret);
void rtnl_put_route(struct nl_answer *a, const struct route *r, uint16_t type, uint16_t flags);
int rtnl_get_route(struct rtnl *q);
int rtnl_change_route(struct rtnl *q);

#endif
