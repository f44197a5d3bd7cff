/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/path/at.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "engine/own.h"
#include "sys/proc/file.h"
#include "view/acl.h"
#include "view/elsewhere.h"
#include "view/hostids.h"
#include "view/opened.h"

void at_release(struct at *a)
{
	names_unlock(&a->lock);
	path_release(&a->p);
}

int at_lookup_again(struct at *a)
{
	struct inode *now = NULL;
	int r;

	if (!names_changed_since(a->p.parent, a->c->t_recv))
		return 0;
	r = inode_lookup(a->p.parent, &a->req, a->p.last, &now);
	if (r < 0 && r != -ENOENT)
		return r;
	if (a->p.inode)
		inode_put(a->p.inode);
	a->p.inode = now;
	return 0;
}

int at_lock(struct at *a, bool victim)
{
	if (!a->p.parent || !a->p.last[0])
		return 0;
	for (;;) {
		_cleanup_inode_ struct inode *old = a->p.inode ? inode_get(a->p.inode) : NULL;
		int r;

		names_lock_add(&a->lock, a->p.parent);
		if (victim && old)
			names_lock_add(&a->lock, old);
		r = names_lock(&a->lock, &a->req);
		if (r == 0)
			r = at_lookup_again(a);
		if (r < 0 || !victim || !a->p.inode || a->p.inode == old)
			return r;
		names_unlock(&a->lock);
	}
}

static bool at_answer(struct at *a, int64_t ret)
{
	a->verdict = call_return(a->c, ret);
	return false;
}

/*
 * In a view with rules, what was found is what is used: a name that was no symbolic link a moment
 * ago may be one now. And a file with several names may be a hidden one. 0, -ENOENT; -ELOOP: it is
 * one now.
 */
static int at_pin(struct at *a, unsigned flags)
{
	const bool follows = (flags & PATH_FOLLOW) || (a->p.slash && !(flags & PATH_PARENT));
	const bool makes = flags & (PATH_CREATE | PATH_PARENT);
	const int how = O_PATH | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_mount_ struct mount *m = NULL;
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (a->p.last[0]) {
		fd = openat(a->p.dirfd, a->p.last, a->p.slash ? how | O_DIRECTORY : how);
		/* a name that is to be made, or is no folder's: the call says what it says of it */
		if (fd < 0)
			return (errno == ENOENT && makes) ||
					       (errno == ENOTDIR && (makes || !follows))
				       ? 0
				       : -errno;
	}
	if (fstat(fd >= 0 ? fd : a->p.dirfd, &st) < 0)
		return -errno;
	m = view_rule_over(&a->c->um->view, &st);
	if (m && m->rule == RULE_HIDE)
		return -ENOENT;
	if (fd < 0 || !follows)
		return 0;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	close(a->p.dirfd);
	a->p.dirfd = take_fd(&fd);
	a->p.last[0] = '\0';
	return 0;
}

/* PATH_REALIZE in a view with rules, where what a call does must be done to what was found, and the
 * words not be walked once more by the kernel: some link may lead elsewhere then. Not where the
 * supervisor, being root, could walk where the guest cannot. */
static unsigned at_realize(struct call *c)
{
	return view_has_rules(&c->um->view) && !hostids_differ(c) ? PATH_REALIZE : 0;
}

/* For the trace. By hand: each call on a path comes by here. */
static void say_what(struct call *c, const char *kind, const char *name)
{
	const size_t room = sizeof(c->what) - 1;
	size_t n = strnlen(kind, room - 1), more = name ? strnlen(name, room - n - 1) : 0;

	memcpy(c->what, kind, n);
	c->what[n++] = ':';
	memcpy(c->what + n, name ? name : "", more);
	c->what[n + more] = '\0';
}

static bool at_resolved(struct at *a, int r)
{
	if (r < 0)
		return at_answer(a, r);
	if (a->p.kind == PATH_NATIVE) {
		a->verdict = CONTINUE;
		return false;
	}
	fs_req_init(&a->req, a->c);
	if (a->p.kind == PATH_VIRTUAL) {
		say_what(a->c, a->p.mnt->type, a->p.name);
		return true;
	}
	say_what(a->c, "real", a->p.name);
	a->dirfd = a->p.dirfd;
	a->self = a->p.last[0] == '\0';
	if (a->self) {
		fd_path(a->name, a->p.dirfd);
		a->dirfd = AT_FDCWD;
	} else {
		/* the slash makes the kernel say ENOTDIR, EISDIR or ENOENT where it should */
		snprintf(a->name, sizeof(a->name), "%s%s", a->p.last, a->p.slash ? "/" : "");
	}
	return true;
}

bool at_resolve(struct at *a, struct call *c, int dirfd, int arg, unsigned flags)
{
	char word[PATH_MAX];
	ssize_t n;

	a->c = c;
	if (!at_maybe(c, flags)) {
		a->verdict = CONTINUE;
		return false;
	}
	n = flags & AT_CHANGES ? guest_read_str(c, call_addr(c, arg), word, sizeof(word))
			       : guest_read_word(c, call_addr(c, arg), word, sizeof(word));
	if (n == 0 && !(flags & PATH_EMPTY))
		n = -ENOENT;
	if (n < 0)
		return at_answer(a, n);
	return at_resolve_word(a, c, dirfd, word, flags);
}

bool at_resolve_word(struct at *a, struct call *c, int dirfd, const char *word, unsigned flags)
{
	int r;

	a->c = c;
	if ((flags & AT_CHANGES) && procfile_change(c, dirfd, word, &r))
		return at_answer(a, r);
	if (!view_has_paths(&c->um->view)) {
		a->verdict = CONTINUE;
		return false;
	}
	if (!(flags & AT_AS_SAID))
		flags |= at_realize(c);
	flags &= ~(AT_CHANGES | AT_AS_SAID);
	r = path_resolve(c, &c->um->view, dirfd, word, flags, &a->p);
	if (r == 0 && a->p.kind == PATH_REAL && view_has_rules(&c->um->view))
		r = at_pin(a, flags);
	if (a->p.mnt)
		mount_used(a->p.mnt);
	return at_resolved(a, r);
}

enum verdict at_seen(struct at *a, int is_dir)
{
	int r = a->p.seen == -EISDIR ? is_dir : a->p.seen;

	/* who has other rights than we may be kept out on the way */
	return a->verdict == CONTINUE && r < 0 && call_own_ids(a->c).fixed ? call_return(a->c, r)
									   : a->verdict;
}

const char *real_path(const struct at *a, char buf[REAL_PATH_MAX])
{
	char dir[FD_PATH_MAX];

	if (a->self)
		snprintf(buf, REAL_PATH_MAX, "%s", a->name);
	else
		snprintf(buf, REAL_PATH_MAX, "%s/%s", fd_path(dir, a->dirfd), a->name);
	return buf;
}

mode_t real_mode(const struct at *a, mode_t mode)
{
	char path[REAL_PATH_MAX];
	char *slash = strrchr(real_path(a, path), '/');

	if (slash)
		*slash = '\0';
	return acl_default_on_host(path) ? mode : mode & ~a->req.umask;
}

void real_enter(struct at *a)
{
	a->switched = hostids_enter(a->c);
}

long real_result(struct at *a, long ret)
{
	long r = ret == -1 ? -errno : ret;

	hostids_leave(a->switched);
	a->switched = false;
	return r;
}

enum verdict real_leave(struct at *a, long ret)
{
	return call_return(a->c, real_result(a, ret));
}

bool at_fd(struct call *c, int fd, bool opath, struct vfile **ret, enum verdict *ret_verdict)
{
	_cleanup_fd_ int dup = -1;
	int r = -EBADF;

	if (files_possible(c->um->files, fd))
		r = vfile_of_fd(c, c->um->files, fd, ret, opath ? NULL : &dup);
	/* a bad number is the kernel's to refuse */
	if (r < 0 || !*ret) {
		*ret_verdict = r == -ESRCH ? call_return(c, r) : CONTINUE;
		return false;
	}
	if (!opath && ((*ret)->opath || (fcntl(dup, F_GETFL) & O_PATH))) {
		vfile_put(take_ptr(ret));
		*ret_verdict = call_return(c, -EBADF);
		return false;
	}
	return true;
}

/* Is the open file what the path leads to on a mount of the host's files? */
static bool is_top_of(const struct path *p, const struct stat *open)
{
	struct stat top;

	return p->inode->fs->host_fd && fstat(inode_host_fd(p->inode), &top) == 0 &&
	       top.st_dev == open->st_dev && top.st_ino == open->st_ino;
}

/* The same of a link of /proc, where it matters to a virtual root. */
static bool is_file_of(const struct path *p, const char *link)
{
	struct stat open;

	return p->kind == PATH_VIRTUAL && (p->mnt->fs->flags & FS_KEEPS_OWNERS) &&
	       stat(link, &open) == 0 && is_top_of(p, &open);
}

/* By the name that it was opened by. */
static bool resolve_opened(struct at *a, struct call *c, int fd)
{
	_cleanup_free_ char *name = NULL;
	char link[40];

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", c->tid, fd);
	name = view_opened_name(&c->um->view, link);
	if (!name)
		return false;
	if (at_resolve_word(a, c, AT_FDCWD, name, PATH_FOLLOW | PATH_VIEW_ROOT | AT_AS_SAID) &&
		is_file_of(&a->p, link))
		return true;
	at_release(a);
	*a = (struct at)AT_INIT;
	return false;
}

/* Is an open file the host's, by a name at which a mount has something else or nothing by now? */
static bool is_covered(struct call *c, const char *link, const struct stat *open)
{
	struct view *v = &c->um->view;
	_cleanup_mount_ struct mount *m = NULL;
	_cleanup_free_ char *name = NULL;
	char real[PATH_MAX];
	struct stat there;
	bool free_way;

	if (!open->st_nlink || read_link(AT_FDCWD, link, real, sizeof(real)) <= 0)
		return false;
	name = view_opened_name_of(v, open->st_dev, open->st_ino, real);
	if (name || view_is_upper(v, real))
		return false;
	if (is_elsewhere(v, c->tid)) /* the walk has found that it is */
		return true;
	m = view_seen_through(v, real, &free_way);
	return m && lstat(real, &there) == 0 && there.st_dev == open->st_dev &&
	       there.st_ino == open->st_ino;
}

int at_resolve_open(struct at *a, struct call *c, int fd)
{
	struct view *v = &c->um->view;
	char word[40], link[40];
	struct stat st;
	bool found;

	if (fd < 0)
		return 0;
	if (!atomic_load_explicit(&v->nseen_through, memory_order_relaxed))
		return c->um->ids && resolve_opened(a, c, fd);
	snprintf(word, sizeof(word), "/proc/self/fd/%d", fd);
	if (is_elsewhere(v, c->tid)) /* where there may be no /proc */
		found = at_resolve_word(a, c, fd, "", PATH_EMPTY | AT_AS_SAID);
	else
		found = at_resolve_word(
			a, c, AT_FDCWD, word, PATH_FOLLOW | PATH_VIEW_ROOT | AT_AS_SAID);
	if (!found && a->verdict == CONTINUE)
		return 0;
	found = found && a->p.kind == PATH_VIRTUAL;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", c->tid, fd);
	if (stat(link, &st) < 0 ||
		(found && (inode_is(a->p.inode, st.st_dev, st.st_ino) || is_top_of(&a->p, &st))))
		return found;
	return is_covered(c, link, &st) ? -EROFS : found;
}

bool at_is_plain(struct call *c, int fd)
{
	struct view *v = &c->um->view;
	_cleanup_fd_ int lent = -1;

	if (c->um->ids || view_has_rules(v) || is_elsewhere(v, c->tid) ||
		!atomic_load_explicit(&v->nseen_through, memory_order_relaxed))
		return false;
	lent = guestfd_get(c, fd);
	return lent >= 0 && view_is_plain_upper(v, lent);
}

bool at_is_hosts(struct call *c, int fd)
{
	_cleanup_at_ struct at a = AT_INIT;
	struct view *v = &c->um->view;
	char link[40], real[PATH_MAX];
	int r;

	if (!atomic_load_explicit(&v->nseen_through, memory_order_relaxed))
		return false;
	r = at_resolve_open(&a, c, fd);
	if (r <= 0 || !a.p.mnt->seen_through)
		return r < 0;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", c->tid, fd);
	return read_link(AT_FDCWD, link, real, sizeof(real)) > 0 && !view_is_upper(v, real);
}

int at_read_struct(struct call *c, gaddr_t src, uint64_t usize, void *dst, size_t known)
{
	char rest[256];
	int r;

	if (usize < known)
		return -EINVAL;
	if (usize > 4096)
		return -E2BIG;
	for (uint64_t off = known; off < usize;) {
		size_t n = usize - off < sizeof(rest) ? usize - off : sizeof(rest);

		r = guest_read(c, gaddr_add(src, off), rest, n);
		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			if (rest[i])
				return -E2BIG;
		}
		off += n;
	}
	return guest_read(c, src, dst, known);
}

struct real_opening {
	struct at *a;
	mode_t mode;
};

/* O_CLOEXEC would be seen in the guest's F_GETFL: it is ours in the table alone. */
static int open_once(void *arg, int flags)
{
	struct real_opening *o = arg;
	int fd;

	real_enter(o->a);
	fd = (int)real_result(o->a, openat(o->a->dirfd, o->a->name, flags, o->mode));
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* cannot fail */
	return fd;
}

int real_open(struct at *a, int flags, mode_t mode)
{
	struct real_opening o = { a, mode };
	struct stat st = { 0 };

	/* a terminal must not become the supervisor's */
	flags |= O_NOCTTY;
	if (a->self)
		flags &= ~O_NOFOLLOW;
	if (!(flags & (O_NONBLOCK | O_PATH)))
		(void)!fstatat(a->dirfd, a->name, &st, 0); /* what is not there is made */
	return blocking_open(a->c, st.st_mode & S_IFMT, flags, open_once, &o);
}
