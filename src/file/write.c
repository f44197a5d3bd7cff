/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes of guests, changes of size, and the calls that wait for write-back. */
#include "file/locks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "base/log.h"
#include "file/lease.h"
#include "view/watch.h"

#define DIRTY_START (2u << 20) /* a background thread begins to write back */

struct write_at {
	off_t pos;
	bool append;
};

/* Where a write of the guest's open file goes. */
static int write_place(struct filecache *c, int fd, off_t off, int rwf, struct write_at *ret)
{
	int fl = fcntl(fd, F_GETFL);

	if (fl < 0)
		return -errno;
	ret->append = (fl & O_APPEND) && !(rwf & RWF_NOAPPEND);
	if (rwf & RWF_APPEND)
		ret->append = true;
	if (ret->append)
		ret->pos = (off_t)c->size;
	else
		ret->pos = off >= 0 ? off : lseek(fd, 0, SEEK_CUR);
	return ret->pos < 0 ? -errno : 0;
}

/* The position is written by number, so that the range is certain whatever others do with it. */
static ssize_t write_through(
	int fd, const struct write_at *w, const void *buf, size_t len, off_t off, int rwf)
{
	struct iovec iov = { (void *)buf, len };
	ssize_t n;

	if (!w->append) {
		/* O_APPEND may be set all the same, and then pwrite(2) appends (before Linux 6.9 it
		 * does) */
		n = pwritev2(fd, &iov, 1, w->pos, RWF_NOAPPEND);
		if (n < 0 && errno == EOPNOTSUPP)
			n = pwrite(fd, buf, len, w->pos);
		if (n < 0)
			return -errno;
		if (off < 0 && lseek(fd, w->pos + n, SEEK_SET) < 0)
			return -errno;
		return n;
	}
	n = pwritev2(fd, &iov, 1, off < 0 ? -1 : off, rwf & (RWF_APPEND | RWF_NOAPPEND));
	return n < 0 ? -errno : n;
}

static void written(struct filecache *c, const struct fs_req *req, struct wrote *w)
{
	uint64_t pos = w->start, end = w->end;

	w->size = c->size;
	/* room was made before */
	if (pos > c->size)
		(void)!ranges_add(&c->filled, c->size, pos);
	(void)!ranges_add(&c->filled, pos, end);
	(void)!ranges_add(&c->dirty, pos, end);
	if (end > c->size)
		c->size = end;
	clock_gettime(CLOCK_REALTIME_COARSE, &c->mtime);
	if (!c->dirty_since)
		c->dirty_since = now_ns();
	c->dirty_bytes += end - pos;
	c->told = false;
	c->wseq++;
	c->uid = req->uid;
	c->gid = req->gid;
}

/* Is what is written the server's at once? The kernel keeps it back for those that asked for that
 * (FUSE_WRITEBACK_CACHE); we do as well for an image that is ours alone. */
static bool writes_through(const struct filecache *c)
{
	return !(c->ino->fs->flags & (FS_WRITEBACK_CACHE | FS_SOLE_CLIENT));
}

ssize_t cache_write(struct filecache *c, const struct fs_req *req, int fd, const void *buf,
	size_t len, off_t off, int rwf, uint64_t limit, struct wrote *ret)
{
	struct write_at w = {};
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	cache_native(c);
	n = c->vf && !c->dead ? write_place(c, fd, off, rwf, &w) : -EIO;
	if (n == 0 && len && (uint64_t)w.pos >= limit)
		n = -EFBIG;
	if (n == 0 && len > limit - (uint64_t)w.pos)
		len = (size_t)(limit - (uint64_t)w.pos);
	if (n == 0 && (ranges_reserve(&c->filled, 2) < 0 || ranges_reserve(&c->dirty, 1) < 0))
		n = -ENOMEM;
	if (n == 0 && (uint64_t)w.pos > c->size)
		n = cache_zero_tail(c);
	if (n == 0)
		n = write_through(fd, &w, buf, len, off, rwf);
	if (n > 0) {
		uint64_t pos = (uint64_t)w.pos;

		/* Somebody may append natively between: the position then tells where ours went. */
		if (w.append && off < 0 && c->low) {
			off_t at = lseek(fd, 0, SEEK_CUR);

			if (at >= n)
				pos = (uint64_t)(at - n);
		}
		*ret = (struct wrote){ .start = pos, .end = pos + (uint64_t)n };
		written(c, req, ret);
	}
	pthread_mutex_unlock(&c->lock);
	if (n > 0)
		watch_event(c->ino, WATCH_MODIFY);
	return n;
}

ssize_t cache_write_out(struct filecache *c, const struct fs_req *req, int fd, struct wrote *w,
	bool moved, bool at_once)
{
	uint64_t end = w->end;
	int r = at_once || writes_through(c) ? cache_writeback_wrote(c, req, w) : 0;

	if (w->end < end && moved && lseek(fd, (off_t)w->end, SEEK_SET) < 0)
		log_debug("the position stays behind what was written");
	/* of what a signal leaves the background takes care */
	if (r < 0 && r != -EINTR && (w->end == end || w->end == w->start))
		return r;
	return (ssize_t)(w->end - w->start);
}

int cache_after_write(struct filecache *c, const struct fs_req *req, bool sync)
{
	uint64_t dirty;
	struct vfile *vf;
	int e = 0;

	pthread_mutex_lock(&c->lock);
	dirty = c->dirty_bytes;
	vf = c->vf;
	if (c->error == -ENOSPC || c->error == -EDQUOT) {
		e = c->error;
		c->error = 0;
	}
	pthread_mutex_unlock(&c->lock);
	if (e < 0)
		return e;
	if (sync || dirty > DIRTY_MAX)
		return cache_writeback(c, req);
	if (writes_through(c))
		return 0;
	if (dirty > DIRTY_START && vf)
		files_job(vf, JOB_WRITEBACK); /* open by the guest that writes: it stays */
	return space_low(c, req, dirty) ? cache_writeback(c, req) : 0;
}

int file_may_change(struct inode *ino, const struct fs_req *req, bool wait)
{
	struct filecache *c = cache_peek(ino);
	char path[FD_PATH_MAX];
	int fd, err, r;

	if (!c)
		return 0;
	do {
		pthread_mutex_lock(&c->lock);
		fd = c->vf ? open(fd_path(path, c->vf->place), O_WRONLY | O_NONBLOCK | O_CLOEXEC)
			   : -1;
		err = c->vf && fd < 0 ? errno : 0;
		pthread_mutex_unlock(&c->lock);
		r = err != EWOULDBLOCK ? 0 : wait ? lease_wait(req) : -EWOULDBLOCK;
	} while (err == EWOULDBLOCK && r == 0);
	if (fd >= 0)
		close(fd);
	return err == ETXTBSY ? -ETXTBSY : r;
}

static int do_truncate(struct inode *ino, const struct fs_req *req, uint64_t size)
{
	struct fs_setattr set = { .set = FS_SET_SIZE, .size = size };
	struct filecache *c = cache_peek(ino);
	const struct fs_handle *h = NULL;
	uint64_t old = 0;
	int r = 0;

	if (c)
		(void)cache_twins_settle(c, req);
	inode_drop_caps(ino, req);
	if (inode_drops_privs(ino, req, &set.mode))
		set.set |= FS_SET_MODE;
	if (c)
		pthread_mutex_lock(&c->lock);
	if (!c || !c->vf) {
		if (c)
			pthread_mutex_unlock(&c->lock);
		r = inode_setattr(ino, req, NULL, &set);
		if (c)
			cache_twins_stale(c, 0, UINT64_MAX);
		return r;
	}
	r = cache_set_busy(c, req);
	if (r < 0) {
		pthread_mutex_unlock(&c->lock);
		return r;
	}
	c->hold++;
	if (c->have[HANDLE_WR])
		h = &c->h[HANDLE_WR];
	else if (c->have[HANDLE_RDWR])
		h = &c->h[HANDLE_RDWR];
	pthread_mutex_unlock(&c->lock);
	r = inode_setattr(ino, req, h, &set);
	if (r == 0)
		inode_invalidate_attr(ino);
	pthread_mutex_lock(&c->lock);
	if (r == 0 && c->vf) {
		old = c->size;
		cache_native(c);
		r = cache_resize(c, size);
		if (r == 0 && size > old)
			r = ranges_add(&c->filled, old, size);
		c->srv_known = false;
	}
	cache_clear_busy(c);
	pthread_mutex_unlock(&c->lock);
	cache_handle_put(c);
	cache_twins_stale(c, size < old ? size : old, UINT64_MAX);
	return r;
}

int file_truncate(struct inode *ino, const struct fs_req *req, uint64_t size)
{
	int r = do_truncate(ino, req, size);

	if (r == 0)
		watch_event(ino, WATCH_MODIFY);
	return r;
}

int file_sync_inode(struct inode *ino, const struct fs_req *req, bool datasync)
{
	struct filecache *c = inode_type(ino) == S_IFREG ? cache_peek(ino) : NULL;
	struct fs *fs = ino->fs;
	struct fs_handle h;
	int r, e;

	if (!c)
		return 0;
	r = cache_tell(c, cache_writeback(c, req));
	if (r < 0)
		return r;
	if (!fs->file || !fs->file->fsync || (fs->flags & FS_READ_ONLY) ||
		atomic_load(&ino->orphan))
		return 0;
	pthread_mutex_lock(&c->lock);
	e = c->have[HANDLE_WR] || c->have[HANDLE_RDWR];
	pthread_mutex_unlock(&c->lock);
	r = cache_handle(c, req, e, &h);
	if (r < 0)
		return r;
	r = fs->file->fsync(fs, req, ino->nodeid, &h, datasync);
	cache_handle_put(c);
	return r == -ENOSYS ? 0 : r;
}

int cache_writeback_quietly(struct filecache *c, const struct fs_req *req)
{
	int r;

	file_await_close(c->ino, req);
	r = cache_writeback(c, req);
	pthread_mutex_lock(&c->lock);
	if (r < 0 && r != -EINTR)
		c->error = r;
	pthread_mutex_unlock(&c->lock);
	return r == -EINTR ? r : 0;
}

int file_before_link(struct inode *ino, const struct fs_req *req)
{
	struct filecache *c = inode_type(ino) == S_IFREG ? cache_peek(ino) : NULL;

	return c && !atomic_load(&ino->orphan) ? cache_writeback_quietly(c, req) : 0;
}

int file_before_times(struct inode *ino, const struct fs_req *req)
{
	struct filecache *c = inode_type(ino) == S_IFREG ? cache_peek(ino) : NULL;

	if (!c)
		return 0;
	pthread_mutex_lock(&c->lock);
	c->mtime_shown = false; /* the new times are to stay, not those of the write */
	pthread_mutex_unlock(&c->lock);
	cache_orphan_times(c);
	return cache_writeback_quietly(c, req);
}

bool file_settle(struct inode *ino, const struct fs_req *req)
{
	struct filecache *c = inode_type(ino) == S_IFREG ? cache_peek(ino) : NULL;
	struct vfile *vf;

	if (!c)
		return false;
	vf = cache_nobodys(c);
	if (vf) {
		/* What fails is kept, with its handle: the server hides the file, and the close's
		 * job tries again. */
		if (cache_settle_closed(vf, req, false) < 0)
			log_debug("write-back before a name goes failed");
		vfile_put(vf);
	}
	/* by a background thread too */
	pthread_mutex_lock(&c->lock);
	while (c->releasing && cache_wait(c, req) == 0)
		;
	pthread_mutex_unlock(&c->lock);
	/* It is likely to be nobody's next, or by another name only, which may be another node.
	 * Before c->removing says so: a handle that it gives back (of an open and close just now)
	 * would wait for us. */
	cache_evict(c);
	cache_detach(c, req);
	pthread_mutex_lock(&c->lock);
	while (c->releasing && cache_wait(c, req) == 0)
		;
	c->removing++;
	pthread_mutex_unlock(&c->lock);
	cache_handles_settle(c);
	return true;
}

void file_settled(struct inode *ino, bool held)
{
	struct filecache *c = held ? cache_peek(ino) : NULL;

	if (!c)
		return;
	cache_attach(c);
	pthread_mutex_lock(&c->lock);
	c->removing--;
	pthread_cond_broadcast(&c->changed);
	cache_use_ended(c);
}

int files_sync(struct files *f, struct fs *fs, const struct fs_req *req)
{
	struct vfile **all;
	ssize_t n;
	int ret = 0;

	files_drain(f);
	n = files_collect(f, fs, &all);
	if (n < 0)
		return (int)n;
	for (ssize_t i = 0; i < n; i++) {
		struct fs_req own;
		int r;

		cache_req(all[i]->cache, &own);
		r = cache_tell(all[i]->cache, cache_writeback(all[i]->cache, req ? req : &own));
		if (ret == 0)
			ret = r;
		vfile_put(all[i]);
	}
	free(all);
	if (fs) {
		int e = atomic_exchange(&fs->lost, 0);

		if (ret == 0)
			ret = e;
	}
	if (fs && fs->node->syncfs) {
		int r = fs->node->syncfs(fs, req);

		if (ret == 0 && r != -ENOSYS)
			ret = r;
	}
	return ret;
}

int files_sync_until(struct files *f, struct fs *fs, uint64_t deadline_ns)
{
	struct vfile **all;
	ssize_t n;
	int ret = 0;

	files_drain(f);
	n = files_collect(f, fs, &all);
	if (n < 0)
		return (int)n;
	/* what has no name is nobody's to read after this */
	for (ssize_t i = 0; i < n; i++) {
		if (!atomic_load(&all[i]->inode->deleted))
			files_job(all[i], JOB_WRITEBACK);
	}
	files_jobs_settle(f, deadline_ns);
	for (ssize_t i = 0; i < n; i++) {
		struct filecache *c = all[i]->cache;
		int e = 0;

		pthread_mutex_lock(&c->lock);
		if (atomic_load(&all[i]->inode->deleted))
			ranges_release(&c->dirty);
		else if (c->error || cache_is_dirty(c))
			e = c->error ? c->error : -ETIMEDOUT;
		pthread_mutex_unlock(&c->lock);
		if (ret == 0)
			ret = e;
		vfile_put(all[i]);
	}
	free(all);
	if (fs && ret == 0)
		ret = atomic_exchange(&fs->lost, 0);
	return ret;
}

void cache_set_error(struct filecache *c, int err)
{
	_cleanup_free_ char *path = inode_path(c->ino);

	log_warn("%s: write-back: %s", path ? path : "?", strerror(-err));
	pthread_mutex_lock(&c->lock);
	c->error = err;
	pthread_mutex_unlock(&c->lock);
}

int cache_changed(struct filecache *c, uint64_t start, uint64_t end)
{
	int r = 0;

	inode_invalidate_attr(c->ino);
	pthread_mutex_lock(&c->lock);
	cache_invalidate(c, start, end);
	if (c->vf && end > c->size)
		r = cache_resize(c, end);
	c->srv_known = false;
	c->wseq++;
	pthread_mutex_unlock(&c->lock);
	cache_twins_stale(c, start, end);
	return r;
}

int cache_fallocate(
	struct filecache *c, const struct fs_req *req, int mode, uint64_t off, uint64_t len)
{
	struct fs *fs = c->ino->fs;
	bool zeroes = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);
	struct fs_handle h;
	int r;

	(void)cache_twins_settle(c, req);
	r = cache_writeback(c, req);
	if (r == 0)
		r = cache_handle(c, req, true, &h);
	if (r < 0)
		return r;
	if (!atomic_load(&c->ino->orphan))
		r = fs->file->fallocate(fs, req, c->ino->nodeid, &h, mode, off, len);
	else if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		r = -EOPNOTSUPP;
	cache_handle_put(c);
	if (r < 0)
		return r;
	inode_invalidate_attr(c->ino);
	pthread_mutex_lock(&c->lock);
	if (c->vf && !(mode & FALLOC_FL_KEEP_SIZE) && off + len > c->size) {
		uint64_t old = c->size;

		r = cache_resize(c, off + len);
		if (r == 0)
			r = ranges_add(&c->filled, old, off + len);
	}
	if (c->vf && r == 0 && zeroes) {
		uint64_t end = off + len < c->size ? off + len : c->size;
		int fd = cache_writer(c);

		if (fd >= 0 && off < end) {
			/* the server says that it is zero, so it is here */
			if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
				    (off_t)(end - off)) == 0)
				r = ranges_add(&c->filled, off, end);
			else
				cache_invalidate(c, off, end);
		}
		cache_writer_put(c, fd);
	}
	c->srv_known = false;
	c->wseq++;
	pthread_mutex_unlock(&c->lock);
	cache_twins_stale(
		c, off, zeroes || (mode & ~FALLOC_FL_KEEP_SIZE) == 0 ? off + len : UINT64_MAX);
	return r;
}
