/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. lwIP counts time in ticks of a function for each protocol; its own timers go
 * off ten times a second, also for multicast groups that nobody has joined. Here a tick that would
 * do nothing is not made: a protocol says for how many of the next ones that is so (idle), as long
 * as nothing comes in and nobody asks for anything. Then those are made up for first. So a view
 * that does nothing sleeps, with open connections too.
 */
#include <assert.h>
#include <limits.h>
#include <lwip/etharp.h>
#include <lwip/igmp.h>
#include <lwip/ip4_frag.h>
#include <lwip/ip6_frag.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include "net/lwip/endpoint.h"
#include "net/lwip/stack.h"
#include "net/lwip/timewait.h"

#define HOLD_MS 200 /* as the kernel: the most that MSG_MORE and TCP_CORK hold something back */
#define ACK_MS 2    /* an ACK waits for an answer that takes it along, half as long at least */
#define FOR_EVER UINT_MAX
#define TCP_TIMER 0
/* After what happened last nothing is sent or given up any more: a neighbour that does not answer,
 * a router that is looked for, an address that is tried, a datagram of which a fragment is missing
 * (of IPv6 a minute). */
#define SETTLED_MS 20000
#define SETTLED6_MS 65000
#define MADE_UP_MAX 100000

/* ---- TCP ---- */

static bool tcp_is_used(UNUSED const struct stack *st)
{
	return tcp_active_pcbs || tcp_tw_pcbs || timewait_count();
}

static void tcp_tick(void)
{
	tcp_tmr();
	timewait_tick();
}

/* Of a connection, in steps of TCP_SLOW_INTERVAL. */
static unsigned connection_idle(const struct tcp_pcb *p)
{
	const bool open = p->state == ESTABLISHED || p->state == CLOSE_WAIT;
	const u32_t since = tcp_ticks - p->tmr;
	u32_t probe;

	if (!open || p->unacked || p->unsent || p->ooseq || p->refused_data || p->persist_backoff ||
		p->rtime >= 0 || p->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_FIN | TF_CLOSEPEND))
		return 0;
	if (!ip_get_option(p, SOF_KEEPALIVE))
		return FOR_EVER;
	probe = (p->keep_idle + p->keep_cnt_sent * p->keep_intvl) / TCP_SLOW_INTERVAL;
	return since < probe ? probe - since : 0;
}

/* (connections that are over are found to be when something happens) */
static unsigned tcp_idle(UNUSED const struct stack *st)
{
	unsigned least = FOR_EVER;

	for (const struct tcp_pcb *p = tcp_active_pcbs; p && least; p = p->next) {
		unsigned n = connection_idle(p);

		least = n < least ? n : least;
	}
	return least > FOR_EVER / 2 ? FOR_EVER : least * (TCP_SLOW_INTERVAL / TCP_TMR_INTERVAL);
}

/* The last ones are made: connections that are over go at one of them. */
static void tcp_make_up(uint64_t ticks)
{
	const uint64_t slow = TCP_SLOW_INTERVAL / TCP_TMR_INTERVAL,
		       made = LWIP_MIN(ticks, slow + ticks % slow);

	tcp_ticks += (u32_t)((ticks - made) / slow);
	for (uint64_t i = 0; i < made; i++)
		tcp_tick();
}

/* ---- the others ---- */

/* Is there a wire? */
static bool has_wire(const struct stack *st)
{
	return st->ifaces && st->ifaces->next;
}

/* While TCP ticks it may send, which asks for neighbours. */
static unsigned idle_after(const struct stack *st, uint64_t ms)
{
	const bool tcp_ticks_on = tcp_is_used(st) && !st->ticking[TCP_TIMER].stopped;

	return !tcp_ticks_on && now_ns() - st->happened_ns > ms * NSEC_PER_MSEC ? FOR_EVER : 0;
}

static unsigned wire_idle(const struct stack *st)
{
	return idle_after(st, SETTLED_MS);
}

static unsigned reass6_idle(const struct stack *st)
{
	return idle_after(st, SETTLED6_MS);
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

/* ---- all of them ---- */

static const struct timer {
	unsigned ms;
	void (*run)(void);
	bool (*needed)(const struct stack *st);
	/* How many of the next ticks would do nothing, unless something happens; NULL: none. */
	unsigned (*idle)(const struct stack *st);
	void (*make_up)(uint64_t ticks); /* NULL: by that many runs */
} timers[] = {
	[TCP_TIMER] = { TCP_TMR_INTERVAL, tcp_tick, tcp_is_used, tcp_idle, tcp_make_up },
	{ ARP_TMR_INTERVAL, etharp_tmr, has_wire, wire_idle, NULL },
	{ ND6_TMR_INTERVAL, nd6_tmr, has_wire, wire_idle, NULL },
	{ IP_TMR_INTERVAL, ip_reass_tmr, has_wire, wire_idle, NULL },
	{ IP6_REASS_TMR_INTERVAL, ip6_reass_tmr, has_wire, reass6_idle, NULL },
	{ IGMP_TMR_INTERVAL, igmp_tmr, igmp_waits, NULL, NULL },
	{ MLD6_TMR_INTERVAL, mld6_tmr, mld_waits, NULL, NULL },
	{ 1000, neighbours_tick, connecting, NULL, NULL },
	{ HOLD_MS, streams_flush, holding, NULL, NULL },
	{ ACK_MS, streams_ack, streams_owe, NULL, NULL },
};
static_assert(ARRAY_SIZE(timers) == STACK_TIMERS, "struct stack has one each");

static uint64_t now_ms(void)
{
	return now_ns() / NSEC_PER_MSEC;
}

/* It ticks again. What it is late (we were stopped) is nothing that it was idle for. */
static void resume(const struct timer *t, struct ticking *k, uint64_t now)
{
	uint64_t missed;

	if (!k->stopped)
		return;
	missed = (LWIP_MIN(now, k->due) - k->stopped) / t->ms;
	k->due = k->stopped + (missed + 1) * t->ms;
	k->stopped = 0;
	if (t->make_up) {
		t->make_up(missed);
		return;
	}
	for (missed = LWIP_MIN(missed, MADE_UP_MAX); missed > 0; missed--)
		t->run();
}

static void resume_all(struct stack *st, uint64_t now)
{
	for (size_t i = 0; i < STACK_TIMERS; i++)
		resume(&timers[i], &st->ticking[i], now);
}

void timers_resume(struct stack *st)
{
	st->happened_ns = now_ns();
	resume_all(st, st->happened_ns / NSEC_PER_MSEC);
}

/* Is one due that was stopped, or that goes only while there is something for it to send? */
static bool one_wakes(const struct stack *st, uint64_t now)
{
	for (size_t i = 0; i < STACK_TIMERS; i++) {
		const struct ticking *k = &st->ticking[i];

		if (k->due && k->due <= now && (k->stopped || !timers[i].idle))
			return true;
	}
	return false;
}

/* A tick that is due; when the next one is. */
static void tick(struct stack *st, const struct timer *t, struct ticking *k, uint64_t now)
{
	unsigned idle;

	if (k->due)
		t->run();
	idle = k->due && t->idle ? t->idle(st) : 0;
	k->stopped = idle ? now : 0;
	k->due = idle == FOR_EVER ? UINT64_MAX : now + (uint64_t)t->ms * (idle + 1);
}

int timers_run(struct stack *st)
{
	const uint64_t now = now_ms();
	uint64_t next = UINT64_MAX;

	if (one_wakes(st, now)) /* all do: what one sends is of now to the others */
		resume_all(st, now);
	for (size_t i = 0; i < STACK_TIMERS; i++) {
		struct ticking *k = &st->ticking[i];

		if (!timers[i].needed(st)) {
			*k = (struct ticking){ 0 };
			continue;
		}
		if (k->due <= now)
			tick(st, &timers[i], k, now);
		next = k->due < next ? k->due : next;
	}
	if (next == UINT64_MAX)
		return -1;
	return next - now < INT_MAX ? (int)(next - now) : INT_MAX;
}
