/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A guest's open file is an open of the inode's placeholder, so the kernel
 * keeps its position, flags, locks and mappings. What the placeholder holds is told by c->filled;
 * a trapped read fills what it needs and goes on natively. Writes of guests are made by us through
 * the guest's own open file, under c->lock together with their entry in c->dirty, so that a
 * write-back, which takes the dirty ranges before it reads the placeholder, can lose none.
 *
 * Writes that nobody traps (a descriptor below VFD_BASE, a shared mapping) are found afterwards: by
 * the size, the time, and hashes of the pages (writeback.c).
 */
#include "file/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

struct filecache *cache_peek(struct inode *ino)
{
	return __atomic_load_n(&ino->cache, __ATOMIC_ACQUIRE);
}

static struct filecache *cache_new(struct files *f, struct inode *ino)
{
	struct filecache *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!c)
		return NULL;
	c->files = f;
	c->ino = ino;
	c->checker = -1;
	c->closed = true;
	CDS_INIT_LIST_HEAD(&c->fills);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	return c;
}

int cache_of(struct files *f, struct inode *ino, struct filecache **ret)
{
	struct filecache *c = cache_peek(ino);

	if (!c) {
		pthread_mutex_lock(&ino->lock);
		c = ino->cache;
		if (!c) {
			c = cache_new(f, ino);
			__atomic_store_n(&ino->cache, c, __ATOMIC_RELEASE);
		}
		pthread_mutex_unlock(&ino->lock);
	}
	if (!c)
		return -ENOMEM;
	*ret = c;
	return 0;
}

/* The inode is being freed: nobody else knows it, and no vfile does. */
void cache_free(struct inode *ino)
{
	struct filecache *c = ino->cache;

	if (!c)
		return;
	ino->cache = NULL;
	if (c->checker >= 0)
		close(c->checker);
	ranges_release(&c->filled);
	ranges_release(&c->dirty);
	ranges_release(&c->mapped);
	free(c->hash);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	free(c);
}

void cache_req(const struct filecache *c, struct fs_req *req)
{
	*req = (struct fs_req){ .uid = c->uid, .gid = c->gid, .ruid = c->uid, .rgid = c->gid,
		.umask = 022 };
}

/* ---- the placeholder ---- */

static int memfd_new(const char *name)
{
	char shown[200];
	int fd;

	snprintf(shown, sizeof(shown), "%s", name && *name ? name : "umview");
	fd = memfd_create(shown, MFD_CLOEXEC | MFD_EXEC);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(shown, MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A nameless file on disk. What stays open of it is open for reading: with a writer left,
 * exec of it would be ETXTBSY. */
static int disk_new(struct files *f, uint64_t size)
{
	_cleanup_fd_ int fd = -1;
	char path[FD_PATH_MAX];
	int ro;

	if (!f->diskdir)
		return -ENOENT;
	fd = open(f->diskdir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0700);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	ro = open(fd_path(path, fd), O_RDONLY | O_CLOEXEC);
	return ro < 0 ? -errno : ro;
}

int cache_place(struct filecache *c, struct mount *m, const char *name, uint64_t size)
{
	struct vfile like = { VFILE_LIKE(VFILE_REG, c->ino, m), .cache = c };
	_cleanup_fd_ int fd = -1;
	struct vfile *vf;
	int r;

	if (c->vf)
		return 0;
	if (size > INT64_MAX)
		return -EFBIG;
	c->disk = false;
	if (size >= PLACE_DISK_MIN) {
		fd = disk_new(c->files, size);
		c->disk = fd >= 0;
	}
	if (fd < 0) {
		fd = memfd_new(name);
		if (fd < 0)
			return fd;
		if (size && ftruncate(fd, (off_t)size) < 0)
			return -errno;
	}
	like.place = fd;
	r = files_add(c->files, &like, fd, &vf);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	c->vf = vf;
	c->size = size;
	c->srv_known = false;
	c->closed = true;
	c->low = c->low_append = c->readers = c->writers = false;
	/* The registry's reference holds it until the cache is evicted. */
	vfile_put(vf);
	return 0;
}

int cache_writer(struct filecache *c)
{
	char path[FD_PATH_MAX];
	int fd;

	if (!c->disk)
		return c->vf->place;
	fd = open(fd_path(path, c->vf->place), O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void cache_writer_put(struct filecache *c, int fd)
{
	if (fd >= 0 && c->disk)
		close(fd);
}

static void lru_remove(struct filecache *c)
{
	struct files *f = c->files;

	pthread_mutex_lock(&f->lru_lock);
	if (c->in_lru) {
		cds_list_del(&c->lru);
		c->in_lru = false;
		f->lru_bytes -= c->lru_bytes;
	}
	pthread_mutex_unlock(&f->lru_lock);
}

static void writers_add(struct filecache *c)
{
	struct files *f = c->files;
	bool first = false;

	pthread_mutex_lock(&f->lru_lock);
	if (!c->in_writers) {
		first = cds_list_empty(&f->writers);
		cds_list_add_tail(&c->wnode, &f->writers);
		c->in_writers = true;
	}
	pthread_mutex_unlock(&f->lru_lock);
	if (first)
		files_wake(f, 1);
}

static void writers_remove(struct filecache *c)
{
	struct files *f = c->files;

	pthread_mutex_lock(&f->lru_lock);
	if (c->in_writers) {
		cds_list_del(&c->wnode);
		c->in_writers = false;
	}
	pthread_mutex_unlock(&f->lru_lock);
}

int cache_open(struct filecache *c, int flags)
{
	int keep = O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | O_DIRECT | O_NOATIME;
	char path[FD_PATH_MAX];
	int fd;

	if (c->dead)
		return -EIO;
	fd_path(path, c->vf->place);
	fd = open(path, (flags & keep) | O_CLOEXEC);
	if (fd < 0 && errno == EINVAL && (flags & O_DIRECT))
		fd = open(path, (flags & keep & ~O_DIRECT) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	c->closed = false;
	if ((flags & O_ACCMODE) != O_WRONLY)
		c->readers = true;
	if ((flags & O_ACCMODE) != O_RDONLY) {
		c->writers = true;
		writers_add(c);
	}
	lru_remove(c);
	return fd;
}

bool cache_unused(struct filecache *c)
{
	char path[FD_PATH_MAX];
	int fd = c->disk ? c->vf->place : c->checker;

	if (fd < 0)
		fd = c->checker = open(fd_path(path, c->vf->place), O_RDONLY | O_CLOEXEC);
	/* A lease for writing is given only where no other open file exists. */
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		return false;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	if (c->checker >= 0)
		close(c->checker);
	c->checker = -1;
	return true;
}

static int handles_take(struct filecache *c, struct fs_handle h[HANDLE_KINDS])
{
	int n = 0;

	for (int i = 0; i < HANDLE_KINDS && !c->hold; i++) {
		if (c->have[i])
			h[n++] = c->h[i];
		c->have[i] = false;
	}
	return n;
}

static void handle_release(struct filecache *c, const struct fs_handle *h)
{
	struct fs *fs = c->ino->fs;

	if (!(h->flags & FS_OPEN_NONE) && fs->file && fs->file->release && !c->dead)
		fs->file->release(fs, c->ino->nodeid, h);
}

void cache_evict(struct filecache *c)
{
	struct fs_handle h[HANDLE_KINDS];
	struct vfile *vf;
	int n;

	pthread_mutex_lock(&c->lock);
	vf = c->vf;
	if (!vf || !c->closed || c->busy || c->hold || !ranges_empty(&c->dirty) ||
		!cds_list_empty(&c->fills)) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	n = handles_take(c, h);
	lru_remove(c);
	writers_remove(c);
	c->vf = NULL;
	ranges_release(&c->filled);
	ranges_release(&c->mapped);
	free(take_ptr(&c->hash));
	c->nhash = 0;
	pthread_mutex_unlock(&c->lock);
	while (n > 0)
		handle_release(c, &h[--n]);
	files_remove(vf);
}

/* Keeps the oldest closed caches within bounds. */
static void lru_trim(struct files *f)
{
	for (int i = 0; i < 64; i++) {
		struct filecache *c;
		struct vfile *vf;

		pthread_mutex_lock(&f->lru_lock);
		if (f->lru_bytes <= f->lru_max || cds_list_empty(&f->lru)) {
			pthread_mutex_unlock(&f->lru_lock);
			return;
		}
		c = cds_list_first_entry(&f->lru, struct filecache, lru);
		vf = vfile_get(c->vf); /* in the list it has one */
		cds_list_del(&c->lru);
		c->in_lru = false;
		f->lru_bytes -= c->lru_bytes;
		pthread_mutex_unlock(&f->lru_lock);
		cache_evict(c);
		vfile_put(vf);
	}
}

static void lru_add(struct filecache *c)
{
	struct files *f = c->files;
	struct stat st;

	/* 16 KiB for what else a placeholder costs. */
	c->lru_bytes = 16384;
	if (!c->disk && fstat(c->vf->place, &st) == 0)
		c->lru_bytes += (uint64_t)st.st_blocks * 512;
	pthread_mutex_lock(&f->lru_lock);
	if (!c->in_lru) {
		cds_list_add_tail(&c->lru, &f->lru);
		c->in_lru = true;
		f->lru_bytes += c->lru_bytes;
	}
	pthread_mutex_unlock(&f->lru_lock);
}

/* ---- waiting ---- */

int cache_wait(struct filecache *c, const struct fs_req *req)
{
	struct timespec until;
	bool gone;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 50000000;
	if (until.tv_nsec >= (long)NSEC_PER_SEC) {
		until.tv_nsec -= (long)NSEC_PER_SEC;
		until.tv_sec++;
	}
	if (pthread_cond_timedwait(&c->changed, &c->lock, &until) != ETIMEDOUT)
		return 0;
	if (!req->call)
		return 0;
	pthread_mutex_unlock(&c->lock);
	gone = call_interrupted(req->call);
	pthread_mutex_lock(&c->lock);
	return gone ? -EINTR : 0;
}

int cache_set_busy(struct filecache *c, const struct fs_req *req)
{
	while (c->busy) {
		int r = cache_wait(c, req);

		if (r < 0)
			return r;
	}
	c->busy = true;
	return 0;
}

void cache_clear_busy(struct filecache *c)
{
	c->busy = false;
	pthread_cond_broadcast(&c->changed);
}

/* ---- the server's handles ---- */

static int handle_kind(int oflags)
{
	switch (oflags & O_ACCMODE) {
	case O_RDONLY:
		return HANDLE_RD;
	case O_WRONLY:
		return HANDLE_WR;
	default:
		return HANDLE_RDWR;
	}
}

void cache_handle_add(struct filecache *c, const struct fs_handle *h)
{
	int kind = handle_kind(h->oflags);
	bool had;

	pthread_mutex_lock(&c->lock);
	had = c->have[kind];
	if (!had) {
		c->h[kind] = *h;
		c->have[kind] = true;
	}
	pthread_mutex_unlock(&c->lock);
	if (had)
		handle_release(c, h);
}

int cache_handle(
	struct filecache *c, const struct fs_req *req, bool write, struct fs_handle *ret)
{
	struct fs *fs = c->ino->fs;
	int kinds[] = { write ? HANDLE_WR : HANDLE_RD, HANDLE_RDWR };

	for (int i = 0;; i++) {
		struct fs_handle h = { .flags = FS_OPEN_NONE, .oflags = write ? O_WRONLY : O_RDONLY };
		int r = 0;

		pthread_mutex_lock(&c->lock);
		for (size_t k = 0; k < ARRAY_SIZE(kinds) && !c->dead; k++) {
			if (!c->have[kinds[k]])
				continue;
			*ret = c->h[kinds[k]];
			c->hold++;
			pthread_mutex_unlock(&c->lock);
			return 0;
		}
		if (c->dead)
			r = -ENOTCONN;
		pthread_mutex_unlock(&c->lock);
		if (r == 0 && i > 8)
			r = -EIO;
		if (r == 0 && fs->file && fs->file->open)
			r = fs->file->open(fs, req, c->ino->nodeid, h.oflags, &h);
		if (r == -ENOSYS)
			r = 0;
		if (r < 0)
			return r;
		cache_handle_add(c, &h);
	}
}

void cache_handle_put(struct filecache *c)
{
	pthread_mutex_lock(&c->lock);
	if (--c->hold == 0)
		pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void cache_release_handles(struct filecache *c)
{
	struct fs_handle h[HANDLE_KINDS];
	int n;

	pthread_mutex_lock(&c->lock);
	n = handles_take(c, h);
	pthread_mutex_unlock(&c->lock);
	while (n > 0)
		handle_release(c, &h[--n]);
}

void cache_release_readers(struct filecache *c)
{
	struct fs_handle h;
	bool have;

	pthread_mutex_lock(&c->lock);
	have = c->have[HANDLE_RD] && !c->hold;
	if (have) {
		h = c->h[HANDLE_RD];
		c->have[HANDLE_RD] = false;
	}
	pthread_mutex_unlock(&c->lock);
	if (have)
		handle_release(c, &h);
}

/* ---- attributes ---- */

uint64_t cache_size(struct filecache *c)
{
	uint64_t size;

	pthread_mutex_lock(&c->lock);
	cache_native(c);
	size = c->size;
	pthread_mutex_unlock(&c->lock);
	return size;
}

bool cache_is_dirty(const struct filecache *c)
{
	return c->busy || !ranges_empty(&c->dirty);
}

void cache_native(struct filecache *c)
{
	struct stat st;

	if (!c->low || !c->vf || fstat(c->vf->place, &st) < 0)
		return;
	if ((uint64_t)st.st_size <= c->size)
		return;
	if (ranges_reserve(&c->filled, 1) < 0 || ranges_add(&c->dirty, c->size, (uint64_t)st.st_size))
		return; /* the size is not taken over: the next time */
	(void)!ranges_add(&c->filled, c->size, (uint64_t)st.st_size);
	c->size = (uint64_t)st.st_size;
	c->mtime = st.st_mtim;
	c->wseq++;
	if (!c->dirty_since)
		c->dirty_since = now_ns();
}

static bool time_eq(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* May be called with the inode's lock held. */
void cache_attr_hook(struct inode *ino, struct fs_attr *attr)
{
	struct filecache *c = cache_peek(ino);
	struct stat st;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	cache_native(c);
	if (c->vf && cache_is_dirty(c)) {
		attr->size = c->size;
		if (c->mtime.tv_sec) {
			attr->mtime = attr->ctime = c->mtime;
			c->mtime_shown = true;
		}
		if (attr->blocks < (c->size + 511) / 512)
			attr->blocks = (c->size + 511) / 512;
	} else if (c->vf && c->low && c->low_mtime.tv_sec && fstat(c->vf->place, &st) == 0 &&
		!time_eq(&st.st_mtim, &c->low_mtime)) {
		attr->mtime = attr->ctime = c->mtime = st.st_mtim;
		c->mtime_shown = true;
	}
	pthread_mutex_unlock(&c->lock);
}

int cache_resize(struct filecache *c, uint64_t size)
{
	int fd = cache_writer(c), r = 0;

	if (fd < 0)
		return fd;
	if (ranges_reserve(&c->filled, 2) < 0 || ranges_reserve(&c->dirty, 2) < 0)
		r = -ENOMEM;
	else if (ftruncate(fd, (off_t)size) < 0)
		r = -errno;
	cache_writer_put(c, fd);
	if (r < 0)
		return r;
	if (size < c->size) {
		(void)!ranges_sub(&c->filled, size, UINT64_MAX);
		(void)!ranges_sub(&c->dirty, size, UINT64_MAX);
		for (size_t i = size / PAGE_HASH; i < c->nhash; i++)
			c->hash[i] = 0;
	}
	c->size = size;
	c->wseq++;
	c->inval++;
	return 0;
}

void cache_invalidate(struct filecache *c, uint64_t start, uint64_t end)
{
	struct range r;

	/* What guests may be changing unseen is theirs. */
	if (c->low || start >= end)
		return;
	c->wseq++;
	c->inval++;
	while (ranges_part(&c->filled, start, end, &r)) {
		struct range keep = { r.end, r.end };
		struct range d;

		if (ranges_part(&c->dirty, r.start, r.end, &d) ||
			ranges_part(&c->mapped, r.start, r.end, &d))
			keep = d;
		if (ranges_sub(&c->filled, r.start, keep.start) < 0)
			return;
		start = keep.end;
	}
}

/* The server's attributes, asked for when wseq was seq, against the content that we hold. */
static void follow(struct filecache *c, const struct fs_attr *attr, uint64_t seq)
{
	bool same;

	cache_native(c);
	if (!c->vf || c->wseq != seq || cache_is_dirty(c) || c->low)
		return;
	same = attr->size == c->size &&
		(!c->srv_known || time_eq(&attr->mtime, &c->srv_mtime));
	if (!same) {
		cache_invalidate(c, 0, UINT64_MAX);
		if (attr->size != c->size && attr->size <= INT64_MAX &&
			cache_resize(c, attr->size) < 0)
			return;
	}
	c->srv_size = attr->size;
	c->srv_mtime = attr->mtime;
	c->srv_known = true;
}

int cache_revalidate(
	struct filecache *c, const struct fs_req *req, bool force, struct fs_attr *ret)
{
	struct fs_attr attr;
	uint64_t seq;
	int r;

	pthread_mutex_lock(&c->lock);
	seq = c->wseq;
	pthread_mutex_unlock(&c->lock);
	r = inode_getattr(c->ino, req, force, &attr);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	follow(c, &attr, seq);
	pthread_mutex_unlock(&c->lock);
	if (ret)
		*ret = attr;
	return 0;
}

int cache_take_error(struct filecache *c)
{
	int e;

	pthread_mutex_lock(&c->lock);
	e = c->error;
	c->error = 0;
	pthread_mutex_unlock(&c->lock);
	return e;
}

/* ---- the last close ---- */

void cache_closed_event(struct vfile *vf)
{
	struct filecache *c = vf->cache;
	bool closed = false;

	pthread_mutex_lock(&c->lock);
	if (c->vf == vf && !c->closed)
		closed = c->closed = cache_unused(c);
	pthread_mutex_unlock(&c->lock);
	if (closed)
		files_job(vf, JOB_CLOSED);
}

/* What could not be written when nobody has the file open any more is lost: said in the log. */
static void give_up(struct filecache *c, int err)
{
	_cleanup_free_ char *path = inode_path(c->ino);

	pthread_mutex_lock(&c->lock);
	log_error("%s: %llu bytes could not be written to the server and are lost: %s",
		path ? path : "?", (unsigned long long)ranges_total(&c->dirty), strerror(-err));
	ranges_release(&c->dirty);
	c->low = false;
	cache_invalidate(c, 0, UINT64_MAX);
	c->srv_known = false;
	c->error = err;
	c->wseq++;
	pthread_mutex_unlock(&c->lock);
	inode_invalidate_attr(c->ino);
}

static void job_closed(struct vfile *vf)
{
	struct filecache *c = vf->cache;
	struct fs_req req;
	bool gone;
	int r;

	cache_req(c, &req);
	r = cache_writeback(c, &req);
	pthread_mutex_lock(&c->lock);
	if (!c->closed || c->vf != vf) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	pthread_mutex_unlock(&c->lock);
	if (r < 0)
		give_up(c, r);
	cache_release_handles(c);
	gone = c->ino->deleted || c->dead;
	pthread_mutex_lock(&c->lock);
	if (c->closed && c->vf == vf && ranges_empty(&c->dirty)) {
		c->low = c->low_append = c->readers = c->writers = false;
		ranges_release(&c->mapped);
		free(take_ptr(&c->hash));
		c->nhash = 0;
		writers_remove(c);
		if (!gone)
			lru_add(c);
	}
	pthread_mutex_unlock(&c->lock);
	if (gone)
		cache_evict(c);
	lru_trim(c->files);
}

/* Readers whose reads are not trapped are to see what the server has now. */
static void job_refill(struct filecache *c)
{
	struct fs_req req;

	cache_req(c, &req);
	if (cache_revalidate(c, &req, true, NULL) < 0 || cache_fill(c, &req, 0, UINT64_MAX) < 0)
		log_debug("a file could not be read again after its server changed it");
}

void cache_job(struct vfile *vf, unsigned jobs)
{
	struct filecache *c = vf->cache;
	struct fs_req req;

	cache_req(c, &req);
	if (jobs & JOB_CLOSED)
		job_closed(vf);
	if (jobs & JOB_WRITEBACK) {
		int r = cache_writeback(c, &req);

		if (r < 0) {
			pthread_mutex_lock(&c->lock);
			c->error = r;
			pthread_mutex_unlock(&c->lock);
		}
	}
	if (jobs & JOB_REFILL)
		job_refill(c);
	if (jobs & JOB_PREFETCH)
		cache_prefetch(c, &req);
}

void cache_tick(struct files *f)
{
	uint64_t now = now_ns();
	struct filecache *c;
	struct vfile *due[32];
	size_t n = 0;

	pthread_mutex_lock(&f->lru_lock);
	cds_list_for_each_entry(c, &f->writers, wnode) {
		if (n == ARRAY_SIZE(due))
			break;
		/* c->vf stays while it is in this list */
		due[n++] = vfile_get(c->vf);
	}
	/* The rest is looked at the next time. */
	for (size_t i = 0; i < n; i++) {
		c = due[i]->cache;
		cds_list_del(&c->wnode);
		cds_list_add_tail(&c->wnode, &f->writers);
	}
	pthread_mutex_unlock(&f->lru_lock);
	for (size_t i = 0; i < n; i++) {
		struct stat st;
		bool late;

		c = due[i]->cache;
		pthread_mutex_lock(&c->lock);
		cache_native(c);
		late = !ranges_empty(&c->dirty) && now - c->dirty_since > NSEC_PER_SEC;
		if (!late && c->low && !c->low_append && c->vf &&
			fstat(c->vf->place, &st) == 0)
			late = !time_eq(&st.st_mtim, &c->low_mtime);
		/* Mappings are compared page by page: seldom. */
		if (!late && !ranges_empty(&c->mapped) && now - c->dirty_since > 10 * NSEC_PER_SEC) {
			c->dirty_since = now;
			late = true;
		}
		late = late && !c->busy;
		pthread_mutex_unlock(&c->lock);
		if (late)
			files_job(due[i], JOB_WRITEBACK);
		vfile_put(due[i]);
	}
}

void cache_forget(struct vfile *vf)
{
	struct filecache *c = vf->cache;

	pthread_mutex_lock(&c->lock);
	if (!ranges_empty(&c->dirty))
		log_error("%llu bytes of a file were never written to its server",
			(unsigned long long)ranges_total(&c->dirty));
	ranges_release(&c->dirty);
	c->closed = true;
	c->dead = true;
	c->hold = 0;
	c->busy = false;
	pthread_mutex_unlock(&c->lock);
	cache_evict(c);
}
