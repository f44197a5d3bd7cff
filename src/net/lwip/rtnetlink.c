/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink(7): what iproute2, getifaddrs(3) and if_nameindex(3) ask, and what they change. */
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <lwip/etharp.h>
#include <lwip/priv/nd6_priv.h>
#include <net/if_arp.h>
#include <string.h>

#include "net/lwip/rtnl.h"

#define OPERSTATE_UNKNOWN 0
#define OPERSTATE_DOWN 2
#define OPERSTATE_UP 6
#define LOWER_UP (1 << 16)
#define MTU_LEAST 68
#define MTU_MOST 65535

int rtnl_refuse(struct rtnl *q, int error, const char *why)
{
	q->a->why = why;
	return error;
}

/* ---- links ---- */

static void put_link(struct nl_answer *a, const struct iface *i, uint16_t type, uint16_t flags)
{
	static const uint8_t all_ones[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, zero[6];
	const struct rtnl_link_stats64 stats = { .rx_packets = i->rx.packets,
		.tx_packets = i->tx.packets,
		.rx_bytes = i->rx.bytes,
		.tx_bytes = i->tx.bytes,
		.rx_dropped = i->rx.dropped,
		.tx_dropped = i->tx.dropped };
	const bool on = i->admin_up && i->carrier;
	const uint8_t operstate = !on ? OPERSTATE_DOWN : i->spec ? OPERSTATE_UP : OPERSTATE_UNKNOWN;
	struct ifinfomsg *m = nl_begin(a, type, flags, sizeof(*m));
	const uint8_t carrier = on, mode = 0; /* DEFAULT */

	m->ifi_family = AF_UNSPEC;
	m->ifi_type = i->spec ? ARPHRD_ETHER : ARPHRD_LOOPBACK;
	m->ifi_index = iface_index(i);
	m->ifi_flags = iface_flags(i) | (on ? LOWER_UP : 0);
	nl_put(a, IFLA_IFNAME, i->name, strlen(i->name) + 1);
	nl_put_u32(a, IFLA_TXQLEN, 1000);
	nl_put(a, IFLA_OPERSTATE, &operstate, 1);
	nl_put(a, IFLA_LINKMODE, &mode, 1);
	nl_put_u32(a, IFLA_MTU, i->spec ? i->netif.mtu : 65536);
	nl_put_u32(a, IFLA_MIN_MTU, i->spec ? MTU_LEAST : 0);
	nl_put_u32(a, IFLA_MAX_MTU, i->spec ? MTU_MOST : 0);
	nl_put_u32(a, IFLA_GROUP, 0);
	nl_put_u32(a, IFLA_PROMISCUITY, 0);
	nl_put_u32(a, IFLA_NUM_TX_QUEUES, 1);
	nl_put_u32(a, IFLA_NUM_RX_QUEUES, 1);
	nl_put(a, IFLA_CARRIER, &carrier, 1);
	nl_put(a, IFLA_QDISC, "noqueue", sizeof("noqueue"));
	nl_put(a, IFLA_ADDRESS, i->spec ? i->netif.hwaddr : zero, 6);
	nl_put(a, IFLA_BROADCAST, i->spec ? all_ones : zero, 6);
	nl_put(a, IFLA_STATS64, &stats, sizeof(stats));
	nl_end(a);
}

static struct iface *find_link(struct rtnl *q, const struct ifinfomsg *m, const struct nl_attrs *at)
{
	const char *name = nl_data(at, IFLA_IFNAME, 1);
	char word[IFNAMSIZ] = "";

	if (m->ifi_index)
		return iface_by_index(q->st, m->ifi_index);
	if (!name)
		return NULL;
	memcpy(word, name,
		RTA_PAYLOAD(at->v[IFLA_IFNAME]) < IFNAMSIZ ? RTA_PAYLOAD(at->v[IFLA_IFNAME])
							   : IFNAMSIZ - 1);
	return iface_by_name(q->st, word);
}

static int get_link(struct rtnl *q)
{
	struct nl_attrs at;
	struct iface *i;

	if (q->flags) {
		for (i = q->st->ifaces; i; i = i->next)
			put_link(q->a, i, RTM_NEWLINK, q->flags);
		return 0;
	}
	if (!nl_parse(q->h, sizeof(struct ifinfomsg), &at))
		return -EINVAL;
	i = find_link(q, NLMSG_DATA(q->h), &at);
	if (!i)
		return -ENODEV;
	put_link(q->a, i, RTM_NEWLINK, 0);
	return 0;
}

static int rename_link(struct rtnl *q, struct iface *i, const struct rtattr *name)
{
	char word[IFNAMSIZ] = "";
	struct iface *other;

	memcpy(word, RTA_DATA(name),
		RTA_PAYLOAD(name) < IFNAMSIZ ? RTA_PAYLOAD(name) : IFNAMSIZ - 1);
	other = iface_by_name(q->st, word);
	if (other == i)
		return 0;
	if (other)
		return -EEXIST;
	if (!word[0] || strpbrk(word, "/ :") || i == q->st->ifaces)
		return -EINVAL;
	if (i->admin_up)
		return -EBUSY;
	memcpy(i->name, word, IFNAMSIZ);
	return 0;
}

static int set_link(struct rtnl *q)
{
	const struct ifinfomsg *m = NLMSG_DATA(q->h);
	const uint32_t *mtu;
	const uint8_t *mac;
	struct nl_attrs at;
	struct iface *i;
	int r = 0;

	if (!nl_parse(q->h, sizeof(*m), &at))
		return -EINVAL;
	i = find_link(q, m, &at);
	if (!i && at.v[IFLA_LINKINFO])
		return rtnl_refuse(
			q, -EOPNOTSUPP, "the interfaces of this stack are those of --net");
	if (!i)
		return -ENODEV;
	mtu = nl_data(&at, IFLA_MTU, sizeof(*mtu));
	if (mtu && *mtu < MTU_LEAST)
		return rtnl_refuse(q, -EINVAL, "mtu less than device minimum");
	if (mtu && *mtu > MTU_MOST)
		return rtnl_refuse(q, -EINVAL, "mtu greater than device maximum");
	if (mtu)
		i->netif.mtu = i->netif.mtu6 = (u16_t)*mtu;
	mac = nl_data(&at, IFLA_ADDRESS, 6);
	if (mac && (mac[0] & 1 || !i->spec))
		return -EADDRNOTAVAIL;
	if (mac)
		memcpy(i->netif.hwaddr, mac, 6);
	iface_changed(i);
	if (at.v[IFLA_IFNAME] && m->ifi_index)
		r = rename_link(q, i, at.v[IFLA_IFNAME]);
	if (r == 0 && (m->ifi_change & IFF_UP || m->ifi_flags & IFF_UP))
		iface_set_up(i, m->ifi_flags & IFF_UP);
	if (r == 0)
		rtnl_notify_link(i);
	return r;
}

/* ---- addresses ---- */

static void put_addr(struct nl_answer *a, const struct iface *i, const struct net_addr *addr,
	uint32_t ifa_flags, uint16_t type, uint16_t flags)
{
	const struct ifa_cacheinfo forever = { .ifa_prefered = UINT32_MAX,
		.ifa_valid = UINT32_MAX };
	const size_t len = addr->family == AF_INET ? 4 : 16;
	struct ifaddrmsg *m = nl_begin(a, type, flags, sizeof(*m));
	const bool local = IN6_IS_ADDR_LINKLOCAL(&addr->v6);

	m->ifa_family = (uint8_t)addr->family;
	m->ifa_prefixlen = (uint8_t)addr->prefix;
	m->ifa_flags = (uint8_t)ifa_flags;
	m->ifa_scope = !i->spec				   ? RT_SCOPE_HOST
		       : addr->family == AF_INET6 && local ? RT_SCOPE_LINK
							   : RT_SCOPE_UNIVERSE;
	m->ifa_index = (uint32_t)iface_index(i);
	nl_put(a, IFA_ADDRESS, &addr->v6, len);
	if (addr->family == AF_INET) {
		nl_put(a, IFA_LOCAL, &addr->v4, len);
		if (i->spec && addr->prefix < 31)
			nl_put_u32(a, IFA_BROADCAST,
				addr->v4.s_addr |
					(addr->prefix ? ~htonl(~0u << (32 - addr->prefix)) : ~0u));
		nl_put(a, IFA_LABEL, i->name, strlen(i->name) + 1);
	}
	nl_put_u32(a, IFA_FLAGS, ifa_flags);
	nl_put(a, IFA_CACHEINFO, &forever, sizeof(forever));
	nl_end(a);
}

static void put_addrs(struct rtnl *q, const struct iface *i, int family)
{
	struct net_addr addr = { .family = AF_INET };
	const struct netif *n;

	for (int secondary = 0; family != AF_INET6 && secondary < 2; secondary++) {
		for (size_t k = 0; (n = iface_ip4(i, k)); k++) {
			if ((iface_primary(i, n) != n) != secondary)
				continue;
			addr.v4.s_addr = netif_ip4_addr(n)->addr;
			addr.prefix = __builtin_popcount(netif_ip4_netmask(n)->addr);
			put_addr(q->a, i, &addr,
				IFA_F_PERMANENT | (secondary ? IFA_F_SECONDARY : 0), RTM_NEWADDR,
				q->flags);
		}
	}
	/* those of wider scope first */
	for (int n6 = 0; family != AF_INET && n6 < 2 * LWIP_IPV6_NUM_ADDRESSES; n6++) {
		const int k = n6 % LWIP_IPV6_NUM_ADDRESSES;
		const ip6_addr_t *ip = netif_ip6_addr(&i->netif, k);

		if (!ip6_addr_isvalid(netif_ip6_addr_state(&i->netif, k)) ||
			ip6_addr_islinklocal(ip) != (n6 >= LWIP_IPV6_NUM_ADDRESSES))
			continue;
		addr.family = AF_INET6;
		addr.prefix = (int)route_prefix6(i, ip);
		memcpy(&addr.v6, ip->addr, sizeof(addr.v6));
		put_addr(q->a, i, &addr, IFA_F_PERMANENT, RTM_NEWADDR, q->flags);
	}
}

static int get_addr(struct rtnl *q)
{
	const struct ifaddrmsg *m = NLMSG_DATA(q->h);
	const bool whole = q->h->nlmsg_len >= NLMSG_LENGTH(sizeof(*m));
	const int family = q->h->nlmsg_len > NLMSG_LENGTH(0) ? m->ifa_family : AF_UNSPEC;

	if (!q->flags)
		return -EOPNOTSUPP;
	for (const struct iface *i = q->st->ifaces; i; i = i->next) {
		if (!whole || !m->ifa_index || (int)m->ifa_index == iface_index(i))
			put_addrs(q, i, family);
	}
	return 0;
}

static int change_addr(struct rtnl *q)
{
	const struct ifaddrmsg *m = NLMSG_DATA(q->h);
	struct net_addr addr = { 0 };
	struct nl_attrs at;
	struct iface *i;
	const void *ip;
	size_t len;
	int r;

	if (!nl_parse(q->h, sizeof(*m), &at) ||
		(m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return -EINVAL;
	len = m->ifa_family == AF_INET ? 4 : 16;
	ip = nl_data(&at, IFA_LOCAL, len);
	if (!ip)
		ip = nl_data(&at, IFA_ADDRESS, len);
	i = iface_by_index(q->st, (int)m->ifa_index);
	if (!i)
		return rtnl_refuse(q, -ENODEV, "no such interface");
	if (!ip || m->ifa_prefixlen > 8 * len)
		return -EINVAL;
	addr.family = m->ifa_family;
	addr.prefix = m->ifa_prefixlen;
	memcpy(&addr.v6, ip, len);
	if (q->h->nlmsg_type == RTM_DELADDR) {
		r = iface_del_ip(i, &addr);
		return r == -EADDRNOTAVAIL
			       ? rtnl_refuse(q, r,
					 addr.family == AF_INET ? "ipv4: Address not found"
								: "ipv6: address not found")
			       : r;
	}
	r = iface_add_ip(i, &addr);
	if (r == -EEXIST && q->h->nlmsg_flags & NLM_F_REPLACE)
		return 0;
	if (r == -EEXIST)
		return rtnl_refuse(q, r,
			addr.family == AF_INET ? "ipv4: Address already assigned"
					       : "ipv6: address already assigned");
	if (r == -ENOBUFS)
		return rtnl_refuse(q, r, "no room for more addresses");
	return r;
}

/* ---- neighbours ---- */

static void put_neighbour(
	struct rtnl *q, const struct iface *i, int family, const void *ip, const uint8_t *mac)
{
	struct ndmsg *m = nl_begin(q->a, RTM_NEWNEIGH, q->flags, sizeof(*m));

	m->ndm_family = (uint8_t)family;
	m->ndm_ifindex = iface_index(i);
	m->ndm_state = NUD_REACHABLE;
	m->ndm_type = RTN_UNICAST;
	nl_put(q->a, NDA_DST, ip, family == AF_INET ? 4 : 16);
	nl_put(q->a, NDA_LLADDR, mac, 6);
	nl_end(q->a);
}

static int get_neighbours(struct rtnl *q)
{
	const struct ndmsg *m = NLMSG_DATA(q->h);
	const int family = q->h->nlmsg_len > NLMSG_LENGTH(0) ? m->ndm_family : AF_UNSPEC;

	if (!q->flags)
		return -EOPNOTSUPP;
	for (size_t k = 0; family != AF_INET6 && k < ARP_TABLE_SIZE; k++) {
		struct eth_addr *mac;
		struct netif *n;
		ip4_addr_t *ip;

		if (etharp_get_entry(k, &ip, &n, &mac))
			put_neighbour(q, iface_by_index(q->st, netif_get_index(n)), AF_INET,
				&ip->addr, mac->addr);
	}
	for (size_t k = 0; family != AF_INET && k < LWIP_ND6_NUM_NEIGHBORS; k++) {
		const struct nd6_neighbor_cache_entry *e = &neighbor_cache[k];

		if (e->netif && e->state != ND6_NO_ENTRY && e->state != ND6_INCOMPLETE)
			put_neighbour(q, iface_by_index(q->st, netif_get_index(e->netif)), AF_INET6,
				e->next_hop_address.addr, e->lladdr);
	}
	return 0;
}

/* ---- all of them ---- */

static int change_neighbour(struct rtnl *q)
{
	return rtnl_refuse(q, -EOPNOTSUPP, "this stack finds its neighbours by itself");
}

static int delete_link(struct rtnl *q)
{
	return rtnl_refuse(q, -EOPNOTSUPP, "the interfaces of this stack are those of --net");
}

/* What number another network has here: none has one. */
static int get_nsid(struct rtnl *q)
{
	const int32_t none = NETNSA_NSID_NOT_ASSIGNED;
	struct rtgenmsg *m;
	struct nl_attrs at;

	if (q->flags)
		return 0;
	if (!nl_parse(q->h, sizeof(*m), &at))
		return -EINVAL;
	if (!at.v[NETNSA_PID] && !at.v[NETNSA_FD] && !at.v[NETNSA_NSID])
		return rtnl_refuse(q, -EINVAL, "Peer netns reference is missing");
	m = nl_begin(q->a, RTM_NEWNSID, 0, sizeof(*m));
	m->rtgen_family = AF_UNSPEC;
	nl_put(q->a, NETNSA_NSID, &none, sizeof(none));
	nl_end(q->a);
	return 0;
}

static int nothing(UNUSED struct rtnl *q)
{
	return 0;
}

static const struct {
	uint16_t type;
	bool change;
	int (*fn)(struct rtnl *q);
} requests[] = {
	{ RTM_GETLINK, false, get_link },
	{ RTM_NEWLINK, true, set_link },
	{ RTM_SETLINK, true, set_link },
	{ RTM_DELLINK, true, delete_link },
	{ RTM_GETADDR, false, get_addr },
	{ RTM_NEWADDR, true, change_addr },
	{ RTM_DELADDR, true, change_addr },
	{ RTM_GETROUTE, false, rtnl_get_route },
	{ RTM_NEWROUTE, true, rtnl_change_route },
	{ RTM_DELROUTE, true, rtnl_change_route },
	{ RTM_GETNEIGH, false, get_neighbours },
	{ RTM_NEWNEIGH, true, change_neighbour },
	{ RTM_DELNEIGH, true, change_neighbour },
	{ RTM_GETRULE, false, rtnl_get_rules },
	{ RTM_GETQDISC, false, nothing },
	{ RTM_GETNSID, false, get_nsid },
};

int rtnl_request(struct stack *st, const struct nlmsghdr *h, bool privileged, struct nl_answer *a)
{
	struct rtnl q = { .st = st,
		.h = h,
		.a = a,
		.flags = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP ? NLM_F_MULTI : 0 };

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (requests[i].type != h->nlmsg_type)
			continue;
		/* those that change have no dumps: the bits mean other things there */
		if (requests[i].change)
			q.flags = 0;
		return requests[i].change && !privileged ? -EPERM : requests[i].fn(&q);
	}
	return -EOPNOTSUPP;
}

void rtnl_notify_link(struct iface *i)
{
	struct nl_answer a = { .group = RTNLGRP_LINK };

	put_link(&a, i, RTM_NEWLINK, 0);
	nl_flush(i->stack, &a);
}

void rtnl_notify_addr(struct iface *i, const struct net_addr *addr, bool gone)
{
	struct nl_answer a = { .group = addr->family == AF_INET ? RTNLGRP_IPV4_IFADDR
								: RTNLGRP_IPV6_IFADDR };

	put_addr(&a, i, addr, IFA_F_PERMANENT, gone ? RTM_DELADDR : RTM_NEWADDR, 0);
	nl_flush(i->stack, &a);
}

void rtnl_notify_route(struct stack *st, const struct route *r, bool gone)
{
	struct nl_answer a = { .group = r->family == AF_INET ? RTNLGRP_IPV4_ROUTE
							     : RTNLGRP_IPV6_ROUTE };

	rtnl_put_route(&a, r, gone ? RTM_DELROUTE : RTM_NEWROUTE, 0);
	nl_flush(st, &a);
}
