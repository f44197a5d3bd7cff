/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Renaming. What moves is copied up first; a directory with lower content keeps it by a redirect,
 * one without is made opaque. The upper names are then renamed by one call, which leaves a whiteout
 * behind where a lower layer has the old name.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>

#include "fs/overlay/internal.h"

/* A name of the call, and what is there. */
struct side {
	struct ovl_node *dir;
	const char *name;
	struct found f;
	struct ovl_node *node; /* known; NULL: nothing is there */
	bool there;
	bool lower;		    /* a lower layer has the name */
	struct opened_up up, moves; /* the directory, and what is there if it is one */
};

static int rename2(struct ovl *o, const struct side *a, const struct side *b, unsigned flags)
{
	return ovl_rename2(o, ovl_upper(a->dir), a->name, ovl_upper(b->dir), b->name, flags);
}

static void side_init(struct side *s, struct ovl_node *dir, const char *name)
{
	s->dir = dir;
	s->name = name;
	ovl_found_init(&s->f);
	s->node = NULL;
	s->there = s->lower = false;
	s->up = s->moves = (struct opened_up){ .fd = -1 };
}

/* What the name is; *node is entered so that it can be copied up. */
static int side_find(struct ovl *o, struct side *s)
{
	struct fs_entry e;
	int r = ovl_find(o, s->dir, s->name, &s->f);

	s->lower = ovl_lower_has(o, s->dir, s->name);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = ovl_enter(o, &s->f, s->dir, s->name, &e);
	if (r < 0)
		return r;
	s->node = ovl_node_of(e.nodeid);
	s->there = true;
	return 0;
}

static void side_release(struct ovl *o, struct side *s)
{
	if (s->node)
		ovl_forget(&o->fs, (uintptr_t)s->node, 1);
}

/* Where the file system keeps no attributes a folder cannot say so: then it is copied by whoever
 * moves it. */
static int mark(const struct ovl_node *n, const char *name, const char *value)
{
	int r = ovl_setxattr(ovl_upper(n), name, value);

	return r == -EOPNOTSUPP ? -EXDEV : r;
}

/* What a directory is to say when it stands at another name: where its lower content is. */
static int mark_moving(struct ovl *o, const struct ovl_node *n, const struct side *to)
{
	_cleanup_free_ char *redirect = NULL;

	if (n->type != S_IFDIR)
		return 0;
	if (n->nlower == 0)
		return to->lower ? mark(n, XATTR_OVERLAY "opaque", "y") : 0;
	if (!o->redirect || !n->lower_path)
		return -EXDEV;
	redirect = str_printf("/%s", n->lower_path);
	if (!redirect)
		return -ENOMEM;
	return strlen(redirect) > REDIRECT_MAX ? -EXDEV
					       : mark(n, XATTR_OVERLAY "redirect", redirect);
}

static bool may_move(const struct ovl *o, const struct side *s)
{
	return s->node->type != S_IFDIR || s->node->nlower == 0 || o->redirect;
}

static void lock_both(struct ovl *o, struct side *a, struct side *b)
{
	struct ovl_node *first = a->dir < b->dir ? a->dir : b->dir;
	struct ovl_node *second = first == a->dir ? b->dir : a->dir;

	pthread_mutex_lock(&first->names);
	if (second != first)
		pthread_mutex_lock(&second->names);
	a->up = ovl_open_up(o, ovl_upper(a->dir));
	if (second != first)
		b->up = ovl_open_up(o, ovl_upper(b->dir));
	/* what changes its directory is written to */
	if (a->node->type == S_IFDIR)
		a->moves = ovl_open_up(o, ovl_upper(a->node));
	if (b->there && b->node->type == S_IFDIR && ovl_upper(b->node) >= 0)
		b->moves = ovl_open_up(o, ovl_upper(b->node));
}

static void unlock_both(struct side *a, struct side *b)
{
	ovl_close_down(&a->moves);
	ovl_close_down(&b->moves);
	ovl_close_down(&a->up);
	ovl_close_down(&b->up);
	pthread_mutex_unlock(&a->dir->names);
	if (b->dir != a->dir)
		pthread_mutex_unlock(&b->dir->names);
}

/* The old name is at work/made's: a whiteout, something to be removed, or nothing. */
static int leave_whiteout(struct ovl *o, struct side *s, bool something)
{
	char made[WORK_NAME_MAX];
	int r = 0;

	if (s->lower) {
		r = ovl_whiteout_make(o, s->dir, made);
		if (r == 0)
			r = ovl_rename2(o, o->work, made, ovl_upper(s->dir), s->name,
				something ? RENAME_EXCHANGE : RENAME_NOREPLACE);
	} else if (something) {
		ovl_work_name(o, made);
		if (renameat(ovl_upper(s->dir), s->name, o->work, made) < 0)
			r = -errno;
	} else {
		return 0;
	}
	ovl_remove_all(o->work, made);
	return r;
}

/* from goes to to, where nothing is, a whiteout, or what is to go. */
static int move(struct ovl *o, struct side *from, struct side *to)
{
	const bool in_upper = to->there ? ovl_upper(to->node) >= 0 : to->f.whiteout;
	const bool whiteout = in_upper && !to->there;
	const bool dir = from->node->type == S_IFDIR;
	int r;

	if (!in_upper || !dir) {
		if (from->lower && !atomic_load(&o->no_devices) && !from->dir->xwhiteouts) {
			r = rename2(o, from, to, RENAME_WHITEOUT);
			if (r != -EINVAL && r != -EPERM && r != -EOPNOTSUPP)
				return r;
		}
		r = rename2(o, from, to, 0);
		return r < 0 ? r : leave_whiteout(o, from, false);
	}
	/* a directory goes to where something is: they change places, and that goes then */
	r = rename2(o, from, to, RENAME_EXCHANGE);
	if (r == 0 && whiteout && from->lower && !from->dir->xwhiteouts)
		return 0;
	return r < 0 ? r : leave_whiteout(o, from, true);
}

static int note_both(struct ovl *o, const struct side *from, const struct side *to)
{
	int r = ovl_changed_note(o, from->dir, from->name, true);

	return r < 0 ? r : ovl_changed_note(o, to->dir, to->name, true);
}

/* It stands in this folder from now on. */
static void placed(struct ovl *o, struct ovl_node *n, const struct side *at)
{
	ovl_place_set(o, n, at->dir, at->name);
	if (n->shown.ino != n->ino)
		ovl_impure_set(at->dir);
	if (n->type != S_IFDIR)
		return;
	atomic_store(&n->looked, -1); /* it was found by another name */
	ovl_moved_note(o, n->lower_path, n);
}

static int exchange(struct ovl *o, struct side *from, struct side *to)
{
	int r = mark_moving(o, from->node, to);

	if (r == 0)
		r = mark_moving(o, to->node, from);
	if (r == 0)
		r = note_both(o, from, to);
	if (r == 0)
		r = rename2(o, from, to, RENAME_EXCHANGE);
	if (r == 0) {
		placed(o, from->node, to);
		placed(o, to->node, from);
	}
	return r;
}

static int replace(struct ovl *o, struct side *from, struct side *to)
{
	int r = mark_moving(o, from->node, to);

	if (r == 0)
		r = note_both(o, from, to);
	if (r == 0 && to->there && ovl_upper(to->node) < 0)
		r = ovl_record_lower(o, to->node);
	if (r == 0 && to->node)
		ovl_keep_open(o, to->node);
	if (r == 0)
		r = move(o, from, to);
	if (r == 0) {
		if (to->node && to->node != from->node) {
			ovl_lost(o, to->node, to->dir, to->name);
			if (to->node->type == S_IFDIR)
				ovl_moved_note(o, to->node->lower_path, NULL);
		}
		placed(o, from->node, to);
	}
	return r;
}

/* The state that the view's own checks cannot know of: is what goes empty, and of the right kind?
 */
static int check_target(
	struct fs *fs, const struct fs_req *req, const struct side *from, const struct side *to)
{
	bool isdir = from->node->type == S_IFDIR;
	struct fs_handle h;
	int r;

	if (!to->there)
		return 0;
	if (isdir != (to->node->type == S_IFDIR))
		return isdir ? -ENOTDIR : -EISDIR;
	if (!isdir)
		return 0;
	r = ovl_opendir(fs, req, (uintptr_t)to->node, &h);
	if (r < 0)
		return r;
	r = ovl_listing_empty(&h) ? 0 : -ENOTEMPTY;
	ovl_releasedir(fs, 0, &h);
	return r;
}

static int rename_found(
	struct fs *fs, const struct fs_req *req, struct side *from, struct side *to, unsigned flags)
{
	struct ovl *o = ovl_of(fs);
	int r = 0;

	if (!from->there || ((flags & RENAME_EXCHANGE) && !to->there))
		return -ENOENT;
	if ((flags & RENAME_NOREPLACE) && to->there)
		return -EEXIST;
	if (from->node == to->node)
		return 0;
	if (!may_move(o, from) || ((flags & RENAME_EXCHANGE) && !may_move(o, to)))
		return -EXDEV;
	if (!(flags & RENAME_EXCHANGE))
		r = check_target(fs, req, from, to);
	if (r == 0)
		r = ovl_copy_up(o, from->node, 0);
	if (r == 0 && (flags & RENAME_EXCHANGE))
		r = ovl_copy_up(o, to->node, 0);
	if (r < 0)
		return r;
	lock_both(o, from, to);
	r = flags & RENAME_EXCHANGE ? exchange(o, from, to) : replace(o, from, to);
	unlock_both(from, to);
	return r;
}

int ovl_rename(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	uint64_t newparent, const char *newname, unsigned flags)
{
	struct side *both = malloc(2 * sizeof(*both)), *from = both, *to = both + 1;
	struct ovl *o = ovl_of(fs);
	int r;

	if (!both)
		return -ENOMEM;
	side_init(from, ovl_node_of(parent), name);
	side_init(to, ovl_node_of(newparent), newname);
	r = flags & RENAME_WHITEOUT ? -EINVAL : ovl_copy_up(o, from->dir, 0);
	if (r == 0)
		r = ovl_copy_up(o, to->dir, 0);
	if (r == 0)
		r = side_find(o, from);
	if (r == 0)
		r = side_find(o, to);
	if (r == 0)
		r = rename_found(fs, req, from, to, flags);
	side_release(o, from);
	side_release(o, to);
	free(both);
	return r;
}
