/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses of interfaces. liblwip has one of IPv4 for each: a further one is an alias, a netif
 * that sends through the same link and that only ARP and lwIP's question whose address it is know
 * of.
 */
#include "net/lwip/stack.h"

#include <lwip/etharp.h>
#include <string.h>

#include "net/lwip/netlink.h"

struct alias {
	struct netif netif;
	struct ip4_label label;
	struct alias *next;
};

static bool has_address(const struct netif *n)
{
	return !ip4_addr_isany(netif_ip4_addr(n));
}

const struct netif *iface_ip4(const struct iface *i, size_t k)
{
	const struct alias *a = i->aliases;

	if (has_address(&i->netif) && k-- == 0)
		return &i->netif;
	while (a && k-- > 0)
		a = a->next;
	return a ? &a->netif : NULL;
}

struct ip4_label *iface_label(struct iface *i, const struct netif *of)
{
	for (struct alias *a = i->aliases; a; a = a->next) {
		if (&a->netif == of)
			return &a->label;
	}
	return &i->label;
}

struct netif *iface_by_ip4(struct iface *i, uint32_t ip)
{
	for (struct alias *a = i->aliases; a; a = a->next) {
		if (netif_ip4_addr(&a->netif)->addr == ip)
			return &a->netif;
	}
	return &i->netif;
}

struct netif *iface_find_ip4(struct iface *i, uint32_t ip)
{
	struct netif *n = iface_by_ip4(i, ip);

	if (netif_ip4_addr(n)->addr != ip)
		return NULL;
	return ip || n != &i->netif ? n : NULL; /* 0: the interface itself has none */
}

struct iface *iface_with_ip4(struct stack *st, uint32_t ip)
{
	struct iface *i = st->ifaces;

	while (i && !iface_find_ip4(i, ip))
		i = i->next;
	return i;
}

bool iface_is_broadcast(const struct iface *i, const ip_addr_t *a)
{
	const struct netif *n;

	if (ip_addr_isbroadcast(a, &i->netif))
		return true;
	for (size_t k = 0; (n = iface_ip4(i, k)); k++) {
		if (ip_addr_isbroadcast(a, n))
			return true;
	}
	return false;
}

void addr_local_source(struct stack *st, const ip_addr_t *to, ip_addr_t *ret)
{
	ip_addr_copy(*ret, *to);
	for (struct iface *i = st->ifaces; i && IP_IS_V4(to); i = i->next) {
		const struct netif *n = iface_find_ip4(i, ip_2_ip4(to)->addr);

		if (n)
			ip_addr_copy_from_ip4(*ret, *netif_ip4_addr(iface_primary(i, n)));
	}
}

bool addr_is_local(struct stack *st, const ip_addr_t *a)
{
	if (IP_IS_V4(a) ? ip4_addr_isloopback(ip_2_ip4(a)) : ip6_addr_isloopback(ip_2_ip6(a)))
		return true;
	for (struct iface *i = st->ifaces; i; i = i->next) {
		if (IP_IS_V4(a) && iface_find_ip4(i, ip_2_ip4(a)->addr))
			return true;
		for (int k = 0; IP_IS_V6(a) && k < LWIP_IPV6_NUM_ADDRESSES; k++) {
			if (ip6_addr_isvalid(netif_ip6_addr_state(&i->netif, k)) &&
				ip6_addr_cmp_zoneless(ip_2_ip6(a), netif_ip6_addr(&i->netif, k)))
				return true;
		}
	}
	return false;
}

/* ---- IPv4 ---- */

static err_t init_alias(struct netif *n)
{
	const struct netif *main = &((const struct iface *)n->state)->netif;

	memcpy(n->name, main->name, sizeof(n->name));
	n->output = main->output;
	n->linkoutput = main->linkoutput;
	n->flags = main->flags & (NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET);
	n->hwaddr_len = main->hwaddr_len;
	memcpy(n->hwaddr, main->hwaddr, sizeof(n->hwaddr));
	n->mtu = main->mtu;
	return ERR_OK;
}

static void follow(const struct iface *i, struct netif *n)
{
	if (i->carrier)
		netif_set_link_up(n);
	else
		netif_set_link_down(n);
	if (i->admin_up)
		netif_set_up(n);
	else
		netif_set_down(n);
}

void iface_changed(struct iface *i)
{
	follow(i, &i->netif);
	for (struct alias *a = i->aliases; a; a = a->next) {
		memcpy(a->netif.hwaddr, i->netif.hwaddr, sizeof(a->netif.hwaddr));
		a->netif.mtu = i->netif.mtu;
		follow(i, &a->netif);
	}
}

static int add_alias(struct iface *i, const ip4_addr_t *ip, const ip4_addr_t *mask)
{
	struct alias **last = &i->aliases, *a;
	size_t n = 0;

	for (; *last; last = &(*last)->next)
		n++;
	a = n < ALIASES_MAX ? calloc(1, sizeof(*a)) : NULL;
	if (!a)
		return -ENOBUFS;
	if (!netif_add(&a->netif, ip, mask, NULL, i, init_alias, i->netif.input)) {
		free(a);
		return -ENOBUFS;
	}
	*last = a;
	iface_changed(i);
	return 0;
}

static bool in_network(const struct netif *n, const ip4_addr_t *ip, const ip4_addr_t *mask)
{
	return ip4_addr_cmp(netif_ip4_netmask(n), mask) &&
	       ip4_addr_netcmp(netif_ip4_addr(n), ip, mask);
}

const struct netif *iface_primary(const struct iface *i, const struct netif *of)
{
	const struct netif *n;

	for (size_t k = 0; (n = iface_ip4(i, k)) && n != of; k++) {
		if (in_network(n, netif_ip4_addr(of), netif_ip4_netmask(of)))
			return n;
	}
	return of;
}

static int set_ip4(struct iface *i, const struct net_addr *a)
{
	ip4_addr_t ip = { a->v4.s_addr }, mask = { net_prefix_mask(a->prefix) };
	int r = 0;

	if (iface_find_ip4(i, ip.addr))
		return -EEXIST;
	if (has_address(&i->netif) || i->aliases) /* the newest is the last one */
		r = add_alias(i, &ip, &mask);
	else
		netif_set_addr(&i->netif, &ip, &mask, NULL);
	return r < 0 || !i->spec || a->prefix == 32 ? r : route_add_connected(i, a);
}

static void remove_ip4(struct iface *i, const struct netif *n)
{
	ip_addr_t source;

	ip_addr_copy_from_ip4(source, *netif_ip4_addr(n));
	if (n == &i->netif) {
		netif_set_addr(&i->netif, NULL, NULL, NULL);
		memset(&i->label, 0, sizeof(i->label));
	}
	for (struct alias **p = &i->aliases, *a; (a = *p); p = &a->next) {
		if (&a->netif != n)
			continue;
		*p = a->next;
		netif_remove(&a->netif);
		free(a);
		break;
	}
	route_drop_iface(i->stack, i, &source);
}

/* With the first of a network the others go, as the kernel's. */
static int drop_ip4(struct iface *i, const struct net_addr *a)
{
	const struct netif *n, *found = iface_find_ip4(i, a->v4.s_addr);
	struct net_addr other = { .family = AF_INET };
	ip4_addr_t ip, mask;
	bool first;

	if (!found)
		return -EADDRNOTAVAIL;
	first = iface_primary(i, found) == found;
	ip = *netif_ip4_addr(found);
	mask = *netif_ip4_netmask(found);
	remove_ip4(i, found);
	for (size_t k = 0; first && (n = iface_ip4(i, k));) {
		if (!in_network(n, &ip, &mask)) {
			k++;
			continue;
		}
		other.v4.s_addr = netif_ip4_addr(n)->addr;
		other.prefix = __builtin_popcount(mask.addr);
		remove_ip4(i, n);
		rtnl_notify_addr(i, &other, true);
	}
	return 0;
}

/* ---- IPv6 ---- */

static int set_ip6(struct iface *i, const struct net_addr *a)
{
	ip6_addr_t ip;
	s8_t k;

	memcpy(ip.addr, &a->v6, sizeof(ip.addr));
	ip6_addr_clear_zone(&ip);
	ip6_addr_assign_zone(&ip, IP6_UNICAST, &i->netif);
	if (netif_get_ip6_addr_match(&i->netif, &ip) >= 0)
		return -EEXIST;
	if (netif_add_ip6_address(&i->netif, &ip, &k) != ERR_OK)
		return -ENOBUFS;
	/* at once: as iface_add_addr() does for the kernel's */
	netif_ip6_addr_set_state(&i->netif, k, IP6_ADDR_PREFERRED);
	return route_add_connected(i, a);
}

int iface_add_ip(struct iface *i, const struct net_addr *a, const struct ip4_label *label)
{
	int r = a->family == AF_INET ? set_ip4(i, a) : set_ip6(i, a);

	if (r == 0 && label)
		*iface_label(i, iface_find_ip4(i, a->v4.s_addr)) = *label;
	if (r == 0)
		rtnl_notify_addr(i, a, false);
	return r;
}

static int drop_ip6(struct iface *i, const struct net_addr *a)
{
	ip_addr_t source = { .type = IPADDR_TYPE_V6 };
	ip6_addr_t ip;
	s8_t k;

	memcpy(ip.addr, &a->v6, sizeof(ip.addr));
	ip6_addr_clear_zone(&ip);
	ip6_addr_assign_zone(&ip, IP6_UNICAST, &i->netif);
	k = netif_get_ip6_addr_match(&i->netif, &ip);
	if (k < 0)
		return -EADDRNOTAVAIL;
	ip_addr_copy_from_ip6(source, ip);
	netif_ip6_addr_set_state(&i->netif, k, IP6_ADDR_INVALID);
	route_drop_iface(i->stack, i, &source);
	return 0;
}

int iface_del_ip(struct iface *i, const struct net_addr *a)
{
	int r = a->family == AF_INET ? drop_ip4(i, a) : drop_ip6(i, a);

	if (r == 0)
		rtnl_notify_addr(i, a, true);
	return r;
}
