/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A device is a row of a table. What a guest has open of it is an empty memfd
 * as long as the device, in the numbers where every call is trapped: reads and writes take their
 * offset from it and their data from the backing file. A copy at a low number (dd's standard input)
 * is the backing file itself.
 */
#include "dev/loop/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int loops_new(struct loops **ret)
{
	struct loops *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	for (int i = 0; i < LOOP_MAX; i++) {
		l->dev[i].fd = -1;
		l->dev[i].exists = i < LOOP_INITIAL;
	}
	*ret = l;
	return 0;
}

void loops_free(struct loops *l)
{
	if (!l)
		return;
	for (int i = 0; i < LOOP_MAX; i++)
		loop_clear(&l->dev[i]);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int loop_number(const char *path)
{
	char *end;
	long n;

	if (strncmp(path, "/dev/loop", 9) != 0)
		return -1;
	path += 9;
	path += *path == '/';
	if (*path < '0' || *path > '9')
		return -1;
	n = strtol(path, &end, 10);
	return *end || n >= LOOP_MAX ? -1 : (int)n;
}

bool loop_exists(struct um *um, int n)
{
	bool exists;

	if (!um->loops || n < 0 || n >= LOOP_MAX)
		return false;
	pthread_mutex_lock(&um->loops->lock);
	exists = um->loops->dev[n].exists;
	pthread_mutex_unlock(&um->loops->lock);
	return exists;
}

void loop_clear(struct loopdev *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
	d->fd = -1;
	d->path = NULL;
	d->bound = d->read_only = false;
	d->block_size = 0;
	memset(&d->info, 0, sizeof(d->info));
}

void loop_maybe_clear(struct loopdev *d)
{
	if (d->bound && (d->info.lo_flags & LO_FLAGS_AUTOCLEAR) && d->opens == 0 && d->mounts == 0)
		loop_clear(d);
}

uint64_t loop_size(const struct loopdev *d)
{
	struct stat st;
	uint64_t size;

	if (!d->bound || fstat(d->fd, &st) < 0 || (uint64_t)st.st_size < d->info.lo_offset)
		return 0;
	size = (uint64_t)st.st_size - d->info.lo_offset;
	if (d->info.lo_sizelimit && d->info.lo_sizelimit < size)
		size = d->info.lo_sizelimit;
	return size & ~511ull;
}

int loop_data(struct loops *l, int n, uint64_t *ret_off, uint64_t *ret_size, bool *ret_ro)
{
	struct loopdev *d = &l->dev[n];
	int fd = -ENXIO;

	pthread_mutex_lock(&l->lock);
	if (d->bound) {
		fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 3);
		fd = fd < 0 ? -errno : fd;
		*ret_off = d->info.lo_offset;
		*ret_size = loop_size(d);
		*ret_ro = d->read_only;
	}
	pthread_mutex_unlock(&l->lock);
	return fd;
}

static int loop_getattr(struct vfile *vf, struct fs_attr *ret)
{
	struct loopfile *lf = vf->priv;

	*ret = (struct fs_attr){
		.ino = 0x700 + (uint64_t)lf->n,
		.mode = S_IFBLK | 0660,
		.nlink = 1,
		.gid = 6,
		.rdev = makedev(7, (unsigned)lf->n),
		.blksize = 4096,
	};
	clock_gettime(CLOCK_REALTIME, &ret->mtime);
	ret->atime = ret->ctime = ret->mtime;
	return 0;
}

static int loop_ctl_getattr(UNUSED struct vfile *vf, struct fs_attr *ret)
{
	*ret = (struct fs_attr){ .ino = 0x6ff,
		.mode = S_IFCHR | 0660,
		.nlink = 1,
		.gid = 6,
		.rdev = makedev(10, 237),
		.blksize = 4096 };
	return 0;
}

static void loop_last_close(struct vfile *vf)
{
	struct loopfile *lf = vf->priv;
	struct loopdev *d = &lf->um->loops->dev[lf->n];

	pthread_mutex_lock(&lf->um->loops->lock);
	d->opens--;
	loop_maybe_clear(d);
	pthread_mutex_unlock(&lf->um->loops->lock);
	free(lf);
}

static void loop_ctl_last_close(struct vfile *vf)
{
	free(vf->priv);
}

static const struct vfile_ops loop_ops = {
	.size = sizeof(loop_ops),
	.ioctl = loop_ioctl,
	.read = loop_read,
	.write = loop_write,
	.getattr = loop_getattr,
	.low = loop_low,
	.last_close = loop_last_close,
	.path = "/dev/loop",
};

static const struct vfile_ops loop_ctl_ops = {
	.size = sizeof(loop_ctl_ops),
	.ioctl = loop_ctl_ioctl,
	.getattr = loop_ctl_getattr,
	.last_close = loop_ctl_last_close,
	.path = "/dev/loop-control",
};

/* Hands the guest an open file that stands for a device. lf is taken; when it fails before there
 * is a virtual file, nobody else will undo what was counted: *ret_made tells. */
static enum verdict answer_device(struct call *c, const struct vfile_ops *ops, struct loopfile *lf,
	uint64_t size, int flags, bool *ret_made)
{
	_cleanup_fd_ int mem = memfd_create("umview-loop", MFD_CLOEXEC);
	_cleanup_vfile_ struct vfile *vf = NULL;
	char path[FD_PATH_MAX];
	int fd, r;

	*ret_made = false;
	if (mem < 0 || ftruncate(mem, (off_t)size) < 0) {
		r = -errno;
		free(lf);
		return call_return(c, r);
	}
	fd = open(fd_path(path, mem), (flags & (O_ACCMODE | O_APPEND)) | O_CLOEXEC);
	r = fd < 0 ? -errno : vfile_new_device(c->um->files, fd, ops, lf, &vf);
	if (r < 0) {
		free(lf);
		return call_return(c, r);
	}
	*ret_made = true;
	return guestfd_answer(c, vf->place, flags & O_CLOEXEC, ZONE_HOT);
}

static struct loopfile *loopfile_new(struct um *um, int n)
{
	struct loopfile *lf = malloc(sizeof(*lf));

	if (lf)
		*lf = (struct loopfile){ .um = um, .n = n };
	return lf;
}

bool loop_open(struct call *c, int n, int flags, enum verdict *ret)
{
	struct loops *l = c->um->loops;
	struct loopfile *lf;
	struct loopdev *d;
	uint64_t size;
	bool made;

	if (!l || (flags & O_PATH))
		return false;
	if (!loop_exists(c->um, n)) {
		*ret = call_return(c, -ENOENT);
		return true;
	}
	lf = loopfile_new(c->um, n);
	if (!lf) {
		*ret = call_return(c, -ENOMEM);
		return true;
	}
	d = &l->dev[n];
	pthread_mutex_lock(&l->lock);
	if (d->bound && d->read_only && (flags & O_ACCMODE) != O_RDONLY) {
		pthread_mutex_unlock(&l->lock);
		free(lf);
		*ret = call_return(c, -EROFS);
		return true;
	}
	if ((flags & O_EXCL) && d->mounts) {
		pthread_mutex_unlock(&l->lock);
		free(lf);
		*ret = call_return(c, -EBUSY);
		return true;
	}
	size = loop_size(d);
	d->opens++;
	pthread_mutex_unlock(&l->lock);
	*ret = answer_device(c, &loop_ops, lf, size, flags, &made);
	if (!made) {
		pthread_mutex_lock(&l->lock);
		d->opens--;
		loop_maybe_clear(d);
		pthread_mutex_unlock(&l->lock);
	}
	return true;
}

bool loop_ctl_open(struct call *c, int flags, enum verdict *ret)
{
	struct loopfile *lf;
	bool made;

	if (!c->um->loops || (flags & O_PATH))
		return false;
	lf = loopfile_new(c->um, -1);
	*ret = lf ? answer_device(c, &loop_ctl_ops, lf, 0, flags, &made) : call_return(c, -ENOMEM);
	return true;
}

static ssize_t sys_text(const struct loopdev *d, int n, const char *rest, char *buf, size_t size)
{
	if (strcmp(rest, "") == 0 || strcmp(rest, "loop") == 0)
		return 0;
	if (strcmp(rest, "loop/backing_file") == 0)
		return snprintf(buf, size, "%s\n", d->path);
	if (strcmp(rest, "loop/offset") == 0)
		return snprintf(buf, size, "%llu\n", (unsigned long long)d->info.lo_offset);
	if (strcmp(rest, "loop/sizelimit") == 0)
		return snprintf(buf, size, "%llu\n", (unsigned long long)d->info.lo_sizelimit);
	if (strcmp(rest, "loop/autoclear") == 0)
		return snprintf(buf, size, "%d\n", (d->info.lo_flags & LO_FLAGS_AUTOCLEAR) != 0);
	if (strcmp(rest, "loop/partscan") == 0 || strcmp(rest, "loop/dio") == 0)
		return snprintf(buf, size, "0\n");
	if (strcmp(rest, "dev") == 0)
		return snprintf(buf, size, "7:%d\n", n);
	if (strcmp(rest, "ro") == 0)
		return snprintf(buf, size, "%d\n", d->read_only);
	if (strcmp(rest, "size") == 0)
		return snprintf(buf, size, "%llu\n", (unsigned long long)loop_size(d) / 512);
	if (strcmp(rest, "queue/logical_block_size") == 0)
		return snprintf(buf, size, "%u\n", d->block_size);
	return -ENOENT;
}

ssize_t loop_sys_read(struct um *um, int n, const char *rest, char *buf, size_t size)
{
	struct loopdev *d;
	ssize_t r = -ENOENT;

	if (!um->loops || n < 0 || n >= LOOP_MAX)
		return -ENOENT;
	d = &um->loops->dev[n];
	pthread_mutex_lock(&um->loops->lock);
	if (d->bound)
		r = sys_text(d, n, rest, buf, size);
	pthread_mutex_unlock(&um->loops->lock);
	return r >= (ssize_t)size ? -ENOENT : r;
}

int loop_mounting(struct um *um, int n, struct loop_source *ret)
{
	struct loopdev *d;
	int r = -ENXIO;

	if (!um->loops || n < 0 || n >= LOOP_MAX)
		return -ENXIO;
	d = &um->loops->dev[n];
	pthread_mutex_lock(&um->loops->lock);
	if (d->bound) {
		ret->path = strdup(d->path);
		ret->fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 3);
		ret->offset = d->info.lo_offset;
		ret->read_only = d->read_only;
		r = ret->path && ret->fd >= 0 ? 0 : -ENOMEM;
		if (r == 0)
			d->mounts++;
	}
	pthread_mutex_unlock(&um->loops->lock);
	if (r == -ENOMEM) {
		free(ret->path);
		if (ret->fd >= 0)
			close(ret->fd);
	}
	return r;
}

void loop_unmounted(struct um *um, int n)
{
	struct loopdev *d = &um->loops->dev[n];

	pthread_mutex_lock(&um->loops->lock);
	d->mounts--;
	loop_maybe_clear(d);
	pthread_mutex_unlock(&um->loops->lock);
}
