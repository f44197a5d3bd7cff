/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Neighbours. liblwip finds them out and forgets them by itself; one that the user has told of for
 * good (NUD_PERMANENT) stays in a table of ours, which is asked before ARP and neighbour discovery
 * are (iface.c).
 */
#include <lwip/etharp.h>
#include <lwip/nd6.h>
#include <lwip/priv/nd6_priv.h>
#include <lwip/prot/iana.h>
#include <string.h>

#include <linux/neighbour.h>

#include "net/lwip/stack.h"

static bool is_that(const struct neighbour *n, const struct iface *i, const ip_addr_t *ip)
{
	return n->iface == i && IP_GET_TYPE(&n->ip) == IP_GET_TYPE(ip) &&
	       ip_addr_cmp_zoneless(&n->ip, ip);
}

static struct neighbour *find(const struct iface *i, const ip_addr_t *ip)
{
	struct stack *st = i->stack;

	for (size_t k = 0; k < st->nneighbours; k++) {
		if (is_that(&st->neighbours[k], i, ip))
			return &st->neighbours[k];
	}
	return NULL;
}

const uint8_t *neighbour_station(const struct iface *i, const ip_addr_t *ip)
{
	const struct neighbour *n = i->stack->nneighbours ? find(i, ip) : NULL;

	return n ? n->mac : NULL;
}

/* There is no other way in than by an answer of its own. */
static int tell_arp(struct iface *i, uint32_t ip, const uint8_t mac[6])
{
	const struct netif *n = iface_ip4(i, 0);
	struct pbuf *p = pbuf_alloc(PBUF_RAW, sizeof(struct etharp_hdr), PBUF_RAM);
	struct etharp_hdr arp = { .hwtype = PP_HTONS(LWIP_IANA_HWTYPE_ETHERNET),
		.proto = PP_HTONS(ETHTYPE_IP),
		.hwlen = ETH_HWADDR_LEN,
		.protolen = sizeof(ip4_addr_t),
		.opcode = PP_HTONS(ARP_REPLY) };

	if (!n || !p) {
		if (p)
			pbuf_free(p);
		return n ? -ENOBUFS : -ENETUNREACH;
	}
	memcpy(&arp.shwaddr, mac, ETH_HWADDR_LEN);
	memcpy(&arp.sipaddr, &ip, sizeof(ip));
	memcpy(&arp.dipaddr, &netif_ip4_addr(n)->addr, sizeof(ip));
	memcpy(p->payload, &arp, sizeof(arp));
	etharp_input(p, iface_by_ip4(i, netif_ip4_addr(n)->addr));
	return 0;
}

/* One of ARP's cannot be taken out alone: all of the interface go, and the others come back. */
static int forget_arp(struct iface *i, uint32_t ip)
{
	struct {
		uint32_t ip;
		uint8_t mac[6];
	} others[ARP_TABLE_SIZE];
	struct eth_addr *mac;
	struct netif *n;
	ip4_addr_t *has;
	bool found = false;
	size_t count = 0;

	for (size_t k = 0; k < ARP_TABLE_SIZE; k++) {
		if (!etharp_get_entry(k, &has, &n, &mac) ||
			iface_by_index(i->stack, netif_get_index(n)) != i)
			continue;
		found |= has->addr == ip;
		if (has->addr != ip) {
			others[count].ip = has->addr;
			memcpy(others[count++].mac, mac->addr, 6);
		}
	}
	if (!found)
		return -ENOENT;
	etharp_cleanup_netif(&i->netif);
	for (size_t k = 0; k < count; k++) {
		if (tell_arp(i, others[k].ip, others[k].mac) < 0)
			break; /* they are asked for again */
	}
	return 0;
}

static bool is_known(const struct nd6_neighbor_cache_entry *e)
{
	return e->netif && e->state != ND6_NO_ENTRY && e->state != ND6_INCOMPLETE;
}

/* (one that is known has no packets that wait for it) */
static int forget_discovered(struct iface *i, const ip_addr_t *ip)
{
	for (size_t k = 0; k < LWIP_ND6_NUM_NEIGHBORS; k++) {
		struct nd6_neighbor_cache_entry *e = &neighbor_cache[k];

		if (!is_known(e) || e->netif != &i->netif || e->isrouter ||
			!ip6_addr_cmp_zoneless(&e->next_hop_address, ip_2_ip6(ip)))
			continue;
		memset(e, 0, sizeof(*e));
		nd6_clear_destination_cache();
		return 0;
	}
	return -ENOENT;
}

static int forget_learnt(struct iface *i, const ip_addr_t *ip)
{
	return IP_IS_V4(ip) ? forget_arp(i, ip_2_ip4(ip)->addr) : forget_discovered(i, ip);
}

static int keep(const struct neighbour *n)
{
	struct stack *st = n->iface->stack;
	struct neighbour *there = find(n->iface, &n->ip), *grown;

	if (there) {
		*there = *n;
		return 0;
	}
	if (st->nneighbours >= NEIGHBOURS_MAX)
		return -ENOBUFS;
	grown = realloc(st->neighbours, (st->nneighbours + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	st->neighbours = grown;
	grown[st->nneighbours++] = *n;
	return 0;
}

static int drop(struct stack *st, const struct neighbour *n)
{
	struct neighbour *there = find(n->iface, &n->ip);

	if (!there)
		return -ENOENT;
	*there = st->neighbours[--st->nneighbours];
	return 0;
}

void neighbours_drop(struct iface *i)
{
	struct stack *st = i->stack;

	for (size_t k = st->nneighbours; k-- > 0;) {
		if (st->neighbours[k].iface == i)
			st->neighbours[k] = st->neighbours[--st->nneighbours];
	}
}

int neighbour_set(const struct neighbour *n)
{
	int r;

	if (n->state & (NUD_PERMANENT | NUD_NOARP)) {
		r = keep(n);
		/* (what was learnt of it may be there or not) */
		return r < 0 || forget_learnt(n->iface, &n->ip) < 0 ? r : 0;
	}
	if (IP_IS_V6(&n->ip))
		return -EOPNOTSUPP;
	(void)drop(n->iface->stack, n);
	return tell_arp(n->iface, ip_2_ip4(&n->ip)->addr, n->mac);
}

int neighbour_remove(const struct neighbour *n)
{
	int r = drop(n->iface->stack, n);

	return r < 0 ? forget_learnt(n->iface, &n->ip) : 0;
}

void neighbours_each(struct stack *st, void (*fn)(const struct neighbour *n, void *arg), void *arg)
{
	struct neighbour one = { .state = NUD_REACHABLE };
	struct eth_addr *mac;
	struct netif *n;
	ip4_addr_t *ip;

	for (size_t k = 0; k < st->nneighbours; k++)
		fn(&st->neighbours[k], arg);
	for (size_t k = 0; k < ARP_TABLE_SIZE; k++) {
		if (!etharp_get_entry(k, &ip, &n, &mac))
			continue;
		one.iface = iface_by_index(st, netif_get_index(n));
		ip_addr_copy_from_ip4(one.ip, *ip);
		memcpy(one.mac, mac->addr, sizeof(one.mac));
		if (one.iface)
			fn(&one, arg);
	}
	for (size_t k = 0; k < LWIP_ND6_NUM_NEIGHBORS; k++) {
		const struct nd6_neighbor_cache_entry *e = &neighbor_cache[k];

		if (!is_known(e))
			continue;
		one.iface = iface_by_index(st, netif_get_index(e->netif));
		one.state = e->state == ND6_STALE   ? NUD_STALE
			    : e->state == ND6_DELAY ? NUD_DELAY
			    : e->state == ND6_PROBE ? NUD_PROBE
						    : NUD_REACHABLE;
		ip_addr_copy_from_ip6(one.ip, e->next_hop_address);
		memcpy(one.mac, e->lladdr, sizeof(one.mac));
		if (one.iface)
			fn(&one, arg);
	}
}

struct wanted {
	const struct iface *iface;
	const ip_addr_t *ip;
	struct neighbour found;
	bool there;
};

static void look_at(const struct neighbour *n, void *arg)
{
	struct wanted *w = arg;

	if (w->there || !is_that(n, w->iface, w->ip))
		return;
	w->found = *n;
	w->there = true;
}

int neighbour_find(const struct iface *i, const ip_addr_t *ip, struct neighbour *ret)
{
	struct wanted w = { .iface = i, .ip = ip };

	neighbours_each(i->stack, look_at, &w);
	if (!w.there)
		return -ENOENT;
	*ret = w.found;
	return 0;
}
