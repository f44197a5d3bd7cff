/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/daemon/iface.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/fib_rules.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define RECEIVE_BYTES (4 << 20)
#define SETTLE_SECONDS 2

/* libnl's errors, as far as the kernel's come through it. */
static int error_of(int nl)
{
	switch (nl) {
	case 0:
		return 0;
	case -NLE_PERM:
	case -NLE_NOACCESS:
		return -EPERM;
	case -NLE_EXIST:
		return -EEXIST;
	case -NLE_NOMEM:
		return -ENOMEM;
	case -NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	case -NLE_NODEV:
		return -ENODEV;
	default:
		return nl < 0 ? -EINVAL : 0;
	}
}

static void free_socket(struct nl_sock **s)
{
	nl_socket_free(*s);
}

static void free_link(struct rtnl_link **l)
{
	if (*l)
		rtnl_link_put(*l);
}

static void free_route(struct rtnl_route **r)
{
	if (*r)
		rtnl_route_put(*r);
}

static void free_nl_addr(struct nl_addr **a)
{
	nl_addr_put(*a);
}

static struct nl_sock *connect_route(void)
{
	struct nl_sock *s = nl_socket_alloc();

	if (s && nl_connect(s, NETLINK_ROUTE) < 0) {
		nl_socket_free(s);
		return NULL;
	}
	return s;
}

/* Changes an interface as `change` says, and sets it up where it has that flag. */
static int change_link(const char *name, struct rtnl_link *change)
{
	_cleanup_(free_socket) struct nl_sock *s = connect_route();
	_cleanup_(free_link) struct rtnl_link *l = rtnl_link_alloc();

	if (!s || !l)
		return -ENOMEM;
	rtnl_link_set_ifindex(l, (int)if_nametoindex(name));
	return error_of(rtnl_link_change(s, l, change, 0));
}

int iface_up(const char *name)
{
	_cleanup_(free_link) struct rtnl_link *up = rtnl_link_alloc();

	if (!up)
		return -ENOMEM;
	rtnl_link_set_flags(up, IFF_UP);
	return change_link(name, up);
}

/* Has it a carrier, and not yet what follows from that? */
static bool is_unsettled(struct nl_sock *s, int index)
{
	_cleanup_(free_link) struct rtnl_link *l = NULL;

	/* (newer kernels do that work now, for the answer) */
	return rtnl_link_get_kernel(s, index, NULL, &l) == 0 && rtnl_link_get_carrier(l) &&
	       !(rtnl_link_get_flags(l) & IFF_RUNNING);
}

int iface_settle(const char *name)
{
	_cleanup_(free_socket) struct nl_sock *ask = connect_route(), *told = connect_route();
	const int index = (int)if_nametoindex(name);
	const uint64_t until = now_ns() + SETTLE_SECONDS * NSEC_PER_SEC;
	char buf[8192];

	if (!ask || !told || nl_socket_add_membership(told, RTNLGRP_LINK) < 0)
		return -ENOMEM;
	while (is_unsettled(ask, index) && now_ns() < until) {
		struct pollfd p = { .fd = nl_socket_get_fd(told), .events = POLLIN };

		(void)poll(&p, 1, SETTLE_SECONDS * 1000);
		while (recv(p.fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	return 0;
}

static int add_link(struct rtnl_link *l)
{
	_cleanup_(free_socket) struct nl_sock *s = connect_route();

	return s ? error_of(rtnl_link_add(s, l, NLM_F_CREATE | NLM_F_EXCL)) : -ENOMEM;
}

int iface_add_pair(const char *name, const char *peer, int peer_ns)
{
	struct rtnl_link *l = rtnl_link_veth_alloc(), *other;
	int r;

	if (!l)
		return -ENOMEM;
	rtnl_link_set_name(l, name);
	other = rtnl_link_veth_get_peer(l);
	rtnl_link_set_name(other, peer);
	if (peer_ns >= 0)
		rtnl_link_set_ns_fd(other, peer_ns);
	rtnl_link_put(other);
	r = add_link(l);
	rtnl_link_veth_release(l);
	return r;
}

int iface_add_bridge(const char *name)
{
	_cleanup_(free_link) struct rtnl_link *l = rtnl_link_bridge_alloc();

	if (!l)
		return -ENOMEM;
	rtnl_link_set_name(l, name);
	return add_link(l);
}

int iface_join_bridge(const char *name, const char *bridge)
{
	_cleanup_(free_link) struct rtnl_link *l = rtnl_link_alloc();

	if (!l)
		return -ENOMEM;
	rtnl_link_set_master(l, (int)if_nametoindex(bridge));
	rtnl_link_set_flags(l, IFF_UP);
	return change_link(name, l);
}

static int put_mac(struct rtnl_link *l, const uint8_t bytes[6])
{
	_cleanup_(free_nl_addr) struct nl_addr *mac = nl_addr_build(AF_LLC, bytes, 6);

	if (!mac)
		return -ENOMEM;
	rtnl_link_set_addr(l, mac);
	return 0;
}

int iface_set_mac(const char *name, const uint8_t mac[6])
{
	_cleanup_(free_link) struct rtnl_link *l = rtnl_link_alloc();

	if (!l || put_mac(l, mac) < 0)
		return -ENOMEM;
	return change_link(name, l);
}

int iface_prepare(const char *name, const struct net_spec *s, unsigned mtu)
{
	_cleanup_(free_link) struct rtnl_link *l = rtnl_link_alloc();

	if (!l || (s->has_mac && put_mac(l, s->mac) < 0))
		return -ENOMEM;
	rtnl_link_set_mtu(l, s->mtu ? s->mtu : mtu);
	rtnl_link_set_flags(l, IFF_UP);
	return change_link(name, l);
}

static struct nl_addr *nl_addr_of(const struct net_addr *a)
{
	struct nl_addr *n = nl_addr_build(a->family, &a->v6, a->family == AF_INET ? 4 : 16);

	if (n && a->prefix >= 0)
		nl_addr_set_prefixlen(n, a->prefix);
	return n;
}

/* Adds or deletes one. */
static int change_addr(const char *name, const struct net_addr *a,
	int (*change)(struct nl_sock *s, struct rtnl_addr *ra, int flags))
{
	_cleanup_(free_socket) struct nl_sock *s = connect_route();
	_cleanup_(free_nl_addr) struct nl_addr *local = nl_addr_of(a);
	struct rtnl_addr *ra = rtnl_addr_alloc();
	int r = -ENOMEM;

	if (s && local && ra) {
		rtnl_addr_set_ifindex(ra, (int)if_nametoindex(name));
		r = rtnl_addr_set_local(ra, local);
		/* at once: nobody else can have it on a wire of our own */
		if (a->family == AF_INET6)
			rtnl_addr_set_flags(ra, IFA_F_NODAD);
		r = error_of(r < 0 ? r : change(s, ra, 0));
	}
	if (ra)
		rtnl_addr_put(ra);
	return r;
}

int iface_add_addr(const char *name, const struct net_addr *a)
{
	return change_addr(name, a, rtnl_addr_add);
}

int iface_del_addr(const char *name, const struct net_addr *a)
{
	return change_addr(name, a, rtnl_addr_delete);
}

/* Of a route to everywhere all but the interface, and the gateway (NULL: none), is said already. */
static int add_default_route(
	struct rtnl_route *route, int family, const char *name, struct nl_addr *via)
{
	static const uint8_t zero[16];
	_cleanup_(free_socket) struct nl_sock *s = connect_route();
	_cleanup_(free_nl_addr) struct nl_addr *any =
		nl_addr_build(family, zero, family == AF_INET ? 4 : 16);
	struct rtnl_nexthop *hop;

	if (!s || !any)
		return -ENOMEM;
	hop = rtnl_route_nh_alloc();
	if (!hop)
		return -ENOMEM;
	nl_addr_set_prefixlen(any, 0);
	rtnl_route_set_family(route, (uint8_t)family);
	rtnl_route_set_dst(route, any);
	rtnl_route_nh_set_ifindex(hop, (int)if_nametoindex(name));
	if (via)
		rtnl_route_nh_set_gateway(hop, via);
	rtnl_route_add_nexthop(route, hop); /* which owns it now */
	return error_of(rtnl_route_add(s, route, 0));
}

int iface_add_gateway(const char *name, const struct net_addr *gw)
{
	_cleanup_(free_nl_addr) struct nl_addr *via = nl_addr_of(gw);
	_cleanup_(free_route) struct rtnl_route *route = rtnl_route_alloc();

	return via && route ? add_default_route(route, gw->family, name, via) : -ENOMEM;
}

int iface_add_device_route(const char *name, uint32_t table, uint8_t type)
{
	_cleanup_(free_route) struct rtnl_route *route = rtnl_route_alloc();

	if (!route)
		return -ENOMEM;
	rtnl_route_set_table(route, table);
	rtnl_route_set_type(route, type);
	rtnl_route_set_scope(route, type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK);
	return add_default_route(route, AF_INET, name, NULL);
}

int iface_del(const char *name)
{
	_cleanup_(free_socket) struct nl_sock *s = connect_route();
	_cleanup_(free_link) struct rtnl_link *l = rtnl_link_alloc();

	if (!s || !l)
		return -ENOMEM;
	rtnl_link_set_name(l, name);
	return error_of(rtnl_link_delete(s, l));
}

int iface_add_rule(const struct iface_rule *rule)
{
	_cleanup_(free_socket) struct nl_sock *s = connect_route();
	struct rtnl_rule *n = rtnl_rule_alloc();
	int r = -ENOMEM;

	if (s && n) {
		rtnl_rule_set_family(n, AF_INET);
		rtnl_rule_set_action(n, rule->table ? FR_ACT_TO_TBL : FR_ACT_BLACKHOLE);
		if (rule->from)
			rtnl_rule_set_iif(n, rule->from);
		rtnl_rule_set_prio(n, rule->priority);
		if (rule->table)
			rtnl_rule_set_table(n, rule->table);
		if (rule->tcp)
			rtnl_rule_set_ipproto(n, IPPROTO_TCP);
		if (rule->sport)
			rtnl_rule_set_sport(n, rule->sport);
		if (rule->dport)
			rtnl_rule_set_dport(n, rule->dport);
		r = error_of(rtnl_rule_add(s, n, 0));
	}
	if (n)
		rtnl_rule_put(n);
	return r;
}

int iface_no_offload(const char *name)
{
	static const uint32_t commands[] = { ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct ethtool_value v = { .cmd = commands[i] };
		struct ifreq ifr = { .ifr_data = (char *)&v };

		strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
		if (ioctl(fd, SIOCETHTOOL, &ifr) < 0 && i == 0)
			return -errno; /* the others follow from the first, or do not exist */
	}
	return 0;
}

int iface_packet_socket(const char *name, int *ret)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name) };
	int on = 1, bytes = RECEIVE_BYTES;
	/* protocol 0: nothing of other interfaces is queued before the bind */
	_cleanup_fd_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		return -errno;
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		return -errno;
	*ret = take_fd(&fd);
	return 0;
}
