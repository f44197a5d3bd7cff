/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Worker threads sit in NOTIF_RECV on one listener. Each takes a call, runs
 * its handler from start to end, as a kernel does, and answers. Before a worker begins with a call
 * it sees to it that another one is left to receive; so a handler may block, and a server inside the
 * view whose reply it waits for is served by another worker. Idle workers above a few end.
 *
 * With WAIT_KILLABLE_RECV (set where the filter is loaded) a signal that the guest handles waits for
 * our answer, so a call is never run twice behind our back; a fatal one ends the guest at once, and
 * our answer then finds nobody (ENOENT).
 */
#include "engine/internal.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "engine/nr.h"
#include "engine/status.h"

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

#define MIN_IDLE 2
#define MAX_IDLE 6
#define MAX_WORKERS 8192
#define STACK_SIZE (512 * 1024)

struct pidfd_info_ {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
	uint64_t more[16];
};
#define PIDFD_GET_INFO_ _IOC(_IOC_READ | _IOC_WRITE, 0xFF, 11, 64)

bool call_alive(const struct call *c)
{
	uint64_t id = c->id;

	return ioctl(c->engine->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void spawn_worker(struct engine *e);

/* Handlers that block come by now and then. Is nobody left to receive, because there could be no
 * further thread (RLIMIT_NPROC counts the guests' processes as well)? There may be one now; else
 * servers in the view, for which the handlers wait, would wait for us for ever. */
static void look_after_workers(struct engine *e)
{
	if (atomic_load_explicit(&e->idle, memory_order_relaxed) == 0)
		spawn_worker(e);
}

bool call_killed(const struct call *c)
{
	look_after_workers(c->engine);
	return !call_alive(c);
}

bool call_interrupted(const struct call *c)
{
	char status[STATUS_MAX];
	uint64_t pending;

	look_after_workers(c->engine);
	if (!call_alive(c))
		return true;
	if (status_read(c->tid, status, sizeof(status)) < 0)
		return true;
	pending = status_number(status, "\nSigPnd:", 16) | status_number(status, "\nShdPnd:", 16);
	pending &= ~status_number(status, "\nSigBlk:", 16);
	pending &= ~status_number(status, "\nSigIgn:", 16);
	return pending != 0;
}

pid_t call_tgid(struct call *c)
{
	char status[STATUS_MAX];
	const char *p;
	int fd;

	if (c->tgid_)
		return c->tgid_;
	fd = (int)syscall(SYS_pidfd_open, c->tid, O_EXCL);
	if (fd >= 0) {
		struct pidfd_info_ info = { .mask = 1 };

		if (ioctl(fd, PIDFD_GET_INFO_, &info) == 0 && info.tgid)
			c->tgid_ = (pid_t)info.tgid;
		close(fd);
		if (c->tgid_)
			return c->tgid_;
	}
	if (status_read(c->tid, status, sizeof(status)) < 0)
		return -ESRCH;
	p = strstr(status, "\nTgid:");
	if (!p)
		return -ESRCH;
	c->tgid_ = (pid_t)strtol(p + 6, NULL, 10);
	return c->tgid_;
}

static void answer(struct engine *e, struct call *c, enum verdict v, struct seccomp_notif_resp *r)
{
	memset(r, 0, e->resp_size);
	r->id = c->id;
	if (v == CONTINUE)
		r->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (c->ret < 0)
		r->error = (int)c->ret;
	else
		r->val = c->ret;
	while (ioctl(e->listener, SECCOMP_IOCTL_NOTIF_SEND, r) < 0 && errno == EINTR)
		;
}

static enum verdict handle(struct engine *e, struct call *c)
{
	if (c->nr < 0 || c->nr >= ENGINE_MAX_NR || !e->by_nr[c->nr])
		return CONTINUE;
	c->row = e->by_nr[c->nr];
	if (atomic_load_explicit(&e->ninject, memory_order_acquire) && inject_claims(e, c->tid))
		return CONTINUE;
	return c->row->handler(c);
}

static void *worker(void *arg);

static void spawn_worker(struct engine *e)
{
	pthread_attr_t attr;
	pthread_t t;

	if (atomic_load(&e->stopping) || atomic_load(&e->alive) >= MAX_WORKERS)
		return;
	atomic_fetch_add(&e->alive, 1);
	atomic_fetch_add(&e->idle, 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &attr, worker, e) != 0) {
		if (!atomic_exchange(&e->starved, true))
			log_error("a worker could not be started: calls wait for others to end");
		atomic_fetch_sub(&e->idle, 1);
		atomic_fetch_sub(&e->alive, 1);
	} else {
		atomic_store_explicit(&e->starved, false, memory_order_relaxed);
	}
	pthread_attr_destroy(&attr);
}

/* 1: a call; 0: none (try again); -1: the listener is at its end. */
static int receive(struct engine *e, struct seccomp_notif *n, struct call *c)
{
	memset(n, 0, e->notif_size);
	if (ioctl(e->listener, SECCOMP_IOCTL_NOTIF_RECV, n) < 0) {
		struct pollfd p = { .fd = e->listener, .events = POLLIN };

		if (errno == EINTR || errno == ENOENT) {
			/* ENOENT: killed before we had it; or nobody has the filter any more */
			if (poll(&p, 1, 0) == 1 && (p.revents & POLLHUP))
				return -1;
			return 0;
		}
		log_error("NOTIF_RECV: %s", strerror(errno));
		return -1;
	}
	*c = (struct call){ .engine = e, .um = e->o.um, .tid = (pid_t)n->pid, .nr = n->data.nr,
		.id = n->id };
	memcpy(c->args, n->data.args, sizeof(c->args));
	return 1;
}

static void *worker(void *arg)
{
	struct engine *e = arg;
	_cleanup_free_ struct seccomp_notif *n = calloc(1, e->notif_size);
	_cleanup_free_ struct seccomp_notif_resp *r = calloc(1, e->resp_size);

	if (!n || !r) {
		atomic_fetch_sub(&e->idle, 1);
		atomic_fetch_sub(&e->alive, 1);
		return NULL;
	}
	while (!atomic_load_explicit(&e->stopping, memory_order_relaxed)) {
		void (*observe)(struct call *, enum verdict);
		enum verdict v;
		struct call c;
		int got = receive(e, n, &c);

		if (got < 0)
			break;
		if (got == 0)
			continue;
		if (atomic_fetch_sub(&e->idle, 1) == 1)
			spawn_worker(e);
		observe = atomic_load_explicit(&e->observe, memory_order_relaxed);
		if (observe)
			c.t_recv = now_ns();
		v = handle(e, &c);
		if (v != ANSWERED)
			answer(e, &c, v, r);
		if (observe)
			observe(&c, v);
		if (atomic_fetch_add(&e->idle, 1) >= MAX_IDLE)
			break;
	}
	atomic_fetch_sub(&e->idle, 1);
	atomic_fetch_sub(&e->alive, 1);
	return NULL;
}

int notify_start(struct engine *e)
{
	for (size_t i = 0; i < e->o.nrows; i++) {
		assert(e->o.rows[i].nr >= 0 && e->o.rows[i].nr < ENGINE_MAX_NR);
		e->by_nr[e->o.rows[i].nr] = &e->o.rows[i];
	}
	/* refused before Linux 6.6: then both sides may run on different CPUs, which is slower */
	(void)ioctl(e->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	for (int i = 0; i < MIN_IDLE; i++)
		spawn_worker(e);
	return atomic_load(&e->alive) > 0 ? 0 : -ENOMEM;
}

/* Workers in RECV wake up when the last task with the filter is gone: the launcher has ended. */
void notify_stop(struct engine *e)
{
	uint64_t until = now_ns() + 2 * NSEC_PER_SEC;

	atomic_store(&e->stopping, true);
	while (atomic_load(&e->alive) > 0 && now_ns() < until)
		usleep(1000);
	if (atomic_load(&e->alive) > 0)
		log_warn("%d workers are still at work at the end", atomic_load(&e->alive));
}

int engine_listener(const struct engine *e)
{
	return e->listener;
}

void engine_workers(const struct engine *e, int *ret_alive, int *ret_idle)
{
	*ret_alive = atomic_load(&e->alive);
	*ret_idle = atomic_load(&e->idle);
}

void engine_set_observer(struct engine *e, void (*observe)(struct call *c, enum verdict v))
{
	atomic_store(&e->observe, observe);
}
