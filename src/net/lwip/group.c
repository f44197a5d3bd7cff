/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multicast groups: ip(7), ipv6(7), RFC 3678 as far as no senders are named. */
#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/endpoint.h"

#define GROUPS_MAX 20 /* of a socket: igmp_max_memberships */

struct group {
	struct group *next;
	int index; /* of the interface */
	ip_addr_t ip;
};

/* by: an address of it, or none. */
static struct iface *find_iface(struct endpoint *ep, int index, in_addr_t by)
{
	if (index)
		return iface_by_index(ep->st, index);
	if (!by)
		return ep->st->ifaces->next ? ep->st->ifaces->next : ep->st->ifaces;
	for (struct iface *i = ep->st->ifaces; i; i = i->next) {
		if (iface_find_ip4(i, by))
			return i;
	}
	return NULL;
}

/* lwIP's side, which counts. Loopback needs no telling. */
static int tell(struct iface *i, const ip_addr_t *ip, bool join)
{
	ip_addr_t a = *ip;
	err_t e;

	if (!i || !i->spec)
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

static int join(struct endpoint *ep, struct iface *i, const ip_addr_t *ip)
{
	struct group *g;
	unsigned n = 0;
	int r;

	for (g = ep->groups; g; g = g->next, n++) {
		if (g->index == iface_index(i) && ip_addr_cmp(&g->ip, ip))
			return -EADDRINUSE;
	}
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

/* MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP */
static int change_any(struct endpoint *ep, int level, bool joins, const void *value, size_t len)
{
	const int family = level == IPPROTO_IP ? AF_INET : AF_INET6;
	ip_addr_t ip = { .type = family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6 };
	struct group_req q;

	if (len < sizeof(q))
		return -EINVAL;
	memcpy(&q, value, sizeof(q));
	if (q.gr_group.ss_family != family)
		return family == AF_INET ? -EINVAL : -EADDRNOTAVAIL;
	if (family == AF_INET)
		ip_2_ip4(&ip)->addr = ((struct sockaddr_in *)&q.gr_group)->sin_addr.s_addr;
	else
		memcpy(ip_2_ip6(&ip)->addr, &((struct sockaddr_in6 *)&q.gr_group)->sin6_addr, 16);
	return change(ep, joins, (int)q.gr_interface, 0, &ip);
}

int group_option(struct endpoint *ep, int level, int option, const void *value, size_t len)
{
	const bool v4 = level == IPPROTO_IP, v6 = level == IPPROTO_IPV6 && ep->domain == AF_INET6;
	const bool stream = ep->type == SOCK_STREAM;

	if ((v4 || v6) && (option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP))
		return change_any(ep, level, option == MCAST_JOIN_GROUP, value, len);
	if (v4 && (option == IP_ADD_MEMBERSHIP || option == IP_DROP_MEMBERSHIP))
		return stream ? -EPROTO : change_v4(ep, option == IP_ADD_MEMBERSHIP, value, len);
	if (v6 && (option == IPV6_ADD_MEMBERSHIP || option == IPV6_DROP_MEMBERSHIP))
		return stream ? -EPROTO : change_v6(ep, option == IPV6_ADD_MEMBERSHIP, value, len);
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
	if (ep->ops->options)
		ep->ops->options(ep);
	return 0;
}
