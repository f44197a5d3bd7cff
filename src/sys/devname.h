/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device names that the view answers whatever the host has under them, even with nothing
 * mounted: /dev/fuse, /dev/loop-control, /dev/loopN. And files of /proc that tell of the view.
 */
#ifndef UM_SYS_DEVNAME_H
#define UM_SYS_DEVNAME_H

#include "sys/um.h"

/* Might these words of a guest name one of the claimed devices? Cheap: absolute names alone. */
bool devname_claims(const char *word);

/* open(2), with the guest's flags. */
enum verdict devname_open(struct call *c, const char *name, int flags);
/* What stat(2) says of it: 0; -ENOENT for a loop device that was not made. */
int MUST_CHECK devname_getattr(struct call *c, const char *name, struct fs_attr *ret);

/* What stands behind the names: set once by the drivers, which lie above this layer. NULL: not
 * claimed. They are asked by canonical name. */
struct devname_ops {
	const char *prefix; /* "/dev/fuse", "/dev/loop" */
	enum verdict (*open)(struct call *c, const char *name, int flags);
	/* NULL: a character device by the numbers below */
	int (*getattr)(struct call *c, const char *name, struct fs_attr *ret);
	unsigned major, minor;
};
void devname_register(const struct devname_ops *ops);

#endif
