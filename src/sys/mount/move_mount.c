/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * move_mount(2): where a mount comes to be that fsmount(2) or open_tree(2) has made, and a mount
 * that has a place is moved.
 */
#include <linux/mount.h>
#include <string.h>

#include "base/log.h"
#include "engine/guestmem.h"
#include "sys/mount/bind.h"
#include "sys/mount/calls.h"
#include "sys/mount/fsargs.h"
#include "sys/mount/fsctx.h"
#include "sys/table.h"
#include "view/elsewhere.h"

/* The place that move_mount(2) names. */
static int move_target(struct call *c, struct path *ret)
{
	unsigned flags = (unsigned)c->args[4];
	char word[PATH_MAX];
	ssize_t n = guest_read_str(c, call_addr(c, 3), word, sizeof(word));
	int r;

	if (n < 0)
		return (int)n;
	r = mount_where(c, call_fd(c, 2), word,
		(flags & MOVE_MOUNT_T_SYMLINKS ? PATH_FOLLOW : 0) |
			(flags & MOVE_MOUNT_T_EMPTY_PATH ? PATH_EMPTY : 0),
		ret);
	return r == -EPERM && fs_check_dirfd(c, call_fd(c, 2), ret) < 0 ? -EBADF : r;
}

/* What open_tree(2) has copied: a bind. Its file system may have ended since. */
static int attach_tree(struct call *c, struct fsctx *x)
{
	_cleanup_path_ struct path where = PATH_INIT;
	_cleanup_mount_ struct mount *m = NULL;
	struct fs *fs = x->tree.kind == PATH_VIRTUAL ? x->tree.mnt->fs : NULL;
	int r = move_target(c, &where);

	if (r < 0)
		return r;
	if (fs && !fs_join(fs))
		return -EINVAL;
	r = um_bind(c->um, &x->tree, &where, x->flags, &m);
	if (r == 0)
		atomic_store(&m->flags, x->flags); /* and not those of what it shows */
	if (fs)
		umount_leave(c->um, fs);
	return r;
}

static int attach(struct call *c, struct fsctx *x)
{
	_cleanup_path_ struct path where = PATH_INIT;
	_cleanup_free_ char *message = NULL, *cwd = NULL;
	struct mount_request rq = {
		.source = fsctx_source(x), .type = x->type, .options = x->options, .flags = x->flags
	};
	int r = move_target(c, &where);

	if (r < 0)
		return r;
	if (mount_type_is_fuse(x->type))
		return mount_fuse(
			c, x->source ? x->source : "none", x->type, x->options, x->flags, &where);
	r = path_of_cwd(c, &c->um->view, c->tid, &cwd);
	if (r < 0)
		return r;
	rq.cwd = cwd;
	rq.target = where.name;
	r = um_mount(c->um, c, &rq, &message);
	if (r < 0)
		log_warn("mount %s on %s: %s", rq.source, where.name,
			message ? message : strerror(-r));
	return r;
}

/* A mount that is nowhere yet is moved as a whole: it has no names. */
static int move_from(struct call *c, unsigned flags)
{
	char word[PATH_MAX];
	ssize_t n = guest_read_str(c, call_addr(c, 1), word, sizeof(word));

	if (n < 0)
		return (int)n;
	if (word[0])
		return -ENOENT;
	return flags & MOVE_MOUNT_F_EMPTY_PATH ? 0 : -ENOENT;
}

#define MOVE_MOUNT_FLAGS 0x377u /* MOVE_MOUNT__MASK, newer than the headers here */
/* MOVE_MOUNT_SET_GROUP and MOVE_MOUNT_BENEATH: mounts of a view are not propagated, and the newest
 * is the uppermost. */
#define MOVE_MOUNT_HOST_ALONE 0x300u

/* What is no mount of a context's. */
static enum verdict move_real(struct call *c, unsigned flags)
{
	const unsigned from_flags = (flags & MOVE_MOUNT_F_SYMLINKS ? PATH_FOLLOW : 0) |
				    (flags & MOVE_MOUNT_F_EMPTY_PATH ? PATH_EMPTY : 0);
	const unsigned to_flags = (flags & MOVE_MOUNT_T_SYMLINKS ? PATH_FOLLOW : 0) |
				  (flags & MOVE_MOUNT_T_EMPTY_PATH ? PATH_EMPTY : 0);
	_cleanup_path_ struct path from = PATH_INIT, to = PATH_INIT;
	const bool for_view = fs_is_for_view(c);
	int r;

	if (!view_has_mounts(&c->um->view) && !for_view)
		return CONTINUE;
	r = path_resolve_arg(
		c, &c->um->view, call_fd(c, 0), call_addr(c, 1), from_flags | PATH_REALIZE, &from);
	if (r == 0 && for_view)
		r = fs_check_dirfd(c, call_fd(c, 0), &from);
	if (r == 0)
		r = path_resolve_arg(c, &c->um->view, call_fd(c, 2), call_addr(c, 3),
			to_flags | PATH_REALIZE, &to);
	if (r == 0 && from.kind == PATH_VIRTUAL)
		return call_return(c, to.name && !(flags & MOVE_MOUNT_HOST_ALONE)
					      ? mount_move(c, &from, &to)
					      : -EINVAL);
	if (r == 0 && for_view)
		r = fs_check_dirfd(c, call_fd(c, 2), &to);
	if (r == 0 && for_view)
		r = -EINVAL; /* the host's are locked */
	if (r == 0 && to.kind == PATH_VIRTUAL)
		r = -EPERM; /* nothing of the kernel's can lie there */
	return r < 0 ? call_return(c, r) : CONTINUE;
}

enum verdict sys_move_mount(struct call *c)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	unsigned flags = (unsigned)c->args[4];
	struct fsctx *x;
	int r;

	if (flags & ~MOVE_MOUNT_FLAGS)
		return fs_is_for_view(c) ? call_return(c, -EINVAL) : CONTINUE;
	elsewhere_note(&c->um->view, c->tid);
	x = fsctx_mount_of(c, call_fd(c, 0), &vf);
	if (!x)
		return move_real(c, flags);
	r = flags & MOVE_MOUNT_HOST_ALONE ? -EINVAL : move_from(c, flags);
	if (r < 0)
		return call_return(c, r);
	pthread_mutex_lock(&x->lock);
	if (x->phase != CTX_MOUNTED)
		r = -EINVAL; /* attached already */
	else
		x->phase = CTX_ATTACHED;
	pthread_mutex_unlock(&x->lock);
	if (r < 0)
		return call_return(c, r);
	r = x->tree.kind == PATH_NATIVE ? attach(c, x) : attach_tree(c, x);
	if (r < 0) {
		pthread_mutex_lock(&x->lock);
		x->phase = CTX_MOUNTED;
		pthread_mutex_unlock(&x->lock);
	}
	return call_return(c, r);
}
