/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of the stack's sockets. A stream's are the kernel's own but for an address, which a
 * connected socket ignores. Of a datagram the pair has the data and a file with what is told beside
 * it (net/stackproto.h).
 */
#include "sys/net/stack.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fdmsg.h"
#include "engine/abi.h"
#include "engine/blocking.h"

#define MMSG_MAX 1024 /* UIO_MAXIOV */
#define PIECE STACK_DATA_MAX
#define STREAM_PIECE (1 << 20)

/* A guest's message, its parts read. */
struct message {
	struct msghdr msg;
	struct iovec *iov; /* the guest's */
	size_t total;
	struct sockaddr_storage name;
	char *control;
};

static void message_release(struct message *m)
{
	free(m->iov);
	free(m->control);
}
#define _cleanup_message_ _cleanup_(message_release)

static int read_iov(struct call *c, struct message *m)
{
	if (m->msg.msg_iovlen > MMSG_MAX)
		return -EMSGSIZE;
	return guest_read_iov(c, (gaddr_t){ (uint64_t)(uintptr_t)m->msg.msg_iov },
		m->msg.msg_iovlen, &m->iov, &m->total);
}

int stack_connected(struct call *c, const struct stacksock *s)
{
	struct stack_conn *q;
	int unread = 0, r;

	if (ioctl(s->fd, SIOCOUTQ, &unread) == 0 && unread > 0 && unread < STACK_JUNK)
		return 0;
	q = stacksock_begin(s, c, STACK_CONNECTED);
	if (!q)
		return -ENETDOWN;
	r = net_stack_ask(q);
	net_stack_end(s->net, q);
	return r == -ENOTSOCK ? 0 : r; /* its connection was reset, which the pair tells */
}

/* ---- sending ---- */

int stack_no_pipe(struct call *c, int flags)
{
	return flags & MSG_NOSIGNAL ? -EPIPE : call_broken_pipe(c);
}

/* On our dup, as the guest's flags say; at most a piece. */
static long send_stream(
	struct call *c, const struct stacksock *s, const void *data, size_t len, int flags)
{
	struct blocking b;
	long r = blocking_begin_socket(&b, s->fd, SO_SNDTIMEO);

	if (r < 0)
		return r;
	do {
		r = send(s->fd, data, len, flags | MSG_NOSIGNAL);
		if (r < 0)
			r = -errno;
	} while (blocking_again(&b, c, r));
	r = blocking_end(&b, r);
	return r == -EPIPE ? stack_no_pipe(c, flags) : r;
}

/* What is said to be followed by more waits for it: the stack is told before it comes. */
static long send_held(struct call *c, const struct stacksock *s, struct stack_conn *q, int flags)
{
	_cleanup_free_ void *data = NULL;
	const size_t len = q->msg.len;
	int r;

	if (!(flags & MSG_MORE))
		return send_stream(c, s, q->msg.data + q->msg.controllen, len, flags);
	data = malloc(len + 1);
	if (!data)
		return -ENOMEM;
	memcpy(data, q->msg.data + q->msg.controllen, len);
	q->msg.b = (int)len;
	q->msg.namelen = q->msg.controllen = q->msg.len = 0;
	r = net_stack_ask(q);
	return r < 0 && r != -ENOTSOCK ? r : send_stream(c, s, data, len, flags & ~MSG_MORE);
}

/* *ret_waited: it has failed of an error that waited. */
static long submit(
	struct call *c, const struct stacksock *s, struct message *m, int flags, bool *ret_waited)
{
	size_t len = m->total < PIECE ? m->total : PIECE;
	struct stack_conn *q = stacksock_begin(s, c, STACK_SEND);
	ssize_t n;
	long r;

	*ret_waited = false;
	if (!q)
		return -ENETDOWN;
	q->msg.a = flags;
	q->msg.name = m->name;
	q->msg.namelen = m->msg.msg_name ? m->msg.msg_namelen : 0;
	q->msg.controllen = (uint32_t)m->msg.msg_controllen;
	if (m->msg.msg_controllen)
		memcpy(q->msg.data, m->msg.msg_control, m->msg.msg_controllen);
	n = len ? guest_gather(
			  c, m->iov, m->msg.msg_iovlen, 0, q->msg.data + q->msg.controllen, len)
		: 0;
	q->msg.len = (uint32_t)len;
	if (n < 0 || (size_t)n < len)
		r = n < 0 ? n : -EFAULT;
	else if (s->stream)
		r = send_held(c, s, q, flags);
	else
		r = net_stack_ask(q);
	*ret_waited = s->alarms && r < 0 && q->msg.b;
	net_stack_end(s->net, q);
	return r;
}

static long send_one(struct call *c, const struct stacksock *s, struct message *m, int flags)
{
	bool waited;
	long r = s->stream ? stack_connected(c, s) : 0;

	if (r < 0)
		return r == -ENOTCONN ? stack_no_pipe(c, flags) : r;
	if (!s->stream && flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!s->stream && m->total > PIECE)
		return -EMSGSIZE;
	r = submit(c, s, m, flags, &waited);
	if (waited && !stack_alarmed(s)) /* who reads has been told */
		return submit(c, s, m, flags, &waited);
	if (waited)
		stack_alarm(c, s);
	return r;
}

enum verdict stack_sendto(struct call *c, const struct stacksock *s)
{
	_cleanup_message_ struct message m = { .msg.msg_iovlen = 1, .total = c->args[2] };
	int r = stack_read_name(c, call_addr(c, 4), c->args[5], &m.name);

	if (r < 0)
		return call_return(c, r);
	m.iov = malloc(sizeof(*m.iov));
	if (!m.iov)
		return call_return(c, -ENOMEM);
	*m.iov = (struct iovec){ (void *)(uintptr_t)c->args[1], c->args[2] };
	m.msg.msg_name = &m.name;
	m.msg.msg_namelen = (socklen_t)c->args[5];
	return call_return(c, send_one(c, s, &m, (int)c->args[3]));
}

/* Reads one of sendmsg's and sends it. */
static long send_msghdr(struct call *c, const struct stacksock *s, gaddr_t at, int flags)
{
	_cleanup_message_ struct message m = { 0 };
	int r = abi_read_msghdr(c, at, &m.msg);

	if (r == 0)
		r = read_iov(c, &m);
	if (r == 0 && m.msg.msg_name) {
		if ((int)m.msg.msg_namelen > (int)sizeof(m.name)) /* as the kernel */
			m.msg.msg_namelen = sizeof(m.name);
		r = stack_read_name(c, (gaddr_t){ (uint64_t)(uintptr_t)m.msg.msg_name },
			m.msg.msg_namelen, &m.name);
		m.msg.msg_name = &m.name;
	}
	if (r == 0 && m.msg.msg_control && m.msg.msg_controllen)
		r = abi_read_control(c, &m.msg, STACK_CONTROL_MAX, &m.control);
	else
		m.msg.msg_controllen = 0;
	return r < 0 ? r : send_one(c, s, &m, flags);
}

/* Has a message of a stream no address? Then nothing about it is ours. */
static bool is_kernels(struct call *c, const struct stacksock *s, gaddr_t at)
{
	struct msghdr msg;

	return s->stream && abi_read_msghdr(c, at, &msg) == 0 && !msg.msg_name;
}

enum verdict stack_sendmsg(struct call *c, const struct stacksock *s)
{
	if (!((int)c->args[2] & MSG_MORE) && is_kernels(c, s, call_addr(c, 1)))
		return CONTINUE;
	return call_return(c, send_msghdr(c, s, call_addr(c, 1), (int)c->args[2]));
}

enum verdict stack_sendmmsg(struct call *c, const struct stacksock *s)
{
	unsigned count = (unsigned)c->args[2], done = 0;
	long r = 0;

	if (count > MMSG_MAX)
		count = MMSG_MAX;
	while (done < count) {
		gaddr_t at = gaddr_add(call_addr(c, 1), done * abi_mmsghdr_size(c));
		unsigned sent;

		r = send_msghdr(c, s, at, (int)c->args[3]);
		if (r < 0)
			break;
		sent = (unsigned)r;
		r = guest_write(c, gaddr_add(at, abi_mmsghdr_len(c)), &sent, sizeof(sent));
		if (r < 0)
			break;
		done++;
	}
	return call_return(c, done ? (long)done : r);
}

/* ---- receiving ---- */

/* What came with a datagram. */
struct received {
	struct stack_head head;
	int flags;	/* MSG_TRUNC ... */
	bool from_peer; /* it came without a head */
};

/* Once, on our dup: the length, which may be more than what there was room for (MSG_TRUNC). */
static long receive_once(
	const struct stacksock *s, void *buf, size_t len, int flags, struct received *ret)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(s->fd, &msg, flags | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	struct cmsghdr *cm;
	int fd;

	memset(ret, 0, sizeof(*ret));
	if (n < 0)
		return -errno;
	ret->flags = msg.msg_flags & MSG_TRUNC;
	cm = CMSG_FIRSTHDR(&msg);
	ret->from_peer = !s->stream && !cm;
	if (!cm || cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
		return n;
	memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	if (pread(fd, &ret->head, sizeof(ret->head), 0) != (ssize_t)sizeof(ret->head) ||
		ret->head.namelen > sizeof(ret->head.name) ||
		ret->head.controllen > sizeof(ret->head.control))
		memset(&ret->head, 0, sizeof(ret->head));
	close(fd);
	return n;
}

static long receive(struct call *c, const struct stacksock *s, void *buf, size_t len, int flags,
	struct received *ret)
{
	struct blocking b;
	long r = -EAGAIN;

	if (!s->stream || !(flags & MSG_WAITALL) || flags & MSG_DONTWAIT)
		r = receive_once(s, buf, len, flags | MSG_DONTWAIT, ret);
	if (r != -EAGAIN || flags & MSG_DONTWAIT)
		return r;
	r = blocking_begin_socket(&b, s->fd, SO_RCVTIMEO);
	if (r < 0)
		return r;
	do {
		r = receive_once(s, buf, len, flags, ret);
	} while (blocking_again(&b, c, r));
	return blocking_end(&b, r);
}

/* An error waits: the pair has said so. False: it has been told (SO_ERROR, a send). *n: what to
 * answer. */
static bool takes_error(struct call *c, const struct stacksock *s, long *n)
{
	const int e = stack_ask_option(c, s, SO_ERROR);

	if (e)
		*n = e > 0 ? -e : e;
	return e != 0;
}

enum verdict stack_unread(struct call *c, const struct stacksock *s)
{
	struct received got;
	char byte;
	long n = receive_once(s, &byte, 1, MSG_PEEK | MSG_DONTWAIT, &got);
	int bytes = n < 0 ? 0 : (int)n;

	return call_return(c, guest_write(c, call_addr(c, 2), &bytes, sizeof(bytes)));
}

/* The first of the error queue (MSG_ERRQUEUE). */
static long receive_error(
	struct call *c, const struct stacksock *s, const struct message *m, struct received *ret)
{
	struct stack_conn *q = stacksock_begin(s, c, STACK_RECVERR);
	size_t len;
	long r;

	if (!q)
		return -ENETDOWN;
	memset(ret, 0, sizeof(*ret));
	r = net_stack_ask(q);
	len = q->msg.len < m->total ? q->msg.len : m->total;
	if (r == 0 && q->msg.controllen <= sizeof(ret->head.control)) {
		ret->flags = MSG_ERRQUEUE | (len < q->msg.len ? MSG_TRUNC : 0);
		ret->head.name = q->msg.name;
		ret->head.namelen = q->msg.namelen;
		ret->head.controllen = q->msg.controllen;
		memcpy(ret->head.control, q->msg.data, q->msg.controllen);
		if (len)
			r = guest_scatter(c, m->iov, m->msg.msg_iovlen, 0,
				q->msg.data + q->msg.controllen, len);
		r = r >= 0 && (size_t)r < len ? -EFAULT : r;
	}
	net_stack_end(s->net, q);
	if (r >= 0 && s->alarms)
		stack_alarm(c, s);
	return r == -ENOTSOCK ? -EAGAIN : r;
}

/* Into the guest's buffers: bytes as recvmsg(2) answers them. */
static long receive_to(struct call *c, const struct stacksock *s, const struct message *m,
	int flags, struct received *ret)
{
	const size_t most = s->stream ? STREAM_PIECE : PIECE;
	size_t room = m->total < most ? m->total : most;
	_cleanup_free_ char *buf = malloc(room + 1);
	long n, r;

	if (flags & MSG_ERRQUEUE)
		return receive_error(c, s, m, ret);
	if (!buf)
		return -ENOMEM;
	n = receive(c, s, buf, room, flags & ~MSG_WAITFORONE, ret);
	if (n == -ECONNRESET && s->alarms) {
		while (n == -ECONNRESET && !takes_error(c, s, &n))
			n = receive(c, s, buf, room, flags & ~MSG_WAITFORONE, ret);
		stack_alarm(c, s);
	}
	if (n < 0)
		return n;
	if ((size_t)n < room)
		room = (size_t)n;
	if (s->stream && flags & MSG_TRUNC) /* tcp(7): it is dropped */
		return n;
	r = room ? guest_scatter(c, m->iov, m->msg.msg_iovlen, 0, buf, room) : 0;
	if (r < 0 || (size_t)r < room)
		return r < 0 ? r : -EFAULT;
	return flags & MSG_TRUNC ? n : (long)room;
}

/* 0, or why nothing can be read. */
static int may_receive(struct call *c, const struct stacksock *s, int flags)
{
	return s->stream && !(flags & MSG_ERRQUEUE) ? stack_connected(c, s) : 0;
}

/* The address that a datagram is from, where one is asked for. */
static int find_name(struct call *c, const struct stacksock *s, struct received *got)
{
	struct stack_conn *q;
	int r;

	if (!got->from_peer)
		return 0;
	q = stacksock_begin(s, c, STACK_GETPEERNAME);
	if (!q)
		return -ENETDOWN;
	r = net_stack_ask(q);
	if (r == 0) {
		got->head.name = q->msg.name;
		got->head.namelen = q->msg.namelen;
	}
	net_stack_end(s->net, q);
	return r == -ENOTCONN ? 0 : r;
}

enum verdict stack_recvfrom(struct call *c, const struct stacksock *s)
{
	_cleanup_message_ struct message m = { .msg.msg_iovlen = 1, .total = c->args[2] };
	struct received got;
	int r = may_receive(c, s, (int)c->args[3]);
	long n;

	if (r < 0)
		return call_return(c, r);
	if (s->stream && !c->args[4] && !((int)c->args[3] & (MSG_ERRQUEUE | MSG_TRUNC)))
		return CONTINUE;
	m.iov = malloc(sizeof(*m.iov));
	if (!m.iov)
		return call_return(c, -ENOMEM);
	*m.iov = (struct iovec){ (void *)(uintptr_t)c->args[1], c->args[2] };
	n = receive_to(c, s, &m, (int)c->args[3], &got);
	if (n < 0)
		return call_return(c, n);
	r = c->args[4] ? find_name(c, s, &got) : 0;
	if (r == 0 && c->args[4])
		r = stack_write_name(
			c, call_addr(c, 4), call_addr(c, 5), &got.head.name, got.head.namelen);
	return call_return(c, r < 0 ? r : n);
}

/* Leaves out the control messages that are not wanted. */
static void drop_unwanted(const struct stacksock *s, struct stack_head *head)
{
	uint64_t tag = 0;
	socklen_t taglen = sizeof(tag);
	uint32_t to = 0, wanted = 0;

	if (getsockopt(s->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &tag, &taglen) == 0 &&
		(tag & STACK_TAG_MASK) == STACK_TAG_WANTED)
		wanted = (uint32_t)(tag & ~STACK_TAG_MASK);
	for (uint32_t at = 0; head->controllen - at >= CMSG_LEN(0);) {
		struct cmsghdr cm;
		uint32_t bit, len;

		memcpy(&cm, head->control + at, sizeof(cm));
		if (cm.cmsg_len < CMSG_LEN(0) || cm.cmsg_len > head->controllen - at ||
			CMSG_ALIGN(cm.cmsg_len) > head->controllen - at)
			break;
		len = (uint32_t)CMSG_ALIGN(cm.cmsg_len);
		bit = stack_control_bit(cm.cmsg_level, cm.cmsg_type);
		if (!bit || wanted & bit) {
			memmove(head->control + to, head->control + at, len);
			to += len;
		}
		at += len;
	}
	head->controllen = to;
}

/* Name and control messages as far as there is room, and the struct msghdr. */
static int write_rest(struct call *c, const struct stacksock *s, gaddr_t at, struct msghdr *msg,
	struct received *got)
{
	gaddr_t name = { (uint64_t)(uintptr_t)msg->msg_name },
		control = { (uint64_t)(uintptr_t)msg->msg_control };
	size_t room = msg->msg_control && !call_is32(c) ? msg->msg_controllen : 0, len;
	int r = 0;

	if (got->head.controllen)
		drop_unwanted(s, &got->head);
	len = got->head.controllen;
	if (name.v && got->head.namelen)
		r = guest_write(c, name, &got->head.name,
			msg->msg_namelen < got->head.namelen ? msg->msg_namelen
							     : got->head.namelen);
	msg->msg_namelen = name.v ? got->head.namelen : msg->msg_namelen;
	msg->msg_flags = got->flags;
	if (len > room) {
		len = room;
		msg->msg_flags |= MSG_CTRUNC;
	}
	if (r == 0 && len)
		r = guest_write(c, control, got->head.control, len);
	msg->msg_controllen = len;
	return r < 0 ? r : abi_write_msghdr(c, at, msg);
}

static long receive_msghdr(struct call *c, const struct stacksock *s, gaddr_t at, int flags)
{
	_cleanup_message_ struct message m = { 0 };
	struct received got;
	long n;
	int r = abi_read_msghdr(c, at, &m.msg);

	if (r == 0 && m.msg.msg_name && (int)m.msg.msg_namelen < 0)
		r = -EINVAL;
	if (r == 0)
		r = read_iov(c, &m);
	n = r < 0 ? r : receive_to(c, s, &m, flags, &got);
	if (n < 0)
		return n;
	r = m.msg.msg_name ? find_name(c, s, &got) : 0;
	if (r == 0)
		r = write_rest(c, s, at, &m.msg, &got);
	return r < 0 ? r : n;
}

enum verdict stack_recvmsg(struct call *c, const struct stacksock *s)
{
	int r = may_receive(c, s, (int)c->args[2]);

	if (r < 0)
		return call_return(c, r);
	if (!((int)c->args[2] & (MSG_ERRQUEUE | MSG_TRUNC)) && is_kernels(c, s, call_addr(c, 1)))
		return CONTINUE;
	return call_return(c, receive_msghdr(c, s, call_addr(c, 1), (int)c->args[2]));
}

/* How long recvmmsg(2) goes on, as the kernel counts it: looked at after each message. 0: for ever.
 */
static int read_deadline(struct call *c, uint64_t *ret)
{
	gaddr_t at = call_addr(c, 4);
	struct timespec ts;
	int r;

	*ret = 0;
	if (!at.v)
		return 0;
	r = abi_read_timespec(c, at, &ts);
	if (r < 0)
		return r;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (long)NSEC_PER_SEC)
		return -EINVAL;
	if (ts.tv_sec > INT32_MAX)
		ts.tv_sec = INT32_MAX;
	*ret = now_ns() + (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	return 0;
}

enum verdict stack_recvmmsg(struct call *c, const struct stacksock *s)
{
	unsigned count = (unsigned)c->args[2], done = 0;
	int flags = (int)c->args[3];
	uint64_t deadline;
	long r = may_receive(c, s, flags);

	if (r < 0)
		return call_return(c, r);
	if (s->stream && !(flags & (MSG_ERRQUEUE | MSG_TRUNC)))
		return CONTINUE;
	r = read_deadline(c, &deadline);
	if (r < 0)
		return call_return(c, r);
	if (count > MMSG_MAX)
		count = MMSG_MAX;
	while (done < count) {
		gaddr_t at = gaddr_add(call_addr(c, 1), done * abi_mmsghdr_size(c));
		unsigned len;

		r = receive_msghdr(c, s, at, flags);
		if (r < 0)
			break;
		len = (unsigned)r;
		r = guest_write(c, gaddr_add(at, abi_mmsghdr_len(c)), &len, sizeof(len));
		if (r < 0)
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (deadline && now_ns() >= deadline)
			break;
	}
	return call_return(c, done ? (long)done : r);
}
