/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces of the namespace that the caller is in, by rtnetlink(7) (libnl). All return 0 or
 * -errno. */
#ifndef UM_NET_IFACE_H
#define UM_NET_IFACE_H

#include "net/spec.h"

int MUST_CHECK iface_up(const char *name);
/* Until the kernel's own work on an interface that was set up is done, which comes later: before
 * it, the interface says DOWN and loses what is sent. */
int MUST_CHECK iface_settle(const char *name);
/* A pair of virtual Ethernet interfaces (veth(4)); the second one in the namespace of peer_ns (-1:
 * here). */
int MUST_CHECK iface_add_pair(const char *name, const char *peer, int peer_ns);
int MUST_CHECK iface_add_bridge(const char *name);
int MUST_CHECK iface_join_bridge(const char *name, const char *bridge);
/* Hardware address, MTU, then up. */
int MUST_CHECK iface_prepare(const char *name, const struct net_spec *s, unsigned mtu);
int MUST_CHECK iface_add_addr(const char *name, const struct net_addr *a);
int MUST_CHECK iface_del_addr(const char *name, const struct net_addr *a);
/* A default route. */
int MUST_CHECK iface_add_gateway(const char *name, const struct net_addr *gw);
/* Every frame leaves whole and with its checksum: who reads it is no network card (ethtool -K). */
int MUST_CHECK iface_no_offload(const char *name);
/* A tap interface of this namespace: its descriptor, of which each read is a whole frame. */
int MUST_CHECK iface_add_tap(const char *name, int *ret);
/* A packet socket on the interface that sees what comes in; whole frames. */
int MUST_CHECK iface_packet_socket(const char *name, int *ret);

#endif
