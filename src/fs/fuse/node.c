/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations on names and nodes. */
#include "fs/fuse/conn.h"

#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#define FUSE_SUPER_MAGIC 0x65735546

static int take_attr_out(const struct fuse_attr_out *o, struct fs_attr *ret)
{
	int err = fuse_check_attr(&o->attr);

	if (!err)
		fuse_take_attr(&o->attr, o->attr_valid, o->attr_valid_nsec, ret);
	return err;
}

static int op_lookup(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	struct fs_entry *ret)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_entry_out out;
	struct fuse_req r;
	int err;

	fuse_req_init(&r, FUSE_LOOKUP, parent, req);
	fuse_req_name(&r, name);
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_call(fc, &r, req);
	if (err)
		return err;
	if (out.nodeid == 0) {
		struct fs_attr t;

		fuse_take_attr(&out.attr, out.entry_valid, out.entry_valid_nsec, &t);
		*ret = (struct fs_entry){ .entry_valid_ns = t.valid_ns };
		return 0;
	}
	return fuse_take_entry(&out, 0, ret);
}

static void op_forget(struct fs *fs, uint64_t node, uint64_t nlookup)
{
	if (node != FUSE_ROOT_ID)
		fuse_queue_forget(fuse_conn_of(fs), node, nlookup);
}

static int op_getattr(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, struct fs_attr *ret)
{
	struct fuse_getattr_in in = { 0 };
	struct fuse_attr_out out;
	struct fuse_req r;
	int err;

	if (h && !(h->flags & FS_OPEN_NONE)) {
		in.getattr_flags = FUSE_GETATTR_FH;
		in.fh = h->fh;
	}
	fuse_req_init(&r, FUSE_GETATTR, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_call(fuse_conn_of(fs), &r, req);
	return err ? err : take_attr_out(&out, ret);
}

static void setattr_times(const struct fs_setattr *set, struct fuse_setattr_in *in)
{
	if (set->set & (FS_SET_ATIME | FS_SET_ATIME_NOW)) {
		in->valid |= FATTR_ATIME;
		in->atime = (uint64_t)set->atime.tv_sec;
		in->atimensec = (uint32_t)set->atime.tv_nsec;
	}
	if (set->set & FS_SET_ATIME_NOW)
		in->valid |= FATTR_ATIME_NOW;
	if (set->set & (FS_SET_MTIME | FS_SET_MTIME_NOW)) {
		in->valid |= FATTR_MTIME;
		in->mtime = (uint64_t)set->mtime.tv_sec;
		in->mtimensec = (uint32_t)set->mtime.tv_nsec;
	}
	if (set->set & FS_SET_MTIME_NOW)
		in->valid |= FATTR_MTIME_NOW;
	if (set->set & FS_SET_CTIME) {
		in->valid |= FATTR_CTIME;
		in->ctime = (uint64_t)set->ctime.tv_sec;
		in->ctimensec = (uint32_t)set->ctime.tv_nsec;
	}
}

static int op_setattr(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, const struct fs_setattr *set, struct fs_attr *ret)
{
	struct fuse_setattr_in in = {
		.mode = set->mode, .uid = set->uid, .gid = set->gid, .size = set->size
	};
	struct fuse_attr_out out;
	struct fuse_req r;
	int err;

	if (set->set & FS_SET_MODE)
		in.valid |= FATTR_MODE;
	if (set->set & FS_SET_UID)
		in.valid |= FATTR_UID;
	if (set->set & FS_SET_GID)
		in.valid |= FATTR_GID;
	if (set->set & FS_SET_SIZE)
		in.valid |= FATTR_SIZE;
	setattr_times(set, &in);
	if (h && !(h->flags & FS_OPEN_NONE)) {
		in.valid |= FATTR_FH;
		in.fh = h->fh;
	}
	fuse_req_init(&r, FUSE_SETATTR, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_call(fuse_conn_of(fs), &r, req);
	return err ? err : take_attr_out(&out, ret);
}

static int op_readlink(struct fs *fs, const struct fs_req *req, uint64_t node, char *buf)
{
	struct fuse_req r;
	int err;

	fuse_req_init(&r, FUSE_READLINK, node, req);
	fuse_req_out(&r, buf, 0, PATH_MAX - 1);
	err = fuse_call(fuse_conn_of(fs), &r, req);
	if (err)
		return err;
	buf[r.out_len] = '\0';
	return memchr(buf, '\0', r.out_len) ? -EIO : 0;
}

/* A request that makes a name and is answered with its entry. type: what it must be. */
static int call_entry(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *req,
	mode_t type, struct fs_entry *ret)
{
	struct fuse_entry_out out;
	int err;

	fuse_req_out(r, &out, sizeof(out), sizeof(out));
	err = fuse_call(fc, r, req);
	return err ? err : fuse_take_entry(&out, type, ret);
}

static mode_t masked(struct fuse_conn *fc, const struct fs_req *req, mode_t mode)
{
	return atomic_load(&fc->fs.flags) & FS_DONT_MASK ? mode : mode & ~req->umask;
}

static int op_mknod(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, dev_t rdev, struct fs_entry *ret)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_mknod_in in = { .rdev = fuse_encode_dev(rdev), .umask = req->umask };
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	in.mode = masked(fc, req, mode);
	fuse_req_init(&r, FUSE_MKNOD, parent, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_name(&r, name);
	return call_entry(fc, &r, req, mode & S_IFMT ? mode & S_IFMT : S_IFREG, ret);
}

static int op_mkdir(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, struct fs_entry *ret)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_mkdir_in in = { .umask = req->umask };
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	in.mode = masked(fc, req, mode);
	fuse_req_init(&r, FUSE_MKDIR, parent, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_name(&r, name);
	return call_entry(fc, &r, req, S_IFDIR, ret);
}

static int op_symlink(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	const char *target, struct fs_entry *ret)
{
	struct fuse_req r;

	fuse_req_init(&r, FUSE_SYMLINK, parent, req);
	fuse_req_name(&r, name);
	fuse_req_name(&r, target);
	return call_entry(fuse_conn_of(fs), &r, req, S_IFLNK, ret);
}

static int op_link(struct fs *fs, const struct fs_req *req, uint64_t node, uint64_t parent,
	const char *name, struct fs_entry *ret)
{
	struct fuse_link_in in = { .oldnodeid = node };
	struct fuse_req r;

	fuse_req_init(&r, FUSE_LINK, parent, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_name(&r, name);
	return call_entry(fuse_conn_of(fs), &r, req, 0, ret);
}

static int remove_name(
	struct fs *fs, const struct fs_req *req, unsigned opcode, uint64_t parent, const char *name)
{
	struct fuse_req r;

	fuse_req_init(&r, opcode, parent, req);
	fuse_req_name(&r, name);
	return fuse_call(fuse_conn_of(fs), &r, req);
}

static int op_unlink(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name)
{
	return remove_name(fs, req, FUSE_UNLINK, parent, name);
}

static int op_rmdir(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name)
{
	return remove_name(fs, req, FUSE_RMDIR, parent, name);
}

static int op_rename(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	uint64_t newparent, const char *newname, unsigned flags)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_rename2_in in2 = { .newdir = newparent, .flags = flags };
	struct fuse_rename_in in = { .newdir = newparent };
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (flags && (fc->minor < 23 || fuse_has_no(fc, FUSE_NO_RENAME2)))
		return -EINVAL;
	fuse_req_init(&r, flags ? FUSE_RENAME2 : FUSE_RENAME, parent, req);
	if (flags)
		fuse_req_in(&r, &in2, sizeof(in2));
	else
		fuse_req_in(&r, &in, sizeof(in));
	fuse_req_name(&r, name);
	fuse_req_name(&r, newname);
	err = fuse_call(fc, &r, req);
	return flags ? fuse_unsupported(fc, FUSE_NO_RENAME2, err, -EINVAL) : err;
}

static int op_access(struct fs *fs, const struct fs_req *req, uint64_t node, int mask)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_access_in in = { .mask = (uint32_t)mask };
	struct fuse_req r;

	if (fuse_has_no(fc, FUSE_NO_ACCESS))
		return 0;
	fuse_req_init(&r, FUSE_ACCESS, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	return fuse_unsupported(fc, FUSE_NO_ACCESS, fuse_call(fc, &r, req), 0);
}

/* GETXATTR and LISTXATTR: the value, or with size 0 its length. */
static ssize_t get_xattr(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *req,
	struct fuse_getxattr_in *in, void *buf, size_t size)
{
	struct fuse_getxattr_out out;
	int err;

	/* The kernel asks for no more than a value can be. */
	if (size > XATTR_SIZE_MAX)
		size = XATTR_SIZE_MAX;
	in->size = (uint32_t)size;
	if (size)
		fuse_req_out(r, buf, 0, size);
	else
		fuse_req_out(r, &out, sizeof(out), sizeof(out));
	err = fuse_call(fc, r, req);
	if (err)
		return err;
	if (size)
		return (ssize_t)r->out_len;
	return out.size < XATTR_SIZE_MAX ? (ssize_t)out.size : XATTR_SIZE_MAX;
}

static ssize_t op_getxattr(struct fs *fs, const struct fs_req *req, uint64_t node, const char *name,
	void *buf, size_t size)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_getxattr_in in = { 0 };
	struct fuse_req r;
	ssize_t n;

	if (fuse_has_no(fc, FUSE_NO_GETXATTR))
		return -EOPNOTSUPP;
	fuse_req_init(&r, FUSE_GETXATTR, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_name(&r, name);
	n = get_xattr(fc, &r, req, &in, buf, size);
	return n < 0 ? fuse_unsupported(fc, FUSE_NO_GETXATTR, (int)n, -EOPNOTSUPP) : n;
}

/* A list is names, each with its NUL and none empty. */
static bool xattr_list_ok(const char *list, size_t len)
{
	while (len > 0) {
		size_t n = strnlen(list, len);

		if (n == 0 || n == len)
			return false;
		list += n + 1;
		len -= n + 1;
	}
	return true;
}

static ssize_t op_listxattr(
	struct fs *fs, const struct fs_req *req, uint64_t node, void *buf, size_t size)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_getxattr_in in = { 0 };
	struct fuse_req r;
	ssize_t n;

	if (fuse_has_no(fc, FUSE_NO_LISTXATTR))
		return -EOPNOTSUPP;
	fuse_req_init(&r, FUSE_LISTXATTR, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	n = get_xattr(fc, &r, req, &in, buf, size);
	if (n < 0)
		return fuse_unsupported(fc, FUSE_NO_LISTXATTR, (int)n, -EOPNOTSUPP);
	if (size && !xattr_list_ok(buf, (size_t)n))
		return -EIO;
	return n;
}

static int op_setxattr(struct fs *fs, const struct fs_req *req, uint64_t node, const char *name,
	const void *value, size_t size, int flags)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_setxattr_in in = {
		.size = (uint32_t)size,
		.flags = (uint32_t)flags & (XATTR_CREATE | XATTR_REPLACE),
		.setxattr_flags = flags & FS_XATTR_KILL_SGID ? FUSE_SETXATTR_ACL_KILL_SGID : 0,
	};
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (fuse_has_no(fc, FUSE_NO_SETXATTR))
		return -EOPNOTSUPP;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	fuse_req_init(&r, FUSE_SETXATTR, node, req);
	fuse_req_in(&r, &in, fc->setxattr_ext ? sizeof(in) : FUSE_COMPAT_SETXATTR_IN_SIZE);
	fuse_req_name(&r, name);
	fuse_req_in(&r, value, size);
	return fuse_unsupported(fc, FUSE_NO_SETXATTR, fuse_call(fc, &r, req), -EOPNOTSUPP);
}

static int op_removexattr(struct fs *fs, const struct fs_req *req, uint64_t node, const char *name)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_req r;

	if (fuse_has_no(fc, FUSE_NO_REMOVEXATTR))
		return -EOPNOTSUPP;
	fuse_req_init(&r, FUSE_REMOVEXATTR, node, req);
	fuse_req_name(&r, name);
	return fuse_unsupported(fc, FUSE_NO_REMOVEXATTR, fuse_call(fc, &r, req), -EOPNOTSUPP);
}

static int op_statfs(struct fs *fs, const struct fs_req *req, uint64_t node, struct statfs *ret)
{
	struct fuse_statfs_out out;
	struct fuse_req r;
	int err;

	fuse_req_init(&r, FUSE_STATFS, node, req);
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_call(fuse_conn_of(fs), &r, req);
	if (err)
		return err;
	*ret = (struct statfs){
		.f_type = FUSE_SUPER_MAGIC,
		.f_bsize = out.st.bsize,
		.f_frsize = out.st.frsize ? out.st.frsize : out.st.bsize,
		.f_blocks = out.st.blocks,
		.f_bfree = out.st.bfree,
		.f_bavail = out.st.bavail,
		.f_files = out.st.files,
		.f_ffree = out.st.ffree,
		.f_namelen = out.st.namelen,
	};
	return 0;
}

static int op_syncfs(struct fs *fs, const struct fs_req *req)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_syncfs_in in = { 0 };
	struct fuse_req r;

	/* Nothing can be dirty before the server has said anything. */
	if (atomic_load(&fc->state) == FUSE_STARTING)
		return 0;
	/* The kernel asks trusted servers alone (virtiofs): a user's would know no such request
	 * before 7.34, and may hang sync(2) for all others. Here it concerns the view alone. */
	if (fc->minor < 34 || fuse_has_no(fc, FUSE_NO_SYNCFS))
		return 0;
	fuse_req_init(&r, FUSE_SYNCFS, FUSE_ROOT_ID, req);
	fuse_req_in(&r, &in, sizeof(in));
	return fuse_unsupported(fc, FUSE_NO_SYNCFS, fuse_call(fc, &r, req), 0);
}

const struct fs_node_ops fuse_node_ops = {
	.size = sizeof(fuse_node_ops),
	.lookup = op_lookup,
	.forget = op_forget,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.link = op_link,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.access = op_access,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
	.statfs = op_statfs,
	.syncfs = op_syncfs,
};
