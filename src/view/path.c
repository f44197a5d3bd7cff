/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Path resolution: where a walk begins, and what is told of its end. The walk itself is in
 * walk.c and walk_real.c.
 */
#include "view/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "engine/guestfd.h"
#include "view/elsewhere.h"
#include "view/opened.h"
#include "view/root.h"
#include "view/walk.h"

void path_release(struct path *p)
{
	if (p->dirfd >= 0)
		close(p->dirfd);
	if (p->inode)
		inode_put(p->inode);
	if (p->parent)
		inode_put(p->parent);
	if (p->mnt)
		mount_put(p->mnt);
	own_place_release(&p->own);
	free(p->name);
	free(p->link);
	*p = (struct path)PATH_INIT;
}

int path_want_write(const struct path *p)
{
	return p->own.readonly ? -EROFS : mount_want_write(p->mnt);
}

bool path_apart(const struct path *a, const struct path *b)
{
	return a->last[0] && b->last[0] && a->own.mnt_id && b->own.mnt_id &&
	       a->own.mnt_id != b->own.mnt_id;
}

/* A bind of a directory: the path from there. What has left it meanwhile keeps its whole path. */
static void cut_root(char *inner, struct inode *root)
{
	_cleanup_free_ char *top = inode_path(root);
	size_t n = top ? strlen(top) : 0;

	if (n == 0 || strncmp(inner, top, n) != 0)
		return;
	if (inner[n] == '/')
		memmove(inner, inner + n, strlen(inner + n) + 1);
	else if (!inner[n])
		strcpy(inner, "/");
}

char *path_of_inode(UNUSED struct view *v, struct mount *m, struct inode *ino)
{
	_cleanup_free_ char *inner = inode_path(ino);

	if (inner && m->root->nodeid != m->fs->root_node)
		cut_root(inner, m->root);
	if (!inner)
		return NULL;
	if (m->target_len == 1)
		return take_ptr(&inner);
	return str_printf("%s%s", m->target, inner[1] ? inner : "");
}

static void walk_init(
	struct walk *w, struct call *c, struct view *v, const struct fs_req *req, unsigned flags)
{
	w->c = c;
	w->v = v;
	w->flags = flags;
	if ((flags & PATH_CREATE) && !(flags & PATH_FOLLOW))
		w->flags |= PATH_PARENT;
	if (flags & PATH_PARENT)
		w->flags |= PATH_CREATE;
	w->req = req;
	place_init(&w->at);
	w->root = NULL;
	w->rooted = w->led = false;
	w->root_fd = -1;
	w->ns = 0;
	w->own_mount = 0;
	w->next = (struct own_place)OWN_PLACE_NONE;
	w->start_link[0] = '\0';
	w->touched = flags & PATH_REALIZE;
	w->seen = 0;
	w->alive = false;
	w->links = 0;
	w->word = w->rest = "";
	w->rest_buf = NULL;
	w->parent = NULL;
	w->dirfd = -1;
	w->negative = w->last_dot = w->slash = false;
	w->link = NULL;
	w->last[0] = '\0';
}

static void walk_release(struct walk *w)
{
	place_release(&w->at);
	if (w->root)
		place_release(w->root);
	free(w->root);
	free(w->rest_buf);
	free(w->link);
	if (w->parent)
		inode_put(w->parent);
	if (w->dirfd >= 0)
		close(w->dirfd);
	if (w->root_fd >= 0)
		close(w->root_fd);
	own_place_release(&w->next);
}

static int fill_virtual(struct walk *w, struct path *ret)
{
	struct place *at = &w->at;
	_cleanup_free_ char *dir = NULL;
	struct inode *parent = w->negative ? at->ino : w->parent;

	if (!w->negative && inode_type(at->ino) != S_IFDIR &&
		((w->flags & PATH_DIRECTORY) || (w->slash && !(w->flags & PATH_CREATE))))
		return -ENOTDIR;
	dir = path_of_inode(w->v, at->mnt, parent ? parent : at->ino);
	if (!dir)
		return -ENOMEM;
	if (parent)
		ret->name = str_printf("%s/%s", dir[1] ? dir : "", w->last);
	else
		ret->name = take_ptr(&dir);
	if (!ret->name)
		return -ENOMEM;
	ret->kind = PATH_VIRTUAL;
	ret->mnt = take_ptr(&at->mnt);
	if (w->negative) {
		ret->parent = take_ptr(&at->ino);
	} else {
		ret->inode = take_ptr(&at->ino);
		ret->parent = take_ptr(&w->parent);
	}
	own_place_move(&ret->own, &at->own);
	return 0;
}

static int fill_real(struct walk *w, struct path *ret)
{
	ret->kind = PATH_REAL;
	ret->name = strdup(w->dirfd >= 0 ? w->full : w->at.name);
	if (!ret->name)
		return -ENOMEM;
	if (w->dirfd < 0)
		w->dirfd = w->at.fd >= 0 ? take_fd(&w->at.fd)
					 : open(w->at.name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (w->dirfd < 0)
		return -errno;
	ret->dirfd = take_fd(&w->dirfd);
	ret->tid = w->root_fd >= 0 ? w->c->tid : 0;
	ret->link = take_ptr(&w->link);
	return 0;
}

/* What the walk's end means, in *ret. */
static int walk_result(struct walk *w, int step, struct path *ret)
{
	_cleanup_path_ struct path p = PATH_INIT;
	int err;

	if (step < 0)
		return step;
	if (step != WALK_NATIVE) {
		err = w->at.mnt ? fill_virtual(w, &p) : fill_real(w, &p);
		if (err < 0)
			return err;
		strcpy(p.last, w->last);
		p.last_dot = w->last_dot;
		p.slash = w->slash;
		p.ns = w->ns;
		/* the task whose directory it began at may have been another since */
		if (!walk_alive(w))
			return -ESRCH;
	} else {
		p.seen = w->seen;
	}
	*ret = p;
	p = (struct path)PATH_INIT;
	return 0;
}

/* The start is a name that the host has: is it what the guest stands in, or holds? */
static int start_moved(struct walk *w)
{
	struct inode *ino;
	struct mount *mnt;
	int r = place_over(w->v, walk_req(w), w->at.name, true, &mnt, &ino);

	if (r > 0) {
		place_set_virtual(&w->at, mnt, ino);
		return 0;
	}
	/* removed: it is there, and nothing is in it */
	return r < 0 && strcmp(w->word, ".") == 0 &&
			       (w->flags & (PATH_LOOK | PATH_LOOK_FILE)) == PATH_LOOK
		       ? WALK_NATIVE
		       : r;
}

/* It begins at a directory of ours, which has no name to be read. */
static bool start_placeholder(struct walk *w)
{
	struct inode *ino;
	struct mount *mnt;

	if (!place_is_placeholder(w->v, w->start_link, &mnt, &ino))
		return false;
	place_set_virtual(&w->at, mnt, ino);
	return true;
}

/* Where a relative path begins: 0, or WALK_NATIVE when the kernel knows best. */
static int walk_start(struct walk *w, int dirfd)
{
	struct stat st;
	int err;

	if (!call_start(w->c, dirfd, "", w->start_link))
		return WALK_NATIVE;
	if (w->root_fd >= 0)
		return walk_elsewhere_start(w, w->start_link);
	if (dirfd < VFD_BASE || !start_placeholder(w)) {
		err = place_of_link(w->v, w->start_link, &w->at);
		if (err < 0)
			return WALK_NATIVE;
	}
	/* its name is no place any more where to look for others */
	if (w->at.fd >= 0 && fstat(w->at.fd, &st) == 0 && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	/* a file that was opened on a mount: the host's name of it may be anything's (fs/tmpfs) */
	if (!w->at.mnt && dirfd >= 0 && atomic_load(&w->v->opened)) {
		_cleanup_free_ char *name = view_opened_name(w->v, w->start_link);

		if (name)
			return -ENOTDIR;
	}
	if (!w->at.mnt && walk_is_ruled(w, w->start_link, w->at.name)) {
		char name[PATH_MAX];

		if (w->flags & (PATH_BENEATH | PATH_IN_ROOT))
			return -EXDEV;
		strcpy(name, w->at.name);
		return walk_by_name(w, name);
	}
	err = w->at.mnt || w->at.fd >= 0 ? 0 : start_moved(w);
	if (err)
		return err;
	if (w->at.mnt)
		w->touched = true;
	if (w->at.mnt || w->at.fd >= 0)
		w->start_link[0] = '\0';
	return 0;
}

/* AT_EMPTY_PATH: what a descriptor is. */
static int resolve_empty(struct walk *w, int dirfd)
{
	if (!call_start(w->c, dirfd, "", w->start_link))
		return WALK_NATIVE;
	if (start_placeholder(w))
		return WALK_END;
	if (w->root_fd >= 0 && !(w->flags & PATH_LOOK))
		return walk_elsewhere_empty(w);
	if (!(w->flags & PATH_LOOK) && walk_seen_through_file(w, w->start_link))
		return walk_run(w);
	return WALK_NATIVE;
}

/* Where a walk may not leave its start, or its mount, that start is where it is in the view: on the
 * mount that is seen through, if one covers it. */
static int start_on_mount(struct walk *w)
{
	const unsigned flags = w->flags & ~(unsigned)(PATH_LOOK | PATH_LOOK_FILE);
	const char *rest = w->rest;
	int r;

	if (w->at.mnt || w->root_fd >= 0 ||
		!atomic_load_explicit(&w->v->nseen_through, memory_order_relaxed))
		return 0;
	w->flags = flags & ~(unsigned)(PATH_NO_XDEV | PATH_BENEATH | PATH_IN_ROOT);
	w->rest = ".";
	r = walk_run(w);
	w->rest = rest;
	w->flags = flags;
	return r < 0 ? r : 0;
}

static int resolve(struct walk *w, int dirfd, const char *word)
{
	const bool scoped = w->flags & (PATH_BENEATH | PATH_IN_ROOT);
	int err;

	if (!*word)
		return w->flags & PATH_EMPTY ? resolve_empty(w, dirfd) : -ENOENT;
	w->word = w->rest = word;
	if (*word != '/' || (w->flags & PATH_IN_ROOT)) {
		err = walk_start(w, dirfd);
		if (err)
			return err;
	} else {
		if (scoped)
			return WALK_NATIVE; /* EXDEV */
		err = walk_to_root(w);
		if (err < 0)
			return err;
	}
	if (scoped && w->root_fd >= 0 && !w->at.mnt)
		return WALK_NATIVE;
	if (w->flags & (PATH_NO_XDEV | PATH_BENEATH | PATH_IN_ROOT)) {
		err = start_on_mount(w);
		if (err < 0)
			return err;
	}
	if (scoped) {
		if (w->root)
			place_release(w->root);
		else
			w->root = malloc(sizeof(*w->root));
		w->rooted = false;
		if (!w->root)
			return -ENOMEM;
		err = place_copy(w->root, &w->at);
		if (err < 0)
			return err;
	}
	return walk_run(w);
}

int path_resolve(struct call *c, struct view *v, int dirfd, const char *word, unsigned flags,
	struct path *ret)
{
	uint64_t began = part_begin(c);
	struct walk w;
	int r;

	if (!view_has_mounts(v) && !(flags & PATH_REALIZE) && !view_may_lead(v, word)) {
		*ret = (struct path)PATH_INIT;
		return 0;
	}
	walk_init(&w, c, v, NULL, flags);
	r = walk_elsewhere_begin(&w);
	if (r < 0)
		r = WALK_NATIVE;
	else if (!(flags & PATH_VIEW_ROOT))
		r = root_begin(&w);
	r = walk_result(&w, r ? r : resolve(&w, dirfd, word), ret);
	walk_release(&w);
	part_end(c, PART_RESOLVE, began);
	return r;
}

int path_resolve_arg(
	struct call *c, struct view *v, int dirfd, gaddr_t word, unsigned flags, struct path *ret)
{
	char buf[PATH_MAX];
	ssize_t n = guest_read_str(c, word, buf, sizeof(buf));

	return n < 0 ? (int)n : path_resolve(c, v, dirfd, buf, flags, ret);
}

int path_resolve_abs(struct view *v, const struct fs_req *req, const char *word, unsigned flags,
	struct path *ret)
{
	struct fs_req own;
	struct walk w;
	int r;

	if (*word != '/')
		return -EINVAL;
	if (!req) {
		fs_req_init(&own, NULL);
		req = &own;
	}
	walk_init(&w, req->call, v, req, flags);
	w.touched = true;
	r = walk_result(&w, resolve(&w, AT_FDCWD, word), ret);
	walk_release(&w);
	return r;
}

/* The name in the view of a folder that was renamed there, or the host's with a mark; NULL: it is
 * the host's. */
static char *moved_name(struct view *v, const char *real)
{
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_mount_ struct mount *mnt = NULL;
	struct fs_req req;
	int r;

	fs_req_init(&req, NULL);
	r = place_over(v, &req, real, true, &mnt, &ino);
	if (r == 0)
		return NULL;
	return r < 0 ? str_printf("%s (deleted)", real) : path_of_inode(v, mnt, ino);
}

char *path_moved_name(struct view *v, const char *link)
{
	char real[PATH_MAX];
	struct stat st;

	if (!atomic_load_explicit(&v->nseen_through, memory_order_relaxed) || stat(link, &st) < 0 ||
		!S_ISDIR(st.st_mode) || read_link(AT_FDCWD, link, real, sizeof(real)) < 0)
		return NULL;
	return moved_name(v, real);
}

/* A placeholder that was opened beside something in a tree of the guest's own: its name there,
 * malloc'ed; NULL: elsewhere_path() knows. */
static char *own_name(struct view *v, struct call *c, const char *link, struct inode *ino)
{
	struct own_place own = OWN_PLACE_NONE;
	struct stat st;
	char *name = NULL;

	if (!c || !v->own_place || !is_elsewhere(v, c->tid) || stat(link, &st) < 0)
		return NULL;
	if (v->own_place(v->placeholder_arg, &st, &own) == 0 && own.fd >= 0)
		name = elsewhere_own_name(c->tid, &own, ino);
	own_place_release(&own);
	return name;
}

char *path_of_placeholder(
	struct view *v, struct call *c, const char *link, struct mount *mnt, struct inode *ino)
{
	_cleanup_free_ char *name = own_name(v, c, link, ino);

	if (!name)
		name = elsewhere_path(v, c ? c->tid : 0, mnt, ino);
	return name && atomic_load(&ino->deleted) ? str_printf("%s (deleted)", name)
						  : take_ptr(&name);
}

/* The path that a link of /proc/TID leads to, as the view has it. */
static int path_of_link(struct call *c, struct view *v, const char *link, char **ret)
{
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_mount_ struct mount *mnt = NULL;
	char real[PATH_MAX];
	char *path;
	ssize_t n;

	if (place_is_placeholder(v, link, &mnt, &ino)) {
		path = path_of_placeholder(v, c, link, mnt, ino);
	} else {
		n = read_link(AT_FDCWD, link, real, sizeof(real));
		if (n < 0)
			return (int)n;
		path = view_opened_name(v, link);
		if (!path)
			path = path_moved_name(v, link);
		if (!path)
			path = strdup(real);
	}
	if (!path)
		return -ENOMEM;
	if (c && c->engine && !call_alive(c)) {
		free(path);
		return -ESRCH;
	}
	*ret = path;
	return 0;
}

int path_of_cwd(struct call *c, struct view *v, pid_t tid, char **ret)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/%d/cwd", tid);
	return path_of_link(c, v, link, ret);
}

int path_of_fd(struct call *c, struct view *v, pid_t tid, int fd, char **ret)
{
	char link[64];
	int err;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", tid, fd);
	err = path_of_link(c, v, link, ret);
	return err == -ENOENT ? -EBADF : err;
}
