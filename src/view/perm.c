/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may do what on a served file system. With FS_DEFAULT_PERMISSIONS we decide by mode, owner
 * and group as the kernel's generic_permission(), setattr_prepare() and may_delete() do; without
 * it the server decides, and is asked by its access op only where the kernel asks (access(2),
 * chdir(2)). Without a call (write-back, the view's own work) everything is allowed.
 */
#include "view/itable.h"
#include "view/path.h"

static bool superuser(const struct fs_req *req)
{
	return !req || !req->call || req->uid == 0;
}

static bool checked(const struct inode *ino, const struct fs_req *req)
{
	return req && req->call && (ino->fs->flags & FS_DEFAULT_PERMISSIONS);
}

static int mode_permission(const struct fs_attr *attr, const struct fs_req *req, int mask)
{
	mode_t mode = attr->mode;

	if (req->uid == attr->uid)
		mode >>= 6;
	else if (fs_req_in_group(req, attr->gid))
		mode >>= 3;
	if ((mask & ~mode & 7) == 0)
		return 0;
	if (superuser(req)) {
		if (S_ISDIR(attr->mode) || !(mask & MAY_EXEC) || (attr->mode & 0111))
			return 0;
	}
	return -EACCES;
}

int inode_permission_modes(struct inode *ino, const struct fs_req *req, int mask)
{
	struct fs_attr attr;
	int err;

	if (!checked(ino, req))
		return 0;
	/* root searches and changes any directory: no need to ask for its attributes */
	if (ino->type == S_IFDIR && superuser(req))
		return 0;
	err = inode_getattr(ino, req, false, &attr);
	return err < 0 ? err : mode_permission(&attr, req, mask);
}

int inode_permission(struct inode *ino, const struct fs_req *req, int mask)
{
	struct fs *fs = ino->fs;
	struct fs_attr attr;
	int err;

	if ((mask & MAY_WRITE) && (fs->flags & FS_READ_ONLY) &&
		(ino->type == S_IFREG || ino->type == S_IFDIR || ino->type == S_IFLNK))
		return -EROFS;
	if (checked(ino, req))
		return inode_permission_modes(ino, req, mask);
	if ((mask & MAY_EXEC) && ino->type == S_IFREG) {
		err = inode_getattr(ino, req, false, &attr);
		if (err < 0)
			return err;
		if (!(attr.mode & 0111))
			return -EACCES;
	}
	if (!(mask & MAY_ACCESS))
		return 0;
	err = fs->node->access ? fs->node->access(fs, req, ino->nodeid, mask & 7) : 0;
	return err == -ENOSYS ? 0 : err;
}

int perm_create(struct inode *dir, const struct fs_req *req)
{
	return inode_permission_modes(dir, req, MAY_WRITE | MAY_EXEC);
}

int perm_delete(
	struct inode *dir, struct inode *victim, const struct fs_req *req, bool isdir)
{
	struct fs_attr d, v;
	int err;

	if (victim && checked(dir, req) && !superuser(req)) {
		err = inode_getattr(dir, req, false, &d);
		if (err < 0)
			return err;
		if ((d.mode & S_ISVTX) && d.uid != req->uid) {
			err = inode_getattr(victim, req, false, &v);
			if (err < 0)
				return err;
			if (v.uid != req->uid)
				return -EPERM;
		}
	}
	if (!victim)
		return 0;
	if (isdir && victim->type != S_IFDIR)
		return -ENOTDIR;
	if (!isdir && victim->type == S_IFDIR)
		return -EISDIR;
	return 0;
}

/* A change of owner or size takes the set-id bits of a regular file away. */
static void kill_setid(const struct fs_attr *attr, struct fs_setattr *set)
{
	mode_t mode = set->set & FS_SET_MODE ? set->mode : attr->mode;

	if (S_ISDIR(attr->mode) || !(mode & (S_ISUID | S_ISGID)))
		return;
	mode &= ~S_ISUID;
	if (mode & S_IXGRP)
		mode &= ~S_ISGID;
	set->set |= FS_SET_MODE;
	set->mode = mode & 07777;
}

static int check_setattr(const struct fs_attr *attr, const struct fs_req *req, bool by_handle,
	struct fs_setattr *set)
{
	const unsigned times = FS_SET_ATIME | FS_SET_MTIME;
	const unsigned now = FS_SET_ATIME_NOW | FS_SET_MTIME_NOW;
	bool owner = req->uid == attr->uid;

	if (superuser(req))
		return 0;
	if ((set->set & FS_SET_UID) && !(owner && set->uid == attr->uid))
		return -EPERM;
	if ((set->set & FS_SET_GID) &&
		!(owner && (set->gid == attr->gid || fs_req_in_group(req, set->gid))))
		return -EPERM;
	if (set->set & FS_SET_MODE) {
		if (!owner)
			return -EPERM;
		if (!fs_req_in_group(req, set->set & FS_SET_GID ? set->gid : attr->gid))
			set->mode &= ~S_ISGID;
	}
	if ((set->set & times) && !owner) {
		/* both "now" needs write permission alone, any other time ownership */
		if ((set->set & now) != now)
			return -EPERM;
		return mode_permission(attr, req, MAY_WRITE);
	}
	if ((set->set & FS_SET_SIZE) && !by_handle)
		return mode_permission(attr, req, MAY_WRITE);
	return 0;
}

int perm_setattr(
	struct inode *ino, const struct fs_req *req, bool by_handle, struct fs_setattr *set)
{
	struct fs_attr attr;
	int err;

	if (!req || !req->call)
		return 0;
	if (!checked(ino, req) && !(set->set & (FS_SET_UID | FS_SET_GID)))
		return 0;
	err = inode_getattr(ino, req, false, &attr);
	if (err < 0)
		return err;
	if (checked(ino, req)) {
		err = check_setattr(&attr, req, by_handle, set);
		if (err < 0)
			return err;
	}
	if ((set->set & (FS_SET_UID | FS_SET_GID)) ||
		((set->set & FS_SET_SIZE) && req->uid != 0))
		kill_setid(&attr, set);
	return 0;
}
