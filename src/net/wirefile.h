/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file that the views on a wire share, by which they find each other. A wire is of one stack:
 * the kernel's is a bridge (pair/), lwIP's a mesh of sockets (wire/). */
#ifndef UM_NET_WIREFILE_H
#define UM_NET_WIREFILE_H

#include "net/spec.h"

/* Opens it, which says that we are there: 0, or -errno and *ret_message (NULL: none): -EINVAL: no
 * name; -EBUSY: a view of the other stack is on the wire of that name. */
int MUST_CHECK wirefile_open(const char *name, enum net_stack stack, int *ret, char **ret_message);

#endif
