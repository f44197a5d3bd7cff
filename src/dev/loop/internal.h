/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the loop driver: devices (loop.c), their ioctls (ioctl.c), their data (io.c). */
#ifndef UM_DEV_LOOP_INTERNAL_H
#define UM_DEV_LOOP_INTERNAL_H

#include <linux/loop.h>
#include <pthread.h>

#include "dev/loop/loop.h"

#define LOOP_MAX 256   /* devices */
#define LOOP_INITIAL 8 /* those that are there before anybody asks */

struct loopdev {
	bool exists;
	bool bound;
	bool read_only;
	int fd;	    /* of the backing file; -1 */
	char *path; /* its name in the view */
	struct loop_info64 info;
	uint32_t block_size;
	unsigned opens, mounts;
	uint64_t seq; /* counts bindings */
};

struct loops {
	pthread_mutex_t lock; /* all devices; never held over guest memory or file I/O */
	uint64_t seq;
	struct loopdev dev[LOOP_MAX];
};

/* An open device of a guest. */
struct loopfile {
	struct um *um;
	int n;
};

/* Under the lock. */
void loop_clear(struct loopdev *d);
void loop_maybe_clear(struct loopdev *d);
/* Bytes that the device shows. */
uint64_t loop_size(const struct loopdev *d);
/* Another descriptor of a bound device's file, with its place in it: fd or -ENXIO. */
int loop_data(struct loops *l, int n, uint64_t *ret_off, uint64_t *ret_size, bool *ret_ro);

enum verdict loop_ioctl(struct vfile *vf, struct call *c, int fd);
enum verdict loop_ctl_ioctl(struct vfile *vf, struct call *c, int fd);
enum verdict loop_read(struct vfile *vf, struct call *c, int fd);
enum verdict loop_write(struct vfile *vf, struct call *c, int fd);
int loop_low(struct vfile *vf, int fd);

/* struct loop_info in the guest's layout (oldinfo.c). 0, -EFAULT, -ESRCH. */
int MUST_CHECK loop_read_old(struct call *c, gaddr_t from, struct loop_info *ret);
int MUST_CHECK loop_write_old(struct call *c, gaddr_t to, const struct loop_info *info);

#endif
