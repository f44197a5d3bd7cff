/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that their server wants asked for each read and write (FOPEN_DIRECT_IO), and those without
 * a position. The placeholder keeps the position, the flags and the locks; its content is filled
 * only where it is mapped or loses its traps, and then as a cached file's is. Cached files are
 * served so while there is no room for more of their content.
 */
#include "file/direct.h"

#include <fcntl.h>
#include <string.h>

#define FILL_MAX (256u << 20) /* of what is said to be shorter */

static bool seekable(struct filecache *c)
{
	return !(atomic_load(&c->mode) & (FS_OPEN_NONSEEKABLE | FS_OPEN_STREAM));
}

bool direct_shared(struct filecache *c)
{
	bool shared;

	pthread_mutex_lock(&c->lock);
	shared = c->low || !ranges_empty(&c->dirty) || !ranges_empty(&c->mapped);
	pthread_mutex_unlock(&c->lock);
	return shared;
}

/* What was written where nothing is trapped is to be read, too. */
static int settle(struct filecache *c, const struct fs_req *req)
{
	return direct_shared(c) ? cache_writeback(c, req) : 0;
}

bool direct_past(struct filecache *c, const struct fs_req *req)
{
	bool unseen;

	if (cache_writeback(c, req) < 0)
		return false;
	pthread_mutex_lock(&c->lock);
	unseen = c->untrapped || !c->disk;
	pthread_mutex_unlock(&c->lock);
	return !unseen && !direct_shared(c);
}

static int move(struct filecache *c, int fd, off_t to)
{
	if (atomic_load(&c->mode) & FS_OPEN_STREAM)
		return 0;
	return lseek(fd, to, SEEK_SET) < 0 ? -errno : 0;
}

ssize_t direct_read(
	struct filecache *c, const struct fs_req *req, int fd, void *buf, size_t len, off_t off)
{
	off_t pos = off < 0 ? lseek(fd, 0, SEEK_CUR) : off;
	struct fs *fs = c->ino->fs;
	struct fs_handle h;
	ssize_t n;
	int r;

	if (pos < 0)
		return -errno;
	if (off >= 0 && !seekable(c))
		return -ESPIPE;
	if (!fs->file || !fs->file->read)
		return -EINVAL;
	r = settle(c, req);
	if (r == 0)
		r = cache_handle(c, req, false, &h);
	if (r < 0)
		return r;
	if (!seekable(c) && fs->max_read && len > fs->max_read)
		len = fs->max_read; /* one after the other: each read takes what is there */
	n = fs->file->read(fs, req, c->ino->nodeid, &h, buf, len, (uint64_t)pos);
	cache_handle_put(c);
	if (n > 0 && off < 0)
		r = move(c, fd, pos + n);
	return r < 0 ? r : n;
}

off_t direct_write_pos(struct filecache *c, const struct fs_req *req, int fd, off_t off, int rwf)
{
	int fl = fcntl(fd, F_GETFL), r;
	struct fs_attr attr;
	off_t pos;

	if (off >= 0 && !seekable(c))
		return -ESPIPE;
	if (((fl & O_APPEND) && !(rwf & RWF_NOAPPEND)) || (rwf & RWF_APPEND)) {
		r = inode_getattr(c->ino, req, true, &attr);
		return r < 0 ? r : (off_t)attr.size;
	}
	pos = off < 0 ? lseek(fd, 0, SEEK_CUR) : off;
	return pos < 0 ? -errno : pos;
}

ssize_t direct_write(struct filecache *c, const struct fs_req *req, int fd, const void *buf,
	size_t len, off_t pos, bool moves)
{
	struct fs *fs = c->ino->fs;
	struct fs_handle h;
	ssize_t n;
	int r;

	if (!fs->file || !fs->file->write)
		return -EINVAL;
	r = cache_handle(c, req, true, &h);
	if (r < 0)
		return r;
	n = fs->file->write(fs, req, c->ino->nodeid, &h, buf, len, (uint64_t)pos, false);
	pthread_mutex_lock(&c->lock);
	c->unflushed = true;
	pthread_mutex_unlock(&c->lock);
	cache_handle_put(c);
	if (n <= 0)
		return n;
	r = cache_changed(c, (uint64_t)pos, (uint64_t)(pos + n));
	if (r == 0 && moves)
		r = move(c, fd, pos + n);
	return r < 0 ? r : n;
}

/* One piece of what the server has, into the placeholder. */
static int take(struct filecache *c, const char *buf, size_t n, uint64_t at)
{
	int fd, r = 0;

	pthread_mutex_lock(&c->lock);
	if (at + n > c->size)
		r = cache_resize(c, at + n);
	fd = r < 0 ? r : cache_writer(c);
	if (fd >= 0 && pwrite(fd, buf, n, (off_t)at) != (ssize_t)n)
		r = -EIO;
	if (fd >= 0 && r == 0)
		r = ranges_add(&c->filled, at, at + n);
	cache_writer_put(c, fd);
	pthread_mutex_unlock(&c->lock);
	return r < 0 ? r : fd < 0 ? fd : 0;
}

int direct_fill(struct filecache *c, const struct fs_req *req)
{
	struct fs *fs = c->ino->fs;
	struct fs_handle h;
	struct fs_attr attr;
	uint64_t at = 0, max = FILL_MAX;
	char *buf;
	int r;

	if (!fs->file || !fs->file->read)
		return -EINVAL;
	r = inode_getattr(c->ino, req, false, &attr);
	if (r == 0 && attr.size > max)
		max = attr.size;
	if (r == 0)
		r = settle(c, req);
	if (r == 0)
		r = cache_handle(c, req, false, &h);
	if (r < 0)
		return r;
	buf = files_buf_get(c->files);
	if (!buf)
		r = -ENOMEM;
	while (r == 0) {
		ssize_t n = fs->file->read(fs, req, c->ino->nodeid, &h, buf, BUF_SIZE, at);

		if (n <= 0) {
			r = (int)n;
			break;
		}
		at += (uint64_t)n;
		/* one that has no end would take all memory */
		r = at > max ? -EFBIG : take(c, buf, (size_t)n, at - (uint64_t)n);
		if (r == 0)
			r = cache_fill_on(req);
	}
	files_buf_put(c->files, buf);
	cache_handle_put(c);
	return r;
}
