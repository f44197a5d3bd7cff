/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umview-overlay: what its session is made with. The session's user data is the struct fs. */
#ifndef UM_CMD_OVERLAYOPS_H
#define UM_CMD_OVERLAYOPS_H

#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>

extern const struct fuse_lowlevel_ops overlay_ops;

#endif
