/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/path/attrs.h"
#include "view/acl.h"
#include "view/watch.h"

#include <string.h>
#include <sys/sysmacros.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

void attrs_to_stat(const struct fs_attr *attr, dev_t dev, struct stat *ret)
{
	*ret = (struct stat){
		.st_dev = dev,
		.st_ino = attr->ino,
		.st_mode = attr->mode,
		.st_nlink = attr->nlink,
		.st_uid = attr->uid,
		.st_gid = attr->gid,
		.st_rdev = attr->rdev,
		.st_size = (off_t)attr->size,
		.st_blksize = attr->blksize ? attr->blksize : 4096,
		.st_blocks = (blkcnt_t)attr->blocks,
		.st_atim = attr->atime,
		.st_mtim = attr->mtime,
		.st_ctim = attr->ctime,
	};
}

static struct statx_timestamp statx_time(struct timespec ts)
{
	return (struct statx_timestamp){ .tv_sec = ts.tv_sec, .tv_nsec = (uint32_t)ts.tv_nsec };
}

void attrs_to_statx(const struct fs_attr *attr, dev_t dev, const struct mount *mnt, bool is_root,
	struct statx *ret)
{
	*ret = (struct statx){
		.stx_mask = STATX_BASIC_STATS,
		.stx_blksize = attr->blksize ? attr->blksize : 4096,
		.stx_nlink = attr->nlink,
		.stx_uid = attr->uid,
		.stx_gid = attr->gid,
		.stx_mode = (uint16_t)attr->mode,
		.stx_ino = attr->ino,
		.stx_size = attr->size,
		.stx_blocks = attr->blocks,
		.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
		.stx_attributes = is_root ? STATX_ATTR_MOUNT_ROOT : 0,
		.stx_atime = statx_time(attr->atime),
		.stx_mtime = statx_time(attr->mtime),
		.stx_ctime = statx_time(attr->ctime),
		.stx_rdev_major = major(attr->rdev),
		.stx_rdev_minor = minor(attr->rdev),
		.stx_dev_major = major(dev),
		.stx_dev_minor = minor(dev),
	};
	if (mnt) {
		ret->stx_mask |= STATX_MNT_ID;
		ret->stx_mnt_id = (uint64_t)mnt->id;
	}
}

bool attrs_kernel_type(const struct mount *m)
{
	return strncmp(m->type, "fuse", 4) != 0;
}

long attrs_statfs_flags(const struct mount *m)
{
	static const struct {
		unsigned long ms;
		long st;
	} map[] = {
		{ MS_RDONLY, ST_RDONLY }, { MS_NOSUID, ST_NOSUID }, { MS_NODEV, ST_NODEV },
		{ MS_NOEXEC, ST_NOEXEC }, { MS_SYNCHRONOUS, ST_SYNCHRONOUS },
		{ MS_MANDLOCK, ST_MANDLOCK }, { MS_NOATIME, ST_NOATIME },
		{ MS_NODIRATIME, ST_NODIRATIME }, { MS_RELATIME, ST_RELATIME },
		{ MS_NOSYMFOLLOW, 0x2000 }, /* ST_NOSYMFOLLOW, newer than the headers here */
	};
	long flags = 0x20; /* ST_VALID */

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (m->flags & map[i].ms)
			flags |= map[i].st;
	}
	if (m->fs->flags & FS_READ_ONLY)
		flags |= ST_RDONLY;
	return flags;
}

int attrs_may_create(struct inode *dir, const struct fs_req *req)
{
	if (dir->deleted)
		return -ENOENT;
	return inode_permission(dir, req, MAY_WRITE | MAY_EXEC);
}

/* A sticky directory: only the owner of the file or of the directory may take a name away. */
static int sticky(struct inode *dir, struct inode *victim, const struct fs_req *req)
{
	struct fs_attr da, va;
	int r;

	if (fs_req_capable(req, CAP_FOWNER))
		return 0;
	r = inode_getperm(dir, req, &da);
	if (r < 0)
		return r;
	if (!(da.mode & S_ISVTX) || da.uid == req->uid)
		return 0;
	r = inode_getperm(victim, req, &va);
	if (r < 0)
		return r;
	return va.uid == req->uid ? 0 : -EPERM;
}

int attrs_may_delete(struct inode *dir, struct inode *victim, const struct fs_req *req, bool isdir)
{
	int r = inode_permission(dir, req, MAY_WRITE | MAY_EXEC);

	if (r == 0)
		r = sticky(dir, victim, req);
	if (r < 0)
		return r;
	if (isdir && inode_type(victim) != S_IFDIR)
		return -ENOTDIR;
	if (!isdir && inode_type(victim) == S_IFDIR)
		return -EISDIR;
	return dir->deleted ? -ENOENT : 0;
}

/* setattr_prepare(): a server that checks for itself is left to it. */
static int change_allowed(const struct inode *ino, const struct fs_req *req,
	const struct fs_attr *attr, struct fs_setattr *set, unsigned how)
{
	bool owner = attrs_owner(req, attr), chowns = fs_req_capable(req, CAP_CHOWN);

	if (!(ino->fs->flags & FS_DEFAULT_PERMISSIONS))
		return 0;
	if ((set->set & FS_SET_UID) && !chowns && (req->uid != attr->uid || set->uid != attr->uid))
		return -EPERM;
	if ((set->set & FS_SET_GID) && !chowns &&
		(req->uid != attr->uid ||
			(set->gid != attr->gid && !fs_req_in_group(req, set->gid))))
		return -EPERM;
	if (set->set & FS_SET_MODE) {
		gid_t gid = set->set & FS_SET_GID ? set->gid : attr->gid;

		if (!owner)
			return -EPERM;
		if (!fs_req_in_group(req, gid) && !fs_req_capable(req, CAP_FSETID))
			set->mode &= ~(mode_t)S_ISGID;
	}
	if ((how & ATTRS_TIMES_SET) && !owner)
		return -EPERM;
	return 0;
}

/* chown(2) takes the right to run as another away, from root's files too: only the owner may do
 * that. */
static int chown_drops(const struct inode *ino, const struct fs_req *req,
	const struct fs_attr *attr, struct fs_setattr *set)
{
	mode_t mode = attr->mode & 07777;

	if (S_ISDIR(attr->mode))
		return 0;
	mode &= ~(mode_t)S_ISUID;
	if ((mode & S_ISGID) && ((mode & S_IXGRP) || (!fs_req_in_group(req, attr->gid) &&
							     !fs_req_capable(req, CAP_FSETID))))
		mode &= ~(mode_t)S_ISGID;
	if (mode == (attr->mode & 07777))
		return 0;
	if ((ino->fs->flags & FS_DEFAULT_PERMISSIONS) && !attrs_owner(req, attr))
		return -EPERM;
	set->set |= FS_SET_MODE;
	set->mode = (attr->mode & S_IFMT) | mode;
	return 0;
}

/* The server has no chmod(2) or chown(2), or none that can leave one of the ids (exfat-fuse). Those
 * of which a kernel mounts the type as well (vfat, exfat) keep neither: a mode is dropped there, as
 * by fat_setattr(), and another owner refused. */
static int not_kept(
	const struct mount *m, const struct fs_attr *attr, const struct fs_setattr *set, int error)
{
	if (!attrs_kernel_type(m) || (set->set & ~(FS_SET_MODE | FS_SET_UID | FS_SET_GID)))
		return error;
	if (((set->set & FS_SET_UID) && set->uid != attr->uid) ||
		((set->set & FS_SET_GID) && set->gid != attr->gid))
		return -EPERM;
	return 0;
}

int attrs_change(struct mount *m, struct inode *ino, const struct fs_req *req,
	struct fs_setattr *set, unsigned how)
{
	bool chown = how & ATTRS_CHOWN;
	struct fs_attr attr;
	int r;

	r = inode_getattr(ino, req, chown, &attr);
	if (r < 0)
		return r;
	if ((how & ATTRS_TOUCH) && !attrs_owner(req, &attr)) {
		r = inode_permission(ino, req, MAY_WRITE);
		if (r < 0)
			return r;
	}
	if (set->set & FS_SET_MODE)
		set->mode = (attr.mode & S_IFMT) | (set->mode & 07777);
	r = change_allowed(ino, req, &attr, set, how);
	if (r == 0 && chown) {
		r = chown_drops(ino, req, &attr, set);
		if (r == 0)
			inode_drop_caps(ino, req);
	}
	if (r < 0 || !set->set)
		return r;
	r = inode_setattr(ino, req, NULL, set);
	if (r == 0 && (set->set & FS_SET_MODE) && ((set->mode ^ attr.mode) & 0777))
		r = inode_acl_chmod(ino, req, set->mode);
	if (r == -ENOSYS || (r == -EPERM && chown && !(set->set & FS_SET_MODE)))
		r = not_kept(m, &attr, set, r);
	if (r == 0)
		watch_event(ino, WATCH_ATTRIB);
	return r;
}
