/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink(7): what is asked of this stack's settings, which nobody can change. */
#include <linux/fib_rules.h>
#include <linux/net_namespace.h>
#include <linux/netconf.h>

#include "net/lwip/rtnl.h"

int rtnl_none(struct rtnl *q)
{
	return q->flags ? 0 : -EOPNOTSUPP;
}

/* What number another network has here: none has one. */
int rtnl_get_nsid(struct rtnl *q)
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

/* ---- netconf ---- */

static void put_netconf(struct rtnl *q, int family, int index)
{
	struct netconfmsg *m = nl_begin(q->a, RTM_NEWNETCONF, q->flags, sizeof(*m));

	m->ncm_family = (uint8_t)family;
	nl_put(q->a, NETCONFA_IFINDEX, &index, sizeof(index));
	nl_put_u32(q->a, NETCONFA_FORWARDING, 0);
	if (family == AF_INET)
		nl_put_u32(q->a, NETCONFA_RP_FILTER, 0);
	nl_put_u32(q->a, NETCONFA_MC_FORWARDING, 0);
	nl_put_u32(q->a, NETCONFA_PROXY_NEIGH, 0);
	nl_put_u32(q->a, NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN, 0);
	nl_end(q->a);
}

int rtnl_get_netconf(struct rtnl *q)
{
	const struct netconfmsg *m = NLMSG_DATA(q->h);
	const int family = q->h->nlmsg_len > NLMSG_LENGTH(0) ? m->ncm_family : AF_UNSPEC;
	struct nl_attrs at;
	const int *index;

	if (!q->flags) {
		if (!nl_parse(q->h, sizeof(*m), &at) || (family != AF_INET && family != AF_INET6))
			return -EINVAL;
		index = nl_data(&at, NETCONFA_IFINDEX, sizeof(*index));
		if (!index || (*index > 0 && !iface_by_index(q->st, *index)))
			return index ? -ENODEV : -EINVAL;
		put_netconf(q, family, *index);
		return 0;
	}
	for (int v6 = 0; v6 < 2; v6++) {
		const int of = v6 ? AF_INET6 : AF_INET;

		if (family != AF_UNSPEC && family != of)
			continue;
		for (const struct iface *i = q->st->ifaces; i; i = i->next)
			put_netconf(q, of, iface_index(i));
		put_netconf(q, of, NETCONFA_IFINDEX_ALL);
		put_netconf(q, of, NETCONFA_IFINDEX_DEFAULT);
	}
	return 0;
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
