/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of TCP among each other. */
#ifndef UM_NET_LWIP_TCP_H
#define UM_NET_LWIP_TCP_H

#include <lwip/tcp.h>

#include "net/lwip/endpoint.h"

/* ---- tcp.c ---- */

/* -errno of lwIP's. */
int tcp_error(err_t e);
/* lwIP's side of an endpoint that has a port: ep->tcp. 0 or -errno. */
int MUST_CHECK tcp_begin(struct endpoint *ep, const ip_addr_t *local);
/* A connection is the endpoint's from now on, and nobody's. */
void tcp_take(struct endpoint *ep, struct tcp_pcb *pcb);
void tcp_forget(struct tcp_pcb *pcb);
/* Ends one of a socket at once, which is not its own any more. */
void tcp_abort_connection(struct endpoint *ep, struct tcp_pcb *pcb);

/* ---- tcplisten.c ---- */

int tcp_listen_(struct endpoint *ep, int backlog);
void tcp_stop_listening(struct endpoint *ep, struct tcp_pcb *pcb);
/* Has somebody accepted it? Then its number is known. False where it is closed, too. */
bool visit_accepted(struct endpoint *ep);
/* Gives the guest's end what waits, as there is room. */
void tcp_hand_over(struct endpoint *listener);

/* ---- tcpinfo.c ---- */

int tcp_getopt(struct endpoint *ep, int level, int option, void *ret, size_t *len);
int tcp_setopt(struct endpoint *ep, int level, int option, const void *value, size_t len);

/* ---- stream.c: what flows ---- */

/* What is said of a message that is going to be written: that more will follow (MSG_MORE). */
int tcp_send_(struct endpoint *ep, const struct stack_msg *m);

/* What comes with this sequence number is urgent. */
void urgent_came(struct endpoint *ep, uint32_t seq);
/* Writes what has come. False: there is no room, which is waited for. */
bool stream_deliver(struct endpoint *ep);
void stream_set_events(struct endpoint *ep, bool out);
/* Its guest is told at the end of this turn what has come. */
void stream_has_news(struct endpoint *ep);
/* Takes away what was there before the connection was, but for the last byte. */
bool stream_drain_junk(struct endpoint *ep);
/* Takes away all that is there, and what comes until it is connected again: what fills the pair is
 * written by the supervisor, which may be late. */
void stream_drain(struct endpoint *ep);
void stream_send_more(struct endpoint *ep);
/* Nothing unread is left in our end: the guest's, if it is still open, reads the end of the data.
 */
void stream_close(struct endpoint *ep);
/* Ends the connection at once; its guest reads ECONNRESET. */
void stream_reset(struct endpoint *ep);
void stream_ready(struct endpoint *ep, uint32_t events);
err_t stream_on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err);
err_t stream_on_sent(void *arg, struct tcp_pcb *pcb, u16_t len);

#endif
