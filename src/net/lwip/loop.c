/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. liblwip is built for a thread of its own with a mailbox; here neither is
 * used: all of it runs in this loop, which calls what comes in and what is due (lwIP's own timers
 * go off ten times a second for multicast groups that nobody has joined). What it would ask that
 * thread to do later, deliver packets to itself, is our netif_loop_output() (iface.c), which takes
 * the place of its own.
 */
#include <lwip/init.h>
#include <lwip/timeouts.h>
#include <lwip/tcp.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/etharp.h>
#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/ip4_frag.h>
#include <lwip/ip6_frag.h>

#include "net/lwip/embryo.h"
#include "net/lwip/endpoint.h"
#include "net/lwip/stack.h"

#define EVENTS 64
#define HOLD_MS 200 /* as the kernel: the most that MSG_MORE and TCP_CORK hold something back */

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

int stack_init(struct stack *st)
{
	*st = (struct stack){ .epoll = epoll_create1(EPOLL_CLOEXEC),
		.scratch = malloc(SCRATCH_BYTES) };
	st->loop.last = &st->loop.first;
	if (st->epoll < 0 || !st->scratch)
		return st->epoll < 0 ? -errno : -ENOMEM;
	srand((unsigned)now_ns() ^ (unsigned)getpid());
	lwip_init();
	the_stack = st;
	if (embryos_listen(st) < 0 || icmp_errors_listen(st) < 0)
		return -ENOMEM;
	return iface_add_loopback(st);
}

/* ---- timers ---- */

static bool tcp_is_used(UNUSED const struct stack *st)
{
	return tcp_active_pcbs || tcp_tw_pcbs;
}

/* Is there a wire? */
static bool has_wire(const struct stack *st)
{
	return st->ifaces && st->ifaces->next;
}

static bool igmp_waits(const struct stack *st)
{
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		for (struct igmp_group *g = netif_igmp_data(&i->netif); g; g = g->next) {
			if (g->timer > 0)
				return true;
		}
	}
	return false;
}

static bool mld_waits(const struct stack *st)
{
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		for (struct mld_group *g = netif_mld6_data(&i->netif); g; g = g->next) {
			if (g->timer > 0)
				return true;
		}
	}
	return false;
}

static bool connecting(const struct stack *st)
{
	return st->connecting > 0;
}

static bool holding(const struct stack *st)
{
	return st->holding;
}

static const struct timer {
	unsigned ms;
	void (*run)(void);
	bool (*needed)(const struct stack *st);
} timers[] = {
	{ TCP_TMR_INTERVAL, tcp_tmr, tcp_is_used },
	{ ARP_TMR_INTERVAL, etharp_tmr, has_wire },
	{ ND6_TMR_INTERVAL, nd6_tmr, has_wire },
	{ IP_TMR_INTERVAL, ip_reass_tmr, has_wire },
	{ IP6_REASS_TMR_INTERVAL, ip6_reass_tmr, has_wire },
	{ IGMP_TMR_INTERVAL, igmp_tmr, igmp_waits },
	{ MLD6_TMR_INTERVAL, mld6_tmr, mld_waits },
	{ 1000, neighbours_tick, connecting },
	{ HOLD_MS, streams_flush, holding },
};

/* Runs what is due; milliseconds until the next, or -1. */
static int run_timers(const struct stack *st, uint64_t due[ARRAY_SIZE(timers)])
{
	uint64_t now = now_ns() / 1000000;
	int next = -1;

	for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
		if (!timers[i].needed(st)) {
			due[i] = 0;
			continue;
		}
		if (due[i] && due[i] <= now)
			timers[i].run();
		if (due[i] <= now)
			due[i] = now + timers[i].ms;
		if (next < 0 || due[i] - now < (uint64_t)next)
			next = (int)(due[i] - now);
	}
	return next;
}

/* No longer than until the deadline. */
static int bounded(int timeout, uint64_t deadline)
{
	const uint64_t now = now_ns(), left = deadline > now ? (deadline - now) / 1000000 + 1 : 0;

	return timeout < 0 || (uint64_t)timeout > left ? (int)left : timeout;
}

void stack_run(struct stack *st, bool (*until)(const struct stack *st), uint64_t deadline)
{
	uint64_t due[ARRAY_SIZE(timers)] = { 0 };
	struct epoll_event ev[EVENTS];

	while (st->epoll >= 0 && !(until && (until(st) || now_ns() >= deadline))) {
		int n, timeout = run_timers(st, due);

		if (until)
			timeout = bounded(timeout, deadline);
		loop_deliver(st);
		endpoints_free_dead(st);
		embryos_free_hatched(st);
		n = epoll_wait(st->epoll, ev, EVENTS, st->loop.first ? 0 : timeout);
		for (int i = 0; i < n; i++) {
			struct source *s = ev[i].data.ptr;

			if (s->fd >= 0)
				s->ready(s, ev[i].events);
		}
	}
}
