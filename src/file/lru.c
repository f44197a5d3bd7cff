/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long placeholders stay: closed caches by last use, within bounds; and those that a guest may
 * write to, which are looked at now and then.
 */
#include "file/locks.h"

#include "base/log.h"

void cache_lru_remove(struct filecache *c)
{
	struct files *f = c->files;

	pthread_mutex_lock(&f->lru_lock);
	if (c->in_lru) {
		cds_list_del(&c->lru);
		c->in_lru = false;
		f->lru_bytes -= c->lru_bytes;
		f->lru_count--;
	}
	pthread_mutex_unlock(&f->lru_lock);
}

void cache_writers_add(struct filecache *c)
{
	struct files *f = c->files;
	bool wake = false;

	pthread_mutex_lock(&f->lru_lock);
	if (!c->in_writers) {
		wake = !f->ticks;
		f->ticks = true;
		cds_list_add_tail(&c->wnode, &f->writers);
		c->in_writers = true;
	}
	pthread_mutex_unlock(&f->lru_lock);
	if (wake)
		files_wake(f, 1);
}

void cache_writers_remove(struct filecache *c)
{
	struct files *f = c->files;

	pthread_mutex_lock(&f->lru_lock);
	if (c->in_writers) {
		cds_list_del(&c->wnode);
		c->in_writers = false;
	}
	pthread_mutex_unlock(&f->lru_lock);
}

/* The name of an orphan may stay after all: then what is here is all there is. */
static bool is_needed(struct inode *ino)
{
	return atomic_load(&ino->orphan) && !atomic_load(&ino->deleted);
}

void cache_evict(struct filecache *c)
{
	struct fs_handle h[HANDLE_KINDS];
	struct vfile *vf;
	int n;

	pthread_mutex_lock(&c->lock);
	vf = c->vf;
	if (!vf || !c->closed || c->hold || c->opening || c->telling ||
		(c->dead ? c->busy : cache_unsent(c) || is_needed(c->ino)) ||
		!cds_list_empty(&c->fills)) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	n = cache_handles_take(c, h);
	cache_lru_remove(c);
	cache_writers_remove(c);
	c->vf = NULL;
	ranges_release(&c->filled);
	ranges_release(&c->mapped);
	cache_hash_free(c);
	pthread_mutex_unlock(&c->lock);
	cache_handles_release(c, h, n);
	files_remove(vf);
}

/* Drops the cache that was closed longest ago, if there is more than may be. */
static bool drop_oldest(struct files *f, uint64_t bytes, size_t count)
{
	struct filecache *c;
	struct vfile *vf;

	pthread_mutex_lock(&f->lru_lock);
	if ((f->lru_bytes <= bytes && f->lru_count <= count) || cds_list_empty(&f->lru)) {
		pthread_mutex_unlock(&f->lru_lock);
		return false;
	}
	c = cds_list_first_entry(&f->lru, struct filecache, lru);
	vf = vfile_get(c->vf); /* in the list it has one */
	cds_list_del(&c->lru);
	c->in_lru = false;
	f->lru_bytes -= c->lru_bytes;
	f->lru_count--;
	pthread_mutex_unlock(&f->lru_lock);
	cache_evict(c);
	pthread_mutex_lock(&c->lock);
	/* in use just now by somebody who may not come to close it */
	if (c->vf == vf && c->closed)
		cache_lru_add(c);
	pthread_mutex_unlock(&c->lock);
	vfile_put(vf);
	return true;
}

void cache_lru_trim(struct files *f)
{
	for (int i = 0; i < 64 && drop_oldest(f, f->lru_max, f->lru_count_max); i++)
		;
}

void files_shrink(struct files *f)
{
	size_t n;

	pthread_mutex_lock(&f->lru_lock);
	n = f->lru_count;
	pthread_mutex_unlock(&f->lru_lock);
	while (n-- > 0 && drop_oldest(f, 0, 0))
		;
}

void cache_lru_add(struct filecache *c)
{
	struct files *f = c->files;
	struct stat st;

	/* 16 KiB for what else a placeholder costs. */
	c->lru_bytes = 16384;
	if (fstat(c->vf->place, &st) == 0)
		c->lru_bytes += (uint64_t)st.st_blocks * 512;
	pthread_mutex_lock(&f->lru_lock);
	if (!c->in_lru) {
		/* what is too large to stay does not drive the others out */
		if (c->lru_bytes > f->lru_max)
			cds_list_add(&c->lru, &f->lru);
		else
			cds_list_add_tail(&c->lru, &f->lru);
		c->in_lru = true;
		f->lru_bytes += c->lru_bytes;
		f->lru_count++;
	}
	pthread_mutex_unlock(&f->lru_lock);
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
		if (!late && c->low && !c->low_append && c->vf && fstat(c->vf->place, &st) == 0)
			late = !cache_time_eq(&st.st_mtim, &c->low_mtime);
		/* Mappings are compared page by page: seldom. */
		if (!late && !ranges_empty(&c->mapped) &&
			now - c->dirty_since > 10 * NSEC_PER_SEC) {
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

void files_cache_use(struct files *f, struct fs *fs, struct cache_use *ret)
{
	struct vfile **all = NULL;
	ssize_t n = f ? files_collect(f, fs, &all) : 0;

	*ret = (struct cache_use){ .files = n > 0 ? (uint64_t)n : 0 };
	for (ssize_t i = 0; i < n; i++) {
		struct filecache *c = all[i]->cache;

		pthread_mutex_lock(&c->lock);
		cache_native(c);
		ret->open += !c->closed;
		ret->bytes += ranges_total(&c->filled);
		ret->dirty += ranges_total(&c->dirty);
		pthread_mutex_unlock(&c->lock);
		vfile_put(all[i]);
	}
	free(all);
}

int files_cache_drop(struct files *f, struct fs *fs)
{
	int r = files_sync(f, fs, NULL);
	struct vfile **all = NULL;
	ssize_t n = files_collect(f, fs, &all);

	for (ssize_t i = 0; i < n; i++) {
		struct filecache *c = all[i]->cache;
		bool closed;

		pthread_mutex_lock(&c->lock);
		closed = c->closed;
		/* what is read without our knowing must stay */
		if (!closed && !c->untrapped) {
			cache_invalidate(c, 0, UINT64_MAX);
			c->srv_known = false;
		}
		pthread_mutex_unlock(&c->lock);
		inode_invalidate_attr(c->ino);
		if (closed)
			cache_evict(c);
		vfile_put(all[i]);
	}
	free(all);
	return r < 0 ? r : n < 0 ? (int)n : 0;
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
	locks_drop(c);
	cache_evict(c);
}
