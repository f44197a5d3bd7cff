/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP connections of the view, by IPv4, that the kernel ends instead of libslirp: in the outer
 * namespace (net/daemon/outer.h), from where bytes are carried to a socket of the host. libslirp
 * has all others.
 */
#ifndef UM_NET_SLIRP_DIRECT_H
#define UM_NET_SLIRP_DIRECT_H

#include "net/daemon/link.h"

struct direct;

/* NULL: there is no outer namespace (l->outer), or no memory. */
struct direct *direct_new(struct link *l, const struct net_slirp *net);
/* Readable when direct_run() has something to do. */
int direct_fd(const struct direct *d);
/* False: the frame is libslirp's. */
bool direct_input(struct direct *d, const uint8_t *frame, size_t len);
/* Does what has become possible. */
void direct_run(struct direct *d);
/* Milliseconds until it is to be run again though nothing has happened; -1: never. */
int direct_timeout(const struct direct *d);
/* The view has ended, and all that it sent is in the outer namespace. What it had only begun is
 * given up, as its kernel has. */
void direct_last(struct direct *d);
/* What the host has not yet of the view's, ends and resets as well: a number that changes as it
 * does; 0: nothing. */
uint64_t direct_owed(const struct direct *d);

#endif
