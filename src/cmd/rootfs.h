/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umview --rootfs oci:FILE: an image as the root, and what it says of how it is run. */
#ifndef UM_CMD_ROOTFS_H
#define UM_CMD_ROOTFS_H

#include <json-c/json.h>

#include "engine/engine.h"
#include "layer/store.h"
#include "sys/um.h"

struct rootfs {
	char *file;
	char *ref;	    /* which of the images in it, or NULL */
	char *cow;	    /* the layer for what is changed; NULL: a new one without a name */
	char *entrypoint;   /* instead of the image's; "": none; NULL: the image's */
	bool ro;	    /* nothing can be changed */
	struct layer layer; /* the image's */
	struct json_object *config; /* NULL: it has none */
	char **argv, **env;	    /* what is run; owned, their strings are not all */
	char **made;		    /* strings of env that were made */
	char *cwd;
};

/* Of "FILE[,OPTION...]"; argv: the user's command, or empty. 0, or -EINVAL after a message. */
int MUST_CHECK rootfs_parse(const char *spec, struct rootfs *ret);
/* Has the image kept as a layer, opens that, and reads its configuration. -errno after a message.
 */
int MUST_CHECK rootfs_fetch(struct rootfs *r);
/* /proc, /sys and the like are the host's, where the image has a place for them. */
int MUST_CHECK rootfs_basics(struct um *um);
/* r->argv, env and cwd, for the user's command (perhaps empty); *ret_ids as whom. */
int MUST_CHECK rootfs_command(
	struct rootfs *r, struct um *um, char *const *argv, struct spawn_ids *ret_ids);
void rootfs_release(struct rootfs *r);

#endif
