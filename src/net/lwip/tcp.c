/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP's connections as a whole: how they begin, which options they have, how they end. */
#include <lwip/priv/tcp_priv.h>
#include <netinet/in.h>
#include <string.h>

#include "net/lwip/tcp.h"
#include "net/lwip/timewait.h"

int tcp_error(err_t e)
{
	return e == ERR_OK ? 0 : -err_to_errno(e);
}

void tcp_forget(struct tcp_pcb *pcb)
{
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
}

/* ---- before lwIP sees it ---- */

/* A segment that has come. */
struct segment {
	ip_addr_t src, dst;
	uint16_t sport, dport;
	uint32_t seq;
	uint8_t flags;
	uint16_t urgent;
};

static bool read_segment(const uint8_t *packet, size_t len, struct segment *ret)
{
	const bool v6 = len > 0 && packet[0] >> 4 == 6;
	const size_t hlen = v6 ? IP6_HLEN : len > 0 ? 4 * (packet[0] & 15u) : 0;
	const uint8_t *tcp = packet + hlen;

	if (hlen < IP_HLEN || len < hlen + TCP_HLEN || packet[v6 ? 6 : 9] != IP_PROTO_TCP)
		return false;
	*ret = (struct segment){ .src.type = v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4,
		.dst.type = v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4,
		.sport = (uint16_t)(tcp[0] << 8 | tcp[1]),
		.dport = (uint16_t)(tcp[2] << 8 | tcp[3]),
		.seq = (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 |
		       tcp[7],
		.flags = tcp[13],
		.urgent = (uint16_t)(tcp[18] << 8 | tcp[19]) };
	if (v6) {
		memcpy(ip_2_ip6(&ret->src)->addr, packet + 8, 16);
		memcpy(ip_2_ip6(&ret->dst)->addr, packet + 24, 16);
	} else {
		memcpy(&ip_2_ip4(&ret->src)->addr, packet + 12, 4);
		memcpy(&ip_2_ip4(&ret->dst)->addr, packet + 16, 4);
	}
	return true;
}

/* Of these connections the segment's. */
static struct tcp_pcb *find_connection(struct tcp_pcb *list, const struct segment *s)
{
	struct tcp_pcb *p = list;

	while (p && !(p->remote_port == s->sport && p->local_port == s->dport &&
			    ip_addr_cmp_zoneless(&p->remote_ip, &s->src) &&
			    ip_addr_cmp_zoneless(&p->local_ip, &s->dst)))
		p = p->next;
	return p;
}

void tcp_before_input(const uint8_t *packet, size_t len)
{
	struct segment s;
	struct tcp_pcb *p;
	bool is_new;

	if (!read_segment(packet, len, &s))
		return;
	is_new = (s.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	timewait_segment(&s.dst, s.dport, &s.src, s.sport, is_new);
	if (is_new) { /* (a socket may have it still) */
		p = find_connection(tcp_tw_pcbs, &s);
		if (p)
			tcp_abort(p);
	} else if (s.flags & TCP_URG) {
		p = find_connection(tcp_active_pcbs, &s);
		if (p && p->recv == stream_on_recv && p->callback_arg)
			urgent_came(p->callback_arg, s.seq + s.urgent - 1);
	}
}

/* RFC 1624 */
static void change_word(uint8_t *at, uint16_t value, uint8_t *checksum)
{
	uint32_t sum = (uint16_t) ~(checksum[0] << 8 | checksum[1]);

	sum += (uint16_t) ~(at[0] << 8 | at[1]) + (uint32_t)value;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	checksum[0] = (uint8_t)(sum >> 8);
	checksum[1] = (uint8_t)sum;
}

void tcp_before_loop(uint8_t *packet, size_t len)
{
	uint8_t *tcp = packet + (packet[0] >> 4 == 6 ? IP6_HLEN : 4 * (packet[0] & 15u));
	struct segment s;
	struct tcp_pcb *p;

	tcp_before_input(packet, len);
	if (!read_segment(packet, len, &s) || (s.flags & (TCP_SYN | TCP_ACK)) != TCP_SYN ||
		s.sport != s.dport || !ip_addr_cmp_zoneless(&s.src, &s.dst))
		return;
	p = find_connection(tcp_active_pcbs, &s);
	if (!p || p->state != SYN_SENT)
		return;
	change_word(tcp + 8, (uint16_t)((s.seq + 1) >> 16), tcp + 16);
	change_word(tcp + 10, (uint16_t)(s.seq + 1), tcp + 16);
	change_word(tcp + 12, (uint16_t)(tcp[12] << 8 | tcp[13] | TCP_ACK), tcp + 16);
}

/* Has the guest closed it, and not all that it wrote been acknowledged? With grace: or is it still
 * the guest's, who ends just now, or an end of the other side's waited for? */
static bool is_unsent(const struct tcp_pcb *p, bool grace)
{
	const struct endpoint *ep = p->recv == stream_on_recv ? p->callback_arg : NULL;

	return p->state == FIN_WAIT_1 || (grace && (ep || p->state == FIN_WAIT_2)) ||
	       p->state == CLOSING || p->state == LAST_ACK || (ep && ep->hung_up);
}

uint64_t tcp_unsent(bool grace)
{
	uint64_t sum = 0;

	for (const struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next) {
		if (is_unsent(p, grace))
			sum += (uint64_t)p->lastack + 1;
	}
	return sum;
}

bool tcp_is_stray(const uint8_t *packet, size_t len)
{
	struct segment s;

	return read_segment(packet, len, &s) && !find_connection(tcp_active_pcbs, &s) &&
	       !find_connection(tcp_tw_pcbs, &s);
}

/* ---- the connection as a whole ---- */

static void set_connecting(struct endpoint *ep, enum endpoint_state state)
{
	if (state == EP_CONNECTING)
		ep->st->connecting++;
	else if (ep->state == EP_CONNECTING)
		ep->st->connecting--;
	ep->state = state;
}

void tcp_abort_connection(struct endpoint *ep, struct tcp_pcb *pcb)
{
	ep->st->counts.tcp.estab_resets += pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT;
	tcp_forget(pcb);
	tcp_abort(pcb);
}

static void connect_failed(struct endpoint *ep, int error)
{
	ep->st->counts.tcp.attempt_fails += ep->state == EP_CONNECTING;
	ep->error = error;
	ep->st->shared->failed++;
	ep->unanswered = 0;
	cds_list_del_init(&ep->news);
	cds_list_del_init(&ep->owing);
	set_connecting(ep, EP_CLOSED);
	address_any(ep, &ep->peer);
	if (!ep->bound_port)
		address_drop_port(ep);
	stream_drain(ep); /* it may be tried again, and is writable */
}

void endpoint_unreachable(struct endpoint *ep, int error)
{
	struct tcp_pcb *pcb = take_ptr(&ep->tcp);

	if (pcb)
		tcp_abort_connection(ep, pcb);
	connect_failed(ep, error);
}

/* It is gone: lwIP has freed it already. */
static void on_err(void *arg, err_t err)
{
	struct endpoint *ep = arg;

	ep->tcp = NULL;
	if (ep->state == EP_CONNECTING) {
		connect_failed(ep, err == ERR_RST ? -ECONNREFUSED : -ETIMEDOUT);
		return;
	}
	/* (what we close is not this one's to tell of any more) */
	ep->st->counts.tcp.estab_resets += err != ERR_CLSD && !ep->fin_wanted;
	stream_set_events(ep, !stream_deliver(ep));
	if (ep->unaccepted) {
		ep->reset = err != ERR_CLSD;
		return;
	}
	/* closed by both is no error; our end is then hung up on once the guests have closed theirs
	 */
	if (err != ERR_CLSD)
		endpoint_close(ep);
}

static void apply_options(struct endpoint *ep)
{
	struct tcp_pcb *pcb = ep->tcp;
	const struct endpoint_options *o = &ep->opt;

	if (!pcb)
		return;
	pcb->ttl = (u8_t)(ep->domain == AF_INET6 && o->hops >= 0 ? o->hops : o->ttl);
	pcb->tos = (u8_t)(ep->domain == AF_INET6 ? o->tclass : o->tos);
	/* (who may have which port is said in address.c) */
	pcb->so_options = (u8_t)(SOF_REUSEADDR | (o->reuseaddr ? SOF_SHARED : 0));
	if (o->keepalive)
		pcb->so_options |= SOF_KEEPALIVE;
	if (ep->bound_if)
		pcb->netif_idx = netif_get_index(&ep->bound_if->netif);
	if (ep->state == EP_LISTENING)
		return;
	if (o->nodelay)
		tcp_nagle_disable(pcb);
	else
		tcp_nagle_enable(pcb);
	pcb->keep_idle = (u32_t)o->keepidle * 1000;
	pcb->keep_intvl = (u32_t)o->keepintvl * 1000;
	pcb->keep_cnt = (u32_t)o->keepcnt;
	if (!o->cork)
		stream_send_more(ep);
	else if (o->nodelay)
		tcp_output(pcb);
}

/* TCP_MAXSEG, as far as what is sent goes. */
static void limit_segments(const struct endpoint *ep, struct tcp_pcb *pcb)
{
	if (ep->opt.maxseg && pcb->mss > ep->opt.maxseg)
		pcb->mss = (u16_t)ep->opt.maxseg;
}

void tcp_take(struct endpoint *ep, struct tcp_pcb *pcb)
{
	ep->tcp = pcb;
	limit_segments(ep, pcb);
	ep->rx_seq = pcb->rcv_nxt;
	ep->short_end = pcb->lastack;
	ep->urgent = false;
	tcp_arg(pcb, ep);
	tcp_recv(pcb, stream_on_recv);
	tcp_sent(pcb, stream_on_sent);
	tcp_err(pcb, on_err);
	apply_options(ep);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, UNUSED err_t err)
{
	struct endpoint *ep = arg;

	set_connecting(ep, EP_OPEN);
	ep->rx_seq = pcb->rcv_nxt;
	ep->short_end = pcb->lastack;
	limit_segments(ep, pcb);
	/* told at the end of the turn: who connects to a server here, and then polls it, finds the
	 * connection there */
	stream_has_news(ep);
	return ERR_OK;
}

int tcp_begin(struct endpoint *ep, const ip_addr_t *local)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(local));

	if (!pcb)
		return -ENOMEM;
	/* as tcp_bind(), which looks through all connections for what address.c has said */
	if (!ip_addr_isany(local))
		pcb->local_ip = *local;
	if (IP_IS_V6(local) && ip6_addr_lacks_zone(ip_2_ip6(local), IP6_UNICAST))
		ip6_addr_select_zone(ip_2_ip6(&pcb->local_ip), ip_2_ip6(&pcb->local_ip));
	pcb->local_port = ep->local_port;
	TCP_REG(&tcp_bound_pcbs, pcb);
	tcp_take(ep, pcb);
	return 0;
}

/* With SOF_REUSEADDR lwIP looks through all connections for one with the same ends. */
static int connect_pcb(struct endpoint *ep, const ip_addr_t *ip, uint16_t port)
{
	err_t e;

	if (address_is_alone(ep))
		ip_reset_option(ep->tcp, SOF_REUSEADDR);
	e = tcp_connect(ep->tcp, ip, port, on_connected);
	ip_set_option(ep->tcp, SOF_REUSEADDR);
	return tcp_error(e);
}

static int start_connect(struct endpoint *ep, const ip_addr_t *ip, uint16_t port)
{
	ip_addr_t source;
	struct iface *i;
	int r = route_source(ep->st, ip, ep->bound_if, &i, &source);

	if (r < 0)
		return r;
	if (!ip_addr_isany(&ep->local))
		source = ep->local;
	ep->local = source;
	if (!ep->local_port)
		r = address_take_port_to_connect(ep);
	if (r == 0)
		r = tcp_begin(ep, &source);
	if (r < 0)
		return r;
	ep->peer = *ip;
	ep->peer_port = port;
	set_connecting(ep, EP_CONNECTING);
	r = connect_pcb(ep, ip, port);
	if (r < 0) {
		struct tcp_pcb *pcb = take_ptr(&ep->tcp);

		tcp_forget(pcb);
		tcp_abort(pcb);
		set_connecting(ep, EP_CLOSED);
	}
	ep->st->counts.tcp.active_opens += r == 0;
	return r;
}

static void stop(struct endpoint *ep)
{
	struct tcp_pcb *pcb = take_ptr(&ep->tcp);

	tcp_stop_listening(ep, pcb);
	ep->state = EP_CLOSED;
	ep->stopped = true;
}

/*
 * connect(2) to AF_UNSPEC. What a pair was told by shutdown(2) cannot be taken back: a connection
 * of which a side has ended stays one, and a listener that stopped can only listen again.
 */
static int disconnect(struct endpoint *ep)
{
	if (ep->state == EP_OPEN && (ep->fin_in || ep->fin_wanted || ep->hung_up))
		return -EOPNOTSUPP;
	if (ep->state == EP_LISTENING) {
		stop(ep);
	} else if (ep->state != EP_CLOSED) {
		endpoint_unreachable(ep, -ECONNRESET);
		address_disconnected(ep);
		if (ep->rx)
			pbuf_free(take_ptr(&ep->rx));
		free(take_ptr(&ep->tx));
		stream_set_events(ep, false);
	}
	return 0;
}

/* What is in the pair when the connection is there (see stream.c): one byte, which the caller is
 * going to write if it is not. */
static void expect_kept(struct endpoint *ep)
{
	if (!ep->drained)
		return;
	stream_drain(ep);
	ep->drained = false;
	ep->junk = ep->refill = 1;
}

/* It is not there yet: the pair is filled. */
static void expect_full(struct endpoint *ep, size_t bytes)
{
	if (ep->junk >= STACK_LESS_JUNK)
		return;
	ep->refill += bytes;
	ep->junk += bytes;
}

/* What this host has sent to itself has come: to a server here the connection is there, or never
 * will be. wait: the guest wants to know now. */
static int connect_begun(struct endpoint *ep, enum stack_wait wait)
{
	int r = 0;

	loop_deliver(ep->st);
	if (ep->state == EP_CONNECTING) {
		expect_full(ep, wait == STACK_WAIT_SMALL ? STACK_LESS_JUNK : STACK_JUNK);
		return -EINPROGRESS;
	}
	if (ep->state != EP_OPEN) {
		ep->refill = 0;
		r = ep->error;
	}
	if (!wait)
		return -EINPROGRESS;
	ep->error = 0;
	return r;
}

static int begin_connect(struct endpoint *ep, const struct stack_msg *m)
{
	ip_addr_t ip, before = ep->local;
	uint16_t port, port_before = ep->local_port;
	int r;

	if (m->namelen >= sizeof(sa_family_t) && m->name.ss_family == AF_UNSPEC)
		return disconnect(ep);
	r = address_read(ep, &m->name, m->namelen, &ip, &port);
	if (r < 0)
		return r;
	if (ep->state != EP_CLOSED)
		return ep->state == EP_CONNECTING ? -EALREADY : -EISCONN;
	address_any_is_here(&ip);
	if (ip_addr_ismulticast(&ip))
		return -ENETUNREACH;
	if (ep->stopped)
		return -EOPNOTSUPP;
	if (ep->source.fd < 0)
		return -EINVAL;
	ep->error = 0;
	expect_kept(ep);
	r = start_connect(ep, &ip, port);
	if (r == -EADDRINUSE)
		r = -EADDRNOTAVAIL;
	if (r < 0) {
		ep->drained = ep->refill > 0;
		ep->refill = 0;
		ep->local = before;
		address_any(ep, &ep->peer);
		address_set_port(ep, port_before);
		return r;
	}
	return connect_begun(ep, (enum stack_wait)m->a);
}

static int tcp_connect_(struct endpoint *ep, const struct stack_msg *m)
{
	int r = begin_connect(ep, m);

	if (m->a == STACK_WAIT_FULL && r < 0 && ep->state == EP_CLOSED) {
		ep->error = r; /* which the guest learns when its socket is writable */
		ep->st->shared->failed++;
		stream_drain(ep);
	}
	return r;
}

static int tcp_bind_(struct endpoint *ep, const struct stack_msg *m)
{
	return address_bind(ep, &m->name, m->namelen, m->privileged);
}

/* The pair itself is shut down by who asks, which we see; of what listens itself we do not. */
static int tcp_shutdown_(struct endpoint *ep, int how)
{
	if (ep->state == EP_LISTENING && ep->watch && how != SHUT_WR) {
		stop(ep);
		return 0;
	}
	if (ep->state == EP_CLOSED || ep->state == EP_CONNECTING)
		return -ENOTCONN;
	/* (both have ended) */
	return ep->tcp && ep->tcp->state != TIME_WAIT ? 0 : -ENOTCONN;
}

static void tcp_release(struct endpoint *ep)
{
	struct tcp_pcb *pcb = take_ptr(&ep->tcp);

	if (ep->state == EP_CONNECTING)
		set_connecting(ep, EP_CLOSED);
	if (!pcb)
		return;
	if (ep->state == EP_LISTENING) {
		tcp_stop_listening(ep, pcb);
		return;
	}
	tcp_abort_connection(ep, pcb);
}

const struct endpoint_ops tcp_endpoint = {
	.bind = tcp_bind_,
	.connect = tcp_connect_,
	.listen = tcp_listen_,
	.shutdown = tcp_shutdown_,
	.send = tcp_send_,
	.options = apply_options,
	.getopt = tcp_getopt,
	.setopt = tcp_setopt,
	.ready = stream_ready,
	.release = tcp_release,
};
