/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of mounts, and of what else is said of a view, in the form of fstab(5). */
#ifndef UM_CMD_FSTAB_H
#define UM_CMD_FSTAB_H

#include "base/util.h"

/* An option of the command line: its long name, and its value, malloc'ed and the function's from
 * then on, or NULL. */
typedef int fstab_fn(void *arg, const char *option, char *value);

/* Calls fn for each line: with what is no mount in the order of the lines, then with "mount" and
 * "SOURCE:TARGET,OPTIONS" for each mount in the order in which they are to be made. 0, what fn
 * gave, or -errno after a message. */
int MUST_CHECK fstab_read(const char *file, fstab_fn *fn, void *arg);

#endif
