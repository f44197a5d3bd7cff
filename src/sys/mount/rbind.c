/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bind with all that is mounted below (MS_REC, mount --rbind).
 *
 * Theory of operation. What the host has mounted below a folder is seen through any bind of it. The
 * view's own mounts are bound one by one, each at the same place below the target: those that a
 * path leads to, so not what another mount hides. They are found before anything is bound, since
 * the target may lie below the source. Rules hold on every bind, and are not copied.
 */
#include <fcntl.h>
#include <string.h>

#include "view/mountinfo.h"
#include "sys/mount/bind.h"
#include "sys/mount/calls.h"

struct below {
	const char *from;
	ino_t ns;
	struct mount **v;
	size_t n, size;
	bool failed;
};

static void note(struct mount *m, void *arg)
{
	struct below *b = arg;
	struct mount **bigger;

	if (rule_is_policy(m->rule) || m->seen_through || strcmp(m->target, b->from) == 0 ||
		!path_below(m->target, b->from) || (m->ns && m->ns != b->ns))
		return;
	if (b->n == b->size) {
		bigger = reallocarray(b->v, b->size * 2 + 8, sizeof(*b->v));
		if (!bigger) {
			b->failed = true;
			return;
		}
		b->v = bigger;
		b->size = b->size * 2 + 8;
	}
	b->v[b->n++] = mount_get(m);
}

static void below_release(struct below *b)
{
	while (b->n)
		mount_put(b->v[--b->n]);
	free(b->v);
}

/* A canonical path of the view; c: for a guest, whose mount namespace may have others. */
static int find(struct um *um, struct call *c, const char *name, unsigned flags, struct path *ret)
{
	return c ? path_resolve(
			   c, &um->view, AT_FDCWD, name, flags | PATH_VIEW_ROOT | PATH_REALIZE, ret)
		 : path_resolve_abs(&um->view, NULL, name, flags, ret);
}

/* Those that no path leads to are left out. */
static void keep_found(struct um *um, struct call *c, struct below *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		_cleanup_path_ struct path p = PATH_INIT;
		struct mount *m = b->v[i];

		if (find(um, c, m->target, 0, &p) == 0 && path_is_mount_root(&p) && p.mnt == m)
			b->v[n++] = m;
		else
			mount_put(m);
	}
	b->n = n;
}

/* One of them, at its place below the target. */
static int bind_one(struct um *um, struct call *c, struct mount *m, const char *name)
{
	/* what shows it: a mount of the view, and its root */
	const struct path from = {
		.kind = PATH_VIRTUAL, .dirfd = -1, .mnt = m, .inode = m->root, .name = m->target
	};
	const struct mount_as as = { .rule = m->rule, .leads = m->leads, .guests = true };
	_cleanup_path_ struct path where = PATH_INIT;
	_cleanup_mount_ struct mount *made = NULL;
	int r = find(um, c, name, PATH_PARENT, &where);

	return r < 0 ? r : um_bind_as(um, &from, &where, 0, &as, &made);
}

int um_bind_all(struct um *um, struct call *c, const struct path *from, const struct path *where,
	unsigned long flags, struct mount **ret)
{
	struct below b = { .from = from->name, .ns = where->ns };
	_cleanup_mount_ struct mount *m = NULL;
	int r;

	view_each_mount(&um->view, note, &b);
	keep_found(um, c, &b);
	r = b.failed ? -ENOMEM : um_bind(um, from, where, flags, &m);
	for (size_t i = 0; r == 0 && i < b.n; i++) {
		_cleanup_free_ char *name = str_printf("%s%s", where->name[1] ? where->name : "",
			path_below(b.v[i]->target, from->name));

		r = name ? bind_one(um, c, b.v[i], name) : -ENOMEM;
	}
	below_release(&b);
	if (r < 0 && m && view_detach(&um->view, m, MNT_DETACH) == 0)
		mount_ended(m);
	if (r == 0)
		*ret = take_ptr(&m);
	return r;
}
