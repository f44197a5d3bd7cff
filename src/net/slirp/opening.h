/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a connection of the view begins that the kernel ends: the host first. */
#ifndef UM_NET_SLIRP_OPENING_H
#define UM_NET_SLIRP_OPENING_H

#include "net/slirp/flow.h"

/* The view has sent a SYN, for a port that is not libslirp's and a flow that there is not. */
void opening_begin(struct direct *d, const struct flow_key *key, uint32_t isn, const uint8_t *frame,
	size_t len);
/* Another SYN for a flow that there is: sent once more, or of a connect(2) that follows one which
 * was given up, and for which the host has not answered yet. */
void opening_again(
	const struct direct *d, struct flow *f, uint32_t isn, const uint8_t *frame, size_t len);
/* A connect(2) that was under way has ended. */
void opening_connected(struct direct *d, struct flow *f);
/* Takes what a listener of the outer namespace has. */
void opening_accept(struct direct *d, int listener);

#endif
