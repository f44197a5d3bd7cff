/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket of a view: RUNDIR/ctl, for processes of the same user, in the view or not.
 *
 * A connection sends requests and gets one answer each, in order; each is a JSON object on a line
 * of its own (at most CTL_LINE_MAX bytes). doc/internals.md lists them. A request is
 * {"do": NAME, ...}; an answer has "ok": true and what was asked for, or "ok": false, "error": a
 * line for the user, and "errno": the error's name.
 */
#ifndef UM_CTL_CTL_H
#define UM_CTL_CTL_H

#include "base/util.h"

#define CTL_LINE_MAX 65536

struct ctl;
struct um;
struct json_object;

/* Starts to listen at um->rundir. 0 or -errno. */
int MUST_CHECK ctl_start(struct um *um, struct ctl **ret);
/* Ends all connections, requests in hand first, and removes the socket. */
void ctl_stop(struct ctl *ctl);

/* ctl/ops.c: answers one request (borrowed): a new object, or NULL when out of memory. *ret_fd, if
 * it is set: a descriptor that goes with it. */
struct json_object *ctl_answer(struct um *um, struct json_object *request, int *ret_fd);

struct mount;
/* ctl/fsinfo.c: a JSON array, a mount each. target: canonical, that mount alone. -EINVAL: none is
 * there; -errno of a write-back. */
struct json_object *ctl_df(struct um *um);
int MUST_CHECK ctl_cache(struct um *um, const char *target, bool drop, struct json_object **ret);
/* ctl/fsstat.c: adds what is known of its server's requests to a JSON array. For view_each_mount.
 */
void ctl_add_mount_stat(struct mount *m, void *array);

/* A failure's answer: a new object. */
struct json_object *ctl_failure(int err, const char *fmt, ...) PRINTF(2, 3);

#endif
