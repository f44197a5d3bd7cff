/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/ioctl.h"

#include <linux/sockios.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

static void put_addr(struct ifreq *ifr, uint32_t addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = addr };

	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
}

static uint32_t get_addr(const struct ifreq *ifr)
{
	struct sockaddr_in sin;

	memcpy(&sin, &ifr->ifr_addr, sizeof(sin));
	return sin.sin_addr.s_addr;
}

static int configuration(struct stack *st, void *data, uint32_t *len)
{
	struct ifreq *ifr = data;
	uint32_t room = *len / sizeof(*ifr), n = 0;

	for (struct iface *i = st->ifaces; i; i = i->next) {
		const struct netif *has;

		for (size_t k = 0; n < room && (has = iface_ip4(i, k)); k++) {
			memset(&ifr[n], 0, sizeof(*ifr));
			memcpy(ifr[n].ifr_name, i->name, IFNAMSIZ);
			put_addr(&ifr[n++], netif_ip4_addr(has)->addr);
		}
	}
	*len = n * (uint32_t)sizeof(*ifr);
	return 0;
}

static int prefix_of(uint32_t mask)
{
	return __builtin_popcount(mask);
}

static int set_address(struct iface *i, uint32_t addr, int prefix)
{
	const struct netif *has = iface_ip4(i, 0);
	struct net_addr old = { .family = AF_INET,
		.v4.s_addr = has ? netif_ip4_addr(has)->addr : 0 };
	struct net_addr new = { .family = AF_INET, .prefix = prefix, .v4.s_addr = addr };

	if (old.v4.s_addr && iface_del_ip(i, &old) < 0)
		return -EADDRNOTAVAIL;
	return addr ? iface_add_ip(i, &new) : 0;
}

static int class_prefix(uint32_t addr)
{
	uint8_t first = (uint8_t)(ntohl(addr) >> 24);

	return first < 128 ? 8 : first < 192 ? 16 : 24;
}

static int change(struct iface *i, unsigned command, const struct ifreq *ifr)
{
	switch (command) {
	case SIOCSIFFLAGS:
		iface_set_up(i, ifr->ifr_flags & IFF_UP);
		return 0;
	case SIOCSIFADDR:
		return set_address(i, get_addr(ifr), class_prefix(get_addr(ifr)));
	case SIOCSIFNETMASK:
		if (!iface_ip4(i, 0))
			return -EADDRNOTAVAIL;
		return set_address(
			i, netif_ip4_addr(iface_ip4(i, 0))->addr, prefix_of(get_addr(ifr)));
	case SIOCSIFMTU:
		if (ifr->ifr_mtu < 68 || ifr->ifr_mtu > 65535)
			return -EINVAL;
		i->netif.mtu = i->netif.mtu6 = (u16_t)ifr->ifr_mtu;
		iface_changed(i);
		return 0;
	case SIOCSIFBRDADDR:
	case SIOCSIFTXQLEN:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int ask(const struct iface *i, unsigned command, struct ifreq *ifr)
{
	const struct netif *n = &i->netif, *has = iface_ip4(i, 0);
	const uint32_t ip = has ? netif_ip4_addr(has)->addr : 0,
		       mask = has ? netif_ip4_netmask(has)->addr : 0;

	switch (command) {
	case SIOCGIFINDEX:
		ifr->ifr_ifindex = iface_index(i);
		return 0;
	case SIOCGIFFLAGS:
		ifr->ifr_flags = (short)iface_flags(i);
		return 0;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFBRDADDR:
		if (!ip)
			return -EADDRNOTAVAIL;
		put_addr(ifr, command == SIOCGIFNETMASK	  ? mask
			      : command == SIOCGIFBRDADDR ? i->spec ? ip | ~mask : 0
							  : ip);
		return 0;
	case SIOCGIFMTU:
		ifr->ifr_mtu = i->spec ? n->mtu : 65536;
		return 0;
	case SIOCGIFMETRIC:
		ifr->ifr_metric = 0;
		return 0;
	case SIOCGIFTXQLEN:
		ifr->ifr_qlen = 1000;
		return 0;
	case SIOCGIFHWADDR:
		memset(&ifr->ifr_hwaddr, 0, sizeof(ifr->ifr_hwaddr));
		ifr->ifr_hwaddr.sa_family = i->spec ? ARPHRD_ETHER : ARPHRD_LOOPBACK;
		memcpy(ifr->ifr_hwaddr.sa_data, n->hwaddr, 6);
		return 0;
	case SIOCETHTOOL:
		return -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}

/* arp(7) */
static int add_neighbour(struct stack *st, const void *data, uint32_t len)
{
	struct arpreq q;
	struct iface *i;

	if (len < sizeof(q))
		return -EINVAL;
	memcpy(&q, data, sizeof(q));
	q.arp_dev[sizeof(q.arp_dev) - 1] = '\0';
	if (q.arp_pa.sa_family != AF_INET)
		return -EPFNOSUPPORT;
	i = iface_by_name(st, q.arp_dev);
	if (!i || !i->spec)
		return i ? -EINVAL : -ENODEV;
	return iface_add_neighbour(i, ((const struct sockaddr_in *)&q.arp_pa)->sin_addr.s_addr,
		(const uint8_t *)q.arp_ha.sa_data);
}

int interface_ioctl(struct stack *st, unsigned command, void *data, uint32_t *len, bool privileged)
{
	struct ifreq *ifr = data;
	struct iface *i;

	if (command == SIOCGIFCONF)
		return configuration(st, data, len);
	if (*len < sizeof(*ifr))
		return -EINVAL;
	if (command == SIOCSARP)
		return privileged ? add_neighbour(st, data, *len) : -EPERM;
	ifr->ifr_name[IFNAMSIZ - 1] = '\0';
	if (command == SIOCGIFNAME) {
		i = iface_by_index(st, ifr->ifr_ifindex);
		if (i)
			memcpy(ifr->ifr_name, i->name, IFNAMSIZ);
		return i ? 0 : -ENODEV;
	}
	i = iface_by_name(st, ifr->ifr_name);
	if (!i)
		return -ENODEV;
	switch (command) {
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFBRDADDR:
	case SIOCSIFMTU:
	case SIOCSIFTXQLEN:
	case SIOCSIFHWADDR:
		return privileged ? change(i, command, ifr) : -EPERM;
	default:
		return ask(i, command, ifr);
	}
}
