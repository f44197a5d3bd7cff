/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. An edge is told once, so a direction goes on until the kernel says that
 * there is nothing, or no room. A read that did not fill the buffer is as good as the former, but
 * for an end or an urgent byte, which come with an edge of their own (`hup`, `urgent`).
 *
 * A reset is told by an edge, too (`failed`), since nobody may read or write: an end that is at
 * its end, or whose other one has no room.
 *
 * A reset overtakes what was sent before it only in the sender's queue. So what the reset socket
 * still has is carried, and the other one is reset when its peer has acknowledged all, or did not
 * for a minute.
 */
#include "net/slirp/relay.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define ROUNDS 16 /* before others have their turn */
#define FIRST_WAIT_MS 10
#define LAST_WAIT_MS 1000
#define DRAIN_SECONDS 60

void relay_init(struct relay *r, int a, int b)
{
	*r = (struct relay){ .end = { { .fd = a }, { .fd = b } } };
}

void relay_event(struct relay *r, int i, uint32_t events)
{
	struct relay_end *e = &r->end[i];

	e->hup |= events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	e->failed |= events & EPOLLERR;
	e->urgent |= events & EPOLLPRI;
	e->in |= e->hup || e->urgent || (events & EPOLLIN);
}

/* One of the ends has an error. The first one alone counts. */
static void set_broken(struct relay *r, int i)
{
	if (r->broken)
		return;
	r->broken = true;
	r->dead = i;
	r->wait_ms = FIRST_WAIT_MS;
	r->until = now_ns() + DRAIN_SECONDS * NSEC_PER_SEC;
}

/* What a direction has come to. */
enum carried { BLOCKED, GOES_ON, FAILED_FROM, FAILED_TO };

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static enum carried send_left(struct relay_end *from, const struct relay_end *to)
{
	while (from->at < from->len) {
		ssize_t n = send(to->fd, from->left + from->at, from->len - from->at, MSG_NOSIGNAL);

		if (n < 0)
			return would_block() ? BLOCKED : FAILED_TO;
		from->at += (size_t)n;
	}
	free(take_ptr(&from->left));
	return GOES_ON;
}

/* The urgent byte, if it is the next one. */
static enum carried send_urgent(struct relay_end *from, const struct relay_end *to)
{
	uint8_t byte;
	int at = 0;

	if (ioctl(from->fd, SIOCATMARK, &at) < 0 || !at)
		return GOES_ON;
	if (recv(from->fd, &byte, 1, MSG_OOB | MSG_PEEK) == 1) {
		if (send(to->fd, &byte, 1, MSG_OOB | MSG_NOSIGNAL) < 0)
			return would_block() ? BLOCKED : FAILED_TO;
		if (recv(from->fd, &byte, 1, MSG_OOB) < 0)
			return FAILED_FROM;
	}
	from->urgent = false;
	return GOES_ON;
}

static enum carried keep(struct relay_end *from, const uint8_t *buf, size_t len)
{
	from->left = malloc(len);
	if (!from->left)
		return FAILED_FROM;
	memcpy(from->left, buf, len);
	from->at = 0;
	from->len = len;
	return BLOCKED;
}

/* Reads once, and sends that. */
static enum carried step(struct relay_end *from, const struct relay_end *to, uint8_t *buf)
{
	ssize_t n = recv(from->fd, buf, RELAY_BUFFER, 0), m;

	from->in = n == RELAY_BUFFER || from->hup || from->urgent;
	if (n < 0) {
		from->in = errno == EINTR;
		return would_block() ? BLOCKED : FAILED_FROM;
	}
	if (n == 0) {
		from->eof = true;
		return GOES_ON;
	}
	m = send(to->fd, buf, (size_t)n, MSG_NOSIGNAL);
	if (m < 0 && !would_block())
		return FAILED_TO;
	m = m < 0 ? 0 : m;
	return m < n ? keep(from, buf + m, (size_t)(n - m)) : GOES_ON;
}

/* GOES_ON: it could, later. */
static enum carried carry(struct relay_end *from, const struct relay_end *to, uint8_t *buf)
{
	enum carried c = from->left ? send_left(from, to) : GOES_ON;

	for (int i = 0; i < ROUNDS && c == GOES_ON && from->in && !from->eof; i++) {
		if (from->urgent)
			c = send_urgent(from, to);
		if (c == GOES_ON)
			c = step(from, to, buf);
	}
	if (c != GOES_ON || !from->eof)
		return c == GOES_ON && !from->in ? BLOCKED : c;
	if (!from->told)
		(void)shutdown(to->fd, SHUT_WR); /* or it has failed, and says so */
	from->told = true;
	return BLOCKED;
}

/* What is left of the dead one goes to the other, whose peer then has to take it in. */
static enum relay_state run_broken(struct relay *r, uint8_t *buf)
{
	struct relay_end *dead = &r->end[r->dead], *live = &r->end[!r->dead];
	enum carried c = GOES_ON;
	int unsent = 0;

	dead->hup = dead->in = true; /* so that it is read to its end */
	dead->told = true;	     /* which the other one hears of by a reset */
	if (!dead->eof || dead->left)
		c = carry(dead, live, buf);
	if (c == GOES_ON && !dead->eof)
		return RELAY_MORE;
	if (c == FAILED_TO || live->failed || now_ns() >= r->until)
		return RELAY_OVER;
	if (!dead->left && (dead->eof || c == FAILED_FROM) &&
		(ioctl(live->fd, SIOCOUTQ, &unsent) < 0 || unsent == 0))
		return RELAY_OVER;
	r->wait_ms = r->wait_ms < LAST_WAIT_MS ? r->wait_ms * 2 : LAST_WAIT_MS;
	return RELAY_DRAIN;
}

enum relay_state relay_run(struct relay *r, uint8_t *buf)
{
	bool more = false;

	for (int i = 0; i < 2 && !r->broken; i++) {
		enum carried c = carry(&r->end[i], &r->end[!i], buf);

		more |= c == GOES_ON;
		if (c == FAILED_FROM || r->end[i].failed)
			set_broken(r, i);
		else if (c == FAILED_TO)
			set_broken(r, !i);
	}
	if (r->broken)
		return run_broken(r, buf);
	if (r->end[0].told && r->end[1].told)
		return RELAY_OVER;
	return more ? RELAY_MORE : RELAY_WAITS;
}

uint64_t relay_owed(const struct relay *r)
{
	const struct relay_end *from = &r->end[0];
	int unread = 0, unsent = 0;

	if (r->broken && r->dead == 1)
		return 0; /* nobody takes it */
	(void)ioctl(from->fd, SIOCINQ, &unread);
	(void)ioctl(r->end[1].fd, SIOCOUTQ, &unsent);
	return (uint64_t)unread + (from->left ? from->len - from->at : 0) + (uint64_t)unsent +
	       (!from->told || r->broken);
}

void close_reset(int fd)
{
	const struct linger none = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

/* A listener may have said otherwise. */
static void close_ended(int fd)
{
	const struct linger none = { 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

void relay_close(struct relay *r)
{
	const bool over = !r->broken && r->end[0].told && r->end[1].told;

	for (int i = 0; i < 2; i++) {
		free(take_ptr(&r->end[i].left));
		if (r->end[i].fd >= 0 && over)
			close_ended(r->end[i].fd);
		else if (r->end[i].fd >= 0)
			close_reset(r->end[i].fd);
		r->end[i].fd = -1;
	}
}
