/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ioctls of loop devices (loop(4)) and of block devices in general. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "dev/loop/internal.h"
#include "engine/abi.h"

#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, uint64_t)
#endif

#define SETTABLE_FLAGS (LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN)
#define CONFIG_FLAGS (SETTABLE_FLAGS | LO_FLAGS_READ_ONLY | LO_FLAGS_DIRECT_IO)

static struct loopdev *device_of(struct loopfile *lf)
{
	return &lf->um->loops->dev[lf->n];
}

/* The backing file behind a guest's descriptor: ours, reopened where it is possible, so that its
 * offset is not shared; with its name in the view. */
static int take_backing(struct call *c, int guest_fd, char **ret_path, bool *ret_ro)
{
	int fd = guestfd_get(c, guest_fd), mode, r;
	struct stat st;

	if (fd < 0)
		return fd;
	mode = fcntl(fd, F_GETFL);
	if (fstat(fd, &st) < 0 || mode < 0 || (mode & O_PATH)) {
		close(fd);
		return -EBADF;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	r = path_of_fd(c, &c->um->view, c->tid, guest_fd, ret_path);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_ro = (mode & O_ACCMODE) == O_RDONLY;
	return fd;
}

struct binding {
	int guest_fd;
	uint32_t block_size;
	struct loop_info64 info;
};

static bool block_size_ok(uint32_t bs)
{
	return bs == 0 || (bs >= 512 && bs <= 4096 && (bs & (bs - 1)) == 0);
}

static int bind_device(struct call *c, struct loopfile *lf, const struct binding *b)
{
	struct loops *l = lf->um->loops;
	struct loopdev *d = device_of(lf);
	char *path = NULL;
	bool ro = false;
	int fd, r = 0;

	if (!block_size_ok(b->block_size))
		return -EINVAL;
	fd = take_backing(c, b->guest_fd, &path, &ro);
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&l->lock);
	if (d->bound) {
		r = -EBUSY;
	} else {
		d->bound = true;
		d->fd = fd;
		d->path = path;
		d->info = b->info;
		d->info.lo_flags &= CONFIG_FLAGS;
		d->read_only = ro || (b->info.lo_flags & LO_FLAGS_READ_ONLY);
		if (d->read_only)
			d->info.lo_flags |= LO_FLAGS_READ_ONLY;
		d->block_size = b->block_size ? b->block_size : 512;
		d->seq = ++l->seq;
	}
	pthread_mutex_unlock(&l->lock);
	if (r < 0) {
		close(fd);
		free(path);
	}
	return r;
}

static int configure(struct call *c, struct loopfile *lf)
{
	struct loop_config conf;
	struct binding b;
	int r = guest_read(c, call_addr(c, 2), &conf, sizeof(conf));

	if (r < 0)
		return r;
	b = (struct binding){
		.guest_fd = (int)conf.fd, .block_size = conf.block_size, .info = conf.info
	};
	return bind_device(c, lf, &b);
}

static int unbind(struct loopfile *lf)
{
	struct loopdev *d = device_of(lf);
	int r = 0;

	pthread_mutex_lock(&lf->um->loops->lock);
	if (!d->bound)
		r = -ENXIO;
	else if (d->opens > 1 || d->mounts)
		d->info.lo_flags |= LO_FLAGS_AUTOCLEAR; /* as the kernel: when it is free */
	else
		loop_clear(d);
	pthread_mutex_unlock(&lf->um->loops->lock);
	return r;
}

static int set_status(struct loopfile *lf, const struct loop_info64 *info)
{
	struct loopdev *d = device_of(lf);
	int r = 0;

	pthread_mutex_lock(&lf->um->loops->lock);
	if (!d->bound) {
		r = -ENXIO;
	} else {
		uint32_t flags = (d->info.lo_flags & ~(uint32_t)SETTABLE_FLAGS) |
				 (info->lo_flags & SETTABLE_FLAGS);

		d->info = *info;
		d->info.lo_flags = flags;
	}
	pthread_mutex_unlock(&lf->um->loops->lock);
	return r;
}

static int get_status(struct loopfile *lf, struct loop_info64 *ret)
{
	struct loopdev *d = device_of(lf);
	struct stat st;
	int r = -ENXIO;

	pthread_mutex_lock(&lf->um->loops->lock);
	if (d->bound && fstat(d->fd, &st) == 0) {
		*ret = d->info;
		ret->lo_number = (uint32_t)lf->n;
		ret->lo_device = st.st_dev;
		ret->lo_inode = st.st_ino;
		ret->lo_rdevice = st.st_rdev;
		r = 0;
	}
	pthread_mutex_unlock(&lf->um->loops->lock);
	return r;
}

static int set_status64(struct call *c, struct loopfile *lf)
{
	struct loop_info64 info;
	int r = guest_read(c, call_addr(c, 2), &info, sizeof(info));

	return r < 0 ? r : set_status(lf, &info);
}

static int get_status64(struct call *c, struct loopfile *lf)
{
	struct loop_info64 info;
	int r = get_status(lf, &info);

	return r < 0 ? r : guest_write(c, call_addr(c, 2), &info, sizeof(info));
}

/* The old struct, of programs before 2.6. */
static int set_status_old(struct call *c, struct loopfile *lf)
{
	struct loop_info old;
	struct loop_info64 info = { 0 };
	int r = loop_read_old(c, call_addr(c, 2), &old);

	if (r < 0)
		return r;
	info.lo_offset = (uint64_t)(unsigned)old.lo_offset;
	info.lo_flags = (uint32_t)old.lo_flags;
	memcpy(info.lo_file_name, old.lo_name, sizeof(info.lo_file_name));
	return set_status(lf, &info);
}

static int get_status_old(struct call *c, struct loopfile *lf)
{
	struct loop_info64 info;
	struct loop_info old = { 0 };
	int r = get_status(lf, &info);

	if (r < 0)
		return r;
	if (info.lo_offset > INT32_MAX)
		return -EOVERFLOW;
	old.lo_number = (int)info.lo_number;
	old.lo_device = (__kernel_old_dev_t)info.lo_device;
	old.lo_inode = info.lo_inode;
	old.lo_offset = (int)info.lo_offset;
	old.lo_flags = (int)info.lo_flags;
	memcpy(old.lo_name, info.lo_file_name, sizeof(old.lo_name));
	return loop_write_old(c, call_addr(c, 2), &old);
}

static int set_block_size(struct loopfile *lf, uint64_t bs)
{
	struct loopdev *d = device_of(lf);
	int r = 0;

	if (bs > UINT32_MAX || bs == 0 || !block_size_ok((uint32_t)bs))
		return -EINVAL;
	pthread_mutex_lock(&lf->um->loops->lock);
	if (d->bound)
		d->block_size = (uint32_t)bs;
	else
		r = -ENXIO;
	pthread_mutex_unlock(&lf->um->loops->lock);
	return r;
}

/* What all block devices answer. */
static int64_t block_ioctl(struct call *c, struct loopfile *lf)
{
	struct loops *l = lf->um->loops;
	struct loopdev *d = device_of(lf);
	uint64_t size, seq;
	uint32_t bs;
	bool ro;

	pthread_mutex_lock(&l->lock);
	size = loop_size(d);
	bs = d->block_size ? d->block_size : 512;
	ro = d->read_only;
	seq = d->seq;
	pthread_mutex_unlock(&l->lock);
	switch ((uint32_t)c->args[1]) {
	case BLKGETSIZE64:
		return guest_write(c, call_addr(c, 2), &size, sizeof(size));
	case BLKGETSIZE:
		if (size / 512 > INT32_MAX && call_is32(c))
			return -EFBIG;
		return abi_write_long(c, call_addr(c, 2), size / 512);
	case BLKGETDISKSEQ:
		return guest_write(c, call_addr(c, 2), &seq, sizeof(seq));
	case BLKSSZGET:
	case BLKPBSZGET:
	case BLKIOMIN: {
		int value = (int)bs;

		return guest_write(c, call_addr(c, 2), &value, sizeof(value));
	}
	case BLKBSZGET: {
		int value = 4096;

		return guest_write(c, call_addr(c, 2), &value, sizeof(value));
	}
	case BLKIOOPT:
	case BLKALIGNOFF: {
		int value = 0;

		return guest_write(c, call_addr(c, 2), &value, sizeof(value));
	}
	case BLKROGET: {
		int value = ro;

		return guest_write(c, call_addr(c, 2), &value, sizeof(value));
	}
	case BLKRAGET:
	case BLKFRAGET:
		return abi_write_long(c, call_addr(c, 2), 256);
	case BLKFLSBUF:
	case BLKRASET:
	case BLKFRASET:
	case BLKBSZSET:
		return 0;
	case BLKRRPART:
		return -EINVAL; /* it has no partitions */
	default:
		return -ENOTTY;
	}
}

enum verdict loop_ioctl(struct vfile *vf, struct call *c, UNUSED int fd)
{
	struct loopfile *lf = vf->priv;
	struct binding b = { .guest_fd = (int)c->args[2] };

	switch ((uint32_t)c->args[1]) {
	case LOOP_CONFIGURE:
		return call_return(c, configure(c, lf));
	case LOOP_SET_FD:
		return call_return(c, bind_device(c, lf, &b));
	case LOOP_CLR_FD:
		return call_return(c, unbind(lf));
	case LOOP_SET_STATUS64:
		return call_return(c, set_status64(c, lf));
	case LOOP_GET_STATUS64:
		return call_return(c, get_status64(c, lf));
	case LOOP_SET_STATUS:
		return call_return(c, set_status_old(c, lf));
	case LOOP_GET_STATUS:
		return call_return(c, get_status_old(c, lf));
	case LOOP_SET_BLOCK_SIZE:
		return call_return(c, set_block_size(lf, c->args[2]));
	case LOOP_SET_CAPACITY: /* it is asked for anew each time */
	case LOOP_SET_DIRECT_IO:
		return call_return(c, device_of(lf)->bound ? 0 : -ENXIO);
	case LOOP_CHANGE_FD:
		return call_return(c, -EINVAL);
	default:
		return call_return(c, block_ioctl(c, lf));
	}
}

/* Has the host bound a loop device of this number? Its mounts then stand in the view's tables too,
 * and programs would take one device for the other. */
static bool host_has(int n)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/block/loop%d/loop/backing_file", n);
	return access(path, F_OK) == 0;
}

static int ctl_get_free(struct loops *l)
{
	for (int i = 0; i < LOOP_MAX; i++) {
		if (!l->dev[i].bound && !host_has(i)) {
			l->dev[i].exists = true;
			return i;
		}
	}
	return -ENOSPC;
}

static int ctl_add(struct loops *l, int64_t n)
{
	if (n < 0)
		return ctl_get_free(l);
	if (n >= LOOP_MAX)
		return -ENOSPC;
	if (l->dev[n].exists)
		return -EEXIST;
	l->dev[n].exists = true;
	return (int)n;
}

static int ctl_remove(struct loops *l, int64_t n)
{
	if (n < 0 || n >= LOOP_MAX)
		return -EINVAL;
	if (!l->dev[n].exists)
		return -ENODEV;
	if (l->dev[n].bound || l->dev[n].opens)
		return -EBUSY;
	l->dev[n].exists = false;
	return (int)n;
}

enum verdict loop_ctl_ioctl(struct vfile *vf, struct call *c, UNUSED int fd)
{
	struct loops *l = ((struct loopfile *)vf->priv)->um->loops;
	int r;

	pthread_mutex_lock(&l->lock);
	switch ((uint32_t)c->args[1]) {
	case LOOP_CTL_GET_FREE:
		r = ctl_get_free(l);
		break;
	case LOOP_CTL_ADD:
		r = ctl_add(l, (int)c->args[2]);
		break;
	case LOOP_CTL_REMOVE:
		r = ctl_remove(l, (int)c->args[2]);
		break;
	default:
		r = -ENOSYS; /* as the driver has it */
	}
	pthread_mutex_unlock(&l->lock);
	return call_return(c, r);
}
