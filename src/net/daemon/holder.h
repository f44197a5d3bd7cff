/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process in the view's network namespace: it makes the interfaces, and answers the supervisor.
 */
#ifndef UM_NET_HOLDER_H
#define UM_NET_HOLDER_H

#include "net/spec.h"

/*
 * Runs until the supervisor is gone. For each link that carries frames a message goes to `links`
 * with the index of its spec (int32_t) and two descriptors, the packet socket and one for ioctls,
 * and what its kind has besides: that at the far end of a wire, those of the outer namespace for
 * slirp (net/daemon/outer.h: ask, inject); then one of index -1. It then waits for an int32_t (0,
 * or -errno with a text for the user behind it: struct net_ready) before it tells the supervisor.
 * Once that is gone a byte goes there, and then it waits for what is still to be sent.
 * The exit status.
 */
int holder_run(const struct net_spec specs[], size_t n, int links);

/* The other end of interface number i. */
void holder_peer_name(int i, char ret[IFNAMSIZ]);

#endif
