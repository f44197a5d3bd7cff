/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls with a path that a served mount refuses, and that real files take. */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/syscall.h>

#include "sys/path/at.h"
#include "sys/table.h"
#include "view/watch.h"

#ifndef FAN_MARK_DONT_FOLLOW
#define FAN_MARK_DONT_FOLLOW 0x04
#endif

/* Answers a call whose real path only we find, on our dup of the guest's descriptor. */
static enum verdict watch_real(struct at *a, int fd, uint32_t mask)
{
	_cleanup_fd_ int dup = guestfd_get(a->c, fd);
	char path[REAL_PATH_MAX];

	if (dup < 0)
		return call_return(a->c, dup);
	real_path(a, path);
	real_enter(a);
	return real_leave(a, inotify_add_watch(dup, path, mask));
}

/* A file of the host is watched itself. */
static int watch_host(struct at *a, int dup, uint32_t mask)
{
	char path[FD_PATH_MAX];

	fd_path(path, inode_host_fd(a->p.inode));
	real_enter(a);
	/* the name is the file itself, and is to be followed whatever was asked */
	return (int)real_result(a, inotify_add_watch(dup, path, mask & ~(uint32_t)IN_DONT_FOLLOW));
}

/* The guest's inotify descriptor watches the mirror of the served file. */
static int watch_served(struct at *a, int fd, uint32_t mask)
{
	_cleanup_fd_ int dup = -1;
	char path[PATH_MAX];
	int r;

	if ((mask & IN_ONLYDIR) && inode_type(a->p.inode) != S_IFDIR)
		return -ENOTDIR;
	if (!guestfd_lends(a->c))
		return -EOPNOTSUPP;
	r = inode_permission(a->p.inode, &a->req, 4);
	if (r < 0)
		return r;
	dup = guestfd_get(a->c, fd);
	if (dup < 0)
		return dup;
	if (watch_is_host(a->p.inode))
		return watch_host(a, dup, mask);
	r = watch_mirror(a->c->um->view.watches, &a->req, a->p.inode, path);
	if (r < 0)
		return r;
	r = inotify_add_watch(dup, path, mask);
	return r < 0 ? -errno : r;
}

enum verdict sys_inotify_add_watch(struct call *c)
{
	_cleanup_at_ struct at a = AT_INIT;
	uint32_t mask = (uint32_t)c->args[2];

	if (!at_resolve(&a, c, AT_FDCWD, 1, mask & IN_DONT_FOLLOW ? 0 : PATH_FOLLOW))
		return a.verdict;
	if (a.p.kind == PATH_REAL)
		return watch_real(&a, call_fd(c, 0), mask);
	return call_return(c, watch_served(&a, call_fd(c, 0), mask));
}

enum verdict sys_fanotify_mark(struct call *c)
{
	_cleanup_at_ struct at a = AT_INIT;
	_cleanup_fd_ int dup = -1;
	unsigned flags = (unsigned)c->args[1];

	if (!c->args[4])
		return CONTINUE; /* the file of the descriptor: a placeholder at worst */
	if (!at_resolve(&a, c, call_fd(c, 3), 4, flags & FAN_MARK_DONT_FOLLOW ? 0 : PATH_FOLLOW))
		return a.verdict;
	if (a.p.kind == PATH_VIRTUAL)
		return call_return(c, -EOPNOTSUPP);
	dup = guestfd_get(c, call_fd(c, 0));
	if (dup < 0)
		return call_return(c, dup);
	real_enter(&a);
	return real_leave(&a, syscall(SYS_fanotify_mark, dup, flags, c->args[2], a.dirfd, a.name));
}

/* Calls for which a guest needs a capability that no view gives. */
static enum verdict privileged(struct call *c, int arg, int err)
{
	_cleanup_at_ struct at a = AT_INIT;

	if (!at_resolve(&a, c, AT_FDCWD, arg, PATH_FOLLOW))
		return a.verdict;
	return call_return(c, err);
}

enum verdict sys_swapon(struct call *c)
{
	return privileged(c, 0, -EPERM);
}

enum verdict sys_swapoff(struct call *c)
{
	return privileged(c, 0, -EPERM);
}

enum verdict sys_acct(struct call *c)
{
	return c->args[0] ? privileged(c, 0, -EPERM) : CONTINUE;
}

enum verdict sys_quotactl(struct call *c)
{
	return c->args[1] ? privileged(c, 1, -ENOTBLK) : CONTINUE;
}

enum verdict sys_quotactl_fd(struct call *c)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	enum verdict v;

	if (!at_fd(c, call_fd(c, 0), true, &vf, &v))
		return v;
	return call_return(c, -ENOSYS);
}

enum verdict sys_uselib(struct call *c)
{
	return call_return(c, -ENOSYS);
}
