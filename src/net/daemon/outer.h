/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outer namespace: where the other end of slirp's interface is, seen by nobody. Its kernel can
 * end TCP connections of the view (net/slirp/direct.h). It is told to by who carries the frames,
 * and which is in the host's namespace, by messages (struct outer_request) that a thread of the
 * holder answers.
 */
#ifndef UM_NET_OUTER_H
#define UM_NET_OUTER_H

#include "net/spec.h"

#define OUTER_PORTS 512 /* that it can listen on */

/* The answer is an int32_t, 0 or -errno. */
enum outer_op {
	OUTER_LISTEN, /* with a listener on the port for any address, which nothing leads to yet. It
			 takes a SYN that was injected, and for others is silent. What it
			 accepts is reset by close(2), so that the view is told no end when
			 who carries the bytes is killed */
	OUTER_TAKE,   /* what the view sends to the port goes there */
};

struct outer_request {
	enum outer_op op;
	uint16_t port;
};

/* In that namespace, of which `peer` is the interface: makes it ready, and a socket to ask by and
 * one that takes frames as if from the view (packet(7)). 0; or -errno, and all is as it was but for
 * rules that drop what comes from the view, which without them has no way either. */
int MUST_CHECK outer_start(
	const char *peer, const struct net_spec *s, int *ret_ask, int *ret_inject);

#endif
