/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open files without a position whose server answers poll(2) (FOPEN_DIRECT_IO with
 * FOPEN_NONSEEKABLE or FOPEN_STREAM, and FUSE_POLL). Each open has a placeholder of its own: a
 * pipe, which is readable and writable as the server says the file is, so that poll, select and
 * epoll of a guest are the kernel's.
 */
#ifndef UM_FILE_STREAM_H
#define UM_FILE_STREAM_H

#include "file/files.h"

/* The file that the server opened as h (which is taken, also on failure): what a guest is given, or
 * -errno. -ENOSYS, and h is not taken: its server does not answer poll(2). */
int MUST_CHECK stream_open(struct files *f, struct mount *m, struct inode *ino,
	const struct fs_req *req, int flags, const struct fs_handle *h);
void stream_free(struct vfile *vf);
/* fd: our dup of the guest's open file. */
ssize_t MUST_CHECK stream_read(
	struct vfile *vf, const struct fs_req *req, int fd, void *buf, size_t len, off_t off);
ssize_t MUST_CHECK stream_write(
	struct vfile *vf, const struct fs_req *req, int fd, const void *buf, size_t len, off_t off);
struct fs_handle stream_handle(const struct vfile *vf);
/* For a copy at a number where reads are not caught: a file with what there is to read now. fd or
 * -errno. */
int MUST_CHECK stream_low(struct vfile *vf, const struct fs_req *req);
int MUST_CHECK stream_fsync(struct vfile *vf, const struct fs_req *req, bool datasync);
/* For background threads: asks the server again; takes out of the registry what nobody has open. */
void stream_job(struct vfile *vf, unsigned jobs);

#endif
