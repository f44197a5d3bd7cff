/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's handles of an inode: one an access mode, whoever opened it. They are in use while
 * c->hold is not 0, and given back at the last close.
 */
#include <fcntl.h>

#include "file/cache.h"

int cache_handles_take(struct filecache *c, struct fs_handle h[HANDLE_KINDS])
{
	int n = 0;

	for (int i = 0; i < HANDLE_KINDS && !c->hold && !c->opening; i++) {
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

static void released(struct filecache *c)
{
	pthread_mutex_lock(&c->lock);
	c->releasing--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void cache_handles_release(struct filecache *c, const struct fs_handle *h, int n)
{
	if (n == 0)
		return;
	while (n > 0)
		release(c, h[--n], true);
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

static void handle_keep(struct filecache *c, const struct fs_handle *h, bool renew)
{
	int kind = handle_kind(h->oflags);
	struct fs_handle spare = *h;
	bool had;

	pthread_mutex_lock(&c->lock);
	had = c->have[kind];
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

	if (!c->have[one] || (c->have[HANDLE_RDWR] && is_better(&c->h[HANDLE_RDWR], &c->h[one])))
		one = HANDLE_RDWR;
	return c->have[one] ? &c->h[one] : NULL;
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
		if (r == 0 && fs->file && fs->file->open && !atomic_load(&c->ino->orphan))
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
	have = c->have[HANDLE_RD] && !c->hold;
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
