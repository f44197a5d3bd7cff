/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * open_tree(2), open_tree_attr(2), mount_setattr(2). A copy of a tree is a mount that is nowhere
 * yet (fsctx.h), which move_mount(2) makes a bind of.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>

#include "engine/guestmem.h"
#include "sys/path/at.h"
#include "sys/mount/fsargs.h"
#include "sys/mount/fsctx.h"
#include "sys/task/ids.h"
#include "sys/mount/calls.h"
#include "sys/path/opath.h"
#include "sys/table.h"
#include "view/elsewhere.h"

#define OPEN_TREE_CLONE_ 1u
#define AT_RECURSIVE_ 0x8000u
#define MOUNT_ATTR_SIZE_MAX 4096

/* As struct mount_attr of <linux/mount.h>. */
struct attr {
	uint64_t set, clr, propagation, userns_fd;
};

/* Arguments 3 and 4: where it is, and its size. */
static int read_attr(struct call *c, struct attr *ret)
{
	size_t size = (size_t)c->args[4];
	char rest[MOUNT_ATTR_SIZE_MAX];
	int r;

	if (size < sizeof(*ret))
		return -EINVAL;
	if (size > sizeof(rest))
		return -E2BIG;
	r = guest_read(c, call_addr(c, 3), rest, size);
	if (r < 0)
		return r;
	for (size_t i = sizeof(*ret); i < size; i++) {
		if (rest[i])
			return -E2BIG;
	}
	memcpy(ret, rest, sizeof(*ret));
	return 0;
}

int mount_attr_flags(uint64_t attr, unsigned long *ret)
{
	static const struct {
		uint64_t attr;
		unsigned long flag;
	} map[] = {
		{ MOUNT_ATTR_RDONLY, MS_RDONLY },
		{ MOUNT_ATTR_NOSUID, MS_NOSUID },
		{ MOUNT_ATTR_NODEV, MS_NODEV },
		{ MOUNT_ATTR_NOEXEC, MS_NOEXEC },
		{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
		{ MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW },
	};
	unsigned long flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (attr & map[i].attr)
			flags |= map[i].flag;
		attr &= ~map[i].attr;
	}
	if (attr & ~(uint64_t)MOUNT_ATTR__ATIME)
		return -EINVAL;
	switch (attr & MOUNT_ATTR__ATIME) {
	case MOUNT_ATTR_RELATIME:
		flags |= MS_RELATIME;
		break;
	case MOUNT_ATTR_NOATIME:
		flags |= MS_NOATIME;
		break;
	case MOUNT_ATTR_STRICTATIME:
		break;
	default:
		return -EINVAL;
	}
	*ret = flags;
	return 0;
}

static int change_flags(const struct attr *a, unsigned long *flags)
{
	const unsigned long atime = MS_RELATIME | MS_NOATIME;
	unsigned long set, clr;
	int r = mount_attr_flags(a->set, &set);

	if (r == 0)
		r = mount_attr_flags(a->clr & ~(uint64_t)MOUNT_ATTR__ATIME, &clr);
	if (r < 0)
		return r;
	clr &= ~atime;
	if ((a->clr & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME)
		clr |= atime; /* replaced by what is set */
	else if (a->clr & MOUNT_ATTR__ATIME || a->set & MOUNT_ATTR__ATIME)
		return -EINVAL;
	else
		set &= ~atime;
	*flags = (*flags & ~clr) | set;
	return 0;
}

/* The same of a mount that is nowhere yet: what holds what it shows read-only holds it too. */
static int change_unattached(const struct attr *a, struct fsctx *x)
{
	const struct mount *m = x->tree.kind == PATH_VIRTUAL ? x->tree.mnt : NULL;
	unsigned long flags = x->flags;
	int r = change_flags(a, &flags);

	if (r == 0 && m && m->locked_ro && !(flags & MS_RDONLY))
		r = -EPERM;
	if (r == 0)
		x->flags = flags;
	return r;
}

/* ---- open_tree ---- */

/* A copy of what is there. attr may be NULL. Takes the path. */
static enum verdict clone_tree(struct call *c, struct path *p, const struct attr *attr)
{
	struct fsctx *x = fsctx_new("none");
	int r = 0;

	if (!x)
		return call_return(c, -ENOMEM);
	x->phase = CTX_MOUNTED;
	x->flags = p->kind == PATH_VIRTUAL ? atomic_load(&p->mnt->flags) : MS_RELATIME;
	x->tree = *p;
	*p = (struct path)PATH_INIT;
	if (attr)
		r = change_unattached(attr, x);
	if (r == 0)
		return fsctx_answer_mount(c, x, c->args[2] & O_CLOEXEC);
	fsctx_put(x);
	return call_return(c, r);
}

static unsigned to_path(unsigned flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
	       (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
}

/* What the host's is, is copied for who is root of the view alone: the kernel's root has the
 * kernel. */
static enum verdict open_clone(struct call *c, const struct attr *attr)
{
	_cleanup_path_ struct path p = PATH_INIT;
	const bool for_view = fs_is_for_view(c);
	struct stat st;
	int r;

	if (!for_view && !view_has_mounts(&c->um->view))
		return CONTINUE;
	r = path_resolve_arg(c, &c->um->view, call_fd(c, 0), call_addr(c, 1),
		to_path((unsigned)c->args[2]) | PATH_REALIZE, &p);
	if (r == 0 && for_view)
		r = fs_check_dirfd(c, call_fd(c, 0), &p);
	if (r == 0 && p.kind == PATH_REAL &&
		fstatat(p.dirfd, p.last, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r < 0)
		return call_return(c, r);
	if (p.kind == PATH_NATIVE || (p.kind == PATH_REAL && !for_view))
		return CONTINUE;
	if (!ids_may_mount(c))
		return call_return(c, -EPERM);
	return clone_tree(c, &p, attr);
}

/* attr may be NULL. Without a copy it is open(2) with O_PATH. */
static enum verdict do_open_tree(struct call *c, const struct attr *attr)
{
	_cleanup_at_ struct at a = AT_INIT;
	unsigned flags = (unsigned)c->args[2];

	if (flags & ~(AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_RECURSIVE_ | AT_SYMLINK_NOFOLLOW |
			    OPEN_TREE_CLONE_ | O_CLOEXEC))
		return CONTINUE; /* EINVAL */
	if ((flags & (AT_RECURSIVE_ | OPEN_TREE_CLONE_)) == AT_RECURSIVE_)
		return CONTINUE;
	if (flags & OPEN_TREE_CLONE_) {
		elsewhere_note(&c->um->view, c->tid);
		return open_clone(c, attr);
	}
	if (!at_resolve(&a, c, call_fd(c, 0), 1, to_path(flags)))
		return a.verdict;
	flags = O_PATH | (flags & O_CLOEXEC);
	return a.p.kind == PATH_REAL ? opath_real(&a, (int)flags) : opath_virtual(&a, (int)flags);
}

enum verdict sys_open_tree(struct call *c)
{
	return do_open_tree(c, NULL);
}

enum verdict sys_open_tree_attr(struct call *c)
{
	struct attr attr;
	int r;

	if (!c->args[3] || (!view_has_mounts(&c->um->view) && !fs_is_for_view(c)))
		return c->args[4] ? CONTINUE : do_open_tree(c, NULL);
	r = read_attr(c, &attr);
	return r < 0 ? call_return(c, r) : do_open_tree(c, &attr);
}

/* ---- mount_setattr ---- */

/* Of a mount that is nowhere yet: true when it was one. */
static bool set_unattached(struct call *c, enum verdict *ret)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	unsigned flags = (unsigned)c->args[2];
	struct fsctx *x = fsctx_mount_of(c, call_fd(c, 0), &vf);
	char word[PATH_MAX];
	struct attr a;
	int r;

	if (!x || !(flags & AT_EMPTY_PATH) ||
		guest_read_str(c, call_addr(c, 1), word, sizeof(word)) != 0)
		return false;
	r = read_attr(c, &a);
	if (r == 0) {
		pthread_mutex_lock(&x->lock);
		r = x->phase == CTX_MOUNTED ? change_unattached(&a, x) : -EINVAL;
		pthread_mutex_unlock(&x->lock);
	}
	*ret = call_return(c, r);
	return true;
}

static int set_attached(struct call *c, struct mount *m)
{
	unsigned long flags = atomic_load(&m->flags);
	struct attr a;
	int r = read_attr(c, &a);

	if (r == 0 && (a.set | a.clr))
		r = change_flags(&a, &flags);
	if (r < 0 || !(a.set | a.clr))
		return r;
	return mount_set_flags(c, m, flags);
}

enum verdict sys_mount_setattr(struct call *c)
{
	_cleanup_path_ struct path p = PATH_INIT;
	enum verdict v;
	int r;

	elsewhere_note(&c->um->view, c->tid);
	if (set_unattached(c, &v))
		return v;
	if (!view_has_mounts(&c->um->view))
		return CONTINUE;
	r = path_resolve_arg(
		c, &c->um->view, call_fd(c, 0), call_addr(c, 1), to_path((unsigned)c->args[2]), &p);
	if (r == 0 && p.kind != PATH_VIRTUAL)
		return CONTINUE;
	if (r == 0 && !mount_root_is(p.mnt, p.inode))
		r = -EINVAL;
	if (r == 0 && mount_is_foreign(c, p.mnt))
		r = -EPERM;
	return call_return(c, r < 0 ? r : set_attached(c, p.mnt));
}
