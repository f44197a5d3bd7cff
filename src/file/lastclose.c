/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last close of a file, and what background threads do with caches. */
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "file/locks.h"
#include "view/watch.h"

#define SHORTAGE_TRIES 10
#define SHORTAGE_US 10000
#define SPELLINGS_WAIT_NS NSEC_PER_SEC

/* With the lock: nobody has it open any more, nor is anything unseen to be looked for. */
static void settle_closed(struct filecache *c)
{
	c->low = c->low_append = c->readers = c->writers = c->untrapped = false;
	ranges_release(&c->mapped);
	cache_hash_free(c);
	cache_writers_remove(c);
}

/* With the lock. */
static void set_late(struct filecache *c, bool late)
{
	if (late && !c->late)
		atomic_fetch_add(&c->ino->fs->late_closes, 1);
	else if (!late && c->late)
		atomic_fetch_sub(&c->ino->fs->late_closes, 1);
	c->late = late;
}

bool cache_closed_event(struct vfile *vf)
{
	struct filecache *c = vf->cache;
	bool closed = false, clean = false, wrote = false, native = false, in_use, unlocked;
	struct fs_handle h[HANDLE_KINDS];
	int n = 0;

	pthread_mutex_lock(&c->lock);
	if (c->vf == vf && !c->closed)
		closed = c->closed = cache_unused(c);
	in_use = c->vf == vf && !c->closed;
	unlocked = in_use && locks_any(c);
	if (closed) {
		c->closes++;
		vfile_left_low(vf);
	}
	wrote = c->writers || c->low;
	native = c->low;
	clean = closed && cache_at_rest(c);
	if (closed) {
		set_late(c, !clean);
		pthread_cond_broadcast(&c->changed);
	}
	if (clean) {
		settle_closed(c);
		n = cache_handles_take(c, h);
		cache_lru_add(c);
	}
	pthread_mutex_unlock(&c->lock);
	cache_handles_send(c, h, n);
	if (closed && native) /* writes at low numbers are seen by their end alone */
		watch_event(c->ino, WATCH_MODIFY);
	if (closed)
		watch_event(c->ino, wrote ? WATCH_CLOSE_WRITE : WATCH_CLOSE_NOWRITE);
	if (clean)
		cache_lru_trim(c->files);
	else if (closed)
		files_job(vf, JOB_CLOSED);
	else if (unlocked)
		files_job(vf, JOB_LOCKS);
	return !in_use;
}

/* What could not be written when nobody has the file open any more is lost: said in the log. */
static void give_up(struct filecache *c, int err, unsigned closes)
{
	_cleanup_free_ char *path = inode_path(c->ino);
	uint64_t lost = 0;
	bool told = false;

	pthread_mutex_lock(&c->lock);
	/* another write-back may be at it, and succeed */
	(void)!cache_set_busy(c, NULL);
	/* who has it open, or closed it later, has a close to come that tries again */
	if (c->closed && !c->opening && c->closes == closes)
		lost = ranges_total(&c->dirty);
	if (lost) {
		ranges_release(&c->dirty);
		c->low = false;
		cache_invalidate(c, 0, UINT64_MAX);
		c->srv_known = false;
		c->wseq++;
		told = c->told;
		if (!told)
			c->error = err;
	}
	cache_clear_busy(c);
	pthread_mutex_unlock(&c->lock);
	if (!lost)
		return;
	if (!told)
		atomic_store(&c->ino->fs->lost, err);
	log_error("%s: %llu bytes could not be written to the server and are lost: %s",
		path ? path : "?", (unsigned long long)lost, strerror(-err));
	inode_invalidate_attr(c->ino);
}

/* What we are short of for a moment is no reason to lose what nobody could be told of. */
static int write_last(struct filecache *c, const struct fs_req *req)
{
	int r = cache_writeback(c, req);

	for (int i = 0; i < SHORTAGE_TRIES && (r == -EINTR || r == -EAGAIN || r == -ENOMEM ||
						      r == -EMFILE || r == -ENFILE);
		i++) {
		usleep(SHORTAGE_US);
		r = cache_writeback(c, req);
	}
	return r;
}

/* Where a file is found by other spellings of its name, they may be other nodes of the server's. */
static void await_spellings(struct filecache *c)
{
	files_drain(c->files);
	if (atomic_load(&c->ino->fs->late_closes))
		files_settle_closed(c->files, now_ns() + SPELLINGS_WAIT_NS);
}

void file_await_close(struct inode *ino, const struct fs_req *req)
{
	struct filecache *c = inode_type(ino) == S_IFREG ? cache_peek(ino) : NULL;
	bool unseen;

	if (!c)
		return;
	/* what only we can see is ours to put in order */
	if (ino->fs->flags & FS_SOLE_CLIENT) {
		if (!(ino->fs->flags & FS_SOLE_NAMES))
			await_spellings(c);
		return;
	}
	pthread_mutex_lock(&c->lock);
	unseen = !c->closed && c->unflushed;
	pthread_mutex_unlock(&c->lock);
	if (unseen)
		files_drain(c->files);
	pthread_mutex_lock(&c->lock);
	while (c->late && !c->dead && cache_wait(c, req) == 0)
		;
	pthread_mutex_unlock(&c->lock);
}

struct vfile *cache_nobodys(struct filecache *c)
{
	struct vfile *vf = NULL;
	bool unused;

	pthread_mutex_lock(&c->lock);
	if (c->vf && !c->opening)
		vf = vfile_get(c->vf);
	pthread_mutex_unlock(&c->lock);
	if (!vf)
		return NULL;
	/* the kernel may not have told of it yet */
	(void)cache_closed_event(vf);
	pthread_mutex_lock(&c->lock);
	unused = c->vf == vf && c->closed && !c->opening;
	pthread_mutex_unlock(&c->lock);
	if (unused)
		return vf;
	vfile_put(vf);
	return NULL;
}

/* The server has all, or is to have no more: the handles are taken if that is still so. */
static int rest(struct vfile *vf, unsigned closes, bool gone, struct fs_handle h[HANDLE_KINDS])
{
	struct filecache *c = vf->cache;
	int n;

	pthread_mutex_lock(&c->lock);
	(void)!cache_set_busy(c, NULL); /* who still compares its pages; cannot fail */
	cache_clear_busy(c);
	if (c->closes == closes) {
		bool nobodys = c->closed && c->vf == vf && !c->opening;

		if (nobodys && gone)
			ranges_release(&c->dirty);
		if (nobodys && ranges_empty(&c->dirty)) {
			settle_closed(c);
			if (!gone)
				cache_lru_add(c);
		}
		set_late(c, false);
	}
	n = cache_handles_take(c, h);
	pthread_mutex_unlock(&c->lock);
	return n;
}

int cache_settle_closed(struct vfile *vf, const struct fs_req *req, bool last)
{
	struct filecache *c = vf->cache;
	struct fs_handle h[HANDLE_KINDS];
	unsigned closes;
	bool gone, done;
	int r;

	pthread_mutex_lock(&c->lock);
	closes = c->closes;
	done = !last && cache_at_rest(c) && !cache_has_handles(c);
	pthread_mutex_unlock(&c->lock);
	if (done)
		return 0;
	/* what has no name and no user is nobody's to read */
	gone = c->ino->deleted || c->dead;
	r = gone ? 0 : last ? write_last(c, req) : cache_writeback(c, req);
	if (r == 0)
		cache_flush_late(c);
	else if (last)
		give_up(c, r, closes);
	else
		return r;
	/* another thread that wrote back too may not have let go of a handle yet */
	pthread_mutex_lock(&c->lock);
	while (!last && c->hold && c->closed && !c->opening && cache_wait(c, req) == 0)
		;
	pthread_mutex_unlock(&c->lock);
	locks_drop(c);
	cache_handles_release(c, h, rest(vf, closes, gone, h));
	if (gone)
		cache_evict(c);
	return 0;
}

static void job_closed(struct vfile *vf)
{
	struct filecache *c = vf->cache;
	struct fs_req req;

	cache_req(c, &req);
	(void)!cache_settle_closed(vf, &req, true); /* what failed was given up, and told */
	cache_lru_trim(c->files);
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
	if (jobs & JOB_LOCKS)
		locks_check(c);
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
	if ((jobs & JOB_FILL) && cache_fill(c, &req, 0, UINT64_MAX) < 0)
		log_debug("a file that is read often could not be read wholly");
	if (jobs & JOB_PREFETCH)
		cache_prefetch(c, &req);
}
