/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The error queue of a datagram socket (IP_RECVERR: ip(7)). The guest reads it by MSG_ERRQUEUE
 * (STACK_RECVERR). That there is something in it is an error like others, which the pair says
 * (datagram.c).
 */
#include <time.h>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/datagram.h"

#define ERRORS_MAX 32 /* of one socket */

struct queued_error {
	struct queued_error *next;
	struct stack_head head;
	size_t len;
	uint8_t data[]; /* of the packet that it is about */
};

/* The control message, with the address of who has sent the ICMP message behind it. */
static void add_extended(
	const struct endpoint *ep, const struct socket_error *e, struct stack_head *head)
{
	const bool v6 = ep->domain == AF_INET6;
	const uint8_t origin = e->is_local	       ? SO_EE_ORIGIN_LOCAL
			       : IP_IS_V6_VAL(e->peer) ? SO_EE_ORIGIN_ICMP6
						       : SO_EE_ORIGIN_ICMP;
	struct {
		struct sock_extended_err ee;
		struct sockaddr_storage offender;
	} all = { .ee = { .ee_errno = (uint32_t)e->error,
			  .ee_origin = origin,
			  .ee_type = e->type,
			  .ee_code = e->code,
			  .ee_info = e->info } };

	if (!e->is_local)
		(void)address_write(ep, &e->offender, 0, &all.offender);
	control_add(head, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &all,
		sizeof(all.ee) + (v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)));
}

static void queue_error(struct endpoint *ep, const struct socket_error *e)
{
	struct queued_error *q, **last = &ep->errors;
	size_t n = 0;

	for (; *last; last = &(*last)->next)
		n++;
	q = n < ERRORS_MAX ? calloc(1, sizeof(*q) + e->len) : NULL;
	if (!q)
		return; /* as the kernel, when there is no room */
	if (!e->is_local)
		control_fill(ep, &q->head);
	add_extended(ep, e, &q->head);
	q->head.error = -e->error;
	q->head.namelen = address_write(ep, &e->peer, e->peer_port, &q->head.name);
	q->len = e->len;
	if (e->len)
		memcpy(q->data, e->data, e->len);
	*last = q;
}

void socket_error_tell(struct endpoint *ep, const struct socket_error *e)
{
	if (ep->opt.recverr)
		queue_error(ep, e);
	if (e->is_local) /* the call says it */
		return;
	ep->error = -e->error;
	datagram_alarm(ep);
}

int socket_error_take(struct endpoint *ep, struct stack_msg *m)
{
	struct queued_error *q = ep->errors;

	if (!q)
		return -EAGAIN;
	ep->errors = q->next;
	ep->error = q->next ? q->next->head.error : 0;
	m->name = q->head.name;
	m->namelen = q->head.namelen;
	m->controllen = q->head.controllen;
	m->len = (uint32_t)q->len;
	memcpy(m->data, q->head.control, q->head.controllen);
	memcpy(m->data + m->controllen, q->data, q->len);
	free(q);
	return 0;
}

void socket_errors_free(struct endpoint *ep)
{
	while (ep->errors) {
		struct queued_error *q = ep->errors;

		ep->errors = q->next;
		free(q);
	}
}
