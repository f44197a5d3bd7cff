/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chroot(2) and pivot_root(2) of the view's root, who may not have them from the kernel. The
 * kernel's root of the process stays: where its words begin is a part of its identity
 * (view/root.h), which its children inherit.
 */
#include "sys/path/chroot.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>

#include "sys/mount/bind.h"
#include "sys/task/ids.h"
#include "sys/mount/calls.h"
#include "view/elsewhere.h"
#include "view/mountinfo.h"
#include "view/root.h"

static int set_root(struct identity *id, void *arg)
{
	id->root = *(unsigned *)arg;
	return 0;
}

static int may_enter(struct call *c, const struct path *p)
{
	struct fs_req req;

	if (p->kind == PATH_VIRTUAL) {
		fs_req_init(&req, c);
		return inode_permission(p->inode, &req, MAY_EXEC | MAY_ACCESS);
	}
	return faccessat(p->dirfd, p->last[0] ? p->last : ".", X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int take_root(struct call *c, const struct path *p, bool all)
{
	unsigned root;
	int r = may_enter(c, p);

	if (r == 0)
		r = root_add(&c->um->view, p);
	if (r < 0)
		return r;
	root = (unsigned)r;
	return all ? ids_move_root(c, root) : ids_change(c, set_root, &root);
}

bool chroot_is_virtual(struct call *c, int cap)
{
	return ids_capable(c, cap) && !ids_kernel_capable(c, cap) &&
	       !is_elsewhere(&c->um->view, c->tid);
}

enum verdict chroot_virtual(struct call *c)
{
	_cleanup_path_ struct path p = PATH_INIT;
	int r = path_resolve_arg(c, &c->um->view, AT_FDCWD, call_addr(c, 0),
		PATH_FOLLOW | PATH_DIRECTORY | PATH_REALIZE, &p);

	return call_return(c, r < 0 ? r : take_root(c, &p, false));
}

/* The old root, at its new place. */
static int put_old(struct call *c, const struct path *where)
{
	_cleanup_path_ struct path old = PATH_INIT;
	_cleanup_mount_ struct mount *m = NULL;
	int r = path_resolve(
		c, &c->um->view, AT_FDCWD, "/", PATH_FOLLOW | PATH_DIRECTORY | PATH_REALIZE, &old);

	return r < 0 ? r : um_bind(c->um, &old, where, 0, &m);
}

enum verdict pivot_virtual(struct call *c)
{
	_cleanup_path_ struct path new = PATH_INIT, old = PATH_INIT;
	int r = path_resolve_arg(c, &c->um->view, AT_FDCWD, call_addr(c, 0),
		PATH_FOLLOW | PATH_DIRECTORY | PATH_REALIZE, &new);

	if (r == 0)
		r = path_resolve_arg(c, &c->um->view, AT_FDCWD, call_addr(c, 1),
			PATH_FOLLOW | PATH_DIRECTORY | PATH_REALIZE, &old);
	if (r == 0 && strcmp(new.name, "/") == 0)
		r = -EBUSY;
	if (r == 0 && (!path_is_mount_root(&new) || !path_below(old.name, new.name)))
		r = -EINVAL;
	/* pivot_root(".", "."): the old one is not wanted any more */
	if (r == 0 && strcmp(new.name, old.name) != 0)
		r = put_old(c, &old);
	return call_return(c, r < 0 ? r : take_root(c, &new, true));
}
