/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. No address is of this namespace, and a rule (ip-rule(8)) drops what comes by
 * any interface in silence, so libslirp alone answers; having no route would not be enough where
 * the host, and so this namespace, forwards or answers ARP for others. A rule before that one, for
 * TCP to a port, makes all addresses local for that, and a listener is there before it. Its filter
 * drops a SYN that does not come by the injecting pair, where a closed port would answer with a
 * reset. What comes from a port that is published, and so is libslirp's, is kept from all of that.
 * The interface has the address that the view sends to when all of this is there, and else never.
 */
#include "net/daemon/outer.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fdmsg.h"
#include "net/daemon/iface.h"
#include "net/daemon/space.h"

#define TABLE_LOCAL_ALL 100
#define PRIO_LIBSLIRP 100 /* goes before */
#define PRIO_LISTED 200
#define PRIO_OWN 250
#define PRIO_ALL 300
#define IN_NAME "in0" /* frames that are sent here */
#define IN_PEER "in1" /* come in here */
#define BACKLOG 4096

struct outer {
	char peer[IFNAMSIZ];
	unsigned in_index;
	int requests;
};

/* ---- the thread ---- */

/* What has no SYN, or has come by the right interface. */
static int only_injected(int fd, unsigned index)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TH_SYN, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, index, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

static int listen_at(const struct outer *o, uint16_t port, int *ret)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int on = 1, may_fragment = IP_PMTUDISC_DONT;
	const struct linger reset = { .l_onoff = 1 };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	/* without IP_TRANSPARENT it does not answer from an address that is not its own; no ICMP
	 * comes here, so a router in the view, whose next hop is narrower, could not tell */
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &may_fragment, sizeof(may_fragment)) <
			0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		return -errno;
	r = only_injected(fd, o->in_index);
	if (r == 0 && (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
			      listen(fd, BACKLOG) < 0))
		r = -errno;
	if (r == 0)
		*ret = take_fd(&fd);
	return r;
}

static int take(const struct outer *o, uint16_t port)
{
	return iface_add_rule(&(struct iface_rule){ .from = o->peer,
		.tcp = true,
		.dport = port,
		.table = TABLE_LOCAL_ALL,
		.priority = PRIO_LISTED });
}

static void *serve(void *arg)
{
	struct outer *o = arg;
	struct outer_request rq;

	while (fdmsg_recv(o->requests, &rq, sizeof(rq), NULL, 0) == (int)sizeof(rq)) {
		int fd = -1;
		const int32_t err =
			rq.op == OUTER_LISTEN ? listen_at(o, rq.port, &fd) : take(o, rq.port);

		if (fdmsg_send(o->requests, &err, sizeof(err), &fd, fd >= 0) < 0) {
			/* it is gone, and so shall we be */
		}
		um_cleanup_fd(&fd);
	}
	return NULL;
}

/* ---- the namespace ---- */

static void path_of(const char *family, const char *iface, const char *name, char ret[128])
{
	snprintf(ret, 128, "/proc/sys/net/%s/conf/%s/%s", family, iface, name);
}

static void no_ipv6(const char *iface)
{
	char path[128];

	path_of("ipv6", iface, "disable_ipv6", path);
	space_write_sysctl(path, "1");
}

/* A SYN that is put in does not come by where its sender is. What is inherited of the host may be
 * strict about that, and /proc/sys not be ours to write; a kernel without it is not. */
static int no_source_check(const char *iface)
{
	_cleanup_fd_ int fd = -1;
	char path[128], is[2];

	path_of("ipv4", iface, "rp_filter", path);
	space_write_sysctl(path, "0");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return read(fd, is, sizeof(is)) > 0 && is[0] == '0' ? 0 : -EPERM;
}

/* The pair by which frames come back in. */
static int make_injector(const uint8_t mac[6], int *ret)
{
	struct net_spec spec = { .has_mac = true };
	struct sockaddr_ll sll = { .sll_family = AF_PACKET };
	_cleanup_fd_ int fd = -1;
	int r;

	no_ipv6(IN_NAME);
	no_ipv6(IN_PEER);
	memcpy(spec.mac, mac, sizeof(spec.mac));
	r = iface_prepare(IN_PEER, &spec, IFACE_MTU);
	if (r == 0)
		r = iface_prepare(IN_NAME, &(struct net_spec){ 0 }, IFACE_MTU);
	if (r < 0)
		return r;
	sll.sll_ifindex = (int)if_nametoindex(IN_NAME);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		return -errno;
	*ret = take_fd(&fd);
	return 0;
}

/* First what drops all but our own: a kernel without rules says so before there is a route. */
static int make_rules(const char *peer, const struct net_spec *s)
{
	int r = iface_add_rule(
		&(struct iface_rule){ .from = "lo", .table = RT_TABLE_MAIN, .priority = PRIO_OWN });

	if (r == 0)
		r = iface_add_rule(&(struct iface_rule){ .priority = PRIO_ALL });
	for (size_t i = 0; i < s->nports && r == 0; i++) {
		if (!s->port[i].udp)
			r = iface_add_rule(&(struct iface_rule){ .from = peer,
				.tcp = true,
				.sport = s->port[i].port,
				.priority = PRIO_LIBSLIRP });
	}
	if (r == 0)
		r = iface_add_rule(&(struct iface_rule){ .from = IN_PEER,
			.tcp = true,
			.table = TABLE_LOCAL_ALL,
			.priority = PRIO_LISTED });
	return r;
}

static int make_routes(const char *peer)
{
	int r = iface_up("lo");

	if (r == 0)
		r = iface_add_device_route("lo", TABLE_LOCAL_ALL, RTN_LOCAL);
	if (r == 0) /* for what is sent from here */
		r = iface_add_device_route(peer, RT_TABLE_MAIN, RTN_UNICAST);
	return r;
}

static int make_ready(const char *peer, const struct net_spec *s, int *ret_inject)
{
	struct net_slirp net;
	int r = make_rules(peer, s);

	net_spec_slirp(s, &net);
	if (r == 0)
		r = no_source_check("all");
	if (r == 0)
		r = no_source_check(peer);
	if (r == 0)
		r = no_source_check(IN_PEER);
	if (r == 0)
		r = make_injector(net.mac, ret_inject);
	if (r == 0)
		r = make_routes(peer);
	return r == 0 ? iface_set_mac(peer, net.mac) : r;
}

static int start_thread(const char *peer, int *ret_ask)
{
	struct outer *o = calloc(1, sizeof(*o));
	pthread_t thread;
	int pair[2], r;

	if (!o)
		return -ENOMEM;
	strncpy(o->peer, peer, IFNAMSIZ - 1);
	o->in_index = if_nametoindex(IN_PEER);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		free(o);
		return r;
	}
	o->requests = pair[1];
	/* it stays in this namespace */
	r = -pthread_create(&thread, NULL, serve, o);
	if (r < 0) {
		close(pair[0]);
		close(pair[1]);
		free(o);
		return r;
	}
	*ret_ask = pair[0];
	return 0;
}

int outer_start(const char *peer, const struct net_spec *s, int *ret_ask, int *ret_inject)
{
	_cleanup_fd_ int inject = -1;
	int r = iface_add_pair(IN_NAME, IN_PEER, -1); /* a second link finds the first one's */

	if (r < 0)
		return r;
	r = make_ready(peer, s, &inject);
	if (r == 0)
		r = start_thread(peer, ret_ask);
	if (r < 0) {
		if (iface_del(IN_NAME) < 0) {
			/* it leads to nothing */
		}
		return r;
	}
	*ret_inject = take_fd(&inject);
	return 0;
}
