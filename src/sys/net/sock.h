/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AF_UNIX sockets with names: what bind(2), connect(2) and the calls that send share. unix(7). */
#ifndef UM_SYS_NET_SOCK_H
#define UM_SYS_NET_SOCK_H

#include <limits.h>
#include <sys/un.h>

#include "sys/path/at.h"

/* The path in a guest's address, ended by a NUL: its length; 0 for an address that is no path;
 * -errno. */
ssize_t sock_path(struct call *c, gaddr_t addr, uint64_t len, char word[PATH_MAX]);
/* Where a socket of that name is: false with CONTINUE in a->verdict when the kernel finds it; else
 * true and the address, or a negative errno in *err. *keep, which the caller closes, holds the
 * target open while its address is used. */
bool sock_peer(struct at *a, struct call *c, const char *word, struct sockaddr_un *sun,
	socklen_t *len, int *keep, int *err);

#endif
