/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has come, gone and happened since the network began, as /proc/net/snmp, netstat and snmp6
 * tell it. liblwip is built without counters: these are of what we see, each
 * packet on its way to liblwip and from it, and what sockets are told.
 */
#ifndef UM_NET_LWIP_COUNT_H
#define UM_NET_LWIP_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counts {
	/* [0]: of IPv4, [1]: of IPv6; in the others as well */
	struct ip_counts {
		/* (a datagram in pieces counts as delivered with the first of them) */
		uint64_t in_receives, in_delivers, out_requests, out_no_routes, reasm_reqds,
			frag_oks, frag_creates, out_transmits, in_mcast_pkts, out_mcast_pkts,
			in_bcast_pkts, out_bcast_pkts, in_octets, out_octets, in_mcast_octets,
			out_mcast_octets, in_bcast_octets, out_bcast_octets, in_no_ect, in_ect1,
			in_ect0, in_ce;
	} ip[2];
	struct tcp_counts {
		uint64_t active_opens, passive_opens, attempt_fails, estab_resets, in_segs,
			out_segs, retrans_segs, out_rsts, listen_overflows, listen_drops,
			fast_retrans, timeouts, syn_retrans, data_sent;
	} tcp;
	struct udp_counts {
		uint64_t in_datagrams, no_ports, in_errors, out_datagrams, rcvbuf_errors;
	} udp[2], udplite[2];
	struct icmp_counts {
		uint64_t in[256], out[256]; /* by type */
	} icmp[2];
};

struct endpoint;
struct stack;

/* A packet that liblwip is given, or gives; from IP's header on. */
void count_packet(struct stack *st, const void *packet, size_t len, bool out);
/* A datagram for a socket: r, what came of it. */
void count_datagram(struct endpoint *ep, int r);

#endif
