/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP and UDP-Lite. What the guest writes into the pair is for the host that it is connected to;
 * what has an address is asked for (STACK_SEND). What comes goes into the pair with a file that
 * says from where.
 */
#include <lwip/inet_chksum.h>
#include <lwip/udp.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/datagram.h"

#define DATAGRAM_MAX (UINT16_MAX - 28)

static int error_of(err_t e)
{
	switch (e) {
	case ERR_OK:
		return 0;
	case ERR_RTE:
		return -ENETUNREACH;
	case ERR_MEM:
	case ERR_BUF:
		return -ENOBUFS;
	default:
		return -err_to_errno(e);
	}
}

/* ---- several at one port: lwIP gives all to one of them ---- */

struct choice {
	const struct endpoint *first;
	uint32_t from; /* who sends: always to the same */
	struct endpoint *best;
	uint64_t weight;
};

/* SO_REUSEPORT: by who sends; SO_REUSEADDR alone: the last one that was bound. */
static bool weigh(struct endpoint *ep, void *arg)
{
	struct choice *c = arg;
	uint64_t weight = ep->began;

	if (!address_is_bound_as(ep, c->first) || !ep->udp || ep->state != EP_CLOSED ||
		ep->protocol != c->first->protocol)
		return false;
	if (c->first->opt.reuseport && !ep->opt.reuseport)
		return false;
	if (c->first->opt.reuseport)
		weight = (c->from ^ (uintptr_t)ep >> 4) * 0x9e3779b97f4a7c15ull >> 32;
	if (!c->best || weight > c->weight) {
		c->best = ep;
		c->weight = weight;
	}
	return false;
}

static struct endpoint *choose(struct endpoint *first, const ip_addr_t *addr, u16_t port)
{
	const u32_t *words = IP_IS_V6(addr) ? ip_2_ip6(addr)->addr : &ip_2_ip4(addr)->addr;
	struct choice c = { .first = first, .from = port };

	if ((!first->opt.reuseport && !first->opt.reuseaddr) || first->state != EP_CLOSED)
		return first;
	for (int i = IP_IS_V6(addr) ? 3 : 0; i >= 0; i--)
		c.from = c.from * 31 + words[i];
	(void)address_each_at(first->st, first->local_port, weigh, &c);
	return c.best ? c.best : first;
}

/* A datagram that has come: lwIP's arguments, and its data in one piece. */
struct arrival {
	const struct endpoint *first;
	const ip_addr_t *from;
	uint16_t port;
	const uint8_t *data;
	size_t len;
};

static void hear(struct endpoint *ep, const struct arrival *a)
{
	struct stack_head head = { 0 };

	if (!group_hears(ep, a->from))
		return;
	/* (who is connected, and wants no control messages, is told of none) */
	if (ep->state == EP_OPEN && !control_wanted(ep) && !ep->opt.timestamp) {
		count_datagram(ep, endpoint_deliver_plain(ep, a->data, a->len));
		return;
	}
	control_fill(ep, &head);
	head.namelen = address_write(ep, a->from, a->port, &head.name);
	count_datagram(ep, endpoint_deliver(ep, &head, a->data, a->len));
}

/* What goes to several is for each at its port; lwIP gives it to the first. */
static bool hear_one(struct endpoint *ep, void *arg)
{
	const struct arrival *a = arg;
	const ip_addr_t *to = ip_current_dest_addr();

	if (ep->ops != &udp_endpoint || !ep->udp || ep->protocol != a->first->protocol)
		return false;
	if (ep->bound_if && &ep->bound_if->netif != ip_current_input_netif())
		return false;
	if (ip_addr_isany(&ep->local) ? !IP_IS_ANY_TYPE_VAL(ep->local) &&
						IP_GET_TYPE(&ep->local) != IP_GET_TYPE(to)
				      : !ip_addr_cmp_zoneless(&ep->local, to))
		return false;
	if (ep->state == EP_OPEN &&
		(ep->peer_port != a->port || !ip_addr_cmp_zoneless(&ep->peer, a->from)))
		return false;
	hear(ep, a);
	return false;
}

static void on_recv(
	void *arg, UNUSED struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port)
{
	struct endpoint *first = arg;
	struct arrival a = {
		.first = first, .from = addr, .port = port, .data = p->payload, .len = p->tot_len
	};

	if (p->next) {
		pbuf_copy_partial(p, first->st->scratch, p->tot_len, 0);
		a.data = first->st->scratch;
	}
	if (ip_addr_ismulticast(ip_current_dest_addr()) ||
		address_is_broadcast(first->st, ip_current_dest_addr()))
		(void)address_each_at(first->st, first->local_port, hear_one, &a);
	else
		hear(choose(first, addr, port), &a);
	pbuf_free(p);
}

struct target {
	ip_addr_t ip, source;
	uint16_t port;
	struct iface *iface;
};

/* Is it longer than any may be, or too long for the interface and to go in one piece
 * (IP_MTU_DISCOVER)? */
static bool may_not_split(struct endpoint *ep, const struct target *t, size_t len)
{
	const bool v6 = IP_IS_V6_VAL(t->ip);
	const int how = ep->opt.mtu_discover;
	const size_t mtu = t->iface->netif.mtu, headers = UDP_HLEN + (v6 ? IP6_HLEN : IP_HLEN);

	if (len <= DATAGRAM_MAX &&
		(how < IP_PMTUDISC_DO || how == IP_PMTUDISC_OMIT || len + headers <= mtu))
		return false;
	if (!v6 && len > UINT16_MAX) /* is no datagram at all */
		return true;
	socket_error_tell(ep, &(struct socket_error){ .error = EMSGSIZE,
				      .is_local = true,
				      .info = (uint32_t)mtu,
				      .peer = t->ip,
				      .peer_port = t->port });
	return true;
}

static int send_to(struct endpoint *ep, const struct target *t, const struct control *control,
	const uint8_t *data, size_t len)
{
	const u8_t ttl = ep->udp->ttl, tos = ep->udp->tos, mcast_ttl = ep->udp->mcast_ttl;
	const ip_addr_t local = ep->udp->local_ip;
	struct pbuf *p;
	int r;

	if (may_not_split(ep, t, len))
		return -EMSGSIZE;
	p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);
	if (!p)
		return -ENOBUFS;
	if (len)
		memcpy(p->payload, data, len);
	if (control->ttl >= 0)
		ep->udp->ttl = ep->udp->mcast_ttl = (u8_t)control->ttl;
	if (control->tos >= 0)
		ep->udp->tos = (u8_t)control->tos;
	/* (lwIP sends to addresses of its own family alone) */
	if (IP_GET_TYPE(&local) != IP_GET_TYPE(&t->ip))
		ep->udp->local_ip = *IP_ANY_TYPE;
	r = error_of(udp_sendto_if_src(ep->udp, p, &t->ip, t->port, &t->iface->netif, &t->source));
	ep->udp->local_ip = local;
	ep->udp->ttl = ttl;
	ep->udp->tos = tos;
	ep->udp->mcast_ttl = mcast_ttl;
	pbuf_free(p);
	return r < 0 ? r : (int)len;
}

/* ---- pieces of one datagram (MSG_MORE, UDP_CORK) ---- */

struct pieces {
	struct target to; /* the first one's */
	struct control control;
	size_t len;
	uint8_t data[DATAGRAM_MAX];
};

static int send_pieces(struct endpoint *ep)
{
	_cleanup_free_ struct pieces *all = take_ptr(&ep->pieces);

	return send_to(ep, &all->to, &all->control, all->data, all->len);
}

static int add_piece(struct endpoint *ep, const struct target *t, const struct control *control,
	const uint8_t *data, size_t len)
{
	struct pieces *all = ep->pieces;

	if (!all) {
		all = malloc(sizeof(*all));
		if (!all)
			return -ENOBUFS;
		all->to = *t;
		all->control = *control;
		all->len = 0;
		ep->pieces = all;
	}
	if (len > sizeof(all->data) - all->len)
		return -EMSGSIZE;
	if (len)
		memcpy(all->data + all->len, data, len);
	all->len += len;
	return (int)len;
}

/* Sends it, or as one piece. */
static int submit(struct endpoint *ep, const struct target *t, const struct control *control,
	const uint8_t *data, size_t len, bool more)
{
	int r, sent;

	more |= ep->opt.cork;
	if (!more && !ep->pieces)
		return send_to(ep, t, control, data, len);
	r = add_piece(ep, t, control, data, len);
	if (r < 0 || more)
		return r;
	sent = send_pieces(ep);
	return sent < 0 ? sent : r;
}

static void apply_options(struct endpoint *ep)
{
	struct udp_pcb *pcb = ep->udp;
	const struct endpoint_options *o = &ep->opt;
	const bool v6 = ep->domain == AF_INET6;

	if (!pcb)
		return;
	pcb->ttl = (u8_t)(v6 && o->hops >= 0 ? o->hops : o->ttl);
	pcb->tos = (u8_t)(v6 ? o->tclass : o->tos);
	pcb->mcast_ttl = (u8_t)(v6 ? o->mcast_hops : o->mcast_ttl);
	pcb->mcast_ifindex = (u8_t)o->mcast_if;
	pcb->so_options = SOF_REUSEADDR | SOF_BROADCAST;
	pcb->flags = (u8_t)(o->mcast_loop ? pcb->flags | UDP_FLAGS_MULTICAST_LOOP
					  : pcb->flags & ~UDP_FLAGS_MULTICAST_LOOP);
	if (ep->protocol == IPPROTO_UDP)
		pcb->flags = (u8_t)(o->no_check ? pcb->flags | UDP_FLAGS_NOCHKSUM
						: pcb->flags & ~UDP_FLAGS_NOCHKSUM);
	pcb->netif_idx = ep->bound_if ? netif_get_index(&ep->bound_if->netif) : NETIF_NO_INDEX;
	if (ep->pieces && !o->cork)
		(void)send_pieces(ep);
}

/* lwIP's side, which begins with the port. */
static int begin(struct endpoint *ep)
{
	int r = ep->local_port ? 0 : address_take_port(ep, 0);

	if (r < 0)
		return r == -EADDRINUSE ? -EAGAIN : r;
	if (ep->udp)
		return 0;
	ep->udp = udp_new_ip_type(IP_GET_TYPE(&ep->local));
	if (!ep->udp)
		return -ENOMEM;
	apply_options(ep);
	if (ep->protocol == IPPROTO_UDPLITE)
		udp_setflags(ep->udp, UDP_FLAGS_UDPLITE);
	r = error_of(udp_bind(ep->udp, &ep->local, ep->local_port));
	if (r < 0) {
		udp_remove(take_ptr(&ep->udp));
		return r;
	}
	udp_recv(ep->udp, on_recv, ep);
	ep->began = ++ep->st->bound;
	return 0;
}

static int udp_bind_(struct endpoint *ep, const struct stack_msg *m)
{
	int r = address_bind(ep, &m->name, m->namelen, m->privileged);

	return r < 0 ? r : begin(ep);
}

static int disconnect(struct endpoint *ep)
{
	if (ep->udp)
		udp_disconnect(ep->udp);
	ep->state = EP_CLOSED;
	address_disconnected(ep);
	if (ep->udp && !ep->local_port)
		udp_remove(take_ptr(&ep->udp));
	else if (ep->udp)
		ep->udp->local_ip = ep->local;
	return 0;
}

static int may_send_to(const struct endpoint *ep, const ip_addr_t *ip, const struct iface *i)
{
	if (IP_IS_V4(ip) && !ep->opt.broadcast && iface_is_broadcast(i, ip))
		return -EACCES;
	return 0;
}

static bool is_to_several(const ip_addr_t *ip)
{
	return ip_addr_ismulticast(ip) || (IP_IS_V4(ip) && ip_2_ip4(ip)->addr == IPADDR_BROADCAST);
}

static struct iface *chosen_iface(
	const struct endpoint *ep, const struct control *control, const ip_addr_t *ip)
{
	if (control->iface)
		return control->iface;
	if (ep->bound_if || !is_to_several(ip))
		return ep->bound_if;
	if (ip_addr_ismulticast(ip) && ep->opt.mcast_if)
		return iface_by_index(ep->st, ep->opt.mcast_if);
	/* by the address that it comes from, as the kernel's routing has it */
	return IP_IS_V4(ip) && IP_IS_V4_VAL(ep->local) && !ip_addr_isany(&ep->local)
		       ? iface_with_ip4(ep->st, ip_2_ip4(&ep->local)->addr)
		       : NULL;
}

static int udp_connect_(struct endpoint *ep, const struct stack_msg *m)
{
	const struct control none = { .ttl = -1, .tos = -1 };
	ip_addr_t ip, source;
	struct iface *i;
	uint16_t port;
	int r;

	if (m->namelen >= sizeof(sa_family_t) && m->name.ss_family == AF_UNSPEC)
		return disconnect(ep);
	r = address_read(ep, &m->name, m->namelen, &ip, &port);
	if (r < 0)
		return r == -ENETUNREACH && m->name.ss_family == AF_INET ? -EAFNOSUPPORT : r;
	address_any_is_here(&ip);
	r = route_source(ep->st, &ip, chosen_iface(ep, &none, &ip), &i, &source);
	if (r == 0)
		r = may_send_to(ep, &ip, i);
	if (r == 0)
		r = begin(ep);
	if (r < 0)
		return r;
	if (ip_addr_isany(&ep->local)) {
		ep->local = source;
		ep->udp->local_ip = source;
	}
	ep->peer = ip;
	ep->peer_port = port;
	ep->state = EP_OPEN;
	r = error_of(udp_connect(ep->udp, &ip, port));
	ep->udp->local_ip = ep->local; /* which it has changed */
	return r;
}

/* A socket of IPv6 that has an address of the one, and sends to the other. */
static int other_family(const struct endpoint *ep, const ip_addr_t *to)
{
	if (ip_addr_isany(&ep->local) || IP_GET_TYPE(&ep->local) == IP_GET_TYPE(to))
		return 0;
	if (IP_IS_V6(to))
		return -EAFNOSUPPORT;
	return ep->bound_ip ? -ENETUNREACH : 0;
}

/* (udp(7) of IPv6 takes AF_UNSPEC for none) */
static bool is_named(const struct endpoint *ep, const struct stack_msg *m)
{
	return m->namelen && !(ep->domain == AF_INET6 && m->namelen >= sizeof(sa_family_t) &&
				     m->name.ss_family == AF_UNSPEC);
}

static int read_target(const struct endpoint *ep, const struct stack_msg *m, struct target *t)
{
	int r = address_read(ep, &m->name, m->namelen, &t->ip, &t->port);

	return r == -EAFNOSUPPORT && ep->domain == AF_INET6 ? -EINVAL : r;
}

static int udp_send_(struct endpoint *ep, const struct stack_msg *m)
{
	struct target t = { .ip = ep->peer, .port = ep->peer_port };
	struct control control;
	int r = control_parse(ep, m, &control);

	if (ep->error && !r) {
		r = ep->error;
		ep->error = 0;
	}
	if (r == 0 && ep->pieces)
		return submit(ep, &ep->pieces->to, &control, m->data + m->controllen, m->len,
			m->a & MSG_MORE);
	if (r == 0 && is_named(ep, m))
		r = read_target(ep, m, &t);
	else if (r == 0 && ep->state != EP_OPEN)
		r = -EDESTADDRREQ;
	if (r == 0 && t.port == 0)
		r = -EINVAL;
	if (r == 0)
		r = begin(ep);
	if (r < 0)
		return r;
	address_any_is_here(&t.ip);
	r = other_family(ep, &t.ip);
	if (r < 0)
		return r;
	r = route_source(ep->st, &t.ip, chosen_iface(ep, &control, &t.ip), &t.iface, &t.source);
	if (r == 0)
		r = may_send_to(ep, &t.ip, t.iface);
	if (r < 0)
		return r;
	if (!ip_addr_isany(&ep->local) && !ip_addr_ismulticast(&ep->local) &&
		!address_is_broadcast(ep->st, &ep->local) &&
		IP_GET_TYPE(&ep->local) == IP_GET_TYPE(&t.ip))
		t.source = ep->local;
	if (!ip_addr_isany(&control.source))
		t.source = control.source;
	return submit(ep, &t, &control, m->data + m->controllen, m->len, m->a & MSG_MORE);
}

/* What was written to a connected socket. */
static void udp_ready(struct endpoint *ep, uint32_t events)
{
	const struct control none = { .ttl = -1, .tos = -1 };
	struct target t = { .ip = ep->peer, .port = ep->peer_port };
	ssize_t n;

	while ((n = datagram_read(ep, events)) >= 0) {
		if (ep->state != EP_OPEN || !ep->udp ||
			route_source(ep->st, &t.ip, chosen_iface(ep, &none, &t.ip), &t.iface,
				&t.source) < 0)
			continue;
		t.source = ep->local;
		(void)submit(ep, &t, &none, ep->st->scratch, (size_t)n, false);
	}
	if (events & EPOLLHUP)
		endpoint_close(ep);
}

static int udp_shutdown(struct endpoint *ep, UNUSED int how)
{
	return ep->state == EP_OPEN ? 0 : -ENOTCONN;
}

static void udp_release(struct endpoint *ep)
{
	free(take_ptr(&ep->pieces));
	if (ep->udp)
		udp_remove(take_ptr(&ep->udp));
}

/* ---- from a host that has no address yet ---- */

static bool is_from_nobody(const struct ip_hdr *ip, size_t len)
{
	return len >= sizeof(*ip) && IPH_V(ip) == 4 && IPH_PROTO(ip) == IP_PROTO_UDP &&
	       ip->src.addr == 0 && ip->dest.addr == IPADDR_BROADCAST &&
	       IPH_HL_BYTES(ip) >= IP_HLEN && lwip_ntohs(IPH_LEN(ip)) <= len &&
	       lwip_ntohs(IPH_LEN(ip)) > IPH_HL_BYTES(ip) &&
	       !(IPH_OFFSET(ip) & PP_HTONS(IP_MF | IP_OFFMASK)) &&
	       inet_chksum(ip, IPH_HL_BYTES(ip)) == 0;
}

bool udp_from_nobody(struct iface *i, const uint8_t *packet, size_t len)
{
	uint8_t head[60] __attribute__((aligned(4)));
	const struct ip_hdr *ip = (const void *)head;
	struct pbuf *p;

	memcpy(head, packet, len < sizeof(head) ? len : sizeof(head));
	if (!is_from_nobody(ip, len))
		return false;
	p = pbuf_alloc(PBUF_RAW, lwip_ntohs(IPH_LEN(ip)) - IPH_HL_BYTES(ip), PBUF_RAM);
	if (!p)
		return true; /* it is lost */
	memcpy(p->payload, packet + IPH_HL_BYTES(ip), p->len);
	ip_data.current_netif = ip_data.current_input_netif = &i->netif;
	ip_data.current_ip4_header = ip;
	ip_data.current_ip_header_tot_len = IPH_HL_BYTES(ip);
	ip_addr_copy_from_ip4(ip_data.current_iphdr_src, ip->src);
	ip_addr_copy_from_ip4(ip_data.current_iphdr_dest, ip->dest);
	udp_input(p, &i->netif);
	ip_data.current_ip4_header = NULL;
	ip_data.current_netif = ip_data.current_input_netif = NULL;
	return true;
}

const struct endpoint_ops udp_endpoint = {
	.bind = udp_bind_,
	.connect = udp_connect_,
	.shutdown = udp_shutdown,
	.send = udp_send_,
	.options = apply_options,
	.ready = udp_ready,
	.release = udp_release,
};
