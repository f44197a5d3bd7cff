/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the supervisor and umview-lwip, beside net/proto.h: what is asked about a guest's socket.
 * Such a socket is one end of a pair (unix(7)) of which umview-lwip has the other and by whose
 * inode number it is named; or, where it was accepted, by the number in the name of the other end
 * (net/visit.h).
 *
 * A connection is one end of a SOCK_SEQPACKET pair that came with NET_OP_STACK. One request is
 * under way on it at a time, and is answered at once: who has to wait waits on the socket itself.
 * Request and answer are a struct stack_msg, of which `control` and then `len` bytes of data are
 * sent.
 *
 * Of a stream the bytes are those of the connection. A datagram comes with a descriptor of a file
 * with its struct stack_head, whose reader needs no position. That an error waits is one of the
 * pair, which is SOCK_DGRAM for that (lwip/datagram.c); which one it is the stack says.
 */
#ifndef UM_NET_STACKPROTO_H
#define UM_NET_STACKPROTO_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum stack_op {
	STACK_BIND,    /* name; of netlink(7) b: the process, whose number it gets where it is free;
			  of STACK_CONNECT as well */
	STACK_CONNECT, /* name, a: a stack_wait. Does the guest wait, and it is done already: 0, or
			  why it failed. -EINPROGRESS: writable when it is done, then SO_ERROR;
			  answer's a: how many bytes are to be written first: 0, 1, STACK_JUNK or
			  STACK_LESS_JUNK and one */
	STACK_LISTEN,  /* a: backlog; answer: 0, and a: is the socket itself to listen? */
	STACK_WATCH,   /* a: domain, b: by which watch its end is told (see below) */
	STACK_LISTENS, /* the socket itself does; data: its name's path, which is removed */
	STACK_GETSOCKNAME, /* answer: name */
	STACK_GETPEERNAME,
	STACK_SETSOCKOPT, /* a: level, b: option, data; answer: a: see STACK_TAG_WANTED */
	STACK_GETSOCKOPT, /* a: level, b: option, len: room; answer: data */
	STACK_SHUTDOWN,	  /* a: how; 0: the pair is to be shut down as well, or
			     STACK_SHUT_ALREADY */
	STACK_SEND,	 /* a: flags; name, control and data of a datagram; answer: b: has it failed
			    of an error that waited? */
	STACK_ALARM,	 /* the pair says that an error waits, where one does (lwip/datagram.c) */
	STACK_ADDRESS,	 /* of no socket: name is where a new stream socket is connected to (struct
			    stack_hello) */
	STACK_RECVERR,	 /* answer: name, control and data of the first in the error queue; or
			    -EAGAIN */
	STACK_CONNECTED, /* 0: or it is being connected; -ENOTCONN, or the error that waits */
	STACK_IOCTL,	 /* a: command, data: its argument, also in the answer */
};

#define STACK_SHUT_ALREADY 1

enum stack_wait {
	STACK_NO_WAIT,
	STACK_WAIT_SMALL, /* and the buffer is STACK_SNDBUF_SMALL meanwhile */
	STACK_WAIT_FULL,  /* and it is full already. This request is not answered: the socket is
			     writable when it is done, or has failed at once */
};

#define STACK_CONTROL_MAX 1024
#define STACK_DATA_MAX 65536

struct stack_msg {
	uint32_t op;
	int32_t ret; /* of the answer: 0 or more, or -errno */
	int32_t a, b;
	uint64_t socket;
	uint32_t privileged; /* has the guest what CAP_NET_ADMIN and CAP_NET_RAW give? */
	uint32_t namelen, controllen, len;
	struct sockaddr_storage name;
	uint8_t data[STACK_CONTROL_MAX + STACK_DATA_MAX]; /* control, then data */
};

static inline size_t stack_msg_size(const struct stack_msg *m)
{
	return offsetof(struct stack_msg, data) + m->controllen + m->len;
}

/*
 * A stream socket that nothing was done with yet is an unconnected one of the kernel's, whose
 * SO_MAX_PACING_RATE, which means nothing there, is STACK_TAG, the number of the stack's process
 * and a family. It stays that when it is bound, or has options: then the tag has STACK_TAG_WATCHED
 * as well, and the stack learns of its last close by inotify(7). The first connect(2)
 * connects it to the stack; then a struct
 * stack_hello is written to it, and the one byte that stays. As long as it is connecting
 * STACK_JUNK bytes more are there, with which it is not writable. Whose connect(2) has failed, or
 * who was disconnected, has nothing there that the stack has not read; at the next connect(2) those
 * bytes are written again.
 *
 * What listens is such a socket, which the kernel has listen at a name of the supervisor's. The
 * stack connects to it for each connection that has come, from a name that says all of it
 * (net/visit.h); who accepts it writes a struct stack_accepted, whose last byte stays. (Where a
 * socket cannot be watched it is connected to the stack from the start, with STACK_JUNK bytes. Then
 * each message of one that
 * listens is a connection: its descriptor, and a struct stack_head with the address it comes from;
 * one byte is to be read from it before it is the guest's.)
 */
#define STACK_TAG 0x756d760000000000ull
#define STACK_TAG_MASK 0xffffff0000000000ull
#define STACK_TAG_PID_SHIFT 8
#define STACK_TAG_WATCHED 0x80ull
/* The same option of an accepted one whose addresses are not those any more that it came with. */
#define STACK_TAG_RENAMED 0x756d780000000000ull

struct stack_hello {
	uint64_t socket;
	int32_t domain, protocol;
	uint32_t junk; /* bytes that follow */
};

struct stack_accepted {
	uint64_t ino; /* shown, and believed for no more than that: a listener may have been
			 passed on, out of the view */
	char stays;
} __attribute__((packed));

/* The kernel doubles what is set as SO_SNDBUF. A socket is writable (unix_writable()) with a
 * quarter of that waiting, and less. The longest piece that the kernel queues (64 KiB by
 * sendfile(2)), of which the last byte may be kept (lwip/stream.c), is less than that quarter;
 * STACK_JUNK is more. */
#define STACK_SNDBUF 212992
#define STACK_JUNK 120000
/* While who connects waits for it the buffer is the least that the kernel has, of which little is
 * more than a quarter. */
#define STACK_SNDBUF_SMALL 1
#define STACK_LESS_JUNK 1000

/* In memory that the stack and the supervisor share. */
struct stack_shared {
	_Atomic uint32_t failed; /* connect(2)s: counted before the socket is writable */
};

/* What recvmsg(2) tells beside the data. */
struct stack_head {
	int32_t error; /* of the error queue: -errno */
	uint32_t namelen, controllen;
	struct sockaddr_storage name;
	uint8_t control[256]; /* as recvmsg(2) has it */
};

/* The control messages of IP that it may have in there all come with a datagram. Which of them the
 * guest wants is a question of when it reads: these bits, with that option of its end. */
#define STACK_TAG_WANTED 0x756d790000000000ull

/* 0: none of those. */
static inline uint32_t stack_control_bit(int level, int type)
{
	const int v4[] = { IP_PKTINFO, IP_TTL, IP_TOS, IP_ORIGDSTADDR },
		  v6[] = { IPV6_PKTINFO, IPV6_HOPLIMIT, IPV6_TCLASS, IPV6_ORIGDSTADDR };

	for (unsigned i = 0; i < 4; i++) {
		if (level == IPPROTO_IP && type == v4[i])
			return 1u << i;
		if (level == IPPROTO_IPV6 && type == v6[i])
			return 16u << i;
	}
	return 0;
}

#endif
