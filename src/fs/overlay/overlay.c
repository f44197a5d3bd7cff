/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A node is a file that the view knows, held by O_PATH descriptors: of its
 * file in the upper folder, if it has one, and of those in the lower layers that are merged into
 * it. It is found by device and inode number of the topmost of them, and keeps its identity when it
 * is copied up. The files that guests open are the host's own (fs->host_fd), so that reads and
 * writes are native; before one is opened for writing it is copied up (fs->host_prepare).
 * Permissions are checked by the view, by what is shown: in the layers we work as whoever started
 * the view.
 *
 * What is changed is made in the work folder and renamed to its place, so that each name has its
 * old file or the whole new one. Who changes names in a folder of upper holds its node's `names`.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/xattr.h>

#include "fs/host/host.h"
#include "fs/overlay/internal.h"
#include "view/itable.h"

static int ovl_host_fd(struct fs *fs, uint64_t node)
{
	const struct ovl_node *n = ovl_node_of(node);

	/* where it cannot be copied its content is what is opened, whose attributes are its own */
	return atomic_load(&n->is_meta) && ovl_of(fs)->work < 0 ? n->data : ovl_top(n);
}

/* Who may write to it, or make that he may? If somebody, a reader's open file and mapping are to be
 * the writer's. What we cannot read is not taken for empty by who only reads it. */
static bool may_be_written(const struct ovl *o, const struct ovl_node *n)
{
	char path[FD_PATH_MAX];
	struct stat st;

	fd_path(path, n->lower[0].fd);
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0)
		return false;
	return o->as_root || stat(path, &st) < 0 || st.st_uid == geteuid() ||
	       faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 || errno != EACCES;
}

static int ovl_host_prepare(struct fs *fs, const struct fs_req *req, uint64_t node, int flags)
{
	struct ovl_node *n = ovl_node_of(node);
	struct ovl *o = ovl_of(fs);
	int r;

	if (n->type == S_IFDIR && (flags & O_CREAT)) {
		/* a name is to be made there by other means than ours: which one is not known */
		r = ovl_copy_up(o, n, 0);
		return r < 0 ? r : ovl_changed_note(o, n, "", true);
	}
	if (atomic_load(&n->is_meta) && o->work >= 0 && !(flags & O_PATH)) {
		r = ovl_copy_up(o, n, flags);
		if (r < 0)
			return r;
	}
	if (n->type != S_IFREG || (flags & O_PATH))
		return 0;
	atomic_store(&n->opened, true);
	if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC))
		return o->consistent && o->work >= 0 && ovl_upper(n) < 0 && may_be_written(o, n)
			       ? ovl_copy_up(o, n, 0)
			       : 0;
	r = ovl_copy_up(o, n, flags);
	return r < 0 ? r : ovl_drop_privs(o, req, n); /* before the first write */
}

static void ovl_unmount(UNUSED struct fs *fs, UNUSED uint64_t deadline_ns)
{
}

static void ovl_free(struct fs *fs)
{
	struct ovl *o = ovl_of(fs);

	ovl_table_free(o);
	ovl_outside_free(o);
	ovl_record_close(o);
	ovl_numbers_free(o);
	for (unsigned i = 0; o->layers && i < o->nlayers; i++)
		close(o->layers[i].root);
	free(o->layers);
	free(o->host_root);
	ovl_changed_free(o);
	ovl_moved_free(o);
	pthread_mutex_destroy(&o->records);
	if (o->work >= 0 && !o->shared)
		ovl_whiteouts_end(o);
	if (o->work >= 0)
		close(o->work);
	if (o->lock_fd >= 0)
		close(o->lock_fd);
	pthread_mutex_destroy(&o->lock);
	if (fs->owner)
		fs->owner_free(fs->owner);
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

/* A folder of ours that was made where others have a default ACL has it too, and what is made in it
 * would: nobody asked for that here. */
static void drop_acls(int fd)
{
	char path[FD_PATH_MAX];

	(void)removexattr(fd_path(path, fd), "system.posix_acl_default"); /* mostly none */
	(void)removexattr(path, "system.posix_acl_access");
}

/* What a killed view, or another overlay, left in it goes, but the mark by which the kernel knows
 * that upper was in use as a volatile one. */
static void clean_work(struct ovl *o)
{
	int fd = fcntl(o->work, F_DUPFD_CLOEXEC, 3);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	while (list && (d = readdir(list))) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
			strcmp(d->d_name, "incompat") != 0)
			ovl_remove_all(o->work, d->d_name);
	}
	if (list)
		closedir(list);
	else if (fd >= 0)
		close(fd);
}

static int open_work(
	struct ovl *o, const struct overlay_layers *l, const struct stat *upper, char **ret_message)
{
	_cleanup_fd_ int work = open_dir(l->work, ret_message);
	struct stat st;

	if (work < 0)
		return work;
	if (fstat(work, &st) < 0)
		return -errno;
	if (st.st_dev != upper->st_dev)
		return say(ret_message, -EINVAL, "upperdir and workdir must be on one file system");
	o->lock_fd = open(l->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->lock_fd < 0 || flock(o->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return say(ret_message, errno == EWOULDBLOCK ? -EBUSY : -errno,
			"%s is in use by another view", l->upper);
	if (mkdirat(work, "work", 0700) < 0 && errno != EEXIST)
		return say(ret_message, -errno, "%s: %s", l->work, strerror(errno));
	(void)fchmodat(work, "work", 0700, 0); /* the kernel's is closed to all */
	o->work = openat(work, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (o->work < 0)
		return say(ret_message, -errno, "%s/work: %s", l->work, strerror(errno));
	drop_acls(o->work);
	clean_work(o);
	return 0;
}

static int open_upper(
	struct ovl *o, const struct overlay_layers *l, struct found *root, char **ret_message)
{
	struct stat st;
	int r = 0;

	root->upper = open_dir(l->upper, ret_message);
	if (root->upper < 0)
		return root->upper;
	if (fstat(root->upper, &st) < 0)
		return -errno;
	o->upper_dev = st.st_dev;
	o->shared = !l->work;
	if (l->work)
		r = open_work(o, l, &st, ret_message);
	else /* over nothing, it is used for what comes over whiteouts of others alone */
		o->work = openat(root->upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && o->work < 0)
		r = say(ret_message, -errno, "%s: %s", l->upper, strerror(errno));
	if (r < 0)
		return r;
	o->no_xattrs =
		fgetxattr(o->work, XATTR_OVERLAY "opaque", NULL, 0) < 0 && errno == EOPNOTSUPP;
	return 0;
}

static int host_folder(struct fs *fs, unsigned i)
{
	struct ovl *o = ovl_of(fs);

	if (ovl_upper(o->root) >= 0 && i-- == 0)
		return ovl_upper(o->root);
	return i < o->nlayers ? o->layers[i].root : -1;
}

/* A lower folder. Its open files are the guests' own, with calls on them that nobody catches
 * (fchmod(2), an open by way of /proc/self/fd): so it is a read-only clone, where the kernel gives
 * one. */
static int open_lower(const struct overlay_layers *l, unsigned i, char **ret_message)
{
	int fd = open_dir(l->lower[i], ret_message), ro;

	/* one that is seen through is opened by the guests themselves, one in a view by its server
	 * alone */
	ro = fd < 0 || l->seen_through || l->served ? -1 : hostfs_clone_ro(fd, l->lower[i]);
	if (ro < 0)
		return fd;
	close(fd);
	return ro;
}

static int open_layers(
	struct ovl *o, const struct overlay_layers *l, struct found *root, char **ret_message)
{
	struct stat st;
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
		layer->owned = l->owners && (layer->upper || l->owned_below);
		if (layer->owned)
			atomic_store(&o->fs.shows, true);
		*low = (struct lower){ .layer = i };
		low->fd = fcntl(layer->root, F_DUPFD_CLOEXEC, 3);
		if (low->fd < 0)
			return -errno;
		root->nlower++;
		low->xwhiteouts = layer->upper && ovl_opaque(low->fd) == 'x';
	}
	if (r == 0 && !l->upper && l->nlower > 1 && fstat(o->layers[0].root, &st) == 0)
		o->upper_dev = st.st_dev;
	if (r == 0)
		root->xwhiteouts = root->upper >= 0 && ovl_opaque(root->upper) == 'x';
	if (r == 0 && fstat(root->lower[0].fd, &root->below) < 0)
		r = -errno;
	if (r == 0 && fstat(root->upper >= 0 ? root->upper : root->lower[0].fd, &root->st) < 0)
		r = -errno;
	return r;
}

/* The root is shown as what lies below it. */
static int dress_root(struct ovl *o)
{
	char path[FD_PATH_MAX];
	struct timespec ts[2];
	struct fs_attr attr;
	struct stat st;
	int r;

	if (fstat(o->root->lower[0].fd, &st) < 0)
		return -errno;
	fs_attr_of_stat(&st, &attr);
	if (o->layers[o->root->lower[0].layer].owned)
		(void)ovl_override_get(fd_path(path, o->root->lower[0].fd), &attr); /* or its own */
	drop_acls(ovl_upper(o->root));
	r = ovl_owner_set(o, ovl_upper(o->root), &attr);
	ts[0] = st.st_atim;
	ts[1] = st.st_mtim;
	if (r == 0 && utimensat(ovl_upper(o->root), "", ts, AT_EMPTY_PATH) < 0)
		r = -errno;
	return r;
}

static int make_root(struct ovl *o, struct found *root)
{
	int r = ovl_table_new(o, root);

	if (r < 0)
		return r;
	o->fs.root_node = (uintptr_t)o->root;
	o->fs.dev = o->root->shown.dev;
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

/* Each has so many descriptors; most are left to others. */
static unsigned folders_kept(unsigned cost)
{
	struct rlimit rl;
	unsigned max = 512;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur / 16 / cost < max)
		max = (unsigned)(rl.rlim_cur / 16 / cost);
	return max;
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
	o->consistent = l->consistent;
	o->durable = l->durable;
	o->no_metacopy = l->fresh;
	if (l->owners && !l->fresh)
		ovl_owners_begin(o);
	o->served = l->served;
	o->magic = l->magic ? l->magic : OVERLAYFS_SUPER_MAGIC;
	o->own_files = l->own_files;
	o->stand_in = l->stand_in;
	o->fs.node = &ovl_node_ops;
	o->fs.file = &ovl_file_ops;
	o->fs.unmount = ovl_unmount;
	o->fs.free = ovl_free;
	o->fs.host_fd = ovl_host_fd;
	o->fs.host_prepare = ovl_host_prepare;
	o->fs.shown = ovl_shown;
	o->fs.plain = ovl_plain;
	o->fs.still = ovl_still;
	o->fs.hear = ovl_outside_hear;
	o->fs.keep_max = l->upper && !l->work ? 0 : folders_kept(l->nlower + 1);
	o->fs.type = "overlay";
	atomic_init(&o->fs.flags,
		FS_DEFAULT_PERMISSIONS | FS_GROUP_FROM_DIR | (l->upper ? 0 : FS_READ_ONLY) |
			(l->owners ? FS_KEEPS_OWNERS : 0) | (l->consistent ? FS_OPENS_ALL : 0) |
			FS_ACL | FS_ACL_OURS);
	r = open_layers(o, l, root, ret_message);
	o->host_root = strdup("/");
	o->fs.host_root = o->host_root;
	o->fs.host_folder = host_folder;
	if (r == 0)
		r = ovl_outside_new(o);
	if (r == 0)
		r = ovl_numbers_new(o);
	ovl_origin_init(o);
	hide(o, l->hide);
	if (r == 0 && !o->host_root)
		r = -ENOMEM;
	if (r == 0)
		r = make_root(o, root);
	if (r == 0 && l->layer)
		r = ovl_record_open(o, l);
	if (r == 0 && l->fresh && l->upper)
		r = dress_root(o);
	if (r == 0 && l->seen_through) {
		r = ovl_changed_new(o);
		if (r == 0)
			r = ovl_moved_new(o);
		o->fs.whereabouts = ovl_whereabouts;
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
