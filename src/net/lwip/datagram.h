/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pair of a socket of datagrams (net/stackproto.h). */
#ifndef UM_NET_LWIP_DATAGRAM_H
#define UM_NET_LWIP_DATAGRAM_H

#include "net/lwip/endpoint.h"

/* ret[1] is the guest's; *ret_watch: by which watch its last close is told, or 0: it hangs up.
 * alarms: it has errors (UDP). 0 or -errno; the ends are the caller's even then, or -1. */
int MUST_CHECK datagram_pair(struct stack *st, bool alarms, int ret[2], int *ret_watch);
/* What the guest has written next, into the scratch buffer: its length; -EPIPE: there is no more;
 * -errno. */
ssize_t datagram_read(struct endpoint *ep, uint32_t events);
/* An error waits, which the guest is told soon: */
void datagram_alarm(struct endpoint *ep);
/* now. */
void datagrams_alarm(struct stack *st);

#endif
