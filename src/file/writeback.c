/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From placeholders to the server. A write-back takes the dirty ranges first and reads the
 * placeholder then: what a guest writes in between is dirty again, and goes a second time at worst.
 */
#include "file/cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

#define WRITE_PIECE (128u << 10)
#define MTIME_SLACK_NS 100000000ll /* a server's own time that differs less is as good as ours */

/* With the lock, before what it holds is looked at: the next write is seen by the placeholder's
 * time, be it in the same tick of the clock. Where that cannot be set, the time differs always. */
static void mark_low(struct filecache *c, const struct stat *st)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT },
		{ st->st_mtim.tv_sec - 1, st->st_mtim.tv_nsec } };

	c->low_mtime = futimens(c->vf->place, ts) < 0 ? (struct timespec){ 0 } : ts[1];
}

/* With the lock: what is mapped, of the file as it is, joins the ranges. */
static int add_mapped(struct filecache *c, struct ranges *to)
{
	int r = 0;

	for (size_t i = 0; i < c->mapped.n && r == 0; i++)
		r = ranges_add(to, c->mapped.v[i].start,
			c->mapped.v[i].end < c->size ? c->mapped.v[i].end : c->size);
	return r;
}

/* Without it: what was written there unseen becomes dirty. */
static int find_in(struct filecache *c, const struct ranges *where)
{
	struct range part;
	int r = 0;

	for (uint64_t at = 0; r == 0 && ranges_part(where, at, UINT64_MAX, &part); at = part.end)
		r = cache_hash_range(c, part.start, part.end, true);
	return r;
}

int cache_find_unseen(struct filecache *c)
{
	struct ranges maps = {};
	bool timed = false;
	struct stat st;
	uint64_t had;
	int r = 0;

	cache_native(c);
	if (c->low && !c->low_append && fstat(c->vf->place, &st) == 0 &&
		!cache_time_eq(&st.st_mtim, &c->low_mtime)) {
		r = ranges_add(&maps, 0, c->size);
		c->mtime = st.st_mtim;
		mark_low(c, &st);
		timed = true;
	}
	if (r == 0)
		r = add_mapped(c, &maps);
	had = ranges_total(&c->dirty);
	pthread_mutex_unlock(&c->lock);
	if (r == 0)
		r = find_in(c, &maps);
	ranges_release(&maps);
	pthread_mutex_lock(&c->lock);
	/* what a mapping wrote has no time but this one */
	if (!timed && ranges_total(&c->dirty) > had)
		clock_gettime(CLOCK_REALTIME_COARSE, &c->mtime);
	return r;
}

/*
 * Sends [start, end) of the placeholder: where it got to. One request after the other: several at
 * once reach the threads of a server in any order, and a file system then lays the file out in
 * pieces (fuse2fs: ten times slower, and a fragmented image).
 */
static int send_range(struct filecache *c, const struct fs_req *req, const struct fs_handle *h,
	char *buf, const struct range *range, uint64_t *ret_at)
{
	struct fs *fs = c->ino->fs;
	size_t max = fs->max_write ? fs->max_write : WRITE_PIECE;
	uint64_t at = range->start;
	bool fell_short = false;
	int r = 0;

	if (!fs->file || !fs->file->write)
		r = -EROFS;
	while (r == 0 && at < range->end) {
		size_t want = range->end - at < BUF_SIZE ? (size_t)(range->end - at) : BUF_SIZE;
		ssize_t n = pread(c->vf->place, buf, want, (off_t)at);

		if (n < 0)
			r = -errno;
		if (n <= 0)
			break; /* cut off meanwhile: nothing is left to be sent */
		for (ssize_t sent = 0; r == 0 && sent < n;) {
			size_t piece = (size_t)(n - sent) < max ? (size_t)(n - sent) : max;
			ssize_t w = fs->file->write(fs, req, c->ino->nodeid, h, buf + sent, piece,
				at + (uint64_t)sent, true);

			if (w > 0)
				sent += w;
			*ret_at = at + (uint64_t)sent;
			/* the next request says why; if not, a byte at a time could go on for long
			 */
			if (w <= 0 || ((size_t)w < piece && fell_short))
				r = w < 0 ? (int)w : -EIO;
			fell_short = (size_t)w < piece;
		}
		at += (uint64_t)n;
	}
	if (r == 0)
		*ret_at = range->end;
	return r;
}

static int send_all(struct filecache *c, const struct fs_req *req, const struct fs_handle *h,
	struct ranges *todo)
{
	char *buf = files_buf_get(c->files);
	int r = buf ? 0 : -ENOMEM;
	uint64_t done = 0;

	for (size_t i = 0; i < todo->n && r == 0; i++) {
		done = todo->v[i].start;
		r = send_range(c, req, h, buf, &todo->v[i], &done);
	}
	files_buf_put(c->files, buf);
	if (r < 0) {
		pthread_mutex_lock(&c->lock);
		for (size_t i = 0; i < todo->n; i++) {
			uint64_t start = todo->v[i].start > done ? todo->v[i].start : done;

			if (ranges_add(&c->dirty, start, todo->v[i].end) < 0)
				log_error("out of memory: written data is lost");
		}
		if (!c->dirty_since)
			c->dirty_since = now_ns();
		pthread_mutex_unlock(&c->lock);
	}
	return r;
}

/* The server took its own time for the time of the write: is ours to be told to it? */
static bool mtime_differs(const struct timespec *mtime, bool shown)
{
	struct timespec now;

	if (!mtime->tv_sec)
		return false;
	if (shown)
		return true;
	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec - mtime->tv_sec) * 1000000000ll + (now.tv_nsec - mtime->tv_nsec) >
	       MTIME_SLACK_NS;
}

static void send_mtime(struct filecache *c, const struct fs_req *req, const struct fs_handle *h,
	const struct timespec *mtime)
{
	struct fs_setattr set = { .set = FS_SET_MTIME, .mtime = *mtime };
	int r = inode_setattr(c->ino, req, h, &set);

	if (r < 0)
		log_debug("the time of a write could not be set: %s", strerror(-r));
}

/* A file that would fill the memory gives up what only writers have seen. */
static void drop_written(struct filecache *c, const struct ranges *done)
{
	if (c->disk || c->readers || c->low || !ranges_empty(&c->mapped) ||
		c->size < c->files->lru_max / 4 || c->size < PLACE_DISK_MIN)
		return;
	for (size_t i = 0; i < done->n; i++) {
		uint64_t start = (done->v[i].start + 4095) & ~4095ull;
		uint64_t end = done->v[i].end & ~4095ull;
		struct range d;

		if (start >= end || ranges_part(&c->dirty, start, end, &d) ||
			ranges_sub(&c->filled, start, end) < 0)
			continue;
		(void)!fallocate(c->vf->place, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)start, (off_t)(end - start));
	}
}

/* Writes that nobody saw take the right to run as another away when they are found. */
static void drop_privs(struct filecache *c)
{
	struct fs_setattr set = { .set = FS_SET_MODE };
	struct fs_req req;

	cache_req(c, &req);
	inode_drop_caps(c->ino, &req);
	if (inode_drops_privs(c->ino, &req, &set.mode) &&
		inode_setattr(c->ino, &req, NULL, &set) < 0)
		log_debug("a file that was written to keeps its set-user-ID bit");
}

/* Busy, with the lock; which is dropped meanwhile. */
static int write_dirty(struct filecache *c, const struct fs_req *req)
{
	struct ranges todo = ranges_take(&c->dirty);
	struct timespec mtime = c->mtime;
	bool shown = c->mtime_shown, unseen = c->low, again;
	struct fs_handle h;
	int r;

	c->dirty_since = 0;
	c->dirty_bytes = 0;
	c->mtime_shown = false;
	pthread_mutex_unlock(&c->lock);
	r = cache_handle(c, req, true, &h);
	if (r < 0) {
		pthread_mutex_lock(&c->lock);
		for (size_t i = 0; i < todo.n; i++)
			if (ranges_add(&c->dirty, todo.v[i].start, todo.v[i].end) < 0)
				log_error("out of memory: written data is lost");
		c->mtime_shown |= shown;
		ranges_release(&todo);
		return r;
	}
	if (unseen)
		drop_privs(c);
	r = send_all(c, req, &h, &todo);
	space_failed(c, r);
	pthread_mutex_lock(&c->lock);
	c->unflushed = true;
	again = !ranges_empty(&c->dirty);
	c->mtime_shown |= shown && again;
	shown |= c->mtime_shown; /* told in between, of what was on its way */
	if (r == 0)
		drop_written(c, &todo);
	pthread_mutex_unlock(&c->lock);
	inode_invalidate_attr(c->ino);
	if (r == 0 && !again && mtime_differs(&mtime, shown))
		send_mtime(c, req, &h, &mtime);
	cache_handle_put(c);
	ranges_release(&todo);
	pthread_mutex_lock(&c->lock);
	c->wseq++;
	c->srv_known = false;
	if (ranges_empty(&c->dirty) && r == 0)
		c->mtime_shown = false;
	return r;
}

/* Busy, with the lock: what of a write could not be sent is as if it had not been written. What is
 * written unseen cannot be told from it. */
static void take_back(struct filecache *c, struct wrote *w)
{
	struct range left;
	uint64_t size = w->size;

	if (!c->vf || c->low || !ranges_part(&c->dirty, w->start, w->end, &left) ||
		ranges_sub(&c->dirty, left.start, w->end) < 0)
		return;
	cache_invalidate(c, left.start, w->end);
	if (left.start > w->start && left.start > size)
		size = left.start;
	if (c->size == w->end && size < c->size && cache_resize(c, size) < 0)
		log_debug("a file stays longer than what was written to it");
	w->end = left.start;
}

/* sent (NULL: nothing) is known to the other names when it returns, and so is what another thread
 * sent. Not while busy: two names would wait for each other. */
static void tell_names(struct filecache *c, const struct fs_req *req, const struct range *sent)
{
	if (sent)
		cache_twins_stale(c, sent->start, sent->end);
	pthread_mutex_lock(&c->lock);
	if (sent) {
		c->telling--;
		pthread_cond_broadcast(&c->changed);
	}
	while (c->telling && cache_wait(c, req) == 0)
		;
	pthread_mutex_unlock(&c->lock);
}

/* w: only what calls wrote is sent. */
static int writeback(struct filecache *c, const struct fs_req *req, struct wrote *w)
{
	struct range sent = {};
	bool sends, tells;
	int r;

	pthread_mutex_lock(&c->lock);
	if (!c->vf) {
		pthread_mutex_unlock(&c->lock);
		return 0;
	}
	r = cache_set_busy(c, req);
	if (r < 0) {
		pthread_mutex_unlock(&c->lock);
		return r;
	}
	if (atomic_load(&c->ino->orphan))
		cache_forget_dirty(c);
	else
		r = c->vf && !w ? cache_find_unseen(c) : 0;
	sends = r == 0 && !ranges_empty(&c->dirty);
	if (sends)
		sent = (struct range){ c->dirty.v[0].start, c->dirty.v[c->dirty.n - 1].end };
	if (sends)
		r = c->dead ? -ENOTCONN : write_dirty(c, req);
	if (r < 0 && r != -EINTR && w)
		take_back(c, w);
	tells = sends && atomic_load(&c->ino->many_names);
	c->telling += tells;
	cache_clear_busy(c);
	pthread_mutex_unlock(&c->lock);
	if (r < 0 && w)
		inode_invalidate_attr(c->ino);
	if (atomic_load(&c->ino->many_names))
		tell_names(c, req, tells ? &sent : NULL);
	return r;
}

int cache_writeback(struct filecache *c, const struct fs_req *req)
{
	return writeback(c, req, NULL);
}

int cache_writeback_wrote(struct filecache *c, const struct fs_req *req, struct wrote *w)
{
	return writeback(c, req, w);
}

int cache_map_shared(struct filecache *c, const struct fs_req *req, uint64_t off, uint64_t len)
{
	uint64_t end = off + len < off ? UINT64_MAX : off + len, at = off;
	struct range gap;
	int r = cache_fill(c, req, off, len);

	/* What the server has not yet is hashed as if it had: its ranges are dirty anyway. But for
	 * what may have been written unseen: that is found so. */
	while (r == 0) {
		bool more, unseen;
		uint64_t size;

		pthread_mutex_lock(&c->lock);
		size = c->size;
		unseen = c->low && !c->low_append;
		more = ranges_gap(&c->mapped, at, end < size ? end : size, &gap);
		pthread_mutex_unlock(&c->lock);
		if (!more)
			break;
		r = cache_hash_range(c, gap.start, gap.end, unseen);
		at = gap.end;
	}
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	r = ranges_add(&c->mapped, off, end);
	if (!c->dirty_since)
		c->dirty_since = now_ns();
	pthread_mutex_unlock(&c->lock);
	return r;
}

int cache_go_low(struct filecache *c, const struct fs_req *req, int oflags)
{
	bool append = (oflags & O_APPEND) && (oflags & O_ACCMODE) == O_WRONLY;
	struct ranges maps = {};
	bool hashed;
	struct stat st;
	int r = append ? 0 : cache_fill(c, req, 0, UINT64_MAX);

	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	c->untrapped = true;
	pthread_mutex_unlock(&c->lock);
	if ((oflags & O_ACCMODE) == O_RDONLY)
		return 0;
	pthread_mutex_lock(&c->lock);
	hashed = append || (c->low && !c->low_append);
	if (!hashed && c->vf && fstat(c->vf->place, &st) == 0)
		mark_low(c, &st);
	/* what a mapping has written is not to be taken for what the server has */
	if (!hashed)
		r = add_mapped(c, &maps);
	pthread_mutex_unlock(&c->lock);
	if (r == 0)
		r = find_in(c, &maps);
	ranges_release(&maps);
	if (r == 0 && !hashed)
		r = cache_hash_range(c, 0, UINT64_MAX, false);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	cache_native(c);
	c->low_append = append && (!c->low || c->low_append);
	c->low = true;
	pthread_mutex_unlock(&c->lock);
	return 0;
}
