/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's socket, as the stack has it: the other end of its pair (net/stackproto.h). Closed
 * everywhere by the guests, that end is hung up on, and the socket is at its end.
 */
#ifndef UM_NET_LWIP_ENDPOINT_H
#define UM_NET_LWIP_ENDPOINT_H

#include "net/lwip/stack.h"
#include "net/stackproto.h"

struct endpoint;

#define ENDPOINT_RCVBUF 212992 /* of datagrams, at first: as much as a pair's end has */

/* What a family or protocol does. All return 0 or more, or -errno; a member may be NULL:
 * EOPNOTSUPP. */
struct endpoint_ops {
	/* A new one. */
	int (*open)(struct endpoint *ep);
	int (*bind)(struct endpoint *ep, const struct stack_msg *m);
	int (*connect)(struct endpoint *ep, const struct stack_msg *m);
	int (*listen)(struct endpoint *ep, int backlog);
	int (*shutdown)(struct endpoint *ep, int how);
	int (*send)(struct endpoint *ep, const struct stack_msg *m);
	/* Changed: the options of ep->opt; NULL: nothing to do. */
	void (*options)(struct endpoint *ep);
	int (*getopt)(struct endpoint *ep, int level, int option, void *ret, size_t *len);
	/* Levels that no other socket has. */
	int (*setopt)(struct endpoint *ep, int level, int option, const void *value, size_t len);
	int (*getname)(struct endpoint *ep, bool peer, struct sockaddr_storage *ret);
	/* The pair's events. */
	void (*ready)(struct endpoint *ep, uint32_t events);
	/* Lets go of lwIP's side; the pair is closed by the caller. */
	void (*release)(struct endpoint *ep);
};

extern const struct endpoint_ops tcp_endpoint, udp_endpoint, raw_endpoint;

/* Options as they were set; what they do is ops->options()'s. */
struct endpoint_options {
	int reuseaddr, reuseport, keepalive, broadcast, oobinline, dontroute, priority, mark,
		sndbuf, rcvbuf, rcvlowat, no_check;
	bool sndbuf_set;
	struct linger linger;
	int timestamp;
	/* IPPROTO_IP and IPPROTO_IPV6 */
	int ttl, tos, mcast_ttl, mcast_loop, mcast_all, mcast_if, pktinfo, recvttl, recvtos,
		recvopts, retopts, recverr, mtu_discover, freebind, hdrincl, recvorigdst;
	uint32_t mcast_addr; /* as IP_MULTICAST_IF has named it */
	int hops, mcast_hops, v6only, recvpktinfo, recvhoplimit, tclass, recvtclass, checksum;
	/* IPPROTO_TCP */
	int nodelay, cork, keepidle, keepintvl, keepcnt, syncnt, user_timeout, quickack,
		defer_accept, maxseg, fastopen, linger2, window_clamp;
	char congestion[16];
};

/* A stream's states; of the others CLOSED and OPEN (connected) alone. */
struct group;
struct pieces;
struct queued_error;
struct waiting;

enum endpoint_state { EP_CLOSED, EP_CONNECTING, EP_OPEN, EP_LISTENING };

struct endpoint {
	struct source source;
	struct endpoint *next;
	struct stack *st;
	const struct endpoint_ops *ops;
	uint64_t number; /* by which it is asked for */
	uint64_t ino;	 /* the same mostly; 0: not accepted yet */
	int domain, type, protocol;
	enum endpoint_state state;
	int error; /* SO_ERROR, as -errno */
	struct iface *bound_if;
	ip_addr_t local, peer;
	uint16_t local_port, peer_port;	 /* the first one is set by address_set_port() */
	struct cds_hlist_node same_port; /* of struct stack's, where it has one */
	uint64_t began;			 /* when it was bound, by struct stack's count */
	bool bound_ip, bound_port;	 /* bind(2) named one, which stays */
	struct endpoint_options opt;
	/* of datagrams: the file that goes with each, while it is the same (it is mostly) */
	int head_fd;
	struct stack_head head;
	union {
		struct tcp_pcb *tcp;
		struct udp_pcb *udp;
		struct raw_pcb *raw;
		void *pcb;
	};
	/* streams: see stream.c */
	struct pbuf *rx;
	uint8_t *tx;
	size_t tx_len, tx_done, tx_room, junk;
	bool tx_urgent;	     /* the last byte of tx is */
	unsigned quick;	     /* so many small segments are acknowledged at once */
	uint32_t short_end;  /* where the last short segment that was sent ends */
	uint32_t rx_seq;     /* of the first byte of rx, or of the next that comes */
	bool urgent;	     /* a byte that has come, or will, is urgent: */
	uint32_t urgent_seq; /* this one */
	size_t refill;	     /* bytes of junk that the answer is going to ask for */
	bool kept, fin_in, fin_wanted, fin_out, hung_up, waits_out;
	bool stopped;	  /* it listened */
	bool drained;	  /* nothing fills the pair, though it is not connected */
	size_t held;	  /* bytes that wait for more (MSG_MORE) */
	unsigned holding; /* half the ticks for which something has been held back */
	bool flush;	  /* nothing is held back now */
	int backlog;
	/* of a stream that is not connected to the stack, and of datagrams: watch.c */
	int watch; /* 0: none */
	struct endpoint *next_watched;
	struct cds_list_head news, owing; /* in struct stack's; alone where it is in none */
	int hidden_fd;			  /* by which our end is found: datagram.c; -1 */
	int name_fd;			  /* where it listens itself; -1 */
	bool unaccepted;       /* a connection that nobody has accepted yet: tcplisten.c */
	bool reset;	       /* and never will be used */
	bool closed;	       /* freed soon */
	struct endpoint *mate; /* the next listener at the same port (SO_REUSEPORT), in a ring */
	unsigned inflight;     /* of struct stack's, this one's */
	struct group *groups;  /* that it has joined */
	struct pieces *pieces; /* of a datagram that is not whole yet */
	struct queued_error *errors;
	unsigned unanswered;	 /* seconds for which the next hop has been asked for */
	uint32_t record;	 /* what one waiting connection takes in a listener's buffer */
	struct waiting *waiting; /* connections that it has no room for */
	int nwaiting;
	uint16_t filter_port; /* raw and ping: the echo's identifier */
	uint32_t icmp_filter, icmp6_filter[8];
	bool auxdata; /* packet sockets: PACKET_AUXDATA */
	/* netlink */
	uint32_t nl_port, nl_groups;
	int nl_passcred;
	uint32_t nl_options; /* a bit each: 1 << NETLINK_EXT_ACK ... */
	bool nl_privileged;
	struct nl_queue *nl_queue; /* answers for which the pair had no room; NULL: none */
};

/* A new one and the guest's end of its pair, which is the caller's. */
int MUST_CHECK endpoint_new(struct stack *st, int domain, int type, int protocol,
	struct endpoint **ret, int *ret_guest);
/* Which protocol this is: EP's ops, or -EAFNOSUPPORT, -EPROTONOSUPPORT, -ESOCKTNOSUPPORT.
 * privileged: who opens it may change interfaces by it (netlink). */
int MUST_CHECK endpoint_open(
	struct stack *st, int domain, int type, int protocol, bool privileged, int *ret_guest);
/* A stream of which the stack has no end yet. */
int MUST_CHECK endpoint_watch(struct stack *st, const struct stack_msg *m);
/* One that waits for accept(2), with a number of no inode; fd is taken on success. */
int MUST_CHECK endpoint_visiting(
	struct stack *st, int domain, int protocol, uint64_t number, int fd, struct endpoint **ret);
/* A stream whose end of the pair has come with a hello; fd is taken on success. */
int MUST_CHECK endpoint_adopt(struct stack *st, const struct stack_hello *hello, int fd);
/* At its end: taken out at once, freed after the events at hand. */
void endpoint_close(struct endpoint *ep);
void endpoints_free_dead(struct stack *st);
struct endpoint *endpoint_find(struct stack *st, uint64_t number);

/* Answers m in place. */
void endpoint_request(struct stack *st, struct stack_msg *m);

/* Sends a datagram to the guest with its head; one that finds no room is lost. 0 or -errno. */
int endpoint_deliver(
	struct endpoint *ep, const struct stack_head *head, const void *data, size_t len);
/* The same without a head: it comes from where the socket is connected to. */
int endpoint_deliver_plain(struct endpoint *ep, const void *data, size_t len);

/* Each endpoint, until fn returns true. */
bool endpoints_each(struct stack *st, bool (*fn)(struct endpoint *ep, void *arg), void *arg);

/* ---- errqueue.c ---- */

/* What has become of a datagram. */
struct socket_error {
	int error;
	bool is_local; /* else: ICMP says so, the packet at hand, which is of this type ... */
	uint8_t type, code;
	uint32_t info;
	ip_addr_t offender; /* and comes from here */
	ip_addr_t peer;	    /* where the datagram was sent to */
	uint16_t peer_port;
	const uint8_t *data;
	size_t len;
};
/* For SO_ERROR, and for the queue where IP_RECVERR is set. */
void socket_error_tell(struct endpoint *ep, const struct socket_error *e);
/* The first of the queue: 0, or -EAGAIN. */
int MUST_CHECK socket_error_take(struct endpoint *ep, struct stack_msg *m);
void socket_errors_free(struct endpoint *ep);

/* ---- icmperr.c ---- */

int MUST_CHECK icmp_errors_listen(struct stack *st);
void neighbours_tick(void);
/* tcp.c: ends a connect(2) that is under way. */
void endpoint_unreachable(struct endpoint *ep, int error);

/* ---- tcplisten.c ---- */

/* It listens by itself, where m says. */
int MUST_CHECK tcp_listens(struct endpoint *ep, const struct stack_msg *m);

/* ---- address.c ---- */

/* A name of the endpoint's family: 0, -EINVAL, -EAFNOSUPPORT. */
int MUST_CHECK address_read(const struct endpoint *ep, const struct sockaddr_storage *name,
	size_t len, ip_addr_t *ret, uint16_t *ret_port);
/* Of IPv4: of all, or of a network here (127.255.255.255 is one). */
bool address_is_broadcast(struct stack *st, const ip_addr_t *ip);
/* Who sends to any address sends to this host's loopback. */
void address_any_is_here(ip_addr_t *ip);
/* Its length. */
uint32_t address_write(const struct endpoint *ep, const ip_addr_t *ip, uint16_t port,
	struct sockaddr_storage *ret);
/* The any-address that a socket is bound to at first. */
void address_any(const struct endpoint *ep, ip_addr_t *ret);
/* bind(2) as far as it is the same for all: takes the port (0: chooses one). */
int MUST_CHECK address_bind(
	struct endpoint *ep, const struct sockaddr_storage *name, size_t len, bool privileged);
int MUST_CHECK address_take_port(struct endpoint *ep, uint16_t port);
/* None of those that bind(2) chooses, where there are others: who connects to a server that has
 * ended would be connected to itself. */
int MUST_CHECK address_take_port_to_connect(struct endpoint *ep);
/* Is it in the kernel's tables (/proc/net, ss)? Not what is not bound, nor a stream that is bound
 * alone, or over. */
static inline bool endpoint_is_listed(const struct endpoint *ep)
{
	return ep->local_port && (ep->ops != &tcp_endpoint || ep->tcp);
}
/* Is it at the same port, address and interface? */
bool address_is_bound_as(const struct endpoint *ep, const struct endpoint *other);
void address_drop_port(struct endpoint *ep);
/* Whoever else has it. */
void address_set_port(struct endpoint *ep, uint16_t port);
/* A connection with its port goes on without a socket. */
void address_leave_behind(struct endpoint *ep);
/* Is no other connection at its port? */
bool address_is_alone(struct endpoint *ep);
/* Each that has this port, until fn returns true. */
bool address_each_at(
	struct stack *st, uint16_t port, bool (*fn)(struct endpoint *ep, void *arg), void *arg);
/* Its addresses are those from before a connect(2). */
void address_disconnected(struct endpoint *ep);

/* ---- option.c ---- */

void options_init(struct endpoint *ep);
int MUST_CHECK option_set(
	struct endpoint *ep, int level, int option, const void *value, size_t len, bool privileged);
/* *len: the room, then what there is. */
int MUST_CHECK option_get(struct endpoint *ep, int level, int option, void *ret, size_t *len);

/* ---- group.c ---- */

/* IP_ADD_MEMBERSHIP and the like: 0 or -errno; -ENOPROTOOPT: it is none of those. */
int MUST_CHECK group_option(
	struct endpoint *ep, int level, int option, const void *value, size_t len);
/* Leaves all. */
void groups_leave(struct endpoint *ep);
/* Does it want what has come just now (ip_current_dest_addr()) from this sender? */
bool group_hears(const struct endpoint *ep, const ip_addr_t *sender);
int MUST_CHECK group_set_iface(struct endpoint *ep, int level, const void *value, size_t len);

/* ---- inflight.c ---- */

/* May one more message with a descriptor be sent? It is counted. */
bool inflight_room(struct endpoint *ep);
void inflight_drop(struct endpoint *ep);

/* ---- control.c ---- */

/* Of the packet at hand: all that there is, wanted or not yet. */
void control_fill(const struct endpoint *ep, struct stack_head *head);
/* Bits of stack_control_bit(). */
uint32_t control_wanted(const struct endpoint *ep);
void control_add(struct stack_head *head, int level, int type, const void *data, size_t len);

/* What sendmsg(2) was given: IP_PKTINFO, IP_TTL ... 0 or -EINVAL. */
struct control {
	ip_addr_t source; /* any: not said */
	struct iface *iface;
	int ttl, tos; /* -1 */
};
int MUST_CHECK control_parse(
	const struct endpoint *ep, const struct stack_msg *m, struct control *ret);

#endif
