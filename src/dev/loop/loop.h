/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual loop devices, for the guests of a view with --root: mount(8) makes one whenever its
 * source is a regular file. Reads and writes of an open device go to the backing file; a mount of
 * it is served from that file.
 */
#ifndef UM_DEV_LOOP_LOOP_H
#define UM_DEV_LOOP_LOOP_H

#include "sys/um.h"

struct loops;

int MUST_CHECK loops_new(struct loops **ret);
void loops_free(struct loops *l);

/* N of "/dev/loopN" or "/dev/loop/N"; -1 for any other path. */
int loop_number(const char *path);
/* Is there such a device (bound or not)? Without --root: no. */
bool loop_exists(struct um *um, int n);

/* open(2) of a device, of /dev/loop-control: true and *ret is the verdict. Without --root: false.
 */
bool loop_open(struct call *c, int n, int flags, enum verdict *ret);
bool loop_ctl_open(struct call *c, int flags, enum verdict *ret);

/* /sys/block/loopN/REST of a bound device: the text's length; 0: a directory; -ENOENT. */
ssize_t MUST_CHECK loop_sys_read(struct um *um, int n, const char *rest, char *buf, size_t size);

/* What a mount of the device is served from. */
struct loop_source {
	char *path; /* of the backing file in the view, malloc'ed */
	int fd;	    /* of it, the caller's */
	uint64_t offset;
	bool read_only;
};
/* 0, and the device is in use until loop_unmounted(); -ENXIO: it is not bound, or there is none. */
int MUST_CHECK loop_mounting(struct um *um, int n, struct loop_source *ret);
void loop_unmounted(struct um *um, int n);

#endif
