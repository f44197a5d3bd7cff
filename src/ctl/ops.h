/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of requests share: an answer's object, NULL when out of memory. */
#ifndef UM_CTL_OPS_H
#define UM_CTL_OPS_H

struct json_object;
struct um;

/* A text of a request, or NULL. */
const char *ops_text(struct json_object *rq, const char *key);
/* {"ok": true} */
struct json_object *ops_success(void);

/* netops.c */
struct json_object *op_net_ls(struct um *um, struct json_object *rq);
struct json_object *op_net_add(struct um *um, struct json_object *rq);
struct json_object *op_net_rm(struct um *um, struct json_object *rq);
struct json_object *op_net_use(struct um *um, struct json_object *rq);
/* *ret_fd: where it succeeds, a packet socket on all interfaces, to be sent along. */
struct json_object *op_net_capture(struct um *um, struct json_object *rq, int *ret_fd);
/* A JSON array, a network each. */
struct json_object *ctl_networks(struct um *um);

#endif
