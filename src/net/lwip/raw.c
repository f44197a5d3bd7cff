/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw sockets (raw(7)), and those of ICMP echo for everybody (icmp(7)), whose port is the echo's
 * identifier. */
#include <lwip/inet_chksum.h>
#include <lwip/prot/icmp.h>
#include <lwip/prot/icmp6.h>
#include <lwip/raw.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/endpoint.h"

#define ECHO_BYTES 8

static bool is_ping(const struct endpoint *ep)
{
	return ep->type == SOCK_DGRAM;
}

static bool is_v6(const struct endpoint *ep)
{
	return ep->domain == AF_INET6;
}

/* Is this echo reply ours? */
static bool wanted(const struct endpoint *ep, const uint8_t *icmp, size_t len)
{
	const uint8_t reply = is_v6(ep) ? ICMP6_TYPE_EREP : ICMP_ER;

	if (is_ping(ep))
		return len >= ECHO_BYTES && icmp[0] == reply &&
		       ((icmp[4] << 8) | icmp[5]) == ep->local_port;
	return is_v6(ep) || ep->protocol != IPPROTO_ICMP || len < 1 || icmp[0] > 31 ||
	       !(ep->icmp_filter & (1u << icmp[0]));
}

static u8_t on_recv(void *arg, UNUSED struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *addr)
{
	struct endpoint *ep = arg;
	struct stack_head head = { 0 };
	const size_t skip = ip_current_header_tot_len(), len = p->tot_len;
	uint8_t *buf = ep->st->scratch;

	if (IP_IS_V6(addr) != is_v6(ep) || len < skip ||
		(ep->state == EP_OPEN && !ip_addr_cmp(addr, &ep->peer)) || !group_hears(ep, addr))
		return 0;
	pbuf_copy_partial(p, buf, p->tot_len, 0);
	if (!wanted(ep, buf + skip, len - skip))
		return 0;
	head.namelen = address_write(ep, addr, 0, &head.name);
	control_fill(ep, &head);
	if (is_ping(ep) || is_v6(ep))
		(void)endpoint_deliver(ep, &head, buf + skip, len - skip);
	else
		(void)endpoint_deliver(ep, &head, buf, len);
	return 0; /* lwIP's own parts see it too */
}

static void apply_options(struct endpoint *ep)
{
	const struct endpoint_options *o = &ep->opt;

	if (!ep->raw)
		return;
	ep->raw->ttl = (u8_t)(is_v6(ep) ? (o->hops >= 0 ? o->hops : 64) : o->ttl);
	ep->raw->mcast_ttl = (u8_t)(is_v6(ep) ? o->mcast_hops : o->mcast_ttl);
	ep->raw->tos = (u8_t)(is_v6(ep) ? o->tclass : o->tos);
	ep->raw->so_options = SOF_BROADCAST;
	raw_set_flags(ep->raw, o->hdrincl ? RAW_FLAGS_HDRINCL : 0);
}

static int begin(struct endpoint *ep)
{
	int r = 0;

	if (is_ping(ep) && !ep->local_port)
		r = address_take_port(ep, 0);
	if (r < 0 || ep->raw)
		return r;
	ep->raw = raw_new_ip_type(is_v6(ep) ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4, (u8_t)ep->protocol);
	if (!ep->raw)
		return -ENOMEM;
	if (is_v6(ep) && ep->protocol == IPPROTO_ICMPV6) {
		ep->raw->chksum_reqd = 1;
		ep->raw->chksum_offset = 2;
	}
	raw_recv(ep->raw, on_recv, ep);
	apply_options(ep);
	return 0;
}

/* 127.255.255.255 is of this host, and all of its network. */
static bool is_for_many(const struct endpoint *ep, const ip_addr_t *ip)
{
	if (ip_addr_isany(ip)) /* lwIP calls it a broadcast */
		return false;
	for (const struct iface *i = ep->st->ifaces; i && IP_IS_V4(ip); i = i->next) {
		if (iface_is_broadcast(i, ip))
			return true;
	}
	return ip_addr_ismulticast(ip) ||
	       (IP_IS_V4(ip) && ip_2_ip4(ip)->addr == PP_HTONL(0x7fffffff));
}

/* What a socket of echoes is refused before others are. */
static int ping_may_bind(const struct endpoint *ep, const struct stack_msg *m)
{
	uint16_t port;
	ip_addr_t ip;

	if (is_v6(ep) && m->namelen < sizeof(struct sockaddr_in6))
		return -EINVAL;
	/* (a wrong name is for address_bind() to refuse) */
	if (address_read(ep, &m->name, m->namelen, &ip, &port) < 0 || !is_for_many(ep, &ip))
		return 0;
	return is_v6(ep) ? -EINVAL : -EADDRNOTAVAIL;
}

static int raw_bind_(struct endpoint *ep, const struct stack_msg *m)
{
	int r = is_ping(ep) ? ping_may_bind(ep, m) : 0;

	if (r == 0)
		r = address_bind(ep, &m->name, m->namelen, m->privileged);
	if (r == 0)
		r = begin(ep);
	if (r == 0)
		ep->raw->local_ip = ep->local;
	return r;
}

static int raw_connect_(struct endpoint *ep, const struct stack_msg *m)
{
	ip_addr_t ip;
	uint16_t port;
	int r;

	if (m->namelen >= sizeof(sa_family_t) && m->name.ss_family == AF_UNSPEC) {
		ep->state = EP_CLOSED;
		return 0;
	}
	r = address_read(ep, &m->name, m->namelen, &ip, &port);
	if (r == 0)
		r = begin(ep);
	if (r < 0)
		return r;
	ep->peer = ip;
	ep->peer_port = port;
	ep->state = EP_OPEN;
	return 0;
}

/* An echo has our identifier, and its checksum. */
static int complete_echo(const struct endpoint *ep, uint8_t *icmp, size_t len)
{
	const uint8_t request = is_v6(ep) ? ICMP6_TYPE_EREQ : ICMP_ECHO;
	uint16_t sum;

	if (len < ECHO_BYTES || icmp[0] != request || icmp[1] != 0)
		return -EINVAL;
	icmp[4] = (uint8_t)(ep->local_port >> 8);
	icmp[5] = (uint8_t)ep->local_port;
	icmp[2] = icmp[3] = 0;
	if (!is_v6(ep)) {
		sum = inet_chksum(icmp, (u16_t)len);
		memcpy(icmp + 2, &sum, sizeof(sum));
	}
	return 0;
}

/* IP_HDRINCL: what raw(7) says is filled in. */
static int complete_header(struct pbuf *p, const ip_addr_t *source)
{
	struct ip_hdr h;
	size_t hlen;

	if (p->len < (IP_IS_V6(source) ? IP6_HLEN : IP_HLEN))
		return -EINVAL;
	if (IP_IS_V6(source))
		return 0;
	memcpy(&h, p->payload, sizeof(h));
	hlen = IPH_HL_BYTES(&h);
	if (hlen < sizeof(h) || hlen > p->len)
		return -EINVAL;
	IPH_LEN_SET(&h, lwip_htons(p->tot_len));
	if (!h.src.addr)
		h.src.addr = ip_2_ip4(source)->addr;
	if (!IPH_ID(&h))
		IPH_ID_SET(&h, (u16_t)rand());
	IPH_CHKSUM_SET(&h, 0);
	memcpy(p->payload, &h, sizeof(h));
	IPH_CHKSUM_SET(&h, inet_chksum(p->payload, (u16_t)hlen));
	memcpy(p->payload, &h, sizeof(h));
	return 0;
}

static int send_to(struct endpoint *ep, const ip_addr_t *ip, const struct control *control,
	const uint8_t *data, size_t len)
{
	const u8_t ttl = ep->raw->ttl;
	struct iface *i;
	ip_addr_t source;
	struct pbuf *p;
	err_t e;
	int r = route_source(
		ep->st, ip, control->iface ? control->iface : ep->bound_if, &i, &source);

	if (r == 0 && IP_IS_V4(ip) && !ep->opt.broadcast && iface_is_broadcast(i, ip))
		r = -EACCES;
	if (r == 0 && len > UINT16_MAX - 60)
		r = -EMSGSIZE;
	if (r < 0)
		return r;
	p = pbuf_alloc(PBUF_IP, (u16_t)len, PBUF_RAM);
	if (!p)
		return -ENOBUFS;
	if (len)
		memcpy(p->payload, data, len);
	r = is_ping(ep) ? complete_echo(ep, p->payload, len) : 0;
	if (!ip_addr_isany(&ep->local))
		source = ep->local;
	if (!ip_addr_isany(&control->source))
		source = control->source;
	if (r == 0 && ep->opt.hdrincl)
		r = complete_header(p, &source);
	if (control->ttl >= 0)
		ep->raw->ttl = (u8_t)control->ttl;
	e = r < 0 ? ERR_OK : raw_sendto_if_src(ep->raw, p, ip, &i->netif, &source);
	ep->raw->ttl = ttl;
	pbuf_free(p);
	if (r < 0)
		return r;
	return e == ERR_OK ? (int)len : e == ERR_RTE ? -ENETUNREACH : -ENOBUFS;
}

static int raw_send_(struct endpoint *ep, const struct stack_msg *m)
{
	ip_addr_t ip = ep->peer;
	struct control control;
	uint16_t port;
	int r = control_parse(ep, m, &control);

	if (r == 0 && m->namelen)
		r = address_read(ep, &m->name, m->namelen, &ip, &port);
	else if (r == 0 && ep->state != EP_OPEN)
		r = -EDESTADDRREQ;
	if (r == 0)
		r = begin(ep);
	return r < 0 ? r : send_to(ep, &ip, &control, m->data + m->controllen, m->len);
}

static void raw_ready(struct endpoint *ep, uint32_t events)
{
	const struct control none = { .ttl = -1, .tos = -1 };
	ssize_t n;

	while ((n = recv(ep->source.fd, ep->st->scratch, SCRATCH_BYTES, MSG_DONTWAIT)) > 0) {
		if (ep->state == EP_OPEN && ep->raw)
			(void)send_to(ep, &ep->peer, &none, ep->st->scratch, (size_t)n);
	}
	if (n == 0 && events & EPOLLRDHUP && !(events & EPOLLHUP))
		(void)source_change(ep->st, &ep->source, 0);
	if (events & EPOLLHUP)
		endpoint_close(ep);
}

static int raw_shutdown(struct endpoint *ep, UNUSED int how)
{
	return ep->state == EP_OPEN ? 0 : -ENOTCONN;
}

static void raw_release(struct endpoint *ep)
{
	if (ep->raw)
		raw_remove(take_ptr(&ep->raw));
}

/* One that is not bound hears all of its protocol; of echoes those with its port, which comes
 * later.
 */
static int raw_open(struct endpoint *ep)
{
	ep->opt.hdrincl = ep->protocol == IPPROTO_RAW;
	return is_ping(ep) ? 0 : begin(ep);
}

const struct endpoint_ops raw_endpoint = {
	.open = raw_open,
	.bind = raw_bind_,
	.connect = raw_connect_,
	.shutdown = raw_shutdown,
	.send = raw_send_,
	.options = apply_options,
	.ready = raw_ready,
	.release = raw_release,
};
