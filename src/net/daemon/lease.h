/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interface of the namespace that the caller is in, with an address by DHCP. */
#ifndef UM_NET_LEASE_H
#define UM_NET_LEASE_H

#include "net/dhcp/dhcp.h"
#include "net/spec.h"

/* Waits for the first lease (*ret), which a thread then keeps: 0; -errno, -ETIMEDOUT. */
int MUST_CHECK lease_start(const struct net_spec *s, struct dhcp_lease *ret);

#endif
