/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets of a view with a network of its own.
 *
 * Theory of operation. umview-net makes the socket in the view's network namespace; the guest gets
 * it as an ordinary low descriptor, and no call on it is caught after that. A guest that has made a
 * network namespace itself is left to it.
 */
#include "sys/net/calls.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/engine.h"
#include "net/family.h"
#include "net/net.h"
#include "net/proto.h"
#include "sys/task/ids.h"
#include "sys/net/networks.h"
#include "sys/net/sock.h"
#include "sys/proc/name.h"
#include "sys/net/stack.h"
#include "sys/table.h"
#include "view/elsewhere.h"
#include "view/mountinfo.h"
#include "view/path.h"

bool net_capable(struct call *c, int cap)
{
	struct fs_req req;

	if (c->um->ids)
		return ids_capable(c, cap);
	fs_req_init(&req, c);
	return req.uid == geteuid();
}

bool net_privileged(struct call *c)
{
	return net_capable(c, CAP_NET_ADMIN);
}

bool net_in_our_namespace(struct call *c, pid_t pid)
{
	struct stat ours, its;
	char path[64];

	if (!atomic_load(&c->um->view.exotic))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	return stat("/proc/self/ns/net", &ours) < 0 || stat(path, &its) < 0 ||
	       ours.st_ino == its.st_ino;
}

/* The network that the caller's sockets of a family are in: 0 and a reference, NULL for the host's;
 * -EAFNOSUPPORT. Where a family goes is the choice of the view's own network, not of one that was
 * made in it; that there be none is of all. */
static int chosen_network(struct call *c, int domain, struct net **ret)
{
	const char *name = NULL;
	enum family_who who = families_of(c->um->families, domain, &name);
	int r = who == FAMILY_NONE ? -EAFNOSUPPORT : network_of(c->um, c->tid, ret);

	if (r < 0 || who == FAMILY_VIEW || *ret != c->um->net)
		return r;
	net_put(take_ptr(ret));
	if (who == FAMILY_HOST)
		return 0;
	return network_find(c->um, name, ret) < 0 ? -ENETDOWN : 0;
}

int net_source(struct call *c, int domain, int type, struct net **ret)
{
	int r;

	if (!c->um->families && !networks_any(c->um))
		return 0;
	if (!net_in_our_namespace(c, c->tid))
		return 0;
	r = chosen_network(c, domain, ret);
	if (r < 0 || !*ret)
		return r;
	if (domain == AF_UNIX && !net_abstract_private(*ret))
		return 0;
	/* names of a stack that is no namespace are the host's */
	if (net_stack(*ret) == NET_STACK_LWIP && (domain == AF_UNIX || domain == AF_ALG))
		return 0;
	switch (domain) {
	case AF_UNIX:
	case AF_NETLINK:
	case AF_ALG:
		return 1;
	case AF_INET:
	case AF_INET6:
		return (type & 0xf) == SOCK_RAW && !net_capable(c, CAP_NET_RAW) ? -EPERM : 1;
	case AF_PACKET:
		return net_capable(c, CAP_NET_RAW) ? 1 : -EPERM;
	default: /* a family that knows of no namespaces would lead out */
		return -EAFNOSUPPORT;
	}
}

/* What the kernel says of such a socket before its family is asked: of a stack that is none of its
 * own. 0: nothing. */
static int stack_refuses(const struct net *n, int domain, int type, int protocol)
{
	const int kind = type & 0xf;

	if (net_stack(n) != NET_STACK_LWIP)
		return 0;
	if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK) || kind > SOCK_PACKET)
		return -EINVAL;
	if (domain == AF_NETLINK)
		return kind != SOCK_RAW && kind != SOCK_DGRAM ? -ESOCKTNOSUPPORT : 0;
	return domain != AF_PACKET && (protocol < 0 || protocol >= IPPROTO_MAX) ? -EINVAL : 0;
}

enum verdict sys_socket(struct call *c)
{
	int domain = (int)c->args[0], type = (int)c->args[1];
	_cleanup_net_ struct net *n = NULL;
	_cleanup_fd_ int fd = -1;
	int r = net_source(c, domain, type, &n);

	if (r <= 0)
		return r < 0 ? call_return(c, r) : CONTINUE;
	r = stack_refuses(n, domain, type, (int)c->args[2]);
	if (r < 0)
		return call_return(c, r);
	fd = net_socket(n, domain, type, (int)c->args[2],
		domain == AF_NETLINK && net_stack(n) == NET_STACK_LWIP && net_privileged(c));
	if (fd < 0)
		return call_return(c, fd);
	return guestfd_answer(c, fd, type & SOCK_CLOEXEC ? O_CLOEXEC : 0,
		net_stack(n) == NET_STACK_LWIP ? stack_zone(c) : ZONE_LOWEST);
}

/* Which error is told first: what the socket is, then that there are no pairs of it. */
static int no_pair(struct net *n, int domain, int type, int protocol)
{
	int r = stack_refuses(n, domain, type, protocol);
	_cleanup_fd_ int fd =
		r < 0 ? r : net_socket(n, domain, type | SOCK_CLOEXEC, protocol, false);

	return fd < 0 ? fd : -EOPNOTSUPP;
}

/* A pair could be told abstract names as well (sendto(2)). */
enum verdict sys_socketpair(struct call *c)
{
	int domain = (int)c->args[0], type = (int)c->args[1];
	_cleanup_net_ struct net *n = NULL;
	int ours[2], theirs[2] = { -1, -1 }, r = net_source(c, domain, type, &n);

	if (r <= 0)
		return r < 0 ? call_return(c, r) : CONTINUE;
	if (net_stack(n) == NET_STACK_LWIP) /* no protocol that it has makes pairs */
		return call_return(c, no_pair(n, domain, type, (int)c->args[2]));
	r = net_socketpair(n, domain, type, (int)c->args[2], ours);
	if (r < 0)
		return call_return(c, r);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = theirs[i] = guestfd_add_lowest(c, ours[i], type & SOCK_CLOEXEC ? O_CLOEXEC : 0);
	close(ours[0]);
	close(ours[1]);
	return call_return(c, r < 0 ? r : guest_write(c, call_addr(c, 3), theirs, sizeof(theirs)));
}

/* fd: our dup of it, or -1. */
static bool blocks(struct call *c, int guest_fd, int fd)
{
	return fd >= 0 && !(guestfd_flags(c, guest_fd, fd) & O_NONBLOCK);
}

bool socket_may_wait(struct call *c, int guest_fd, int flags)
{
	_cleanup_fd_ int fd = flags & MSG_DONTWAIT ? -1 : guestfd_get(c, guest_fd);

	return blocks(c, guest_fd, fd);
}

bool connect_may_have_begun(struct call *c, int guest_fd)
{
	_cleanup_stacksock_ struct stacksock stack = STACKSOCK_INIT;
	_cleanup_fd_ int fd = guestfd_get(c, guest_fd);
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	int type = 0;

	if (!blocks(c, guest_fd, fd))
		return false;
	if (stacksock_get(&stack, c, guest_fd))
		return stack.stream && stack.fresh < 0 && !stack.watched;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
		return info.tcpi_state != TCP_CLOSE;
	len = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_DGRAM;
}

/* ---- files ---- */

/* The part of a path of /proc that is below its process; *pid: which. NULL: it is of none that is
 * here. */
static const char *below_process(struct call *c, const char *path, pid_t *pid)
{
	const char *p = path_below(path, "/proc"), *rest;

	if (!p || !*p++)
		return NULL;
	rest = p + strcspn(p, "/");
	if (strncmp(p, "self/", 5) != 0 && strncmp(p, "thread-self/", 12) != 0) {
		*pid = special_pid(c, p);
		if (*pid <= 0 || !task_is_ours(*pid))
			return NULL;
	}
	if (strncmp(rest, "/task/", 6) == 0) {
		rest += 6;
		rest += strcspn(rest, "/");
	}
	return rest;
}

bool netfile_name(struct call *c, const char *path, pid_t *ret_pid, char *ret, size_t size)
{
	static const char *const folders[] = { "/proc/sys/net", "/sys/class/net",
		"/sys/devices/virtual/net" };
	_cleanup_net_ struct net *n = NULL;
	pid_t pid = c->tid;
	const char *name = NULL, *net, *rest;

	if (!networks_any(c->um))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(folders) && !name; i++)
		name = path_below(path, folders[i]) ? path : NULL;
	if (netfile_is_resolv(path))
		name = path;
	net = path_below(path, "/proc/net");
	rest = name || net ? NULL : below_process(c, path, &pid);
	if (rest && strcmp(rest, "/ns/net") == 0)
		name = NET_FILE;
	else if (rest)
		net = path_below(rest, "/net");
	if ((!name && !net) || !net_in_our_namespace(c, pid) || network_of(c->um, pid, &n) < 0 ||
		!n)
		return false;
	if (name == path && netfile_is_resolv(path) && net_resolv(n) < 0)
		return false;
	/* where words alone do not tell, of a tree of the guest's own, its folders are not made up;
	 * and its sockets of AF_UNIX are the host's kernel's */
	if (net_stack(n) == NET_STACK_LWIP && (net || (name == path && !netfile_is_resolv(path))) &&
		(!is_elsewhere(&c->um->view, c->tid) || (net && strcmp(net, "/unix") == 0)))
		return false;
	*ret_pid = pid;
	if (name)
		return snprintf(ret, size, "%s", name) < (int)size;
	return snprintf(ret, size, "/proc/self/net%s", net) < (int)size;
}

bool netfile_is_resolv(const char *path)
{
	return strcmp(path, "/etc/resolv.conf") == 0;
}

/* It is there, and no link. */
static int open_resolv(const struct net *n, int flags)
{
	char path[FD_PATH_MAX];
	int fd;

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	fd = open(fd_path(path, net_resolv(n)), (flags & ~(O_CREAT | O_NOFOLLOW)) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int netfile_open(struct call *c, pid_t pid, const char *path, int flags)
{
	_cleanup_net_ struct net *n = NULL;
	int r = network_of(c->um, pid, &n);

	if (r < 0 || !n)
		return r < 0 ? r : -ESRCH;
	if ((flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH) && !net_capable(c, CAP_NET_ADMIN))
		return -EACCES;
	if (netfile_is_resolv(path))
		return open_resolv(n, flags);
	return net_open(n, path, flags & ~(O_CREAT | O_TRUNC | O_CLOEXEC));
}

bool netfile_is_namespace(const char *path)
{
	return strcmp(path, NET_FILE) == 0;
}

bool netfile_stands(struct call *c, int guest_fd)
{
	_cleanup_fd_ int fd = networks_any_stack(c->um) ? guestfd_get(c, guest_fd) : -1;
	_cleanup_net_ struct net *n = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	n = network_by_file(c->um, &st);
	return n && net_stack(n) == NET_STACK_LWIP;
}

ssize_t netfile_namespace(struct call *c, pid_t pid, char *buf, size_t size)
{
	_cleanup_net_ struct net *n = NULL;
	int r = network_of(c->um, pid, &n);
	char text[64];
	size_t len;

	if (r < 0 || !n)
		return r < 0 ? r : -ESRCH;
	len = (size_t)snprintf(text, sizeof(text), "net:[%llu]", (unsigned long long)net_ino(n));
	len = len < size ? len : size;
	memcpy(buf, text, len);
	return (ssize_t)len;
}

bool net_hides_socket(struct call *c, const char *word)
{
	static const char *const resolvers[] = { "/run/nscd/socket", "/var/run/nscd/socket",
		"/run/systemd/resolve/io.systemd.Resolve", "/run/avahi-daemon/socket",
		"/var/run/avahi-daemon/socket" };
	const char *last = strrchr(word, '/');
	_cleanup_free_ char *path = NULL;
	_cleanup_net_ struct net *n = NULL;

	last = last ? last + 1 : word;
	if (!networks_any(c->um) ||
		(strcmp(last, "socket") != 0 && strcmp(last, "io.systemd.Resolve") != 0))
		return false;
	path = special_absolute(c, AT_FDCWD, word);
	for (size_t i = 0; path && i < ARRAY_SIZE(resolvers); i++) {
		if (strcmp(path, resolvers[i]) == 0)
			return network_of(c->um, c->tid, &n) == 0 && n;
	}
	return false;
}
