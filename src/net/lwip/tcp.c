/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. What the guest writes into its end of the pair is read here as lwIP's send
 * buffer has room, and what comes is written there as that has room: the kernel's buffer, lwIP's
 * and the other host's window press back on each other.
 *
 * One byte that was sent on already always stays in our end ("kept"), the first one having been put
 * there at the beginning: an end that is closed with something unread gives the other ECONNRESET,
 * which is how a reset is told. A connection that ends well is shut down, not closed, and our end
 * closed when the guests have closed theirs. If they did so with something unread our end says
 * ECONNRESET, and the connection is reset, as the kernel's are.
 *
 * A socket that is not connected has more than one byte there, so much that it is not writable:
 * whoever polls for the end of a connect(2) sees it when those are taken away.
 */
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <linux/sockios.h>

#include "net/fdmsg.h"
#include "net/lwip/endpoint.h"

#define QUEUE_ROOM 24 /* segments that lwIP's queue has room for before more is written */
#define TIME_WAIT_MAX 1024
#define DELIVER_IOV 64

static int error_of(err_t e)
{
	return e == ERR_OK ? 0 : -err_to_errno(e);
}

static void set_events(struct endpoint *ep, bool out)
{
	if (ep->waits_out == out)
		return;
	ep->waits_out = out;
	(void)source_change(
		ep->st, &ep->source, EPOLLIN | EPOLLRDHUP | EPOLLET | (out ? EPOLLOUT : 0));
}

static void forget_pcb(struct tcp_pcb *pcb)
{
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
}

/* ---- before lwIP sees it ---- */

static bool is_of(const struct tcp_pcb *p, const ip_addr_t *src, const ip_addr_t *dst,
	uint16_t sport, uint16_t dport)
{
	return p->remote_port == sport && p->local_port == dport &&
	       ip_addr_cmp_zoneless(&p->remote_ip, src) && ip_addr_cmp_zoneless(&p->local_ip, dst);
}

void tcp_before_input(const uint8_t *packet, size_t len)
{
	const bool v6 = len > 0 && packet[0] >> 4 == 6;
	const size_t hlen = v6 ? IP6_HLEN : len > 0 ? 4 * (packet[0] & 15u) : 0;
	ip_addr_t src = { .type = v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4 }, dst = src;
	const uint8_t *tcp = packet + hlen;

	if (!tcp_tw_pcbs || hlen < IP_HLEN || len < hlen + TCP_HLEN ||
		packet[v6 ? 6 : 9] != IP_PROTO_TCP || (tcp[13] & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return;
	if (v6) {
		memcpy(ip_2_ip6(&src)->addr, packet + 8, 16);
		memcpy(ip_2_ip6(&dst)->addr, packet + 24, 16);
	} else {
		memcpy(&ip_2_ip4(&src)->addr, packet + 12, 4);
		memcpy(&ip_2_ip4(&dst)->addr, packet + 16, 4);
	}
	for (struct tcp_pcb *p = tcp_tw_pcbs; p; p = p->next) {
		if (is_of(p, &src, &dst, (uint16_t)(tcp[0] << 8 | tcp[1]),
			    (uint16_t)(tcp[2] << 8 | tcp[3]))) {
			tcp_abort(p);
			return;
		}
	}
}

/* ---- from the wire to the guest ---- */

static void end_of_input(struct endpoint *ep)
{
	if (ep->fin_in && !ep->rx)
		(void)shutdown(ep->source.fd, SHUT_WR);
}

/* Writes what has come. False: there is no room, which is waited for. */
static bool deliver(struct endpoint *ep)
{
	while (ep->rx) {
		struct iovec iov[DELIVER_IOV];
		struct msghdr msg = { .msg_iov = iov };
		size_t total = 0;
		ssize_t n;

		for (struct pbuf *p = ep->rx; p && msg.msg_iovlen < DELIVER_IOV; p = p->next) {
			iov[msg.msg_iovlen++] = (struct iovec){ p->payload, p->len };
			total += p->len;
		}
		n = sendmsg(ep->source.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			n = (ssize_t)total; /* nobody reads it any more */
		ep->rx = pbuf_free_header(ep->rx, (u16_t)n);
		if (ep->tcp)
			tcp_recved(ep->tcp, (u16_t)n);
	}
	end_of_input(ep);
	return true;
}

static err_t on_recv(void *arg, UNUSED struct tcp_pcb *pcb, struct pbuf *p, UNUSED err_t err)
{
	struct endpoint *ep = arg;

	if (!p) {
		ep->fin_in = true;
		end_of_input(ep);
		return ERR_OK;
	}
	if (ep->rx)
		pbuf_cat(ep->rx, p);
	else
		ep->rx = p;
	set_events(ep, !deliver(ep));
	return ERR_OK;
}

/* ---- from the guest to the wire ---- */

static size_t waiting(const struct endpoint *ep)
{
	int n = 0;

	return ioctl(ep->source.fd, SIOCINQ, &n) < 0 || n < 0 ? 0 : (size_t)n;
}

/* Takes away what was there before the connection was, but for the last byte. */
static bool drain_junk(struct endpoint *ep)
{
	while (ep->junk) {
		size_t want = ep->junk - (ep->kept ? 0 : 1);
		ssize_t n;

		if (want == 0) {
			ep->kept = true;
			ep->junk = 0;
			break;
		}
		n = recv(ep->source.fd, ep->st->scratch,
			want < SCRATCH_BYTES ? want : SCRATCH_BYTES, MSG_DONTWAIT);
		if (n <= 0)
			return false;
		ep->junk -= (size_t)n;
	}
	return true;
}

/* False: lwIP has no room now. */
static bool write_pending(struct endpoint *ep)
{
	size_t n = ep->tx_len - ep->tx_done;

	if (!ep->tx)
		return true;
	if (n > tcp_sndbuf(ep->tcp))
		n = tcp_sndbuf(ep->tcp);
	if (n == 0 ||
		tcp_write(ep->tcp, ep->tx + ep->tx_done, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK)
		return false;
	ep->tx_done += n;
	if (ep->tx_done < ep->tx_len)
		return false;
	free(take_ptr(&ep->tx));
	return true;
}

/* lwIP did not take it after all. */
static bool keep_pending(struct endpoint *ep, const uint8_t *data, size_t len)
{
	ep->tx = malloc(len);
	if (!ep->tx)
		return false;
	memcpy(ep->tx, data, len);
	ep->tx_len = len;
	ep->tx_done = 0;
	return true;
}

/* One portion. False: nothing is left, or there is no room. *ret_empty: the former. */
static bool send_some(struct endpoint *ep, bool *ret_empty)
{
	uint8_t *buf = ep->st->scratch;
	size_t have = waiting(ep), n;
	ssize_t got;

	*ret_empty = have <= 1;
	if (have <= 1)
		return false;
	n = have - 1;
	if (n > tcp_sndbuf(ep->tcp))
		n = tcp_sndbuf(ep->tcp);
	if (n > UINT16_MAX)
		n = UINT16_MAX;
	if (n == 0 || tcp_sndqueuelen(ep->tcp) + QUEUE_ROOM > TCP_SND_QUEUELEN)
		return false;
	/* the kept byte and all but the last of these, which is kept from now on; fewer, where
	 * urgent data begins */
	got = recv(ep->source.fd, buf, n, MSG_DONTWAIT);
	if (got <= 0)
		return false;
	n = (size_t)got;
	if (recv(ep->source.fd, buf + n, 1, MSG_DONTWAIT | MSG_PEEK) != 1)
		return false;
	if (tcp_write(ep->tcp, buf + 1, (u16_t)n,
		    TCP_WRITE_FLAG_COPY | (have - 1 > n ? TCP_WRITE_FLAG_MORE : 0)) != ERR_OK)
		return keep_pending(ep, buf + 1, n) && false;
	return true;
}

/* Nothing unread is left in our end: the guest's, if it is still open, reads the end of the data.
 */
static void close_for_good(struct endpoint *ep)
{
	struct tcp_pcb *pcb = ep->state == EP_LISTENING ? NULL : take_ptr(&ep->tcp);

	if (pcb) {
		forget_pcb(pcb);
		if (tcp_close(pcb) != ERR_OK)
			tcp_abort(pcb);
	}
	while (recv(ep->source.fd, ep->st->scratch, SCRATCH_BYTES, MSG_DONTWAIT) > 0)
		;
	endpoint_close(ep);
}

/* The guest has said that nothing more comes, and all before that is on its way. */
static void end_of_output(struct endpoint *ep)
{
	if (!ep->fin_wanted || ep->fin_out)
		return;
	if (tcp_shutdown(ep->tcp, 0, 1) == ERR_OK)
		ep->fin_out = true;
}

static void send_more(struct endpoint *ep)
{
	bool empty = false;

	if (ep->state != EP_OPEN || !ep->tcp || !drain_junk(ep))
		return;
	while (write_pending(ep) && send_some(ep, &empty))
		;
	if (!ep->tx && empty && ep->hung_up) {
		close_for_good(ep);
		return;
	}
	if (!ep->tx && empty)
		end_of_output(ep);
	tcp_output(ep->tcp);
}

static err_t on_sent(void *arg, UNUSED struct tcp_pcb *pcb, UNUSED u16_t len)
{
	send_more(arg);
	return ERR_OK;
}

static void reset_connection(struct endpoint *ep)
{
	struct tcp_pcb *pcb = take_ptr(&ep->tcp);

	if (pcb) {
		forget_pcb(pcb);
		tcp_abort(pcb);
	}
	endpoint_close(ep);
}

/* All of the guests' descriptors are closed, or shut down both ways. */
static void hung_up(struct endpoint *ep, bool unread)
{
	const bool now = ep->opt.linger.l_onoff && ep->opt.linger.l_linger == 0;

	ep->hung_up = true;
	if (ep->state == EP_CONNECTING || (ep->state == EP_OPEN && (unread || now || ep->rx)))
		reset_connection(ep);
	else if (ep->state != EP_OPEN || !ep->tcp)
		close_for_good(ep);
	else
		send_more(ep);
}

static void tcp_ready(struct endpoint *ep, uint32_t events)
{
	bool unread = false;

	if (events & EPOLLERR) {
		int err = 0;
		socklen_t len = sizeof(err);

		unread = getsockopt(ep->source.fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 &&
			 err == ECONNRESET;
	}
	if (events & EPOLLRDHUP)
		ep->fin_wanted = true;
	if (events & EPOLLHUP && !ep->hung_up) {
		hung_up(ep, unread);
		return;
	}
	if (events & EPOLLOUT)
		set_events(ep, !deliver(ep));
	send_more(ep);
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

static void connect_failed(struct endpoint *ep, int error)
{
	ep->error = error;
	ep->unanswered = 0;
	set_connecting(ep, EP_CLOSED);
	address_any(ep, &ep->peer);
	if (!ep->bound)
		address_drop_port(ep);
	(void)drain_junk(ep); /* it may be tried again, and is writable */
}

void endpoint_unreachable(struct endpoint *ep, int error)
{
	struct tcp_pcb *pcb = take_ptr(&ep->tcp);

	if (pcb) {
		forget_pcb(pcb);
		tcp_abort(pcb);
	}
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
	set_events(ep, !deliver(ep));
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
	pcb->so_options = SOF_REUSEADDR; /* who may have which port is said in address.c */
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
	if (o->nodelay)
		tcp_output(pcb);
}

static void take_pcb(struct endpoint *ep, struct tcp_pcb *pcb)
{
	ep->tcp = pcb;
	tcp_arg(pcb, ep);
	tcp_recv(pcb, on_recv);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_err);
	apply_options(ep);
}

static err_t on_connected(void *arg, UNUSED struct tcp_pcb *pcb, UNUSED err_t err)
{
	struct endpoint *ep = arg;

	set_connecting(ep, EP_OPEN);
	send_more(ep);
	return ERR_OK;
}

static int new_pcb(struct endpoint *ep, const ip_addr_t *local)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(local));
	err_t e;

	if (!pcb)
		return -ENOMEM;
	pcb->so_options |= SOF_REUSEADDR;
	e = tcp_bind(pcb, local, ep->local_port);
	if (e != ERR_OK) {
		tcp_abort(pcb);
		return error_of(e);
	}
	take_pcb(ep, pcb);
	return 0;
}

/* The oldest of what nobody has any more. */
static void limit_time_wait(void)
{
	struct tcp_pcb *p = tcp_tw_pcbs;
	size_t n = 1;

	for (; p && p->next; p = p->next)
		n++;
	if (p && n > TIME_WAIT_MAX)
		tcp_abort(p);
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
		r = address_take_port(ep, 0);
	if (r == -EADDRINUSE)
		r = -EADDRNOTAVAIL;
	if (r == 0)
		r = new_pcb(ep, &source);
	if (r < 0)
		return r;
	ep->peer = *ip;
	ep->peer_port = port;
	set_connecting(ep, EP_CONNECTING);
	r = error_of(tcp_connect(ep->tcp, ip, port, on_connected));
	if (r < 0) {
		struct tcp_pcb *pcb = take_ptr(&ep->tcp);

		forget_pcb(pcb);
		tcp_abort(pcb);
		set_connecting(ep, EP_CLOSED);
	}
	return r;
}

static int tcp_connect_(struct endpoint *ep, const struct stack_msg *m)
{
	ip_addr_t ip, before = ep->local;
	uint16_t port;
	int r;

	if (m->namelen >= sizeof(sa_family_t) && m->name.ss_family == AF_UNSPEC)
		return ep->state == EP_CLOSED ? 0 : -EOPNOTSUPP;
	r = address_read(ep, &m->name, m->namelen, &ip, &port);
	if (r < 0)
		return r;
	if (ep->state != EP_CLOSED)
		return ep->state == EP_CONNECTING ? -EALREADY : -EISCONN;
	if (ip_addr_isany(&ip)) {
		if (IP_IS_V6(&ip))
			IP_ADDR6_HOST(&ip, 0, 0, 0, PP_HTONL(1));
		else
			ip_addr_set_loopback(false, &ip);
	}
	if (ip_addr_ismulticast(&ip))
		return -ENETUNREACH;
	ep->error = 0;
	limit_time_wait();
	r = start_connect(ep, &ip, port);
	if (r < 0) {
		ep->local = before;
		address_any(ep, &ep->peer);
		if (!ep->bound)
			address_drop_port(ep);
	}
	return r < 0 ? r : -EINPROGRESS;
}

/* ---- servers ---- */

/* How many wait for accept(2): each takes the same room in our end's buffer. */
static int waiting_connections(const struct endpoint *ep)
{
	int bytes = 0;

	return !ep->record || ioctl(ep->source.fd, SIOCOUTQ, &bytes) < 0 ? 0
									 : bytes / (int)ep->record;
}

static int hand_over(struct endpoint *listener, struct endpoint *ep, int guest)
{
	struct stack_head head = { 0 };
	int r;

	head.namelen = address_write(ep, &ep->peer, ep->peer_port, &head.name);
	r = fdmsg_send(listener->source.fd, &head, sizeof(head), &guest, 1);
	if (r == 0 && !listener->record) {
		int bytes = 0;

		(void)ioctl(listener->source.fd, SIOCOUTQ, &bytes);
		listener->record = (uint32_t)bytes;
	}
	return r;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct endpoint *listener = arg, *ep;
	_cleanup_fd_ int guest = -1;

	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	if (waiting_connections(listener) > listener->backlog ||
		endpoint_new(listener->st, listener->domain, SOCK_STREAM, listener->protocol, &ep,
			&guest) < 0) {
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	ep->ops = &tcp_endpoint;
	ep->opt = listener->opt;
	ep->bound_if = listener->bound_if;
	ep->local = pcb->local_ip;
	ep->peer = pcb->remote_ip;
	ep->local_port = pcb->local_port;
	ep->peer_port = pcb->remote_port;
	ep->state = EP_OPEN;
	ep->junk = 1;
	if (send(guest, "", 1, MSG_DONTWAIT) != 1 || hand_over(listener, ep, guest) < 0 ||
		source_add(ep->st, &ep->source, EPOLLIN | EPOLLRDHUP | EPOLLET) < 0) {
		endpoint_close(ep);
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	take_pcb(ep, pcb);
	return ERR_OK;
}

static int tcp_listen_(struct endpoint *ep, int backlog)
{
	struct tcp_pcb *pcb;
	err_t e;
	int r = 0;

	ep->backlog = backlog < 0 || backlog > 4096 ? 4096 : backlog;
	if (ep->state == EP_LISTENING)
		return 0;
	if (ep->state != EP_CLOSED)
		return -EINVAL;
	if (!ep->local_port)
		r = address_take_port(ep, 0);
	if (r == 0)
		r = new_pcb(ep, &ep->local);
	if (r < 0)
		return r;
	pcb = tcp_listen_with_backlog_and_err(ep->tcp, 255, &e);
	if (!pcb) {
		close_for_good(ep);
		return error_of(e);
	}
	ep->tcp = pcb;
	ep->state = EP_LISTENING;
	tcp_arg(pcb, ep);
	tcp_accept(pcb, on_accept);
	while (recv(ep->source.fd, ep->st->scratch, SCRATCH_BYTES, MSG_DONTWAIT) > 0)
		;
	ep->junk = 0;
	return 0;
}

static int tcp_bind_(struct endpoint *ep, const struct stack_msg *m)
{
	return address_bind(ep, &m->name, m->namelen, m->privileged);
}

/* The pair itself is shut down by who asks, which we see. */
static int tcp_shutdown_(struct endpoint *ep, UNUSED int how)
{
	return ep->state == EP_CLOSED || ep->state == EP_CONNECTING ? -ENOTCONN : 0;
}

static uint8_t kernel_state(const struct endpoint *ep)
{
	static const uint8_t states[] = { [CLOSED] = TCP_CLOSE,
		[LISTEN] = TCP_LISTEN,
		[SYN_SENT] = TCP_SYN_SENT,
		[SYN_RCVD] = TCP_SYN_RECV,
		[ESTABLISHED] = TCP_ESTABLISHED,
		[FIN_WAIT_1] = TCP_FIN_WAIT1,
		[FIN_WAIT_2] = TCP_FIN_WAIT2,
		[CLOSE_WAIT] = TCP_CLOSE_WAIT,
		[CLOSING] = TCP_CLOSING,
		[LAST_ACK] = TCP_LAST_ACK,
		[TIME_WAIT] = TCP_TIME_WAIT };

	if (ep->state == EP_LISTENING)
		return TCP_LISTEN;
	return ep->tcp ? states[ep->tcp->state] : TCP_CLOSE;
}

static int tcp_getopt(struct endpoint *ep, int level, int option, void *ret, size_t *len)
{
	struct tcp_info info = { .tcpi_state = kernel_state(ep) };
	const bool open = ep->tcp && ep->state != EP_LISTENING;

	if (level != IPPROTO_TCP)
		return -ENOPROTOOPT;
	if (option == TCP_MAXSEG) {
		int mss = open ? tcp_mss(ep->tcp) : 536;

		*len = *len < sizeof(mss) ? *len : sizeof(mss);
		memcpy(ret, &mss, *len);
		return 0;
	}
	if (option != TCP_INFO)
		return -ENOPROTOOPT;
	if (open) {
		info.tcpi_rto = (uint32_t)ep->tcp->rto * TCP_SLOW_INTERVAL * 1000;
		info.tcpi_snd_mss = info.tcpi_rcv_mss = tcp_mss(ep->tcp);
		info.tcpi_rtt = (uint32_t)(ep->tcp->sa > 0 ? ep->tcp->sa >> 3 : 0) *
				TCP_SLOW_INTERVAL * 1000;
		info.tcpi_snd_cwnd = ep->tcp->cwnd / tcp_mss(ep->tcp);
		info.tcpi_snd_ssthresh = ep->tcp->ssthresh / tcp_mss(ep->tcp);
		info.tcpi_rcv_space = ep->tcp->rcv_wnd;
		info.tcpi_retransmits = ep->tcp->nrtx;
	}
	*len = *len < sizeof(info) ? *len : sizeof(info);
	memcpy(ret, &info, *len);
	return 0;
}

static void tcp_release(struct endpoint *ep)
{
	struct tcp_pcb *pcb = take_ptr(&ep->tcp);

	if (ep->state == EP_CONNECTING)
		set_connecting(ep, EP_CLOSED);
	if (!pcb)
		return;
	if (ep->state == EP_LISTENING) {
		tcp_arg(pcb, NULL);
		tcp_accept(pcb, NULL);
		(void)tcp_close(pcb);
		return;
	}
	forget_pcb(pcb);
	tcp_abort(pcb);
}

const struct endpoint_ops tcp_endpoint = {
	.bind = tcp_bind_,
	.connect = tcp_connect_,
	.listen = tcp_listen_,
	.shutdown = tcp_shutdown_,
	.options = apply_options,
	.getopt = tcp_getopt,
	.ready = tcp_ready,
	.release = tcp_release,
};
