/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A guest that has made a mount namespace (bwrap, unshare) or changed its root
 * finds other files under the same words than we do. Its tree is walked from its own root by
 * descriptors, component by component; the kernel crosses its mounts on the way. A mount of the
 * view is found by what it covers: where the walk comes to that file, by whatever path and bind
 * mount, the mount lies on it. (A bind that is not recursive would not have it; that is not known
 * to us.) What nothing of the view was used for is left to the kernel, as on the host's tree.
 */
#include "view/elsewhere.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "engine/nr.h"
#include "engine/status.h"
#include "view/mountinfo.h"
#include "view/opened.h"
#include "view/space.h"
#include "view/walk.h"

#define PROC_ROOT_INO 1

ino_t elsewhere_ns(struct view *v, pid_t tid)
{
	ino_t its = process_ns(tid, "mnt");

	return v->mnt_ns && its != v->mnt_ns ? its : 0;
}

void elsewhere_note(struct view *v, pid_t tid)
{
	if (!atomic_load_explicit(&v->exotic, memory_order_relaxed) &&
		(process_ns(tid, "mnt") != v->mnt_ns || process_ns(tid, "user") != v->user_ns))
		atomic_store(&v->exotic, true);
}

bool is_elsewhere(struct view *v, pid_t tid)
{
	char link[64], root[8];

	if (!atomic_load_explicit(&v->exotic, memory_order_relaxed))
		return false;
	if (elsewhere_ns(v, tid))
		return true;
	snprintf(link, sizeof(link), "/proc/%d/root", tid);
	return read_link(AT_FDCWD, link, root, sizeof(root)) != 1;
}

static int open_root(pid_t tid)
{
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/root", tid);
	fd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* ---- names ---- */

/* Opens `path` as the task has it, if it is what the mount covers. */
static int open_covered(int root, const char *path, const struct mount *m)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_dev == m->host.dev && st.st_ino == m->host.ino)
		return fd;
	close(fd);
	return -ENOENT;
}

/* The same, wherever it is found; *ret its name. */
static int find_covered(int root, const char *info, const struct mount *m, char **ret)
{
	struct mountinfo mi;
	int fd = open_covered(root, m->target, m);

	if (fd >= 0) {
		*ret = strdup(m->target);
	} else {
		while (fd < 0 && m->host.path && mountinfo_next(&info, &mi)) {
			_cleanup_free_ char *path =
				mountinfo_outside(&mi, m->host.dev, m->host.path);

			fd = path ? open_covered(root, path, m) : -ENOENT;
			if (fd >= 0)
				*ret = take_ptr(&path);
		}
	}
	if (fd >= 0 && !*ret) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

static const struct mount *bottom_of(const struct mount *m)
{
	while (m->parent)
		m = m->parent;
	return m;
}

char *elsewhere_name(struct view *v, pid_t tid, const char *info, struct mount *m)
{
	const struct mount *bottom = bottom_of(m);
	_cleanup_free_ char *name = NULL;
	_cleanup_fd_ int root = -1, fd = -1;
	const char *rest;

	if (bottom->ns && bottom->ns != elsewhere_ns(v, tid))
		return NULL;
	root = open_root(tid);
	if (root < 0)
		return NULL;
	fd = find_covered(root, info, bottom, &name);
	rest = fd < 0 ? NULL : path_below(m->target, bottom->target);
	return rest ? str_printf("%s%s", name[1] || !*rest ? name : "", rest) : NULL;
}

char *elsewhere_path(struct view *v, pid_t tid, struct mount *m, struct inode *ino)
{
	_cleanup_free_ char *path = path_of_inode(v, m, ino), *info = NULL, *name = NULL;
	const char *rest;

	if (!path || !tid || !is_elsewhere(v, tid))
		return take_ptr(&path);
	info = mountinfo_read(tid);
	name = info ? elsewhere_name(v, tid, info, m) : NULL;
	rest = name ? path_below(path, m->target) : NULL;
	return rest ? str_printf("%s%s", name[1] || !*rest ? name : "", rest) : take_ptr(&path);
}

char *elsewhere_own_name(pid_t tid, const struct own_place *own, struct inode *ino)
{
	_cleanup_free_ char *inner = inode_path(ino);
	char link[64], root[PATH_MAX], name[PATH_MAX];
	const char *rest, *tail;

	snprintf(link, sizeof(link), "/proc/%d/root", tid);
	if (!inner || read_link(AT_FDCWD, link, root, sizeof(root)) <= 0 ||
		read_link(AT_FDCWD, fd_path(link, own->fd), name, sizeof(name)) <= 0)
		return NULL;
	rest = path_below(name, root);
	tail = inner + strlen(inner);
	for (unsigned i = 0; i < own->below && tail > inner; i++) {
		while (*--tail != '/' && tail > inner)
			;
	}
	return rest ? str_printf("%s%s", *rest || *tail ? rest : "/", tail) : NULL;
}

/* ---- walking ---- */

int walk_elsewhere_begin(struct walk *w)
{
	if (w->c)
		w->ns = space_of(w->v, w->c->tid);
	if (!w->c || !is_elsewhere(w->v, w->c->tid))
		return 0;
	w->root_fd = open_root(w->c->tid);
	w->ns = elsewhere_ns(w->v, w->c->tid);
	return w->root_fd < 0 ? w->root_fd : 0;
}

/* Onto fd (taken), of which the text is a name. */
static void arrive(struct walk *w, int fd, const char *name)
{
	place_set_real(&w->at, name, strlen(name), fd);
}

/* Onto a mount of the view that lies on the file `fd`, if there is one. */
static int cross(struct walk *w, int fd, const struct stat *st, bool *ret)
{
	struct mount *m = view_mount_over(w->v, w->ns, st->st_dev, st->st_ino);
	int r;

	*ret = true;
	if (m && !m->seen_through)
		return walk_cross(w, m);
	if (m)
		mount_put(m);
	r = walk_over(w, fd, st);
	*ret = r != 0;
	return r == 1 ? WALK_MORE : r;
}

/* The same, which is named as the kernel has it. */
static void arrive_unnamed(struct walk *w, int fd)
{
	char link[FD_PATH_MAX], name[PATH_MAX];

	if (read_link(AT_FDCWD, fd_path(link, fd), name, sizeof(name)) <= 0)
		strcpy(name, "/");
	arrive(w, fd, name);
}

static int cross_here(struct walk *w)
{
	struct stat st;
	bool crossed;

	if (fstat(w->at.fd, &st) < 0)
		return walk_real_error(w, -errno);
	return cross(w, w->at.fd, &st, &crossed);
}

int walk_elsewhere_root(struct walk *w)
{
	int fd = fcntl(w->root_fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	arrive(w, fd, "/");
	return cross_here(w);
}

int walk_elsewhere_at(struct walk *w, const char *name)
{
	int fd;

	if (w->next.fd >= 0 && !w->next.below)
		fd = take_fd(&w->next.fd);
	else
		fd = openat(w->root_fd, name[1] ? name + 1 : ".",
			O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	arrive_unnamed(w, fd);
	return 0;
}

/* What the kernel has beside a placeholder was noted when it was opened. */
static int own_place_of(struct walk *w, const char *link)
{
	struct view *v = w->v;
	struct stat st;

	if (!w->at.mnt->seen_through || !v->own_place || stat(link, &st) < 0)
		return 0;
	return v->own_place(v->placeholder_arg, &st, &w->at.own);
}

int walk_elsewhere_start(struct walk *w, const char *link)
{
	struct inode *ino;
	struct mount *mnt;
	struct stat st;
	int fd, r;

	if (place_is_placeholder(w->v, link, &mnt, &ino)) {
		place_set_virtual(&w->at, mnt, ino);
		w->touched = true;
		return own_place_of(w, link);
	}
	fd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return WALK_NATIVE;
	arrive_unnamed(w, fd);
	r = fstat(fd, &st) < 0 ? -errno : walk_over(w, fd, &st);
	return r < 0 ? r : 0;
}

int walk_elsewhere_empty(struct walk *w)
{
	_cleanup_fd_ int fd = open(w->start_link, O_PATH | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return WALK_NATIVE;
	r = walk_over_opened(w, fd, &st);
	return r < 0 ? r : r == 0 ? WALK_NATIVE : WALK_END;
}

bool walk_elsewhere_is_root(const struct walk *w, int fd)
{
	struct statx a, b;

	return statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &a) == 0 &&
	       statx(w->root_fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &b) == 0 &&
	       a.stx_ino == b.stx_ino && a.stx_mnt_id == b.stx_mnt_id;
}

static int dotdot(struct walk *w)
{
	char *slash;
	int fd;

	if (walk_elsewhere_is_root(w, w->at.fd))
		return WALK_MORE;
	fd = openat(w->at.fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return walk_real_error(w, -errno);
	slash = strrchr(w->at.name, '/');
	if (slash)
		slash[slash == w->at.name] = '\0';
	close(w->at.fd);
	w->at.fd = fd;
	return cross_here(w);
}

int walk_elsewhere_onto(struct walk *w, int fd)
{
	const bool last = walk_rest_empty(w->rest);
	struct stat st;
	int r;

	walk_no_last(w, false);
	arrive_unnamed(w, fd);
	w->touched = true;
	if (w->flags & PATH_NO_XDEV)
		return -EXDEV;
	r = cross_here(w);
	if (r < 0 || w->at.mnt || !last || fstat(w->at.fd, &st) < 0 || S_ISDIR(st.st_mode))
		return r;
	return (w->flags & PATH_DIRECTORY) || (w->slash && !(w->flags & PATH_CREATE)) ? -ENOTDIR
										      : WALK_MORE;
}

int walk_elsewhere_above(struct walk *w, struct mount *m)
{
	_cleanup_free_ char *info = mountinfo_read(w->c->tid), *name = NULL;
	int fd = info ? find_covered(w->root_fd, info, m, &name) : -ENOENT;

	if (fd < 0)
		return fd;
	arrive(w, fd, name);
	return dotdot(w);
}

bool walk_on_proc(int fd)
{
	struct statfs sf;

	return fstatfs(fd, &sf) == 0 && sf.f_type == PROC_SUPER_MAGIC;
}

/* What /proc/self and /proc/thread-self say to the guest; its /proc may be of another pid
 * namespace. */
static int self_body(struct walk *w, const struct stat *st)
{
	pid_t tgid = call_tgid(w->c), ids[2] = { tgid, w->c->tid };
	char status[STATUS_MAX];
	struct stat ours;

	if (tgid < 0)
		return tgid;
	for (int i = 0; i < 2 && (stat("/proc", &ours) < 0 || ours.st_dev != st->st_dev); i++) {
		char *p = status_read(ids[i], status, sizeof(status)) < 0
				  ? NULL
				  : strstr(status, "\nNSpid:");

		if (!p)
			return -ENOENT;
		/* the last of the line is that of its own namespace */
		p[1 + strcspn(p + 1, "\n")] = '\0';
		ids[i] = (pid_t)atoi(strrchr(p, '\t') + 1);
	}
	if (strcmp(w->last, "self") == 0)
		snprintf(w->body, sizeof(w->body), "%d", ids[0]);
	else
		snprintf(w->body, sizeof(w->body), "%d/task/%d", ids[0], ids[1]);
	return 0;
}

/* A link of /proc that leads to a file, not to a name. */
static int magic(struct walk *w)
{
	_cleanup_fd_ int fd = openat(w->at.fd, w->last, O_PATH | O_CLOEXEC);
	struct inode *ino;
	struct mount *mnt;
	struct stat st;
	int r;

	if (w->flags & (PATH_NO_MAGIC | PATH_NO_SYMLINKS) || ++w->links > WALK_MAX_LINKS)
		return walk_real_error(w, -ELOOP);
	if (fd < 0 || fstat(fd, &st) < 0)
		return walk_real_error(w, -errno);
	if (w->v->placeholder && w->v->placeholder(w->v->placeholder_arg, &st, &ino, &mnt)) {
		place_set_virtual(&w->at, mnt, ino);
		w->touched = true;
		walk_no_last(w, false);
		return own_place_of(w, fd_path(w->body, fd));
	}
	r = walk_over_opened(w, fd, &st);
	if (r)
		return r < 0 ? r : WALK_MORE;
	if (!w->touched && walk_rest_empty(w->rest))
		return WALK_NATIVE;
	arrive_unnamed(w, take_fd(&fd));
	walk_no_last(w, false);
	return WALK_MORE;
}

/* Is w->last, a link of /proc, one that leads to a file? */
static bool is_magic(const struct walk *w)
{
	static const char *const names[] = { "cwd", "exe", "root" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(w->last, names[i]) == 0)
			return true;
	}
	return w->last[strspn(w->last, "0123456789")] == '\0';
}

/* Is w->last the link of /proc that is another for each who asks? */
static bool is_self(const struct walk *w, struct stat *ret)
{
	return (strcmp(w->last, "self") == 0 || strcmp(w->last, "thread-self") == 0) &&
	       walk_on_proc(w->at.fd) && fstat(w->at.fd, ret) == 0 && ret->st_ino == PROC_ROOT_INO;
}

static int follow(struct walk *w)
{
	struct stat st;
	ssize_t n;

	if (walk_on_proc(w->at.fd)) {
		if (is_self(w, &st)) {
			int r = self_body(w, &st);

			return r < 0 ? walk_real_error(w, r) : walk_follow(w, w->body);
		}
		if (is_magic(w))
			return magic(w);
	}
	n = read_link(w->at.fd, w->last, w->body, sizeof(w->body));
	/* "net:[4026531840]": of /proc/PID/ns */
	if (n > 0 && strstr(w->body, ":[") && walk_on_proc(w->at.fd))
		return magic(w);
	return n < 0 ? walk_real_error(w, (int)n) : walk_follow(w, w->body);
}

/* The name is the last: in the directory that the walk stands in. */
static int end_in(struct walk *w)
{
	size_t n = strlen(w->at.name);

	if (n + strlen(w->last) + 2 > sizeof(w->full))
		return -ENAMETOOLONG;
	snprintf(w->full, sizeof(w->full), "%s/%s", w->at.name[1] ? w->at.name : "", w->last);
	w->dirfd = take_fd(&w->at.fd);
	return WALK_END_REAL;
}

/* A link that is not followed: one of /proc may say what the kernel does not know. */
static int end_link(struct walk *w)
{
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_mount_ struct mount *mnt = NULL;
	char link[FD_PATH_MAX + sizeof(w->last) + 1], at[FD_PATH_MAX];
	struct stat st;

	if (w->touched && is_self(w, &st)) {
		int r = self_body(w, &st);

		w->link = r < 0 ? NULL : strdup(w->body);
		return r < 0 ? walk_real_error(w, r) : w->link ? end_in(w) : -ENOMEM;
	}
	if (!walk_on_proc(w->at.fd) || !is_magic(w))
		return w->touched ? end_in(w) : WALK_NATIVE;
	snprintf(link, sizeof(link), "%s/%s", fd_path(at, w->at.fd), w->last);
	if (!place_is_placeholder(w->v, link, &mnt, &ino)) {
		/* a layer's file: by the name that it was opened by, not that of where it is kept
		 */
		w->link = view_opened_name(w->v, link);
		return w->link || w->touched ? end_in(w) : WALK_NATIVE;
	}
	w->link = path_of_placeholder(w->v, w->c, link, mnt, ino);
	return w->link ? end_in(w) : -ENOMEM;
}

/* Into the file `fd` (taken) of this name. */
static int enter(struct walk *w, int fd)
{
	char name[PATH_MAX];

	if ((size_t)snprintf(name, sizeof(name), "%s/%s", w->at.name[1] ? w->at.name : "",
		    w->last) >= sizeof(name)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	arrive(w, fd, name);
	return WALK_MORE;
}

/* The file w->last in w->at, which is not a link that is followed. */
static int step(struct walk *w, int *fd, const struct stat *st, bool last)
{
	bool crossed = false;
	int r;

	if (!(last && (w->flags & PATH_MOUNTPOINT))) {
		r = cross(w, *fd, st, &crossed);
		if (crossed)
			return r;
	}
	if (!last && !S_ISDIR(st->st_mode))
		return walk_real_error(w, -ENOTDIR);
	if (!last)
		return enter(w, take_fd(fd));
	if (!w->touched)
		return WALK_NATIVE;
	if (!S_ISDIR(st->st_mode) &&
		((w->flags & PATH_DIRECTORY) || (w->slash && !(w->flags & PATH_CREATE))))
		return -ENOTDIR;
	return end_in(w);
}

int walk_elsewhere(struct walk *w)
{
	const char *p = w->rest + strspn(w->rest, "/"), *end = strchrnul(p, '/');
	size_t n = (size_t)(end - p);
	_cleanup_fd_ int fd = -1;
	struct stat st;
	bool last;

	w->rest = end;
	if (n == 0)
		return w->touched ? WALK_END : WALK_NATIVE;
	last = walk_rest_empty(end);
	w->slash = last && *end == '/';
	if (n <= 2 && p[0] == '.' && (n == 1 || p[1] == '.')) {
		walk_no_last(w, true);
		return n == 1 ? WALK_MORE : dotdot(w);
	}
	if (n > NAME_MAX)
		return walk_real_error(w, -ENAMETOOLONG);
	memcpy(w->last, p, n);
	w->last[n] = '\0';
	w->last_dot = false;
	fd = openat(w->at.fd, w->last, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && last && w->touched && (w->flags & PATH_CREATE)) {
		w->negative = true;
		return end_in(w);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return walk_real_error(w, -errno);
	if (S_ISLNK(st.st_mode) &&
		(!last || (w->flags & PATH_FOLLOW) || (w->slash && !(w->flags & PATH_PARENT))))
		return follow(w);
	if (S_ISLNK(st.st_mode))
		return end_link(w);
	return step(w, &fd, &st, last);
}
