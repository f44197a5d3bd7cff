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
#include <assert.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "fs/fuse/xfer.h"

#define TICK_FIRST_MS 5
#define NOTES_WAIT_NS (NSEC_PER_SEC / 5)
#define TICK_MS 50

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
		r->deadline = who->deadline_ns;
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

/* ---- waiting ---- */

/* What a tick of a wait finds: 0, or why to give up. A signal is told to the server, and its answer
 * is waited for, however long: an answer of ours would be of a request that may still be done. */
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
	fuse_waiter_del(r);
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
 * Under lock. What a server told before it answered is known when its answer is: as the kernel
 * does, which handles a notification in the server's write(2). The keeper's own requests are part
 * of that handling, and so may be what the caller is at: then not for long.
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
			fuse_req_abandon(fc, r, err, true);
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
static int wait_writable(
	struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who, int *ms, bool *told)
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
		fuse_table_add(fc, r);
		fc->stats.requests++;
		fc->stats.bytes_sent += len;
	}
	pthread_mutex_unlock(&fc->lock);
	return ret;
}

/* The answer is of the size of old, followed (CREATE) by `rest` bytes which we keep behind a struct
 * of the size of now. What old lacks is 0. */
static void short_answer(struct fuse_req *r, size_t old, size_t now, size_t rest)
{
	char *base = r->out[0].iov_base;

	memset(base, 0, now);
	r->out[0].iov_len = old;
	r->out[1] = (struct iovec){ base + now, rest };
	r->out_min = r->out_max = old + rest;
}

/* What was shorter in older versions, as fuse_adjust_compat() of the kernel has it (davfs2
 * speaks 7.5). */
static void be_compatible(const struct fuse_conn *fc, struct fuse_req *r)
{
	const size_t entry = sizeof(struct fuse_entry_out);

	if (fc->minor < 12 && r->in.opcode == FUSE_MKNOD)
		r->iov[1].iov_len = FUSE_COMPAT_MKNOD_IN_SIZE;
	if (fc->minor < 12 && r->in.opcode == FUSE_CREATE)
		r->iov[1].iov_len = sizeof(struct fuse_open_in);
	if (fc->minor >= 9)
		return;
	switch (r->in.opcode) {
	case FUSE_WRITE:
		r->iov[1].iov_len = FUSE_COMPAT_WRITE_IN_SIZE;
		break;
	case FUSE_LOOKUP:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		short_answer(r, FUSE_COMPAT_ENTRY_OUT_SIZE, entry, 0);
		break;
	case FUSE_CREATE:
		short_answer(r, FUSE_COMPAT_ENTRY_OUT_SIZE, entry, sizeof(struct fuse_open_out));
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		short_answer(r, FUSE_COMPAT_ATTR_OUT_SIZE, sizeof(struct fuse_attr_out), 0);
		break;
	default:
		break;
	}
}

int fuse_req_send(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who)
{
	int err = fuse_wait_ready(fc, who, r->deadline), ms = TICK_FIRST_MS, tries = 0;
	bool told = false;

	if (!err) {
		int64_t unique;

		if (fc->minor < 12)
			be_compatible(fc, r);
		unique = req_enter(fc, r, NULL);

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
	fuse_req_abandon(fc, r, err, false);
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
	r = fuse_table_find(fc, (uint64_t)unique);
	if (r)
		fuse_table_del(fc, r);
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
