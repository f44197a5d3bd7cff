/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A node is a file of the host, known by device and inode number and held by
 * an O_PATH descriptor, for as long as the view knows its inode; names are looked up in the kernel
 * each time, since others change the host's tree as well. Each call is made with the guest's own
 * ids. The files that guests open are the host's own (fs->host_fd): they need no traps and no cache
 * of ours. Directories are placeholders as on any mount, so that ".." and getcwd(2) tell the view's
 * path.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/host/internal.h"
#include "view/itable.h"

static struct hostfs *hostfs_of(struct fs *fs)
{
	return container_of_(fs, struct hostfs, fs);
}

static struct cds_hlist_head *bucket(struct hostfs *h, dev_t dev, ino_t ino)
{
	uint64_t key = ((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15ull;

	return &h->table[(key >> 32) & h->mask];
}

static void grow_locked(struct hostfs *h)
{
	size_t old_mask = h->mask, mask = old_mask * 4 + 3;
	struct cds_hlist_head *old = h->table, *table;

	if (h->count <= 2 * old_mask)
		return;
	table = calloc(mask + 1, sizeof(*table));
	if (!table)
		return;
	h->table = table;
	h->mask = mask;
	for (size_t i = 0; i <= old_mask; i++) {
		struct host_node *n, *next;

		cds_hlist_for_each_entry_safe_2(n, next, &old[i], hash)
			cds_hlist_add_head(&n->hash, bucket(h, n->dev, n->ino));
	}
	free(old);
}

/* The node of a file, whose descriptor is taken; one lookup is counted. */
static struct host_node *node_of(struct hostfs *h, int fd, const struct stat *st)
{
	struct host_node *n;

	pthread_mutex_lock(&h->lock);
	cds_hlist_for_each_entry_2(n, bucket(h, st->st_dev, st->st_ino), hash) {
		if (n->dev == st->st_dev && n->ino == st->st_ino) {
			n->nlookup++;
			pthread_mutex_unlock(&h->lock);
			close(fd);
			return n;
		}
	}
	n = calloc(1, sizeof(*n));
	if (n) {
		n->fd = fd;
		n->dev = st->st_dev;
		n->ino = st->st_ino;
		n->nlookup = 1;
		cds_hlist_add_head(&n->hash, bucket(h, n->dev, n->ino));
		h->count++;
		grow_locked(h);
	}
	pthread_mutex_unlock(&h->lock);
	if (!n)
		close(fd);
	return n;
}

int hostfs_enter(struct fs *fs, int fd, struct fs_entry *ret)
{
	struct hostfs *h = hostfs_of(fs);
	struct host_node *n;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	n = node_of(h, fd, &st);
	if (!n)
		return -ENOMEM;
	/* a bind of a directory into itself: its root is no name in it */
	if (n == h->root)
		return -ELOOP;
	*ret = (struct fs_entry){ .nodeid = (uintptr_t)n };
	fs_attr_of_stat(&st, &ret->attr);
	ret->attr.dev = st.st_dev; /* what the host has mounted below is seen as well */
	return 0;
}

static void hostfs_forget(struct fs *fs, uint64_t node, uint64_t nlookup)
{
	struct host_node *n = (struct host_node *)(uintptr_t)node;
	struct hostfs *h = hostfs_of(fs);
	bool last;

	pthread_mutex_lock(&h->lock);
	n->nlookup -= nlookup < n->nlookup ? nlookup : n->nlookup;
	last = n->nlookup == 0;
	if (last) {
		cds_hlist_del(&n->hash);
		h->count--;
	}
	pthread_mutex_unlock(&h->lock);
	if (!last)
		return;
	close(n->fd);
	free(n);
}

static void hostfs_unmount(UNUSED struct fs *fs, UNUSED uint64_t deadline_ns)
{
}

static void hostfs_free(struct fs *fs)
{
	struct hostfs *h = hostfs_of(fs);

	for (size_t i = 0; h->table && i <= h->mask; i++) {
		struct host_node *n, *next;

		cds_hlist_for_each_entry_safe_2(n, next, &h->table[i], hash)
		{
			close(n->fd);
			free(n);
		}
	}
	free(h->table);
	free(h->host_root);
	pthread_mutex_destroy(&h->lock);
	if (fs->owner)
		fs->owner_free(fs->owner);
	free(h);
}

static int hostfs_host_fd(UNUSED struct fs *fs, uint64_t node)
{
	return hostfs_fd(node);
}

int hostfs_new(int dir, const char *host_root, struct fs **ret, mode_t *ret_type)
{
	struct hostfs *h;
	struct stat st;
	int r;

	if (fstat(dir, &st) < 0)
		return -errno;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	pthread_mutex_init(&h->lock, NULL);
	h->mask = 63;
	h->table = calloc(h->mask + 1, sizeof(*h->table));
	h->root = calloc(1, sizeof(*h->root));
	h->host_root = strdup(host_root);
	if (!h->table || !h->root || !h->host_root) {
		free(h->root);
		hostfs_free(&h->fs);
		return -ENOMEM;
	}
	h->fs.node = &hostfs_node_ops;
	h->fs.file = &hostfs_file_ops;
	h->fs.unmount = hostfs_unmount;
	h->fs.free = hostfs_free;
	h->fs.host_fd = hostfs_host_fd;
	h->fs.host_root = h->host_root;
	h->fs.root_node = (uintptr_t)h->root;
	h->fs.dev = st.st_dev;
	h->fs.type = "none";
	atomic_init(&h->fs.flags, FS_DONT_MASK);
	r = itable_init(&h->fs);
	if (r < 0) {
		free(h->root);
		hostfs_free(&h->fs);
		return r;
	}
	*h->root =
		(struct host_node){ .fd = dir, .dev = st.st_dev, .ino = st.st_ino, .nlookup = 1 };
	cds_hlist_add_head(&h->root->hash, bucket(h, st.st_dev, st.st_ino));
	h->count = 1;
	*ret_type = st.st_mode & S_IFMT;
	*ret = &h->fs;
	return 0;
}

/* ---- attributes ---- */

static int hostfs_getattr(UNUSED struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, struct fs_attr *ret)
{
	struct stat st;

	if (fstat(hostfs_fd(node), &st) < 0)
		return -errno;
	fs_attr_of_stat(&st, ret);
	ret->dev = st.st_dev;
	return 0;
}

static struct timespec time_of(
	const struct fs_setattr *set, unsigned given, unsigned now, const struct timespec *t)
{
	if (set->set & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return set->set & given ? *t : (struct timespec){ .tv_nsec = UTIME_OMIT };
}

/* In the order of notify_change() of the kernel, which takes them all at once. */
static int change(int fd, const struct fs_setattr *set)
{
	const unsigned times = FS_SET_ATIME | FS_SET_MTIME | FS_SET_ATIME_NOW | FS_SET_MTIME_NOW;
	char path[FD_PATH_MAX];

	fd_path(path, fd);
	if ((set->set & FS_SET_SIZE) && truncate(path, (off_t)set->size) < 0)
		return -1;
	if ((set->set & (FS_SET_UID | FS_SET_GID)) &&
		fchownat(fd, "", set->set & FS_SET_UID ? set->uid : (uid_t)-1,
			set->set & FS_SET_GID ? set->gid : (gid_t)-1, AT_EMPTY_PATH) < 0)
		return -1;
	if ((set->set & FS_SET_MODE) && chmod(path, set->mode & 07777) < 0)
		return -1;
	if (set->set & times) {
		struct timespec ts[2] = {
			time_of(set, FS_SET_ATIME, FS_SET_ATIME_NOW, &set->atime),
			time_of(set, FS_SET_MTIME, FS_SET_MTIME_NOW, &set->mtime),
		};

		return utimensat(fd, "", ts, AT_EMPTY_PATH);
	}
	return 0;
}

static int hostfs_setattr(struct fs *fs, const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, const struct fs_setattr *set, struct fs_attr *ret)
{
	bool ids = hostfs_begin(req);
	int r = (int)hostfs_end(ids, change(hostfs_fd(node), set));

	return r < 0 ? r : hostfs_getattr(fs, req, node, NULL, ret);
}

static int hostfs_access(UNUSED struct fs *fs, const struct fs_req *req, uint64_t node, int mask)
{
	bool ids = hostfs_begin(req);

	return (int)hostfs_end(
		ids, faccessat(hostfs_fd(node), "", mask, AT_EMPTY_PATH | AT_EACCESS));
}

static int hostfs_statfs(
	UNUSED struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, struct statfs *ret)
{
	return fstatfs(hostfs_fd(node), ret) < 0 ? -errno : 0;
}

static int hostfs_syncfs(struct fs *fs, UNUSED const struct fs_req *req)
{
	char path[FD_PATH_MAX];
	_cleanup_fd_ int fd =
		open(fd_path(path, hostfs_fd(fs->root_node)), O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 || syncfs(fd) < 0 ? -errno : 0;
}

/* ---- extended attributes: by the name of the descriptor, which leads to symbolic links too ----
 */

static ssize_t hostfs_getxattr(UNUSED struct fs *fs, const struct fs_req *req, uint64_t node,
	const char *name, void *buf, size_t size)
{
	char path[FD_PATH_MAX];
	bool ids = hostfs_begin(req);

	return hostfs_end(ids, getxattr(fd_path(path, hostfs_fd(node)), name, buf, size));
}

static ssize_t hostfs_listxattr(
	UNUSED struct fs *fs, const struct fs_req *req, uint64_t node, void *buf, size_t size)
{
	char path[FD_PATH_MAX];
	bool ids = hostfs_begin(req);

	return hostfs_end(ids, listxattr(fd_path(path, hostfs_fd(node)), buf, size));
}

static int hostfs_setxattr(UNUSED struct fs *fs, const struct fs_req *req, uint64_t node,
	const char *name, const void *value, size_t size, int flags)
{
	char path[FD_PATH_MAX];
	bool ids = hostfs_begin(req);

	return (int)hostfs_end(
		ids, setxattr(fd_path(path, hostfs_fd(node)), name, value, size, flags));
}

static int hostfs_removexattr(
	UNUSED struct fs *fs, const struct fs_req *req, uint64_t node, const char *name)
{
	char path[FD_PATH_MAX];
	bool ids = hostfs_begin(req);

	return (int)hostfs_end(ids, removexattr(fd_path(path, hostfs_fd(node)), name));
}

/* ---- names ---- */

static int hostfs_lookup(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	struct fs_entry *ret)
{
	bool ids = hostfs_begin(req);
	int fd = (int)hostfs_end(
		ids, openat(hostfs_fd(parent), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));

	return fd < 0 ? fd : hostfs_enter(fs, fd, ret);
}

static int hostfs_readlink(
	UNUSED struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, char *buf)
{
	ssize_t n = readlinkat(hostfs_fd(node), "", buf, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* A name that was just made. */
static int made(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	ssize_t r, struct fs_entry *ret)
{
	return r < 0 ? (int)r : hostfs_lookup(fs, req, parent, name, ret);
}

static int hostfs_mknod(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, dev_t rdev, struct fs_entry *ret)
{
	bool ids = hostfs_begin(req);
	ssize_t r = hostfs_end(
		ids, mknodat(hostfs_fd(parent), name, hostfs_mode(req, parent, mode), rdev));

	return made(fs, req, parent, name, r, ret);
}

static int hostfs_mkdir(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, struct fs_entry *ret)
{
	bool ids = hostfs_begin(req);
	ssize_t r =
		hostfs_end(ids, mkdirat(hostfs_fd(parent), name, hostfs_mode(req, parent, mode)));

	return made(fs, req, parent, name, r, ret);
}

static int hostfs_symlink(struct fs *fs, const struct fs_req *req, uint64_t parent,
	const char *name, const char *target, struct fs_entry *ret)
{
	bool ids = hostfs_begin(req);
	ssize_t r = hostfs_end(ids, symlinkat(target, hostfs_fd(parent), name));

	return made(fs, req, parent, name, r, ret);
}

static int hostfs_link(struct fs *fs, const struct fs_req *req, uint64_t node, uint64_t parent,
	const char *name, struct fs_entry *ret)
{
	char path[FD_PATH_MAX];
	bool ids = hostfs_begin(req);
	ssize_t r = hostfs_end(ids, linkat(AT_FDCWD, fd_path(path, hostfs_fd(node)),
					    hostfs_fd(parent), name, AT_SYMLINK_FOLLOW));

	return made(fs, req, parent, name, r, ret);
}

static int hostfs_unlink(
	UNUSED struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name)
{
	bool ids = hostfs_begin(req);

	return (int)hostfs_end(ids, unlinkat(hostfs_fd(parent), name, 0));
}

static int hostfs_rmdir(
	UNUSED struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name)
{
	bool ids = hostfs_begin(req);

	return (int)hostfs_end(ids, unlinkat(hostfs_fd(parent), name, AT_REMOVEDIR));
}

static int hostfs_rename(UNUSED struct fs *fs, const struct fs_req *req, uint64_t parent,
	const char *name, uint64_t newparent, const char *newname, unsigned flags)
{
	bool ids = hostfs_begin(req);

	return (int)hostfs_end(
		ids, renameat2(hostfs_fd(parent), name, hostfs_fd(newparent), newname, flags));
}

const struct fs_node_ops hostfs_node_ops = {
	.size = sizeof(hostfs_node_ops),
	.lookup = hostfs_lookup,
	.forget = hostfs_forget,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
	.readlink = hostfs_readlink,
	.mknod = hostfs_mknod,
	.mkdir = hostfs_mkdir,
	.symlink = hostfs_symlink,
	.link = hostfs_link,
	.unlink = hostfs_unlink,
	.rmdir = hostfs_rmdir,
	.rename = hostfs_rename,
	.access = hostfs_access,
	.getxattr = hostfs_getxattr,
	.listxattr = hostfs_listxattr,
	.setxattr = hostfs_setxattr,
	.removexattr = hostfs_removexattr,
	.statfs = hostfs_statfs,
	.syncfs = hostfs_syncfs,
};
