/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interfaces of the namespace that the caller is in, by rtnetlink(7) (libnl). All return 0 or
 * -errno. */
#ifndef UM_NET_IFACE_H
#define UM_NET_IFACE_H

#include <linux/rtnetlink.h>

#include "net/spec.h"

#define IFACE_MTU 1500 /* where nothing is said */

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
int MUST_CHECK iface_set_mac(const char *name, const uint8_t mac[6]);
int MUST_CHECK iface_add_addr(const char *name, const struct net_addr *a);
int MUST_CHECK iface_del_addr(const char *name, const struct net_addr *a);
/* A default route. */
int MUST_CHECK iface_add_gateway(const char *name, const struct net_addr *gw);
/* An interface, and the other one of its pair, is no more. */
int MUST_CHECK iface_del(const char *name);
/* A route to everywhere by an interface, or, of type RTN_LOCAL, to here (rtnetlink(7)). */
int MUST_CHECK iface_add_device_route(const char *name, uint32_t table, uint8_t type);
/* What comes by an interface looks in a table for its route (ip-rule(8)). */
struct iface_rule {
	const char *from;      /* NULL: any; "lo": what is sent from here */
	bool tcp;	       /* that alone, and */
	uint16_t sport, dport; /* these; 0: any */
	uint32_t table;	       /* 0: it is dropped in silence */
	uint32_t priority;
};
int MUST_CHECK iface_add_rule(const struct iface_rule *rule);
/* Every frame leaves whole and with its checksum: who reads it is no network card (ethtool -K). */
int MUST_CHECK iface_no_offload(const char *name);
/* A packet socket on the interface that sees what comes in; whole frames. */
int MUST_CHECK iface_packet_socket(const char *name, int *ret);

#endif
