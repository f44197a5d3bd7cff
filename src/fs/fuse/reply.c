/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes from the server: answers, each put into place for who waits, and notifications. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "fs/fuse/xfer.h"

#define NO_MEMORY_MS 5

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
	r = fuse_table_find(fc, unique);
	if (r && direct_only && !fuse_req_direct(r))
		r = NULL;
	if (r) {
		fuse_table_del(fc, r);
		r->claimed = true;
	}
	pthread_mutex_unlock(&fc->lock);
	return r;
}

/* Nothing was received for r after all: its answer is still to come, unless the connection ended
 * meanwhile. */
static void req_unclaim(struct fuse_conn *fc, struct fuse_req *r)
{
	pthread_mutex_lock(&fc->lock);
	if (atomic_load(&fc->state) == FUSE_DEAD) {
		fuse_req_finish(fc, r, fc->dead_error);
	} else {
		r->claimed = false;
		fuse_table_add(fc, r);
		fuse_waiter_del(r);
	}
	pthread_mutex_unlock(&fc->lock);
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
	fuse_req_finish(fc, r, error);
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
	r = fuse_table_find(fc, unique & ~1ull);
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

/* Is the message, if there is one, still to be had? */
static bool again(ssize_t n)
{
	return n == -EAGAIN || n == -EINTR || n == -ENOMEM || n == -ENOBUFS;
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

	n = n < 0 ? -errno : n;
	if (again(n)) {
		req_unclaim(fc, r);
		return n;
	}
	if (n < (ssize_t)sizeof(oh)) {
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
	if (n == -ENOMEM || n == -ENOBUFS)
		poll(NULL, 0, NO_MEMORY_MS); /* who called tries again at once */
	if (again(n))
		return 0;
	fuse_die(fc, -ENOTCONN);
	return -ENOTCONN;
}
