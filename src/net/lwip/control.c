/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control messages of datagrams: ip(7), ipv6(7). */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "net/lwip/endpoint.h"

void control_add(struct stack_head *head, int level, int type, const void *data, size_t len)
{
	struct cmsghdr cm = { .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type };

	if (head->controllen + CMSG_SPACE(len) > sizeof(head->control))
		return;
	memcpy(head->control + head->controllen, &cm, sizeof(cm));
	memcpy(head->control + head->controllen + CMSG_LEN(0), data, len);
	head->controllen += (uint32_t)CMSG_SPACE(len);
}

/* Where the datagram at hand was sent to. */
static void add_destination(const struct endpoint *ep, struct stack_head *head)
{
	const bool v6 = ip_current_is_v6();
	struct sockaddr_storage name = { 0 };
	struct sockaddr_in *sin = (void *)&name;
	struct sockaddr_in6 *sin6 = (void *)&name;

	if (v6) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(ep->local_port);
		memcpy(&sin6->sin6_addr, ip6_current_dest_addr()->addr, sizeof(sin6->sin6_addr));
		control_add(head, IPPROTO_IPV6, IPV6_ORIGDSTADDR, &name, sizeof(*sin6));
	} else {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(ep->local_port);
		sin->sin_addr.s_addr = ip4_current_dest_addr()->addr;
		control_add(head, IPPROTO_IP, IP_ORIGDSTADDR, &name, sizeof(*sin));
	}
}

static void fill_v4(const struct endpoint *ep, struct stack_head *head)
{
	const struct ip_hdr *h = ip4_current_header();
	/* (the kernel notes these two when a datagram comes, if somebody wants them then; of an
	 * echo the one always, the other never) */
	const bool noted = ep->opt.pktinfo || ep->opt.recvpktinfo,
		   is_echo = ep->type == SOCK_DGRAM && ep->ops == &raw_endpoint;
	const int index = noted || is_echo ? netif_get_index(ip_current_input_netif()) : 0;
	struct in_pktinfo info = { .ipi_ifindex = index };
	struct in6_pktinfo mapped = { .ipi6_ifindex = (unsigned)index };
	const uint8_t tos = IPH_TOS(h);
	int ttl = IPH_TTL(h);

	info.ipi_addr.s_addr = ip4_current_dest_addr()->addr;
	if (noted && !is_echo) /* from where one would answer */
		info.ipi_spec_dst.s_addr =
			ip_addr_ismulticast(ip_current_dest_addr()) ||
					address_is_broadcast(ep->st, ip_current_dest_addr())
				? netif_ip4_addr(ip_current_input_netif())->addr
				: info.ipi_addr.s_addr;
	mapped.ipi6_addr.s6_addr[10] = mapped.ipi6_addr.s6_addr[11] = 0xff;
	memcpy(&mapped.ipi6_addr.s6_addr[12], &info.ipi_addr, sizeof(info.ipi_addr));
	if (ep->domain == AF_INET6)
		control_add(head, IPPROTO_IPV6, IPV6_PKTINFO, &mapped, sizeof(mapped));
	control_add(head, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	control_add(head, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	control_add(head, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
}

static void fill_v6(struct stack_head *head)
{
	const struct ip6_hdr *h = ip6_current_header();
	struct in6_pktinfo info = { .ipi6_ifindex = netif_get_index(ip_current_input_netif()) };
	int hops = IP6H_HOPLIM(h), tclass = (int)IP6H_TC(h);

	memcpy(&info.ipi6_addr, ip6_current_dest_addr()->addr, sizeof(info.ipi6_addr));
	control_add(head, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	control_add(head, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
	control_add(head, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof(tclass));
}

void control_fill(const struct endpoint *ep, struct stack_head *head)
{
	if (ep->opt.timestamp) {
		struct timeval now;

		gettimeofday(&now, NULL);
		control_add(head, SOL_SOCKET, SO_TIMESTAMP, &now, sizeof(now));
	}
	if (ip_current_is_v6())
		fill_v6(head);
	else
		fill_v4(ep, head);
	if (ep->ops == &udp_endpoint)
		add_destination(ep, head);
}

uint32_t control_wanted(const struct endpoint *ep)
{
	const struct endpoint_options *o = &ep->opt;
	const struct {
		int set, level, type;
	} all[] = {
		{ o->pktinfo, IPPROTO_IP, IP_PKTINFO },
		{ o->recvttl, IPPROTO_IP, IP_TTL },
		{ o->recvtos, IPPROTO_IP, IP_TOS },
		{ o->recvorigdst, IPPROTO_IP, IP_ORIGDSTADDR },
		{ o->recvpktinfo, IPPROTO_IPV6, IPV6_PKTINFO },
		{ o->recvhoplimit, IPPROTO_IPV6, IPV6_HOPLIMIT },
		{ o->recvtclass, IPPROTO_IPV6, IPV6_TCLASS },
		{ o->recvorigdst, IPPROTO_IPV6, IPV6_ORIGDSTADDR },
	};
	uint32_t bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		bits |= all[i].set ? stack_control_bit(all[i].level, all[i].type) : 0;
	return bits;
}

static int parse_one(const struct endpoint *ep, const struct cmsghdr *cm, const void *data,
	size_t len, struct control *ret)
{
	struct in6_pktinfo info6;
	struct in_pktinfo info;
	int value;

	if (cm->cmsg_level == IPPROTO_IP && cm->cmsg_type == IP_PKTINFO) {
		if (len < sizeof(info))
			return -EINVAL;
		memcpy(&info, data, sizeof(info));
		ip_addr_set_ip4_u32_val(ret->source, info.ipi_spec_dst.s_addr);
		ret->iface = info.ipi_ifindex ? iface_by_index(ep->st, info.ipi_ifindex) : NULL;
		if (info.ipi_ifindex && !ret->iface)
			return -ENODEV;
	} else if (cm->cmsg_level == IPPROTO_IPV6 && cm->cmsg_type == IPV6_PKTINFO) {
		if (len < sizeof(info6))
			return -EINVAL;
		memcpy(&info6, data, sizeof(info6));
		memset(&ret->source, 0, sizeof(ret->source));
		IP_SET_TYPE_VAL(ret->source, IPADDR_TYPE_V6);
		memcpy(ip_2_ip6(&ret->source)->addr, &info6.ipi6_addr, 16);
		ret->iface =
			info6.ipi6_ifindex ? iface_by_index(ep->st, (int)info6.ipi6_ifindex) : NULL;
		if (info6.ipi6_ifindex && !ret->iface)
			return -ENODEV;
	} else if ((cm->cmsg_level == IPPROTO_IP &&
			   (cm->cmsg_type == IP_TTL || cm->cmsg_type == IP_TOS)) ||
		   (cm->cmsg_level == IPPROTO_IPV6 &&
			   (cm->cmsg_type == IPV6_HOPLIMIT || cm->cmsg_type == IPV6_TCLASS))) {
		if (len < 1)
			return -EINVAL;
		value = len >= sizeof(value) ? *(const int *)data : *(const uint8_t *)data;
		if (cm->cmsg_type == IP_TTL || cm->cmsg_type == IPV6_HOPLIMIT)
			ret->ttl = value & 0xff;
		else
			ret->tos = value & 0xff;
	}
	return 0;
}

int control_parse(const struct endpoint *ep, const struct stack_msg *m, struct control *ret)
{
	size_t at = 0;

	*ret = (struct control){ .ttl = -1, .tos = -1 };
	if (m->controllen > STACK_CONTROL_MAX)
		return -ENOBUFS;
	while (m->controllen - at >= CMSG_LEN(0)) {
		uint8_t data[sizeof(struct in6_pktinfo)] __attribute__((aligned(8))) = { 0 };
		struct cmsghdr cm;
		size_t len;
		int r;

		memcpy(&cm, m->data + at, sizeof(cm));
		if (cm.cmsg_len < CMSG_LEN(0) || cm.cmsg_len > m->controllen - at)
			return -EINVAL;
		len = cm.cmsg_len - CMSG_LEN(0);
		memcpy(data, m->data + at + CMSG_LEN(0), len < sizeof(data) ? len : sizeof(data));
		r = parse_one(ep, &cm, data, len, ret);
		if (r < 0)
			return r;
		at += CMSG_ALIGN(cm.cmsg_len);
		if (at > m->controllen)
			break;
	}
	return 0;
}
