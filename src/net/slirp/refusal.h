/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UM_NET_SLIRP_REFUSAL_H
#define UM_NET_SLIRP_REFUSAL_H

#include "net/daemon/link.h"

/* Answers the frame of a SYN of the view's, with whole headers of IPv4 and TCP, so that its
 * connect(2) fails as the host's has, with this error: with one that only the host's can have it is
 * ENETUNREACH. */
void refusal_send(struct link *l, const struct net_slirp *net, const uint8_t *syn, int err);

#endif
