/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may do what on a served file system. With FS_DEFAULT_PERMISSIONS we decide by mode, owner
 * and group as the kernel's generic_permission() does; without it the server decides, and is
 * asked by its access op only where the kernel asks (MAY_ACCESS: access(2), chdir(2)). Without a
 * call (write-back, the view's own work) everything is allowed.
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

	/* the groups are asked for only where they matter */
	if (req->uid == attr->uid)
		mode >>= 6;
	else if (((mode ^ (mode >> 3)) & mask & 7) && fs_req_in_group(req, attr->gid))
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
	err = inode_getperm(ino, req, &attr);
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
		err = inode_getperm(ino, req, &attr);
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
