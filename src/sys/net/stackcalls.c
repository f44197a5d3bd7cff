/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control of sockets of the view's own stack. The stack answers each request at once: who has to
 * wait (connect, accept) waits here on our dup of the guest's socket, whose buffers, flags and
 * time-outs are the kernel's.
 */
#include "sys/net/stack.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fdmsg.h"
#include "engine/blocking.h"
#include "engine/nr.h"
#include "sys/net/calls.h"
#include "sys/net/networks.h"

bool stacksock_get(struct stacksock *s, struct call *c, int guest_fd)
{
	struct ucred cred = { 0 };
	int domain = 0, type = 0;
	socklen_t len = sizeof(domain);
	struct stat st;

	if (!networks_any_stack(c->um))
		return false;
	s->fd = guestfd_get(c, guest_fd);
	if (s->fd < 0 || getsockopt(s->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
		domain != AF_UNIX)
		return false;
	len = sizeof(cred);
	if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	s->fresh = -1;
	/* (who has the kernel listen is us) */
	if (cred.pid == 0 || cred.pid == getpid())
		s->fresh = net_stack_fresh(s->fd, &cred.pid, &s->watched);
	if (s->watched)
		s->fresh = -1;
	s->net = cred.pid > 0 ? network_by_process(c->um, cred.pid) : NULL;
	if (!s->net || net_stack(s->net) != NET_STACK_LWIP)
		return false;
	len = sizeof(type);
	if (getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return false;
	s->stream = type == SOCK_STREAM;
	s->alarms = type == SOCK_DGRAM;
	s->accepted = s->stream && s->fresh < 0 && !s->watched && visit_of_socket(s->fd, &s->visit);
	if (s->accepted) {
		s->number = s->visit.number;
		return true;
	}
	if (fstat(s->fd, &st) < 0)
		return false;
	s->number = st.st_ino;
	return true;
}

enum guestfd_zone stack_zone(struct call *c)
{
	return networks_own_stack(c->um) || guestfd_wants_low(c) ? ZONE_LOWEST : ZONE_ANY;
}

bool stack_dup(struct call *c, int flags, enum verdict *ret)
{
	_cleanup_stacksock_ struct stacksock s = STACKSOCK_INIT;

	if (networks_own_stack(c->um) || !stacksock_get(&s, c, call_fd(c, 0)))
		return false;
	*ret = guestfd_answer(c, s.fd, flags, stack_zone(c));
	return true;
}

struct stack_conn *stacksock_begin(const struct stacksock *s, struct call *c, enum stack_op op)
{
	struct stack_conn *q = net_stack_begin(s->net);

	if (!q)
		return NULL;
	q->msg.op = op;
	q->msg.socket = s->number;
	q->msg.ret = q->msg.a = q->msg.b = 0;
	q->msg.namelen = q->msg.controllen = q->msg.len = 0;
	/* (it costs a look at /proc, and most of what a stream does nobody is kept from) */
	q->msg.privileged = (!s->stream || op == STACK_BIND) && net_privileged(c);
	return q;
}

int stack_read_name(struct call *c, gaddr_t addr, uint64_t len, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if ((int)len < 0 || (uint32_t)len > sizeof(*ret))
		return -EINVAL;
	return (uint32_t)len ? guest_read(c, addr, ret, (uint32_t)len) : 0;
}

int stack_write_name(struct call *c, gaddr_t addr, gaddr_t len_addr,
	const struct sockaddr_storage *name, socklen_t len)
{
	int room, r = guest_read(c, len_addr, &room, sizeof(room));

	if (r < 0)
		return r;
	if (room < 0)
		return -EINVAL;
	if (room > 0 && len > 0)
		r = guest_write(c, addr, name, (socklen_t)room < len ? (socklen_t)room : len);
	return r < 0 ? r : guest_write(c, len_addr, &len, sizeof(len));
}

/* ---- addresses ---- */

/* A request with the name that the call has: 0 or -errno. *ret is to be ended where it is not NULL.
 */
static int begin_with_name(
	struct call *c, const struct stacksock *s, enum stack_op op, int a, struct stack_conn **ret)
{
	struct stack_conn *q = *ret = stacksock_begin(s, c, op);
	int r;

	if (!q)
		return -ENETDOWN;
	r = stack_read_name(c, call_addr(c, 1), c->args[2], &q->msg.name);
	q->msg.namelen = r < 0 ? 0 : (uint32_t)c->args[2];
	q->msg.a = a;
	return r;
}

/* Of a socket that says by itself how it ends: mostly well. */
static int tell_connect(struct call *c, const struct stacksock *s)
{
	struct stack_conn *q;
	int r = begin_with_name(c, s, STACK_CONNECT, STACK_WAIT_FULL, &q);

	if (r == 0)
		r = net_stack_tell(q);
	if (q)
		net_stack_end(s->net, q);
	return r < 0 ? r : -EINPROGRESS;
}

/* bind and the first half of connect. a: of the latter */
static int ask_with_name(struct call *c, const struct stacksock *s, enum stack_op op, int a)
{
	struct stack_conn *q;
	size_t refill = 0;
	int r = begin_with_name(c, s, op, a, &q), filled;

	if (r == 0 && q->msg.name.ss_family == AF_NETLINK)
		q->msg.b = call_tgid(c);
	if (r == 0) {
		r = net_stack_ask(q);
		if (op == STACK_CONNECT && q->msg.a > 0)
			refill = (size_t)q->msg.a;
	}
	if (q)
		net_stack_end(s->net, q);
	filled = refill ? net_stack_fill(s->net, s->fd, refill) : 0;
	return filled < 0 ? filled : r;
}

int stack_ask_option(struct call *c, const struct stacksock *s, int option)
{
	struct stack_conn *q = stacksock_begin(s, c, STACK_GETSOCKOPT);
	int value = 0, r;

	if (!q)
		return -ENETDOWN;
	q->msg.a = SOL_SOCKET;
	q->msg.b = option;
	q->msg.len = sizeof(value);
	r = net_stack_ask(q);
	if (r == 0 && q->msg.len == sizeof(value))
		memcpy(&value, q->msg.data, sizeof(value));
	net_stack_end(s->net, q);
	return r < 0 ? r : value;
}

bool stack_waits(struct call *c, const struct stacksock *s)
{
	return !(guestfd_flags(c, call_fd(c, 0), s->fd) & O_NONBLOCK);
}

void stack_set_sndbuf(const struct stacksock *s, int bytes)
{
	(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* What it was filled with is gone, but for what stays, or all of it. */
static int wait_writable(struct call *c, const struct stacksock *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	struct blocking b;
	long r;

	if (blocking_moment(c, &p, 1))
		return 0;
	r = blocking_begin_socket(&b, s->fd, SO_SNDTIMEO);
	if (r < 0)
		return (int)r;
	do {
		r = poll(&p, 1, -1);
		if (r < 0)
			r = -errno;
	} while (blocking_again(&b, c, r));
	return (int)blocking_end(&b, r);
}

/* Until the connection is there, or will not be. failed: how many had before. */
static int wait_connected(struct call *c, const struct stacksock *s, uint32_t failed)
{
	int r = wait_writable(c, s), unread = 0;

	if (r < 0)
		return r == -EAGAIN ? -EINPROGRESS : r;
	if (ioctl(s->fd, SIOCOUTQ, &unread) == 0 && unread > 0 &&
		net_stack_failed(s->net) == failed)
		return 0;
	r = stack_ask_option(c, s, SO_ERROR);
	/* reset at once: our end says it */
	return r == -ENOTSOCK ? 0 : r > 0 ? -r : r;
}

void stack_end_small(const struct stacksock *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	if (s->stream && getsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &bytes, &len) == 0 &&
		bytes < STACK_SNDBUF && poll(&p, 1, 0) == 1 && p.revents & POLLOUT)
		stack_set_sndbuf(s, STACK_SNDBUF);
}

void stack_forget_visit(const struct stacksock *s)
{
	const uint64_t tag = STACK_TAG_RENAMED;

	if (s->accepted)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &tag, sizeof(tag));
}

/* What had come and was not read is nobody's. */
static void forget_unread(const struct stacksock *s)
{
	char buf[4096];

	for (size_t left = 4 * STACK_SNDBUF / sizeof(buf); left > 0; left--) {
		if (recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT) <= 0)
			return;
	}
}

bool stack_is_disconnect(struct call *c)
{
	sa_family_t family;

	return c->args[2] >= sizeof(family) &&
	       guest_read(c, call_addr(c, 1), &family, sizeof(family)) == 0 && family == AF_UNSPEC;
}

static enum verdict stack_connect(struct call *c, const struct stacksock *s)
{
	const bool disconnect = stack_is_disconnect(c);
	const bool wait = s->filled || (s->stream && stack_waits(c, s));
	const uint32_t failed = net_stack_failed(s->net);
	int r = s->watched && !disconnect ? stack_join(s) : 0;

	if (wait && !s->filled)
		stack_set_sndbuf(s, STACK_SNDBUF_SMALL);
	if (s->filled)
		r = tell_connect(c, s);
	else if (r == 0)
		r = ask_with_name(c, s, STACK_CONNECT, wait ? STACK_WAIT_SMALL : STACK_NO_WAIT);
	if (r == 0 && disconnect && s->watched) {
		stack_drop_waiting(s);
	} else if (r == 0 && disconnect && s->stream) {
		stack_forget_visit(s);
		forget_unread(s);
	}
	if (r == -EINPROGRESS && wait)
		r = wait_connected(c, s, failed);
	stack_end_small(s);
	return call_return(c, r);
}

/* Of one that was accepted the kernel knows them. A peer it has as long as it is connected. */
static const struct sockaddr_storage *known_name(const struct stacksock *s, enum stack_op op)
{
	struct pollfd p = { .fd = s->fd };
	uint64_t tag = 0;
	socklen_t len = sizeof(tag);

	if (!s->accepted || getsockopt(s->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &tag, &len) < 0 ||
		tag == STACK_TAG_RENAMED)
		return NULL;
	if (op == STACK_GETSOCKNAME)
		return &s->visit.local;
	return poll(&p, 1, 0) == 0 ? &s->visit.peer : NULL;
}

static enum verdict stack_name(struct call *c, const struct stacksock *s, enum stack_op op)
{
	const struct sockaddr_storage *known = known_name(s, op);
	struct stack_conn *q;
	int r;

	if (known)
		return call_return(c, stack_write_name(c, call_addr(c, 1), call_addr(c, 2), known,
					      visit_address_len(known)));
	q = stacksock_begin(s, c, op);
	if (!q)
		return call_return(c, -ENETDOWN);
	r = net_stack_ask(q);
	if (r == -ENOTSOCK) /* its connection was reset */
		r = -ENOTCONN;
	if (r == 0)
		r = stack_write_name(
			c, call_addr(c, 1), call_addr(c, 2), &q->msg.name, q->msg.namelen);
	net_stack_end(s->net, q);
	return call_return(c, r);
}

static int simple(struct call *c, const struct stacksock *s, enum stack_op op, int a)
{
	struct stack_conn *q = stacksock_begin(s, c, op);
	int r;

	if (!q)
		return -ENETDOWN;
	q->msg.a = a;
	r = net_stack_ask(q);
	net_stack_end(s->net, q);
	return r;
}

bool stack_alarmed(const struct stacksock *s)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error;
}

void stack_alarm(struct call *c, const struct stacksock *s)
{
	/* (of what has come while it was asked about the pair says more than waits) */
	(void)stack_alarmed(s);
	if (simple(c, s, STACK_ALARM, 0) < 0) {
		/* the stack is gone, and nothing waits any more */
	}
}

static enum verdict stack_shutdown(struct call *c, const struct stacksock *s)
{
	int r = simple(c, s, STACK_SHUTDOWN, (int)c->args[1]);

	if (r == 0 && s->watched && (int)c->args[1] != SHUT_WR)
		stack_drop_waiting(s);
	if (r == STACK_SHUT_ALREADY)
		return call_return(c, 0);
	if (r == -ENOTSOCK && s->stream) /* its connection was reset */
		r = -ENOTCONN;
	return r == 0 || r == -ENOTSOCK ? CONTINUE : call_return(c, r);
}

/* ---- all of them ---- */

static enum verdict dispatch(struct call *c, const struct stacksock *s)
{
	switch (c->nr) {
	case __NR_bind:
		return call_return(c, ask_with_name(c, s, STACK_BIND, 0));
	case __NR_connect:
		return stack_connect(c, s);
	case __NR_listen:
		return stack_listen(c, s);
	case __NR_accept:
		return stack_accept(c, s, 0);
	case __NR_accept4:
		return stack_accept(c, s, (int)c->args[3]);
	case __NR_getsockname:
		return stack_name(c, s, STACK_GETSOCKNAME);
	case __NR_getpeername:
		return stack_name(c, s, STACK_GETPEERNAME);
	case __NR_shutdown:
		return stack_shutdown(c, s);
	case __NR_setsockopt:
		return stack_setsockopt(c, s);
	case __NR_getsockopt:
		return stack_getsockopt(c, s);
	case __NR_sendto:
		return stack_sendto(c, s);
	case __NR_sendmsg:
		return stack_sendmsg(c, s);
	case __NR_sendmmsg:
		return stack_sendmmsg(c, s);
	case __NR_recvfrom:
		return stack_recvfrom(c, s);
	case __NR_recvmsg:
		return stack_recvmsg(c, s);
	case __NR_recvmmsg:
		return stack_recvmmsg(c, s);
	default:
		return CONTINUE;
	}
}

/* Is the descriptor a socket at all? */
static bool any_socket(struct stacksock *s, struct call *c)
{
	int type;
	socklen_t len = sizeof(type);

	if (!networks_any_stack(c->um) || network_of(c->um, c->tid, &s->net) < 0 || !s->net ||
		net_stack(s->net) != NET_STACK_LWIP)
		return false;
	s->fd = guestfd_get(c, call_fd(c, 0));
	return s->fd >= 0 && getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

bool stack_call(struct call *c, enum verdict *ret)
{
	_cleanup_stacksock_ struct stacksock s = STACKSOCK_INIT;

	if (c->nr == __NR_ioctl && c->args[1] == SIOCATMARK) {
		if (!stacksock_get(&s, c, call_fd(c, 0)) || s.stream)
			return false;
		*ret = call_return(c, -ENOTTY); /* where the pair says EOPNOTSUPP */
		return true;
	}
	if (c->nr == __NR_ioctl && (unsigned)c->args[1] == FIONREAD) {
		if (!stacksock_get(&s, c, call_fd(c, 0)) || s.stream || s.alarms)
			return false;
		*ret = stack_unread(c, &s);
		return true;
	}
	if (c->nr == __NR_ioctl) {
		if ((c->args[1] & 0xffffff00) != 0x8900 || !any_socket(&s, c))
			return false;
		*ret = stack_ioctl(c, &s);
		return true;
	}
	if (!stacksock_get(&s, c, call_fd(c, 0)))
		return false;
	if (s.fresh < 0 || !stack_fresh(c, &s, ret))
		*ret = dispatch(c, &s);
	return true;
}

enum verdict sys_stack(struct call *c)
{
	enum verdict v;

	return stack_call(c, &v) ? v : CONTINUE;
}
