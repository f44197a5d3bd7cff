/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock_diag(7): what ss(8) lists. */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "net/lwip/netlink.h"
#include "net/lwip/tcp.h"

struct diag {
	struct nl_answer *a;
	const struct inet_diag_req_v2 *req;
	bool listening; /* those that listen come first */
};

static unsigned state_of(struct endpoint *ep)
{
	struct tcp_info info;
	size_t len = sizeof(info);

	if (ep->ops == &tcp_endpoint &&
		ep->ops->getopt(ep, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		return info.tcpi_state;
	return ep->state == EP_OPEN ? TCP_ESTABLISHED : TCP_CLOSE;
}

static void put_id(const struct endpoint *ep, const ip_addr_t *ip, uint16_t port, __be32 addr[4],
	__be16 *ret_port)
{
	struct sockaddr_storage name;

	(void)address_write(ep, ip, port, &name);
	*ret_port = htons(port);
	if (ep->domain == AF_INET)
		memcpy(addr, &((struct sockaddr_in *)&name)->sin_addr, 4);
	else
		memcpy(addr, &((struct sockaddr_in6 *)&name)->sin6_addr, 16);
}

static void put_info(struct nl_answer *a, struct endpoint *ep)
{
	struct tcp_info info;
	size_t len = sizeof(info);

	if (ep->ops == &tcp_endpoint &&
		ep->ops->getopt(ep, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		nl_put(a, INET_DIAG_INFO, &info, len);
}

/* As long as nothing is kept of what is sent and has come (sk_get_meminfo() of the kernel). */
static void put_memory(struct nl_answer *a, struct endpoint *ep)
{
	uint32_t v[SK_MEMINFO_DROPS + 1] = { 0 };
	size_t len = sizeof(v[0]);

	if (option_get(ep, SOL_SOCKET, SO_RCVBUF, &v[SK_MEMINFO_RCVBUF], &len) == 0 &&
		option_get(ep, SOL_SOCKET, SO_SNDBUF, &v[SK_MEMINFO_SNDBUF], &len) == 0)
		nl_put(a, INET_DIAG_SKMEMINFO, v, sizeof(v));
}

static bool is_of(const struct endpoint *ep, const struct inet_diag_req_v2 *req)
{
	return ep->domain == req->sdiag_family && ep->protocol == req->sdiag_protocol &&
	       ep->ops != &netlink_endpoint && ep->type != SOCK_RAW;
}

static bool put_socket(struct endpoint *ep, void *arg)
{
	struct diag *d = arg;
	struct inet_diag_msg *m;
	unsigned state;

	if (!is_of(ep, d->req) || (ep->state == EP_LISTENING) != d->listening)
		return false;
	state = state_of(ep);
	if (!(d->req->idiag_states & (1u << state)) || !endpoint_is_listed(ep))
		return false;
	m = nl_begin(d->a, SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, sizeof(*m));
	m->idiag_family = (uint8_t)ep->domain;
	m->idiag_state = (uint8_t)state;
	put_id(ep, &ep->local, ep->local_port, m->id.idiag_src, &m->id.idiag_sport);
	put_id(ep, &ep->peer, ep->peer_port, m->id.idiag_dst, &m->id.idiag_dport);
	m->id.idiag_if = ep->bound_if ? (uint32_t)iface_index(ep->bound_if) : 0;
	m->idiag_wqueue = ep->state == EP_LISTENING ? (uint32_t)ep->backlog : 0;
	m->idiag_uid = getuid();
	m->idiag_inode = (uint32_t)ep->ino;
	memcpy(m->id.idiag_cookie, &ep->number, sizeof(m->id.idiag_cookie));
	if (d->req->idiag_ext & 1u << (INET_DIAG_INFO - 1))
		put_info(d->a, ep);
	if (d->req->idiag_ext & 1u << (INET_DIAG_SKMEMINFO - 1))
		put_memory(d->a, ep);
	nl_end(d->a);
	return false;
}

static void put_sockets(struct stack *st, struct diag *d)
{
	for (int pass = 0; pass < 2; pass++) {
		d->listening = pass == 0;
		(void)endpoints_each(st, put_socket, d);
	}
}

/* ---- SOCK_DESTROY ---- */

struct victim {
	const struct inet_diag_req_v2 *req;
	struct endpoint *found;
};

static bool is_victim(struct endpoint *ep, void *arg)
{
	struct victim *v = arg;
	const struct inet_diag_sockid *id = &v->req->id;
	const uint32_t any[2] = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE };
	struct inet_diag_sockid its = { 0 };

	if (!is_of(ep, v->req) || !endpoint_is_listed(ep))
		return false;
	put_id(ep, &ep->local, ep->local_port, its.idiag_src, &its.idiag_sport);
	put_id(ep, &ep->peer, ep->peer_port, its.idiag_dst, &its.idiag_dport);
	if (its.idiag_sport != id->idiag_sport || its.idiag_dport != id->idiag_dport ||
		memcmp(its.idiag_src, id->idiag_src, sizeof(its.idiag_src)) != 0 ||
		memcmp(its.idiag_dst, id->idiag_dst, sizeof(its.idiag_dst)) != 0)
		return false;
	if (memcmp(id->idiag_cookie, any, sizeof(any)) != 0 &&
		memcmp(id->idiag_cookie, &ep->number, sizeof(id->idiag_cookie)) != 0)
		return false;
	v->found = ep;
	return true;
}

/* Its guest hears ECONNRESET, where the kernel's says ECONNABORTED: a pair has no other word. */
static int destroy(struct stack *st, const struct inet_diag_req_v2 *req, bool privileged)
{
	struct victim v = { .req = req };

	if (!privileged)
		return -EPERM;
	if (!endpoints_each(st, is_victim, &v))
		return -ENOENT;
	if (v.found->ops != &tcp_endpoint || v.found->state == EP_LISTENING)
		return -EOPNOTSUPP;
	if (v.found->state == EP_CONNECTING)
		endpoint_unreachable(v.found, -ECONNABORTED);
	else if (v.found->unaccepted)
		tcp_abort(v.found->tcp); /* who accepts it hears of that */
	else
		stream_reset(v.found);
	return 0;
}

int sockdiag_request(
	struct stack *st, const struct nlmsghdr *h, bool privileged, struct nl_answer *a)
{
	struct diag d = { .a = a, .req = NLMSG_DATA(h) };
	const bool ends = h->nlmsg_type == SOCK_DESTROY;
	const uint32_t *protocol;
	struct nl_attrs at;

	if (!ends && (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || !(h->nlmsg_flags & NLM_F_DUMP)))
		return -EOPNOTSUPP;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct sock_diag_req)))
		return -EINVAL;
	if (d.req->sdiag_family != AF_INET && d.req->sdiag_family != AF_INET6)
		return -ENOENT; /* the kernel's: it has no handler loaded */
	if (!nl_parse(h, sizeof(*d.req), &at))
		return -EINVAL;
	/* of one whose number is more than a byte (MPTCP) that has the lower half alone */
	protocol = nl_data(&at, INET_DIAG_REQ_PROTOCOL, sizeof(*protocol));
	if (protocol && *protocol != d.req->sdiag_protocol)
		return -ENOENT;
	if (ends)
		return destroy(st, d.req, privileged);
	put_sockets(st, &d);
	return 0;
}
