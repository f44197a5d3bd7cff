/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The user who made the namespaces has all capabilities in them as long as he
 * is outside: so a guest may do with a socket from here what root does with one of the host
 * (interfaces, routes, raw sockets, low ports), and ip(8) works. Its other end of a veth pair is a
 * packet socket, which the link's thread in the host's namespace reads.
 */
#include "net/daemon/holder.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fdmsg.h"
#include "net/daemon/iface.h"
#include "net/daemon/lease.h"
#include "net/daemon/link.h"
#include "net/daemon/outer.h"
#include "net/daemon/space.h"
#include "net/daemon/userns.h"
#include "net/linger.h"
#include "net/pair/pair.h"
#include "net/proto.h"

void holder_peer_name(int i, char ret[IFNAMSIZ])
{
	snprintf(ret, IFNAMSIZ, "um%d", i);
}

/* Does the outer namespace's kernel end what it can? */
static bool is_direct(const struct net_spec *s)
{
	return s->link == NET_SLIRP && !s->restricted;
}

/* Where the spec says nothing. Nothing is on slirp's wire but libslirp, which takes the longest. */
static unsigned link_mtu(const struct net_spec *s)
{
	return s->link == NET_SLIRP ? 65520 : 1500;
}

static bool has_frames(const struct net_spec *s)
{
	return s->link == NET_SLIRP || s->link == NET_VDE || s->link == NET_TAP ||
	       (s->link == NET_PAIR && net_spec_impaired(s));
}

/* The namespaces that the interfaces are made in, as descriptors. */
struct places {
	struct spaces *spaces; /* number 0 is the guests' */
	int outer;	       /* where the other ends are, seen by nobody */
	struct wire *wire;
};

/* The other end of an interface, for the link's thread. It says nothing itself. */
static int open_peer(const char *peer, const struct net_spec *s, int ret[2])
{
	_cleanup_fd_ int packet = -1;
	char quiet[64];
	int r;

	snprintf(quiet, sizeof(quiet), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", peer);
	space_write_sysctl(quiet, "1");
	r = iface_prepare(peer, &(struct net_spec){ .mtu = s->mtu }, link_mtu(s));
	if (r == 0)
		r = iface_packet_socket(peer, &packet);
	if (r < 0)
		return r;
	ret[1] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (ret[1] < 0)
		return -errno;
	ret[0] = take_fd(&packet);
	return 0;
}

/* A wire whose frames go through the link's thread: the socket at its other end. */
static int open_far(struct wire *w, const struct net_spec *s, int *ret)
{
	static const char name[] = "far";
	int r = wire_join(
		w, &(struct net_spec){ .name = "far", .mtu = s->mtu, .impair = s->impair });

	if (r == 0)
		r = iface_no_offload(name);
	if (r == 0)
		r = iface_prepare(name, &(struct net_spec){ .mtu = s->mtu }, link_mtu(s));
	return r == 0 ? iface_packet_socket(name, ret) : r;
}

static int make_frames(const struct net_spec *s, int32_t index, const struct places *p, int links)
{
	char peer[IFNAMSIZ];
	int fds[LINK_FDS] = { -1, -1, -1, -1 }, r;
	size_t n = 2;

	holder_peer_name(index, peer);
	r = iface_add_pair(s->name, peer, p->outer);
	if (r == 0)
		r = iface_no_offload(s->name);
	if (r < 0)
		return r;
	if (setns(p->outer, CLONE_NEWNET) < 0)
		return -errno;
	r = open_peer(peer, s, fds);
	if (r == 0 && s->link == NET_PAIR)
		r = open_far(p->wire, s, &fds[2]);
	/* it is faster with it; without, libslirp has all */
	if (r == 0 && is_direct(s) && outer_start(peer, s, &fds[2], &fds[3]) < 0)
		fds[2] = fds[3] = -1;
	if (setns(space_fd(p->spaces, 0), CLONE_NEWNET) < 0)
		return -errno;
	if (r < 0)
		return r;
	while (n < LINK_FDS && fds[n] >= 0)
		n++;
	r = fdmsg_send(links, &index, sizeof(index), fds, n);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return r;
}

/* What slirp's own DHCP server would say. */
static int configure_slirp(const struct net_spec *s)
{
	struct net_addr a = { .family = AF_INET }, gw = { .family = AF_INET, .prefix = -1 };
	struct net_slirp net;
	int r = 0;

	net_spec_slirp(s, &net);
	if (!net_spec_ip(s, AF_INET)) {
		a.v4 = net.guest;
		a.prefix = net.prefix;
		r = iface_add_addr(s->name, &a);
	}
	gw.v4 = net.host;
	if (r == 0 && s->ngateway == 0)
		r = iface_add_gateway(s->name, &gw);
	a = (struct net_addr){ .family = AF_INET6, .prefix = 64, .v6 = net.guest6 };
	gw = (struct net_addr){ .family = AF_INET6, .prefix = -1, .v6 = net.host6 };
	if (r < 0 || iface_add_addr(s->name, &a) < 0)
		return r; /* a kernel without IPv6 is no error */
	return s->ngateway == 0 ? iface_add_gateway(s->name, &gw) : 0;
}

static int add_addresses(const struct net_spec *s, char **ret_message)
{
	int r = 0;

	for (size_t i = 0; i < s->nip; i++) {
		r = iface_add_addr(s->name, &s->ip[i]);
		if (r < 0)
			return net_spec_refused(s, "ip", &s->ip[i], r, ret_message);
	}
	if (s->link == NET_SLIRP)
		r = configure_slirp(s);
	for (size_t i = 0; i < s->ngateway && r == 0; i++) {
		r = iface_add_gateway(s->name, &s->gateway[i]);
		if (r < 0)
			return net_spec_refused(s, "gw", &s->gateway[i], r, ret_message);
	}
	return r;
}

static int make_interface(
	const struct net_spec *s, int index, const struct places *p, int links, char **ret_message)
{
	int r = 0;

	if (s->link == NET_NONE)
		return 0;
	r = has_frames(s) ? make_frames(s, index, p, links) : wire_join(p->wire, s);
	if (r == 0)
		r = iface_prepare(s->name, s, link_mtu(s));
	if (r == 0)
		r = add_addresses(s, ret_message);
	if (r == 0)
		r = iface_settle(s->name);
	return r == 0 && s->link == NET_PAIR ? wire_settle(p->wire) : r;
}

static int enter(const struct net_spec specs[], size_t n, struct places *p, char **ret_message)
{
	const struct net_spec *pair = NULL;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (specs[i].link == NET_PAIR && pair) {
			*ret_message = str_printf(
				"--net pair=%s: a view is on one wire at most", specs[i].where);
			return -EINVAL;
		}
		if (specs[i].link == NET_PAIR)
			pair = &specs[i];
	}
	r = pair ? wire_enter(pair->where, &p->wire, ret_message) : userns_enter(0, ret_message);
	if (r == 0 && unshare(CLONE_NEWNET) < 0)
		r = -errno;
	if (r < 0)
		return r;
	p->outer = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return p->outer < 0 ? -errno : spaces_new(&p->spaces);
}

/* Of loopback alone: its number. */
static int add_space(struct spaces *s)
{
	int number = space_new(s), r;

	if (number < 0)
		return number;
	r = iface_up("lo");
	if (r < 0) {
		space_drop(s, (uint32_t)number);
		return r;
	}
	space_open_sysctls();
	return number;
}

static int set_up(
	const struct net_spec specs[], size_t n, int links, struct places *p, char **ret_message)
{
	int32_t end = -1;
	int r = enter(specs, n, p, ret_message);

	if (r == 0)
		r = add_space(p->spaces);
	for (size_t i = 0; i < n && r == 0; i++) {
		r = make_interface(&specs[i], (int)i, p, links, ret_message);
		if (r < 0 && !*ret_message)
			*ret_message = str_printf("--net: %s: %s", specs[i].name, strerror(-r));
	}
	return r < 0 ? r : fdmsg_send(links, &end, sizeof(end), NULL, 0);
}

/* Descriptors made, of those wanted; where it is none, errno says why. */
static size_t make_sockets(const struct net_request *rq, int fds[FDMSG_MAX_FDS])
{
	size_t n = 0;

	while (n < rq->count && n < FDMSG_MAX_FDS) {
		fds[n] = socket(rq->a, rq->b | SOCK_CLOEXEC, rq->c);
		if (fds[n] < 0)
			break;
		n++;
	}
	return n;
}

/* Answers one: descriptors in fds, how many in *n. 0 or -errno. */
static int serve(
	struct spaces *s, const struct net_request *rq, int fds[], size_t *n, uint32_t *value)
{
	int r = rq->op == NET_OP_NEW || rq->op == NET_OP_DROP ? 0 : space_enter(s, rq->net);

	if (r < 0)
		return r;
	switch (rq->op) {
	case NET_OP_SOCKET:
		*n = make_sockets(rq, fds);
		return *n ? 0 : -errno;
	case NET_OP_SOCKETPAIR:
		if (socketpair(rq->a, rq->b | SOCK_CLOEXEC, rq->c, fds) < 0)
			return -errno;
		*n = 2;
		return 0;
	case NET_OP_OPEN:
		fds[0] = space_open(s, rq->path, rq->a);
		*n = fds[0] >= 0;
		return fds[0] < 0 ? fds[0] : 0;
	case NET_OP_NEW:
		r = add_space(s);
		*value = (uint32_t)r;
		return r < 0 ? r : 0;
	case NET_OP_DROP:
		space_drop(s, rq->net);
		return 0;
	default:
		return -EINVAL;
	}
}

static void answer(struct spaces *s, const struct net_request *rq, int to)
{
	struct net_reply reply = { 0 };
	int fds[FDMSG_MAX_FDS];
	size_t n = 0;

	reply.err = serve(s, rq, fds, &n, &reply.value);
	if (fdmsg_send(to, &reply, sizeof(reply), fds, n) < 0) {
		/* who asked has been killed */
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	/* it is not seen among the processes of the others */
	if (space_enter(s, 0) < 0)
		_exit(1);
}

/* The links carry frames by now. */
static int take_leases(
	const struct net_spec specs[], size_t n, struct net_ready *ready, char **ret_message)
{
	struct dhcp_lease lease;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!specs[i].dhcp)
			continue;
		r = lease_start(&specs[i], &lease);
		if (r == 0 && !ready->resolv[0])
			dhcp_resolv(&lease, ready->resolv, sizeof(ready->resolv));
	}
	if (r == -ETIMEDOUT)
		*ret_message = str_printf(NET_NO_LEASE);
	return r;
}

/* ---- the end ---- */

#define TCP_ADDRESSES "%*d: %*64[0-9A-F]:%*x %*64[0-9A-F]:%*x "

/* What connections of the network that one is in, whose sockets have been closed, have to send:
 * bytes and ends of such. */
static uint64_t unsent_of(const char *table, bool fin_wait2)
{
	FILE *f = fopen(table, "re");
	unsigned state, bytes;
	uint64_t left = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, TCP_ADDRESSES "%x %x", &state, &bytes) == 2 &&
			(state == TCP_FIN_WAIT1 || (fin_wait2 && state == TCP_FIN_WAIT2) ||
				state == TCP_LAST_ACK || state == TCP_CLOSING))
			left += (uint64_t)bytes + 1;
	}
	if (f)
		fclose(f);
	return left;
}

static uint64_t unsent(struct spaces *s, bool fin_wait2)
{
	uint64_t left = 0;

	for (uint32_t i = 0; i < SPACES_MAX; i++) {
		if (space_fd(s, i) >= 0 && space_enter(s, i) == 0)
			left += unsent_of("/proc/self/net/tcp", fin_wait2) +
				unsent_of("/proc/self/net/tcp6", fin_wait2);
	}
	return left;
}

/* The kernel sends what is left by itself, and our links carry it meanwhile. */
static void wait_for_links(const struct net_spec specs[], size_t n, struct spaces *s, int links)
{
	struct lingering linger = { 0 };
	unsigned wait_us = 500;
	bool wire = false;

	for (size_t i = 0; i < n; i++)
		wire |= specs[i].link != NET_NONE;
	if (!wire)
		return;
	linger_begin();
	(void)send(links, "", 1, MSG_NOSIGNAL);
	while (linger_on(&linger, unsent(s, linger_for_fin(&linger)))) {
		usleep(wait_us);
		wait_us = wait_us < 50000 ? wait_us * 2 : wait_us;
	}
}

int holder_run(const struct net_spec specs[], size_t n, int links)
{
	_cleanup_free_ char *message = NULL;
	struct net_ready ready = { 0 };
	struct places p = { .outer = -1 };
	struct net_request rq;

	ready.err = set_up(specs, n, links, &p, &message);
	if (ready.err == 0 && recv(links, &ready, sizeof(ready), 0) < (ssize_t)sizeof(ready.err))
		ready.err = -EIO;
	if (ready.err == 0)
		ready.err = take_leases(specs, n, &ready, &message);
	if (ready.err < 0 && !ready.text[0])
		snprintf(ready.text, sizeof(ready.text), "%s",
			message ? message : strerror(-ready.err));
	if (fdmsg_send(NET_FD, &ready, sizeof(ready), NULL, 0) < 0 || ready.err < 0)
		return 1;
	for (;;) {
		int to, len = fdmsg_recv(NET_FD, &rq, sizeof(rq), &to, 1);

		if (len == 0 || (len < 0 && len != -EMSGSIZE)) {
			wait_for_links(specs, n, p.spaces, links);
			return 0;
		}
		if (to < 0)
			continue;
		rq.path[sizeof(rq.path) - 1] = '\0';
		answer(p.spaces, &rq, to);
		close(to);
	}
}
