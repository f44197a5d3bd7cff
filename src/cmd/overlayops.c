/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FUSE's operations as those of fs.h by the same name. */
#include "cmd/overlayops.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "view/fs.h"

/* Nobody else changes the upper folder, and the lower ones are to be left alone. */
#define VALID_S 1.0

static struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static uint64_t node_of(fuse_req_t req, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? fs_of(req)->root_node : ino;
}

static struct fs_req req_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct fs_req){ .uid = ctx->uid,
		.gid = ctx->gid,
		.ruid = ctx->uid,
		.rgid = ctx->gid,
		.pid = ctx->pid,
		.umask = ctx->umask };
}

static struct stat stat_of(const struct fs_attr *a)
{
	return (struct stat){ .st_ino = a->ino,
		.st_mode = a->mode,
		.st_nlink = a->nlink,
		.st_uid = a->uid,
		.st_gid = a->gid,
		.st_rdev = a->rdev,
		.st_size = (off_t)a->size,
		.st_blksize = (blksize_t)a->blksize,
		.st_blocks = (blkcnt_t)a->blocks,
		.st_atim = a->atime,
		.st_mtim = a->mtime,
		.st_ctim = a->ctime };
}

/* By another name of a file its node may become another one when this name goes: see ovl_lost(). */
static struct fuse_entry_param entry_of(const struct fs_entry *e)
{
	const bool may_change = !S_ISDIR(e->attr.mode) && e->attr.nlink > 1;

	return (struct fuse_entry_param){ .ino = e->nodeid,
		.attr = stat_of(&e->attr),
		.attr_timeout = VALID_S,
		.entry_timeout = may_change ? 0 : VALID_S };
}

static struct fs_handle handle_of(const struct fuse_file_info *fi)
{
	return (struct fs_handle){ .fh = fi->fh };
}

/* Of open(2): what is left once the file is found. */
static int flags_of(const struct fuse_file_info *fi)
{
	return fi->flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_NOFOLLOW | O_TRUNC);
}

static void reply_err(fuse_req_t req, ssize_t r)
{
	fuse_reply_err(req, r < 0 ? (int)-r : 0);
}

static void reply_entry(fuse_req_t req, int r, const struct fs_entry *e)
{
	struct fuse_entry_param p;

	if (r < 0) {
		reply_err(req, r);
		return;
	}
	p = entry_of(e);
	fuse_reply_entry(req, &p);
}

static void reply_attr(fuse_req_t req, int r, const struct fs_attr *a)
{
	struct stat st;

	if (r < 0) {
		reply_err(req, r);
		return;
	}
	st = stat_of(a);
	fuse_reply_attr(req, &st, VALID_S);
}

/* ---- names and attributes ---- */

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_req who = req_of(req);
	struct fs_entry e;

	reply_entry(req, fs_of(req)->node->lookup(fs_of(req), &who, node_of(req, parent), name, &e),
		&e);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	if (ino != FUSE_ROOT_ID)
		fs_of(req)->node->forget(fs_of(req), ino, nlookup);
	fuse_reply_none(req);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, UNUSED struct fuse_file_info *fi)
{
	struct fs_req who = req_of(req);
	struct fs_attr a;

	reply_attr(
		req, fs_of(req)->node->getattr(fs_of(req), &who, node_of(req, ino), NULL, &a), &a);
}

static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
	UNUSED struct fuse_file_info *fi)
{
	static const struct {
		int theirs;
		unsigned ours;
	} bits[] = { { FUSE_SET_ATTR_MODE, FS_SET_MODE }, { FUSE_SET_ATTR_UID, FS_SET_UID },
		{ FUSE_SET_ATTR_GID, FS_SET_GID }, { FUSE_SET_ATTR_SIZE, FS_SET_SIZE },
		{ FUSE_SET_ATTR_ATIME, FS_SET_ATIME }, { FUSE_SET_ATTR_MTIME, FS_SET_MTIME },
		{ FUSE_SET_ATTR_ATIME_NOW, FS_SET_ATIME_NOW },
		{ FUSE_SET_ATTR_MTIME_NOW, FS_SET_MTIME_NOW } };
	struct fs_setattr set = { .mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = (uint64_t)st->st_size,
		.atime = st->st_atim,
		.mtime = st->st_mtim };
	struct fs_req who = req_of(req);
	struct fs_attr a;

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		set.set |= to_set & bits[i].theirs ? bits[i].ours : 0;
	reply_attr(req,
		fs_of(req)->node->setattr(fs_of(req), &who, node_of(req, ino), NULL, &set, &a), &a);
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_req who = req_of(req);
	char body[PATH_MAX];
	int r = fs_of(req)->node->readlink(fs_of(req), &who, node_of(req, ino), body);

	if (r < 0)
		reply_err(req, r);
	else
		fuse_reply_readlink(req, body);
}

static void do_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fs_req who = req_of(req);
	struct fs_entry e;

	reply_entry(req,
		fs_of(req)->node->mknod(
			fs_of(req), &who, node_of(req, parent), name, mode, rdev, &e),
		&e);
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs_req who = req_of(req);
	struct fs_entry e;

	reply_entry(req,
		fs_of(req)->node->mkdir(fs_of(req), &who, node_of(req, parent), name, mode, &e),
		&e);
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct fs_req who = req_of(req);
	struct fs_entry e;

	reply_entry(req,
		fs_of(req)->node->symlink(fs_of(req), &who, node_of(req, parent), name, target, &e),
		&e);
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct fs_req who = req_of(req);
	struct fs_entry e;

	reply_entry(req,
		fs_of(req)->node->link(
			fs_of(req), &who, node_of(req, ino), node_of(req, parent), name, &e),
		&e);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_req who = req_of(req);

	reply_err(req, fs_of(req)->node->unlink(fs_of(req), &who, node_of(req, parent), name));
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_req who = req_of(req);

	reply_err(req, fs_of(req)->node->rmdir(fs_of(req), &who, node_of(req, parent), name));
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	const char *newname, unsigned flags)
{
	struct fs_req who = req_of(req);

	reply_err(req, fs_of(req)->node->rename(fs_of(req), &who, node_of(req, parent), name,
			       node_of(req, newparent), newname, flags));
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_req who = req_of(req);
	struct statfs s;
	struct statvfs v;
	int r = fs_of(req)->node->statfs(fs_of(req), &who, node_of(req, ino), &s);

	if (r < 0) {
		reply_err(req, r);
		return;
	}
	v = (struct statvfs){ .f_bsize = (unsigned long)s.f_bsize,
		.f_frsize = (unsigned long)s.f_frsize,
		.f_blocks = s.f_blocks,
		.f_bfree = s.f_bfree,
		.f_bavail = s.f_bavail,
		.f_files = s.f_files,
		.f_ffree = s.f_ffree,
		.f_favail = s.f_ffree,
		.f_namemax = (unsigned long)s.f_namelen };
	fuse_reply_statfs(req, &v);
}

static void reply_value(fuse_req_t req, size_t size, char *buf, ssize_t n)
{
	if (n < 0)
		reply_err(req, n);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

static void do_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fs_req who = req_of(req);
	_cleanup_free_ char *buf = malloc(size + 1);

	reply_value(req, size, buf,
		!buf ? -ENOMEM
		     : fs_of(req)->node->getxattr(
			       fs_of(req), &who, node_of(req, ino), name, buf, size));
}

static void do_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fs_req who = req_of(req);
	_cleanup_free_ char *buf = malloc(size + 1);

	reply_value(req, size, buf,
		!buf ? -ENOMEM
		     : fs_of(req)->node->listxattr(fs_of(req), &who, node_of(req, ino), buf, size));
}

static void do_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct fs_req who = req_of(req);

	reply_err(req, fs_of(req)->node->setxattr(
			       fs_of(req), &who, node_of(req, ino), name, value, size, flags));
}

static void do_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fs_req who = req_of(req);

	reply_err(req, fs_of(req)->node->removexattr(fs_of(req), &who, node_of(req, ino), name));
}

/* ---- files: fh is a descriptor ---- */

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct fs_req who = req_of(req);
	char path[FD_PATH_MAX];
	int r = fs->host_prepare(fs, &who, node_of(req, ino), fi->flags), fd;

	fd = r < 0 ? -1
		   : open(fd_path(path, fs->host_fd(fs, node_of(req, ino))),
			     flags_of(fi) | O_CLOEXEC);
	if (fd < 0) {
		reply_err(req, r < 0 ? r : -errno);
		return;
	}
	fi->fh = (uint64_t)fd;
	fuse_reply_open(req, fi);
}

static void do_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fs_req who = req_of(req);
	struct fuse_entry_param p;
	struct fs_handle h;
	struct fs_entry e;
	int r = fs_of(req)->file->create(
		fs_of(req), &who, node_of(req, parent), name, mode, flags_of(fi), &e, &h);

	if (r < 0) {
		reply_err(req, r);
		return;
	}
	fi->fh = h.fh;
	p = entry_of(&e);
	fuse_reply_create(req, &p, fi);
}

static void do_read(
	fuse_req_t req, UNUSED fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	_cleanup_free_ char *buf = malloc(size);
	ssize_t n = buf ? pread((int)fi->fh, buf, size, off) : -1;

	if (n < 0)
		reply_err(req, buf ? -errno : -ENOMEM);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

static void do_write(fuse_req_t req, UNUSED fuse_ino_t ino, const char *buf, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	ssize_t n = pwrite((int)fi->fh, buf, size, off);

	if (n < 0)
		reply_err(req, -errno);
	else
		fuse_reply_write(req, (size_t)n);
}

static void do_release(fuse_req_t req, UNUSED fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_err(req, close((int)fi->fh) < 0 ? errno : 0);
}

static void do_fsync(fuse_req_t req, UNUSED fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int r = datasync ? fdatasync((int)fi->fh) : fsync((int)fi->fh);

	fuse_reply_err(req, r < 0 ? errno : 0);
}

static void do_fallocate(fuse_req_t req, UNUSED fuse_ino_t ino, int mode, off_t off, off_t len,
	struct fuse_file_info *fi)
{
	fuse_reply_err(req, fallocate((int)fi->fh, mode, off, len) < 0 ? errno : 0);
}

static void do_lseek(
	fuse_req_t req, UNUSED fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	off_t at = lseek((int)fi->fh, off, whence);

	if (at < 0)
		reply_err(req, -errno);
	else
		fuse_reply_lseek(req, at);
}

/* ---- folders ---- */

static void do_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_req who = req_of(req);
	struct fs_handle h;
	int r = fs_of(req)->file->opendir(fs_of(req), &who, node_of(req, ino), &h);

	if (r < 0) {
		reply_err(req, r);
		return;
	}
	fi->fh = h.fh;
	fuse_reply_open(req, fi);
}

struct listing {
	fuse_req_t req;
	char *buf;
	size_t size, used;
};

static int add_name(void *arg, const struct fs_dirent *ent)
{
	const struct stat st = { .st_ino = ent->ino, .st_mode = DTTOIF(ent->type) };
	struct listing *l = arg;
	size_t n = fuse_add_direntry(
		l->req, l->buf + l->used, l->size - l->used, ent->name, &st, (off_t)ent->off);

	if (n > l->size - l->used)
		return 1;
	l->used += n;
	return 0;
}

static void do_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct listing l = { .req = req, .buf = malloc(size), .size = size };
	struct fs_handle h = handle_of(fi);
	struct fs_req who = req_of(req);
	int r = l.buf ? fs_of(req)->file->readdir(fs_of(req), &who, node_of(req, ino), &h,
				(uint64_t)off, add_name, &l)
		      : -ENOMEM;

	if (r < 0)
		reply_err(req, r);
	else
		fuse_reply_buf(req, l.buf, l.used);
	free(l.buf);
}

static void do_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_handle h = handle_of(fi);

	fs_of(req)->file->releasedir(fs_of(req), node_of(req, ino), &h);
	fuse_reply_err(req, 0);
}

static void do_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct fs_handle h = handle_of(fi);
	struct fs_req who = req_of(req);

	reply_err(
		req, fs_of(req)->file->fsyncdir(fs_of(req), &who, node_of(req, ino), &h, datasync));
}

const struct fuse_lowlevel_ops overlay_ops = {
	.lookup = do_lookup,
	.forget = do_forget,
	.getattr = do_getattr,
	.setattr = do_setattr,
	.readlink = do_readlink,
	.mknod = do_mknod,
	.mkdir = do_mkdir,
	.unlink = do_unlink,
	.rmdir = do_rmdir,
	.symlink = do_symlink,
	.rename = do_rename,
	.link = do_link,
	.open = do_open,
	.read = do_read,
	.write = do_write,
	.release = do_release,
	.fsync = do_fsync,
	.opendir = do_opendir,
	.readdir = do_readdir,
	.releasedir = do_releasedir,
	.fsyncdir = do_fsyncdir,
	.statfs = do_statfs,
	.setxattr = do_setxattr,
	.getxattr = do_getxattr,
	.listxattr = do_listxattr,
	.removexattr = do_removexattr,
	.create = do_create,
	.fallocate = do_fallocate,
	.lseek = do_lseek,
};
