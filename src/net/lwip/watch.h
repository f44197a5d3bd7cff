/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stream sockets that are not connected to the stack, and those of datagrams: it learns of their
 * last close by inotify(7) (net/stackproto.h). */
#ifndef UM_NET_LWIP_WATCH_H
#define UM_NET_LWIP_WATCH_H

#include "net/lwip/endpoint.h"

int MUST_CHECK watches_init(struct stack *st);
/* The descriptor with which the supervisor makes them; not the caller's. */
int watches_fd(const struct stack *st);
/* A watch of fd's last close: more than 0, or -errno. */
int MUST_CHECK watch_socket(struct stack *st, int fd);
/* It is ep's from now on. */
void watch_take(struct endpoint *ep, int watch);
/* Nobody waits for its last close any more; of one that is not watched nothing is done. */
void watch_end(struct endpoint *ep);
/* Ends those that were closed before now. */
void watches_look(struct stack *st);

#endif
