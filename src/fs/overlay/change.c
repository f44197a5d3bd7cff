/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of names. What is made where the upper folder has a whiteout, or a lower layer a name, is
 * made in the work folder first and renamed over it; what is removed leaves a whiteout where a
 * lower layer has the name.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "fs/overlay/internal.h"

/* The directory is one of upper, and nobody else changes its names until change_end(). */
static int change_begin(struct ovl *o, struct ovl_node *dir, struct opened_up *up)
{
	int r = ovl_copy_up(o, dir, 0);

	if (r < 0)
		return r;
	pthread_mutex_lock(&dir->names);
	*up = ovl_open_up(o, ovl_upper(dir));
	return 0;
}

static void change_end(struct ovl_node *dir, struct opened_up *up)
{
	ovl_close_down(up);
	up->fd = -1;
	pthread_mutex_unlock(&dir->names);
}

/* ---- making ---- */

/* What is to be made, and by whom. */
struct making {
	const struct fs_req *req;
	mode_t mode; /* with its type */
	dev_t rdev;
	const char *target; /* of a symbolic link */
	int flags;	    /* a regular file that is to be open: of open(2); fd is it */
	int fd;
	int source; /* a link to this file */
};

static int make_at(int dir, const char *name, struct making *m)
{
	char path[FD_PATH_MAX];
	int r;

	if (m->source >= 0) {
		r = linkat(AT_FDCWD, fd_path(path, m->source), dir, name, AT_SYMLINK_FOLLOW);
	} else if (S_ISDIR(m->mode)) {
		r = mkdirat(dir, name, m->mode & 07777);
	} else if (S_ISLNK(m->mode)) {
		r = symlinkat(m->target, dir, name);
	} else if (S_ISREG(m->mode)) {
		r = openat(dir, name, m->flags | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC,
			m->mode & 07777);
		m->fd = r;
	} else {
		r = mknodat(dir, name, m->mode, m->rdev);
		/* it is shown as one, and is a file */
		if (r < 0 && errno == EPERM && (S_ISCHR(m->mode) || S_ISBLK(m->mode)))
			r = mknodat(dir, name, S_IFREG | 0600, 0);
	}
	return r < 0 ? -errno : 0;
}

/* Made in a folder of upper, or in the work folder under another name. fd: O_PATH. */
static int make_whole(struct ovl *o, int dir, const char *name, struct making *m, int *ret_fd)
{
	struct fs_attr attr = {
		.mode = m->mode, .uid = m->req->uid, .gid = m->req->gid, .rdev = m->rdev
	};
	int fd, r = make_at(dir, name, m);

	if (r < 0)
		return r;
	fd = m->source >= 0 ? fcntl(m->source, F_DUPFD_CLOEXEC, 3)
			    : openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (m->source < 0 && !S_ISREG(m->mode) && !S_ISDIR(m->mode))
		r = ovl_beside_forget(o, fd);
	if (r == 0 && m->source < 0)
		r = ovl_owner_set(o, fd, &attr);
	if (r < 0) {
		close(fd);
		ovl_remove_all(dir, name);
	} else {
		*ret_fd = fd;
	}
	return r;
}

/* Where upper has a whiteout: made in the work folder, complete but for its place, and renamed over
 * it. */
static int make_over(
	struct ovl *o, struct ovl_node *dir, const char *name, struct making *m, int *ret_fd)
{
	const bool isdir = S_ISDIR(m->mode) && m->source < 0;
	char made[WORK_NAME_MAX];
	int r;

	ovl_work_name(o, made);
	r = make_whole(o, o->work, made, m, ret_fd);
	if (r == 0 && isdir)
		r = ovl_hide_below(dir, name, *ret_fd);
	if (r == 0) {
		/* what changes its directory is written to */
		_cleanup_down_ struct opened_up moves =
			isdir ? ovl_open_up(o, *ret_fd) : (struct opened_up){ .fd = -1 };

		r = ovl_rename2(
			o, o->work, made, ovl_upper(dir), name, isdir ? RENAME_EXCHANGE : 0);
	}
	if (r < 0 || isdir)
		ovl_remove_all(o->work, made); /* what failed, or the whiteout */
	return r;
}

/* Has upper a whiteout there, as most are? Then nothing below it counts. */
static bool is_plain_whiteout(const struct ovl_node *dir, const char *name)
{
	struct stat st;

	return fstatat(ovl_upper(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

/* Made where there was nothing, or a whiteout. *ret_looked: as found.looked. */
static int make_found(struct ovl *o, struct ovl_node *dir, const char *name, struct making *m,
	int *ret_fd, int *ret_looked)
{
	bool whiteout = is_plain_whiteout(dir, name);
	struct found now;
	int r = whiteout ? -ENOENT : ovl_find(o, dir, name, &now);

	if (r == 0) {
		ovl_found_release(&now);
		return -EEXIST;
	}
	if (!whiteout)
		whiteout = now.whiteout;
	if (r == -ENOENT)
		r = ovl_changed_note(o, dir, name, true);
	if (r == 0)
		r = whiteout ? make_over(o, dir, name, m, ret_fd)
			     : make_whole(o, ovl_upper(dir), name, m, ret_fd);
	*ret_looked = whiteout ? 0 : now.looked;
	return r;
}

/* Made and in its place; *ret is what was found there then. */
static int make_locked(
	struct ovl *o, struct ovl_node *dir, const char *name, struct making *m, struct found *ret)
{
	int r = -EEXIST, fd = -1;

	/* where upper is alone a name that it has not is free */
	if (dir->nlower == 0) {
		r = ovl_changed_note(o, dir, name, true);
		if (r == 0)
			r = make_whole(o, ovl_upper(dir), name, m, &fd);
	}
	if (r == -EEXIST)
		r = make_found(o, dir, name, m, &fd, &ret->looked);
	if (r == 0 && fstat(fd, &ret->st) < 0)
		r = -errno;
	/* it may have the number that another file had */
	if (r == 0 && m->source < 0)
		ovl_number_keep(o, &ret->st, ovl_number_own(o, &ret->st, dir));
	if (r < 0 && fd >= 0)
		close(fd);
	if (r == 0)
		ret->upper = fd;
	return r;
}

static int make(struct ovl *o, struct ovl_node *dir, const char *name, struct making *m,
	struct fs_entry *ret)
{
	struct found *f = malloc(sizeof(*f));
	struct opened_up up = { .fd = -1 };
	int r = f ? change_begin(o, dir, &up) : -ENOMEM;

	if (r < 0) {
		free(f);
		return r;
	}
	ovl_found_init(f);
	r = make_locked(o, dir, name, m, f);
	change_end(dir, &up);
	if (r == 0)
		r = ovl_enter(o, f, dir, name, ret);
	if (r == 0 && S_ISDIR(m->mode)) /* its name was noted with all below */
		atomic_store(&ovl_node_of(ret->nodeid)->all_changed, true);
	if (r < 0 && m->fd >= 0)
		close(m->fd);
	free(f);
	return r;
}

int ovl_mknod(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, dev_t rdev, struct fs_entry *ret)
{
	struct making m = {
		.req = req, .mode = mode, .rdev = rdev, .fd = -1, .source = -1, .flags = O_WRONLY
	};
	int r;

	if (S_ISCHR(mode) && rdev == 0)
		return -EPERM; /* it would be a whiteout */
	r = make(ovl_of(fs), ovl_node_of(parent), name, &m, ret);
	if (r == 0 && m.fd >= 0)
		close(m.fd);
	return r;
}

int ovl_mkdir(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, struct fs_entry *ret)
{
	struct making m = { .req = req, .mode = S_IFDIR | mode, .fd = -1, .source = -1 };

	return make(ovl_of(fs), ovl_node_of(parent), name, &m, ret);
}

int ovl_symlink(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	const char *target, struct fs_entry *ret)
{
	struct making m = {
		.req = req, .mode = S_IFLNK | 0777, .target = target, .fd = -1, .source = -1
	};

	return make(ovl_of(fs), ovl_node_of(parent), name, &m, ret);
}

int ovl_link(struct fs *fs, const struct fs_req *req, uint64_t node, uint64_t parent,
	const char *name, struct fs_entry *ret)
{
	struct ovl_node *n = ovl_node_of(node);
	struct making m = { .req = req, .mode = n->type, .fd = -1 };
	int r = ovl_copy_up(ovl_of(fs), n, 0);

	if (r < 0)
		return r;
	m.source = ovl_upper(n);
	r = make(ovl_of(fs), ovl_node_of(parent), name, &m, ret);
	if (r == 0 && n->shown.ino != n->ino)
		ovl_impure_set(ovl_node_of(parent));
	return r;
}

int ovl_create(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	struct making m = {
		.req = req, .mode = S_IFREG | (mode & 07777), .flags = flags, .fd = -1, .source = -1
	};
	int r = make(ovl_of(fs), ovl_node_of(parent), name, &m, ret);

	if (r == 0) {
		atomic_store(&ovl_node_of(ret->nodeid)->opened, true);
		*ret_h = (struct fs_handle){ .fh = (uint64_t)m.fd, .oflags = flags };
	}
	return r;
}

int ovl_tmpfile(struct fs *fs, const struct fs_req *req, uint64_t parent, mode_t mode, int flags,
	struct fs_entry *ret, struct fs_handle *ret_h)
{
	struct fs_attr attr = {
		.mode = S_IFREG | (mode & 07777), .uid = req->uid, .gid = req->gid
	};
	struct found f = { .upper = -1 };
	struct ovl *o = ovl_of(fs);
	_cleanup_fd_ int fd = -1;
	char path[FD_PATH_MAX];
	int r = ovl_copy_up(o, ovl_node_of(parent), 0);

	if (r < 0)
		return r;
	fd = open(fd_path(path, o->work), flags | O_TMPFILE | O_CLOEXEC, mode & 07777);
	if (fd < 0)
		return -errno;
	f.upper = open(fd_path(path, fd), O_PATH | O_CLOEXEC);
	if (f.upper < 0 || fstat(f.upper, &f.st) < 0)
		r = -errno;
	if (r == 0)
		r = ovl_owner_set(o, f.upper, &attr);
	if (r < 0) {
		ovl_found_release(&f);
		return r;
	}
	ovl_number_keep(o, &f.st, ovl_number_own(o, &f.st, ovl_node_of(parent)));
	r = ovl_enter(o, &f, NULL, NULL, ret);
	if (r == 0)
		*ret_h = (struct fs_handle){ .fh = (uint64_t)take_fd(&fd), .oflags = flags };
	return r;
}

void ovl_release(UNUSED struct fs *fs, UNUSED uint64_t node, const struct fs_handle *h)
{
	close((int)h->fh);
}

/* ---- removing ---- */

/* Does a lower layer show what was found, or what it hides? */
static bool shows_below(
	struct ovl *o, struct ovl_node *dir, const char *name, const struct found *f)
{
	return f->nlower || ovl_lower_has(o, dir, name);
}

/* What the lower layers alone have. */
static int hide(struct ovl *o, struct ovl_node *dir, const char *name, const struct found *f)
{
	int r = ovl_record_base(o, f->lower[0].fd, &f->st, f->lower_path);
	struct ovl_node *n;

	if (r == 0)
		r = ovl_whiteout_put(o, dir, name);
	n = r == 0 ? ovl_hardlink_find(o, &f->st) : NULL;
	if (n)
		atomic_fetch_sub(&n->others, 1);
	return r;
}

/* Takes the name out of upper; a whiteout takes its place where a lower layer has it. */
static int take_away(struct ovl *o, struct ovl_node *dir, const char *name, const struct found *f)
{
	const bool isdir = S_ISDIR(f->st.st_mode);
	/* what changes its directory is written to */
	_cleanup_down_ struct opened_up up =
		isdir && f->upper >= 0 ? ovl_open_up(o, f->upper) : (struct opened_up){ .fd = -1 };
	char made[WORK_NAME_MAX];
	int r;

	if (f->upper < 0)
		return hide(o, dir, name, f);
	if (shows_below(o, dir, name, f)) {
		r = ovl_whiteout_make(o, dir, made);
		if (r == 0)
			r = ovl_rename2(o, o->work, made, ovl_upper(dir), name,
				isdir ? RENAME_EXCHANGE : 0);
		if (r == 0 && !isdir)
			return 0;
	} else {
		if (unlinkat(ovl_upper(dir), name, isdir ? AT_REMOVEDIR : 0) == 0)
			return 0;
		ovl_work_name(o, made);
		r = ovl_rename2(
			o, ovl_upper(dir), name, o->work, made, 0); /* with whiteouts in it */
	}
	/* what was there, or what was not put there */
	ovl_remove_all(o->work, made);
	return r;
}

/* Its own list, through the layers, has no name. */
static int check_empty(struct fs *fs, const struct found *f, const struct fs_req *req)
{
	struct fs_handle h;
	struct ovl_node n = {
		.lower = (struct lower *)f->lower, .nlower = f->nlower, .xwhiteouts = f->xwhiteouts
	};
	int r;

	atomic_init(&n.upper, f->upper);
	r = ovl_opendir(fs, req, (uintptr_t)&n, &h);
	if (r < 0)
		return r;
	r = ovl_listing_empty(&h) ? 0 : -ENOTEMPTY;
	ovl_releasedir(fs, 0, &h);
	return r;
}

/* An empty folder that upper alone has goes without being looked into, which who watches it is
 * told. Not 0: it is not that, or to be looked at closer. */
static int take_plain(struct ovl *o, struct ovl_node *dir, const char *name, const struct found *f)
{
	int r;

	if (f->upper < 0 || shows_below(o, dir, name, f))
		return -ENOTEMPTY;
	r = ovl_changed_note(o, dir, name, true);
	return r == 0 && unlinkat(ovl_upper(dir), name, AT_REMOVEDIR) < 0 ? -errno : r;
}

static int take_folder(struct fs *fs, struct ovl_node *dir, const char *name, const struct found *f,
	const struct fs_req *req)
{
	struct ovl *o = ovl_of(fs);
	int r = take_plain(o, dir, name, f);

	if (r == 0)
		return 0;
	r = check_empty(fs, f, req);
	if (r == 0)
		r = ovl_changed_note(o, dir, name, true);
	return r < 0 ? r : take_away(o, dir, name, f);
}

void ovl_keep_open(struct ovl *o, struct ovl_node *n)
{
	const int upper = ovl_upper(n);
	char path[FD_PATH_MAX];
	int fd;

	if (!o->served || upper < 0 || !atomic_load(&n->opened))
		return;
	fd_path(path, upper);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)dup3(fd, upper, O_CLOEXEC); /* at once, for whoever uses that number now */
	close(fd);
}

static int take_file(struct ovl *o, struct ovl_node *dir, const char *name, const struct found *f)
{
	struct ovl_node *n = o->served ? ovl_known(o, &f->st) : NULL;
	int r = ovl_changed_note(o, dir, name, true);

	if (r == 0 && n)
		ovl_keep_open(o, n);
	ovl_put(o, n);
	return r < 0 ? r : take_away(o, dir, name, f);
}

/* The node of what was found loses its place. */
static void lost(struct ovl *o, const struct found *f, struct ovl_node *dir, const char *name)
{
	struct ovl_node *n = ovl_known(o, &f->st);

	if (!n)
		return;
	ovl_lost(o, n, dir, name);
	ovl_put(o, n);
}

static int remove_name(
	struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name, bool isdir)
{
	struct ovl_node *dir = ovl_node_of(parent);
	struct opened_up up = { .fd = -1 };
	struct ovl *o = ovl_of(fs);
	struct found f;
	int r = change_begin(o, dir, &up);

	if (r < 0)
		return r;
	r = ovl_find(o, dir, name, &f);
	if (r == 0) {
		if (isdir != S_ISDIR(f.st.st_mode))
			r = isdir ? -ENOTDIR : -EISDIR;
		if (r == 0)
			r = isdir ? take_folder(fs, dir, name, &f, req)
				  : take_file(o, dir, name, &f);
		if (r == 0 && isdir)
			ovl_moved_note(o, f.lower_path, NULL);
		if (r == 0)
			lost(o, &f, dir, name);
		ovl_found_release(&f);
	}
	change_end(dir, &up);
	return r;
}

int ovl_unlink(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name)
{
	return remove_name(fs, req, parent, name, false);
}

int ovl_rmdir(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name)
{
	return remove_name(fs, req, parent, name, true);
}
