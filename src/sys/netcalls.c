/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets of a view with a network of its own.
 *
 * Theory of operation. umview-net makes the socket in the view's network namespace; the guest gets it as an
 * ordinary low descriptor, and no call on it is caught after that. A guest that has made a network namespace itself
 * is left to it.
 */
#include "sys/netcalls.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "net/net.h"
#include "sys/ids.h"
#include "sys/table.h"
#include "view/mountinfo.h"
#include "view/path.h"

/* Does the guest have what root has in the view's network? The user who started the view does. */
static bool net_capable(struct call *c, int cap)
{
	struct fs_req req;

	if (c->um->ids)
		return ids_capable(c, cap);
	fs_req_init(&req, c);
	return req.uid == geteuid();
}

/* Is the guest in the network namespace that we are in too, which is the one to be replaced? */
static bool in_our_namespace(struct call *c)
{
	struct stat ours, its;
	char path[64];

	if (!atomic_load(&c->um->view.exotic))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", c->tid);
	return stat("/proc/self/ns/net", &ours) < 0 || stat(path, &its) < 0 || ours.st_ino == its.st_ino;
}

/* Where a socket comes from: 1 the view's network, 0 the kernel as the guest asks, -errno. */
static int socket_source(struct call *c, int domain, int type)
{
	struct net *n = c->um->net;

	if (!n || (domain == AF_UNIX && !net_abstract_private(n)) || !in_our_namespace(c))
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

enum verdict sys_socket(struct call *c)
{
	int domain = (int)c->args[0], type = (int)c->args[1], r = socket_source(c, domain, type);
	_cleanup_fd_ int fd = -1;

	if (r <= 0)
		return r < 0 ? call_return(c, r) : CONTINUE;
	fd = net_socket(c->um->net, domain, type, (int)c->args[2]);
	if (fd < 0)
		return call_return(c, fd);
	return guestfd_answer(c, fd, type & SOCK_CLOEXEC ? O_CLOEXEC : 0, ZONE_LOWEST);
}

/* A pair could be told abstract names as well (sendto(2)). */
enum verdict sys_socketpair(struct call *c)
{
	int domain = (int)c->args[0], type = (int)c->args[1], r = socket_source(c, domain, type);
	int ours[2], theirs[2] = { -1, -1 };

	if (r <= 0)
		return r < 0 ? call_return(c, r) : CONTINUE;
	r = net_socketpair(c->um->net, domain, type, (int)c->args[2], ours);
	if (r < 0)
		return call_return(c, r);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = theirs[i] = guestfd_add_lowest(c, ours[i], type & SOCK_CLOEXEC ? O_CLOEXEC : 0);
	close(ours[0]);
	close(ours[1]);
	return call_return(c, r < 0 ? r : guest_write(c, call_addr(c, 3), theirs, sizeof(theirs)));
}

/* ---- files ---- */

/* /proc/PID/net and /proc/PID/task/TID/net of a process of the view. */
static const char *below_process(const char *path)
{
	const char *p = path + strlen("/proc/");

	p += strcspn(p, "/");
	if (strncmp(p, "/task/", 6) == 0) {
		p += 6;
		p += strcspn(p, "/");
	}
	return path_below(p, "/net");
}

bool netfile_name(struct call *c, const char *path, char *ret, size_t size)
{
	static const char *const folders[] = { "/proc/sys/net", "/sys/class/net", "/sys/devices/virtual/net" };
	const char *rest;

	if (!c->um->net || !in_our_namespace(c))
		return false;
	if (strcmp(path, "/etc/resolv.conf") == 0 && net_resolv(c->um->net)) {
		snprintf(ret, size, "%s", path);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (path_below(path, folders[i]))
			return snprintf(ret, size, "%s", path) < (int)size;
	}
	rest = path_below(path, "/proc/net");
	if (!rest && strncmp(path, "/proc/", 6) == 0)
		rest = below_process(path);
	return rest && snprintf(ret, size, "/proc/self/net%s", rest) < (int)size;
}

int netfile_open(struct call *c, const char *path, int flags)
{
	if ((flags & O_ACCMODE) != O_RDONLY && !(flags & O_PATH) && !net_capable(c, CAP_NET_ADMIN))
		return -EACCES;
	return net_open(c->um->net, path, flags & ~(O_CREAT | O_TRUNC | O_CLOEXEC));
}

bool net_hides_socket(const struct um *um, const char *path)
{
	static const char *const resolvers[] = { "/run/nscd/socket", "/var/run/nscd/socket",
		"/run/systemd/resolve/io.systemd.Resolve", "/run/avahi-daemon/socket",
		"/var/run/avahi-daemon/socket" };

	for (size_t i = 0; um->net && i < ARRAY_SIZE(resolvers); i++) {
		if (strcmp(path, resolvers[i]) == 0)
			return true;
	}
	return false;
}
