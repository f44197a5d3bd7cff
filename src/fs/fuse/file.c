/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations on open files: opening, reading, writing, closing. */
#include "fs/fuse/conn.h"

#include <fcntl.h>
#include <string.h>

/* FOPEN_* and enum fs_open_flag have the same bits as far as we know them. */
#define OPEN_FLAGS_KNOWN 0x3fu

_Static_assert(FOPEN_DIRECT_IO == FS_OPEN_DIRECT_IO && FOPEN_KEEP_CACHE == FS_OPEN_KEEP_CACHE &&
		       FOPEN_NONSEEKABLE == FS_OPEN_NONSEEKABLE &&
		       FOPEN_CACHE_DIR == FS_OPEN_CACHE_DIR && FOPEN_STREAM == FS_OPEN_STREAM &&
		       FOPEN_NOFLUSH == FS_OPEN_NOFLUSH,
	"open flags differ from the wire's");

static void take_open(const struct fuse_open_out *o, int flags, struct fs_handle *ret)
{
	*ret = (struct fs_handle){
		.fh = o->fh, .flags = o->open_flags & OPEN_FLAGS_KNOWN, .oflags = flags
	};
}

/* What the kernel does not pass on; O_TRUNC, which is done by setattr; and O_APPEND: others write
 * by that handle as well, and all of them say where. */
#define NOT_SENT (O_NOCTTY | O_TRUNC | O_CLOEXEC | O_APPEND)

/* By the third access mode (O_ACCMODE, which asks for both permissions) nothing is read or written,
 * and servers do not know it; but others may use the handle, for both. */
static uint32_t sent_flags(int flags)
{
	if ((flags & O_ACCMODE) == O_ACCMODE)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	return (uint32_t)(flags & ~NOT_SENT);
}

static uint32_t wire_flags(int flags)
{
	return sent_flags(flags & ~(O_CREAT | O_EXCL));
}

static int call_open(struct fs *fs, const struct fs_req *req, unsigned opcode, uint64_t node,
	int flags, struct fs_handle *ret)
{
	struct fuse_open_in in = { .flags = wire_flags(flags) };
	struct fuse_open_out out;
	struct fuse_req r;
	int err;

	fuse_req_init(&r, opcode, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_call(fuse_conn_of(fs), &r, req);
	if (!err)
		take_open(&out, flags, ret);
	return err;
}

static int op_open(
	struct fs *fs, const struct fs_req *req, uint64_t node, int flags, struct fs_handle *ret)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	int err = -ENOSYS;

	if (!fuse_has_no(fc, FUSE_NO_OPEN))
		err = call_open(fs, req, FUSE_OPEN, node, flags, ret);
	if (err != -ENOSYS)
		return err;
	fuse_set_no(fc, FUSE_NO_OPEN);
	*ret = (struct fs_handle){ .flags = FS_OPEN_NONE | FS_OPEN_KEEP_CACHE, .oflags = flags };
	return 0;
}

int fuse_op_opendir(struct fs *fs, const struct fs_req *req, uint64_t node, struct fs_handle *ret)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	int flags = O_RDONLY | O_DIRECTORY, err = -ENOSYS;

	if (!fuse_has_no(fc, FUSE_NO_OPENDIR))
		err = call_open(fs, req, FUSE_OPENDIR, node, flags, ret);
	if (err != -ENOSYS)
		return err;
	fuse_set_no(fc, FUSE_NO_OPENDIR);
	*ret = (struct fs_handle){ .flags = FS_OPEN_NONE | FS_OPEN_KEEP_CACHE | FS_OPEN_CACHE_DIR,
		.oflags = flags };
	return 0;
}

struct create_out {
	struct fuse_entry_out e;
	struct fuse_open_out o;
};

/* CREATE and TMPFILE. An answer that is not sane leaves nothing open at the server. */
static int call_create(struct fs *fs, const struct fs_req *req, unsigned opcode, uint64_t parent,
	const char *name, mode_t mode, int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_create_in in = { .mode = mode, .umask = req->umask };
	struct create_out out;
	struct fuse_req r;
	int err;

	in.flags = sent_flags(flags);
	if (!(atomic_load(&fs->flags) & FS_DONT_MASK))
		in.mode &= ~req->umask;
	fuse_req_init(&r, opcode, parent, req);
	fuse_req_in(&r, &in, sizeof(in));
	fuse_req_name(&r, name);
	fuse_req_out(&r, &out, sizeof(out), sizeof(out));
	err = fuse_call(fc, &r, req);
	if (err)
		return err;
	err = fuse_take_entry(&out.e, S_IFREG, ret);
	if (err) {
		fuse_send_release(fc, FUSE_RELEASE, out.e.nodeid, out.o.fh, in.flags);
		return err;
	}
	take_open(&out.o, flags & ~(O_CREAT | O_EXCL), ret_h);
	return 0;
}

static int op_create(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (fuse_has_no(fc, FUSE_NO_CREATE))
		return -ENOSYS;
	err = call_create(fs, req, FUSE_CREATE, parent, name, S_IFREG | (mode & 07777),
		flags | O_CREAT, ret, ret_h);
	return fuse_unsupported(fc, FUSE_NO_CREATE, err, -ENOSYS);
}

static int op_tmpfile(struct fs *fs, const struct fs_req *req, uint64_t parent, mode_t mode,
	int flags, struct fs_entry *ret, struct fs_handle *ret_h)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (fc->minor < 37 || fuse_has_no(fc, FUSE_NO_TMPFILE))
		return -EOPNOTSUPP;
	err = call_create(
		fs, req, FUSE_TMPFILE, parent, "/", S_IFREG | (mode & 07777), flags, ret, ret_h);
	return fuse_unsupported(fc, FUSE_NO_TMPFILE, err, -EOPNOTSUPP);
}

static void release(struct fs *fs, unsigned opcode, uint64_t node, const struct fs_handle *h)
{
	struct fuse_release_in in = { .fh = h->fh, .flags = wire_flags(h->oflags) };
	struct fuse_req r;

	if (h->flags & FS_RELEASE_FLOCK) {
		in.release_flags = FUSE_RELEASE_FLOCK_UNLOCK;
		in.lock_owner = h->lock_owner;
	}
	if (h->flags & FS_OPEN_NONE) {
		if (h->flags & FS_RELEASE_WAIT)
			fuse_wait_releases(fuse_conn_of(fs), node);
		return;
	}
	if (!(h->flags & FS_RELEASE_WAIT)) {
		fuse_send_release(fuse_conn_of(fs), opcode, node, h->fh, in.flags);
		return;
	}
	fuse_req_init(&r, opcode, node, NULL);
	fuse_req_in(&r, &in, sizeof(in));
	/* an error of it is nobody's to know, as in the kernel */
	(void)!fuse_call(fuse_conn_of(fs), &r, NULL);
}

static void op_release(struct fs *fs, uint64_t node, const struct fs_handle *h)
{
	release(fs, FUSE_RELEASE, node, h);
}

void fuse_op_releasedir(struct fs *fs, uint64_t node, const struct fs_handle *h)
{
	release(fs, FUSE_RELEASEDIR, node, h);
}

static int op_flush(
	struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_flush_in in = { .fh = h->fh, .lock_owner = req->lock_owner };
	struct fuse_req r;

	if (fuse_has_no(fc, FUSE_NO_FLUSH) || (h->flags & FS_OPEN_NOFLUSH))
		return 0;
	fuse_req_init(&r, FUSE_FLUSH, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	return fuse_unsupported(fc, FUSE_NO_FLUSH, fuse_call(fc, &r, req), 0);
}

static int call_fsync(struct fs *fs, const struct fs_req *req, unsigned opcode, unsigned no,
	uint64_t node, const struct fs_handle *h, bool datasync)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_fsync_in in = { .fh = h->fh,
		.fsync_flags = datasync ? FUSE_FSYNC_FDATASYNC : 0 };
	struct fuse_req r;

	if (fuse_has_no(fc, no))
		return 0;
	fuse_req_init(&r, opcode, node, req);
	fuse_req_in(&r, &in, sizeof(in));
	return fuse_unsupported(fc, no, fuse_call(fc, &r, req), 0);
}

static int op_fsync(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, bool datasync)
{
	return call_fsync(fs, req, FUSE_FSYNC, FUSE_NO_FSYNC, node, h, datasync);
}

int fuse_op_fsyncdir(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, bool datasync)
{
	return call_fsync(fs, req, FUSE_FSYNCDIR, FUSE_NO_FSYNCDIR, node, h, datasync);
}

/* ---- data: pieces of one big read or write, several in flight ---- */

struct piece {
	struct fuse_req r;
	union {
		struct fuse_read_in read;
		struct fuse_write_in write;
	} in;
	struct fuse_write_out out;
	size_t len;
};

struct transfer {
	struct fuse_conn *fc;
	const struct fs_req *req;
	uint64_t node;
	const struct fs_handle *h;
	char *buf;
	uint64_t off;
	uint32_t max;
	bool write, writeback;
	/* read_pieces: buf is a ring of `slots` pieces, each given to fn. */
	unsigned slots;
	fs_piece_fn fn;
	void *arg;
};

static char *piece_buf(const struct transfer *t, unsigned slot, size_t at)
{
	return t->fn ? t->buf + (size_t)slot * t->max : t->buf + at;
}

static void piece_init(
	struct piece *p, const struct transfer *t, unsigned slot, size_t at, size_t len)
{
	p->len = len;
	fuse_req_init(&p->r, t->write ? FUSE_WRITE : FUSE_READ, t->node, t->req);
	if (t->write) {
		p->in.write = (struct fuse_write_in){ .fh = t->h->fh,
			.offset = t->off + at,
			.size = (uint32_t)len,
			.flags = wire_flags(t->h->oflags),
			.write_flags = t->writeback ? FUSE_WRITE_CACHE : 0 };
		fuse_req_in(&p->r, &p->in.write, sizeof(p->in.write));
		fuse_req_in(&p->r, t->buf + at, len);
		fuse_req_out(&p->r, &p->out, sizeof(p->out), sizeof(p->out));
	} else {
		p->in.read = (struct fuse_read_in){ .fh = t->h->fh,
			.offset = t->off + at,
			.size = (uint32_t)len,
			.flags = wire_flags(t->h->oflags) };
		fuse_req_in(&p->r, &p->in.read, sizeof(p->in.read));
		fuse_req_out(&p->r, piece_buf(t, slot, at), 0, len);
	}
}

/* Bytes moved by a piece that was sent, or -errno. */
static ssize_t piece_wait(struct piece *p, const struct transfer *t)
{
	int err = fuse_req_wait(t->fc, &p->r, t->req);

	if (err)
		return err;
	if (!t->write)
		return (ssize_t)p->r.out_len;
	return p->out.size <= p->len ? (ssize_t)p->out.size : -EIO;
}

/*
 * One after the other, a window of them in flight. What comes after a short piece or a failed one
 * does not count, but every piece sent is waited for. Bytes moved without a gap from the start,
 * or -errno when there are none.
 */
static ssize_t transfer(const struct transfer *t, size_t len)
{
	struct piece piece[FUSE_WINDOW];
	unsigned window = t->fn ? t->slots : FUSE_WINDOW, head = 0, tail = 0;
	size_t next = 0, done = 0;
	int err = 0, send_err = 0;
	bool ended = false;

	for (;;) {
		struct piece *p;
		ssize_t n;

		while (!ended && !send_err && next < len && head - tail < window) {
			size_t size = len - next < t->max ? len - next : t->max;

			p = &piece[head % window];
			piece_init(p, t, head % window, next, size);
			send_err = fuse_req_send(t->fc, &p->r, t->req);
			if (send_err)
				break;
			head++;
			next += size;
		}
		if (head == tail)
			break;
		p = &piece[tail % window];
		n = piece_wait(p, t);
		if (!ended && n > 0 && t->fn)
			err = t->fn(
				t->arg, piece_buf(t, tail % window, 0), (size_t)n, t->off + done);
		tail++;
		if (ended)
			continue;
		if (n < 0)
			err = (int)n;
		else if (!err)
			done += (size_t)n;
		ended = err || (size_t)n < p->len;
	}
	if (done)
		return (ssize_t)done;
	return err ? err : send_err;
}

static ssize_t op_read(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, void *buf, size_t len, uint64_t off)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct transfer t = { .fc = fc,
		.req = req,
		.node = node,
		.h = h,
		.buf = buf,
		.off = off,
		.max = fs->max_read };

	return transfer(&t, len);
}

static ssize_t op_read_pieces(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, void *buf, size_t size, size_t len, uint64_t off, fs_piece_fn fn,
	void *arg)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct transfer t = { .fc = fc,
		.req = req,
		.node = node,
		.h = h,
		.buf = buf,
		.off = off,
		.max = fs->max_read,
		.fn = fn,
		.arg = arg };

	t.slots = (unsigned)(size / t.max < FUSE_WINDOW ? size / t.max : FUSE_WINDOW);
	return t.slots ? transfer(&t, len) : -EINVAL;
}

/* No memory for so big a message, or none that the socket would ever take: smaller ones. */
static bool too_big(ssize_t err)
{
	return err == -EMSGSIZE || err == -ENOBUFS || err == -ENOMEM;
}

static ssize_t op_write(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, const void *buf, size_t len, uint64_t off, bool writeback)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct transfer t = { .fc = fc,
		.req = req,
		.node = node,
		.h = h,
		.buf = (char *)buf,
		.off = off,
		.write = true,
		.writeback = writeback };
	ssize_t n = fuse_wait_ready(fc, req, 0);

	if (n)
		return n;
	do {
		t.max = fs->max_write;
		n = transfer(&t, len);
		if (!too_big(n) || t.max <= 4096)
			break;
		fs->max_write = t.max / 2;
	} while (true);
	return n;
}

const struct fs_file_ops fuse_file_ops = {
	.size = sizeof(fuse_file_ops),
	.open = op_open,
	.create = op_create,
	.tmpfile = op_tmpfile,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.fsync = op_fsync,
	.release = op_release,
	.opendir = fuse_op_opendir,
	.readdir = fuse_op_readdir,
	.fsyncdir = fuse_op_fsyncdir,
	.releasedir = fuse_op_releasedir,
	.fallocate = fuse_op_fallocate,
	.lseek = fuse_op_lseek,
	.getlk = fuse_op_getlk,
	.setlk = fuse_op_setlk,
	.ioctl = fuse_op_ioctl,
	.poll = fuse_op_poll,
	.copy_range = fuse_op_copy_range,
	.bmap = fuse_op_bmap,
	.read_pieces = op_read_pieces,
};
