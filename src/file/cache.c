/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A guest's open file is an open of the inode's placeholder, so the kernel
 * keeps its position, flags, locks and mappings. What the placeholder holds is told by c->filled;
 * a trapped read fills what it needs and goes on natively. Writes of guests are made by us through
 * the guest's own open file, under c->lock together with their entry in c->dirty, so that a
 * write-back, which takes the dirty ranges before it reads the placeholder, can lose none.
 *
 * Writes that nobody traps (a descriptor below VFD_BASE, a shared mapping) are found afterwards: by
 * the size, the time, and hashes of the pages (writeback.c).
 */
#include "file/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "file/lease.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

struct filecache *cache_peek(struct inode *ino)
{
	return __atomic_load_n(&ino->cache, __ATOMIC_ACQUIRE);
}

/* With the inode's lock held. */
static struct filecache *cache_new(struct files *f, struct inode *ino)
{
	struct filecache *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!c)
		return NULL;
	c->files = f;
	c->ino = ino;
	c->number = ino->attr.ino;
	c->checker = -1;
	c->closed = true;
	CDS_INIT_LIST_HEAD(&c->fills);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	return c;
}

int cache_of(struct files *f, struct inode *ino, struct filecache **ret)
{
	struct filecache *c = cache_peek(ino);

	if (!c) {
		pthread_mutex_lock(&ino->lock);
		c = ino->cache;
		if (!c) {
			c = cache_new(f, ino);
			__atomic_store_n(&ino->cache, c, __ATOMIC_RELEASE);
		}
		pthread_mutex_unlock(&ino->lock);
	}
	if (!c)
		return -ENOMEM;
	*ret = c;
	return 0;
}

/* The inode is being freed: nobody else knows it, and no vfile does. */
void cache_free(struct inode *ino)
{
	struct filecache *c = ino->cache;

	if (!c)
		return;
	ino->cache = NULL;
	if (c->checker >= 0)
		close(c->checker);
	ranges_release(&c->filled);
	ranges_release(&c->dirty);
	ranges_release(&c->mapped);
	cache_hash_free(c);
	free(c->locks);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->changed);
	free(c);
}

void cache_req(struct filecache *c, struct fs_req *req)
{
	pthread_mutex_lock(&c->lock);
	*req = (struct fs_req){
		.uid = c->uid, .gid = c->gid, .ruid = c->uid, .rgid = c->gid, .umask = 022
	};
	pthread_mutex_unlock(&c->lock);
}

/* ---- the placeholder ---- */

static int memfd_new(const char *name)
{
	char shown[200];
	int fd;

	snprintf(shown, sizeof(shown), "%s", name && *name ? name : "umview");
	fd = memfd_create(shown, MFD_CLOEXEC | MFD_EXEC);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(shown, MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A nameless file on disk. What stays open of it is open for reading: with a writer left,
 * exec of it would be ETXTBSY. */
static int disk_new(struct files *f, uint64_t size)
{
	_cleanup_fd_ int fd = -1;
	char path[FD_PATH_MAX];
	int ro;

	if (!f->diskdir)
		return -ENOENT;
	fd = open(f->diskdir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0700);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	ro = open(fd_path(path, fd), O_RDONLY | O_CLOEXEC);
	return ro < 0 ? -errno : ro;
}

int cache_place(struct filecache *c, struct mount *m, const char *name, uint64_t size)
{
	struct vfile like = { VFILE_LIKE(VFILE_REG, c->ino, m), .cache = c };
	_cleanup_fd_ int fd = -1;
	struct vfile *vf;
	int r;

	if (c->vf)
		return 0;
	if (size > INT64_MAX)
		return -EFBIG;
	c->disk = false;
	if (size >= PLACE_DISK_MIN) {
		fd = disk_new(c->files, size);
		c->disk = fd >= 0;
	}
	if (fd < 0) {
		fd = memfd_new(name);
		if (fd < 0)
			return fd;
		if (size && ftruncate(fd, (off_t)size) < 0)
			return -errno;
	}
	like.place = fd;
	r = files_add(c->files, &like, fd, &vf);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	c->vf = vf;
	c->size = size;
	c->srv_known = false;
	c->asked = 0;
	c->closed = true;
	c->untrapped = c->low = c->low_append = c->readers = c->writers = false;
	/* The registry's reference holds it until the cache is evicted. */
	vfile_put(vf);
	return 0;
}

int cache_writer(struct filecache *c)
{
	char path[FD_PATH_MAX];
	int fd;

	if (!c->disk)
		return c->vf->place;
	fd = open(fd_path(path, c->vf->place), O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void cache_writer_put(struct filecache *c, int fd)
{
	if (fd >= 0 && c->disk)
		close(fd);
}

int cache_open(struct filecache *c, int flags)
{
	int keep = O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | O_DIRECT | O_NOATIME;
	char path[FD_PATH_MAX];
	int fd, how = flags & keep;

	if (c->dead)
		return -EIO;
	fd_path(path, c->vf->place);
	fd = open(path, how | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == EINVAL && (how & O_DIRECT)) {
		how &= ~O_DIRECT;
		fd = open(path, how | O_NONBLOCK | O_CLOEXEC);
	}
	if (fd < 0) {
		c->leased |= errno == EWOULDBLOCK;
		return -errno;
	}
	if (!(how & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, how); /* cannot fail */
	c->closed = false;
	if ((flags & O_ACCMODE) != O_WRONLY)
		c->readers = true;
	if ((flags & O_ACCMODE) != O_RDONLY) {
		c->writers = true;
		cache_writers_add(c);
	}
	cache_lru_remove(c);
	return fd;
}

bool cache_unused(struct filecache *c)
{
	char path[FD_PATH_MAX];
	int fd = c->disk ? c->vf->place : c->checker;

	if (lease_held(c))
		return false;
	if (fd < 0)
		fd = c->checker =
			open(fd_path(path, c->vf->place), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* A lease for writing is given only where no other open file exists. */
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		return false;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	if (c->checker >= 0)
		close(c->checker);
	c->checker = -1;
	return true;
}

/* ---- waiting ---- */

int cache_wait(struct filecache *c, const struct fs_req *req)
{
	struct timespec until;
	bool gone;

	call_waits();
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 50000000;
	if (until.tv_nsec >= (long)NSEC_PER_SEC) {
		until.tv_nsec -= (long)NSEC_PER_SEC;
		until.tv_sec++;
	}
	if (pthread_cond_timedwait(&c->changed, &c->lock, &until) != ETIMEDOUT)
		return 0;
	if (!req || !req->call)
		return 0;
	pthread_mutex_unlock(&c->lock);
	gone = call_killed(req->call);
	pthread_mutex_lock(&c->lock);
	return gone ? -EINTR : 0;
}

int cache_set_busy(struct filecache *c, const struct fs_req *req)
{
	while (c->busy) {
		int r = cache_wait(c, req);

		if (r < 0)
			return r;
	}
	c->busy = true;
	return 0;
}

void cache_clear_busy(struct filecache *c)
{
	c->busy = false;
	pthread_cond_broadcast(&c->changed);
}
