/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmod, chown, utimes and truncate. Each by path and by descriptor: for a virtual file both end in
 * attrs_change(), for a real one the kernel's own call is made.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <utime.h>

#include "engine/abi.h"
#include "engine/nr.h"
#include "sys/path/at.h"
#include "sys/path/attrs.h"
#include "sys/fd/fd.h"
#include "sys/task/ids.h"
#include "sys/table.h"
#include "sys/task/nsids.h"

static int change(struct mount *m, struct inode *ino, const struct fs_req *req,
	struct fs_setattr *set, unsigned how)
{
	int r = 0;

	/* What was written before is on the server before the times are set, or it would change
	 * them. */
	if ((set->set & (FS_SET_ATIME | FS_SET_MTIME)) && inode_type(ino) == S_IFREG) {
		file_settle_names(req->call->um->files, ino, req);
		r = file_before_times(ino, req);
	} else {
		file_await_close(ino, req);
	}
	return r < 0 ? r : attrs_change(m, ino, req, set, how);
}

static int change_path(const struct at *a, struct fs_setattr *set, unsigned how)
{
	int r = path_want_write(&a->p);

	return r < 0 ? r : change(a->p.mnt, a->p.inode, &a->req, set, how);
}

/* What is changed, on a descriptor's file. */
static enum verdict change_fd(
	struct call *c, int fd, bool opath, struct fs_setattr *set, unsigned how)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	_cleanup_at_ struct at a = AT_INIT;
	struct fs_req req;
	enum verdict v;
	int r;

	if (!at_fd(c, fd, opath, &vf, &v)) {
		r = v == CONTINUE ? at_resolve_open(&a, c, fd) : 0;
		if (r > 0)
			r = change_path(&a, set, how);
		else if (r == 0)
			return v;
		return call_return(c, r);
	}
	if (!vf->inode || !vf->mnt)
		return CONTINUE;
	r = vfile_want_write(vf);
	if (r < 0)
		return call_return(c, r);
	fs_req_init(&req, c);
	return call_return(c, change(vf->mnt, vf->inode, &req, set, how));
}

static unsigned at_to_path(int flags)
{
	return AT_CHANGES | (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
	       (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
}

/* ---- chmod ---- */

static enum verdict do_chmod(struct call *c, int dirfd, int arg, mode_t mode, int flags)
{
	_cleanup_at_ struct at a = AT_INIT;
	struct fs_setattr set = { .set = FS_SET_MODE, .mode = mode & 07777 };

	if (!at_maybe(c, AT_CHANGES) || (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return CONTINUE;
	if (!at_resolve(&a, c, dirfd, arg, at_to_path(flags)))
		return a.verdict;
	if (a.p.kind == PATH_REAL) {
		real_enter(&a);
		return real_leave(&a, fchmodat(a.dirfd, a.name, mode & 07777,
					      real_nofollow(&a, flags & AT_SYMLINK_NOFOLLOW)));
	}
	if (inode_type(a.p.inode) == S_IFLNK)
		return call_return(c, -EOPNOTSUPP);
	return call_return(c, change_path(&a, &set, 0));
}

enum verdict sys_chmod(struct call *c)
{
	return do_chmod(c, AT_FDCWD, 0, (mode_t)c->args[1], 0);
}

enum verdict sys_fchmodat(struct call *c)
{
	return do_chmod(c, call_fd(c, 0), 1, (mode_t)c->args[2], 0);
}

enum verdict sys_fchmodat2(struct call *c)
{
	return do_chmod(c, call_fd(c, 0), 1, (mode_t)c->args[2], (int)c->args[3]);
}

enum verdict sys_fchmod(struct call *c)
{
	struct fs_setattr set = { .set = FS_SET_MODE, .mode = (mode_t)c->args[1] & 07777 };

	if (at_is_plain(c, call_fd(c, 0)))
		return CONTINUE;
	return change_fd(c, call_fd(c, 0), false, &set, 0);
}

/* ---- chown ---- */

static void chown_set(struct fs_setattr *set, uid_t uid, gid_t gid)
{
	*set = (struct fs_setattr){ .uid = uid, .gid = gid };
	if (uid != (uid_t)-1)
		set->set |= FS_SET_UID;
	if (gid != (gid_t)-1)
		set->set |= FS_SET_GID;
}

static enum verdict do_chown(struct call *c, int dirfd, int arg, uid_t uid, gid_t gid, int flags)
{
	_cleanup_at_ struct at a = AT_INIT;
	struct fs_setattr set;
	int r;

	if (!at_maybe(c, AT_CHANGES) || (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return CONTINUE;
	if (!at_resolve(&a, c, dirfd, arg, at_to_path(flags)))
		return a.verdict;
	r = a.p.kind == PATH_REAL ? 0 : path_want_write(&a.p);
	if (r == 0)
		r = nsids_meant_owner(c, a.p.kind == PATH_REAL, &uid, &gid);
	if (r < 0)
		return call_return(c, r);
	if (a.p.kind == PATH_REAL) {
		real_enter(&a);
		return real_leave(&a, fchownat(a.dirfd, a.name, uid, gid,
					      real_nofollow(&a, flags & AT_SYMLINK_NOFOLLOW)));
	}
	chown_set(&set, uid, gid);
	return call_return(c, change(a.p.mnt, a.p.inode, &a.req, &set, ATTRS_CHOWN));
}

enum verdict sys_chown(struct call *c)
{
	return do_chown(c, AT_FDCWD, 0, (uid_t)c->args[1], (gid_t)c->args[2], 0);
}

enum verdict sys_lchown(struct call *c)
{
	return do_chown(c, AT_FDCWD, 0, (uid_t)c->args[1], (gid_t)c->args[2], AT_SYMLINK_NOFOLLOW);
}

enum verdict sys_fchownat(struct call *c)
{
	return do_chown(c, call_fd(c, 0), 1, (uid_t)c->args[2], (gid_t)c->args[3], (int)c->args[4]);
}

/* A real file of the user's own, that the virtual root gives to root: it is his already. */
static bool fchown_is_noop(struct call *c, int fd)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	_cleanup_at_ struct at a = AT_INIT;
	struct stat st;

	if (c->um->ids && at_resolve_open(&a, c, fd) > 0 && (a.p.mnt->fs->flags & FS_KEEPS_OWNERS))
		return false;
	return c->um->ids && vfile_of_fd(c, c->um->files, fd, &vf, NULL) == 0 && !vf &&
	       guestfd_stat(c, fd, &st) == 0 &&
	       ids_chown_is_noop(c, &st, (uid_t)c->args[1], (gid_t)c->args[2]);
}

enum verdict sys_fchown(struct call *c)
{
	uid_t uid = (uid_t)c->args[1];
	gid_t gid = (gid_t)c->args[2];
	struct fs_setattr set;

	if (at_is_plain(c, call_fd(c, 0)))
		return CONTINUE;
	if (fchown_is_noop(c, call_fd(c, 0)))
		return call_return(c, 0);
	if (nsids_meant_owner(c, false, &uid, &gid) < 0)
		return CONTINUE; /* the kernel refuses them, too, before it looks at the file */
	chown_set(&set, uid, gid);
	return change_fd(c, call_fd(c, 0), false, &set, ATTRS_CHOWN);
}

/* ---- times ---- */

/* ts NULL: now, both. Returns how attrs_change() is to take it; set->set 0: nothing to do. */
static unsigned times_set(struct fs_setattr *set, const struct timespec *ts)
{
	*set = (struct fs_setattr){ 0 };
	if (!ts || (ts[0].tv_nsec == UTIME_NOW && ts[1].tv_nsec == UTIME_NOW)) {
		set->set = FS_SET_ATIME | FS_SET_MTIME | FS_SET_ATIME_NOW | FS_SET_MTIME_NOW;
		clock_gettime(CLOCK_REALTIME, &set->atime);
		set->mtime = set->atime;
		return ATTRS_TOUCH;
	}
	if (ts[0].tv_nsec != UTIME_OMIT) {
		set->set |= FS_SET_ATIME;
		set->atime = ts[0];
		if (ts[0].tv_nsec == UTIME_NOW) {
			set->set |= FS_SET_ATIME_NOW;
			clock_gettime(CLOCK_REALTIME, &set->atime);
		}
	}
	if (ts[1].tv_nsec != UTIME_OMIT) {
		set->set |= FS_SET_MTIME;
		set->mtime = ts[1];
		if (ts[1].tv_nsec == UTIME_NOW) {
			set->set |= FS_SET_MTIME_NOW;
			clock_gettime(CLOCK_REALTIME, &set->mtime);
		}
	}
	return ATTRS_TIMES_SET;
}

static bool nsec_valid(long nsec)
{
	return nsec == UTIME_OMIT || nsec == UTIME_NOW || (nsec >= 0 && nsec < 1000000000);
}

/* Looked at once the file is found. */
static bool times_valid(const struct timespec *ts)
{
	return !ts || (nsec_valid(ts[0].tv_nsec) && nsec_valid(ts[1].tv_nsec));
}

static enum verdict times_fd(struct call *c, int fd, const struct timespec *ts)
{
	struct fs_setattr set;
	unsigned how = times_set(&set, ts);

	if (!times_valid(ts))
		return CONTINUE; /* EINVAL, or what is wrong with the descriptor */
	return change_fd(c, fd, false, &set, how);
}

static enum verdict times_path(
	struct call *c, int dirfd, int arg, const struct timespec *ts, int flags)
{
	_cleanup_at_ struct at a = AT_INIT;
	struct fs_setattr set;
	unsigned how;

	if (!at_resolve(&a, c, dirfd, arg, at_to_path(flags)))
		return a.verdict;
	if (a.p.kind == PATH_REAL) {
		real_enter(&a);
		return real_leave(&a, utimensat(a.dirfd, a.name, ts,
					      real_nofollow(&a, flags & AT_SYMLINK_NOFOLLOW)));
	}
	if (!times_valid(ts))
		return call_return(c, -EINVAL);
	how = times_set(&set, ts);
	return call_return(c, change_path(&a, &set, how));
}

enum verdict sys_utimensat(struct call *c)
{
	struct timespec ts[2];
	int flags = (int)c->args[3], dirfd = call_fd(c, 0), r;

	/* futimens of a low descriptor too: it comes here with no path */
	if (!c->args[1] ? dirfd == AT_FDCWD || at_is_plain(c, dirfd) : !at_maybe(c, AT_CHANGES))
		return CONTINUE;
	if (c->args[2]) {
		r = abi_read_timespecs(c, call_addr(c, 2), ts);
		if (r < 0)
			return call_return(c, r);
		if (ts[0].tv_nsec == UTIME_OMIT && ts[1].tv_nsec == UTIME_OMIT)
			return call_return(c, 0);
	}
	if (!c->args[1])
		return flags ? call_return(c, -EINVAL) : times_fd(c, dirfd, c->args[2] ? ts : NULL);
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return call_return(c, -EINVAL);
	return times_path(c, dirfd, 1, c->args[2] ? ts : NULL, flags);
}

/* utimes, futimesat: microseconds. */
static enum verdict do_utimes(struct call *c, int dirfd, int arg)
{
	struct timeval tv[2];
	struct timespec ts[2];
	bool now = !c->args[arg + 1];
	int r;

	if (c->args[arg] ? !at_maybe(c, AT_CHANGES) : dirfd == AT_FDCWD)
		return CONTINUE;
	if (!now) {
		r = abi_read_timevals(c, call_addr(c, arg + 1), tv);
		if (r < 0)
			return call_return(c, r);
		for (int i = 0; i < 2; i++) {
			if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
				return call_return(c, -EINVAL);
			ts[i].tv_sec = tv[i].tv_sec;
			ts[i].tv_nsec = tv[i].tv_usec * 1000;
		}
	}
	if (!c->args[arg])
		return times_fd(c, dirfd, now ? NULL : ts);
	return times_path(c, dirfd, arg, now ? NULL : ts, 0);
}

enum verdict sys_utimes(struct call *c)
{
	return do_utimes(c, AT_FDCWD, 0);
}

enum verdict sys_futimesat(struct call *c)
{
	return do_utimes(c, call_fd(c, 0), 1);
}

enum verdict sys_utime(struct call *c)
{
	struct utimbuf ut;
	struct timespec ts[2] = { { 0 } };
	int r;

	if (!at_maybe(c, AT_CHANGES))
		return CONTINUE;
	if (c->args[1]) {
		r = abi_read_utimbuf(c, call_addr(c, 1), &ut);
		if (r < 0)
			return call_return(c, r);
		ts[0].tv_sec = ut.actime;
		ts[1].tv_sec = ut.modtime;
	}
	return times_path(c, AT_FDCWD, 0, c->args[1] ? ts : NULL, 0);
}

/* ---- truncate ---- */

/* vfs_truncate() */
static int truncate_virtual(struct at *a, uint64_t size)
{
	struct fs_attr attr;
	int r;

	if (inode_type(a->p.inode) == S_IFDIR)
		return -EISDIR;
	if (inode_type(a->p.inode) != S_IFREG)
		return -EINVAL;
	r = path_want_write(&a->p);
	if (r == 0)
		r = inode_permission(a->p.inode, &a->req, MAY_WRITE);
	file_settle_names(a->c->um->files, a->p.inode, &a->req);
	if (r == 0)
		r = inode_getattr(a->p.inode, &a->req, false, &attr);
	if (r == 0)
		r = file_may_change(a->p.inode, &a->req, true);
	if (r == 0 && size > attr.size && size > vfd_limit(a->c))
		r = vfd_too_large(a->c);
	return r < 0 ? r : file_truncate(a->p.inode, &a->req, size);
}

enum verdict sys_truncate(struct call *c)
{
	_cleanup_at_ struct at a = AT_INIT;
	int64_t size = (int64_t)c->args[1];

	if (!view_has_mounts(&c->um->view))
		return CONTINUE;
	if (size < 0)
		return call_return(c, -EINVAL);
	if (!at_resolve(&a, c, AT_FDCWD, 0, PATH_FOLLOW))
		return a.verdict;
	if (a.p.kind == PATH_REAL) {
		char name[REAL_PATH_MAX];
		struct stat st;

		/* the limit is the guest's, and not ours */
		if (fstatat(a.dirfd, a.name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
			size > st.st_size && (uint64_t)size > vfd_limit(c))
			return call_return(c, vfd_too_large(c));
		real_enter(&a);
		return real_leave(&a, truncate(real_path(&a, name), size));
	}
	return call_return(c, truncate_virtual(&a, (uint64_t)size));
}

/* ---- inode flags ---- */

enum { FILE_ATTR_SIZE = 24 }; /* FILE_ATTR_SIZE_VER0 of linux/fs.h */

static enum verdict file_attr_real(struct at *a, char attr[FILE_ATTR_SIZE], bool set, int flags)
{
	const size_t usize = a->c->args[3];
	_cleanup_free_ char *all = calloc(1, usize);
	long r;

	if (!all)
		return call_return(a->c, -ENOMEM);
	if (set)
		memcpy(all, attr, FILE_ATTR_SIZE);
	real_enter(a);
	r = real_result(a, syscall(set ? __NR_file_setattr : __NR_file_getattr, a->dirfd, a->name,
				   all, usize, real_nofollow(a, flags & AT_SYMLINK_NOFOLLOW)));
	if (r == 0 && !set)
		r = guest_write(a->c, call_addr(a->c, 2), all, usize);
	return call_return(a->c, r);
}

/* No server has them: what is wrong with the call itself comes first. */
static enum verdict do_file_attr(struct call *c, bool set)
{
	_cleanup_at_ struct at a = AT_INIT;
	int flags = (int)c->args[4], r;
	char attr[FILE_ATTR_SIZE];

	if (!view_has_mounts(&c->um->view))
		return CONTINUE;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return call_return(c, -EINVAL);
	if (c->args[3] > 4096)
		return call_return(c, -E2BIG);
	if (c->args[3] < sizeof(attr))
		return call_return(c, -EINVAL);
	r = set ? at_read_struct(c, call_addr(c, 2), c->args[3], attr, sizeof(attr)) : 0;
	if (r < 0)
		return call_return(c, r);
	if (!at_resolve(&a, c, call_fd(c, 0), 1, at_to_path(flags) & ~AT_CHANGES))
		return a.verdict;
	return a.p.kind == PATH_REAL ? file_attr_real(&a, attr, set, flags)
				     : call_return(c, -EOPNOTSUPP);
}

enum verdict sys_file_getattr(struct call *c)
{
	return do_file_attr(c, false);
}

enum verdict sys_file_setattr(struct call *c)
{
	return do_file_attr(c, true);
}
