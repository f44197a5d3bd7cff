/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet(7): frames as they are, for DHCP clients and tcpdump. */
#ifndef UM_NET_LWIP_PACKET_H
#define UM_NET_LWIP_PACKET_H

#include "net/lwip/endpoint.h"

extern const struct endpoint_ops packet_endpoint;

/* A frame that came in or goes out, for the sockets that want it. */
void packet_deliver(struct iface *i, const uint8_t *frame, size_t len, bool outgoing);

#endif
