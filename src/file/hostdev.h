/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device files that are only shown: opened are the host's own of that number. */
#ifndef UM_FILE_HOSTDEV_H
#define UM_FILE_HOSTDEV_H

#include "base/util.h"

#define HOSTDEV_PATH_MAX 280

/* The path in the host's /dev of a device of this type (S_IFCHR, S_IFBLK) and number. -ENXIO: there
 * is none. */
int MUST_CHECK hostdev_path(mode_t type, dev_t rdev, char path[HOSTDEV_PATH_MAX]);

#endif
