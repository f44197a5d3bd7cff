/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A place is a folder of the view: its upper folder, if it has one, and what
 * is below it, if anything. How what is below counts is the place's mode:
 *
 * MERGED  both are seen, the upper over the lower: the upper's names are told
 * OPAQUE  the lower is hidden: told is what of it is gone, and how the upper differs
 * FRESH   a renamed folder under WALK_EXPAND: all that is seen is told, as new
 */
#include "layer/walk.h"

#include <fcntl.h>
#include <string.h>

#include "layer/base.h"
#include "layer/compare.h"

enum mode { MERGED, OPAQUE, FRESH };

struct place {
	int upper;		    /* -1: none */
	const struct entry *entry;  /* of the upper folder */
	const struct merged *lower; /* NULL: nothing */
	enum mode mode;
	bool moved, inside;
	const char *path, *lower_path;
};

static int walk_place(struct layer_walk *w, const struct place *p);

void layer_walk_release(struct layer_walk *w)
{
	free(w->where);
	w->where = NULL;
}

int layer_walk_content(struct layer_walk *w, const struct change *c)
{
	_cleanup_free_ char *parent = NULL;
	_cleanup_merged_ struct merged *dir = NULL;
	const char *slash;
	int fd = -1, err;

	if (!c->entry->metacopy)
		return c->ours ? tree_peek_at(c->dirfd, c->name, O_RDONLY | O_NONBLOCK)
			       : tree_look_at(c->dirfd, c->name, O_RDONLY | O_NONBLOCK);
	if (!w->lower)
		return -ENOENT;
	slash = strrchr(c->lower_path, '/');
	parent = slash ? strndup(c->lower_path, (size_t)(slash - c->lower_path)) : strdup("");
	err = parent ? merged_walk(w->lower, parent, &dir) : -ENOMEM;
	if (err == 0)
		err = merged_content(w->lower, dir, c->name, c->entry, &fd);
	return err < 0 ? err : fd;
}

/* Is the content the same without a look, of files of one size? */
static bool same_unread(const struct layer_walk *w, const struct change *c)
{
	/* nothing is what it was, whether it may be read or not */
	return c->entry->st.st_size == 0 ||
	       ((w->flags & WALK_CHEAP) &&
		       base_compare_time(c->entry->st.st_mtim, c->lower->st.st_mtim) == 0);
}

static enum change_kind compare(struct layer_walk *w, const struct change *c)
{
	_cleanup_fd_ int a = -1, b = -1;

	if (!c->lower)
		return CHANGE_ADDED;
	if (w->flags & WALK_QUICK)
		return CHANGE_CONTENT;
	if ((c->entry->st.st_mode & S_IFMT) != (c->lower->st.st_mode & S_IFMT))
		return CHANGE_CONTENT;
	if (S_ISREG(c->entry->st.st_mode) && !c->entry->metacopy) {
		if (c->entry->st.st_size != c->lower->st.st_size)
			return CHANGE_CONTENT;
		if (same_unread(w, c))
			return compare_metadata(c) ? CHANGE_NONE : CHANGE_METADATA;
		a = layer_walk_content(w, c);
		b = tree_look_at(c->lower_dirfd, c->lower_name, O_RDONLY | O_NONBLOCK);
		if (a < 0 || b < 0 || !compare_content(a, b))
			return CHANGE_CONTENT;
	} else if (S_ISLNK(c->entry->st.st_mode)) {
		if (!compare_links(c->dirfd, c->name, c->lower_dirfd, c->lower_name))
			return CHANGE_CONTENT;
	} else if (c->entry->st.st_rdev != c->lower->st.st_rdev) {
		return CHANGE_CONTENT;
	}
	return compare_metadata(c) ? CHANGE_NONE : CHANGE_METADATA;
}

static int tell(struct layer_walk *w, const struct change *c)
{
	int r = w->deadline_ns && now_ns() > w->deadline_ns ? -ETIME : w->visit(w, c);

	if (r < 0 && !w->where)
		w->where = strdup(c->path);
	return r;
}

/* Where a folder's redirect leads below: its path there, and the folder. */
static int follow(struct layer_walk *w, const struct place *p, const struct entry *e,
	char **ret_path, struct merged **ret)
{
	const char *to = e->redirect;

	if (to[0] == '/' ? !tree_path_valid(to + 1)
			 : strchr(to, '/') || strcmp(to, "..") == 0 || strcmp(to, ".") == 0)
		return -EBADMSG;
	*ret_path = to[0] == '/' ? strdup(to + 1) : tree_join(p->lower_path, to);
	if (!*ret_path)
		return -ENOMEM;
	return w->lower ? merged_walk(w->lower, *ret_path, ret) : -ENOENT;
}

/* Goes into a folder that was told. */
static int descend(struct layer_walk *w, const struct place *p, const struct change *c,
	const struct merged *below, enum mode mode, const char *lower_path)
{
	struct place sub = {
		.upper = -1,
		.entry = c->entry,
		.lower = below,
		.mode = mode,
		.moved = c->moved,
		.inside = p->inside || !c->merged,
		.path = c->path,
		.lower_path = lower_path,
	};
	_cleanup_fd_ int fd = -1;
	int err;

	if (p->upper >= 0 && c->dirfd == p->upper) {
		fd = tree_open_at(p->upper, c->name, O_RDONLY | O_DIRECTORY);
		if (fd < 0) {
			w->where = w->where ? w->where : strdup(c->path);
			return fd;
		}
		sub.upper = fd;
	}
	err = walk_place(w, &sub);
	if (fd >= 0 && (c->entry->real.st_mode & 0700) != 0700 &&
		fchmod(fd, c->entry->real.st_mode & 07777) < 0 && err == 0)
		err = -errno; /* tree_open_at() had to open it up */
	return err == 0 && w->leave ? w->leave(w, c) : err;
}

static int walk_folder(struct layer_walk *w, const struct place *p, struct change *c)
{
	_cleanup_merged_ struct merged *below = NULL;
	_cleanup_free_ char *from = NULL;
	enum mode mode = p->mode;
	bool closed = false; /* what lies below cannot be read: the view showed nothing in it */
	int err = 0;

	if (c->entry->redirect && c->dirfd == p->upper) {
		err = follow(w, p, c->entry, &from, &below);
		c->moved = (w->flags & WALK_EXPAND) != 0;
		c->merged = !c->moved && err == 0 && p->mode != FRESH;
		mode = w->flags & WALK_EXPAND ? FRESH : MERGED;
		c->from = from;
		c->kind = CHANGE_RENAMED;
	} else if (p->lower && (c->lower || p->mode == FRESH) && !c->entry->opaque) {
		err = merged_enter(w->lower, p->lower, c->name, &below);
		closed = err == -EACCES;
		if (err == -ENOENT || err == -ENOTDIR) /* there is none: the upper's is all */
			err = 0;
		c->merged = p->mode == MERGED && (below || closed);
	} else if (c->lower && S_ISDIR(c->lower->st.st_mode) && p->mode != FRESH) {
		err = merged_enter(w->lower, p->lower, c->name, &below);
		closed = err == -EACCES;
		mode = OPAQUE;
	}
	if (err < 0 && !closed) {
		w->where = w->where ? w->where : strdup(c->path);
		return err;
	}
	if (c->kind != CHANGE_RENAMED && c->lower && !(w->flags & WALK_QUICK))
		c->kind = S_ISDIR(c->lower->st.st_mode)
				  ? (compare_metadata(c) ? CHANGE_NONE : CHANGE_METADATA)
				  : CHANGE_CONTENT;
	err = tell(w, c);
	if (err)
		return err < 0 ? err : 0;
	return descend(w, p, c, below, mode, from ? from : c->lower_path);
}

/* What is below a name, if it counts: 0 with *ret_level -1 where there is nothing. */
static int look_below(const struct place *p, const char *name, int *ret_level, struct entry *ret)
{
	int err = p->lower ? merged_lookup(p->lower, name, ret_level, ret) : -ENOENT;

	if (err == -ENOENT)
		*ret_level = -1;
	return err == -ENOENT ? 0 : err;
}

static int walk_name(struct layer_walk *w, const struct place *p, const char *name, bool whiteout)
{
	_cleanup_free_ char *path = tree_join(p->path, name);
	_cleanup_free_ char *lower_path = tree_join(p->lower_path, name);
	_cleanup_entry_ struct entry upper = ENTRY_INIT, lower = ENTRY_INIT;
	struct change c = { .kind = CHANGE_REMOVED,
		.path = path,
		.name = name,
		.dirfd = -1,
		.lower_name = name,
		.lower_path = lower_path,
		.lower_dirfd = -1,
		.moved = p->moved,
		.inside = p->inside };
	int level = -1, err;

	if (w->except && strncmp(name, w->except, strlen(w->except)) == 0)
		return 0;
	if (!path || !lower_path)
		return -ENOMEM;
	err = p->upper >= 0 ? entry_read(p->upper, name, true, p->entry, w->links, &upper)
			    : -ENOENT;
	if (err == 0 && upper.hidden)
		return 0;
	whiteout = whiteout && err == -ENOENT;
	c.since = upper.btime;
	if (err == 0 && !upper.whiteout) {
		c.entry = &upper;
		c.dirfd = p->upper;
		c.ours = true;
	}
	if (err == 0 || err == -ENOENT)
		err = look_below(p, name, &level, &lower);
	if (err < 0) {
		w->where = w->where ? w->where : strdup(path);
		return err;
	}
	if (p->mode == FRESH) {
		if (!c.entry && (level < 0 || upper.whiteout || whiteout))
			return 0;
		if (!c.entry) {
			c.entry = &lower;
			c.dirfd = p->lower->level[level].fd;
		}
		c.kind = CHANGE_ADDED;
	} else if (level >= 0) {
		c.lower = &lower;
		c.lower_dirfd = p->lower->level[level].fd;
	}
	if (!c.entry) {
		c.whiteout = upper.whiteout || whiteout;
		if (!c.lower && !(c.whiteout && (w->flags & WALK_WHITEOUTS)))
			return 0;
		err = tell(w, &c);
		return err < 0 ? err : 0;
	}
	if (S_ISDIR(c.entry->real.st_mode)) {
		c.kind = c.lower ? CHANGE_CONTENT : CHANGE_ADDED;
		return walk_folder(w, p, &c);
	}
	if (p->mode != FRESH)
		c.kind = compare(w, &c);
	err = tell(w, &c);
	return err < 0 ? err : 0;
}

/* ".wh.NAME" of fuse-overlayfs: the name that it hides. */
static int walk_marks(struct layer_walk *w, const struct place *p, const struct names *names)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < names->n; i++) {
		const char *hidden = entry_dot_wh(names->name[i]);

		if (hidden && *hidden && strcmp(hidden, ".") != 0 && strcmp(hidden, "..") != 0)
			err = walk_name(w, p, hidden, true);
	}
	return err;
}

static int walk_place(struct layer_walk *w, const struct place *p)
{
	_cleanup_names_ struct names upper = { 0 }, lower = { 0 }, all = { 0 };
	const struct names *names = &upper;
	int err = p->upper >= 0 ? names_read(p->upper, &upper) : 0;

	if (err == 0 && p->lower && p->mode != MERGED) {
		err = merged_names(p->lower, &lower);
		err = err < 0 ? err : names_join(&upper, &lower, &all);
		names = &all;
	}
	for (size_t i = 0; err == 0 && i < names->n; i++)
		err = walk_name(w, p, names->name[i], false);
	if (err == 0 && p->mode == MERGED)
		err = walk_marks(w, p, &upper);
	if (err < 0 && !w->where)
		w->where = strdup(p->path);
	return err;
}

int layer_walk_run(struct layer_walk *w)
{
	_cleanup_entry_ struct entry top = ENTRY_INIT;
	struct change c = { .kind = CHANGE_NONE,
		.path = "",
		.name = ".",
		.dirfd = w->upper,
		.ours = true,
		.entry = &top,
		.lower_name = ".",
		.lower_path = "",
		.lower_dirfd = -1 };
	struct place p = {
		.upper = w->upper, .entry = &top, .lower = w->lower, .path = "", .lower_path = ""
	};
	int err = entry_read(w->upper, ".", true, NULL, w->links, &top);

	if (err < 0)
		return err;
	c.merged = !top.opaque && w->lower;
	p.mode = top.opaque ? OPAQUE : MERGED;
	p.inside = !c.merged;
	if (w->lower) {
		c.lower = &w->lower->level[0].entry;
		c.lower_dirfd = w->lower->level[0].fd;
		c.kind = compare_metadata(&c) ? CHANGE_NONE : CHANGE_METADATA;
	}
	err = tell(w, &c);
	if (err)
		return err < 0 ? err : 0;
	err = walk_place(w, &p);
	return err == 0 && w->leave ? w->leave(w, &c) : err;
}
