/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sockets of the view's own stack are set to, and what its interfaces are (netdevice(7)). */
#include "sys/net/stack.h"

#include <asm/socket.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sys/net/calls.h"

#define OPTION_MAX 4096

/* ---- options ---- */

/* Those of the pair itself. */
static bool is_pairs(int level, int option)
{
	switch (level == SOL_SOCKET ? option : 0) {
	case SO_RCVTIMEO_OLD:
	case SO_SNDTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
	case SO_COOKIE:
		return true;
	default:
		return false;
	}
}

/* A filter of a packet or raw socket, or of one of echoes: the kernel runs it over what is in the
 * pair. (UDP's and TCP's are shown their headers, which are not in there.) */
static bool is_filter(struct call *c, const struct stacksock *s, int level, int option)
{
	int protocol;

	if (level != SOL_SOCKET)
		return false;
	if (option == SO_DETACH_FILTER || option == SO_LOCK_FILTER)
		return true;
	if (option != SO_ATTACH_FILTER || s->stream)
		return false;
	protocol = stack_ask_option(c, s, SO_PROTOCOL);
	return protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE;
}

/* That an option is unknown is found before its value is looked at, but for the protocol's own. */
static int unless_unknown(struct stack_conn *q, int error)
{
	q->msg.len = 0;
	return net_stack_ask(q) == -ENOPROTOOPT ? -ENOPROTOOPT : error;
}

/* One that both have: the pair's end reads what is urgent as other data. */
static void pair_option(
	const struct stacksock *s, int level, int option, const void *value, socklen_t len)
{
	if (level == SOL_SOCKET && option == SO_OOBINLINE)
		(void)setsockopt(s->fd, level, option, value, len);
}

/* Which control messages are wanted from now on. */
static void tell_wanted(const struct stacksock *s, int level, uint32_t bits)
{
	const uint64_t tag = STACK_TAG_WANTED | bits;

	if (!s->stream && (level == IPPROTO_IP || level == IPPROTO_IPV6))
		(void)setsockopt(s->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &tag, sizeof(tag));
}

/* What the kernel asks its own root for, of whatever network. */
static bool is_forced(int level, int option)
{
	return level == SOL_SOCKET && (option == SO_SNDBUFFORCE || option == SO_RCVBUFFORCE);
}

enum verdict stack_setsockopt(struct call *c, const struct stacksock *s)
{
	struct stack_conn *q;
	int r, len = (int)c->args[4];

	if (is_pairs((int)c->args[1], (int)c->args[2]) ||
		is_filter(c, s, (int)c->args[1], (int)c->args[2]))
		return CONTINUE;
	if (len < 0 || len > OPTION_MAX)
		return call_return(c, -EINVAL);
	q = stacksock_begin(s, c, STACK_SETSOCKOPT);
	if (!q)
		return call_return(c, -ENETDOWN);
	q->msg.a = (int)c->args[1];
	q->msg.b = (int)c->args[2];
	q->msg.len = (uint32_t)len;
	if (is_forced(q->msg.a, q->msg.b))
		q->msg.privileged = (c->um->ids || geteuid() == 0) && net_privileged(c);
	r = len ? guest_read(c, call_addr(c, 3), q->msg.data, (size_t)len) : 0;
	if (r == 0)
		r = net_stack_ask(q);
	else if (q->msg.a != SOL_SOCKET && q->msg.a != (s->stream ? IPPROTO_TCP : IPPROTO_UDP))
		r = unless_unknown(q, r);
	if (r == 0 && (int)c->args[1] == IPPROTO_IPV6 && (int)c->args[2] == IPV6_ADDRFORM)
		stack_forget_visit(s);
	if (r == 0)
		tell_wanted(s, (int)c->args[1], (uint32_t)q->msg.a);
	if (r == 0 && s->stream)
		pair_option(s, (int)c->args[1], (int)c->args[2], q->msg.data, (socklen_t)len);
	net_stack_end(s->net, q);
	/* (its connection was reset: nothing depends on it any more) */
	return call_return(c, r == -ENOTSOCK ? 0 : r);
}

enum verdict stack_getsockopt(struct call *c, const struct stacksock *s)
{
	const bool error = (int)c->args[1] == SOL_SOCKET && (int)c->args[2] == SO_ERROR;
	struct stack_conn *q;
	bool told = false;
	int r, len;

	if (is_pairs((int)c->args[1], (int)c->args[2]))
		return CONTINUE;
	r = guest_read(c, call_addr(c, 4), &len, sizeof(len));
	if (r < 0 || len < 0)
		return call_return(c, r < 0 ? r : -EINVAL);
	q = stacksock_begin(s, c, STACK_GETSOCKOPT);
	if (!q)
		return call_return(c, -ENETDOWN);
	q->msg.a = (int)c->args[1];
	q->msg.b = (int)c->args[2];
	q->msg.len = len < OPTION_MAX ? (uint32_t)len : OPTION_MAX;
	memset(q->msg.data, 0, q->msg.len);
	r = net_stack_ask(q);
	if (error && s->alarms) {
		told = stack_alarmed(s);
		if (!told) /* who reads has been told */
			memset(q->msg.data, 0, q->msg.len);
	}
	if (r == 0)
		r = guest_write(c, call_addr(c, 3), q->msg.data,
			q->msg.len < (uint32_t)len ? q->msg.len : (uint32_t)len);
	if (r == 0)
		r = guest_write(c, call_addr(c, 4), &q->msg.len, sizeof(q->msg.len));
	net_stack_end(s->net, q);
	if (told)
		stack_alarm(c, s);
	if (error)
		stack_end_small(s);
	/* its connection was reset, which the pair tells */
	return r == -ENOTSOCK ? CONTINUE : call_return(c, r);
}

/* ---- ioctl(2) ---- */

/* SIOCGIFCONF has a pointer. */
static int interface_list(struct call *c, struct stack_conn *q)
{
	struct ifconf_room room;
	int r = ifconf_read(c, &room);

	if (r < 0)
		return r;
	q->msg.len = STACK_DATA_MAX;
	memset(q->msg.data, 0, q->msg.len);
	r = net_stack_ask(q);
	return r < 0 ? r : ifconf_answer(c, &room, q->msg.data, q->msg.len / sizeof(struct ifreq));
}

/* A route, and the name of its interface. */
static int change_route(struct call *c, struct stack_conn *q, const struct stacksock *s)
{
	struct rtentry rt;
	int r = call_is32(c) ? -ENOTTY : guest_read(c, call_addr(c, 2), &rt, sizeof(rt));

	if (r < 0)
		return r;
	q->msg.socket = s->number;
	q->msg.len = sizeof(rt) + IFNAMSIZ;
	memset(q->msg.data, 0, q->msg.len);
	memcpy(q->msg.data, &rt, sizeof(rt));
	if (rt.rt_dev) {
		ssize_t n = guest_read_str(c, (gaddr_t){ (uint64_t)(uintptr_t)rt.rt_dev },
			(char *)q->msg.data + sizeof(rt), IFNAMSIZ);

		if (n < 0)
			return n == -ENAMETOOLONG ? -ENODEV : (int)n;
	}
	return net_stack_ask(q);
}

enum verdict stack_ioctl(struct call *c, const struct stacksock *s)
{
	const unsigned cmd = (unsigned)c->args[1];
	const bool arp = cmd == SIOCSARP || cmd == SIOCDARP || cmd == SIOCGARP;
	const size_t size = arp ? sizeof(struct arpreq) : call_is32(c) ? 32 : sizeof(struct ifreq);
	struct stack_conn *q;
	int r;

	if (cmd < SIOCADDRT || cmd > 0x89ef)
		return CONTINUE;
	q = stacksock_begin(s, c, STACK_IOCTL);
	if (!q)
		return call_return(c, -ENETDOWN);
	q->msg.a = (int)cmd;
	q->msg.socket = 0;
	if (cmd == SIOCGIFCONF) {
		r = interface_list(c, q);
	} else if (cmd == SIOCADDRT || cmd == SIOCDELRT) {
		r = change_route(c, q, s);
	} else {
		q->msg.len = (uint32_t)(size > sizeof(struct ifreq) ? size : sizeof(struct ifreq));
		memset(q->msg.data, 0, q->msg.len);
		r = guest_read(c, call_addr(c, 2), q->msg.data, size);
		if (r == 0)
			r = net_stack_ask(q);
		if (r == 0)
			r = guest_write(c, call_addr(c, 2), q->msg.data, size);
	}
	net_stack_end(s->net, q);
	return call_return(c, r);
}
