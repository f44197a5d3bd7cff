/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw sockets (raw(7)), and those of ICMP echo for everybody (icmp(7)), whose port is the echo's
 * identifier. */
#include <lwip/inet_chksum.h>
#include <lwip/prot/icmp.h>
#include <lwip/prot/icmp6.h>
#include <lwip/priv/raw_priv.h>
#include <lwip/raw.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/datagram.h"

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
	if (len < 1 || ep->protocol != (is_v6(ep) ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return true;
	if (is_v6(ep))
		return !(ep->icmp6_filter[icmp[0] >> 5] & (1u << (icmp[0] & 31)));
	return icmp[0] > 31 || !(ep->icmp_filter & (1u << icmp[0]));
}

/* IPV6_CHECKSUM: what has none that is right is not for this one. */
static bool checksum_right(const struct endpoint *ep, struct pbuf *p, size_t skip)
{
	bool right;

	if (!is_v6(ep) || is_ping(ep) || ep->opt.checksum < 0)
		return true;
	if (pbuf_remove_header(p, skip))
		return false;
	right = ip6_chksum_pseudo(p, (u8_t)ep->protocol, p->tot_len, ip6_current_src_addr(),
			ip6_current_dest_addr()) == 0;
	(void)pbuf_add_header_force(p, skip);
	return right;
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
	if (!wanted(ep, buf + skip, len - skip) || !checksum_right(ep, p, skip))
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
	ep->raw->chksum_reqd = is_v6(ep) && o->checksum >= 0 && !o->hdrincl;
	ep->raw->chksum_offset = (u16_t)o->checksum;
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
	raw_recv(ep->raw, on_recv, ep);
	apply_options(ep);
	return 0;
}

/* What a socket of echoes is refused before others are. */
static int ping_may_bind(const struct endpoint *ep, const struct stack_msg *m)
{
	uint16_t port;
	ip_addr_t ip;

	if (is_v6(ep) && m->namelen < sizeof(struct sockaddr_in6))
		return -EINVAL;
	/* (a wrong name is for address_bind() to refuse) */
	if (address_read(ep, &m->name, m->namelen, &ip, &port) < 0 ||
		(!ip_addr_ismulticast(&ip) && !address_is_broadcast(ep->st, &ip)))
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
	ip_addr_t ip, source;
	struct iface *i;
	uint16_t port;
	int r;

	if (m->namelen >= sizeof(sa_family_t) && m->name.ss_family == AF_UNSPEC) {
		ep->state = EP_CLOSED;
		address_disconnected(ep);
		if (ep->raw)
			ep->raw->local_ip = ep->local;
		return 0;
	}
	r = address_read(ep, &m->name, m->namelen, &ip, &port);
	if (r == 0) {
		address_any_is_here(&ip);
		r = route_source(ep->st, &ip, ep->bound_if, &i, &source);
	}
	if (r == 0)
		r = begin(ep);
	if (r < 0)
		return r;
	if (ip_addr_isany(&ep->local))
		ep->local = ep->raw->local_ip = source;
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

/* IP_HDRINCL: sent to this host, by a header to another one. The kernel gives it to raw sockets
 * here; lwIP would drop it. */
static bool goes_astray(const struct endpoint *ep, const struct iface *i, const struct pbuf *p)
{
	struct ip_hdr h;
	ip_addr_t to;

	if (is_v6(ep) || i != ep->st->ifaces)
		return false;
	memcpy(&h, p->payload, sizeof(h));
	ip_addr_copy_from_ip4(to, h.dest);
	return !addr_is_local(ep->st, &to);
}

static void hear_astray(struct iface *i, struct pbuf *p)
{
	ip_data.current_netif = ip_data.current_input_netif = &i->netif;
	ip_data.current_ip4_header = p->payload;
	ip_data.current_ip_header_tot_len = IPH_HL_BYTES(ip_data.current_ip4_header);
	ip_addr_copy_from_ip4(ip_data.current_iphdr_src, ip_data.current_ip4_header->src);
	ip_addr_copy_from_ip4(ip_data.current_iphdr_dest, ip_data.current_ip4_header->dest);
	(void)raw_input(p, &i->netif); /* nobody takes it from the others (on_recv()) */
	ip_data.current_ip4_header = NULL;
	ip_data.current_netif = ip_data.current_input_netif = NULL;
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
	/* (the kernel looks at type and code) */
	if (r == 0 && !ep->opt.hdrincl && len < 2 && !is_ping(ep) &&
		ep->protocol == (is_v6(ep) ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		r = -EFAULT;
	/* (lwIP has an assertion instead) */
	if (r == 0 && ep->raw->chksum_reqd && len < (size_t)ep->opt.checksum + 2)
		r = -EINVAL;
	if (r < 0)
		return r;
	p = pbuf_alloc(PBUF_IP, (u16_t)len, PBUF_RAM);
	if (!p)
		return -ENOBUFS;
	if (len)
		memcpy(p->payload, data, len);
	if (ep->raw->chksum_reqd) /* which lwIP counts as well */
		memset((uint8_t *)p->payload + ep->opt.checksum, 0, 2);
	r = is_ping(ep) ? complete_echo(ep, p->payload, len) : 0;
	if (!ip_addr_isany(&ep->local))
		source = ep->local;
	if (!ip_addr_isany(&control->source))
		source = control->source;
	if (r == 0 && ep->opt.hdrincl)
		r = complete_header(p, &source);
	if (r == 0 && ep->opt.hdrincl && goes_astray(ep, i, p)) {
		hear_astray(i, p);
		pbuf_free(p);
		return (int)len;
	}
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

	while ((n = datagram_read(ep, events)) >= 0) {
		if (ep->state == EP_OPEN && ep->raw)
			(void)send_to(ep, &ep->peer, &none, ep->st->scratch, (size_t)n);
	}
	if (events & EPOLLHUP)
		endpoint_close(ep);
}

/* (to a raw socket the kernel writes on) */
static int raw_shutdown(struct endpoint *ep, int how)
{
	if (ep->state != EP_OPEN)
		return -ENOTCONN;
	return how == SHUT_WR && !is_ping(ep) ? STACK_SHUT_ALREADY : 0;
}

/* The port of a raw socket is its protocol. */
static int raw_getname(struct endpoint *ep, bool peer, struct sockaddr_storage *ret)
{
	if (peer && (ep->state != EP_OPEN || !ep->peer_port))
		return -ENOTCONN;
	if (peer)
		return (int)address_write(ep, &ep->peer, ep->peer_port, ret);
	return (int)address_write(
		ep, &ep->local, is_ping(ep) ? ep->local_port : (uint16_t)ep->protocol, ret);
}

/* ---- options ---- */

/* Which filter an option of this level is about, and how long it is; NULL: none, and *err why. */
static void *find_filter(struct endpoint *ep, int level, int option, size_t *ret_len, int *err)
{
	const bool v6 = level == IPPROTO_ICMPV6;

	*err = -ENOPROTOOPT;
	if (is_ping(ep) || option != 1 || v6 != is_v6(ep) || (!v6 && level != SOL_RAW))
		return NULL;
	*err = -EOPNOTSUPP;
	if (ep->protocol != (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return NULL;
	*ret_len = v6 ? sizeof(ep->icmp6_filter) : sizeof(ep->icmp_filter);
	return v6 ? ep->icmp6_filter : &ep->icmp_filter;
}

static int set_checksum(struct endpoint *ep, const void *value, size_t len)
{
	int v;

	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	/* ICMPv6's is where it is (RFC 3542) */
	if (ep->protocol == IPPROTO_ICMPV6 || (v > 0 && v & 1))
		return -EINVAL;
	ep->opt.checksum = v < 0 ? -1 : v;
	apply_options(ep);
	return 0;
}

static int raw_setopt(struct endpoint *ep, int level, int option, const void *value, size_t len)
{
	size_t room;
	void *filter;
	int err;

	if (level == IPPROTO_IPV6 && option == IPV6_CHECKSUM && is_v6(ep) && !is_ping(ep))
		return set_checksum(ep, value, len);
	filter = find_filter(ep, level, option, &room, &err);
	if (!filter)
		return err;
	memcpy(filter, value, len < room ? len : room);
	return 0;
}

static int raw_getopt(struct endpoint *ep, int level, int option, void *ret, size_t *len)
{
	const void *value;
	size_t room = sizeof(ep->opt.checksum);
	int err;

	if (level == IPPROTO_IPV6 && option == IPV6_CHECKSUM && is_v6(ep) && !is_ping(ep))
		value = &ep->opt.checksum;
	else
		value = find_filter(ep, level, option, &room, &err);
	if (!value)
		return err;
	*len = *len < room ? *len : room;
	memcpy(ret, value, *len);
	return 0;
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
	ep->opt.checksum = ep->protocol == IPPROTO_ICMPV6 ? 2 : -1;
	return is_ping(ep) ? 0 : begin(ep);
}

const struct endpoint_ops raw_endpoint = {
	.open = raw_open,
	.bind = raw_bind_,
	.connect = raw_connect_,
	.shutdown = raw_shutdown,
	.send = raw_send_,
	.options = apply_options,
	.getopt = raw_getopt,
	.setopt = raw_setopt,
	.getname = raw_getname,
	.ready = raw_ready,
	.release = raw_release,
};
