/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a name is, through the layers. As the kernel's ovl_lookup(): from the top on, the first that
 * is no directory ends it, directories are merged until one is opaque or something else lies below;
 * a redirect says under which other name the layers below are searched.
 *
 * What a name leads to in upper changes by us alone, who hold the lock on it; lower folders may be
 * changed by anybody. So the names of directories are kept (view/names.c), with what was seen
 * below, and each time they are used that is looked at again: one call for each lower folder, none
 * where there is none, or where it is watched (outside.c).
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "fs/overlay/internal.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

void ovl_found_init(struct found *f)
{
	f->upper = -1;
	f->nlower = 0;
	f->lower_path = NULL;
	f->whiteout = f->xwhiteouts = f->has_data = false;
	f->looked = 0;
	f->st = f->below = (struct stat){ 0 };
}

void ovl_found_release(struct found *f)
{
	if (f->upper >= 0)
		close(f->upper);
	for (unsigned i = 0; i < f->nlower + f->has_data; i++)
		close(f->lower[i].fd);
	f->has_data = false;
	free(f->lower_path);
	f->upper = -1;
	f->nlower = 0;
	f->lower_path = NULL;
}

/* The search on its way down. */
struct search {
	struct ovl *o;
	struct ovl_node *dir;
	struct found *f;
	const char *name;
	char redirect[PATH_MAX]; /* "/a/b": from the root of each layer; "b": in the directory; or
				    "" */
	bool dirs;		 /* directories were found: only such count from now on */
	bool meta;		 /* a file was found whose content lies below: that is looked for */
	bool end;
};

/* Is the content of a file in a layer below it? */
static bool is_metacopy(int fd, const struct stat *st)
{
	char value[16];

	/* it is as long as its content, and has no block but one of attributes: most need not be
	 * asked */
	return S_ISREG(st->st_mode) && st->st_size > 0 &&
	       (st->st_blocks <= 8 || st->st_size > st->st_blocks * 512) &&
	       ovl_getxattr(fd, XATTR_OVERLAY "metacopy", value, sizeof(value)) >= 0;
}

/* Under which name the layers below are searched for the rest of what was just found. */
static void take_redirect(struct search *s, int fd)
{
	char value[REDIRECT_MAX + 1];

	if (ovl_getxattr(fd, XATTR_OVERLAY "redirect", value, sizeof(value)) > 0)
		strcpy(s->redirect, value);
}

/* What an attribute of a directory, just found, says about the layers below. */
static void look_below(struct search *s, int fd, bool *xwhiteouts)
{
	int opaque = ovl_opaque(fd);

	*xwhiteouts = opaque == 'x';
	if (opaque == 'y') {
		s->end = true;
		return;
	}
	take_redirect(s, fd);
}

/* A file that nothing is merged with: but, if `may`, its content may lie below. */
static void end_at(struct search *s, int fd, const struct stat *st, bool may)
{
	s->meta = may && is_metacopy(fd, st);
	s->end = !s->meta;
	if (s->meta)
		take_redirect(s, fd);
}

static int find_upper(struct search *s)
{
	struct found *f = s->f;
	int dir = ovl_upper(s->dir), fd;

	if (dir < 0)
		return 0;
	fd = openat(dir, s->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &f->st) < 0) {
		close(fd);
		return -errno;
	}
	if (ovl_is_whiteout(fd, &f->st, s->dir->xwhiteouts)) {
		close(fd);
		f->whiteout = s->end = true;
		return 0;
	}
	f->upper = fd;
	if (S_ISDIR(f->st.st_mode)) {
		s->dirs = true;
		look_below(s, fd, &f->xwhiteouts);
	} else {
		end_at(s, fd, &f->st, !s->o->no_metacopy);
	}
	return 0;
}

/* By the path of a redirect, within the layer. */
static int open_in_layer(const struct ovl *o, unsigned layer, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };

	while (*path == '/')
		path++;
	return (int)syscall(SYS_openat2, o->layers[layer].root, path, &how, sizeof(how));
}

static bool hidden(const struct ovl *o, const struct stat *st)
{
	return o->hide_ino && st->st_ino == o->hide_ino && st->st_dev == o->hide_dev;
}

/* The content of a file above: fd is taken. */
static int take_data(struct search *s, int fd, unsigned layer, const struct stat *st)
{
	if (is_metacopy(fd, st)) {
		take_redirect(s, fd);
		close(fd);
		return 0;
	}
	s->f->lower[s->f->nlower] = (struct lower){ .fd = fd, .layer = layer };
	s->f->has_data = s->end = true;
	return 0;
}

/* One lower layer; fd is taken. */
static int take_lower(struct search *s, int fd, unsigned layer, bool xwhiteouts)
{
	const bool plain = !s->o->layers[layer].upper;
	struct found *f = s->f;
	struct lower *l;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		close(fd);
		return -errno;
	}
	if (ovl_is_whiteout(fd, &st, xwhiteouts) || hidden(s->o, &st) ||
		(s->dirs && !S_ISDIR(st.st_mode)) || (s->meta && !S_ISREG(st.st_mode))) {
		close(fd);
		f->looked = -1;
		s->end = true;
		return 0;
	}
	if (s->meta)
		return take_data(s, fd, layer, &st);
	if (f->upper < 0 && f->nlower == 0)
		f->st = st;
	if (f->nlower == 0)
		f->below = st;
	l = &f->lower[f->nlower++];
	*l = (struct lower){
		.fd = fd, .layer = layer, .dev = st.st_dev, .ino = st.st_ino, .ctime = st.st_ctim
	};
	if (f->nlower == 1 && f->lower_path == NULL) {
		const char *dir = s->dir->lower_path ? s->dir->lower_path : "";

		f->lower_path = s->redirect[0] == '/'
					? strdup(s->redirect + 1)
					: str_printf("%s%s%s", dir, *dir ? "/" : "", s->name);
		if (!f->lower_path)
			return -ENOMEM;
	}
	if (!S_ISDIR(st.st_mode)) {
		end_at(s, fd, &st, !plain);
		return 0;
	}
	s->dirs = true;
	if (!plain)
		look_below(s, fd, &l->xwhiteouts);
	return 0;
}

/* Where the next layer is searched: as it was, or as a redirect of the last one says. */
static int open_lower(struct search *s, unsigned i, unsigned *ret_layer, bool *ret_xwhiteouts)
{
	const struct lower *in = &s->dir->lower[i];

	*ret_layer = in->layer;
	*ret_xwhiteouts = in->xwhiteouts;
	return openat(in->fd, s->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static int find_lower(struct search *s)
{
	unsigned i = 0, layer = 0;

	while (!s->end) {
		bool xwhiteouts = false;
		int fd, r;

		if (s->redirect[0])
			s->f->looked = -1;
		if (s->redirect[0] == '/') {
			if (layer >= s->o->nlayers)
				break;
			fd = open_in_layer(s->o, layer, s->redirect);
		} else {
			if (s->redirect[0])
				s->name = s->redirect;
			if (i >= s->dir->nlower)
				break;
			fd = open_lower(s, i++, &layer, &xwhiteouts);
		}
		if (s->f->looked >= 0)
			s->f->looked = (int)i;
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP &&
			!ovl_closed_to_us(s->o, errno))
			return -errno;
		r = fd < 0 ? 0 : take_lower(s, fd, layer, xwhiteouts);
		if (r < 0)
			return r;
		layer++;
	}
	return 0;
}

int ovl_find(struct ovl *o, struct ovl_node *dir, const char *name, struct found *f)
{
	struct search s = { .o = o, .dir = dir, .f = f, .name = name };
	int r;

	ovl_found_init(f);
	r = find_upper(&s);
	if (r == 0 && !s.end)
		r = find_lower(&s);
	if (r == 0 && f->upper >= 0 && hidden(o, &f->st))
		r = -ENOENT;
	if (r == 0 && f->upper < 0 && f->nlower == 0)
		r = -ENOENT;
	if (r == 0 && s.meta && !f->has_data)
		r = -EIO; /* as the kernel says it */
	if (r < 0)
		ovl_found_release(f);
	return r;
}

/* Has one lower folder at this name what it had? *n counts those of the node that were seen. */
static bool is_still(const struct ovl *o, const struct lower *in, const char *name,
	const struct ovl_node *node, unsigned *n)
{
	const struct lower *l = *n < node->nlower ? &node->lower[*n] : NULL;
	struct stat st;

	if (l && l->layer != in->layer)
		l = NULL;
	if (fstatat(in->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return !l && (errno == ENOENT || ovl_closed_to_us(o, errno));
	if (!l || st.st_dev != l->dev || st.st_ino != l->ino || !S_ISDIR(st.st_mode))
		return false;
	++*n;
	return !o->layers[l->layer].upper ||
	       (st.st_ctim.tv_sec == l->ctime.tv_sec && st.st_ctim.tv_nsec == l->ctime.tv_nsec);
}

static bool look_again(
	const struct ovl *o, const struct ovl_node *dir, const char *name, const struct ovl_node *n)
{
	int looked = atomic_load(&n->looked);
	unsigned seen = 0;

	for (int i = 0; i < looked; i++) {
		if ((unsigned)i >= dir->nlower || !is_still(o, &dir->lower[i], name, n, &seen))
			return false;
	}
	return looked >= 0 && seen == n->nlower;
}

bool ovl_still(struct fs *fs, uint64_t parent, const char *name, uint64_t node)
{
	struct ovl_node *dir = ovl_node_of(parent), *n = ovl_node_of(node);
	struct ovl *o = ovl_of(fs);
	uint64_t outlook = ovl_outlook(o, dir); /* before it is looked at */

	if (outlook && outlook == atomic_load(&n->seen))
		return atomic_load(&n->looked) >= 0;
	if (!look_again(o, dir, name, n))
		return false;
	if (outlook)
		atomic_store(&n->seen, outlook);
	else
		ovl_outside_watch(o, dir);
	return true;
}

bool ovl_lower_has(struct ovl *o, struct ovl_node *dir, const char *name)
{
	for (unsigned i = 0; i < dir->nlower; i++) {
		_cleanup_fd_ int fd =
			openat(dir->lower[i].fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0)
			return !ovl_is_whiteout(fd, &st, dir->lower[i].xwhiteouts) &&
			       !hidden(o, &st);
	}
	return false;
}
