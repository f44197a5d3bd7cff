/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP's messages (RFC 2131, RFC 2132) as whole frames of Ethernet. */
#ifndef UM_NET_DHCP_MESSAGE_H
#define UM_NET_DHCP_MESSAGE_H

#include <netinet/in.h>

#include "base/util.h"

#define DHCP_FRAME_MAX 600
#define DHCP_DNS_MAX 4

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK };

struct dhcp_lease {
	struct in_addr addr, server;
	int prefix;
	struct in_addr router; /* 0: none */
	struct in_addr dns[DHCP_DNS_MAX];
	size_t ndns;
	uint32_t seconds, renew, rebind; /* UINT32_MAX seconds: for ever */
};

/* What a client says. */
struct dhcp_request {
	enum dhcp_type type;
	uint32_t xid;
	uint8_t mac[6], server_mac[6];
	/* 0: not said. own: the lease to go on with, which it is sent from (else from 0.0.0.0); to:
	 * one host (else to all). */
	struct in_addr own, wanted, server, to;
};

/* Its length, at most DHCP_FRAME_MAX. */
size_t dhcp_build(const struct dhcp_request *q, uint8_t *frame);

/* An answer to this client: its type, or -EBADMSG. *ret: what it offers, in sane bounds (but for a
 * NAK). */
int MUST_CHECK dhcp_parse(const uint8_t *frame, size_t len, const uint8_t mac[6], uint32_t xid,
	struct dhcp_lease *ret);

#endif
