/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/netlink.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/endpoint.h"

#define FULL 3000 /* bytes in one datagram, about: old readers have a buffer of a page */
#define QUEUE_MAX                                                                                  \
	(4 << 20)	 /* bytes that wait for one socket's reader: tens of thousands of sockets */
#define ANSWER_ROOM 2048 /* what the longest message takes */

/* ---- making messages ---- */

static bool nl_option(const struct endpoint *ep, int option)
{
	return ep->nl_options >> option & 1;
}

static uint32_t port_of(const struct endpoint *ep)
{
	return ep->nl_port ? ep->nl_port : (uint32_t)ep->ino;
}

void *nl_begin(struct nl_answer *a, uint16_t type, uint16_t flags, size_t size)
{
	if (a->ep && a->len > FULL)
		nl_flush(a->ep->st, a);
	a->open = (struct nlmsghdr *)(void *)(a->buf + a->len);
	memset(a->open, 0, NLMSG_LENGTH(size) + NLMSG_ALIGNTO);
	*a->open = (struct nlmsghdr){ .nlmsg_type = type,
		.nlmsg_flags = flags,
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
		.nlmsg_seq = a->request ? a->request->nlmsg_seq : 0,
		.nlmsg_pid = a->ep ? port_of(a->ep) : 0 };
	return NLMSG_DATA(a->open);
}

void nl_put(struct nl_answer *a, uint16_t attr, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(a->open->nlmsg_len);
	struct rtattr *r = (struct rtattr *)(void *)((uint8_t *)a->open + at);

	if (a->len + at + RTA_SPACE(len) > sizeof(a->buf))
		return;
	memset(r, 0, RTA_SPACE(len));
	r->rta_type = attr;
	r->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(r), data, len);
	a->open->nlmsg_len =
		(uint32_t)(at + RTA_SPACE(len)); /* with what fills it up, as nla_put() */
}

void nl_put_u32(struct nl_answer *a, uint16_t attr, uint32_t value)
{
	nl_put(a, attr, &value, sizeof(value));
}

void nl_end(struct nl_answer *a)
{
	a->len += NLMSG_ALIGN(a->open->nlmsg_len);
	a->open = NULL;
}

/* ---- what waits for a reader ---- */

struct nl_waiting {
	struct nl_waiting *next;
	size_t len;
	uint8_t data[];
};

struct nl_queue {
	struct nl_waiting *first, **last;
	size_t bytes;
	bool lost; /* something had no room: ENOBUFS, behind the rest */
};

static int send_from(struct endpoint *ep, uint32_t groups, const void *data, size_t len)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK, .nl_groups = groups };
	struct stack_head head = { .namelen = sizeof(from) };

	memcpy(&head.name, &from, sizeof(from));
	if (ep->nl_passcred) /* of the kernel */
		control_add(&head, SOL_SOCKET, SCM_CREDENTIALS, &(struct ucred){ 0 },
			sizeof(struct ucred));
	return endpoint_deliver(ep, &head, data, len);
}

static void wait_for_reader(struct endpoint *ep, bool on)
{
	(void)source_change(ep->st, &ep->source, EPOLLIN | EPOLLRDHUP | (on ? EPOLLOUT : 0));
}

static struct nl_waiting *take_first(struct nl_queue *q)
{
	struct nl_waiting *w = q->first;

	q->first = w->next;
	if (!q->first)
		q->last = &q->first;
	q->bytes -= w->len;
	return w;
}

static void free_queue(struct endpoint *ep)
{
	while (ep->nl_queue && ep->nl_queue->first)
		free(take_first(ep->nl_queue));
	free(take_ptr(&ep->nl_queue));
}

static void keep(struct endpoint *ep, const struct nl_answer *a)
{
	struct nl_queue *q = ep->nl_queue;
	struct nl_waiting *w;

	if (!q) {
		q = calloc(1, sizeof(*q));
		if (!q)
			return;
		q->last = &q->first;
		ep->nl_queue = q;
		wait_for_reader(ep, true);
	}
	/* what nobody asked for is lost, as with the kernel, when it is not read */
	w = a->ep && q->bytes + a->len <= QUEUE_MAX ? malloc(sizeof(*w) + a->len) : NULL;
	if (!w) {
		q->lost = !nl_option(ep, NETLINK_NO_ENOBUFS);
		return;
	}
	w->next = NULL;
	w->len = a->len;
	memcpy(w->data, a->buf, a->len);
	*q->last = w;
	q->last = &w->next;
	q->bytes += w->len;
}

static void send_waiting(struct endpoint *ep)
{
	const struct stack_head lost = { .error = -ENOBUFS };
	struct nl_queue *q = ep->nl_queue;

	while (q && q->first) {
		if (send_from(ep, 0, q->first->data, q->first->len) == -EAGAIN)
			return;
		free(take_first(q));
	}
	if (!q || (q->lost && endpoint_deliver(ep, &lost, "", 0) == -EAGAIN))
		return;
	free_queue(ep);
	wait_for_reader(ep, false);
}

static void deliver(struct endpoint *ep, const struct nl_answer *a)
{
	if (ep->nl_queue || send_from(ep, a->ep ? 0 : 1u << (a->group - 1), a->buf, a->len) < 0)
		keep(ep, a);
}

static bool deliver_to_listener(struct endpoint *ep, void *arg)
{
	const struct nl_answer *a = arg;

	if (ep->ops == &netlink_endpoint && ep->nl_groups & (1u << (a->group - 1)))
		deliver(ep, a);
	return false;
}

void nl_flush(struct stack *st, struct nl_answer *a)
{
	if (a->len && a->ep)
		deliver(a->ep, a);
	else if (a->len)
		(void)endpoints_each(st, deliver_to_listener, a);
	a->len = 0;
}

/* ---- reading requests ---- */

bool nl_parse(const struct nlmsghdr *h, size_t fixed, struct nl_attrs *ret)
{
	const size_t begin = NLMSG_LENGTH(NLMSG_ALIGN(fixed));
	const struct rtattr *r = (const void *)((const uint8_t *)h + begin);
	int left = (int)h->nlmsg_len - (int)begin;

	memset(ret, 0, sizeof(*ret));
	if (h->nlmsg_len < NLMSG_LENGTH(fixed))
		return false;
	for (; RTA_OK(r, left); r = RTA_NEXT(r, left)) {
		if ((r->rta_type & NLA_TYPE_MASK) < ARRAY_SIZE(ret->v))
			ret->v[r->rta_type & NLA_TYPE_MASK] = r;
	}
	return true;
}

static void put_error(struct nl_answer *a, int error)
{
	const struct nlmsghdr *h = a->request;
	const bool whole = error && !nl_option(a->ep, NETLINK_CAP_ACK),
		   text = a->why && nl_option(a->ep, NETLINK_EXT_ACK);
	size_t size =
		sizeof(struct nlmsgerr) + (whole ? NLMSG_ALIGN(h->nlmsg_len) - sizeof(*h) : 0);
	struct nlmsgerr *e;

	if (size > ANSWER_ROOM)
		size = sizeof(struct nlmsgerr);
	e = nl_begin(a, NLMSG_ERROR,
		(uint16_t)((text ? NLM_F_ACK_TLVS : 0) | (size == sizeof(*e) ? NLM_F_CAPPED : 0)),
		size);
	e->error = error;
	memcpy(&e->msg, h, size == sizeof(*e) ? sizeof(*h) : h->nlmsg_len);
	if (text)
		nl_put(a, NLMSGERR_ATTR_MSG, a->why, strlen(a->why) + 1);
	nl_end(a);
}

/* The end of a dump, or why there is none. */
static void put_done(struct nl_answer *a, int error)
{
	const bool text = a->why && nl_option(a->ep, NETLINK_EXT_ACK);

	if (a->len) /* in a datagram of its own, as readers of one message at a time have it */
		nl_flush(a->ep->st, a);
	*(int *)nl_begin(a, NLMSG_DONE, NLM_F_MULTI | (text ? NLM_F_ACK_TLVS : 0), sizeof(int)) =
		error;
	if (text)
		nl_put(a, NLMSGERR_ATTR_MSG, a->why, strlen(a->why) + 1);
	nl_end(a);
}

static void serve(struct endpoint *ep, const struct nlmsghdr *h, bool privileged)
{
	struct nl_answer a = { .ep = ep, .request = h };
	const bool diag = ep->protocol == NETLINK_SOCK_DIAG;
	/* RTM_GET...: of the others these bits mean something else */
	const bool dump =
		h->nlmsg_flags & NLM_F_DUMP &&
		(diag ? h->nlmsg_type != SOCK_DESTROY : (h->nlmsg_type - RTM_BASE) % 4 == 2);
	int r = 0;

	if (ep->protocol == NETLINK_KOBJECT_UEVENT) /* the devices are the host's: no news */
		return;
	if (h->nlmsg_type >= NLMSG_MIN_TYPE)
		r = diag ? sockdiag_request(ep->st, h, privileged, &a)
			 : rtnl_request(ep->st, h, privileged, &a);
	if (dump && h->nlmsg_type >= NLMSG_MIN_TYPE && (r == 0 || a.why))
		put_done(&a, r);
	else if (r < 0 || (h->nlmsg_flags & NLM_F_ACK && !dump))
		put_error(&a, r);
	nl_flush(ep->st, &a);
}

static void serve_all(struct endpoint *ep, const uint8_t *data, size_t len, bool privileged)
{
	_cleanup_free_ uint8_t *copy = malloc(len + NLMSG_ALIGNTO);
	size_t at = 0;

	if (!copy)
		return;
	memcpy(copy, data, len);
	while (len - at >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)(copy + at);

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len - at)
			break;
		if (h->nlmsg_flags & NLM_F_REQUEST)
			serve(ep, h, privileged);
		at += NLMSG_ALIGN(h->nlmsg_len);
		if (at > len)
			break;
	}
}

/* ---- the socket ---- */

struct port {
	const struct endpoint *of;
	uint32_t number;
};

static bool has_port(struct endpoint *ep, void *arg)
{
	const struct port *p = arg;

	return ep != p->of && ep->ops == &netlink_endpoint && ep->protocol == p->of->protocol &&
	       ep->nl_port == p->number;
}

static bool is_taken(const struct endpoint *ep, uint32_t number)
{
	struct port p = { ep, number };

	return endpoints_each(ep->st, has_port, &p);
}

/* The first of a process has its number. */
static void get_port(struct endpoint *ep, const struct stack_msg *m)
{
	if (!ep->nl_port)
		ep->nl_port = !is_taken(ep, (uint32_t)m->b) ? (uint32_t)m->b : (uint32_t)ep->ino;
}

static int netlink_bind(struct endpoint *ep, const struct stack_msg *m)
{
	struct sockaddr_nl name;

	if (m->namelen < sizeof(name))
		return -EINVAL;
	memcpy(&name, &m->name, sizeof(name));
	if (name.nl_family != AF_NETLINK ||
		(ep->nl_port && name.nl_pid && name.nl_pid != ep->nl_port))
		return -EINVAL;
	if (name.nl_pid && name.nl_pid != ep->nl_port) {
		if (is_taken(ep, name.nl_pid))
			return -EADDRINUSE;
		ep->nl_port = name.nl_pid;
	}
	get_port(ep, m);
	ep->nl_groups = name.nl_groups;
	ep->nl_privileged = m->privileged;
	return 0;
}

static int netlink_connect(struct endpoint *ep, const struct stack_msg *m)
{
	ep->nl_privileged = m->privileged;
	if (m->namelen < sizeof(sa_family_t) || m->name.ss_family != AF_NETLINK)
		return -EINVAL;
	get_port(ep, m);
	return 0;
}

static int netlink_getname(struct endpoint *ep, bool peer, struct sockaddr_storage *ret)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK,
		.nl_pid = peer ? 0 : port_of(ep),
		.nl_groups = peer ? 0 : ep->nl_groups };

	memset(ret, 0, sizeof(*ret));
	memcpy(ret, &name, sizeof(name));
	return sizeof(name);
}

static int netlink_send(struct endpoint *ep, const struct stack_msg *m)
{
	ep->nl_privileged = m->privileged;
	serve_all(ep, m->data + m->controllen, m->len, m->privileged);
	return (int)m->len;
}

static int netlink_setopt(struct endpoint *ep, int level, int option, const void *value, size_t len)
{
	uint32_t v;

	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	switch (option) {
	case NETLINK_ADD_MEMBERSHIP:
	case NETLINK_DROP_MEMBERSHIP:
		if (v < 1)
			return -EINVAL;
		if (v <= 32 && option == NETLINK_ADD_MEMBERSHIP)
			ep->nl_groups |= 1u << (v - 1);
		else if (v <= 32)
			ep->nl_groups &= ~(1u << (v - 1));
		return 0;
	case NETLINK_CAP_ACK:
	case NETLINK_EXT_ACK:
	case NETLINK_GET_STRICT_CHK:
	case NETLINK_PKTINFO:
	case NETLINK_BROADCAST_ERROR:
	case NETLINK_NO_ENOBUFS:
		ep->nl_options = (ep->nl_options & ~(1u << option)) | (v ? 1u << option : 0);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* (its length is told whatever room there is) */
static int netlink_getopt(struct endpoint *ep, int level, int option, void *ret, size_t *len)
{
	const uint32_t groups[(RTNLGRP_MAX + 31) / 32] = { ep->nl_groups };
	uint32_t on;

	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	switch (option) {
	case NETLINK_LIST_MEMBERSHIPS:
		memcpy(ret, groups, sizeof(groups));
		*len = sizeof(groups);
		return 0;
	case NETLINK_CAP_ACK:
	case NETLINK_EXT_ACK:
	case NETLINK_GET_STRICT_CHK:
	case NETLINK_PKTINFO:
	case NETLINK_BROADCAST_ERROR:
	case NETLINK_NO_ENOBUFS:
		if (*len < sizeof(on))
			return -EINVAL;
		on = nl_option(ep, option);
		memcpy(ret, &on, sizeof(on));
		*len = sizeof(on);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static void netlink_ready(struct endpoint *ep, uint32_t events)
{
	ssize_t n;

	if (events & EPOLLOUT)
		send_waiting(ep);
	while ((n = recv(ep->source.fd, ep->st->scratch, SCRATCH_BYTES, MSG_DONTWAIT)) > 0)
		serve_all(ep, ep->st->scratch, (size_t)n, ep->nl_privileged);
	if (n == 0 && events & EPOLLRDHUP && !(events & EPOLLHUP))
		(void)source_change(ep->st, &ep->source, ep->nl_queue ? EPOLLOUT : 0);
	if (events & EPOLLHUP)
		endpoint_close(ep);
}

static int netlink_shutdown(UNUSED struct endpoint *ep, UNUSED int how)
{
	return -EOPNOTSUPP;
}

static void netlink_release(struct endpoint *ep)
{
	free_queue(ep);
}

const struct endpoint_ops netlink_endpoint = {
	.bind = netlink_bind,
	.connect = netlink_connect,
	.shutdown = netlink_shutdown,
	.send = netlink_send,
	.setopt = netlink_setopt,
	.getopt = netlink_getopt,
	.getname = netlink_getname,
	.ready = netlink_ready,
	.release = netlink_release,
};
