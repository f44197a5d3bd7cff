/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /dev/fuse: what a server opens is one end of a socketpair; the client has the other. */
#ifndef UM_FS_FUSE_DEV_H
#define UM_FS_FUSE_DEV_H

#include "file/vfile.h"
#include "fs/fuse/fuse.h"

/* open("/dev/fuse") with these flags: answers the call. */
enum verdict fuse_dev_open(struct call *c, struct files *f, int flags);

/* Is this virtual file (may be NULL) an open /dev/fuse? */
bool fuse_dev_is(const struct vfile *vf);

/*
 * mount(2) of the server's open device: a connection over our end, as fuse_conn_new(). -EINVAL: no
 * /dev/fuse, or mounted before. If the file system is freed before fuse_conn_start, the device
 * can be mounted again; once it has ended, the server reads ENODEV.
 */
int MUST_CHECK fuse_dev_mount(struct vfile *vf, const struct fuse_options *o,
	const struct fuse_notify_ops *notify, struct fs **ret);

#endif
