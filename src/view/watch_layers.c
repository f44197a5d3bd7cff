/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The files of an overlay are the host's, which guests read and write without
 * us. So the files of the layers that a mirror stands for are watched by us (view/relay.c), and
 * what is done to the content of files there is done to the mirror; what comes and goes in the
 * lower ones from outside, too. Names and attributes are told by the view. So that all is told in
 * the order in which it happened, what the layers have told is passed on before that.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "view/mirror.h"

#define RELAYED (IN_MODIFY | IN_CLOSE | IN_CREATE | IN_DELETE | IN_MOVE)

static struct real_watch *find_real(struct watches *w, int wd)
{
	struct real_watch *r;

	cds_hlist_for_each_entry_2(r, &w->by_wd[(unsigned)wd % MIRROR_BUCKETS], node) {
		if (r->wd == wd)
			return r;
	}
	return NULL;
}

/* Our own watch on the file of a layer. One that another mirror has already is that one's. */
static void watch_layer(struct watches *w, struct mirror *m, int fd, bool lower)
{
	char path[FD_PATH_MAX];
	int wd = inotify_add_watch(relay_fd(w->relay), fd_path(path, fd), RELAYED);
	struct real_watch *r = NULL;

	if (wd < 0 || find_real(w, wd))
		return;
	for (size_t i = 0; i < LAYERS_MAX && !r; i++) {
		if (m->real[i].wd < 0)
			r = &m->real[i];
	}
	if (!r) {
		(void)inotify_rm_watch(relay_fd(w->relay), wd); /* cannot fail */
		return;
	}
	*r = (struct real_watch){ .wd = wd, .lower = lower, .m = m };
	cds_hlist_add_head(&r->node, &w->by_wd[(unsigned)wd % MIRROR_BUCKETS]);
}

/* What came to, or went from, a lower folder from outside. */
static void tell_outside(struct mirror *m, const char *path, const struct inotify_event *ev)
{
	if (ev->mask & (IN_CREATE | IN_MOVED_TO))
		(void)!mirror_add(path, ev->mask & IN_ISDIR); /* an event less */
	else if (m->real[1].wd < 0) /* it may be in the other layer as well, else */
		(void)!remove(path);
}

/* Whose events are passed on; those of this file are not to be told. */
struct passing {
	struct watches *w;
	uint64_t nodeid;
	const char *name;
};

static bool is_ours(const struct passing *q, const struct mirror *m, const struct inotify_event *ev)
{
	return q->name && (ev->len ? strcmp(ev->name, q->name) == 0 : m->nodeid == q->nodeid);
}

static void relayed(void *arg, const struct inotify_event *ev)
{
	const struct passing *q = arg;
	struct real_watch *r = find_real(q->w, ev->wd);
	char path[PATH_MAX];

	if (r && (ev->mask & IN_IGNORED)) {
		cds_hlist_del(&r->node);
		r->wd = -1;
		return;
	}
	if (!r || r->m->isdir != (ev->len > 0) ||
		!mirror_path(q->w, r->m, ev->len ? ev->name : NULL, path))
		return;
	if (ev->mask & (IN_CREATE | IN_DELETE | IN_MOVE)) {
		if (r->lower)
			tell_outside(r->m, path, ev);
	} else if (!(ev->mask & IN_ISDIR) && !is_ours(q, r->m, ev)) {
		if (ev->mask & IN_MODIFY)
			mirror_tell(path, false, WATCH_MODIFY);
		if (ev->mask & IN_CLOSE_WRITE)
			mirror_tell(path, false, WATCH_CLOSE_WRITE);
		if (ev->mask & IN_CLOSE_NOWRITE)
			mirror_tell(path, false, WATCH_CLOSE_NOWRITE);
	}
}

void watches_pass_on(struct watches *w, uint64_t nodeid, const char *ours)
{
	struct passing q = { .w = w, .nodeid = nodeid, .name = ours };

	if (w->relay)
		relay_read(w->relay, relayed, &q);
}

void watches_relay(void *arg)
{
	struct watches *w = arg;

	pthread_mutex_lock(&w->lock);
	watches_pass_on(w, 0, NULL);
	watches_unlock(w);
}

void mirror_watch_layers(struct watches *w, struct mirror *m, const char *path)
{
	struct fs *fs = m->fs;
	int folder;

	for (unsigned i = 0; (folder = fs->host_folder(fs, i)) >= 0; i++) {
		_cleanup_fd_ int fd =
			openat(folder, path[1] ? path + 1 : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0)
			watch_layer(w, m, fd, i > 0);
	}
}

/* The mirror of an inode, if there is one, watches what is its file in the topmost layer by now. */
static void watch_top(struct watches *w, struct inode *ino)
{
	int fd = inode_host_fd(ino);
	struct mirror *m;

	pthread_mutex_lock(&w->lock);
	m = mirror_find(w, ino->fs, ino->nodeid);
	if (m && fd >= 0 && w->relay)
		watch_layer(w, m, fd, false);
	watches_unlock(w);
}

void watch_written(struct inode *ino)
{
	_cleanup_free_ char *name = NULL;
	struct watches *w = watched(ino->fs);
	struct inode *dir;

	if (!w || !watch_has_layers(ino->fs))
		return;
	watch_top(w, ino);
	dir = inode_place_of(ino, &name);
	if (!dir)
		return;
	watch_top(w, dir);
	inode_put(dir);
}

static void pass_on_now(struct fs *fs, uint64_t nodeid, const char *ours)
{
	struct watches *w = watched(fs);

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	watches_pass_on(w, nodeid, ours);
	watches_unlock(w);
}

void watch_ours_begin(struct fs *fs)
{
	pass_on_now(fs, 0, NULL);
}

void watch_ours_end(struct fs *fs, uint64_t nodeid, const char *name)
{
	pass_on_now(fs, nodeid, name);
}

/* Is the folder that it is in watched? Who watches both is told in order then. */
static bool has_mirror_above(struct inode *ino)
{
	struct watches *w = watched(ino->fs);
	_cleanup_free_ char *name = NULL;
	struct inode *dir = w ? inode_place_of(ino, &name) : NULL;
	bool found;

	if (!dir)
		return false;
	pthread_mutex_lock(&w->lock);
	found = mirror_find(w, dir->fs, dir->nodeid);
	watches_unlock(w);
	inode_put(dir);
	return found;
}

bool watch_is_host(struct inode *ino)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fd_ int fd = -1;
	struct stat top, now;
	int folder;

	if (!ino->fs->host_fd || !watch_has_layers(ino->fs))
		return ino->fs->host_fd;
	if (inode_type(ino) == S_IFDIR || has_mirror_above(ino))
		return false;
	path = inode_path(ino);
	folder = ino->fs->host_folder(ino->fs, 0);
	if (!path || folder < 0)
		return false;
	fd = openat(folder, path + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &top) == 0 && fstat(inode_host_fd(ino), &now) == 0 &&
	       top.st_dev == now.st_dev && top.st_ino == now.st_ino;
}
