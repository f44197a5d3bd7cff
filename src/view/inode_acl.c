/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACLs of inodes.
 *
 * Theory of operation. FS_ACL: they count where we check permissions. A server that asked for it
 * (FUSE_POSIX_ACL) does the rest itself: what is made inherits, chmod(2) changes the mask, an ACL
 * changes the mode. With FS_ACL_OURS the server keeps the attributes alone, and all that is done
 * here, as the kernel's own file system of the type does it. They are kept, and asked for again,
 * together with mode and owner: attr_seq counts for both.
 */
#include <string.h>
#include <sys/xattr.h>

#include "view/acl.h"
#include "view/itable.h"
#include "view/path.h"

void inode_acl_forget_locked(struct inode *ino)
{
	for (size_t i = 0; i < ARRAY_SIZE(ino->acl); i++)
		ino->acl[i].known = false;
}

/* Without a copy where it is not known or there is none. */
static int acl_copy(const struct acl *acl, unsigned n, struct acl **ret)
{
	*ret = NULL;
	if (!acl)
		return 0;
	*ret = malloc(acl_size(n));
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, acl, acl_size(n));
	return 0;
}

static int acl_ask(struct inode *ino, const struct fs_req *req, enum acl_type type,
	struct acl **ret, unsigned *ret_n)
{
	_cleanup_free_ char *value = malloc(ACL_VALUE_MAX);
	struct fs *fs = ino->fs;
	ssize_t n;

	*ret = NULL;
	*ret_n = 0;
	if (atomic_load(&ino->orphan))
		return 0;
	if (!value)
		return -ENOMEM;
	n = fs->node->getxattr
		    ? fs->node->getxattr(fs, req, ino->nodeid, acl_name(type), value, ACL_VALUE_MAX)
		    : -ENODATA;
	if (n == 0 || n == -ENODATA || n == -EOPNOTSUPP || n == -ENOSYS)
		return 0;
	if (n < 0)
		return n == -ERANGE ? -E2BIG : (int)n;
	return acl_parse(value, (size_t)n, ret, ret_n);
}

int inode_acl(struct inode *ino, const struct fs_req *req, enum acl_type type, struct acl **ret,
	unsigned *ret_n)
{
	struct kept_acl *kept = &ino->acl[type];
	uint64_t version;
	bool valid;
	int err = 0;

	pthread_mutex_lock(&ino->lock);
	/* a server that checks for itself changes them at will: nothing is kept */
	valid = (ino->fs->flags & FS_ACL) && kept->known && is_valid_yet(ino->perm_until);
	if (valid) {
		err = acl_copy(kept->acl, kept->n, ret);
		*ret_n = kept->n;
	}
	pthread_mutex_unlock(&ino->lock);
	if (valid)
		return err;
	version = itable_version(ino->fs);
	err = acl_ask(ino, req, type, ret, ret_n);
	if (err < 0)
		return err;
	pthread_mutex_lock(&ino->lock);
	if (ino->attr_seq <= version) {
		free(kept->acl);
		*kept = (struct kept_acl){ .n = *ret_n };
		kept->known = acl_copy(*ret, *ret_n, &kept->acl) == 0;
	}
	pthread_mutex_unlock(&ino->lock);
	return 0;
}

/* The attribute alone. */
static int put_acl(struct inode *ino, const struct fs_req *req, enum acl_type type,
	const struct acl *acl, unsigned n, int flags)
{
	const struct fs_node_ops *ops = ino->fs->node;
	int r = -EOPNOTSUPP;

	if (atomic_load(&ino->orphan))
		return acl ? r : 0;
	if (acl && ops->setxattr)
		r = ops->setxattr(
			ino->fs, req, ino->nodeid, acl_name(type), acl, acl_size(n), flags);
	else if (!acl && ops->removexattr)
		r = ops->removexattr(ino->fs, req, ino->nodeid, acl_name(type));
	if (r == -ENOSYS)
		r = -EOPNOTSUPP;
	/* the kernel's FUSE passes it on, its own file systems say nothing */
	return !acl && r == -ENODATA && ((ino->fs->flags & FS_ACL_OURS) || ino->fs->host_fd) ? 0
											     : r;
}

int inode_set_acl(struct inode *ino, const struct fs_req *req, enum acl_type type,
	const struct acl *acl, unsigned n)
{
	struct fs_setattr set = { .set = FS_SET_MODE };
	struct fs_attr attr;
	int flags = 0, r;

	r = inode_getattr(ino, req, false, &attr);
	if (r < 0)
		return r;
	if ((ino->fs->flags & FS_ACL) && !fs_req_in_group(req, attr.gid) &&
		!fs_req_capable(req, CAP_FSETID)) {
		flags = FS_XATTR_KILL_SGID;
		attr.mode &= ~(mode_t)S_ISGID;
	}
	if (!(ino->fs->flags & FS_ACL_OURS) || type == ACL_DEFAULT || !acl) {
		r = put_acl(ino, req, type, acl, n, flags);
		inode_invalidate_attr(ino);
		return r;
	}
	/* one that says no more than a mode is a mode (sed -i, cp -p, install) */
	if (!acl_to_mode(acl, n, &set.mode))
		acl = NULL;
	set.mode |= attr.mode & ~(mode_t)0777;
	r = put_acl(ino, req, type, acl, n, 0);
	if (r < 0 && (acl || r != -EOPNOTSUPP))
		return r;
	return inode_setattr(ino, req, NULL, &set);
}

int inode_acl_chmod(struct inode *ino, const struct fs_req *req, mode_t mode)
{
	_cleanup_free_ struct acl *acl = NULL;
	unsigned n;
	int r;

	if (!(ino->fs->flags & FS_ACL_OURS) || ino->type == S_IFLNK)
		return 0;
	r = inode_acl(ino, req, ACL_ACCESS, &acl, &n);
	if (r < 0 || !acl)
		return r;
	acl_chmod(acl, n, mode);
	r = put_acl(ino, req, ACL_ACCESS, acl, n, 0);
	inode_invalidate_attr(ino);
	return r;
}

int acl_made_init(struct acl_made *m, struct inode *dir, const struct fs_req *req, mode_t mode)
{
	int r;

	*m = (struct acl_made){ .dir = S_ISDIR(mode), .mode = mode };
	if (!(dir->fs->flags & FS_ACL_OURS) || S_ISLNK(mode))
		return 0;
	r = inode_acl(dir, req, ACL_DEFAULT, &m->inherit, &m->n);
	if (r == 0)
		r = acl_copy(m->inherit, m->n, &m->access);
	if (r < 0 || !m->inherit)
		return r;
	if (!acl_create(m->access, m->n, &m->mode)) {
		free(m->access);
		m->access = NULL;
	}
	return 0;
}

int acl_made_apply(struct acl_made *m, struct inode *made, const struct fs_req *req)
{
	struct fs_setattr set = { .set = FS_SET_MODE, .mode = m->mode };
	struct fs_attr attr;
	int r = 0;

	if (!m->inherit)
		return 0;
	/* fuse2fs hands the default ACL down as it is with -o acl, and else none */
	if (m->access)
		r = put_acl(made, req, ACL_ACCESS, m->access, m->n, 0);
	if (r == 0 && m->dir)
		r = put_acl(made, req, ACL_DEFAULT, m->inherit, m->n, 0);
	inode_invalidate_attr(made);
	if (r == 0)
		r = inode_getattr(made, req, false, &attr);
	if (r < 0 || ((attr.mode ^ m->mode) & 0777) == 0)
		return r;
	set.mode = (attr.mode & ~(mode_t)0777) | (m->mode & 0777);
	return inode_setattr(made, req, NULL, &set);
}

void acl_made_release(struct acl_made *m)
{
	free(m->access);
	free(m->inherit);
}
