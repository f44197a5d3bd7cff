/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of one file stay together. When a lower file with several names is copied up by one of
 * them, its node is kept to the end of the view, found by the numbers that the file has below:
 * whoever comes by another name finds it, and that name is made a link to the copy in upper. A name
 * that nobody comes by is the lower file's again in the next view.
 */
#include <fcntl.h>
#include <string.h>

#include "fs/overlay/internal.h"

void ovl_hardlink_keep(struct ovl *o, struct ovl_node *n, const struct stat *below)
{
	atomic_store(&n->others, (unsigned)below->st_nlink - 1);
	ovl_hold(o, n);
	atomic_store(&o->any_hardlinks, true);
}

struct ovl_node *ovl_hardlink_find(struct ovl *o, const struct stat *below)
{
	struct ovl_node *n;

	if (!atomic_load(&o->any_hardlinks) || S_ISDIR(below->st_mode) || below->st_nlink < 2)
		return NULL;
	n = ovl_raised(o, below);
	ovl_put(o, n); /* it stays */
	return n;
}

/* Nobody else changes names in dir. */
static int link_locked(struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name)
{
	_cleanup_down_ struct opened_up up = ovl_open_up(o, ovl_upper(dir));
	_cleanup_free_ struct found *f = malloc(sizeof(*f));
	char path[FD_PATH_MAX];
	int r = f ? ovl_find(o, dir, name, f) : -ENOMEM;

	if (r < 0)
		return r;
	if (f->upper < 0 && ovl_hardlink_find(o, &f->st) == n) {
		r = ovl_record_base(o, f->lower[0].fd, &f->st, f->lower_path);
		if (r == 0)
			r = ovl_changed_note(o, dir, name, true);
		if (r == 0 && linkat(AT_FDCWD, fd_path(path, ovl_upper(n)), ovl_upper(dir), name,
				      AT_SYMLINK_FOLLOW) < 0)
			r = -errno;
		if (r == 0)
			atomic_fetch_sub(&n->others, 1);
	}
	ovl_found_release(f);
	return r;
}

int ovl_hardlink_join(struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name)
{
	int r = ovl_copy_up(o, dir, 0);

	if (r < 0)
		return r;
	pthread_mutex_lock(&dir->names);
	r = link_locked(o, n, dir, name);
	pthread_mutex_unlock(&dir->names);
	return r;
}

bool ovl_hardlink_changed(struct ovl *o, const char *path)
{
	struct stat st;

	if (!atomic_load(&o->any_hardlinks))
		return false;
	while (*path == '/')
		path++;
	return fstatat(o->layers[o->nlayers - 1].root, path, &st,
		       AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0 &&
	       ovl_hardlink_find(o, &st);
}
