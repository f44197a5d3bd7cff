/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink(7): what iproute2, getifaddrs(3) and if_nameindex(3) ask, and what they change. */
#include <linux/if_addr.h>
#include <linux/if_link.h>
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

/* What `ip -d` shows beside: there is no segmentation but the link's own. */
static void put_details(struct nl_answer *a, const struct iface *i)
{
	const struct {
		struct rtattr family, mode;
		uint8_t value, filled[3];
	} ip6 = { { sizeof(ip6), AF_INET6 }, { RTA_LENGTH(1), IFLA_INET6_ADDR_GEN_MODE },
		IN6_ADDR_GEN_MODE_EUI64, { 0 } };

	nl_put_u32(a, IFLA_GSO_MAX_SEGS, 65535);
	nl_put_u32(a, IFLA_GSO_MAX_SIZE, 65536);
	nl_put_u32(a, IFLA_GRO_MAX_SIZE, 65536);
	nl_put_u32(a, IFLA_TSO_MAX_SIZE, 65536);
	nl_put_u32(a, IFLA_TSO_MAX_SEGS, 65535);
	nl_put_u32(a, IFLA_CARRIER_CHANGES, i->carrier_changes[0] + i->carrier_changes[1]);
	nl_put_u32(a, IFLA_CARRIER_UP_COUNT, i->carrier_changes[true]);
	nl_put_u32(a, IFLA_CARRIER_DOWN_COUNT, i->carrier_changes[false]);
	nl_put(a, IFLA_AF_SPEC, &ip6, sizeof(ip6));
}

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
	nl_put_u32(a, IFLA_TXQLEN, i->txqlen);
	nl_put(a, IFLA_OPERSTATE, &operstate, 1);
	nl_put(a, IFLA_LINKMODE, &mode, 1);
	nl_put_u32(a, IFLA_MTU, i->spec ? i->netif.mtu : 65536);
	nl_put_u32(a, IFLA_MIN_MTU, i->spec ? MTU_LEAST : 0);
	nl_put_u32(a, IFLA_MAX_MTU, i->spec ? MTU_MOST : 0);
	nl_put_u32(a, IFLA_GROUP, 0);
	nl_put_u32(a, IFLA_PROMISCUITY, i->flags & IFF_PROMISC ? 1 : 0);
	nl_put_u32(a, IFLA_ALLMULTI, i->flags & IFF_ALLMULTI ? 1 : 0);
	nl_put_u32(a, IFLA_NUM_TX_QUEUES, 1);
	nl_put_u32(a, IFLA_NUM_RX_QUEUES, 1);
	nl_put(a, IFLA_CARRIER, &carrier, 1);
	nl_put(a, IFLA_QDISC, "noqueue", sizeof("noqueue"));
	nl_put(a, IFLA_ADDRESS, i->spec ? i->netif.hwaddr : zero, 6);
	nl_put(a, IFLA_BROADCAST, i->spec ? all_ones : zero, 6);
	nl_put(a, IFLA_STATS64, &stats, sizeof(stats));
	if (i->ifalias[0])
		nl_put(a, IFLA_IFALIAS, i->ifalias, strlen(i->ifalias) + 1);
	put_details(a, i);
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

/* What means nothing here, and is told as it was said. */
static void set_told(struct iface *i, const struct ifinfomsg *m, const struct nl_attrs *at)
{
	const unsigned change = m->ifi_change & IFF_TOLD, begin = iface_flags(i) ^ i->flags;
	const uint32_t *queue = nl_data(at, IFLA_TXQLEN, sizeof(*queue));
	const struct rtattr *alias = at->v[IFLA_IFALIAS];

	i->flags = (i->flags & ~change) | ((m->ifi_flags ^ begin) & change);
	if (queue)
		i->txqlen = *queue;
	if (alias && RTA_PAYLOAD(alias) < sizeof(i->ifalias)) {
		memset(i->ifalias, 0, sizeof(i->ifalias));
		memcpy(i->ifalias, RTA_DATA(alias), RTA_PAYLOAD(alias));
	}
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
	set_told(i, m, &at);
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

/* (what an address had that is gone is not known any more) */
static void put_label(struct nl_answer *a, const struct iface *of, uint32_t ip)
{
	struct iface *i = iface_by_index(of->stack, iface_index(of));
	const struct netif *n = iface_find_ip4(i, ip);
	const struct ip4_label *l = n ? iface_label(i, n) : NULL;
	const char *label = l && l->label[0] ? l->label : i->name;

	if (l && l->broadcast)
		nl_put_u32(a, IFA_BROADCAST, l->broadcast);
	nl_put(a, IFA_LABEL, label, strlen(label) + 1);
}

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
		put_label(a, i, addr->v4.s_addr);
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

static void read_label(const struct nl_attrs *at, struct ip4_label *ret)
{
	const uint32_t *broadcast = nl_data(at, IFA_BROADCAST, sizeof(*broadcast));
	const struct rtattr *label = at->v[IFA_LABEL];

	*ret = (struct ip4_label){ .broadcast = broadcast ? *broadcast : 0 };
	if (label && RTA_PAYLOAD(label) <= sizeof(ret->label)) {
		memcpy(ret->label, RTA_DATA(label), RTA_PAYLOAD(label));
		ret->label[sizeof(ret->label) - 1] = '\0';
	}
}

static int change_addr(struct rtnl *q)
{
	const struct ifaddrmsg *m = NLMSG_DATA(q->h);
	struct net_addr addr = { 0 };
	struct nl_attrs at;
	struct iface *i;
	struct ip4_label label;
	const void *ip, *peer;
	size_t len;
	int r;

	if (!nl_parse(q->h, sizeof(*m), &at) ||
		(m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return -EINVAL;
	len = m->ifa_family == AF_INET ? 4 : 16;
	ip = nl_data(&at, IFA_LOCAL, len);
	peer = nl_data(&at, IFA_ADDRESS, len);
	if (!ip)
		ip = peer;
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
	if (peer && memcmp(peer, ip, len) != 0)
		return rtnl_refuse(q, -EOPNOTSUPP, "this stack has no addresses with a peer");
	read_label(&at, &label);
	r = iface_add_ip(i, &addr, addr.family == AF_INET ? &label : NULL);
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

/* ---- all of them ---- */

static int delete_link(struct rtnl *q)
{
	return rtnl_refuse(q, -EOPNOTSUPP, "the interfaces of this stack are those of --net");
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
	{ RTM_GETNEIGH, false, rtnl_get_neighbours },
	{ RTM_NEWNEIGH, true, rtnl_change_neighbour },
	{ RTM_DELNEIGH, true, rtnl_change_neighbour },
	{ RTM_GETRULE, false, rtnl_get_rules },
	{ RTM_GETNETCONF, false, rtnl_get_netconf },
	{ RTM_GETNSID, false, rtnl_get_nsid },
	{ RTM_GETQDISC, false, rtnl_none },
	{ RTM_GETTCLASS, false, rtnl_none },
	{ RTM_GETTFILTER, false, rtnl_none },
	{ RTM_GETNEXTHOP, false, rtnl_none },
	{ RTM_GETMDB, false, rtnl_none },
};

int rtnl_request(struct stack *st, const struct nlmsghdr *h, bool privileged, struct nl_answer *a)
{
	struct rtnl q = {
		.st = st, .h = h, .a = a, .flags = h->nlmsg_flags & NLM_F_DUMP ? NLM_F_MULTI : 0
	};

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
