/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umview-lwip SPEC...: the network of one view by a stack of its own, which needs no namespace.
 * Started by the supervisor, which is at descriptor 3 (net/proto.h, net/stackproto.h).
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fdmsg.h"
#include "base/limit.h"
#include "net/daemon/link.h"
#include "net/lwip/endpoint.h"
#include "net/lwip/lease.h"
#include "net/lwip/procnet.h"
#include "net/lwip/stack.h"
#include "net/lwip/watch.h"
#include "net/proto.h"

#define LINK_BUFFER (4 << 20)

static const struct link_ops *const link_table[] = { &slirp_link, &vde_link, &tap_link,
	&wire_link };

/* ---- requests ---- */

/* A thread of the supervisor's at a time. */
struct connection {
	struct source source;
	struct stack *st;
	struct stack_msg msg;
};

static void connection_ready(struct source *s, UNUSED uint32_t events)
{
	struct connection *c = container_of_(s, struct connection, source);
	ssize_t n = recv(s->fd, &c->msg, sizeof(c->msg), MSG_DONTWAIT);
	bool answer;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < (ssize_t)offsetof(struct stack_msg, data) || c->msg.namelen > sizeof(c->msg.name) ||
		c->msg.controllen > STACK_CONTROL_MAX || c->msg.len > STACK_DATA_MAX) {
		source_close(c->st, s);
		free(c); /* it is the only event of a descriptor that nobody else has */
		return;
	}
	answer = c->msg.op != STACK_CONNECT || c->msg.a != STACK_WAIT_FULL;
	endpoint_request(c->st, &c->msg);
	if (answer && send(s->fd, &c->msg, stack_msg_size(&c->msg), MSG_NOSIGNAL) < 0) {
		/* who asked has been killed: the end of the socket follows */
	}
}

static int add_connection(struct stack *st, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->source = (struct source){ .fd = fd, .ready = connection_ready };
	c->st = st;
	r = source_add(st, &c->source, EPOLLIN);
	if (r < 0)
		free(c);
	return r;
}

struct control_source {
	struct source source;
	struct stack *st;
	int end; /* of the pipe to the threads */
};

/* Descriptors made, or -errno. */
static int make_sockets(struct stack *st, const struct net_request *rq, int fds[FDMSG_MAX_FDS])
{
	int n = 0, r = 0;

	while (n < (int)rq->count && n < FDMSG_MAX_FDS) {
		r = endpoint_open(st, rq->a, rq->b, rq->c, rq->privileged, &fds[n]);
		if (r < 0)
			break;
		n++;
	}
	return n ? n : r;
}

/* Answers; true: `answer` is kept. */
static bool serve(struct stack *st, const struct net_request *rq, int answer)
{
	struct net_reply reply = { 0 };
	int fds[FDMSG_MAX_FDS], n = 0;

	switch (rq->op) {
	case NET_OP_SOCKET:
		n = make_sockets(st, rq, fds);
		break;
	case NET_OP_OPEN:
		fds[0] = procnet_open(st, rq->path, rq->a);
		n = fds[0] < 0 ? fds[0] : 1;
		break;
	case NET_OP_WATCH:
		fds[0] = fcntl(st->shared_fd, F_DUPFD_CLOEXEC, 0);
		fds[1] = fcntl(watches_fd(st), F_DUPFD_CLOEXEC, 0);
		n = fds[0] < 0 ? -errno : fds[1] < 0 ? 1 : 2;
		break;
	case NET_OP_STACK:
		return add_connection(st, answer) == 0;
	default:
		n = -EOPNOTSUPP;
		break;
	}
	reply.err = n < 0 ? n : 0;
	if (fdmsg_send(answer, &reply, sizeof(reply), fds, n > 0 ? (size_t)n : 0) < 0) {
		/* who asked has been killed */
	}
	for (int i = 0; i < n; i++)
		close(fds[i]);
	return false;
}

static void control_ready(struct source *s, UNUSED uint32_t events)
{
	struct stack *st = container_of_(s, struct control_source, source)->st;
	struct net_request rq;
	int answer, len = fdmsg_recv(s->fd, &rq, sizeof(rq), &answer, 1);

	if (len == 0 || (len < 0 && len != -EMSGSIZE && len != -EAGAIN)) {
		source_close(st, s);
		st->ending = true;
		linger_begin();
		(void)!write(container_of_(s, struct control_source, source)->end, "", 1);
		return;
	}
	if (answer < 0)
		return;
	rq.path[sizeof(rq.path) - 1] = '\0';
	if (!serve(st, &rq, answer))
		close(answer);
}

/* ---- links ---- */

static void *run_link(void *arg)
{
	struct link *l = arg;

	l->ops->run(l);
	return NULL;
}

struct threads {
	pthread_t thread[NET_MAX_LINKS];
	size_t n;
	int end[2]; /* a pipe: its end is the view's */
};

/* A thread beside the stack, at the other end of a pair that is *ret. */
static int start_thread(struct threads *t, struct link *l, char **ret_message, int *ret)
{
	int pair[2], bytes = LINK_BUFFER, r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	for (int k = 0; k < 2; k++)
		(void)setsockopt(pair[k], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	l->frames = pair[1];
	l->end = t->end[0];
	r = l->ops->open(l, ret_message);
	if (r == 0)
		r = -pthread_create(&t->thread[t->n], NULL, run_link, l);
	if (r == 0)
		t->n++;
	*ret = pair[0]; /* (an error ends the process) */
	return r;
}

static int start_link(
	struct stack *st, struct threads *t, const struct net_spec *s, char **ret_message)
{
	struct link *l = calloc(1, sizeof(*l));
	int r, frames = -1;

	if (!l)
		return -ENOMEM;
	*l = (struct link){
		.spec = s, .frames = -1, .far = -1, .control = -1, .end = -1, .outer = { -1, -1 }
	};
	for (size_t i = 0; i < ARRAY_SIZE(link_table); i++) {
		if (link_table[i]->kind == s->link)
			l->ops = link_table[i];
	}
	if (s->link == NET_PAIR && net_spec_impaired(s))
		l->ops = &bad_wire_link;
	if (!l->ops)
		return -EINVAL;
	if (!l->ops->recv) {
		r = start_thread(t, l, ret_message, &frames);
		return r < 0 ? r : iface_add(st, s, frames, l->ops->mtu, NULL);
	}
	r = l->ops->open(l, ret_message);
	return r < 0 ? r : iface_add(st, s, l->frames, l->ops->mtu, l);
}

/* What slirp's own DHCP server would say. */
static int configure_slirp(struct iface *i, const struct net_spec *s)
{
	struct net_addr a = { .family = AF_INET }, gw = { .family = AF_INET };
	struct net_slirp net;
	int r = 0;

	net_spec_slirp(s, &net);
	a.v4 = net.guest;
	a.prefix = net.prefix;
	gw.v4 = net.host;
	if (!net_spec_ip(s, AF_INET))
		r = iface_add_ip(i, &a, NULL);
	if (r == 0 && s->ngateway == 0)
		r = route_add_default(i, &gw);
	a = (struct net_addr){ .family = AF_INET6, .prefix = 64, .v6 = net.guest6 };
	gw = (struct net_addr){ .family = AF_INET6, .v6 = net.host6 };
	if (r == 0)
		r = iface_add_ip(i, &a, NULL);
	return r == 0 && s->ngateway == 0 ? route_add_default(i, &gw) : r;
}

static int add_addresses(struct iface *i, const struct net_spec *s, char **ret_message)
{
	int r = 0;

	for (size_t k = 0; k < s->nip; k++) {
		r = iface_add_ip(i, &s->ip[k], NULL);
		if (r < 0)
			return net_spec_refused(s, "ip", &s->ip[k], r, ret_message);
	}
	if (s->link == NET_SLIRP)
		r = configure_slirp(i, s);
	for (size_t k = 0; k < s->ngateway && r == 0; k++) {
		r = route_add_default(i, &s->gateway[k]);
		if (r < 0)
			return net_spec_refused(s, "gw", &s->gateway[k], r, ret_message);
	}
	return r;
}

static int add_interface(
	struct stack *st, struct threads *t, const struct net_spec *s, char **ret_message)
{
	struct iface *i;
	int r;

	if (s->link == NET_NONE)
		return 0;
	r = start_link(st, t, s, ret_message);
	i = iface_by_name(st, s->name);
	if (r == 0)
		r = add_addresses(i, s, ret_message);
	return r == 0 && s->dhcp ? lease_start(i) : r;
}

static int set_up(struct stack *st, struct threads *t, const struct net_spec specs[], size_t n,
	char **ret_message)
{
	int r = pipe2(t->end, O_CLOEXEC) < 0 ? -errno : stack_init(st);

	for (size_t i = 0; i < n && r == 0; i++) {
		r = add_interface(st, t, &specs[i], ret_message);
		if (r < 0 && !*ret_message)
			*ret_message = str_printf("--net: %s: %s", specs[i].name, strerror(-r));
	}
	if (r < 0)
		return r;
	stack_run(st, leases_there, now_ns() + DHCP_FIRST_NS);
	if (!leases_there(st))
		*ret_message = str_printf(NET_NO_LEASE);
	return leases_there(st) ? 0 : -ETIMEDOUT;
}

/* The name servers that were told of. */
static void tell_resolv(const struct stack *st, struct net_ready *ready)
{
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		const struct dhcp_lease *l = lease_of(i);

		if (l && !ready->resolv[0])
			dhcp_resolv(l, ready->resolv, sizeof(ready->resolv));
	}
}

/* A thread that waits for room to the stack is to go on: EPIPE. What the stack has sent to it stays
 * there. */
static void stop_reading(const struct stack *st)
{
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		if (i->spec && !i->link && i->frames.fd >= 0)
			(void)shutdown(i->frames.fd, SHUT_RD);
	}
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *message = NULL;
	struct control_source control = { .source = { .fd = NET_FD, .ready = control_ready } };
	struct net_spec specs[NET_MAX_LINKS];
	struct net_ready ready = { 0 };
	struct threads threads = { 0 };
	struct stack st;
	size_t n = 0;

	for (int i = 1; i < argc && n < NET_MAX_LINKS; i++) {
		_cleanup_free_ char *wrong = NULL;

		if (net_spec_parse(argv[i], i - 1, &specs[n++], &wrong) < 0)
			return 125; /* the supervisor has said so */
	}
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 125;
	/* ^C is the guests' business */
	(void)setsid();
	raise_limit(RLIMIT_NOFILE); /* each socket of the guests is a descriptor */
	ready.err = set_up(&st, &threads, specs, n, &message);
	control.st = &st;
	control.end = threads.end[1];
	if (ready.err == 0)
		ready.err = source_add(&st, &control.source, EPOLLIN);
	if (ready.err == 0)
		tell_resolv(&st, &ready);
	if (ready.err < 0)
		snprintf(ready.text, sizeof(ready.text), "%s",
			message ? message : strerror(-ready.err));
	if (fdmsg_send(NET_FD, &ready, sizeof(ready), NULL, 0) < 0 || ready.err < 0)
		return 1;
	stack_run(&st, NULL, 0);
	stop_reading(&st);
	close(threads.end[1]);
	for (size_t i = 0; i < threads.n; i++)
		(void)pthread_join(threads.thread[i], NULL);
	return 0;
}
