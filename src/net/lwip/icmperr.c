/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ICMP says of packets of ours, which liblwip does not tell its sockets: a port that nobody
 * has, a host that cannot be reached. A host on the wire that does not answer ARP is one as well.
 */
#include <lwip/etharp.h>
#include <lwip/icmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip4.h>
#include <lwip/prot/icmp.h>
#include <lwip/prot/icmp6.h>
#include <lwip/raw.h>
#include <lwip/udp.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/endpoint.h"

#define INNER_MAX 1280
#define L4_BYTES 8	  /* of the packet that it is about, and there is always so much of it */
#define NEIGHBOUR_TRIES 3 /* seconds, as the kernel has it */

/* The packet of ours that it is about. */
struct about {
	struct socket_error e; /* without the data */
	bool soft;	       /* it may get better */
	uint8_t protocol;
	ip_addr_t local;
	uint16_t local_port; /* of an echo: its identifier */
	const uint8_t *l4;
	size_t len; /* from there on */
};

/* 0: none that a socket is told. */
static int error_of(bool v6, uint8_t type, uint8_t code, bool *ret_soft)
{
	static const int v4_codes[] = { ENETUNREACH, EHOSTUNREACH, ENOPROTOOPT, ECONNREFUSED, 0,
		EOPNOTSUPP, ENETUNREACH, EHOSTDOWN, ENONET, ENETUNREACH, EHOSTUNREACH, ENETUNREACH,
		EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH };
	static const int v6_codes[] = { ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH,
		ECONNREFUSED, EACCES, EACCES };

	*ret_soft = true;
	if (type == (v6 ? ICMP6_TYPE_TE : ICMP_TE))
		return EHOSTUNREACH;
	if (type != (v6 ? ICMP6_TYPE_DUR : ICMP_DUR))
		return 0;
	*ret_soft = v6 ? code == 0 || code == 2 || code == 3
		       : code <= ICMP_DUR_HOST || code == ICMP_DUR_SR || code == 11 || code == 12;
	if (v6)
		return code < ARRAY_SIZE(v6_codes) ? v6_codes[code] : EPROTO;
	return code < ARRAY_SIZE(v4_codes) ? v4_codes[code] : EHOSTUNREACH;
}

/* icmp: from its header on. */
static bool parse(bool v6, const uint8_t *icmp, size_t len, struct about *ret)
{
	const uint8_t *ip = icmp + 8, *l4;
	const size_t hlen = v6 ? IP6_HLEN : 4 * (len > 8 ? ip[0] & 15u : 0);

	if (len < 8 + hlen + L4_BYTES || hlen < IP_HLEN)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->e.error = error_of(v6, icmp[0], icmp[1], &ret->soft);
	ret->e.type = icmp[0];
	ret->e.code = icmp[1];
	ret->e.offender = *ip_current_src_addr();
	ret->protocol = ip[v6 ? 6 : 9];
	ret->l4 = l4 = ip + hlen;
	ret->len = len - 8 - hlen;
	IP_SET_TYPE_VAL(ret->local, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	IP_SET_TYPE_VAL(ret->e.peer, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	if (v6) {
		memcpy(ip_2_ip6(&ret->local)->addr, ip + 8, 16);
		memcpy(ip_2_ip6(&ret->e.peer)->addr, ip + 24, 16);
	} else {
		memcpy(&ip_2_ip4(&ret->local)->addr, ip + 12, 4);
		memcpy(&ip_2_ip4(&ret->e.peer)->addr, ip + 16, 4);
	}
	if (ret->protocol == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		ret->local_port = (uint16_t)(l4[4] << 8 | l4[5]);
	} else {
		ret->local_port = (uint16_t)(l4[0] << 8 | l4[1]);
		ret->e.peer_port = (uint16_t)(l4[2] << 8 | l4[3]);
	}
	return ret->e.error != 0;
}

/* Is it about a packet of this one's, as far as its addresses say? */
static bool is_its(const struct endpoint *ep, const struct about *a)
{
	if (ep->protocol != a->protocol || (ep->domain == AF_INET && IP_IS_V6_VAL(a->local)))
		return false;
	if (ep->ops == &raw_endpoint && ep->type == SOCK_RAW)
		return ep->state != EP_OPEN || ip_addr_cmp_zoneless(&ep->peer, &a->e.peer);
	if (ep->local_port != a->local_port)
		return false;
	return ep->state == EP_CLOSED
		       ? ep->opt.recverr
		       : ip_addr_cmp_zoneless(&ep->peer, &a->e.peer) &&
				 (ep->ops == &raw_endpoint || ep->peer_port == a->e.peer_port);
}

/* Datagrams: who is connected is told what will not get better, who wants it (IP_RECVERR) all. Of a
 * stream only who is not yet there. */
static bool tell(struct endpoint *ep, void *arg)
{
	const struct about *a = arg;
	struct socket_error e = a->e;
	/* what was sent, without the protocol's header */
	const size_t skip = ep->ops == &udp_endpoint ? L4_BYTES : 0;

	if (!is_its(ep, a))
		return false;
	e.data = a->l4 + skip;
	e.len = a->len - skip;
	if (ep->ops == &tcp_endpoint && ep->state == EP_CONNECTING)
		endpoint_unreachable(ep, -e.error);
	else if (ep->ops != &tcp_endpoint &&
		 (ep->opt.recverr || (!a->soft && ep->state == EP_OPEN)))
		socket_error_tell(ep, &e);
	return ep->type != SOCK_RAW;
}

static u8_t on_icmp(
	void *arg, UNUSED struct raw_pcb *pcb, struct pbuf *p, UNUSED const ip_addr_t *addr)
{
	const bool v6 = ip_current_is_v6();
	const size_t skip = ip_current_header_tot_len();
	uint8_t buf[INNER_MAX];
	struct about a;
	size_t n;

	if (p->tot_len > skip) {
		n = pbuf_copy_partial(p, buf, sizeof(buf), (u16_t)skip);
		if (parse(v6, buf, n, &a))
			(void)endpoints_each(arg, tell, &a);
	}
	return 0;
}

/* ---- what this host says of packets of others ---- */

#define ICMP_MOST 576 /* as the kernel, of IP's packet (RFC 1812, 4.3.2.3) */

/* In place of liblwip's, which quotes eight bytes of what the packet has, and answers from an
 * address of the interface. */
void icmp_dest_unreach(struct pbuf *p, enum icmp_dur_type t)
{
	const struct ip_hdr *ip = p->payload;
	const u16_t most = ICMP_MOST - IP_HLEN - sizeof(struct icmp_echo_hdr),
		    n = p->tot_len < most ? p->tot_len : most;
	struct pbuf *q = pbuf_alloc(PBUF_IP, (u16_t)(sizeof(struct icmp_echo_hdr) + n), PBUF_RAM);
	struct icmp_echo_hdr *icmp;
	ip4_addr_t from, to;
	struct netif *netif;

	if (!q)
		return;
	ip4_addr_copy(from, ip->dest);
	ip4_addr_copy(to, ip->src);
	icmp = q->payload;
	memset(icmp, 0, sizeof(*icmp));
	icmp->type = ICMP_DUR;
	icmp->code = (u8_t)t;
	pbuf_copy_partial(p, icmp + 1, n, 0);
	icmp->chksum = inet_chksum(q->payload, q->len);
	netif = ip4_route(&to);
	if (netif)
		(void)ip4_output_if(q, &from, &to, ICMP_TTL, 0, IP_PROTO_ICMP, netif);
	pbuf_free(q);
}

static bool has_port(const ip_addr_t *ip, uint16_t port)
{
	const struct udp_pcb *u = udp_pcbs;

	while (u && (u->local_port != port ||
			    (!ip_addr_isany(&u->local_ip) && !ip_addr_cmp(&u->local_ip, ip))))
		u = u->next;
	return u;
}

/* liblwip says so for an interface's own address alone, not for a further one. */
static u8_t on_udp(
	void *arg, UNUSED struct raw_pcb *pcb, struct pbuf *p, UNUSED const ip_addr_t *from)
{
	const ip_addr_t *to = ip_current_dest_addr();
	const struct netif *in = ip_current_input_netif();
	uint8_t udp[L4_BYTES];

	if (ip4_addr_cmp(netif_ip4_addr(in), ip_2_ip4(to)) || !addr_is_local(arg, to) ||
		pbuf_copy_partial(p, udp, sizeof(udp), ip_current_header_tot_len()) < sizeof(udp))
		return 0;
	if (!has_port(to, (uint16_t)(udp[2] << 8 | udp[3])))
		icmp_dest_unreach(p, ICMP_DUR_PORT);
	return 0;
}

int icmp_errors_listen(struct stack *st)
{
	struct raw_pcb *v4 = raw_new_ip_type(IPADDR_TYPE_V4, IP_PROTO_ICMP),
		       *v6 = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6),
		       *udp = raw_new_ip_type(IPADDR_TYPE_V4, IP_PROTO_UDP);

	if (!v4 || !v6 || !udp)
		return -ENOMEM;
	raw_recv(v4, on_icmp, st);
	raw_recv(v6, on_icmp, st);
	raw_recv(udp, on_udp, st);
	return 0;
}

/* ---- neighbours that are not there ---- */

static bool check_neighbour(struct endpoint *ep, UNUSED void *arg)
{
	struct eth_addr *mac;
	const ip4_addr_t *found;
	const ip_addr_t *hop;
	ip_addr_t source;
	struct iface *i;

	if (ep->ops != &tcp_endpoint || ep->state != EP_CONNECTING || !IP_IS_V4_VAL(ep->peer))
		return false;
	if (route_source(ep->st, &ep->peer, ep->bound_if, &i, &source) < 0 || !i->spec)
		return false;
	hop = route_next_hop(ep->st, i, &ep->peer);
	if (etharp_find_addr(&i->netif, ip_2_ip4(hop), &mac, &found) >= 0)
		ep->unanswered = 0;
	else if (++ep->unanswered > NEIGHBOUR_TRIES)
		endpoint_unreachable(ep, -EHOSTUNREACH);
	return false;
}

void neighbours_tick(void)
{
	(void)endpoints_each(the_stack, check_neighbour, NULL);
}
