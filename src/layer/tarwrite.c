/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tar of a layer, written. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>

#include "layer/attrs.h"
#include "layer/oci.h"
#include "layer/twins.h"

struct tarring {
	struct archive *a;
	char **why;
	struct twins twins;
};

static void cleanup_entry(struct archive_entry **e)
{
	archive_entry_free(*e);
}
#define _cleanup_archive_entry_ _cleanup_(cleanup_entry)

static int written(struct tarring *t, int r)
{
	if (r >= ARCHIVE_WARN)
		return 0;
	say(t->why, "%s", archive_error_string(t->a));
	return archive_errno(t->a) > 0 ? -archive_errno(t->a) : -EIO;
}

/* An empty file: the marks. */
static int write_mark(struct tarring *t, const char *path)
{
	_cleanup_archive_entry_ struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0600);
	archive_entry_set_size(e, 0);
	return written(t, archive_write_header(t->a, e));
}

static int write_whiteout(struct tarring *t, const struct change *c)
{
	const char *slash = strrchr(c->path, '/');
	int parent = slash ? (int)(slash - c->path) + 1 : 0;
	_cleanup_free_ char *path = str_printf("%.*s.wh.%s", parent, c->path, c->name);

	return path ? write_mark(t, path) : -ENOMEM;
}

/* Where the file has data, if it has holes; of one without there is nothing to say. */
static int add_holes(struct archive_entry *e, int fd, off_t size)
{
	off_t data = 0, hole;

	if (lseek(fd, 0, SEEK_HOLE) >= size)
		return 0;
	while (data < size && (data = lseek(fd, data, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		archive_entry_sparse_add_entry(e, data, hole - data);
		data = hole;
	}
	if (archive_entry_sparse_count(e) == 0)
		archive_entry_sparse_add_entry(e, size, 0);
	return 0;
}

/* As many bytes as its header says, holes included: libarchive leaves out those that it knows of.
 */
static int write_content(struct tarring *t, int fd, off_t size)
{
	_cleanup_free_ char *buf = malloc(1 << 17);
	int err = buf ? 0 : -ENOMEM;

	for (off_t at = 0; err == 0 && at < size;) {
		ssize_t n = pread(fd, buf, 1 << 17, at);

		if (n == 0)
			say(t->why, "a file became shorter meanwhile");
		if (n <= 0)
			return n < 0 ? -errno : -ESTALE;
		n = n > size - at ? (ssize_t)(size - at) : n;
		err = archive_write_data(t->a, buf, (size_t)n) < 0 ? written(t, ARCHIVE_FATAL) : 0;
		at += n;
	}
	return err;
}

static int add_attrs(struct archive_entry *e, const struct change *c)
{
	_cleanup_attrs_ struct attrs attrs = { 0 };
	int err;

	err = attrs_of_entry(c->dirfd, c->name, c->ours, c->entry, &attrs);
	for (size_t i = 0; i < attrs.n; i++) {
		const struct attr *x = &attrs.attr[i];

		if (attrs_wanted(x->key))
			archive_entry_xattr_add_entry(e, x->key, x->value, x->len);
	}
	return err;
}

static int write_entry(struct layer_walk *w, struct tarring *t, const struct change *c)
{
	_cleanup_archive_entry_ struct archive_entry *e = archive_entry_new();
	const char *twin = twins_first(&t->twins, &c->entry->real, c->path);
	char link[PATH_MAX];
	_cleanup_fd_ int fd = -1;
	ssize_t n;
	int err = 0;

	if (!e)
		return -ENOMEM;
	archive_entry_copy_stat(e, &c->entry->st);
	archive_entry_copy_pathname(e, *c->path ? c->path : "./");
	if (twin) {
		archive_entry_copy_hardlink(e, twin);
		archive_entry_set_size(e, 0);
		return written(t, archive_write_header(t->a, e));
	}
	if (S_ISLNK(c->entry->real.st_mode)) {
		n = read_link(c->dirfd, c->name, link, sizeof(link));
		if (n < 0)
			return (int)n;
		archive_entry_copy_symlink(e, link);
	}
	if (S_ISREG(c->entry->st.st_mode)) {
		fd = layer_walk_content(w, c);
		err = fd < 0 ? fd : add_holes(e, fd, c->entry->st.st_size);
	}
	err = err < 0 ? err : add_attrs(e, c);
	err = err < 0 ? err : written(t, archive_write_header(t->a, e));
	return err < 0 || fd < 0 ? err : write_content(t, fd, c->entry->st.st_size);
}

static int tar_change(struct layer_walk *w, const struct change *c)
{
	struct tarring *t = w->arg;
	_cleanup_free_ char *mark = NULL;
	bool folder = c->entry && S_ISDIR(c->entry->st.st_mode);
	int err;

	if (!c->entry)
		return c->whiteout ? write_whiteout(t, c) : 0;
	if (S_ISSOCK(c->entry->st.st_mode) || (!*c->path && c->kind == CHANGE_NONE))
		return 0; /* tar knows no sockets */
	err = write_entry(w, t, c);
	if (err == 0 && folder && (c->entry->opaque || c->from)) {
		mark = str_printf("%s%s.wh..wh..opq", c->path, *c->path ? "/" : "");
		err = mark ? write_mark(t, mark) : -ENOMEM;
	}
	return err;
}

int layertar_write(struct layer_walk *w, struct archive *a, char **ret_why)
{
	struct tarring t = { .a = a, .why = ret_why };
	int err;

	w->flags = WALK_EXPAND | WALK_QUICK | WALK_WHITEOUTS;
	w->visit = tar_change;
	w->leave = NULL;
	w->arg = &t;
	err = layer_walk_run(w);
	twins_release(&t.twins);
	return err;
}
