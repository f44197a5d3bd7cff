/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's handles of an inode: one an access mode, whoever opened it. They are in use while
 * c->hold is not 0, and given back when their last use ends, by whoever ends it.
 */
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "file/cache.h"

/* With the lock. Does anybody use them, or will he to send what is here? Who took them away then
 * would leave it to an open by name, which may be gone. */
static bool in_use(const struct filecache *c)
{
	if (c->hold || c->opening)
		return true;
	return !c->dead && !atomic_load(&c->ino->orphan) && (!c->closed || cache_unsent(c));
}

bool cache_has_handles(const struct filecache *c)
{
	return c->have[HANDLE_RD] || c->have[HANDLE_WR] || c->have[HANDLE_RDWR];
}

int cache_handles_take(struct filecache *c, struct fs_handle h[HANDLE_KINDS])
{
	int n = 0;

	if (in_use(c))
		return 0;
	for (int i = 0; i < HANDLE_KINDS; i++) {
		if (c->have[i])
			h[n++] = c->h[i];
		c->have[i] = false;
	}
	if (n)
		c->releasing++;
	return n;
}

static void tell(struct filecache *c, const struct fs_handle *h)
{
	struct fs *fs = c->ino->fs;

	if (!(h->flags & FS_OPEN_NONE) && fs->file && fs->file->release && !c->dead)
		fs->file->release(fs, c->ino->nodeid, h);
}

static void release(struct filecache *c, struct fs_handle h, bool wait)
{
	/* libfuse hides a file that is open when its name goes; what is closed just then stays so
	 */
	pthread_mutex_lock(&c->lock);
	while (c->removing)
		(void)!cache_wait(c, NULL);
	pthread_mutex_unlock(&c->lock);
	if (wait)
		h.flags |= FS_RELEASE_WAIT;
	tell(c, &h);
}

static int flush_by(struct filecache *c, const struct fs_req *req, const struct fs_handle *h)
{
	struct fs *fs = c->ino->fs;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	c->unflushed = false;
	pthread_mutex_unlock(&c->lock);
	if (fs->file && fs->file->flush && !(h->flags & (FS_OPEN_NONE | FS_OPEN_NOFLUSH)))
		r = fs->file->flush(fs, req, c->ino->nodeid, h);
	if (r == -EINTR) { /* maybe not done: the last close does it */
		pthread_mutex_lock(&c->lock);
		c->unflushed = true;
		pthread_mutex_unlock(&c->lock);
	}
	return r == -ENOSYS ? 0 : r;
}

/* Closes that no call told of (exit, dup2) are made up for: who closed it cannot be told. */
static void flush_late(struct filecache *c, const struct fs_handle *h)
{
	_cleanup_free_ char *path = NULL;
	struct fs_req req;
	int r;

	cache_req(c, &req);
	r = flush_by(c, &req, h);
	inode_invalidate_attr(c->ino);
	if (r >= 0)
		return;
	path = inode_path(c->ino);
	atomic_store(&c->ino->fs->lost, r);
	log_error("%s: the server could not keep what was written: %s", path ? path : "?",
		strerror(-r));
}

/* With the lock. Is there what the server does not know to be whole, and anybody's to read? */
static bool wants_flush(const struct filecache *c)
{
	return c->unflushed && !c->dead && !c->ino->deleted && !atomic_load(&c->ino->orphan);
}

static void released(struct filecache *c)
{
	pthread_mutex_lock(&c->lock);
	c->releasing--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void cache_handles_release(struct filecache *c, const struct fs_handle *h, int n)
{
	bool flush;

	if (n == 0)
		return;
	pthread_mutex_lock(&c->lock);
	flush = wants_flush(c);
	pthread_mutex_unlock(&c->lock);
	while (n > 0) {
		n--;
		if (flush && (h[n].oflags & O_ACCMODE) != O_RDONLY)
			flush_late(c, &h[n]);
		release(c, h[n], true);
	}
	released(c);
}

void cache_handles_send(struct filecache *c, const struct fs_handle *h, int n)
{
	if (n == 0)
		return;
	pthread_mutex_lock(&c->lock);
	c->loose = true;
	pthread_mutex_unlock(&c->lock);
	while (n > 0)
		tell(c, &h[--n]);
	released(c);
}

/* One whose answer nobody waits for: c->loose and c->releasing were set when it was taken. */
static void release_loose(struct filecache *c, struct fs_handle h)
{
	release(c, h, false);
	released(c);
}

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

/* Ours is no memory as O_DIRECT wants it, nor is a server's: what another process has open without
 * it is not to fail for it. */
static bool is_better(const struct fs_handle *h, const struct fs_handle *than)
{
	return (than->oflags & O_DIRECT) && !(h->oflags & O_DIRECT);
}

/* With the lock. What stood for one while the file had no name is none when it has. */
static bool has(const struct filecache *c, int kind)
{
	return c->have[kind] &&
	       (!(c->h[kind].flags & FS_OPEN_NAMELESS) || atomic_load(&c->ino->orphan));
}

static void handle_keep(struct filecache *c, const struct fs_handle *h, bool renew)
{
	int kind = handle_kind(h->oflags);
	struct fs_handle spare = *h;
	bool had;

	pthread_mutex_lock(&c->lock);
	c->unflushed |= kind != HANDLE_RD;
	had = has(c, kind);
	if (had) {
		c->loose = true;
		c->releasing++;
	}
	if (!had ||
		(!c->hold && (renew ? !is_better(&c->h[kind], h) : is_better(h, &c->h[kind])))) {
		spare = c->h[kind];
		c->h[kind] = *h;
		c->have[kind] = true;
	}
	pthread_mutex_unlock(&c->lock);
	if (had)
		release_loose(c, spare);
}

void cache_handle_add(struct filecache *c, const struct fs_handle *h)
{
	handle_keep(c, h, false);
}

void cache_handle_renew(struct filecache *c, const struct fs_handle *h)
{
	handle_keep(c, h, true);
}

/* With the lock. NULL: there is none. */
static const struct fs_handle *handle_for(const struct filecache *c, bool write)
{
	int one = write ? HANDLE_WR : HANDLE_RD;

	if (!has(c, one) || (has(c, HANDLE_RDWR) && is_better(&c->h[HANDLE_RDWR], &c->h[one])))
		one = HANDLE_RDWR;
	return has(c, one) ? &c->h[one] : NULL;
}

int cache_handle(struct filecache *c, const struct fs_req *req, bool write, struct fs_handle *ret)
{
	struct fs *fs = c->ino->fs;

	for (int i = 0;; i++) {
		struct fs_handle h = { .flags = FS_OPEN_NONE,
			.oflags = write ? O_WRONLY : O_RDONLY };
		const struct fs_handle *have;
		int r = 0;

		pthread_mutex_lock(&c->lock);
		have = c->dead ? NULL : handle_for(c, write);
		if (have) {
			*ret = *have;
			c->hold++;
			pthread_mutex_unlock(&c->lock);
			return 0;
		}
		if (c->dead)
			r = -ENOTCONN;
		pthread_mutex_unlock(&c->lock);
		if (r == 0 && i > 8)
			r = -EIO;
		if (atomic_load(&c->ino->orphan))
			h.flags |= FS_OPEN_NAMELESS;
		else if (r == 0 && fs->file && fs->file->open)
			r = fs->file->open(fs, req, c->ino->nodeid, h.oflags, &h);
		if (r == -ENOSYS)
			r = 0;
		if (r < 0)
			return r;
		cache_handle_add(c, &h);
	}
}

void cache_use_ended(struct filecache *c)
{
	struct fs_handle h[HANDLE_KINDS];
	int n = cache_at_rest(c) ? cache_handles_take(c, h) : 0;

	pthread_mutex_unlock(&c->lock);
	cache_handles_send(c, h, n);
}

void cache_handle_put(struct filecache *c)
{
	pthread_mutex_lock(&c->lock);
	if (--c->hold == 0)
		pthread_cond_broadcast(&c->changed);
	cache_use_ended(c);
}

int cache_flush(struct filecache *c, const struct fs_req *req)
{
	struct fs *fs = c->ino->fs;
	struct fs_handle h;
	int r;

	if (!fs->file || !fs->file->flush)
		return 0;
	r = cache_handle(c, req, true, &h);
	if (r < 0)
		return r;
	r = flush_by(c, req, &h);
	cache_handle_put(c);
	return r;
}

void cache_flush_late(struct filecache *c)
{
	const struct fs_handle *have;
	struct fs_handle h;

	pthread_mutex_lock(&c->lock);
	have = wants_flush(c) ? handle_for(c, true) : NULL;
	if (have) {
		h = *have;
		c->hold++;
	}
	pthread_mutex_unlock(&c->lock);
	if (!have)
		return;
	flush_late(c, &h);
	cache_handle_put(c);
}

void cache_release_handles(struct filecache *c)
{
	struct fs_handle h[HANDLE_KINDS];
	int n;

	pthread_mutex_lock(&c->lock);
	n = cache_handles_take(c, h);
	pthread_mutex_unlock(&c->lock);
	cache_handles_release(c, h, n);
}

void cache_handles_settle(struct filecache *c)
{
	struct fs_handle none = { .flags = FS_OPEN_NONE | FS_RELEASE_WAIT };
	struct fs *fs = c->ino->fs;
	bool loose;

	pthread_mutex_lock(&c->lock);
	loose = c->loose && !c->dead;
	c->loose = false;
	pthread_mutex_unlock(&c->lock);
	if (loose && fs->file && fs->file->release)
		fs->file->release(fs, c->ino->nodeid, &none);
}

void cache_release_readers(struct filecache *c)
{
	struct fs_handle h;
	bool have;

	pthread_mutex_lock(&c->lock);
	have = c->have[HANDLE_RD] && !c->hold && c->opening <= 1;
	if (have) {
		h = c->h[HANDLE_RD];
		c->have[HANDLE_RD] = false;
		c->loose = true;
		c->releasing++;
	}
	pthread_mutex_unlock(&c->lock);
	if (have)
		release_loose(c, h);
}
