/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. liblwip is built for a thread of its own with a mailbox; here neither is
 * used: all of it runs in this loop, which calls what comes in and what is due (timers.c). What it
 * would ask that thread to do later, deliver packets to itself, is our netif_loop_output()
 * (iface.c), which takes the place of its own.
 */
#include <lwip/init.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/lwip/embryo.h"
#include "net/lwip/endpoint.h"
#include "net/lwip/stack.h"
#include "net/lwip/timewait.h"
#include "net/lwip/watch.h"

#define EVENTS 64
#define END_STEP_MS 100

struct stack *the_stack;

int source_add(struct stack *st, struct source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return epoll_ctl(st->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0 ? -errno : 0;
}

int source_change(struct stack *st, struct source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return epoll_ctl(st->epoll, EPOLL_CTL_MOD, s->fd, &ev) < 0 ? -errno : 0;
}

void source_close(struct stack *st, struct source *s)
{
	if (s->fd < 0)
		return;
	(void)epoll_ctl(st->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	close(take_fd(&s->fd));
}

static int share_memory(struct stack *st)
{
	void *p;

	st->shared_fd = memfd_create("shared", MFD_CLOEXEC);
	if (st->shared_fd < 0 || ftruncate(st->shared_fd, sizeof(*st->shared)) < 0)
		return -errno;
	p = mmap(NULL, sizeof(*st->shared), PROT_READ | PROT_WRITE, MAP_SHARED, st->shared_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	st->shared = p;
	return 0;
}

int stack_init(struct stack *st)
{
	*st = (struct stack){ .epoll = epoll_create1(EPOLL_CLOEXEC),
		.happened_ns = now_ns(),
		.namespace = -1,
		.scratch = malloc(SCRATCH_BYTES) };
	st->loop.last = &st->loop.first;
	CDS_INIT_LIST_HEAD(&st->news);
	CDS_INIT_LIST_HEAD(&st->alarmed);
	CDS_INIT_LIST_HEAD(&st->owing);
	if (st->epoll < 0 || !st->scratch)
		return st->epoll < 0 ? -errno : -ENOMEM;
	if (share_memory(st) < 0)
		return -ENOMEM;
	srand((unsigned)now_ns() ^ (unsigned)getpid());
	lwip_init();
	the_stack = st;
	if (embryos_listen(st) < 0 || watches_init(st) < 0 || icmp_errors_listen(st) < 0)
		return -ENOMEM;
	return iface_add_loopback(st);
}

/* No longer than until the deadline. */
static int bounded(int timeout, uint64_t deadline)
{
	const uint64_t now = now_ns(), left = deadline > now ? (deadline - now) / 1000000 + 1 : 0;

	return timeout < 0 || (uint64_t)timeout > left ? (int)left : timeout;
}

/* What has not gone out yet; a number that changes as it does. */
static uint64_t unsent(struct stack *st)
{
	uint64_t left = tcp_unsent(linger_for_fin(&st->linger));

	for (const struct iface *i = st->ifaces; i; i = i->next)
		left += i->out_count;
	return left;
}

/* What is over when the guests have gone is seen by events; but a peer that sends without an end
 * makes events for ever. */
static bool goes_on(struct stack *st, bool events)
{
	if (!st->ending)
		return true;
	if (!st->ending_ns)
		st->ending_ns = now_ns();
	return (events && now_ns() < st->ending_ns + LINGER_NS) ||
	       linger_on(&st->linger, unsent(st));
}

void stack_run(struct stack *st, bool (*until)(const struct stack *st), uint64_t deadline)
{
	struct epoll_event ev[EVENTS];
	int n = 1;

	while (goes_on(st, n > 0) && !(until && (until(st) || now_ns() >= deadline))) {
		int timeout;

		loop_deliver(st);
		timeout = timers_run(st);
		if (until)
			timeout = bounded(timeout, deadline);
		if (st->ending)
			timeout = unsent(st) == 0			 ? 0
				  : timeout < 0 || timeout > END_STEP_MS ? END_STEP_MS
									 : timeout;
		endpoints_free_dead(st);
		timewait_collect();
		ifaces_flush(st);
		n = epoll_wait(st->epoll, ev, EVENTS, st->loop.first ? 0 : timeout);
		if (n > 0)
			timers_resume(st);
		for (int i = 0; i < n; i++) {
			struct source *s = ev[i].data.ptr;

			if (s->fd >= 0)
				s->ready(s, ev[i].events);
		}
	}
}
