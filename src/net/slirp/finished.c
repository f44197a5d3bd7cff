/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A flow is noted at its SYN, in a table where a later one takes the place of
 * another: what is not noted any more costs the ten seconds, no more. It has come to TIME_WAIT when
 * libslirp's FIN went first, is acknowledged, and the view's has been too. What of the view's is
 * not yet with the host libslirp keeps, and polls the socket for; only when it does not, nothing is
 * left. The order of the frames here is the one that libslirp sees.
 */
#include "net/slirp/finished.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "net/checksum.h"

#define FLOWS 4096
#define OVER_MAX 64

/* The view's side first; no padding, as it is compared whole. */
struct flow_key {
	uint8_t addr[2][16]; /* of IPv4 the first four bytes */
	uint16_t port[2];
	uint16_t type; /* as in the Ethernet header */
};

struct segment {
	struct flow_key key;
	uint32_t seq, ack, end; /* end: behind data and FIN */
	uint8_t flags;
};

struct flow {
	struct flow_key key;
	bool used, over;
	bool fin, acked;	     /* libslirp's FIN, and the view has it */
	bool their_fin, their_acked; /* the other way */
	int fd;			     /* libslirp's socket, -1: not known */
	uint32_t isn, end, their_end;
	struct ether_header eth; /* as the view sends */
};

struct finished {
	struct flow flows[FLOWS];
	struct flow *opening; /* its socket is made next */
	int accepted;	      /* the flow of this one has its SYN next */
	struct flow *over[OVER_MAX];
	size_t nover;
};

struct finished *finished_new(void)
{
	struct finished *f = calloc(1, sizeof(*f));

	if (f)
		f->accepted = -1;
	return f;
}

void finished_free(struct finished *f)
{
	free(f);
}

/* The TCP header of a frame that is no fragment, and where its data ends; NULL: it has none. */
static const uint8_t *find_tcp(
	const uint8_t *frame, size_t len, size_t addr[2], size_t *addr_len, size_t *ret_end)
{
	const uint8_t *ip = frame + ETH_HLEN;
	size_t head, total;

	if (len < ETH_HLEN + sizeof(struct ip))
		return NULL;
	if (frame[12] == 0x08 && frame[13] == 0x00) {
		head = (size_t)(ip[0] & 0xf) * 4;
		total = (size_t)(ip[2] << 8 | ip[3]);
		addr[0] = 12, addr[1] = 16, *addr_len = 4;
		if (ip[9] != IPPROTO_TCP || head < sizeof(struct ip) || (ip[6] & 0x3f) || ip[7])
			return NULL;
	} else if (frame[12] == 0x86 && frame[13] == 0xdd) {
		head = sizeof(struct ip6_hdr);
		total = head + (size_t)(ip[4] << 8 | ip[5]);
		addr[0] = 8, addr[1] = 24, *addr_len = 16;
		if (ip[6] != IPPROTO_TCP)
			return NULL;
	} else {
		return NULL;
	}
	if (total > len - ETH_HLEN || head + sizeof(struct tcphdr) > total)
		return NULL;
	*ret_end = ETH_HLEN + total;
	return ip + head;
}

static bool parse(const uint8_t *frame, size_t len, bool from_view, struct segment *ret)
{
	size_t addr[2], addr_len, end, data;
	const uint8_t *tcp = find_tcp(frame, len, addr, &addr_len, &end);
	const int view = from_view ? 0 : 1; /* whose address comes first is the sender */
	struct tcphdr h;

	if (!tcp)
		return false;
	memcpy(&h, tcp, sizeof(h));
	data = (size_t)(tcp - frame) + h.doff * 4U;
	if (h.doff < 5 || data > end)
		return false;
	memset(ret, 0, sizeof(*ret));
	memcpy(&ret->key.type, frame + 12, 2);
	for (int i = 0; i < 2; i++)
		memcpy(ret->key.addr[i ^ view], frame + ETH_HLEN + addr[i], addr_len);
	ret->key.port[view] = h.source;
	ret->key.port[!view] = h.dest;
	ret->seq = ntohl(h.seq);
	ret->ack = ntohl(h.ack_seq);
	ret->flags = h.th_flags;
	ret->end = ret->seq + (uint32_t)(end - data) + (h.fin ? 1 : 0);
	return true;
}

static struct flow *slot_of(struct finished *f, const struct flow_key *key)
{
	const uint8_t *p = (const uint8_t *)key;
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ p[i]) * 16777619U;
	return &f->flows[(hash ^ hash >> 16) % FLOWS];
}

static struct flow *find(struct finished *f, const struct flow_key *key)
{
	struct flow *flow = slot_of(f, key);

	return flow->used && memcmp(&flow->key, key, sizeof(*key)) == 0 ? flow : NULL;
}

static struct flow *begin(struct finished *f, const struct segment *s, int fd)
{
	struct flow *flow = slot_of(f, &s->key);

	*flow = (struct flow){ .key = s->key, .used = true, .fd = fd, .isn = s->seq };
	return flow;
}

static void check_over(struct finished *f, struct flow *flow)
{
	if (flow->over || !flow->acked || !flow->their_acked || flow->fd < 0 ||
		f->nover == OVER_MAX)
		return;
	flow->over = true;
	f->over[f->nover++] = flow;
}

void finished_from_view(struct finished *f, const uint8_t *frame, size_t len)
{
	struct segment s;
	struct flow *flow;

	if (!parse(frame, len, true, &s))
		return;
	flow = find(f, &s.key);
	if ((s.flags & (TH_SYN | TH_ACK)) == TH_SYN) {
		if (!flow || flow->isn != s.seq) /* it is not sent again */
			f->opening = begin(f, &s, -1);
		return;
	}
	if (!flow)
		return;
	if ((s.flags & TH_RST) || ((s.flags & TH_FIN) && !flow->fin)) {
		flow->used = false; /* the view's side ends it */
		return;
	}
	if (flow->fin && (s.flags & TH_ACK) && s.ack == flow->end)
		flow->acked = true;
	if (s.flags & TH_FIN) {
		flow->their_fin = true;
		flow->their_end = s.end;
		memcpy(&flow->eth, frame, sizeof(flow->eth));
	}
	check_over(f, flow);
}

void finished_taken(struct finished *f)
{
	f->opening = NULL;
}

void finished_to_view(struct finished *f, const uint8_t *frame, size_t len)
{
	struct segment s;
	struct flow *flow;

	if (!parse(frame, len, false, &s))
		return;
	flow = find(f, &s.key);
	if ((s.flags & (TH_SYN | TH_ACK)) == TH_SYN) {
		if (!flow || flow->isn != s.seq)
			begin(f, &s, f->accepted);
		f->accepted = -1;
		return;
	}
	if (!flow)
		return;
	if (s.flags & TH_RST) {
		flow->used = false;
		return;
	}
	if (s.flags & TH_FIN) {
		flow->fin = true;
		flow->end = s.end;
	}
	if (flow->their_fin && s.ack == flow->their_end)
		flow->their_acked = true;
	check_over(f, flow);
}

void finished_socket(struct finished *f, int fd)
{
	if (f->opening)
		take_ptr(&f->opening)->fd = fd;
	else
		f->accepted = fd;
}

/* What precedes the header for its checksum (RFC 9293, RFC 8200), and that. */
static size_t put_tcp(const struct flow *flow, size_t addr_len, uint8_t *at)
{
	struct tcphdr h = { .source = flow->key.port[0],
		.dest = flow->key.port[1],
		.seq = htonl(flow->their_end),
		.doff = sizeof(h) / 4,
		.rst = 1 };
	uint8_t sum[40 + sizeof(h)] = { 0 }, *tcp = sum + 40;

	for (size_t i = 0; i < 2; i++)
		memcpy(sum + i * addr_len, flow->key.addr[i], addr_len);
	sum[35] = sizeof(h); /* in any order, and with zeros between: the sum is the same */
	sum[39] = IPPROTO_TCP;
	memcpy(tcp, &h, sizeof(h));
	h.check = checksum(sum, sizeof(sum));
	memcpy(at, &h, sizeof(h));
	return sizeof(h);
}

static size_t make_rst(const struct flow *flow, uint8_t *frame)
{
	uint8_t *at = frame + sizeof(flow->eth);

	memcpy(frame, &flow->eth, sizeof(flow->eth));
	if (flow->key.type == htons(ETHERTYPE_IP)) {
		struct iphdr ip = { .version = 4,
			.ihl = 5,
			.tot_len = htons(sizeof(ip) + sizeof(struct tcphdr)),
			.ttl = 64,
			.protocol = IPPROTO_TCP };

		memcpy(&ip.saddr, flow->key.addr[0], 4);
		memcpy(&ip.daddr, flow->key.addr[1], 4);
		ip.check = checksum(&ip, sizeof(ip));
		memcpy(at, &ip, sizeof(ip));
		at += sizeof(ip);
		at += put_tcp(flow, 4, at);
	} else {
		struct ip6_hdr ip = { .ip6_flow = htonl(6U << 28),
			.ip6_plen = htons(sizeof(struct tcphdr)),
			.ip6_nxt = IPPROTO_TCP,
			.ip6_hlim = 64 };

		memcpy(&ip.ip6_src, flow->key.addr[0], 16);
		memcpy(&ip.ip6_dst, flow->key.addr[1], 16);
		memcpy(at, &ip, sizeof(ip));
		at += sizeof(ip);
		at += put_tcp(flow, 16, at);
	}
	return (size_t)(at - frame);
}

size_t finished_next(struct finished *f, bool (*is_polled)(const void *arg, int fd),
	const void *arg, uint8_t frame[FINISHED_FRAME])
{
	for (size_t i = 0; i < f->nover;) {
		struct flow *flow = f->over[i];
		const bool still = flow->used && flow->over;

		if (still && is_polled(arg, flow->fd)) {
			i++;
			continue;
		}
		f->over[i] = f->over[--f->nover];
		if (!still)
			continue; /* another has taken its place */
		flow->used = false;
		return make_rst(flow, frame);
	}
	return 0;
}
