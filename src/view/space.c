/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/space.h"

#include <string.h>

#include "engine/engine.h"

/* The kernel's own mount namespaces have small numbers. */
#define SPACE_BIT ((ino_t)1 << 63)
#define SWEEP_EVERY 64 /* new ones */

enum space_state { SPACE_FREE, SPACE_TAKEN, SPACE_ENDED };

struct spaces {
	pthread_mutex_t lock; /* guards state, fresh; a leaf */
	atomic_bool any;
	unsigned fresh;					/* made since the last sweep */
	uint8_t state[TASK_MARK_SPACE_MAX + 1];		/* 0 is not used */
	_Atomic uint16_t from[TASK_MARK_SPACE_MAX + 1]; /* which one it was made from */
};

int spaces_new(struct spaces **ret)
{
	struct spaces *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	*ret = s;
	return 0;
}

void spaces_free(struct spaces *s)
{
	if (s)
		pthread_mutex_destroy(&s->lock);
	free(s);
}

/* The lock is held. */
static int take_number(struct spaces *s)
{
	for (unsigned i = 1; i <= TASK_MARK_SPACE_MAX; i++) {
		if (s->state[i] == SPACE_FREE) {
			s->state[i] = SPACE_TAKEN;
			s->fresh++;
			return (int)i;
		}
	}
	return -ENOSPC;
}

int space_unshare(struct view *v, pid_t tid)
{
	struct spaces *s = v->spaces;
	struct task_mark m;
	int r = task_mark_get(tid, &m);

	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	r = take_number(s);
	if (r > 0) {
		atomic_store(&s->from[r], m.space);
		m.space = (uint16_t)r;
		atomic_store_explicit(&s->any, true, memory_order_release);
		r = task_mark_set(tid, &m);
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static void note_used(UNUSED pid_t pid, const struct task_mark *m, void *arg)
{
	((bool *)arg)[m->space] = true;
}

/* The lock is held. */
static void sweep(struct spaces *s)
{
	bool used[TASK_MARK_SPACE_MAX + 1] = { false };

	/* twice: of a process that ended during the first, the child may have been too new for it
	 */
	for (int i = 0; i < 2; i++)
		task_mark_each(note_used, used);
	for (unsigned i = 1; i <= TASK_MARK_SPACE_MAX; i++) {
		for (unsigned k = used[i] ? atomic_load(&s->from[i]) : 0; k;
			k = atomic_load(&s->from[k]))
			used[k] = true;
	}
	for (unsigned i = 1; i <= TASK_MARK_SPACE_MAX; i++) {
		if (s->state[i] == SPACE_TAKEN && !used[i])
			s->state[i] = SPACE_ENDED;
	}
	s->fresh = 0;
}

ino_t space_next_ended(struct view *v)
{
	struct spaces *s = v->spaces;
	ino_t found = 0;

	pthread_mutex_lock(&s->lock);
	if (s->fresh >= SWEEP_EVERY)
		sweep(s);
	for (unsigned i = 1; i <= TASK_MARK_SPACE_MAX && !found; i++) {
		if (s->state[i] == SPACE_ENDED) {
			s->state[i] = SPACE_FREE;
			found = SPACE_BIT | i;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

ino_t space_of(struct view *v, pid_t tid)
{
	struct task_mark m;

	if (!v->spaces || !atomic_load_explicit(&v->spaces->any, memory_order_acquire) ||
		task_mark_get(tid, &m) < 0 || !m.space)
		return 0;
	return SPACE_BIT | m.space;
}

bool space_sees(const struct view *v, ino_t ns, const struct mount *m)
{
	unsigned in = m->ns & SPACE_BIT ? (unsigned)(m->ns & TASK_MARK_SPACE_MAX) : 0;

	if (!m->ns || m->ns == ns)
		return true;
	if (!in || !(ns & SPACE_BIT))
		return false;
	for (unsigned i = (unsigned)(ns & TASK_MARK_SPACE_MAX); i;
		i = atomic_load(&v->spaces->from[i])) {
		if (i == in)
			return true;
	}
	return false;
}
