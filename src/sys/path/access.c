/* SPDX-License-Identifier: GPL-2.0-or-later */
/* access, readlink and statfs: the other calls that only look. */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/syscall.h>

#include "engine/abi.h"
#include "sys/net/calls.h"
#include "sys/path/at.h"
#include "sys/path/attrs.h"
#include "sys/proc/file.h"
#include "sys/table.h"

#define FUSE_SUPER_MAGIC 0x65735546

/* ---- access ---- */

static int access_virtual(const struct at *a, int mode, int flags)
{
	struct fs_req req = a->req;
	struct fs_attr attr;
	int r;

	if (!(flags & AT_EACCESS)) {
		req.uid = req.ruid;
		req.odd_caps = 0;
		req.gid = req.rgid;
	}
	r = inode_getattr(a->p.inode, &req, false, &attr);
	if (r < 0)
		return r;
	if ((mode & X_OK) && S_ISREG(attr.mode) && (a->p.mnt->flags & MS_NOEXEC))
		return -EACCES;
	/* the file system's own flag comes before the mode, the mount's after it */
	if ((mode & W_OK) && (a->p.mnt->fs->flags & FS_READ_ONLY) &&
		(S_ISREG(attr.mode) || S_ISDIR(attr.mode) || S_ISLNK(attr.mode)))
		return -EROFS;
	r = inode_permission(a->p.inode, &req, mode | MAY_ACCESS);
	if (r < 0)
		return r;
	if ((mode & W_OK) && (S_ISREG(attr.mode) || S_ISDIR(attr.mode) || S_ISLNK(attr.mode)))
		return path_want_write(&a->p);
	return 0;
}

static enum verdict do_access(struct call *c, int dirfd, int mode, int flags)
{
	_cleanup_at_ struct at a = AT_INIT;
	unsigned pflags = flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW;
	int arg = c->row->nr == SYS_access ? 0 : 1;
	char word[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (!procfile_maybe_stat(c))
		return CONTINUE;
	if (mode & ~7)
		return call_return(c, -EINVAL);
	if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return call_return(c, -EINVAL);
	if (flags & AT_EMPTY_PATH)
		pflags |= PATH_EMPTY;
	if (!(mode & W_OK)) /* what is not ours may be written to on a mount that is seen through */
		pflags |= PATH_LOOK;
	n = guest_read_word(c, call_addr(c, arg), word, sizeof(word));
	if (n == 0 && !(flags & AT_EMPTY_PATH))
		n = -ENOENT;
	if (n < 0)
		return call_return(c, n);
	if (procfile_stat(c, dirfd, word, pflags & PATH_FOLLOW, &st))
		return call_return(c, st.st_mode ? 0 : -ENOENT);
	if (!view_has_paths(&c->um->view))
		return CONTINUE;
	if (!at_resolve_word(&a, c, dirfd, word, pflags))
		return at_seen(&a, 0);
	if (a.p.kind == PATH_REAL) {
		real_enter(&a);
		/* where ids differ the thread has the guest's file-system ids alone */
		if (a.switched)
			flags |= AT_EACCESS;
		return real_leave(
			&a, syscall(SYS_faccessat2, a.dirfd, a.name, mode,
				    (flags & AT_EACCESS) |
					    real_nofollow(&a, flags & AT_SYMLINK_NOFOLLOW)));
	}
	return call_return(c, access_virtual(&a, mode, flags));
}

enum verdict sys_access(struct call *c)
{
	return do_access(c, AT_FDCWD, (int)c->args[1], 0);
}

enum verdict sys_faccessat(struct call *c)
{
	return do_access(c, call_fd(c, 0), (int)c->args[2], 0);
}

enum verdict sys_faccessat2(struct call *c)
{
	return do_access(c, call_fd(c, 0), (int)c->args[2], (int)c->args[3]);
}

/* ---- readlink ---- */

static ssize_t readlink_virtual(const struct at *a, bool empty, char buf[PATH_MAX])
{
	int r;

	if (inode_type(a->p.inode) != S_IFLNK)
		return empty ? -ENOENT : -EINVAL;
	r = inode_readlink(a->p.inode, &a->req, buf);
	return r < 0 ? r : (ssize_t)strlen(buf);
}

static ssize_t readlink_real(struct at *a, const char *word, char buf[PATH_MAX])
{
	ssize_t n;

	if (a->p.link) { /* of /proc, where we are not the guest */
		n = (ssize_t)strlen(a->p.link);
		if (n >= PATH_MAX)
			return -ENAMETOOLONG;
		memcpy(buf, a->p.link, (size_t)n);
		return n;
	}
	real_enter(a);
	if (!a->self)
		return real_result(a, readlinkat(a->dirfd, a->name, buf, PATH_MAX));
	/* what is open itself: a link, or nothing to read */
	n = real_result(a, readlinkat(a->p.dirfd, "", buf, PATH_MAX));
	return n == -ENOENT && word[0] ? -EINVAL : n;
}

static enum verdict do_readlink(struct call *c, int dirfd, int arg)
{
	_cleanup_at_ struct at a = AT_INIT;
	gaddr_t dst = call_addr(c, arg + 1);
	int size = (int)c->args[arg + 2];
	char word[PATH_MAX], link[PATH_MAX];
	unsigned flags = arg == 1 ? PATH_EMPTY : 0;
	ssize_t n;

	if (!procfile_maybe_stat(c))
		return CONTINUE;
	if (size <= 0)
		return call_return(c, -EINVAL);
	n = guest_read_word(c, call_addr(c, arg), word, sizeof(word));
	if (n == 0 && !flags)
		n = -ENOENT;
	if (n < 0)
		return call_return(c, n);
	n = procfile_readlink(c, dirfd, word, link, sizeof(link));
	if (n == 0) {
		if (!view_has_paths(&c->um->view))
			return CONTINUE;
		if (!at_resolve_word(&a, c, dirfd, word, flags | PATH_LOOK))
			return at_seen(&a, -EINVAL);
		n = a.p.kind == PATH_REAL ? readlink_real(&a, word, link)
					  : readlink_virtual(&a, !word[0], link);
	}
	if (n > size)
		n = size;
	if (n > 0) {
		int r = guest_write(c, dst, link, (size_t)n);

		if (r < 0)
			n = r;
	}
	return call_return(c, n);
}

enum verdict sys_readlink(struct call *c)
{
	return do_readlink(c, AT_FDCWD, 0);
}

enum verdict sys_readlinkat(struct call *c)
{
	return do_readlink(c, call_fd(c, 0), 1);
}

/* ---- statfs ---- */

static enum verdict answer_statfs(struct call *c, gaddr_t buf, const struct fs_req *req,
	struct mount *m, struct inode *ino, bool readonly)
{
	struct fs *fs = ino->fs;
	struct statfs st = { 0 };
	int r = fs->node->statfs ? fs->node->statfs(fs, req, ino->nodeid, &st) : -ENOSYS;

	if (r < 0 && r != -ENOSYS)
		return call_return(c, r);
	if (!fs->host_fd && !m->made_up)
		st.f_type = FUSE_SUPER_MAGIC;
	if (!st.f_namelen)
		st.f_namelen = NAME_MAX;
	if (!st.f_bsize)
		st.f_bsize = 4096;
	if (!st.f_frsize)
		st.f_frsize = st.f_bsize;
	if (strcmp(m->type, "nsfs") == 0) /* also where a memfd stands for a namespace */
		st.f_type = NSFS_MAGIC;
	st.f_flags = attrs_statfs_flags(m) | (readonly ? ST_RDONLY : 0);
	return call_return(c, abi_write_statfs(c, buf, &st));
}

enum verdict sys_statfs(struct call *c)
{
	_cleanup_at_ struct at a = AT_INIT;
	gaddr_t buf = call_addr(c, 1);
	struct statfs st;
	long r;

	if (!at_resolve(&a, c, AT_FDCWD, 0, PATH_FOLLOW))
		return a.verdict;
	if (a.p.kind == PATH_VIRTUAL)
		return answer_statfs(c, buf, &a.req, a.p.mnt, a.p.inode, a.p.own.readonly);
	if (a.self) {
		r = fstatfs(a.p.dirfd, &st) < 0 ? -errno : 0;
	} else {
		_cleanup_fd_ int fd = openat(a.dirfd, a.name, O_PATH | O_CLOEXEC);

		r = fd < 0 || fstatfs(fd, &st) < 0 ? -errno : 0;
	}
	return call_return(c, r < 0 ? r : abi_write_statfs(c, buf, &st));
}

/* A file that stands for a network: as of a namespace's. */
static enum verdict fstatfs_real(struct call *c, int guest_fd)
{
	_cleanup_fd_ int fd = netfile_stands(c, guest_fd) ? guestfd_get(c, guest_fd) : -1;
	struct statfs st;

	if (fd < 0 || fstatfs(fd, &st) < 0)
		return CONTINUE;
	st.f_type = NSFS_MAGIC;
	return call_return(c, abi_write_statfs(c, call_addr(c, 1), &st));
}

enum verdict sys_fstatfs(struct call *c)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct fs_req req;
	enum verdict v;

	if (!at_fd(c, call_fd(c, 0), true, &vf, &v))
		return v == CONTINUE ? fstatfs_real(c, call_fd(c, 0)) : v;
	if (!vf->inode || !vf->mnt)
		return CONTINUE;
	fs_req_init(&req, c);
	return answer_statfs(c, call_addr(c, 1), &req, vf->mnt, vf->inode, vf->own.readonly);
}

/* By the number of a device: those of served mounts are no device's, which the kernel says. */
enum verdict sys_ustat(UNUSED struct call *c)
{
	return CONTINUE;
}
