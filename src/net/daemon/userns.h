/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User namespaces (user_namespaces(7)). */
#ifndef UM_NET_USERNS_H
#define UM_NET_USERNS_H

#include "base/util.h"

/* Makes a user namespace, in which the user has the same number, and what else flags
 * (CLONE_NEW...) say. The caller has one thread. 0; or -errno and *ret_message. */
int MUST_CHECK userns_enter(int flags, char **ret_message);

#endif
