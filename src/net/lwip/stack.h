/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umview-lwip: a TCP/IP stack in a process (liblwip), for one view. One thread runs all of it but
 * the links (net/daemon/link.h), whose threads exchange frames with it over socket pairs.
 */
#ifndef UM_NET_LWIP_STACK_H
#define UM_NET_LWIP_STACK_H

#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <urcu/hlist.h>
#include <urcu/list.h>

#include "net/linger.h"
#include "net/lwip/count.h"
#include "net/spec.h"

#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>

struct stack;
struct stack_shared;

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
#define STACK_PORT_BUCKETS 4096
#define PORT_FIRST 32768 /* what a socket that names none gets: as ip_local_port_range has them */
#define PORT_LAST 60999
#define BACKLOG_MAX 4096
#define ALIASES_MAX 32 /* further addresses of an interface */
#define ROUTES_MAX 256
#define NEIGHBOURS_MAX 256
#define STACK_TIMERS 10

struct stack {
	int epoll;
	struct embryos *embryos;
	struct watches *watches;
	int shared_fd; /* the file of: */
	struct stack_shared *shared;
	struct cds_list_head news;    /* streams whose guests are told at the end of this turn */
	struct cds_list_head alarmed; /* datagram sockets, which are told of an error */
	struct cds_list_head owing;   /* streams that may have an ACK to send */
	uint64_t bound;		      /* datagram sockets that have got a port */
	uint64_t arrivals;	      /* the last number of a connection that has come */
	struct iface *ifaces;	      /* the first one is lo */
	struct endpoint *endpoints[STACK_BUCKETS];
	struct cds_hlist_head ports[STACK_PORT_BUCKETS]; /* those that have one: address.c */
	uint8_t left_behind[(UINT16_MAX + 1) / 8]; /* a bit a port: a connection that no socket has
						      may have it */
	struct endpoint *dead;			   /* freed when no event can name them any more */
	unsigned packet_sockets;
	unsigned connecting;  /* connect(2) under way */
	bool holding;	      /* a stream holds something back */
	unsigned inflight;    /* messages with a descriptor that nobody has read yet, at most */
	uint64_t counted_ns;  /* when those were counted */
	struct route *routes; /* in the order of route_compare() */
	size_t nroutes;
	struct neighbour *neighbours; /* permanent ones, neighbour.c's */
	size_t nneighbours;
	struct pbuf_list {
		struct queued *first, **last;
		size_t count;
	} loop;		      /* packets that this host has sent to itself */
	uint64_t happened_ns; /* the last time that something came in, was asked for, or sent */
	struct ticking {
		uint64_t due;	  /* milliseconds on the clock of now_ns(); 0: when it begins */
		uint64_t stopped; /* since then ticks have been left out; 0: none */
	} ticking[STACK_TIMERS];
	int namespace;	    /* procnet.c's, which stands for one; -1: nobody has asked */
	bool ending;	    /* the supervisor is gone, */
	uint64_t ending_ns; /* as was first seen then */
	struct counts counts;
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

#define IFF_TOLD                                                                                   \
	(IFF_PROMISC | IFF_ALLMULTI | IFF_NOARP | IFF_MULTICAST | IFF_DEBUG | IFF_NOTRAILERS)

/* What is told of an address of IPv4, and kept. */
struct ip4_label {
	uint32_t broadcast;   /* 0: none was given */
	char label[IFNAMSIZ]; /* "": the interface's name */
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
	unsigned carrier_changes[2]; /* to off, and to on */
	unsigned txqlen;	     /* told, and kept; frames wait for the link alone */
	unsigned flags;		     /* of IFF_TOLD, those that are not as they begin: the same */
	char ifalias[256];	     /* IFALIASZ */
	struct ip4_label label;
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
/* Sends what links keep back. */
void ifaces_flush(struct stack *st);
/* Gives this host the packets that it sent to itself, and guests what has come for them. */
void loop_deliver(struct stack *st);

/* ---- ifaddr.c ---- */

/* Both tell who listens to netlink, of each that goes with an address as well. label: NULL: none.
 */
int MUST_CHECK iface_add_ip(
	struct iface *i, const struct net_addr *a, const struct ip4_label *label);
int MUST_CHECK iface_del_ip(struct iface *i, const struct net_addr *a);
/* Of who has it. */
struct ip4_label *iface_label(struct iface *i, const struct netif *of);
/* Who has its addresses of IPv4, one by one; NULL: there are no more. */
const struct netif *iface_ip4(const struct iface *i, size_t k);
/* The first one of the same network; of others than that (itself) it is a secondary. */
const struct netif *iface_primary(const struct iface *i, const struct netif *of);
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

/* ---- neighbour.c ---- */

struct neighbour {
	struct iface *iface;
	ip_addr_t ip;
	uint8_t mac[6];
	uint16_t state; /* NUD_* */
};

/* Tells of one: NUD_PERMANENT, or for ARP also what it would have found out by itself. -EOPNOTSUPP,
 * -ENOBUFS, -ENETUNREACH. */
int MUST_CHECK neighbour_set(const struct neighbour *n);
/* -ENOENT */
int MUST_CHECK neighbour_remove(const struct neighbour *n);
/* *ret is that one: 0 or -ENOENT. */
int MUST_CHECK neighbour_find(const struct iface *i, const ip_addr_t *ip, struct neighbour *ret);
void neighbours_each(struct stack *st, void (*fn)(const struct neighbour *n, void *arg), void *arg);
void neighbours_drop(struct iface *i);
/* The station of a permanent one; NULL: it has to be asked for. */
const uint8_t *neighbour_station(const struct iface *i, const ip_addr_t *ip);

/* ---- tcp.c ---- */

/* Looks at an IP packet that lwIP is going to be given. A new connection may have the ports of one
 * that is over: lwIP refuses it for two minutes (TIME_WAIT), where the kernel does not. And lwIP
 * knows of no urgent data. */
void tcp_before_input(const uint8_t *packet, size_t len);
/* The same of one that this host sends to itself. A socket may connect to itself, where its SYN is
 * the answer to its SYN: lwIP, which knows of no simultaneous open, is given it as one. */
void tcp_before_loop(uint8_t *packet, size_t len);
/* What connections that the guests have closed have to send; a number that changes as it does. */
uint64_t tcp_unsent(bool grace);
/* Is the packet TCP's, of no connection that is there? */
bool tcp_is_stray(const uint8_t *packet, size_t len);

/* ---- udp.c ---- */

/* A datagram for all from 0.0.0.0, as a DHCP client sends it, which liblwip drops: true, it has
 * been delivered. packet: from IP's header on. */
bool udp_from_nobody(struct iface *i, const uint8_t *packet, size_t len);

/* ---- stream.c ---- */

/* Sends what was held back for a while. */
void streams_flush(void);
/* Tells the guests what has come for them in this turn. */
void streams_tell(struct stack *st);
/* Is there an ACK that nothing has taken along yet? */
bool streams_owe(const struct stack *st);
/* Sends those. */
void streams_ack(void);

/* ---- route.c ---- */

/* In network order: 4 or 16, as in a packet or message. */
static inline const uint8_t *addr_bytes(const ip_addr_t *a)
{
	return IP_IS_V4(a) ? (const void *)&ip_2_ip4(a)->addr : (const void *)ip_2_ip6(a)->addr;
}

#define METRIC_CONNECTED6 256
#define METRIC_USER6 1024

struct route {
	int family;
	uint8_t prefix;
	uint8_t protocol;
	uint8_t type; /* RTN_*; 0: RTN_UNICAST. What refuses (RTN_BLACKHOLE ...) is lo's */
	uint32_t metric;
	struct iface *iface;
	ip_addr_t dst, gateway; /* a gateway of any: directly reachable */
	ip_addr_t source;	/* preferred; any: the interface's */
};

/* how: NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_APPEND as of RTM_NEWROUTE. -EEXIST, -ENOENT,
 * -ENOBUFS. */
int MUST_CHECK route_add(struct stack *st, const struct route *r, unsigned how);
/* The first one that is like this as far as that says: it is *ret. -ESRCH. */
int MUST_CHECK route_del(struct stack *st, const struct route *r, struct route *ret);
/* Their order where they are shown, as memcmp(3). */
int route_compare(const struct route *a, const struct route *b);
/* What is behind the prefix becomes zero. */
void route_mask(ip_addr_t *a, unsigned bits);
static inline bool route_refuses(const struct route *r)
{
	return r->type > RTN_MULTICAST;
}
/* NULL: unreachable. */
const struct route *route_find(struct stack *st, const ip_addr_t *dst, const struct iface *bound);
/* The interface and the address to send from; 0 or -ENETUNREACH, -EADDRNOTAVAIL, or what a route
 * that refuses says. */
int MUST_CHECK route_source(struct stack *st, const ip_addr_t *dst, const struct iface *bound,
	struct iface **ret, ip_addr_t *ret_source);
/* Where a packet for dst goes on the wire of this interface. */
const ip_addr_t *route_next_hop(struct stack *st, const struct iface *i, const ip_addr_t *dst);
/* The interface that a gateway is a neighbour at; or NULL. */
struct iface *route_gateway_iface(struct stack *st, const ip_addr_t *gateway);
/* What an interface has when it comes up, and loses when it goes down. */
void route_iface_up(struct iface *i);
/* -EINVAL: it is no neighbour. */
int MUST_CHECK route_add_default(struct iface *i, const struct net_addr *gw);
/* A way to each address of the interface's own networks. */
int MUST_CHECK route_add_connected(struct iface *i, const struct net_addr *a);
/* How long the prefix of an IPv6 address of an interface is. */
unsigned route_prefix6(const struct iface *i, const ip6_addr_t *a);
void route_drop_iface(struct stack *st, const struct iface *i, const ip_addr_t *source);

#endif
