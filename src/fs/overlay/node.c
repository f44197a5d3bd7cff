/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes. */
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/overlay/internal.h"
#include "view/inode.h"

/* st: of the topmost file. */
static void attr_of_stat(
	struct ovl *o, const struct ovl_node *n, struct stat st, bool sure, struct fs_attr *ret)
{
	const int upper = ovl_upper(n);
	char path[FD_PATH_MAX];

	if (o->owners && ((n->type != S_IFREG && n->type != S_IFDIR) || o->no_xattrs))
		ovl_links_get(o, n, &st);
	fs_attr_of_stat(&st, ret);
	ret->dev = n->shown.dev;
	ret->ino = n->shown.ino;
	if ((S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) &&
		(upper >= 0 ? ovl_says_owner(o, n->type) : o->layers[n->lower[0].layer].owned))
		(void)ovl_override_get(fd_path(path, ovl_top(n)), ret); /* else it has its own */
	if (n->type == S_IFDIR && upper >= 0 && sure)
		ret->perm_ns = UINT64_MAX;
	if (n->type == S_IFDIR && (upper >= 0) + n->nlower > 1)
		ret->nlink = 1;
	if (n->type != S_IFDIR)
		ret->nlink += atomic_load(&n->others);
}

void ovl_attr_of_stat(
	struct ovl *o, const struct ovl_node *n, const struct stat *st, struct fs_attr *ret)
{
	attr_of_stat(o, n, *st, false, ret);
}

int ovl_getattr_fd(struct ovl *o, struct ovl_node *n, struct fs_attr *ret)
{
	const unsigned ever = atomic_load(&o->open_ever);
	/* nobody else changes it, and we do not for the moment */
	bool sure = !o->shared && atomic_load(&o->open_now) == 0;
	struct stat st;

	if (fstat(ovl_top(n), &st) < 0)
		return -errno;
	sure = sure && atomic_load(&o->open_ever) == ever;
	attr_of_stat(o, n, st, sure, ret);
	return 0;
}

bool ovl_shown(struct fs *fs, const char *link, struct fs_attr *attr)
{
	const struct stat own = { .st_dev = attr->dev, .st_ino = attr->ino };
	struct ovl *o = ovl_of(fs);
	struct shown shown;

	/* what is not kept may be of the lowest layer, which has its own numbers */
	if (!ovl_number_kept(o, &own, &shown))
		return o->layers[o->nlayers - 1].owned && ovl_override_get(link, attr);
	attr->dev = shown.dev;
	attr->ino = shown.ino;
	if (o->owners && !S_ISREG(attr->mode) && !S_ISDIR(attr->mode))
		ovl_links_shown(o, own.st_ino, attr);
	if (ovl_says_owner(o, attr->mode) && (S_ISREG(attr->mode) || S_ISDIR(attr->mode)))
		(void)ovl_override_get(link, attr); /* else it has its own */
	return true;
}

bool ovl_plain(struct fs *fs, int fd)
{
	const struct ovl *o = ovl_of(fs);
	struct stat st;

	if (o->as_root || o->no_xattrs || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	return !ovl_says_owner(o, st.st_mode) ||
	       (fgetxattr(fd, XATTR_OVERRIDE, NULL, 0) < 0 && errno == ENODATA);
}

static int ovl_getattr(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, struct fs_attr *ret)
{
	return ovl_getattr_fd(ovl_of(fs), ovl_node_of(node), ret);
}

static struct timespec time_of(
	const struct fs_setattr *set, unsigned given, unsigned now, const struct timespec *t)
{
	if (set->set & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return set->set & given ? *t : (struct timespec){ .tv_nsec = UTIME_OMIT };
}

int ovl_search_changes(struct ovl *o, struct ovl_node *n)
{
	return n->type == S_IFDIR ? ovl_changed_note(o, n, "", true) : 0;
}

/* What is set to what it was changes ctime, and is told to who watches the file. */
static int set_again(const struct ovl_node *n)
{
	char path[FD_PATH_MAX];
	struct stat st;

	if (n->type != S_IFREG && n->type != S_IFDIR)
		return 0;
	fd_path(path, ovl_upper(n));
	return stat(path, &st) < 0 || chmod(path, st.st_mode & 07777) < 0 ? -errno : 0;
}

static int set_owner(struct ovl *o, struct ovl_node *n, const struct fs_setattr *set)
{
	struct fs_attr attr, old;
	bool same;
	int r = ovl_getattr_fd(o, n, &attr);

	if (r < 0)
		return r;
	old = attr;
	if (set->set & FS_SET_UID)
		attr.uid = set->uid;
	if (set->set & FS_SET_GID)
		attr.gid = set->gid;
	if (set->set & FS_SET_MODE)
		attr.mode = (attr.mode & S_IFMT) | (set->mode & 07777);
	same = attr.uid == old.uid && attr.gid == old.gid && attr.mode == old.mode;
	if (!same)
		r = ovl_search_changes(o, n);
	if (r == 0)
		r = ovl_owner_set(o, ovl_upper(n), &attr);
	return r == 0 && same ? set_again(n) : r;
}

/* Capabilities of a file that another content or owner takes away, from root's files too. */
static void drop_caps(const struct ovl *o, const struct ovl_node *n)
{
	char path[FD_PATH_MAX];

	if (o->as_root && n->type == S_IFREG)
		(void)removexattr(fd_path(path, ovl_upper(n)), XATTR_KEPT "security.capability");
}

int ovl_drop_privs(struct ovl *o, const struct fs_req *req, struct ovl_node *n)
{
	struct fs_attr attr;
	mode_t drop = S_ISUID;
	int r;

	/* the kernel would see to it, had the file the mode that is shown */
	drop_caps(o, n);
	if (!o->as_root || req->uid == 0)
		return 0;
	r = ovl_getattr_fd(o, n, &attr);
	if (r < 0)
		return r;
	if (attr.mode & S_IXGRP)
		drop |= S_ISGID;
	if (!(attr.mode & drop))
		return 0;
	attr.mode &= ~drop;
	return ovl_owner_set(o, ovl_upper(n), &attr);
}

static int ovl_setattr(struct fs *fs, const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, const struct fs_setattr *set, struct fs_attr *ret)
{
	const unsigned times = FS_SET_ATIME | FS_SET_MTIME | FS_SET_ATIME_NOW | FS_SET_MTIME_NOW;
	struct ovl_node *n = ovl_node_of(node);
	struct ovl *o = ovl_of(fs);
	char path[FD_PATH_MAX];
	int r = ovl_copy_up(o, n, (set->set & FS_SET_SIZE) && set->size == 0 ? O_TRUNC : 0);

	if (r == 0 && (set->set & FS_SET_SIZE) &&
		truncate(fd_path(path, ovl_upper(n)), (off_t)set->size) < 0)
		r = -errno;
	if (r == 0 && (set->set & FS_SET_SIZE))
		r = ovl_drop_privs(o, req, n);
	if (r == 0 && (set->set & (FS_SET_UID | FS_SET_GID | FS_SET_MODE)))
		r = set_owner(o, n, set);
	if (r == 0 && (set->set & (FS_SET_UID | FS_SET_GID)))
		drop_caps(o, n);
	if (r == 0 && (set->set & times)) {
		struct timespec ts[2] = {
			time_of(set, FS_SET_ATIME, FS_SET_ATIME_NOW, &set->atime),
			time_of(set, FS_SET_MTIME, FS_SET_MTIME_NOW, &set->mtime),
		};

		r = utimensat(ovl_upper(n), "", ts, AT_EMPTY_PATH) < 0 ? -errno : 0;
	}
	return r < 0 ? r : ovl_getattr_fd(o, n, ret);
}

static int ovl_readlink(
	UNUSED struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, char *buf)
{
	ssize_t n = readlinkat(ovl_top(ovl_node_of(node)), "", buf, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

static int ovl_statfs(
	struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, struct statfs *ret)
{
	const struct ovl *o = ovl_of(fs);

	if (fstatfs(ovl_top(ovl_node_of(node)), ret) < 0)
		return -errno;
	ret->f_type = o->magic;
	ret->f_files -= ret->f_files > o->own_files ? o->own_files : 0;
	return 0;
}

static int ovl_syncfs(struct fs *fs, UNUSED const struct fs_req *req)
{
	struct ovl *o = ovl_of(fs);

	return o->work >= 0 && syncfs(o->work) < 0 ? -errno : 0;
}

static int ovl_lookup(struct fs *fs, UNUSED const struct fs_req *req, uint64_t parent,
	const char *name, struct fs_entry *ret)
{
	struct ovl_node *dir = ovl_node_of(parent);
	struct found f;
	int r = ovl_find(ovl_of(fs), dir, name, &f);

	return r < 0 ? r : ovl_enter(ovl_of(fs), &f, dir, name, ret);
}

const struct fs_node_ops ovl_node_ops = {
	.size = sizeof(ovl_node_ops),
	.lookup = ovl_lookup,
	.forget = ovl_forget,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.readlink = ovl_readlink,
	.mknod = ovl_mknod,
	.mkdir = ovl_mkdir,
	.symlink = ovl_symlink,
	.link = ovl_link,
	.unlink = ovl_unlink,
	.rmdir = ovl_rmdir,
	.rename = ovl_rename,
	.getxattr = ovl_getxattr_op,
	.listxattr = ovl_listxattr_op,
	.setxattr = ovl_setxattr_op,
	.removexattr = ovl_removexattr_op,
	.statfs = ovl_statfs,
	.syncfs = ovl_syncfs,
};

const struct fs_file_ops ovl_file_ops = {
	.size = sizeof(ovl_file_ops),
	.create = ovl_create,
	.tmpfile = ovl_tmpfile,
	.release = ovl_release,
	.opendir = ovl_opendir,
	.readdir = ovl_readdir,
	.fsyncdir = ovl_fsyncdir,
	.releasedir = ovl_releasedir,
};
