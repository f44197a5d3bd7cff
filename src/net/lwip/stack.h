/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umview-lwip: a TCP/IP stack in a process (liblwip), for one view. One thread runs all of it but
 * the links (net/daemon/link.h), whose threads exchange frames with it over socket pairs.
 */
#ifndef UM_NET_LWIP_STACK_H
#define UM_NET_LWIP_STACK_H

#include <sys/epoll.h>

#include "net/linger.h"
#include "net/spec.h"

#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>

struct stack;

/* A descriptor that is waited for. */
struct source {
	int fd;
	void (*ready)(struct source *s, uint32_t events);
};

int MUST_CHECK source_add(struct stack *st, struct source *s, uint32_t events);
int source_change(struct stack *st, struct source *s, uint32_t events);
/* Takes it out and closes it; events that were seen already find a source without a descriptor. */
void source_close(struct stack *st, struct source *s);

struct iface;
struct alias;
struct lease;
struct endpoint;
struct route;

#define STACK_BUCKETS 1024
#define ROUTES_MAX 64
#define STACK_TIMERS 9

struct stack {
	int epoll;
	struct embryos *embryos;
	struct watches *watches;
	uint64_t arrivals;    /* the last number of a connection that has come */
	struct iface *ifaces; /* the first one is lo */
	struct endpoint *endpoints[STACK_BUCKETS];
	struct endpoint *dead; /* freed when no event can name them any more */
	unsigned packet_sockets;
	unsigned connecting; /* connect(2) under way */
	bool holding;	     /* a stream holds something back */
	unsigned inflight;   /* messages with a descriptor that nobody has read yet, at most */
	uint64_t counted_ns; /* when those were counted */
	struct route *routes;
	size_t nroutes;
	struct pbuf_list {
		struct queued *first, **last;
		size_t count;
	} loop;		      /* packets that this host has sent to itself */
	uint64_t happened_ns; /* the last time that something came in, was asked for, or sent */
	struct ticking {
		uint64_t due;	  /* milliseconds on the clock of now_ns(); 0: when it begins */
		uint64_t stopped; /* since then ticks have been left out; 0: none */
	} ticking[STACK_TIMERS];
	int namespace; /* procnet.c's, which stands for one; -1: nobody has asked */
	bool ending;   /* the supervisor is gone */
	struct lingering linger;
	uint8_t *scratch; /* FRAME_MAX and more, for what is used at once */
};

#define SCRATCH_BYTES (128 << 10)

/* lwIP calls back without a handle of ours where it looks for a route: the one stack of this
 * process. */
extern struct stack *the_stack;

/* ---- loop.c ---- */

int MUST_CHECK stack_init(struct stack *st);
/* Serves until the supervisor is gone, and what its guests have sent as well; or until is true, or
 * it is that late. NULL: neither. */
void stack_run(struct stack *st, bool (*until)(const struct stack *st), uint64_t deadline);

/* ---- timers.c ---- */

/* Runs what is due; milliseconds until the next, or -1. */
int timers_run(struct stack *st);
/* Something has happened, which is going to be looked at. */
void timers_resume(struct stack *st);

/* ---- iface.c ---- */

struct iface_counters {
	uint64_t packets, bytes, dropped;
};

struct iface {
	struct netif netif; /* lwIP's */
	struct iface *next;
	struct stack *stack;
	const struct net_spec *spec;	/* NULL: lo */
	struct source frames;		/* the link's thread is at the other end, or it is */
	struct link *link;		/* one that has no thread's, else NULL */
	struct queued *out, **out_last; /* frames for which that had no room */
	size_t out_count;
	char name[IFNAMSIZ];
	bool admin_up, carrier;
	struct iface_counters rx, tx;
	struct alias *aliases; /* further addresses of IPv4 */
	struct lease *lease;   /* lease.c's; NULL: no DHCP */
};

struct queued {
	struct queued *next;
	struct netif *netif; /* of a packet to this host: where it comes in */
	struct pbuf *p;
};

int MUST_CHECK iface_add_loopback(struct stack *st);
/* frames: the stack's end of the pair with the link's thread, or that of a link without one. */
int MUST_CHECK iface_add(
	struct stack *st, const struct net_spec *s, int frames, unsigned mtu, struct link *link);
struct iface *iface_by_index(struct stack *st, int index);
struct iface *iface_by_name(struct stack *st, const char *name);
static inline int iface_index(const struct iface *i)
{
	return netif_get_index(&i->netif);
}
/* IFF_UP and the like. */
unsigned iface_flags(const struct iface *i);
void iface_set_up(struct iface *i, bool up);
/* Gives this host the packets that it sent to itself. */
void loop_deliver(struct stack *st);

/* ---- ifaddr.c ---- */

/* Both tell who listens to netlink, of each that goes with an address as well. */
int MUST_CHECK iface_add_ip(struct iface *i, const struct net_addr *a);
int MUST_CHECK iface_del_ip(struct iface *i, const struct net_addr *a);
/* Who has its addresses of IPv4, one by one; NULL: there are no more. */
const struct netif *iface_ip4(const struct iface *i, size_t k);
/* The first one of the same network; of others than that (itself) it is a secondary. */
const struct netif *iface_primary(const struct iface *i, const struct netif *of);
/* Tells ARP of a neighbour. */
int MUST_CHECK iface_add_neighbour(struct iface *i, uint32_t ip, const uint8_t mac[6]);
/* Who has this one; the interface itself where nobody has, or NULL. */
struct netif *iface_by_ip4(struct iface *i, uint32_t ip);
struct netif *iface_find_ip4(struct iface *i, uint32_t ip);
/* Which interface has it; or NULL. */
struct iface *iface_with_ip4(struct stack *st, uint32_t ip);
bool iface_is_broadcast(const struct iface *i, const ip_addr_t *a);
/* State, station address or MTU has: lwIP's side, and the aliases, follow. */
void iface_changed(struct iface *i);
/* Is it an address of this host? */
bool addr_is_local(struct stack *st, const ip_addr_t *a);
/* What is sent to it comes from there. */
void addr_local_source(struct stack *st, const ip_addr_t *to, ip_addr_t *ret);

/* ---- tcp.c ---- */

/* Looks at an IP packet that lwIP is going to be given. A new connection may have the ports of one
 * that is over: lwIP refuses it for two minutes (TIME_WAIT), where the kernel does not. And lwIP
 * knows of no urgent data. */
void tcp_before_input(const uint8_t *packet, size_t len);
/* The same of one that this host sends to itself. A socket may connect to itself, where its SYN is
 * the answer to its SYN: lwIP, which knows of no simultaneous open, is given it as one. */
void tcp_before_loop(uint8_t *packet, size_t len);
/* What connections that the guests have closed have to send; a number that changes as it does. */
uint64_t tcp_unsent(bool fin_wait2);
/* Is the packet TCP's, of no connection that is there? */
bool tcp_is_stray(const uint8_t *packet, size_t len);

/* ---- udp.c ---- */

/* A datagram for all from 0.0.0.0, as a DHCP client sends it, which liblwip drops: true, it has
 * been delivered. packet: from IP's header on. */
bool udp_from_nobody(struct iface *i, const uint8_t *packet, size_t len);

/* ---- stream.c ---- */

/* Sends what was held back for a while. */
void streams_flush(void);

/* ---- route.c ---- */

struct route {
	int family;
	uint8_t prefix;
	uint8_t protocol, scope, type, table;
	uint32_t metric;
	struct iface *iface;
	ip_addr_t dst, gateway; /* a gateway of any: directly reachable */
	ip_addr_t source;	/* preferred; any: the interface's */
};

int MUST_CHECK route_add(struct stack *st, const struct route *r);
int MUST_CHECK route_del(struct stack *st, const struct route *r);
/* NULL: unreachable. */
const struct route *route_find(struct stack *st, const ip_addr_t *dst, const struct iface *bound);
/* The interface and the address to send from; 0 or -ENETUNREACH, -EADDRNOTAVAIL. */
int MUST_CHECK route_source(struct stack *st, const ip_addr_t *dst, const struct iface *bound,
	struct iface **ret, ip_addr_t *ret_source);
/* Where a packet for dst goes on the wire of this interface. */
const ip_addr_t *route_next_hop(struct stack *st, const struct iface *i, const ip_addr_t *dst);
/* -EINVAL: it is no neighbour. */
int MUST_CHECK route_add_default(struct iface *i, const struct net_addr *gw);
/* A way to each address of the interface's own networks. */
int MUST_CHECK route_add_connected(struct iface *i, const struct net_addr *a);
/* How long the prefix of an IPv6 address of an interface is. */
unsigned route_prefix6(const struct iface *i, const ip6_addr_t *a);
void route_drop_iface(struct stack *st, const struct iface *i, const ip_addr_t *source);

#endif
