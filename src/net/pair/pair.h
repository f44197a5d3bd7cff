/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire between views of one user: a bridge in a network namespace that belongs to none of them,
 * and lives as long as one of them does.
 */
#ifndef UM_NET_PAIR_H
#define UM_NET_PAIR_H

#include "net/spec.h"

struct wire;

/*
 * Makes the wire, or finds it where another view has it; the caller (of one thread) is in its user
 * namespace afterwards, with all capabilities there, and has to make its own network namespace. 0;
 * or -errno and *ret_message.
 */
int MUST_CHECK wire_enter(const char *name, struct wire **ret, char **ret_message);
/* Joins the interface of the spec, which is made in the caller's network namespace. 0 or -errno. */
int MUST_CHECK wire_join(struct wire *w, const struct net_spec *s);
/* That interface is up: until the wire carries its frames (iface_settle()). */
int MUST_CHECK wire_settle(struct wire *w);

#endif
