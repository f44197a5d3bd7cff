/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Theory of operation. The thread reads a packet socket, since an interface without an address has
 * no other. It waits for frames and for what is due, and for nothing else. */
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
	int told; /* a socket: the first lease goes there; -1 then */
};

/* The thread is woken by what is for it alone: UDP to port 68, no fragments. */
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
	if (news != DHCP_HELD)
		return;
	set_lease(k);
	if (k->told >= 0 &&
		send(k->told, &k->dhcp.lease, sizeof(k->dhcp.lease), MSG_NOSIGNAL) < 0) {
		/* nobody waits any more */
	}
	um_cleanup_fd(&k->told);
}

static int wait_ms(const struct keeper *k)
{
	const uint64_t now = now_ns();

	if (k->dhcp.due == UINT64_MAX)
		return -1;
	if (k->dhcp.due <= now)
		return 0;
	return (int)((k->dhcp.due - now) / 1000000 < INT32_MAX ? (k->dhcp.due - now) / 1000000 + 1
							       : INT32_MAX);
}

static void *keep(void *arg)
{
	struct keeper *k = arg;
	uint8_t frame[2048];
	size_t len;

	for (;;) {
		struct pollfd p = { .fd = k->packets, .events = POLLIN };
		ssize_t n;

		take_news(k, dhcp_tick(&k->dhcp, now_ns(), frame, &len));
		if (len && send(k->packets, frame, len, 0) < 0) {
			/* as if it were lost on the wire */
		}
		if (poll(&p, 1, wait_ms(k)) < 1)
			continue;
		n = recv(k->packets, frame, sizeof(frame), MSG_DONTWAIT);
		if (n > 0)
			take_news(k, dhcp_input(&k->dhcp, now_ns(), frame, (size_t)n));
	}
	return NULL;
}

int lease_start(const struct net_spec *s, struct dhcp_lease *ret)
{
	struct keeper *k = calloc(1, sizeof(*k));
	_cleanup_fd_ int mine = -1;
	struct pollfd p = { .events = POLLIN };
	pthread_t thread;
	uint8_t mac[6];
	int pair[2], r;

	if (!k)
		return -ENOMEM;
	*k = (struct keeper){ .spec = s, .packets = -1, .told = -1 };
	r = iface_packet_socket(s->name, &k->packets);
	if (r == 0)
		r = filter(k->packets);
	if (r == 0)
		r = own_mac(k->packets, s, mac);
	if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		r = -errno;
	if (r == 0) {
		p.fd = mine = pair[0];
		k->told = pair[1];
		dhcp_init(&k->dhcp, mac, now_ns());
		r = -pthread_create(&thread, NULL, keep, k);
	}
	if (r < 0) {
		um_cleanup_fd(&k->packets);
		um_cleanup_fd(&k->told);
		free(k);
		return r;
	}
	if (poll(&p, 1, (int)(DHCP_FIRST_NS / 1000000)) != 1)
		return -ETIMEDOUT;
	return recv(mine, ret, sizeof(*ret), 0) == sizeof(*ret) ? 0 : -EIO;
}
