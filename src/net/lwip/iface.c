/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces: lwIP's netifs, whose frames a link's thread carries, and the loopback. */
#include "net/lwip/stack.h"

#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>
#include <netif/ethernet.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "net/daemon/link.h"
#include "net/lwip/datagram.h"
#include "net/lwip/lease.h"
#include "net/lwip/netlink.h"
#include "net/lwip/packet.h"

#define BATCH 64
#define OUT_MAX 512 /* frames kept for a link that is slow; further ones are lost */
#define LOOP_MAX 8192
#define FRAME_LEAST                                                                                \
	60 /* as on a wire; liblwip reads all of an ARP header without asking how much there is */

static struct iface *iface_of(const struct netif *n)
{
	return n->state; /* of an alias too */
}

/* ---- loopback ---- */

/* Takes the place of liblwip's own, which needs its thread. */
err_t netif_loop_output(struct netif *netif, struct pbuf *p)
{
	struct stack *st = the_stack;
	struct queued *q = st->loop.count < LOOP_MAX ? malloc(sizeof(*q)) : NULL;

	if (!q)
		return ERR_MEM;
	/* what is sent may be sent again, and is not the receiver's */
	*q = (struct queued){ .netif = netif, .p = pbuf_clone(PBUF_LINK, PBUF_RAM, p) };
	if (!q->p) {
		free(q);
		return ERR_MEM;
	}
	*st->loop.last = q;
	st->loop.last = &q->next;
	st->loop.count++;
	if (!(p->flags & PBUF_FLAG_MCASTLOOP)) /* a copy of what is sent */
		count_packet(st, p->payload, p->len, true);
	return ERR_OK;
}

/* (of what is for a group lwIP has given it a copy already) */
static err_t loop_output(struct netif *n, struct pbuf *p)
{
	if (!(p->flags & PBUF_FLAG_MCASTLOOP))
		return netif_loop_output(n, p);
	count_packet(the_stack, p->payload, p->len, true);
	return ERR_OK;
}

static err_t loop_ip4(struct netif *n, struct pbuf *p, UNUSED const ip4_addr_t *dst)
{
	return loop_output(n, p);
}

static err_t loop_ip6(struct netif *n, struct pbuf *p, UNUSED const ip6_addr_t *dst)
{
	return loop_output(n, p);
}

/* All of 127/8 is this host: lwIP asks whether the interface has the address. */
static err_t loop_input(struct iface *lo, struct pbuf *p, struct netif *in)
{
	const ip_addr_t own = lo->netif.ip_addr;
	struct ip_hdr ip;
	err_t e;

	if (pbuf_copy_partial(p, &ip, sizeof(ip), 0) == sizeof(ip) && IPH_V(&ip) == 4 &&
		ip4_addr_isloopback(&ip.dest))
		ip_2_ip4(&lo->netif.ip_addr)->addr = ip.dest.addr;
	e = ip_input(p, in);
	lo->netif.ip_addr = own;
	return e;
}

void loop_deliver(struct stack *st)
{
	struct iface *lo = st->ifaces;
	struct queued *q;

	while ((q = st->loop.first)) {
		st->loop.first = q->next;
		if (!q->next)
			st->loop.last = &st->loop.first;
		st->loop.count--;
		lo->rx.packets++;
		lo->tx.packets++;
		lo->rx.bytes += q->p->tot_len;
		lo->tx.bytes += q->p->tot_len;
		count_packet(st, q->p->payload, q->p->len, false);
		tcp_before_loop(q->p->payload, q->p->len);
		if (!lo->admin_up || loop_input(lo, q->p, q->netif) != ERR_OK)
			pbuf_free(q->p);
		free(q);
	}
	streams_tell(st);
	datagrams_alarm(st);
}

static err_t init_loopback(struct netif *n)
{
	n->name[0] = 'l';
	n->name[1] = 'o';
	n->output = loop_ip4;
	n->output_ip6 = loop_ip6;
	n->mtu = 65535;
	n->flags = NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	return ERR_OK;
}

/* ---- frames ---- */

static bool send_now(struct iface *i, const struct pbuf *p)
{
	if (i->link) {
		i->link->ops->send(i->link, p->payload, p->len);
		return true;
	}
	return send(i->frames.fd, p->payload, p->len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
	       errno != EAGAIN;
}

static err_t send_frame(struct netif *n, struct pbuf *p)
{
	struct iface *i = iface_of(n);
	struct queued *q;

	if (!i->admin_up || !i->carrier)
		return ERR_IF;
	i->tx.packets++;
	i->tx.bytes += p->tot_len;
	i->stack->happened_ns = now_ns();
	packet_deliver(i, p->payload, p->len, true);
	if (p->next) /* lwIP makes one of them */
		return ERR_BUF;
	if (!i->out && send_now(i, p))
		return ERR_OK;
	q = i->out_count < OUT_MAX ? malloc(sizeof(*q)) : NULL;
	if (q)
		*q = (struct queued){ .p = pbuf_clone(PBUF_RAW, PBUF_RAM, p) };
	if (!q || !q->p) {
		free(q);
		i->tx.dropped++;
		return ERR_OK; /* as on a wire */
	}
	if (!i->out && source_change(i->stack, &i->frames, EPOLLIN | EPOLLOUT) < 0) {
		pbuf_free(q->p);
		free(q);
		return ERR_OK;
	}
	*i->out_last = q;
	i->out_last = &q->next;
	i->out_count++;
	return ERR_OK;
}

void ifaces_flush(struct stack *st)
{
	for (struct iface *i = st->ifaces; i; i = i->next) {
		if (i->link)
			i->link->ops->flush(i->link);
	}
}

static void send_queued(struct iface *i)
{
	struct queued *q;

	while ((q = i->out) && send_now(i, q->p)) {
		i->out = q->next;
		i->out_count--;
		pbuf_free(q->p);
		free(q);
	}
	if (!i->out) {
		i->out_last = &i->out;
		(void)source_change(i->stack, &i->frames, EPOLLIN);
	}
}

/* liblwip is built to be a router, and takes its own addresses from whatever interface; a host does
 * neither, and what says it comes from this host cannot have come by a wire. */
static bool ip4_is_for_us(struct iface *i, const uint8_t *packet, size_t len)
{
	ip_addr_t dst = { .type = IPADDR_TYPE_V4 }, src = { .type = IPADDR_TYPE_V4 };
	struct ip_hdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, packet, sizeof(ip));
	ip4_addr_copy(*ip_2_ip4(&dst), ip.dest);
	ip4_addr_copy(*ip_2_ip4(&src), ip.src);
	if (ip4_addr_isloopback(ip_2_ip4(&dst)) || addr_is_local(i->stack, &src))
		return false;
	return ip_addr_ismulticast(&dst) || iface_is_broadcast(i, &dst) ||
	       addr_is_local(i->stack, &dst);
}

static bool ip6_is_for_us(struct iface *i, const uint8_t *packet, size_t len)
{
	ip_addr_t dst = { .type = IPADDR_TYPE_V6 }, src = { .type = IPADDR_TYPE_V6 };
	struct ip6_hdr ip;

	if (len < sizeof(ip))
		return false;
	memcpy(&ip, packet, sizeof(ip));
	memcpy(ip_2_ip6(&dst)->addr, &ip.dest, sizeof(ip.dest));
	memcpy(ip_2_ip6(&src)->addr, &ip.src, sizeof(ip.src));
	if (ip6_addr_isloopback(ip_2_ip6(&dst)) || ip6_addr_isloopback(ip_2_ip6(&src)))
		return false;
	return ip_addr_ismulticast(&dst) || addr_is_local(i->stack, &dst);
}

static bool is_for_us(struct iface *i, const uint8_t *frame, size_t len)
{
	const struct eth_hdr *eth = (const void *)frame;

	if (len < SIZEOF_ETH_HDR || (!(eth->dest.addr[0] & 1) && memcmp(&eth->dest, i->netif.hwaddr,
									 ETH_HWADDR_LEN) != 0))
		return false;
	if (eth->type == PP_HTONS(ETHTYPE_IP))
		return ip4_is_for_us(i, frame + SIZEOF_ETH_HDR, len - SIZEOF_ETH_HDR);
	if (eth->type == PP_HTONS(ETHTYPE_IPV6))
		return ip6_is_for_us(i, frame + SIZEOF_ETH_HDR, len - SIZEOF_ETH_HDR);
	return true;
}

/* Does it ask for the host that has our address, or for a connection that we do not have? */
static bool is_for_the_next(const uint8_t *frame, size_t len)
{
	const uint8_t *packet = frame + SIZEOF_ETH_HDR;
	struct etharp_hdr arp;

	if (len < SIZEOF_ETH_HDR + sizeof(arp))
		return true;
	memcpy(&arp, packet, sizeof(arp));
	if (((const struct eth_hdr *)(const void *)frame)->type == PP_HTONS(ETHTYPE_ARP))
		return arp.opcode == PP_HTONS(ARP_REQUEST);
	return tcp_is_stray(packet, len - SIZEOF_ETH_HDR);
}

/* The alias that ARP speaks of. */
static struct netif *addressed(struct iface *i, const uint8_t *frame, size_t len)
{
	const struct eth_hdr *eth = (const void *)frame;
	struct etharp_hdr arp;
	uint32_t ip;

	if (eth->type != PP_HTONS(ETHTYPE_ARP) || len < SIZEOF_ETH_HDR + sizeof(arp))
		return &i->netif;
	memcpy(&arp, frame + SIZEOF_ETH_HDR, sizeof(arp));
	memcpy(&ip, &arp.dipaddr, sizeof(ip));
	return iface_by_ip4(i, ip);
}

static void set_carrier(struct iface *i, bool on)
{
	i->carrier_changes[on] += on != i->carrier;
	i->carrier = on;
	iface_changed(i);
}

static void take_frame(struct iface *i, const uint8_t *frame, size_t len)
{
	struct pbuf *p;

	if (len == 1) { /* the link's word on its carrier */
		set_carrier(i, frame[0] == FRAME_CARRIER_ON);
		rtnl_notify_link(i);
		return;
	}
	/* whoever has our address next is not answered for */
	if (i->stack->ending && is_for_the_next(frame, len))
		return;
	if (i->admin_up) {
		packet_deliver(i, frame, len, false);
		lease_frame(i, frame, len);
	}
	if (!i->admin_up || len > UINT16_MAX || !is_for_us(i, frame, len)) {
		i->rx.dropped++;
		return;
	}
	if (((const struct eth_hdr *)(const void *)frame)->type != PP_HTONS(ETHTYPE_ARP))
		count_packet(i->stack, frame + SIZEOF_ETH_HDR, len - SIZEOF_ETH_HDR, false);
	if (((const struct eth_hdr *)(const void *)frame)->type == PP_HTONS(ETHTYPE_IP) &&
		udp_from_nobody(i, frame + SIZEOF_ETH_HDR, len - SIZEOF_ETH_HDR)) {
		i->rx.packets++;
		i->rx.bytes += len;
		return;
	}
	tcp_before_input(frame + SIZEOF_ETH_HDR, len - SIZEOF_ETH_HDR);
	p = pbuf_alloc(PBUF_RAW, (u16_t)(len < FRAME_LEAST ? FRAME_LEAST : len), PBUF_RAM);
	if (p && len < FRAME_LEAST)
		memset(p->payload, 0, FRAME_LEAST);
	if (!p || pbuf_take(p, frame, (u16_t)len) != ERR_OK ||
		i->netif.input(p, addressed(i, frame, len)) != ERR_OK) {
		i->rx.dropped++;
		if (p)
			pbuf_free(p);
		return;
	}
	i->rx.packets++;
	i->rx.bytes += len;
}

static ssize_t next_frame(struct iface *i, const uint8_t **ret)
{
	if (i->link)
		return i->link->ops->recv(i->link, ret);
	*ret = i->stack->scratch;
	return recv(i->frames.fd, i->stack->scratch, SCRATCH_BYTES, MSG_DONTWAIT);
}

static void frames_ready(struct source *s, uint32_t events)
{
	struct iface *i = container_of_(s, struct iface, frames);

	if (events & EPOLLOUT)
		send_queued(i);
	for (int k = 0; k < BATCH; k++) {
		const uint8_t *frame;
		ssize_t n = next_frame(i, &frame);

		if (n > 0)
			take_frame(i, frame, (size_t)n);
		else if (n == 0) {
			source_close(i->stack, s);
			set_carrier(i, false);
			return;
		} else {
			return;
		}
	}
}

/* ---- Ethernet ---- */

static err_t send_to(struct iface *i, struct pbuf *p, const uint8_t station[6], uint16_t type)
{
	struct eth_addr from, to;

	memcpy(&from, i->netif.hwaddr, sizeof(from));
	memcpy(&to, station, sizeof(to));
	return ethernet_output(&i->netif, p, &from, &to, type);
}

static err_t out_ip4(struct netif *n, struct pbuf *p, const ip4_addr_t *dst)
{
	struct iface *i = iface_of(n);
	const ip_addr_t *hop;
	const uint8_t *station;
	ip_addr_t to;

	count_packet(i->stack, p->payload, p->len, true);
	ip_addr_copy_from_ip4(to, *dst);
	hop = route_next_hop(i->stack, i, &to);
	station = neighbour_station(i, hop);
	if (station)
		return send_to(i, p, station, ETHTYPE_IP);
	/* who is asked by ARP is told the address that the packet has */
	return etharp_output(
		iface_by_ip4(i, ((const struct ip_hdr *)p->payload)->src.addr), p, ip_2_ip4(hop));
}

static err_t out_ip6(struct netif *n, struct pbuf *p, const ip6_addr_t *dst)
{
	struct iface *i = iface_of(n);
	const ip_addr_t *hop;
	const uint8_t *station;
	ip_addr_t to;

	count_packet(i->stack, p->payload, p->len, true);
	ip_addr_copy_from_ip6(to, *dst);
	hop = route_next_hop(i->stack, i, &to);
	station = neighbour_station(i, hop);
	return station ? send_to(i, p, station, ETHTYPE_IPV6) : ethip6_output(n, p, ip_2_ip6(hop));
}

static err_t init_ethernet(struct netif *n)
{
	const struct net_spec *s = iface_of(n)->spec;

	n->name[0] = 'e';
	n->name[1] = 't';
	n->output = out_ip4;
	n->output_ip6 = out_ip6;
	n->linkoutput = send_frame;
	n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	n->hwaddr_len = ETH_HWADDR_LEN;
	if (s->has_mac) {
		memcpy(n->hwaddr, s->mac, ETH_HWADDR_LEN);
	} else if (getrandom(n->hwaddr, ETH_HWADDR_LEN, 0) == ETH_HWADDR_LEN) {
		n->hwaddr[0] = (u8_t)((n->hwaddr[0] & ~1) | 2); /* one station, locally given */
	}
	return ERR_OK;
}

static struct iface *iface_new(struct stack *st, const char *name)
{
	struct iface *i = calloc(1, sizeof(*i)), **last = &st->ifaces;

	if (!i)
		return NULL;
	i->stack = st;
	i->txqlen = 1000;
	i->frames = (struct source){ .fd = -1, .ready = frames_ready };
	i->out_last = &i->out;
	snprintf(i->name, sizeof(i->name), "%s", name);
	while (*last)
		last = &(*last)->next;
	*last = i;
	return i;
}

int iface_add_loopback(struct stack *st)
{
	struct iface *lo = iface_new(st, "lo");
	ip4_addr_t ip, mask;

	if (!lo)
		return -ENOMEM;
	IP4_ADDR(&ip, 127, 0, 0, 1);
	IP4_ADDR(&mask, 255, 0, 0, 0);
	if (!netif_add(&lo->netif, &ip, &mask, NULL, lo, init_loopback, ip_input))
		return -ENOMEM;
	IP_ADDR6_HOST(&lo->netif.ip6_addr[0], 0, 0, 0, 1);
	netif_ip6_addr_set_state(&lo->netif, 0, IP6_ADDR_PREFERRED);
	lo->carrier = true;
	iface_set_up(lo, true);
	return 0;
}

int iface_add(
	struct stack *st, const struct net_spec *s, int frames, unsigned mtu, struct link *link)
{
	struct iface *i = iface_new(st, s->name);

	if (!i)
		return -ENOMEM;
	i->spec = s;
	i->frames.fd = frames;
	i->link = link;
	i->carrier = true;
	if (!netif_add(&i->netif, NULL, NULL, NULL, i, init_ethernet, ethernet_input))
		return -ENOMEM;
	i->netif.mtu = i->netif.mtu6 = (u16_t)(s->mtu ? s->mtu : mtu);
	netif_set_ip6_autoconfig_enabled(&i->netif, 1);
	iface_set_up(i, true);
	return source_add(st, &i->frames, EPOLLIN);
}

struct iface *iface_by_index(struct stack *st, int index)
{
	for (struct iface *i = st->ifaces; i; i = i->next) {
		if (iface_index(i) == index)
			return i;
	}
	return NULL;
}

struct iface *iface_by_name(struct stack *st, const char *name)
{
	for (struct iface *i = st->ifaces; i; i = i->next) {
		if (strcmp(i->name, name) == 0)
			return i;
	}
	return NULL;
}

unsigned iface_flags(const struct iface *i)
{
	unsigned flags =
		i->spec ? (IFF_BROADCAST | IFF_MULTICAST) ^ i->flags : IFF_LOOPBACK | i->flags;

	if (i->admin_up)
		flags |= IFF_UP;
	if (i->admin_up && i->carrier)
		flags |= IFF_RUNNING;
	return flags;
}

/* With the interface its addresses of IPv6 go, and the routes through it, as the kernel's. */
static void drop_network(struct iface *i)
{
	struct net_addr a = { .family = AF_INET6 };

	for (int k = 0; k < LWIP_IPV6_NUM_ADDRESSES; k++) {
		if (!ip6_addr_isvalid(netif_ip6_addr_state(&i->netif, k)))
			continue;
		memcpy(&a.v6, netif_ip6_addr(&i->netif, k)->addr, sizeof(a.v6));
		if (iface_del_ip(i, &a) < 0)
			break; /* it is there */
	}
	route_drop_iface(i->stack, i, NULL);
	neighbours_drop(i);
}

void iface_set_up(struct iface *i, bool up)
{
	const bool was = i->admin_up;

	if (was && !up && i->spec)
		drop_network(i);
	i->admin_up = up;
	iface_changed(i);
	if (was || !up || !i->spec)
		return;
	netif_create_ip6_linklocal_address(&i->netif, 1);
	netif_ip6_addr_set_state(&i->netif, 0, IP6_ADDR_PREFERRED);
	route_iface_up(i);
}
