/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walking the host's tree.
 *
 * Theory of operation. What lies ahead up to the next ".." or mount point of the view is one
 * stretch, and one openat2(RESOLVE_NO_SYMLINKS) says whether a symbolic link is in it. If none
 * is, the stretch's text is its canonical path; and if nothing virtual was used either, the
 * kernel will walk the guest's own words to the same end, or fail in the same way: the walk ends
 * as WALK_NATIVE without our knowing what is there. Only stretches with a link in them are
 * looked at closer.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>

#include "engine/nr.h"
#include "view/opened.h"
#include "view/root.h"
#include "view/walk.h"

enum run_stop { RUN_END, RUN_DOTDOT, RUN_SELF, RUN_TOO_LONG };

/* A stretch: w->full[0..base) is where the walk is, [base..len) what follows. */
struct run {
	size_t base, len;
	size_t last; /* where the last component begins in w->full */
	unsigned n;  /* components */
	bool dir;    /* a slash or "." follows: it must be a directory */
	bool dot;    /* the last that was seen was a "." */
	enum run_stop stop;
	const char *next; /* w->rest after it */
	bool thread_self;
};

static bool comp_is(const char *p, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(p, word, len) == 0;
}

static void run_build(struct walk *w, struct run *r)
{
	const char *p = w->rest;
	size_t len = strlen(w->at.name);

	if (len == 1)
		len = 0; /* "/" */
	*r = (struct run){ .base = len, .len = len, .last = len };
	memcpy(w->full, w->at.name, len);
	for (;;) {
		const char *end;
		size_t n;

		if (*p == '/') {
			r->dir = true;
			while (*p == '/')
				p++;
		}
		if (!*p) {
			r->stop = RUN_END;
			break;
		}
		end = strchrnul(p, '/');
		n = (size_t)(end - p);
		if (n == 1 && p[0] == '.') {
			r->dot = r->dir = true;
			p = end;
			continue;
		}
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			r->stop = RUN_DOTDOT;
			p = end;
			break;
		}
		if (r->len == 5 && memcmp(w->full, "/proc", 5) == 0 &&
			(comp_is(p, n, "self") || comp_is(p, n, "thread-self"))) {
			r->thread_self = n > 4;
			r->stop = RUN_SELF;
			p = end;
			break;
		}
		if (n > NAME_MAX || r->len + n + 1 >= PATH_MAX) {
			r->stop = RUN_TOO_LONG;
			break;
		}
		r->last = r->len;
		w->full[r->len++] = '/';
		memcpy(w->full + r->len, p, n);
		r->len += n;
		r->n++;
		r->dir = r->dot = false;
		p = end;
	}
	w->full[r->len] = '\0';
	r->next = p;
}

/* w->rest after the components that make up `len` bytes of the stretch. */
static const char *rest_after(const char *p, size_t len)
{
	while (len > 0) {
		const char *end;

		while (*p == '/')
			p++;
		end = strchrnul(p, '/');
		if (!(end - p == 1 && *p == '.'))
			len -= (size_t)(end - p) + 1;
		p = end;
	}
	return p;
}

/* Opens w->full[0..len), in which no symbolic link may be (-ELOOP). */
static int run_open_as(struct walk *w, const struct run *r, size_t len, int flags)
{
	struct open_how how = { .flags = (unsigned)(O_CLOEXEC | flags),
		.resolve = RESOLVE_NO_SYMLINKS };
	char saved = w->full[len];
	const char *path;
	int dirfd = AT_FDCWD, fd, tries = 0;

	w->full[len] = '\0';
	if (w->at.fd >= 0) {
		dirfd = w->at.fd;
		path = len > r->base ? w->full + r->base + 1 : ".";
	} else {
		path = len ? w->full : "/";
	}
	do {
		fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < 64);
	if (fd < 0)
		fd = -errno;
	w->full[len] = saved;
	return fd;
}

static int run_open(struct walk *w, const struct run *r, size_t len, int flags)
{
	return run_open_as(w, r, len, flags | O_PATH);
}

/* What is at w->full[0..len)? Nothing is opened: as a directory, and to write, nothing can be.
 * -EISDIR: a directory; -ENOTDIR, -ELOOP, -errno as of run_open(). */
static int run_look(struct walk *w, const struct run *r, size_t len, int flags)
{
	int fd = run_open_as(w, r, len, flags | O_WRONLY | O_DIRECTORY);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? -EISDIR : fd;
}

/* Reads the link w->full[0..len) into w->body: its length, -EINVAL: it is none. */
static ssize_t run_readlink(struct walk *w, const struct run *r, size_t len)
{
	char saved = w->full[len];
	ssize_t n;

	w->full[len] = '\0';
	if (w->at.fd >= 0)
		n = read_link(w->at.fd, w->full + r->base + 1, w->body, sizeof(w->body));
	else
		n = read_link(AT_FDCWD, w->full, w->body, sizeof(w->body));
	w->full[len] = saved;
	return n;
}

/* Only the name of where the walk began is known, and that may lead through directories that
 * nobody may search: take the directory itself. */
static bool use_start(struct walk *w, int err)
{
	int fd;

	if (err != -EACCES || !w->start_link[0] || w->at.fd >= 0)
		return false;
	fd = open(w->start_link, O_PATH | O_CLOEXEC);
	w->start_link[0] = '\0';
	if (fd < 0)
		return false;
	w->at.fd = fd;
	return true;
}

/* The walk stands at w->full[0..len), which fd (taken) is open on. */
static void run_arrive(struct walk *w, size_t len, int fd)
{
	bool keep = w->at.fd >= 0;

	if (!keep && fd >= 0)
		close(fd);
	if (len == 0)
		place_set_real(&w->at, "/", 1, keep ? fd : -1);
	else
		place_set_real(&w->at, w->full, len, keep ? fd : -1);
	w->start_link[0] = '\0';
}

/* The component that ends at `end` is a symbolic link, of body w->body. */
static int run_follow(struct walk *w, const struct run *r, size_t end)
{
	size_t begin = end;
	char saved = w->full[end];
	bool magic;

	w->full[end] = '\0';
	magic = walk_is_magic(w->full);
	w->full[end] = saved;
	w->rest = rest_after(w->rest, end - r->base);
	if (magic)
		return walk_follow_magic(w, end);
	while (w->full[begin - 1] != '/')
		begin--;
	begin--;
	if (begin > r->base) {
		int fd = -1;

		if (w->at.fd >= 0) {
			fd = run_open(w, r, begin, O_DIRECTORY);
			if (fd < 0)
				return walk_real_error(w, fd);
		}
		run_arrive(w, begin, fd);
	}
	return walk_follow(w, w->body);
}

static bool looks_at_closed(const struct walk *w)
{
	return (w->flags & PATH_LOOK) &&
	       atomic_load_explicit(&w->v->sees_closed, memory_order_relaxed);
}

/* What the kernel would not let through may be open to a guest who is root of the view: the mount
 * says so. */
static bool look_closer(struct walk *w, int err)
{
	if (err != -EACCES || !looks_at_closed(w))
		return false;
	w->flags &= ~(unsigned)(PATH_LOOK | PATH_LOOK_FILE);
	return true;
}

/* May it be searched? */
static int dir_closed(int fd)
{
	return faccessat(fd, ".", X_OK, 0) < 0 ? -errno : 0;
}

/* The same of a directory that was come to, and that the guest is to search or to stand in. */
static int closed_dir(const struct walk *w, int fd)
{
	return looks_at_closed(w) ? dir_closed(fd) : 0;
}

/* Is a link as the last component followed? */
static bool follows_last(const struct walk *w, bool slash)
{
	return (w->flags & PATH_FOLLOW) || (slash && !(w->flags & PATH_PARENT));
}

/* Somewhere in w->full[base..len) is a symbolic link: follows the first. */
static int run_find_link(struct walk *w, const struct run *r, size_t len)
{
	size_t end = r->base;
	bool tried_last = false;
	ssize_t n;

	while (end < len) {
		const char *slash = memchr(w->full + end + 1, '/', len - end - 1);

		end = slash ? (size_t)(slash - w->full) : len;
		if (end == r->len && r->stop == RUN_END && !r->dot && !follows_last(w, r->dir))
			break;
		n = run_readlink(w, r, end);
		if (n >= 0)
			return run_follow(w, r, end);
		if (n != -EINVAL)
			return look_closer(w, (int)n) ? WALK_MORE : walk_real_error(w, (int)n);
		if (!tried_last && end < len) {
			/* the first is none: most often it is the last */
			size_t before = len;
			int fd;

			tried_last = true;
			while (w->full[before] != '/' || before == len)
				before--;
			if (before <= end)
				continue;
			fd = run_open(w, r, before, O_DIRECTORY);
			if (fd < 0)
				continue;
			close(fd);
			end = before;
		}
	}
	/* the link was replaced meanwhile: look again */
	return ++w->links > WALK_MAX_LINKS ? walk_real_error(w, -ELOOP) : WALK_MORE;
}

/* Goes on behind the target of a mount (or what is like one) on the stretch: false where the place
 * that it covers is asked for. */
static bool run_reach(struct walk *w, const struct run *r, const struct mount *m)
{
	if (m->target_len == r->len && r->stop == RUN_END && (w->flags & PATH_MOUNTPOINT))
		return false;
	w->rest = rest_after(w->rest, m->target_len - r->base);
	w->slash = *w->rest == '/' && walk_rest_empty(w->rest);
	return true;
}

/* A mount of the view lies on the stretch: onto it, without asking the host about what it
 * covers. */
static int run_cross(struct walk *w, const struct run *r, bool *crossed)
{
	struct mount *m = NULL;

	*crossed = false;
	if (r->n == 0)
		return 0;
	m = view_first_mount(
		w->v, w->ns, w->full, r->len, r->base ? r->base : 1, !(w->flags & PATH_NO_RULES));
	if (!m)
		return 0;
	if (!run_reach(w, r, m)) {
		mount_put(m);
		return 0;
	}
	*crossed = true;
	return walk_cross(w, m);
}

/* The stretch comes into a folder that is made up. The kernel's mount is one there, as no other is
 * crossed onto. */
static int run_made_up(struct walk *w, const struct run *r, bool *crossed)
{
	struct mount *m = NULL;

	*crossed = false;
	if (r->n == 0 || !w->c || !view_may_lead(w->v, w->full + r->base))
		return 0;
	m = atomic_load(&w->v->leads)(w->v->leads_arg, w->c, w->full, r->base);
	if (!m)
		return 0;
	if (!run_reach(w, r, m)) {
		mount_put(m);
		return 0;
	}
	w->touched = *crossed = true;
	w->led = false;
	w->start_link[0] = '\0';
	walk_no_last(w, false);
	return walk_cross_on(w, m, inode_get(m->root));
}

/* A mount that is seen through lies on the stretch, and what is there is not left to the kernel:
 * onto it, with all of the path from its root on. m is taken. */
static int run_enter(struct walk *w, const struct run *r, struct mount *m)
{
	size_t top = m->target_len > 1 ? m->target_len : 0;
	const char *rest = r->base >= top ? w->rest : rest_after(w->rest, top - r->base);
	bool inside = r->base > top;
	char *buf = str_printf("%.*s%s%s", inside ? (int)(r->base - top) : 0, w->full + top,
		*rest && *rest != '/' ? "/" : "", rest);

	if (!buf) {
		mount_put(m);
		return -ENOMEM;
	}
	free(w->rest_buf);
	w->rest = w->rest_buf = buf;
	return walk_cross(w, m);
}

static int run_seen_through(struct walk *w, const struct run *r, bool *crossed)
{
	struct mount *m;
	bool free_way = false;

	*crossed = false;
	/* by a descriptor to what has no name (any more): that itself */
	if (w->led || (r->n == 0 && w->at.fd >= 0))
		return 0;
	m = view_seen_through(w->v, w->full, &free_way);
	if (!m)
		return 0;
	if ((w->flags & PATH_LOOK) && free_way && !((w->flags & PATH_LOOK_FILE) && r->n == 0) &&
		mount_leaves(m, w->full, w->flags & PATH_LOOK_FILE)) {
		mount_put(m);
		return 0;
	}
	*crossed = true;
	return run_enter(w, r, m);
}

/* The walk begins with "..": is it a directory that it begins at, and may it be searched? */
static int start_closed(const struct walk *w)
{
	char dot[sizeof(w->start_link) + 2];

	if (!w->start_link[0])
		return 0;
	snprintf(dot, sizeof(dot), "%s/.", w->start_link);
	return faccessat(AT_FDCWD, dot, X_OK, 0) < 0 ? -errno : 0;
}

static int run_dotdot(struct walk *w, const struct run *r)
{
	if (r->n == 0) {
		int closed = start_closed(w);

		if (closed < 0)
			return look_closer(w, closed) ? WALK_MORE : walk_real_error(w, closed);
	} else {
		int fd = run_open(w, r, r->len, O_DIRECTORY), closed;

		if (fd == -ELOOP)
			return run_find_link(w, r, r->len);
		if (fd < 0)
			return use_start(w, fd) || look_closer(w, fd) ? WALK_MORE
								      : walk_real_error(w, fd);
		closed = w->touched ? dir_closed(fd) : closed_dir(w, fd);
		if (closed < 0) {
			close(fd);
			return look_closer(w, closed) ? WALK_MORE : walk_real_error(w, closed);
		}
		run_arrive(w, r->len, fd);
	}
	w->rest = r->next;
	walk_no_last(w, true);
	return walk_real_dotdot(w);
}

static int run_self(struct walk *w, const struct run *r)
{
	pid_t tid = w->c ? w->c->tid : getpid(), tgid = w->c ? call_tgid(w->c) : getpid();
	char body[64];

	w->alive = false;
	if (tgid < 0)
		return tgid;
	if (r->thread_self)
		snprintf(body, sizeof(body), "%d/task/%d", tgid, tid);
	else
		snprintf(body, sizeof(body), "%d", tgid);
	if (r->len > r->base)
		run_arrive(w, r->len, -1);
	w->rest = r->next;
	if (!walk_rest_empty(w->rest) || follows_last(w, *w->rest == '/'))
		return walk_follow(w, body);
	if (!w->touched)
		return WALK_NATIVE;
	w->dirfd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->dirfd < 0)
		return -errno;
	w->link = strdup(body);
	if (!w->link)
		return -ENOMEM;
	strcpy(w->last, r->thread_self ? "thread-self" : "self");
	strcpy(w->full, r->thread_self ? "/proc/thread-self" : "/proc/self");
	return WALK_END_REAL;
}

/* The last component as a name in its directory, open as dirfd (taken). */
static int end_real(struct walk *w, const struct run *r, int dirfd)
{
	w->dirfd = dirfd;
	memcpy(w->last, w->full + r->last + 1, r->len - r->last);
	w->last_dot = false;
	w->slash = r->dir;
	return WALK_END_REAL;
}

/* What a link of /proc says, where the guest has a root of its own; NULL: it has no path. */
static char *rooted_link(struct walk *w)
{
	const char *last = strrchr(w->full, '/');

	if (strcmp(last, "/root") == 0)
		return strdup("/");
	return read_link(AT_FDCWD, w->full, w->body, sizeof(w->body)) > 0 && w->body[0] == '/'
		       ? strdup(w->body)
		       : NULL;
}

/* A link of /proc that is not followed, and leads to something on a mount? Then its body is not
 * what the kernel would give. */
static int end_magic(struct walk *w, const struct run *r)
{
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_mount_ struct mount *mnt = NULL;
	_cleanup_free_ char *path = NULL;
	int dirfd;

	w->alive = false;
	if (walk_is_magic_file(w->full) && !place_is_placeholder(w->v, w->full, &mnt, &ino))
		w->link = view_opened_name(w->v, w->full);
	if (!ino && !w->link && w->c && walk_root_link(w->full))
		w->link = root_name_of(w->v, w->c->um, walk_root_link(w->full));
	if (!ino && !w->link && w->rooted && walk_is_magic_file(w->full))
		w->link = rooted_link(w);
	if (!ino && !w->link && walk_is_magic_file(w->full))
		w->link = path_moved_name(w->v, w->full);
	if (!ino && !w->link)
		return w->touched ? WALK_MORE : WALK_NATIVE;
	if (ino) {
		path = path_of_inode(w->v, mnt, ino);
		w->link = path ? str_printf("%s%s", path,
					 atomic_load(&ino->deleted) ? " (deleted)" : "")
			       : NULL;
	}
	if (w->link)
		(void)root_strip(w->v, w->c, w->link); /* what is not below it has its whole name */
	dirfd = w->link ? run_open(w, r, r->last, O_DIRECTORY) : -ENOMEM;
	return dirfd < 0 ? dirfd : end_real(w, r, dirfd);
}

/* A directory was found where only files are left to the kernel: the way is gone again, onto the
 * mount. */
static bool look_again(struct walk *w)
{
	if (!(w->flags & PATH_LOOK_FILE) ||
		!atomic_load_explicit(&w->v->nseen_through, memory_order_relaxed))
		return false;
	w->flags &= ~(unsigned)(PATH_LOOK | PATH_LOOK_FILE);
	return true;
}

/* The directory at the end of a stretch, by its name. */
static int closed_end(struct walk *w, const struct run *r)
{
	_cleanup_fd_ int fd = -1;

	if (!looks_at_closed(w))
		return 0;
	fd = run_open(w, r, r->len, O_DIRECTORY);
	return fd < 0 ? fd : dir_closed(fd);
}

/* What was found at the end of all that the guest said: from the root on, since the name of where
 * it stands may be another by now. */
static void see(struct walk *w, const struct run *r, int what)
{
	if (r->base == 0 && w->at.fd < 0 && *w->word == '/' && w->rest == w->word)
		w->seen = what;
}

/* Nothing virtual so far: all that is to be known is whether a link is on the way. */
static int run_end_untouched(struct walk *w, const struct run *r)
{
	bool follow = follows_last(w, r->dir);
	int err = run_look(w, r, r->len, follow ? 0 : O_NOFOLLOW);
	bool dir = err == -EISDIR;

	if ((dir && look_again(w)) || look_closer(w, dir ? closed_end(w, r) : err))
		return WALK_MORE;
	if (dir || err == -ENOENT)
		see(w, r, err);
	if (dir)
		return WALK_NATIVE;
	if (err == -ELOOP)
		return run_find_link(w, r, r->len);
	if (use_start(w, err))
		return WALK_MORE;
	if (err == -ENOTDIR && !follow)
		return end_magic(w, r);
	return walk_real_error(w, err);
}

static int run_end_touched(struct walk *w, const struct run *r)
{
	_cleanup_fd_ int fd = -1;
	const char *last = w->full + r->last + 1;
	struct stat st;
	int err;

	err = run_open(w, r, r->last, O_DIRECTORY);
	if (err == -ELOOP)
		return run_find_link(w, r, r->last);
	if (err < 0)
		return use_start(w, err) ? WALK_MORE : err;
	fd = err;
	if (fstatat(fd, last, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT || !(w->flags & PATH_CREATE))
			return -errno;
		w->negative = true;
		return end_real(w, r, take_fd(&fd));
	}
	if (S_ISLNK(st.st_mode) && follows_last(w, r->dir)) {
		ssize_t n = read_link(fd, last, w->body, sizeof(w->body));

		return n < 0 ? (int)n : run_follow(w, r, r->len);
	}
	if (S_ISLNK(st.st_mode)) {
		err = end_magic(w, r);
		if (err != WALK_MORE)
			return err;
	}
	if (S_ISDIR(st.st_mode) && look_again(w))
		return WALK_MORE;
	if (!S_ISDIR(st.st_mode) &&
		((w->flags & PATH_DIRECTORY) || (r->dir && !(w->flags & PATH_CREATE))))
		return -ENOTDIR;
	return end_real(w, r, take_fd(&fd));
}

/* The walk has come to its end: what it stands at is the result. */
static int run_end_here(struct walk *w, const struct run *r)
{
	int fd = r->dir ? run_open(w, r, r->len, O_DIRECTORY) : -1;

	if (r->dir && fd < 0)
		return use_start(w, fd) ? WALK_MORE : fd;
	if (fd >= 0)
		close(fd);
	w->rest = r->next;
	if (r->dot)
		walk_no_last(w, true);
	return WALK_END;
}

int walk_real(struct walk *w)
{
	bool crossed;
	struct run r;
	int err;

	run_build(w, &r);
	err = run_cross(w, &r, &crossed);
	if (err == 0 && !crossed)
		err = run_made_up(w, &r, &crossed);
	if (err == 0 && !crossed)
		err = run_seen_through(w, &r, &crossed);
	if (err < 0 || crossed)
		return err < 0 ? err : WALK_MORE;
	if (r.stop == RUN_TOO_LONG)
		return walk_real_error(w, -ENAMETOOLONG);
	if (r.stop == RUN_DOTDOT)
		return run_dotdot(w, &r);
	if (r.stop == RUN_SELF)
		return run_self(w, &r);
	if (r.n == 0 && !w->touched)
		return WALK_NATIVE;
	if (r.n == 0)
		return run_end_here(w, &r);
	if (r.dot && w->touched) {
		/* "dir/.": the directory itself, without a name */
		err = run_open(w, &r, r.len, O_DIRECTORY);
		if (err == -ELOOP)
			return run_find_link(w, &r, r.len);
		if (err < 0)
			return err;
		run_arrive(w, r.len, err);
		w->rest = r.next;
		walk_no_last(w, true);
		return WALK_END;
	}
	return w->touched ? run_end_touched(w, &r) : run_end_untouched(w, &r);
}

int walk_real_dotdot(struct walk *w)
{
	char *name = w->at.name, self[FD_PATH_MAX];
	size_t len = strlen(name);
	int r;

	if (walk_lead_dotdot(w, &r))
		return r;
	if (w->root && !w->root->mnt && strcmp(w->root->name, name) == 0) {
		w->touched |= w->rooted;
		return w->flags & PATH_BENEATH ? -EXDEV : WALK_MORE;
	}
	if (w->at.fd >= 0) {
		_cleanup_fd_ int fd = openat(w->at.fd, "..", O_PATH | O_CLOEXEC | O_DIRECTORY);
		ssize_t n;

		if (fd < 0)
			return walk_real_error(w, -errno);
		n = read_link(AT_FDCWD, fd_path(self, fd), w->body, sizeof(w->body));
		if (n < 0)
			return walk_real_error(w, (int)n);
		place_set_real(&w->at, w->body, (size_t)n, take_fd(&fd));
	} else {
		while (len > 1 && name[--len] != '/')
			;
		name[len ? len : 1] = '\0';
	}
	w->start_link[0] = '\0';
	return walk_cross_here(w);
}
