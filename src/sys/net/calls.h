/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What networks of the view change beside socket(2). All do nothing without one. */
#ifndef UM_SYS_NET_CALLS_H
#define UM_SYS_NET_CALLS_H

#include "sys/um.h"

/* Is this absolute, normalized path a file that each network has its own of? ret: the path by which
 * net/net.h opens it; ret_pid: the process whose network it is of. */
bool netfile_name(struct call *c, const char *path, pid_t *ret_pid, char *ret, size_t size);

/* Opens it as open(2): a descriptor or -errno. What is written there asks for CAP_NET_ADMIN. */
int MUST_CHECK netfile_open(struct call *c, pid_t pid, const char *path, int flags);
/* Is it /proc/PID/ns/net? Has the guest got a file open there that is no namespace, but stands for
 * one? */
bool netfile_is_namespace(const char *path);
bool netfile_stands(struct call *c, int guest_fd);
/* What readlink(2) of that gives, as much as fits; or -errno. */
ssize_t netfile_namespace(struct call *c, pid_t pid, char *buf, size_t size);
/* Is it /etc/resolv.conf, which is a file of the network where that says who is asked for names? */
bool netfile_is_resolv(const char *path);

/* Does the guest have what root has in the view's networks? The user who started the view does. */
bool net_capable(struct call *c, int cap);

/* May the guest change the view's network, and use raw sockets there? */
bool net_privileged(struct call *c);

/* The network that a socket comes from: 1 and a reference; 0: from the kernel as the guest asks;
 * -errno. */
int MUST_CHECK net_source(struct call *c, int domain, int type, struct net **ret);

/* ioctl(2) of interfaces, by a socket of the kernel's. One of AF_UNIX is the host's mostly, and
 * if_nametoindex(3) asks such a one. */
enum verdict net_ioctl(struct call *c);
/* SIOCGIFCONF: how many bytes of them the guest has room for; buf NULL: it asks how many there are.
 */
struct ifconf_room {
	size_t bytes;
	gaddr_t buf;
};
int MUST_CHECK ifconf_read(struct call *c, struct ifconf_room *ret);
/* all: n struct ifreq. */
int MUST_CHECK ifconf_answer(
	struct call *c, const struct ifconf_room *room, const void *all, size_t n);

/* Is a process of the view in our network namespace, as far as the kernel knows: the one to be
 * replaced? */
bool net_in_our_namespace(struct call *c, pid_t pid);

/* Is this the socket of a resolver of the host, which would look names up by the host's network? */
bool net_hides_socket(struct call *c, const char *word);

/* May a call on it wait for somebody? flags: MSG_DONTWAIT counts. */
bool socket_may_wait(struct call *c, int guest_fd, int flags);
/* May a connect(2) on it that says EINTR have begun? False: a signal came before it, or it waits
 * for nobody. */
bool connect_may_have_begun(struct call *c, int guest_fd);

#endif
