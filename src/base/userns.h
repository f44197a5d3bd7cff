/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts that an ordinary user may make in a user namespace, and that are attached nowhere: the descriptor of one
 * works in every namespace.
 */
#ifndef UM_BASE_USERNS_H
#define UM_BASE_USERNS_H

#include "base/util.h"

/*
 * Runs fn in a child that is root of user and mount namespaces of its own and has our table of descriptors: what it
 * opens is ours. fn makes system calls only (the process has threads). Its result, -errno or a descriptor; -EPERM
 * and others where there can be no such namespaces.
 */
int MUST_CHECK userns_make(int (*fn)(void *arg), void *arg);

#endif
