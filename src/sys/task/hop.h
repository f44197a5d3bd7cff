/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A path by which a guest's own call reaches something that no path of its leads to: an open file
 * of ours, or a real file under another name. For exec, chdir, chroot.
 */
#ifndef UM_SYS_TASK_HOP_H
#define UM_SYS_TASK_HOP_H

#include "sys/um.h"

struct hop {
	char path[2 * PATH_MAX]; /* what the guest is to say */
	char link[PATH_MAX];	 /* a symbolic link of ours to remove, or "" */
	char dir[PATH_MAX];	 /* and the directory made for it, or "" */
	int guest_fd;		 /* the guest was given this descriptor, 0: none */
	unsigned nslow;		 /* links on the long way, in dir, */
	char end[PATH_MAX];	 /* and where it ends */
};

/* May the guest open /proc/OURSELVES/fd/N: same ids and user namespace, and not more capabilities
 * than its own? */
bool hop_guest_reaches_us(struct call *c);

/* For a guest in a tree of its own, where no path of ours leads anywhere: it is given the
 * descriptor, h->guest_fd, and calls fchdir(2) or execveat(2). 0 or -errno. */
int MUST_CHECK hop_give(struct call *c, int fd, struct hop *h);

/*
 * Makes a way to our descriptor fd, or with fd < 0 to the real path `real`. With a name the last
 * component is that, and the path has at least len bytes (slashes fill it up, if len is sane).
 * 0 or -errno; *h is filled, and to be released after the call.
 */
int MUST_CHECK hop_make(
	struct call *c, int fd, const char *real, const char *name, size_t len, struct hop *h);
#define HOP_SHORTEST (sizeof("/tmp/x") - 1)

/* For inject_in_place(): a path of at most `room` bytes (and of `len`, filled up with slashes, if
 * that is possible), with that name if it fits. -ENAMETOOLONG. */
int MUST_CHECK hop_make_short(struct call *c, int fd, const char *real, const char *name,
	size_t len, size_t room, struct hop *h);
/* The same for a call that the guest comes back from: the kernel is on its way for long, and the
 * first link that it follows, h->link, has an access time other than 1 s from then on. */
int MUST_CHECK hop_make_slow(struct call *c, int fd, const char *real, size_t room, struct hop *h);
/* The rest of that way is not needed any more (struct hop *). */
void hop_shorten(void *hop);
void hop_release(struct hop *h);
#define _cleanup_hop_ _cleanup_(hop_release)

/* A real path for a resolved PATH_REAL: its name where that leads to it, else by our descriptor. */
int MUST_CHECK hop_real_path(const struct path *p, char *buf, size_t size);

#endif
