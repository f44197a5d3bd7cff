/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bad wire: frames of one direction are lost, come late, twice, or in another order. */
#ifndef UM_NET_IMPAIR_H
#define UM_NET_IMPAIR_H

#include "net/spec.h"

struct impair;

/* The same spec and direction give the same decisions for the same frames. NULL: out of memory. */
struct impair *impair_new(const struct net_impair *spec, unsigned direction);
void impair_free(struct impair *i);

/* A frame comes in; one that finds no room, or no memory, is lost as well. */
void impair_push(struct impair *i, const void *frame, size_t len, uint64_t now_ns);
/* The next one that is to go out by now, valid until the next call, or NULL. */
const void *impair_pop(struct impair *i, uint64_t now_ns, size_t *ret_len);
/* When the next one is due; UINT64_MAX: none waits. */
uint64_t impair_due(const struct impair *i);

#endif
