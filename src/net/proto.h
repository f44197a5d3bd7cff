/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the supervisor and umview-net: messages on a SOCK_SEQPACKET socket, descriptor NET_FD of
 * umview-net. Each request brings a socket along (SCM_RIGHTS) to which its answer goes, so that
 * requests of several threads need no lock and no numbers. Both sides are built together: no
 * versions.
 */
#ifndef UM_NET_PROTO_H
#define UM_NET_PROTO_H

#include <limits.h>
#include <stdint.h>

#define NET_FD 3

/* The file of a network, by whose number it is known. Of umview-lwip's it is a memfd, called so. */
#define NET_FILE "/proc/self/ns/net"
#define NET_FILE_NAME "net"

enum net_op {
	NET_OP_SOCKET,	   /* socket(a, b, c): `count` descriptors, or fewer */
	NET_OP_SOCKETPAIR, /* socketpair(a, b, c): two */
	NET_OP_OPEN,	   /* open(path, a): one. Of umview-lwip's a folder (O_DIRECTORY) is a file
			      with a line for each name in it: "f NAME", "d NAME", "l NAME TARGET" */
	NET_OP_NEW,	   /* a network with loopback alone: its number is the answer's value */
	NET_OP_DROP,	   /* nobody will ask for network `net` any more */
	NET_OP_STACK, /* umview-lwip: the socket that came along is a connection (net/stackproto.h)
		       */
	NET_OP_WATCH, /* umview-lwip: a file that is a struct stack_shared, and its inotify(7)
			 descriptor where it has one (net/stackproto.h) */
};

struct net_request {
	uint32_t op;
	uint32_t net; /* in which of its networks; 0 is that of its specs */
	int32_t a, b, c;
	uint32_t count;	     /* NET_OP_SOCKET; at most FDMSG_MAX_FDS */
	uint32_t privileged; /* the same, of umview-lwip's netlink(7): what who asks may do */
	char path[PATH_MAX]; /* NUL-terminated; what is behind need not be sent */
};

/* With the descriptors when err is 0. */
struct net_reply {
	int32_t err; /* 0 or -errno */
	uint32_t value;
};

/* The first message of umview-net: the network is there (err 0), or text says to the user why not.
 */
struct net_ready {
	int32_t err;
	char text[1024];
	char resolv[256]; /* resolv.conf by DHCP; "": nothing was said */
};

#define NET_NO_LEASE                                                                               \
	"--net ...,dhcp: no DHCP server has answered; one that is on this wire must be there "     \
	"first"

#endif
