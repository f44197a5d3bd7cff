/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/timewait.h"

#include <lwip/priv/tcp_priv.h>
#include <stdlib.h>

#include "base/util.h"

#define BUCKETS 4096
#define MOST 8192
#define TICKS (2 * TCP_MSL / TCP_SLOW_INTERVAL)

/* In a chain of those with like ports; and all of them, the oldest first, by lwIP's own link. */
static struct {
	struct over {
		struct tcp_pcb *pcb;
		struct over *next;	      /* in its chain */
		struct over *younger, *older; /* of all */
	} * of[BUCKETS], *oldest, *youngest;
	unsigned n;
	uint16_t ports[UINT16_MAX + 1]; /* how many have this one */
} all;

static struct over **bucket(uint16_t local_port, uint16_t remote_port)
{
	return &all.of[(remote_port * 31u + local_port) % BUCKETS];
}

/* To the end of lwIP's own list. */
static void give_back(struct over *o)
{
	struct over **p = bucket(o->pcb->local_port, o->pcb->remote_port);

	while (*p != o)
		p = &(*p)->next;
	*p = o->next;
	*(o->older ? &o->older->younger : &all.oldest) = o->younger;
	*(o->younger ? &o->younger->older : &all.youngest) = o->older;
	all.ports[o->pcb->local_port]--;
	all.n--;
	o->pcb->next = tcp_tw_pcbs;
	tcp_tw_pcbs = o->pcb;
	free(o);
}

static void end(struct over *o)
{
	struct tcp_pcb *pcb = o->pcb;

	give_back(o);
	tcp_abort(pcb); /* of such a one says nothing */
}

static void take(struct over *o, struct tcp_pcb *pcb)
{
	struct over **b = bucket(pcb->local_port, pcb->remote_port);

	*o = (struct over){ .pcb = pcb, .next = *b, .older = all.youngest };
	*b = o;
	*(all.youngest ? &all.youngest->younger : &all.oldest) = o;
	all.youngest = o;
	all.ports[pcb->local_port]++;
	all.n++;
}

void timewait_collect(void)
{
	struct tcp_pcb **p = &tcp_tw_pcbs;

	while (*p) {
		struct tcp_pcb *pcb = *p;
		struct over *o = pcb->callback_arg ? NULL : malloc(sizeof(*o));

		if (!o) { /* a socket still has it */
			p = &pcb->next;
			continue;
		}
		*p = pcb->next;
		take(o, pcb);
	}
	while (all.n > MOST)
		end(all.oldest);
}

void timewait_segment(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
	uint16_t remote_port, bool over)
{
	struct over *o = *bucket(local_port, remote_port);

	while (o && !(o->pcb->local_port == local_port && o->pcb->remote_port == remote_port &&
			    ip_addr_cmp_zoneless(&o->pcb->local_ip, local) &&
			    ip_addr_cmp_zoneless(&o->pcb->remote_ip, remote)))
		o = o->next;
	if (o && over)
		end(o);
	else if (o)
		give_back(o);
}

void timewait_tick(void)
{
	while (all.oldest && tcp_ticks - all.oldest->pcb->tmr > TICKS)
		end(all.oldest);
}

unsigned timewait_count(void)
{
	return all.n;
}

bool timewait_has_port(uint16_t port, bool (*overlap)(const ip_addr_t *, const ip_addr_t *),
	const ip_addr_t *local)
{
	if (!all.ports[port])
		return false;
	for (const struct over *o = all.oldest; o; o = o->younger) {
		if (o->pcb->local_port == port && overlap(&o->pcb->local_ip, local))
			return true;
	}
	return false;
}
