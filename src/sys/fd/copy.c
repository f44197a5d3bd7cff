/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sendfile(2), splice(2), copy_file_range(2), tee(2), vmsplice(2). Out of a file with a page cache
 * the kernel itself copies, once the range is filled; into one we do, as for write(2).
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "engine/abi.h"
#include "sys/fd/fd.h"

#define COPY_MAX (128u << 20) /* of one call */
#define RW_MAX 0x7ffff000u    /* the kernel's, of one call */
#define SPLICE_FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

/* One end of a copy. */
struct end {
	struct vfd v;
	int fd; /* our dup, of a real file too */
	gaddr_t offp;
	off_t off; /* -1: its position */
};

#define END_INIT                                                                                   \
	{                                                                                          \
		.v = VFD_INIT, .fd = -1, .off = -1                                                 \
	}

static void end_release(struct end *e)
{
	if (!e->v.vf && e->fd >= 0)
		close(e->fd);
	vfd_release(&e->v);
}
#define _cleanup_end_ _cleanup_(end_release)

/* offp: where the guest keeps the position, 0 for none. */
static int end_get(struct end *e, struct call *c, int fd, uint64_t offp)
{
	int r;

	if (vfd_get(&e->v, c, fd)) {
		e->fd = e->v.fd;
	} else {
		e->fd = guestfd_get(c, fd);
		if (e->fd < 0)
			return e->fd;
	}
	e->offp.v = offp;
	if (!offp)
		return 0;
	r = abi_read_off(c, e->offp, &e->off);
	if (r < 0)
		return r;
	return e->off < 0 ? -EINVAL : 0;
}

static bool is_reg(const struct end *e)
{
	return e->v.vf && e->v.vf->kind == VFILE_REG;
}

/* What is moved by read(2) and write(2) alone. */
static bool is_device(const struct end *e)
{
	return e->v.vf && (e->v.vf->kind == VFILE_DEVICE || e->v.vf->kind == VFILE_STREAM);
}

/* What is read of it is ours, and the kernel would move something else. */
static bool made_up(const struct end *e)
{
	return e->v.vf && e->v.vf->kind == VFILE_DEVICE && e->v.vf->ops->read;
}

/* Waits for a pipe or socket as long as the guest does. */
static int wait_for(struct call *c, int fd, short events, bool nonblock)
{
	if (!nonblock)
		call_waits();
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int n = poll(&p, 1, nonblock ? 0 : 50);

		if (n > 0)
			return 0;
		if (nonblock)
			return -EAGAIN;
		if (call_interrupted(c))
			return -EINTR;
	}
}

/* A pipe, socket or terminal that was opened so. */
static bool never_blocks(const struct end *e)
{
	return !e->v.vf && (fcntl(e->fd, F_GETFL) & O_NONBLOCK);
}

static mode_t type_of(const struct end *e)
{
	struct stat st;

	return fstat(e->fd, &st) < 0 ? 0 : st.st_mode & S_IFMT;
}

static bool is_file(const struct end *e)
{
	return type_of(e) == S_IFREG;
}

/* From where somebody else may take what poll(2) has seen. */
static ssize_t take_stream(struct end *in, struct call *c, char *buf, size_t len, bool nonblock)
{
	struct iovec iov = { buf, len };
	ssize_t n;
	int r;

	do {
		r = wait_for(c, in->fd, POLLIN, nonblock);
		if (r < 0)
			return r;
		n = preadv2(in->fd, &iov, 1, -1, RWF_NOWAIT);
		if (n < 0 && errno == EOPNOTSUPP)
			n = read(in->fd, buf, len);
	} while (n < 0 && errno == EAGAIN && !nonblock);
	return n < 0 ? -errno : n;
}

static ssize_t take(struct end *in, struct call *c, char *buf, size_t len, bool nonblock)
{
	ssize_t n;
	int r;

	if (is_reg(in) && vfd_direct(&in->v))
		return direct_read(in->v.vf->cache, &in->v.req, in->fd, buf, len, in->off);
	if (is_reg(in)) {
		if (!vfd_can_read(&in->v))
			return -EBADF;
		r = vfd_fill(&in->v, in->off, len);
		if (direct_no_room(r))
			return direct_read(in->v.vf->cache, &in->v.req, in->fd, buf, len, in->off);
		if (r < 0)
			return r;
	} else if (in->off < 0 && !is_file(in)) {
		return take_stream(in, c, buf, len, nonblock || never_blocks(in));
	}
	n = in->off < 0 ? read(in->fd, buf, len) : pread(in->fd, buf, len, in->off);
	return n < 0 ? -errno : n;
}

static ssize_t put_real(struct end *out, struct call *c, const char *buf, size_t len, bool nonblock)
{
	struct iovec iov = { (char *)buf, len };
	ssize_t n;
	int r;

	if (out->off >= 0) {
		n = pwrite(out->fd, buf, len, out->off);
	} else if (is_file(out)) {
		n = write(out->fd, buf, len);
	} else {
		r = wait_for(c, out->fd, POLLOUT, nonblock);
		if (r < 0)
			return r;
		n = pwritev2(out->fd, &iov, 1, -1, RWF_NOWAIT);
		if (n < 0 && errno == EOPNOTSUPP)
			n = write(out->fd, buf, len < PIPE_BUF ? len : PIPE_BUF);
	}
	if (n < 0 && errno == EPIPE)
		return call_broken_pipe(c);
	return n < 0 ? -errno : n;
}

static ssize_t put(struct end *out, struct call *c, const char *buf, size_t len, bool nonblock)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	size_t done = 0;
	ssize_t n = 0;

	nonblock = nonblock || never_blocks(out);
	while (done < len) {
		n = is_reg(out) ? vfd_write(&out->v, c, buf + done, len - done, out->off, 0)
				: put_real(out, c, buf + done, len - done, nonblock);
		if (n == -EAGAIN && !nonblock) {
			/* there was room, but somebody else had it */
			if (call_interrupted(c))
				n = -EINTR;
			else if (nanosleep(&moment, NULL) == 0)
				continue;
		}
		if (n <= 0)
			break;
		done += (size_t)n;
		if (out->off >= 0)
			out->off += n;
		if (is_reg(out) && vfd_cached(&out->v)) {
			n = cache_after_write(out->v.vf->cache, &out->v.req, false);
			if (n < 0)
				break;
		}
	}
	return done ? (ssize_t)done : n;
}

/* What was taken from a position and did not fit is given back to it. */
static void untake(struct end *in, ssize_t left)
{
	if (left > 0 && in->off < 0)
		(void)!lseek(in->fd, -(off_t)left, SEEK_CUR); /* fails on pipes: then it is lost */
}

static ssize_t copy(
	struct end *in, struct end *out, struct call *c, size_t len, bool nonblock, bool once)
{
	char *buf = files_buf_get(c->um->files);
	size_t done = 0;
	ssize_t n = 0;

	if (!buf)
		return -ENOMEM;
	while (done < len && done < COPY_MAX) {
		size_t want = len - done < (1u << 20) ? len - done : 1u << 20;
		ssize_t m;

		n = take(in, c, buf, want, nonblock);
		if (n <= 0)
			break;
		m = put(out, c, buf, (size_t)n, nonblock);
		if (m < n)
			untake(in, n - (m > 0 ? m : 0));
		if (m <= 0) {
			n = m;
			break;
		}
		if (in->off >= 0)
			in->off += m;
		done += (size_t)m;
		if (m < n || once)
			break;
	}
	files_buf_put(c->um->files, buf);
	return done ? (ssize_t)done : n;
}

static enum verdict finish(struct call *c, struct end *in, struct end *out, ssize_t n)
{
	int r = 0;

	if (n > 0 && is_reg(out))
		r = vfd_written(&out->v, 0);
	if (n >= 0 && in->off >= 0)
		r = r < 0 ? r : abi_write_off(c, in->offp, in->off);
	if (n >= 0 && out->off >= 0)
		r = r < 0 ? r : abi_write_off(c, out->offp, out->off);
	return call_return(c, r < 0 ? r : n);
}

/* Out of a page cache into what is real: filled, the kernel does it. False: there is no room for
 * that. */
static bool native(struct call *c, struct end *in, struct end *out, size_t len, enum verdict *ret)
{
	int r = 0;

	if (is_reg(out) || !is_reg(in) || !vfd_cached(&in->v))
		return false;
	if (vfd_can_read(&in->v))
		r = vfd_fill(&in->v, in->off, len < COPY_MAX ? len : INT64_MAX / 2);
	if (direct_no_room(r))
		return false;
	*ret = r < 0 ? call_return(c, r) : CONTINUE;
	return true;
}

static int flags_of(const struct end *e)
{
	return e->v.vf ? e->v.fl : fcntl(e->fd, F_GETFL);
}

static bool is_opath(const struct end *e)
{
	return flags_of(e) & O_PATH;
}

/* mode: O_RDONLY or O_WRONLY. */
static bool can(const struct end *e, int mode)
{
	const int fl = flags_of(e);

	return fl >= 0 && flags_allow(fl, mode);
}

/* do_sendfile(): what comes from nothing that has positions is refused, so that it is not lost. */
static int sendfile_check(const struct end *in, const struct end *out)
{
	bool seeks = lseek(in->fd, 0, SEEK_CUR) >= 0;

	if (!can(in, O_RDONLY))
		return -EBADF;
	if (in->offp.v && !seeks)
		return -ESPIPE;
	if (!can(out, O_WRONLY))
		return -EBADF;
	if ((is_reg(out) && (out->v.fl & O_APPEND)) || !seeks || type_of(in) == S_IFDIR)
		return -EINVAL;
	return 0;
}

enum verdict sys_sendfile(struct call *c)
{
	_cleanup_end_ struct end out = END_INIT, in = END_INIT;
	size_t len = c->args[3] < RW_MAX ? c->args[3] : RW_MAX;
	enum verdict v;
	int r;

	if (!files_any(c->um->files) || (int64_t)c->args[3] < 0)
		return CONTINUE;
	if (end_get(&in, c, call_fd(c, 1), c->args[2]) < 0 ||
		end_get(&out, c, call_fd(c, 0), 0) < 0)
		return CONTINUE; /* and the kernel says why */
	if (native(c, &in, &out, len, &v))
		return v;
	if (made_up(&in))
		return call_return(c, -EINVAL);
	if (!is_reg(&out) && !is_reg(&in))
		return CONTINUE;
	r = sendfile_check(&in, &out);
	return r < 0 ? call_return(c, r)
		     : finish(c, &in, &out, copy(&in, &out, c, len, false, false));
}

/* A device that knows nothing of splice(2), as its kernel's file does not. Its placeholder would.
 */
static enum verdict splice_device(
	struct call *c, struct end *dev, const struct end *in, const struct end *out)
{
	if (dev->v.vf->ops && dev->v.vf->ops->splice)
		return dev->v.vf->ops->splice(dev->v.vf, c, dev->fd);
	return call_return(c, can(in, O_RDONLY) && can(out, O_WRONLY) ? -EINVAL : -EBADF);
}

/* do_splice(): one side has to be a pipe. */
static int splice_check(const struct end *in, const struct end *out)
{
	bool from_pipe = type_of(in) == S_IFIFO, to_pipe = type_of(out) == S_IFIFO;

	if ((from_pipe && in->offp.v) || (to_pipe && out->offp.v))
		return -ESPIPE;
	if (!can(in, O_RDONLY) || !can(out, O_WRONLY))
		return -EBADF;
	return (!from_pipe && !to_pipe) || (is_reg(out) && (out->v.fl & O_APPEND)) ? -EINVAL : 0;
}

enum verdict sys_splice(struct call *c)
{
	int r;
	_cleanup_end_ struct end in = END_INIT, out = END_INIT;
	bool nonblock = c->args[5] & SPLICE_F_NONBLOCK;
	enum verdict v;
	size_t len = c->args[4] < RW_MAX ? c->args[4] : RW_MAX;

	if (!files_any(c->um->files) || len == 0 || (c->args[5] & ~SPLICE_FLAGS))
		return CONTINUE;
	if (end_get(&in, c, call_fd(c, 0), c->args[1]) < 0 ||
		end_get(&out, c, call_fd(c, 2), c->args[3]) < 0)
		return CONTINUE;
	if (is_device(&out) || is_device(&in))
		return splice_device(c, is_device(&out) ? &out : &in, &in, &out);
	if (native(c, &in, &out, len < (1u << 20) ? len : 1u << 20, &v))
		return v;
	if (!is_reg(&out) && !is_reg(&in))
		return CONTINUE;
	r = splice_check(&in, &out);
	/* what the pipe holds now is copied, as by the kernel */
	return r < 0 ? call_return(c, r)
		     : finish(c, &in, &out, copy(&in, &out, c, len, nonblock, true));
}

/* ---- copy_file_range ---- */

static int range_check(struct end *in, struct end *out)
{
	struct stat a, b;

	if (is_opath(in) || is_opath(out))
		return -EBADF;
	if (fstat(in->fd, &a) < 0 || fstat(out->fd, &b) < 0)
		return -errno;
	if (S_ISDIR(a.st_mode) || S_ISDIR(b.st_mode))
		return -EISDIR;
	if (!S_ISREG(a.st_mode) || !S_ISREG(b.st_mode))
		return -EINVAL;
	if (is_reg(in) && !vfd_can_read(&in->v))
		return -EBADF;
	if (is_reg(out) && (!vfd_can_write(&out->v) || (out->v.fl & O_APPEND)))
		return -EBADF;
	return 0;
}

static off_t place_of(const struct end *e)
{
	return e->off >= 0 ? e->off : lseek(e->fd, 0, SEEK_CUR);
}

/* i_size_read() */
static int size_of(const struct end *e, uint64_t *ret)
{
	struct fs_attr attr;
	struct stat st;
	int r;

	if (is_reg(e)) {
		r = vfile_getattr(e->v.vf, &e->v.req, &attr);
		if (r == 0)
			*ret = attr.size;
		return r;
	}
	if (fstat(e->fd, &st) < 0)
		return -errno;
	*ret = (uint64_t)st.st_size;
	return 0;
}

/* The rest of generic_copy_file_checks(): how much of `len` is copied. What is behind the end of
 * the file is no part of the ranges; a limit is told before the first byte, unlike write(2)'s; one
 * file's ranges must not overlap. */
static int range_fit(const struct end *in, const struct end *out, struct call *c, size_t *len)
{
	uint64_t limit = is_reg(out) ? vfd_limit(c) : RLIM_INFINITY, size = 0;
	uint64_t from = (uint64_t)place_of(in), to = (uint64_t)place_of(out);
	int r;

	if (from + *len < from || to + *len < to)
		return -EOVERFLOW;
	r = size_of(in, &size);
	if (r < 0)
		return r;
	size = from < size ? size - from : 0;
	if (*len > size)
		*len = size;
	if (to >= limit)
		return vfd_too_large(c);
	if (*len > limit - to)
		*len = limit - to;
	if (to > (uint64_t)INT64_MAX - *len)
		return -EFBIG;
	return is_reg(in) && is_reg(out) && in->v.vf->inode == out->v.vf->inode &&
			       to + *len > from && to < from + *len
		       ? -EINVAL
		       : 0;
}

static void moved(struct end *e, ssize_t n)
{
	if (e->off >= 0)
		e->off += n;
	else
		(void)!lseek(e->fd, n, SEEK_CUR);
}

/* Within one server, by itself. -EOPNOTSUPP: it cannot. */
static ssize_t copy_by_server(struct end *in, struct end *out, size_t len)
{
	struct filecache *ci, *co;
	struct fs_handle hi, ho;
	struct fs *fs;
	off_t a = place_of(in), b = place_of(out);
	ssize_t n;

	if (!is_reg(in) || !is_reg(out) || !vfd_cached(&in->v) || !vfd_cached(&out->v))
		return -EOPNOTSUPP;
	fs = in->v.vf->inode->fs;
	if (out->v.vf->inode->fs != fs || !fs->file->copy_range ||
		atomic_load(&in->v.vf->inode->orphan) || atomic_load(&out->v.vf->inode->orphan))
		return -EOPNOTSUPP;
	ci = in->v.vf->cache;
	co = out->v.vf->cache;
	vfd_modified(&out->v);
	(void)cache_twins_settle(ci, &in->v.req);
	(void)cache_twins_settle(co, &out->v.req);
	n = cache_writeback(ci, &in->v.req);
	if (n == 0)
		n = cache_writeback(co, &out->v.req);
	if (n == 0)
		n = cache_handle(ci, &in->v.req, false, &hi);
	if (n < 0)
		return n;
	n = cache_handle(co, &out->v.req, true, &ho);
	if (n == 0) {
		n = fs->file->copy_range(fs, &in->v.req, in->v.vf->inode->nodeid, &hi, (uint64_t)a,
			out->v.vf->inode->nodeid, &ho, (uint64_t)b, len);
		cache_handle_put(co);
	}
	cache_handle_put(ci);
	if (n == -ENOSYS)
		n = -EOPNOTSUPP;
	if (n > 0) {
		int r = cache_changed(co, (uint64_t)b, (uint64_t)b + (uint64_t)n);

		if (r < 0)
			return r;
		moved(in, n);
		moved(out, n);
	}
	return n;
}

/* From a page cache into a real file of the guest: filled, the kernel copies for us. */
static ssize_t copy_out(struct end *in, struct end *out, struct call *c, size_t len)
{
	struct rlimit lim;
	off_t pos = place_of(in);
	ssize_t n;
	int r;

	if (task_limit(c->tid, RLIMIT_FSIZE, &lim) < 0 || lim.rlim_cur != RLIM_INFINITY ||
		out->off >= 0 || !vfd_cached(&in->v))
		return -EXDEV; /* as between any two file systems: the guest copies itself */
	if (len > COPY_MAX)
		len = COPY_MAX;
	r = vfd_fill(&in->v, pos, len);
	if (r < 0)
		return r;
	n = sendfile(out->fd, in->fd, &pos, len);
	if (n < 0)
		return errno == EINVAL || errno == EBADF ? -EXDEV : -errno;
	moved(in, n);
	return n;
}

enum verdict sys_copy_file_range(struct call *c)
{
	_cleanup_end_ struct end in = END_INIT, out = END_INIT;
	size_t len = c->args[4];
	ssize_t n;

	if (!files_any(c->um->files) || c->args[5])
		return CONTINUE;
	if (end_get(&in, c, call_fd(c, 0), c->args[1]) < 0 ||
		end_get(&out, c, call_fd(c, 2), c->args[3]) < 0)
		return CONTINUE;
	if (made_up(&in))
		return call_return(c, -EINVAL);
	if (!is_reg(&in) && !is_reg(&out))
		return is_opath(&in) || is_opath(&out) ? call_return(c, -EBADF) : CONTINUE;
	n = range_check(&in, &out);
	if (n == 0)
		n = range_fit(&in, &out, c, &len);
	if (n < 0 || len == 0)
		return call_return(c, n);
	if (len > RW_MAX)
		len = RW_MAX;
	if (!is_reg(&out))
		return finish(c, &in, &out, copy_out(&in, &out, c, len));
	n = copy_by_server(&in, &out, len);
	if (n == -EOPNOTSUPP)
		n = copy(&in, &out, c, len, true, false);
	return finish(c, &in, &out, n);
}

/* ---- pipes ---- */

enum verdict sys_tee(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	for (int i = 0; i < 2; i++) {
		if (vfd_get(&v, c, call_fd(c, i)) && v.vf->kind == VFILE_DEVICE &&
			v.vf->ops->splice)
			return v.vf->ops->splice(v.vf, c, v.fd);
		vfd_release(&v);
		v = (struct vfd)VFD_INIT;
	}
	return CONTINUE;
}

enum verdict sys_vmsplice(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	if (vfd_get(&v, c, call_fd(c, 0)) && v.vf->kind == VFILE_DEVICE && v.vf->ops->splice)
		return v.vf->ops->splice(v.vf, c, v.fd);
	return CONTINUE;
}
