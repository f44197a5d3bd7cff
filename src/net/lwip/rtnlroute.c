/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink(7): routes and rules. */
#include <linux/fib_rules.h>
#include <linux/icmpv6.h>
#include <linux/in_route.h>
#include <string.h>

#include "net/lwip/rtnl.h"

/* ---- routes ---- */

static const void *bytes_of(const ip_addr_t *a)
{
	return IP_IS_V4(a) ? (const void *)&ip_2_ip4(a)->addr : (const void *)ip_2_ip6(a)->addr;
}

static const uint8_t medium = ICMPV6_ROUTER_PREF_MEDIUM;

void rtnl_put_route(struct nl_answer *a, const struct route *r, uint16_t type, uint16_t flags)
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
	if (r->family == AF_INET6)
		nl_put(a, RTA_PREF, &medium, 1);
	nl_end(a);
}

/* Where one address leads, by this route; r->source is what is sent from. */
static void put_way(struct nl_answer *a, struct stack *st, const struct route *r)
{
	const size_t len = r->family == AF_INET ? 4 : 16;
	struct rtmsg *m = nl_begin(a, RTM_NEWROUTE, 0, sizeof(*m));
	const bool local = addr_is_local(st, &r->dst), v6 = r->family == AF_INET6;

	m->rtm_family = (uint8_t)r->family;
	m->rtm_dst_len = (uint8_t)(8 * len);
	m->rtm_table = local && v6 ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
	m->rtm_protocol = v6 ? r->protocol ? r->protocol : RTPROT_KERNEL : RTPROT_UNSPEC;
	m->rtm_type = local ? RTN_LOCAL : RTN_UNICAST;
	m->rtm_flags = v6 ? 0 : RTM_F_CLONED | (local ? RTCF_LOCAL : 0);
	nl_put_u32(a, RTA_TABLE, m->rtm_table);
	nl_put(a, RTA_DST, bytes_of(&r->dst), len);
	if (v6) {
		static const uint8_t any[16];

		m->rtm_src_len = 128;
		nl_put(a, RTA_SRC, any, sizeof(any));
		nl_put_u32(a, RTA_PRIORITY, local ? 0 : r->metric ? r->metric : 256);
		nl_put(a, RTA_PREF, &medium, 1);
	} else {
		nl_put_u32(a, RTA_UID, getuid());
	}
	if (!ip_addr_isany(&r->gateway))
		nl_put(a, RTA_GATEWAY, bytes_of(&r->gateway), len);
	nl_put(a, RTA_PREFSRC, bytes_of(&r->source), len);
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
	if (via && i->spec) {
		r.gateway = via->gateway;
		r.protocol = via->protocol;
		r.metric = via->metric;
	}
	r.iface = i;
	put_way(q->a, q->st, &r);
	return 0;
}

/* The wire's own prefix of each interface, which needs no entry of our table. */
static void put_link_local(struct rtnl *q)
{
	for (struct iface *i = q->st->ifaces; i; i = i->next) {
		struct route r = { .family = AF_INET6, .prefix = 64, .iface = i };
		static const uint8_t prefix[16] = { 0xfe, 0x80 };

		if (!i->spec || !i->admin_up ||
			!ip6_addr_isvalid(netif_ip6_addr_state(&i->netif, 0)) ||
			!ip6_addr_islinklocal(netif_ip6_addr(&i->netif, 0)))
			continue;
		read_ip(AF_INET6, prefix, &r.dst);
		read_ip(AF_INET6, NULL, &r.gateway);
		rtnl_put_route(q->a, &r, RTM_NEWROUTE, q->flags);
	}
}

int rtnl_get_route(struct rtnl *q)
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
			rtnl_put_route(q->a, r, RTM_NEWROUTE, q->flags);
	}
	if (family != AF_INET && (!table || table == RT_TABLE_MAIN))
		put_link_local(q);
	return 0;
}

/* The interface that a gateway is reached by. */
static struct iface *gateway_iface(struct rtnl *q, const struct route *r)
{
	const struct route *via = route_find(q->st, &r->gateway, NULL);

	return via && ip_addr_isany(&via->gateway) ? via->iface : NULL;
}

int rtnl_change_route(struct rtnl *q)
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
		return rtnl_refuse(q, -EOPNOTSUPP, "this stack has one table of routes");
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
		return rtnl_refuse(q, ip_addr_isany(&r.gateway) ? -ENODEV : -ENETUNREACH,
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

/* ---- rules: which table is asked, one of one ---- */

static void put_rule(struct rtnl *q, int family, uint32_t table, uint32_t priority)
{
	const uint8_t protocol = RTPROT_KERNEL;
	struct fib_rule_hdr *m = nl_begin(q->a, RTM_NEWRULE, q->flags, sizeof(*m));

	m->family = (uint8_t)family;
	m->table = (uint8_t)table;
	m->action = FR_ACT_TO_TBL;
	nl_put_u32(q->a, FRA_TABLE, table);
	nl_put_u32(q->a, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
	nl_put(q->a, FRA_PROTOCOL, &protocol, 1);
	if (priority)
		nl_put_u32(q->a, FRA_PRIORITY, priority);
	nl_end(q->a);
}

/* As the kernel has them where nobody has made any. */
int rtnl_get_rules(struct rtnl *q)
{
	const struct fib_rule_hdr *m = NLMSG_DATA(q->h);
	const int family = q->h->nlmsg_len > NLMSG_LENGTH(0) ? m->family : AF_UNSPEC;

	if (!q->flags)
		return -EOPNOTSUPP;
	for (int v6 = 0; v6 < 2; v6++) {
		const int of = v6 ? AF_INET6 : AF_INET;

		if (family != AF_UNSPEC && family != of)
			continue;
		put_rule(q, of, RT_TABLE_LOCAL, 0);
		put_rule(q, of, RT_TABLE_MAIN, 32766);
		if (!v6)
			put_rule(q, of, RT_TABLE_DEFAULT, 32767);
	}
	return 0;
}
