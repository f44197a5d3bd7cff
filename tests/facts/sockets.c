/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a pair of AF_UNIX sockets that stands for a connection counts on (src/net/lwip/,
 * src/net/stackproto.h). */
#include "facts/list.h"

#include <linux/filter.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fdmsg.h"
#include "net/stackproto.h"

static bool can_write(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

/* An end that is closed with something unread is a reset to the other; without, it is the end of
 * the data. */
static int probe_reset(char *why, size_t size)
{
	for (int unread = 0; unread < 2; unread++) {
		_cleanup_fd_ int guest = -1;
		char byte = 0;
		ssize_t n;
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return fact_fail(why, size, "socketpair");
		guest = pair[0];
		if (unread && write(guest, "x", 1) != 1) {
			close(pair[1]);
			return fact_fail(why, size, "write");
		}
		close(pair[1]);
		n = read(guest, &byte, 1);
		if (unread ? n >= 0 || errno != ECONNRESET : n != 0) {
			errno = EPROTO;
			return fact_fail(why, size,
				unread ? "closed with something unread"
				       : "closed with nothing unread");
		}
	}
	return 0;
}

const struct fact fact_reset = {
	.name = "reset",
	.what = "a socket whose peer is closed with something unread is told ECONNRESET",
	.without = "with --net ...,stack=lwip a connection that is reset looks like one that has "
		   "ended",
	.probe = probe_reset,
};

/* STACK_JUNK makes it not writable, all of that but the last byte taken away it is; and so it is
 * with the longest piece of which one byte is left. */
static int probe_junk(char *why, size_t size)
{
	_cleanup_fd_ int guest = -1, ours = -1, file = memfd_create("umview-fact", MFD_CLOEXEC);
	_cleanup_free_ char *buf = malloc(STACK_JUNK);
	const int bytes = STACK_SNDBUF;
	int pair[2];

	if (!buf || file < 0 || ftruncate(file, STACK_JUNK) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fact_fail(why, size, "socketpair");
	guest = pair[0];
	ours = pair[1];
	if (setsockopt(guest, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
		return fact_fail(why, size, "SO_SNDBUF");
	for (off_t at = 0; at < STACK_JUNK - 1;) {
		if (sendfile(guest, file, &at, (size_t)(STACK_JUNK - 1 - at)) <= 0)
			return fact_fail(why, size, "sendfile");
	}
	errno = EPROTO;
	if (send(guest, "", 1, MSG_DONTWAIT) != 1 || can_write(guest))
		return fact_fail(why, size, "a full one is writable");
	if (recv(ours, buf, STACK_JUNK - 1, MSG_WAITALL) != STACK_JUNK - 1 || !can_write(guest))
		return fact_fail(why, size, "an empty one is not writable");
	if (sendfile(guest, file, &(off_t){ 0 }, 65536) != 65536 ||
		recv(ours, buf, 65536, MSG_WAITALL) != 65536 || !can_write(guest))
		return fact_fail(why, size, "with a byte of a long piece left it is not writable");
	return 0;
}

const struct fact fact_junk = {
	.name = "writable",
	.what = "a stream socket is writable when a quarter of its buffer is used, and not with "
		"more",
	.without = "with --net ...,stack=lwip poll(2) may say at a wrong time that a connect(2) is "
		   "done",
	.probe = probe_junk,
};

static int disconnect(int fd)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	return connect(fd, &none, sizeof(none.sa_family));
}

/* An error that ends nothing: twice. */
static int probe_alarm(char *why, size_t size)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX }, own = name;
	socklen_t len = sizeof(name), own_len = sizeof(own);
	_cleanup_fd_ int guest = -1, ours = -1;
	struct pollfd p = { .events = POLLIN };
	char byte;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fact_fail(why, size, "socketpair");
	ours = pair[0];
	p.fd = guest = pair[1];
	for (int i = 0; i < 2; i++) {
		if (bind(pair[i], (struct sockaddr *)&name, sizeof(name.sun_family)) < 0)
			return fact_fail(why, size, "bind");
	}
	if (getsockname(guest, (struct sockaddr *)&name, &len) < 0 ||
		getsockname(ours, (struct sockaddr *)&own, &own_len) < 0)
		return fact_fail(why, size, "getsockname");
	for (int i = 0; i < 2; i++) {
		if (disconnect(ours) < 0 ||
			sendto(ours, "", 0, 0, (struct sockaddr *)&own, own_len) < 0 ||
			connect(ours, (struct sockaddr *)&name, len) < 0 || disconnect(ours) < 0 ||
			connect(ours, (struct sockaddr *)&name, len) < 0)
			return fact_fail(why, size, "to itself, and connecting again");
		if (poll(&p, 1, 0) != 1 || p.revents != POLLERR || recv(guest, &byte, 1, 0) >= 0 ||
			errno != ECONNRESET)
			return fact_fail(why, size, "no error");
		if (send(guest, "x", 1, 0) != 1 || recv(ours, &byte, 1, MSG_DONTWAIT) != 1 ||
			send(ours, "x", 1, 0) != 1 || recv(guest, &byte, 1, MSG_DONTWAIT) != 1)
			return fact_fail(why, size, "nothing comes through any more");
	}
	return 0;
}

const struct fact fact_alarm = {
	.name = "alarm",
	.what = "a datagram socket whose peer disconnects with something unread is told "
		"ECONNRESET, and "
		"goes on when that connects again",
	.without = "with --net ...,stack=lwip what ICMP says of a datagram does not wake who polls "
		   "(traceroute)",
	.probe = probe_alarm,
};

/* Whose a socket is, and that it is a new one. */
static int probe_owner(char *why, size_t size)
{
	const uint64_t tag = STACK_TAG | (uint64_t)getpid() << STACK_TAG_PID_SHIFT | AF_INET6;
	_cleanup_fd_ int fresh = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), a = -1, b = -1;
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	uint64_t got = 0;
	int pair[2];

	if (fresh < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fact_fail(why, size, "socketpair");
	a = pair[0];
	b = pair[1];
	errno = EPROTO;
	if (getsockopt(a, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid != getpid())
		return fact_fail(why, size, "SO_PEERCRED of a pair");
	len = sizeof(cred);
	if (getsockopt(fresh, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid != 0)
		return fact_fail(why, size, "SO_PEERCRED of none");
	len = sizeof(got);
	if (setsockopt(fresh, SOL_SOCKET, SO_MAX_PACING_RATE, &tag, sizeof(tag)) < 0 ||
		getsockopt(fresh, SOL_SOCKET, SO_MAX_PACING_RATE, &got, &len) < 0 || got != tag)
		return fact_fail(why, size, "SO_MAX_PACING_RATE");
	return 0;
}

const struct fact fact_owner = {
	.name = "owner",
	.what = "a pair tells the process that made it, and an AF_UNIX socket keeps a pacing rate "
		"of 64 bits",
	.without = "--net ...,stack=lwip does not know its sockets: sockets then are the kernel's "
		   "alone",
	.probe = probe_owner,
};

/* read(2) of a message with a descriptor gives the data, and the descriptor is closed. */
static int probe_head(char *why, size_t size)
{
	_cleanup_fd_ int a = -1, b = -1, file = memfd_create("umview-fact", MFD_CLOEXEC);
	char buf[8];
	int pair[2], fds[1], r;

	if (file < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fact_fail(why, size, "socketpair");
	a = pair[0];
	b = pair[1];
	for (int i = 0; i < 2; i++) {
		if (fdmsg_send(a, "data", 4, &file, 1) < 0)
			return fact_fail(why, size, "sendmsg");
	}
	errno = EPROTO;
	if (read(b, buf, sizeof(buf)) != 4)
		return fact_fail(why, size, "read");
	r = fdmsg_recv(b, buf, sizeof(buf), fds, 1);
	if (fds[0] >= 0)
		close(fds[0]);
	errno = EPROTO;
	return r == 4 && fds[0] >= 0 ? 0 : fact_fail(why, size, "recvmsg");
}

const struct fact fact_head = {
	.name = "head",
	.what = "read(2) of a message that brings a descriptor along gives its data",
	.without = "with --net ...,stack=lwip datagrams cannot be read(2)",
	.probe = probe_head,
};

/* A filter looks at messages of a pair as at frames. */
static int probe_filter(char *why, size_t size)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };
	_cleanup_fd_ int a = -1, b = -1;
	char byte = 0;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fact_fail(why, size, "socketpair");
	a = pair[0];
	b = pair[1];
	if (setsockopt(b, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		return fact_fail(why, size, "SO_ATTACH_FILTER");
	if (send(a, "no", 2, 0) != 2 || send(a, "yes", 3, 0) != 3)
		return fact_fail(why, size, "send");
	errno = EPROTO;
	return recv(b, &byte, 1, MSG_DONTWAIT) == 1 && byte == 'y' ? 0
								   : fact_fail(why, size, "recv");
}

const struct fact fact_filter = {
	.name = "filter",
	.what = "a filter of an AF_UNIX socket is asked about each message",
	.without = "with --net ...,stack=lwip programs that filter packets (dhclient, tcpdump) see "
		   "all",
	.probe = probe_filter,
};
