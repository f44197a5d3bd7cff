/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stream sockets that the supervisor connects to this process: net/stackproto.h. */
#ifndef UM_NET_LWIP_EMBRYO_H
#define UM_NET_LWIP_EMBRYO_H

#include "net/lwip/stack.h"

int MUST_CHECK embryos_listen(struct stack *st);
/* Where they are connected to. */
int embryos_address(struct stack *st, struct sockaddr_storage *ret, uint32_t *ret_len);
/* Takes those that have come. */
void embryos_accept(struct stack *st);

#endif
