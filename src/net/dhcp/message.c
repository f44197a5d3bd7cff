/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dhcp/message.h"

#include <assert.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>

#include "net/checksum.h"

#define PORT_SERVER 67
#define PORT_CLIENT 68
#define MAGIC 0x63825363u
#define BROADCAST_FLAG 0x8000
#define OPTIONS_ROOM 64 /* all that are said are short */
#define LEASE_LEAST 10	/* seconds: else a server could keep the wire busy */
#define LEASE_DEFAULT 3600

enum option {
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_WANTED = 50,
	OPT_LEASE = 51,
	OPT_OVERLOAD = 52,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_PARAMETERS = 55,
	OPT_RENEW = 58,
	OPT_REBIND = 59,
	OPT_CLIENT = 61,
	OPT_END = 255,
};

struct bootp {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	struct in_addr ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16], sname[64], file[128];
	uint32_t magic;
} __attribute__((packed));

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	struct bootp bootp;
} __attribute__((packed));

static_assert(sizeof(struct frame) + OPTIONS_ROOM <= DHCP_FRAME_MAX, "a message fits");

/* ---- what is said ---- */

static uint8_t *put(uint8_t *at, enum option o, const void *value, size_t len)
{
	at[0] = (uint8_t)o;
	at[1] = (uint8_t)len;
	memcpy(at + 2, value, len);
	return at + 2 + len;
}

static uint8_t *put_options(const struct dhcp_request *q, uint8_t *at)
{
	static const uint8_t asked[] = { OPT_MASK, OPT_ROUTER, OPT_DNS, OPT_LEASE, OPT_RENEW,
		OPT_REBIND };
	const uint8_t type = (uint8_t)q->type;
	uint8_t client[7] = { 1 }; /* Ethernet */

	memcpy(client + 1, q->mac, 6);
	at = put(at, OPT_TYPE, &type, 1);
	at = put(at, OPT_CLIENT, client, sizeof(client));
	if (q->wanted.s_addr)
		at = put(at, OPT_WANTED, &q->wanted, 4);
	if (q->server.s_addr)
		at = put(at, OPT_SERVER, &q->server, 4);
	at = put(at, OPT_PARAMETERS, asked, sizeof(asked));
	*at++ = OPT_END;
	return at;
}

size_t dhcp_build(const struct dhcp_request *q, uint8_t *frame)
{
	struct frame f = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP } };
	uint8_t *end;
	size_t len;

	memset(frame, 0, DHCP_FRAME_MAX);
	memset(f.eth.ether_dhost, 0xff, sizeof(f.eth.ether_dhost));
	if (q->to.s_addr)
		memcpy(f.eth.ether_dhost, q->server_mac, sizeof(f.eth.ether_dhost));
	memcpy(f.eth.ether_shost, q->mac, sizeof(f.eth.ether_shost));
	f.eth.ether_type = htons(ETHERTYPE_IP);
	f.ip.saddr = q->own.s_addr;
	f.ip.daddr = q->to.s_addr ? q->to.s_addr : INADDR_BROADCAST;
	f.udp.source = htons(PORT_CLIENT);
	f.udp.dest = htons(PORT_SERVER);
	f.bootp = (struct bootp){ .op = 1,
		.htype = 1,
		.hlen = 6,
		.xid = q->xid,
		.flags = q->own.s_addr ? 0 : htons(BROADCAST_FLAG),
		.ciaddr = q->own,
		.magic = htonl(MAGIC) };
	memcpy(f.bootp.chaddr, q->mac, 6);
	end = put_options(q, frame + sizeof(f));
	len = (size_t)(end - frame);
	f.ip.tot_len = htons((uint16_t)(len - sizeof(f.eth)));
	f.udp.len = htons((uint16_t)(len - sizeof(f.eth) - sizeof(f.ip)));
	f.ip.check = checksum((const uint8_t *)&f + sizeof(f.eth), sizeof(f.ip));
	memcpy(frame, &f, sizeof(f)); /* without a checksum of UDP's, which is no must */
	return len;
}

/* ---- what is heard ---- */

struct heard {
	int type, overload;
	struct in_addr mask;
	struct dhcp_lease *lease;
};

static uint32_t number(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return ntohl(n);
}

static void take_option(struct heard *h, uint8_t option, const uint8_t *value, size_t len)
{
	struct dhcp_lease *l = h->lease;

	if (option == OPT_TYPE && len == 1)
		h->type = value[0];
	if (option == OPT_OVERLOAD && len == 1)
		h->overload = value[0];
	if (len < 4)
		return;
	switch (option) {
	case OPT_MASK:
		memcpy(&h->mask, value, 4);
		break;
	case OPT_ROUTER:
		memcpy(&l->router, value, 4);
		break;
	case OPT_DNS:
		for (l->ndns = 0; l->ndns < DHCP_DNS_MAX && (l->ndns + 1) * 4 <= len; l->ndns++)
			memcpy(&l->dns[l->ndns], value + 4 * l->ndns, 4);
		break;
	case OPT_LEASE:
		l->seconds = number(value);
		break;
	case OPT_RENEW:
		l->renew = number(value);
		break;
	case OPT_REBIND:
		l->rebind = number(value);
		break;
	case OPT_SERVER:
		memcpy(&l->server, value, 4);
		break;
	}
}

static void take_options(struct heard *h, const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len && p[at] != OPT_END) {
		if (p[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (at + 2 > len || at + 2 + p[at + 1] > len)
			return;
		take_option(h, p[at], p + at + 2, p[at + 1]);
		at += 2u + p[at + 1];
	}
}

/* An address that a host can have. */
static bool is_host(struct in_addr a)
{
	const uint32_t n = ntohl(a.s_addr);

	return n >> 24 != 0 && n >> 24 != 127 && n < 0xe0000000u;
}

/* Where nothing is said, or nothing sensible. */
static void make_sane(struct dhcp_lease *l, struct in_addr mask)
{
	const uint32_t m = ntohl(mask.s_addr), first = ntohl(l->addr.s_addr) >> 24;

	if (m && (~m & (~m + 1)) == 0)
		l->prefix = __builtin_popcount(m);
	else
		l->prefix = first < 128 ? 8 : first < 192 ? 16 : 24;
	if (!is_host(l->router))
		l->router.s_addr = 0;
	if (l->seconds == UINT32_MAX)
		return;
	if (!l->seconds)
		l->seconds = LEASE_DEFAULT;
	if (l->seconds < LEASE_LEAST)
		l->seconds = LEASE_LEAST;
	if (!l->rebind || l->rebind >= l->seconds)
		l->rebind = (uint32_t)(l->seconds * 7ull / 8);
	if (!l->renew || l->renew >= l->rebind)
		l->renew = l->rebind / 2 < l->seconds / 2 ? l->rebind / 2 : l->seconds / 2;
	if (l->renew < LEASE_LEAST / 4)
		l->renew = LEASE_LEAST / 4;
}

/* The bootp part of a frame, its options behind it up to *ret_end; NULL: it is none from a server.
 */
static const uint8_t *find_bootp(const uint8_t *frame, size_t len, const uint8_t **ret_end)
{
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	size_t at = sizeof(eth), total;

	if (len < sizeof(struct frame))
		return NULL;
	memcpy(&eth, frame, sizeof(eth));
	memcpy(&ip, frame + at, sizeof(ip));
	total = ntohs(ip.tot_len);
	if (eth.ether_type != htons(ETHERTYPE_IP) || ip.version != 4 || ip.ihl < 5 ||
		ip.protocol != IPPROTO_UDP || ip.frag_off & htons(0x3fff) || total > len - at)
		return NULL;
	*ret_end = frame + at + total;
	at += 4u * ip.ihl;
	if (frame + at + sizeof(udp) + sizeof(struct bootp) > *ret_end)
		return NULL;
	memcpy(&udp, frame + at, sizeof(udp));
	if (udp.source != htons(PORT_SERVER) || udp.dest != htons(PORT_CLIENT) ||
		ntohs(udp.len) < sizeof(udp) + sizeof(struct bootp) ||
		ntohs(udp.len) > *ret_end - (frame + at))
		return NULL;
	*ret_end = frame + at + ntohs(udp.len);
	return frame + at + sizeof(udp);
}

int dhcp_parse(const uint8_t *frame, size_t len, const uint8_t mac[6], uint32_t xid,
	struct dhcp_lease *ret)
{
	const uint8_t *end = NULL, *p = find_bootp(frame, len, &end);
	struct dhcp_lease lease = { 0 };
	struct heard h = { .lease = &lease };
	struct bootp b;

	if (!p)
		return -EBADMSG;
	memcpy(&b, p, sizeof(b));
	if (b.op != 2 || b.htype != 1 || b.hlen != 6 || b.xid != xid || b.magic != htonl(MAGIC) ||
		memcmp(b.chaddr, mac, 6) != 0)
		return -EBADMSG;
	take_options(&h, p + sizeof(b), (size_t)(end - p) - sizeof(b));
	if (h.overload & 1)
		take_options(&h, b.file, sizeof(b.file));
	if (h.overload & 2)
		take_options(&h, b.sname, sizeof(b.sname));
	if (h.type == DHCP_NAK) {
		*ret = lease;
		return DHCP_NAK;
	}
	lease.addr = b.yiaddr;
	if ((h.type != DHCP_OFFER && h.type != DHCP_ACK) || !is_host(lease.addr) ||
		!is_host(lease.server))
		return -EBADMSG;
	make_sane(&lease, h.mask);
	*ret = lease;
	return h.type;
}
