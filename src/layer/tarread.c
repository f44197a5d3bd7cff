/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tar of a layer, read.
 *
 * Theory of operation. Names are hostile: each is made a relative one without "..", and its folder
 * is opened by openat2() beneath the upper, where no symbolic link is followed. Owners, modes and
 * devices become virtual where they cannot be real. Folders get theirs at the end.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "layer/build.h"
#include "layer/oci.h"
#include "layer/pathset.h"

struct untar {
	struct archive *a;
	struct layer *into;
	int upper;
	char **why;
	struct pathset made; /* paths that this layer has named, and the folders that they are in
			      */
	struct copy how;
	struct folder {
		char *path;
		struct stat st;
		struct attrs attrs;
	} * folder; /* those whose metadata is to come */
	size_t nfolders, room;
	struct links *beside;
};

/* "./a//b/" is "a/b"; "" the top. NULL: it leads out. */
static char *clean_path(const char *path)
{
	_cleanup_free_ char *out = malloc(strlen(path) + 1);
	size_t len = 0;

	if (!out)
		return NULL;
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return NULL;
		if (n && !(n == 1 && path[0] == '.')) {
			if (len)
				out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n + (path[n] == '/');
	}
	out[len] = 0;
	return take_ptr(&out);
}

/* The folder that a path is in, made if the tar did not name it. */
static int open_parent(struct untar *u, const char *path, const char **ret_name)
{
	_cleanup_free_ char *part = strdup(path);
	int fd = tree_open_parent(u->upper, path, ret_name);

	if (fd != -ENOENT || !part)
		return part ? fd : -ENOMEM;
	for (char *p = strchr(part, '/'); p; p = strchr(p + 1, '/')) {
		const char *name;
		_cleanup_fd_ int dir = -1;

		*p = 0;
		dir = tree_open_parent(u->upper, part, &name);
		if (dir < 0)
			return dir;
		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return tree_open_parent(u->upper, path, ret_name);
}

static int read_attrs(struct archive_entry *e, struct attrs *ret)
{
	const char *key;
	const void *value;
	size_t len;
	int err = 0;

	archive_entry_xattr_reset(e);
	while (err == 0 && archive_entry_xattr_next(e, &key, &value, &len) == ARCHIVE_OK) {
		/* what is kept by a longer name is the layer's to say, not the tar's */
		if (attrs_wanted(key) && entry_xattr_shown(key) == key)
			err = attrs_add(ret, key, value, len);
	}
	return err;
}

static int read_content(struct untar *u, int fd)
{
	const void *buf;
	size_t len;
	la_int64_t at;
	int r;

	while ((r = archive_read_data_block(u->a, &buf, &len, &at)) == ARCHIVE_OK) {
		const char *p = buf;

		while (len) {
			ssize_t n = pwrite(fd, p, len, at);

			if (n < 0 && errno != EINTR)
				return -errno;
			n = n < 0 ? 0 : n;
			p += n;
			at += n;
			len -= (size_t)n;
		}
	}
	if (r == ARCHIVE_EOF)
		return 0;
	say(u->why, "%s", archive_error_string(u->a));
	return -EBADMSG;
}

static int keep_folder(
	struct untar *u, const char *path, const struct stat *st, struct attrs *attrs)
{
	struct folder *bigger;

	if (u->nfolders == u->room) {
		u->room = u->room ? u->room * 2 : 64;
		bigger = reallocarray(u->folder, u->room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		u->folder = bigger;
	}
	u->folder[u->nfolders] = (struct folder){ strdup(path), *st, *attrs };
	if (!u->folder[u->nfolders].path)
		return -ENOMEM;
	*attrs = (struct attrs){ 0 };
	u->nfolders++;
	return 0;
}

static int read_folder(struct untar *u, const char *path, int dirfd, const char *name,
	const struct stat *st, struct attrs *attrs)
{
	struct stat now;
	bool there = !*path || fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) == 0;
	int err = 0;

	if (*path && (!there || !S_ISDIR(now.st_mode))) {
		err = tree_remove(dirfd, name);
		if (err == 0 && mkdirat(dirfd, name, 0700) < 0)
			err = -errno;
		/* in the place of a whiteout, or of a file of a layer below this one */
		if (err == 0 && there)
			err = build_opaque(dirfd, name);
	}
	if (err < 0)
		return err;
	return keep_folder(u, path, st, attrs);
}

static int read_hardlink(struct untar *u, const char *to, int dirfd, const char *name)
{
	_cleanup_free_ char *path = clean_path(to);
	const char *last;
	_cleanup_fd_ int from = path ? tree_open_parent(u->upper, path, &last) : -EXDEV;
	struct stat st;

	if (from < 0)
		return from;
	if (fstatat(from, last, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EBADMSG;
	return linkat(from, last, dirfd, name, 0) < 0 ? -errno : 0;
}

static int read_symlink(struct untar *u, const char *to, const struct stat *st,
	const struct attrs *attrs, int dirfd, const char *name)
{
	if (!to || !*to)
		return -EBADMSG;
	if (symlinkat(to, dirfd, name) < 0)
		return -errno;
	return copy_metadata_at(&u->how, st, attrs, dirfd, name);
}

/* An opaque folder hides what the layers before this one put there, too. mark is the mark's path.
 */
static int read_opaque(const struct untar *u, const char *mark, int dirfd)
{
	_cleanup_names_ struct names names = { 0 };
	const char *slash = strrchr(mark, '/');
	int err = names_read(dirfd, &names);

	for (size_t i = 0; err == 0 && i < names.n; i++) {
		_cleanup_free_ char *path = str_printf(
			"%.*s%s", slash ? (int)(slash - mark) + 1 : 0, mark, names.name[i]);

		if (!path)
			return -ENOMEM;
		if (!pathset_has(&u->made, path))
			err = tree_remove(dirfd, names.name[i]);
	}
	return err < 0 ? err : build_opaque(dirfd, ".");
}

static int read_mark(
	const struct untar *u, const char *path, const char *hidden, int dirfd, const char *name)
{
	int err;

	if (strcmp(name, ".wh..wh..opq") == 0)
		return read_opaque(u, path, dirfd);
	if (!*hidden)
		return 0; /* aufs has others, which say nothing here */
	if (strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return -EBADMSG;
	err = tree_remove(dirfd, hidden);
	return err < 0 ? err : build_whiteout(dirfd, hidden);
}

/* What is no folder, link or mark: a file, or an empty one that stands for something special. */
static int read_file_entry(struct untar *u, const struct stat *st, const struct attrs *attrs,
	int dirfd, const char *name)
{
	_cleanup_fd_ int fd =
		openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = S_ISREG(st->st_mode) ? read_content(u, fd) : 0;
	if (err == 0 && S_ISREG(st->st_mode) && ftruncate(fd, st->st_size) < 0)
		err = -errno;
	return err < 0 ? err : copy_metadata(&u->how, st, attrs, fd);
}

static int read_entry(struct untar *u, struct archive_entry *e, const char *path)
{
	_cleanup_attrs_ struct attrs attrs = { 0 };
	struct stat st = *archive_entry_stat(e);
	const char *name, *hidden;
	_cleanup_fd_ int dirfd = open_parent(u, path, &name);
	int err;

	if (dirfd < 0)
		return dirfd;
	st.st_atim = st.st_mtim; /* tar has one */
	err = read_attrs(e, &attrs);
	err = err < 0 ? err : pathset_add(&u->made, path);
	if (err < 0)
		return err;
	hidden = entry_dot_wh(name);
	if (hidden)
		return read_mark(u, path, hidden, dirfd, name);
	if (S_ISDIR(st.st_mode) && !archive_entry_hardlink(e))
		return read_folder(u, path, dirfd, name, &st, &attrs);
	if (!*path)
		return -EBADMSG;
	err = tree_remove(dirfd, name);
	if (err < 0)
		return err;
	if (archive_entry_hardlink(e))
		return read_hardlink(u, archive_entry_hardlink(e), dirfd, name);
	if (S_ISLNK(st.st_mode))
		return read_symlink(u, archive_entry_symlink(e), &st, &attrs, dirfd, name);
	if (S_ISFIFO(st.st_mode))
		return copy_special(&u->how, &st, &attrs, dirfd, name);
	return read_file_entry(u, &st, &attrs, dirfd, name);
}

static int finish_folders(struct untar *u)
{
	int err = 0;

	for (size_t i = u->nfolders; err == 0 && i-- > 0;) {
		const struct folder *f = &u->folder[i];
		_cleanup_fd_ int fd = tree_open(u->upper, f->path, O_RDONLY | O_DIRECTORY);

		/* a later entry may have replaced it, or hidden it */
		if (fd >= 0)
			err = copy_metadata(&u->how, &f->st, &f->attrs, fd);
		if (err < 0)
			say(u->why, "%s: %s", f->path, strerror(-err));
	}
	return err;
}

static int read_all(struct untar *u)
{
	struct archive_entry *e;
	int r, err = 0;

	while (err == 0 && (r = archive_read_next_header(u->a, &e)) != ARCHIVE_EOF) {
		const char *given = r >= ARCHIVE_WARN ? archive_entry_pathname(e) : NULL;
		_cleanup_free_ char *path = given ? clean_path(given) : NULL;

		if (!given) {
			say(u->why, "%s",
				r >= ARCHIVE_WARN ? "a name without text"
						  : archive_error_string(u->a));
			return -EBADMSG;
		}
		err = path ? read_entry(u, e, path) : -EXDEV;
		if (err == -EXDEV || err == -ELOOP || err == -ENOTDIR)
			say(u->why, "%s: it would be written outside of the layer", given);
		else if (err < 0)
			say(u->why, "%s: %s", given, strerror(-err));
	}
	return err;
}

int layertar_read(struct archive *a, struct layer *into, int upper, char **ret_why)
{
	struct untar u = { .a = a,
		.into = into,
		.upper = upper,
		.why = ret_why,
		.how = { .any_owner = true, .layerfd = into->dirfd, .beside = &u.beside } };
	int err = links_read(into->dirfd, &u.beside);

	err = err < 0 ? err : read_all(&u);

	err = err < 0 ? err : finish_folders(&u);
	for (size_t i = 0; i < u.nfolders; i++) {
		free(u.folder[i].path);
		attrs_release(&u.folder[i].attrs);
	}
	free(u.folder);
	links_free(u.beside);
	pathset_release(&u.made);
	return err;
}
