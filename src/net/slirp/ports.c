/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A port is listed when something of the host has answered on it, and remains
 * so. Where that cannot be, it is libslirp's for good, and libslirp is given no connection before:
 * none changes sides.
 */
#include "net/slirp/ports.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fdmsg.h"
#include "net/daemon/outer.h"

#define PLACE_UNKNOWN 0
#define PLACE_LIBSLIRP UINT16_MAX

struct listed {
	uint16_t number;
	int listener;
};

struct ports {
	const struct link *link;
	uint8_t mac[ETH_ALEN]; /* what the frames of ours go to */
	size_t n;
	bool full; /* all that are not in `port` are libslirp's */
	struct listed port[OUTER_PORTS];
	uint16_t place[UINT16_MAX + 1]; /* of a port in `port`, from 1 */
};

bool ports_libslirp(const struct ports *p, uint16_t port)
{
	return p->place[port] == PLACE_LIBSLIRP || (p->full && p->place[port] == PLACE_UNKNOWN);
}

bool ports_published(const struct net_spec *s, uint16_t port)
{
	for (size_t i = 0; i < s->nports; i++) {
		if (s->port[i].port == port && !s->port[i].udp)
			return true;
	}
	return false;
}

int ports_listener(const struct ports *p, int i)
{
	return p->port[i].listener;
}

#define AT_TYPE 12
#define AT_PROTOCOL (ETH_HLEN + 9)
#define AT_FRAGMENT (ETH_HLEN + 6)
#define AT_TCP ETH_HLEN /* and the header of IP, in X */
#define ACCEPT BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)

/* What the outer namespace sends is not (a group of sockets forgets PACKET_IGNORE_OUTGOING), nor is
 * TCP to listed ports, but for the first of a connection, resets, and those from a port that is
 * published. */
static int set_filter(const struct ports *p)
{
	const uint8_t *m = p->mac;
	const struct net_spec *spec = p->link->spec;
	const struct sock_filter head[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_TYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 1, 0),
		ACCEPT,
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			(uint32_t)m[0] << 24 | (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | m[3], 1,
			0),
		ACCEPT,
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)m[4] << 8 | m[5], 1, 0),
		ACCEPT,
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, AT_PROTOCOL),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 1, 0),
		ACCEPT,
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, AT_FRAGMENT),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IP_OFFMASK | IP_MF, 0, 1),
		ACCEPT,
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, ETH_HLEN),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, AT_TCP + 13),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TH_RST, 0, 1),
		ACCEPT,
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, 1),
		ACCEPT,
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, AT_TCP),
	};
	/* besides two for each port, the one that reads the other port, and the last */
	struct sock_filter code[ARRAY_SIZE(head) + 2 * (NET_MAX_PORTS + OUTER_PORTS) + 2];
	struct sock_fprog prog = { .filter = code };
	size_t n = ARRAY_SIZE(head);

	memcpy(code, head, sizeof(head));
	for (size_t i = 0; i < spec->nports; i++) {
		if (spec->port[i].udp)
			continue;
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, spec->port[i].port, 0, 1);
		code[n++] = (struct sock_filter)ACCEPT;
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_IND, AT_TCP + 2);
	for (size_t i = 0; i < p->n; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, p->port[i].number, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	}
	code[n++] = (struct sock_filter)ACCEPT;
	prog.len = (unsigned short)n;
	return setsockopt(p->link->frames, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0
		       ? -errno
		       : 0;
}

struct ports *ports_new(const struct link *l, const uint8_t mac[6])
{
	struct ports *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->link = l;
	p->place[0] = PLACE_LIBSLIRP; /* to listen there is to listen anywhere */
	memcpy(p->mac, mac, sizeof(p->mac));
	if (set_filter(p) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

/* Has the holder do something for a port; ret_fd is what it sends along, or -1. 0 or -errno. */
static int ask(const struct ports *p, enum outer_op op, uint16_t port, int *ret_fd)
{
	const struct outer_request rq = { .op = op, .port = port };
	int32_t err;
	int r = fdmsg_send(p->link->outer.ask, &rq, sizeof(rq), NULL, 0);

	if (r == 0)
		r = fdmsg_recv(p->link->outer.ask, &err, sizeof(err), ret_fd, 1);
	if (r < (int)sizeof(err))
		return r < 0 ? r : -EPIPE;
	return err;
}

/* The listener is here before anything leads to it: there may be no number for it. */
static int list(struct ports *p, uint16_t port)
{
	_cleanup_fd_ int listener = -1, none = -1;
	int r = ask(p, OUTER_LISTEN, port, &listener);

	if (r < 0 || listener < 0)
		return r < 0 ? r : -EMFILE;
	p->port[p->n++] = (struct listed){ .number = port, .listener = listener };
	r = set_filter(p);
	if (r < 0) {
		p->n--;
		p->full = true; /* it is longer than a socket's may be */
		return r;
	}
	r = ask(p, OUTER_TAKE, port, &none);
	if (r < 0) {
		p->n--;
		return set_filter(p) < 0 ? -EIO : r;
	}
	p->full = p->n == OUTER_PORTS;
	listener = -1; /* it is in p->port */
	return 0;
}

int ports_list(struct ports *p, uint16_t port)
{
	const uint16_t place = p->place[port];
	int r;

	if (ports_libslirp(p, port))
		return -ENOSPC;
	if (place != PLACE_UNKNOWN)
		return place - 1;
	r = list(p, port);
	p->place[port] = r < 0 ? PLACE_LIBSLIRP : (uint16_t)p->n;
	return r < 0 ? r : (int)p->n - 1;
}
