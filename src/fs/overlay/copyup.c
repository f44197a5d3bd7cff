/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying up: the file is made in the work folder with all that it has, and then renamed to its
 * place. Whoever ends us before that leaves the old file, and what is left in the work folder is
 * removed at the next mount.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "base/log.h"
#include "fs/overlay/internal.h"
#include "view/watch.h"

#define PIECE (1u << 20)
#define SMALL (32 << 10)	 /* less than that is read and written at once */
#define PROGRESS_FROM (16 << 20) /* less than that is copied before anybody wonders */

/* Of one file. */
struct copying {
	const char *name;
	int from, to;
	off_t size;
	char *buf;     /* NULL: the kernel copies */
	uint64_t next; /* now_ns() when the next line of progress is due; 0: nobody would see it */
	bool shown;
};

/* A copy that takes long is the one call that a user waits for without knowing why. */
static void progress(struct copying *c, off_t done)
{
	uint64_t now = c->next ? now_ns() : 0;

	if (now < c->next || !c->next)
		return;
	c->next = now + NSEC_PER_SEC / 5;
	c->shown = true;
	dprintf(STDERR_FILENO, "\rumview: %s is copied: %d %% ", c->name,
		(int)((double)done * 100 / (double)c->size));
}

static int copy_piece(struct copying *c, off_t at, off_t end)
{
	while (at < end) {
		size_t want = (size_t)(end - at) < PIECE ? (size_t)(end - at) : PIECE;
		loff_t in = at, out = at;
		ssize_t n = c->buf ? -1 : copy_file_range(c->from, &in, c->to, &out, want, 0);

		if (n < 0) {
			if (!c->buf)
				c->buf = malloc(PIECE);
			if (!c->buf)
				return -ENOMEM;
			n = pread(c->from, c->buf, want, at);
			if (n > 0)
				n = pwrite(c->to, c->buf, (size_t)n, at);
		}
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0; /* it became shorter meanwhile */
		at += n;
		progress(c, at);
	}
	return 0;
}

static int copy_pieces(struct copying *c)
{
	off_t at = 0;

	while (at < c->size) {
		off_t begin = lseek(c->from, at, SEEK_DATA), end;
		int r;

		if (begin < 0 && errno == ENXIO)
			break;
		if (begin < 0)
			begin = at;
		end = lseek(c->from, begin, SEEK_HOLE);
		if (end < 0 || end > c->size)
			end = c->size;
		r = copy_piece(c, begin, end);
		if (r < 0)
			return r;
		at = end;
	}
	return ftruncate(c->to, c->size) < 0 ? -errno : 0;
}

/* Names may hold what a terminal would obey. */
static bool is_printable(const char *name)
{
	for (; name && *name; name++) {
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			return false;
	}
	return name;
}

static bool is_cloned(struct ovl *o, int from, int to)
{
	if (atomic_load(&o->no_clones))
		return false;
	if (ioctl(to, FICLONE, from) == 0)
		return true;
	if (errno == EOPNOTSUPP) /* none of that file system can be; elsewhere others may */
		atomic_store(&o->no_clones, true);
	return false;
}

/* 0: it is not all there, and the caller begins anew; 1: done. */
static int copy_small(int from, int to, off_t size)
{
	char buf[SMALL];
	ssize_t n = pread(from, buf, (size_t)size, 0);

	if (n < 0)
		return -errno;
	if (n < size)
		return 0;
	n = pwrite(to, buf, (size_t)size, 0);
	return n < 0 ? -errno : n == size;
}

/* What is in the file, holes and all. */
static int copy_data(struct ovl *o, int from, int to, const struct fs_attr *attr, const char *name)
{
	const off_t size = (off_t)attr->size;
	struct copying c = { .name = name, .from = from, .to = to, .size = size };
	int r;

	if (size == 0 || is_cloned(o, from, to))
		return 0;
	if (size <= SMALL && attr->blocks * 512 >= attr->size) {
		r = copy_small(from, to, size);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (size >= PROGRESS_FROM && is_printable(name) && isatty(STDERR_FILENO))
		c.next = now_ns() + NSEC_PER_SEC;
	r = copy_pieces(&c);
	if (c.shown)
		dprintf(STDERR_FILENO, "\r\033[K");
	free(c.buf);
	return r;
}

/* What cannot be read, and root of the view changes all the same, begins with another text, or
 * empty. */
static int begin_unread(struct ovl *o, const struct ovl_node *n, int to)
{
	_cleanup_free_ char *text = NULL;
	const char *path = n->lower_path ? n->lower_path : "";
	size_t len = 0;
	int r = o->stand_in ? o->stand_in(path, &text, &len) : -ENOENT;

	if (r < 0)
		log_info("overlay: /%s is changed, and cannot be read: it is taken to have been "
			 "empty",
			path);
	return r == 0 && len && write(to, text, len) != (ssize_t)len ? -EIO : 0;
}

static int copy_regular(struct ovl *o, const struct ovl_node *n, const char *name, int flags,
	const struct fs_attr *attr)
{
	/* nobody else comes into the work folder: it may have its mode from the beginning, where
	 * its owner can then set attributes of it */
	const mode_t mode = attr->mode & 0200 ? (attr->mode & 0777) | 0600 : 0600;
	_cleanup_fd_ int from = -1, to = -1;
	char path[FD_PATH_MAX];
	int r;

	to = openat(o->work, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (to < 0)
		return -errno;
	/* what is empty need not be readable: lock files that are root's */
	if ((flags & O_TRUNC) || attr->size == 0)
		return 0;
	from = open(fd_path(path, n->data >= 0 ? n->data : n->lower[0].fd), O_RDONLY | O_CLOEXEC);
	if (from < 0 && ovl_closed_to_us(o, errno))
		return begin_unread(o, n, to);
	if (from < 0)
		return -errno;
	r = copy_data(o, from, to, attr, n->lower_path);
	return r == 0 && o->durable && fsync(to) < 0 ? -errno : r;
}

static int copy_link(struct ovl *o, const struct ovl_node *n, const char *name)
{
	char body[PATH_MAX];
	ssize_t len = read_link(n->lower[0].fd, "", body, sizeof(body));

	if (len < 0)
		return (int)len;
	return symlinkat(body, o->work, name) < 0 ? -errno : 0;
}

static int make_copy(struct ovl *o, const struct ovl_node *n, const char *name, int flags,
	const struct fs_attr *attr)
{
	struct stat st;

	switch (n->type) {
	case S_IFREG:
		return copy_regular(o, n, name, flags, attr);
	case S_IFDIR:
		return mkdirat(o->work, name, 0700) < 0 ? -errno : 0;
	case S_IFLNK:
		return copy_link(o, n, name);
	default:
		if (fstat(n->lower[0].fd, &st) < 0 ||
			mknodat(o->work, name, n->type | 0600, st.st_rdev) < 0)
			return -errno;
		return 0;
	}
}

/* Those that say what we are do not go along; those that only root may set cannot. */
static int copy_xattrs(struct ovl *o, int from, int to)
{
	char from_path[FD_PATH_MAX];
	_cleanup_free_ char *names = NULL, *value = NULL;
	ssize_t len = listxattr(fd_path(from_path, from), NULL, 0), n;
	int r;

	if (len <= 0)
		return 0;
	names = malloc((size_t)len);
	value = malloc(XATTR_SIZE_MAX);
	if (!names || !value)
		return -ENOMEM;
	len = listxattr(from_path, names, (size_t)len);
	for (char *p = names; p < names + (len < 0 ? 0 : len); p += strlen(p) + 1) {
		if (entry_xattr_own(p))
			continue;
		n = getxattr(from_path, p, value, XATTR_SIZE_MAX);
		r = n < 0 ? 0 : ovl_xattr_set(o, to, p, value, (size_t)n, 0);
		if (r < 0 && strncmp(p, "user.", 5) == 0 && r != -EOPNOTSUPP)
			return r;
	}
	return 0;
}

static int copy_attrs(struct ovl *o, struct ovl_node *n, int to, const struct fs_attr *attr)
{
	const struct timespec ts[2] = { attr->atime, attr->mtime };
	const bool special = n->type != S_IFREG && n->type != S_IFDIR;
	int r = special ? ovl_beside_forget(o, to) : 0;

	if (r == 0)
		r = copy_xattrs(o, n->lower[0].fd, to);
	if (r == 0 && special)
		r = ovl_beside_copy(o, n, to);
	if (r < 0)
		return r;
	/* of one with several names only this one is a copy: the others keep the number. Before the
	 * mode is set, by which its owner may perhaps not write to it */
	if (n->type == S_IFDIR || attr->nlink == 1)
		ovl_origin_set(o, n, to);
	r = ovl_owner_set(o, to, attr);
	if (r < 0)
		return r;
	return utimensat(to, "", ts, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static void keep_times(int dir, const struct stat *st)
{
	const struct timespec ts[2] = { st->st_atim, st->st_mtim };

	(void)utimensat(dir, "", ts, AT_EMPTY_PATH); /* at best, as the kernel does it */
}

/* Is it there still, now that nobody changes names there? */
static bool stays(struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name)
{
	char now[NAME_MAX + 1];
	struct ovl_node *at = ovl_place(o, n, now);
	bool same = at == dir && strcmp(now, name) == 0;

	ovl_put(o, at);
	return same;
}

/* Puts the copy to its place. Without one it lives on by its descriptor. 0, 1: it has moved;
 * -errno. */
static int publish(
	struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name, const char *made)
{
	_cleanup_down_ struct opened_up up = { .fd = -1 };
	struct stat st;
	int r = 1;

	if (!dir)
		return unlinkat(o->work, made, n->type == S_IFDIR ? AT_REMOVEDIR : 0) < 0 ? -errno
											  : 0;
	pthread_mutex_lock(&dir->names);
	if (stays(o, n, dir, name)) {
		r = ovl_changed_note(o, dir, name, n->type != S_IFDIR);
		ovl_impure_set(dir);
		up = ovl_open_up(o, ovl_upper(dir));
		if (r == 0 && fstat(ovl_upper(dir), &st) < 0)
			r = -errno;
		if (r == 0)
			r = ovl_rename2(o, o->work, made, ovl_upper(dir), name, RENAME_NOREPLACE);
		if (r == 0)
			keep_times(ovl_upper(dir), &st);
	}
	pthread_mutex_unlock(&dir->names);
	return r;
}

static int copy_up_to(
	struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name, int flags)
{
	char made[WORK_NAME_MAX];
	struct fs_attr attr;
	/* before it is read: what is written to it meanwhile then counts as changed */
	int fd = -1, r = dir ? ovl_record_lower(o, n) : 0;

	if (r == 0)
		r = ovl_getattr_fd(o, n, &attr);
	if (r < 0)
		return r;
	ovl_work_name(o, made);
	r = make_copy(o, n, made, flags, &attr);
	if (r == 0) {
		fd = openat(o->work, made, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : copy_attrs(o, n, fd, &attr);
	}
	if (r == 0)
		r = ovl_raise_begin(o, n, fd);
	if (r == 0) {
		r = publish(o, n, dir, name, made);
		ovl_raise_end(o, n, r == 0 ? take_fd(&fd) : -1);
	}
	if (r == 0)
		return 0;
	ovl_remove_all(o->work, made);
	if (fd >= 0)
		close(fd);
	return r;
}

/* The content of a file of upper that is there but for that. Until the attribute is gone the file
 * below has it. */
static int complete(struct ovl *o, struct ovl_node *n, int flags)
{
	static const char *const names[] = { XATTR_OVERLAY "metacopy", XATTR_OVERLAY "redirect" };
	_cleanup_fd_ int from = -1, to = -1;
	char path[FD_PATH_MAX];
	struct fs_attr attr;
	struct stat st;
	int r = 0;

	if (fstat(ovl_upper(n), &st) < 0)
		return -errno;
	fs_attr_of_stat(&st, &attr);
	if (!(flags & O_TRUNC)) {
		from = open(fd_path(path, n->data), O_RDONLY | O_CLOEXEC);
		if (from < 0 && !ovl_closed_to_us(o, errno))
			return -errno;
		to = open(fd_path(path, ovl_upper(n)), O_RDWR | O_CLOEXEC);
		if (to < 0)
			return -errno;
	}
	if (from >= 0)
		r = copy_data(o, from, to, &attr, n->name);
	if (r == 0 && to >= 0 && fsync(to) < 0)
		r = -errno;
	fd_path(path, ovl_upper(n));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		if (removexattr(path, names[i]) < 0 && errno != ENODATA)
			r = -errno;
	}
	keep_times(ovl_upper(n), &st);
	return r;
}

int ovl_copy_up(struct ovl *o, struct ovl_node *n, int flags)
{
	char name[NAME_MAX + 1];
	int r;

	if (o->work < 0)
		return -EROFS;
	do {
		struct ovl_node *dir;

		if (ovl_upper(n) >= 0 && !atomic_load(&n->is_meta))
			return 0;
		dir = ovl_place(o, n, name);
		r = dir ? ovl_copy_up(o, dir, 0) : 0;
		if (r == 0) {
			pthread_mutex_lock(&n->copying);
			if (ovl_upper(n) < 0) {
				watch_ours_begin(&o->fs);
				r = copy_up_to(o, n, dir, name, flags);
				watch_ours_end(&o->fs, (uintptr_t)n, name);
			} else if (atomic_load(&n->is_meta)) {
				r = complete(o, n, flags);
			}
			if (r == 0)
				atomic_store(&n->is_meta, false);
			pthread_mutex_unlock(&n->copying);
		}
		ovl_put(o, dir);
	} while (r == 1);
	return r;
}
