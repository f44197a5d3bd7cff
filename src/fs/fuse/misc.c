/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rarer operations on open files: space, holes, copies, locks, ioctl, poll. */
#include "fs/fuse/conn.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#define DEFAULT_BLKSIZE 512 /* the kernel's, of fuseblk */

#define COPY_MAX (UINT32_MAX & ~4095u) /* the answer has 32 bits */

int fuse_op_fallocate(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, int mode, uint64_t off, uint64_t len)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_fallocate_in in = {
		.fh = h->fh, .offset = off, .length = len, .mode = (uint32_t)mode
	};
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (fc->minor < 19 || fuse_has_no(fc, FUSE_NO_FALLOCATE))
		return -EOPNOTSUPP;
	fuse_req_init(&r, FUSE_FALLOCATE, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	return fuse_unsupported(fc, FUSE_NO_FALLOCATE, fuse_call(fc, &r, req), -EOPNOTSUPP);
}

off_t fuse_op_lseek(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, off_t off, int whence)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_lseek_in in = {
		.fh = h->fh, .offset = (uint64_t)off, .whence = (uint32_t)whence
	};
	struct fuse_lseek_out out;
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (fc->minor < 24 || fuse_has_no(fc, FUSE_NO_LSEEK))
		return -ENOSYS;
	fuse_req_init(&r, FUSE_LSEEK, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_unsupported(fc, FUSE_NO_LSEEK, fuse_call(fc, &r, req), -ENOSYS);
	if (err)
		return err;
	return out.offset <= INT64_MAX ? (off_t)out.offset : -EIO;
}

ssize_t fuse_op_copy_range(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, uint64_t off, uint64_t node_out, const struct fs_handle *h_out,
	uint64_t off_out, uint64_t len)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_copy_file_range_in in = { .fh_in = h->fh,
		.off_in = off,
		.nodeid_out = node_out,
		.fh_out = h_out->fh,
		.off_out = off_out,
		.len = len < COPY_MAX ? len : COPY_MAX };
	struct fuse_write_out out;
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (fc->minor < 28 || fuse_has_no(fc, FUSE_NO_COPY_RANGE))
		return -EOPNOTSUPP;
	fuse_req_init(&r, FUSE_COPY_FILE_RANGE, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_unsupported(fc, FUSE_NO_COPY_RANGE, fuse_call(fc, &r, req), -EOPNOTSUPP);
	if (err)
		return err;
	return out.size <= in.len ? (ssize_t)out.size : -EIO;
}

int fuse_op_bmap(
	struct fs *fs, const struct fs_req *req, uint64_t node, uint64_t block, uint64_t *ret)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_bmap_in in = { .block = block,
		.blocksize = fc->opt.blksize ? fc->opt.blksize : DEFAULT_BLKSIZE };
	struct fuse_bmap_out out;
	struct fuse_req r;
	int err;

	if (fuse_has_no(fc, FUSE_NO_BMAP))
		return -EINVAL;
	fuse_req_init(&r, FUSE_BMAP, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_unsupported(fc, FUSE_NO_BMAP, fuse_call(fc, &r, req), -EINVAL);
	if (!err)
		*ret = out.block;
	return err;
}

static void lock_in(struct fuse_lk_in *in, const struct fs_handle *h, const struct fs_lock *lock,
	uint64_t owner)
{
	*in = (struct fuse_lk_in){ .fh = h->fh,
		.owner = owner,
		.lk = { .start = lock->start,
			.end = lock->end > INT64_MAX ? INT64_MAX : lock->end,
			.type = (uint32_t)lock->type,
			.pid = lock->type == F_UNLCK ? 0 : (uint32_t)lock->pid },
		.lk_flags = lock->flock ? FUSE_LK_FLOCK : 0 };
}

/* ENOSYS: the kernel then keeps the lock itself, and so does the caller. */
int fuse_op_getlk(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	struct fs_lock *lock, uint64_t owner)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_lk_in in;
	struct fuse_lk_out out;
	struct fuse_req r;
	int err;

	if (fuse_has_no(fc, FUSE_NO_LOCK))
		return -ENOSYS;
	lock_in(&in, h, lock, owner);
	fuse_req_init(&r, FUSE_GETLK, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_unsupported(fc, FUSE_NO_LOCK, fuse_call(fc, &r, req), -ENOSYS);
	if (err)
		return err;
	if (out.lk.type != F_UNLCK &&
		((out.lk.type != F_RDLCK && out.lk.type != F_WRLCK) || out.lk.start > INT64_MAX ||
			out.lk.end < out.lk.start))
		return -EIO;
	lock->type = (int)out.lk.type;
	if (lock->type != F_UNLCK) {
		lock->start = out.lk.start;
		lock->end = out.lk.end >= INT64_MAX ? UINT64_MAX : out.lk.end;
		lock->pid = (pid_t)out.lk.pid;
	}
	return 0;
}

int fuse_op_setlk(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	const struct fs_lock *lock, uint64_t owner, bool wait)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_lk_in in;
	struct fuse_req r;

	if (fuse_has_no(fc, FUSE_NO_LOCK))
		return -ENOSYS;
	lock_in(&in, h, lock, owner);
	fuse_req_init(&r, wait && lock->type != F_UNLCK ? FUSE_SETLKW : FUSE_SETLK, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	return fuse_unsupported(fc, FUSE_NO_LOCK, fuse_call(fc, &r, req), -ENOSYS);
}

int fuse_op_ioctl(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	unsigned cmd, uint64_t arg, const void *in_buf, size_t in_len, void *out_buf,
	size_t *out_len, int *ret_result)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_ioctl_in in = { .fh = h->fh,
		.cmd = cmd,
		.arg = arg,
		.flags = h->oflags & O_DIRECTORY ? FUSE_IOCTL_DIR : 0,
		.in_size = (uint32_t)in_len,
		.out_size = (uint32_t)*out_len };
	struct fuse_ioctl_out out;
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (in_len > fc->max_data || *out_len > fc->max_data)
		return -EINVAL;
	/* A directory's ioctl without the flag would be taken for a file's. */
	if ((in.flags & FUSE_IOCTL_DIR) && fc->minor < 18)
		return -ENOTTY;
	fuse_req_init(&r, FUSE_IOCTL, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	if (in_len)
		fuse_req_in(&r, in_buf, in_len);
	fuse_req_out(&r, &out, sizeof(out), sizeof(out) + *out_len);
	r.out[0].iov_len = sizeof(out);
	r.out[1] = (struct iovec){ out_buf, *out_len };
	err = fuse_call(fc, &r, req);
	if (err)
		return err == -ENOSYS ? -ENOTTY : err;
	/* A retry with other buffers is for unrestricted servers, which a user's is not. */
	if (out.flags & FUSE_IOCTL_RETRY)
		return -EIO;
	*out_len = r.out_len - sizeof(out);
	*ret_result = out.result == -ENOSYS ? -ENOTTY : out.result;
	return 0;
}

/* kh, by which the server says later that the answer changed, is the node: of all who have it open.
 */
int fuse_op_poll(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	unsigned events, unsigned *ret_revents)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_poll_in in = {
		.fh = h->fh, .kh = node, .events = events, .flags = FUSE_POLL_SCHEDULE_NOTIFY
	};
	struct fuse_poll_out out;
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (fuse_has_no(fc, FUSE_NO_POLL))
		return -ENOSYS;
	fuse_req_init(&r, FUSE_POLL, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_unsupported(fc, FUSE_NO_POLL, fuse_call(fc, &r, req), -ENOSYS);
	if (!err)
		*ret_revents = out.revents;
	return err;
}
