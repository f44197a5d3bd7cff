/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/datafs.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static struct datafs *datafs_of(struct fs *fs)
{
	return container_of_(fs, struct datafs, fs);
}

static struct datafile *file_of(struct datafs *d, uint64_t node)
{
	return node >= 2 && node < 2 + DATAFS_FILES ? &d->file[node - 2] : NULL;
}

static void attr_of(struct datafs *d, uint64_t node, struct fs_attr *ret)
{
	struct datafile *f = file_of(d, node);

	*ret = (struct fs_attr){ .ino = node, .nlink = 1, .blksize = 4096, .valid_ns = 0 };
	ret->mode = f ? S_IFREG | 0644 : S_IFDIR | 0755;
	ret->uid = getuid();
	if (f) {
		ret->size = f->size;
		ret->blocks = (f->size + 511) / 512;
		ret->mtime = f->mtime;
	}
}

static int op_getattr(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, struct fs_attr *ret)
{
	struct datafs *d = datafs_of(fs);

	pthread_mutex_lock(&d->lock);
	attr_of(d, node, ret);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static void resize(struct datafile *f, uint64_t size)
{
	if (size > f->size)
		memset(f->data + f->size, 0, size - f->size);
	f->size = size;
	clock_gettime(CLOCK_REALTIME, &f->mtime);
}

static int op_setattr(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, const struct fs_setattr *set, struct fs_attr *ret)
{
	struct datafs *d = datafs_of(fs);
	struct datafile *f = file_of(d, node);

	atomic_fetch_add(&d->setattrs, 1);
	if (!f)
		return -EISDIR;
	if ((set->set & FS_SET_SIZE) && set->size > DATAFS_MAX)
		return -EFBIG;
	pthread_mutex_lock(&d->lock);
	if (set->set & FS_SET_SIZE)
		resize(f, set->size);
	if (set->set & FS_SET_MTIME)
		f->mtime = set->mtime;
	attr_of(d, node, ret);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static int op_open(struct fs *fs, UNUSED const struct fs_req *req, UNUSED uint64_t node, int flags,
	struct fs_handle *ret)
{
	struct datafs *d = datafs_of(fs);

	*ret = (struct fs_handle){
		.fh = atomic_fetch_add(&d->opens, 1), .flags = d->open_flags, .oflags = flags
	};
	return 0;
}

static void op_release(struct fs *fs, UNUSED uint64_t node, const struct fs_handle *h)
{
	if (!(h->flags & FS_OPEN_NONE))
		atomic_fetch_add(&datafs_of(fs)->releases, 1);
}

static ssize_t op_read(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, void *buf, size_t len, uint64_t off)
{
	struct datafs *d = datafs_of(fs);
	struct datafile *f = file_of(d, node);

	atomic_fetch_add(&d->reads, 1);
	if (!f)
		return -EISDIR;
	pthread_mutex_lock(&d->lock);
	if (off >= f->size)
		len = 0;
	else if (len > f->size - off)
		len = f->size - off;
	memcpy(buf, f->data + off, len);
	pthread_mutex_unlock(&d->lock);
	if (d->delay_us)
		usleep(d->delay_us);
	return (ssize_t)len;
}

static ssize_t op_write(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, const void *buf, size_t len, uint64_t off,
	UNUSED bool writeback)
{
	struct datafs *d = datafs_of(fs);
	struct datafile *f = file_of(d, node);
	int err = atomic_load(&d->write_error);

	atomic_fetch_add(&d->writes, 1);
	if (err)
		return err;
	if (!f || off + len > DATAFS_MAX)
		return -EFBIG;
	if (d->delay_us)
		usleep(d->delay_us);
	pthread_mutex_lock(&d->lock);
	if (off + len > f->size)
		resize(f, off + len);
	memcpy(f->data + off, buf, len);
	clock_gettime(CLOCK_REALTIME, &f->mtime);
	pthread_mutex_unlock(&d->lock);
	return (ssize_t)len;
}

static int op_readdir(struct fs *fs, UNUSED const struct fs_req *req, UNUSED uint64_t node,
	UNUSED const struct fs_handle *h, uint64_t off, fs_dirent_fn fn, void *arg)
{
	struct datafs *d = datafs_of(fs);

	atomic_fetch_add(&d->readdirs, 1);
	for (int n = 0; n < 1000 && off < d->entries; n++, off++) {
		char name[32];
		struct fs_dirent e = {
			.ino = 1000 + off, .off = off + 1, .type = DT_REG, .name = name
		};

		e.namelen =
			(size_t)snprintf(name, sizeof(name), "name-%llu", (unsigned long long)off);
		if (fn(arg, &e))
			return 0;
	}
	return off >= d->entries;
}

static void op_free(struct fs *fs)
{
	datafs_of(fs)->freed = true;
}

static const struct fs_node_ops node_ops = {
	.size = sizeof(node_ops), .getattr = op_getattr, .setattr = op_setattr
};
static const struct fs_file_ops file_ops = { .size = sizeof(file_ops),
	.open = op_open,
	.release = op_release,
	.read = op_read,
	.write = op_write,
	.readdir = op_readdir };

struct datafs *datafs_new(void)
{
	struct datafs *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	d->fs = (struct fs){ .node = &node_ops,
		.file = &file_ops,
		.free = op_free,
		.root_node = 1,
		.type = "data" };
	for (int i = 0; i < DATAFS_FILES; i++)
		d->file[i].data = malloc(DATAFS_MAX);
	if (itable_init(&d->fs) < 0) {
		free(d);
		return NULL;
	}
	return d;
}

void datafs_free(struct datafs *d)
{
	itable_release(&d->fs);
	for (int i = 0; i < DATAFS_FILES; i++)
		free(d->file[i].data);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void datafs_put(struct datafs *d, int i, const void *data, uint64_t size)
{
	pthread_mutex_lock(&d->lock);
	memcpy(d->file[i].data, data, size);
	d->file[i].size = size;
	clock_gettime(CLOCK_REALTIME, &d->file[i].mtime);
	pthread_mutex_unlock(&d->lock);
}

static struct inode *inode_by(struct datafs *d, uint64_t node)
{
	struct fs_entry e = { .nodeid = node };
	struct inode *ino = NULL;

	attr_of(d, node, &e.attr);
	return inode_from_entry(&d->fs, &e, NULL, NULL, &ino) == 0 ? ino : NULL;
}

struct inode *datafs_inode(struct datafs *d, int i)
{
	return inode_by(d, (uint64_t)i + 2);
}

struct inode *datafs_dir(struct datafs *d)
{
	return inode_by(d, DATAFS_DIR);
}
