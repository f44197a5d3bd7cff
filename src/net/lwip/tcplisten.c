/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP's servers. Mostly the guest's socket listens itself, and a connection that waits for
 * accept(2) is one of ours to it. Of one that was reset before our end is kept until somebody
 * has accepted it, who then reads what came before, and is told.
 *
 * Where the guest's socket is a pair, a connection that waits is a message there. The byte that
 * whoever accepts it takes away first (net/stackproto.h) has it reset, where nobody does.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include "base/fdmsg.h"
#include "net/lwip/tcp.h"
#include "net/visit.h"

/* One for which the listener's pair has no room yet. */
struct waiting {
	struct waiting *next;
	int guest;
	struct stack_head head;
};

/* How many wait for accept(2): in our end's buffer each takes the same room. */
static int waiting_connections(const struct endpoint *ep)
{
	int bytes = 0;

	return ep->nwaiting + (!ep->record || ioctl(ep->source.fd, SIOCOUTQ, &bytes) < 0
					      ? 0
					      : bytes / (int)ep->record);
}

static int hand_over(struct endpoint *listener, const struct waiting *w)
{
	int bytes = 0, r = fdmsg_send(listener->source.fd, &w->head,
			       offsetof(struct stack_head, control), &w->guest, 1);

	if (r == 0 && !listener->record && ioctl(listener->source.fd, SIOCOUTQ, &bytes) == 0)
		listener->record = (uint32_t)bytes;
	return r;
}

static void drop_first(struct endpoint *listener)
{
	struct waiting *w = listener->waiting;

	listener->waiting = w->next;
	listener->nwaiting--;
	close(w->guest);
	free(w);
}

void tcp_hand_over(struct endpoint *listener)
{
	while (listener->waiting && hand_over(listener, listener->waiting) != -EAGAIN)
		drop_first(listener);
	stream_set_events(listener, listener->waiting);
}

/* Takes guest. */
static int enqueue(struct endpoint *listener, const struct endpoint *ep, int *guest)
{
	struct waiting *w = calloc(1, sizeof(*w)), **last = &listener->waiting;

	if (!w)
		return -ENOMEM;
	w->head.namelen = address_write(ep, &ep->peer, ep->peer_port, &w->head.name);
	w->guest = take_fd(guest);
	while (*last)
		last = &(*last)->next;
	*last = w;
	listener->nwaiting++;
	return 0;
}

/* A new one of the listener's, of which guest is the other end. */
static int begin_waiting(struct endpoint *listener, struct endpoint **ret, int *ret_guest)
{
	int r;

	if (waiting_connections(listener) > listener->backlog || !inflight_room(listener))
		return -EAGAIN;
	r = endpoint_new(
		listener->st, listener->domain, SOCK_STREAM, listener->protocol, ret, ret_guest);
	if (r < 0)
		return r;
	(*ret)->ops = &tcp_endpoint;
	(*ret)->junk = 1;
	return 0;
}

static int end_waiting(struct endpoint *listener, struct endpoint *ep, int *guest)
{
	if (send(*guest, "", 1, MSG_DONTWAIT) != 1 || send(ep->source.fd, "", 1, MSG_DONTWAIT) != 1)
		return -ENOBUFS;
	return enqueue(listener, ep, guest);
}

/* ---- one that the listener itself has ---- */

int tcp_listens(struct endpoint *ep, const struct stack_msg *m)
{
	char path[PATH_MAX];
	int r = 0;

	if (ep->ops != &tcp_endpoint || !ep->watch || m->len >= sizeof(path))
		return -EINVAL;
	memcpy(path, m->data, m->len);
	path[m->len] = '\0';
	um_cleanup_fd(&ep->name_fd);
	ep->name_fd = open(path, O_PATH | O_CLOEXEC);
	if (ep->name_fd < 0)
		r = -errno;
	(void)unlink(path);
	return r;
}

/* Our end of a connection to the guest's socket, whose name says what it is. Somebody else may have
 * that name, and then has it for nothing. */
static int name_visit(
	int fd, struct endpoint *listener, const struct tcp_pcb *pcb, uint64_t *ret_number)
{
	struct visit visit;
	struct sockaddr_un name;
	int r = -EADDRINUSE;

	address_write(listener, &pcb->local_ip, pcb->local_port, &visit.local);
	address_write(listener, &pcb->remote_ip, pcb->remote_port, &visit.peer);
	for (int tries = 0; r == -EADDRINUSE && tries < 16; tries++) {
		visit.number = 1ull << 63 | ++listener->st->arrivals; /* no inode has it */
		r = bind(fd, (const struct sockaddr *)&name, visit_name(&visit, &name)) < 0 ? -errno
											    : 0;
	}
	*ret_number = visit.number;
	return r;
}

/* Connects to the guest's socket. */
static int begin_visit(struct endpoint *listener, const struct tcp_pcb *pcb, struct endpoint **ret)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1;
	uint64_t number;
	int r;

	if (listener->name_fd < 0) /* listen(2) has not returned */
		return -ECONNREFUSED;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = name_visit(fd, listener, pcb, &number);
	if (r < 0)
		return r;
	(void)fd_path(sun.sun_path, listener->name_fd);
	/* (EAGAIN: so many wait there as may) */
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	r = endpoint_visiting(listener->st, listener->domain, listener->protocol, number, fd, ret);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	(*ret)->junk = 1;
	(*ret)->unaccepted = true;
	return 0;
}

bool visit_accepted(struct endpoint *ep)
{
	uint64_t ino = 0;

	if (!ep->unaccepted)
		return true;
	if (recv(ep->source.fd, &ino, sizeof(ino), MSG_DONTWAIT) <= 0)
		return false;
	ep->unaccepted = false;
	ep->ino = ino;
	if (!ep->reset)
		return true;
	endpoint_close(ep);
	return false;
}

/* ---- accepted by lwIP ---- */

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct endpoint *last = arg, *listener = last->mate ? last->mate : last, *ep;
	_cleanup_fd_ int guest = -1;
	int r;

	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	tcp_arg(listener->tcp, listener); /* the next one is its mate's */
	r = listener->watch ? begin_visit(listener, pcb, &ep)
			    : begin_waiting(listener, &ep, &guest);
	if (r < 0) {
		listener->st->counts.tcp.listen_overflows += r == -EAGAIN;
		listener->st->counts.tcp.listen_drops++;
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	ep->st->counts.tcp.passive_opens++;
	ep->opt = listener->opt;
	ep->bound_if = listener->bound_if;
	ep->local = pcb->local_ip;
	ep->peer = pcb->remote_ip;
	address_set_port(ep, pcb->local_port);
	ep->peer_port = pcb->remote_port;
	ep->state = EP_OPEN;
	r = listener->watch ? 0 : end_waiting(listener, ep, &guest);
	if (r < 0 || source_add(ep->st, &ep->source, EPOLLIN | EPOLLRDHUP | EPOLLET) < 0) {
		endpoint_close(ep);
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	tcp_take(ep, pcb);
	tcp_hand_over(listener);
	return ERR_OK;
}

/* ---- several at one port (SO_REUSEPORT): a ring, of which lwIP knows one listener ---- */

static bool shares_port(struct endpoint *other, void *arg)
{
	struct endpoint *ep = arg;

	if (other == ep || !other->opt.reuseport || !address_is_bound_as(other, ep) ||
		other->state != EP_LISTENING)
		return false;
	ep->mate = other->mate ? other->mate : other;
	other->mate = ep;
	ep->tcp = other->tcp;
	return true;
}

void tcp_stop_listening(struct endpoint *ep, struct tcp_pcb *pcb)
{
	struct endpoint *before = ep->mate;

	while (ep->waiting)
		drop_first(ep);
	if (!before) {
		tcp_arg(pcb, NULL);
		tcp_accept(pcb, NULL);
		(void)tcp_close(pcb);
		return;
	}
	while (before->mate != ep)
		before = before->mate;
	before->mate = ep->mate == before ? NULL : ep->mate;
	tcp_arg(pcb, before);
}

static int begin_listening(struct endpoint *ep)
{
	struct tcp_pcb *pcb;
	err_t e;
	int r;

	if (ep->opt.reuseport && address_each_at(ep->st, ep->local_port, shares_port, ep))
		return 0;
	r = tcp_begin(ep, &ep->local);
	if (r < 0)
		return r;
	pcb = tcp_listen_with_backlog_and_err(ep->tcp, 255, &e);
	if (!pcb) {
		stream_close(ep);
		return tcp_error(e);
	}
	ep->tcp = pcb;
	tcp_arg(pcb, ep);
	tcp_accept(pcb, on_accept);
	return 0;
}

int tcp_listen_(struct endpoint *ep, int backlog)
{
	int r;

	ep->backlog = backlog < 0 || backlog > BACKLOG_MAX ? BACKLOG_MAX : backlog;
	if (ep->state == EP_LISTENING)
		return 0;
	if (ep->state != EP_CLOSED)
		return -EINVAL;
	/* who shares its port may listen there by now; one that stopped has none unless it named it
	 */
	r = address_take_port(ep, ep->stopped && !ep->bound_port ? 0 : ep->local_port);
	if (r == 0)
		r = begin_listening(ep);
	if (r < 0)
		return r;
	ep->state = EP_LISTENING;
	/* nothing can be written to it (EPIPE), and what fills it stays: it is not writable */
	if (!ep->watch)
		(void)shutdown(ep->source.fd, SHUT_RD);
	return 0;
}
