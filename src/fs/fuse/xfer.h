/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the four files that move requests share: pending.c, reply.c, abandon.c, xfer.c. */
#ifndef UM_FS_FUSE_XFER_H
#define UM_FS_FUSE_XFER_H

#include "fs/fuse/conn.h"

/* ---- pending.c: the table of requests that have no answer yet; all under the connection's lock
 * ---- */

/* Do its answers go straight into place? */
static inline bool fuse_req_direct(const struct fuse_req *r)
{
	return r->out_max >= FUSE_DIRECT_MIN;
}

void fuse_table_add(struct fuse_conn *fc, struct fuse_req *r);
void fuse_table_del(struct fuse_conn *fc, struct fuse_req *r);
struct fuse_req *fuse_table_find(struct fuse_conn *fc, uint64_t unique);
/* Wakes who waits for r, if he sleeps. */
void fuse_waiter_del(struct fuse_req *r);
/* The end of a request that is out of the table: counts it and wakes who waits. */
void fuse_req_finish(struct fuse_conn *fc, struct fuse_req *r, int error);

/* ---- abandon.c ---- */

/* Nobody waits for r any more: it is finished with error, unless its answer came just now. sent:
 * the server may have it, so its late answer is seen to. */
void fuse_req_abandon(struct fuse_conn *fc, struct fuse_req *r, int error, bool sent);

#endif
