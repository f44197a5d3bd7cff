/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes of inodes. As for names (names.c), a reply is kept only if the inode did not change
 * after the request was sent: attr_seq is the number of the last change.
 */
#include <linux/xattr.h>
#include <string.h>

#include "base/log.h"
#include "view/itable.h"
#include "view/path.h"
#include "view/watch.h"

#define GETATTR_TRIES 4

/* Set once, before anything is mounted. */
static void (*_Atomic attr_hook)(struct inode *ino, struct fs_attr *attr);

void inode_set_attr_hook(void (*fn)(struct inode *ino, struct fs_attr *attr))
{
	atomic_store(&attr_hook, fn);
}

/* With the inode's lock held. */
static void keep_locked(struct inode *ino, const struct fs_attr *attr)
{
	uint64_t perm = valid_until(ino->fs, attr->perm_ns, 0);

	ino->attr = *attr;
	ino->attr_until = valid_until(ino->fs, attr->valid_ns, sole_attr_ns(attr));
	ino->perm_until = perm > ino->attr_until ? perm : ino->attr_until;
}

void inode_attr_install(struct inode *ino, const struct fs_attr *attr, uint64_t version)
{
	if (attr->nlink > 1 && ino->type != S_IFDIR)
		atomic_store(&ino->many_names, true);
	if ((attr->atime.tv_nsec || attr->mtime.tv_nsec || attr->ctime.tv_nsec) &&
		!(ino->fs->flags & FS_SUBSECOND))
		atomic_fetch_or(&ino->fs->flags, FS_SUBSECOND);
	pthread_mutex_lock(&ino->lock);
	if (ino->attr_seq <= version) {
		keep_locked(ino, attr);
		inode_acl_forget_locked(ino); /* a server's change may be of both */
	}
	pthread_mutex_unlock(&ino->lock);
}

static void attr_stale(struct inode *ino, bool perm)
{
	uint64_t seq = itable_bump(itable_of(ino->fs));

	pthread_mutex_lock(&ino->lock);
	if (ino->attr_seq < seq)
		ino->attr_seq = seq;
	ino->attr_until = ino->attr_call = 0;
	if (perm) {
		ino->perm_until = 0;
		inode_acl_forget_locked(ino);
	}
	free(ino->body);
	ino->body = NULL;
	pthread_mutex_unlock(&ino->lock);
}

void inode_invalidate_attr(struct inode *ino)
{
	attr_stale(ino, true);
}

void inode_touch_attr(struct inode *ino)
{
	attr_stale(ino, false);
}

/* The server says that the node is of another type now: it is another file. */
static void inode_make_bad(struct inode *ino)
{
	struct itable *t = itable_of(ino->fs);

	pthread_mutex_lock(&t->lock);
	atomic_store(&ino->bad, true);
	if (ino->hashed) {
		cds_hlist_del(&ino->hash);
		ino->hashed = false;
		names_drop_inode(t, ino);
	}
	pthread_mutex_unlock(&t->lock);
}

/* A server that works by names knows nothing of what was removed; an open file or a working
 * directory has its attributes still. So has one whose name is just going. */
static bool attr_of_unnamed(struct inode *ino, struct fs_attr *ret)
{
	if (!atomic_load(&ino->unnamed) && !atomic_load(&ino->orphan))
		return false;
	pthread_mutex_lock(&ino->lock);
	*ret = ino->attr;
	pthread_mutex_unlock(&ino->lock);
	if (atomic_load(&ino->deleted))
		ret->nlink = 0;
	ret->valid_ns = NSEC_PER_SEC;
	return true;
}

/* What the server was not asked, since it knows nothing of the inode any more. */
static int set_orphan(struct inode *ino, const struct fs_setattr *set)
{
	struct fs_attr *attr = &ino->attr;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	pthread_mutex_lock(&ino->lock);
	if (set->set & FS_SET_MODE)
		attr->mode = (attr->mode & S_IFMT) | (set->mode & ~(mode_t)S_IFMT);
	if (set->set & FS_SET_UID)
		attr->uid = set->uid;
	if (set->set & FS_SET_GID)
		attr->gid = set->gid;
	if (set->set & FS_SET_SIZE)
		attr->size = set->size;
	if (set->set & (FS_SET_ATIME | FS_SET_ATIME_NOW))
		attr->atime = set->set & FS_SET_ATIME_NOW ? now : set->atime;
	if (set->set & (FS_SET_MTIME | FS_SET_MTIME_NOW))
		attr->mtime = set->set & FS_SET_MTIME_NOW ? now : set->mtime;
	else if (set->set & FS_SET_SIZE)
		attr->mtime = now;
	attr->ctime = now;
	pthread_mutex_unlock(&ino->lock);
	return 0;
}

/* With the inode's lock held. */
static bool is_known(const struct inode *ino, const struct fs_req *req)
{
	if (is_valid_yet(ino->attr_until))
		return true;
	return ino->attr_call && req && req->call && req->call->id == ino->attr_call;
}

/* What is known, or what the server says. */
static int attr_of_server(
	struct inode *ino, const struct fs_req *req, bool force, struct fs_attr *attr)
{
	struct fs *fs = ino->fs;
	bool valid = false;
	uint64_t version;
	int err;

	if (atomic_load(&ino->orphan)) {
		valid = attr_of_unnamed(ino, attr);
	} else if (!force) {
		pthread_mutex_lock(&ino->lock);
		valid = is_known(ino, req);
		if (valid)
			*attr = ino->attr;
		pthread_mutex_unlock(&ino->lock);
	}
	if (valid)
		return 0;
	version = itable_version(fs);
	err = fs->node->getattr ? fs->node->getattr(fs, req, ino->nodeid, NULL, attr) : -ENOSYS;
	if ((err == -ENOENT || err == -ESTALE) && attr_of_unnamed(ino, attr)) {
		atomic_store(&ino->unknown, true);
		err = 0;
	}
	if (err < 0)
		return err;
	if ((attr->mode & S_IFMT) != ino->type) {
		if (ino->nodeid != fs->root_node)
			inode_make_bad(ino);
		return -EIO;
	}
	inode_attr_install(ino, attr, version);
	return 0;
}

int inode_getattr(struct inode *ino, const struct fs_req *req, bool force, struct fs_attr *ret)
{
	void (*fn)(struct inode *, struct fs_attr *) = atomic_load(&attr_hook);
	int err = 0;

	if (atomic_load(&ino->bad))
		return -EIO;
	/* What was written before the call may reach the server while it is asked, too late for the
	 * reply and too early for the hook: then once more, but not for ever where others write. */
	for (int tries = 0; err == 0 && tries < GETATTR_TRIES; tries++) {
		const uint64_t seq = atomic_load(&ino->attr_seq);
		struct fs_attr attr = { 0 };

		err = attr_of_server(ino, req, force, &attr);
		if (err == 0 && fn)
			fn(ino, &attr);
		if (err == 0)
			*ret = attr;
		if (atomic_load(&ino->attr_seq) == seq)
			break;
	}
	return err;
}

bool inode_perm_kept(struct inode *ino)
{
	bool kept;

	pthread_mutex_lock(&ino->lock);
	kept = is_valid_yet(ino->perm_until);
	pthread_mutex_unlock(&ino->lock);
	return kept;
}

int inode_getperm(struct inode *ino, const struct fs_req *req, struct fs_attr *ret)
{
	bool valid;

	pthread_mutex_lock(&ino->lock);
	valid = is_valid_yet(ino->perm_until) && !atomic_load(&ino->bad);
	if (valid)
		*ret = ino->attr;
	pthread_mutex_unlock(&ino->lock);
	return valid ? 0 : inode_getattr(ino, req, false, ret);
}

bool inode_is(struct inode *ino, dev_t dev, ino_t nr)
{
	bool same;

	pthread_mutex_lock(&ino->lock);
	same = ino->attr.dev == dev && ino->attr.ino == nr;
	pthread_mutex_unlock(&ino->lock);
	return same;
}

bool inode_drops_privs(struct inode *ino, const struct fs_req *req, mode_t *ret)
{
	mode_t mode;
	gid_t gid;

	pthread_mutex_lock(&ino->lock);
	mode = ino->attr.mode & 07777;
	gid = ino->attr.gid;
	pthread_mutex_unlock(&ino->lock);
	/* the host sees to its own files */
	if (!(mode & (S_ISUID | S_ISGID)) || ino->type != S_IFREG || ino->fs->host_fd || !req ||
		fs_req_capable(req, CAP_FSETID))
		return false;
	*ret = mode & ~(mode_t)S_ISUID;
	if ((mode & S_IXGRP) || ((mode & S_ISGID) && req->call && !fs_req_in_group(req, gid)))
		*ret &= ~(mode_t)S_ISGID;
	return *ret != mode;
}

void inode_drop_caps(struct inode *ino, const struct fs_req *req)
{
	const struct fs_node_ops *ops = ino->fs->node;
	/* by another name, which may be another node, they are set unheard */
	const bool one_name = !atomic_load(&ino->many_names);
	ssize_t n;

	if (ino->type != S_IFREG || ino->fs->host_fd || !ops->getxattr || !ops->removexattr ||
		atomic_load(&ino->orphan) || (one_name && atomic_load(&ino->no_caps)))
		return;
	/* before it is asked: who sets some meanwhile is heard */
	if ((ino->fs->flags & FS_SOLE_CLIENT) && one_name)
		atomic_store(&ino->no_caps, true);
	n = ops->getxattr(ino->fs, req, ino->nodeid, XATTR_NAME_CAPS, NULL, 0);
	if (n > 0)
		n = ops->removexattr(ino->fs, req, ino->nodeid, XATTR_NAME_CAPS);
	if (n < 0 && n != -ENODATA && n != -ENOSYS && n != -EOPNOTSUPP) {
		atomic_store(&ino->no_caps, false);
		log_debug("a file that is changed keeps its capabilities: %s", strerror((int)-n));
	}
}

/* Who watches a file of a layer is told of its new size by the layer: so it has to be in the
 * topmost one before. */
static int watch_new_size(struct inode *ino, const struct fs_req *req)
{
	int r;

	if (!atomic_load_explicit(&ino->fs->nwatched, memory_order_relaxed))
		return 0;
	r = inode_host_prepare(ino, req, O_WRONLY);
	watch_written(ino);
	return r;
}

int inode_setattr(struct inode *ino, const struct fs_req *req, const struct fs_handle *h,
	const struct fs_setattr *set)
{
	struct fs *fs = ino->fs;
	struct fs_attr attr = { 0 };
	uint64_t seq;
	int err;

	if (atomic_load(&ino->bad))
		return -EIO;
	if (fs->flags & FS_READ_ONLY)
		return -EROFS;
	if (atomic_load(&ino->orphan))
		return set_orphan(ino, set);
	if (!fs->node->setattr)
		return -EPERM;
	err = set->set & FS_SET_SIZE ? watch_new_size(ino, req) : 0;
	if (err < 0)
		return err;
	/* what was asked before may show the old state, what is asked until the reply too */
	inode_invalidate_attr(ino);
	seq = atomic_load(&ino->attr_seq);
	err = fs->node->setattr(fs, req, ino->nodeid, h, set, &attr);
	if (err == 0 && (attr.mode & S_IFMT) != ino->type) {
		inode_make_bad(ino);
		return -EIO;
	}
	pthread_mutex_lock(&ino->lock);
	/* a server that says yes to a size it cannot have, and leaves it as it was (fuse2fs) */
	if (err == 0 && (set->set & FS_SET_SIZE) && set->size > INT32_MAX &&
		attr.size < set->size && attr.size == ino->attr.size)
		err = -EFBIG;
	if (err == 0 && ino->attr_seq == seq) {
		keep_locked(ino, &attr);
	} else {
		ino->attr_until = ino->perm_until = ino->attr_call = 0;
	}
	inode_acl_forget_locked(ino);
	seq = itable_bump(itable_of(fs));
	if (ino->attr_seq < seq)
		ino->attr_seq = seq;
	pthread_mutex_unlock(&ino->lock);
	return err;
}

void fs_attr_of_stat(const struct stat *st, struct fs_attr *ret)
{
	*ret = (struct fs_attr){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = st->st_atim,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = st->st_rdev,
		.blksize = (uint32_t)st->st_blksize,
	};
}
