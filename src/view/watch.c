/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A watch on a served directory is one on a mirror: a real directory with an
 * empty file or directory for each name; one on a file is on an empty real file. mknod, unlink,
 * rename, truncate and chmod in the mirror make the kernel report what was done in the view, with
 * its own queues, masks, cookies and limits. Opens are told together with the close (open and close
 * of the mirror), and reads not at all.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/log.h"
#include "view/mirror.h"

#define MAX_NAMES 65536

int watches_new(const char *rundir, struct watches **ret)
{
	struct watches *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->rundir = strdup(rundir);
	if (!w->rundir) {
		free(w);
		return -ENOMEM;
	}
	pthread_mutex_init(&w->lock, NULL);
	*ret = w;
	return 0;
}

static struct cds_hlist_head *bucket_of(struct watches *w, const struct fs *fs, uint64_t nodeid)
{
	return &w->bucket[(nodeid * 0x9e3779b97f4a7c15ull ^ (uintptr_t)fs >> 6) >> 3 &
			  (MIRROR_BUCKETS - 1)];
}

struct mirror *mirror_find(struct watches *w, const struct fs *fs, uint64_t nodeid)
{
	struct mirror *m;

	cds_hlist_for_each_entry_2(m, bucket_of(w, fs, nodeid), node) {
		if (m->fs == fs && m->nodeid == nodeid)
			return m;
	}
	return NULL;
}

bool mirror_path(
	const struct watches *w, const struct mirror *m, const char *name, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/watch-%u%s%s", w->rundir, m->serial, name ? "/" : "",
		name ? name : "");

	return n > 0 && n < PATH_MAX;
}

static int remove_entry(
	const char *path, UNUSED const struct stat *st, UNUSED int type, UNUSED struct FTW *ftw)
{
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

static void end_mirror(struct watches *w, struct mirror *m)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < LAYERS_MAX; i++) {
		if (m->real[i].wd < 0)
			continue;
		cds_hlist_del(&m->real[i].node);
		(void)inotify_rm_watch(relay_fd(w->relay), m->real[i].wd); /* gone, else */
	}
	/* without a look into it, if that can be: what watches it would be told */
	if (mirror_path(w, m, NULL, path) && remove(path) < 0 &&
		nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS) < 0)
		log_debug("%s: not removed", path);
	cds_hlist_del(&m->node);
	atomic_fetch_sub(&m->fs->nwatched, 1);
	cds_hlist_add_head(&m->node, &w->dead);
}

void watches_unlock(struct watches *w)
{
	struct cds_hlist_node *p = w->dead.next, *next;

	w->dead.next = NULL;
	pthread_mutex_unlock(&w->lock);
	for (; p; p = next) {
		struct mirror *m = container_of_(p, struct mirror, node);

		next = p->next;
		inode_cleanup(&m->ino);
		free(m);
	}
}

void watch_drop_fs(struct watches *w, struct fs *fs)
{
	if (!w || atomic_load(&fs->nwatched) == 0)
		return;
	pthread_mutex_lock(&w->lock);
	for (int i = 0; i < MIRROR_BUCKETS; i++) {
		struct cds_hlist_node *p, *next;

		for (p = w->bucket[i].next; p; p = next) {
			struct mirror *m = container_of_(p, struct mirror, node);

			next = p->next;
			if (m->fs == fs)
				end_mirror(w, m);
		}
	}
	watches_unlock(w);
}

void watches_free(struct watches *w)
{
	if (!w)
		return;
	relay_stop(w->relay);
	pthread_mutex_lock(&w->lock);
	for (int i = 0; i < MIRROR_BUCKETS; i++) {
		while (w->bucket[i].next)
			end_mirror(w, container_of_(w->bucket[i].next, struct mirror, node));
	}
	watches_unlock(w);
	relay_free(w->relay);
	pthread_mutex_destroy(&w->lock);
	free(w->rundir);
	free(w);
}

void mirror_tell(const char *path, bool isdir, enum watch_event ev)
{
	int fd;

	switch (ev) {
	case WATCH_MODIFY:
		(void)!truncate(path, 0);
		return;
	case WATCH_ATTRIB:
		(void)!chmod(path, isdir ? 0700 : 0600);
		return;
	case WATCH_CLOSE_WRITE:
	case WATCH_CLOSE_NOWRITE:
		fd = open(path, (ev == WATCH_CLOSE_WRITE ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
		if (fd >= 0)
			close(fd);
		return;
	}
}

int mirror_add(const char *path, bool isdir)
{
	int r = isdir ? mkdir(path, 0700) : mknod(path, S_IFREG | 0600, 0);

	return r < 0 && errno != EEXIST ? -errno : 0;
}

/* ---- making one ---- */

struct names {
	const char *dir;
	struct inode *ino;
	const struct fs_req *req;
	unsigned n;
	uint64_t off;
	int err;
};

/* A server need not say what it is (fuse2fs does not). */
static bool is_dir(const struct names *names, const struct fs_dirent *ent)
{
	_cleanup_inode_ struct inode *ino = NULL;
	char name[NAME_MAX + 1];

	if (ent->type != DT_UNKNOWN || ent->namelen > NAME_MAX)
		return ent->type == DT_DIR;
	snprintf(name, sizeof(name), "%.*s", (int)ent->namelen, ent->name);
	return inode_lookup(names->ino, names->req, name, &ino) == 0 && inode_type(ino) == S_IFDIR;
}

static int add_name(void *arg, const struct fs_dirent *ent)
{
	struct names *names = arg;
	char path[PATH_MAX];
	int n;

	names->off = ent->off;
	if (++names->n > MAX_NAMES) {
		names->err = -ENOSPC;
		return 1;
	}
	if (ent->namelen <= 2 && strncmp(ent->name, "..", ent->namelen) == 0)
		return 0;
	n = snprintf(path, sizeof(path), "%s/%.*s", names->dir, (int)ent->namelen, ent->name);
	if (n >= (int)sizeof(path))
		names->err = -ENOSPC;
	else
		names->err = mirror_add(path, is_dir(names, ent));
	return names->err < 0;
}

/* What is in the directory now. A name made or lost meanwhile is missed, as by a watch a moment
 * earlier or later. */
static int fill(const char *path, const struct fs_req *req, struct inode *ino)
{
	struct names names = { .dir = path, .ino = ino, .req = req };
	const struct fs_file_ops *op = ino->fs->file;
	struct fs_handle h = { .flags = FS_OPEN_NONE };
	int r = op && op->opendir ? op->opendir(ino->fs, req, ino->nodeid, &h) : 0;

	if (r < 0 && r != -ENOSYS)
		return r;
	r = op && op->readdir ? 0 : -ENOTDIR;
	while (r == 0 && names.err == 0)
		r = op->readdir(ino->fs, req, ino->nodeid, &h, names.off, add_name, &names);
	if (!(h.flags & FS_OPEN_NONE) && op->releasedir)
		op->releasedir(ino->fs, ino->nodeid, &h);
	return names.err < 0 ? names.err : r < 0 ? r : 0;
}

int watch_mirror(
	struct watches *w, const struct fs_req *req, struct inode *ino, char ret_path[PATH_MAX])
{
	_cleanup_free_ char *below = NULL;
	struct mirror *m, *other;
	int r;

	pthread_mutex_lock(&w->lock);
	m = mirror_find(w, ino->fs, ino->nodeid);
	if (m && mirror_path(w, m, NULL, ret_path)) {
		watches_unlock(w);
		return 0;
	}
	m = calloc(1, sizeof(*m));
	if (m) {
		*m = (struct mirror){ .ino = watch_has_layers(ino->fs) ? inode_get(ino) : NULL,
			.fs = ino->fs,
			.nodeid = ino->nodeid,
			.isdir = inode_type(ino) == S_IFDIR,
			.serial = w->serial++ };
		for (size_t i = 0; i < LAYERS_MAX; i++)
			m->real[i].wd = -1;
		if (watch_has_layers(ino->fs) && !w->relay)
			w->relay = relay_new(watches_relay, w);
	}
	watches_unlock(w);
	if (!m || !mirror_path(w, m, NULL, ret_path)) {
		if (m)
			inode_cleanup(&m->ino);
		free(m);
		return -ENOMEM;
	}
	/* the server is asked without the lock */
	r = mirror_add(ret_path, m->isdir);
	if (r == 0 && m->isdir)
		r = fill(ret_path, req, ino);
	below = watch_has_layers(ino->fs) ? inode_path(ino) : NULL;
	pthread_mutex_lock(&w->lock);
	other = r == 0 ? mirror_find(w, m->fs, m->nodeid) : NULL; /* made by another meanwhile */
	if (r == 0 && !other && w->relay && below)
		mirror_watch_layers(w, m, below);
	cds_hlist_add_head(&m->node, bucket_of(w, m->fs, m->nodeid));
	atomic_fetch_add(&m->fs->nwatched, 1);
	if (r < 0 || other)
		end_mirror(w, m);
	if (other && !mirror_path(w, other, NULL, ret_path))
		r = -ENOMEM;
	watches_unlock(w);
	return r;
}

/* ---- what happens ---- */

void watch_created(struct inode *dir, const char *name, mode_t type)
{
	struct watches *w = watched(dir->fs);
	char path[PATH_MAX];
	struct mirror *m;

	if (!w)
		return;
	watch_written(dir);
	pthread_mutex_lock(&w->lock);
	watches_pass_on(w, 0, NULL);
	m = mirror_find(w, dir->fs, dir->nodeid);
	if (m && mirror_path(w, m, name, path))
		(void)!mirror_add(path, type == S_IFDIR); /* an event less */
	watches_unlock(w);
}

void watch_removed(struct inode *dir, const char *name, struct inode *ino, bool isdir)
{
	struct watches *w = watched(dir->fs);
	char path[PATH_MAX];
	struct mirror *m;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	watches_pass_on(w, 0, NULL);
	/* as the kernel, which tells who watches the folder last */
	m = ino ? mirror_find(w, ino->fs, ino->nodeid) : NULL;
	if (m && !isdir && mirror_path(w, m, NULL, path))
		mirror_tell(path, false, WATCH_ATTRIB); /* the number of links */
	if (m && (isdir || atomic_load(&ino->deleted)))
		end_mirror(w, m);
	m = name ? mirror_find(w, dir->fs, dir->nodeid) : NULL;
	if (m && mirror_path(w, m, name, path) && remove(path) < 0)
		log_debug("%s: %s", path, strerror(errno));
	watches_unlock(w);
}

/* From one mirror into another, out of one, or into one. */
static void move_name(struct watches *w, struct mirror *from, const char *name, struct mirror *to,
	const char *newname, bool isdir)
{
	char a[PATH_MAX], b[PATH_MAX], stage[PATH_MAX];

	if (!from && !to)
		return;
	snprintf(stage, sizeof(stage), "%.4000s/watch-moved", w->rundir);
	if (from ? !mirror_path(w, from, name, a) : mirror_add(stage, isdir) < 0)
		return;
	if (to && !mirror_path(w, to, newname, b))
		return;
	if (to)
		(void)!rmdir(b); /* an empty directory may be replaced by one, not by a file */
	if (rename(from ? a : stage, to ? b : stage) < 0)
		log_debug("%s: %s", newname, strerror(errno));
	if (!to)
		(void)!remove(stage);
}

void watch_renamed(struct inode *dir, const char *name, struct inode *newdir, const char *newname,
	struct inode *ino, bool exchange)
{
	struct watches *w = watched(dir->fs);
	bool isdir = ino && inode_type(ino) == S_IFDIR;
	struct mirror *from, *to, *self;
	char a[PATH_MAX], b[PATH_MAX];

	if (!w)
		return;
	watch_written(newdir);
	pthread_mutex_lock(&w->lock);
	watches_pass_on(w, 0, NULL);
	from = mirror_find(w, dir->fs, dir->nodeid);
	to = mirror_find(w, newdir->fs, newdir->nodeid);
	if (!exchange)
		move_name(w, from, name, to, newname, isdir);
	else if (from && to && mirror_path(w, from, name, a) && mirror_path(w, to, newname, b))
		(void)!renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	self = ino ? mirror_find(w, ino->fs, ino->nodeid) : NULL;
	if (self && mirror_path(w, self, NULL, a)) {
		self->serial = w->serial++;
		if (mirror_path(w, self, NULL, b) && rename(a, b) < 0)
			log_debug("%s: %s", a, strerror(errno));
	}
	watches_unlock(w);
}

void watch_event(struct inode *ino, enum watch_event ev)
{
	struct watches *w = watched(ino->fs);
	_cleanup_free_ char *name = NULL;
	struct inode *dir;
	char path[PATH_MAX];
	struct mirror *m;

	if (!w || (ev != WATCH_ATTRIB && watch_has_layers(ino->fs))) /* the layer tells it */
		return;
	dir = inode_place_of(ino, &name);
	/* the directory first, as the kernel tells who watches both */
	pthread_mutex_lock(&w->lock);
	watches_pass_on(w, 0, NULL);
	m = dir && name ? mirror_find(w, dir->fs, dir->nodeid) : NULL;
	if (m && mirror_path(w, m, name, path))
		mirror_tell(path, inode_type(ino) == S_IFDIR, ev);
	m = mirror_find(w, ino->fs, ino->nodeid);
	if (m && mirror_path(w, m, NULL, path))
		mirror_tell(path, m->isdir, ev);
	watches_unlock(w);
	if (dir)
		inode_put(dir);
}
