/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /sys/class/net/IF/... (sysfs(5)) and /proc/sys/net. */
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>

#include "net/lwip/procnet.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

static void put_mac(FILE *f, const uint8_t mac[6])
{
	fprintf(f, "%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

/* ---- what a folder has in it, a line each (net/proto.h) ---- */

static bool list(FILE *f, char type, const char *name)
{
	return fprintf(f, "%c %s\n", type, name) > 0;
}

/* Those that an interface has a number of. (In this and those that follow: of all when no name is
 * asked for, they are listed.) */
static bool show_number(const struct iface *i, const char *name, FILE *f)
{
	const bool on = i->admin_up && i->carrier;
	const struct {
		const char *name, *format;
		unsigned value;
	} numbers[] = {
		{ "addr_assign_type", "%u\n",
			i->spec && i->spec->has_mac ? 3
			: i->spec		    ? 1
						    : 0 },
		{ "addr_len", "%u\n", 6 },
		{ "carrier", "%u\n", on },
		{ "carrier_changes", "%u\n", i->carrier_changes[0] + i->carrier_changes[1] },
		{ "carrier_down_count", "%u\n", i->carrier_changes[false] },
		{ "carrier_up_count", "%u\n", i->carrier_changes[true] },
		{ "dev_id", "0x%x\n", 0 },
		{ "dev_port", "%u\n", 0 },
		{ "dormant", "%u\n", 0 },
		{ "flags", "0x%x\n", iface_flags(i) & ~(unsigned)IFF_RUNNING },
		{ "ifindex", "%u\n", (unsigned)iface_index(i) },
		{ "iflink", "%u\n", (unsigned)iface_index(i) },
		{ "link_mode", "%u\n", 0 },
		{ "mtu", "%u\n", i->spec ? i->netif.mtu : 65536u },
		{ "netdev_group", "%u\n", 0 },
		{ "proto_down", "%u\n", 0 },
		{ "tx_queue_len", "%u\n", i->txqlen },
		{ "type", "%u\n", i->spec ? ARPHRD_ETHER : ARPHRD_LOOPBACK },
	};

	for (size_t k = 0; k < ARRAY_SIZE(numbers); k++) {
		if (!name)
			list(f, 'f', numbers[k].name);
		else if (strcmp(numbers[k].name, name) == 0)
			return fprintf(f, numbers[k].format, numbers[k].value) > 0;
	}
	return !name;
}

static bool show_counter(const struct iface *i, const char *name, FILE *f)
{
	static const char *const never[] = { "collisions", "multicast", "rx_compressed",
		"rx_crc_errors", "rx_errors", "rx_fifo_errors", "rx_frame_errors",
		"rx_length_errors", "rx_missed_errors", "rx_nohandler", "rx_over_errors",
		"tx_aborted_errors", "tx_carrier_errors", "tx_compressed", "tx_errors",
		"tx_fifo_errors", "tx_heartbeat_errors", "tx_window_errors" };
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{ "rx_bytes", i->rx.bytes },
		{ "rx_dropped", i->rx.dropped },
		{ "rx_packets", i->rx.packets },
		{ "tx_bytes", i->tx.bytes },
		{ "tx_dropped", i->tx.dropped },
		{ "tx_packets", i->tx.packets },
	};

	for (size_t k = 0; k < ARRAY_SIZE(counters); k++) {
		if (!name)
			list(f, 'f', counters[k].name);
		else if (strcmp(counters[k].name, name) == 0)
			return fprintf(f, "%llu\n", (unsigned long long)counters[k].value) > 0;
	}
	for (size_t k = 0; k < ARRAY_SIZE(never); k++) {
		if (!name)
			list(f, 'f', never[k]);
		else if (strcmp(never[k], name) == 0)
			return fputs("0\n", f) >= 0;
	}
	return !name;
}

/* That of "eth0" or "eth0/..."; *ret_rest: what follows the slash, or NULL. */
static const struct iface *find_iface(struct stack *st, const char *path, const char **ret_rest)
{
	const size_t n = strcspn(path, "/");
	char word[IFNAMSIZ];

	if (n >= sizeof(word))
		return NULL;
	memcpy(word, path, n);
	word[n] = '\0';
	*ret_rest = path[n] ? path + n + 1 : NULL;
	return iface_by_name(st, word);
}

bool sysnet_list_class(struct stack *st, FILE *f)
{
	for (const struct iface *i = st->ifaces; i; i = i->next)
		fprintf(f, "l %s ../../devices/virtual/net/%s\n", i->name, i->name);
	return true;
}

bool sysnet_list(struct stack *st, const char *path, FILE *f)
{
	static const char *const others[] = { "address", "broadcast", "ifalias", "operstate",
		"uevent" };
	const struct iface *i;
	const char *rest;

	if (!*path) {
		for (i = st->ifaces; i; i = i->next)
			list(f, 'd', i->name);
		return true;
	}
	i = find_iface(st, path, &rest);
	if (!i)
		return false;
	if (rest)
		return strcmp(rest, "statistics") == 0 && show_counter(i, NULL, f);
	for (size_t k = 0; k < ARRAY_SIZE(others); k++)
		list(f, 'f', others[k]);
	fputs("d statistics\nl subsystem ../../../../class/net\n", f);
	return show_number(i, NULL, f);
}

bool sysnet_show(struct stack *st, const char *path, FILE *f)
{
	static const uint8_t all_ones[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const char *name;
	const struct iface *i = find_iface(st, path, &name);

	if (!i || !name)
		return false;
	if (strncmp(name, "statistics/", 11) == 0)
		return show_counter(i, name + 11, f);
	if (strcmp(name, "address") == 0)
		put_mac(f, i->netif.hwaddr);
	else if (strcmp(name, "broadcast") == 0)
		put_mac(f, i->spec ? all_ones : i->netif.hwaddr);
	else if (strcmp(name, "ifalias") == 0)
		fprintf(f, "%s%s", i->ifalias, i->ifalias[0] ? "\n" : "");
	else if (strcmp(name, "operstate") == 0)
		fputs(!i->admin_up || !i->carrier ? "down\n" : i->spec ? "up\n" : "unknown\n", f);
	else if (strcmp(name, "uevent") == 0)
		fprintf(f, "INTERFACE=%s\nIFINDEX=%d\n", i->name, iface_index(i));
	else
		return show_number(i, name, f);
	return true;
}

/* As this stack is; nothing of it can be changed. What is in one folder stands together. */
static const struct {
	const char *name, *text;
} settings[] = {
	{ "core/somaxconn", TEXT(BACKLOG_MAX) "\n" },
	{ "ipv4/conf/all/forwarding", "0\n" },
	{ "ipv4/icmp_echo_ignore_all", "0\n" },
	{ "ipv4/ip_default_ttl", "64\n" },
	{ "ipv4/ip_forward", "0\n" },
	{ "ipv4/ip_local_port_range", TEXT(PORT_FIRST) "\t" TEXT(PORT_LAST) "\n" },
	{ "ipv4/ip_nonlocal_bind", "0\n" },
	{ "ipv4/ip_unprivileged_port_start", "0\n" },
	{ "ipv4/ipfrag_time", TEXT(IP_REASS_MAXAGE) "\n" },
	{ "ipv4/ping_group_range", "0\t2147483647\n" },
	{ "ipv4/tcp_recovery", "0\n" },
	{ "ipv4/tcp_sack", "0\n" },
	{ "ipv6/auto_flowlabels", "0\n" },
	{ "ipv6/bindv6only", "0\n" },
	{ "ipv6/conf/all/disable_ipv6", "0\n" },
	{ "ipv6/conf/all/forwarding", "0\n" },
	{ "ipv6/ip6frag_time", TEXT(IPV6_REASS_MAXAGE) "\n" },
	{ "ipv6/ip_nonlocal_bind", "0\n" },
};

bool sysctl_show(const char *path, FILE *f)
{
	for (size_t k = 0; k < ARRAY_SIZE(settings); k++) {
		if (strcmp(settings[k].name, path) == 0)
			return fputs(settings[k].text, f) >= 0;
	}
	return false;
}

bool sysctl_list(const char *path, FILE *f)
{
	const size_t len = strlen(path);
	const char *before = NULL;
	size_t before_len = 0;

	for (size_t k = 0; k < ARRAY_SIZE(settings); k++) {
		const char *name = settings[k].name;
		size_t n;

		if (strncmp(name, path, len) != 0 || (len && name[len] != '/'))
			continue;
		name += len ? len + 1 : 0;
		n = strcspn(name, "/");
		if (before && n == before_len && memcmp(name, before, n) == 0)
			continue;
		fprintf(f, "%c %.*s\n", name[n] ? 'd' : 'f', (int)n, name);
		before = name;
		before_len = n;
	}
	return before;
}
