/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of a connection that are no number which is just kept: tcp(7). */
#include <lwip/priv/tcp_priv.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "net/lwip/tcp.h"

#define MSS_MIN 88 /* as the kernel has them */
#define MSS_MAX 32767

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

int tcp_getopt(struct endpoint *ep, int level, int option, void *ret, size_t *len)
{
	struct tcp_info info = { .tcpi_state = kernel_state(ep) };
	const bool open = ep->tcp && ep->state != EP_LISTENING;

	if (level != IPPROTO_TCP)
		return -ENOPROTOOPT;
	if (option == TCP_CONGESTION) {
		*len = *len < sizeof(ep->opt.congestion) ? *len : sizeof(ep->opt.congestion);
		memcpy(ret, ep->opt.congestion, *len);
		return 0;
	}
	if (option == TCP_MAXSEG) {
		int mss = open ? tcp_mss(ep->tcp) : ep->opt.maxseg ? ep->opt.maxseg : 536;

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

static int set_maxseg(struct endpoint *ep, const void *value, size_t len)
{
	int v;

	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	if (v && (v < MSS_MIN || v > MSS_MAX))
		return -EINVAL;
	ep->opt.maxseg = v;
	return 0;
}

/* lwIP has one way. The other that every kernel has is taken, too. */
static int set_congestion(struct endpoint *ep, const void *value, size_t len)
{
	char name[sizeof(ep->opt.congestion)] = "";

	if (len < 1)
		return -EINVAL;
	memcpy(name, value, len < sizeof(name) ? len : sizeof(name) - 1);
	if (strcmp(name, "reno") != 0 && strcmp(name, "cubic") != 0)
		return -ENOENT;
	memcpy(ep->opt.congestion, name, sizeof(name));
	return 0;
}

int tcp_setopt(struct endpoint *ep, int level, int option, const void *value, size_t len)
{
	if (level == IPPROTO_TCP && option == TCP_MAXSEG)
		return set_maxseg(ep, value, len);
	if (level == IPPROTO_TCP && option == TCP_CONGESTION)
		return set_congestion(ep, value, len);
	return -ENOPROTOOPT;
}
