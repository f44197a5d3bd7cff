/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /run/mount with --root: where libmount keeps its table of user-space options (utab). It is the
 * view's own: a directory in the run directory, which only names beneath /run/mount reach.
 */
#ifndef UM_SYS_MOUNT_RUNMOUNT_H
#define UM_SYS_MOUNT_RUNMOUNT_H

#include <sys/stat.h>

#include "sys/um.h"

/* name is what follows "/run/mount/"; "" is the directory itself. All: 0 or -errno. */
int MUST_CHECK runmount_stat(struct um *um, const char *name, struct stat *ret);
enum verdict runmount_open(struct call *c, const char *name, int flags);
/* mkdir, unlink, chmod ... by the call's number; rename and link with new_name (may be NULL: it
 * lies elsewhere). */
int MUST_CHECK runmount_change(struct call *c, const char *name, const char *new_name);

#endif
