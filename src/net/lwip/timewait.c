/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/timewait.h"

#include <lwip/priv/tcp_priv.h>
#include <stdlib.h>
#include <urcu/hlist.h>
#include <urcu/list.h>

#include "base/util.h"

#define BUCKETS 4096
#define MOST 8192
#define TICKS (2 * TCP_MSL / TCP_SLOW_INTERVAL)

struct over {
	struct tcp_pcb *pcb;
	struct cds_hlist_node hash;	  /* by its ports */
	struct cds_hlist_node same_local; /* by the local one */
	struct cds_list_head age;
};

static struct {
	struct cds_hlist_head of[BUCKETS], of_local[BUCKETS];
	struct cds_list_head by_age; /* the oldest first */
	unsigned n;
} all = { .by_age = CDS_LIST_HEAD_INIT(all.by_age) };

static struct cds_hlist_head *bucket(uint16_t local_port, uint16_t remote_port)
{
	return &all.of[(remote_port * 31u + local_port) % BUCKETS];
}

/* To the front of lwIP's own list. */
static void give_back(struct over *o)
{
	cds_hlist_del(&o->hash);
	cds_hlist_del(&o->same_local);
	cds_list_del(&o->age);
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

static struct over *oldest(void)
{
	return all.n ? cds_list_first_entry(&all.by_age, struct over, age) : NULL;
}

static void take(struct over *o, struct tcp_pcb *pcb)
{
	o->pcb = pcb;
	cds_hlist_add_head(&o->hash, bucket(pcb->local_port, pcb->remote_port));
	cds_hlist_add_head(&o->same_local, &all.of_local[pcb->local_port % BUCKETS]);
	cds_list_add_tail(&o->age, &all.by_age);
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
		end(oldest());
}

static struct over *find(
	const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
	struct over *o;

	cds_hlist_for_each_entry_2(o, bucket(local_port, remote_port), hash) {
		if (o->pcb->local_port == local_port && o->pcb->remote_port == remote_port &&
			ip_addr_cmp_zoneless(&o->pcb->local_ip, local) &&
			ip_addr_cmp_zoneless(&o->pcb->remote_ip, remote))
			return o;
	}
	return NULL;
}

void timewait_segment(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
	uint16_t remote_port, bool over)
{
	struct over *o = find(local, local_port, remote, remote_port);

	if (o && over)
		end(o);
	else if (o)
		give_back(o);
}

void timewait_tick(void)
{
	struct over *o;

	while ((o = oldest()) && tcp_ticks - o->pcb->tmr > TICKS)
		end(o);
}

unsigned timewait_count(void)
{
	return all.n;
}

bool timewait_any(
	uint16_t port, bool (*keeps)(const struct tcp_pcb *pcb, const void *arg), const void *arg)
{
	const struct over *o;

	cds_hlist_for_each_entry_2(o, &all.of_local[port % BUCKETS], same_local) {
		if (o->pcb->local_port == port && keeps(o->pcb, arg))
			return true;
	}
	return false;
}
