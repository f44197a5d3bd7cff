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
/* The socket of that name: false with CONTINUE in a->verdict when the kernel finds it; else true
 * and an O_PATH descriptor of it, which the caller closes, or -errno in *ret. */
bool sock_peer(struct at *a, struct call *c, const char *word, int *ret);
/* Our dup of the guest's socket that can have such a name. -1: the kernel says what is wrong. */
int sock_get_unix(struct call *c, int guest_fd);
/* The address by which we reach it. */
void sock_peer_addr(int peer, struct sockaddr_un *sun, socklen_t *len);
/* The guest's own call, with the address of it in argument `at` and its length in the next.
 * DONE with -EPERM: the guest cannot be made to. */
enum verdict sock_call_peer(struct call *c, int at, int peer);
/* The same with an address that leads the guest there, and a descriptor of the guest's to be closed
 * afterwards, or 0. */
enum verdict sock_call_at(
	struct call *c, int at, const struct sockaddr_un *sun, socklen_t len, int close_fd);
/* Both for sendmsg(2), of which msg is what the guest sends. */
enum verdict sock_sendmsg_peer(struct call *c, const struct msghdr *msg, int peer);
enum verdict sock_sendmsg_at(struct call *c, const struct msghdr *msg,
	const struct sockaddr_un *sun, socklen_t len, int close_fd);

#endif
