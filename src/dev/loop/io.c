/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and writes of an open loop device: data from the backing file, offset from the guest's own
 * open file. */
#include <fcntl.h>

#include "dev/loop/internal.h"
#include "engine/guestmem.h"
#include "engine/nr.h"

#define CHUNK (256u << 10)

struct io {
	struct guest_io what;
	size_t total; /* of it, what there is on the device */
	uint64_t pos;
	int data; /* the backing file */
	uint64_t off, size;
	bool ro;
};

static void io_release(struct io *io)
{
	guest_io_release(&io->what);
	if (io->data >= 0)
		close(io->data);
}

static int io_init(struct io *io, struct vfile *vf, struct call *c, int fd)
{
	struct loopfile *lf = vf->priv;
	off_t pos;
	int r;

	*io = (struct io){ .data = -1 };
	r = guest_io_get(c, &io->what);
	if (r < 0)
		return r;
	pos = guest_io_at(&io->what, fd);
	if (pos < 0)
		return (int)pos;
	io->pos = (uint64_t)pos;
	io->data = loop_data(lf->um->loops, lf->n, &io->off, &io->size, &io->ro);
	if (io->data == -ENXIO) {
		io->size = 0; /* not bound: an empty device */
		io->data = -1;
	} else if (io->data < 0) {
		return io->data;
	}
	io->total = io->what.total;
	if (io->pos >= io->size)
		io->total = 0;
	else if (io->total > io->size - io->pos)
		io->total = (size_t)(io->size - io->pos);
	return 0;
}

/* Moves the bytes in pieces: how many, or -errno when none. */
static ssize_t io_move(struct call *c, struct io *io, bool write)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	size_t done = 0;
	ssize_t n = 0;

	if (!buf)
		return -ENOMEM;
	while (done < io->total) {
		size_t want = io->total - done < CHUNK ? io->total - done : CHUNK;
		off_t at = (off_t)(io->off + io->pos + done);

		if (write) {
			n = guest_gather(c, guest_io_vec(&io->what), io->what.n, done, buf, want);
			if (n > 0 && (n = pwrite(io->data, buf, (size_t)n, at)) < 0)
				n = -errno;
		} else {
			n = pread(io->data, buf, want, at);
			n = n < 0 ? -errno
				  : guest_scatter(c, guest_io_vec(&io->what), io->what.n, done, buf,
					    (size_t)n);
		}
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done ? (ssize_t)done : n;
}

static enum verdict loop_io(struct vfile *vf, struct call *c, int fd, bool write)
{
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE, r;
	struct io io;
	ssize_t n;

	if (mode == (write ? O_RDONLY : O_WRONLY))
		return call_return(c, -EBADF);
	r = io_init(&io, vf, c, fd);
	n = r;

	if (r == 0) {
		if (write && io.total == 0 && c->args[2] != 0)
			n = -ENOSPC;
		else if (write && io.ro)
			n = -EPERM;
		else
			n = io_move(c, &io, write);
	}
	n = guest_io_moved(&io.what, fd, (off_t)io.pos, n);
	io_release(&io);
	return call_return(c, n);
}

enum verdict loop_read(struct vfile *vf, struct call *c, int fd)
{
	return loop_io(vf, c, fd, false);
}

enum verdict loop_write(struct vfile *vf, struct call *c, int fd)
{
	return loop_io(vf, c, fd, true);
}

int loop_low(struct vfile *vf, int fd)
{
	struct loopfile *lf = vf->priv;
	_cleanup_fd_ int data = -1, again = -1;
	uint64_t off = 0, size = 0;
	char path[FD_PATH_MAX];
	bool ro = false;
	int fl = fcntl(fd, F_GETFL);
	off_t pos = lseek(fd, 0, SEEK_CUR);

	if (fl < 0 || pos < 0)
		return -errno;
	data = loop_data(lf->um->loops, lf->n, &off, &size, &ro);
	if (data < 0)
		return data;
	if (off != 0)
		return -EOPNOTSUPP; /* only a trapped descriptor can add the offset */
	again = open(fd_path(path, data), (fl & (O_ACCMODE | O_APPEND)) | O_CLOEXEC);
	if (again < 0 || lseek(again, pos, SEEK_SET) < 0)
		return -errno;
	return take_fd(&again);
}
