/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of mounts in the form of fstab(5). */
#ifndef UM_CMD_FSTAB_H
#define UM_CMD_FSTAB_H

#include "base/util.h"

/* Calls fn with "SOURCE:TARGET,OPTIONS" as of -m, malloc'ed and fn's from then on, for each mount
 * of the table, in the order in which they are to be made. 0, what fn gave, or -errno after a
 * message. */
int MUST_CHECK fstab_read(const char *file, int (*fn)(void *arg, char *spec), void *arg);

#endif
