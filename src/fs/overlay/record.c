/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a layer of `--cow` keeps beside its upper folder: what the tree below was when something
 * first was put over it (layer/base.h), and the owners of what cannot carry an attribute
 * (layer/links.h).
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "fs/overlay/internal.h"
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
