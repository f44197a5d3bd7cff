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

/* Those that an interface has a number of. */
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
		if (strcmp(numbers[k].name, name) == 0)
			return fprintf(f, numbers[k].format, numbers[k].value) > 0;
	}
	return false;
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
		if (strcmp(counters[k].name, name) == 0)
			return fprintf(f, "%llu\n", (unsigned long long)counters[k].value) > 0;
	}
	for (size_t k = 0; k < ARRAY_SIZE(never); k++) {
		if (strcmp(never[k], name) == 0)
			return fputs("0\n", f) >= 0;
	}
	return false;
}

bool sysnet_show(struct stack *st, const char *path, FILE *f)
{
	static const uint8_t all_ones[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const char *name = strchr(path, '/');
	char word[IFNAMSIZ];
	const struct iface *i;

	if (!name || (size_t)(name - path) >= sizeof(word))
		return false;
	memcpy(word, path, (size_t)(name - path));
	word[name++ - path] = '\0';
	i = iface_by_name(st, word);
	if (!i)
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

bool sysctl_show(const char *path, FILE *f)
{
	/* as this stack is; nothing of it can be changed */
	static const struct {
		const char *name, *text;
	} settings[] = {
		{ "ipv4/conf/all/forwarding", "0\n" },
		{ "ipv4/ip_default_ttl", "64\n" },
		{ "ipv4/ip_forward", "0\n" },
		{ "ipv4/ip_local_port_range", TEXT(PORT_FIRST) "\t" TEXT(PORT_LAST) "\n" },
		{ "ipv4/ip_nonlocal_bind", "0\n" },
		{ "ipv4/ip_unprivileged_port_start", "0\n" },
		{ "ipv4/ping_group_range", "0\t2147483647\n" },
		{ "ipv6/conf/all/disable_ipv6", "0\n" },
		{ "ipv6/conf/all/forwarding", "0\n" },
	};

	for (size_t k = 0; k < ARRAY_SIZE(settings); k++) {
		if (strcmp(settings[k].name, path) == 0)
			return fputs(settings[k].text, f) >= 0;
	}
	return false;
}
