/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rest of umview asks of virtual files. */
#include "file/vfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "file/dir.h"
#include "file/direct.h"
#include "file/fifo.h"

void files_name(struct files *f, const char *what, char *buf)
{
	snprintf(buf, FILES_NAME_MAX, "%s/%s%u", f->rundir, what, atomic_fetch_add(&f->serial, 1));
}

void files_place_name(struct files *f, const char *what, char *buf)
{
	snprintf(buf, FILES_NAME_MAX, "%s/umview-%d-%s%u", f->placedir, getpid(), what,
		atomic_fetch_add(&f->serial, 1));
}

int vfile_new_device(
	struct files *f, int fd, const struct vfile_ops *ops, void *priv, struct vfile **ret)
{
	struct vfile like = { VFILE_LIKE(VFILE_DEVICE, NULL, NULL), .ops = ops, .priv = priv };
	int r;

	like.place = fd;
	atomic_store(&like.device_fd, fd);
	r = files_add(f, &like, fd, ret);
	if (r < 0)
		close(fd);
	return r;
}

int file_alias(struct files *f, int fd, struct mount *m, struct inode *ino)
{
	struct vfile like = { VFILE_LIKE(VFILE_PATH, ino, m) }, *vf;
	int r = files_add(f, &like, fd, &vf);

	if (r == 0)
		vfile_put(vf);
	return r;
}

int file_note_own(struct files *f, int fd, const struct own_place *own)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct stat st;

	if (own->fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	vf = files_find(f, &st);
	return vf && vf->kind == VFILE_DIR ? own_place_copy(&vf->own, own) : 0;
}

int vfile_getattr(struct vfile *vf, const struct fs_req *req, struct fs_attr *ret)
{
	if (vf->kind == VFILE_DEVICE)
		return vf->ops->getattr ? vf->ops->getattr(vf, ret) : -ENOSYS;
	if (vf->cache) {
		(void)cache_twins_settle(vf->cache, req);
		return cache_revalidate(vf->cache, req, false, ret);
	}
	return inode_getattr(vf->inode, req, false, ret);
}

int file_fill_all(struct vfile *vf, const struct fs_req *req)
{
	bool writers, append;

	if (!vf->cache)
		return 0;
	pthread_mutex_lock(&vf->cache->lock);
	writers = vf->cache->writers;
	append = vf->cache->low_append;
	pthread_mutex_unlock(&vf->cache->lock);
	if (writers && append)
		return cache_fill(vf->cache, req, 0, UINT64_MAX);
	return cache_go_low(vf->cache, req, writers ? O_RDWR : O_RDONLY);
}

/* ---- unmounting ---- */

struct picked {
	struct vfile **v;
	size_t n, size;
};

/* All vfiles of a mount or of a file system, referenced. */
static int pick(struct files *f, struct mount *m, struct fs *fs, struct picked *p)
{
	pthread_rwlock_rdlock(&f->lock);
	for (size_t i = 0; i < FILES_BUCKETS; i++) {
		struct cds_hlist_node *node;

		for (node = f->hash[i].next; node; node = node->next) {
			struct vfile *vf = cds_hlist_entry(node, struct vfile, hash);

			if (!vf->inode || (m && vf->mnt != m) || (fs && vf->inode->fs != fs))
				continue;
			if (p->n == p->size) {
				size_t size = p->size ? p->size * 2 : 64;
				struct vfile **v = reallocarray(p->v, size, sizeof(*v));

				if (!v) {
					pthread_rwlock_unlock(&f->lock);
					return -ENOMEM;
				}
				p->v = v;
				p->size = size;
			}
			p->v[p->n++] = vfile_get(vf);
		}
	}
	pthread_rwlock_unlock(&f->lock);
	return 0;
}

static void picked_release(struct picked *p)
{
	while (p->n > 0)
		vfile_put(p->v[--p->n]);
	free(p->v);
}

static bool in_use(struct vfile *vf)
{
	struct filecache *c = vf->cache;
	bool used;

	if (vf->kind == VFILE_SPECIAL)
		return fifo_busy(vf);
	if (!c)
		return true; /* it is known as long as it is open */
	pthread_mutex_lock(&c->lock);
	used = c->vf == vf && !c->closed && !cache_unused(c);
	pthread_mutex_unlock(&c->lock);
	return used;
}

bool files_busy(struct files *f, struct mount *m)
{
	struct picked p = {};
	bool busy;

	files_drain(f);
	files_jobs_settle(f, now_ns() + NSEC_PER_SEC);
	busy = pick(f, m, NULL, &p) < 0;
	for (size_t i = 0; i < p.n && !busy; i++)
		busy = in_use(p.v[i]);
	picked_release(&p);
	return busy;
}

static void drop(struct vfile *vf)
{
	struct filecache *c = vf->cache;
	bool open;

	if (vf->kind == VFILE_STREAM)
		return; /* its server's answers tell */
	if (!c) {
		vf->priv = vf->kind == VFILE_SPECIAL ? vf->priv : vf; /* its server is gone */
		if (vf->kind == VFILE_SPECIAL)
			files_remove(vf);
		return;
	}
	pthread_mutex_lock(&c->lock);
	if (!ranges_empty(&c->dirty))
		log_error("%llu bytes of a file were never written to its server",
			(unsigned long long)ranges_total(&c->dirty));
	ranges_release(&c->dirty);
	c->dead = true;
	open = c->vf && !c->closed && !cache_unused(c);
	c->closed = !open;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (!open)
		cache_evict(c);
}

void files_drop_fs(struct files *f, struct fs *fs)
{
	struct picked p = {};

	files_drain(f);
	if (pick(f, NULL, fs, &p) < 0)
		log_error("out of memory: files of an ended mount stay");
	for (size_t i = 0; i < p.n; i++)
		drop(p.v[i]);
	picked_release(&p);
}

/* ---- what a server says ---- */

void file_invalidate(struct inode *ino, int64_t off, int64_t len)
{
	struct filecache *c = inode_type(ino) == S_IFREG ? cache_peek(ino) : NULL;

	if (!c || off < 0)
		return;
	pthread_mutex_lock(&c->lock);
	cache_invalidate(c, (uint64_t)off, len <= 0 ? UINT64_MAX : (uint64_t)off + (uint64_t)len);
	c->srv_known = false;
	/* Reads of filled files are not trapped. */
	if (c->vf && !c->closed && c->untrapped)
		files_job(
			c->vf, JOB_REFILL); /* a reference of ours might be the last of its mount */
	pthread_mutex_unlock(&c->lock);
}

int file_store(struct inode *ino, uint64_t off, const void *buf, size_t len)
{
	struct filecache *c = inode_type(ino) == S_IFREG ? cache_peek(ino) : NULL;
	struct range part;
	int fd, r = 0;

	if (!c)
		return 0;
	pthread_mutex_lock(&c->lock);
	if (c->vf && off + len > c->size && off + len >= off && !cache_is_dirty(c))
		r = cache_resize(c, off + len);
	fd = c->vf && r == 0 ? cache_writer(c) : -1;
	for (uint64_t at = off; fd >= 0 && r == 0 && at < off + len; at = part.end) {
		if (!ranges_gap(&c->dirty, at, off + len, &part))
			break; /* a guest's own data wins */
		if (pwrite(fd, (const char *)buf + (part.start - off), part.end - part.start,
			    (off_t)part.start) < 0)
			r = -errno;
		else
			r = ranges_add(&c->filled, part.start, part.end);
		if (r == 0)
			cache_hash_given(c, (const char *)buf + (part.start - off), part.start,
				(size_t)(part.end - part.start));
	}
	if (fd >= 0)
		cache_writer_put(c, fd);
	pthread_mutex_unlock(&c->lock);
	return r;
}

ssize_t file_retrieve(struct inode *ino, uint64_t off, void *buf, size_t len)
{
	struct filecache *c = inode_type(ino) == S_IFREG ? cache_peek(ino) : NULL;
	ssize_t n = 0;

	if (!c)
		return 0;
	pthread_mutex_lock(&c->lock);
	if (c->vf && off < c->size) {
		struct range gap;
		uint64_t end = off + len < c->size ? off + len : c->size;

		if (ranges_gap(&c->filled, off, end, &gap))
			end = gap.start;
		if (end > off)
			n = pread(c->vf->place, buf, (size_t)(end - off), (off_t)off);
		if (n < 0)
			n = -errno;
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}
