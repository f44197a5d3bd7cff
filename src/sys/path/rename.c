/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls with two names: link and rename. Each name may be native, real or virtual; only
 * when both are native are the guest's words good enough.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "sys/path/at.h"
#include "sys/path/attrs.h"
#include "sys/proc/file.h"
#include "view/opened.h"
#include "sys/table.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE (1 << 1)
#define RENAME_WHITEOUT (1 << 2)
#endif

/* A name of a call that has two. */
struct side {
	struct at a;
	int dirfd;
	char word[PATH_MAX];
};

#define SIDE_INIT                                                                                  \
	{                                                                                          \
		.a = AT_INIT                                                                       \
	}
static void side_release(struct side *s)
{
	at_release(&s->a);
}
#define _cleanup_side_ _cleanup_(side_release)

/* Resolves one side. native is set and nothing else where the kernel finds it by itself. */
static int side_resolve(struct side *s, struct call *c, unsigned flags, bool *native)
{
	*native = false;
	if (at_resolve_word(&s->a, c, s->dirfd, s->word, flags))
		return 0;
	if (s->a.verdict == DONE)
		return (int)c->ret;
	*native = true;
	return 0;
}

static int side_read(struct side *s, struct call *c, int dirfd, int arg, bool empty)
{
	ssize_t n = guest_read_str(c, call_addr(c, arg), s->word, sizeof(s->word));

	s->dirfd = dirfd;
	if (n < 0)
		return (int)n;
	return n == 0 && !empty ? -ENOENT : 0;
}

/* Is it "/", which has no name? */
static bool is_root_word(const char *word)
{
	return *word == '/' && !word[strspn(word, "/")];
}

/* The mount that holds a name: a mount's root, by its name, belongs to what it lies on; NULL is
 * the host. ".", ".." and "/" are in themselves. */
static struct mount *side_mount(const struct side *s)
{
	const struct path *p = &s->a.p;

	if (p->kind != PATH_VIRTUAL)
		return NULL;
	return p->parent || p->last_dot || p->inode != p->mnt->root || is_root_word(s->word)
		       ? p->mnt
		       : p->mnt->parent;
}

/* AT_EMPTY_PATH: the file of a descriptor, by a name of it. */
static int side_resolve_fd(struct side *s, struct call *c, unsigned flags, bool *native)
{
	int r;

	if (s->dirfd == AT_FDCWD)
		strcpy(s->word, ".");
	else
		snprintf(s->word, sizeof(s->word), "/proc/self/fd/%d", s->dirfd);
	r = side_resolve(s, c, flags | PATH_FOLLOW | PATH_REALIZE, native);
	return r == -ENOENT ? -EBADF : r;
}

/*
 * Resolves both. True when the call is the kernel's. Otherwise neither is native any more: what
 * was is given as a real place.
 */
static int sides_resolve(struct side *from, unsigned from_flags, struct side *to, unsigned to_flags,
	struct call *c, bool *ret_native)
{
	bool from_native, to_native;
	int r;

	r = side_resolve(from, c, from_flags, &from_native);
	if (r == 0)
		r = side_resolve(to, c, to_flags, &to_native);
	if (r < 0)
		return r;
	*ret_native = from_native && to_native;
	if (*ret_native)
		return 0;
	if (from_native && !from->word[0])
		r = side_resolve_fd(from, c, from_flags, &from_native);
	else if (from_native)
		r = side_resolve(from, c, from_flags | PATH_REALIZE, &from_native);
	if (r == 0 && to_native)
		r = side_resolve(to, c, to_flags | PATH_REALIZE, &to_native);
	/* only a place that is not there cannot be told: dirfd is no directory's */
	return r < 0 ? r : from_native || to_native ? -EBADF : 0;
}

/* The arguments of both calls that name files. */
struct names {
	int from_fd, from_arg;
	int to_fd, to_arg;
	unsigned from_flags; /* PATH_* */
};

/* What both names are: the kernel's to find; one is a made-up file, which has answered (c->ret). */
enum begun { BOTH_NATIVE = 1, MADE_UP };

/* The beginning of both calls. -errno, enum begun, or 0: at least one is ours. */
static int sides_begin(struct side *from, struct side *to, struct call *c, const struct names *n)
{
	bool native = false;
	int r = side_read(from, c, n->from_fd, n->from_arg, n->from_flags & PATH_EMPTY);

	if (r == 0)
		r = side_read(to, c, n->to_fd, n->to_arg, false);
	if (r < 0)
		return r;
	if (procfile_change(c, n->from_fd, from->word, &r) ||
		procfile_change(c, n->to_fd, to->word, &r)) {
		(void)call_return(c, r); /* DONE */
		return MADE_UP;
	}
	if (!view_has_mounts(&c->um->view))
		return BOTH_NATIVE;
	r = sides_resolve(
		from, n->from_flags, to, PATH_PARENT | PATH_CREATE | PATH_FRESH, c, &native);
	return r == 0 && native ? BOTH_NATIVE : r;
}

/* ---- link ---- */

/* may_linkat(): where fs.protected_hardlinks is set, who does not own a file gives a name to
 * nothing that could run as its owner, nor to what he could not write. */
static int may_link(struct inode *ino, const struct fs_attr *attr, const struct fs_req *req)
{
	const mode_t gid_exec = S_ISGID | S_IXGRP;
	_cleanup_free_ char *text = NULL;

	if (attrs_owner(req, attr) || !(ino->fs->flags & FS_DEFAULT_PERMISSIONS) ||
		read_file("/proc/sys/fs/protected_hardlinks", 16, &text, NULL) < 0 ||
		text[0] == '0')
		return 0;
	if (!S_ISREG(attr->mode) || (attr->mode & S_ISUID) || (attr->mode & gid_exec) == gid_exec ||
		inode_permission(ino, req, MAY_READ | MAY_WRITE) < 0)
		return -EPERM;
	return 0;
}

static int link_virtual(struct side *from, struct side *to)
{
	const struct path *f = &from->a.p, *t = &to->a.p;
	struct fs_attr attr;
	int r = at_lock(&to->a, false);

	if (r < 0)
		return r;
	if (!f->inode)
		return -ENOENT;
	if (t->inode || !t->last[0])
		return -EEXIST;
	if (t->slash)
		return -ENOENT;
	r = path_want_write(t);
	if (r < 0)
		return r;
	if (f->mnt != t->mnt || path_apart(f, t))
		return -EXDEV;
	r = inode_getattr(f->inode, &to->a.req, false, &attr);
	if (r == 0)
		r = may_link(f->inode, &attr, &to->a.req);
	if (r == 0)
		r = attrs_may_create(t->parent, &to->a.req);
	if (r < 0)
		return r;
	if (S_ISDIR(attr.mode))
		return -EPERM;
	if (atomic_load(&f->inode->deleted) && !atomic_load(&f->inode->linkable))
		return -ENOENT;
	r = file_before_link(f->inode, &to->a.req);
	if (r == 0)
		r = inode_link(f->inode, &to->a.req, t->parent, t->last);
	return r == -ENOSYS ? -EPERM : r;
}

/* A file of the host that is open (an O_TMPFILE, say) gets a name on the bind it was opened
 * through. */
static bool link_opened(struct side *from, struct side *to, long *ret)
{
	const struct path *t = &to->a.p;
	char name[FD_PATH_MAX];
	struct stat st;
	int fd;

	if (!from->a.self || t->kind != PATH_VIRTUAL || !t->parent || !t->mnt->fs->host_fd ||
		fstat(from->a.p.dirfd, &st) < 0 ||
		!view_was_opened(&to->a.c->um->view, t->mnt, st.st_dev, st.st_ino))
		return false;
	fd = from->a.p.dirfd;
	*ret = inode_host_prepare(t->parent, &to->a.req, O_CREAT);
	if (*ret < 0)
		return true;
	real_enter(&to->a);
	*ret = real_result(&to->a, linkat(AT_FDCWD, fd_path(name, fd), inode_host_fd(t->parent),
					   t->last, AT_SYMLINK_FOLLOW));
	return true;
}

static enum verdict do_link(struct call *c, struct names n, int flags)
{
	_cleanup_side_ struct side from = SIDE_INIT, to = SIDE_INIT;
	long r_link;
	int r;

	if (!at_maybe(c, AT_CHANGES))
		return CONTINUE;
	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return call_return(c, -EINVAL);
	if (flags & AT_SYMLINK_FOLLOW)
		n.from_flags |= PATH_FOLLOW;
	if (flags & AT_EMPTY_PATH)
		n.from_flags |= PATH_EMPTY;
	r = sides_begin(&from, &to, c, &n);
	if (r < 0)
		return call_return(c, r);
	if (r > 0)
		return r == MADE_UP ? DONE : CONTINUE;
	if (from.a.p.kind == PATH_REAL && to.a.p.kind == PATH_REAL) {
		real_enter(&to.a);
		return real_leave(&to.a, linkat(from.a.dirfd, from.a.name, to.a.dirfd, to.a.name,
						 real_follow(&from.a)));
	}
	if (from.a.p.kind == PATH_VIRTUAL && to.a.p.kind == PATH_VIRTUAL)
		return call_return(c, link_virtual(&from, &to));
	/* a file system of ours, and another: the new name is looked at first all the same */
	if (to.a.p.kind == PATH_VIRTUAL && (to.a.p.inode || !to.a.p.last[0]))
		return call_return(c, -EEXIST);
	if (to.a.p.kind == PATH_VIRTUAL && path_want_write(&to.a.p) < 0)
		return call_return(c, -EROFS);
	if (from.a.p.kind == PATH_REAL && link_opened(&from, &to, &r_link))
		return call_return(c, r_link);
	return call_return(c, -EXDEV);
}

enum verdict sys_link(struct call *c)
{
	return do_link(c, (struct names){ AT_FDCWD, 0, AT_FDCWD, 1, 0 }, 0);
}

enum verdict sys_linkat(struct call *c)
{
	return do_link(c, (struct names){ call_fd(c, 0), 1, call_fd(c, 2), 3, 0 }, (int)c->args[4]);
}

/* ---- rename ---- */

static bool side_isdir(const struct side *s)
{
	return s->a.p.inode && inode_type(s->a.p.inode) == S_IFDIR;
}

/* The checks of do_renameat2() after both names are known, in its order. */
static int rename_check_names(const struct side *from, const struct side *to, unsigned flags)
{
	const struct path *f = &from->a.p, *t = &to->a.p;

	if (!f->inode)
		return -ENOENT;
	if ((flags & RENAME_NOREPLACE) && t->inode)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE) {
		if (!t->inode)
			return -ENOENT;
		if (!side_isdir(to) && t->slash)
			return -ENOTDIR;
	}
	if (!side_isdir(from) && (f->slash || (!(flags & RENAME_EXCHANGE) && t->slash)))
		return -ENOTDIR;
	/* a directory into itself; and onto what it lies in, which cannot be empty */
	if (side_isdir(from) && inode_is_ancestor(f->inode, t->parent))
		return -EINVAL;
	if (side_isdir(to) && inode_is_ancestor(t->inode, f->parent))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* vfs_rename(): permissions. */
static int rename_check_may(const struct side *from, const struct side *to, unsigned flags)
{
	const struct path *f = &from->a.p, *t = &to->a.p;
	const struct fs_req *req = &to->a.req;
	int r = attrs_may_delete(f->parent, f->inode, req, side_isdir(from));

	if (r < 0)
		return r;
	if (!t->inode)
		r = attrs_may_create(t->parent, req);
	else
		r = attrs_may_delete(t->parent, t->inode, req,
			flags & RENAME_EXCHANGE ? side_isdir(to) : side_isdir(from));
	if (r < 0 || f->parent == t->parent)
		return r;
	/* a directory that moves gets another "..": that is a write to it */
	if (side_isdir(from))
		r = inode_permission(f->inode, req, MAY_WRITE);
	if (r == 0 && (flags & RENAME_EXCHANGE) && side_isdir(to))
		r = inode_permission(t->inode, req, MAY_WRITE);
	return r;
}

/* Both directories, and the directories that move or go; then what the names lead to now. */
static int rename_lock(struct side *from, struct side *to)
{
	struct path *f = &from->a.p, *t = &to->a.p;
	struct names_lock *l = &from->a.lock;

	for (;;) {
		_cleanup_inode_ struct inode *of = f->inode ? inode_get(f->inode) : NULL;
		_cleanup_inode_ struct inode *ot = t->inode ? inode_get(t->inode) : NULL;
		int r;

		names_lock_add(l, f->parent);
		names_lock_add(l, t->parent);
		if (side_isdir(from))
			names_lock_add(l, of);
		if (side_isdir(to))
			names_lock_add(l, ot);
		l->tree = f->parent != t->parent && (side_isdir(from) || side_isdir(to));
		r = names_lock(l, &to->a.req);
		if (r == 0)
			r = at_lookup_again(&from->a);
		if (r == 0)
			r = at_lookup_again(&to->a);
		if (r < 0 || (f->inode == of && t->inode == ot))
			return r;
		names_unlock(l);
	}
}

static int rename_virtual(struct side *from, struct side *to, unsigned flags)
{
	const struct path *f = &from->a.p, *t = &to->a.p;
	struct view *v = &from->a.c->um->view;
	int r = path_want_write(f);
	bool held = false;

	if (r == 0)
		r = rename_lock(from, to);
	if (r == 0)
		r = rename_check_names(from, to, flags);
	if (r < 0)
		return r;
	if (f->inode == t->inode)
		return 0;
	r = rename_check_may(from, to, flags);
	if (r < 0)
		return r;
	/* the table of mounts goes by name: what it names keeps its name */
	if ((side_isdir(from) && view_has_mount_below(v, f->name, true)) ||
		(side_isdir(to) && view_has_mount_below(v, t->name, true)))
		return -EBUSY;
	file_await_close(f->inode, &from->a.req);
	if (t->inode && !(flags & RENAME_EXCHANGE))
		held = file_settle(t->inode, &to->a.req);
	r = inode_rename(f->parent, &to->a.req, f->last, t->parent, t->last, flags);
	file_settled(t->inode, held);
	return r == -ENOSYS ? (flags ? -EINVAL : -EPERM) : r;
}

/* Does a mount lie at or below this name of the host? Then it stays where it is. */
static bool rename_holds_mount(struct call *c, const struct side *s, unsigned flags)
{
	_cleanup_path_ struct path p = PATH_INIT;

	if (path_resolve(c, &c->um->view, s->dirfd, s->word, flags | PATH_REALIZE, &p) < 0)
		return false;
	return p.kind == PATH_REAL && p.name && view_has_mount_below(&c->um->view, p.name, true);
}

/* The same where it was resolved: a folder of the host that is renamed, by whatever name, takes
 * what lies below away from the rules there. */
static bool holds_rule(const struct side *s)
{
	struct view *v = &s->a.c->um->view;
	char link[FD_PATH_MAX], name[PATH_MAX];

	if (s->a.p.kind == PATH_REAL)
		return s->a.p.name && view_has_mount_below(v, s->a.p.name, true);
	return view_has_rules(v) && s->a.p.inode && s->a.p.mnt->fs->host_fd &&
	       read_link(AT_FDCWD, fd_path(link, inode_host_fd(s->a.p.inode)), name, sizeof(name)) >
		       0 &&
	       view_has_mount_below(v, name, true);
}

/* Is it where something is mounted in the guest's own namespace? That name is of what lies below.
 */
static bool is_own_mount(const struct side *s)
{
	const struct path *p = &s->a.p;
	const bool real = p->kind == PATH_REAL;
	struct statx x;

	return (real || (p->inode && !p->own.below)) &&
	       statx(real ? p->dirfd : p->own.fd, real ? p->last : "",
		       AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x) == 0 &&
	       (x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int rename_across(const struct side *from, const struct side *to, unsigned flags)
{
	if (is_own_mount(to))
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	return is_own_mount(from) ? -EBUSY : -EXDEV;
}

static enum verdict rename_mixed(struct side *from, struct side *to, unsigned flags)
{
	struct call *c = from->a.c;

	if (side_mount(from) != side_mount(to) || path_apart(&from->a.p, &to->a.p))
		return call_return(c, rename_across(from, to, flags));
	if (!from->a.p.last[0] || !to->a.p.last[0])
		return call_return(
			c, flags & RENAME_NOREPLACE && !to->a.p.last[0] ? -EEXIST : -EBUSY);
	/* a name on a mount has a parent on it; without one it is where the mount lies */
	if ((from->a.p.kind == PATH_VIRTUAL && !from->a.p.parent) ||
		(to->a.p.kind == PATH_VIRTUAL && !to->a.p.parent))
		return call_return(c, (flags & RENAME_NOREPLACE) ? -EEXIST : -EBUSY);
	if (holds_rule(from) || ((flags & RENAME_EXCHANGE) && holds_rule(to)))
		return call_return(c, -EBUSY);
	if (from->a.p.kind == PATH_VIRTUAL)
		return call_return(c, rename_virtual(from, to, flags));
	real_enter(&to->a);
	return real_leave(&to->a, syscall(SYS_renameat2, from->a.dirfd, from->a.name, to->a.dirfd,
					  to->a.name, flags));
}

static enum verdict do_rename(struct call *c, const struct names n, unsigned flags)
{
	_cleanup_side_ struct side from = SIDE_INIT, to = SIDE_INIT;
	int r;

	if (!at_maybe(c, AT_CHANGES))
		return CONTINUE;
	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return call_return(c, -EINVAL);
	if ((flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) && (flags & RENAME_EXCHANGE))
		return call_return(c, -EINVAL);
	r = sides_begin(&from, &to, c, &n);
	if (r < 0)
		return call_return(c, r);
	if (r == MADE_UP)
		return DONE;
	if (r == 0)
		return rename_mixed(&from, &to, flags);
	if (view_has_mounts(&c->um->view) &&
		(rename_holds_mount(c, &from, PATH_PARENT) ||
			((flags & RENAME_EXCHANGE) && rename_holds_mount(c, &to, PATH_PARENT))))
		return call_return(c, -EBUSY);
	return CONTINUE;
}

enum verdict sys_rename(struct call *c)
{
	return do_rename(c, (struct names){ AT_FDCWD, 0, AT_FDCWD, 1, PATH_PARENT }, 0);
}

enum verdict sys_renameat(struct call *c)
{
	return do_rename(c, (struct names){ call_fd(c, 0), 1, call_fd(c, 2), 3, PATH_PARENT }, 0);
}

enum verdict sys_renameat2(struct call *c)
{
	return do_rename(c, (struct names){ call_fd(c, 0), 1, call_fd(c, 2), 3, PATH_PARENT },
		(unsigned)c->args[4]);
}
