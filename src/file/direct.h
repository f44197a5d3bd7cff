/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open files without a page cache (vf->cache is NULL): each call goes to the server. */
#ifndef UM_FILE_DIRECT_H
#define UM_FILE_DIRECT_H

#include "file/cache.h"

/* An open file of ours for a guest, which owns the server's handle from then on: fd or -errno (the
 * handle is the caller's then). *ret is referenced. */
int MUST_CHECK direct_open(struct files *f, struct mount *m, struct inode *ino, int flags,
	const struct fs_handle *h, struct vfile **ret);
/* `fd`: our dup of the guest's open file, which has the position that off < 0 means. */
ssize_t MUST_CHECK direct_read(struct vfile *vf, const struct fs_req *req, int fd, void *buf,
	size_t len, off_t off);
ssize_t MUST_CHECK direct_write(struct vfile *vf, const struct fs_req *req, int fd, const void *buf,
	size_t len, off_t off);
/* Puts all that the server has into the placeholder. */
int MUST_CHECK direct_fill(struct vfile *vf, const struct fs_req *req, int fd);

#endif
