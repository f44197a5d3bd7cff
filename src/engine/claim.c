/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/claim.h"

static struct claim *find_locked(struct engine *e, pid_t tid)
{
	struct claim *i;

	cds_list_for_each_entry(i, &e->injecting, node) {
		if (i->tid == tid)
			return i;
	}
	return NULL;
}

bool inject_claims(struct engine *e, pid_t tid)
{
	struct claim *i;
	bool next = false;

	pthread_mutex_lock(&e->inject_lock);
	i = find_locked(e, tid);
	if (i && i->kind == CLAIM_NEXT) {
		i->tid = 0;
		next = true;
	} else {
		for (; i; i = find_locked(e, tid)) {
			call_waits();
			atomic_store(&i->held, true);
			pthread_cond_wait(&e->inject_gone, &e->inject_lock);
		}
	}
	pthread_mutex_unlock(&e->inject_lock);
	return next;
}

void claim_add(struct engine *e, struct claim *i, enum claim_kind kind, pid_t tid)
{
	i->kind = kind;
	i->tid = tid;
	atomic_init(&i->held, false);
	pthread_mutex_lock(&e->inject_lock);
	cds_list_add(&i->node, &e->injecting);
	atomic_fetch_add(&e->ninject, 1);
	pthread_mutex_unlock(&e->inject_lock);
}

void claim_remove(struct engine *e, struct claim *i)
{
	pthread_mutex_lock(&e->inject_lock);
	cds_list_del(&i->node);
	atomic_fetch_sub(&e->ninject, 1);
	pthread_cond_broadcast(&e->inject_gone);
	pthread_mutex_unlock(&e->inject_lock);
}
