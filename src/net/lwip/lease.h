/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces with an address by DHCP. */
#ifndef UM_NET_LWIP_LEASE_H
#define UM_NET_LWIP_LEASE_H

#include "net/dhcp/dhcp.h"
#include "net/lwip/stack.h"

/* Begins to ask for one: 0 or -errno. */
int MUST_CHECK lease_start(struct iface *i);
/* A frame that has come in. */
void lease_frame(struct iface *i, const uint8_t *frame, size_t len);
/* Has each interface that wants one had its first? */
bool leases_there(const struct stack *st);
/* NULL: it has none. */
const struct dhcp_lease *lease_of(const struct iface *i);

#endif
