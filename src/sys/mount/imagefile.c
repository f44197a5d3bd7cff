/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images on mounts of the view, which may be large and far away: libblkid looks at a sparse copy,
 * which has the beginning and the end, and the beginnings of those partitions that are asked for.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/mount/internal.h"

enum { LOOK = 1 << 20 }; /* bytes; where the superblocks that libblkid knows are */

void image_file_release(struct image_file *f)
{
	if (f->fd >= 0 && f->fd != f->file)
		close(f->fd);
	if (f->file >= 0)
		close(f->file);
	*f = (struct image_file)IMAGE_FILE_NONE;
}

static int copy(const struct image_file *f, uint64_t off)
{
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_free_ char *buf = malloc(LOOK);
	size_t done = 0;

	if (!buf)
		return -ENOMEM;
	while (done < LOOK) {
		ssize_t n = file_peek(f->um->files, f->file, &req, buf, LOOK - done, off + done);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		if (pwrite(f->fd, buf, (size_t)n, (off_t)(off + done)) != n)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

int image_file_want(const struct image_file *f, uint64_t off)
{
	return f->um && off ? copy(f, off) : 0;
}

int image_file_init(struct image_file *f, struct um *um, int fd, bool virtual)
{
	struct stat st;
	int r;

	*f = (struct image_file){ .fd = fd, .file = fd };
	if (!virtual)
		return 0;
	f->um = um;
	f->fd = memfd_create("umview-image", MFD_CLOEXEC);
	r = f->fd < 0 || fstat(fd, &st) < 0 || ftruncate(f->fd, st.st_size) < 0 ? -errno
										: copy(f, 0);
	if (r == 0 && st.st_size > LOOK)
		r = copy(f, (uint64_t)(st.st_size - LOOK > LOOK ? st.st_size - LOOK : LOOK));
	if (r < 0)
		image_file_release(f);
	return r;
}
