/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where folders of the lowest layer are, which were renamed or removed since. The kernel is left to
 * walk what is unchanged, so a guest's working directory, or a folder that it opened, may be the
 * lower folder itself, whose name says nothing any more once it, or one above it, was renamed in
 * the view. By the lower path it is found here.
 *
 * A renamed folder's node is kept to the end; of a removed one nothing is but the hash of its path.
 */
#include <string.h>

#include "fs/overlay/internal.h"

struct folder {
	uint64_t key;	       /* of its path below; 0: free */
	struct ovl_node *node; /* NULL: it is gone */
};

struct moved {
	pthread_rwlock_t lock; /* all; o->lock is taken in it */
	struct folder *v;      /* open addressing, at most half full; room is a power of two */
	size_t n, room;
};

static struct folder *slot_of(const struct moved *t, uint64_t key)
{
	size_t i = (size_t)(key >> 20) & (t->room - 1);

	while (t->v[i].key && t->v[i].key != key)
		i = (i + 1) & (t->room - 1);
	return &t->v[i];
}

static int grow_locked(struct moved *t)
{
	struct moved bigger = { .room = t->room ? t->room * 2 : 64 };

	bigger.v = calloc(bigger.room, sizeof(*bigger.v));
	if (!bigger.v)
		return -ENOMEM;
	for (size_t i = 0; i < t->room; i++) {
		if (t->v[i].key)
			*slot_of(&bigger, t->v[i].key) = t->v[i];
	}
	free(t->v);
	t->v = bigger.v;
	t->room = bigger.room;
	return 0;
}

int ovl_moved_new(struct ovl *o)
{
	o->moved = calloc(1, sizeof(*o->moved));
	if (!o->moved)
		return -ENOMEM;
	pthread_rwlock_init(&o->moved->lock, NULL);
	return 0;
}

void ovl_moved_free(struct ovl *o)
{
	if (!o->moved)
		return;
	pthread_rwlock_destroy(&o->moved->lock);
	free(o->moved->v);
	free(o->moved);
}

void ovl_moved_note(struct ovl *o, const char *lower_path, struct ovl_node *n)
{
	struct moved *t = o->moved;
	struct folder *slot;

	if (!t || !lower_path)
		return;
	pthread_rwlock_wrlock(&t->lock);
	/* out of memory: it is where it was, as far as is known */
	if (t->n * 2 < t->room || grow_locked(t) == 0) {
		slot = slot_of(t, ovl_path_key(lower_path, strlen(lower_path)));
		t->n += !slot->key;
		slot->key = ovl_path_key(lower_path, strlen(lower_path));
		if (n && slot->node != n) {
			ovl_hold(o, n);
			ovl_put(o, slot->node);
		}
		if (n)
			slot->node = n;
	}
	pthread_rwlock_unlock(&t->lock);
}

/* The deepest folder on the way that is known here. */
static const struct folder *find_locked(const struct moved *t, const char *path, size_t *ret_len)
{
	for (size_t len = strlen(path); len > 0;) {
		const struct folder *f = slot_of(t, ovl_path_key(path, len));

		if (f->key) {
			*ret_len = len;
			return f;
		}
		while (len > 0 && path[--len] != '/')
			;
	}
	return NULL;
}

int ovl_whereabouts(struct fs *fs, const char *path, char **ret)
{
	struct ovl *o = ovl_of(fs);
	_cleanup_free_ char *top = NULL;
	const struct folder *f;
	size_t len = 0;
	bool gone = false;

	while (*path == '/')
		path++;
	pthread_rwlock_rdlock(&o->moved->lock);
	f = o->moved->n ? find_locked(o->moved, path, &len) : NULL;
	if (f) {
		top = f->node ? ovl_path(o, f->node) : NULL;
		gone = !top;
	}
	pthread_rwlock_unlock(&o->moved->lock);
	if (gone)
		return -ENOENT;
	if (!f || (strlen(top) == len && memcmp(top, path, len) == 0))
		return 0;
	*ret = str_printf("%s%s", top, path + len);
	return *ret ? 1 : -ENOMEM;
}
