/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Abstract names of AF_UNIX sockets, where they are to be the network's own and that is no
 * namespace (stack=lwip): a prefix of the network is put before each, and taken off where a name is
 * told.
 */
#ifndef UM_SYS_NET_ABSTRACT_H
#define UM_SYS_NET_ABSTRACT_H

#include <sys/socket.h>
#include <sys/un.h>

#include "engine/guestmem.h"
#include "sys/um.h"

/* Are the caller's its network's own by this means? */
bool abstract_names(struct call *c);
/* A guest's address: 1, it is such a name, and the real one; 0, it is none; -EINVAL: too long;
 * -EFAULT. A name of no length, which bind(2) takes as a wish for any, is one with `choose`. */
int MUST_CHECK abstract_read(struct call *c, gaddr_t addr, uint64_t len, bool choose,
	struct sockaddr_un *ret, socklen_t *ret_len);
/* Takes the prefix off; false: it has none. */
bool abstract_strip(struct call *c, struct sockaddr_un *name, socklen_t *len);

#endif
