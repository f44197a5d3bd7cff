/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder of the run directory that stands for a tmpfs. Its limits are held where the view makes
 * something: what is there is counted (again, when the last count is old in comparison with what it
 * took). What a guest then writes to a file that it has open goes past us, until the next count.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rundir.h"
#include "fs/host/internal.h"
#include "fs/tmpfs/internal.h"

enum { PAGE = 4096, COUNT_DEPTH = 128, COUNT_WORTH = 20 };

struct folder {
	pthread_mutex_t lock; /* bytes, inodes, counted_ns, took_ns; a leaf */
	char *path;
	struct fs_node_ops node;
	struct fs_file_ops file;
	bool virtual_root;
	uint64_t max_bytes, max_inodes; /* 0: none */
	uint64_t bytes, inodes;
	uint64_t counted_ns, took_ns;
};

static struct folder *folder_of(struct fs *fs)
{
	return fs->owner;
}

static void count(int dirfd, const char *name, int depth, uint64_t *bytes, uint64_t *inodes)
{
	int fd = depth > COUNT_DEPTH
			 ? -1
			 : openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(dir))) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
			fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*inodes += 1;
		if (S_ISREG(st.st_mode))
			*bytes += (uint64_t)st.st_blocks * 512 / st.st_nlink;
		if (S_ISDIR(st.st_mode))
			count(fd, de->d_name, depth + 1, bytes, inodes);
	}
	closedir(dir);
}

/* What is used. now: counted now; else a count will do that is young in comparison with what it
 * took. */
static void usage(struct folder *f, bool now, uint64_t *ret_bytes, uint64_t *ret_inodes)
{
	uint64_t began = now_ns(), bytes = 0, inodes = 1;

	pthread_mutex_lock(&f->lock);
	if (!now && f->counted_ns && began - f->counted_ns < COUNT_WORTH * f->took_ns) {
		bytes = f->bytes;
		inodes = f->inodes;
		pthread_mutex_unlock(&f->lock);
	} else {
		pthread_mutex_unlock(&f->lock);
		count(AT_FDCWD, f->path, 0, &bytes, &inodes);
		pthread_mutex_lock(&f->lock);
		f->bytes = bytes;
		f->inodes = inodes;
		f->counted_ns = now_ns();
		f->took_ns = f->counted_ns - began;
		pthread_mutex_unlock(&f->lock);
	}
	*ret_bytes = bytes;
	*ret_inodes = inodes;
}

/* Is there room for one more inode? It is counted. */
static int want_inode(struct fs *fs)
{
	struct folder *f = folder_of(fs);
	uint64_t bytes, inodes;

	if (!f->max_bytes && !f->max_inodes)
		return 0;
	usage(f, false, &bytes, &inodes);
	if ((f->max_inodes && inodes >= f->max_inodes) || (f->max_bytes && bytes >= f->max_bytes))
		return -ENOSPC;
	pthread_mutex_lock(&f->lock);
	f->inodes++;
	pthread_mutex_unlock(&f->lock);
	return 0;
}

static int folder_mknod(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, dev_t rdev, struct fs_entry *ret)
{
	int r = want_inode(fs);

	return r < 0 ? r : hostfs_node_ops.mknod(fs, req, parent, name, mode, rdev, ret);
}

static int folder_mkdir(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, struct fs_entry *ret)
{
	int r = want_inode(fs);

	return r < 0 ? r : hostfs_node_ops.mkdir(fs, req, parent, name, mode, ret);
}

static int folder_symlink(struct fs *fs, const struct fs_req *req, uint64_t parent,
	const char *name, const char *target, struct fs_entry *ret)
{
	int r = want_inode(fs);

	return r < 0 ? r : hostfs_node_ops.symlink(fs, req, parent, name, target, ret);
}

static int folder_create(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	int r = want_inode(fs);

	return r < 0 ? r : hostfs_file_ops.create(fs, req, parent, name, mode, flags, ret, ret_h);
}

static int folder_tmpfile(struct fs *fs, const struct fs_req *req, uint64_t parent, mode_t mode,
	int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	int r = want_inode(fs);

	return r < 0 ? r : hostfs_file_ops.tmpfile(fs, req, parent, mode, flags, ret, ret_h);
}

static int folder_statfs(
	struct fs *fs, UNUSED const struct fs_req *req, UNUSED uint64_t node, struct statfs *ret)
{
	struct folder *f = folder_of(fs);
	uint64_t bytes, inodes, blocks;

	usage(f, true, &bytes, &inodes);
	blocks = (bytes + PAGE - 1) / PAGE;
	*ret = (struct statfs){ .f_type = TMPFS_MAGIC,
		.f_bsize = PAGE,
		.f_frsize = PAGE,
		.f_namelen = NAME_MAX,
		.f_blocks = f->max_bytes / PAGE,
		.f_files = f->max_inodes };
	if (ret->f_blocks > blocks)
		ret->f_bfree = ret->f_bavail = ret->f_blocks - blocks;
	if (ret->f_files > inodes)
		ret->f_ffree = ret->f_files - inodes;
	return 0;
}

static void folder_free(void *owner)
{
	struct folder *f = owner;

	rundir_remove(f->path);
	free(f->path);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static int apply_word(struct folder *f, const char *word, const char *value, uint64_t ram)
{
	char *end = NULL;
	unsigned long n = value ? strtoul(value, &end, strcmp(word, "mode") == 0 ? 8 : 10) : 0;
	bool number = value && *value && !*end;
	uint64_t size;
	int r = -EINVAL;

	if (strcmp(word, "size") == 0 && value)
		return size_parse(value, ram, &f->max_bytes);
	if (strcmp(word, "nr_inodes") == 0 && value)
		return size_parse(value, 0, &f->max_inodes);
	if (strcmp(word, "nr_blocks") == 0 && value) {
		r = size_parse(value, 0, &size);
		if (r == 0)
			f->max_bytes = size * PAGE;
		return r;
	}
	if (strcmp(word, "mode") == 0 && number)
		return chmod(f->path, (mode_t)n & 07777) < 0 ? -errno : 0;
	if (strcmp(word, "uid") == 0 && number)
		return chown(f->path, n || !f->virtual_root ? (uid_t)n : geteuid(), (gid_t)-1) < 0
			       ? -errno
			       : 0;
	if (strcmp(word, "gid") == 0 && number)
		return chown(f->path, (uid_t)-1, n || !f->virtual_root ? (gid_t)n : getegid()) < 0
			       ? -errno
			       : 0;
	/* how its pages are kept: nothing that a folder has */
	return strcmp(word, "huge") == 0 || strcmp(word, "mpol") == 0 ||
			       strcmp(word, "noswap") == 0 || strcmp(word, "inode32") == 0 ||
			       strcmp(word, "inode64") == 0
		       ? 0
		       : -EINVAL;
}

static int folder_make(
	struct folder *f, const struct tmpfs_words *w, const char *rundir, size_t *ret_bad)
{
	const uint64_t ram = memory_size();
	int r = 0;

	f->path = str_printf("%s/tmpfs-XXXXXX", rundir);
	if (!f->path)
		return -ENOMEM;
	if (!mkdtemp(f->path) || chmod(f->path, 01777) < 0)
		return -errno;
	f->max_bytes = ram / 2;
	f->max_inodes = ram / PAGE / 2;
	for (size_t i = 0; i < w->n && r == 0; i++) {
		r = apply_word(f, w->word[i], w->value[i], ram);
		if (r < 0)
			*ret_bad = i;
	}
	return r;
}

int tmpfs_of_folder(const struct tmpfs_words *w, const struct tmpfs_request *rq, struct fs **ret,
	size_t *ret_bad)
{
	struct folder *f = calloc(1, sizeof(*f));
	mode_t type;
	int r, fd;

	if (!f)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	f->virtual_root = rq->virtual_root;
	r = folder_make(f, w, rq->rundir, ret_bad);
	fd = r < 0 ? r : open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r == 0)
		r = fd < 0 ? -errno : hostfs_new(fd, "/", ret, &type);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		if (f->path)
			folder_free(f);
		else
			free(f);
		return r;
	}
	f->node = hostfs_node_ops;
	f->node.mknod = folder_mknod;
	f->node.mkdir = folder_mkdir;
	f->node.symlink = folder_symlink;
	f->node.statfs = folder_statfs;
	f->file = hostfs_file_ops;
	f->file.create = folder_create;
	f->file.tmpfile = folder_tmpfile;
	(*ret)->owner = f;
	(*ret)->owner_free = folder_free;
	(*ret)->node = &f->node;
	(*ret)->file = &f->file;
	return 0;
}
