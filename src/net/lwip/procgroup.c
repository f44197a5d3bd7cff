/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/net: the groups that are heard, and routes of IPv6. */
#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <net/if.h>
#include <net/route.h>
#include <string.h>

#include "net/lwip/procnet.h"

static void put_hex(FILE *f, const void *data, size_t len)
{
	for (size_t k = 0; k < len; k++)
		fprintf(f, "%02x", ((const uint8_t *)data)[k]);
}

void procnet_igmp(struct stack *st, FILE *f)
{
	fputs("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n", f);
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		unsigned n = 0;

		for (const struct igmp_group *g = netif_igmp_data(&i->netif); g; g = g->next)
			n++;
		if (!n)
			continue;
		fprintf(f, "%d\t%-10s: %5u      V2\n", iface_index(i), i->name, n);
		for (const struct igmp_group *g = netif_igmp_data(&i->netif); g; g = g->next)
			fprintf(f, "\t\t\t\t%08X %5u %d:%08X\t\t%u\n", g->group_address.addr,
				g->use ? g->use : 1u, g->timer > 0, g->timer,
				g->last_reporter_flag);
	}
}

static void put_group6(FILE *f, const struct iface *i, const void *group, unsigned users)
{
	fprintf(f, "%-4d %-15s ", iface_index(i), i->name);
	put_hex(f, group, 16);
	fprintf(f, " %5u 0000000C 0\n", users);
}

static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 }; /* heard without being asked for */

void procnet_igmp6(struct stack *st, FILE *f)
{
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		if (!i->admin_up)
			continue;
		for (const struct mld_group *g = netif_mld6_data(&i->netif); g; g = g->next)
			put_group6(f, i, g->group_address.addr, g->use ? g->use : 1u);
		put_group6(f, i, all_nodes, 1);
	}
}

static void put_station(FILE *f, const struct iface *i, const uint8_t mac[6])
{
	fprintf(f, "%-4d %-15s %-5d %-5d ", iface_index(i), i->name, 1, 0);
	put_hex(f, mac, 6);
	fputc('\n', f);
}

/* What a card would be told to take. */
void procnet_dev_mcast(struct stack *st, FILE *f)
{
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		uint8_t v4[6] = { 1, 0, 0x5e }, v6[6] = { 0x33, 0x33, 0, 0, 0, 1 };

		if (!i->spec || !i->admin_up)
			continue;
		put_station(f, i, v6);
		for (const struct igmp_group *g = netif_igmp_data(&i->netif); g; g = g->next) {
			const uint8_t *ip = (const void *)&g->group_address.addr;

			v4[3] = ip[1] & 0x7f;
			v4[4] = ip[2];
			v4[5] = ip[3];
			put_station(f, i, v4);
		}
		for (const struct mld_group *g = netif_mld6_data(&i->netif); g; g = g->next) {
			memcpy(v6 + 2, &g->group_address.addr[3], 4);
			put_station(f, i, v6);
		}
	}
}

void procnet_route6(struct stack *st, FILE *f)
{
	static const uint8_t any[16];

	for (size_t k = 0; k < st->nroutes; k++) {
		const struct route *r = &st->routes[k];
		const bool direct = ip_addr_isany(&r->gateway);

		if (r->family != AF_INET6)
			continue;
		put_hex(f, ip_2_ip6(&r->dst)->addr, 16);
		fprintf(f, " %02x ", r->prefix);
		put_hex(f, any, sizeof(any));
		fputs(" 00 ", f);
		put_hex(f, direct ? (const void *)any : ip_2_ip6(&r->gateway)->addr, 16);
		fprintf(f, " %08x 00000001 00000000 %08x %8s\n", r->metric,
			RTF_UP | (direct ? 0 : RTF_GATEWAY) | (r->prefix == 128 ? RTF_HOST : 0) |
				(route_refuses(r) ? RTF_REJECT : 0),
			r->iface->name);
	}
}
