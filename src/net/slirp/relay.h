/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two connected TCP sockets: what comes from one goes to the other, with its end, its reset and its
 * urgent data. Both do not block, and are watched for edges (EPOLLET) by the caller, which says
 * what it has been told. Nothing is lost but what a reset loses.
 */
#ifndef UM_NET_SLIRP_RELAY_H
#define UM_NET_SLIRP_RELAY_H

#include "base/util.h"

#define RELAY_BUFFER (128 << 10)

/* One of the two, and what is on its way from it. */
struct relay_end {
	int fd;
	bool in;	/* there may be something to read */
	bool hup;	/* its end has come: it is behind what is to be read still */
	bool failed;	/* it was reset */
	bool urgent;	/* so is an urgent byte */
	bool eof, told; /* all is read; the other one knows */
	uint8_t *left;	/* read, and the other one had no room: bytes at..len */
	size_t at, len;
};

struct relay {
	struct relay_end end[2];
	bool broken; /* one was reset: the other one gets what is left, then is */
	int dead;    /* which */
	int wait_ms;
	uint64_t until;
};

enum relay_state {
	RELAY_WAITS, /* for an event */
	RELAY_MORE,  /* there is more to do, after others have had their turn */
	RELAY_DRAIN, /* to be run again after r->wait_ms, if nothing happens before */
	RELAY_OVER,
};

/* Takes the descriptors. */
void relay_init(struct relay *r, int a, int b);
/* epoll(7) has told this of end[i]. */
void relay_event(struct relay *r, int i, uint32_t events);
/* Carries what can be; buf has RELAY_BUFFER bytes, of the caller's thread. */
enum relay_state relay_run(struct relay *r, uint8_t *buf);
/* What of end[0] the peer of the other one has not acknowledged: bytes, its end, or its reset. */
uint64_t relay_owed(const struct relay *r);
/* Closes both; one that was not over is reset. */
void relay_close(struct relay *r);

/* Closes a socket so that its peer is reset. */
void close_reset(int fd);

#endif
