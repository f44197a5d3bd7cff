/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fsopen(2) and its kind: the checks that come first, and of calls that concern nothing of the
 * view. */
#ifndef UM_SYS_MOUNT_FSARGS_H
#define UM_SYS_MOUNT_FSARGS_H

#include "sys/um.h"
#include "view/path.h"

#define FSCONFIG_CMD_CREATE_EXCL_ 8 /* newer than the headers here */

/* 0, -EINVAL, -EOPNOTSUPP: as fsconfig(2) looks at its arguments, before the descriptor. */
int MUST_CHECK fsconfig_args(const struct call *c);
/* Is the caller root of its view, and nothing to the kernel? Then the kernel would say EPERM where
 * that root has made a mistake. */
bool fs_is_for_view(struct call *c);
/* -EBADF where a path could not be resolved because there is no such descriptor. */
int MUST_CHECK fs_check_dirfd(struct call *c, int fd, const struct path *p);
/* Of a descriptor that should have been one of fsopen(2)'s: -EBADF or -EINVAL. */
int MUST_CHECK fs_not_a_context(struct call *c, int fd);

#endif
