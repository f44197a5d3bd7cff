/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getsockopt(2) and setsockopt(2): socket(7), ip(7), ipv6(7), tcp(7), udp(7), raw(7). */
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "net/lwip/endpoint.h"

#define RCVBUF_MIN 2304
#define SNDBUF_MIN 4608
#define BUFFER_MAX 212992 /* which the kernel doubles */
#define FIN_TIMEOUT 60
#define FIN_TIMEOUT_MAX 120
#define TOS_ECN 3

/* Options that are a number which is kept; what it does is the protocol's (endpoint_ops.options).
 */
static const struct number {
	int level, option;
	size_t offset;
	int min, max;
	int family, type; /* which sockets have it; 0: all */
} numbers[] = {
#define OPT(level, option, field, min, max, family, type)                                          \
	{                                                                                          \
		level, option, offsetof(struct endpoint_options, field), min, max, family, type    \
	}
	OPT(SOL_SOCKET, SO_REUSEADDR, reuseaddr, 0, 1, 0, 0),
	OPT(SOL_SOCKET, SO_REUSEPORT, reuseport, 0, 1, 0, 0),
	OPT(SOL_SOCKET, SO_KEEPALIVE, keepalive, 0, 1, 0, 0),
	OPT(SOL_SOCKET, SO_BROADCAST, broadcast, 0, 1, 0, 0),
	OPT(SOL_SOCKET, SO_OOBINLINE, oobinline, 0, 1, 0, 0),
	OPT(SOL_SOCKET, SO_DONTROUTE, dontroute, 0, 1, 0, 0),
	OPT(SOL_SOCKET, SO_PRIORITY, priority, 0, 6, 0, 0),
	OPT(SOL_SOCKET, SO_RCVLOWAT, rcvlowat, 1, INT32_MAX, 0, 0),
	OPT(SOL_SOCKET, SO_TIMESTAMP, timestamp, 0, 1, 0, 0),
	OPT(SOL_SOCKET, SO_NO_CHECK, no_check, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_TTL, ttl, -1, 255, 0, 0),
	OPT(IPPROTO_IP, IP_TOS, tos, INT32_MIN, INT32_MAX, 0, 0),
	OPT(IPPROTO_IP, IP_MULTICAST_TTL, mcast_ttl, -1, 255, 0, 0),
	OPT(IPPROTO_IP, IP_MULTICAST_LOOP, mcast_loop, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_MULTICAST_ALL, mcast_all, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_PKTINFO, pktinfo, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_RECVTTL, recvttl, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_RECVTOS, recvtos, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_RECVOPTS, recvopts, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_RETOPTS, retopts, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_RECVERR, recverr, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_MTU_DISCOVER, mtu_discover, 0, 5, 0, 0),
	OPT(IPPROTO_IP, IP_FREEBIND, freebind, 0, 1, 0, 0),
	OPT(IPPROTO_IP, IP_HDRINCL, hdrincl, 0, 1, 0, SOCK_RAW),
	OPT(IPPROTO_IP, IP_RECVORIGDSTADDR, recvorigdst, 0, 1, 0, 0),
	OPT(IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops, -1, 255, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, mcast_hops, -1, 255, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, mcast_loop, 0, 1, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_MULTICAST_ALL, mcast_all, 0, 1, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_RECVPKTINFO, recvpktinfo, 0, 1, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, recvhoplimit, 0, 1, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_TCLASS, tclass, -1, 255, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_RECVTCLASS, recvtclass, 0, 1, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_RECVERR, recverr, 0, 1, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_MTU_DISCOVER, mtu_discover, 0, 5, AF_INET6, 0),
	OPT(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, recvorigdst, 0, 1, AF_INET6, 0),
	OPT(IPPROTO_UDP, UDP_CORK, cork, 0, 1, 0, SOCK_DGRAM),
	OPT(IPPROTO_TCP, TCP_NODELAY, nodelay, 0, 1, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_CORK, cork, 0, 1, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_KEEPIDLE, keepidle, 1, 32767, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_KEEPINTVL, keepintvl, 1, 32767, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_KEEPCNT, keepcnt, 1, 127, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_SYNCNT, syncnt, 1, 127, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout, 0, INT32_MAX, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_QUICKACK, quickack, 0, 1, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_DEFER_ACCEPT, defer_accept, INT32_MIN, INT32_MAX, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_LINGER2, linger2, INT32_MIN, INT32_MAX, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_WINDOW_CLAMP, window_clamp, INT32_MIN, INT32_MAX, 0, SOCK_STREAM),
	OPT(IPPROTO_TCP, TCP_FASTOPEN, fastopen, 0, INT32_MAX, 0, SOCK_STREAM),
#undef OPT
};

void options_init(struct endpoint *ep)
{
	ep->opt = (struct endpoint_options){ .ttl = 64,
		.mcast_ttl = 1,
		.mcast_loop = 1,
		.mcast_all = 1,
		.hops = -1,
		.mcast_hops = 1,
		.keepidle = 7200,
		.keepintvl = 75,
		.keepcnt = 9,
		.syncnt = 6,
		.quickack = 1,
		.rcvlowat = 1,
		.mtu_discover = 1,
		.linger2 = FIN_TIMEOUT,
		.congestion = "reno",
		.sndbuf = ep->type == SOCK_STREAM ? 2 * STACK_SNDBUF : 212992,
		.rcvbuf = ep->type == SOCK_STREAM ? 131072 : ENDPOINT_RCVBUF };
}

static const struct number *find_number(const struct endpoint *ep, int level, int option)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct number *n = &numbers[i];

		if (n->level == level && n->option == option &&
			(!n->family || n->family == ep->domain) &&
			(!n->type || n->type == ep->type))
			return n;
	}
	return NULL;
}

static int *number_of(struct endpoint *ep, const struct number *n)
{
	return (int *)((char *)&ep->opt + n->offset);
}

/* Most take an int; IP's also a byte, or nothing. */
static int read_int(int level, const void *value, size_t len, int *ret)
{
	if (len >= sizeof(int))
		memcpy(ret, value, sizeof(int));
	else if (level == IPPROTO_IP)
		*ret = len ? *(const uint8_t *)value : 0;
	else
		return -EINVAL;
	return 0;
}

/* The kernel counts retries, and tells how long those take. */
static int deferred(int seconds)
{
	int time = 1, all = 1;

	if (seconds <= 0)
		return 0;
	while (seconds > all && all < INT16_MAX) {
		time = 2 * time < 120 ? 2 * time : 120;
		all += time;
	}
	return all;
}

/* Of options whose values are not just in a range: what is kept, or -EINVAL. */
static int adjust(const struct endpoint *ep, const struct number *n, size_t len, int *v)
{
	if (n->level == IPPROTO_IP && n->option == IP_TOS)
		*v &= 0xff;
	if (n->level == IPPROTO_IP && len == 0 &&
		(n->option == IP_MULTICAST_TTL || n->option == IP_MULTICAST_LOOP ||
			n->option == IP_MULTICAST_ALL || n->option == IP_FREEBIND))
		return -EINVAL;
	if (n->level == IPPROTO_IP && n->option == IP_TTL && *v == 0)
		return -EINVAL;
	if (n->level == IPPROTO_TCP && n->option == TCP_DEFER_ACCEPT)
		*v = deferred(*v);
	if (n->level == IPPROTO_TCP && n->option == TCP_LINGER2)
		*v = *v < 0		    ? -1
		     : *v == 0		    ? FIN_TIMEOUT
		     : *v > FIN_TIMEOUT_MAX ? FIN_TIMEOUT_MAX
					    : *v;
	if (n->level == IPPROTO_TCP && n->option == TCP_WINDOW_CLAMP) {
		if (*v == 0 && ep->state != EP_CLOSED)
			return -EINVAL;
		if (*v != 0 && *v < RCVBUF_MIN / 2)
			*v = RCVBUF_MIN / 2;
	}
	return 0;
}

/* What -1 stands for. */
static int usual(const struct number *n)
{
	if (n->level == IPPROTO_IP && n->option == IP_TTL)
		return 64;
	if (n->level == IPPROTO_IPV6 && n->option == IPV6_UNICAST_HOPS)
		return -1;
	return n->level == IPPROTO_IPV6 && n->option == IPV6_TCLASS ? 0 : 1;
}

static int set_number(struct endpoint *ep, const struct number *n, const void *value, size_t len)
{
	int v, r = read_int(n->level, value, len, &v);

	if (r == 0)
		r = adjust(ep, n, len, &v);
	if (r < 0)
		return r;
	if (n->max == 1)
		v = v != 0;
	if (v < n->min || v > n->max)
		return n->level == SOL_SOCKET && n->option == SO_PRIORITY ? -EPERM : -EINVAL;
	if (n->min == -1 && v < 0)
		v = usual(n);
	/* (TCP has the bits of congestion) */
	if (ep->type == SOCK_STREAM &&
		(n->offset == offsetof(struct endpoint_options, tos) ||
			n->offset == offsetof(struct endpoint_options, tclass)))
		v = (v & ~TOS_ECN) | (*number_of(ep, n) & TOS_ECN);
	*number_of(ep, n) = v;
	if (ep->ops->options)
		ep->ops->options(ep);
	return 0;
}

/* The kernel doubles it. force: without its limit. */
static int set_buffer(int *buffer, unsigned least, bool force, const void *value, size_t len)
{
	int v, r = read_int(SOL_SOCKET, value, len, &v);
	unsigned n = (unsigned)v;

	if (r < 0)
		return r;
	if (force)
		n = v < 0 ? 0 : v > INT32_MAX / 2 ? INT32_MAX / 2 : (unsigned)v;
	else if (n > BUFFER_MAX)
		n = BUFFER_MAX;
	*buffer = (int)(2 * n < least ? least : 2 * n);
	return 0;
}

static int bind_to_device(struct endpoint *ep, const void *value, size_t len)
{
	char name[IFNAMSIZ] = "";
	struct iface *i;

	memcpy(name, value, len < IFNAMSIZ - 1 ? len : IFNAMSIZ - 1);
	i = name[0] ? iface_by_name(ep->st, name) : NULL;
	if (name[0] && !i)
		return -ENODEV;
	ep->bound_if = i;
	if (ep->ops->options)
		ep->ops->options(ep);
	return 0;
}

/* As far as the pair has a part in it: what is to be read of datagrams waits in our end's buffer,
 * which is not made smaller (endpoint_deliver()). */
static int buffers_changed(struct endpoint *ep, int r)
{
	const int bytes = ep->opt.rcvbuf / 2;

	if (r == 0 && ep->type != SOCK_STREAM && ep->domain != AF_NETLINK &&
		ep->opt.rcvbuf > ENDPOINT_RCVBUF)
		(void)setsockopt(ep->source.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (r == 0 && ep->ops->options)
		ep->ops->options(ep);
	return r;
}

static int set_socket(
	struct endpoint *ep, int option, const void *value, size_t len, bool privileged)
{
	const bool force = option == SO_SNDBUFFORCE || option == SO_RCVBUFFORCE;

	if (force && !privileged)
		return -EPERM;
	switch (option) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		ep->opt.sndbuf_set = true;
		return buffers_changed(
			ep, set_buffer(&ep->opt.sndbuf, SNDBUF_MIN, force, value, len));
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		return buffers_changed(
			ep, set_buffer(&ep->opt.rcvbuf, RCVBUF_MIN, force, value, len));
	case SO_LINGER:
		if (len < sizeof(ep->opt.linger))
			return -EINVAL;
		memcpy(&ep->opt.linger, value, sizeof(ep->opt.linger));
		return 0;
	case SO_BINDTODEVICE:
		return bind_to_device(ep, value, len);
	case SO_PASSCRED: /* of AF_UNIX and netlink, as the kernel says since 6.16 */
		return ep->domain == AF_NETLINK ? read_int(SOL_SOCKET, value, len, &ep->nl_passcred)
						: -EOPNOTSUPP;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_v6only(struct endpoint *ep, const void *value, size_t len)
{
	int v, r = read_int(IPPROTO_IPV6, value, len, &v);

	if (r < 0)
		return r;
	if (ep->local_port)
		return -EINVAL;
	ep->opt.v6only = v != 0;
	address_any(ep, &ep->local);
	return 0;
}

/* IPV6_ADDRFORM: a connection over IPv4 becomes a socket of IPv4. */
static int set_family(struct endpoint *ep, const void *value, size_t len)
{
	int v, r = read_int(IPPROTO_IPV6, value, len, &v);

	if (r < 0)
		return r;
	if (v != AF_INET)
		return -EINVAL;
	if (ep->type == SOCK_RAW)
		return -ENOPROTOOPT;
	if (ep->state != EP_OPEN)
		return -ENOTCONN;
	if (ep->opt.v6only || !IP_IS_V4_VAL(ep->peer))
		return -EADDRNOTAVAIL;
	ep->domain = AF_INET;
	return 0;
}

static int set_protocol(struct endpoint *ep, int level, int option, const void *value, size_t len)
{
	int r = group_option(ep, level, option, value, len);

	if (r != -ENOPROTOOPT)
		return r;
	if (level == IPPROTO_IP) {
		switch (option) {
		case IP_MULTICAST_IF:
			return group_set_iface(ep, level, value, len);
		case IP_OPTIONS:
		case IP_BIND_ADDRESS_NO_PORT:
			return 0;
		}
	}
	if (level == IPPROTO_IPV6 && ep->domain == AF_INET6) {
		switch (option) {
		case IPV6_V6ONLY:
			return set_v6only(ep, value, len);
		case IPV6_ADDRFORM:
			return set_family(ep, value, len);
		case IPV6_MULTICAST_IF:
			return group_set_iface(ep, level, value, len);
		}
	}
	return ep->ops->setopt ? ep->ops->setopt(ep, level, option, value, len) : -ENOPROTOOPT;
}

/* (options of IPv4 are those of its raw sockets alone, where others of IPv6 have both) */
static bool lacks_level(const struct endpoint *ep, int level)
{
	return level == IPPROTO_IP && ep->domain == AF_INET6 && ep->type == SOCK_RAW;
}

int option_set(
	struct endpoint *ep, int level, int option, const void *value, size_t len, bool privileged)
{
	const struct number *n = find_number(ep, level, option);

	if (lacks_level(ep, level))
		return -ENOPROTOOPT;
	if (n)
		return set_number(ep, n, value, len);
	return level == SOL_SOCKET ? set_socket(ep, option, value, len, privileged)
				   : set_protocol(ep, level, option, value, len);
}

/* ---- asked ---- */

static int give(void *ret, size_t *len, const void *value, size_t size)
{
	*len = *len < size ? *len : size;
	memcpy(ret, value, *len);
	return 0;
}

static int give_int(void *ret, size_t *len, int value)
{
	return give(ret, len, &value, sizeof(value));
}

/* IP's fits into a byte where there is no room for more. */
static int give_number(const struct endpoint *ep, const struct number *n, void *ret, size_t *len)
{
	const int set = *(const int *)((const char *)&ep->opt + n->offset);
	const int v = set < 0 && n->option != TCP_LINGER2 ? 64 : set;
	const uint8_t byte = (uint8_t)v;

	if (n->level == IPPROTO_IP && *len > 0 && *len < sizeof(v) && v >= 0 && v <= 255)
		return give(ret, len, &byte, sizeof(byte));
	return give_int(ret, len, v);
}

static int take_error(struct endpoint *ep)
{
	int e = -ep->error;

	ep->error = 0;
	return e;
}

static int get_socket(struct endpoint *ep, int option, void *ret, size_t *len)
{
	switch (option) {
	case SO_TYPE:
		return give_int(ret, len, ep->type);
	case SO_DOMAIN:
		return give_int(ret, len, ep->domain);
	case SO_PROTOCOL:
		return give_int(ret, len, ep->protocol);
	case SO_ACCEPTCONN:
		return give_int(ret, len, ep->state == EP_LISTENING);
	case SO_ERROR:
		return give_int(ret, len, take_error(ep));
	case SO_SNDBUF:
		return give_int(ret, len, ep->opt.sndbuf);
	case SO_RCVBUF:
		return give_int(ret, len, ep->opt.rcvbuf);
	case SO_SNDLOWAT:
		return give_int(ret, len, 1);
	case SO_LINGER:
		return give(ret, len, &ep->opt.linger, sizeof(ep->opt.linger));
	case SO_BINDTODEVICE:
		return ep->bound_if
			       ? give(ret, len, ep->bound_if->name, strlen(ep->bound_if->name) + 1)
			       : give(ret, len, "", 0);
	case SO_PASSCRED:
		return ep->domain == AF_NETLINK ? give_int(ret, len, ep->nl_passcred != 0)
						: -EOPNOTSUPP;
	case SO_DEBUG:
	case SO_MARK:
	case SO_BUSY_POLL:
	case SO_TIMESTAMPNS:
	case SO_TIMESTAMPING:
		return give_int(ret, len, 0);
	default:
		return -ENOPROTOOPT;
	}
}

static int get_mtu(struct endpoint *ep, void *ret, size_t *len)
{
	ip_addr_t source;
	struct iface *i;

	if (ep->state != EP_OPEN || route_source(ep->st, &ep->peer, ep->bound_if, &i, &source) < 0)
		return -ENOTCONN;
	return give_int(ret, len, i->netif.mtu);
}

/* Is it its own protocol's, or that one's below? */
static bool has_level(const struct endpoint *ep, int level)
{
	if (ep->domain == AF_NETLINK || ep->domain == AF_INET6)
		return level != IPPROTO_TCP || ep->type == SOCK_STREAM;
	return level == IPPROTO_IP || level == ep->protocol ||
	       (level == SOL_RAW && ep->type == SOCK_RAW);
}

int option_get(struct endpoint *ep, int level, int option, void *ret, size_t *len)
{
	const struct number *n = find_number(ep, level, option);

	if (lacks_level(ep, level))
		return -ENOPROTOOPT;
	if (n)
		return give_number(ep, n, ret, len);
	if (level == SOL_SOCKET)
		return get_socket(ep, option, ret, len);
	if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && ep->domain == AF_INET6)
		return give_int(ret, len, ep->opt.v6only);
	if (level == IPPROTO_IPV6 && option == IPV6_ADDRFORM && ep->domain == AF_INET6 &&
		ep->type != SOCK_RAW)
		return ep->state == EP_OPEN ? give_int(ret, len, ep->domain) : -ENOTCONN;
	if (level == IPPROTO_IPV6 && option == IPV6_MULTICAST_IF && ep->domain == AF_INET6)
		return give_int(ret, len, ep->opt.mcast_if);
	if (level == IPPROTO_IP && option == IP_MULTICAST_IF)
		return give(ret, len, &ep->opt.mcast_addr, sizeof(ep->opt.mcast_addr));
	if (level == IPPROTO_IP && option == IP_OPTIONS)
		return give(ret, len, "", 0);
	if ((level == IPPROTO_IP && option == IP_MTU) ||
		(level == IPPROTO_IPV6 && option == IPV6_MTU))
		return get_mtu(ep, ret, len);
	if (!has_level(ep, level))
		return -EOPNOTSUPP;
	return ep->ops->getopt ? ep->ops->getopt(ep, level, option, ret, len) : -ENOPROTOOPT;
}
