/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A descriptor of a guest is known by the device and inode number of what it
 * is open on: the registry finds the vfile by them. It keeps a reference to each vfile until the
 * last open file of a guest is gone, which inotify tells (facts.md): of a placeholder with a page
 * cache IN_CLOSE is a hint, and a lease asks the kernel who else has it open; of a nameless
 * directory or O_PATH file, of which we hold no descriptor, IN_DELETE_SELF is the fact itself.
 */
#include "file/cache.h"

#include <stdio.h>
#include <sys/inotify.h>

#include "base/log.h"
#include "file/fifo.h"
#include "file/stream.h"

static struct cds_hlist_head *bucket(struct files *f, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ ((uint64_t)dev << 40)) * 0x9e3779b97f4a7c15ull;

	return &f->hash[(h >> 40) % FILES_BUCKETS];
}

static struct cds_hlist_head *twins_bucket(const struct filecache *c)
{
	return &c->files->twins[(c->number * 0x9e3779b97f4a7c15ull >> 40) % FILES_BUCKETS];
}

static struct vfile *find_locked(struct files *f, dev_t dev, ino_t ino)
{
	struct cds_hlist_node *n;

	for (n = bucket(f, dev, ino)->next; n; n = n->next) {
		struct vfile *vf = cds_hlist_entry(n, struct vfile, hash);

		if (vf->dev == dev && vf->ino == ino)
			return vf;
	}
	return NULL;
}

bool files_any(struct files *f)
{
	return f && atomic_load_explicit(&f->known, memory_order_acquire) > 0;
}

bool files_low(struct files *f)
{
	return f && atomic_load_explicit(&f->nlow, memory_order_acquire) > 0;
}

void vfile_note_low(struct vfile *vf)
{
	if (!atomic_exchange(&vf->low, true))
		atomic_fetch_add(&vf->files->nlow, 1);
}

void vfile_left_low(struct vfile *vf)
{
	if (atomic_exchange(&vf->low, false))
		atomic_fetch_sub(&vf->files->nlow, 1);
}

void files_note_low(struct files *f, int fd)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct stat st;

	if (fstat(fd, &st) == 0)
		vf = files_find(f, &st);
	if (vf)
		vfile_note_low(vf);
}

struct vfile *vfile_get(struct vfile *vf)
{
	atomic_fetch_add_explicit(&vf->refs, 1, memory_order_relaxed);
	return vf;
}

static void vfile_free(struct vfile *vf)
{
	int fd = vf->kind == VFILE_DEVICE ? atomic_exchange(&vf->device_fd, -1) : vf->place;

	if (fd >= 0)
		close(fd);
	if (vf->kind == VFILE_DEVICE && vf->ops->last_close)
		vf->ops->last_close(vf);
	if (vf->kind == VFILE_DIR)
		dir_free(vf);
	if (vf->kind == VFILE_SPECIAL)
		fifo_free(vf);
	if (vf->kind == VFILE_STREAM)
		stream_free(vf);
	own_place_release(&vf->own);
	if (vf->inode)
		inode_put(vf->inode);
	if (vf->mnt) /* last: the inode's file system ends with it */
		mount_put(vf->mnt);
	free(vf);
}

/* The maker of a device lets go of it: our copy must not keep it open. */
static void device_let_go(struct vfile *vf)
{
	int fd = atomic_exchange(&vf->device_fd, -1);

	if (fd >= 0)
		close(fd);
}

void vfile_put(struct vfile *vf)
{
	int refs = atomic_load(&vf->refs);

	do {
		if (refs == 2 && vf->kind == VFILE_DEVICE)
			device_let_go(vf);
	} while (!atomic_compare_exchange_weak(&vf->refs, &refs, refs - 1));
	if (refs == 1)
		vfile_free(vf);
}

struct vfile *files_find(struct files *f, const struct stat *st)
{
	struct vfile *vf;

	pthread_rwlock_rdlock(&f->lock);
	vf = find_locked(f, st->st_dev, st->st_ino);
	/* An inode number may be used again: ours have no name. */
	if (vf && st->st_nlink && vf->kind != VFILE_DEVICE && vf->kind != VFILE_SPECIAL &&
		vf->kind != VFILE_STREAM)
		vf = NULL;
	if (vf)
		vfile_get(vf);
	pthread_rwlock_unlock(&f->lock);
	return vf;
}

int vfile_of_fd(struct call *c, struct files *f, int fd, struct vfile **ret, int *ret_fd)
{
	_cleanup_fd_ int ours = -1;
	struct stat st;
	int r = 0;

	if (!ret_fd) {
		r = guestfd_stat(c, fd, &st);
	} else {
		ours = guestfd_get(c, fd);
		if (ours < 0)
			return ours;
		if (fstat(ours, &st) < 0)
			r = -errno;
	}
	if (r < 0)
		return r;
	*ret = files_find(f, &st);
	if (ret_fd)
		*ret_fd = take_fd(&ours);
	return 0;
}

static uint32_t watch_mask(enum vfile_kind kind)
{
	switch (kind) {
	case VFILE_DIR:
	case VFILE_PATH:
		return IN_DELETE_SELF;
	default:
		return IN_CLOSE;
	}
}

int files_add(struct files *f, const struct vfile *like, int fd, struct vfile **ret)
{
	struct vfile *vf, *old;
	char path[FD_PATH_MAX];
	struct stat st;
	int r = files_events_start(f);

	if (r < 0)
		return r;
	vf = malloc(sizeof(*vf));
	if (!vf)
		return -ENOMEM;
	if (fstat(fd, &st) < 0) {
		free(vf);
		return -errno;
	}
	*vf = *like;
	vf->files = f;
	vf->dev = st.st_dev;
	vf->ino = st.st_ino;
	vf->refs = 2;
	vf->hashed = vf->registered = true;
	if (vf->inode)
		inode_get(vf->inode);
	if (vf->mnt)
		mount_get(vf->mnt);
	atomic_fetch_add(&f->known, 1);
	pthread_rwlock_wrlock(&f->lock);
	vf->wd = inotify_add_watch(f->inotify, fd_path(path, fd), watch_mask(vf->kind));
	if (vf->wd < 0)
		log_warn("no inotify watch is left (fs.inotify.max_user_watches): files stay open "
			 "at their server until the end");
	/* A number that comes again: the old file is gone, its event is on the way. */
	old = find_locked(f, st.st_dev, st.st_ino);
	if (old) {
		cds_hlist_del(&old->hash);
		old->hashed = false;
	}
	cds_hlist_add_head(&vf->hash, bucket(f, vf->dev, vf->ino));
	if (vf->cache)
		cds_hlist_add_head(&vf->twin, twins_bucket(vf->cache));
	if (vf->wd >= 0)
		cds_hlist_add_head(&vf->wdhash, &f->wds[vf->wd % FILES_BUCKETS]);
	pthread_rwlock_unlock(&f->lock);
	*ret = vf;
	return 0;
}

void files_remove(struct vfile *vf)
{
	struct files *f = vf->files;
	int wd;

	pthread_rwlock_wrlock(&f->lock);
	wd = vf->wd;
	if (!vf->registered) { /* two that saw its end */
		pthread_rwlock_unlock(&f->lock);
		return;
	}
	vf->registered = false;
	atomic_fetch_sub(&f->known, 1);
	if (vf->hashed)
		cds_hlist_del(&vf->hash);
	if (vf->cache)
		cds_hlist_del(&vf->twin);
	if (wd >= 0)
		cds_hlist_del(&vf->wdhash);
	vf->hashed = false;
	vf->wd = -1;
	pthread_rwlock_unlock(&f->lock);
	vfile_left_low(vf);
	/* fails where the kernel has removed it already, with the inode */
	if (wd >= 0)
		(void)inotify_rm_watch(f->inotify, wd);
	vfile_put(vf);
}

struct collected {
	struct vfile **v;
	size_t n, size;
};

/* Below the lock. */
static int collect(struct collected *to, struct vfile *vf)
{
	if (to->n == to->size) {
		size_t more = to->size ? to->size * 2 : 64;
		struct vfile **bigger = reallocarray(to->v, more, sizeof(*to->v));

		if (!bigger)
			return -ENOMEM;
		to->v = bigger;
		to->size = more;
	}
	to->v[to->n++] = vfile_get(vf);
	return 0;
}

static ssize_t collected(struct collected *c, int err, struct vfile ***ret)
{
	if (err == 0) {
		*ret = c->v;
		return (ssize_t)c->n;
	}
	while (c->n > 0)
		vfile_put(c->v[--c->n]);
	free(c->v);
	return err;
}

ssize_t files_collect(struct files *f, struct fs *fs, struct vfile ***ret)
{
	struct collected all = {};
	int r = 0;

	pthread_rwlock_rdlock(&f->lock);
	for (size_t i = 0; i < FILES_BUCKETS; i++) {
		struct cds_hlist_node *node;

		for (node = f->hash[i].next; node && r == 0; node = node->next) {
			struct vfile *vf = cds_hlist_entry(node, struct vfile, hash);

			if (vf->cache && (!fs || vf->inode->fs == fs))
				r = collect(&all, vf);
		}
	}
	pthread_rwlock_unlock(&f->lock);
	return collected(&all, r, ret);
}

ssize_t files_collect_twins(struct filecache *c, struct vfile ***ret)
{
	struct files *f = c->files;
	struct collected all = {};
	struct cds_hlist_node *node;
	int r = 0;

	pthread_rwlock_rdlock(&f->lock);
	for (node = twins_bucket(c)->next; node && r == 0; node = node->next) {
		struct vfile *vf = cds_hlist_entry(node, struct vfile, twin);

		if (vf->cache != c && vf->cache->number == c->number &&
			vf->inode->fs == c->ino->fs && !atomic_load(&vf->inode->orphan))
			r = collect(&all, vf);
	}
	pthread_rwlock_unlock(&f->lock);
	return collected(&all, r, ret);
}
