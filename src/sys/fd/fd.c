/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/fd/fd.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "engine/own.h"

#ifndef RWF_DSYNC
#define RWF_DSYNC 2
#define RWF_SYNC 4
#endif

void vfd_release(struct vfd *v)
{
	if (v->fd >= 0)
		close(v->fd);
	if (v->vf)
		vfile_put(v->vf);
}

/* The rest of it, once its file and flags are known. */
static void vfd_fit(struct vfd *v, struct call *c)
{
	struct own_ids own = call_own_ids(c);

	if (v->vf->opath)
		v->fl |= O_PATH;
	v->req = (struct fs_req){ .uid = own.uid, .gid = own.gid, .umask = 022 };
	if (v->vf->cache)
		cache_req(v->vf->cache, &v->req);
	v->req.call = c;
	v->req.pid = c->tid;
}

bool vfd_get(struct vfd *v, struct call *c, int fd)
{
	if (!files_possible(c->um->files, fd))
		return false;
	if (vfile_of_fd(c, c->um->files, fd, &v->vf, &v->fd) < 0 || !v->vf)
		return false;
	v->fl = guestfd_flags(c, fd, v->fd);
	vfd_fit(v, c);
	return true;
}

bool vfd_of_ours(struct vfd *v, struct call *c, int ours)
{
	struct stat st;

	v->fd = ours;
	if (!files_any(c->um->files) || fstat(ours, &st) < 0)
		return false;
	v->vf = files_find(c->um->files, &st);
	if (!v->vf)
		return false;
	v->fl = fcntl(ours, F_GETFL);
	vfd_fit(v, c);
	return true;
}

bool vfd_get_low(struct vfd *v, struct call *c, int fd)
{
	if (!vfd_get(v, c, fd))
		return false;
	vfile_note_low(v->vf);
	return true;
}

int vfd_fill(struct vfd *v, off_t off, uint64_t len)
{
	struct filecache *c = v->vf->cache;
	int r;

	if (off < 0)
		off = lseek(v->fd, 0, SEEK_CUR);
	if (off < 0)
		return -errno;
	(void)cache_twins_settle(c, &v->req);
	/* Whether the file has become longer at its server matters at its end alone. */
	if ((uint64_t)off + len > cache_size(c)) {
		r = cache_revalidate(c, &v->req, false, NULL);
		if (r < 0 && r != -ENOENT && r != -ESTALE)
			return r;
	}
	return cache_fill_read(c, &v->req, (uint64_t)off, len);
}

int vfd_go_low(struct vfd *v)
{
	int r = 0;

	if (v->vf->kind == VFILE_STREAM)
		return -EOPNOTSUPP; /* it has no content to be copied to there */
	if (v->vf->kind != VFILE_REG)
		return 0;
	if (vfd_direct(v) && vfd_can_read(v))
		r = direct_fill(v->vf->cache, &v->req);
	return r < 0 ? r : cache_go_low(v->vf->cache, &v->req, v->fl);
}

uint64_t vfd_limit(struct call *c)
{
	struct rlimit lim;

	if (task_limit(c->tid, RLIMIT_FSIZE, &lim) < 0)
		return UINT64_MAX;
	return lim.rlim_cur;
}

int vfd_too_large(struct call *c)
{
	syscall(SYS_tgkill, call_tgid(c), c->tid, SIGXFSZ);
	return -EFBIG;
}

void vfd_modified(struct vfd *v)
{
	struct fs_setattr set = { .set = FS_SET_MODE };

	inode_drop_caps(v->vf->inode, &v->req);
	if (inode_drops_privs(v->vf->inode, &v->req, &set.mode))
		/* a server that refuses keeps them: the write is not refused for it */
		(void)!inode_setattr(v->vf->inode, &v->req, NULL, &set);
}

static ssize_t write_direct(
	struct vfd *v, const void *buf, size_t len, off_t off, int rwf, uint64_t limit)
{
	struct filecache *c = v->vf->cache;
	off_t pos = direct_write_pos(c, &v->req, v->fd, off, rwf);

	if (pos < 0 || len == 0)
		return pos < 0 ? pos : 0;
	if ((uint64_t)pos >= limit)
		return -EFBIG;
	if (len > limit - (uint64_t)pos)
		len = (size_t)(limit - (uint64_t)pos);
	return direct_write(c, &v->req, v->fd, buf, len, pos, off < 0);
}

ssize_t vfd_write(struct vfd *v, struct call *c, const void *buf, size_t len, off_t off, int rwf)
{
	uint64_t limit = vfd_limit(c);
	struct wrote wrote;
	bool at_once;
	ssize_t n;

	if (!vfd_can_write(v))
		return -EBADF;
	if (v->vf->kind == VFILE_STREAM)
		return stream_write(v->vf, &v->req, v->fd, buf, len, off);
	if (len)
		vfd_modified(v);
	at_once = cache_twins_settle(v->vf->cache, &v->req) || (v->fl & O_DIRECT);
	if (vfd_direct(v) && !direct_shared(v->vf->cache)) {
		n = write_direct(v, buf, len, off, rwf, limit);
	} else {
		if (v->fl & O_APPEND) {
			int r = cache_revalidate(v->vf->cache, &v->req, false, NULL);

			if (r < 0 && r != -ENOENT && r != -ESTALE)
				return r;
		}
		n = cache_write(v->vf->cache, &v->req, v->fd, buf, len, off, rwf, limit, &wrote);
		if (n > 0)
			return cache_write_out(
				v->vf->cache, &v->req, v->fd, &wrote, off < 0, at_once);
		if (direct_no_room(n) && direct_past(v->vf->cache, &v->req))
			n = write_direct(v, buf, len, off, rwf, limit);
	}
	/* a position that no file can have is told without the signal */
	return n == -EFBIG && limit != RLIM_INFINITY ? vfd_too_large(c) : n;
}

int vfd_written(struct vfd *v, int rwf)
{
	bool sync = (v->fl & (O_SYNC | O_DSYNC)) || (rwf & (RWF_DSYNC | RWF_SYNC));
	bool full = (v->fl & O_SYNC) == O_SYNC || (rwf & RWF_SYNC);
	int r;

	if (v->vf->kind != VFILE_REG)
		return 0;
	if (sync)
		return file_sync_inode(v->vf->inode, &v->req, !full);
	r = cache_after_write(v->vf->cache, &v->req, cache_direct(v->vf->cache));
	return r == -EINTR ? 0 : r;
}
