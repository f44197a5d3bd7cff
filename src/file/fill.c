/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bringing content into placeholders. What is asked for is entered in c->fills, so that fifty
 * readers of one block make one request. The reply goes only where nothing has come in meanwhile:
 * a write of a guest wins over what the server had before.
 */
#include "file/cache.h"

#include <fcntl.h>
#include <string.h>

#include "file/direct.h"

#define HOLE_MIN (64u << 10)
#define EXTEND_MAX (1u << 30) /* what a file grows by at once, read by those whom we do not see */
#define READ_MIN (128u << 10) /* what a reader that goes on asks for at least */
#define READ_RANDOM (16u << 10)
#define READ_MAX (4u << 20)
#define FULL_NS NSEC_PER_SEC /* so long a full disk is not tried again by reads */
#define OFTEN_PART 16	     /* as much of a file was asked for: it is read often */

/* The first request under way that touches [start, end). */
static struct fill *fill_over(struct filecache *c, uint64_t start, uint64_t end)
{
	struct fill *f, *first = NULL;

	cds_list_for_each_entry(f, &c->fills, node) {
		if (f->start < end && f->end > start && (!first || f->start < first->start))
			first = f;
	}
	return first;
}

static bool is_zero(const char *buf, size_t len)
{
	return buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0;
}

/* What is zero takes no room, however large the file is that it is a hole of. */
static ssize_t put_piece(int fd, const char *buf, size_t len, uint64_t off)
{
	const int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	ssize_t n;

	if (len >= HOLE_MIN && is_zero(buf, len) && fallocate(fd, how, (off_t)off, (off_t)len) == 0)
		return (ssize_t)len;
	n = pwrite(fd, buf, len, (off_t)off);
	return n < 0 ? -errno : n ? n : -EIO;
}

/* Puts buf into what of [off, off + len) is still missing. */
static int place_data(struct filecache *c, const char *buf, uint64_t off, uint64_t len)
{
	uint64_t end = off + len < c->size ? off + len : c->size;
	struct range gap;
	int fd, r = 0;

	if (off >= end)
		return 0;
	if (ranges_reserve(&c->filled, 2) < 0)
		return -ENOMEM;
	fd = cache_writer(c);
	if (fd < 0)
		return fd;
	while (r == 0 && ranges_gap(&c->filled, off, end, &gap)) {
		size_t n = gap.end - gap.start;
		ssize_t done = put_piece(fd, buf + (gap.start - off), n, gap.start);

		if (done < 0)
			r = (int)done;
		else
			r = ranges_add(&c->filled, gap.start, gap.start + (uint64_t)done);
		if (done > 0)
			cache_hash_given(c, buf + (gap.start - off), gap.start, (size_t)done);
	}
	cache_writer_put(c, fd);
	return r;
}

/* A read of the server under way: what has come is in place before the rest has. */
struct filling {
	struct fill fill;
	struct filecache *c;
	uint64_t seq;
	char *buf;
};

/* One piece. It need not be kept: something may have made it stale. */
static int take_piece(void *arg, const void *buf, size_t len, uint64_t off)
{
	struct filling *f = arg;
	struct filecache *c = f->c;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	if (c->inval == f->seq && c->vf)
		r = place_data(c, buf, off, len);
	f->fill.start = off + len;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return r;
}

static ssize_t read_pieces(struct filling *f, const struct fs_req *req, const struct fs_handle *h)
{
	struct fs *fs = f->c->ino->fs;
	uint64_t node = f->c->ino->nodeid, off = f->fill.start;
	size_t len = f->fill.end - off;
	ssize_t n;
	int r;

	if (!fs->file || !fs->file->read)
		return -EINVAL;
	if (fs->file->read_pieces)
		return fs->file->read_pieces(
			fs, req, node, h, f->buf, BUF_SIZE, len, off, take_piece, f);
	n = fs->file->read(fs, req, node, h, f->buf, len, off);
	if (n <= 0)
		return n;
	r = take_piece(f, f->buf, (size_t)n, off);
	return r < 0 ? r : n;
}

/* Shorter than it was said to be: the rest is zero. An error after some of it is told to whoever
 * asks for the rest again. */
static ssize_t pad(struct filling *f)
{
	uint64_t start = f->fill.start, end = f->fill.end;

	memset(f->buf, 0, BUF_SIZE);
	while (start < end) {
		size_t n = end - start < BUF_SIZE ? end - start : BUF_SIZE;
		int r = take_piece(f, f->buf, n, start);

		if (r < 0)
			return r;
		start += n;
	}
	return 0;
}

/* Reads [start, end) from the server. The lock is dropped meanwhile. */
static int fill_one(struct filecache *c, const struct fs_req *req, uint64_t start, uint64_t end)
{
	struct filling f = { .fill = { .start = start, .end = end }, .c = c, .seq = c->inval };
	struct fs_handle h;
	ssize_t n = 0;

	cds_list_add_tail(&f.fill.node, &c->fills);
	pthread_mutex_unlock(&c->lock);
	f.buf = files_buf_get(c->files);
	if (!f.buf) {
		n = -ENOMEM;
	} else {
		n = cache_handle(c, req, false, &h);
		if (n == 0) {
			n = read_pieces(&f, req, &h);
			if (n == 0)
				n = pad(&f);
			cache_handle_put(c);
			if (n >= 0 && !(c->ino->fs->flags & FS_READ_ONLY))
				inode_invalidate_attr(c->ino); /* the time of access */
		}
		files_buf_put(c->files, f.buf);
	}
	pthread_mutex_lock(&c->lock);
	cds_list_del(&f.fill.node);
	pthread_cond_broadcast(&c->changed);
	return n < 0 ? (int)n : 0;
}

/* Each answer may be quick, and the last never come. */
int cache_fill_on(const struct fs_req *req)
{
	return req->call && call_interrupted(req->call) ? -EINTR : 0;
}

/* With the lock: [off, end) is there when 0 is returned; up to `ahead` is asked for with it. */
static int fill_range(
	struct filecache *c, const struct fs_req *req, uint64_t off, uint64_t end, uint64_t ahead)
{
	for (int r = 0;; r = 0) {
		struct range gap;
		struct fill *other;
		uint64_t to;

		if (!c->vf)
			return -EIO;
		cache_native(c);
		if (end > c->size)
			end = c->size;
		if (ahead > c->size)
			ahead = c->size;
		if (off >= end || !ranges_gap(&c->filled, off, end, &gap))
			return 0;
		if (c->dead)
			return -ENOTCONN;
		to = ahead > gap.end && gap.end == end ? ahead : gap.end;
		if (to > gap.end)
			(void)ranges_gap(&c->filled, gap.start, to, &gap);
		if (gap.end - gap.start > BUF_SIZE)
			gap.end = gap.start + BUF_SIZE;
		other = fill_over(c, gap.start, gap.end);
		if (other && other->start <= gap.start) {
			r = cache_wait(c, req);
		} else {
			if (other)
				gap.end = other->start;
			if (gap.start > off) {
				pthread_mutex_unlock(&c->lock);
				r = cache_fill_on(req);
				pthread_mutex_lock(&c->lock);
			}
			if (r == 0)
				r = fill_one(c, req, gap.start, gap.end);
		}
		if (r < 0)
			return r;
	}
}

int cache_fill(struct filecache *c, const struct fs_req *req, uint64_t off, uint64_t len)
{
	uint64_t end = off + len < off ? UINT64_MAX : off + len;
	int r;

	pthread_mutex_lock(&c->lock);
	r = fill_range(c, req, off, end, end);
	pthread_mutex_unlock(&c->lock);
	return r;
}

/* How far a read of [off, end) asks: doubled as long as reads go on where the last one ended. */
static uint64_t read_ahead(struct filecache *c, uint64_t off, uint64_t end)
{
	uint64_t len = end - off;

	if (off == c->ra_next || off == 0)
		c->ra_size = c->ra_size < READ_MIN	 ? READ_MIN
			     : c->ra_size * 2 > READ_MAX ? READ_MAX
							 : c->ra_size * 2;
	else if (off < c->ra_next || off - c->ra_next > READ_MAX)
		c->ra_size = 0;
	if (len < c->ra_size)
		return off + c->ra_size;
	return len < READ_RANDOM ? (off | (READ_RANDOM - 1)) + 1 : end;
}

/* With the lock. By now its reader has spent half of what all of it costs in long requests (a short
 * one costs some twentieth of those for a MiB): then the next who opens it needs no traps. Over a
 * network a large file would take minutes. */
static bool read_often(struct filecache *c, uint64_t len)
{
	bool local = c->ino->fs->flags & FS_SOLE_CLIENT;

	if (c->size > (local ? c->files->lru_max / 4 : PLACE_DISK_MIN) || c->asked == UINT64_MAX)
		return false;
	c->asked += len < c->size ? len : c->size;
	if (c->asked < c->size / OFTEN_PART)
		return false;
	c->asked = UINT64_MAX;
	return !ranges_cover(&c->filled, 0, c->size);
}

int cache_fill_read(struct filecache *c, const struct fs_req *req, uint64_t off, uint64_t len)
{
	uint64_t end = off + len < off ? UINT64_MAX : off + len;
	struct vfile *ahead_of = NULL, *often = NULL;
	struct range gap;
	bool kept;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	cache_native(c);
	kept = ranges_cover(&c->filled, off, end < c->size ? end : c->size);
	atomic_fetch_add_explicit(&c->ino->fs->hits.reads, 1, memory_order_relaxed);
	if (kept) {
		atomic_fetch_add_explicit(&c->ino->fs->hits.reads_kept, 1, memory_order_relaxed);
	} else if (now_ns() < c->full_until) {
		r = -ENOSPC;
	} else {
		uint64_t ahead = read_ahead(c, off, end);

		if (len < READ_RANDOM && ahead <= off + READ_RANDOM)
			off &= ~(uint64_t)4095;
		r = fill_range(c, req, off, end, ahead);
		if (direct_no_room(r))
			c->full_until = now_ns() + FULL_NS;
	}
	/* A sequential reader finds the next piece on its way before it asks. */
	if (r == 0 && c->ra_size >= 2 * READ_MIN && end < c->size &&
		ranges_gap(&c->filled, end, c->size, &gap) && gap.start - end < c->ra_size / 2 &&
		!fill_over(c, gap.start, gap.start + 1))
		ahead_of = c->vf; /* open by the guest that reads: it stays */
	c->ra_next = end;
	if (r == 0 && read_often(c, len))
		often = c->vf;
	pthread_mutex_unlock(&c->lock);
	if (ahead_of)
		files_job(ahead_of, JOB_PREFETCH);
	if (often)
		files_job(often, JOB_FILL);
	return r;
}

void cache_prefetch(struct filecache *c, const struct fs_req *req)
{
	uint64_t start, end;
	struct range gap;

	pthread_mutex_lock(&c->lock);
	start = c->ra_next;
	end = start + c->ra_size + READ_MIN;
	if (c->vf && !c->closed && start < c->size && c->ra_size &&
		ranges_gap(&c->filled, start, end < c->size ? end : c->size, &gap)) {
		if (gap.end - gap.start < c->ra_size)
			gap.end = gap.start + c->ra_size;
		c->ra_size = c->ra_size * 2 > READ_MAX ? READ_MAX : c->ra_size * 2;
		/* an error is told to whoever reads there */
		(void)!fill_range(c, req, gap.start, gap.end, gap.end);
	}
	pthread_mutex_unlock(&c->lock);
}

bool cache_filled(struct filecache *c)
{
	bool full;

	pthread_mutex_lock(&c->lock);
	full = c->vf && ranges_cover(&c->filled, 0, c->size);
	pthread_mutex_unlock(&c->lock);
	return full;
}

/* One piece of it; with the lock. Another may have changed the size meanwhile: 0. */
static int append_piece(struct filecache *c, const char *buf, size_t n, uint64_t at)
{
	int fd, r;

	if (!c->vf || c->size != at)
		return 0;
	r = ranges_reserve(&c->filled, 1);
	fd = r < 0 ? r : cache_writer(c);
	if (fd < 0)
		return fd;
	r = pwrite(fd, buf, n, (off_t)at) == (ssize_t)n ? 0 : -EIO;
	cache_writer_put(c, fd);
	if (r < 0)
		return r;
	c->size = at + n;
	c->wseq++;
	return ranges_add(&c->filled, at, c->size);
}

int cache_extend(struct filecache *c, const struct fs_req *req, uint64_t size)
{
	struct fs *fs = c->ino->fs;
	char *buf = files_buf_get(c->files);
	uint64_t at = cache_size(c);
	int r = buf ? 0 : -ENOMEM;

	if (r == 0 && size > at && size - at > EXTEND_MAX)
		r = -EFBIG;
	while (r == 0 && at < size) {
		size_t want = size - at < BUF_SIZE ? (size_t)(size - at) : BUF_SIZE;
		struct fs_handle h;
		ssize_t n = -EINVAL;

		r = cache_handle(c, req, false, &h);
		if (r < 0)
			break;
		if (fs->file && fs->file->read)
			n = fs->file->read(fs, req, c->ino->nodeid, &h, buf, want, at);
		cache_handle_put(c);
		if (n <= 0) {
			r = (int)n;
			break;
		}
		pthread_mutex_lock(&c->lock);
		r = append_piece(c, buf, (size_t)n, at);
		pthread_mutex_unlock(&c->lock);
		at += (uint64_t)n;
		if (r == 0)
			r = cache_fill_on(req);
	}
	files_buf_put(c->files, buf);
	return r;
}
