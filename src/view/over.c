/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A guest that is elsewhere has the host's files where its own mounts show
 * them (its copies of the host's, and binds of them), and a mount that is seen through (--cow) lies
 * over them there as well: over each file that the host has by a name which that mount covers.
 * The walk then stands on the mount, and keeps beside it the kernel's descriptor of the same place,
 * on which it finds what the guest itself mounted there, what is above it in the guest's own tree,
 * and whether that may be written to. What is only looked at, and is as it is on the host, is left
 * to the kernel, as on the host's tree.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "engine/nr.h"
#include "view/elsewhere.h"
#include "view/mountinfo.h"
#include "view/opened.h"
#include "view/walk.h"

static bool same_file(const char *path, const struct stat *st)
{
	struct stat other;

	return lstat(path, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* The name that we have for `inside`, of the file system of a mount of the guest's. *ret_known: we
 * have mounts of that file system. */
static char *host_name(dev_t dev, const char *inside, const struct stat *st, bool *ret_known)
{
	_cleanup_free_ char *info = mountinfo_read(getpid());
	struct mountinfo mi;

	*ret_known = !info;
	for (const char *line = info; line && mountinfo_next(&line, &mi);) {
		_cleanup_free_ char *path = inside ? mountinfo_outside(&mi, dev, inside) : NULL;

		if (path && same_file(path, st))
			return take_ptr(&path);
		*ret_known |= makedev(mi.major, mi.minor) == dev;
	}
	return NULL;
}

/* The host's name, malloc'ed, of a file that the guest has on this mount of its own namespace.
 * -ENOENT: it has none, or is not the host's; -EROFS: it is the host's, and cannot be named (on a
 * mount that is in no tree). */
static int name_on_host(struct walk *w, int fd, uint64_t mnt_id, const struct stat *st, char **ret)
{
	_cleanup_free_ char *info = NULL, *inside = NULL;
	char link[FD_PATH_MAX], name[PATH_MAX], root[PATH_MAX];
	const char *below = NULL;
	struct mountinfo mi;
	dev_t dev = st->st_dev;
	bool known;

	if (read_link(AT_FDCWD, fd_path(link, fd), name, sizeof(name)) <= 0)
		return -ENOENT;
	if (same_file(name, st)) {
		*ret = strdup(name);
		return *ret ? 0 : -ENOMEM;
	}
	info = mountinfo_read(w->c->tid);
	/* which is named from the task's root on */
	if (read_link(AT_FDCWD, fd_path(link, w->root_fd), root, sizeof(root)) > 0)
		below = path_below(name, root);
	if (info && below && mountinfo_find(info, mnt_id, &mi)) {
		inside = mountinfo_inside(&mi, *below ? below : "/");
		dev = makedev(mi.major, mi.minor);
	}
	*ret = host_name(dev, inside, st, &known);
	if (!known)
		w->own_mount = mnt_id;
	return *ret ? 0 : known && st->st_nlink && !walk_on_proc(fd) ? -EROFS : -ENOENT;
}

/* The names that follow on the walk up to the next "..", below `name`: malloc'ed. */
static char *name_ahead(const struct walk *w, const char *name)
{
	size_t n = name[1] ? strlen(name) : 0, size = n + strlen(w->rest) + 2;
	char *path = malloc(size);
	const char *p = w->rest;

	if (!path)
		return NULL;
	memcpy(path, name, n);
	for (;;) {
		const char *end;

		p += strspn(p, "/");
		end = strchrnul(p, '/');
		if (end == p || (end - p == 2 && memcmp(p, "..", 2) == 0))
			break;
		if (end - p != 1 || *p != '.') {
			path[n++] = '/';
			memcpy(path + n, p, (size_t)(end - p));
			n += (size_t)(end - p);
		}
		p = end;
	}
	if (n == 0)
		path[n++] = '/';
	path[n] = '\0';
	return path;
}

/* Is the guest on its way to what no mount changes, or only going to look at what the host has? */
static bool is_left_to_kernel(struct walk *w, const char *name, const struct stat *st)
{
	_cleanup_free_ char *path = name_ahead(w, name);
	_cleanup_mount_ struct mount *m = NULL;
	bool free_way = false;

	if (path && view_is_outside(w->v, path))
		return true;
	if (!path || !(w->flags & PATH_LOOK) ||
		((w->flags & PATH_LOOK_FILE) && walk_rest_empty(w->rest) && S_ISDIR(st->st_mode)))
		return false;
	m = view_seen_through(w->v, path, &free_way);
	return m && free_way && mount_leaves(m, path, w->flags & PATH_LOOK_FILE);
}

/* Is the guest's mount of `fd` read-only, and the host's at this name is not? That the host's is
 * matters to no mount over it. */
static bool made_readonly(int fd, const char *name)
{
	struct statfs guests, hosts;

	return fstatfs(fd, &guests) == 0 && (guests.f_flags & ST_RDONLY) &&
	       !(statfs(name, &hosts) == 0 && (hosts.f_flags & ST_RDONLY));
}

/* Onto what a mount has in the place of the host's file of this name. */
static int cross_over(struct walk *w, int fd, uint64_t mnt_id, const char *name)
{
	struct own_place own = { .fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
		.mnt_id = mnt_id,
		.readonly = made_readonly(fd, name) };
	struct inode *ino;
	struct mount *mnt;
	int r;

	if (own.fd < 0)
		return -errno;
	r = place_over(w->v, walk_req(w), name, false, &mnt, &ino);
	if (r > 0) {
		own_place_move(&w->next, &own);
		walk_no_last(w, false);
		w->touched = true;
		r = walk_cross_on(w, mnt, ino);
		return r < 0 ? r : 1;
	}
	own_place_release(&own);
	return r;
}

int walk_over(struct walk *w, int fd, const struct stat *st)
{
	_cleanup_free_ char *name = NULL;
	struct statx sx;
	int r;

	if (!atomic_load_explicit(&w->v->nseen_through, memory_order_relaxed) ||
		statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) < 0 ||
		sx.stx_mnt_id == w->own_mount)
		return 0;
	r = name_on_host(w, fd, sx.stx_mnt_id, st, &name);
	if (r < 0)
		return r == -ENOENT || (w->flags & PATH_LOOK) ? 0 : r;
	return is_left_to_kernel(w, name, st) ? 0 : cross_over(w, fd, sx.stx_mnt_id, name);
}

int walk_over_opened(struct walk *w, int fd, const struct stat *st)
{
	const bool usual = S_ISREG(st->st_mode) || S_ISDIR(st->st_mode);
	const bool opened = atomic_load(&w->v->opened);
	_cleanup_free_ char *name = NULL;
	char link[FD_PATH_MAX], real[PATH_MAX];

	if (!st->st_nlink)
		return 0;
	if (usual && !opened)
		return walk_over(w, fd, st);
	if (read_link(AT_FDCWD, fd_path(link, fd), real, sizeof(real)) <= 0)
		real[0] = '\0';	      /* it is too long */
	if (!usual && real[0] != '/') /* a pipe, and the like of it, has no path */
		return 0;
	if (opened && same_file(real, st))
		name = view_opened_name_of(w->v, st->st_dev, st->st_ino, real);
	return name ? cross_over(w, fd, 0, name) : walk_over(w, fd, st);
}

/* ---- the kernel's place beside a walk ---- */

static bool is_inode(struct inode *ino, const struct statx *sx)
{
	return inode_is(ino, makedev(sx->stx_dev_major, sx->stx_dev_minor), sx->stx_ino);
}

static int look_at(int fd, struct statx *ret)
{
	return statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_TYPE | STATX_MNT_ID, ret) < 0 ? -errno
											    : 0;
}

static int open_by_words(struct call *c, int dirfd, const char *word)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS |
			   (*word == '/' ? RESOLVE_IN_ROOT : RESOLVE_NO_SYMLINKS) };
	_cleanup_fd_ int at = -1;
	char link[CALL_START_MAX];
	int fd;

	if (!call_start(c, dirfd, word, link))
		return -EBADF;
	at = open(link, O_PATH | O_CLOEXEC);
	if (at < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, at, word, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

void path_seek_own(struct path *p)
{
	struct own_place own = OWN_PLACE_NONE;
	struct statx sx;

	if (p->own.fd >= 0 || !p->mnt->seen_through)
		return;
	own.fd = open(p->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (own.fd >= 0 && look_at(own.fd, &sx) == 0 && is_inode(p->inode, &sx)) {
		own.mnt_id = sx.stx_mnt_id;
		own_place_move(&p->own, &own);
	}
	own_place_release(&own);
}

bool path_word_leads(struct call *c, int dirfd, const char *word, const struct path *p)
{
	_cleanup_fd_ int fd = -1, real = -1;
	struct statx a, b;

	if (p->kind == PATH_REAL)
		real = openat(
			p->dirfd, p->last[0] ? p->last : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	else if (p->own.fd < 0 || p->own.below)
		return p->kind == PATH_NATIVE;
	fd = open_by_words(c, dirfd, word);
	return fd >= 0 && look_at(fd, &a) == 0 &&
	       look_at(p->kind == PATH_REAL ? real : p->own.fd, &b) == 0 &&
	       a.stx_ino == b.stx_ino && a.stx_mnt_id == b.stx_mnt_id;
}

/* The same where the walk comes to another of the guest's mounts. */
static bool mount_readonly(struct walk *w, int fd, struct inode *ino)
{
	_cleanup_free_ char *name = path_of_inode(w->v, w->at.mnt, ino);

	return name && made_readonly(fd, name);
}

int walk_elsewhere_beside(struct walk *w, struct inode *child, bool *ret_left)
{
	const struct own_place *at = &w->at.own;
	_cleanup_fd_ int fd = -1;
	struct statx sx;
	int r;

	*ret_left = false;
	if (!at->below)
		fd = openat(at->fd, w->last, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && look_at(fd, &sx) == 0) {
		if (is_inode(child, &sx)) {
			struct own_place own = { .fd = take_fd(&fd),
				.mnt_id = sx.stx_mnt_id,
				.readonly = at->readonly };

			if (sx.stx_mnt_id != at->mnt_id) {
				own.readonly = mount_readonly(w, own.fd, child);
				walk_no_last(w, false);
			}
			own_place_move(&w->next, &own);
			return 0;
		}
		*ret_left = sx.stx_mnt_id != at->mnt_id;
		if (*ret_left)
			return walk_elsewhere_onto(w, take_fd(&fd));
	}
	r = own_place_copy(&w->next, at);
	w->next.below++;
	return r;
}

/* The folder above, on the same mount of both. */
static bool up_beside(struct walk *w, int fd, uint64_t mnt_id)
{
	struct inode *above;
	struct statx sx;
	bool same;

	if (w->at.ino == w->at.mnt->root || look_at(fd, &sx) < 0 || sx.stx_mnt_id != mnt_id)
		return false;
	above = inode_parent(w->at.ino);
	same = is_inode(above, &sx);
	inode_put(above);
	return same;
}

int walk_elsewhere_up(struct walk *w)
{
	_cleanup_mount_ struct mount *mnt = mount_get(w->at.mnt);
	struct own_place own = OWN_PLACE_NONE, above = OWN_PLACE_NONE;
	bool beside;

	own_place_move(&own, &w->at.own);
	if (own.below) {
		own.below--;
		own_place_move(&w->next, &own);
		return walk_cross_on(w, take_ptr(&mnt), inode_parent(w->at.ino));
	}
	if (walk_elsewhere_is_root(w, own.fd)) {
		own_place_move(&w->at.own, &own);
		return WALK_MORE;
	}
	above.fd = openat(own.fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	above.mnt_id = own.mnt_id;
	above.readonly = own.readonly;
	if (above.fd < 0) {
		own_place_release(&own);
		return -errno;
	}
	beside = up_beside(w, above.fd, own.mnt_id);
	own_place_release(&own);
	if (!beside)
		return w->flags & PATH_NO_XDEV ? (own_place_release(&above), -EXDEV)
					       : walk_elsewhere_onto(w, above.fd);
	own_place_move(&w->next, &above);
	return walk_cross_on(w, take_ptr(&mnt), inode_parent(w->at.ino));
}
