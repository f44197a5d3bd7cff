/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker threads: who receives calls, and who waits to.
 *
 * Theory of operation. The kernel wakes every thread that sits in NOTIF_RECV for each call, and all
 * but one of them for nothing: a second one makes each call dearer by half. So one at most
 * receives. It handles the call that it got by itself, while nobody receives, and goes on to the
 * next; what others call meanwhile waits, for most handlers take a few microseconds.
 *
 * A handler that is going to wait for somebody says so (call_waits), and a parked worker, or a new
 * one, receives in its place: a server inside the view, whose reply it waits for, is served. So
 * is one called for where calls of several threads stand in a queue and there are further
 * processors. Who has answered a call and finds another one receiving is parked.
 *
 * Not every wait is foreseen: a real file system may be slow, or served by a process of the view; a
 * guest's memory may be paged in by another guest. The watch looks every millisecond, as long as
 * there are calls, whether nobody has received for all of it, and then calls for a worker as well.
 * So that is a matter of speed alone.
 */
#include "engine/pidfd.h"

#include <sched.h>

#include "base/log.h"

#define MAX_PARKED 4
#define MAX_WORKERS 8192
#define WAIT_KEEPS 16 /* so many keep their pidfds while they wait */
#define STACK_SIZE (512 * 1024)
#define WATCH_STACK_SIZE (64 * 1024)
#define TICK_NS 1000000
#define QUIET_TICKS 10	  /* without a call, until the watch sleeps */
#define QUEUE_GAP_NS 5000 /* a call that comes so soon after the last answer has waited for it */
#define QUEUE_LEN 16	  /* so many of them in a row, of different threads */

struct worker {
	struct engine *e;
	bool waits;	/* its call is counted in pool->waiting */
	pid_t last_tid; /* whose call was the last */
	uint64_t last_end;
	int queued; /* calls that had waited, in a row */
	struct pidfds pidfds;
};

/* The worker that a thread is. What waits may be deep down in a driver that knows of no call. */
static _Thread_local struct worker *self;

struct pidfds *pool_pidfds(void)
{
	return self ? &self->pidfds : NULL;
}

static bool take_parked(struct pool *p)
{
	int n = atomic_load(&p->parked);

	while (n > 0)
		if (atomic_compare_exchange_weak(&p->parked, &n, n - 1))
			return true;
	return false;
}

static void *worker(void *arg);

static int start_thread(pthread_t *ret, size_t stack, bool detached, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack);
	if (detached)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(ret, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return -err;
}

/* Becomes a receiver, who is counted already. */
static void spawn_worker(struct engine *e)
{
	struct pool *p = &e->pool;
	pthread_t t;

	if (!atomic_load(&p->stopping) && atomic_load(&p->alive) < MAX_WORKERS) {
		atomic_fetch_add(&p->alive, 1);
		if (start_thread(&t, STACK_SIZE, true, worker, e) == 0) {
			atomic_store_explicit(&p->starved, false, memory_order_relaxed);
			return;
		}
		atomic_fetch_sub(&p->alive, 1);
		/* RLIMIT_NPROC counts the guests' processes as well; the watch tries again */
		if (!atomic_exchange(&p->starved, true))
			log_error("a worker could not be started: calls wait for others to end");
	}
	atomic_fetch_sub(&p->receivers, 1);
}

/* Sees to it that somebody receives. */
static void want_receiver(struct engine *e)
{
	struct pool *p = &e->pool;
	int none = 0;

	if (!atomic_compare_exchange_strong(&p->receivers, &none, 1))
		return;
	if (take_parked(p))
		sem_post(&p->token);
	else
		spawn_worker(e);
}

void call_waits(void)
{
	struct worker *w = self;

	if (!w || w->waits)
		return;
	w->waits = true;
	if (atomic_fetch_add(&w->e->pool.waiting, 1) >= WAIT_KEEPS)
		pidfds_drop(&w->pidfds); /* a thousand may wait */
	want_receiver(w->e);
}

/* Do calls of several threads wait for each other, though processors may be idle? */
static bool queue_stands(struct worker *w, const struct call *c)
{
	struct pool *p = &w->e->pool;
	bool waited = c->tid != w->last_tid && c->t_recv - w->last_end < QUEUE_GAP_NS;

	w->last_tid = c->tid;
	w->queued = waited ? w->queued + 1 : 0;
	if (w->queued < QUEUE_LEN)
		return false;
	w->queued = 0;
	return atomic_load(&p->alive) - atomic_load(&p->parked) - atomic_load(&p->waiting) <
	       p->cpus;
}

void pool_received(struct engine *e, const struct call *c)
{
	struct pool *p = &e->pool;

	atomic_fetch_sub(&p->receivers, 1);
	atomic_fetch_add_explicit(&p->received, 1, memory_order_relaxed);
	if (atomic_load(&p->watch_asleep) && atomic_exchange(&p->watch_asleep, false))
		sem_post(&p->watch_wake);
	if (queue_stands(self, c))
		want_receiver(e);
}

/* The call is answered. True: the worker is to receive the next one. */
static bool go_on(struct worker *w, uint64_t now)
{
	struct pool *p = &w->e->pool;
	int none = 0;

	w->last_end = now;
	if (w->waits) {
		w->waits = false;
		atomic_fetch_sub(&p->waiting, 1);
	}
	if (atomic_compare_exchange_strong(&p->receivers, &none, 1))
		return true;
	if (atomic_fetch_add(&p->parked, 1) >= MAX_PARKED || atomic_load(&p->stopping))
		if (take_parked(p))
			return false;
	while (sem_wait(&p->token) < 0)
		;
	if (!atomic_load(&p->stopping))
		return true;
	atomic_fetch_sub(&p->receivers, 1);
	return false;
}

static void *worker(void *arg)
{
	struct worker w = { .e = arg };
	struct engine *e = arg;
	_cleanup_free_ struct seccomp_notif *n = calloc(1, e->notif_size);
	_cleanup_free_ struct seccomp_notif_resp *r = calloc(1, e->resp_size);

	self = &w;
	while (n && r && !atomic_load_explicit(&e->pool.stopping, memory_order_relaxed)) {
		int got = notify_serve(e, n, r);

		if (got < 0)
			atomic_store(&e->pool.stopping, true);
		if (got > 0 && !go_on(&w, now_ns()))
			goto parted;
	}
	atomic_fetch_sub(&e->pool.receivers, 1);
parted:
	pidfds_drop(&w.pidfds);
	self = NULL;
	atomic_fetch_sub(&e->pool.alive, 1);
	return NULL;
}

/* ---- the watch ---- */

/* Nobody calls: until somebody does. */
static void watch_sleep(struct pool *p, unsigned received)
{
	atomic_store(&p->watch_asleep, true);
	/* a call that came before it was said wakes nobody */
	if (atomic_load(&p->receivers) > 0 && atomic_load(&p->received) == received &&
		!atomic_load(&p->stopping))
		(void)sem_wait(&p->watch_wake); /* too early does no harm */
	atomic_store(&p->watch_asleep, false);
}

static void *watch(void *arg)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	struct engine *e = arg;
	struct pool *p = &e->pool;
	unsigned last = 0, quiet = 0;

	while (!atomic_load(&p->stopping)) {
		unsigned received = atomic_load(&p->received);
		bool nobody = atomic_load(&p->receivers) == 0;

		if (received == last && nobody)
			want_receiver(e);
		quiet = received == last && !nobody ? quiet + 1 : 0;
		last = received;
		if (quiet < QUIET_TICKS)
			(void)nanosleep(&tick, NULL);
		else
			watch_sleep(p, received);
	}
	return NULL;
}

/* ---- life ---- */

int pool_start(struct engine *e)
{
	struct pool *p = &e->pool;
	cpu_set_t set;
	int r;

	p->cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	if (sem_init(&p->token, 0, 0) < 0 || sem_init(&p->watch_wake, 0, 0) < 0)
		return -errno;
	/* before the watch, which would see to it as well: only then are we the one who knows */
	want_receiver(e);
	if (atomic_load(&p->alive) == 0)
		return -ENOMEM;
	r = start_thread(&p->watch, WATCH_STACK_SIZE, false, watch, e);
	p->watched = r == 0;
	return r;
}

/* Workers in RECV wake up when the last task with the filter is gone: the launcher has ended. */
void pool_stop(struct engine *e)
{
	uint64_t until = now_ns() + 2 * NSEC_PER_SEC;
	struct pool *p = &e->pool;

	atomic_store(&p->stopping, true);
	while (take_parked(p)) {
		atomic_fetch_add(&p->receivers, 1);
		sem_post(&p->token);
	}
	if (p->watched) {
		sem_post(&p->watch_wake);
		pthread_join(p->watch, NULL);
		p->watched = false;
	}
	while (atomic_load(&p->alive) > 0 && now_ns() < until)
		usleep(1000);
	if (atomic_load(&p->alive) > 0)
		log_warn("%d workers are still at work at the end", atomic_load(&p->alive));
}

void engine_workers(const struct engine *e, int *ret_alive, int *ret_idle)
{
	*ret_alive = atomic_load(&e->pool.alive);
	*ret_idle = atomic_load(&e->pool.receivers) + atomic_load(&e->pool.parked);
}
