/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Theory of operation. A packet socket is read, since an interface without an address has no other:
 * by the caller until the first lease is there, then by a thread. */
#include "net/daemon/lease.h"

#include <linux/filter.h>
#include <net/ethernet.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/daemon/iface.h"

struct keeper {
	const struct net_spec *spec;
	struct dhcp dhcp;
	struct dhcp_lease set; /* what the interface has; addr 0: nothing */
	int packets;
};

/* It is woken by what is for it alone: UDP to port 68, no fragments. */
static int filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 0, 8),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

static int own_mac(int fd, const struct net_spec *s, uint8_t ret[6])
{
	struct ifreq ifr = { .ifr_ifindex = 0 };

	memcpy(ifr.ifr_name, s->name, IFNAMSIZ);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		return -errno;
	memcpy(ret, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

/* What a guest has changed meanwhile is no error. */
static void unset_lease(struct keeper *k)
{
	const struct net_addr a = dhcp_address(&k->set);

	if (k->set.addr.s_addr && iface_del_addr(k->spec->name, &a) < 0) {
		/* gone already; its routes with it */
	}
	k->set = (struct dhcp_lease){ 0 };
}

static void set_lease(struct keeper *k)
{
	const struct dhcp_lease *l = &k->dhcp.lease;
	const struct net_addr a = dhcp_address(l);
	const struct net_addr gw = { .family = AF_INET, .prefix = -1, .v4 = l->router };

	if (dhcp_same(&k->set, l))
		return;
	unset_lease(k);
	if (iface_add_addr(k->spec->name, &a) < 0)
		return;
	k->set = *l;
	if (l->router.s_addr && k->spec->ngateway == 0 &&
		iface_add_gateway(k->spec->name, &gw) < 0) {
		/* there is one from elsewhere */
	}
}

static void take_news(struct keeper *k, enum dhcp_news news)
{
	if (news == DHCP_LOST)
		unset_lease(k);
	if (news == DHCP_HELD)
		set_lease(k);
}

/* For poll(2); -1: for ever. */
static int ms_until(uint64_t when)
{
	const uint64_t now = now_ns(), ms = when > now ? (when - now) / 1000000 + 1 : 0;

	return when == UINT64_MAX ? -1 : ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* Does what is due, and waits for a frame, for what is due next, and no longer than that. */
static void step(struct keeper *k, uint64_t no_longer)
{
	struct pollfd p = { .fd = k->packets, .events = POLLIN };
	uint8_t frame[2048];
	size_t len;
	ssize_t n;

	take_news(k, dhcp_tick(&k->dhcp, now_ns(), frame, &len));
	if (len && send(k->packets, frame, len, 0) < 0) {
		/* as if it were lost on the wire */
	}
	if (poll(&p, 1, ms_until(k->dhcp.due < no_longer ? k->dhcp.due : no_longer)) < 1)
		return;
	n = recv(k->packets, frame, sizeof(frame), MSG_DONTWAIT);
	if (n > 0)
		take_news(k, dhcp_input(&k->dhcp, now_ns(), frame, (size_t)n));
}

static void *keep(void *arg)
{
	for (;;)
		step(arg, UINT64_MAX);
	return NULL;
}

static int obtain(struct keeper *k)
{
	const uint64_t end = now_ns() + DHCP_FIRST_NS;
	uint8_t mac[6];
	int r = iface_packet_socket(k->spec->name, &k->packets);

	if (r == 0)
		r = filter(k->packets);
	if (r == 0)
		r = own_mac(k->packets, k->spec, mac);
	if (r < 0)
		return r;
	dhcp_init(&k->dhcp, mac, now_ns());
	while (k->dhcp.state != DHCP_BOUND && now_ns() < end)
		step(k, end);
	return k->dhcp.state == DHCP_BOUND ? 0 : -ETIMEDOUT;
}

int lease_start(const struct net_spec *s, struct dhcp_lease *ret)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct dhcp_lease first;
	pthread_t thread;
	int r;

	if (!k)
		return -ENOMEM;
	*k = (struct keeper){ .spec = s, .packets = -1 };
	r = obtain(k);
	first = k->dhcp.lease;
	if (r == 0)
		r = -pthread_create(&thread, NULL, keep, k);
	if (r < 0) {
		um_cleanup_fd(&k->packets);
		free(k);
		return r;
	}
	*ret = first;
	return 0;
}
