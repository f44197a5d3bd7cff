/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that are given up while the server may still be at work on them. */
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "fs/fuse/xfer.h"

/* A request whose caller is gone, kept for what its late answer would leave behind; and because the
 * server must not be told to forget a node that it is still at work on: libfuse aborts then. */
struct orphan {
	struct fuse_req r;
	struct {
		struct fuse_entry_out e;
		struct fuse_open_out o;
	} out;
	uint32_t flags;
	struct fuse_lk_in lk;
};

static void orphan_done(struct fuse_conn *fc, struct fuse_req *r);

/* The lock was had after all, by nobody. Takes o. */
static void orphan_unlock(struct fuse_conn *fc, struct orphan *o)
{
	uint64_t node = o->r.in.nodeid;

	o->lk.lk.type = F_UNLCK;
	fuse_req_init(&o->r, FUSE_SETLK, node, NULL);
	fuse_req_in(&o->r, &o->lk, sizeof(o->lk));
	o->r.done = orphan_done;
	if (fuse_req_post(fc, &o->r) == 0)
		return;
	log_warn("fuse: a lock stays at the server");
	free(o);
}

static void orphan_done(struct fuse_conn *fc, struct fuse_req *r)
{
	struct orphan *o = container_of_(r, struct orphan, r);
	struct fuse_open_out *open = (struct fuse_open_out *)&o->out;

	if (r->error == 0) {
		switch (r->in.opcode) {
		case FUSE_OPEN:
		case FUSE_OPENDIR:
			fuse_send_release(fc,
				r->in.opcode == FUSE_OPEN ? FUSE_RELEASE : FUSE_RELEASEDIR,
				r->in.nodeid, open->fh, o->flags);
			break;
		case FUSE_SETLKW:
			orphan_unlock(fc, o);
			return;
		case FUSE_CREATE:
		case FUSE_TMPFILE:
			fuse_send_release(fc, FUSE_RELEASE, o->out.e.nodeid, o->out.o.fh, o->flags);
			/* fall through */
		default:
			if (o->out.e.nodeid > FUSE_ROOT_ID)
				fuse_queue_forget(fc, o->out.e.nodeid, 1);
		}
	}
	free(o);
}

static struct orphan *orphan_new(const struct fuse_req *r)
{
	struct orphan *o = calloc(1, sizeof(*o));
	uint64_t node2;
	size_t size = 0;

	if (!o)
		return NULL;
	switch (r->in.opcode) {
	case FUSE_LINK:
		/* oldnodeid comes first */
		memcpy(&o->r.node2, r->iov[1].iov_base, sizeof(o->r.node2));
		/* fall through */
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
		size = sizeof(o->out.e);
		break;
	case FUSE_CREATE:
	case FUSE_TMPFILE:
		size = sizeof(o->out);
		/* the flags come first in what CREATE and OPEN send */
		memcpy(&o->flags, r->iov[1].iov_base, sizeof(o->flags));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		size = sizeof(o->out.o);
		memcpy(&o->flags, r->iov[1].iov_base, sizeof(o->flags));
		break;
	case FUSE_SETLKW:
		memcpy(&o->lk, r->iov[1].iov_base, sizeof(o->lk));
		break;
	case FUSE_RENAME:
	case FUSE_RENAME2:
		memcpy(&o->r.node2, r->iov[1].iov_base, sizeof(o->r.node2)); /* newdir */
		break;
	default:
		break; /* whatever it answers */
	}
	node2 = o->r.node2;
	fuse_req_init(&o->r, r->in.opcode, r->in.nodeid, NULL);
	fuse_req_out(&o->r, &o->out, size, size);
	o->r.node2 = node2;
	o->r.in.unique = r->in.unique;
	o->r.t_sent = r->t_sent;
	o->r.done = orphan_done;
	return o;
}

void fuse_req_abandon(struct fuse_conn *fc, struct fuse_req *r, int error, bool sent)
{
	struct orphan *o = sent ? orphan_new(r) : NULL;

	pthread_mutex_lock(&fc->lock);
	fuse_waiter_del(r);
	while (r->claimed) {
		r->waiting = true;
		cds_list_add(&r->wait_node, &fc->waiters);
		pthread_cond_wait(&r->cond, &fc->lock);
		fuse_waiter_del(r);
	}
	if (r->pending) {
		fuse_table_del(fc, r);
		if (o) {
			fuse_table_add(fc, &o->r);
			o = NULL;
		}
		fuse_req_finish(fc, r, error);
	}
	fuse_hand_over(fc);
	pthread_mutex_unlock(&fc->lock);
	free(o);
}
