/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open files without a name.
 *
 * Theory of operation. libfuse renames a file that is open when its last name goes to .fuse_hidden
 * in its folder, which can then not be removed, and which stays in the image if the server is
 * killed. So where nobody else can be using the file (FS_SOLE_CLIENT) all of it is brought into the
 * placeholder and the server's handles are given back before the server is told: it frees the file
 * at once. What guests do with theirs from then on is between them and the placeholder, which has
 * the extended attributes as well; the others are the inode's. Large files are left to the server.
 */
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "file/cache.h"
#include "file/locks.h"

#define ORPHAN_MAX PLACE_DISK_MIN

static bool may_detach(struct filecache *c)
{
	struct inode *ino = c->ino;
	bool may;

	if (!(ino->fs->flags & FS_SOLE_CLIENT) || (ino->fs->flags & FS_READ_ONLY) ||
		cache_direct(c) || atomic_load(&ino->many_names) || atomic_load(&ino->orphan))
		return false;
	pthread_mutex_lock(&c->lock);
	may = c->vf && !c->closed && !c->dead && !locks_any(c) && c->size <= ORPHAN_MAX;
	pthread_mutex_unlock(&c->lock);
	return may;
}

int cache_orphan_place(struct inode *ino)
{
	struct filecache *c = cache_peek(ino);
	int fd = -ENODATA;

	if (!c)
		return fd;
	pthread_mutex_lock(&c->lock);
	if (c->vf) {
		fd = fcntl(c->vf->place, F_DUPFD_CLOEXEC, 0);
		fd = fd < 0 ? -errno : fd;
	}
	pthread_mutex_unlock(&c->lock);
	return fd;
}

/* What a placeholder cannot carry (security., an older kernel's memfd) is lost. */
static void keep_xattrs(struct filecache *c, const struct fs_req *req)
{
	const struct fs_node_ops *ops = c->ino->fs->node;
	_cleanup_free_ char *list = malloc(XATTR_LIST_MAX + 1), *value = malloc(XATTR_SIZE_MAX);
	_cleanup_fd_ int place = -1;
	ssize_t len = -1, n;

	if (list && value && ops->listxattr && ops->getxattr)
		len = ops->listxattr(c->ino->fs, req, c->ino->nodeid, list, XATTR_LIST_MAX);
	if (len <= 0)
		return;
	list[len] = '\0';
	place = cache_orphan_place(c->ino); /* the last close may come meanwhile */
	for (const char *name = list; place >= 0 && name < list + len; name += strlen(name) + 1) {
		n = ops->getxattr(c->ino->fs, req, c->ino->nodeid, name, value, XATTR_SIZE_MAX);
		if (n >= 0)
			(void)fsetxattr(place, name, value, (size_t)n, 0);
	}
}

void cache_detach(struct filecache *c, const struct fs_req *req)
{
	struct fs_handle h[HANDLE_KINDS];
	struct fs_attr attr;
	int n = 0;

	if (!may_detach(c) || inode_getattr(c->ino, req, true, &attr) < 0 || attr.nlink != 1 ||
		cache_fill(c, req, 0, UINT64_MAX) < 0)
		return;
	keep_xattrs(c, req);
	pthread_mutex_lock(&c->lock);
	if (cache_set_busy(c, req) < 0) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	while (c->hold && cache_wait(c, req) == 0)
		;
	cache_native(c);
	if (c->vf && !c->closed && !c->dead && !c->hold && !c->opening &&
		ranges_cover(&c->filled, 0, c->size)) {
		if (ranges_empty(&c->dirty))
			c->mtime.tv_sec = 0; /* the inode's is the newer one */
		atomic_store(&c->ino->orphan, true);
		n = cache_handles_take(c, h);
	}
	cache_clear_busy(c);
	pthread_mutex_unlock(&c->lock);
	cache_handles_release(c, h, n);
}

void cache_attach(struct filecache *c)
{
	if (!atomic_load(&c->ino->orphan) || atomic_load(&c->ino->deleted))
		return;
	pthread_mutex_lock(&c->lock);
	/* what was written meanwhile was forgotten */
	if (ranges_add(&c->dirty, 0, c->size) < 0)
		c->error = -ENOMEM;
	atomic_store(&c->ino->orphan, false);
	pthread_mutex_unlock(&c->lock);
}

void cache_orphan_times(struct filecache *c)
{
	struct timespec mtime;

	if (!atomic_load(&c->ino->orphan))
		return;
	pthread_mutex_lock(&c->lock);
	mtime = c->mtime;
	c->mtime.tv_sec = 0;
	pthread_mutex_unlock(&c->lock);
	if (!mtime.tv_sec)
		return;
	pthread_mutex_lock(&c->ino->lock);
	c->ino->attr.mtime = mtime;
	pthread_mutex_unlock(&c->ino->lock);
}

void cache_forget_dirty(struct filecache *c)
{
	ranges_release(&c->dirty);
	c->dirty_since = 0;
	c->dirty_bytes = 0;
}
