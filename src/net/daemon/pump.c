/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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

void link_to_view(struct link *l, const void *frame, size_t len)
{
	(void)send(l->frames, frame, len, l->control < 0 ? 0 : MSG_DONTWAIT);
}

/* False: that side has ended. */
static bool from_link(struct link *l, const struct pump *p, char *buf)
{
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = p->recv(l->priv, buf, FRAME_MAX);

		if (n > 0)
			link_to_view(l, buf, (size_t)n);
		else
			return n < 0 && (errno == EAGAIN || errno == EINTR);
	}
	return true;
}

static bool from_view(struct link *l, const struct pump *p, char *buf)
{
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = recv(l->frames, buf, FRAME_MAX, MSG_DONTWAIT);

		if (n <= 0)
			break; /* ENETDOWN: the interface was set down; it comes back */
		if (p->send(l->priv, buf, (size_t)n) < 0 && (errno == EPIPE || errno == ECONNRESET))
			return false;
	}
	return true;
}

void link_pump(struct link *l, const struct pump *p)
{
	_cleanup_free_ char *buf = malloc(FRAME_MAX);
	bool on = buf;

	while (on) {
		struct pollfd fds[] = {
			{ .fd = l->frames, .events = POLLIN },
			{ .fd = p->fd, .events = POLLIN },
			{ .fd = p->watch, .events = POLLIN },
		};

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents)
			on = from_view(l, p, buf);
		if (on && fds[1].revents)
			on = from_link(l, p, buf) && !(fds[1].revents & POLLNVAL);
		if (fds[2].revents)
			on = false;
	}
}
