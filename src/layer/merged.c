/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/merged.h"

#include <fcntl.h>
#include <string.h>

void merged_release(struct merged *m)
{
	for (int i = 0; i < m->n; i++)
		um_cleanup_fd(&m->level[i].fd);
	m->n = 0;
}

void merged_free(struct merged *m)
{
	if (m)
		merged_release(m);
	free(m);
}

/* fd becomes m's. */
static void add_level(struct merged *m, int fd, int root, const struct entry *e)
{
	m->level[m->n] = (struct merged_level){ fd, root, *e };
	m->level[m->n++].entry.redirect = NULL;
}

int merged_open(const struct layer *l, struct merged **ret, const char **ret_missing)
{
	_cleanup_merged_ struct merged *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < l->nlower; i++) {
		struct entry e = ENTRY_INIT;
		int fd = open(l->lower[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		*ret_missing = l->lower[i];
		if (fd < 0)
			return -errno;
		/* of the lowest, which is no layer, the attributes mean nothing */
		if (i + 1 < l->nlower ? entry_read(fd, ".", false, NULL, NULL, &e) < 0
				      : fstat(fd, &e.real) < 0) {
			close(fd);
			return -EIO;
		}
		if (i + 1 == l->nlower)
			e.st = e.real;
		free(take_ptr(&e.redirect));
		e.opaque = false;
		e.xwhiteouts = l->nlower > 1;
		add_level(m, fd, (int)i, &e);
	}
	*ret = take_ptr(&m);
	return 0;
}

static bool hidden_by_mark(int dirfd, const char *name)
{
	_cleanup_free_ char *mark = str_printf(".wh.%s", name);

	return mark && faccessat(dirfd, mark, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int merged_lookup(const struct merged *m, const char *name, int *ret_level, struct entry *ret)
{
	for (int i = 0; i < m->n; i++) {
		const struct merged_level *level = &m->level[i];
		_cleanup_entry_ struct entry e = ENTRY_INIT;
		int err = entry_read(level->fd, name, false, &level->entry, NULL, &e);

		if (err == -ENOENT && m->n > 1 && hidden_by_mark(level->fd, name))
			return -ENOENT;
		if (err == -ENOENT || err == -EACCES) /* in what is closed the view shows nothing */
			continue;
		if (err < 0)
			return err;
		if (e.whiteout || (e.hidden && m->n > 1))
			return -ENOENT;
		*ret = e;
		e.redirect = NULL;
		*ret_level = i;
		return 0;
	}
	return -ENOENT;
}

/* The folder that a level has by a name, or by a path from its top. */
static int level_open(const struct merged *root, const struct merged_level *level,
	const char *where, struct entry *ret)
{
	const char *name = where;
	int dirfd = level->fd;
	_cleanup_fd_ int parent = -1;
	int err;

	if (where[0] == '/') {
		parent = tree_open_parent(root->level[level->root].fd, where + 1, &name);
		if (parent < 0)
			return parent;
		dirfd = parent;
	}
	err = entry_read(dirfd, name, false, where[0] == '/' ? NULL : &level->entry, NULL, ret);
	if (err < 0)
		return err;
	if (ret->whiteout)
		return -ENOENT;
	if (!S_ISDIR(ret->real.st_mode))
		return -ENOTDIR;
	return tree_look_at(dirfd, name, O_RDONLY | O_DIRECTORY);
}

int merged_enter(
	const struct merged *root, const struct merged *m, const char *name, struct merged **ret)
{
	_cleanup_merged_ struct merged *sub = calloc(1, sizeof(*sub));
	_cleanup_free_ char *where = strdup(name);

	if (!sub || !where)
		return -ENOMEM;
	for (int i = 0; i < m->n; i++) {
		_cleanup_entry_ struct entry e = ENTRY_INIT;
		int fd = level_open(root, &m->level[i], where, &e);

		if (fd == -ENOENT && e.whiteout)
			break;
		if (fd == -ENOENT)
			continue;
		if (fd == -ENOTDIR && sub->n)
			break;
		if (fd < 0)
			return fd;
		add_level(sub, fd, m->level[i].root, &e);
		if (e.opaque)
			break;
		if (e.redirect) {
			free(where);
			where = take_ptr(&e.redirect);
			if (where[0] == '/' ? !tree_path_valid(where + 1)
					    : strchr(where, '/') != NULL)
				return -EBADMSG;
		}
	}
	if (!sub->n)
		return -ENOENT;
	*ret = take_ptr(&sub);
	return 0;
}

int merged_walk(const struct merged *root, const char *path, struct merged **ret)
{
	_cleanup_merged_ struct merged *at = NULL;
	_cleanup_free_ char *words = strdup(path);
	char *rest = words, *name;
	int err = words ? merged_enter(root, root, ".", &at) : -ENOMEM;

	while (err == 0 && (name = strsep(&rest, "/"))) {
		struct merged *next = NULL;

		if (!*name)
			continue;
		if (strcmp(name, "..") == 0)
			return -EBADMSG;
		err = merged_enter(root, at, name, &next);
		merged_free(at);
		at = next;
	}
	if (err == 0)
		*ret = take_ptr(&at);
	return err;
}

int names_join(const struct names *a, const struct names *b, struct names *ret)
{
	size_t i = 0, j = 0;

	*ret = (struct names){ 0 };
	if (a->n + b->n == 0)
		return 0;
	ret->name = calloc(a->n + b->n, sizeof(char *));
	if (!ret->name)
		return -ENOMEM;
	while (i < a->n || j < b->n) {
		int c = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->name[i], b->name[j]);

		ret->name[ret->n] = strdup(c <= 0 ? a->name[i] : b->name[j]);
		if (!ret->name[ret->n++])
			return ret->n--, -ENOMEM;
		i += c <= 0;
		j += c >= 0;
	}
	return 0;
}

int merged_names(const struct merged *m, struct names *ret)
{
	_cleanup_names_ struct names all = { 0 };
	int err = 0;
	size_t n = 0;

	for (int i = 0; err == 0 && i < m->n; i++) {
		_cleanup_names_ struct names one = { 0 };
		struct names both;

		err = names_read(m->level[i].fd, &one);
		if (err < 0)
			return err;
		err = names_join(&all, &one, &both);
		names_release(&all);
		all = both;
	}
	/* with one level all names are seen but whiteouts, and those are looked up anyway */
	for (size_t i = 0; err == 0 && m->n > 1 && i < all.n; i++) {
		_cleanup_entry_ struct entry e = ENTRY_INIT;
		int level;

		err = merged_lookup(m, all.name[i], &level, &e);
		if (err == -ENOENT) {
			free(all.name[i]);
			err = 0;
		} else {
			all.name[n++] = all.name[i];
		}
	}
	if (m->n > 1)
		all.n = n;
	*ret = all;
	all = (struct names){ 0 };
	return err;
}

int merged_content(const struct merged *root, const struct merged *m, const char *name,
	const struct entry *e, int *ret_fd)
{
	_cleanup_merged_ struct merged *dir = NULL;
	_cleanup_free_ char *parent = NULL;
	_cleanup_entry_ struct entry below = ENTRY_INIT;
	const char *where = e->redirect ? e->redirect : name, *last = strrchr(where, '/');
	int level, err;

	if (where[0] == '/') {
		parent = strndup(where, (size_t)(last - where));
		err = parent ? merged_walk(root, parent, &dir) : -ENOMEM;
		if (err < 0)
			return err;
		m = dir;
		where = last + 1;
	}
	if (!m || strchr(where, '/') || strcmp(where, "..") == 0)
		return -EBADMSG;
	err = merged_lookup(m, where, &level, &below);
	if (err < 0)
		return err;
	if (!S_ISREG(below.real.st_mode) || below.metacopy)
		return -EBADMSG;
	*ret_fd = tree_look_at(m->level[level].fd, where, O_RDONLY | O_NONBLOCK);
	return *ret_fd < 0 ? *ret_fd : 0;
}
