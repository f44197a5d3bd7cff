/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel counts descriptors that are on their way over AF_UNIX sockets (SCM_RIGHTS) for the
 * user, and refuses all of them (ETOOMANYREFS), to any program of that user, beyond the limit of
 * open files of that program. What others on the wire send must not come near to that.
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "net/lwip/endpoint.h"

#define INFLIGHT_MAX 900 /* the usual limit is 1024; a busy server's queue has room */
#define RECORD_LEAST 768 /* bytes in a socket's buffer that the least message takes */
#define COUNT_NS (10 * 1000000ull)

static bool count(struct endpoint *ep, void *arg)
{
	struct stack *st = arg;
	unsigned now;
	int bytes = 0;

	if (ep->inflight && ioctl(ep->source.fd, SIOCOUTQ, &bytes) == 0) {
		now = (unsigned)bytes / (ep->record ? ep->record : RECORD_LEAST);
		ep->inflight = now < ep->inflight ? now : ep->inflight;
	}
	st->inflight += ep->inflight;
	return false;
}

/* (one that is closed takes what it has left unread with it) */
bool inflight_room(struct endpoint *ep)
{
	struct stack *st = ep->st;

	if (ep->domain == AF_NETLINK) /* the guest's own doing, and nothing of it may be lost */
		return true;
	if (st->inflight >= INFLIGHT_MAX && now_ns() - st->counted_ns > COUNT_NS) {
		st->counted_ns = now_ns();
		st->inflight = 0;
		(void)endpoints_each(st, count, st);
	}
	if (st->inflight >= INFLIGHT_MAX)
		return false;
	st->inflight++;
	ep->inflight++;
	return true;
}

void inflight_drop(struct endpoint *ep)
{
	ep->st->inflight -= ep->inflight;
	ep->inflight = 0;
}
