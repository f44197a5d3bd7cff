/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A socket of the host is connected. If that fails the view is told so by us,
 * and by nobody else: libslirp would try once more, and may succeed. If not, the port is listed
 * (ports.c) and the view's SYN put into the outer namespace, whose kernel answers it; what that
 * accepts is the other end of the relay.
 */
#include "net/slirp/opening.h"

#include <fcntl.h>
#include <net/ethernet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "net/daemon/iface.h"
#include "net/slirp/ports.h"
#include "net/slirp/refusal.h"

#define OPENING_SECONDS 5 /* the view answers at once */
#define OPENING_MAX 4096

static void refuse(struct direct *d, struct flow *f, int err)
{
	refusal_send(d->link, &d->net, f->syn, err);
	flow_drop(d, f);
}

/* ---- the view ---- */

/* The view's kernel and ours have a connection. */
static void open_flow(struct direct *d, struct flow *f, int fd)
{
	static const uint32_t all = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET;
	int r = 0;

	/* the listener's, which would keep the SYN of a later connection from it: it is to hear of
	 * that, and to say that it has another one */
	(void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &r, sizeof(r));
	flow_unlist(f);
	relay_init(&f->relay, fd, f->host);
	f->relay.end[1].failed = f->host_failed;
	flow_set_state(d, f, OPEN);
	f->host = -1;
	free(take_ptr(&f->syn));
	for (int i = 0; i < 2 && r == 0; i++) {
		f->watch[i] = (struct watch){ .flow = f, .fd = f->relay.end[i].fd, .end = i };
		r = watch_add(d, &f->watch[i], all);
	}
	if (r < 0)
		flow_drop(d, f);
}

/* One that there is no descriptor for is reset: it would be told of again and again. */
static int accept_one(struct direct *d, int listener, struct sockaddr_in *ret_peer)
{
	socklen_t len = sizeof(*ret_peer);
	int fd;

	if (d->spare < 0) /* another thread has been faster */
		d->spare = fcntl(d->epoll, F_DUPFD_CLOEXEC, 0);
	fd = accept4(listener, (struct sockaddr *)ret_peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || d->spare < 0)
		return fd;
	close(take_fd(&d->spare));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close_reset(fd);
	d->spare = fcntl(d->epoll, F_DUPFD_CLOEXEC, 0);
	return -1;
}

void opening_accept(struct direct *d, int listener)
{
	struct sockaddr_in peer, own;
	int fd;

	while ((fd = accept_one(d, listener, &peer)) >= 0) {
		socklen_t len = sizeof(own);
		struct flow *f = NULL;

		if (getsockname(fd, (struct sockaddr *)&own, &len) == 0) {
			const struct flow_key key = { peer.sin_addr, own.sin_addr, peer.sin_port,
				own.sin_port };

			f = flow_find(d, &key);
		}
		if (f && f->state == OPENING)
			open_flow(d, f, fd);
		else
			close_reset(fd);
	}
}

/* One that hears of a port's connections; -errno: they are libslirp's. */
static int listener_of(struct direct *d, uint16_t port)
{
	const int i = ports_list(d->ports, port);
	struct watch *w = i < 0 ? NULL : &d->listener[i];

	if (!w)
		return i;
	if (w->fd < 0) {
		w->fd = ports_listener(d->ports, i);
		if (watch_add(d, w, EPOLLIN) < 0)
			w->fd = -1; /* until the next one; this one is there at once, mostly */
	}
	return ports_listener(d->ports, i);
}

/* The host has answered: now the view's kernel is. Where it cannot be, the view sends the SYN once
 * more, and the port is libslirp's by then. */
static void answer_view(struct direct *d, struct flow *f)
{
	const int listener = listener_of(d, ntohs(f->key.far_port));

	if (listener < 0 || send(d->link->outer.inject, f->syn, f->syn_len, 0) < 0) {
		flow_drop(d, f);
		return;
	}
	flow_set_state(d, f, OPENING);
	flow_set_due(d, f, OPENING_SECONDS * NSEC_PER_SEC);
	opening_accept(d, listener);
}

/* ---- the host ---- */

void opening_connected(struct direct *d, struct flow *f)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(f->host, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err == ETIMEDOUT) {
		flow_drop(d, f); /* as the view's connect(2) has by then */
	} else if (err == 0 || err == ECONNRESET || err == EPIPE) {
		f->host_failed = err != 0; /* connected, and reset already */
		answer_view(d, f);
	} else {
		refuse(d, f, err);
	}
}

static bool is_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

static int connect_host(const struct direct *d, struct flow *f)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_addr = f->key.far, .sin_port = f->key.far_port
	};
	const int on = 1;

	if (to.sin_addr.s_addr == d->net.host.s_addr)
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->host = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->host < 0 || setsockopt(f->host, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
		(connect(f->host, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
		return -errno;
	return 0;
}

/* It is kept for long, and one with much data (TCP Fast Open) comes once more without. */
static bool keep_syn(struct flow *f, uint32_t isn, const uint8_t *frame, size_t len)
{
	uint8_t *copy = len <= ETH_HLEN + IFACE_MTU ? malloc(len) : NULL;

	if (!copy)
		return false;
	memcpy(copy, frame, len);
	free(f->syn);
	f->syn = copy;
	f->syn_len = len;
	f->isn = isn;
	return true;
}

void opening_again(
	const struct direct *d, struct flow *f, uint32_t isn, const uint8_t *frame, size_t len)
{
	if (f->state == CONNECTING && isn != f->isn && !keep_syn(f, isn, frame, len)) {
		/* it will be for the former one, and then the view sends this one again */
	} else if (f->state == OPENING && isn == f->isn &&
		   send(d->link->outer.inject, f->syn, f->syn_len, 0) < 0) {
		/* what was put in is lost, as where a queue is full, and so is this; likewise */
	}
}

void opening_begin(struct direct *d, const struct flow_key *key, uint32_t isn, const uint8_t *frame,
	size_t len)
{
	struct flow *f = d->nopening < OPENING_MAX ? flow_new(d, key) : NULL;
	int r;

	if (!f)
		return; /* the view sends it once more */
	if (!keep_syn(f, isn, frame, len)) {
		flow_drop(d, f);
		return;
	}
	r = connect_host(d, f);
	if (r == 0 && is_connected(f->host)) {
		opening_connected(d, f);
		return;
	}
	f->watch[0] = (struct watch){ .flow = f, .fd = f->host };
	if (r == 0)
		r = watch_add(d, &f->watch[0], EPOLLOUT | EPOLLONESHOT);
	if (r < 0)
		refuse(d, f, -r);
}
