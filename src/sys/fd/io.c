/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * read(2), write(2), lseek(2) and their kin. A read of a file with a page cache is made possible
 * (its range is filled) and then left to the kernel; a write is made here, through the guest's
 * own open file, so that we know what was written when it has been.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#include "base/log.h"
#include "sys/fd/fd.h"

#ifndef RWF_HIPRI
#define RWF_HIPRI 1
#endif
#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOAPPEND)

/* Is what follows the first `skip` bytes memory that the guest itself can use, and we cannot? */
static bool out_of_reach(struct call *c, const struct guest_io *io, size_t skip)
{
	const struct iovec *piece = guest_io_vec(io);

	while (skip >= piece->iov_len)
		skip -= piece++->iov_len;
	return guest_has(c, (gaddr_t){ (uint64_t)(uintptr_t)piece->iov_base + skip });
}

/* So the file is made one that needs no traps: what the guest writes is found when it is written
 * back. */
static enum verdict move_natively(struct vfd *v, struct call *c)
{
	int r = vfd_go_low(v);

	return r < 0 ? call_return(c, r) : CONTINUE;
}

/* kiocb_set_rw_flags() */
static int rwf_check(int rwf)
{
	if (rwf & ~RWF_KNOWN)
		return -EOPNOTSUPP;
	return (rwf & RWF_APPEND) && (rwf & RWF_NOAPPEND) ? -EINVAL : 0;
}

/* ---- reading ---- */

static ssize_t read_piece(struct vfd *v, void *buf, size_t len, off_t off)
{
	if (v->vf->kind == VFILE_STREAM)
		return stream_read(v->vf, &v->req, v->fd, buf, len, off);
	return direct_read(v->vf->cache, &v->req, v->fd, buf, len, off);
}

static enum verdict read_direct(struct vfd *v, struct call *c, struct guest_io *io)
{
	size_t done = 0;
	char *buf = files_buf_get(c->um->files);
	ssize_t n = 0;

	if (!buf)
		return call_return(c, -ENOMEM);
	do {
		size_t want = io->total - done < BUF_SIZE ? io->total - done : BUF_SIZE;
		ssize_t put;

		n = read_piece(v, buf, want, io->off < 0 ? -1 : io->off + (off_t)done);
		if (n <= 0)
			break;
		put = guest_scatter(c, guest_io_vec(io), io->n, done, buf, (size_t)n);
		if (put < 0) {
			if (io->off < 0 && lseek(v->fd, -n, SEEK_CUR) < 0)
				log_debug("what was read stays read");
			n = put;
			break;
		}
		done += (size_t)put;
		if (put < n || (size_t)n < want)
			break;
	} while (done < io->total);
	files_buf_put(c->um->files, buf);
	if (!done && n == -EFAULT && out_of_reach(c, io, 0))
		return move_natively(v, c);
	return call_return(c, done ? (int64_t)done : n);
}

static enum verdict do_read(struct vfd *v, struct call *c, struct guest_io *io)
{
	int r;

	if (v->fl & O_PATH)
		return call_return(c, -EBADF);
	if (v->vf->kind == VFILE_DEVICE)
		return v->vf->ops->read ? v->vf->ops->read(v->vf, c, v->fd) : CONTINUE;
	if ((v->vf->kind != VFILE_REG && v->vf->kind != VFILE_STREAM) || !vfd_can_read(v))
		return CONTINUE;
	if (io->total == 0)
		return CONTINUE;
	if (v->vf->kind == VFILE_STREAM || vfd_reads_server(v)) {
		r = rwf_check(io->rwf);
		return r < 0 ? call_return(c, r) : read_direct(v, c, io);
	}
	r = vfd_fill(v, io->off, io->total);
	if (direct_no_room(r))
		return read_direct(v, c, io);
	return r < 0 ? call_return(c, r) : CONTINUE;
}

/* ---- writing ---- */

static enum verdict write_pieces(struct vfd *v, struct call *c, struct guest_io *io)
{
	char *buf = files_buf_get(c->um->files);
	size_t done = 0;
	ssize_t n = 0;
	int r;

	if (!buf)
		return call_return(c, -ENOMEM);
	while (done < io->total) {
		size_t want = io->total - done < BUF_SIZE ? io->total - done : BUF_SIZE;
		ssize_t got = guest_gather(c, guest_io_vec(io), io->n, done, buf, want);

		if (!done && (got == -EFAULT || (got >= 0 && (size_t)got < want)) &&
			out_of_reach(c, io, got < 0 ? 0 : (size_t)got)) {
			files_buf_put(c->um->files, buf);
			return move_natively(v, c);
		}
		n = got <= 0 ? (got ? got : -EFAULT)
			     : vfd_write(v, c, buf, (size_t)got,
				       io->off < 0 ? -1 : io->off + (off_t)done, io->rwf);
		if (n < 0)
			break;
		done += (size_t)n;
		if ((size_t)n < want)
			break;
		if (done < io->total && (v->fl & O_DIRECT) == 0 && vfd_cached(v)) {
			n = cache_after_write(v->vf->cache, &v->req, false);
			if (n < 0)
				break;
		}
	}
	files_buf_put(c->um->files, buf);
	if (!done)
		return call_return(c, n);
	r = vfd_written(v, io->rwf);
	return call_return(c, r < 0 ? r : (int64_t)done);
}

static enum verdict do_write(struct vfd *v, struct call *c, struct guest_io *io)
{
	int r;

	if (v->fl & O_PATH)
		return call_return(c, -EBADF);
	if (v->vf->kind == VFILE_DEVICE)
		return v->vf->ops->write ? v->vf->ops->write(v->vf, c, v->fd) : CONTINUE;
	if (v->vf->kind != VFILE_REG && v->vf->kind != VFILE_STREAM)
		return CONTINUE;
	if (!vfd_can_write(v))
		return call_return(c, -EBADF);
	if (!io->total)
		return call_return(c, 0);
	r = rwf_check(io->rwf);
	return r < 0 ? call_return(c, r) : write_pieces(v, c, io);
}

/* ---- the calls ---- */

static enum verdict transfer(
	struct call *c, enum verdict (*fn)(struct vfd *v, struct call *c, struct guest_io *io))
{
	_cleanup_guest_io_ struct guest_io io = { 0 };
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	if (!vfd_get(&v, c, call_fd(c, 0)))
		return CONTINUE;
	if (guest_io_get(c, &io) < 0) /* the kernel says why */
		return c->blind ? move_natively(&v, c) : CONTINUE;
	return fn(&v, c, &io);
}

/* Each and its kin: guest_io_get() tells them apart. */
enum verdict sys_read(struct call *c)
{
	return transfer(c, do_read);
}

enum verdict sys_write(struct call *c)
{
	return transfer(c, do_write);
}

/* ---- lseek ---- */

/* SEEK_DATA and SEEK_HOLE are the server's to answer: our placeholder has holes of its own. */
static off_t seek_data(struct vfd *v, off_t off, int whence)
{
	struct filecache *c = v->vf->cache;
	struct fs *fs = v->vf->inode->fs;
	struct fs_handle h;
	struct fs_attr attr;
	off_t r = -ENOSYS;

	if (off < 0)
		return -ENXIO;
	if (atomic_load(&v->vf->inode->orphan)) {
		r = lseek(v->fd, off, whence);
		return r < 0 ? -errno : r;
	}
	r = cache_writeback(c, &v->req);
	if (r < 0)
		return r;
	r = inode_getattr(v->vf->inode, &v->req, false, &attr);
	if (r < 0)
		return r;
	if ((uint64_t)off >= attr.size)
		return -ENXIO;
	r = -ENOSYS;
	if (fs->file && fs->file->lseek) {
		r = cache_handle(c, &v->req, false, &h);
		if (r < 0)
			return r;
		r = fs->file->lseek(fs, &v->req, v->vf->inode->nodeid, &h, off, whence);
		cache_handle_put(c);
	}
	if (r == -ENOSYS)
		r = whence == SEEK_DATA ? off : (off_t)attr.size;
	if (r < 0)
		return r;
	return lseek(v->fd, r, SEEK_SET) < 0 ? -errno : r;
}

static enum verdict seek_unlent_dir(struct vfd *v, struct call *c)
{
	int64_t off = (int64_t)c->args[1];
	uint64_t pos;
	int r = vfd_dir_pos(v, c, &pos);

	if (c->args[2] == SEEK_CUR && r == 0)
		off += (int64_t)pos;
	else if (c->args[2] != SEEK_SET)
		r = -EINVAL;
	if (r == 0 && off < 0)
		r = -EINVAL;
	if (r == 0)
		r = vfd_dir_seek(v, c, (uint64_t)off);
	return call_return(c, r < 0 ? r : off);
}

enum verdict sys_lseek(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int whence = (int)c->args[2], r;
	struct fs_attr attr;
	off_t end;

	if (!vfd_get(&v, c, call_fd(c, 0)))
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (v.vf->kind == VFILE_DIR && !guestfd_lends(c))
		return seek_unlent_dir(&v, c);
	if (v.vf->kind != VFILE_REG)
		return CONTINUE;
	if (atomic_load(&v.vf->cache->mode) & (FS_OPEN_NONSEEKABLE | FS_OPEN_STREAM))
		return call_return(c, -ESPIPE);
	switch (whence) {
	case SEEK_END:
		r = vfile_getattr(v.vf, &v.req, &attr);
		if (r < 0)
			return call_return(c, r);
		if (vfd_cached(&v))
			return CONTINUE;
		/* the placeholder of a direct file is empty */
		end = (off_t)(attr.size + c->args[1]);
		if (end < 0)
			return call_return(c, -EINVAL);
		return call_return(c, lseek(v.fd, end, SEEK_SET) < 0 ? -errno : end);
	case SEEK_DATA:
	case SEEK_HOLE:
		return call_return(c, seek_data(&v, (off_t)c->args[1], whence));
	default:
		return CONTINUE;
	}
}
