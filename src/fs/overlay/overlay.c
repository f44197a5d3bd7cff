/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A node is a file that the view knows, held by O_PATH descriptors: of its file in the
 * upper folder, if it has one, and of those in the lower layers that are merged into it. It is found by device
 * and inode number of the topmost of them, and keeps its identity when it is copied up. The files that
 * guests open are the host's own (fs->host_fd), so that reads and writes are native; before one is opened for
 * writing it is copied up (fs->host_prepare). Permissions are checked by the view, by what is shown:
 * in the layers we work as whoever started the view.
 *
 * What is changed is made in the work folder and renamed to its place, so that each name has its old file or the
 * whole new one. Who changes names in a folder of upper holds its node's `names`.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "fs/host/host.h"
#include "fs/overlay/internal.h"
#include "view/itable.h"

static struct cds_hlist_head *bucket(struct ovl *o, dev_t dev, ino_t ino)
{
	uint64_t key = ((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15ull;

	return &o->table[(key >> 32) & o->mask];
}

static void grow_locked(struct ovl *o)
{
	size_t old_mask = o->mask, mask = old_mask * 4 + 3;
	struct cds_hlist_head *old = o->table, *table;

	if (o->count <= 2 * old_mask)
		return;
	table = calloc(mask + 1, sizeof(*table));
	if (!table)
		return;
	o->table = table;
	o->mask = mask;
	for (size_t i = 0; i <= old_mask; i++) {
		struct ovl_node *n, *next;

		cds_hlist_for_each_entry_safe_2(n, next, &old[i], hash)
			cds_hlist_add_head(&n->hash, bucket(o, n->dev, n->ino));
	}
	free(old);
}

static struct ovl_node *find_locked(struct ovl *o, dev_t dev, ino_t ino)
{
	struct ovl_node *n;

	cds_hlist_for_each_entry_2(n, bucket(o, dev, ino), hash)
		if (n->dev == dev && n->ino == ino)
			return n;
	return NULL;
}

static void node_free(struct ovl_node *n)
{
	if (!n)
		return;
	if (ovl_upper(n) >= 0)
		close(ovl_upper(n));
	for (unsigned i = 0; i < n->nlower; i++)
		close(n->lower[i].fd);
	free(n->lower);
	free(n->lower_path);
	free(n->name);
	pthread_mutex_destroy(&n->copying);
	pthread_mutex_destroy(&n->names);
	free(n);
}

/* Takes f's descriptors on success. */
static struct ovl_node *node_new(struct found *f)
{
	struct ovl_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->lower = calloc(f->nlower + 1, sizeof(*n->lower));
	if (!n->lower) {
		free(n);
		return NULL;
	}
	pthread_mutex_init(&n->copying, NULL);
	pthread_mutex_init(&n->names, NULL);
	memcpy(n->lower, f->lower, f->nlower * sizeof(*n->lower));
	n->nlower = f->nlower;
	atomic_init(&n->upper, f->upper);
	n->xwhiteouts = f->xwhiteouts;
	n->lower_path = f->lower_path;
	n->dev = f->st.st_dev;
	n->ino = f->st.st_ino;
	n->type = f->st.st_mode & S_IFMT;
	f->upper = -1;
	f->nlower = 0;
	f->lower_path = NULL;
	return n;
}

/* Nothing holds it any more: taken out, and its directory is to be looked at next. */
static struct ovl_node *unused_locked(struct ovl *o, struct ovl_node *n)
{
	struct ovl_node *parent = n->parent;

	cds_hlist_del(&n->hash);
	o->count--;
	if (parent)
		parent->children--;
	return parent;
}

static void node_drop(struct ovl *o, struct ovl_node *n, uint64_t nlookup, unsigned children)
{
	pthread_mutex_lock(&o->lock);
	n->nlookup -= nlookup < n->nlookup ? nlookup : n->nlookup;
	n->children -= children;
	while (n && !n->nlookup && !n->children) {
		struct ovl_node *gone = n;

		n = unused_locked(o, gone);
		pthread_mutex_unlock(&o->lock);
		node_free(gone);
		pthread_mutex_lock(&o->lock);
	}
	pthread_mutex_unlock(&o->lock);
}

void ovl_put(struct ovl *o, struct ovl_node *n)
{
	if (n)
		node_drop(o, n, 0, 1);
}

void ovl_forget(struct fs *fs, uint64_t node, uint64_t nlookup)
{
	node_drop(ovl_of(fs), ovl_node_of(node), nlookup, 0);
}

/* The directory that it was in, whose reference is the caller's. */
static struct ovl_node *place_locked(struct ovl_node *n, struct ovl_node *dir, char *name)
{
	struct ovl_node *old = n->parent;

	free(n->name);
	n->name = name;
	n->parent = dir;
	if (dir)
		dir->children++;
	return old;
}

void ovl_place_set(struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name)
{
	char *copy = dir ? strdup(name) : NULL;
	struct ovl_node *old;

	if (dir && !copy)
		dir = NULL; /* out of memory: it cannot be copied up until it is found again */
	pthread_mutex_lock(&o->lock);
	old = place_locked(n, dir, copy);
	pthread_mutex_unlock(&o->lock);
	ovl_put(o, old);
}

struct ovl_node *ovl_place(struct ovl *o, struct ovl_node *n, char name[NAME_MAX + 1])
{
	struct ovl_node *dir;

	pthread_mutex_lock(&o->lock);
	dir = n->parent;
	if (dir) {
		strcpy(name, n->name);
		dir->children++;
	}
	pthread_mutex_unlock(&o->lock);
	return dir;
}

struct ovl_node *ovl_known(struct ovl *o, const struct stat *st)
{
	struct ovl_node *n;

	pthread_mutex_lock(&o->lock);
	n = find_locked(o, st->st_dev, st->st_ino);
	if (n)
		n->children++;
	pthread_mutex_unlock(&o->lock);
	return n;
}

char *ovl_path(struct ovl *o, struct ovl_node *n)
{
	_cleanup_free_ char *buf = malloc(PATH_MAX);
	size_t at = PATH_MAX - 1;

	if (!buf)
		return NULL;
	buf[at] = '\0';
	pthread_mutex_lock(&o->lock);
	for (; n->parent; n = n->parent) {
		size_t len = strlen(n->name);

		if (at < len + 1)
			break;
		at -= len;
		memcpy(buf + at, n->name, len);
		buf[--at] = '/';
	}
	pthread_mutex_unlock(&o->lock);
	if (n != o->root)
		return NULL;
	return strdup(buf + at + (buf[at] == '/'));
}

/* The node that was looked for, known or new. NULL: out of memory. */
static struct ovl_node *node_of(struct ovl *o, struct found *f)
{
	struct ovl_node *n;

	pthread_mutex_lock(&o->lock);
	n = find_locked(o, f->st.st_dev, f->st.st_ino);
	if (!n) {
		n = node_new(f);
		if (n) {
			cds_hlist_add_head(&n->hash, bucket(o, n->dev, n->ino));
			o->count++;
			grow_locked(o);
		}
	}
	if (n)
		n->nlookup++;
	pthread_mutex_unlock(&o->lock);
	return n;
}

int ovl_enter(struct ovl *o, struct found *f, struct ovl_node *dir, const char *name,
	struct fs_entry *ret)
{
	struct ovl_node *n = node_of(o, f);
	int r;

	ovl_found_release(f);
	if (!n)
		return -ENOMEM;
	if (n == o->root) {
		node_drop(o, n, 1, 0);
		return -ELOOP;
	}
	if (dir)
		ovl_place_set(o, n, dir, name);
	*ret = (struct fs_entry){ .nodeid = (uintptr_t)n };
	r = ovl_getattr_fd(o, n, &ret->attr);
	if (r < 0)
		node_drop(o, n, 1, 0);
	return r;
}

int ovl_raise(struct ovl *o, struct ovl_node *n, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	pthread_mutex_lock(&o->lock);
	cds_hlist_del(&n->hash);
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	cds_hlist_add_head(&n->hash, bucket(o, n->dev, n->ino));
	atomic_store(&n->upper, fd);
	pthread_mutex_unlock(&o->lock);
	return 0;
}

static int ovl_host_fd(UNUSED struct fs *fs, uint64_t node)
{
	return ovl_top(ovl_node_of(node));
}

static int ovl_host_prepare(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, int flags)
{
	struct ovl_node *n = ovl_node_of(node);

	if (n->type == S_IFDIR && (flags & O_CREAT)) {
		/* a name is to be made there by other means than ours: which one is not known */
		int r = ovl_copy_up(ovl_of(fs), n, 0);

		return r < 0 ? r : ovl_changed_note(ovl_of(fs), n, "", true);
	}
	if (n->type != S_IFREG || ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC)))
		return 0;
	return ovl_copy_up(ovl_of(fs), n, flags);
}

static void ovl_unmount(UNUSED struct fs *fs, UNUSED uint64_t deadline_ns)
{
}

static void ovl_free(struct fs *fs)
{
	struct ovl *o = ovl_of(fs);

	for (size_t i = 0; o->table && i <= o->mask; i++) {
		struct ovl_node *n, *next;

		cds_hlist_for_each_entry_safe_2(n, next, &o->table[i], hash)
			node_free(n);
	}
	ovl_record_close(o);
	for (unsigned i = 0; o->layers && i < o->nlayers; i++)
		close(o->layers[i].root);
	free(o->layers);
	free(o->table);
	free(o->host_root);
	ovl_changed_free(o);
	pthread_mutex_destroy(&o->records);
	if (o->work >= 0)
		close(o->work);
	if (o->lock_fd >= 0)
		close(o->lock_fd);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static int PRINTF(3, 4) say(char **ret, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(ret, fmt, ap) < 0)
		*ret = NULL;
	va_end(ap);
	return err;
}

static int open_dir(const char *path, char **ret_message)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? say(ret_message, -errno, "%s: %s", path, strerror(errno)) : fd;
}

/* What a killed view left in it goes. */
static void clean_work(struct ovl *o)
{
	int fd = fcntl(o->work, F_DUPFD_CLOEXEC, 3);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	while (list && (d = readdir(list))) {
		if (d->d_name[0] == '#')
			ovl_remove_all(o->work, d->d_name);
	}
	if (list)
		closedir(list);
	else if (fd >= 0)
		close(fd);
}

static int open_upper(struct ovl *o, const struct overlay_layers *l, struct found *root,
	char **ret_message)
{
	_cleanup_fd_ int work = open_dir(l->work, ret_message);
	struct stat st, work_st;

	if (work < 0)
		return work;
	root->upper = open_dir(l->upper, ret_message);
	if (root->upper < 0)
		return root->upper;
	if (fstat(root->upper, &st) < 0 || fstat(work, &work_st) < 0)
		return -errno;
	if (st.st_dev != work_st.st_dev)
		return say(ret_message, -EINVAL, "upperdir and workdir must be on one file system");
	o->upper_dev = st.st_dev;
	o->lock_fd = open(l->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->lock_fd < 0 || flock(o->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return say(ret_message, errno == EWOULDBLOCK ? -EBUSY : -errno,
			"%s is in use by another view", l->upper);
	if (mkdirat(work, "work", 0700) < 0 && errno != EEXIST)
		return say(ret_message, -errno, "%s: %s", l->work, strerror(errno));
	(void)fchmodat(work, "work", 0700, 0); /* the kernel's is closed to all */
	o->work = openat(work, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (o->work < 0)
		return -errno;
	clean_work(o);
	return 0;
}

static int host_folder(struct fs *fs, unsigned i)
{
	struct ovl *o = ovl_of(fs);

	if (ovl_upper(o->root) >= 0 && i-- == 0)
		return ovl_upper(o->root);
	return i < o->nlayers ? o->layers[i].root : -1;
}

/* A lower folder. Its open files are the guests' own, with calls on them that nobody catches (fchmod(2), an open by
 * way of /proc/self/fd): so it is a read-only clone, where the kernel gives one. */
static int open_lower(const struct overlay_layers *l, unsigned i, char **ret_message)
{
	int fd = open_dir(l->lower[i], ret_message), ro;

	/* one that is seen through is opened by the guests themselves */
	ro = fd < 0 || l->seen_through ? -1 : hostfs_clone_ro(fd, l->lower[i]);
	if (ro < 0)
		return fd;
	close(fd);
	return ro;
}

static int open_layers(struct ovl *o, const struct overlay_layers *l, struct found *root,
	char **ret_message)
{
	int r;

	root->upper = -1;
	root->nlower = 0;
	root->xwhiteouts = false;
	root->lower_path = strdup("");
	o->layers = calloc(l->nlower, sizeof(*o->layers));
	if (!root->lower_path || !o->layers)
		return -ENOMEM;
	r = l->upper ? open_upper(o, l, root, ret_message) : 0;
	for (unsigned i = 0; r == 0 && i < l->nlower; i++) {
		struct lower *low = &root->lower[i];
		struct layer *layer = &o->layers[i];

		layer->root = open_lower(l, i, ret_message);
		if (layer->root < 0)
			return layer->root;
		o->nlayers++;
		/* the lowest has nothing below it that an attribute could be about */
		layer->upper = i + 1 < l->nlower;
		*low = (struct lower){ .layer = i };
		low->fd = fcntl(layer->root, F_DUPFD_CLOEXEC, 3);
		if (low->fd < 0)
			return -errno;
		root->nlower++;
		low->xwhiteouts = layer->upper && ovl_opaque(low->fd) == 'x';
	}
	if (r == 0)
		root->xwhiteouts = root->upper >= 0 && ovl_opaque(root->upper) == 'x';
	if (r == 0 && fstat(root->upper >= 0 ? root->upper : root->lower[0].fd, &root->st) < 0)
		r = -errno;
	return r;
}

/* The root is shown as what lies below it. */
static int dress_root(struct ovl *o)
{
	struct timespec ts[2];
	struct fs_attr attr;
	struct stat st;
	int r;

	if (fstat(o->root->lower[0].fd, &st) < 0)
		return -errno;
	fs_attr_of_stat(&st, &attr);
	r = ovl_owner_set(o, ovl_upper(o->root), &attr);
	ts[0] = st.st_atim;
	ts[1] = st.st_mtim;
	if (r == 0 && utimensat(ovl_upper(o->root), "", ts, AT_EMPTY_PATH) < 0)
		r = -errno;
	return r;
}

static int make_root(struct ovl *o, struct found *root)
{
	o->mask = 255;
	o->table = calloc(o->mask + 1, sizeof(*o->table));
	o->root = o->table ? node_new(root) : NULL;
	if (!o->root)
		return -ENOMEM;
	o->root->nlookup = 1;
	cds_hlist_add_head(&o->root->hash, bucket(o, o->root->dev, o->root->ino));
	o->count = 1;
	o->fs.root_node = (uintptr_t)o->root;
	o->fs.dev = o->root->dev;
	return itable_init(&o->fs);
}

static void hide(struct ovl *o, const char *path)
{
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return;
	o->hide_dev = st.st_dev;
	o->hide_ino = st.st_ino;
}

int overlay_new(const struct overlay_layers *l, struct fs **ret, char **ret_message)
{
	_cleanup_free_ struct found *root = calloc(1, sizeof(*root));
	struct ovl *o = root ? calloc(1, sizeof(*o)) : NULL;
	int r;

	if (!o)
		return -ENOMEM;
	pthread_mutex_init(&o->lock, NULL);
	pthread_mutex_init(&o->records, NULL);
	o->work = o->lock_fd = o->record_dir = o->base = -1;
	o->redirect = !l->no_redirect;
	o->owners = l->owners;
	o->as_root = l->root;
	o->stand_in = l->stand_in;
	o->fs.node = &ovl_node_ops;
	o->fs.file = &ovl_file_ops;
	o->fs.unmount = ovl_unmount;
	o->fs.free = ovl_free;
	o->fs.host_fd = ovl_host_fd;
	o->fs.host_prepare = ovl_host_prepare;
	o->fs.type = "overlay";
	atomic_init(&o->fs.flags, FS_DEFAULT_PERMISSIONS | FS_GROUP_FROM_DIR | (l->upper ? 0 : FS_READ_ONLY) |
					   (l->owners ? FS_KEEPS_OWNERS : 0));
	r = open_layers(o, l, root, ret_message);
	o->host_root = strdup("/");
	o->fs.host_root = o->host_root;
	o->fs.host_folder = host_folder;
	hide(o, l->hide);
	if (r == 0 && !o->host_root)
		r = -ENOMEM;
	if (r == 0)
		r = make_root(o, root);
	if (r == 0 && l->layer)
		r = ovl_record_open(o, l->layer);
	if (r == 0 && l->fresh && l->upper)
		r = dress_root(o);
	if (r == 0 && l->seen_through) {
		r = ovl_changed_new(o);
		o->fs.unchanged = ovl_unchanged;
	}
	ovl_found_release(root);
	if (r < 0) {
		if (o->fs.itable)
			itable_release(&o->fs);
		ovl_free(&o->fs);
		return r;
	}
	*ret = &o->fs;
	return 0;
}
