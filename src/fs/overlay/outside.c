/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who changes a lower folder is not us. What find.c keeps of the names in one is looked at each
 * time that it is used, or the folder is watched: then one look at the queue of events, for all
 * folders of a walk, says that nothing changed since. The kernel queues an event before the call
 * that changed something returns, so whoever acts after that finds it.
 *
 * A change counts for all names of its folder, which are then looked at once more. Mounts raise no
 * event in a folder: a change of the mount table counts for all of them. Where changes may come
 * from elsewhere than this kernel (a network, a server), or no more can be watched, it is as
 * without.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/vfs.h>

#include "fs/overlay/internal.h"

#define WATCHES_MAX 2048 /* the user has 8192 in all on a small machine */
#define BUCKETS 256
#define EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR)
/* Of what an outlook says the upper half is the folder's, the lower one counts changes. */
#define ID_SHIFT 32

/* A lower folder. */
struct watch {
	struct cds_hlist_node hash;
	int wd;
	unsigned users;
	atomic_ulong changes;
	atomic_bool ended; /* it was removed, or its file system unmounted */
};

struct outside {
	pthread_mutex_t lock; /* all but what is atomic, also while events are read: a leaf */
	bool tried;
	atomic_int queue; /* epoll of both; -1: nothing is watched */
	int events, mounts;
	atomic_ulong everywhere;
	unsigned n, ids;
	struct cds_hlist_head table[BUCKETS]; /* by wd */
};

int ovl_outside_new(struct ovl *o)
{
	o->outside = calloc(1, sizeof(*o->outside));
	if (!o->outside)
		return -ENOMEM;
	pthread_mutex_init(&o->outside->lock, NULL);
	atomic_init(&o->outside->queue, -1);
	o->outside->events = o->outside->mounts = -1;
	return 0;
}

void ovl_outside_free(struct ovl *o)
{
	if (!o->outside)
		return;
	if (atomic_load(&o->outside->queue) >= 0)
		close(atomic_load(&o->outside->queue));
	if (o->outside->events >= 0)
		close(o->outside->events);
	if (o->outside->mounts >= 0)
		close(o->outside->mounts);
	pthread_mutex_destroy(&o->outside->lock);
	free(take_ptr(&o->outside));
}

/* At best: without it nothing is watched. */
static void begin_locked(struct outside *t)
{
	struct epoll_event events = { .events = EPOLLIN }, mounts = { .events = EPOLLPRI };
	_cleanup_fd_ int queue = epoll_create1(EPOLL_CLOEXEC);

	t->tried = true;
	t->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	t->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (queue < 0 || t->events < 0 || t->mounts < 0 ||
		epoll_ctl(queue, EPOLL_CTL_ADD, t->events, &events) < 0 ||
		epoll_ctl(queue, EPOLL_CTL_ADD, t->mounts, &mounts) < 0)
		return;
	atomic_store(&t->queue, take_fd(&queue));
}

static struct watch *find_locked(struct outside *t, int wd)
{
	struct watch *w;

	cds_hlist_for_each_entry_2(w, &t->table[(unsigned)wd % BUCKETS], hash)
		if (w->wd == wd)
			return w;
	return NULL;
}

static void count_locked(struct outside *t, const struct inotify_event *e)
{
	struct watch *w = e->wd < 0 ? NULL : find_locked(t, e->wd);

	if (e->mask & IN_Q_OVERFLOW)
		atomic_fetch_add(&t->everywhere, 1);
	if (w)
		atomic_fetch_add(&w->changes, 1);
	if (w && (e->mask & IN_IGNORED))
		atomic_store(&w->ended, true);
}

static void read_locked(struct outside *t)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(t->events, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (struct inotify_event *)p;

			count_locked(t, e);
			p += sizeof(*e) + e->len;
		}
	}
}

void ovl_outside_hear(struct fs *fs)
{
	struct outside *t = ovl_of(fs)->outside;
	struct epoll_event ready[2];
	int queue = atomic_load(&t->queue), n;

	if (queue < 0)
		return;
	/* all of it under the lock: what one has read he has counted before another looks */
	pthread_mutex_lock(&t->lock);
	n = epoll_wait(queue, ready, ARRAY_SIZE(ready), 0);
	for (int i = 0; i < n; i++)
		if (!(ready[i].events & EPOLLIN))
			atomic_fetch_add(&t->everywhere, 1);
	if (n != 0)
		read_locked(t);
	pthread_mutex_unlock(&t->lock);
}

/* Do all changes of it pass through this kernel? */
static bool is_told_of(int fd)
{
	static const long types[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
		TMPFS_MAGIC, F2FS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC };
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (st.f_type == types[i])
			return true;
	return false;
}

static struct watch *watch_locked(struct outside *t, int fd)
{
	char path[FD_PATH_MAX];
	struct watch *w;
	int wd = t->n < WATCHES_MAX ? inotify_add_watch(t->events, fd_path(path, fd), EVENTS) : -1;

	if (wd < 0)
		return NULL;
	w = find_locked(t, wd);
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w) {
			(void)inotify_rm_watch(t->events, wd);
			return NULL;
		}
		w->wd = wd;
		cds_hlist_add_head(&w->hash, &t->table[(unsigned)wd % BUCKETS]);
		t->n++;
	}
	w->users++;
	return w;
}

void ovl_outside_watch(struct ovl *o, struct ovl_node *dir)
{
	struct outside *t = o->outside;
	bool all = true;

	if (o->served || dir->nlower == 0 || atomic_load(&dir->watching) != 0)
		return;
	/* asked without the lock, which every walk takes: of a server it may wait for ever */
	for (unsigned i = 0; all && i < dir->nlower; i++)
		all = is_told_of(dir->lower[i].fd);
	pthread_mutex_lock(&t->lock);
	if (!t->tried)
		begin_locked(t);
	if (atomic_load(&dir->watching) == 0) {
		for (unsigned i = 0; all && i < dir->nlower; i++) {
			dir->lower[i].watch = atomic_load(&t->queue) < 0
						      ? NULL
						      : watch_locked(t, dir->lower[i].fd);
			all = dir->lower[i].watch != NULL;
		}
		if (all)
			dir->watch_id = ++t->ids;
		atomic_store(&dir->watching, all ? 1 : -1);
	}
	pthread_mutex_unlock(&t->lock);
}

void ovl_outside_unwatch(struct ovl *o, struct ovl_node *dir)
{
	struct outside *t = o->outside;

	if (atomic_load(&dir->watching) == 0)
		return;
	pthread_mutex_lock(&t->lock);
	for (unsigned i = 0; i < dir->nlower; i++) {
		struct watch *w = take_ptr(&dir->lower[i].watch);

		if (!w || --w->users)
			continue;
		(void)inotify_rm_watch(t->events, w->wd); /* it may have gone by itself */
		cds_hlist_del(&w->hash);
		t->n--;
		free(w);
	}
	pthread_mutex_unlock(&t->lock);
}

uint64_t ovl_outlook(struct ovl *o, const struct ovl_node *dir)
{
	uint64_t n = 1;

	if (atomic_load(&dir->watching) != 1)
		return 0;
	n += atomic_load(&o->outside->everywhere);
	for (unsigned i = 0; i < dir->nlower; i++) {
		const struct watch *w = dir->lower[i].watch;

		if (atomic_load(&w->ended))
			return 0;
		n += atomic_load(&w->changes);
	}
	return (uint64_t)dir->watch_id << ID_SHIFT | (n & ((1ull << ID_SHIFT) - 1));
}
