/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which ports the outer namespace takes connections for (listed ones), and which are libslirp's.
 * The packet socket of a link is not given frames to the former, but for the first of a connection
 * and resets.
 */
#ifndef UM_NET_SLIRP_PORTS_H
#define UM_NET_SLIRP_PORTS_H

#include "net/daemon/link.h"

struct ports; /* free() */

/* mac: what frames to the former have as their destination. NULL: it cannot be. */
struct ports *ports_new(const struct link *l, const uint8_t mac[6]);
/* Has a port listed: its number there, below OUTER_PORTS; or -errno, and it is libslirp's. */
int MUST_CHECK ports_list(struct ports *p, uint16_t port);
/* The socket in the outer namespace that has that number. */
int ports_listener(const struct ports *p, int i);
bool ports_libslirp(const struct ports *p, uint16_t port);
/* Does a port of the host lead to this one of the view? Frames from there are libslirp's. */
bool ports_published(const struct net_spec *s, uint16_t port);

#endif
