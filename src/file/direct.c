/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that their server wants asked for each read and write (FOPEN_DIRECT_IO), and those without a
 * position. The placeholder is an empty memfd of this one open, which keeps position and flags;
 * its content is filled only where it is mapped or loses its traps.
 */
#include "file/direct.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

void direct_free(struct vfile *vf)
{
	struct fs *fs = vf->inode->fs;

	vf->dirh.flags |= FS_RELEASE_WAIT; /* the node may be forgotten next */
	if (!(vf->dirh.flags & FS_OPEN_NONE) && fs->file->release && !vf->priv)
		fs->file->release(fs, vf->inode->nodeid, &vf->dirh);
}

int direct_open(struct files *f, struct mount *m, struct inode *ino, int flags,
	const struct fs_handle *h, struct vfile **ret)
{
	int keep = O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC;
	char path[FD_PATH_MAX];
	struct vfile like = { VFILE_LIKE(VFILE_REG, ino, m), .dirh = *h };
	int mem = memfd_create("umview-direct", MFD_CLOEXEC);
	_cleanup_fd_ int fd = -1;
	int r;

	if (mem < 0)
		return -errno;
	fd = open(fd_path(path, mem), (flags & keep) | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	close(mem);
	if (r < 0)
		return r;
	r = files_add(f, &like, fd, ret);
	if (r < 0)
		return r;
	return take_fd(&fd);
}

static bool seekable(const struct vfile *vf)
{
	return !(vf->dirh.flags & (FS_OPEN_NONSEEKABLE | FS_OPEN_STREAM));
}

ssize_t direct_read(struct vfile *vf, const struct fs_req *req, int fd, void *buf, size_t len,
	off_t off)
{
	struct fs *fs = vf->inode->fs;
	int fl = fcntl(fd, F_GETFL);
	off_t pos = off;
	ssize_t n;

	if (fl < 0 || (fl & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (off >= 0 && !seekable(vf))
		return -ESPIPE;
	if (off < 0)
		pos = lseek(fd, 0, SEEK_CUR);
	if (pos < 0)
		return -errno;
	if (!fs->file->read)
		return -EINVAL;
	n = fs->file->read(fs, req, vf->inode->nodeid, &vf->dirh, buf, len, (uint64_t)pos);
	if (n > 0 && off < 0 && !(vf->dirh.flags & FS_OPEN_STREAM) &&
		lseek(fd, pos + n, SEEK_SET) < 0)
		return -errno;
	return n;
}

ssize_t direct_write(struct vfile *vf, const struct fs_req *req, int fd, const void *buf, size_t len,
	off_t off)
{
	struct fs *fs = vf->inode->fs;
	struct filecache *c = cache_peek(vf->inode);
	int fl = fcntl(fd, F_GETFL);
	struct fs_attr attr;
	off_t pos = off;
	ssize_t n;

	if (fl < 0 || (fl & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (off >= 0 && !seekable(vf))
		return -ESPIPE;
	if (fl & O_APPEND) {
		int r = inode_getattr(vf->inode, req, true, &attr);

		if (r < 0)
			return r;
		pos = (off_t)attr.size;
	} else if (off < 0) {
		pos = lseek(fd, 0, SEEK_CUR);
	}
	if (pos < 0)
		return -errno;
	if (!fs->file->write)
		return -EINVAL;
	n = fs->file->write(fs, req, vf->inode->nodeid, &vf->dirh, buf, len, (uint64_t)pos, false);
	if (n <= 0)
		return n;
	inode_invalidate_attr(vf->inode);
	if (c) {
		pthread_mutex_lock(&c->lock);
		cache_invalidate(c, (uint64_t)pos, (uint64_t)(pos + n));
		c->srv_known = false;
		pthread_mutex_unlock(&c->lock);
	}
	if (off < 0 && !(vf->dirh.flags & FS_OPEN_STREAM) && lseek(fd, pos + n, SEEK_SET) < 0)
		return -errno;
	return n;
}

int direct_fill(struct vfile *vf, const struct fs_req *req, int fd)
{
	struct fs *fs = vf->inode->fs;
	_cleanup_fd_ int w = -1;
	char path[FD_PATH_MAX];
	uint64_t at = 0;
	char *buf;
	int r = 0;

	w = open(fd_path(path, fd), O_RDWR | O_CLOEXEC);
	if (w < 0)
		return -errno;
	buf = files_buf_get(vf->files);
	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = fs->file->read ? fs->file->read(fs, req, vf->inode->nodeid, &vf->dirh,
						     buf, BUF_SIZE, at) :
					     -EINVAL;

		if (n <= 0) {
			r = (int)n;
			break;
		}
		if (pwrite(w, buf, (size_t)n, (off_t)at) != n) {
			r = -EIO;
			break;
		}
		at += (uint64_t)n;
		if (at > INT64_MAX / 2) {
			r = -EFBIG;
			break;
		}
	}
	files_buf_put(vf->files, buf);
	return r;
}
