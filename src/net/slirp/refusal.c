/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/slirp/refusal.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>

#include "net/checksum.h"

#define ICMP_QUOTED 8 /* bytes of what follows the header of IP */

/* The frame around `body`, which is sent by `from`. */
static void send_packet(struct link *l, const struct net_slirp *net, const uint8_t *syn,
	uint8_t protocol, uint32_t from, const void *body, size_t len)
{
	uint8_t frame[ETH_HLEN + sizeof(struct iphdr) + 128], *at = frame;
	struct iphdr ip = { .version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(sizeof(ip) + len)),
		.ttl = 64,
		.protocol = protocol,
		.saddr = from };

	memcpy(&ip.daddr, syn + ETH_HLEN + offsetof(struct iphdr, saddr), sizeof(ip.daddr));
	ip.check = checksum(&ip, sizeof(ip));
	memcpy(at, syn + ETH_ALEN, ETH_ALEN);
	memcpy(at + ETH_ALEN, net->mac, ETH_ALEN);
	memcpy(at + 2 * (size_t)ETH_ALEN, syn + 2 * (size_t)ETH_ALEN, 2);
	at += ETH_HLEN;
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), body, len);
	link_to_view(l, frame, ETH_HLEN + sizeof(ip) + len);
}

static void send_reset(struct link *l, const struct net_slirp *net, const uint8_t *syn,
	const struct iphdr *to, size_t head)
{
	/* what precedes the header for its checksum (RFC 9293), and that */
	struct {
		uint32_t from, to;
		uint16_t protocol, len;
		struct tcphdr h;
	} p = { .from = to->daddr,
		.to = to->saddr,
		.protocol = htons(IPPROTO_TCP),
		.len = htons(sizeof(p.h)) };
	struct tcphdr begun;

	memcpy(&begun, syn + ETH_HLEN + head, sizeof(begun));
	p.h = (struct tcphdr){ .source = begun.dest,
		.dest = begun.source,
		.ack_seq = htonl(ntohl(begun.seq) + 1),
		.doff = sizeof(p.h) / 4,
		.rst = 1,
		.ack = 1 };
	p.h.check = checksum(&p, sizeof(p));
	send_packet(l, net, syn, IPPROTO_TCP, to->daddr, &p.h, sizeof(p.h));
}

/* What the view's kernel makes these of (the others it makes ENETUNREACH). */
static uint8_t code_of(int err)
{
	switch (err) {
	case EHOSTUNREACH:
		return ICMP_HOST_UNREACH;
	case EHOSTDOWN:
		return ICMP_HOST_UNKNOWN;
	case ENONET:
		return ICMP_HOST_ISOLATED;
	case ENOPROTOOPT:
		return ICMP_PROT_UNREACH;
	default:
		return ICMP_NET_UNREACH;
	}
}

void refusal_send(struct link *l, const struct net_slirp *net, const uint8_t *syn, int err)
{
	struct {
		struct icmphdr h;
		uint8_t quoted[15 * 4 + ICMP_QUOTED];
	} icmp = { .h = { .type = ICMP_DEST_UNREACH, .code = code_of(err) } };
	struct iphdr ip;
	size_t head, len;

	memcpy(&ip, syn + ETH_HLEN, sizeof(ip));
	head = ip.ihl * 4U;
	if (err == ECONNREFUSED) {
		send_reset(l, net, syn, &ip, head);
		return;
	}
	memcpy(icmp.quoted, syn + ETH_HLEN, head + ICMP_QUOTED);
	len = sizeof(icmp.h) + head + ICMP_QUOTED;
	icmp.h.checksum = checksum(&icmp, len);
	send_packet(l, net, syn, IPPROTO_ICMP, net->host.s_addr, &icmp, len);
}
