/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The kernel's own open of a fifo would hold a thread of ours for as long as
 * nobody opens the other side. So it is opened with O_NONBLOCK. A reader then waits, its open file
 * in hand, until there is or was a writer; a writer tries again until a reader is there. Both are
 * woken by each open of a fifo.
 */
#include "file/fifo.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define POLL_NS 20000000ull

/* What vf->priv holds. */
struct fifo {
	char *path;
	atomic_uint writers_ever; /* counts opens for writing */
};

void fifo_free(struct vfile *vf)
{
	struct fifo *ff = vf->priv;

	if (!ff)
		return;
	unlink(ff->path);
	free(ff->path);
	free(ff);
}

static struct vfile *fifo_find(struct files *f, struct inode *ino)
{
	struct vfile *found = NULL;

	pthread_rwlock_rdlock(&f->lock);
	for (size_t i = 0; i < FILES_BUCKETS && !found; i++) {
		struct cds_hlist_node *n;

		for (n = f->hash[i].next; n && !found; n = n->next) {
			struct vfile *vf = cds_hlist_entry(n, struct vfile, hash);

			if (vf->kind == VFILE_SPECIAL && vf->inode == ino && vf->priv)
				found = vfile_get(vf);
		}
	}
	pthread_rwlock_unlock(&f->lock);
	return found;
}

static int fifo_new(struct files *f, struct mount *m, struct inode *ino, struct vfile **ret)
{
	struct fifo *ff = calloc(1, sizeof(*ff));
	struct vfile like = { VFILE_LIKE(VFILE_SPECIAL, ino, m), .priv = ff };
	char path[FILES_NAME_MAX];
	_cleanup_fd_ int fd = -1;
	int r = 0;

	files_name(f, "f", path);
	if (!ff || !(ff->path = strdup(path)))
		r = -ENOMEM;
	if (r == 0 && mkfifo(path, 0600) < 0)
		r = -errno;
	if (r == 0) {
		fd = open(path, O_PATH | O_CLOEXEC);
		r = fd < 0 ? -errno : files_add(f, &like, fd, ret);
		if (r < 0)
			unlink(path);
	}
	if (r < 0) {
		if (ff)
			free(ff->path);
		free(ff);
		return r;
	}
	return 0;
}

/* Is there a writer (or something that one left)? Nothing is taken out. */
static bool has_writer(int fd)
{
	int p[2];
	ssize_t n;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return true;
	n = tee(fd, p[1], 1, SPLICE_F_NONBLOCK);
	if (n < 0 && errno == EAGAIN)
		n = 1;
	close(p[0]);
	close(p[1]);
	return n > 0;
}

/* 0 after a while or an event; -EINTR. */
static int wait_other(struct files *f, const struct fs_req *req)
{
	struct timespec until;

	if (!req->call)
		return -EINTR;
	if (call_interrupted(req->call))
		return -EINTR;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)POLL_NS;
	if (until.tv_nsec >= (long)NSEC_PER_SEC) {
		until.tv_nsec -= (long)NSEC_PER_SEC;
		until.tv_sec++;
	}
	pthread_mutex_lock(&f->fifo_lock);
	(void)pthread_cond_timedwait(&f->fifo_cond, &f->fifo_lock, &until);
	pthread_mutex_unlock(&f->fifo_lock);
	return 0;
}

static void tell_others(struct files *f)
{
	pthread_mutex_lock(&f->fifo_lock);
	pthread_cond_broadcast(&f->fifo_cond);
	pthread_mutex_unlock(&f->fifo_lock);
}

static int open_read(struct files *f, struct fifo *ff, const struct fs_req *req, int flags)
{
	unsigned seen = atomic_load(&ff->writers_ever);
	int fd = open(ff->path, flags | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	tell_others(f);
	while (!(flags & O_NONBLOCK) && atomic_load(&ff->writers_ever) == seen && !has_writer(fd)) {
		int r = wait_other(f, req);

		if (r < 0) {
			close(fd);
			return r;
		}
	}
	return fd;
}

static int open_write(struct files *f, struct fifo *ff, const struct fs_req *req, int flags)
{
	for (;;) {
		int r, fd = open(ff->path, flags | O_NONBLOCK | O_CLOEXEC);

		if (fd >= 0) {
			atomic_fetch_add(&ff->writers_ever, 1);
			tell_others(f);
			return fd;
		}
		if (errno != ENXIO || (flags & O_NONBLOCK))
			return -errno;
		r = wait_other(f, req);
		if (r < 0)
			return r;
	}
}

int fifo_open(
	struct files *f, struct mount *m, struct inode *ino, const struct fs_req *req, int flags)
{
	int keep = flags & (O_ACCMODE | O_NONBLOCK | O_APPEND);
	struct vfile *vf;
	struct fifo *ff;
	int fd, r = 0;

	/* two that come at once are to meet in one */
	pthread_mutex_lock(&f->fifo_make_lock);
	vf = fifo_find(f, ino);
	if (!vf)
		r = fifo_new(f, m, ino, &vf);
	pthread_mutex_unlock(&f->fifo_make_lock);
	if (r < 0)
		return r;
	ff = vf->priv;
	if ((flags & O_ACCMODE) == O_RDONLY)
		fd = open_read(f, ff, req, keep);
	else
		fd = open_write(f, ff, req, keep);
	if (fd >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, keep & ~O_NONBLOCK);
	vfile_put(vf);
	return fd;
}

bool fifo_busy(struct vfile *vf)
{
	struct fifo *ff = vf->priv;
	_cleanup_fd_ int w = open(ff->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	_cleanup_fd_ int r = -1;

	if (w >= 0)
		return true;
	r = open(ff->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return r >= 0 && has_writer(r);
}
