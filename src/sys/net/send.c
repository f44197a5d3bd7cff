/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sendto(2), sendmsg(2), sendmmsg(2): to names of AF_UNIX sockets that only the view finds
 * (sock.c), and with descriptors. One that is sent over a socket comes out at a low number, where
 * nothing is trapped: a virtual file is filled first.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/abi.h"
#include "sys/fd/fd.h"
#include "sys/net/abstract.h"
#include "sys/net/calls.h"
#include "sys/net/peercred.h"
#include "sys/net/sock.h"
#include "sys/net/stack.h"
#include "sys/path/at.h"
#include "sys/table.h"

#define CONTROL_MAX 20480 /* net.core.optmem_max of old; the kernel gives ENOBUFS above it */
#define SCM_MAX_FD 253
#define MESSAGE_MAX (4 << 20)

/* A virtual file among descriptors that are being sent: it will be at a low number. */
static int sent_file(struct call *c, int fd)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	return fd >= VFD_BASE && vfd_get_low(&v, c, fd) && fd >= VFD_HOT ? vfd_go_low(&v) : 0;
}

/* For a message that we send ourselves (ours not NULL) the guest's numbers become ours, kept in
 * ours[] to be closed. */
static int control_files(struct call *c, struct msghdr *msg, int ours[], size_t *nours)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		size_t left = msg->msg_controllen - (size_t)((char *)cm - (char *)msg->msg_control);
		int *fds = (int *)CMSG_DATA(cm);
		size_t n;

		if (cm->cmsg_len > left)
			return -EINVAL; /* as the kernel's CMSG_OK() */
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS ||
			cm->cmsg_len < CMSG_LEN(0))
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int r = sent_file(c, fds[i]);

			if (r < 0)
				return r;
			if (!ours)
				continue;
			if (*nours >= SCM_MAX_FD)
				return -EINVAL;
			r = guestfd_get(c, fds[i]);
			if (r < 0)
				return r;
			fds[i] = ours[(*nours)++] = r;
		}
	}
	return 0;
}

/* Sends on our dup of the guest's socket. */
static long send_blocking(struct call *c, struct at *a, int fd, const struct msghdr *msg, int flags)
{
	struct blocking b;
	int type;
	socklen_t len = sizeof(type);
	long r = blocking_begin_socket(&b, fd, SO_SNDTIMEO);

	if (r < 0)
		return r;
	do {
		real_enter(a);
		r = real_result(a, sendmsg(fd, msg, flags | MSG_NOSIGNAL));
	} while (blocking_again(&b, c, r));
	r = blocking_end(&b, r);
	if (r == -EPIPE && !(flags & MSG_NOSIGNAL) &&
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM)
		return call_broken_pipe(c);
	return r;
}

/* Where a message of sendmsg goes. */
struct dest {
	struct at a;
	struct sockaddr_storage addr;
	socklen_t len;
	int peer;
};

#define DEST_INIT                                                                                  \
	{                                                                                          \
		.a = AT_INIT, .peer = -1                                                           \
	}
static void dest_release(struct dest *d)
{
	at_release(&d->a);
	um_cleanup_fd(&d->peer);
}
#define _cleanup_dest_ _cleanup_(dest_release)

/* 1: a name that only we find. 0: the kernel's, with the guest's own words in d->addr. */
static int dest_find(struct dest *d, struct call *c, const struct msghdr *msg)
{
	gaddr_t name = { (uint64_t)(uintptr_t)msg->msg_name };
	struct sockaddr_un sun;
	char word[PATH_MAX];
	ssize_t n = sock_path(c, name, msg->msg_namelen, word);
	int r = abstract_read(c, name, msg->msg_namelen, false, &sun, &d->len);

	d->a.c = c;
	if (r != 0) {
		memcpy(&d->addr, &sun, sizeof(sun));
		return r;
	}
	if (n < 0)
		return (int)n;
	if (n > 0 && sock_peer(&d->a, c, word, &d->peer)) {
		if (d->peer < 0)
			return d->peer;
		sock_peer_addr(d->peer, &sun, &d->len);
		memcpy(&d->addr, &sun, sizeof(sun));
		return 1;
	}
	d->len = msg->msg_name ? msg->msg_namelen : 0;
	if (d->len > sizeof(d->addr))
		return -EINVAL;
	return d->len ? guest_read(c, name, &d->addr, d->len) : 0;
}

static bool may_concern(struct call *c)
{
	return view_has_mounts(&c->um->view) || abstract_names(c) || c->um->ids;
}

/* Fills what is sent along with a message that the kernel sends. */
static int fill_sent(struct call *c, struct msghdr msg)
{
	_cleanup_free_ char *control = NULL;
	gaddr_t at;
	int r;

	if (!msg.msg_control || msg.msg_controllen > CONTROL_MAX)
		return 0;
	at.v = (uint64_t)(uintptr_t)msg.msg_control;
	r = abi_read_control(c, &msg, CONTROL_MAX, &control);
	if (r == 0)
		r = peercred_send(c, at, &msg);
	return r < 0 ? r : control_files(c, &msg, NULL, NULL);
}

/* Sends one message from here. */
static long send_ours(struct call *c, struct dest *d, struct msghdr msg, int flags)
{
	_cleanup_free_ char *control = NULL, *data = NULL;
	_cleanup_free_ struct iovec *giov = NULL;
	_cleanup_fd_ int fd = guestfd_get(c, call_fd(c, 0));
	int ours[SCM_MAX_FD];
	size_t nours = 0, total = 0;
	struct iovec iov;
	long r;

	if (fd < 0)
		return fd;
	r = guest_read_iov(
		c, (gaddr_t){ (uint64_t)(uintptr_t)msg.msg_iov }, msg.msg_iovlen, &giov, &total);
	if (r == 0 && total > MESSAGE_MAX)
		r = -EMSGSIZE;
	if (r == 0) {
		data = malloc(total + 1);
		r = data ? 0 : -ENOMEM;
	}
	if (r == 0 && total) {
		ssize_t n = guest_gather(c, giov, msg.msg_iovlen, 0, data, total);

		r = n < 0 ? n : (size_t)n < total ? -EFAULT : 0;
	}
	if (r == 0)
		r = abi_read_control(c, &msg, CONTROL_MAX, &control);
	if (r == 0)
		r = control_files(c, &msg, ours, &nours);
	if (r == 0) {
		iov = (struct iovec){ data, total };
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_name = d->len ? &d->addr : NULL;
		msg.msg_namelen = d->len;
		r = send_blocking(c, &d->a, fd, &msg, flags);
	}
	for (size_t i = 0; i < nours; i++)
		close(ours[i]);
	return r;
}

/* The other side may be told who sent it (SO_PASSCRED). DONE with -EPERM: the guest cannot. */
static enum verdict send_by_guest(struct call *c, const struct dest *d, const struct msghdr *msg)
{
	struct sockaddr_un sun;
	int r = fill_sent(c, *msg);

	if (r < 0)
		return call_return(c, r);
	if (d->peer >= 0)
		return sock_sendmsg_peer(c, msg, d->peer);
	memcpy(&sun, &d->addr, sizeof(sun));
	return sock_sendmsg_at(c, msg, &sun, d->len, 0);
}

enum verdict sys_sendmsg(struct call *c)
{
	_cleanup_dest_ struct dest d = DEST_INIT;
	struct msghdr msg;
	int r;
	enum verdict v;

	if (stack_call(c, &v))
		return v;
	if (!may_concern(c))
		return CONTINUE;
	r = abi_read_msghdr(c, call_addr(c, 1), &msg);
	if (r < 0)
		return call_return(c, r);
	if (!msg.msg_name && !msg.msg_control)
		return CONTINUE;
	r = dest_find(&d, c, &msg);
	if (r > 0) {
		v = send_by_guest(c, &d, &msg);
		if (v != DONE || c->ret != -EPERM)
			return v;
	}
	if (r > 0)
		return call_return(c, send_ours(c, &d, msg, (int)c->args[2]));
	if (r == 0)
		r = fill_sent(c, msg);
	return r < 0 ? call_return(c, r) : CONTINUE;
}

enum verdict sys_sendto(struct call *c)
{
	_cleanup_at_ struct at a = AT_INIT;
	_cleanup_fd_ int fd = -1, peer = -1;
	_cleanup_free_ char *data = NULL;
	struct sockaddr_un sun;
	struct msghdr msg = { .msg_name = &sun, .msg_iovlen = 1 };
	struct iovec iov;
	char word[PATH_MAX];
	ssize_t n;
	int err, r;
	enum verdict v;

	if (stack_call(c, &v))
		return v;
	a.c = c;
	err = abstract_read(c, call_addr(c, 4), c->args[5], false, &sun, &msg.msg_namelen);
	if (err == 0) {
		if (!view_has_mounts(&c->um->view) || !c->args[4])
			return CONTINUE;
		n = sock_path(c, call_addr(c, 4), c->args[5], word);
		if (n <= 0)
			return n < 0 ? call_return(c, n) : CONTINUE;
		if (!sock_peer(&a, c, word, &peer))
			return CONTINUE;
		if (peer < 0)
			return call_return(c, peer);
		sock_peer_addr(peer, &sun, &msg.msg_namelen);
	}
	if (err < 0)
		return call_return(c, err);
	/* the other side may be told who sent it (SO_PASSCRED) */
	v = peer >= 0 ? sock_call_peer(c, 4, peer) : sock_call_at(c, 4, &sun, msg.msg_namelen, 0);
	if (v != DONE || c->ret != -EPERM)
		return v;
	if (c->args[2] > MESSAGE_MAX)
		return call_return(c, -EMSGSIZE);
	fd = guestfd_get(c, call_fd(c, 0));
	data = malloc(c->args[2] + 1);
	if (fd < 0 || !data)
		return call_return(c, fd < 0 ? fd : -ENOMEM);
	r = c->args[2] ? guest_read(c, call_addr(c, 1), data, c->args[2]) : 0;
	if (r < 0)
		return call_return(c, r);
	iov = (struct iovec){ data, c->args[2] };
	msg.msg_iov = &iov;
	return call_return(c, send_blocking(c, &a, fd, &msg, (int)c->args[3]));
}

static int message_read(struct call *c, gaddr_t vec, unsigned i, struct msghdr *ret)
{
	return abi_read_msghdr(c, gaddr_add(vec, i * abi_mmsghdr_size(c)), ret);
}

/* Is there a message that only we can send? 1, 0 (what is sent along is filled then), -errno. */
static int messages_check(struct call *c, gaddr_t vec, unsigned count)
{
	struct msghdr m;

	for (unsigned i = 0; i < count; i++) {
		_cleanup_dest_ struct dest d = DEST_INIT;
		int r = message_read(c, vec, i, &m);

		if (r == 0 && (m.msg_name || m.msg_control))
			r = dest_find(&d, c, &m);
		if (r == 0)
			r = fill_sent(c, m);
		/* an error of a later message is not the first one's */
		if (r != 0)
			return i > 0 ? 1 : r;
	}
	return 0;
}

/* Natively, unless one of the messages has a name that the kernel does not find. Then the first
 * one alone is sent, from here: the short count makes the caller come again with the rest. */
enum verdict sys_sendmmsg(struct call *c)
{
	_cleanup_dest_ struct dest d = DEST_INIT;
	gaddr_t vec = call_addr(c, 1);
	unsigned count = (unsigned)c->args[2], sent;
	struct msghdr m;
	long r;
	enum verdict v;

	if (stack_call(c, &v))
		return v;
	if (!may_concern(c))
		return CONTINUE;
	r = messages_check(c, vec, count > 1024 ? 1024 : count);
	if (r == 0)
		return CONTINUE;
	if (r > 0)
		r = message_read(c, vec, 0, &m);
	if (r == 0)
		r = dest_find(&d, c, &m);
	if (r >= 0)
		r = send_ours(c, &d, m, (int)c->args[3]);
	if (r < 0)
		return call_return(c, r);
	sent = (unsigned)r;
	r = guest_write(c, gaddr_add(vec, abi_mmsghdr_len(c)), &sent, sizeof(sent));
	return call_return(c, r < 0 ? r : 1);
}
