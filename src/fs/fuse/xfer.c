/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests out, answers in.
 *
 * Theory of operation. One message is one request or one answer. A caller puts its request into
 * the table by its unique number, sends it, and waits. Whoever waits and finds nobody reading the
 * socket reads it himself: his own answer needs no other thread to wake him. An answer to someone
 * else is put into place for him and he is woken; who has got his answer hands the reading to the
 * next waiter. While nobody waits, the keeper (keeper.c) reads: answers that nobody waits for,
 * notifications, and the end of the server.
 *
 * A request is claimed (taken out of the table) by the reader under the lock, filled without it,
 * then finished under it; so who gives up waits for a claim to end, and a second answer to the
 * same number finds nothing. Big answers are received straight into place: the header is peeked at
 * first. All others go through the reader's scratch buffer.
 */
#include "fs/fuse/conn.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/log.h"

#define TICK_FIRST_MS 5
#define NOTES_WAIT_NS (NSEC_PER_SEC / 5)
#define TICK_MS 50
#define NSEC_PER_MSEC 1000000ull

void fuse_req_init(struct fuse_req *r, unsigned opcode, uint64_t node, const struct fs_req *who)
{
	memset(r, 0, sizeof(*r));
	pthread_cond_init(&r->cond, NULL);
	r->in.opcode = opcode;
	r->in.nodeid = node;
	if (who) {
		r->in.uid = who->uid;
		r->in.gid = who->gid;
		r->in.pid = (uint32_t)who->pid;
	}
	r->iov[0] = (struct iovec){ &r->in, sizeof(r->in) };
	r->niov = 1;
}

void fuse_req_in(struct fuse_req *r, const void *data, size_t len)
{
	assert(r->niov < FUSE_IN_MAX);
	r->iov[r->niov++] = (struct iovec){ (void *)data, len };
}

void fuse_req_name(struct fuse_req *r, const char *name)
{
	fuse_req_in(r, name, strlen(name) + 1);
}

void fuse_req_out(struct fuse_req *r, void *buf, size_t min, size_t max)
{
	r->out[0] = (struct iovec){ buf, max };
	r->out_min = min;
	r->out_max = max;
}

/* ---- the table, under lock ---- */

static bool req_direct(const struct fuse_req *r)
{
	return r->out_max >= FUSE_DIRECT_MIN;
}

static void table_add(struct fuse_conn *fc, struct fuse_req *r)
{
	cds_hlist_add_head(&r->hash, &fc->pending[(r->in.unique >> 1) % FUSE_HASH]);
	r->pending = true;
	fc->npending++;
	fc->ndirect += req_direct(r);
	fc->nasync += r->done != NULL;
}

static void table_del(struct fuse_conn *fc, struct fuse_req *r)
{
	cds_hlist_del(&r->hash);
	r->pending = false;
	fc->npending--;
	fc->ndirect -= req_direct(r);
	fc->nasync -= r->done != NULL;
}

static struct fuse_req *table_find(struct fuse_conn *fc, uint64_t unique)
{
	struct fuse_req *r;

	cds_hlist_for_each_entry_2(r, &fc->pending[(unique >> 1) % FUSE_HASH], hash)
		if (r->in.unique == unique)
			return r;
	return NULL;
}

static void waiters_del(struct fuse_req *r)
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

static void req_finish(struct fuse_conn *fc, struct fuse_req *r, int error)
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
	waiters_del(r);
}

void fuse_hand_over(struct fuse_conn *fc)
{
	if (!fc->reading && !cds_list_empty(&fc->waiters)) {
		struct fuse_req *r = cds_list_first_entry(&fc->waiters, struct fuse_req, wait_node);

		waiters_del(r);
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

			table_del(fc, r);
			req_finish(fc, r, error);
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

/* ---- answers ---- */

/* What the payload of an answer says about the request: 0 or -errno. */
static int reply_error(const struct fuse_req *r, const struct fuse_out_header *oh, size_t n)
{
	size_t payload = n - sizeof(*oh);

	if (oh->len != n || oh->error > 0 || oh->error <= -512)
		return -EIO;
	if (oh->error)
		return payload ? -EIO : oh->error;
	if (payload < r->out_min || payload > r->out_max)
		return -EIO;
	return 0;
}

static void req_scatter(struct fuse_req *r, const char *src, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->out) && len > 0; i++) {
		size_t n = len < r->out[i].iov_len ? len : r->out[i].iov_len;

		memcpy(r->out[i].iov_base, src, n);
		src += n;
		len -= n;
	}
}

static struct fuse_req *req_claim(struct fuse_conn *fc, uint64_t unique, bool direct_only)
{
	struct fuse_req *r;

	pthread_mutex_lock(&fc->lock);
	r = table_find(fc, unique);
	if (r && direct_only && !req_direct(r))
		r = NULL;
	if (r) {
		table_del(fc, r);
		r->claimed = true;
	}
	pthread_mutex_unlock(&fc->lock);
	return r;
}

/* The end of a claim. oh and n: what was received. */
static void req_complete(
	struct fuse_conn *fc, struct fuse_req *r, const struct fuse_out_header *oh, size_t n)
{
	void (*done)(struct fuse_conn *, struct fuse_req *) = r->done;
	int error = reply_error(r, oh, n);

	if (!error)
		r->out_len = n - sizeof(*oh);
	pthread_mutex_lock(&fc->lock);
	fc->stats.replies++;
	fc->stats.bytes_received += n;
	if (error == -EIO && oh->error != -EIO)
		fc->stats.bad_replies++;
	req_finish(fc, r, error);
	pthread_mutex_unlock(&fc->lock);
	/* A request of somebody who waits may be gone by now. */
	if (done)
		done(fc, r);
}

/* EAGAIN to FUSE_INTERRUPT: it came before the request did; the next tick sends it again. */
static void interrupt_answered(struct fuse_conn *fc, uint64_t unique, int error)
{
	struct fuse_req *r;

	if (error == -ENOSYS)
		fuse_set_no(fc, FUSE_NO_INTERRUPT);
	if (error != -EAGAIN)
		return;
	pthread_mutex_lock(&fc->lock);
	r = table_find(fc, unique & ~1ull);
	if (r)
		r->interrupted = false;
	pthread_mutex_unlock(&fc->lock);
}

static void bad_message(struct fuse_conn *fc)
{
	pthread_mutex_lock(&fc->lock);
	fc->stats.bad_replies++;
	pthread_mutex_unlock(&fc->lock);
}

/* A message that lies in the scratch buffer; n is its true length, maybe beyond the buffer. */
static void dispatch(struct fuse_conn *fc, size_t n)
{
	struct fuse_out_header oh;
	const char *payload = fc->scratch + sizeof(oh);
	struct fuse_req *r;

	if (n < sizeof(oh)) {
		bad_message(fc);
		return;
	}
	memcpy(&oh, fc->scratch, sizeof(oh));
	if (oh.unique == 0) {
		if (oh.len != n || n > fc->scratch_size)
			bad_message(fc);
		else
			fuse_note_queue(fc, oh.error, payload, n - sizeof(oh));
		return;
	}
	if (oh.unique & 1) {
		interrupt_answered(fc, oh.unique, oh.error);
		return;
	}
	r = req_claim(fc, oh.unique, false);
	if (!r) {
		bad_message(fc);
		return;
	}
	if (n <= fc->scratch_size && !reply_error(r, &oh, n))
		req_scatter(r, payload, n - sizeof(oh));
	else if (n > fc->scratch_size)
		oh.len = 0; /* cut off: not to be believed */
	req_complete(fc, r, &oh, n);
}

/* Receives into scratch. > 0: the message's length; 0: the end; -errno. */
static ssize_t recv_scratch(struct fuse_conn *fc, int flags)
{
	ssize_t n = recv(fc->sock, fc->scratch, fc->scratch_size, flags | MSG_TRUNC);

	return n < 0 ? -errno : n;
}

/* Receives the message for r, whose header has been peeked at. */
static ssize_t recv_direct(struct fuse_conn *fc, struct fuse_req *r)
{
	struct fuse_out_header oh;
	struct iovec iov[3] = { { &oh, sizeof(oh) }, r->out[0], r->out[1] };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };
	ssize_t n = recvmsg(fc->sock, &m, MSG_DONTWAIT | MSG_TRUNC);

	if (n < (ssize_t)sizeof(oh)) {
		n = n < 0 ? -errno : n;
		oh = (struct fuse_out_header){ .error = n == 0 ? -ENOTCONN : -EIO,
			.len = sizeof(oh) };
		req_complete(fc, r, &oh, sizeof(oh));
		return n;
	}
	req_complete(fc, r, &oh, (size_t)n);
	return n;
}

int fuse_read_message(struct fuse_conn *fc, int timeout_ms)
{
	int flags = timeout_ms < 0 ? 0 : MSG_DONTWAIT;
	ssize_t n;

	if (timeout_ms > 0) {
		struct pollfd p = { .fd = fc->sock, .events = POLLIN };

		if (poll(&p, 1, timeout_ms) <= 0)
			return 0;
	}
	if (atomic_load_explicit(&fc->ndirect, memory_order_relaxed)) {
		struct fuse_out_header oh;
		struct fuse_req *r = NULL;

		n = recv(fc->sock, &oh, sizeof(oh), flags | MSG_PEEK);
		n = n < 0 ? -errno : n;
		if (n == sizeof(oh) && oh.unique)
			r = req_claim(fc, oh.unique, true);
		if (r) {
			n = recv_direct(fc, r);
			goto out;
		}
		flags = MSG_DONTWAIT;
		if (n <= 0)
			goto out;
	}
	n = recv_scratch(fc, flags);
	if (n > 0)
		dispatch(fc, (size_t)n);
out:
	if (n > 0)
		return 1;
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	fuse_die(fc, -ENOTCONN);
	return -ENOTCONN;
}

/* ---- requests ---- */

static ssize_t send_iov(struct fuse_conn *fc, const struct iovec *iov, unsigned n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t ret = sendmsg(fc->sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

	return ret < 0 ? -errno : ret;
}

static void set_interrupted(struct fuse_conn *fc, struct fuse_req *r, bool yes)
{
	pthread_mutex_lock(&fc->lock);
	r->interrupted = yes;
	pthread_mutex_unlock(&fc->lock);
}

static void send_interrupt(struct fuse_conn *fc, struct fuse_req *r)
{
	struct fuse_interrupt_in arg = { .unique = r->in.unique };
	struct fuse_in_header in = { .len = sizeof(in) + sizeof(arg),
		.opcode = FUSE_INTERRUPT,
		.unique = r->in.unique | 1 };
	struct iovec iov[2] = { { &in, sizeof(in) }, { &arg, sizeof(arg) } };

	if (fuse_has_no(fc, FUSE_NO_INTERRUPT))
		return;
	/* Before it goes: its answer may say "again" before we are back here. */
	set_interrupted(fc, r, true);
	if (send_iov(fc, iov, 2) < 0)
		set_interrupted(fc, r, false); /* the next tick tries again */
}

/* ---- giving up ---- */

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

/* Nobody waits for r any more: it is finished with error, unless its answer came just now. */
static void req_abandon(struct fuse_conn *fc, struct fuse_req *r, int error, bool sent)
{
	struct orphan *o = sent ? orphan_new(r) : NULL;

	pthread_mutex_lock(&fc->lock);
	waiters_del(r);
	while (r->claimed) {
		r->waiting = true;
		cds_list_add(&r->wait_node, &fc->waiters);
		pthread_cond_wait(&r->cond, &fc->lock);
		waiters_del(r);
	}
	if (r->pending) {
		table_del(fc, r);
		if (o) {
			table_add(fc, &o->r);
			o = NULL;
		}
		req_finish(fc, r, error);
	}
	fuse_hand_over(fc);
	pthread_mutex_unlock(&fc->lock);
	free(o);
}

/* ---- waiting ---- */

/* What a tick of a wait finds: 0, or why to give up. A signal is told to the server, and its answer is
 * waited for, however long: an answer of ours would be of a request that may still be done. */
static int tick(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who, bool *told)
{
	bool killed;

	if (r->deadline && now_ns() >= r->deadline)
		return -ETIMEDOUT;
	if (!who || !who->call)
		return 0;
	killed = call_killed(who->call);
	if (!*told)
		*told = killed || call_interrupted(who->call);
	if (*told) {
		bool again;

		pthread_mutex_lock(&fc->lock);
		again = r->pending && !r->interrupted && r->t_sent;
		pthread_mutex_unlock(&fc->lock);
		if (again)
			send_interrupt(fc, r);
	}
	return killed ? -EINTR : 0;
}

static struct timespec deadline_in(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (long)ms * 1000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

/* Under lock: sleeps until r is finished, or the reading is handed to it, or for ms. */
static void wait_asleep(struct fuse_conn *fc, struct fuse_req *r, int ms)
{
	struct timespec until = deadline_in(ms);

	r->waiting = true;
	cds_list_add_tail(&r->wait_node, &fc->waiters);
	while (r->waiting)
		if (pthread_cond_clockwait(&r->cond, &fc->lock, CLOCK_MONOTONIC, &until))
			break;
	waiters_del(r);
}

/* Under lock: reads one message for whoever it is, unless somebody reads already. */
static void wait_reading(struct fuse_conn *fc, int timeout_ms)
{
	fc->reading = true;
	pthread_mutex_unlock(&fc->lock);
	(void)fuse_read_message(
		fc, timeout_ms); /* an end of the connection finishes all requests */
	pthread_mutex_lock(&fc->lock);
	fc->reading = false;
}

/*
 * Under lock. What a server told before it answered is known when its answer is: as the kernel does,
 * which handles a notification in the server's write(2). The keeper's own requests are part of that
 * handling, and so may be what the caller is at: then not for long.
 */
static void wait_notes(struct fuse_conn *fc)
{
	const uint64_t until = now_ns() + NOTES_WAIT_NS, in = fc->notes_in;
	const struct timespec ts = { .tv_sec = (time_t)(until / NSEC_PER_SEC),
		.tv_nsec = (long)(until % NSEC_PER_SEC) };

	if (fc->keeper_started && pthread_equal(pthread_self(), fc->keeper))
		return;
	while (fc->notes_done < in && !fc->stop && atomic_load(&fc->state) != FUSE_DEAD &&
		pthread_cond_clockwait(&fc->state_cond, &fc->lock, CLOCK_MONOTONIC, &ts) == 0)
		;
}

int fuse_req_wait(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who)
{
	uint64_t now = r->t_sent, next_tick = now + TICK_FIRST_MS * NSEC_PER_MSEC;
	bool first = true, told = false;
	int err;

	call_waits();
	pthread_mutex_lock(&fc->lock);
	while (!r->finished) {
		int ms = now < next_tick ? (int)((next_tick - now) / NSEC_PER_MSEC) + 1 : 1;

		if (r->claimed || fc->reading)
			wait_asleep(fc, r, ms);
		else
			wait_reading(fc, first ? -1 : ms);
		now = now_ns();
		if (r->finished || now < next_tick)
			continue;
		pthread_mutex_unlock(&fc->lock);
		err = tick(fc, r, who, &told);
		if (err)
			req_abandon(fc, r, err, true);
		first = false;
		next_tick = now + TICK_MS * NSEC_PER_MSEC;
		if (r->deadline && next_tick > r->deadline)
			next_tick = r->deadline;
		pthread_mutex_lock(&fc->lock);
	}
	err = r->error;
	fc->last_active = now;
	fuse_hand_over(fc);
	if (fc->notes_done < fc->notes_in)
		wait_notes(fc);
	pthread_mutex_unlock(&fc->lock);
	return err;
}

/* The socket is full: waits for room, reading answers meanwhile, since the server may not be able
 * to take more before its own answers are read. */
static int wait_writable(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who,
	int *ms, bool *told)
{
	struct pollfd p = { .fd = fc->sock, .events = POLLIN | POLLOUT };
	int err = tick(fc, r, who, told);

	call_waits();
	if (err)
		return err;
	pthread_mutex_lock(&fc->lock);
	if (fc->reading)
		p.events = POLLOUT;
	pthread_mutex_unlock(&fc->lock);
	if (poll(&p, 1, *ms) > 0 && !(p.revents & POLLOUT)) {
		pthread_mutex_lock(&fc->lock);
		if (!fc->reading) {
			wait_reading(fc, 0);
			fuse_hand_over(fc);
		}
		pthread_mutex_unlock(&fc->lock);
	}
	*ms = TICK_MS;
	return 0;
}

/* Puts it into the table. flat, if given, gets a copy of the message: unlike r, it stays when the
 * connection ends meanwhile. The unique number, or -errno. */
static int64_t req_enter(struct fuse_conn *fc, struct fuse_req *r, char *flat)
{
	int64_t ret;
	size_t len = 0;

	for (unsigned i = 0; i < r->niov; i++)
		len += r->iov[i].iov_len;
	r->in.len = (uint32_t)len;
	r->t_sent = now_ns();
	pthread_mutex_lock(&fc->lock);
	if (atomic_load(&fc->state) == FUSE_DEAD) {
		ret = fc->dead_error;
	} else {
		fc->next_unique += 2;
		r->in.unique = fc->next_unique;
		ret = (int64_t)r->in.unique;
		for (unsigned i = 0; flat && i < r->niov; i++) {
			memcpy(flat, r->iov[i].iov_base, r->iov[i].iov_len);
			flat += r->iov[i].iov_len;
		}
		table_add(fc, r);
		fc->stats.requests++;
		fc->stats.bytes_sent += len;
	}
	pthread_mutex_unlock(&fc->lock);
	return ret;
}

int fuse_req_send(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who)
{
	int err = fuse_wait_ready(fc, who, r->deadline), ms = TICK_FIRST_MS, tries = 0;
	bool told = false;

	if (!err) {
		int64_t unique = req_enter(fc, r, NULL);

		err = unique < 0 ? (int)unique : 0;
	}
	if (err)
		return err;
	for (;;) {
		ssize_t n = send_iov(fc, r->iov, r->niov);

		if (n >= 0)
			return 0;
		err = (int)n;
		if (n == -EAGAIN) {
			err = wait_writable(fc, r, who, &ms, &told);
			if (err)
				break;
		} else if ((n == -ENOBUFS || n == -ENOMEM) && tries++ < 50) {
			poll(NULL, 0, TICK_FIRST_MS);
		} else if (n != -EINTR) {
			break;
		}
	}
	if (err == -EPIPE || err == -ECONNRESET || err == -ENOTCONN || err == -ECONNREFUSED) {
		fuse_die(fc, -ENOTCONN);
		err = -ENOTCONN;
	}
	req_abandon(fc, r, err, false);
	return err;
}

int fuse_req_post(struct fuse_conn *fc, struct fuse_req *r)
{
	char flat[FUSE_POST_MAX];
	struct iovec iov = { flat, 0 };
	int64_t unique;
	ssize_t n;

	for (unsigned i = 0; i < r->niov; i++)
		iov.iov_len += r->iov[i].iov_len;
	assert(iov.iov_len <= sizeof(flat));
	unique = req_enter(fc, r, flat);
	if (unique < 0)
		return (int)unique;
	/* From here on the end of the connection may finish and free r at any time. */
	n = send_iov(fc, &iov, 1);
	if (n >= 0)
		return 0;
	pthread_mutex_lock(&fc->lock);
	r = table_find(fc, (uint64_t)unique);
	if (r)
		table_del(fc, r);
	pthread_mutex_unlock(&fc->lock);
	if (!r)
		return 0;
	return n == -EINTR || n == -ENOBUFS || n == -ENOMEM ? -EAGAIN : (int)n;
}

int fuse_call(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who)
{
	int err = fuse_req_send(fc, r, who);

	if (err)
		return err;
	return fuse_req_wait(fc, r, who);
}
