/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside um_mount(): a request on its way, and who does which step of it. */
#ifndef UM_SYS_MOUNTJOB_H
#define UM_SYS_MOUNTJOB_H

#include <string.h>

#include "sys/mountint.h"

/* Everything that one um_mount() works with. */
struct mount_job {
	struct um *um;
	struct call *c;
	const struct mount_request *rq;
	struct mount_options o;
	char *source;	   /* absolute where it is a file */
	int image;	   /* the source opened, or -1: it is no file ("user@host:dir") */
	struct image_part part; /* of the image */
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
	return PATH_FOLLOW | (j->rq->from_host ? PATH_HOST_ROOT : 0);
}

/* mountwhat.c: source, image, part and type; then the server for it, and its command line (strv_free()). */
int MUST_CHECK mount_find_type(struct mount_job *j);
int MUST_CHECK mount_find_server(struct mount_job *j);
int MUST_CHECK mount_server_argv(struct mount_job *j, char ***ret);

/* mountstart.c: starts the server and waits until it has mounted; j->p is then the mount's. */
int MUST_CHECK mount_start_server(struct mount_job *j);

/* mountkinds.c: requests that need no server. An image's root must cover a directory. */
int MUST_CHECK mount_check_target(struct mount_job *j);
int MUST_CHECK mount_run_bind(struct mount_job *j);
int MUST_CHECK mount_run_rule(struct mount_job *j);
int MUST_CHECK mount_run_make(struct mount_job *j);
int MUST_CHECK mount_run_memory(struct mount_job *j, const char *type);
int MUST_CHECK mount_run_overlay(struct mount_job *j);

#endif
