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
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "net/lwip/tcp.h"

#define QUEUE_ROOM 24 /* segments that lwIP's queue has room for before more is written */
#define DELIVER_IOV 64
#define QUICK 16 /* as the kernel's TCP_MAX_QUICKACKS */
#define AHEAD_MAX (8u << 20)

void stream_set_events(struct endpoint *ep, bool out)
{
	if (ep->waits_out == out)
		return;
	ep->waits_out = out;
	(void)source_change(
		ep->st, &ep->source, EPOLLIN | EPOLLRDHUP | EPOLLET | (out ? EPOLLOUT : 0));
}

/* ---- from the wire to the guest ---- */

static void end_of_input(struct endpoint *ep)
{
	if (ep->fin_in && !ep->rx)
		(void)shutdown(ep->source.fd, SHUT_WR);
}

void urgent_came(struct endpoint *ep, uint32_t seq)
{
	/* (one that is older than another is none any more, and what was sent again is no news) */
	if ((int32_t)(seq - ep->rx_seq) < 0 || (ep->urgent && (int32_t)(seq - ep->urgent_seq) <= 0))
		return;
	ep->urgent = true;
	ep->urgent_seq = seq;
}

/* How many of the bytes that wait can be sent at once: those before the urgent one, or that. */
static size_t at_once(const struct endpoint *ep, size_t total, int *ret_flags)
{
	const size_t before = ep->urgent_seq - ep->rx_seq;

	*ret_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	if (!ep->urgent || before >= total)
		return total;
	if (before > 0)
		return before;
	*ret_flags |= MSG_OOB;
	return 1;
}

static size_t cut(struct msghdr *msg, size_t len)
{
	size_t i = 0, total = 0;

	for (; total < len; i++) {
		struct iovec *v = &msg->msg_iov[i];

		if (v->iov_len > len - total)
			v->iov_len = len - total;
		total += v->iov_len;
	}
	msg->msg_iovlen = i;
	return total;
}

/* Writes what has come. False: there is no room, which is waited for. */
bool stream_deliver(struct endpoint *ep)
{
	while (ep->rx) {
		struct iovec iov[DELIVER_IOV];
		struct msghdr msg = { .msg_iov = iov };
		size_t total = 0;
		ssize_t n;
		int flags;

		for (struct pbuf *p = ep->rx; p && msg.msg_iovlen < DELIVER_IOV; p = p->next) {
			iov[msg.msg_iovlen++] = (struct iovec){ p->payload, p->len };
			total += p->len;
		}
		total = cut(&msg, at_once(ep, total, &flags));
		n = sendmsg(ep->source.fd, &msg, flags);
		if (n < 0 && errno == EAGAIN)
			return false;
		if (flags & MSG_OOB)
			ep->urgent = false;
		if (n < 0 && errno == EOPNOTSUPP && flags & MSG_OOB)
			continue; /* data like other data, where AF_UNIX has none that is urgent */
		if (n < 0)
			n = (ssize_t)total; /* nobody reads it any more */
		ep->rx = pbuf_free_header(ep->rx, (u16_t)n);
		ep->rx_seq += (uint32_t)n;
		if (ep->tcp)
			tcp_recved(ep->tcp, (u16_t)n);
	}
	end_of_input(ep);
	return true;
}

void stream_has_news(struct endpoint *ep)
{
	if (cds_list_empty(&ep->news))
		cds_list_add_tail(&ep->news, &ep->st->news);
}

void streams_tell(struct stack *st)
{
	while (!cds_list_empty(&st->news)) {
		struct endpoint *ep = cds_list_first_entry(&st->news, struct endpoint, news);

		cds_list_del_init(&ep->news);
		stream_set_events(ep, !stream_deliver(ep));
		if (!ep->kept) /* its connect(2) is over */
			stream_send_more(ep);
	}
}

/*
 * The guest's answer, or its close, is mostly there in a moment, and takes the ACK along: one frame
 * less, and above all its receiver is not woken for it. It cannot wait for lwIP's timer of 250 ms:
 * the sender may hold its next small segment back until then (Nagle). Where it has waited in vain
 * it does not for a while.
 */
static void owe_ack(struct endpoint *ep, struct tcp_pcb *pcb)
{
	if (pcb->state == CLOSE_WAIT &&
		pcb->flags & TF_ACK_NOW) { /* of the end lwIP's is at once */
		tcp_clear_flags(pcb, TF_ACK_NOW);
		tcp_set_flags(pcb, TF_ACK_DELAY);
	} else if (pcb->flags & TF_ACK_DELAY && ep->quick) {
		ep->quick--;
		tcp_ack_now(pcb);
		return;
	}
	if (pcb->flags & TF_ACK_DELAY && cds_list_empty(&ep->owing))
		cds_list_add_tail(&ep->owing, &ep->st->owing);
}

bool streams_owe(UNUSED const struct stack *st)
{
	struct endpoint *ep, *next;

	cds_list_for_each_entry_safe(ep, next, &the_stack->owing, owing) {
		if (ep->tcp && ep->tcp->flags & TF_ACK_DELAY)
			return true;
		cds_list_del_init(&ep->owing); /* it has been taken along */
	}
	return false;
}

void streams_ack(void)
{
	while (streams_owe(the_stack)) {
		struct endpoint *ep =
			cds_list_first_entry(&the_stack->owing, struct endpoint, owing);

		ep->quick = QUICK;
		tcp_ack_now(ep->tcp);
		tcp_output(ep->tcp);
		cds_list_del_init(&ep->owing);
	}
}

err_t stream_on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, UNUSED err_t err)
{
	struct endpoint *ep = arg;

	owe_ack(ep, pcb);
	stream_has_news(ep);
	if (!p)
		ep->fin_in = true;
	else if (ep->rx)
		pbuf_cat(ep->rx, p);
	else
		ep->rx = p;
	return ERR_OK;
}

/* ---- from the guest to the wire ---- */

static size_t waiting(const struct endpoint *ep)
{
	int n = 0;

	return ioctl(ep->source.fd, SIOCINQ, &n) < 0 || n < 0 ? 0 : (size_t)n;
}

/* Takes away what was there before the connection was, but for the last byte. */
bool stream_drain_junk(struct endpoint *ep)
{
	if (!visit_accepted(ep))
		return false;
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

void stream_drain(struct endpoint *ep)
{
	while (recv(ep->source.fd, ep->st->scratch, SCRATCH_BYTES, MSG_DONTWAIT) > 0)
		;
	ep->drained = true;
	ep->kept = false;
}

/* The last byte that was written is urgent: so say the segments that have not been sent yet. */
static void mark_urgent(struct tcp_pcb *pcb)
{
	for (struct tcp_seg *seg = pcb->unsent; seg; seg = seg->next) {
		const uint32_t ahead = pcb->snd_lbb - lwip_ntohl(seg->tcphdr->seqno);

		if (ahead == 0 || ahead > UINT16_MAX)
			continue;
		TCPH_SET_FLAG(seg->tcphdr, TCP_URG);
		seg->tcphdr->urgp = lwip_htons((uint16_t)ahead);
	}
}

/* The byte that is kept now was sent with MSG_OOB. */
static bool is_urgent(const struct endpoint *ep)
{
	int at_mark = 0;

	return ioctl(ep->source.fd, SIOCATMARK, &at_mark) == 0 && at_mark;
}

/* How much tcp_write() takes, which takes all or nothing: its queue holds so many segments, of
 * which the first and the last may be short ones. */
static size_t room(const struct tcp_pcb *pcb)
{
	const size_t half = pcb->snd_wnd_max / 2, mss = tcp_mss(pcb),
		     segment = half && half < mss ? half : mss, used = tcp_sndqueuelen(pcb) + 2u;
	size_t n = used < TCP_SND_QUEUELEN ? (TCP_SND_QUEUELEN - used) * segment : 0;

	if (n > tcp_sndbuf(pcb))
		n = tcp_sndbuf(pcb);
	return n < UINT16_MAX ? n : UINT16_MAX;
}

/* False: lwIP has no room now. */
static bool write_pending(struct endpoint *ep)
{
	size_t n = ep->tx_len - ep->tx_done;

	if (!ep->tx)
		return true;
	if (n > room(ep->tcp))
		n = room(ep->tcp);
	if (n == 0 ||
		tcp_write(ep->tcp, ep->tx + ep->tx_done, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK)
		return false;
	ep->tx_done += n;
	if (ep->tx_done < ep->tx_len)
		return false;
	if (ep->tx_urgent)
		mark_urgent(ep->tcp);
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
	ep->tx_len = ep->tx_room = len;
	ep->tx_done = 0;
	ep->tx_urgent = is_urgent(ep);
	return true;
}

/* ---- what is to be followed by more (MSG_MORE, TCP_CORK) ---- */

int tcp_send_(struct endpoint *ep, const struct stack_msg *m)
{
	const size_t have = waiting(ep);

	if (ep->state == EP_OPEN && m->a & MSG_MORE && m->b > 0)
		ep->held = (have > 1 ? have - 1 : 0) + (size_t)m->b;
	return 0;
}

/* How much of the bytes that are there goes now: whole segments of what is held back, and all of it
 * once more has come than what was to wait. */
static size_t due_now(struct endpoint *ep, size_t have)
{
	const size_t mss = tcp_mss(ep->tcp);
	size_t now;

	if (have > ep->held)
		ep->held = 0;
	if ((!ep->held && !ep->opt.cork) || ep->flush || ep->fin_wanted || ep->hung_up)
		return have;
	now = have - have % mss;
	ep->held -= ep->held < now ? ep->held : now;
	if (now < have && !ep->holding) {
		ep->holding = 1;
		ep->st->holding = true;
	}
	return now;
}

static bool flush_one(struct endpoint *ep, UNUSED void *arg)
{
	if (!ep->holding)
		return false;
	if (ep->holding++ == 1) {
		ep->st->holding = true;
		return false;
	}
	ep->holding = 0;
	ep->held = 0;
	ep->flush = true;
	stream_send_more(ep);
	ep->flush = false;
	return false;
}

void streams_flush(void)
{
	the_stack->holding = false;
	(void)endpoints_each(the_stack, flush_one, NULL);
}

/* SO_SNDBUF was set to more than half of what a pair has: so much of what waits is taken while lwIP
 * has no room, that its writer goes on (a socket is writable when three quarters are gone). */
static size_t ahead_most(const struct endpoint *ep)
{
	const size_t more = ep->opt.sndbuf_set && ep->opt.sndbuf > STACK_SNDBUF
				    ? (size_t)ep->opt.sndbuf - STACK_SNDBUF
				    : 0;

	return more < AHEAD_MAX ? 2 * more : 2 * AHEAD_MAX;
}

/* Room behind what is pending, whose first byte is not used. */
static bool make_room(struct endpoint *ep, size_t most)
{
	uint8_t *tx;

	if (ep->tx && ep->tx_room >= most) {
		if (ep->tx_done > ep->tx_room / 2) {
			memmove(ep->tx + 1, ep->tx + ep->tx_done, ep->tx_len - ep->tx_done);
			ep->tx_len -= ep->tx_done - 1;
			ep->tx_done = 1;
		}
		return ep->tx_len < ep->tx_room;
	}
	tx = malloc(most);
	if (!tx)
		return false;
	if (ep->tx)
		memcpy(tx + 1, ep->tx + ep->tx_done, ep->tx_len - ep->tx_done);
	ep->tx_len = 1 + (ep->tx ? ep->tx_len - ep->tx_done : 0);
	ep->tx_done = 1;
	free(ep->tx);
	ep->tx = tx;
	ep->tx_room = most;
	return ep->tx_len < most;
}

static void read_ahead(struct endpoint *ep)
{
	const size_t most = ahead_most(ep), have = waiting(ep);
	uint8_t *last, before;
	ssize_t got;
	size_t n;

	if (most == 0 || have <= 1 || ep->held || ep->opt.cork || (ep->tx && ep->tx_urgent) ||
		!make_room(ep, most))
		return;
	n = ep->tx_room - ep->tx_len;
	last = ep->tx + ep->tx_len - 1;
	before = *last;
	got = recv(ep->source.fd, last, n < have - 1 ? n : have - 1, MSG_DONTWAIT);
	*last = before; /* where the byte came that was kept */
	if (got > 0 && recv(ep->source.fd, last + got, 1, MSG_DONTWAIT | MSG_PEEK) == 1)
		ep->tx_len += (size_t)got;
	ep->tx_urgent = is_urgent(ep);
	if (ep->tx_done == ep->tx_len)
		free(take_ptr(&ep->tx));
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
	n = due_now(ep, have - 1);
	if (n > room(ep->tcp))
		n = room(ep->tcp);
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
	if (is_urgent(ep))
		mark_urgent(ep->tcp);
	return true;
}

/* Nothing unread is left in our end: the guest's, if it is still open, reads the end of the data.
 */
void stream_close(struct endpoint *ep)
{
	struct tcp_pcb *pcb = ep->state == EP_LISTENING ? NULL : take_ptr(&ep->tcp);

	if (pcb) {
		tcp_forget(pcb);
		address_leave_behind(ep);
		if (tcp_close(pcb) != ERR_OK)
			tcp_abort(pcb);
	}
	stream_drain(ep);
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

/* Is the last of what is to be sent a segment that is not full? */
static bool ends_short(const struct tcp_pcb *pcb)
{
	const struct tcp_seg *last = pcb->unsent;

	while (last && last->next)
		last = last->next;
	return last && last->len < tcp_mss(pcb);
}

/* Nagle's rule as the kernel has it (Minshall's): a short segment waits for another short one. lwIP
 * lets it wait for any: what one write sent would come in two pieces. */
static void output(struct endpoint *ep)
{
	struct tcp_pcb *pcb = ep->tcp;
	const bool waits =
		TCP_SEQ_LT(pcb->lastack, ep->short_end) && TCP_SEQ_LEQ(ep->short_end, pcb->snd_nxt);

	if (!ep->opt.nodelay && waits) {
		tcp_nagle_enable(pcb);
	} else if (!ep->opt.nodelay) { /* (and in the output at the end of lwIP's input) */
		tcp_nagle_disable(pcb);
		if (ends_short(pcb))
			ep->short_end = pcb->snd_lbb;
	}
	tcp_output(pcb);
}

void stream_send_more(struct endpoint *ep)
{
	bool empty = false;

	if (ep->state != EP_OPEN || !ep->tcp || !stream_drain_junk(ep))
		return;
	while (write_pending(ep) && send_some(ep, &empty))
		;
	if (!empty)
		read_ahead(ep);
	if (!ep->tx && empty && ep->hung_up) {
		stream_close(ep);
		return;
	}
	if (!ep->tx && empty)
		end_of_output(ep);
	output(ep);
}

err_t stream_on_sent(void *arg, UNUSED struct tcp_pcb *pcb, UNUSED u16_t len)
{
	stream_send_more(arg);
	return ERR_OK;
}

void stream_reset(struct endpoint *ep)
{
	struct tcp_pcb *pcb = take_ptr(&ep->tcp);

	if (pcb)
		tcp_abort_connection(ep, pcb);
	endpoint_close(ep);
}

/* All of the guests' descriptors are closed, or shut down both ways. */
static void hung_up(struct endpoint *ep, bool unread)
{
	const bool now = ep->opt.linger.l_onoff && ep->opt.linger.l_linger == 0;

	/* what was written before a reset goes before it, but no end of it */
	ep->flush = unread || now;
	if (now && !ep->fin_out)
		ep->fin_wanted = false;
	if (ep->flush)
		stream_send_more(ep);
	ep->hung_up = true;
	if (ep->state == EP_CONNECTING || (ep->state == EP_OPEN && (unread || now || ep->rx)))
		stream_reset(ep);
	else if (ep->state != EP_OPEN || !ep->tcp)
		stream_close(ep);
	else
		stream_send_more(ep);
}

void stream_ready(struct endpoint *ep, uint32_t events)
{
	bool unread = false;

	if (!visit_accepted(ep))
		unread = true; /* and nobody will */
	if (ep->closed)
		return;
	if (events & EPOLLERR) {
		int err = 0;
		socklen_t len = sizeof(err);

		if (getsockopt(ep->source.fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 &&
			err == ECONNRESET)
			unread = true;
	}
	if (events & EPOLLRDHUP && !unread)
		ep->fin_wanted = true;
	if (events & EPOLLHUP && !ep->hung_up) {
		hung_up(ep, unread);
		return;
	}
	if (ep->state == EP_LISTENING)
		tcp_hand_over(ep);
	else if (ep->state == EP_CLOSED && ep->drained)
		stream_drain(ep);
	else if (events & EPOLLOUT)
		stream_set_events(ep, !stream_deliver(ep));
	stream_send_more(ep);
}
