/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes. liblwip has a default interface and a gateway for each; a host has a table. ip4_route()
 * and ip6_route() here take the place of liblwip's own, and an interface's output asks for the next
 * hop.
 */
#include "net/lwip/stack.h"

#include <lwip/inet_chksum.h>
#include <lwip/ip4.h>
#include <lwip/ip6.h>
#include <lwip/prot/icmp6.h>
#include <string.h>

static bool prefix_matches(const ip_addr_t *net, const ip_addr_t *a, unsigned bits)
{
	const uint8_t *x = addr_bytes(net), *y = addr_bytes(a);

	if (IP_GET_TYPE(net) != IP_GET_TYPE(a))
		return false;
	return memcmp(x, y, bits / 8) == 0 &&
	       (bits % 8 == 0 || ((x[bits / 8] ^ y[bits / 8]) >> (8 - bits % 8)) == 0);
}

static bool usable(const struct iface *i)
{
	return i->admin_up;
}

/* As the kernel's: IPv4 by prefix, the longer one first; IPv6 each before what it is in. */
int route_compare(const struct route *a, const struct route *b)
{
	const size_t len = a->family == AF_INET ? 4 : 16;
	const unsigned bits = a->prefix < b->prefix ? a->prefix : b->prefix;
	int r;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->family == AF_INET6 && a->prefix != b->prefix &&
		prefix_matches(&a->dst, &b->dst, bits))
		return a->prefix > b->prefix ? -1 : 1;
	r = memcmp(addr_bytes(&a->dst), addr_bytes(&b->dst), len);
	if (r == 0 && a->prefix != b->prefix)
		return a->prefix > b->prefix ? -1 : 1;
	if (r == 0 && a->metric != b->metric)
		return a->metric < b->metric ? -1 : 1;
	return r;
}

static bool same_way(const struct route *a, const struct route *b)
{
	return a->iface == b->iface && a->type == b->type && ip_addr_cmp(&a->gateway, &b->gateway);
}

static int insert_at(struct stack *st, size_t at, const struct route *r)
{
	struct route *grown;

	if (st->nroutes >= ROUTES_MAX)
		return -ENOBUFS;
	grown = realloc(st->routes, (st->nroutes + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	st->routes = grown;
	memmove(&grown[at + 1], &grown[at], (st->nroutes++ - at) * sizeof(*grown));
	grown[at] = *r;
	return 0;
}

int route_add(struct stack *st, const struct route *r, unsigned how)
{
	size_t first = 0, end;
	bool there = false;

	while (first < st->nroutes && route_compare(&st->routes[first], r) < 0)
		first++;
	for (end = first; end < st->nroutes && route_compare(&st->routes[end], r) == 0; end++)
		there |= same_way(&st->routes[end], r);
	if (end == first)
		return how & NLM_F_CREATE ? insert_at(st, first, r) : -ENOENT;
	if (how & NLM_F_EXCL)
		return -EEXIST;
	if (how & NLM_F_REPLACE) {
		if (there && !same_way(&st->routes[first], r))
			return -EEXIST;
		st->routes[first] = *r;
		return 0;
	}
	if (there)
		return -EEXIST;
	return how & NLM_F_CREATE ? insert_at(st, how & NLM_F_APPEND ? end : first, r) : -ENOENT;
}

static void remove_at(struct stack *st, size_t i)
{
	memmove(&st->routes[i], &st->routes[i + 1], (--st->nroutes - i) * sizeof(*st->routes));
}

int route_del(struct stack *st, const struct route *r, struct route *ret)
{
	for (size_t i = 0; i < st->nroutes; i++) {
		const struct route *have = &st->routes[i];

		if (have->family != r->family || have->prefix != r->prefix ||
			!prefix_matches(&have->dst, &r->dst, r->prefix) ||
			(r->type && have->type != r->type) ||
			(r->protocol && have->protocol != r->protocol) ||
			(r->iface && have->iface != r->iface) ||
			(r->metric && have->metric != r->metric) ||
			(!ip_addr_isany(&r->gateway) &&
				!ip_addr_cmp_zoneless(&have->gateway, &r->gateway)))
			continue;
		*ret = *have;
		remove_at(st, i);
		return 0;
	}
	return -ESRCH;
}

void route_drop_iface(struct stack *st, const struct iface *i, const ip_addr_t *source)
{
	for (size_t k = st->nroutes; k-- > 0;) {
		if (st->routes[k].iface == i &&
			(!source || ip_addr_cmp(&st->routes[k].source, source)))
			remove_at(st, k);
	}
}

/* Also one that refuses, which is for all interfaces. */
static const struct route *look_up(
	struct stack *st, const ip_addr_t *dst, const struct iface *bound)
{
	const struct route *best = NULL;

	for (size_t i = 0; i < st->nroutes; i++) {
		const struct route *r = &st->routes[i];

		if (!prefix_matches(&r->dst, dst, r->prefix) ||
			(!route_refuses(r) && (!usable(r->iface) || (bound && r->iface != bound))))
			continue;
		if (!best || r->prefix > best->prefix ||
			(r->prefix == best->prefix && r->metric < best->metric))
			best = r;
	}
	return best;
}

const struct route *route_find(struct stack *st, const ip_addr_t *dst, const struct iface *bound)
{
	const struct route *r = look_up(st, dst, bound);

	return r && route_refuses(r) ? NULL : r;
}

static int refusal(struct stack *st, const ip_addr_t *dst)
{
	const struct route *r = look_up(st, dst, NULL);

	switch (r ? r->type : RTN_THROW) {
	case RTN_BLACKHOLE:
		return -EINVAL;
	case RTN_UNREACHABLE:
		return -EHOSTUNREACH;
	case RTN_PROHIBIT:
		return -EACCES;
	default:
		return -ENETUNREACH;
	}
}

/* Where no route says: what never leaves the wire goes to the first one. */
static struct iface *first_wire(struct stack *st)
{
	for (struct iface *i = st->ifaces ? st->ifaces->next : NULL; i; i = i->next) {
		if (usable(i))
			return i;
	}
	return NULL;
}

static bool stays_on_wire(const ip_addr_t *dst)
{
	if (IP_IS_V4(dst))
		return ip_addr_ismulticast(dst) || ip_2_ip4(dst)->addr == IPADDR_BROADCAST;
	return ip_addr_ismulticast(dst) || ip6_addr_islinklocal(ip_2_ip6(dst));
}

static struct iface *out_iface(struct stack *st, const ip_addr_t *dst, struct iface *bound)
{
	const struct route *r;

	if (addr_is_local(st, dst))
		return st->ifaces;
	if (stays_on_wire(dst)) {
		if (IP_IS_V6(dst) && ip6_addr_has_zone(ip_2_ip6(dst)))
			return iface_by_index(st, ip6_addr_zone(ip_2_ip6(dst)));
		if (bound)
			return bound;
		r = route_find(st, dst, NULL);
		return r ? r->iface : first_wire(st);
	}
	r = look_up(st, dst, bound);
	if (r && route_refuses(r))
		return NULL;
	return r ? r->iface : bound;
}

int route_source(struct stack *st, const ip_addr_t *dst, const struct iface *bound,
	struct iface **ret, ip_addr_t *ret_source)
{
	struct iface *i = out_iface(st, dst, (struct iface *)(uintptr_t)bound);
	const ip_addr_t *source;

	if (!i) {
		st->counts.ip[IP_IS_V6(dst)].out_no_routes++;
		return refusal(st, dst);
	}
	*ret = i;
	if (i == st->ifaces && !ip_addr_ismulticast(dst)) {
		if (IP_IS_V4(dst) && ip4_addr_isloopback(ip_2_ip4(dst)))
			ip_addr_copy_from_ip4(*ret_source, *netif_ip4_addr(&i->netif));
		else
			addr_local_source(st, dst, ret_source);
		return 0;
	}
	if (IP_IS_V4(dst)) {
		const struct route *r = route_find(st, dst, i);

		const struct netif *first = iface_ip4(i, 0);

		if (r && !ip_addr_isany(&r->source))
			ip_addr_copy(*ret_source, r->source);
		else
			ip_addr_copy_from_ip4(
				*ret_source, *netif_ip4_addr(first ? first : &i->netif));
		return 0;
	}
	source = ip6_select_source_address(&i->netif, ip_2_ip6(dst));
	if (!source)
		return -EADDRNOTAVAIL;
	ip_addr_copy(*ret_source, *source);
	return 0;
}

const ip_addr_t *route_next_hop(struct stack *st, const struct iface *i, const ip_addr_t *dst)
{
	const struct route *r;

	if (stays_on_wire(dst) || (IP_IS_V4(dst) && iface_is_broadcast(i, dst)))
		return dst;
	r = route_find(st, dst, i);
	return r && !ip_addr_isany(&r->gateway) ? &r->gateway : dst;
}

void route_mask(ip_addr_t *a, unsigned bits)
{
	uint8_t *b = (uint8_t *)(uintptr_t)addr_bytes(a);

	for (unsigned i = bits; i < (IP_IS_V4(a) ? 32u : 128u); i++)
		b[i / 8] = (uint8_t)(b[i / 8] & ~(0x80 >> i % 8));
}

int route_add_connected(struct iface *i, const struct net_addr *a)
{
	struct route r = { .family = a->family,
		.prefix = (uint8_t)a->prefix,
		.metric = a->family == AF_INET6 ? METRIC_CONNECTED6 : 0,
		.protocol = RTPROT_KERNEL,
		.iface = i };
	int err;

	if (a->family == AF_INET) {
		ip_addr_set_ip4_u32_val(r.dst, a->v4.s_addr);
		ip_addr_set_ip4_u32_val(r.gateway, 0);
	} else {
		IP_SET_TYPE_VAL(r.dst, IPADDR_TYPE_V6);
		IP_SET_TYPE_VAL(r.gateway, IPADDR_TYPE_V6);
		memcpy(ip_2_ip6(&r.dst)->addr, &a->v6, 16);
	}
	r.source = r.dst;
	route_mask(&r.dst, r.prefix);
	if (!i->admin_up) /* when it comes up */
		return 0;
	err = route_add(i->stack, &r, NLM_F_CREATE | NLM_F_APPEND);
	return err == -EEXIST ? 0 : err; /* another address of the same network */
}

void route_iface_up(struct iface *i)
{
	struct net_addr a = { .family = AF_INET };
	const struct netif *n;

	for (size_t k = 0; i->spec && (n = iface_ip4(i, k)); k++) {
		a.v4.s_addr = netif_ip4_addr(n)->addr;
		a.prefix = __builtin_popcount(netif_ip4_netmask(n)->addr);
		if (iface_primary(i, n) == n && a.prefix < 32 && route_add_connected(i, &a) < 0)
			return; /* there are too many */
	}
}

/* Is it in the network of an address of the interface? */
static bool is_neighbour(const struct iface *i, const ip_addr_t *gw)
{
	const struct route *via = route_find(i->stack, gw, i);

	return (IP_IS_V6(gw) && ip6_addr_islinklocal(ip_2_ip6(gw))) ||
	       (via && ip_addr_isany(&via->gateway));
}

struct iface *route_gateway_iface(struct stack *st, const ip_addr_t *gateway)
{
	const struct route *via = ip_addr_isany(gateway) ? NULL : route_find(st, gateway, NULL);

	return via && ip_addr_isany(&via->gateway) ? via->iface : NULL;
}

int route_add_default(struct iface *i, const struct net_addr *gw)
{
	struct route r = { .family = gw->family,
		.metric = gw->family == AF_INET6 ? METRIC_USER6 : 0,
		.protocol = RTPROT_BOOT,
		.iface = i };

	if (gw->family == AF_INET) {
		ip_addr_set_ip4_u32_val(r.gateway, gw->v4.s_addr);
		ip_addr_set_ip4_u32_val(r.dst, 0);
		ip_addr_set_ip4_u32_val(r.source, 0);
	} else {
		IP_SET_TYPE_VAL(r.dst, IPADDR_TYPE_V6);
		IP_SET_TYPE_VAL(r.source, IPADDR_TYPE_V6);
		IP_SET_TYPE_VAL(r.gateway, IPADDR_TYPE_V6);
		memcpy(ip_2_ip6(&r.gateway)->addr, &gw->v6, 16);
		ip6_addr_assign_zone(ip_2_ip6(&r.gateway), IP6_UNICAST, &i->netif);
	}
	return is_neighbour(i, &r.gateway) ? route_add(i->stack, &r, NLM_F_CREATE | NLM_F_APPEND)
					   : -EINVAL;
}

/* ---- what liblwip asks ---- */

struct netif *ip4_route(const ip4_addr_t *dst)
{
	struct iface *i;
	ip_addr_t to;

	ip_addr_copy_from_ip4(to, *dst);
	i = out_iface(the_stack, &to, NULL);
	return i ? &i->netif : NULL;
}

struct netif *ip6_route(const ip6_addr_t *src, const ip6_addr_t *dst)
{
	struct iface *i;
	ip_addr_t to;

	ip_addr_copy_from_ip6(to, *dst);
	if (!ip6_addr_has_zone(dst) && ip6_addr_has_zone(src) && stays_on_wire(&to))
		ip6_addr_set_zone(ip_2_ip6(&to), ip6_addr_zone(src));
	i = out_iface(the_stack, &to, NULL);
	return i ? &i->netif : NULL;
}

/* ---- what liblwip answers by itself (ICMP), as far as the kernel's hosts do it, not as routers:
 * by functions that take the place of its own ---- */

#define ANSWER_TTL 64

err_t ip4_output_if(struct pbuf *p, const ip4_addr_t *src, const ip4_addr_t *dest, u8_t ttl,
	u8_t tos, u8_t proto, struct netif *netif)
{
	if (proto == IP_PROTO_ICMP && ip_current_netif()) {
		struct ip_hdr *h = p->payload;

		ttl = ANSWER_TTL;
		if (dest == LWIP_IP_HDRINCL) { /* an echo, with the request's header */
			IPH_TTL_SET(h, ttl);
			IPH_CHKSUM_SET(h, 0);
			IPH_CHKSUM_SET(h, inet_chksum(h, IPH_HL_BYTES(h)));
		}
	}
	if (dest != LWIP_IP_HDRINCL && ip4_addr_isany(src))
		src = netif_ip4_addr(netif);
	return ip4_output_if_src(p, src, dest, ttl, tos, proto, netif);
}

err_t ip6_output_if(struct pbuf *p, const ip6_addr_t *src, const ip6_addr_t *dest, u8_t hl, u8_t tc,
	u8_t nexth, struct netif *netif)
{
	const uint8_t *icmp = p->payload;

	/* (of neighbour discovery 255 is asked) */
	if (nexth == IP6_NEXTH_ICMP6 && ip_current_netif() && *icmp <= ICMP6_TYPE_EREP)
		hl = ANSWER_TTL;
	if (dest != LWIP_IP_HDRINCL && src && ip6_addr_isany(src)) {
		const ip_addr_t *own = ip6_select_source_address(netif, dest);

		if (!own || ip6_addr_isany(ip_2_ip6(own)))
			return ERR_RTE;
		src = ip_2_ip6(own);
	}
	return ip6_output_if_src(p, src, dest, hl, tc, nexth, netif);
}

unsigned route_prefix6(const struct iface *i, const ip6_addr_t *a)
{
	const struct stack *st = i->stack;

	for (size_t k = 0; k < st->nroutes; k++) {
		const struct route *r = &st->routes[k];

		if (r->family == AF_INET6 && r->iface == i &&
			ip6_addr_cmp_zoneless(ip_2_ip6(&r->source), a))
			return r->prefix;
	}
	return i->spec ? 64 : 128;
}
