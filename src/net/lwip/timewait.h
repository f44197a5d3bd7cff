/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections that are over and that no socket has any more (TIME_WAIT). lwIP looks through its
 * list of them for each segment of none that it knows, so a server that ends some thousand a
 * second would soon do nothing else. They are taken out of that list, and put back for the moment
 * when a segment of theirs has come.
 */
#ifndef UM_NET_LWIP_TIMEWAIT_H
#define UM_NET_LWIP_TIMEWAIT_H

#include <lwip/tcp.h>
#include <stdbool.h>

/* Of a connection's so_options, where lwIP has nothing: its socket had SO_REUSEADDR. */
#define SOF_SHARED 0x40

/* Takes what lwIP has. */
void timewait_collect(void);
/* A segment has come for the local address, from the remote one: lwIP is given the connection.
 * over: it is no more, since a new one has its ports. */
void timewait_segment(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
	uint16_t remote_port, bool over);
/* Ends those whose time is over. */
void timewait_tick(void);
unsigned timewait_count(void);
/* Does one of this local port keep it from arg's owner? */
bool timewait_any(
	uint16_t port, bool (*keeps)(const struct tcp_pcb *pcb, const void *arg), const void *arg);

#endif
