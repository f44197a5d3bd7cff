/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making and listing: fh is a descriptor of ours. Opening is the file layer's, by fs->host_fd. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "fs/host/internal.h"

#define DIRENTS_SIZE (64u << 10)

/* What a file that was just made is to the view; fd, its handle, is closed on failure. */
static int made(struct fs *fs, int fd, int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	char path[FD_PATH_MAX];
	int node, r;

	if (fd < 0)
		return fd;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* cannot fail */
	node = open(fd_path(path, fd), O_PATH | O_CLOEXEC);
	r = node < 0 ? -errno : hostfs_enter(fs, node, ret);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_h = (struct fs_handle){ .fh = (uint64_t)fd, .oflags = flags };
	return 0;
}

static int hostfs_create(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	bool ids = hostfs_begin(req);
	int fd = (int)hostfs_end(
		ids, openat(hostfs_fd(parent), name, flags | O_CREAT | O_EXCL | O_NOCTTY,
			     hostfs_mode(req, parent, mode & 07777)));

	return made(fs, fd, flags, ret, ret_h);
}

static int hostfs_tmpfile(struct fs *fs, const struct fs_req *req, uint64_t parent, mode_t mode,
	int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	char path[FD_PATH_MAX];
	bool ids = hostfs_begin(req);
	int fd = (int)hostfs_end(ids, open(fd_path(path, hostfs_fd(parent)), flags | O_TMPFILE,
					      hostfs_mode(req, parent, mode & 07777)));

	return made(fs, fd, flags, ret, ret_h);
}

static void hostfs_release(UNUSED struct fs *fs, UNUSED uint64_t node, const struct fs_handle *h)
{
	close((int)h->fh);
}

static int hostfs_opendir(
	UNUSED struct fs *fs, const struct fs_req *req, uint64_t node, struct fs_handle *ret)
{
	char path[FD_PATH_MAX];
	bool ids = hostfs_begin(req);
	int fd = (int)hostfs_end(
		ids, open(fd_path(path, hostfs_fd(node)), O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	if (fd < 0)
		return fd;
	*ret = (struct fs_handle){ .fh = (uint64_t)fd };
	return 0;
}

static int hostfs_readdir(UNUSED struct fs *fs, UNUSED const struct fs_req *req,
	UNUSED uint64_t node, const struct fs_handle *h, uint64_t off, fs_dirent_fn fn, void *arg)
{
	_cleanup_free_ char *buf = malloc(DIRENTS_SIZE);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	if (lseek((int)h->fh, (off_t)off, SEEK_SET) < 0)
		return -errno;
	n = getdents64((int)h->fh, buf, DIRENTS_SIZE);
	if (n <= 0)
		return n < 0 ? -errno : 1;
	for (ssize_t i = 0; i < n;) {
		struct dirent64 *d = (struct dirent64 *)(buf + i);
		struct fs_dirent ent = { .ino = d->d_ino,
			.off = (uint64_t)d->d_off,
			.type = d->d_type,
			.name = d->d_name,
			.namelen = strlen(d->d_name) };

		if (fn(arg, &ent) != 0)
			break;
		i += d->d_reclen;
	}
	return 0;
}

static int hostfs_fsyncdir(UNUSED struct fs *fs, UNUSED const struct fs_req *req,
	UNUSED uint64_t node, const struct fs_handle *h, bool datasync)
{
	return (datasync ? fdatasync((int)h->fh) : fsync((int)h->fh)) < 0 ? -errno : 0;
}

const struct fs_file_ops hostfs_file_ops = {
	.size = sizeof(hostfs_file_ops),
	.create = hostfs_create,
	.tmpfile = hostfs_tmpfile,
	.release = hostfs_release,
	.opendir = hostfs_opendir,
	.readdir = hostfs_readdir,
	.fsyncdir = hostfs_fsyncdir,
	.releasedir = hostfs_release,
};
