/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink(7): routes and rules. */
#include <linux/fib_rules.h>
#include <linux/icmpv6.h>
#include <linux/in_route.h>
#include <string.h>

#include "net/lwip/rtnl.h"

/* ---- routes ---- */

static const uint8_t medium = ICMPV6_ROUTER_PREF_MEDIUM;

static void put_route(
	struct nl_answer *a, const struct route *r, uint8_t table, uint16_t type, uint16_t flags)
{
	const size_t len = r->family == AF_INET ? 4 : 16;
	const bool direct = ip_addr_isany(&r->gateway), v6 = r->family == AF_INET6;
	struct rtmsg *m = nl_begin(a, type, flags, sizeof(*m));

	m->rtm_family = (uint8_t)r->family;
	m->rtm_dst_len = r->prefix;
	m->rtm_table = table;
	m->rtm_protocol = r->protocol;
	m->rtm_type = r->type ? r->type : RTN_UNICAST;
	m->rtm_scope = v6 || !direct || route_refuses(r) ? RT_SCOPE_UNIVERSE
		       : r->type == RTN_LOCAL		 ? RT_SCOPE_HOST
							 : RT_SCOPE_LINK;
	nl_put_u32(a, RTA_TABLE, table);
	if (r->prefix)
		nl_put(a, RTA_DST, addr_bytes(&r->dst), len);
	if (!direct)
		nl_put(a, RTA_GATEWAY, addr_bytes(&r->gateway), len);
	if (!ip_addr_isany(&r->source) && !v6)
		nl_put(a, RTA_PREFSRC, addr_bytes(&r->source), len);
	if (r->metric || v6)
		nl_put_u32(a, RTA_PRIORITY, r->metric);
	if (v6 || !route_refuses(r))
		nl_put_u32(a, RTA_OIF, (uint32_t)iface_index(r->iface));
	if (v6)
		nl_put(a, RTA_PREF, &medium, 1);
	nl_end(a);
}

void rtnl_put_route(struct nl_answer *a, const struct route *r, uint16_t type, uint16_t flags)
{
	put_route(a, r, RT_TABLE_MAIN, type, flags);
}

/* Where one address leads, by this route; r->source is what is sent from, `from` (or NULL) what was
 * asked of. */
static void put_way(struct nl_answer *a, struct stack *st, const struct route *r, const void *from)
{
	const size_t len = r->family == AF_INET ? 4 : 16;
	struct rtmsg *m = nl_begin(a, RTM_NEWROUTE, 0, sizeof(*m));
	const bool local = addr_is_local(st, &r->dst), v6 = r->family == AF_INET6;

	m->rtm_family = (uint8_t)r->family;
	m->rtm_dst_len = (uint8_t)(8 * len);
	m->rtm_table = local && v6 ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
	m->rtm_protocol = v6 ? r->protocol ? r->protocol : RTPROT_KERNEL : RTPROT_UNSPEC;
	m->rtm_type = local ? RTN_LOCAL : r->type ? r->type : RTN_UNICAST;
	m->rtm_flags = v6 ? 0 : RTM_F_CLONED | (local ? RTCF_LOCAL : 0);
	if (r->type == RTN_BROADCAST)
		m->rtm_flags |= RTCF_LOCAL | RTCF_BROADCAST;
	nl_put_u32(a, RTA_TABLE, m->rtm_table);
	nl_put(a, RTA_DST, addr_bytes(&r->dst), len);
	if (v6) {
		static const uint8_t any[16];

		m->rtm_src_len = 128;
		nl_put(a, RTA_SRC, from ? from : any, sizeof(any));
		nl_put_u32(a, RTA_PRIORITY, local ? 0 : r->metric ? r->metric : 256);
		nl_put(a, RTA_PREF, &medium, 1);
	} else {
		nl_put_u32(a, RTA_UID, getuid());
	}
	if (!ip_addr_isany(&r->gateway))
		nl_put(a, RTA_GATEWAY, addr_bytes(&r->gateway), len);
	if (from && !v6) {
		m->rtm_src_len = 32;
		nl_put(a, RTA_SRC, from, len);
	}
	if (v6 || !from || memcmp(from, addr_bytes(&r->source), len) != 0)
		nl_put(a, RTA_PREFSRC, addr_bytes(&r->source), len);
	nl_put_u32(a, RTA_OIF, (uint32_t)iface_index(r->iface));
	nl_end(a);
}

void rtnl_read_ip(int family, const void *data, ip_addr_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	IP_SET_TYPE_VAL(*ret, family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
	if (data)
		memcpy((void *)(uintptr_t)addr_bytes(ret), data, family == AF_INET ? 4 : 16);
}

/* ip route get: where one address leads. */
static int ask_route(struct rtnl *q, const struct rtmsg *m, const struct nl_attrs *at)
{
	const size_t len = m->rtm_family == AF_INET ? 4 : 16;
	const void *dst = nl_data(at, RTA_DST, len), *from = nl_data(at, RTA_SRC, len);
	const struct route *via;
	struct iface *i;
	struct route r = {
		.family = m->rtm_family, .prefix = (uint8_t)(8 * len), .protocol = RTPROT_UNSPEC
	};
	int err;

	if (!dst)
		return -EINVAL;
	rtnl_read_ip(r.family, dst, &r.dst);
	rtnl_read_ip(r.family, NULL, &r.gateway);
	err = route_source(q->st, &r.dst, NULL, &i, &r.source);
	if (err < 0)
		return err;
	if (from)
		rtnl_read_ip(r.family, from, &r.source);
	if (from && !addr_is_local(q->st, &r.source))
		return r.family == AF_INET ? -ENETUNREACH : -EINVAL;
	via = route_find(q->st, &r.dst, i);
	if (via && i->spec) {
		r.gateway = via->gateway;
		r.protocol = via->protocol;
		r.metric = via->metric;
	}
	r.iface = i;
	if (iface_is_broadcast(i, &r.dst))
		r.type = RTN_BROADCAST;
	put_way(q->a, q->st, &r, from);
	return 0;
}

/* ---- a dump ---- */

struct listing {
	struct rtnl *q;
	int family;	      /* AF_UNSPEC: all */
	uint32_t table;	      /* 0: all */
	uint32_t oif;	      /* 0: all */
	int type, protocol;   /* 0: all */
	struct route *routes; /* of a table that is made for this */
	size_t n, room;
};

static void list_one(const struct listing *l, const struct route *r, uint8_t table)
{
	const int type = r->type ? r->type : RTN_UNICAST;

	if ((l->oif && ((route_refuses(r) && r->family == AF_INET) ||
			       l->oif != (uint32_t)iface_index(r->iface))) ||
		(l->type && l->type != type) || (l->protocol && l->protocol != r->protocol))
		return;
	put_route(l->q->a, r, table, RTM_NEWROUTE, l->q->flags);
}

static void make(struct listing *l, const struct route *r)
{
	size_t at = l->n;

	if (l->n >= l->room)
		return;
	for (size_t k = 0; k < l->n; k++) {
		if (route_compare(&l->routes[k], r) == 0 && l->routes[k].iface == r->iface)
			return; /* two addresses of one network have one broadcast */
	}
	while (at > 0 && route_compare(&l->routes[at - 1], r) > 0)
		at--;
	memmove(&l->routes[at + 1], &l->routes[at], (l->n++ - at) * sizeof(*r));
	l->routes[at] = *r;
}

static void make_v4(
	struct listing *l, struct iface *i, uint32_t ip, uint32_t source, int prefix, uint8_t type)
{
	struct route r = { .family = AF_INET,
		.prefix = (uint8_t)prefix,
		.protocol = RTPROT_KERNEL,
		.type = type,
		.iface = i };

	rtnl_read_ip(AF_INET, &ip, &r.dst);
	rtnl_read_ip(AF_INET, &source, &r.source);
	rtnl_read_ip(AF_INET, NULL, &r.gateway);
	make(l, &r);
}

/* What leads to this host, and to all of a network, has no entry in the stack's table: it goes by
 * the addresses. */
static void make_local4(struct listing *l, struct iface *i)
{
	const struct netif *n;

	for (size_t k = 0; (n = iface_ip4(i, k)); k++) {
		const uint32_t ip = netif_ip4_addr(n)->addr, mask = netif_ip4_netmask(n)->addr,
			       source = netif_ip4_addr(iface_primary(i, n))->addr;
		const int prefix = __builtin_popcount(mask);

		make_v4(l, i, ip, source, 32, RTN_LOCAL);
		if (!i->spec)
			make_v4(l, i, ip & mask, ip, prefix, RTN_LOCAL);
		if (prefix < 31)
			make_v4(l, i, ip | ~mask, source, 32, RTN_BROADCAST);
	}
}

static void make_local6(struct listing *l, struct iface *i)
{
	struct route r = { .family = AF_INET6, .protocol = RTPROT_KERNEL, .iface = i };
	static const uint8_t groups[16] = { 0xff };

	rtnl_read_ip(AF_INET6, NULL, &r.gateway);
	rtnl_read_ip(AF_INET6, NULL, &r.source);
	r.prefix = 128;
	r.type = RTN_LOCAL;
	for (int k = 0; k < LWIP_IPV6_NUM_ADDRESSES; k++) {
		if (!ip6_addr_isvalid(netif_ip6_addr_state(&i->netif, k)))
			continue;
		rtnl_read_ip(AF_INET6, netif_ip6_addr(&i->netif, k)->addr, &r.dst);
		make(l, &r);
	}
	if (!i->spec)
		return;
	rtnl_read_ip(AF_INET6, groups, &r.dst);
	r.prefix = 8;
	r.type = RTN_MULTICAST;
	r.metric = METRIC_CONNECTED6;
	make(l, &r);
}

static int list_local(struct listing *l, bool v6)
{
	l->room = 0;
	l->n = 0;
	for (const struct iface *i = l->q->st->ifaces; i; i = i->next)
		l->room += 3 * (ALIASES_MAX + 1) + LWIP_IPV6_NUM_ADDRESSES + 1;
	l->routes = calloc(l->room, sizeof(*l->routes));
	if (!l->routes)
		return -ENOMEM;
	for (struct iface *i = l->q->st->ifaces; i; i = i->next) {
		if (i->admin_up && v6)
			make_local6(l, i);
		else if (i->admin_up)
			make_local4(l, i);
	}
	for (size_t k = 0; k < l->n; k++)
		list_one(l, &l->routes[k], RT_TABLE_LOCAL);
	free(take_ptr(&l->routes));
	return 0;
}

/* The wire's own prefix of an interface needs no entry of our table. */
static bool link_local(struct iface *i, struct route *ret)
{
	static const uint8_t prefix[16] = { 0xfe, 0x80 };

	if (!i->spec || !i->admin_up || !ip6_addr_isvalid(netif_ip6_addr_state(&i->netif, 0)) ||
		!ip6_addr_islinklocal(netif_ip6_addr(&i->netif, 0)))
		return false;
	*ret = (struct route){ .family = AF_INET6,
		.prefix = 64,
		.metric = METRIC_CONNECTED6,
		.protocol = RTPROT_KERNEL,
		.iface = i };
	rtnl_read_ip(AF_INET6, prefix, &ret->dst);
	rtnl_read_ip(AF_INET6, NULL, &ret->gateway);
	rtnl_read_ip(AF_INET6, NULL, &ret->source);
	return true;
}

static void list_main(struct listing *l, int family)
{
	struct stack *st = l->q->st;
	struct iface *next = family == AF_INET6 ? st->ifaces : NULL;
	struct route local;

	for (size_t k = 0; k <= st->nroutes; k++) {
		const struct route *r = k < st->nroutes ? &st->routes[k] : NULL;

		for (; next && (!r || r->family == AF_INET6); next = next->next) {
			if (!link_local(next, &local))
				continue;
			if (r && route_compare(r, &local) <= 0)
				break;
			list_one(l, &local, RT_TABLE_MAIN);
		}
		if (r && r->family == family)
			list_one(l, r, RT_TABLE_MAIN);
	}
}

static int dump(struct rtnl *q, const struct rtmsg *m)
{
	struct listing l = { .q = q, .family = m->rtm_family };
	const uint32_t *table, *oif;
	struct nl_attrs at;
	int r = 0;

	if (nl_parse(q->h, sizeof(*m), &at)) {
		table = nl_data(&at, RTA_TABLE, sizeof(*table));
		oif = nl_data(&at, RTA_OIF, sizeof(*oif));
		l.table = table ? *table : m->rtm_table;
		l.oif = oif ? *oif : 0;
		l.type = m->rtm_type;
		l.protocol = m->rtm_protocol;
		if (m->rtm_flags & RTM_F_CLONED)
			return 0; /* of a cache there is nothing */
	}
	if (l.family != AF_UNSPEC && l.family != AF_INET && l.family != AF_INET6)
		return l.family == RTNL_FAMILY_IPMR || l.family == RTNL_FAMILY_IP6MR ? 0
										     : -EOPNOTSUPP;
	if (l.table && l.table != RT_TABLE_MAIN && l.table != RT_TABLE_LOCAL)
		return rtnl_refuse(q, -ENOENT,
			l.family == AF_INET6 ? "ipv6: FIB table does not exist"
					     : "ipv4: FIB table does not exist");
	for (int v6 = 0; v6 < 2 && r == 0; v6++) {
		const int of = v6 ? AF_INET6 : AF_INET;

		if (l.family != AF_UNSPEC && l.family != of)
			continue;
		if (l.table != RT_TABLE_LOCAL)
			list_main(&l, of);
		if (!l.table || l.table == RT_TABLE_LOCAL)
			r = list_local(&l, v6);
	}
	return r;
}

int rtnl_get_route(struct rtnl *q)
{
	const struct rtmsg *m = NLMSG_DATA(q->h);
	struct nl_attrs at;

	if (q->h->nlmsg_len < NLMSG_LENGTH(1))
		return -EINVAL;
	if (q->flags)
		return dump(q, m);
	return nl_parse(q->h, sizeof(*m), &at) &&
			       (m->rtm_family == AF_INET || m->rtm_family == AF_INET6)
		       ? ask_route(q, m, &at)
		       : -EINVAL;
}

/* ---- changes ---- */

/* What is asked for, but for its interface. */
static int read_route(
	struct rtnl *q, const struct rtmsg *m, const struct nl_attrs *at, struct route *r)
{
	const size_t len = m->rtm_family == AF_INET ? 4 : 16;
	const uint32_t *metric = nl_data(at, RTA_PRIORITY, sizeof(*metric)),
		       *table = nl_data(at, RTA_TABLE, sizeof(*table)),
		       named = table ? *table : m->rtm_table;
	ip_addr_t dst;

	if (m->rtm_dst_len > 8 * len || (m->rtm_dst_len && !nl_data(at, RTA_DST, len)))
		return rtnl_refuse(q, -EINVAL, "Invalid prefix length");
	if (named != RT_TABLE_MAIN && named != RT_TABLE_UNSPEC)
		return rtnl_refuse(q, -EOPNOTSUPP, "this stack has one table of routes");
	if (at->v[RTA_MULTIPATH])
		return rtnl_refuse(q, -EOPNOTSUPP, "this stack has no routes of several ways");
	if (m->rtm_type > RTN_UNICAST && (m->rtm_type < RTN_BLACKHOLE || m->rtm_type > RTN_THROW))
		return rtnl_refuse(q, -EOPNOTSUPP, "this stack has no routes of this type");
	*r = (struct route){ .family = m->rtm_family,
		.prefix = m->rtm_dst_len,
		.protocol = m->rtm_protocol,
		.type = m->rtm_type,
		.metric = metric ? *metric : 0 };
	rtnl_read_ip(r->family, nl_data(at, RTA_DST, len), &r->dst);
	rtnl_read_ip(r->family, nl_data(at, RTA_GATEWAY, len), &r->gateway);
	rtnl_read_ip(r->family, nl_data(at, RTA_PREFSRC, len), &r->source);
	dst = r->dst;
	route_mask(&r->dst, r->prefix);
	if (r->family == AF_INET && !ip_addr_cmp(&dst, &r->dst))
		return rtnl_refuse(q, -EINVAL, "Invalid prefix for given prefix length");
	return 0;
}

static int add_route(struct rtnl *q, struct route *r)
{
	int err;

	if (r->family == AF_INET6 && !r->metric)
		r->metric = METRIC_USER6;
	if (route_refuses(r))
		r->iface = q->st->ifaces;
	else if (!r->iface)
		r->iface = route_gateway_iface(q->st, &r->gateway);
	if (!r->iface)
		return rtnl_refuse(q, ip_addr_isany(&r->gateway) ? -ENODEV : -ENETUNREACH,
			"Nexthop has invalid gateway");
	if (!r->iface->admin_up)
		return rtnl_refuse(q, -ENETDOWN, "Nexthop device is not up");
	if (IP_IS_V6(&r->gateway))
		ip6_addr_assign_zone(ip_2_ip6(&r->gateway), IP6_UNICAST, &r->iface->netif);
	err = route_add(q->st, r, q->h->nlmsg_flags);
	return err == -ENOBUFS ? rtnl_refuse(q, err, "no room for more routes") : err;
}

int rtnl_change_route(struct rtnl *q)
{
	const struct rtmsg *m = NLMSG_DATA(q->h);
	const bool add = q->h->nlmsg_type == RTM_NEWROUTE;
	const uint32_t *oif;
	struct nl_attrs at;
	struct route r, gone;
	int err;

	if (!nl_parse(q->h, sizeof(*m), &at) ||
		(m->rtm_family != AF_INET && m->rtm_family != AF_INET6))
		return -EINVAL;
	err = read_route(q, m, &at, &r);
	if (err < 0)
		return err;
	oif = nl_data(&at, RTA_OIF, sizeof(*oif));
	r.iface = oif ? iface_by_index(q->st, (int)*oif) : NULL;
	if (oif && !r.iface)
		return -ENODEV;
	err = add ? add_route(q, &r) : route_del(q->st, &r, &gone);
	if (err == 0)
		rtnl_notify_route(q->st, add ? &r : &gone, !add);
	return err;
}
