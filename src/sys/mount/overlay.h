/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts of type overlay: the options of overlayfs, and fs/overlay. */
#ifndef UM_SYS_MOUNT_OVERLAY_H
#define UM_SYS_MOUNT_OVERLAY_H

#include "fs/overlay/overlay.h"
#include "sys/um.h"

struct overlay_request {
	const char *source;  /* as mountinfo shows it */
	const char *options; /* "lowerdir=a:b,upperdir=c,workdir=d": names of real folders */
	const char *cwd;     /* where relative names begin; NULL: "/" */
	const struct path *where;
	unsigned long flags; /* MS_* */
	const char *layer;   /* the folder of src/layer that keeps upperdir, or NULL; */
	bool fresh;	     /* it was just made */
	bool dry_run;
};

/* *ret_message (malloc'ed) is for the user where it is set. -EINVAL: an option that is not known,
 * or one that is missing; -EBUSY, -errno. 1: a folder is on a mount of the view that is no folder
 * of the host, so the overlay needs a server (cmd/overlay.c), for which *ret_options is
 * (malloc'ed). */
int MUST_CHECK um_mount_overlay(struct um *um, struct call *c, const struct overlay_request *rq,
	char **ret_options, char **ret_message);

/* The same with the folders found already (cmd/cowmount.c). */
int MUST_CHECK um_attach_overlay(struct um *um, const struct overlay_layers *layers,
	const struct overlay_request *rq, char **ret_message, struct mount **ret);

#endif
