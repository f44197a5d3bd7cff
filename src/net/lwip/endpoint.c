/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/endpoint.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fdmsg.h"
#include "net/lwip/datagram.h"
#include "net/lwip/embryo.h"
#include "net/lwip/ioctl.h"
#include "net/lwip/netlink.h"
#include "net/lwip/packet.h"
#include "net/lwip/watch.h"

static struct endpoint **bucket(struct stack *st, uint64_t number)
{
	return &st->endpoints[number % STACK_BUCKETS];
}

struct endpoint *endpoint_find(struct stack *st, uint64_t number)
{
	struct endpoint *ep = *bucket(st, number);

	while (ep && ep->number != number)
		ep = ep->next;
	return ep;
}

bool endpoints_each(struct stack *st, bool (*fn)(struct endpoint *ep, void *arg), void *arg)
{
	for (size_t i = 0; i < STACK_BUCKETS; i++) {
		for (struct endpoint *ep = st->endpoints[i], *next; ep; ep = next) {
			next = ep->next;
			if (fn(ep, arg))
				return true;
		}
	}
	return false;
}

static void source_ready(struct source *s, uint32_t events)
{
	struct endpoint *ep = container_of_(s, struct endpoint, source);

	ep->ops->ready(ep, events);
}

/* The pair of a stream, with its buffers. */
static int stream_pair(int ret[2])
{
	const int bytes = STACK_SNDBUF, on = 1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0)
		return -errno;
	(void)setsockopt(ret[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	/* urgent data is data, at whose place reading stops (stream.c) */
	(void)setsockopt(ret[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	return fcntl(ret[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static struct endpoint *endpoint_alloc(
	struct stack *st, uint64_t ino, int domain, int type, int protocol)
{
	struct endpoint *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return NULL;
	ep->source = (struct source){ .fd = -1, .ready = source_ready };
	ep->st = st;
	ep->number = ep->ino = ino;
	ep->domain = domain;
	ep->type = type;
	ep->protocol = protocol;
	ep->head_fd = ep->name_fd = ep->hidden_fd = -1;
	CDS_INIT_LIST_HEAD(&ep->news);
	CDS_INIT_LIST_HEAD(&ep->owing);
	options_init(ep);
	address_any(ep, &ep->local);
	address_any(ep, &ep->peer);
	ep->next = *bucket(st, ino);
	*bucket(st, ino) = ep;
	return ep;
}

int endpoint_new(
	struct stack *st, int domain, int type, int protocol, struct endpoint **ret, int *ret_guest)
{
	const bool is_ip = domain == AF_INET || domain == AF_INET6;
	int pair[2] = { -1, -1 }, watch = 0, r;
	struct endpoint *ep = NULL;
	struct stat stat;

	r = type == SOCK_STREAM ? stream_pair(pair) : datagram_pair(st, is_ip, pair, &watch);

	if (r == 0 && fstat(pair[1], &stat) < 0)
		r = -errno;
	if (r == 0)
		ep = endpoint_alloc(st, stat.st_ino, domain, type, protocol);
	if (!ep) {
		um_cleanup_fd(&pair[0]);
		um_cleanup_fd(&pair[1]);
		return r < 0 ? r : -ENOMEM;
	}
	ep->source.fd = pair[0];
	if (watch)
		watch_take(ep, watch);
	*ret = ep;
	*ret_guest = pair[1];
	return 0;
}

static struct endpoint *stream_alloc(struct stack *st, uint64_t ino, int domain, int protocol)
{
	struct endpoint *ep = domain == AF_INET || domain == AF_INET6
				      ? endpoint_alloc(st, ino, domain, SOCK_STREAM, protocol)
				      : NULL;

	if (ep)
		ep->ops = &tcp_endpoint;
	return ep;
}

int endpoint_watch(struct stack *st, const struct stack_msg *m)
{
	struct endpoint *ep = endpoint_find(st, m->socket);

	if (ep) /* by another thread at the same time */
		return 0;
	ep = stream_alloc(st, m->socket, m->a, IPPROTO_TCP);
	if (!ep)
		return -ENOMEM;
	watch_take(ep, m->b);
	return 0;
}

static void take_stream_end(struct endpoint *ep, int fd)
{
	int on = 1;

	/* urgent data is data, at whose place reading stops (stream.c) */
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	ep->source.fd = fd;
}

int endpoint_visiting(
	struct stack *st, int domain, int protocol, uint64_t number, int fd, struct endpoint **ret)
{
	*ret = stream_alloc(st, number, domain, protocol);
	if (!*ret)
		return -ENOMEM;
	(*ret)->ino = 0;
	take_stream_end(*ret, fd);
	return 0;
}

static void forget_number(struct endpoint *ep)
{
	struct endpoint **p = bucket(ep->st, ep->number);

	while (*p && *p != ep)
		p = &(*p)->next;
	if (*p)
		*p = ep->next;
}

int endpoint_adopt(struct stack *st, const struct stack_hello *hello, int fd)
{
	struct endpoint *ep = endpoint_find(st, hello->socket);
	int r;

	if (ep && ep->source.fd >= 0)
		return -EINVAL;
	if (ep)
		watch_end(ep);
	else
		ep = stream_alloc(st, hello->socket, hello->domain, hello->protocol);
	if (!ep)
		return -ENOMEM;
	take_stream_end(ep, fd);
	ep->junk = hello->junk;
	r = source_add(st, &ep->source, EPOLLIN | EPOLLRDHUP | EPOLLET);
	if (r < 0)
		endpoint_close(ep);
	return r;
}

void endpoint_close(struct endpoint *ep)
{
	if (ep->closed)
		return;
	ep->closed = true;
	ep->ops->release(ep);
	watch_end(ep);
	cds_list_del_init(&ep->news);
	cds_list_del_init(&ep->owing);
	groups_leave(ep);
	socket_errors_free(ep);
	inflight_drop(ep);
	address_drop_port(ep);
	source_close(ep->st, &ep->source);
	um_cleanup_fd(&ep->head_fd);
	um_cleanup_fd(&ep->name_fd);
	um_cleanup_fd(&ep->hidden_fd);
	if (ep->rx)
		pbuf_free(take_ptr(&ep->rx));
	free(take_ptr(&ep->tx));
	forget_number(ep);
	ep->next = ep->st->dead;
	ep->st->dead = ep;
}

void endpoints_free_dead(struct stack *st)
{
	struct endpoint *ep;

	while ((ep = st->dead)) {
		st->dead = ep->next;
		free(ep);
	}
}

/* ---- socket(2) ---- */

static const struct endpoint_ops *find_ops(int domain, int type, int *protocol, int *err)
{
	const bool v6 = domain == AF_INET6;

	*err = -EPROTONOSUPPORT;
	switch (type) {
	case SOCK_STREAM: /* TCP's are adopted */
		return NULL;
	case SOCK_DGRAM:
		if (*protocol == 0)
			*protocol = IPPROTO_UDP;
		if (*protocol == IPPROTO_UDP || *protocol == IPPROTO_UDPLITE)
			return &udp_endpoint;
		return *protocol == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) ? &raw_endpoint : NULL;
	case SOCK_RAW:
		return *protocol > 0 && *protocol <= 255 ? &raw_endpoint : NULL;
	default:
		*err = -ESOCKTNOSUPPORT;
		return NULL;
	}
}

int endpoint_open(
	struct stack *st, int domain, int type, int protocol, bool privileged, int *ret_guest)
{
	const struct endpoint_ops *ops;
	_cleanup_fd_ int guest = -1;
	struct endpoint *ep;
	int r;

	if (domain == AF_NETLINK) {
		ops = protocol == NETLINK_ROUTE || protocol == NETLINK_SOCK_DIAG ||
				      protocol == NETLINK_KOBJECT_UEVENT
			      ? &netlink_endpoint
			      : NULL;
		r = -EPROTONOSUPPORT;
	} else if (domain == AF_PACKET) {
		ops = (type & 0xf) == SOCK_RAW || (type & 0xf) == SOCK_DGRAM ? &packet_endpoint
									     : NULL;
		r = -ESOCKTNOSUPPORT;
	} else if (domain == AF_INET || domain == AF_INET6) {
		ops = find_ops(domain, type & 0xf, &protocol, &r);
	} else {
		return -EAFNOSUPPORT;
	}
	if (!ops)
		return r;
	r = endpoint_new(st, domain, type & 0xf, protocol, &ep, &guest);
	if (r < 0)
		return r;
	ep->ops = ops;
	ep->nl_privileged = privileged;
	if (ops == &packet_endpoint)
		st->packet_sockets++;
	if (type & SOCK_NONBLOCK && fcntl(guest, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = source_add(st, &ep->source, EPOLLIN | EPOLLRDHUP);
	if (r == 0 && ops->open)
		r = ops->open(ep);
	if (r < 0) {
		endpoint_close(ep);
		return r;
	}
	*ret_guest = take_fd(&guest);
	return 0;
}

/* ---- datagrams to the guest ---- */

/* A file with the head. */
static int head_file(struct endpoint *ep, const struct stack_head *head)
{
	int fd;

	if (ep->head_fd >= 0 && memcmp(&ep->head, head, sizeof(*head)) == 0)
		return ep->head_fd;
	fd = memfd_create("head", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write_all(fd, head, sizeof(*head)) < 0) {
		close(fd);
		return -ENOBUFS;
	}
	um_cleanup_fd(&ep->head_fd);
	ep->head_fd = fd;
	ep->head = *head;
	return fd;
}

/* A receive buffer that was made smaller: as the kernel, one more than what is there may be. */
static bool is_full(const struct endpoint *ep)
{
	int bytes = 0;

	return ep->opt.rcvbuf < ENDPOINT_RCVBUF && ep->domain != AF_NETLINK &&
	       ioctl(ep->source.fd, SIOCOUTQ, &bytes) == 0 && bytes > ep->opt.rcvbuf;
}

int endpoint_deliver(
	struct endpoint *ep, const struct stack_head *head, const void *data, size_t len)
{
	int fd = !is_full(ep) && inflight_room(ep) ? head_file(ep, head) : -ENOBUFS;

	return fd < 0 ? fd : fdmsg_send(ep->source.fd, data, len, &fd, 1);
}

int endpoint_deliver_plain(struct endpoint *ep, const void *data, size_t len)
{
	return is_full(ep) ? -ENOBUFS : fdmsg_send(ep->source.fd, data, len, NULL, 0);
}

/* ---- requests ---- */

static int getname(struct endpoint *ep, struct stack_msg *m)
{
	const bool peer = m->op == STACK_GETPEERNAME;

	if (ep->ops->getname) {
		int r = ep->ops->getname(ep, peer, &m->name);

		if (r >= 0)
			m->namelen = (uint32_t)r;
		return r < 0 ? r : 0;
	}
	/* (the kernel asks for the port alone) */
	if (peer && (ep->state != EP_OPEN || !ep->peer_port))
		return -ENOTCONN;
	m->namelen = address_write(
		ep, peer ? &ep->peer : &ep->local, peer ? ep->peer_port : ep->local_port, &m->name);
	return 0;
}

static int getopt_(struct endpoint *ep, struct stack_msg *m)
{
	size_t len = m->len < STACK_DATA_MAX ? m->len : STACK_DATA_MAX;
	int r = option_get(ep, m->a, m->b, m->data, &len);

	m->len = r < 0 ? 0 : (uint32_t)len;
	return r;
}

static int connected(struct endpoint *ep)
{
	int r = ep->error;

	if (ep->state == EP_OPEN || ep->state == EP_CONNECTING)
		return 0;
	ep->error = 0;
	return r < 0 ? r : -ENOTCONN;
}

static int dispatch(struct endpoint *ep, struct stack_msg *m)
{
	int r, waits;

	switch (m->op) {
	case STACK_BIND:
		return ep->ops->bind(ep, m);
	case STACK_CONNECT:
		r = ep->ops->connect(ep, m);
		m->a = (int32_t)ep->refill;
		ep->refill = 0;
		return r;
	case STACK_CONNECTED:
		return connected(ep);
	case STACK_LISTEN:
		r = ep->ops->listen ? ep->ops->listen(ep, m->a) : -EOPNOTSUPP;
		m->a = ep->watch > 0;
		return r;
	case STACK_LISTENS:
		return tcp_listens(ep, m);
	case STACK_SHUTDOWN:
		return m->a < 0 || m->a > 2 ? -EINVAL : ep->ops->shutdown(ep, m->a);
	case STACK_SEND:
		waits = ep->error;
		r = ep->ops->send ? ep->ops->send(ep, m) : -EOPNOTSUPP;
		m->b = r < 0 && waits && !ep->error;
		return r;
	case STACK_ALARM:
		if (ep->error || ep->errors)
			datagram_alarm(ep);
		datagrams_alarm(ep->st);
		return 0;
	case STACK_SETSOCKOPT:
		r = option_set(ep, m->a, m->b, m->data, m->len, m->privileged);
		m->a = (int32_t)control_wanted(ep);
		return r;
	default:
		return -EINVAL;
	}
}

void endpoint_request(struct stack *st, struct stack_msg *m)
{
	struct endpoint *ep = endpoint_find(st, m->socket);

	datagrams_alarm(st); /* (which who asks for errors has heard) */
	if (!ep || (ep->watch && ep->source.fd < 0 &&
			   m->op == STACK_CONNECT)) { /* has been connected just now */
		embryos_accept(st);
		ep = endpoint_find(st, m->socket);
	}
	if (m->op == STACK_WATCH) {
		m->ret = endpoint_watch(st, m);
		m->namelen = m->controllen = m->len = 0;
		return;
	}
	if (m->op == STACK_ADDRESS) {
		m->ret = embryos_address(st, &m->name, &m->namelen);
		m->controllen = m->len = 0;
		return;
	}

	if (m->op == STACK_IOCTL) {				    /* of whatever socket */
		m->ret = ep && ep->domain == AF_INET6 ? -EOPNOTSUPP /* routes of IPv6: ip(8) */
						      : interface_ioctl(st, (unsigned)m->a, m->data,
								&m->len, m->privileged);
		m->namelen = m->controllen = 0;
		return;
	}
	if (!ep) {
		m->ret = -ENOTSOCK;
	} else if (m->op == STACK_GETSOCKNAME || m->op == STACK_GETPEERNAME) {
		m->ret = getname(ep, m);
		m->controllen = m->len = 0;
		return;
	} else if (m->op == STACK_GETSOCKOPT) {
		m->ret = getopt_(ep, m);
		m->namelen = m->controllen = 0;
		return;
	} else if (m->op == STACK_RECVERR) {
		m->ret = socket_error_take(ep, m);
		if (m->ret == 0)
			return;
	} else {
		m->ret = dispatch(ep, m);
	}
	m->namelen = m->controllen = m->len = 0;
}
