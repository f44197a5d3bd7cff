/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sock_diag(7): what ss(8) lists. */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "net/lwip/netlink.h"

struct diag {
	struct nl_answer *a;
	const struct inet_diag_req_v2 *req;
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

static bool put_socket(struct endpoint *ep, void *arg)
{
	struct diag *d = arg;
	struct inet_diag_msg *m;
	unsigned state;

	if (ep->domain != d->req->sdiag_family || ep->protocol != d->req->sdiag_protocol ||
		ep->ops == &netlink_endpoint || ep->type == SOCK_RAW)
		return false;
	state = state_of(ep);
	/* one that is not bound is in no table of the kernel's either */
	if (!(d->req->idiag_states & (1u << state)) || !ep->local_port)
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
	nl_end(d->a);
	return false;
}

int sockdiag_request(struct stack *st, const struct nlmsghdr *h, struct nl_answer *a)
{
	struct diag d = { .a = a, .req = NLMSG_DATA(h) };
	const uint32_t *protocol;
	struct nl_attrs at;

	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || !(h->nlmsg_flags & NLM_F_DUMP))
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
	(void)endpoints_each(st, put_socket, &d);
	return 0;
}
