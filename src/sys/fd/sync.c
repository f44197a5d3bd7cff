/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Getting data to the server, and changing how much of it there is. */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/falloc.h>

#include "engine/abi.h"
#include "file/dir.h"
#include "sys/net/networks.h"
#include "sys/fd/fd.h"

static int sync_dir(struct vfd *v, bool datasync)
{
	struct fs *fs = v->vf->inode->fs;
	struct fs_handle h;
	int r;

	if (!fs->file || !fs->file->fsyncdir || (fs->flags & FS_READ_ONLY))
		return 0;
	r = dir_handle(v->vf->inode, &v->req, &h);
	if (r < 0)
		return r;
	r = fs->file->fsyncdir(fs, &v->req, v->vf->inode->nodeid, &h, datasync);
	dir_handle_put(v->vf->inode, &h);
	return r == -ENOSYS ? 0 : r;
}

static enum verdict do_fsync(struct call *c, bool datasync)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	if (!vfd_get(&v, c, call_fd(c, 0)))
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	switch (v.vf->kind) {
	case VFILE_REG:
		return call_return(c, file_sync_inode(v.vf->inode, &v.req, datasync));
	case VFILE_DIR:
		return call_return(c, sync_dir(&v, datasync));
	case VFILE_STREAM:
		return call_return(c, stream_fsync(v.vf, &v.req, datasync));
	default:
		return CONTINUE;
	}
}

enum verdict sys_fsync(struct call *c)
{
	return do_fsync(c, false);
}

enum verdict sys_fdatasync(struct call *c)
{
	return do_fsync(c, true);
}

enum verdict sys_sync_file_range(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	if ((int64_t)c->args[1] < 0 || (int64_t)c->args[2] < 0 ||
		(int64_t)(c->args[1] + c->args[2]) < 0 || (c->args[3] & ~7ull) ||
		!vfd_get(&v, c, call_fd(c, 0)))
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (!vfd_cached(&v))
		return CONTINUE;
	return call_return(c, cache_writeback(v.vf->cache, &v.req));
}

enum verdict sys_sync(struct call *c)
{
	struct fs_req req = { .call = c, .pid = c->tid, .uid = geteuid(), .gid = getegid() };

	/* sync(2) tells of no error: what failed is told at fsync(2) */
	if (files_any(c->um->files))
		(void)!files_sync(c->um->files, NULL, &req);
	return CONTINUE;
}

enum verdict sys_syncfs(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	if (!vfd_get(&v, c, call_fd(c, 0)) || !v.vf->inode)
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	return call_return(c, files_sync(c->um->files, v.vf->inode->fs, &v.req));
}

/* ---- size ---- */

/* Would the size be more than the guest may write? */
static int check_limit(struct call *c, struct inode *ino, const struct fs_req *req, uint64_t size)
{
	struct fs_attr attr;

	if (size <= vfd_limit(c))
		return 0;
	if (inode_getattr(ino, req, false, &attr) == 0 && size <= attr.size)
		return 0;
	return vfd_too_large(c);
}

enum verdict sys_ftruncate(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int r;

	if ((int64_t)c->args[1] < 0 || !vfd_get(&v, c, call_fd(c, 0)))
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (v.vf->kind != VFILE_REG)
		return CONTINUE;
	if (!vfd_can_write(&v))
		return call_return(c, -EINVAL);
	r = check_limit(c, v.vf->inode, &v.req, c->args[1]);
	if (r == 0)
		r = file_truncate(v.vf->inode, &v.req, c->args[1]);
	return call_return(c, r);
}

/* What vfs_fallocate() lets pass: one of the modes, with or without FALLOC_FL_KEEP_SIZE. */
static bool fallocate_mode_known(int mode)
{
	bool keeps = mode & FALLOC_FL_KEEP_SIZE;

	switch (mode & ~FALLOC_FL_KEEP_SIZE) {
	case 0:
	case FALLOC_FL_UNSHARE_RANGE:
	case FALLOC_FL_ZERO_RANGE:
		return true;
	case FALLOC_FL_PUNCH_HOLE:
		return keeps;
	case FALLOC_FL_COLLAPSE_RANGE:
	case FALLOC_FL_INSERT_RANGE:
		return !keeps;
	default:
		return false;
	}
}

static int fallocate_check(struct vfd *v, int mode, int64_t off, int64_t len)
{
	const int served = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;

	if (off < 0 || len <= 0)
		return -EINVAL;
	if (!fallocate_mode_known(mode))
		return -EOPNOTSUPP;
	if (!vfd_can_write(v))
		return -EBADF;
	if (off > INT64_MAX - len)
		return -EFBIG;
	return mode & ~served ? -EOPNOTSUPP : 0;
}

static int do_fallocate(struct vfd *v, struct call *c, int mode, uint64_t off, uint64_t len)
{
	struct inode *ino = v->vf->inode;
	struct fs *fs = ino->fs;
	int r = 0;

	if (!fs->file || !fs->file->fallocate)
		return -EOPNOTSUPP;
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		r = check_limit(c, ino, &v->req, off + len);
	if (r < 0)
		return r;
	vfd_modified(v);
	r = cache_fallocate(v->vf->cache, &v->req, mode, off, len);
	return r == -ENOSYS ? -EOPNOTSUPP : r;
}

enum verdict sys_fallocate(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int mode = (int)c->args[1], r;

	if (!vfd_get(&v, c, call_fd(c, 0)) || v.vf->kind != VFILE_REG)
		return CONTINUE;
	r = fallocate_check(&v, mode, (int64_t)c->args[2], (int64_t)c->args[3]);
	if (r == 0)
		r = do_fallocate(&v, c, mode, c->args[2], c->args[3]);
	return call_return(c, r);
}

/* ---- asynchronous I/O ---- */

/* Requests are left to the kernel, made possible: what they read is filled, what they write is
 * found afterwards as the writes of untrapped descriptors are. */
static int prepare_iocb(struct call *c, const struct iocb *io)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	if (!vfd_get(&v, c, (int)io->aio_fildes) || v.vf->kind != VFILE_REG)
		return 0;
	if (vfd_direct(&v))
		return -EINVAL;
	switch (io->aio_lio_opcode) {
	case IOCB_CMD_PREAD:
	case IOCB_CMD_PREADV:
		if (io->aio_lio_opcode == IOCB_CMD_PREADV)
			return cache_fill(v.vf->cache, &v.req, 0, UINT64_MAX);
		return cache_fill(v.vf->cache, &v.req, (uint64_t)io->aio_offset, io->aio_nbytes);
	case IOCB_CMD_PWRITE:
	case IOCB_CMD_PWRITEV:
		return cache_go_low(v.vf->cache, &v.req, O_RDWR);
	case IOCB_CMD_FSYNC:
	case IOCB_CMD_FDSYNC:
		return file_sync_inode(v.vf->inode, &v.req, io->aio_lio_opcode == IOCB_CMD_FDSYNC);
	default:
		return 0;
	}
}

enum verdict sys_io_submit(struct call *c)
{
	int64_t n = (int64_t)c->args[1];

	if (n <= 0 || !files_any(c->um->files))
		return CONTINUE;
	for (int64_t i = 0; i < n && i < 65536; i++) {
		struct iocb io;
		gaddr_t at;
		int r;

		if (abi_read_ptr(c, call_addr(c, 2), (uint64_t)i, &at) < 0 ||
			guest_read(c, at, &io, sizeof(io)) < 0)
			return CONTINUE; /* the kernel stops there too */
		r = prepare_iocb(c, &io);
		if (r < 0)
			return call_return(c, r);
	}
	return CONTINUE;
}

enum verdict sys_io_uring_setup(struct call *c)
{
	return view_has_mounts(&c->um->view) || files_any(c->um->files) || networks_any(c->um)
		       ? call_return(c, -ENOSYS)
		       : CONTINUE;
}
