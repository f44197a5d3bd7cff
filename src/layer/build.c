/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/build.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "layer/base.h"
#include "layer/links.h"
#include "layer/twins.h"

enum { DEPTH_MAX = 4096 };

int build_whiteout(int dirfd, const char *name)
{
	return mknodat(dirfd, name, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
}

int build_opaque(int dirfd, const char *name)
{
	_cleanup_fd_ int fd = tree_open_at(dirfd, name, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	return fsetxattr(fd, XATTR_OVERLAY "opaque", "y", 1, 0) < 0 ? -errno : 0;
}

struct build {
	struct copy how;
	struct {
		int fd;
		const char *path;
	} * folder; /* from the top to where we are */
	size_t depth;
	struct twins twins;
	struct links *beside;
};

static int push(struct build *b, int fd, const char *path)
{
	void *bigger = b->depth == DEPTH_MAX
			       ? NULL
			       : reallocarray(b->folder, b->depth + 1, sizeof(*b->folder));

	if (fd < 0 || !bigger) {
		um_cleanup_fd(&fd);
		return fd < 0 ? fd : -ENOMEM;
	}
	b->folder = bigger;
	b->folder[b->depth].fd = fd;
	b->folder[b->depth++].path = path;
	return 0;
}

static int put_folder(struct build *b, const struct change *c, int dirfd)
{
	struct stat st;
	bool there = fstatat(dirfd, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	bool replace = c->entry->opaque || c->from || (there && !S_ISDIR(st.st_mode));
	int err = 0;

	if (there && replace)
		err = tree_remove(dirfd, c->name);
	if (err == 0 && (!there || replace) && mkdirat(dirfd, c->name, 0700) < 0)
		err = -errno;
	/* where an opaque folder is in another, nothing shows through anyway */
	if (err == 0 && replace)
		err = build_opaque(dirfd, c->name);
	return err < 0 ? err
		       : push(b, tree_open_at(dirfd, c->name, O_RDONLY | O_DIRECTORY), c->path);
}

static int build_change(struct layer_walk *w, const struct change *c)
{
	struct build *b = w->arg;
	int dirfd, err;

	if (!*c->path)
		return 0;
	dirfd = b->folder[b->depth - 1].fd;
	if (!c->entry && !c->whiteout)
		return 0; /* its folder hides it */
	if (c->entry && S_ISDIR(c->entry->real.st_mode))
		return put_folder(b, c, dirfd);
	err = tree_remove(dirfd, c->name);
	if (err < 0)
		return err;
	if (!c->entry)
		return build_whiteout(dirfd, c->name);
	if (twins_link(&b->twins, &c->entry->real, b->folder[0].fd, c->path, dirfd, c->name))
		return 0;
	return copy_entry(&b->how, w, c, dirfd, c->name);
}

static int build_leave(struct layer_walk *w, const struct change *c)
{
	struct build *b = w->arg;
	int err = copy_folder_end(&b->how, c, b->folder[b->depth - 1].fd);

	if (*c->path)
		close(b->folder[--b->depth].fd);
	return err;
}

int build_from_walk(struct layer *into, int upper, struct layer_walk *w)
{
	struct build b = { .how = { .layerfd = into->dirfd, .beside = &b.beside } };
	int err = links_read(into->dirfd, &b.beside);

	err = err < 0 ? err : push(&b, fcntl(upper, F_DUPFD_CLOEXEC, 3), "");

	w->flags = WALK_EXPAND | WALK_QUICK | WALK_WHITEOUTS;
	w->visit = build_change;
	w->leave = build_leave;
	w->arg = &b;
	err = err < 0 ? err : layer_walk_run(w);
	while (b.depth)
		close(b.folder[--b.depth].fd);
	twins_release(&b.twins);
	links_free(b.beside);
	free(b.folder);
	return err;
}

/* Attributes by the names that they have there, from one open file to another; the one that says
 * where it was copied from is of no use to a second copy. */
static int clone_attrs(int in, int out)
{
	_cleanup_free_ char *list = NULL, *value = NULL;
	ssize_t n = flistxattr(in, NULL, 0);

	if (n <= 0)
		return n < 0 && errno != ENOTSUP ? -errno : 0;
	list = malloc((size_t)n);
	value = malloc(XATTR_SIZE_MAX);
	if (!list || !value)
		return -ENOMEM;
	n = flistxattr(in, list, (size_t)n);
	for (char *key = list; n > 0 && key < list + n; key += strlen(key) + 1) {
		ssize_t len;

		if ((!entry_private_xattr(key) && !attrs_wanted(key)) ||
			strcmp(key, XATTR_OVERLAY "origin") == 0)
			continue;
		len = fgetxattr(in, key, value, XATTR_SIZE_MAX);
		if (len < 0 || fsetxattr(out, key, value, (size_t)len, 0) < 0)
			return -errno;
	}
	return n < 0 ? -errno : 0;
}

struct clone {
	struct copy how;
	struct links *links;
	struct layer *into;
	int top;
	struct twins twins;
};

static int clone_folder(struct clone *k, int from, int to, const char *path);

/* A file or folder, opened on both sides. */
static int clone_open(struct clone *k, int from, const struct stat *st, int to, const char *path,
	const char *name)
{
	bool folder = S_ISDIR(st->st_mode);
	_cleanup_fd_ int in = tree_open_at(from, name, O_RDONLY | O_NONBLOCK), out = -1;
	int err;

	if (in < 0)
		return in;
	if (folder && mkdirat(to, name, 0700) < 0)
		return -errno;
	out = openat(to, name,
		(folder ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT | O_EXCL) | O_NOFOLLOW |
			O_CLOEXEC,
		0600);
	if (out < 0)
		return -errno;
	err = folder ? clone_folder(k, in, out, path) : copy_data(in, out);
	err = err < 0 ? err : clone_attrs(in, out);
	err = err < 0 ? err : copy_metadata(&k->how, st, NULL, out);
	if (folder && fchmod(in, st->st_mode & 07777) < 0 && err == 0)
		err = -errno;
	return err;
}

static int clone_link(struct clone *k, int from, const struct stat *st, int to, const char *name)
{
	char word[PATH_MAX];
	ssize_t n = read_link(from, name, word, sizeof(word));

	if (n < 0)
		return (int)n;
	if (symlinkat(word, to, name) < 0)
		return -errno;
	return copy_metadata_at(&k->how, st, NULL, to, name);
}

/* The owner that is kept beside it, by the number of the copy. Of a file with attributes a record
 * says nothing: it was of another that had its number before. */
static int clone_record(struct clone *k, const struct stat *st, int to, const char *name)
{
	const struct attrs *attrs = links_attrs(k->links, st->st_ino);
	struct stat shown = *st, now;
	bool owned = links_apply(k->links, &shown);
	int err;

	if (!owned && !attrs)
		return 0;
	if (fstatat(to, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	err = owned ? links_append(k->into->dirfd, now.st_ino, &shown) : 0;
	for (size_t i = 0; err == 0 && attrs && i < attrs->n; i++)
		err = links_append_attr(k->into->dirfd, now.st_ino, attrs->attr[i].key,
			attrs->attr[i].value, attrs->attr[i].len);
	return err;
}

static int clone_name(struct clone *k, int from, int to, const char *path, const char *name)
{
	struct stat st;
	int err;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (twins_link(&k->twins, &st, k->top, path, to, name))
		return 0;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		err = clone_open(k, from, &st, to, path, name);
	else if (S_ISLNK(st.st_mode))
		err = clone_link(k, from, &st, to, name);
	else
		err = copy_special(&k->how, &st, NULL, to, name);
	return err < 0 ? err : clone_record(k, &st, to, name);
}

static int clone_folder(struct clone *k, int from, int to, const char *path)
{
	_cleanup_names_ struct names names = { 0 };
	int err = names_read(from, &names);

	for (size_t i = 0; err == 0 && i < names.n; i++) {
		_cleanup_free_ char *below = tree_join(path, names.name[i]);

		err = below ? clone_name(k, from, to, below, names.name[i]) : -ENOMEM;
	}
	return err;
}

int build_clone(const struct layer *from, struct layer *into)
{
	struct clone k = { .how = { .layerfd = -1 }, .into = into };
	_cleanup_fd_ int in = tree_open(from->dirfd, "upper", O_RDONLY | O_DIRECTORY);
	_cleanup_fd_ int out = tree_open(into->dirfd, "upper", O_RDONLY | O_DIRECTORY);
	struct stat st;
	int err = in < 0 ? in : out < 0 ? out : links_read(from->dirfd, &k.links);

	if (err == 0 && fstat(in, &st) < 0)
		err = -errno;
	k.top = out;
	err = err < 0 ? err : clone_folder(&k, in, out, "");
	err = err < 0 ? err : clone_attrs(in, out);
	err = err < 0 ? err : copy_metadata(&k.how, &st, NULL, out);
	err = err < 0 ? err : clone_record(&k, &st, out, ".");
	twins_release(&k.twins);
	links_free(k.links);
	return err < 0 ? err : build_base(from, into);
}

int build_base(const struct layer *from, struct layer *into)
{
	static const char header[] = "umview-base 1";
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int in = openat(from->dirfd, "base", O_RDONLY | O_NOFOLLOW | O_CLOEXEC),
			 out = -1;
	char path[FD_PATH_MAX];
	size_t len;
	int err;

	if (in < 0)
		return errno == ENOENT ? 0 : -errno;
	err = read_file(fd_path(path, in), 1 << 30, &text, &len);
	if (err < 0)
		return err;
	while (len && text[len - 1])
		len--; /* torn */
	if (len <= sizeof(header) || strcmp(text, header) != 0)
		return len <= sizeof(header) ? 0 : -EPROTONOSUPPORT;
	out = base_open(into->dirfd);
	return out < 0 ? out : write_all(out, text + sizeof(header), len - sizeof(header));
}
