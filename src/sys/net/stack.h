/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets of a view whose TCP/IP stack is a process (net/lwip/). Such a socket is one end of a pair
 * of which that process made both: the kernel says so (SO_PEERCRED), of dups, inherited and passed
 * on ones alike.
 */
#ifndef UM_SYS_NET_STACK_H
#define UM_SYS_NET_STACK_H

#include "net/net.h"
#include "net/visit.h"
#include "sys/table.h"
#include "sys/um.h"

/* A guest's socket of the stack. */
struct stacksock {
	struct net *net; /* a reference */
	int fd;		 /* our dup */
	uint64_t number; /* by which the stack knows it */
	bool stream;
	bool alarms;  /* the pair says whether an error waits (net/lwip/datagram.c) */
	int fresh;    /* the domain of one that nothing was done with yet; -1 */
	bool watched; /* it is not connected to the stack, but known there */
	bool filled;  /* connected to it just now, with STACK_LESS_JUNK in it */
	bool accepted;
	struct visit visit; /* of an accepted one */
};

#define STACKSOCK_INIT                                                                             \
	{                                                                                          \
		.fd = -1                                                                           \
	}
static inline void stacksock_release(struct stacksock *s)
{
	um_cleanup_fd(&s->fd);
	net_put(s->net);
}
#define _cleanup_stacksock_ _cleanup_(stacksock_release)

/* False: the kernel's own, or none. */
bool stacksock_get(struct stacksock *s, struct call *c, int guest_fd);

/* A request about it, to be filled in; NULL when the stack is gone. Ended by net_stack_end(). */
struct stack_conn *stacksock_begin(const struct stacksock *s, struct call *c, enum stack_op op);

/* The calls that the view's other sockets know as well (sock.c, sockname.c, fd/ctl.c): true and
 * *ret when it is one of the stack's. By the call's number. */
bool stack_call(struct call *c, enum verdict *ret);

/* Where such a socket comes to be in the guest's table, so that calls on it are caught. */
enum guestfd_zone stack_zone(struct call *c);
/* dup(2) and F_DUPFD of such a socket, where they would lead to a number that is not caught: true
 * and *ret. */
bool stack_dup(struct call *c, int flags, enum verdict *ret);

/* A guest's address as a struct sockaddr_storage: 0, -EINVAL, -EFAULT. */
int MUST_CHECK stack_read_name(
	struct call *c, gaddr_t addr, uint64_t len, struct sockaddr_storage *ret);
/* As accept(2) and recvfrom(2) tell an address; addr NULL: not at all. */
int MUST_CHECK stack_write_name(struct call *c, gaddr_t addr, gaddr_t len_addr,
	const struct sockaddr_storage *name, socklen_t len);

/* Does the guest wait in a call on it? */
bool stack_waits(struct call *c, const struct stacksock *s);
/* SO_SNDBUF of the pair's end. */
void stack_set_sndbuf(const struct stacksock *s, int bytes);
/* A connect(2) that was interrupted has left that small. */
void stack_end_small(const struct stacksock *s);
/* What an accepted socket is called is asked of the stack from now on. */
void stack_forget_visit(const struct stacksock *s);
/* Is it a connect(2) to AF_UNSPEC? */
bool stack_is_disconnect(struct call *c);
/* Does the pair say that an error waits (POLLERR)? Not any more then. */
bool stack_alarmed(const struct stacksock *s);
/* One has been taken from the stack: the pair says so again where there are others. */
void stack_alarm(struct call *c, const struct stacksock *s);

/* stackserver.c */
enum verdict stack_listen(struct call *c, const struct stacksock *s);
enum verdict stack_accept(struct call *c, const struct stacksock *s, int flags);
/* Connections that wait for accept(2) are nobody's any more: it has stopped listening. */
void stack_drop_waiting(const struct stacksock *s);
/* Connects the socket itself to the stack where that has not been done. 0 or -errno. */
int MUST_CHECK stack_join(const struct stacksock *s);
/* One int of the stack's: 0 or more, or -errno. */
int MUST_CHECK stack_ask_option(struct call *c, const struct stacksock *s, int option);

/* stackfresh.c: what needs no stack: true and *ret; else it has been made one of the stack's, or
 * *ret and true. */
bool stack_fresh(struct call *c, struct stacksock *s, enum verdict *ret);

/* Of a stream: 0, or -ENOTCONN or the error that waits where it is not connected. The pair tells
 * mostly: unread in the stack is something, and less than what fills one that is not. */
int MUST_CHECK stack_connected(struct call *c, const struct stacksock *s);
/* Nobody reads what is written: -EPIPE, and SIGPIPE. */
int MUST_CHECK stack_no_pipe(struct call *c, int flags);

/* stackopt.c */
enum verdict stack_setsockopt(struct call *c, const struct stacksock *s);
enum verdict stack_getsockopt(struct call *c, const struct stacksock *s);
/* Of any socket: interfaces are the view's. */
enum verdict stack_ioctl(struct call *c, const struct stacksock *s);

/* stackmsg.c */
enum verdict stack_sendto(struct call *c, const struct stacksock *s);
enum verdict stack_sendmsg(struct call *c, const struct stacksock *s);
enum verdict stack_sendmmsg(struct call *c, const struct stacksock *s);
enum verdict stack_recvfrom(struct call *c, const struct stacksock *s);
enum verdict stack_recvmsg(struct call *c, const struct stacksock *s);
enum verdict stack_recvmmsg(struct call *c, const struct stacksock *s);
/* FIONREAD of datagrams: the length of the first. */
enum verdict stack_unread(struct call *c, const struct stacksock *s);

#endif
