/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper: a connection's own thread.
 *
 * Theory of operation. It does what no caller waits for: it reads the socket while nobody else
 * does (late answers, notifications, the end of the server), handles notifications, which may
 * make requests themselves, and sends what was queued: forgets, gathered, and releases that did
 * not go out at once. While callers are at work it stands by and looks every few milliseconds, so
 * that an answer does not wake two threads.
 */
#include "fs/fuse/conn.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/log.h"

#define STANDBY_MS 10
#define FORGETS_SOON 64
#define FORGETS_A_MESSAGE 256
#define BUSY_MAX 256
#define FORGET_DELAY_MS 50
#define RELEASE_PATIENCE_MS 5000

void fuse_wake_keeper(struct fuse_conn *fc)
{
	uint64_t one = 1;

	if (fc->keeper_idle)
		(void)!write(fc->wake, &one, sizeof(one)); /* full means that it wakes anyway */
	else
		pthread_cond_signal(&fc->keeper_cond);
}

/* ---- what is queued ---- */

void fuse_queue_forget(struct fuse_conn *fc, uint64_t node, uint64_t n)
{
	pthread_mutex_lock(&fc->lock);
	if (atomic_load(&fc->state) == FUSE_DEAD || fc->ending)
		goto out;
	if (fc->nforgets == fc->forgets_size) {
		size_t size = fc->forgets_size ? fc->forgets_size * 2 : FORGETS_SOON;
		struct fuse_forget_one *f = realloc(fc->forgets, size * sizeof(*f));

		if (!f)
			goto out; /* the server keeps a node too long: no harm but its memory */
		fc->forgets = f;
		fc->forgets_size = size;
	}
	fc->forgets[fc->nforgets++] = (struct fuse_forget_one){ node, n };
	/* The first one so that the keeper's sleep gets an end. */
	if (fc->nforgets == 1 || fc->nforgets == FORGETS_SOON)
		fuse_wake_keeper(fc);
out:
	pthread_mutex_unlock(&fc->lock);
}

static ssize_t send_forgets(struct fuse_conn *fc, const struct fuse_forget_one *f, unsigned n)
{
	struct fuse_batch_forget_in batch = { .count = n };
	struct fuse_forget_in one = { .nlookup = f->nlookup };
	struct fuse_in_header in = { .opcode = FUSE_BATCH_FORGET };
	struct iovec iov[3] = { { &in, sizeof(in) }, { &batch, sizeof(batch) },
		{ (void *)f, n * sizeof(*f) } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };

	pthread_mutex_lock(&fc->lock);
	fc->next_unique += 2;
	in.unique = fc->next_unique;
	fc->forgot_ns = now_ns();
	pthread_mutex_unlock(&fc->lock);
	if (n == 1 || fc->minor < 16) {
		in.opcode = FUSE_FORGET;
		in.nodeid = f->nodeid;
		iov[1] = (struct iovec){ &one, sizeof(one) };
		m.msg_iovlen = 2;
	}
	for (size_t i = 0; i < m.msg_iovlen; i++)
		in.len += (uint32_t)iov[i].iov_len;
	return sendmsg(fc->sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The nodes that the server is still at work on for nobody: releases, abandoned requests. */
struct busy {
	uint64_t node[BUSY_MAX];
	unsigned n;
	bool more; /* than fit: all may be */
};

static void busy_add(struct busy *b, const struct fuse_req *r)
{
	if (b->n + 2 > BUSY_MAX) {
		b->more = true;
		return;
	}
	b->node[b->n++] = r->in.nodeid;
	if (r->node2)
		b->node[b->n++] = r->node2;
}

/* Under lock. */
static void busy_collect(struct fuse_conn *fc, struct busy *b)
{
	struct fuse_req *r;

	b->n = 0;
	b->more = false;
	for (r = fc->outq; r; r = r->next)
		busy_add(b, r);
	for (unsigned i = 0; fc->nasync && i < FUSE_HASH; i++) {
		cds_hlist_for_each_entry_2(r, &fc->pending[i], hash) {
			if (r->done)
				busy_add(b, r);
		}
	}
}

static bool busy_has(const struct busy *b, uint64_t node)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->node[i] == node)
			return true;
	return b->more;
}

/* A server's threads take requests in no order: a node is forgotten only when no request that
 * names it is under way any more, as in the kernel. Callers who wait hold the inode themselves. */
static unsigned take_forgets(struct fuse_conn *fc, struct fuse_forget_one *f, unsigned max)
{
	struct busy busy;
	unsigned n = 0;

	pthread_mutex_lock(&fc->lock);
	busy_collect(fc, &busy);
	for (size_t i = fc->nforgets; i > 0 && n < max; i--) {
		if (busy_has(&busy, fc->forgets[i - 1].nodeid))
			continue;
		f[n++] = fc->forgets[i - 1];
		fc->forgets[i - 1] = fc->forgets[--fc->nforgets];
	}
	pthread_mutex_unlock(&fc->lock);
	return n;
}

static bool flush_forgets(struct fuse_conn *fc)
{
	struct fuse_forget_one f[FORGETS_A_MESSAGE];

	for (;;) {
		unsigned n = take_forgets(fc, f, fc->minor < 16 ? 1 : FORGETS_A_MESSAGE), sent = 0;

		if (n == 0)
			return true;
		if (send_forgets(fc, f, n) >= 0)
			continue;
		for (; sent < n; sent++)
			fuse_queue_forget(fc, f[sent].nodeid, f[sent].nlookup);
		return false;
	}
}

static bool flush_outq(struct fuse_conn *fc)
{
	for (;;) {
		struct fuse_req *r;
		int err;

		pthread_mutex_lock(&fc->lock);
		r = fc->outq;
		if (r) {
			fc->outq = r->next;
			if (!fc->outq)
				fc->outq_tail = &fc->outq;
		}
		pthread_mutex_unlock(&fc->lock);
		if (!r)
			return true;
		err = fuse_req_post(fc, r);
		if (err == -EAGAIN) {
			pthread_mutex_lock(&fc->lock);
			r->next = fc->outq;
			if (!fc->outq)
				fc->outq_tail = &r->next;
			fc->outq = r;
			pthread_mutex_unlock(&fc->lock);
			return false;
		}
		if (err) {
			r->error = err;
			r->done(fc, r);
		}
	}
}

bool fuse_flush_queues(struct fuse_conn *fc)
{
	if (atomic_load(&fc->state) != FUSE_READY && atomic_load(&fc->state) != FUSE_DEAD)
		return false;
	return flush_outq(fc) && flush_forgets(fc);
}

struct release {
	struct fuse_req r;
	struct fuse_release_in in;
};

static void release_done(UNUSED struct fuse_conn *fc, struct fuse_req *r)
{
	free(container_of_(r, struct release, r));
}

void fuse_send_release(
	struct fuse_conn *fc, unsigned opcode, uint64_t node, uint64_t fh, unsigned flags)
{
	struct release *rel = malloc(sizeof(*rel));

	if (!rel) {
		log_warn("fuse: no memory to release a handle of node %llu",
			(unsigned long long)node);
		return;
	}
	fuse_req_init(&rel->r, opcode, node, NULL);
	rel->in = (struct fuse_release_in){ .fh = fh, .flags = flags };
	fuse_req_in(&rel->r, &rel->in, sizeof(rel->in));
	rel->r.done = release_done;
	/* In order behind what waits already; the keeper sends it if it cannot go now. */
	pthread_mutex_lock(&fc->lock);
	*fc->outq_tail = &rel->r;
	fc->outq_tail = &rel->r.next;
	pthread_mutex_unlock(&fc->lock);
	if (!flush_outq(fc)) {
		pthread_mutex_lock(&fc->lock);
		fuse_wake_keeper(fc);
		pthread_mutex_unlock(&fc->lock);
	}
}

/* Under lock. */
static bool releases(struct fuse_conn *fc, uint64_t node)
{
	struct fuse_req *r;

	for (r = fc->outq; r; r = r->next)
		if (r->done == release_done && r->in.nodeid == node)
			return true;
	for (unsigned i = 0; fc->nasync && i < FUSE_HASH; i++) {
		cds_hlist_for_each_entry_2(r, &fc->pending[i], hash) {
			if (r->done == release_done && r->in.nodeid == node)
				return true;
		}
	}
	return false;
}

void fuse_wait_releases(struct fuse_conn *fc, uint64_t node)
{
	uint64_t until = now_ns() + RELEASE_PATIENCE_MS * NSEC_PER_MSEC;

	pthread_mutex_lock(&fc->lock);
	while (releases(fc, node) && atomic_load(&fc->state) == FUSE_READY && now_ns() < until) {
		bool read = !fc->reading;

		fc->reading = true;
		pthread_mutex_unlock(&fc->lock);
		(void)flush_outq(fc);
		if (read)
			(void)fuse_read_message(
				fc, STANDBY_MS); /* the state says what came of it */
		else
			nanosleep(&(struct timespec){ .tv_nsec = NSEC_PER_MSEC }, NULL);
		pthread_mutex_lock(&fc->lock);
		if (read) {
			fc->reading = false;
			fuse_hand_over(fc);
		}
	}
	pthread_mutex_unlock(&fc->lock);
}

/* ---- the thread ---- */

static struct fuse_note *next_note(struct fuse_conn *fc)
{
	struct fuse_note *n = fc->notes;

	if (n) {
		fc->notes = n->next;
		if (!fc->notes)
			fc->notes_tail = &fc->notes;
		fc->notes_bytes -= sizeof(*n) + n->len;
	}
	return n;
}

/* Under lock: reads for nobody in particular until the socket is empty or somebody waits. */
static void keeper_read(struct fuse_conn *fc)
{
	int n = 1;

	while (!fc->reading && n == 1 && !fc->notes && cds_list_empty(&fc->waiters)) {
		fc->reading = true;
		pthread_mutex_unlock(&fc->lock);
		n = fuse_read_message(fc, 0);
		pthread_mutex_lock(&fc->lock);
		fc->reading = false;
	}
	fuse_hand_over(fc);
}

/* Under lock. The caller's next look finds out what woke it. */
static void keeper_stand_by(struct fuse_conn *fc, uint64_t ms)
{
	struct timespec ts;
	uint64_t until = now_ns() + ms * NSEC_PER_MSEC;

	ts.tv_sec = (time_t)(until / NSEC_PER_SEC);
	ts.tv_nsec = (long)(until % NSEC_PER_SEC);
	pthread_cond_clockwait(&fc->keeper_cond, &fc->lock, CLOCK_MONOTONIC, &ts);
}

static void keeper_sleep(struct fuse_conn *fc)
{
	struct pollfd p[2] = { { .fd = fc->sock, .events = POLLIN },
		{ .fd = fc->wake, .events = POLLIN } };
	int ms = fc->nforgets || fc->outq ? STANDBY_MS : -1;
	uint64_t count;

	fc->keeper_idle = true;
	pthread_mutex_unlock(&fc->lock);
	poll(p, 2, ms);
	if (p[1].revents)
		(void)!read(fc->wake, &count, sizeof(count));
	pthread_mutex_lock(&fc->lock);
	fc->keeper_idle = false;
	if (p[0].revents)
		keeper_read(fc);
}

void *fuse_keeper(void *arg)
{
	struct fuse_conn *fc = arg;
	uint64_t next_flush = 0;

	pthread_mutex_lock(&fc->lock);
	while (!fc->stop) {
		struct fuse_note *note = next_note(fc);

		if (note) {
			fc->noting = true;
			pthread_mutex_unlock(&fc->lock);
			fuse_note_handle(fc, note);
			free(note);
			pthread_mutex_lock(&fc->lock);
			fc->noting = false;
			fc->notes_done++;
			pthread_cond_broadcast(&fc->state_cond);
			continue;
		}
		if (atomic_load(&fc->state) == FUSE_DEAD && !fc->told_end) {
			fc->told_end = true;
			pthread_mutex_unlock(&fc->lock);
			fc->notify->poll(&fc->fs, 0);
			pthread_mutex_lock(&fc->lock);
			continue;
		}
		if (fc->outq || fc->nforgets >= FORGETS_SOON ||
			(fc->nforgets && now_ns() >= next_flush)) {
			next_flush = now_ns() + FORGET_DELAY_MS * NSEC_PER_MSEC;
			pthread_mutex_unlock(&fc->lock);
			(void)fuse_flush_queues(fc); /* what stayed is seen in the next round */
			pthread_mutex_lock(&fc->lock);
		}
		if (fc->stop || fc->notes)
			continue;
		if (atomic_load(&fc->state) == FUSE_DEAD)
			pthread_cond_wait(&fc->keeper_cond, &fc->lock);
		else if (fc->reading || !cds_list_empty(&fc->waiters) ||
			 now_ns() < fc->last_active + STANDBY_MS * NSEC_PER_MSEC)
			keeper_stand_by(fc, STANDBY_MS);
		else
			keeper_sleep(fc);
	}
	pthread_mutex_unlock(&fc->lock);
	return NULL;
}
