/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/count.h"

#include <dlfcn.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/endpoint.h"

/* ---- packets ---- */

/* What is to be known of one. */
struct seen {
	size_t len; /* as IP says */
	size_t l4;  /* where its data begin */
	uint8_t protocol, ecn;
	bool v6, first, piece; /* of several, the first of them */
	bool multicast, broadcast;
};

static bool look4(const uint8_t *p, size_t len, struct seen *ret)
{
	unsigned piece;

	if (len < IP_HLEN || (p[0] & 15) < 5)
		return false;
	piece = (unsigned)(p[6] << 8 | p[7]) & 0x3fff;
	*ret = (struct seen){ .len = (size_t)(p[2] << 8 | p[3]),
		.l4 = 4u * (p[0] & 15),
		.protocol = p[9],
		.ecn = p[1] & 3,
		.piece = piece,
		.first = !(piece & 0x1fff),
		.multicast = (p[16] & 0xf0) == 0xe0,
		.broadcast = p[16] == 255 && p[17] == 255 && p[18] == 255 && p[19] == 255 };
	return true;
}

static bool look6(const uint8_t *p, size_t len, struct seen *ret)
{
	if (len < IP6_HLEN)
		return false;
	*ret = (struct seen){ .len = IP6_HLEN + (size_t)(p[4] << 8 | p[5]),
		.l4 = IP6_HLEN,
		.protocol = p[6],
		.ecn = p[1] >> 4 & 3,
		.v6 = true,
		.first = true,
		.multicast = p[24] == 0xff };
	/* (of MLD, and in pieces; others have no headers in between) */
	while ((ret->protocol == IPPROTO_HOPOPTS || ret->protocol == IPPROTO_FRAGMENT) &&
		ret->l4 + 8 <= len) {
		const uint8_t *h = p + ret->l4;

		if (ret->protocol == IPPROTO_FRAGMENT) {
			ret->piece = true;
			ret->first = !((h[2] << 8 | h[3]) & 0xfff8);
		}
		ret->l4 += ret->protocol == IPPROTO_FRAGMENT ? 8 : 8u * (h[1] + 1u);
		ret->protocol = h[0];
	}
	return true;
}

static void count_in(struct ip_counts *c, const struct seen *s)
{
	uint64_t *const ecn[] = { &c->in_no_ect, &c->in_ect1, &c->in_ect0, &c->in_ce };

	c->in_receives++;
	c->in_delivers += s->first;
	c->reasm_reqds += s->piece;
	c->in_octets += s->len;
	++*ecn[s->ecn];
	if (s->multicast) {
		c->in_mcast_pkts++;
		c->in_mcast_octets += s->len;
	} else if (s->broadcast) {
		c->in_bcast_pkts++;
		c->in_bcast_octets += s->len;
	}
}

static void count_out(struct ip_counts *c, const struct seen *s)
{
	c->out_requests += s->first;
	c->out_transmits++;
	c->frag_oks += s->piece && s->first;
	c->frag_creates += s->piece;
	c->out_octets += s->len;
	if (s->multicast) {
		c->out_mcast_pkts++;
		c->out_mcast_octets += s->len;
	} else if (s->broadcast) {
		c->out_bcast_pkts++;
		c->out_bcast_octets += s->len;
	}
}

/* whole: with the data, of which `len` bytes are here. */
static void count_segment(struct tcp_counts *c, const uint8_t *tcp, size_t len, size_t whole)
{
	c->out_segs++;
	if (len < TCP_HLEN)
		return;
	c->out_rsts += (tcp[13] & TCP_RST) != 0;
	c->data_sent += whole > 4u * (tcp[12] >> 4);
}

/* A port that nobody has is answered so: icmp, with the packet that it is about. */
static void count_no_port(struct counts *c, const uint8_t *icmp, size_t len, bool v6)
{
	struct seen about;

	if (v6 ? icmp[0] != ICMP6_TYPE_DUR || icmp[1] != ICMP6_DUR_PORT
	       : icmp[0] != ICMP_DEST_UNREACH || icmp[1] != ICMP_PORT_UNREACH)
		return;
	if (len < 8 || !(v6 ? look6 : look4)(icmp + 8, len - 8, &about))
		return;
	if (about.protocol == IPPROTO_UDP)
		c->udp[v6].no_ports++;
	else if (about.protocol == IPPROTO_UDPLITE)
		c->udplite[v6].no_ports++;
}

void count_packet(struct stack *st, const void *packet, size_t len, bool out)
{
	struct counts *c = &st->counts;
	const uint8_t *p = packet, *l4;
	struct seen s;

	if (len < 1 || !(p[0] >> 4 == 6 ? look6 : look4)(p, len, &s))
		return;
	(out ? count_out : count_in)(&c->ip[s.v6], &s);
	if (!s.first || s.l4 + 2 > len)
		return;
	l4 = p + s.l4;
	switch (s.protocol) {
	case IPPROTO_TCP:
		if (out)
			count_segment(&c->tcp, l4, len - s.l4, s.len - s.l4);
		else
			c->tcp.in_segs++;
		break;
	case IPPROTO_UDP:
		c->udp[s.v6].out_datagrams += out;
		break;
	case IPPROTO_UDPLITE:
		c->udplite[s.v6].out_datagrams += out;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (s.v6 != (s.protocol == IPPROTO_ICMPV6))
			break;
		(out ? c->icmp[s.v6].out : c->icmp[s.v6].in)[l4[0]]++;
		if (out)
			count_no_port(c, l4, len - s.l4, s.v6);
		break;
	}
}

void count_datagram(struct endpoint *ep, int r)
{
	struct counts *c = &ep->st->counts;
	struct udp_counts *u =
		(ep->protocol == IPPROTO_UDPLITE ? c->udplite : c->udp) + (ep->domain == AF_INET6);

	if (r >= 0) {
		u->in_datagrams++;
	} else {
		u->in_errors++;
		u->rcvbuf_errors++;
	}
}

/* ---- what liblwip sends again: these are called in place of its own, which they call ---- */

typedef err_t again_fn(struct tcp_pcb *pcb);

/* The first segment that was not acknowledged. */
err_t tcp_rexmit(struct tcp_pcb *pcb)
{
	struct tcp_counts *c = &the_stack->counts.tcp;
	again_fn *own = (again_fn *)dlsym(RTLD_NEXT, "tcp_rexmit");
	err_t e = own(pcb);

	if (e == ERR_OK) {
		c->retrans_segs++;
		c->fast_retrans++;
	}
	return e;
}

/* All of them. */
err_t tcp_rexmit_rto_prepare(struct tcp_pcb *pcb)
{
	struct tcp_counts *c = &the_stack->counts.tcp;
	again_fn *own = (again_fn *)dlsym(RTLD_NEXT, "tcp_rexmit_rto_prepare");
	const bool syn = pcb->state == SYN_SENT || pcb->state == SYN_RCVD;
	unsigned n = 0;
	err_t e;

	for (const struct tcp_seg *s = pcb->unacked; s; s = s->next)
		n++;
	e = own(pcb);
	if (e == ERR_OK) {
		c->retrans_segs += n;
		c->syn_retrans += syn;
		c->timeouts++;
	}
	return e;
}
