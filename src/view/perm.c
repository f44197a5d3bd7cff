/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may do what on a served file system. With FS_DEFAULT_PERMISSIONS we decide by mode, owner
 * and group as the kernel's generic_permission() does; without it the server decides, and is
 * asked by its access op only where the kernel asks (MAY_ACCESS: access(2), chdir(2)). Without a
 * call (write-back, the view's own work) everything is allowed.
 */
#include "view/acl.h"
#include "view/itable.h"
#include "view/path.h"

/* May it do this to a file (MAY_EXEC: search, in a directory) whatever the mode says? */
static bool overrides(const struct fs_req *req, mode_t mode, int mask)
{
	bool reads = S_ISDIR(mode) ? !(mask & MAY_WRITE) : (mask & 7) == MAY_READ;

	if (!S_ISDIR(mode) && (mask & MAY_EXEC) && !(mode & 0111))
		return false;
	return fs_req_capable(req, CAP_DAC_OVERRIDE) ||
	       (reads && fs_req_capable(req, CAP_DAC_READ_SEARCH));
}

static bool checked(const struct inode *ino, const struct fs_req *req)
{
	return req && req->call && (ino->fs->flags & FS_DEFAULT_PERMISSIONS);
}

/* 0 or -EACCES by the file's access ACL; -ENODATA: it has none. */
static int by_acl(struct inode *ino, const struct fs_attr *attr, const struct fs_req *req, int mask)
{
	_cleanup_free_ struct acl *acl = NULL;
	unsigned n;
	int err;

	err = inode_acl(ino, req, ACL_ACCESS, &acl, &n);
	if (err < 0)
		return err;
	return acl ? acl_may(acl, n, attr, req, mask) : -ENODATA;
}

static int mode_permission(
	struct inode *ino, const struct fs_attr *attr, const struct fs_req *req, int mask)
{
	mode_t mode = attr->mode;

	if (req->uid != attr->uid && (ino->fs->flags & FS_ACL) && (mode & S_IRWXG) &&
		!S_ISLNK(mode) && !overrides(req, attr->mode, mask)) {
		int err = by_acl(ino, attr, req, mask);

		if (err != -ENODATA)
			return err;
	}
	/* the groups are asked for only where they matter */
	if (req->uid == attr->uid)
		mode >>= 6;
	else if (((mode ^ (mode >> 3)) & mask & 7) && fs_req_in_group(req, attr->gid))
		mode >>= 3;
	return (mask & ~mode & 7) == 0 || overrides(req, attr->mode, mask) ? 0 : -EACCES;
}

int inode_permission_modes(struct inode *ino, const struct fs_req *req, int mask)
{
	struct fs_attr attr;
	bool kept;
	int err;

	if (!checked(ino, req))
		return 0;
	/* root searches and changes any directory: no need to ask for its attributes */
	if (ino->type == S_IFDIR && overrides(req, S_IFDIR, mask))
		return 0;
	kept = inode_perm_kept(ino) && !(ino->fs->flags & FS_SOLE_NAMES);
	err = inode_getperm(ino, req, &attr);
	if (err == 0)
		err = mode_permission(ino, &attr, req, mask);
	/* as fuse_permission(): what the server changed meanwhile counts at once for whom it was
	 * not allowed */
	if (err == -EACCES && kept) {
		err = inode_getattr(ino, req, true, &attr);
		if (err == 0)
			err = mode_permission(ino, &attr, req, mask);
	}
	return err;
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
	if (!(mask & MAY_ACCESS)) {
		if (!(mask & MAY_EXEC) || ino->type != S_IFREG)
			return 0;
		err = inode_getperm(ino, req, &attr);
		return err < 0 ? err : attr.mode & 0111 ? 0 : -EACCES;
	}
	err = fs->node->access ? fs->node->access(fs, req, ino->nodeid, mask & 7) : 0;
	return err == -ENOSYS ? 0 : err;
}
