/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended attributes: three calls of each kind (followed, not followed, by descriptor), and the
 * *xattrat of Linux 6.13. The rules about name spaces are fs/xattr.c's.
 */
#include <fcntl.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "file/cache.h"
#include "sys/path/at.h"
#include "sys/path/attrs.h"
#include "sys/table.h"
#include "sys/task/nsids.h"
#include "view/acl.h"
#include "view/watch.h"

enum xop { XGET, XSET, XLIST, XREMOVE };

/* One call, its arguments read. */
struct xcall {
	enum xop op;
	char name[XATTR_NAME_MAX + 1];
	gaddr_t buf; /* the value, or the list */
	size_t size;
	int flags;
	char *value;   /* XSET: the value; else where the result goes */
	int may_write; /* to where the file is: 0 or -EROFS */
};

static void xcall_release(struct xcall *x)
{
	free(x->value);
}
#define _cleanup_xcall_ _cleanup_(xcall_release)

/* Arguments that are refused before the file is looked for. */
static int xcall_read(struct xcall *x, struct call *c, gaddr_t name)
{
	ssize_t n;

	if (x->op == XSET && (x->flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		return -EINVAL;
	if (x->op != XLIST) {
		n = guest_read_str(c, name, x->name, sizeof(x->name));
		if (n == 0 || n == -ENAMETOOLONG)
			return -ERANGE;
		if (n < 0)
			return (int)n;
	}
	if (x->op == XREMOVE)
		return 0;
	if (x->size > XATTR_SIZE_MAX) {
		if (x->op == XSET)
			return -E2BIG;
		x->size = XATTR_SIZE_MAX;
	}
	x->value = malloc(x->size + 1);
	if (!x->value)
		return -ENOMEM;
	return x->op == XSET && x->size ? guest_read(c, x->buf, x->value, x->size) : 0;
}

/* What only the machine's root may do, not that of a user namespace. */
static bool is_admin(const struct fs_req *req)
{
	return fs_req_capable(req, CAP_SYS_ADMIN) && !(req->call && nsids_own(req->call));
}

/* xattr_permission(), and the checks of fs/attr's modules on security.* */
static int xattr_may(const struct xcall *x, struct inode *ino, const struct fs_req *req)
{
	bool write = x->op != XGET;
	struct fs_attr attr;
	bool may;
	int r;

	if (write && x->may_write < 0)
		return x->may_write;
	if (!strncmp(x->name, "security.", 9)) {
		may = strcmp(x->name, XATTR_NAME_CAPS) ? is_admin(req)
						       : fs_req_capable(req, CAP_SETFCAP);
		return write && !may ? -EPERM : 0;
	}
	if (!strncmp(x->name, "system.", 7))
		return 0;
	if (!strncmp(x->name, "trusted.", 8))
		return is_admin(req) ? 0 : write ? -EPERM : -ENODATA;
	if (!strncmp(x->name, "user.", 5)) {
		if (inode_type(ino) != S_IFREG && inode_type(ino) != S_IFDIR)
			return write ? -EPERM : -ENODATA;
		if (inode_type(ino) == S_IFDIR && write) {
			r = inode_getattr(ino, req, false, &attr);
			if (r < 0)
				return r;
			if ((attr.mode & S_ISVTX) && !attrs_owner(req, &attr))
				return -EPERM;
		}
	}
	return inode_permission(ino, req, write ? MAY_WRITE : MAY_READ);
}

/* Names in trusted.* are root's to know of. */
static ssize_t list_filter(char *list, ssize_t len)
{
	ssize_t out = 0;

	for (ssize_t i = 0; i < len;) {
		size_t n = strnlen(list + i, (size_t)(len - i)) + 1;

		if (n > (size_t)(len - i))
			return -EIO; /* not ended: a server's mistake */
		if (strncmp(list + i, "trusted.", 8)) {
			memmove(list + out, list + i, n);
			out += (ssize_t)n;
		}
		i += (ssize_t)n;
	}
	return out;
}

static ssize_t list_virtual(struct xcall *x, struct inode *ino, const struct fs_req *req)
{
	const struct fs_node_ops *ops = ino->fs->node;
	_cleanup_free_ char *list = NULL;
	ssize_t n;

	if (!ops->listxattr)
		return -EOPNOTSUPP;
	if (is_admin(req))
		return ops->listxattr(ino->fs, req, ino->nodeid, x->value, x->size);
	/* what is left out counts neither for the length nor for ERANGE */
	list = malloc(XATTR_LIST_MAX);
	if (!list)
		return -ENOMEM;
	n = ops->listxattr(ino->fs, req, ino->nodeid, list, XATTR_LIST_MAX);
	if (n > 0)
		n = list_filter(list, n);
	if (n <= 0 || x->size == 0)
		return n;
	if ((size_t)n > x->size)
		return -ERANGE;
	memcpy(x->value, list, (size_t)n);
	return n;
}

/* xattr_resolve_name(), with the handlers of the kernel's file systems of disks. ACLs do not come
 * here. */
static int name_check(const struct mount *m, const char *name)
{
	static const char *const spaces[] = { "user.", "trusted.", "security." };

	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		if (!strncmp(name, spaces[i], strlen(spaces[i])))
			return name[strlen(spaces[i])] ? 0 : -EINVAL;
	}
	/* NTFS has some of its own */
	return strncmp(name, "system.", 7) || !strncmp(m->type, "ext", 3) ? -EOPNOTSUPP : 0;
}

/*
 * What the kernel's own file systems see to and some servers do not: fuse2fs takes any name, which
 * e2fsck then calls corrupt, and neither XATTR_CREATE, XATTR_REPLACE nor a removal looks whether
 * the name is there.
 */
static int kernel_check(
	const struct xcall *x, const struct mount *m, struct inode *ino, const struct fs_req *req)
{
	const struct fs_node_ops *ops = ino->fs->node;
	int r = name_check(m, x->name);
	ssize_t n;

	if (r < 0 || x->op == XGET || (x->op == XSET && !x->flags) || !ops->getxattr)
		return r;
	n = ops->getxattr(ino->fs, req, ino->nodeid, x->name, NULL, 0);
	if (n >= 0)
		return x->flags & XATTR_CREATE ? -EEXIST : 0;
	return n == -ENODATA && x->op == XSET && !(x->flags & XATTR_REPLACE) ? 0 : (int)n;
}

/*
 * vfs_get_acl(), vfs_set_acl() and vfs_remove_acl(): an ACL is parsed on its way, and only the
 * owner sets it, of whichever server it is.
 */
static ssize_t acl_virtual(
	struct xcall *x, struct inode *ino, const struct fs_req *req, enum acl_type type)
{
	_cleanup_free_ struct acl *acl = NULL;
	struct fs_attr attr;
	unsigned n = 0;
	int r;

	if (x->op == XSET && x->size) {
		r = acl_parse(x->value, x->size, &acl, &n);
		if (r == 0 && nsids_own(req->call))
			r = nsids_acl_meant(req->call, acl, n);
		if (r < 0)
			return r;
	}
	if (x->op != XGET && x->may_write < 0)
		return x->may_write;
	if (inode_type(ino) == S_IFLNK || !ino->fs->node->getxattr)
		return -EOPNOTSUPP;
	if (x->op == XGET) {
		r = inode_acl(ino, req, type, &acl, &n);
		if (r < 0)
			return r;
		if (!acl)
			return -ENODATA;
		if (x->size && acl_size(n) > x->size)
			return -ERANGE;
		if (nsids_own(req->call))
			nsids_acl_shown(req->call, acl, n);
		if (x->size)
			memcpy(x->value, acl, acl_size(n));
		return (ssize_t)acl_size(n);
	}
	if (type == ACL_DEFAULT && inode_type(ino) != S_IFDIR)
		return acl ? -EACCES : 0;
	r = inode_getattr(ino, req, false, &attr);
	if (r == 0 && !attrs_owner(req, &attr))
		r = -EPERM;
	if (r == 0 && acl && !acl_valid(acl, n))
		r = -EINVAL;
	return r < 0 ? r : inode_set_acl(ino, req, type, acl, n);
}

/* Of an open file without a name: its placeholder has them. */
static ssize_t xattr_orphan(
	struct xcall *x, const struct mount *m, struct inode *ino, const struct fs_req *req)
{
	_cleanup_fd_ int fd = -1;
	ssize_t r = 0;

	if (x->op != XLIST) {
		if (acl_type_of(x->name) >= 0)
			return x->op == XGET ? -ENODATA : -EOPNOTSUPP;
		r = xattr_may(x, ino, req);
		if (r == 0)
			r = name_check(m, x->name);
	}
	if (r == 0)
		r = fd = cache_orphan_place(ino);
	if (r < 0)
		return r;
	switch (x->op) {
	case XGET:
		r = fgetxattr(fd, x->name, x->value, x->size);
		break;
	case XLIST:
		r = flistxattr(fd, x->value, x->size);
		break;
	case XSET:
		r = fsetxattr(fd, x->name, x->value, x->size, x->flags);
		break;
	default:
		r = fremovexattr(fd, x->name);
	}
	return r < 0 ? -errno : r;
}

static ssize_t xattr_virtual(
	struct xcall *x, const struct mount *m, struct inode *ino, const struct fs_req *req)
{
	const struct fs_node_ops *ops = ino->fs->node;
	struct fs *fs = ino->fs;
	int type = acl_type_of(x->name);
	ssize_t r;

	if (atomic_load(&ino->orphan))
		return xattr_orphan(x, m, ino, req);
	if (x->op == XLIST)
		return list_virtual(x, ino, req);
	if (type >= 0)
		return acl_virtual(x, ino, req, (enum acl_type)type);
	r = xattr_may(x, ino, req);
	if (r < 0)
		return r;
	if (attrs_kernel_type(m)) {
		r = kernel_check(x, m, ino, req);
		if (r < 0)
			return r;
	}
	switch (x->op) {
	case XGET:
		r = -ENOSYS;
		if (ops->getxattr)
			r = ops->getxattr(fs, req, ino->nodeid, x->name, x->value, x->size);
		if (r == -ERANGE && x->size >= XATTR_SIZE_MAX)
			r = -E2BIG;
		return r;
	case XSET:
		r = -ENOSYS;
		if (ops->setxattr)
			r = ops->setxattr(
				fs, req, ino->nodeid, x->name, x->value, x->size, x->flags);
		break;
	default:
		r = ops->removexattr ? ops->removexattr(fs, req, ino->nodeid, x->name) : -ENOSYS;
		break;
	}
	if (r == 0) {
		atomic_store(&ino->no_caps, false);
		inode_invalidate_attr(ino);
		watch_event(ino, WATCH_ATTRIB);
	}
	return r;
}

/* The ids of an ACL that we pass between a guest in another user namespace and the kernel. */
static int acl_pass(struct call *c, struct xcall *x, size_t len, bool shown)
{
	_cleanup_free_ struct acl *acl = NULL;
	unsigned n;
	int r = 0;

	if (acl_type_of(x->name) < 0 || !nsids_own(c) || acl_parse(x->value, len, &acl, &n) < 0 ||
		!acl)
		return 0; /* what is none is the kernel's to refuse */
	if (shown)
		nsids_acl_shown(c, acl, n);
	else
		r = nsids_acl_meant(c, acl, n);
	memcpy(x->value, acl, acl_size(n));
	return r;
}

/* A real file by a name that follows (the last link was resolved before), or the link itself. */
static ssize_t xattr_real(struct xcall *x, struct at *a, bool nofollow)
{
	bool l = nofollow && !a->self;
	char path[REAL_PATH_MAX];

	real_path(a, path);
	real_enter(a);
	switch (x->op) {
	case XGET:
		return real_result(a, l ? lgetxattr(path, x->name, x->value, x->size)
					: getxattr(path, x->name, x->value, x->size));
	case XLIST:
		return real_result(a, l ? llistxattr(path, x->value, x->size)
					: listxattr(path, x->value, x->size));
	case XSET:
		return real_result(a, l ? lsetxattr(path, x->name, x->value, x->size, x->flags)
					: setxattr(path, x->name, x->value, x->size, x->flags));
	default:
		return real_result(a, l ? lremovexattr(path, x->name) : removexattr(path, x->name));
	}
}

static ssize_t xattr_found(struct xcall *x, const struct at *a)
{
	x->may_write = path_want_write(&a->p);
	return xattr_virtual(x, a->p.mnt, a->p.inode, &a->req);
}

static enum verdict answer(struct call *c, struct xcall *x, ssize_t r)
{
	if (r == -ENOSYS)
		r = -EOPNOTSUPP;
	if (r > 0 && x->size > 0 && (x->op == XGET || x->op == XLIST)) {
		int w;

		if ((size_t)r > x->size)
			return call_return(c, -ERANGE);
		w = guest_write(c, x->buf, x->value, (size_t)r);
		if (w < 0)
			r = w;
	}
	return call_return(c, r);
}

static enum verdict real_answer(struct call *c, struct xcall *x, struct at *a, bool nofollow)
{
	ssize_t n = x->op == XSET ? acl_pass(c, x, x->size, false) : 0;

	if (n == 0)
		n = xattr_real(x, a, nofollow);
	if (x->op == XGET && n > 0 && x->size > 0)
		n = acl_pass(c, x, (size_t)n, true) < 0 ? -EIO : n;
	return answer(c, x, n);
}

static enum verdict xattr_path(
	struct call *c, struct xcall *x, int dirfd, int arg, int flags, gaddr_t name)
{
	_cleanup_at_ struct at a = AT_INIT;
	bool nofollow = flags & AT_SYMLINK_NOFOLLOW;
	unsigned pflags = (nofollow ? 0 : PATH_FOLLOW) | (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
	int r;

	if (!view_has_paths(&c->um->view))
		return CONTINUE;
	r = xcall_read(x, c, name);
	if (r < 0)
		return call_return(c, r);
	if (x->op == XGET || x->op == XLIST)
		pflags |= PATH_LOOK;
	if (!at_resolve(&a, c, dirfd, arg, pflags))
		return a.verdict;
	if (a.p.kind == PATH_REAL)
		return real_answer(c, x, &a, nofollow);
	return answer(c, x, xattr_found(x, &a));
}

static enum verdict xattr_fd(struct call *c, struct xcall *x, gaddr_t name)
{
	_cleanup_at_ struct at a = AT_INIT;
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct fs_req req;
	enum verdict v;
	int r;

	if (!at_fd(c, call_fd(c, 0), false, &vf, &v)) {
		const bool reads = x->op == XGET || x->op == XLIST;

		/* what is there by other names, an overlay keeps for a virtual root alone */
		if (v != CONTINUE || (reads && !c->um->ids))
			return v;
		r = at_resolve_open(&a, c, call_fd(c, 0));
		if (r == 0 || (r < 0 && reads))
			return v;
		if (r < 0)
			return call_return(c, r);
		r = xcall_read(x, c, name);
		return r < 0 ? call_return(c, r) : answer(c, x, xattr_found(x, &a));
	}
	if (!vf->inode || !vf->mnt)
		return CONTINUE;
	r = xcall_read(x, c, name);
	if (r < 0)
		return call_return(c, r);
	fs_req_init(&req, c);
	x->may_write = vfile_want_write(vf);
	return answer(c, x, xattr_virtual(x, vf->mnt, vf->inode, &req));
}

/* The arguments of the nine old calls by path or descriptor. */
static void xcall_old(struct xcall *x, struct call *c, enum xop op)
{
	*x = (struct xcall){ .op = op };
	switch (op) {
	case XGET:
		x->buf = call_addr(c, 2);
		x->size = c->args[3];
		break;
	case XSET:
		x->buf = call_addr(c, 2);
		x->size = c->args[3];
		x->flags = (int)c->args[4];
		break;
	case XLIST:
		x->buf = call_addr(c, 1);
		x->size = c->args[2];
		break;
	case XREMOVE:
		break;
	}
}

static enum verdict old_path(struct call *c, enum xop op, int flags)
{
	_cleanup_xcall_ struct xcall x = { 0 };

	xcall_old(&x, c, op);
	return xattr_path(c, &x, AT_FDCWD, 0, flags, call_addr(c, 1));
}

static enum verdict old_fd(struct call *c, enum xop op)
{
	_cleanup_xcall_ struct xcall x = { 0 };

	xcall_old(&x, c, op);
	return xattr_fd(c, &x, call_addr(c, 1));
}

enum verdict sys_getxattr(struct call *c)
{
	return old_path(c, XGET, 0);
}

enum verdict sys_lgetxattr(struct call *c)
{
	return old_path(c, XGET, AT_SYMLINK_NOFOLLOW);
}

enum verdict sys_fgetxattr(struct call *c)
{
	return old_fd(c, XGET);
}

enum verdict sys_setxattr(struct call *c)
{
	return old_path(c, XSET, 0);
}

enum verdict sys_lsetxattr(struct call *c)
{
	return old_path(c, XSET, AT_SYMLINK_NOFOLLOW);
}

enum verdict sys_fsetxattr(struct call *c)
{
	return old_fd(c, XSET);
}

enum verdict sys_listxattr(struct call *c)
{
	return old_path(c, XLIST, 0);
}

enum verdict sys_llistxattr(struct call *c)
{
	return old_path(c, XLIST, AT_SYMLINK_NOFOLLOW);
}

enum verdict sys_flistxattr(struct call *c)
{
	return old_fd(c, XLIST);
}

enum verdict sys_removexattr(struct call *c)
{
	return old_path(c, XREMOVE, 0);
}

enum verdict sys_lremovexattr(struct call *c)
{
	return old_path(c, XREMOVE, AT_SYMLINK_NOFOLLOW);
}

enum verdict sys_fremovexattr(struct call *c)
{
	return old_fd(c, XREMOVE);
}

/* ---- setxattrat and the others: (dirfd, path, at_flags, ...) ---- */

/* struct xattr_args of the kernel, which our headers may not have. */
struct xargs {
	uint64_t value;
	uint32_t size;
	uint32_t flags;
};

static int xargs_read(struct call *c, struct xcall *x)
{
	struct xargs xa;
	int r = at_read_struct(c, call_addr(c, 4), c->args[5], &xa, sizeof(xa));

	if (r < 0)
		return r;
	x->buf = (gaddr_t){ xa.value };
	x->size = xa.size;
	x->flags = (int)xa.flags;
	if (x->op == XGET && x->flags)
		return -EINVAL;
	return 0;
}

static enum verdict xattr_at(struct call *c, enum xop op)
{
	_cleanup_xcall_ struct xcall x = { .op = op };
	int flags = (int)c->args[2];
	int r;

	if (!view_has_paths(&c->um->view) || (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return CONTINUE;
	if (op == XGET || op == XSET) {
		r = xargs_read(c, &x);
		if (r < 0)
			return call_return(c, r);
	} else if (op == XLIST) {
		x.buf = call_addr(c, 3);
		x.size = c->args[4];
	}
	return xattr_path(c, &x, call_fd(c, 0), 1, flags, call_addr(c, 3));
}

enum verdict sys_getxattrat(struct call *c)
{
	return xattr_at(c, XGET);
}

enum verdict sys_setxattrat(struct call *c)
{
	return xattr_at(c, XSET);
}

enum verdict sys_listxattrat(struct call *c)
{
	return xattr_at(c, XLIST);
}

enum verdict sys_removexattrat(struct call *c)
{
	return xattr_at(c, XREMOVE);
}
