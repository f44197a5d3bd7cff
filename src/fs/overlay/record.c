/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a layer of `--cow` keeps beside its upper folder: what the tree below was when something
 * first was put over it (layer/base.h), and owners and attributes of what cannot carry them
 * (layer/links.h).
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/overlay/internal.h"
#include "layer/attrs.h"
#include "layer/base.h"
#include "layer/links.h"

static bool has_base(int layer)
{
	return faccessat(layer, "base", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_empty(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	bool empty = list != NULL;

	while (list && empty && (d = readdir(list)))
		empty = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
	if (list)
		closedir(list);
	else if (fd >= 0)
		close(fd);
	return empty;
}

/* The folder that an upper folder stands in is a layer's: its owners of links. Not by "..", which
 * ends at a clone's root. */
static int read_links(const char *upper, struct links **ret)
{
	_cleanup_free_ char *path = str_printf("%s/..", upper);
	_cleanup_fd_ int dir = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!path)
		return -ENOMEM;
	return dir < 0 ? -errno : links_read(dir, ret);
}

int ovl_record_open(struct ovl *o, const struct overlay_layers *l)
{
	int upper = ovl_upper(o->root), r = 0;

	for (unsigned i = 0; r == 0 && i < o->nlayers; i++) {
		if (o->layers[i].upper)
			r = read_links(l->lower[i], &o->layers[i].links);
	}
	if (r < 0 || upper < 0)
		return r;
	o->record_dir = open(l->layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->record_dir < 0)
		return -errno;
	r = links_read(o->record_dir, &o->links);
	/* one that has something already and no records: nothing is known of what lay below that */
	if (r == 0 && (has_base(o->record_dir) || is_empty(upper))) {
		o->base = base_open(o->record_dir);
		r = o->base < 0 ? o->base : 0;
	}
	return r;
}

void ovl_record_close(struct ovl *o)
{
	if (o->record_dir >= 0)
		close(o->record_dir);
	if (o->base >= 0)
		close(o->base);
	links_free(o->links);
	for (unsigned i = 0; i < o->nlayers; i++)
		links_free(o->layers[i].links);
}

/* Is its content kept from us, whoever changes it in the view? */
static bool is_unread(int fd, const struct stat *st)
{
	const int need = S_ISDIR(st->st_mode) ? R_OK | X_OK : R_OK;
	char path[FD_PATH_MAX];

	return ((S_ISREG(st->st_mode) && st->st_size) || S_ISDIR(st->st_mode)) &&
	       faccessat(AT_FDCWD, fd_path(path, fd), need, AT_EACCESS) < 0 && errno == EACCES;
}

int ovl_record_base(struct ovl *o, int fd, const struct stat *st, const char *path)
{
	struct stat before;
	bool unread;
	int r;

	if (o->base < 0 || !path)
		return 0;
	unread = o->as_root && is_unread(fd, st);
	pthread_mutex_lock(&o->records);
	r = fstat(o->base, &before) < 0 ? -errno : base_append(o->base, st, path, unread);
	if (r == -ENOSPC || r == -EDQUOT)
		(void)!ftruncate(
			o->base, before.st_size); /* half a record would spoil the next one */
	pthread_mutex_unlock(&o->records);
	return r;
}

int ovl_record_lower(struct ovl *o, const struct ovl_node *n)
{
	struct stat st;
	int fd;

	if (o->base < 0 || n->nlower == 0)
		return 0;
	fd = n->lower[0].fd;
	return fstat(fd, &st) < 0 ? -errno : ovl_record_base(o, fd, &st, n->lower_path);
}

void ovl_links_get(struct ovl *o, const struct ovl_node *n, struct stat *st)
{
	if (ovl_upper(n) < 0) {
		(void)links_apply(o->layers[n->lower[0].layer].links, st); /* most have none */
		return;
	}
	pthread_mutex_lock(&o->records);
	(void)links_apply(o->links, st); /* most have none */
	pthread_mutex_unlock(&o->records);
}

void ovl_links_shown(struct ovl *o, ino_t ino, struct fs_attr *attr)
{
	struct stat st = {
		.st_ino = ino, .st_mode = attr->mode, .st_uid = attr->uid, .st_gid = attr->gid
	};

	pthread_mutex_lock(&o->records);
	(void)links_apply(o->links, &st); /* most have none */
	pthread_mutex_unlock(&o->records);
	attr->mode = st.st_mode;
	attr->uid = st.st_uid;
	attr->gid = st.st_gid;
}

/* Those of the topmost file of a node; under the lock. */
static const struct attrs *beside(
	const struct ovl *o, const struct ovl_node *n, const struct stat *st)
{
	return links_attrs(
		ovl_upper(n) >= 0 ? o->links : o->layers[n->lower[0].layer].links, st->st_ino);
}

ssize_t ovl_beside_get(struct ovl *o, const struct ovl_node *n, const struct stat *st,
	const char *name, void *buf, size_t size)
{
	const struct attr *x;
	ssize_t r = -ENODATA;

	pthread_mutex_lock(&o->records);
	x = attrs_find(beside(o, n, st), name);
	if (x)
		r = size && x->len > size ? -ERANGE : (ssize_t)x->len;
	if (r > 0 && size)
		memcpy(buf, x->value, x->len);
	pthread_mutex_unlock(&o->records);
	return r;
}

ssize_t ovl_beside_list(struct ovl *o, const struct ovl_node *n, char *buf, size_t size)
{
	const struct attrs *a;
	struct stat st;
	size_t used = 0;

	if (fstat(ovl_top(n), &st) < 0)
		return 0;
	pthread_mutex_lock(&o->records);
	a = beside(o, n, &st);
	for (size_t i = 0; a && i < a->n; i++) {
		const size_t len = strlen(a->attr[i].key) + 1;

		if (used + len > size)
			break;
		memcpy(buf + used, a->attr[i].key, len);
		used += len;
	}
	pthread_mutex_unlock(&o->records);
	return (ssize_t)used;
}

int ovl_beside_set(struct ovl *o, const struct stat *st, const char *name, const void *value,
	size_t size, int flags)
{
	bool there;
	int r = 0;

	pthread_mutex_lock(&o->records);
	there = attrs_find(links_attrs(o->links, st->st_ino), name);
	if ((flags & XATTR_CREATE) && there)
		r = -EEXIST;
	else if ((flags & XATTR_REPLACE) && !there)
		r = -ENODATA;
	/* in memory first: there it is found out whether it is too much */
	if (r == 0)
		r = links_put_attr(&o->links, st->st_ino, name, value, size);
	if (r == 0 && o->record_dir >= 0)
		r = links_append_attr(o->record_dir, st->st_ino, name, value, size);
	if (r < 0 && !there && value && links_put_attr(&o->links, st->st_ino, name, NULL, 0) < 0)
		r = -ENOMEM;
	pthread_mutex_unlock(&o->records);
	return r;
}

int ovl_beside_copy(struct ovl *o, const struct ovl_node *n, int to)
{
	const struct attrs *a; /* of a layer below, which nobody changes */
	struct stat from, st;
	int r = 0;

	if (fstat(n->lower[0].fd, &from) < 0 || fstat(to, &st) < 0)
		return 0;
	a = links_attrs(o->layers[n->lower[0].layer].links, from.st_ino);
	for (size_t i = 0; r == 0 && a && i < a->n; i++)
		r = ovl_beside_set(o, &st, a->attr[i].key, a->attr[i].value, a->attr[i].len, 0);
	return r;
}

int ovl_beside_forget(struct ovl *o, int fd)
{
	struct stat st;
	int r;

	/* whoever made it: the next one in the view may be root */
	if (fstat(fd, &st) < 0)
		return -errno;
	pthread_mutex_lock(&o->records);
	r = links_forget(o->links, o->record_dir, st.st_ino);
	pthread_mutex_unlock(&o->records);
	return r;
}

int ovl_links_set(struct ovl *o, const struct stat *st, const struct fs_attr *attr)
{
	struct stat shown = { .st_ino = st->st_ino,
		.st_mode = st->st_mode,
		.st_uid = st->st_uid,
		.st_gid = st->st_gid };
	bool same;
	int r = 0;

	pthread_mutex_lock(&o->records);
	(void)links_apply(o->links, &shown); /* most have none */
	same = shown.st_uid == attr->uid && shown.st_gid == attr->gid &&
	       (S_ISLNK(st->st_mode) || (shown.st_mode & 07777) == (attr->mode & 07777));
	if (!same) {
		shown.st_uid = attr->uid;
		shown.st_gid = attr->gid;
		shown.st_mode = (st->st_mode & S_IFMT) | (attr->mode & 07777);
		if (o->record_dir >= 0)
			r = links_append(o->record_dir, st->st_ino, &shown);
		if (r == 0)
			r = links_put(&o->links, st->st_ino, &shown);
	}
	pthread_mutex_unlock(&o->records);
	return r;
}
