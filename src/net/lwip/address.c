/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of sockets: as the guest has them and as lwIP does, and who has which port. */
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include <lwip/priv/tcp_priv.h>

#include "net/lwip/endpoint.h"
#include "net/lwip/timewait.h"
#include "net/lwip/watch.h"

void address_any(const struct endpoint *ep, ip_addr_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (ep->domain != AF_INET6)
		IP_SET_TYPE_VAL(*ret, IPADDR_TYPE_V4);
	else
		IP_SET_TYPE_VAL(*ret, ep->opt.v6only ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
}

static int read_v6(const struct endpoint *ep, const struct sockaddr_in6 *sin6, ip_addr_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		uint32_t v4;

		if (ep->opt.v6only)
			return -ENETUNREACH;
		memcpy(&v4, &sin6->sin6_addr.s6_addr[12], sizeof(v4));
		ip_addr_set_ip4_u32_val(*ret, v4);
		return 0;
	}
	IP_SET_TYPE_VAL(*ret, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(ret)->addr, &sin6->sin6_addr, 16);
	if (ip6_addr_islinklocal(ip_2_ip6(ret)) || ip6_addr_ismulticast_linklocal(ip_2_ip6(ret))) {
		int scope = (int)sin6->sin6_scope_id;

		if (!scope && ep->bound_if)
			scope = iface_index(ep->bound_if);
		if (scope && !iface_by_index(ep->st, scope))
			return -ENODEV;
		ip6_addr_set_zone(ip_2_ip6(ret), (u8_t)scope);
	}
	return 0;
}

int address_read(const struct endpoint *ep, const struct sockaddr_storage *name, size_t len,
	ip_addr_t *ret, uint16_t *ret_port)
{
	const struct sockaddr_in *sin = (const void *)name;
	const struct sockaddr_in6 *sin6 = (const void *)name;

	if (len < sizeof(name->ss_family))
		return -EINVAL;
	if (ep->domain == AF_INET) {
		if (len < sizeof(*sin))
			return -EINVAL;
		if (sin->sin_family != AF_INET &&
			(sin->sin_family != AF_UNSPEC || sin->sin_addr.s_addr))
			return -EAFNOSUPPORT;
		ip_addr_set_ip4_u32_val(*ret, sin->sin_addr.s_addr);
		*ret_port = ntohs(sin->sin_port);
		return 0;
	}
	if (name->ss_family == AF_INET && len >= sizeof(*sin) && ep->ops == &udp_endpoint) {
		if (ep->opt.v6only)
			return -ENETUNREACH;
		ip_addr_set_ip4_u32_val(*ret, sin->sin_addr.s_addr);
		*ret_port = ntohs(sin->sin_port);
		return 0;
	}
	if (len < offsetof(struct sockaddr_in6, sin6_scope_id))
		return -EINVAL;
	if (sin6->sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	*ret_port = ntohs(sin6->sin6_port);
	return read_v6(ep, sin6, ret);
}

bool address_is_broadcast(struct stack *st, const ip_addr_t *ip)
{
	if (!IP_IS_V4(ip) || ip_addr_isany(ip)) /* lwIP calls that one, too */
		return false;
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		if (iface_is_broadcast(i, ip))
			return true;
	}
	return ip_2_ip4(ip)->addr == PP_HTONL(0x7fffffff);
}

void address_any_is_here(ip_addr_t *ip)
{
	if (ip_addr_isany(ip))
		ip_addr_set_loopback(IP_IS_V6(ip), ip);
}

uint32_t address_write(
	const struct endpoint *ep, const ip_addr_t *ip, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *sin = (void *)ret;
	struct sockaddr_in6 *sin6 = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (ep->domain == AF_INET) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		sin->sin_addr.s_addr = ip_2_ip4(ip)->addr;
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	if (IP_IS_V4_VAL(*ip) && !IP_IS_ANY_TYPE_VAL(*ip)) {
		sin6->sin6_addr.s6_addr[10] = sin6->sin6_addr.s6_addr[11] = 0xff;
		memcpy(&sin6->sin6_addr.s6_addr[12], &ip_2_ip4(ip)->addr, 4);
	} else {
		memcpy(&sin6->sin6_addr, ip_2_ip6(ip)->addr, 16);
		if (ip6_addr_islinklocal(ip_2_ip6(ip)))
			sin6->sin6_scope_id = ip6_addr_zone(ip_2_ip6(ip));
	}
	return sizeof(*sin6);
}

/* ---- ports ---- */

static struct cds_hlist_head *port_bucket(struct stack *st, uint16_t port)
{
	return &st->ports[port % STACK_PORT_BUCKETS];
}

void address_set_port(struct endpoint *ep, uint16_t port)
{
	if (ep->local_port)
		cds_hlist_del(&ep->same_port);
	ep->local_port = port;
	if (port)
		cds_hlist_add_head(&ep->same_port, port_bucket(ep->st, port));
}

bool address_each_at(
	struct stack *st, uint16_t port, bool (*fn)(struct endpoint *ep, void *arg), void *arg)
{
	struct endpoint *ep, *next;

	cds_hlist_for_each_entry_safe_2(ep, next, port_bucket(st, port), same_port)
	{
		if (ep->local_port == port && fn(ep, arg))
			return true;
	}
	return false;
}

static bool overlap(const ip_addr_t *a, const ip_addr_t *b)
{
	if (ip_addr_isany(a) || ip_addr_isany(b))
		return IP_IS_ANY_TYPE_VAL(*a) || IP_IS_ANY_TYPE_VAL(*b) ||
		       IP_GET_TYPE(a) == IP_GET_TYPE(b);
	return ip_addr_cmp(a, b);
}

bool address_is_bound_as(const struct endpoint *ep, const struct endpoint *other)
{
	return ep->ops == other->ops && ep->local_port == other->local_port &&
	       ip_addr_cmp(&ep->local, &other->local) && ep->bound_if == other->bound_if;
}

struct claim {
	const struct endpoint *ep;
	uint16_t port;
	struct endpoint *found;
};

static bool conflicts(struct endpoint *other, void *arg)
{
	struct claim *c = arg;
	const struct endpoint *ep = c->ep;

	if (other == ep || other->ops != ep->ops || other->local_port != c->port ||
		!overlap(&other->local, &ep->local))
		return false;
	if (other->protocol != ep->protocol)
		return false;
	if (ep->bound_if && other->bound_if && ep->bound_if != other->bound_if)
		return false;
	if (ep->opt.reuseport && other->opt.reuseport)
		return false;
	if (ep->opt.reuseaddr && other->opt.reuseaddr && other->state != EP_LISTENING)
		return false;
	c->found = other;
	return true;
}

/* Closed already, which has not been looked at yet. */
static bool is_over(struct endpoint *ep)
{
	struct pollfd p = { .fd = ep->source.fd };

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLHUP) || ep->hung_up)
		return false;
	ep->ops->ready(ep, EPOLLHUP | EPOLLRDHUP | (p.revents & POLLERR ? EPOLLERR : 0));
	return true;
}

void address_leave_behind(struct endpoint *ep)
{
	ep->st->left_behind[ep->local_port / 8] |= (uint8_t)(1 << ep->local_port % 8);
}

static bool may_be_left(const struct endpoint *ep, uint16_t port)
{
	return ep->st->left_behind[port / 8] & 1 << port % 8;
}

static bool is_another(struct endpoint *other, void *arg)
{
	const struct endpoint *ep = arg;

	return other != ep && other->ops == ep->ops;
}

bool address_is_alone(struct endpoint *ep)
{
	return !may_be_left(ep, ep->local_port) &&
	       !address_each_at(ep->st, ep->local_port, is_another, ep);
}

/* Connections that no socket has any more keep their port for a while (TIME_WAIT), but from those
 * who share it, as they did. */
static bool keeps(const struct tcp_pcb *p, const void *arg)
{
	const struct endpoint *ep = arg;

	return !(ep->opt.reuseaddr && p->so_options & SOF_SHARED) &&
	       overlap(&p->local_ip, &ep->local);
}

static bool left_behind(const struct endpoint *ep, uint16_t port)
{
	bool left = false;

	if (ep->ops != &tcp_endpoint)
		return false;
	if (timewait_any(port, keeps, ep))
		return true;
	for (const struct tcp_pcb *p = tcp_tw_pcbs; p; p = p->next) {
		if (p->local_port == port && keeps(p, ep))
			return true;
	}
	if (!may_be_left(ep, port)) /* (there may be thousands of connections) */
		return false;
	for (const struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next) {
		if (p->callback_arg || p->local_port != port)
			continue;
		if (keeps(p, ep))
			return true;
		left = true;
	}
	if (!left)
		ep->st->left_behind[port / 8] &= (uint8_t) ~(1 << port % 8);
	return false;
}

static bool port_free(const struct endpoint *ep, uint16_t port)
{
	struct claim c = { .ep = ep, .port = port };

	while (address_each_at(ep->st, port, conflicts, &c)) {
		if (!is_over(c.found))
			return false;
	}
	return !left_behind(ep, port);
}

/* Of the range for nobody's in particular, from a place that is not guessed, as the kernel those of
 * a parity first. */
static int choose_port(const struct endpoint *ep, unsigned parity)
{
	const unsigned half = (PORT_LAST - PORT_FIRST + 1) / 2, start = (unsigned)rand() % half;

	for (unsigned i = 0; i < 2 * half; i++) {
		uint16_t port = (uint16_t)(PORT_FIRST + 2 * ((start + i) % half) +
					   (i < half ? parity : !parity));

		if (port_free(ep, port))
			return port;
	}
	return -EADDRINUSE;
}
static_assert(PORT_FIRST % 2 == 0 && PORT_LAST % 2 == 1, "choose_port() takes pairs");

int address_take_port_to_connect(struct endpoint *ep)
{
	int r;

	watches_look(ep->st); /* who has just been closed has none */
	r = choose_port(ep, 0);
	if (r < 0)
		return r;
	address_set_port(ep, (uint16_t)r);
	return 0;
}

int address_take_port(struct endpoint *ep, uint16_t port)
{
	int r = port;

	watches_look(ep->st);
	if (port == 0)
		r = choose_port(ep, 1);
	else if (!port_free(ep, port))
		r = -EADDRINUSE;
	if (r < 0)
		return r;
	address_set_port(ep, (uint16_t)r);
	return 0;
}

void address_drop_port(struct endpoint *ep)
{
	address_set_port(ep, 0);
}

void address_disconnected(struct endpoint *ep)
{
	address_any(ep, &ep->peer);
	ep->peer_port = 0;
	if (!ep->bound_ip)
		address_any(ep, &ep->local);
	if (!ep->bound_port)
		address_drop_port(ep);
}

int address_bind(
	struct endpoint *ep, const struct sockaddr_storage *name, size_t len, bool privileged)
{
	ip_addr_t ip, before = ep->local;
	uint16_t port;
	int r;

	if (ep->domain == AF_INET6 && len >= offsetof(struct sockaddr_in6, sin6_scope_id) &&
		name->ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	if (ep->domain == AF_INET6 && name->ss_family != AF_INET6)
		return -EINVAL;
	r = address_read(ep, name, len, &ip, &port);
	if (r < 0)
		return r == -ENETUNREACH ? -EINVAL : r;
	if (ep->local_port)
		return -EINVAL;
	if (ip_addr_isany(&ip)) {
		bool v4 = ep->domain == AF_INET6 && IP_IS_V4_VAL(ip);

		address_any(ep, &ep->local);
		if (v4)
			IP_SET_TYPE_VAL(ep->local, IPADDR_TYPE_V4);
	} else if (addr_is_local(ep->st, &ip) ||
		   (ep->type != SOCK_STREAM &&
			   (ip_addr_ismulticast(&ip) || address_is_broadcast(ep->st, &ip))) ||
		   (ep->opt.freebind && privileged)) {
		ep->local = ip;
	} else {
		return -EADDRNOTAVAIL;
	}
	r = ep->type == SOCK_RAW ? 0 : address_take_port(ep, port);
	if (r < 0) {
		ep->local = before;
		return r;
	}
	ep->bound_ip = !ip_addr_isany(&ip);
	ep->bound_port = port != 0;
	return 0;
}
