/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations on names: the driver's op, and what it makes of the caches. */
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>

#include "view/acl.h"
#include "view/itable.h"
#include "view/path.h"
#include "view/watch.h"

/* What is kept of a name of the host may be looked at: *ret, referenced, goes where it is wrong. */
static bool still(struct inode *dir, const struct fs_req *req, const char *name, struct inode **ret)
{
	struct fs *fs = dir->fs;

	if (!fs->still)
		return true;
	if (!req || req->heard != fs)
		fs->hear(fs);
	if (fs->still(fs, dir->nodeid, name, (*ret)->nodeid))
		return true;
	inode_put(take_ptr(ret));
	itable_drop_unused(fs); /* what lies in a folder that changed is known by what it was */
	return false;
}

/* A file of the host was just looked at, for this call: what that told needs not be asked for
 * again in it. */
static void told(struct inode *ino, const struct fs_req *req, uint64_t version)
{
	if (!ino->fs->host_fd || !req || !req->call)
		return;
	pthread_mutex_lock(&ino->lock);
	if (ino->attr_seq <= version)
		ino->attr_call = req->call->id;
	pthread_mutex_unlock(&ino->lock);
}

int inode_lookup(struct inode *dir, const struct fs_req *req, const char *name, struct inode **ret)
{
	struct itable *t = itable_of(dir->fs);
	struct fs *fs = dir->fs;
	struct fs_entry e = { 0 };
	struct inode *kept = NULL;
	struct dname *d;
	uint64_t version;
	bool absent;
	int err;

	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (atomic_load(&dir->bad))
		return -EIO;
	if (atomic_load(&dir->deleted))
		return -ENOENT;
	version = itable_version(fs);
	pthread_mutex_lock(&t->lock);
	d = name_find(t, dir, name);
	absent = name_absent(dir, d);
	if (!absent && d && is_valid_yet(d->until)) {
		kept = inode_get_locked(t, d->ino);
		if (atomic_load(&d->ino->listed) && atomic_exchange(&d->ino->listed, false))
			atomic_store(&dir->looked, true);
	}
	pthread_mutex_unlock(&t->lock);
	if (absent)
		return -ENOENT;
	if (kept && still(dir, req, name, &kept)) {
		*ret = kept;
		return 0;
	}

	err = fs->node->lookup ? fs->node->lookup(fs, req, dir->nodeid, name, &e) : -ENOSYS;
	if (err < 0 && err != -ENOENT)
		return err;
	if (err == 0 && e.nodeid) {
		atomic_store(&dir->looked, true);
		err = inode_from_entry_at(fs, &e, dir, name, version, ret);
		if (err == 0)
			told(*ret, req, version);
		return err;
	}
	pthread_mutex_lock(&t->lock);
	if (!name_stale(dir, name_find(t, dir, name), version))
		name_set(t, dir, name, NULL,
			valid_until(fs, err == 0 ? e.entry_valid_ns : 0, SOLE_NAMES_NS));
	pthread_mutex_unlock(&t->lock);
	return -ENOENT;
}

void inode_distrust(struct inode *dir, const char *name)
{
	struct itable *t = itable_of(dir->fs);
	struct dname *d;

	if (dir->fs->flags & FS_SOLE_NAMES)
		return;
	pthread_mutex_lock(&t->lock);
	d = name_find(t, dir, name);
	if (d && d->ino)
		d->until = 0;
	pthread_mutex_unlock(&t->lock);
}

/* Before any change in a directory. */
static int dir_check(const struct inode *dir, const char *name)
{
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (dir->type != S_IFDIR)
		return -ENOTDIR;
	if (atomic_load(&dir->bad))
		return -EIO;
	if (atomic_load(&dir->deleted))
		return -ENOENT;
	if (dir->fs->flags & FS_READ_ONLY)
		return -EROFS;
	return 0;
}

/* What is made in a directory: for whom, with which mode, and the ACLs that it inherits. */
struct making {
	struct fs_req req;
	mode_t mode;
	struct acl_made acl;
};

/*
 * In a directory with the set-group-ID bit a program of a group that its maker is not in loses it
 * (mode_strip_sgid() of the kernel); and what is made belongs to the directory's group, directories
 * get the bit (inode_init_owner()). The latter the kernel leaves to a FUSE server, and servers of
 * the kernel's own types do not: it is done by telling them the group.
 */
static void by_group(struct making *m, struct inode *dir)
{
	const mode_t program = S_ISGID | S_IXGRP, type = m->mode & S_IFMT;
	bool strips = type != S_IFDIR && (m->mode & program) == program &&
		      !fs_req_capable(&m->req, CAP_FSETID) && !dir->fs->host_fd;
	bool gives = dir->fs->flags & FS_GROUP_FROM_DIR;
	struct fs_attr attr;

	if ((!strips && !gives) || !m->req.call)
		return;
	if (inode_getperm(dir, &m->req, &attr) < 0 || !(attr.mode & S_ISGID))
		return;
	if (strips && !fs_req_in_group(&m->req, attr.gid))
		m->mode &= ~(mode_t)S_ISGID;
	if (!gives)
		return;
	if (type == S_IFDIR)
		m->mode |= S_ISGID;
	m->req.gid = attr.gid;
}

static int making_init(struct making *m, struct inode *dir, const struct fs_req *req, mode_t mode)
{
	int err;

	*m = (struct making){ .req = *req, .mode = mode };
	err = S_ISLNK(mode) ? 0 : fs_req_need_umask(&m->req);
	if (err < 0)
		return err;
	by_group(m, dir);
	err = acl_made_init(&m->acl, dir, &m->req, m->mode);
	if (err == 0 && m->acl.inherit) {
		m->mode = m->acl.mode;
		m->req.umask = 0;
	}
	if (!(dir->fs->flags & FS_DONT_MASK))
		m->mode &= ~m->req.umask;
	return err;
}

static void making_release(struct making *m)
{
	acl_made_release(&m->acl);
}
#define _cleanup_making_ _cleanup_(making_release)

/* After it was made, err telling how: *ino goes where its ACLs cannot be had. */
static int making_done(struct making *m, int err, struct inode **ino)
{
	if (err == 0)
		err = acl_made_apply(&m->acl, *ino, &m->req);
	if (err < 0 && *ino)
		inode_put(take_ptr(ino));
	return err;
}

/* What a name leads to as far as is known (even if it was not asked for a long time). */
static struct inode *known(struct inode *dir, const char *name)
{
	struct itable *t = itable_of(dir->fs);
	struct inode *ino = NULL;
	struct dname *d;

	pthread_mutex_lock(&t->lock);
	d = name_find(t, dir, name);
	if (d && d->ino)
		ino = inode_get_locked(t, d->ino);
	pthread_mutex_unlock(&t->lock);
	return ino;
}

bool inode_known(struct inode *dir, const char *name, uint64_t *ret_ino, mode_t *ret_type)
{
	_cleanup_inode_ struct inode *ino =
		strcmp(name, ".") == 0 ? inode_get(dir) : known(dir, name);

	if (!ino)
		return false;
	pthread_mutex_lock(&ino->lock);
	*ret_ino = ino->attr.ino;
	pthread_mutex_unlock(&ino->lock);
	*ret_type = ino->type;
	return *ret_ino != 0;
}

/* An op that changed nothing may have: the name is asked for again. */
static void changed_unknown(struct inode *dir, const char *name)
{
	struct itable *t = itable_of(dir->fs);
	struct dname *d;

	pthread_mutex_lock(&t->lock);
	d = name_find(t, dir, name);
	if (d)
		d->until = 0;
	atomic_store(&dir->whole, false);
	name_changed(t, dir, name);
	pthread_mutex_unlock(&t->lock);
}

/* The reply of an op that made a name (mkdir, create ...), sent at `version`. */
static int entered(struct inode *dir, const char *name, uint64_t version, mode_t type,
	const struct fs_entry *e, struct inode **ret)
{
	struct itable *t = itable_of(dir->fs);
	struct inode *drop[2] = { NULL, NULL }, *ino = NULL;
	struct dname *d;
	int err;

	pthread_mutex_lock(&t->lock);
	d = name_find(t, dir, name);
	if (name_stale(dir, d, version)) /* two changes at once: which was last? */
		name_unsure(t, dir, name);
	err = (e->attr.mode & S_IFMT) == type
		      ? inode_enter_locked(t, e, dir, name, version, &ino, drop)
		      : -EIO;
	if (err < 0)
		name_unsure(t, dir, name);
	else if (type == S_IFDIR && (dir->fs->flags & FS_SOLE_NAMES) && cds_list_empty(&ino->names))
		atomic_store(&ino->whole, true);
	name_changed(t, dir, name);
	pthread_mutex_unlock(&t->lock);
	inode_touch_attr(dir);
	err = inode_entered(dir->fs, e, err, ino, drop, ret);
	if (err == 0)
		watch_created(dir, name, type);
	return err;
}

int inode_mknod(struct inode *dir, const struct fs_req *req, const char *name, mode_t mode,
	dev_t rdev, struct inode **ret)
{
	uint64_t version = itable_version(dir->fs);
	_cleanup_making_ struct making m = { 0 };
	struct fs_entry e = { 0 };
	int err = dir_check(dir, name);

	if (err < 0)
		return err;
	if (!dir->fs->node->mknod)
		return -EPERM;
	if ((mode & S_IFMT) == 0)
		mode |= S_IFREG;
	err = making_init(&m, dir, req, mode);
	if (err < 0)
		return err;
	err = dir->fs->node->mknod(dir->fs, &m.req, dir->nodeid, name, m.mode, rdev, &e);
	if (err < 0) {
		changed_unknown(dir, name);
		return err;
	}
	err = entered(dir, name, version, mode & S_IFMT, &e, ret);
	return making_done(&m, err, ret);
}

int inode_mkdir(struct inode *dir, const struct fs_req *req, const char *name, mode_t mode,
	struct inode **ret)
{
	uint64_t version = itable_version(dir->fs);
	_cleanup_making_ struct making m = { 0 };
	struct fs_entry e = { 0 };
	int err = dir_check(dir, name);

	if (err < 0)
		return err;
	if (!dir->fs->node->mkdir)
		return -EPERM;
	err = making_init(&m, dir, req, (mode & 01777) | S_IFDIR);
	if (err < 0)
		return err;
	err = dir->fs->node->mkdir(dir->fs, &m.req, dir->nodeid, name, m.mode & 07777, &e);
	if (err < 0) {
		changed_unknown(dir, name);
		return err;
	}
	err = entered(dir, name, version, S_IFDIR, &e, ret);
	return making_done(&m, err, ret);
}

int inode_symlink(struct inode *dir, const struct fs_req *req, const char *name, const char *target,
	struct inode **ret)
{
	uint64_t version = itable_version(dir->fs);
	_cleanup_making_ struct making m = { 0 };
	struct fs_entry e = { 0 };
	int err = dir_check(dir, name);

	if (err < 0)
		return err;
	if (!dir->fs->node->symlink)
		return -EPERM;
	err = making_init(&m, dir, req, S_IFLNK);
	if (err < 0)
		return err;
	err = dir->fs->node->symlink(dir->fs, &m.req, dir->nodeid, name, target, &e);
	if (err < 0) {
		changed_unknown(dir, name);
		return err;
	}
	return entered(dir, name, version, S_IFLNK, &e, ret);
}

int inode_link(struct inode *ino, const struct fs_req *req, struct inode *dir, const char *name)
{
	_cleanup_inode_ struct inode *made = NULL;
	struct fs_entry e = { 0 };
	uint64_t version;
	int err;

	if (ino->fs != dir->fs)
		return -EXDEV;
	err = dir_check(dir, name);
	if (err < 0)
		return err;
	if (ino->type == S_IFDIR || !dir->fs->node->link)
		return -EPERM;
	if (atomic_load(&ino->bad))
		return -EIO;
	atomic_store(&ino->many_names, true);
	inode_invalidate_attr(ino); /* before: the reply tells the new ones */
	version = itable_version(dir->fs);
	err = dir->fs->node->link(dir->fs, req, ino->nodeid, dir->nodeid, name, &e);
	if (err < 0) {
		changed_unknown(dir, name);
		return err;
	}
	err = entered(dir, name, version, ino->type, &e, &made);
	/* where the new name is another node, nobody says how many names this one has */
	if (err == 0 && made != ino) {
		pthread_mutex_lock(&ino->lock);
		ino->attr.nlink++;
		pthread_mutex_unlock(&ino->lock);
	}
	return err;
}

int inode_create(struct inode *dir, const struct fs_req *req, const char *name, mode_t mode,
	int flags, struct inode **ret, struct fs_handle *ret_h)
{
	uint64_t version = itable_version(dir->fs);
	_cleanup_inode_ struct inode *ino = NULL;
	struct fs *fs = dir->fs;
	struct fs_entry e = { 0 };
	_cleanup_making_ struct making m = { 0 };
	struct fs_handle h = { 0 };
	int err = dir_check(dir, name);

	if (err < 0)
		return err;
	mode = (mode & 07777) | S_IFREG;
	err = making_init(&m, dir, req, mode);
	if (err < 0)
		return err;
	err = fs->file && fs->file->create
		      ? fs->file->create(fs, &m.req, dir->nodeid, name, m.mode, flags, &e, &h)
		      : -ENOSYS;
	if (err == -ENOSYS) {
		err = inode_mknod(dir, req, name, mode, 0, &ino);
		if (err < 0)
			return err == -EPERM && !fs->node->mknod ? -EACCES : err;
		h = (struct fs_handle){ .flags = FS_OPEN_NONE, .oflags = flags };
		if (fs->file && fs->file->open)
			err = fs->file->open(
				fs, req, ino->nodeid, flags & ~(O_CREAT | O_EXCL | O_NOCTTY), &h);
		if (err == -ENOSYS)
			err = 0;
	} else if (err == 0) {
		err = entered(dir, name, version, S_IFREG, &e, &ino);
		err = making_done(&m, err, &ino);
		if (err < 0 && fs->file->release)
			fs->file->release(fs, e.nodeid, &h);
	} else {
		changed_unknown(dir, name);
	}
	if (err < 0)
		return err;
	if (fs->flags & FS_SOLE_CLIENT)
		atomic_store(&ino->no_caps, true);
	*ret = take_ptr(&ino);
	*ret_h = h;
	return 0;
}

int inode_tmpfile(struct inode *dir, const struct fs_req *req, mode_t mode, int flags,
	struct inode **ret, struct fs_handle *ret_h)
{
	_cleanup_inode_ struct inode *ino = NULL;
	struct fs *fs = dir->fs;
	struct fs_entry e = { 0 };
	_cleanup_making_ struct making m = { 0 };
	struct fs_handle h = { 0 };
	int err = dir_check(dir, "");

	if (err < 0)
		return err;
	if (!fs->file || !fs->file->tmpfile)
		return -EOPNOTSUPP;
	err = making_init(&m, dir, req, (mode & 07777) | S_IFREG);
	if (err < 0)
		return err;
	err = fs->file->tmpfile(fs, &m.req, dir->nodeid, m.mode, flags, &e, &h);
	if (err < 0)
		return err == -ENOSYS ? -EOPNOTSUPP : err;
	if ((e.attr.mode & S_IFMT) != S_IFREG)
		return -EIO;
	err = inode_from_entry(fs, &e, NULL, NULL, &ino);
	err = making_done(&m, err, &ino);
	if (err < 0)
		return err;
	/* no name leads to it; a link gives it one */
	atomic_store(&ino->deleted, true);
	atomic_store(&ino->unnamed, true);
	atomic_store(&ino->linkable, !(flags & O_EXCL));
	*ret = take_ptr(&ino);
	*ret_h = h;
	return 0;
}

int inode_readlink(struct inode *ino, const struct fs_req *req, char buf[])
{
	const bool keep = ino->fs->flags & (FS_CACHE_SYMLINKS | FS_SOLE_NAMES);
	uint64_t version;
	bool known = false;
	int err;

	if (ino->type != S_IFLNK || !ino->fs->node->readlink)
		return -EINVAL;
	if (atomic_load(&ino->bad))
		return -EIO;
	pthread_mutex_lock(&ino->lock);
	if (ino->body) {
		strcpy(buf, ino->body);
		known = true;
	}
	pthread_mutex_unlock(&ino->lock);
	if (known)
		return 0;
	version = itable_version(ino->fs);
	err = ino->fs->node->readlink(ino->fs, req, ino->nodeid, buf);
	if (err < 0 || !keep)
		return err;
	pthread_mutex_lock(&ino->lock);
	if (!ino->body && ino->attr_seq <= version)
		ino->body = strdup(buf);
	pthread_mutex_unlock(&ino->lock);
	return 0;
}

/* One of its names is gone. */
static void lost_name(struct inode *ino)
{
	bool last;

	pthread_mutex_lock(&ino->lock);
	last = ino->type == S_IFDIR || ino->attr.nlink <= 1;
	if (ino->attr.nlink > 0)
		ino->attr.nlink--;
	pthread_mutex_unlock(&ino->lock);
	if (last)
		atomic_store(&ino->deleted, true);
	atomic_store(&ino->unnamed, true);
	inode_invalidate_attr(ino);
}

/* The name that an inode is known by went: another one that is known takes its place. */
static struct inode *replace_locked(struct inode *ino, struct inode *dir, const char *name)
{
	struct inode *drop = NULL;
	struct dname *d;

	if (ino->parent != dir || strcmp(ino->name, name) != 0 || cds_list_empty(&ino->aliases))
		return NULL;
	d = cds_list_first_entry(&ino->aliases, struct dname, alias);
	(void)!inode_place(ino, d->dir, d->name, &drop); /* out of memory: the old one stays */
	return drop;
}

/* A name was taken away after `version`. It may have been given again meanwhile. */
static void name_taken(struct itable *t, struct inode *dir, const char *name, uint64_t version)
{
	if (name_stale(dir, name_find(t, dir, name), version))
		name_unsure(t, dir, name);
	else
		name_set(t, dir, name, NULL, 0);
}

static int remove_name(struct inode *dir, const struct fs_req *req, const char *name, bool isdir)
{
	struct itable *t = itable_of(dir->fs);
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_inode_ struct inode *drop = NULL;
	const struct fs_node_ops *op = dir->fs->node;
	const uint64_t version = itable_version(dir->fs);
	int err = dir_check(dir, name);

	if (err < 0)
		return err;
	ino = known(dir, name);
	if (ino && isdir != (ino->type == S_IFDIR))
		return isdir ? -ENOTDIR : -EISDIR;
	if (isdir)
		err = op->rmdir ? op->rmdir(dir->fs, req, dir->nodeid, name) : -EPERM;
	else
		err = op->unlink ? op->unlink(dir->fs, req, dir->nodeid, name) : -EPERM;
	if (err < 0) {
		if (err != -ENOTEMPTY && err != -EPERM)
			changed_unknown(dir, name);
		return err;
	}
	pthread_mutex_lock(&t->lock);
	name_taken(t, dir, name, version);
	name_changed(t, dir, name);
	if (ino)
		drop = replace_locked(ino, dir, name);
	pthread_mutex_unlock(&t->lock);
	inode_touch_attr(dir);
	if (ino)
		lost_name(ino);
	watch_removed(dir, name, ino, isdir);
	return 0;
}

int inode_unlink(struct inode *dir, const struct fs_req *req, const char *name)
{
	return remove_name(dir, req, name, false);
}

int inode_rmdir(struct inode *dir, const struct fs_req *req, const char *name)
{
	return remove_name(dir, req, name, true);
}

/* After a successful rename: names and places follow. a and b: what the names led to before. */
static void renamed(struct inode *dir, const char *name, struct inode *a, struct inode *newdir,
	const char *newname, struct inode *b, unsigned flags, uint64_t version)
{
	struct itable *t = itable_of(dir->fs);
	struct inode *drop[2] = { NULL, NULL };
	struct dname *d;
	uint64_t until = 0, new_until = 0;

	pthread_mutex_lock(&t->lock);
	d = name_find(t, dir, name);
	if (d && d->ino == a && !name_stale(dir, d, version))
		until = d->until;
	d = name_find(t, newdir, newname);
	if (name_stale(newdir, d, version)) /* two changes at once: which was last? */
		until = 0;
	else if (d && d->ino == b)
		new_until = d->until;
	if (flags & RENAME_EXCHANGE) {
		name_set(t, dir, name, b, b ? new_until : 0);
		if (!b || inode_place(b, dir, name, &drop[1]) < 0)
			name_unsure(t, dir, name);
	} else if (!a || atomic_load(&a->many_names) || (flags & RENAME_WHITEOUT)) {
		name_unsure(t, dir, name); /* of two names of one file neither goes */
	} else {
		name_taken(t, dir, name, version);
	}
	name_set(t, newdir, newname, a, a ? until : 0);
	if (!a || inode_place(a, newdir, newname, &drop[0]) < 0)
		name_unsure(t, newdir, newname);
	name_changed(t, dir, name);
	name_changed(t, newdir, newname);
	pthread_mutex_unlock(&t->lock);
	inode_put(drop[0]);
	inode_put(drop[1]);
}

static int rename_check(struct inode *dir, const char *name, struct inode *a, struct inode *newdir,
	const char *newname, struct inode *b, unsigned flags)
{
	int err = dir_check(dir, name);

	if (err == 0)
		err = dir_check(newdir, newname);
	if (err < 0)
		return err;
	if (a && inode_is_ancestor(a, newdir))
		err = -EINVAL;
	else if (b && inode_is_ancestor(b, dir))
		err = flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	/* that there is something comes first */
	return err < 0 && b && (flags & RENAME_NOREPLACE) ? -EEXIST : err;
}

int inode_rename(struct inode *dir, const struct fs_req *req, const char *name,
	struct inode *newdir, const char *newname, unsigned flags)
{
	_cleanup_inode_ struct inode *a = NULL;
	_cleanup_inode_ struct inode *b = NULL;
	uint64_t version = itable_version(dir->fs);
	struct fs *fs = dir->fs;
	int err;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return -EINVAL;
	if ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
		return -EINVAL;
	if (newdir->fs != fs)
		return -EXDEV;
	a = known(dir, name);
	b = known(newdir, newname);
	err = rename_check(dir, name, a, newdir, newname, b, flags);
	if (err < 0)
		return err;
	if (a && a == b) /* one file: as vfs_rename(), nothing is to be done */
		return flags & RENAME_NOREPLACE ? -EEXIST : 0;
	if (!fs->node->rename)
		return -EPERM;
	err = fs->node->rename(fs, req, dir->nodeid, name, newdir->nodeid, newname, flags);
	if (err < 0) {
		if (err != -ENOTEMPTY && err != -EPERM) {
			changed_unknown(dir, name);
			changed_unknown(newdir, newname);
		}
		return err;
	}
	renamed(dir, name, a, newdir, newname, b, flags, version);
	inode_touch_attr(dir);
	inode_touch_attr(newdir);
	if (a)
		inode_invalidate_attr(a);
	if (b && b != a && (flags & RENAME_EXCHANGE))
		inode_invalidate_attr(b);
	else if (b && b != a)
		lost_name(b);
	watch_renamed(dir, name, newdir, newname, a, flags & RENAME_EXCHANGE);
	if (b && !(flags & RENAME_EXCHANGE))
		watch_removed(newdir, NULL, b, b->type == S_IFDIR);
	return 0;
}

void itable_invalidate_entry(struct fs *fs, uint64_t parent, const char *name, size_t namelen)
{
	_cleanup_inode_ struct inode *dir = itable_find(fs, parent);
	struct itable *t = itable_of(fs);
	char copy[NAME_MAX + 1];
	struct dname *d;

	if (!dir || namelen > NAME_MAX)
		return;
	memcpy(copy, name, namelen);
	copy[namelen] = '\0';
	pthread_mutex_lock(&t->lock);
	d = name_find(t, dir, copy);
	if (d)
		d->until = 0;
	atomic_store(&dir->whole, false);
	name_changed(t, dir, copy);
	pthread_mutex_unlock(&t->lock);
	inode_invalidate_attr(dir);
}

void inode_name_listed(struct inode *dir, const char *name)
{
	struct itable *t = itable_of(dir->fs);
	struct dname *d;

	if (!atomic_load(&dir->whole))
		return;
	pthread_mutex_lock(&t->lock);
	d = name_find(t, dir, name);
	if (!d || !d->ino)
		atomic_store(&dir->whole, false);
	pthread_mutex_unlock(&t->lock);
}
