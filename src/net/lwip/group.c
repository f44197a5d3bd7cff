/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multicast groups: ip(7), ipv6(7), RFC 3678. lwIP speaks IGMPv2 and MLDv1, which ask routers for a
 * whole group: which senders a socket wants to hear is looked at when something comes.
 */
#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/endpoint.h"

#define GROUPS_MAX 20  /* of a socket: igmp_max_memberships */
#define SENDERS_MAX 10 /* of a group: igmp_max_msf */

struct group {
	struct group *next;
	int index; /* of the interface */
	ip_addr_t ip;
	bool these_only; /* of the senders it hears those named, else all others */
	unsigned n;
	ip_addr_t senders[SENDERS_MAX];
};

/* by: an address of it, or none. */
static struct iface *find_iface(struct endpoint *ep, int index, in_addr_t by)
{
	if (index)
		return iface_by_index(ep->st, index);
	if (!by)
		return ep->st->ifaces->next ? ep->st->ifaces->next : ep->st->ifaces;
	return iface_with_ip4(ep->st, by);
}

/* lwIP's side, which counts. */
static int tell(struct iface *i, const ip_addr_t *ip, bool join)
{
	ip_addr_t a = *ip;
	err_t e;

	if (!i)
		return 0;
	if (IP_IS_V4(&a)) {
		e = join ? igmp_joingroup_netif(&i->netif, ip_2_ip4(&a))
			 : igmp_leavegroup_netif(&i->netif, ip_2_ip4(&a));
	} else {
		ip6_addr_assign_zone(ip_2_ip6(&a), IP6_MULTICAST, &i->netif);
		e = join ? mld6_joingroup_netif(&i->netif, ip_2_ip6(&a))
			 : mld6_leavegroup_netif(&i->netif, ip_2_ip6(&a));
	}
	return e == ERR_OK ? 0 : -ENOBUFS;
}

static struct group *find(const struct endpoint *ep, int index, const ip_addr_t *ip)
{
	struct group *g = ep->groups;

	while (g && (g->index != index || !ip_addr_cmp_zoneless(&g->ip, ip)))
		g = g->next;
	return g;
}

/* g->n: it is none of those named. */
static unsigned find_sender(const struct group *g, const ip_addr_t *sender)
{
	unsigned at = 0;

	while (at < g->n && !ip_addr_cmp_zoneless(&g->senders[at], sender))
		at++;
	return at;
}

static int join(struct endpoint *ep, struct iface *i, const ip_addr_t *ip)
{
	struct group *g;
	unsigned n = 0;
	int r;

	if (find(ep, iface_index(i), ip))
		return -EADDRINUSE;
	for (g = ep->groups; g; g = g->next)
		n++;
	g = n < GROUPS_MAX ? malloc(sizeof(*g)) : NULL;
	if (!g)
		return -ENOBUFS;
	r = tell(i, ip, true);
	if (r < 0) {
		free(g);
		return r;
	}
	*g = (struct group){ .next = ep->groups, .index = iface_index(i), .ip = *ip };
	ep->groups = g;
	return 0;
}

/* (an interface that is said by nothing is any) */
static int leave(struct endpoint *ep, struct iface *i, const ip_addr_t *ip)
{
	for (struct group **p = &ep->groups, *g; (g = *p); p = &g->next) {
		if ((i && g->index != iface_index(i)) || !ip_addr_cmp(&g->ip, ip))
			continue;
		*p = g->next;
		(void)tell(iface_by_index(ep->st, g->index), ip, false);
		free(g);
		return 0;
	}
	return -EADDRNOTAVAIL;
}

void groups_leave(struct endpoint *ep)
{
	while (ep->groups) {
		struct group *g = ep->groups;

		ep->groups = g->next;
		(void)tell(iface_by_index(ep->st, g->index), &g->ip, false);
		free(g);
	}
}

static int change(struct endpoint *ep, bool joins, int index, in_addr_t by, const ip_addr_t *ip)
{
	struct iface *i;

	if (!ip_addr_ismulticast(ip))
		return -EINVAL;
	if (!joins && !index && !by)
		return leave(ep, NULL, ip);
	i = find_iface(ep, index, by);
	if (!i)
		return -ENODEV;
	return joins ? join(ep, i, ip) : leave(ep, i, ip);
}

static int change_v4(struct endpoint *ep, bool joins, const void *value, size_t len)
{
	struct ip_mreqn m = { .imr_ifindex = 0 };
	ip_addr_t ip = { .type = IPADDR_TYPE_V4 };

	if (len < sizeof(struct ip_mreq))
		return -EINVAL;
	memcpy(&m, value, len < sizeof(m) ? len : sizeof(m));
	ip_2_ip4(&ip)->addr = m.imr_multiaddr.s_addr;
	return change(ep, joins, m.imr_ifindex, m.imr_address.s_addr, &ip);
}

static int change_v6(struct endpoint *ep, bool joins, const void *value, size_t len)
{
	ip_addr_t ip = { .type = IPADDR_TYPE_V6 };
	struct ipv6_mreq m;

	if (len < sizeof(m))
		return -EINVAL;
	memcpy(&m, value, sizeof(m));
	memcpy(ip_2_ip6(&ip)->addr, &m.ipv6mr_multiaddr, sizeof(m.ipv6mr_multiaddr));
	return change(ep, joins, (int)m.ipv6mr_interface, 0, &ip);
}

static int read_any(int family, const struct sockaddr_storage *from, ip_addr_t *ret)
{
	if (from->ss_family != family)
		return family == AF_INET ? -EINVAL : -EADDRNOTAVAIL;
	*ret = (ip_addr_t){ .type = family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6 };
	if (family == AF_INET)
		ip_2_ip4(ret)->addr = ((const struct sockaddr_in *)from)->sin_addr.s_addr;
	else
		memcpy(ip_2_ip6(ret)->addr, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	return 0;
}

/* MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP */
static int change_any(struct endpoint *ep, int family, bool joins, const void *value, size_t len)
{
	struct group_req q;
	ip_addr_t ip;
	int r;

	if (len < sizeof(q))
		return -EINVAL;
	memcpy(&q, value, sizeof(q));
	r = read_any(family, &q.gr_group, &ip);
	return r < 0 ? r : change(ep, joins, (int)q.gr_interface, 0, &ip);
}

/* ---- senders ---- */

enum sender_change { BLOCK, UNBLOCK, JOIN, LEAVE };

static int drop_sender(struct endpoint *ep, struct iface *i, struct group *g, unsigned at)
{
	if (at == g->n)
		return -EADDRNOTAVAIL;
	g->senders[at] = g->senders[--g->n];
	/* nobody to be heard: that is to have left it */
	return g->these_only && g->n == 0 ? leave(ep, i, &g->ip) : 0;
}

static int change_sender(struct endpoint *ep, enum sender_change how, struct iface *i,
	const ip_addr_t *ip, const ip_addr_t *sender)
{
	const bool these_only = how == JOIN || how == LEAVE, add = how == JOIN || how == BLOCK;
	struct group *g;
	unsigned at;
	int r;

	if (!ip_addr_ismulticast(ip))
		return -EINVAL;
	if (!i)
		return -ENODEV;
	g = find(ep, iface_index(i), ip);
	if (!g && how == JOIN) {
		r = join(ep, i, ip);
		if (r < 0)
			return r;
		g = ep->groups;
		g->these_only = true;
	}
	if (!g || (g->these_only != these_only && (g->n || g->these_only)))
		return -EINVAL;
	g->these_only = these_only;
	at = find_sender(g, sender);
	if (!add)
		return drop_sender(ep, i, g, at);
	if (at < g->n)
		return -EADDRNOTAVAIL;
	if (g->n == SENDERS_MAX)
		return -ENOBUFS;
	g->senders[g->n++] = *sender;
	return 0;
}

/* IP_ADD_SOURCE_MEMBERSHIP and the like */
static int change_sender_v4(
	struct endpoint *ep, enum sender_change how, const void *value, size_t len)
{
	ip_addr_t ip = { .type = IPADDR_TYPE_V4 }, sender = { .type = IPADDR_TYPE_V4 };
	struct ip_mreq_source m;

	if (len < sizeof(m))
		return -EINVAL;
	memcpy(&m, value, sizeof(m));
	ip_2_ip4(&ip)->addr = m.imr_multiaddr.s_addr;
	ip_2_ip4(&sender)->addr = m.imr_sourceaddr.s_addr;
	return change_sender(ep, how, find_iface(ep, 0, m.imr_interface.s_addr), &ip, &sender);
}

/* MCAST_JOIN_SOURCE_GROUP and the like */
static int change_sender_any(
	struct endpoint *ep, int family, enum sender_change how, const void *value, size_t len)
{
	struct group_source_req q;
	ip_addr_t ip, sender;
	int r;

	if (len < sizeof(q))
		return -EINVAL;
	memcpy(&q, value, sizeof(q));
	r = read_any(family, &q.gsr_group, &ip);
	if (r == 0)
		r = read_any(family, &q.gsr_source, &sender);
	return r < 0 ? r
		     : change_sender(
			       ep, how, find_iface(ep, (int)q.gsr_interface, 0), &ip, &sender);
}

bool group_hears(const struct endpoint *ep, const ip_addr_t *sender)
{
	const ip_addr_t *ip = ip_current_dest_addr();
	const struct group *g;

	if (!ip_addr_ismulticast(ip))
		return true;
	g = find(ep, netif_get_index(ip_current_input_netif()), ip);
	if (!g)
		return ep->opt.mcast_all;
	return (find_sender(g, sender) < g->n) == g->these_only;
}

/* ---- setsockopt(2) ---- */

static int any_option(struct endpoint *ep, int family, int option, const void *value, size_t len)
{
	switch (option) {
	case MCAST_JOIN_GROUP:
	case MCAST_LEAVE_GROUP:
		return change_any(ep, family, option == MCAST_JOIN_GROUP, value, len);
	case MCAST_BLOCK_SOURCE:
		return change_sender_any(ep, family, BLOCK, value, len);
	case MCAST_UNBLOCK_SOURCE:
		return change_sender_any(ep, family, UNBLOCK, value, len);
	case MCAST_JOIN_SOURCE_GROUP:
		return change_sender_any(ep, family, JOIN, value, len);
	case MCAST_LEAVE_SOURCE_GROUP:
		return change_sender_any(ep, family, LEAVE, value, len);
	default:
		return -ENOPROTOOPT;
	}
}

static int v4_option(struct endpoint *ep, int option, const void *value, size_t len)
{
	switch (option) {
	case IP_ADD_MEMBERSHIP:
	case IP_DROP_MEMBERSHIP:
		if (ep->type == SOCK_STREAM)
			return -EPROTO;
		return change_v4(ep, option == IP_ADD_MEMBERSHIP, value, len);
	case IP_BLOCK_SOURCE:
		return change_sender_v4(ep, BLOCK, value, len);
	case IP_UNBLOCK_SOURCE:
		return change_sender_v4(ep, UNBLOCK, value, len);
	case IP_ADD_SOURCE_MEMBERSHIP:
		return change_sender_v4(ep, JOIN, value, len);
	case IP_DROP_SOURCE_MEMBERSHIP:
		return change_sender_v4(ep, LEAVE, value, len);
	default:
		return any_option(ep, AF_INET, option, value, len);
	}
}

static int v6_option(struct endpoint *ep, int option, const void *value, size_t len)
{
	switch (option) {
	case IPV6_ADD_MEMBERSHIP:
	case IPV6_DROP_MEMBERSHIP:
		if (ep->type == SOCK_STREAM)
			return -EPROTO;
		return change_v6(ep, option == IPV6_ADD_MEMBERSHIP, value, len);
	default:
		return any_option(ep, AF_INET6, option, value, len);
	}
}

int group_option(struct endpoint *ep, int level, int option, const void *value, size_t len)
{
	if (level == IPPROTO_IP)
		return v4_option(ep, option, value, len);
	if (level == IPPROTO_IPV6 && ep->domain == AF_INET6)
		return v6_option(ep, option, value, len);
	return -ENOPROTOOPT;
}

int group_set_iface(struct endpoint *ep, int level, const void *value, size_t len)
{
	struct ip_mreqn m = { .imr_ifindex = 0 };
	struct iface *i;
	int index;

	if (level == IPPROTO_IPV6 || len == sizeof(struct in_addr)) {
		if (len < sizeof(index))
			return -EINVAL;
		memcpy(&index, value, sizeof(index));
		if (level == IPPROTO_IP)
			m.imr_address.s_addr = (in_addr_t)index;
		else
			m.imr_ifindex = index;
	} else if (len >= sizeof(struct ip_mreq)) {
		memcpy(&m, value, len < sizeof(m) ? len : sizeof(m));
	} else {
		return -EINVAL;
	}
	i = m.imr_ifindex || m.imr_address.s_addr
		    ? find_iface(ep, m.imr_ifindex, m.imr_address.s_addr)
		    : NULL;
	if (!i && (m.imr_ifindex || m.imr_address.s_addr))
		return -EADDRNOTAVAIL;
	ep->opt.mcast_if = i ? iface_index(i) : 0;
	ep->opt.mcast_addr = m.imr_address.s_addr;
	if (ep->ops->options)
		ep->ops->options(ep);
	return 0;
}
