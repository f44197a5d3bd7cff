/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A server's notifications, told to the view's inodes and their files. */
#include "file/vfile.h"
#include "fs/fuse/fuse.h"

static int view_inval_inode(struct fs *fs, uint64_t node, int64_t off, int64_t len)
{
	_cleanup_inode_ struct inode *ino = itable_find(fs, node);

	if (!ino)
		return -ENOENT;
	inode_invalidate_attr(ino);
	atomic_store(&ino->whole, false); /* of a directory: others may have changed names in it */
	if (off >= 0)
		file_invalidate(ino, off, len > 0 ? len : -1);
	return 0;
}

static int view_inval_entry(struct fs *fs, uint64_t parent, const char *name, size_t namelen)
{
	itable_invalidate_entry(fs, parent, name, namelen);
	return 0;
}

static int view_remove(
	struct fs *fs, uint64_t parent, uint64_t child, const char *name, size_t namelen)
{
	_cleanup_inode_ struct inode *ino = itable_find(fs, child);

	itable_invalidate_entry(fs, parent, name, namelen);
	if (ino)
		inode_invalidate_attr(ino);
	return 0;
}

static int view_store(struct fs *fs, uint64_t node, uint64_t off, const void *buf, size_t len)
{
	_cleanup_inode_ struct inode *ino = itable_find(fs, node);

	return ino ? file_store(ino, off, buf, len) : -ENOENT;
}

static ssize_t view_retrieve(struct fs *fs, uint64_t node, uint64_t off, void *buf, size_t len)
{
	_cleanup_inode_ struct inode *ino = itable_find(fs, node);

	return ino ? file_retrieve(ino, off, buf, len) : -ENOENT;
}

static void view_poll(struct fs *fs, uint64_t node)
{
	file_polled(fs, node);
}

const struct fuse_notify_ops fuse_notify_view = {
	.poll = view_poll,
	.inval_inode = view_inval_inode,
	.inval_entry = view_inval_entry,
	.remove = view_remove,
	.store = view_store,
	.retrieve = view_retrieve,
};
