/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/daemon/impair.h"
#include "net/daemon/link.h"

#define BATCH 64 /* frames of one side before the other has its turn */

void link_carrier(struct link *l, bool on)
{
	const uint8_t said = on ? FRAME_CARRIER_ON : FRAME_CARRIER_OFF;
	struct ifreq ifr = { 0 };

	if (l->control < 0) {
		(void)send(l->frames, &said, sizeof(said), 0);
		return;
	}
	memcpy(ifr.ifr_name, l->peer, IFNAMSIZ);
	if (ioctl(l->control, SIOCGIFFLAGS, &ifr) < 0)
		return;
	if (on)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags = (short)(ifr.ifr_flags & ~IFF_UP);
	(void)ioctl(l->control, SIOCSIFFLAGS, &ifr);
}

bool link_has_ended(const struct link *l, int wait_ms)
{
	struct pollfd p = { .fd = l->end };

	return poll(&p, 1, wait_ms) > 0;
}

ssize_t link_from_view(struct link *l, void *buf)
{
	/* one of a pair blocks, so that a frame to the view can wait */
	return l->control < 0 ? recv(l->frames, buf, FRAME_MAX, MSG_DONTWAIT)
			      : read(l->frames, buf, FRAME_MAX);
}

void link_to_view(struct link *l, const void *frame, size_t len)
{
	if (len < ETH_HLEN) /* one byte would be a word on the carrier */
		return;
	if (write(l->frames, frame, len) < 0) {
		/* no room, or it is set down: a frame is lost */
	}
}

/* What is under way in link_pump(). */
struct flow {
	struct link *l;
	const struct pump *p;
	struct impair *in, *out; /* to and from the view; NULL: the wire is a good one */
	char *buf;
};

/* False: that side has ended. */
static bool send_out(struct flow *f, const void *frame, size_t len)
{
	return f->p->send(f->l->priv, frame, len) >= 0 || (errno != EPIPE && errno != ECONNRESET);
}

/* Sends what is due. False: the link has ended. */
static bool send_due(struct flow *f)
{
	uint64_t now = now_ns();
	const void *frame;
	size_t len;

	while (f->in && (frame = impair_pop(f->in, now, &len)))
		link_to_view(f->l, frame, len);
	while (f->out && (frame = impair_pop(f->out, now, &len))) {
		if (!send_out(f, frame, len))
			return false;
	}
	return true;
}

static bool from_link(struct flow *f)
{
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = f->p->recv(f->l->priv, f->buf, FRAME_MAX);

		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		if (f->in)
			impair_push(f->in, f->buf, (size_t)n, now_ns());
		else
			link_to_view(f->l, f->buf, (size_t)n);
	}
	return true;
}

static bool from_view(struct flow *f)
{
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = link_from_view(f->l, f->buf);

		if (n <= 0)
			break; /* ENETDOWN: the interface was set down; it comes back */
		if (f->out)
			impair_push(f->out, f->buf, (size_t)n, now_ns());
		else if (!send_out(f, f->buf, (size_t)n))
			return false;
	}
	return true;
}

/* How long to wait; NULL: until something comes. */
static const struct timespec *wait_time(const struct flow *f, struct timespec *ts)
{
	uint64_t now = now_ns(), due = f->in ? impair_due(f->in) : UINT64_MAX;

	if (f->out && impair_due(f->out) < due)
		due = impair_due(f->out);
	if (due == UINT64_MAX)
		return NULL;
	due = due > now ? due - now : 0;
	*ts = (struct timespec){ (time_t)(due / NSEC_PER_SEC), (long)(due % NSEC_PER_SEC) };
	return ts;
}

/* What the view had sent when it ended. */
static void carry_last(struct flow *f)
{
	struct timespec ts;
	ssize_t n;

	while ((n = link_from_view(f->l, f->buf)) > 0) {
		if (f->out)
			impair_push(f->out, f->buf, (size_t)n, now_ns());
		else if (!send_out(f, f->buf, (size_t)n))
			return;
	}
	while (f->out && impair_due(f->out) != UINT64_MAX) {
		(void)ppoll(NULL, 0, wait_time(f, &ts), NULL);
		if (!send_due(f))
			return;
	}
}

static void carry(struct flow *f)
{
	bool on = true;

	while (on) {
		struct pollfd fds[] = {
			{ .fd = f->l->frames, .events = POLLIN },
			{ .fd = f->p->fd, .events = POLLIN },
			{ .fd = f->p->watch, .events = POLLIN },
			{ .fd = f->l->end },
		};
		struct timespec ts;

		if (ppoll(fds, ARRAY_SIZE(fds), wait_time(f, &ts), NULL) < 0)
			continue;
		if (fds[3].revents) {
			carry_last(f);
			return;
		}
		if (fds[0].revents)
			on = from_view(f);
		if (on && fds[1].revents)
			on = from_link(f) && !(fds[1].revents & POLLNVAL);
		if (fds[2].revents)
			on = false;
		on = on && send_due(f);
	}
}

void link_pump(struct link *l, const struct pump *p)
{
	const struct net_impair *bad = net_spec_impaired(l->spec) ? &l->spec->impair : NULL;
	struct flow f = { .l = l, .p = p, .buf = malloc(FRAME_MAX) };

	if (bad) {
		f.in = impair_new(bad, 0);
		f.out = impair_new(bad, 1);
	}
	if (f.buf && (!bad || (f.in && f.out)))
		carry(&f);
	impair_free(f.in);
	impair_free(f.out);
	free(f.buf);
}
