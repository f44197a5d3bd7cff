/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink(7): what iproute2, getifaddrs(3) and if_nameindex(3) ask, and what they change. */
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <lwip/etharp.h>
#include <lwip/priv/nd6_priv.h>
#include <net/if_arp.h>
#include <string.h>

#include "net/lwip/netlink.h"

#define OPERSTATE_UNKNOWN 0
#define OPERSTATE_DOWN 2
#define OPERSTATE_UP 6
#define LOWER_UP (1 << 16)

/* A request at hand. */
struct rtnl {
	struct stack *st;
	const struct nlmsghdr *h;
	struct nl_answer *a;
	uint16_t flags; /* of the answers: NLM_F_MULTI */
};

static int refuse(struct rtnl *q, int error, const char *why)
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
	uint8_t carrier = on;

	m->ifi_family = AF_UNSPEC;
	m->ifi_type = i->spec ? ARPHRD_ETHER : ARPHRD_LOOPBACK;
	m->ifi_index = iface_index(i);
	m->ifi_flags = iface_flags(i) | (on ? LOWER_UP : 0);
	nl_put(a, IFLA_IFNAME, i->name, strlen(i->name) + 1);
	nl_put_u32(a, IFLA_TXQLEN, 1000);
	nl_put(a, IFLA_OPERSTATE, &operstate, 1);
	nl_put_u32(a, IFLA_MTU, i->spec ? i->netif.mtu : 65536);
	nl_put_u32(a, IFLA_GROUP, 0);
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
		return refuse(q, -EOPNOTSUPP, "the interfaces of this stack are those of --net");
	if (!i)
		return -ENODEV;
	mtu = nl_data(&at, IFLA_MTU, sizeof(*mtu));
	if (mtu && (*mtu < 68 || *mtu > 65535))
		return refuse(q, -EINVAL, "mtu not between 68 and 65535");
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
	for (int k = 0; family != AF_INET && k < LWIP_IPV6_NUM_ADDRESSES; k++) {
		const ip6_addr_t *ip = netif_ip6_addr(&i->netif, k);

		if (!ip6_addr_isvalid(netif_ip6_addr_state(&i->netif, k)))
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
		return refuse(q, -ENODEV, "no such interface");
	if (!ip || m->ifa_prefixlen > 8 * len)
		return -EINVAL;
	addr.family = m->ifa_family;
	addr.prefix = m->ifa_prefixlen;
	memcpy(&addr.v6, ip, len);
	if (q->h->nlmsg_type == RTM_DELADDR)
		return iface_del_ip(i, &addr);
	r = iface_add_ip(i, &addr);
	if (r == -EEXIST && q->h->nlmsg_flags & NLM_F_REPLACE)
		return 0;
	if (r == -EEXIST)
		return refuse(q, r,
			addr.family == AF_INET ? "ipv4: Address already assigned"
					       : "ipv6: address already assigned");
	if (r == -ENOBUFS)
		return refuse(q, r, "no room for more addresses");
	return r;
}

/* ---- routes ---- */

static const void *bytes_of(const ip_addr_t *a)
{
	return IP_IS_V4(a) ? (const void *)&ip_2_ip4(a)->addr : (const void *)ip_2_ip6(a)->addr;
}

static void put_route(struct nl_answer *a, const struct route *r, uint16_t type, uint16_t flags)
{
	const size_t len = r->family == AF_INET ? 4 : 16;
	struct rtmsg *m = nl_begin(a, type, flags, sizeof(*m));
	const bool direct = ip_addr_isany(&r->gateway);

	m->rtm_family = (uint8_t)r->family;
	m->rtm_dst_len = r->prefix;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = r->protocol ? r->protocol : direct ? RTPROT_KERNEL : RTPROT_BOOT;
	m->rtm_scope = direct && r->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	m->rtm_type = RTN_UNICAST;
	nl_put_u32(a, RTA_TABLE, RT_TABLE_MAIN);
	if (r->prefix)
		nl_put(a, RTA_DST, bytes_of(&r->dst), len);
	if (!direct)
		nl_put(a, RTA_GATEWAY, bytes_of(&r->gateway), len);
	if (!ip_addr_isany(&r->source) && r->family == AF_INET)
		nl_put(a, RTA_PREFSRC, bytes_of(&r->source), len);
	if (r->metric || r->family == AF_INET6)
		nl_put_u32(a, RTA_PRIORITY, r->metric ? r->metric : r->protocol ? 1024 : 256);
	nl_put_u32(a, RTA_OIF, (uint32_t)iface_index(r->iface));
	nl_end(a);
}

static void read_ip(int family, const void *data, ip_addr_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	IP_SET_TYPE_VAL(*ret, family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
	if (data)
		memcpy((void *)(uintptr_t)bytes_of(ret), data, family == AF_INET ? 4 : 16);
}

/* ip route get: where one address leads. */
static int ask_route(struct rtnl *q, const struct rtmsg *m, const struct nl_attrs *at)
{
	const size_t len = m->rtm_family == AF_INET ? 4 : 16;
	const void *dst = nl_data(at, RTA_DST, len);
	const struct route *via;
	struct iface *i;
	struct route r = {
		.family = m->rtm_family, .prefix = (uint8_t)(8 * len), .protocol = RTPROT_UNSPEC
	};
	int err;

	if (!dst)
		return -EINVAL;
	read_ip(r.family, dst, &r.dst);
	read_ip(r.family, NULL, &r.gateway);
	err = route_source(q->st, &r.dst, NULL, &i, &r.source);
	if (err < 0)
		return err;
	via = route_find(q->st, &r.dst, i);
	if (via && i->spec)
		r.gateway = via->gateway;
	r.iface = i;
	put_route(q->a, &r, RTM_NEWROUTE, 0);
	return 0;
}

static int get_route(struct rtnl *q)
{
	const struct rtmsg *m = NLMSG_DATA(q->h);
	struct nl_attrs at;
	int family, table;

	if (q->h->nlmsg_len < NLMSG_LENGTH(1))
		return -EINVAL;
	if (!q->flags)
		return nl_parse(q->h, sizeof(*m), &at) &&
				       (m->rtm_family == AF_INET || m->rtm_family == AF_INET6)
			       ? ask_route(q, m, &at)
			       : -EINVAL;
	family = m->rtm_family;
	table = q->h->nlmsg_len >= NLMSG_LENGTH(sizeof(*m)) ? m->rtm_table : 0;
	for (size_t k = 0; k < q->st->nroutes; k++) {
		const struct route *r = &q->st->routes[k];

		if ((family == AF_UNSPEC || family == r->family) &&
			(!table || table == RT_TABLE_MAIN))
			put_route(q->a, r, RTM_NEWROUTE, q->flags);
	}
	return 0;
}

/* The interface that a gateway is reached by. */
static struct iface *gateway_iface(struct rtnl *q, const struct route *r)
{
	const struct route *via = route_find(q->st, &r->gateway, NULL);

	return via && ip_addr_isany(&via->gateway) ? via->iface : NULL;
}

static int change_route(struct rtnl *q)
{
	const struct rtmsg *m = NLMSG_DATA(q->h);
	const bool add = q->h->nlmsg_type == RTM_NEWROUTE;
	const uint32_t *oif, *metric;
	struct nl_attrs at;
	struct route r;
	size_t len;
	int err;

	if (!nl_parse(q->h, sizeof(*m), &at) ||
		(m->rtm_family != AF_INET && m->rtm_family != AF_INET6))
		return -EINVAL;
	len = m->rtm_family == AF_INET ? 4 : 16;
	if (m->rtm_dst_len > 8 * len || (m->rtm_dst_len && !nl_data(&at, RTA_DST, len)))
		return -EINVAL;
	if (m->rtm_table != RT_TABLE_MAIN && m->rtm_table != RT_TABLE_UNSPEC)
		return refuse(q, -EOPNOTSUPP, "this stack has one table of routes");
	r = (struct route){
		.family = m->rtm_family, .prefix = m->rtm_dst_len, .protocol = m->rtm_protocol
	};
	read_ip(r.family, nl_data(&at, RTA_DST, len), &r.dst);
	read_ip(r.family, nl_data(&at, RTA_GATEWAY, len), &r.gateway);
	read_ip(r.family, nl_data(&at, RTA_PREFSRC, len), &r.source);
	metric = nl_data(&at, RTA_PRIORITY, sizeof(*metric));
	r.metric = metric ? *metric : 0;
	oif = nl_data(&at, RTA_OIF, sizeof(*oif));
	r.iface = oif ? iface_by_index(q->st, (int)*oif) : NULL;
	if (oif && !r.iface)
		return -ENODEV;
	if (add && !r.iface)
		r.iface = gateway_iface(q, &r);
	if (add && !r.iface)
		return refuse(q, ip_addr_isany(&r.gateway) ? -ENODEV : -ENETUNREACH,
			"Nexthop has invalid gateway");
	if (add && IP_IS_V6(&r.gateway))
		ip6_addr_assign_zone(ip_2_ip6(&r.gateway), IP6_UNICAST, &r.iface->netif);
	if (add && q->h->nlmsg_flags & NLM_F_REPLACE) {
		if (route_del(q->st, &(struct route){ .family = r.family,
					     .prefix = r.prefix,
					     .dst = r.dst,
					     .metric = r.metric,
					     .gateway.type = r.gateway.type }) < 0) {
			/* there was none */
		}
	}
	err = add ? route_add(q->st, &r) : route_del(q->st, &r);
	if (err == 0 && r.iface)
		rtnl_notify_route(q->st, &r, !add);
	return err;
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
	return refuse(q, -EOPNOTSUPP, "this stack finds its neighbours by itself");
}

static int delete_link(struct rtnl *q)
{
	return refuse(q, -EOPNOTSUPP, "the interfaces of this stack are those of --net");
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
	{ RTM_GETROUTE, false, get_route },
	{ RTM_NEWROUTE, true, change_route },
	{ RTM_DELROUTE, true, change_route },
	{ RTM_GETNEIGH, false, get_neighbours },
	{ RTM_NEWNEIGH, true, change_neighbour },
	{ RTM_DELNEIGH, true, change_neighbour },
	{ RTM_GETRULE, false, nothing },
	{ RTM_GETQDISC, false, nothing },
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

	put_route(&a, r, gone ? RTM_DELROUTE : RTM_NEWROUTE, 0);
	nl_flush(st, &a);
}
