/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One change of a directory at a time.
 *
 * Theory of operation. A server counts on the kernel to look a name up and to change it in one go:
 * asked to make what exists, fuse2fs takes its image for corrupt. The kernel holds the locks of
 * the directories across the request. Here it is a flag on the inode, waited for and set under
 * the table's names_lock, which itself is held across nothing. All inodes of a call are taken at
 * once, so there is no order between them to keep. A guest that is killed stops waiting; whoever
 * has the flag is waiting for the server alone, or is told that it is dead.
 */
#include <assert.h>

#include "view/itable.h"

#define LOOK_NS 50000000ull /* how often a waiter looks whether its guest has been killed */

static struct itable *table_of(const struct names_lock *l)
{
	return itable_of(l->ino[0]->fs);
}

static bool all_free(const struct names_lock *l)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (l->ino[i]->names_busy)
			return false;
	}
	return !l->tree || !table_of(l)->tree_busy;
}

void names_lock_add(struct names_lock *l, struct inode *ino)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (l->ino[i] == ino)
			return;
	}
	assert(l->n < NAMES_LOCK_MAX);
	l->ino[l->n++] = inode_get(ino);
}

int names_lock(struct names_lock *l, const struct fs_req *req)
{
	struct itable *t = table_of(l);
	struct timespec ts;
	uint64_t until;

	assert(l->n > 0 && !l->held);
	pthread_mutex_lock(&t->names_lock);
	while (!all_free(l)) {
		call_waits();
		until = now_ns() + LOOK_NS;
		ts = (struct timespec){ (time_t)(until / NSEC_PER_SEC),
			(long)(until % NSEC_PER_SEC) };
		pthread_cond_timedwait(&t->names_free, &t->names_lock, &ts);
		if (!req->call)
			continue;
		/* asking the kernel is not for under a lock */
		pthread_mutex_unlock(&t->names_lock);
		if (call_killed(req->call))
			return -EINTR;
		pthread_mutex_lock(&t->names_lock);
	}
	for (unsigned i = 0; i < l->n; i++)
		l->ino[i]->names_busy = true;
	if (l->tree)
		t->tree_busy = true;
	l->held = true;
	pthread_mutex_unlock(&t->names_lock);
	return 0;
}

bool names_changed_since(struct inode *dir, uint64_t ns)
{
	struct itable *t = itable_of(dir->fs);
	bool changed;

	pthread_mutex_lock(&t->names_lock);
	changed = dir->names_ns >= ns;
	pthread_mutex_unlock(&t->names_lock);
	return changed;
}

void names_unlock(struct names_lock *l)
{
	if (l->held) {
		struct itable *t = table_of(l);
		uint64_t now = now_ns();

		pthread_mutex_lock(&t->names_lock);
		for (unsigned i = 0; i < l->n; i++) {
			l->ino[i]->names_busy = false;
			l->ino[i]->names_ns = now;
		}
		if (l->tree)
			t->tree_busy = false;
		pthread_cond_broadcast(&t->names_free);
		pthread_mutex_unlock(&t->names_lock);
	}
	for (unsigned i = 0; i < l->n; i++)
		inode_put(l->ino[i]);
	*l = (struct names_lock){ 0 };
}
