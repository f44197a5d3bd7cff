/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open(2) with O_PATH of what the kernel does not find by itself. */
#ifndef UM_SYS_PATH_OPATH_H
#define UM_SYS_PATH_OPATH_H

#include "sys/path/at.h"

/* flags: of O_PATH, O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC. The symbolic link of O_NOFOLLOW too. */
enum verdict opath_virtual(struct at *a, int flags);
enum verdict opath_real(struct at *a, int flags);

#endif
