/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A worker thread takes a call from the listener (NOTIF_RECV), runs its
 * handler from start to end, as a kernel does, and answers. Who receives, and when, is pool.c's.
 *
 * With WAIT_KILLABLE_RECV (set where the filter is loaded) a signal that the guest handles waits
 * for our answer, so a call is never run twice behind our back; a fatal one ends the guest at once,
 * and our answer then finds nobody (ENOENT).
 */
#include "engine/internal.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "engine/compat.h"
#include "engine/nr.h"
#include "engine/status.h"

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

#define RESTART_SYS (-512)
#define RECV_AGAIN_US 10000 /* after an error that a call has nothing to do with */

bool call_alive(const struct call *c)
{
	uint64_t id = c->id;

	return ioctl(c->engine->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

int call_broken_pipe(struct call *c)
{
	(void)syscall(SYS_tgkill, call_tgid(c), c->tid, SIGPIPE); /* fails when it is dead only */
	return -EPIPE;
}

bool call_killed(const struct call *c)
{
	call_waits();
	return !call_alive(c);
}

/* The signals that wait for the thread to leave its call. */
static uint64_t waiting_signals(const char *status, uint64_t pending)
{
	return pending & ~status_number(status, "\nSigBlk:", 16) &
	       ~status_number(status, "\nSigIgn:", 16);
}

/* What a thread that waits for its answer has pending. */
enum signals {
	SIGNALS_NONE,
	SIGNALS_MAYBE, /* one sent to the whole process may be another thread's; or it has ended */
	SIGNALS_CERTAIN, /* it will handle one, or stop, before it is back in the program */
};

static enum signals signals_of(const struct call *c)
{
	char status[STATUS_MAX];
	uint64_t own, shared;

	if (!call_alive(c) || status_read(c->tid, status, sizeof(status)) < 0)
		return SIGNALS_MAYBE;
	own = status_number(status, "\nSigPnd:", 16);
	shared = status_number(status, "\nShdPnd:", 16);
	if (status_number(status, "\nThreads:", 10) == 1)
		own |= shared;
	if (waiting_signals(status, own))
		return SIGNALS_CERTAIN;
	return waiting_signals(status, shared) ? SIGNALS_MAYBE : SIGNALS_NONE;
}

bool call_interrupted(struct call *c)
{
	call_waits();
	if (signals_of(c) == SIGNALS_NONE)
		return false;
	c->interrupted = true;
	return true;
}

static void note_eintr(struct engine *e, pid_t tid)
{
	e->told_eintr[atomic_fetch_add(&e->next_told, 1) % TOLD_EINTR] = tid;
}

bool call_told_eintr(struct call *c)
{
	bool told = false;

	for (size_t i = 0; i < TOLD_EINTR; i++) {
		pid_t tid = c->tid;

		if (atomic_load_explicit(&c->engine->told_eintr[i], memory_order_relaxed) == tid)
			told |= atomic_compare_exchange_strong(&c->engine->told_eintr[i], &tid, 0);
	}
	return told;
}

static int send_answer(struct engine *e, struct seccomp_notif_resp *r)
{
	while (ioctl(e->listener, SECCOMP_IOCTL_NOTIF_SEND, r) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int notify_answer(struct call *c, int error, unsigned flags)
{
	/* newer kernels may have a larger one: what is behind stays zero */
	union {
		struct seccomp_notif_resp r;
		char room[256];
	} u;

	memset(&u, 0, sizeof(u));
	u.r.id = c->id;
	u.r.error = error;
	u.r.flags = flags;
	return send_answer(c->engine, &u.r);
}

static void answer(struct engine *e, struct call *c, enum verdict v, struct seccomp_notif_resp *r)
{
	uint64_t began = part_begin(c);

	memset(r, 0, e->resp_size);
	r->id = c->id;
	if (v == CONTINUE)
		r->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (c->ret < 0)
		r->error = (int)c->ret;
	else
		r->val = c->ret;
	(void)send_answer(e, r); /* who does not wait any more needs none */
	part_end(c, PART_ANSWER, began);
}

/* Finds the call's row, and what of x86_64 a call of i386 is. NULL: none, or never ours. */
static call_handler find_row(struct engine *e, struct call *c, uint32_t arch)
{
	const struct sysrow32 *row32;

	if (c->nr < 0 || c->nr > NR_LAST)
		return e->o.unknown;
	if (arch == AUDIT_ARCH_X86_64) {
		c->row = e->by_nr[c->nr];
		return c->row ? c->row->handler : NULL;
	}
	row32 = e->by_nr32[c->nr];
	if (!row32 || row32->base < 0)
		return NULL;
	c->row32 = row32;
	c->nr = row32->base;
	c->row = e->by_nr[c->nr];
	compat_args(c, row32);
	return row32->handler ? row32->handler : c->row->handler;
}

bool call_find_row(struct call *c, bool is32)
{
	c->row = NULL;
	c->row32 = NULL;
	return find_row(c->engine, c, is32 ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64) && c->row;
}

/* A stop, or a handler with SA_RESTART, is nothing that the program is to see. Nor is a signal that
 * is not there any more: SIGCONT takes a SIGSTOP away, another thread may have had it. As the
 * kernel begins such a call again, so do we. */
static enum verdict run(struct call *c, call_handler handler)
{
	uint64_t args[ARRAY_SIZE(c->args)];

	memcpy(args, c->args, sizeof(args));
	for (;;) {
		enum verdict v = handler(c);
		enum signals signals;

		if (v != DONE || c->ret != -EINTR)
			return v;
		signals = signals_of(c); /* one look: they come and go */
		if (signals == SIGNALS_CERTAIN) {
			c->ret = RESTART_SYS;
			return v;
		}
		if (signals == SIGNALS_MAYBE || !c->interrupted)
			return v;
		c->interrupted = false;
		memcpy(c->args, args, sizeof(args));
	}
}

static enum verdict handle(struct engine *e, struct call *c, uint32_t arch)
{
	call_handler handler = find_row(e, c, arch);
	enum verdict v;

	if (!handler)
		return CONTINUE;
	if (atomic_load_explicit(&e->ninject, memory_order_acquire) && inject_claims(e, c->tid))
		return CONTINUE;
	if (e->o.before)
		e->o.before(c);
	v = run(c, handler);
	if (c->blind && v == DONE && c->ret == -EFAULT)
		return CONTINUE;
	if (c->unseen && (v == CONTINUE || (v == DONE && c->ret == -ESRCH)))
		v = call_return(c, c->unseen);
	if (v == DONE && (c->ret == -EINTR || c->ret == RESTART_SYS))
		note_eintr(e, c->tid);
	if (v == DONE)
		c->ret = compat_result(c, c->ret);
	return v;
}

/* 1: a call; 0: none (try again); -1: the listener is at its end. */
static int receive(struct engine *e, struct seccomp_notif *n, struct call *c)
{
	const bool profile = atomic_load_explicit(&e->profile, memory_order_relaxed);
	uint64_t began = 0;

	if (profile) { /* the wait for a call is nothing that it costs */
		struct pollfd p = { .fd = e->listener, .events = POLLIN };

		(void)poll(&p, 1, -1);
		began = now_ns();
	}
	memset(n, 0, e->notif_size);
	if (ioctl(e->listener, SECCOMP_IOCTL_NOTIF_RECV, n) < 0) {
		struct pollfd p = { .fd = e->listener, .events = POLLIN };

		/* ENOENT: killed before we had it; or nobody has the filter any more */
		if (errno != EINTR && errno != ENOENT) {
			log_error("NOTIF_RECV: %s", strerror(errno));
			usleep(RECV_AGAIN_US);
		}
		return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLNVAL)) ? -1 : 0;
	}
	*c = (struct call){ .engine = e,
		.um = e->o.um,
		.tid = (pid_t)n->pid,
		.nr = n->data.nr,
		.raw_nr = n->data.nr,
		.id = n->id };
	memcpy(c->args, n->data.args, sizeof(c->args));
	c->profiled = profile;
	part_end(c, PART_RECEIVE, began);
	return 1;
}

int notify_serve(struct engine *e, struct seccomp_notif *n, struct seccomp_notif_resp *r)
{
	enum verdict v;
	struct call c;
	int got = receive(e, n, &c);

	if (got <= 0)
		return got;
	c.t_recv = now_ns();
	pool_received(e, &c);
	v = handle(e, &c, n->data.arch);
	if (v != ANSWERED)
		answer(e, &c, v, r);
	c.t_end = now_ns();
	if (e->o.observe)
		e->o.observe(&c, v);
	return 1;
}

int notify_start(struct engine *e)
{
	for (size_t i = 0; i < e->o.nrows; i++) {
		assert(e->o.rows[i].nr >= 0 && e->o.rows[i].nr <= NR_LAST);
		e->by_nr[e->o.rows[i].nr] = &e->o.rows[i];
	}
	for (size_t i = 0; i < e->o.nrows32; i++) {
		const struct sysrow32 *row = &e->o.rows32[i];

		assert(row->nr >= 0 && row->nr <= NR_LAST);
		assert(row->base < 0 || e->by_nr[row->base]);
		e->by_nr32[row->nr] = row;
	}
	/* refused before Linux 6.6: then both sides may run on different CPUs, which is slower */
	(void)ioctl(e->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	return pool_start(e);
}

int engine_listener(const struct engine *e)
{
	return e->listener;
}

void engine_set_profile(struct engine *e, bool on)
{
	atomic_store(&e->profile, on);
}
