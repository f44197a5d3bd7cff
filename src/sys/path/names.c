/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls that make and remove names. The order of errors is fs/namei.c's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "sys/path/at.h"
#include "sys/path/attrs.h"
#include "sys/net/netns.h"
#include "sys/table.h"
#include "view/acl.h"

#define CLOSE_WAIT_NS NSEC_PER_SEC

/* The beginning of filename_create(): the parent is known; is the name free and may it be made? */
static int create_check(const struct at *a, bool isdir)
{
	int r;

	if (a->p.inode || !a->p.last[0])
		return -EEXIST;
	if (!isdir && a->p.slash)
		return -ENOENT;
	r = path_want_write(&a->p);
	return r < 0 ? r : attrs_may_create(a->p.parent, &a->req);
}

/* ---- mkdir ---- */

/* fuse2fs applies an umask of its own (022). */
static int mkdir_mode(const struct at *a, struct inode *made, mode_t mode)
{
	struct fs_setattr set = { .set = FS_SET_MODE };
	_cleanup_free_ struct acl *inherited = NULL;
	struct fs_attr attr;
	unsigned n;
	int r;

	if (!attrs_kernel_type(a->p.mnt) || made->fs->host_fd)
		return 0;
	if (a->p.parent->fs->flags & FS_ACL_OURS) {
		r = inode_acl(a->p.parent, &a->req, ACL_DEFAULT, &inherited, &n);
		if (r < 0 || inherited) /* which has taken the place of the umask */
			return r;
	}
	r = inode_getattr(made, &a->req, false, &attr);
	mode &= ~a->req.umask;
	if (r < 0 || !(mode & ~attr.mode & 01777))
		return r;
	set.mode = attr.mode | mode;
	r = inode_setattr(made, &a->req, NULL, &set);
	/* it is made, in a file system without modes */
	return r == -ENOSYS || r == -EPERM || r == -EOPNOTSUPP ? 0 : r;
}

static enum verdict do_mkdir(struct call *c, int dirfd, int arg, mode_t mode)
{
	_cleanup_at_ struct at a = AT_INIT;
	_cleanup_inode_ struct inode *made = NULL;
	int r;

	if (netns_mkdir(c, arg, &r))
		return call_return(c, r);
	if (!at_resolve(&a, c, dirfd, arg, PATH_PARENT | PATH_CREATE | PATH_FRESH | AT_CHANGES))
		return a.verdict;
	mode &= 01777;
	if (a.p.kind == PATH_REAL) {
		real_enter(&a);
		return real_leave(&a, mkdirat(a.dirfd, a.name, real_mode(&a, mode)));
	}
	r = at_lock(&a, false);
	if (r == 0)
		r = create_check(&a, true);
	if (r == 0)
		r = inode_mkdir(a.p.parent, &a.req, a.p.last, S_IFDIR | mode, &made);
	if (r == 0)
		r = mkdir_mode(&a, made, mode);
	return call_return(c, r);
}

enum verdict sys_mkdir(struct call *c)
{
	return do_mkdir(c, AT_FDCWD, 0, (mode_t)c->args[1]);
}

enum verdict sys_mkdirat(struct call *c)
{
	return do_mkdir(c, call_fd(c, 0), 1, (mode_t)c->args[2]);
}

/* ---- mknod ---- */

static dev_t dev_decode(uint64_t dev)
{
	unsigned v = (unsigned)dev; /* the kernel's new_decode_dev() */

	return makedev((v & 0xfff00) >> 8, (v & 0xff) | ((v >> 12) & 0xfff00));
}

static enum verdict do_mknod(struct call *c, int dirfd, int arg, mode_t mode, uint64_t dev)
{
	_cleanup_at_ struct at a = AT_INIT;
	_cleanup_inode_ struct inode *made = NULL;
	bool device;
	int r;

	mode &= 0xffff; /* umode_t */
	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return call_return(c, -EPERM);
	default:
		return call_return(c, -EINVAL);
	}
	if (!at_resolve(&a, c, dirfd, arg, PATH_PARENT | PATH_CREATE | PATH_FRESH | AT_CHANGES))
		return a.verdict;
	if (a.p.kind == PATH_REAL) {
		real_enter(&a);
		return real_leave(
			&a, mknodat(a.dirfd, a.name, real_mode(&a, mode), dev_decode(dev)));
	}
	r = at_lock(&a, false);
	if (r == 0)
		r = create_check(&a, false);
	device = S_ISCHR(mode) || S_ISBLK(mode);
	/* a whiteout is anybody's to make */
	if (r == 0 && device && (S_ISBLK(mode) || dev_decode(dev)) &&
		!fs_req_capable(&a.req, CAP_MKNOD))
		r = -EPERM;
	if (r == 0)
		r = inode_mknod(
			a.p.parent, &a.req, a.p.last, mode, device ? dev_decode(dev) : 0, &made);
	return call_return(c, r);
}

enum verdict sys_mknod(struct call *c)
{
	if (!at_maybe(c, AT_CHANGES))
		return CONTINUE;
	return do_mknod(c, AT_FDCWD, 0, (mode_t)c->args[1], c->args[2]);
}

enum verdict sys_mknodat(struct call *c)
{
	if (!at_maybe(c, AT_CHANGES))
		return CONTINUE;
	return do_mknod(c, call_fd(c, 0), 1, (mode_t)c->args[2], c->args[3]);
}

/* ---- symlink ---- */

static enum verdict do_symlink(struct call *c, int target_arg, int dirfd, int arg)
{
	_cleanup_at_ struct at a = AT_INIT;
	_cleanup_inode_ struct inode *made = NULL;
	char target[PATH_MAX];
	ssize_t n;
	int r;

	if (!at_maybe(c, AT_CHANGES))
		return CONTINUE;
	n = guest_read_str(c, call_addr(c, target_arg), target, sizeof(target));
	if (n <= 0)
		return call_return(c, n < 0 ? n : -ENOENT);
	if (!at_resolve(&a, c, dirfd, arg, PATH_PARENT | PATH_CREATE | PATH_FRESH | AT_CHANGES))
		return a.verdict;
	if (a.p.kind == PATH_REAL) {
		real_enter(&a);
		return real_leave(&a, symlinkat(target, a.dirfd, a.name));
	}
	r = at_lock(&a, false);
	if (r == 0)
		r = create_check(&a, false);
	if (r == 0)
		r = inode_symlink(a.p.parent, &a.req, a.p.last, target, &made);
	return call_return(c, r);
}

enum verdict sys_symlink(struct call *c)
{
	return do_symlink(c, 0, AT_FDCWD, 1);
}

enum verdict sys_symlinkat(struct call *c)
{
	return do_symlink(c, 0, call_fd(c, 1), 2);
}

/* ---- unlink, rmdir ---- */

static int unlink_virtual(struct at *a)
{
	bool held;
	int r;

	if (!a->p.parent) /* the place of a mount */
		return inode_type(a->p.inode) == S_IFDIR ? -EISDIR : -EBUSY;
	if (!a->p.last[0])
		return -EISDIR;
	r = path_want_write(&a->p);
	if (r == 0)
		r = at_lock(a, false);
	if (r < 0)
		return r;
	if (!a->p.inode)
		return -ENOENT;
	if (a->p.slash)
		return inode_type(a->p.inode) == S_IFDIR ? -EISDIR : -ENOTDIR;
	r = attrs_may_delete(a->p.parent, a->p.inode, &a->req, false);
	if (r < 0)
		return r;
	held = file_settle(a->p.inode, &a->req);
	r = inode_unlink(a->p.parent, &a->req, a->p.last);
	file_settled(a->p.inode, held);
	return r;
}

static enum verdict do_unlink(struct call *c, int dirfd, int arg)
{
	_cleanup_at_ struct at a = AT_INIT;

	if (!at_resolve(&a, c, dirfd, arg, PATH_PARENT | AT_CHANGES))
		return a.verdict;
	if (a.p.kind == PATH_REAL) {
		if (a.self)
			return call_return(c, -EISDIR);
		if (a.p.link) /* of /proc: its task may write to the folder, and that cannot remove
			       */
			return call_return(c, -EPERM);
		real_enter(&a);
		return real_leave(&a, unlinkat(a.dirfd, a.name, 0));
	}
	return call_return(c, unlink_virtual(&a));
}

/* rmdir of ".", ".." and "/", before anything is looked up. */
static int rmdir_last(const struct path *p, const char *word)
{
	size_t n = strlen(word);

	if (p->last[0] || !p->last_dot)
		return p->last[0] ? 0 : -EBUSY;
	while (n > 1 && word[n - 1] == '/')
		n--;
	return n >= 2 && word[n - 2] == '.' ? -ENOTEMPTY : -EINVAL;
}

static int rmdir_virtual(struct at *a)
{
	int r;

	if (!a->p.parent)
		return -EBUSY;
	r = path_want_write(&a->p);
	if (r == 0)
		r = at_lock(a, true);
	if (r < 0)
		return r;
	if (!a->p.inode)
		return -ENOENT;
	r = attrs_may_delete(a->p.parent, a->p.inode, &a->req, true);
	if (r < 0)
		return r;
	if (view_has_mount_below(&a->c->um->view, a->p.name, false))
		return -ENOTEMPTY;
	r = inode_rmdir(a->p.parent, &a->req, a->p.last);
	/* What libfuse hid of an open file that was removed goes with its last close, which a
	 * background thread may still have to tell. */
	if (r == -ENOTEMPTY) {
		files_settle_closed(a->c->um->files, now_ns() + CLOSE_WAIT_NS);
		r = inode_rmdir(a->p.parent, &a->req, a->p.last);
	}
	return r;
}

static enum verdict do_rmdir(struct call *c, int dirfd, int arg)
{
	_cleanup_at_ struct at a = AT_INIT;
	char word[PATH_MAX];
	ssize_t n;
	int r;

	if (!at_maybe(c, AT_CHANGES))
		return CONTINUE;
	n = guest_read_str(c, call_addr(c, arg), word, sizeof(word));
	if (n <= 0)
		return call_return(c, n < 0 ? n : -ENOENT);
	if (!at_resolve_word(&a, c, dirfd, word, PATH_PARENT | AT_CHANGES))
		return a.verdict;
	r = rmdir_last(&a.p, word);
	if (r < 0)
		return call_return(c, r);
	if (a.p.kind == PATH_REAL) {
		real_enter(&a);
		return real_leave(&a, unlinkat(a.dirfd, a.name, AT_REMOVEDIR));
	}
	return call_return(c, rmdir_virtual(&a));
}

enum verdict sys_unlink(struct call *c)
{
	return do_unlink(c, AT_FDCWD, 0);
}

enum verdict sys_rmdir(struct call *c)
{
	return do_rmdir(c, AT_FDCWD, 0);
}

enum verdict sys_unlinkat(struct call *c)
{
	int flags = (int)c->args[2];

	if (!at_maybe(c, AT_CHANGES))
		return CONTINUE;
	if (flags & ~AT_REMOVEDIR)
		return call_return(c, -EINVAL);
	if (flags & AT_REMOVEDIR)
		return do_rmdir(c, call_fd(c, 0), 1);
	return do_unlink(c, call_fd(c, 0), 1);
}
