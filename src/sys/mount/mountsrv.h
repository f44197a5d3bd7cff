/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounting: the one function in which -m, umctl mount, mount(2) and fsmount(2) end. It finds out
 * what the source is, locks an image, starts the server inside the view and waits until the server
 * has answered INIT, which alone is what "mounted" means.
 */
#ifndef UM_SYS_MOUNT_MOUNTSRV_H
#define UM_SYS_MOUNT_MOUNTSRV_H

#include <stdio.h>

#include "sys/um.h"

struct mountsrv; /* um->mountsrv: pending requests, service mounts, ended servers */
struct fuse_conn;
struct image_part;

/* What somebody wants mounted. Strings are borrowed. */
struct mount_request {
	const char *source;  /* an image, "NAME#source", a loop device ... */
	const char *target;  /* mount point; relative to cwd, NULL: absolute only */
	const char *type;    /* NULL or "auto": found by libblkid */
	const char *options; /* "ro,noatime,server=CMD,...", may be NULL */
	unsigned long flags; /* MS_*: or-ed with those that the options name */
	const char *cwd;     /* what a relative source or target is relative to, may be NULL */
	bool from_host; /* the source is meant from the host's root, whatever is mounted on that */
	const struct image_part *disk; /* of disk.c: which part of the source; else NULL */
	const char *layer;	       /* of an overlay: as overlay_request has it, */
	bool fresh;		       /* and this */
	bool told;		       /* um->settings has it: it has no line of its own */
	bool dry_run;		       /* say in *ret_message what would be done, do nothing */
};

int MUST_CHECK mountsrv_new(struct um *um, struct mountsrv **ret);
void mountsrv_free(struct mountsrv *ms);

/*
 * Mounts, on behalf of a guest (c) or of the supervisor (c == NULL). 0; or -errno with *ret_message
 * (malloc'ed, may be NULL when out of memory) one line for the user: what failed, on what, and what
 * to do. -EBUSY locked, -ENODEV no such type or server, -EINVAL not a file system, -ENOENT ...
 */
int MUST_CHECK um_mount(
	struct um *um, struct call *c, const struct mount_request *rq, char **ret_message);

/* umount2(2) on behalf of a guest or of the supervisor: canonical target. 0, -EINVAL not a mount
 * point of the view, -EBUSY, or what writing back failed with. */
int MUST_CHECK um_umount(struct um *um, struct call *c, const char *target, int flags);

/* The mounts of a mount namespace that has ended (view/space.h), as umount -l. */
void um_umount_space(struct um *um, ino_t ns);

/* The end of the view: unmounts all, newest first, waits for the servers at most until
 * deadline_ns (monotonic). progress is told each mount before it is waited for. False: something
 * that was written is lost, now or after umount -l; the user was told. */
bool MUST_CHECK um_umount_all(struct um *um, uint64_t deadline_ns,
	void (*progress)(void *arg, struct mount *m), void *arg);
/* A number that changes while the mount's server does anything: answers, runs, writes, or waits for
 * a disk. */
uint64_t um_mount_work(struct mount *m);
/* Kills the server, and fails what is asked of it. */
void um_mount_give_up(struct mount *m);

/* Splits "SOURCE:TARGET[,OPTIONS]" of -m: a colon in SOURCE is taken as part of it when it belongs
 * to host:dir (the last colon before the first '/'-starting or relative TARGET wins); "\:" "\," and
 * "\\" stand for themselves. Strings malloc'ed. -EINVAL, -ENOMEM. */
int MUST_CHECK mount_spec_parse(
	const char *spec, char **ret_source, char **ret_target, char **ret_options);
/* An option, or a part of one, behind what comes before it. libfuse, too, takes "\," as a comma of
 * an option's own. */
void mount_put_option(FILE *out, const char *before, const char *opt);

/* For mount(2): the request whose server was told this mount point, claimed; or NULL. The mount
 * goes to the request's own place, with its source, type, options and flags. */
struct mount_pending;
struct mount_pending *mountsrv_pending_get(struct mountsrv *ms, const char *mountpoint);
void mountsrv_pending_done(struct mount_pending *p, struct mount *m, int error);

/* Has any mount of the view ended yet? */
bool mountsrv_any_ended(struct mountsrv *ms);
/* Is this the late umount2 of a server whose mount is gone already? m is what lies there now, or
 * NULL. A server may have become a daemon since it mounted: another process, but older than m. */
bool mountsrv_is_late(struct mountsrv *ms, const char *target, pid_t tgid, const struct mount *m);

#endif
