/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * O_PATH. The kernel puts no O_PATH file into another's table (SECCOMP_IOCTL_NOTIF_ADDFD, fget), so
 * the guest opens it by itself, from our table under /proc, by a call made in place of its own. For
 * virtual directories, which programs open so most, an ordinary descriptor of the placeholder does:
 * it is empty, and the calls that an O_PATH descriptor refuses are trapped. So it is for all that
 * is virtual where the guest has a tracer of its own, which lets it make no other call, or a tree
 * of its own.
 */
#include "sys/path/opath.h"

#include <fcntl.h>

#include "engine/inject.h"
#include "engine/nr.h"
#include "sys/task/hop.h"
#include "view/elsewhere.h"

/* Runs openat() of our descriptor in the guest. The number is the lowest free one. */
static enum verdict open_by_guest(struct call *c, int fd, int flags)
{
	struct inject_args a = { .nr = __NR_openat };
	_cleanup_fd_ int again = -1;
	_cleanup_hop_ struct hop hop = { 0 };
	char path[FD_PATH_MAX];
	int r;

	if (is_elsewhere(&c->um->view, c->tid))
		return call_return(c, -EPERM); /* no path of ours leads it here */
	files_note_low(c->um->files, fd);
	/* a guest of another user is given a descriptor to open it from, of a kind that it can be
	 */
	if (!hop_guest_reaches_us(c)) {
		again = open(fd_path(path, fd), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (again < 0)
			return call_return(c, -errno);
		fd = again;
	}
	r = hop_make(c, fd, NULL, NULL, 0, &hop);
	if (r < 0)
		return call_return(c, r);
	a.args[0] = (uint64_t)AT_FDCWD;
	a.args[2] = (uint64_t)(O_PATH | (flags & O_CLOEXEC));
	a.str[1] = hop.path;
	a.close_fd = hop.guest_fd;
	return inject_call(c, &a);
}

static enum verdict open_dir(struct call *c, const struct path *p, int flags)
{
	_cleanup_fd_ int fd = file_open_dir(c->um->files, p->mnt, p->inode);
	_cleanup_vfile_ struct vfile *vf = NULL;
	bool low = guestfd_wants_low(c);
	struct stat st;

	int r = fd < 0 ? fd : file_note_own(c->um->files, fd, &p->own);

	if (r < 0)
		return call_return(c, r);
	if (fstat(fd, &st) < 0)
		return call_return(c, -errno);
	vf = files_find(c->um->files, &st);
	if (vf)
		vf->opath = true; /* one open, one placeholder */
	if (vf && low)
		vfile_note_low(vf);
	return guestfd_answer_last(c, &fd, flags & O_CLOEXEC, low ? ZONE_LOWEST : ZONE_HOT);
}

/* The same by an open file that is not O_PATH. */
static enum verdict give_plain(struct call *c, int fd, int flags)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	_cleanup_fd_ int plain = -1;
	char path[FD_PATH_MAX];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return call_return(c, -errno);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return call_return(c, -EACCES); /* the opening of a device may do something */
	plain = open(fd_path(path, fd), O_RDONLY | O_CLOEXEC);
	if (plain < 0)
		return call_return(c, -errno);
	vf = files_find(c->um->files, &st);
	if (vf)
		vf->opath = true;
	return guestfd_answer_last(c, &plain, flags & O_CLOEXEC, vf ? ZONE_HOT : ZONE_LOWEST);
}

enum verdict opath_virtual(struct at *a, int flags)
{
	struct call *c = a->c;
	_cleanup_fd_ int fd = -1;
	enum verdict v;

	if (inode_type(a->p.inode) == S_IFDIR)
		return open_dir(c, &a->p, flags);
	if (flags & O_DIRECTORY)
		return call_return(c, -ENOTDIR);
	fd = file_open_fd(c->um->files, &a->req, a->p.mnt, a->p.inode, O_PATH);
	if (fd < 0)
		return call_return(c, fd);
	v = open_by_guest(c, fd, flags);
	return v == DONE && c->ret == -EPERM ? give_plain(c, fd, flags) : v;
}

/* What it leads to is real, and a guest that has a tracer can have it opened for reading alone. */
enum verdict opath_real(struct at *a, int flags)
{
	_cleanup_fd_ int fd = real_open(a, flags, 0);

	enum verdict v;

	if (fd < 0)
		return call_return(a->c, fd);
	v = open_by_guest(a->c, fd, flags);
	return v == DONE && a->c->ret == -EPERM ? give_plain(a->c, fd, flags) : v;
}
