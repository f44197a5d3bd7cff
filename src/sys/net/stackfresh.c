/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stream sockets that nothing was done with yet. The stack's process does not know of them: they
 * cost it nothing, and what the kernel says of an unconnected socket of its own (poll, read) is
 * nearly what it says of TCP's.
 */
#include "sys/net/stack.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/nr.h"

static int give_int(struct call *c, int value)
{
	int len, r = guest_read(c, call_addr(c, 4), &len, sizeof(len));

	if (r < 0)
		return r;
	if (len < 0)
		return -EINVAL;
	if (len > (int)sizeof(value))
		len = sizeof(value);
	r = len ? guest_write(c, call_addr(c, 3), &value, (size_t)len) : 0;
	return r < 0 ? r : guest_write(c, call_addr(c, 4), &len, sizeof(len));
}

/* True: *ret is the answer. */
static bool option(struct call *c, const struct stacksock *s, enum verdict *ret)
{
	int value;

	if ((int)c->args[1] != SOL_SOCKET)
		return false;
	switch ((int)c->args[2]) {
	case SO_TYPE:
		value = SOCK_STREAM;
		break;
	case SO_DOMAIN:
		value = s->fresh;
		break;
	case SO_PROTOCOL:
		value = IPPROTO_TCP;
		break;
	case SO_ACCEPTCONN:
	case SO_ERROR:
		value = 0;
		break;
	default:
		return false;
	}
	*ret = call_return(c, give_int(c, value));
	return true;
}

static int own_name(struct call *c, const struct stacksock *s)
{
	struct sockaddr_storage name = { .ss_family = (sa_family_t)s->fresh };

	return stack_write_name(c, call_addr(c, 1), call_addr(c, 2), &name,
		s->fresh == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
}

/* The stack learns of it: it is watched until it is connected, for which it is full where the guest
 * waits. */
static int make_known(struct call *c, struct stacksock *s)
{
	int r;

	if (c->nr == __NR_connect && !stack_is_disconnect(c)) {
		s->filled = stack_waits(c, s);
		if (s->filled)
			stack_set_sndbuf(s, STACK_SNDBUF_SMALL);
		return net_stack_adopt(s->net, s->fd, s->fresh, s->filled ? STACK_LESS_JUNK : 0);
	}
	r = net_stack_watch(s->net, s->fd, s->fresh);
	s->watched = r == 0;
	/* the user has no more watches */
	return r == -ENOSPC || r == -ENOMEM ? net_stack_adopt(s->net, s->fd, s->fresh, STACK_JUNK)
					    : r;
}

bool stack_fresh(struct call *c, struct stacksock *s, enum verdict *ret)
{
	int r;

	switch (c->nr) {
	case __NR_getsockopt:
		if (option(c, s, ret))
			return true;
		break;
	case __NR_getsockname:
		*ret = call_return(c, own_name(c, s));
		return true;
	case __NR_getpeername:
	case __NR_shutdown:
	case __NR_recvfrom:
	case __NR_recvmsg:
	case __NR_recvmmsg:
		*ret = call_return(c, -ENOTCONN);
		return true;
	case __NR_accept:
	case __NR_accept4:
		*ret = call_return(c, -EINVAL);
		return true;
	case __NR_sendto:
		*ret = call_return(c, stack_no_pipe(c, (int)c->args[3]));
		return true;
	case __NR_sendmsg:
		*ret = call_return(c, stack_no_pipe(c, (int)c->args[2]));
		return true;
	case __NR_sendmmsg:
		*ret = call_return(c, stack_no_pipe(c, (int)c->args[3]));
		return true;
	}
	r = make_known(c, s);
	if (r == 0)
		return false;
	*ret = call_return(c, r);
	return true;
}
