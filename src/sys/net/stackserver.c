/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Servers of the view's own stack. What listens is mostly a socket that the kernel itself has
 * listen (net/stackproto.h): what recv(2), poll(2) and the queue of connections say of it needs
 * nobody.
 */
#include "sys/net/stack.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fdmsg.h"
#include "engine/blocking.h"
#include "sys/net/calls.h"
#include "sys/net/networks.h"

/* ---- listen(2) ---- */

static bool is_bound(const struct stacksock *s)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);

	return getsockname(s->fd, (struct sockaddr *)&name, &len) == 0 && len > sizeof(sa_family_t);
}

/* In the run directory, whose path may be longer than such a name. */
static int bind_in(const char *rundir, const struct stacksock *s, const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_fd_ int dir = open(rundir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/%s", dir, name);
	return bind(s->fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : 0;
}

/* The stack is told where the socket is found, and removes its name. */
static int tell_listens(struct call *c, const struct stacksock *s, const char *path)
{
	struct stack_conn *q = stacksock_begin(s, c, STACK_LISTENS);
	int r;

	if (!q)
		return -ENETDOWN;
	q->msg.len = (uint32_t)strlen(path);
	memcpy(q->msg.data, path, q->msg.len);
	r = net_stack_ask(q);
	net_stack_end(s->net, q);
	return r;
}

/* The kernel has it listen. */
static int listen_itself(struct call *c, const struct stacksock *s, int backlog)
{
	_cleanup_free_ char *path = NULL;
	const bool bound = is_bound(s);
	int r = 0;

	if (!bound) {
		path = str_printf("%s/listen-%llx", c->um->rundir, (unsigned long long)s->number);
		if (!path)
			return -ENOMEM;
		r = bind_in(c->um->rundir, s, strrchr(path, '/') + 1);
	}
	if (r == 0 && listen(s->fd, backlog) < 0)
		r = -errno;
	return r < 0 || bound ? r : tell_listens(c, s, path);
}

enum verdict stack_listen(struct call *c, const struct stacksock *s)
{
	const int backlog = (int)c->args[1];
	struct stack_conn *q = stacksock_begin(s, c, STACK_LISTEN);
	bool itself;
	int r;

	if (!q)
		return call_return(c, -ENETDOWN);
	q->msg.a = backlog;
	r = net_stack_ask(q);
	itself = q->msg.a;
	net_stack_end(s->net, q);
	if (r == 0 && itself)
		r = listen_itself(c, s, backlog);
	return call_return(c, r);
}

int stack_join(const struct stacksock *s)
{
	int value = 0, domain;
	socklen_t len = sizeof(value);
	bool watched;
	pid_t pid;

	/* (what listens is not going to be connected) */
	if (getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value)
		return 0;
	domain = net_stack_fresh(s->fd, &pid, &watched);
	return domain < 0 ? 0 : net_stack_adopt(s->net, s->fd, domain, 0);
}

/* ---- accept(2) ---- */

/* Is it the stack that has come, and from where? */
static int read_visit(const struct stacksock *s, int fd, struct visit *ret)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
			       cred.pid == net_pid(s->net) && visit_of_socket(fd, ret)
		       ? 0
		       : -ECONNABORTED;
}

/* It is the guest's. */
static int introduce(const struct stacksock *listener, int fd)
{
	struct stack_accepted accepted = { 0 };
	const int bytes = STACK_SNDBUF;
	socklen_t len = sizeof(int);
	struct stat st;
	int urgent = 0;

	if (fstat(fd, &st) < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
		return -errno;
	/* (the kernel's TCP hands it on, its AF_UNIX does not) */
	if (getsockopt(listener->fd, SOL_SOCKET, SO_OOBINLINE, &urgent, &len) == 0 && urgent &&
		setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &urgent, len) < 0)
		return -errno;
	accepted.ino = st.st_ino;
	if (send(fd, &accepted, sizeof(accepted), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		/* the stack is gone, which the guest will hear */
	}
	return 0;
}

struct arrival {
	int fd;
	socklen_t namelen;
	struct sockaddr_storage name;
};

/* wait: until there is one, or the stack is gone. */
static int accept_once(const struct stacksock *s, bool wait, struct arrival *ret)
{
	struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN },
		{ .fd = net_stack_lifeline(s->net) } };
	struct visit visit;
	_cleanup_fd_ int fd = -1;
	int r = -ECONNABORTED;

	while (r == -ECONNABORTED) {
		if (wait && poll(p, 2, -1) < 0)
			return -errno;
		if (p[1].revents)
			return -ENETDOWN;
		um_cleanup_fd(&fd);
		fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return -errno;
		r = read_visit(s, fd, &visit);
	}
	r = introduce(s, fd);
	if (r < 0)
		return r;
	ret->namelen = visit_address_len(&visit.peer);
	ret->name = visit.peer;
	ret->fd = take_fd(&fd);
	return 0;
}

/* From a socket that is a pair: its messages are connections. */
static int take_message(const struct stacksock *s, struct arrival *ret)
{
	struct stack_head head = { 0 };
	char first;
	int r = fdmsg_recv_once(s->fd, &head, sizeof(head), &ret->fd, 1);

	if (r < 0)
		return r;
	if (ret->fd < 0)
		return -EINVAL; /* shut down, or no listener's */
	/* closed with that in it, it would be reset */
	(void)recv(ret->fd, &first, sizeof(first), MSG_DONTWAIT);
	ret->namelen = head.namelen;
	ret->name = head.name;
	return 0;
}

static int listens(struct call *c, const struct stacksock *s)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (!s->watched)
		return stack_ask_option(c, s, SO_ACCEPTCONN);
	return getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) < 0 ? -errno : value;
}

/* Takes a connection from our dup of the listener. */
static int take_connection(struct call *c, const struct stacksock *s, struct arrival *ret)
{
	const bool wait = stack_waits(c, s);
	struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN },
		{ .fd = net_stack_lifeline(s->net) } };
	const bool ready = poll(p, 1, 0) != 0;
	struct blocking b;
	int r;

	/* (only who has to wait asks whether it listens at all) */
	if (!ready) {
		r = listens(c, s);
		if (r <= 0)
			return r < 0 && r != -ENOTSOCK ? r : -EINVAL;
	}
	/* (another may be quicker to take what is ready) */
	if (ready || !wait || blocking_moment(c, p, 2))
		r = blocking_begin_ready(&b, s->fd, SO_RCVTIMEO);
	else
		r = blocking_begin_socket(&b, s->fd, SO_RCVTIMEO);
	if (r < 0)
		return r;
	do {
		r = s->watched ? accept_once(s, wait, ret) : take_message(s, ret);
	} while (blocking_again(&b, c, r));
	return (int)blocking_end(&b, r);
}

enum verdict stack_accept(struct call *c, const struct stacksock *s, int flags)
{
	struct arrival a = { .fd = -1 };
	_cleanup_fd_ int fd = -1;
	int r;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return call_return(c, -EINVAL);
	if (!s->stream)
		return call_return(c, -EOPNOTSUPP);
	if (!guestfd_room(c)) /* what is taken cannot be put back */
		return call_return(c, -EMFILE);
	r = take_connection(c, s, &a);
	fd = a.fd;
	if (r == 0 && flags & SOCK_NONBLOCK && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0 && c->args[1])
		r = stack_write_name(c, call_addr(c, 1), call_addr(c, 2), &a.name, a.namelen);
	if (r < 0)
		return call_return(c, r);
	return guestfd_answer_last(c, &fd, flags & SOCK_CLOEXEC ? O_CLOEXEC : 0, stack_zone(c));
}

void stack_drop_waiting(const struct stacksock *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	/* (as many as a queue has at most; where nobody else takes them none of this waits) */
	for (int left = 4096; left > 0 && poll(&p, 1, 0) == 1 && p.revents & POLLIN; left--) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return;
		close(fd);
	}
}
