/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packet sockets: packet(7). Their filters are the kernel's, on the pair. */
#include "net/lwip/packet.h"

#include <linux/if_packet.h>
#include <lwip/prot/ethernet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

struct frame {
	struct iface *iface;
	const uint8_t *data;
	size_t len;
	uint16_t type; /* of Ethernet, in host order */
	bool outgoing;
};

static uint8_t kind_of(const struct frame *f)
{
	static const uint8_t all_ones[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (f->outgoing)
		return PACKET_OUTGOING;
	if (memcmp(f->data, all_ones, ETH_ALEN) == 0)
		return PACKET_BROADCAST;
	if (f->data[0] & 1)
		return PACKET_MULTICAST;
	return memcmp(f->data, f->iface->netif.hwaddr, ETH_ALEN) == 0 ? PACKET_HOST
								      : PACKET_OTHERHOST;
}

static void add_auxdata(struct stack_head *head, const struct frame *f)
{
	const struct tpacket_auxdata aux = { .tp_status = TP_STATUS_USER,
		.tp_len = (uint32_t)f->len,
		.tp_snaplen = (uint32_t)f->len,
		.tp_net = ETH_HLEN };
	const struct cmsghdr cm = { .cmsg_len = CMSG_LEN(sizeof(aux)),
		.cmsg_level = SOL_PACKET,
		.cmsg_type = PACKET_AUXDATA };

	memcpy(head->control, &cm, sizeof(cm));
	memcpy(head->control + CMSG_LEN(0), &aux, sizeof(aux));
	head->controllen = CMSG_SPACE(sizeof(aux));
}

static bool offer(struct endpoint *ep, void *arg)
{
	const struct frame *f = arg;
	const uint16_t wanted = ntohs((uint16_t)ep->protocol);
	struct sockaddr_ll from = { .sll_family = AF_PACKET,
		.sll_protocol = htons(f->type),
		.sll_ifindex = iface_index(f->iface),
		.sll_hatype = ARPHRD_ETHER,
		.sll_pkttype = kind_of(f),
		.sll_halen = ETH_ALEN };
	struct stack_head head = { .namelen = sizeof(from) };
	const size_t skip = ep->type == SOCK_DGRAM ? ETH_HLEN : 0;

	if (ep->ops != &packet_endpoint || (ep->bound_if && ep->bound_if != f->iface) ||
		(wanted != ETH_P_ALL && (wanted != f->type || f->outgoing)))
		return false;
	memcpy(from.sll_addr, f->data + ETH_ALEN, ETH_ALEN);
	memcpy(&head.name, &from, sizeof(from));
	if (ep->auxdata)
		add_auxdata(&head, f);
	(void)endpoint_deliver(ep, &head, f->data + skip, f->len - skip);
	return false;
}

void packet_deliver(struct iface *i, const uint8_t *frame, size_t len, bool outgoing)
{
	struct frame f = { .iface = i, .data = frame, .len = len, .outgoing = outgoing };

	if (!i->stack->packet_sockets || len < ETH_HLEN)
		return;
	f.type = (uint16_t)(frame[12] << 8 | frame[13]);
	(void)endpoints_each(i->stack, offer, &f);
}

static int packet_bind(struct endpoint *ep, const struct stack_msg *m)
{
	struct sockaddr_ll sll = { 0 };

	if (m->namelen < offsetof(struct sockaddr_ll, sll_addr))
		return -EINVAL;
	memcpy(&sll, &m->name, m->namelen < sizeof(sll) ? m->namelen : sizeof(sll));
	if (sll.sll_family != AF_PACKET)
		return -EINVAL;
	ep->bound_if = sll.sll_ifindex ? iface_by_index(ep->st, sll.sll_ifindex) : NULL;
	if (sll.sll_ifindex && !ep->bound_if)
		return -ENODEV;
	if (sll.sll_protocol)
		ep->protocol = sll.sll_protocol;
	return 0;
}

static int packet_connect(UNUSED struct endpoint *ep, UNUSED const struct stack_msg *m)
{
	return -EOPNOTSUPP;
}

static int packet_shutdown(UNUSED struct endpoint *ep, UNUSED int how)
{
	return -EOPNOTSUPP;
}

static int packet_getname(struct endpoint *ep, bool peer, struct sockaddr_storage *ret)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
		.sll_protocol = (uint16_t)ep->protocol };

	if (peer)
		return -EOPNOTSUPP;
	if (ep->bound_if) {
		sll.sll_ifindex = iface_index(ep->bound_if);
		sll.sll_hatype = ep->bound_if->spec ? ARPHRD_ETHER : ARPHRD_LOOPBACK;
		sll.sll_halen = ETH_ALEN;
		memcpy(sll.sll_addr, ep->bound_if->netif.hwaddr, ETH_ALEN);
	}
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, &sll, sizeof(sll));
	return sizeof(sll);
}

/* With a header before it where the socket makes them. */
static int send_frame(
	struct endpoint *ep, const struct sockaddr_ll *to, const uint8_t *data, size_t len)
{
	struct iface *i = to->sll_ifindex ? iface_by_index(ep->st, to->sll_ifindex) : ep->bound_if;
	const size_t head = ep->type == SOCK_DGRAM ? ETH_HLEN : 0;
	struct pbuf *p;
	uint8_t *frame;
	err_t e;

	if (!i)
		return -ENXIO;
	if (!i->spec || !i->admin_up)
		return i->spec ? -ENETDOWN : -EOPNOTSUPP;
	if (head + len < ETH_HLEN || len > i->netif.mtu + (head ? 0u : ETH_HLEN))
		return head + len < ETH_HLEN ? -EINVAL : -EMSGSIZE;
	p = pbuf_alloc(PBUF_RAW, (u16_t)(head + len), PBUF_RAM);
	if (!p)
		return -ENOBUFS;
	frame = p->payload;
	if (head) {
		const uint16_t type = to->sll_protocol ? to->sll_protocol : (uint16_t)ep->protocol;

		memcpy(frame, to->sll_addr, ETH_ALEN);
		memcpy(frame + ETH_ALEN, i->netif.hwaddr, ETH_ALEN);
		memcpy(frame + 2 * ETH_ALEN, &type, sizeof(type));
	}
	if (len)
		memcpy(frame + head, data, len);
	e = i->netif.linkoutput(&i->netif, p);
	pbuf_free(p);
	return e == ERR_OK ? (int)len : -ENOBUFS;
}

static int packet_send(struct endpoint *ep, const struct stack_msg *m)
{
	struct sockaddr_ll to = { 0 };

	if (m->namelen && m->namelen < offsetof(struct sockaddr_ll, sll_addr))
		return -EINVAL;
	memcpy(&to, &m->name, m->namelen < sizeof(to) ? m->namelen : sizeof(to));
	return send_frame(ep, &to, m->data + m->controllen, m->len);
}

static int packet_setopt(struct endpoint *ep, int level, int option, const void *value, size_t len)
{
	int v = 0;

	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	memcpy(&v, value, len < sizeof(v) ? len : sizeof(v));
	switch (option) {
	case PACKET_AUXDATA:
		ep->auxdata = v;
		return 0;
	case PACKET_ADD_MEMBERSHIP:
	case PACKET_DROP_MEMBERSHIP: /* all that is on the wire is seen anyway */
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int packet_getopt(UNUSED struct endpoint *ep, int level, int option, void *ret, size_t *len)
{
	static const struct tpacket_stats none;

	if (level != SOL_PACKET || option != PACKET_STATISTICS)
		return -ENOPROTOOPT;
	*len = *len < sizeof(none) ? *len : sizeof(none);
	memcpy(ret, &none, *len);
	return 0;
}

static void packet_ready(struct endpoint *ep, uint32_t events)
{
	const struct sockaddr_ll none = { 0 };
	ssize_t n;

	while ((n = recv(ep->source.fd, ep->st->scratch, SCRATCH_BYTES, MSG_DONTWAIT)) > 0)
		(void)send_frame(ep, &none, ep->st->scratch, (size_t)n);
	if (n == 0 && events & EPOLLRDHUP && !(events & EPOLLHUP))
		(void)source_change(ep->st, &ep->source, 0);
	if (events & EPOLLHUP)
		endpoint_close(ep);
}

static void packet_release(struct endpoint *ep)
{
	ep->st->packet_sockets--;
}

const struct endpoint_ops packet_endpoint = {
	.bind = packet_bind,
	.connect = packet_connect,
	.shutdown = packet_shutdown,
	.send = packet_send,
	.setopt = packet_setopt,
	.getopt = packet_getopt,
	.getname = packet_getname,
	.ready = packet_ready,
	.release = packet_release,
};
