/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/root.h"

#include <string.h>

#include "view/mountinfo.h"
#include "view/walk.h"

#define ROOTS_MAX 65536

struct roots {
	pthread_rwlock_t lock; /* v, n; a leaf */
	struct place **v;      /* each stays to the end */
	char **names;	       /* their paths in the view */
	unsigned n;
};

static unsigned (*root_hook)(struct um *um, pid_t tid);

void root_set_hook(unsigned (*fn)(struct um *um, pid_t tid))
{
	root_hook = fn;
}

static struct roots *roots_get(struct view *v)
{
	struct roots *r = atomic_load(&v->roots), *fresh;

	if (r)
		return r;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return NULL;
	pthread_rwlock_init(&fresh->lock, NULL);
	if (atomic_compare_exchange_strong(&v->roots, &r, fresh))
		return fresh;
	pthread_rwlock_destroy(&fresh->lock);
	free(fresh);
	return r;
}

void roots_free(struct view *v)
{
	struct roots *r = atomic_exchange(&v->roots, NULL);

	if (!r)
		return;
	for (unsigned i = 0; i < r->n; i++) {
		place_release(r->v[i]);
		free(r->v[i]);
		free(r->names[i]);
	}
	free(r->v);
	free(r->names);
	pthread_rwlock_destroy(&r->lock);
	free(r);
}

static bool is_same(const struct roots *r, unsigned i, const struct path *p)
{
	return r->v[i]->mnt == p->mnt && r->v[i]->ino == p->inode &&
	       strcmp(r->names[i], p->name) == 0;
}

/* The lock is held. */
static int add_locked(struct roots *r, const struct path *p)
{
	struct place **v = reallocarray(r->v, r->n + 1, sizeof(*v)), *place;
	char **names;

	if (v)
		r->v = v;
	names = reallocarray(r->names, r->n + 1, sizeof(*names));
	if (names)
		r->names = names;
	place = malloc(sizeof(*place));
	if (!v || !names || !place || !(names[r->n] = strdup(p->name))) {
		free(place);
		return -ENOMEM;
	}
	place_init(place);
	if (p->kind == PATH_VIRTUAL)
		place_set_virtual(place, mount_get(p->mnt), inode_get(p->inode));
	else
		place_set_real(place, p->name, strlen(p->name), -1);
	v[r->n] = place;
	return (int)++r->n;
}

int root_add(struct view *v, const struct path *p)
{
	struct roots *r = roots_get(v);
	int found = 0;

	if (!r)
		return -ENOMEM;
	if (strcmp(p->name, "/") == 0)
		return 0;
	pthread_rwlock_wrlock(&r->lock);
	for (unsigned i = 0; i < r->n && !found; i++) {
		if (is_same(r, i, p))
			found = (int)i + 1;
	}
	if (!found)
		found = r->n >= ROOTS_MAX ? -ENOSPC : add_locked(r, p);
	pthread_rwlock_unlock(&r->lock);
	return found;
}

static unsigned root_of(struct view *v, struct um *um, pid_t tid)
{
	return root_hook && atomic_load_explicit(&v->roots, memory_order_acquire)
		       ? root_hook(um, tid)
		       : 0;
}

static int root_place(struct view *v, unsigned n, struct place *ret)
{
	struct roots *r = atomic_load(&v->roots);
	int err = 0;

	pthread_rwlock_rdlock(&r->lock);
	if (n <= r->n)
		err = place_copy(ret, r->v[n - 1]);
	pthread_rwlock_unlock(&r->lock);
	return err;
}

int root_begin(struct walk *w)
{
	unsigned n = w->c ? root_of(w->v, w->c->um, w->c->tid) : 0;

	if (!n || w->root_fd >= 0)
		return 0;
	w->root = malloc(sizeof(*w->root));
	if (!w->root)
		return -ENOMEM;
	place_init(w->root);
	w->rooted = true;
	return root_place(w->v, n, w->root);
}

int root_enter(struct walk *w, pid_t tid)
{
	unsigned n = w->root_fd < 0 && w->c ? root_of(w->v, w->c->um, tid) : 0;
	int err;

	if (!n)
		return 0;
	place_release(&w->at);
	err = root_place(w->v, n, &w->at);
	w->touched = true;
	return err < 0 ? err : 1;
}

char *root_name_of(struct view *v, struct um *um, pid_t tid)
{
	unsigned n = root_of(v, um, tid);
	char *name = NULL;
	struct roots *r;

	if (!n)
		return NULL;
	r = atomic_load(&v->roots);
	pthread_rwlock_rdlock(&r->lock);
	if (n <= r->n)
		name = strdup(r->names[n - 1]);
	pthread_rwlock_unlock(&r->lock);
	return name;
}

bool root_strip(struct view *v, struct call *c, char *path)
{
	unsigned n = c ? root_of(v, c->um, c->tid) : 0;
	const char *rest = path;
	struct roots *r;

	if (!n)
		return true;
	r = atomic_load(&v->roots);
	pthread_rwlock_rdlock(&r->lock);
	if (n <= r->n)
		rest = path_below(path, r->names[n - 1]);
	pthread_rwlock_unlock(&r->lock);
	if (!rest)
		return false;
	if (rest == path)
		return true;
	if (*rest)
		memmove(path, rest, strlen(rest) + 1);
	else
		strcpy(path, "/");
	return true;
}
