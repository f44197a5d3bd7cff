/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/ioctl.h"

#include <linux/neighbour.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/lwip/netlink.h"

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
	struct ip4_label label = { 0 };

	if (old.v4.s_addr && iface_del_ip(i, &old) < 0)
		return -EADDRNOTAVAIL;
	if (i->spec && prefix < 31)
		label.broadcast = addr | ~net_prefix_mask(prefix);
	return addr ? iface_add_ip(i, &new, &label) : 0;
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
	case SIOCSIFTXQLEN:
		if (ifr->ifr_qlen < 0)
			return -EINVAL;
		i->txqlen = (unsigned)ifr->ifr_qlen;
		return 0;
	case SIOCSIFBRDADDR:
		if (!iface_ip4(i, 0))
			return -EADDRNOTAVAIL;
		iface_label(i, iface_ip4(i, 0))->broadcast = get_addr(ifr);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int ask(struct iface *i, unsigned command, struct ifreq *ifr)
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
			      : command == SIOCGIFBRDADDR ? iface_label(i, has)->broadcast
							  : ip);
		return 0;
	case SIOCGIFMTU:
		ifr->ifr_mtu = i->spec ? n->mtu : 65536;
		return 0;
	case SIOCGIFMETRIC:
		ifr->ifr_metric = 0;
		return 0;
	case SIOCGIFTXQLEN:
		ifr->ifr_qlen = (int)i->txqlen;
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

/* arp(7): the interface may be left out. */
static struct iface *arp_iface(struct stack *st, const struct arpreq *q, const ip_addr_t *ip)
{
	const struct route *r;

	if (q->arp_dev[0])
		return iface_by_name(st, q->arp_dev);
	r = route_find(st, ip, NULL);
	return r && ip_addr_isany(&r->gateway) ? r->iface : NULL;
}

static int arp(struct stack *st, unsigned command, void *data, uint32_t len)
{
	struct neighbour n = { .state = NUD_STALE };
	struct arpreq q;
	int r;

	if (len < sizeof(q))
		return -EINVAL;
	memcpy(&q, data, sizeof(q));
	q.arp_dev[sizeof(q.arp_dev) - 1] = '\0';
	if (q.arp_pa.sa_family != AF_INET)
		return -EPFNOSUPPORT;
	ip_addr_set_ip4_u32_val(n.ip, ((const struct sockaddr_in *)&q.arp_pa)->sin_addr.s_addr);
	n.iface = arp_iface(st, &q, &n.ip);
	if (!n.iface || !n.iface->spec)
		return n.iface ? -EINVAL : -ENODEV;
	memcpy(n.mac, q.arp_ha.sa_data, sizeof(n.mac));
	if (command == SIOCDARP)
		return neighbour_remove(&n) < 0 ? -ENXIO : 0;
	if (command == SIOCSARP) {
		n.state = q.arp_flags & ATF_PERM ? NUD_PERMANENT : NUD_STALE;
		return neighbour_set(&n);
	}
	r = neighbour_find(n.iface, &n.ip, &n);
	if (r < 0)
		return -ENXIO;
	q.arp_flags = ATF_COM | (n.state & NUD_PERMANENT ? ATF_PERM : 0);
	q.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(q.arp_ha.sa_data, n.mac, sizeof(n.mac));
	memcpy(data, &q, sizeof(q));
	return 0;
}

/* rtentry(7), and the name that its pointer leads to. */
static int read_rtentry(struct stack *st, const void *data, struct route *ret)
{
	struct sockaddr_in dst, mask, gateway;
	char name[IFNAMSIZ];
	struct rtentry q;
	ip_addr_t masked;

	memcpy(&q, data, sizeof(q));
	memcpy(name, (const uint8_t *)data + sizeof(q), sizeof(name));
	memcpy(&dst, &q.rt_dst, sizeof(dst));
	memcpy(&mask, &q.rt_genmask, sizeof(mask));
	memcpy(&gateway, &q.rt_gateway, sizeof(gateway));
	if (dst.sin_family != AF_INET)
		return -EAFNOSUPPORT;
	*ret = (struct route){ .family = AF_INET, .prefix = 32, .protocol = RTPROT_BOOT };
	if (!(q.rt_flags & RTF_HOST)) {
		if (mask.sin_family != AF_INET && (mask.sin_addr.s_addr || mask.sin_family))
			return -EAFNOSUPPORT;
		ret->prefix = (uint8_t)prefix_of(mask.sin_addr.s_addr);
		if (mask.sin_addr.s_addr != net_prefix_mask(ret->prefix))
			return -EINVAL;
	}
	ip_addr_set_ip4_u32_val(ret->dst, dst.sin_addr.s_addr);
	ip_addr_set_ip4_u32_val(ret->source, 0);
	ip_addr_set_ip4_u32_val(ret->gateway, 0);
	masked = ret->dst;
	route_mask(&masked, ret->prefix);
	if (!ip_addr_cmp(&masked, &ret->dst))
		return -EINVAL;
	ret->metric = q.rt_metric > 0 ? (uint32_t)q.rt_metric - 1 : 0;
	if (q.rt_flags & RTF_REJECT)
		ret->type = RTN_UNREACHABLE;
	if (q.rt_flags & RTF_GATEWAY && gateway.sin_family == AF_INET)
		ip_addr_set_ip4_u32_val(ret->gateway, gateway.sin_addr.s_addr);
	name[sizeof(name) - 1] = '\0';
	name[strcspn(name, ":")] = '\0';
	ret->iface = name[0] ? iface_by_name(st, name) : NULL;
	return name[0] && !ret->iface ? -ENODEV : 0;
}

static int change_route(struct stack *st, unsigned command, const void *data, uint32_t len)
{
	struct route r, gone;
	int err = len < sizeof(struct rtentry) + IFNAMSIZ ? -EINVAL : read_rtentry(st, data, &r);

	if (err < 0)
		return err;
	if (command == SIOCDELRT) {
		err = route_del(st, &r, &gone);
		if (err == 0)
			rtnl_notify_route(st, &gone, true);
		return err;
	}
	if (r.type == RTN_UNREACHABLE)
		r.iface = st->ifaces;
	else if (!r.iface)
		r.iface = route_gateway_iface(st, &r.gateway);
	if (!r.iface)
		return ip_addr_isany(&r.gateway) ? -ENODEV : -ENETUNREACH;
	if (!r.iface->admin_up)
		return -ENETDOWN;
	err = route_add(st, &r, NLM_F_CREATE);
	if (err == 0)
		rtnl_notify_route(st, &r, false);
	return err;
}

int interface_ioctl(struct stack *st, unsigned command, void *data, uint32_t *len, bool privileged)
{
	struct ifreq *ifr = data;
	struct iface *i;

	if (command == SIOCGIFCONF)
		return configuration(st, data, len);
	if (*len < sizeof(*ifr))
		return -EINVAL;
	if (command == SIOCADDRT || command == SIOCDELRT)
		return privileged ? change_route(st, command, data, *len) : -EPERM;
	if (command == SIOCSARP || command == SIOCDARP)
		return privileged ? arp(st, command, data, *len) : -EPERM;
	if (command == SIOCGARP)
		return arp(st, command, data, *len);
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
