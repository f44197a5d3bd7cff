/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that have no answer yet, and the end of each: answered, given up, or with the
 * connection. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "fs/fuse/xfer.h"

void fuse_table_add(struct fuse_conn *fc, struct fuse_req *r)
{
	cds_hlist_add_head(&r->hash, &fc->pending[(r->in.unique >> 1) % FUSE_HASH]);
	r->pending = true;
	fc->npending++;
	fc->ndirect += fuse_req_direct(r);
	fc->nasync += r->done != NULL;
}

void fuse_table_del(struct fuse_conn *fc, struct fuse_req *r)
{
	cds_hlist_del(&r->hash);
	r->pending = false;
	fc->npending--;
	fc->ndirect -= fuse_req_direct(r);
	fc->nasync -= r->done != NULL;
}

struct fuse_req *fuse_table_find(struct fuse_conn *fc, uint64_t unique)
{
	struct fuse_req *r;

	cds_hlist_for_each_entry_2(r, &fc->pending[(unique >> 1) % FUSE_HASH], hash)
		if (r->in.unique == unique)
			return r;
	return NULL;
}

void fuse_waiter_del(struct fuse_req *r)
{
	if (r->waiting) {
		cds_list_del(&r->wait_node);
		r->waiting = false;
		pthread_cond_signal(&r->cond);
	}
}

/* Class 0 is below a microsecond; each octave has two. */
static unsigned time_class(uint64_t ns)
{
	uint64_t us = ns / 1000;
	unsigned octave = us ? 63 - (unsigned)__builtin_clzll(us) : 0, class;

	if (us < 2)
		return (unsigned)us;
	class = 2 * octave + (unsigned)((us >> (octave - 1)) & 1);
	return class < FUSE_HIST ? class : FUSE_HIST - 1;
}

uint64_t fuse_op_percentile(const struct fuse_op_stats *st, unsigned percent)
{
	uint64_t want = (st->count * percent + 99) / 100, seen = 0, ns;
	unsigned i = 0;

	for (; i < FUSE_HIST - 1; i++) {
		seen += st->hist[i];
		if (seen >= want && seen > 0)
			break;
	}
	/* the middle of the class */
	ns = i < 2 ? i * 1000 + 500 : (1000ull << (i / 2)) * (i % 2 ? 7 : 5) / 4;
	return ns < st->ns_max ? ns : st->ns_max;
}

void fuse_req_finish(struct fuse_conn *fc, struct fuse_req *r, int error)
{
	struct fuse_op_stats *st = &fc->stats.op[r->in.opcode % FUSE_NR_OPCODES];
	uint64_t ns = r->t_sent ? now_ns() - r->t_sent : 0;

	st->count++;
	st->hist[time_class(ns)]++;
	st->errors += error != 0;
	st->ns += ns;
	if (ns > st->ns_max)
		st->ns_max = ns;
	r->error = error;
	r->claimed = false;
	r->finished = true;
	fuse_waiter_del(r);
}

void fuse_hand_over(struct fuse_conn *fc)
{
	if (!fc->reading && !cds_list_empty(&fc->waiters)) {
		struct fuse_req *r = cds_list_first_entry(&fc->waiters, struct fuse_req, wait_node);

		fuse_waiter_del(r);
	}
}

void fuse_die(struct fuse_conn *fc, int error)
{
	void (*on_end)(void *arg, bool started);
	struct fuse_req *async = NULL;
	int was;

	pthread_mutex_lock(&fc->lock);
	was = atomic_load(&fc->state);
	if (was == FUSE_DEAD) {
		pthread_mutex_unlock(&fc->lock);
		return;
	}
	fc->dead_error = error;
	atomic_store(&fc->state, FUSE_DEAD);
	for (unsigned i = 0; i < FUSE_HASH; i++) {
		while (fc->pending[i].next) {
			struct fuse_req *r =
				cds_hlist_entry(fc->pending[i].next, struct fuse_req, hash);

			fuse_table_del(fc, r);
			fuse_req_finish(fc, r, error);
			if (r->done) {
				r->next = async;
				async = r;
			}
		}
	}
	pthread_cond_broadcast(&fc->state_cond);
	fuse_wake_keeper(fc);
	on_end = fc->on_end;
	fc->on_end = NULL;
	pthread_mutex_unlock(&fc->lock);
	if (on_end) {
		on_end(fc->on_end_arg, was != FUSE_NEW);
		/* The socket ends when the device lets go of it. Its number here stays taken, so
		 * that who still uses it meets nothing else. */
		syscall(SYS_dup3, fc->wake, fc->sock, O_CLOEXEC);
	} else {
		shutdown(fc->sock, SHUT_RDWR);
	}
	while (async) {
		struct fuse_req *r = async;

		async = r->next;
		r->done(fc, r);
	}
}
