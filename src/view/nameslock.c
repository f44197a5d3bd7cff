/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One change of a directory at a time, and none while it is read.
 *
 * Theory of operation. A server counts on the kernel to look a name up and to change it in one go:
 * asked to make what exists, fuse2fs takes its image for corrupt. The kernel holds the locks of
 * the directories across the request, and a server that looks at each name that it gives
 * (passthrough_ll, READDIRPLUS) ends a list where one has just gone. Here it is a flag on the
 * inode, waited for and set under the table's names_lock, which itself is held across nothing. All
 * inodes of a call are taken at once, so there is no order between them to keep. Readers count
 * themselves, and let those go first who wait for them. A guest that is killed stops waiting;
 * whoever has the flag is waiting for the server alone, or is told that it is dead.
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
		if (l->ino[i]->names_busy || l->ino[i]->names_readers)
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

/* With names_lock, which is dropped meanwhile. -EINTR: the guest has been killed. */
static int wait_a_little(struct itable *t, const struct fs_req *req)
{
	uint64_t until = now_ns() + LOOK_NS;
	struct timespec ts = { (time_t)(until / NSEC_PER_SEC), (long)(until % NSEC_PER_SEC) };
	bool killed;

	call_waits();
	pthread_cond_timedwait(&t->names_free, &t->names_lock, &ts);
	if (!req->call)
		return 0;
	/* asking the kernel is not for under a lock */
	pthread_mutex_unlock(&t->names_lock);
	killed = call_killed(req->call);
	pthread_mutex_lock(&t->names_lock);
	return killed ? -EINTR : 0;
}

static void want(struct names_lock *l, int n)
{
	for (unsigned i = 0; i < l->n; i++)
		l->ino[i]->names_wanted += n;
}

int names_lock(struct names_lock *l, const struct fs_req *req)
{
	struct itable *t = table_of(l);
	int r = 0;

	assert(l->n > 0 && !l->held);
	pthread_mutex_lock(&t->names_lock);
	want(l, 1);
	while (r == 0 && !all_free(l))
		r = wait_a_little(t, req);
	want(l, -1);
	if (r == 0) {
		for (unsigned i = 0; i < l->n; i++)
			l->ino[i]->names_busy = true;
		if (l->tree)
			t->tree_busy = true;
		l->held = true;
	} else {
		pthread_cond_broadcast(&t->names_free);
	}
	pthread_mutex_unlock(&t->names_lock);
	return r;
}

int names_lock_read(struct inode *dir, const struct fs_req *req)
{
	struct itable *t = itable_of(dir->fs);
	int r = 0;

	pthread_mutex_lock(&t->names_lock);
	while (r == 0 && (dir->names_busy || dir->names_wanted))
		r = wait_a_little(t, req);
	if (r == 0)
		dir->names_readers++;
	pthread_mutex_unlock(&t->names_lock);
	return r;
}

void names_unlock_read(struct inode *dir)
{
	struct itable *t = itable_of(dir->fs);

	pthread_mutex_lock(&t->names_lock);
	if (--dir->names_readers == 0)
		pthread_cond_broadcast(&t->names_free);
	pthread_mutex_unlock(&t->names_lock);
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
