/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a cache holds against what the server says: size, times, what is stale. */
#include "file/locks.h"

#include <fcntl.h>

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

bool cache_unsent(const struct filecache *c)
{
	return cache_is_dirty(c) || c->low || !ranges_empty(&c->mapped);
}

bool cache_at_rest(const struct filecache *c)
{
	return c->closed && !c->opening && !c->hold && !cache_unsent(c) && !c->unflushed &&
	       !c->removing && !c->ino->deleted && !c->dead && !locks_any(c);
}

/* With the lock: what was written behind the end becomes dirty, and the new end; but not what was
 * left out between, which is to be a hole at the server, too. */
static int grow_dirty(struct filecache *c, uint64_t size)
{
	int r = ranges_add(&c->dirty, size - 1, size);
	uint64_t at = c->size, end;

	while (r == 0 && cache_next_data(c, &at, size, &end)) {
		r = ranges_add(&c->dirty, at < c->size ? c->size : at, end);
		at = end;
	}
	return r;
}

void cache_native(struct filecache *c)
{
	struct stat st;

	if (!c->low || !c->vf || fstat(c->vf->place, &st) < 0)
		return;
	if ((uint64_t)st.st_size <= c->size)
		return;
	if (ranges_reserve(&c->filled, 1) < 0 || grow_dirty(c, (uint64_t)st.st_size) < 0)
		return; /* the size is not taken over: the next time */
	(void)!ranges_add(&c->filled, c->size, (uint64_t)st.st_size);
	c->size = (uint64_t)st.st_size;
	c->mtime = st.st_mtim;
	c->wseq++;
	if (!c->dirty_since)
		c->dirty_since = now_ns();
}

/* A time of a write, as it will be told when the server has it. */
static void show_mtime(struct filecache *c, struct fs_attr *attr)
{
	attr->mtime = c->mtime;
	if (!(c->ino->fs->flags & FS_SUBSECOND))
		attr->mtime.tv_nsec = 0;
	attr->ctime = attr->mtime;
	c->mtime_shown = true;
}

/* With the lock: did a descriptor at a low number write what was not looked at yet? The time of it
 * is the file's then, also while another thread is busy with what it holds, or closes it. */
static bool written_unseen(struct filecache *c)
{
	struct stat st;

	if (!c->vf || !c->low || c->low_append || fstat(c->vf->place, &st) < 0 ||
		cache_time_eq(&st.st_mtim, &c->low_mtime))
		return false;
	c->mtime = st.st_mtim;
	return true;
}

/* May be called with the inode's lock held. */
void cache_attr_hook(struct inode *ino, struct fs_attr *attr)
{
	struct filecache *c = cache_peek(ino);
	bool dirty, unseen;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	cache_native(c);
	dirty = c->vf && (cache_is_dirty(c) || atomic_load(&ino->orphan));
	unseen = written_unseen(c);
	if (dirty || (c->vf && c->late && !cache_direct(c))) {
		attr->size = c->size;
		if (attr->blocks < (c->size + 511) / 512)
			attr->blocks = (c->size + 511) / 512;
	}
	if (unseen || (dirty && c->mtime.tv_sec))
		show_mtime(c, attr);
	pthread_mutex_unlock(&c->lock);
}

int cache_zero_tail(struct filecache *c)
{
	uint64_t end = (c->size + PAGE_HASH - 1) & ~(uint64_t)(PAGE_HASH - 1);
	int fd, r = 0;

	if (c->size == end || (ranges_empty(&c->mapped) && !c->low))
		return 0;
	fd = cache_writer(c);
	if (fd < 0)
		return fd;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)c->size,
		    (off_t)(end - c->size)) < 0)
		r = -errno;
	cache_writer_put(c, fd);
	return r;
}

int cache_resize(struct filecache *c, uint64_t size)
{
	int r = size > c->size ? cache_zero_tail(c) : 0, fd;

	if (r < 0)
		return r;
	fd = cache_writer(c);
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
		cache_hash_cut(c, size);
	}
	c->size = size;
	c->wseq++;
	c->inval++;
	return 0;
}

/* mapped: of shared mappings as well. */
static void forget(struct filecache *c, uint64_t start, uint64_t end, bool mapped)
{
	struct range r;

	if (start >= end || atomic_load(&c->ino->orphan))
		return; /* of what has no name there is nothing else */
	c->wseq++;
	c->inval++;
	while (ranges_part(&c->filled, start, end, &r)) {
		struct range keep = { r.end, r.end };
		struct range d;

		if (ranges_part(&c->dirty, r.start, r.end, &d) ||
			(!mapped && ranges_part(&c->mapped, r.start, r.end, &d)))
			keep = d;
		if (ranges_sub(&c->filled, r.start, keep.start) < 0)
			return;
		start = keep.end;
	}
}

void cache_invalidate(struct filecache *c, uint64_t start, uint64_t end)
{
	/* what guests may be changing unseen is theirs */
	if (!c->low)
		forget(c, start, end, false);
}

int cache_forget_content(struct filecache *c, uint64_t start, uint64_t end)
{
	int r;

	pthread_mutex_lock(&c->lock);
	r = c->vf ? cache_set_busy(c, NULL) : -ENOENT;
	if (r < 0) {
		pthread_mutex_unlock(&c->lock);
		return r;
	}
	r = c->vf ? cache_find_unseen(c) : -ENOENT;
	if (r == 0)
		forget(c, start, end, true);
	c->srv_known = false;
	cache_clear_busy(c);
	pthread_mutex_unlock(&c->lock);
	return r;
}

void cache_of_server(struct filecache *c, const struct fs_attr *attr, bool anew)
{
	if (anew)
		c->srv_since = time(NULL);
	c->srv_size = attr->size;
	c->srv_mtime = attr->mtime;
	c->srv_known = true;
}

/*
 * Do these attributes say that the content is still what we hold? For a file with several names an
 * equal time is no proof where another name may have been written to in the same tick of the
 * server's clock, which is a second for those that show no nanoseconds.
 */
static bool unchanged(const struct filecache *c, const struct fs_attr *attr)
{
	bool many = atomic_load(&c->ino->many_names);

	if (attr->size != c->size)
		return false;
	if (!c->srv_known)
		return !many;
	return cache_time_eq(&attr->mtime, &c->srv_mtime) &&
	       !(many && c->srv_since <= c->srv_mtime.tv_sec + 1);
}

/* Is it in use where we do not see it (a program that runs)? */
static bool read_unseen(const struct filecache *c)
{
	return c->untrapped && !c->closed;
}

/* What others can change is dropped by an open, as by the kernel: times are too coarse to tell.
 * Unless it is read unseen: then it would have to be read again as a whole. */
static bool to_be_dropped(const struct filecache *c, const struct fs_attr *attr)
{
	return !read_unseen(c) || !c->srv_known || !unchanged(c, attr) ||
	       c->srv_since <= c->srv_mtime.tv_sec + 1;
}

/* The server's attributes, asked for when wseq was seq, against the content that we hold. True:
 * it is another, and there are readers that we do not see. */
static bool follow(struct filecache *c, const struct fs_attr *attr, uint64_t seq, bool opens)
{
	bool same;

	cache_native(c);
	if (!c->vf || c->wseq != seq || cache_is_dirty(c) || c->low ||
		atomic_load(&c->ino->orphan) || atomic_load(&c->ino->unknown))
		return false;
	/* one that its server says to be shorter than it is (as files of /proc): what was read of
	 * it all is what these readers have */
	if (cache_direct(c) && read_unseen(c) && attr->size < c->size)
		return false;
	same = opens ? !to_be_dropped(c, attr) : unchanged(c, attr);
	if (!same) {
		/* readers that we do not see would read zeros: cache_extend() */
		bool grows = read_unseen(c) && attr->size > c->size;

		cache_invalidate(c, 0, UINT64_MAX);
		if (!grows && attr->size != c->size && attr->size <= INT64_MAX &&
			cache_resize(c, attr->size) < 0)
			return false;
	}
	cache_of_server(c, attr, !same || !c->srv_known);
	return !same && read_unseen(c);
}

int cache_revalidate(struct filecache *c, const struct fs_req *req, bool force, struct fs_attr *ret)
{
	const bool opens = force && !(c->ino->fs->flags & FS_SOLE_NAMES);
	struct fs_attr attr;
	uint64_t seq;
	bool stale;
	int r;

	pthread_mutex_lock(&c->lock);
	seq = c->wseq;
	pthread_mutex_unlock(&c->lock);
	r = inode_getattr(c->ino, req, force, &attr);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	stale = follow(c, &attr, seq, opens);
	pthread_mutex_unlock(&c->lock);
	if (stale)
		r = cache_extend(c, req, attr.size);
	if (stale && r == 0)
		r = cache_fill(c, req, 0, UINT64_MAX);
	if (r < 0)
		return r;
	if (ret)
		*ret = attr;
	return 0;
}

int cache_tell(struct filecache *c, int err)
{
	if (err == -EINTR)
		return err;
	pthread_mutex_lock(&c->lock);
	if (err == 0)
		err = c->error;
	c->error = 0;
	c->told = err < 0 && cache_is_dirty(c);
	pthread_mutex_unlock(&c->lock);
	return err;
}
