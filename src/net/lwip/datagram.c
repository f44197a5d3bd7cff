/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Of two SOCK_DGRAM sockets that are connected to each other the kernel tells
 * one by an error (POLLERR, SO_ERROR) when the other is disconnected with something unread; when
 * that has connected again nothing of it is left. So what ICMP says of a guest's datagrams wakes
 * who polls or reads, as the kernel's own sockets do. Which error it is the stack is asked: the
 * pair's is always ECONNRESET.
 *
 * The guest's end has a name, by which ours finds it again. It stays connected to ours, so that
 * nobody else can send to it. Ours, which is disconnected for microseconds, has a name that nobody
 * else can find (rundir_bind_hidden()): by that it sends itself what is unread. What the guest
 * writes meanwhile is lost; the kernel would tell it the error instead.
 *
 * No end of such a pair hangs up: inotify(7) tells of the guest's last close (watch.c). Where the
 * user has no more watches it is a pair of SOCK_SEQPACKET, whose errors the next call tells.
 */
#include "net/lwip/datagram.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/rundir.h"
#include "net/lwip/watch.h"

/* The kernel doubles it: 65507 bytes and a bit are the longest message. */
#define DGRAM_SNDBUF 32770

static int watched_pair(struct stack *st, int ret[2], int *ret_watch)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int r;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ret) < 0)
		return -errno;
	r = bind(ret[1], (const struct sockaddr *)&any, sizeof(any.sun_family)) < 0
		    ? -errno
		    : watch_socket(st, ret[1]);
	if (r < 0) {
		um_cleanup_fd(&ret[0]);
		um_cleanup_fd(&ret[1]);
		return r;
	}
	*ret_watch = r;
	return 0;
}

int datagram_pair(struct stack *st, bool alarms, int ret[2], int *ret_watch)
{
	const int bytes = DGRAM_SNDBUF;

	*ret_watch = 0;
	if ((!alarms || watched_pair(st, ret, ret_watch) < 0) &&
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return -errno;
	(void)setsockopt(ret[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return fcntl(ret[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Of nothing to read: is it the end, which came after the events at hand, or an empty datagram? */
static bool is_end(const struct endpoint *ep, uint32_t events)
{
	struct pollfd p = { .fd = ep->source.fd, .events = POLLRDHUP };

	return !ep->watch && (events & EPOLLRDHUP || poll(&p, 1, 0) == 1);
}

ssize_t datagram_read(struct endpoint *ep, uint32_t events)
{
	const ssize_t n = recv(ep->source.fd, ep->st->scratch, SCRATCH_BYTES, MSG_DONTWAIT);

	if (n == 0 && is_end(ep, events)) {
		/* (the guest may have shut down this way alone: its end is still waited for) */
		if (!(events & EPOLLHUP))
			(void)source_change(ep->st, &ep->source, 0);
		return -EPIPE;
	}
	return n < 0 ? -errno : n;
}

/* ---- errors ---- */

static int disconnect(int fd)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	return connect(fd, &none, sizeof(none.sa_family)) < 0 ? -errno : 0;
}

static int send_itself(struct endpoint *ep)
{
	struct sockaddr_un self = { .sun_family = AF_UNIX };

	(void)fd_path(self.sun_path, ep->hidden_fd);
	return sendto(ep->source.fd, "", 0, MSG_DONTWAIT, (const struct sockaddr *)&self,
		       sizeof(self)) < 0
		       ? -errno
		       : 0;
}

static void ring(struct endpoint *ep)
{
	struct sockaddr_un guest;
	const struct sockaddr *to = (const struct sockaddr *)&guest;
	socklen_t len = sizeof(guest);

	if (ep->hidden_fd < 0 && rundir_bind_hidden(ep->source.fd, &ep->hidden_fd) < 0)
		return; /* the next call tells it */
	/* (who is gone is not looked for) */
	if (getpeername(ep->source.fd, (struct sockaddr *)&guest, &len) < 0)
		return;
	if (disconnect(ep->source.fd) == 0 && send_itself(ep) == 0 &&
		connect(ep->source.fd, to, len) == 0)
		(void)disconnect(ep->source.fd);
	(void)connect(ep->source.fd, to, len);
}

void datagram_alarm(struct endpoint *ep)
{
	if (ep->watch && cds_list_empty(&ep->news))
		cds_list_add_tail(&ep->news, &ep->st->alarmed);
}

void datagrams_alarm(struct stack *st)
{
	if (cds_list_empty(&st->alarmed))
		return;
	while (!cds_list_empty(&st->alarmed)) {
		struct endpoint *ep = cds_list_first_entry(&st->alarmed, struct endpoint, news);

		cds_list_del_init(&ep->news);
		ep->ops->ready(ep, EPOLLIN); /* what was written before goes out */
		if (!ep->closed)
			ring(ep);
	}
	/* Was one of them closed just before, its name may have been somebody else's when it was
	 * connected to. Then this tells of it, and nothing goes there. */
	watches_look(st);
}
