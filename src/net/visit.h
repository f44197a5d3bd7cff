/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of a connection that umview-lwip brings to a listener of the kernel's (net/stackproto.h): its
 * number there and its addresses are the name of umview-lwip's end, so that who has accepted it
 * asks the kernel alone, and nobody else can have it say anything else.
 */
#ifndef UM_NET_VISIT_H
#define UM_NET_VISIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/util.h"

struct visit {
	uint64_t number;
	struct sockaddr_storage local, peer; /* AF_INET or AF_INET6, the same of both */
};

/* An abstract name, and its length. */
socklen_t visit_name(const struct visit *v, struct sockaddr_un *ret);
/* False: it is none of those. */
bool visit_of_name(const struct sockaddr_un *name, socklen_t len, struct visit *ret);
/* Of a socket that is connected to such a name. */
bool visit_of_socket(int fd, struct visit *ret);
/* Of an address of these: its length. */
socklen_t visit_address_len(const struct sockaddr_storage *a);

#endif
