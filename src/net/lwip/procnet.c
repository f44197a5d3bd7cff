/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/procnet.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <lwip/priv/tcp_priv.h>
#include <linux/neighbour.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "net/lwip/endpoint.h"
#include "net/lwip/timewait.h"
#include "net/proto.h"

static void show_dev(struct stack *st, FILE *f)
{
	fputs("Inter-|   Receive                                                |  Transmit\n"
	      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets "
	      "errs drop fifo colls carrier compressed\n",
		f);
	for (const struct iface *i = st->ifaces; i; i = i->next)
		fprintf(f,
			"%6s: %7llu %7llu    0 %4llu    0     0          0         0 %8llu %7llu   "
			" 0 %4llu    0     0       0          0\n",
			i->name, (unsigned long long)i->rx.bytes, (unsigned long long)i->rx.packets,
			(unsigned long long)i->rx.dropped, (unsigned long long)i->tx.bytes,
			(unsigned long long)i->tx.packets, (unsigned long long)i->tx.dropped);
}

static void show_route(struct stack *st, FILE *f)
{
	fprintf(f, "%-127s\n",
		"Iface\tDestination\tGateway "
		"\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
	for (size_t k = 0; k < st->nroutes; k++) {
		const struct route *r = &st->routes[k];
		const uint32_t gateway = ip_2_ip4(&r->gateway)->addr;
		unsigned flags = RTF_UP | (gateway ? RTF_GATEWAY : 0);
		char line[128];

		if (r->family != AF_INET)
			continue;
		if (r->prefix == 32)
			flags |= RTF_HOST;
		if (r->type == RTN_UNREACHABLE || r->type == RTN_PROHIBIT)
			flags |= RTF_REJECT;
		snprintf(line, sizeof(line), "%s\t%08X\t%08X\t%04X\t0\t0\t%u\t%08X\t0\t0\t0",
			route_refuses(r) ? "*" : r->iface->name, ip_2_ip4(&r->dst)->addr, gateway,
			flags, r->metric, net_prefix_mask(r->prefix));
		fprintf(f, "%-127s\n", line);
	}
}

static void show_inet6(struct stack *st, FILE *f)
{
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		for (int k = 0; k < LWIP_IPV6_NUM_ADDRESSES; k++) {
			const ip6_addr_t *a = netif_ip6_addr(&i->netif, k);
			const uint8_t *b = (const void *)a->addr;

			if (!ip6_addr_isvalid(netif_ip6_addr_state(&i->netif, k)))
				continue;
			for (int n = 0; n < 16; n++)
				fprintf(f, "%02x", b[n]);
			fprintf(f, " %02x %02x %02x %02x %8s\n", (unsigned)iface_index(i),
				route_prefix6(i, a),
				ip6_addr_isloopback(a)	  ? 0x10u
				: ip6_addr_islinklocal(a) ? 0x20u
							  : 0u,
				0x80u, i->name);
		}
	}
}

static void show_neighbour(const struct neighbour *n, void *arg)
{
	const uint8_t *mac = n->mac;
	char ip[IP4ADDR_STRLEN_MAX];

	if (!IP_IS_V4(&n->ip) || !ip4addr_ntoa_r(ip_2_ip4(&n->ip), ip, sizeof(ip)))
		return;
	fprintf(arg, "%-16s 0x%-10x0x%-10x%02x:%02x:%02x:%02x:%02x:%02x     *        %s\n", ip,
		ARPHRD_ETHER, ATF_COM | (n->state & NUD_PERMANENT ? ATF_PERM : 0), mac[0], mac[1],
		mac[2], mac[3], mac[4], mac[5], n->iface->name);
}

static void show_arp(struct stack *st, FILE *f)
{
	fputs("IP address       HW type     Flags       HW address            Mask     Device\n",
		f);
	neighbours_each(st, show_neighbour, f);
}

/* ---- sockets ---- */

struct table {
	FILE *f;
	const struct endpoint_ops *ops;
	int domain, type;
	bool stream;
	bool listening; /* those that listen come first */
	unsigned n;
};

/* To how many characters the kernel fills up a line, but for IPv6's and raw sockets'. */
static int line_width(const struct table *t)
{
	return t->domain != AF_INET ? 0 : t->stream ? 149 : t->ops == &udp_endpoint ? 127 : 0;
}

/* Ends a line of `length` characters. */
static void end_line(const struct table *t, int length)
{
	const int fill = line_width(t) - length;

	fprintf(t->f, "%*s\n", fill > 0 ? fill : 0, "");
}

/* How many characters it took. */
static int show_addr(FILE *f, const struct endpoint *ep, const ip_addr_t *a, unsigned port)
{
	struct sockaddr_storage name;
	const struct sockaddr_in6 *sin6 = (const void *)&name;

	(void)address_write(ep, a, (uint16_t)port, &name);
	if (ep->domain == AF_INET)
		return fprintf(f, "%08X:%04X ",
			((const struct sockaddr_in *)&name)->sin_addr.s_addr, port);
	for (int i = 0; i < 4; i++)
		fprintf(f, "%08X", sin6->sin6_addr.s6_addr32[i]);
	return 32 + fprintf(f, ":%04X ", port);
}

static unsigned state_of(const struct endpoint *ep)
{
	struct tcp_info info;
	size_t len = sizeof(info);

	if (ep->ops->getopt && ep->ops->getopt((struct endpoint *)(uintptr_t)ep, IPPROTO_TCP,
				       TCP_INFO, &info, &len) == 0)
		return info.tcpi_state;
	return ep->state == EP_OPEN ? TCP_ESTABLISHED : TCP_CLOSE;
}

static bool show_socket(struct endpoint *ep, void *arg)
{
	struct table *t = arg;
	int n;

	if (ep->ops != t->ops || ep->domain != t->domain || ep->type != t->type ||
		!endpoint_is_listed(ep) || (ep->state == EP_LISTENING) != t->listening)
		return false;
	n = fprintf(t->f, "%*u: ", t->ops == &udp_endpoint ? 5 : 4, t->n++);
	n += show_addr(t->f, ep, &ep->local, ep->local_port);
	n += show_addr(t->f, ep, &ep->peer, ep->peer_port);
	n += fprintf(t->f,
		"%02X 00000000:00000000 00:00000000 00000000 %5u        0 %llu 1 "
		"0000000000000000%s",
		state_of(ep), getuid(), (unsigned long long)ep->ino, t->stream ? "" : " 0");
	end_line(t, n);
	return false;
}

static void show_sockets(
	struct stack *st, FILE *f, const struct endpoint_ops *ops, int domain, int type)
{
	const bool stream = ops == &tcp_endpoint;
	struct table t = { f, ops, domain, type, stream, stream, 0 };
	int n = fprintf(f,
		"%s  sl  local_address %sst tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
		"inode%s",
		domain == AF_INET && ops == &udp_endpoint ? " " : "",
		domain == AF_INET
			? "rem_address   "
			: "                        remote_address                        ",
		t.stream ? "" : " ref pointer drops");

	end_line(&t, n);
	if (t.listening)
		(void)endpoints_each(st, show_socket, &t);
	t.listening = false;
	(void)endpoints_each(st, show_socket, &t);
}

/* ---- how many ---- */

struct numbers {
	const struct endpoint_ops *ops;
	int domain, type, protocol; /* protocol 0: any */
	unsigned all, in_use;
};

static bool count_socket(struct endpoint *ep, void *arg)
{
	struct numbers *n = arg;

	if (ep->ops != n->ops || ep->type != n->type || (n->domain && ep->domain != n->domain) ||
		(n->protocol && ep->protocol != n->protocol))
		return false;
	n->all++;
	n->in_use += ep->local_port || ep->type == SOCK_RAW;
	return false;
}

static struct numbers count_sockets(
	struct stack *st, const struct endpoint_ops *ops, int domain, int type, int protocol)
{
	struct numbers n = { .ops = ops, .domain = domain, .type = type, .protocol = protocol };

	(void)endpoints_each(st, count_socket, &n);
	return n;
}

/* Connections that no socket has any more. */
static unsigned count_orphans(const struct tcp_pcb *p, bool all)
{
	unsigned n = 0;

	for (; p; p = p->next)
		n += all || !p->callback_arg;
	return n;
}

static unsigned all_sockets(struct stack *st)
{
	return count_sockets(st, &tcp_endpoint, 0, SOCK_STREAM, 0).all +
	       count_sockets(st, &udp_endpoint, 0, SOCK_DGRAM, 0).all +
	       count_sockets(st, &raw_endpoint, 0, SOCK_RAW, 0).all +
	       count_sockets(st, &raw_endpoint, 0, SOCK_DGRAM, 0).all;
}

static void show_sockstat(struct stack *st, FILE *f)
{
	const struct numbers t = count_sockets(st, &tcp_endpoint, AF_INET, SOCK_STREAM, 0),
			     all = count_sockets(st, &tcp_endpoint, 0, SOCK_STREAM, 0);
	const unsigned tw = count_orphans(tcp_tw_pcbs, true) + timewait_count();

	fprintf(f, "sockets: used %u\n", all_sockets(st));
	fprintf(f, "TCP: inuse %u orphan %u tw %u alloc %u mem 0\n", t.in_use,
		count_orphans(tcp_active_pcbs, false), tw, all.all);
	fprintf(f, "UDP: inuse %u mem 0\n",
		count_sockets(st, &udp_endpoint, AF_INET, SOCK_DGRAM, IPPROTO_UDP).in_use);
	fprintf(f, "UDPLITE: inuse %u\n",
		count_sockets(st, &udp_endpoint, AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE).in_use);
	fprintf(f, "RAW: inuse %u\nFRAG: inuse 0 memory 0\n",
		count_sockets(st, &raw_endpoint, AF_INET, SOCK_RAW, 0).in_use);
}

static void show_sockstat6(struct stack *st, FILE *f)
{
	fprintf(f, "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse %u\n",
		count_sockets(st, &tcp_endpoint, AF_INET6, SOCK_STREAM, 0).in_use,
		count_sockets(st, &udp_endpoint, AF_INET6, SOCK_DGRAM, IPPROTO_UDP).in_use,
		count_sockets(st, &udp_endpoint, AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE).in_use);
	fprintf(f, "RAW6: inuse %u\nFRAG6: inuse 0 memory 0\n",
		count_sockets(st, &raw_endpoint, AF_INET6, SOCK_RAW, 0).in_use);
}

static bool count_established(struct endpoint *ep, void *arg)
{
	if (ep->ops == &tcp_endpoint)
		*(unsigned *)arg += state_of(ep) == TCP_ESTABLISHED;
	return false;
}

unsigned procnet_established(struct stack *st)
{
	unsigned n = 0;

	(void)endpoints_each(st, count_established, &n);
	return n;
}

static const struct {
	const char *name;
	void (*show)(struct stack *st, FILE *f); /* NULL: sockets, of this kind */
	const struct endpoint_ops *ops;
	int domain, type;
} files[] = {
	{ "dev", show_dev },
	{ "route", show_route },
	{ "if_inet6", show_inet6 },
	{ "arp", show_arp },
	{ "sockstat", show_sockstat },
	{ "sockstat6", show_sockstat6 },
	{ "snmp", procnet_snmp },
	{ "netstat", procnet_netstat },
	{ "snmp6", procnet_snmp6 },
	{ "igmp", procnet_igmp },
	{ "igmp6", procnet_igmp6 },
	{ "dev_mcast", procnet_dev_mcast },
	{ "ipv6_route", procnet_route6 },
	{ "tcp", NULL, &tcp_endpoint, AF_INET, SOCK_STREAM },
	{ "tcp6", NULL, &tcp_endpoint, AF_INET6, SOCK_STREAM },
	{ "udp", NULL, &udp_endpoint, AF_INET, SOCK_DGRAM },
	{ "udp6", NULL, &udp_endpoint, AF_INET6, SOCK_DGRAM },
	{ "raw", NULL, &raw_endpoint, AF_INET, SOCK_RAW },
	{ "raw6", NULL, &raw_endpoint, AF_INET6, SOCK_RAW },
	{ "icmp", NULL, &raw_endpoint, AF_INET, SOCK_DGRAM },
	{ "icmp6", NULL, &raw_endpoint, AF_INET6, SOCK_DGRAM },
};

/* A network is known by this file's number, as a namespace is: setns(2) asks for no more. Nobody
 * can write there. */
static int open_namespace(struct stack *st, int flags)
{
	char name[FD_PATH_MAX];
	int fd;

	if (st->namespace < 0) {
		st->namespace = memfd_create(NET_FILE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (st->namespace < 0 || fchmod(st->namespace, 0444) < 0 ||
			fcntl(st->namespace, F_ADD_SEALS,
				F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
			um_cleanup_fd(&st->namespace);
			return -ENOMEM;
		}
	}
	/* (the link itself is there for each process) */
	fd = open(flags & O_NOFOLLOW ? NET_FILE : fd_path(name, st->namespace), flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool show_procnet(struct stack *st, const char *name, FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strcmp(files[i].name, name) != 0)
			continue;
		if (files[i].show)
			files[i].show(st, f);
		else
			show_sockets(st, f, files[i].ops, files[i].domain, files[i].type);
		return true;
	}
	return false;
}

static const char proc_folder[] = "/proc/self/net", class_folder[] = "/sys/class/net",
		  device_folder[] = "/sys/devices/virtual/net", ctl_folder[] = "/proc/sys/net";

/* What of the path is below a folder, without a slash before it; NULL: it is not. */
static const char *below(const char *path, const char *folder)
{
	const size_t n = strlen(folder);

	if (strncmp(path, folder, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path[n] ? path + n + 1 : path + n;
}

static bool show(struct stack *st, const char *path, FILE *f)
{
	const char *rest;

	if ((rest = below(path, proc_folder)))
		return show_procnet(st, rest, f);
	if ((rest = below(path, class_folder)) || (rest = below(path, device_folder)))
		return sysnet_show(st, rest, f);
	return (rest = below(path, ctl_folder)) && sysctl_show(rest, f);
}

static bool list(struct stack *st, const char *path, FILE *f)
{
	const char *rest;

	if (strcmp(path, proc_folder) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(files); i++)
			fprintf(f, "f %s\n", files[i].name);
		return fputs("f unix\n", f) >= 0; /* the host's kernel's, whose its sockets are */
	}
	if (strcmp(path, class_folder) == 0)
		return sysnet_list_class(st, f);
	if ((rest = below(path, device_folder)))
		return sysnet_list(st, rest, f);
	return (rest = below(path, ctl_folder)) && sysctl_list(rest, f);
}

/* 0; -ENOENT, -EISDIR, -ENOTDIR. */
static int write_text(struct stack *st, const char *path, int flags, FILE *f)
{
	if (flags & O_DIRECTORY)
		return list(st, path, f) ? 0 : show(st, path, f) ? -ENOTDIR : -ENOENT;
	return show(st, path, f) ? 0 : list(st, path, f) ? -EISDIR : -ENOENT;
}

int procnet_open(struct stack *st, const char *path, int flags)
{
	const char *last = strrchr(path, '/');
	_cleanup_fd_ int fd = -1;
	char name[FD_PATH_MAX];
	FILE *f;
	int ro, r;

	if (strcmp(path, NET_FILE) == 0)
		return open_namespace(st, flags);
	fd = memfd_create(last ? last + 1 : path, MFD_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(dup(fd), "w");
	if (!f)
		return -ENOMEM;
	r = write_text(st, path, flags, f);
	if (fclose(f) != 0)
		return -ENOMEM;
	if (r < 0)
		return r;
	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	if (fchmod(fd, 0444) < 0)
		return -errno;
	ro = open(fd_path(name, fd), O_RDONLY | O_CLOEXEC);
	return ro < 0 ? -errno : ro;
}
