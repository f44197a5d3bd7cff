/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of DHCP (RFC 2131), which does nothing by itself: its owner brings it frames and the
 * time, and does what it says. Times are those of now_ns().
 */
#ifndef UM_NET_DHCP_H
#define UM_NET_DHCP_H

#include "net/dhcp/message.h"
#include "net/spec.h"

/* How long the start of a network waits for the first lease. */
#define DHCP_FIRST_NS (8 * NSEC_PER_SEC)

enum dhcp_state { DHCP_SELECTING, DHCP_REQUESTING, DHCP_BOUND, DHCP_RENEWING, DHCP_REBINDING };

struct dhcp {
	enum dhcp_state state;
	uint8_t mac[6], server_mac[6];
	uint32_t xid;
	unsigned tries;
	uint64_t due; /* when dhcp_tick() is to be called; UINT64_MAX: not */
	uint64_t renew_at, rebind_at, ends_at;
	struct dhcp_lease lease; /* that is asked for, or held */
};

/* What has become of the lease. */
enum dhcp_news { DHCP_SAME, DHCP_HELD, DHCP_LOST };

void dhcp_init(struct dhcp *d, const uint8_t mac[6], uint64_t now);
/* What is due: *ret_len bytes of frame (of DHCP_FRAME_MAX) are to be sent, or 0. */
enum dhcp_news dhcp_tick(struct dhcp *d, uint64_t now, uint8_t *frame, size_t *ret_len);
/* A frame that has come; whatever it is. */
enum dhcp_news dhcp_input(struct dhcp *d, uint64_t now, const uint8_t *frame, size_t len);

/* What an interface is given by a lease. */
struct net_addr dhcp_address(const struct dhcp_lease *l);
/* Do two of them ask for the same of it? */
bool dhcp_same(const struct dhcp_lease *a, const struct dhcp_lease *b);
/* resolv.conf by a lease; "" when it names no server. */
void dhcp_resolv(const struct dhcp_lease *l, char *buf, size_t size);

#endif
