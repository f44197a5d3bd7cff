/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink(7): neighbours. */
#include <linux/neighbour.h>
#include <string.h>

#include "net/lwip/rtnl.h"

struct listing {
	struct rtnl *q;
	int family; /* AF_UNSPEC: all */
	int index;  /* 0: all */
	uint16_t type;
};

static void put_neighbour(const struct neighbour *n, void *arg)
{
	static const struct nda_cacheinfo unknown;
	const struct listing *l = arg;
	const int family = IP_IS_V4(&n->ip) ? AF_INET : AF_INET6;
	struct ndmsg *m;

	if ((l->family && l->family != family) || (l->index && l->index != iface_index(n->iface)))
		return;
	m = nl_begin(l->q->a, l->type, l->q->flags, sizeof(*m));
	m->ndm_family = (uint8_t)family;
	m->ndm_ifindex = iface_index(n->iface);
	m->ndm_state = n->state;
	m->ndm_type = RTN_UNICAST;
	nl_put(l->q->a, NDA_DST, addr_bytes(&n->ip), family == AF_INET ? 4 : 16);
	if (n->state != NUD_FAILED)
		nl_put(l->q->a, NDA_LLADDR, n->mac, 6);
	nl_put_u32(l->q->a, NDA_PROBES, 0);
	nl_put(l->q->a, NDA_CACHEINFO, &unknown, sizeof(unknown));
	nl_end(l->q->a);
}

/* Which one is spoken of: its interface and address. */
static int read_neighbour(struct rtnl *q, struct nl_attrs *at, struct neighbour *ret)
{
	const struct ndmsg *m = NLMSG_DATA(q->h);
	const void *ip;

	if (!nl_parse(q->h, sizeof(*m), at) || m->ndm_ifindex < 0)
		return -EINVAL;
	if (m->ndm_family != AF_INET && m->ndm_family != AF_INET6)
		return rtnl_refuse(q, -EAFNOSUPPORT, "this stack has neighbours of IPv4 and IPv6");
	if (!at->v[NDA_DST])
		return rtnl_refuse(q, -EINVAL, "Network address not specified");
	ip = nl_data(at, NDA_DST, m->ndm_family == AF_INET ? 4 : 16);
	if (!ip)
		return rtnl_refuse(q, -EINVAL, "Invalid network address");
	ret->iface = iface_by_index(q->st, m->ndm_ifindex);
	if (!ret->iface)
		return m->ndm_ifindex ? -ENODEV : rtnl_refuse(q, -EINVAL, "No device specified");
	rtnl_read_ip(m->ndm_family, ip, &ret->ip);
	if (IP_IS_V6(&ret->ip))
		ip6_addr_assign_zone(ip_2_ip6(&ret->ip), IP6_UNICAST, &ret->iface->netif);
	return 0;
}

static int get_one(struct rtnl *q)
{
	struct listing l = { .q = q, .type = RTM_NEWNEIGH };
	struct neighbour n = { 0 };
	struct nl_attrs at;
	int r = read_neighbour(q, &at, &n);

	if (r < 0)
		return r;
	if (neighbour_find(n.iface, &n.ip, &n) < 0)
		return rtnl_refuse(q, -ENOENT, "Neighbour entry not found");
	put_neighbour(&n, &l);
	return 0;
}

int rtnl_get_neighbours(struct rtnl *q)
{
	struct listing l = { .q = q, .type = RTM_NEWNEIGH };
	const struct ndmsg *m = NLMSG_DATA(q->h);
	const uint32_t *index;
	struct nl_attrs at;

	if (!q->flags)
		return get_one(q);
	if (q->h->nlmsg_len > NLMSG_LENGTH(0))
		l.family = m->ndm_family;
	if (nl_parse(q->h, sizeof(*m), &at)) {
		if (m->ndm_flags & NTF_PROXY)
			return 0;
		index = nl_data(&at, NDA_IFINDEX, sizeof(*index));
		l.index = index ? (int)*index : 0;
	}
	neighbours_each(q->st, put_neighbour, &l);
	return 0;
}

static void notify(struct stack *st, const struct neighbour *n, uint16_t type)
{
	struct nl_answer a = { .group = RTNLGRP_NEIGH };
	struct rtnl q = { .st = st, .a = &a };
	struct listing l = { .q = &q, .type = type };

	put_neighbour(n, &l);
	nl_flush(st, &a);
}

static int remove_neighbour(struct rtnl *q, struct neighbour *n)
{
	if (neighbour_find(n->iface, &n->ip, n) < 0)
		return -ENOENT;
	if (neighbour_remove(n) < 0)
		return rtnl_refuse(
			q, -EOPNOTSUPP, "this stack keeps the routers that it has heard of");
	n->state = NUD_FAILED;
	notify(q->st, n, RTM_NEWNEIGH);
	notify(q->st, n, RTM_DELNEIGH);
	return 0;
}

int rtnl_change_neighbour(struct rtnl *q)
{
	const struct ndmsg *m = NLMSG_DATA(q->h);
	const unsigned how = q->h->nlmsg_flags;
	struct neighbour n = { 0 }, old;
	struct nl_attrs at;
	const uint8_t *mac;
	int r = read_neighbour(q, &at, &n);

	if (r < 0)
		return r;
	if (q->h->nlmsg_type == RTM_DELNEIGH)
		return remove_neighbour(q, &n);
	if (m->ndm_flags & NTF_PROXY)
		return rtnl_refuse(q, -EOPNOTSUPP, "this stack answers for nobody else");
	r = neighbour_find(n.iface, &n.ip, &old);
	if (r < 0 && !(how & NLM_F_CREATE))
		return -ENOENT;
	if (r == 0 && how & NLM_F_EXCL)
		return -EEXIST;
	mac = nl_data(&at, NDA_LLADDR, sizeof(n.mac));
	if (at.v[NDA_LLADDR] && !mac)
		return rtnl_refuse(q, -EINVAL, "Invalid link address");
	if (!mac && r < 0)
		return rtnl_refuse(q, -EINVAL, "No link layer address given");
	memcpy(n.mac, mac ? mac : old.mac, sizeof(n.mac));
	n.state = m->ndm_state;
	r = neighbour_set(&n);
	if (r == -EOPNOTSUPP)
		return rtnl_refuse(
			q, r, "of IPv6 this stack can be told of permanent neighbours only");
	if (r == 0)
		notify(q->st, &n, RTM_NEWNEIGH);
	return r;
}
