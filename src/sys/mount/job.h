/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside um_mount(): a request on its way, and who does which step of it. */
#ifndef UM_SYS_MOUNT_JOB_H
#define UM_SYS_MOUNT_JOB_H

#include <string.h>

#include "sys/mount/calls.h"

/* Everything that one um_mount() works with. */
struct mount_job {
	struct um *um;
	struct call *c;
	const struct mount_request *rq;
	struct mount_options o;
	char *source; /* absolute where it is a file */
	char *shown;  /* what is said of it where it is not the source (disk.c), or NULL */
	struct image_file image;  /* the source opened; none: it is no file ("user@host:dir") */
	char *disks[MOUNT_DISKS]; /* mounts of ours that the source lies on, until the mount has
				     them */
	struct image_part part;	  /* of the image */
	char *type;
	struct server server;
	struct path where;
	struct mount_pending *p;
	char **ret_message;
};

/* Notes the message for who asked, the first that is said; returns err. */
int PRINTF(3, 4) mount_job_fail(struct mount_job *j, int err, const char *fmt, ...);
/* The path from the request's working directory; malloc'ed, NULL: no memory. */
char *mount_job_path(const struct mount_job *j, const char *path);

static inline bool mount_job_is_fuse(const struct mount_job *j)
{
	return j->type && strncmp(j->type, "fuse.", 5) == 0;
}

/* PATH_*: how the source is resolved. */
static inline unsigned mount_source_flags(const struct mount_job *j)
{
	return PATH_FOLLOW | (j->rq->from_host && !j->disks[0] ? PATH_HOST_ROOT : 0);
}

/* The type that was asked for, by an option or beside them; NULL: none. */
static inline const char *mount_job_type(const struct mount_job *j)
{
	return j->o.type ? j->o.type : j->rq->type;
}

/* The options that are not ours, without the comma they begin with. */
static inline const char *mount_job_options(const struct mount_job *j)
{
	return j->o.rest && j->o.rest[0] ? j->o.rest + 1 : "";
}

static inline const char *mount_job_source(const struct mount_job *j)
{
	return j->shown ? j->shown : j->source;
}

/* what.c: source, image, part and type; then the server for it, and its command line
 * (strv_free()). */
int MUST_CHECK mount_find_type(struct mount_job *j);
/* Opens a file of the view as the source, in j->source and j->image. */
int MUST_CHECK mount_open_source(struct mount_job *j);
int MUST_CHECK mount_find_server(struct mount_job *j);
int MUST_CHECK mount_server_argv(struct mount_job *j, char ***ret);

/* disk.c: images that are no plain file of a disk are made one by a server of their own, whose
 * mount ends with this one. */
/* Where the source is such a one: opens it. 1: a dry run, whose plan was said. */
int MUST_CHECK mount_open_disk(struct mount_job *j);
/* The same by a type of the table: of a disk at a URL, or "part", the part of the source that is
 * wanted. */
int MUST_CHECK mount_open_as(struct mount_job *j, const char *type);
/* diskrefs.c: refuses a disk that names other files, unless that was asked for. */
int MUST_CHECK mount_check_refs(struct mount_job *j);
/* Takes down what mount_open_*() put up. */
void mount_close_disks(struct um *um, char *disks[MOUNT_DISKS]);

/* fsck.c: is there an ext2, ext3 or ext4 that was not unmounted, or has errors? */
bool mount_is_unclean(struct mount_job *j);
/* Repairs the source where the option fsck asks for it and it is to be. */
int MUST_CHECK mount_fsck(struct mount_job *j);

/* start.c: starts the server and waits until it has mounted; j->p is then the mount's. */
int MUST_CHECK mount_start_server(struct mount_job *j);

/* kinds.c: requests that need no server. An image's root must cover a directory. */
int MUST_CHECK mount_check_target(struct mount_job *j);
int MUST_CHECK mount_run_bind(struct mount_job *j);
int MUST_CHECK mount_run_rule(struct mount_job *j);
int MUST_CHECK mount_run_make(struct mount_job *j);
int MUST_CHECK mount_run_memory(struct mount_job *j, const char *type);
int MUST_CHECK mount_run_overlay(struct mount_job *j); /* 1: it needs one after all, j's */

#endif
