/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AF_UNIX sockets that have names, and descriptors sent over them. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "guest.h"

static socklen_t address(struct sockaddr_un *sun, const char *name)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	strcpy(sun->sun_path, name);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
}

static int bind_(int fd, const char *name)
{
	struct sockaddr_un sun;
	socklen_t len = address(&sun, name);

	return bind(fd, (struct sockaddr *)&sun, len);
}

static int connect_(int fd, const char *name)
{
	struct sockaddr_un sun;
	socklen_t len = address(&sun, name);

	return connect(fd, (struct sockaddr *)&sun, len);
}

static long sendto_(int fd, const char *text, const char *name)
{
	struct sockaddr_un sun;
	socklen_t len = address(&sun, name);

	return sendto(fd, text, strlen(text), 0, (struct sockaddr *)&sun, len);
}

static int new_socket(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	if (fd < 0)
		tap_result(&t, -1, "socket");
	return fd;
}

static void refusals(void)
{
	int s = new_socket(SOCK_STREAM), other;

	make("f", "text");
	R(mkdir("d", 0755));
	R(bind_(s, "f"));
	R(bind_(s, "d"));
	R(bind_(s, "no/such"));
	R(bind_(s, "f/x"));
	other = socket(AF_INET, SOCK_STREAM, 0);
	tap_check(&t, other >= 0, "a socket of another family");
	R(bind_(other, "."));
	R(bind_(other, "new"));
	close(other);
	R(connect_(s, "none"));
	R(connect_(s, "f"));
	R(connect_(s, "d"));
	R(connect_(s, "f/x"));
	R(bind_(-1, "x"));
	R(bind_(0, "x") == -1);
	R(bind_(s, "s"));
	show("s");
	R(bind_(s, "other"));
	R(connect_(s, "s"));
	close(s);
	s = new_socket(SOCK_STREAM);
	R(connect_(s, "s"));
	R(bind_(s, "s"));
	R(unlink("s"));
	R(bind_(s, "s"));
	close(s);
	R(unlink("s"));
	if (getuid() != 0) {
		s = new_socket(SOCK_STREAM);
		R(chmod("d", 0555));
		R(bind_(s, "d/s"));
		R(chmod("d", 0755));
		umask(077);
		R(bind_(s, "d/s"));
		umask(022);
		show("d/s");
		R(listen(s, 1));
		R(chmod("d/s", 0));
		{
			int c = new_socket(SOCK_STREAM);

			R(connect_(c, "d/s"));
			close(c);
		}
		close(s);
	}
}

static void send_file(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	R(sendmsg(to, &msg, 0));
}

static int receive_file(int from)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *cm;
	int fd = -1;

	R(recvmsg(from, &msg, 0));
	cm = CMSG_FIRSTHDR(&msg);
	if (cm)
		memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	return fd;
}

static void show_name(const char *what, int fd, bool peer, socklen_t len)
{
	struct sockaddr_un sun;
	int r;

	memset(&sun, '#', sizeof(sun));
	r = (peer ? getpeername : getsockname)(fd, (struct sockaddr *)&sun, &len);
	if (r < 0)
		tap_result(&t, r, what);
	else
		tap_check(&t, true, "%s: length %u, %.9s", what, len, sun.sun_path);
}

/* What bind was told is what the name is, be it relative, or cut off. */
static void names(void)
{
	int s = new_socket(SOCK_STREAM), c = new_socket(SOCK_STREAM), a;
	struct sockaddr_un sun;
	socklen_t len = sizeof(sun);

	show_name("no name", s, false, sizeof(sun));
	R(bind_(s, "./named"));
	show_name("own name", s, false, sizeof(sun));
	show_name("cut off", s, false, 5);
	show_name("no room", s, false, 0);
	show_name("negative", s, false, (socklen_t)-1);
	show_name("no peer", s, true, sizeof(sun));
	R(getsockname(s, NULL, &len));
	R(listen(s, 1));
	R(connect_(c, "named"));
	a = accept(s, NULL, NULL);
	show_name("peer", c, true, sizeof(sun));
	show_name("accepted", a, false, sizeof(sun));
	show_name("its peer", a, true, sizeof(sun));
	show_name("the other's own", c, false, sizeof(sun));
	R(rename("named", "renamed"));
	show_name("renamed", s, false, sizeof(sun));
	R(unlink("renamed"));
	show_name("unlinked", s, false, sizeof(sun));
	R(getsockname(-1, (struct sockaddr *)&sun, &len));
	close(a);
	close(c);
	close(s);
}

static void streams(void)
{
	char buf[64] = "";
	int s = new_socket(SOCK_STREAM), c, fd;
	pid_t child;

	R(bind_(s, "stream"));
	R(listen(s, 2));
	R(symlink("stream", "link"));
	child = fork();
	if (child == 0) {
		c = new_socket(SOCK_STREAM);
		if (connect_(c, "link") < 0 || write(c, "hello", 5) != 5)
			_exit(1);
		_exit(read(c, buf, 1) == 1 ? 0 : 2);
	}
	c = accept(s, NULL, NULL);
	R(read(c, buf, 5));
	tap_check(&t, 1, "got \"%s\"", buf);
	R(write(c, "x", 1));
	waitpid(child, &fd, 0);
	tap_check(&t, fd == 0, "the child ended well");
	close(c);
	close(s);

	/* an open file goes along, and is the same one on the other side */
	int pair[2], got;

	R(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	fd = FD(open("f", O_RDWR));
	R(lseek(fd, 1, SEEK_SET));
	send_file(pair[0], fd);
	got = receive_file(pair[1]);
	R(lseek(got, 0, SEEK_CUR));
	memset(buf, 0, sizeof(buf));
	R(read(got, buf, 2));
	tap_check(&t, 1, "read \"%s\" from it", buf);
	R(lseek(fd, 0, SEEK_CUR));
	R(write(got, "T!", 2));
	close(got);
	close(fd);
	show_text("f");
	send_file(pair[0], 77);
	close(pair[0]);
	close(pair[1]);
}

static void datagrams(void)
{
	char buf[64] = "";
	int s = new_socket(SOCK_DGRAM), c = new_socket(SOCK_DGRAM);
	struct sockaddr_un sun;
	struct iovec iov[2] = { { "one", 3 }, { "two", 3 } };
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = iov, .msg_iovlen = 2 } },
		{ .msg_hdr = { .msg_iov = iov, .msg_iovlen = 1 } } };
	int sent = 0;

	R(bind_(s, "dgram"));
	R(sendto_(c, "packet", "dgram"));
	R(recv(s, buf, sizeof(buf), 0));
	tap_check(&t, 1, "got \"%s\"", buf);
	R(sendto_(c, "packet", "none"));
	R(sendto_(c, "packet", "f"));
	m[0].msg_hdr.msg_name = m[1].msg_hdr.msg_name = &sun;
	m[0].msg_hdr.msg_namelen = m[1].msg_hdr.msg_namelen = address(&sun, "dgram");
	while (sent < 2) {
		int n = sendmmsg(c, m + sent, (unsigned)(2 - sent), 0);

		if (n <= 0)
			break;
		sent += n;
	}
	R(sent);
	memset(buf, 0, sizeof(buf));
	R(recv(s, buf, sizeof(buf), 0));
	tap_check(&t, 1, "got \"%s\"", buf);
	R(recv(s, buf, sizeof(buf), 0));
	R(connect_(c, "dgram"));
	R(send(c, "abc", 3, 0));
	R(recv(s, buf, sizeof(buf), 0));
	/* no SIGPIPE */
	shutdown(c, SHUT_WR);
	R(sendmmsg(c, m, 1, 0));
	R(sendmsg(c, &m[0].msg_hdr, 0));
	R(sendto_(c, "packet", "dgram"));
	close(c);
	c = new_socket(SOCK_DGRAM);
	R(connect_(c, "dgram"));
	R(unlink("dgram"));
	R(sendto_(c, "packet", "dgram"));
	R(send(c, "abc", 3, 0));
	close(c);
	close(s);
}

/* A server answers to where a packet came from. */
static void replies(void)
{
	int s = new_socket(SOCK_DGRAM), c = new_socket(SOCK_DGRAM);
	struct sockaddr_un from;
	socklen_t len = sizeof(from);
	char buf[64] = "";

	R(bind_(s, "server"));
	R(bind_(c, "client"));
	R(sendto_(c, "question", "server"));
	R(recvfrom(s, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len));
	R(sendto(s, "answer", 6, 0, (struct sockaddr *)&from, len));
	R(recv(c, buf, sizeof(buf), MSG_DONTWAIT));
	tap_check(&t, 1, "got \"%.6s\"", buf);
	R(connect(s, (struct sockaddr *)&from, len));
	R(send(s, "more", 4, 0));
	R(recv(c, buf, sizeof(buf), MSG_DONTWAIT));
	close(s);
	close(c);
	R(unlink("server"));
	R(unlink("client"));
}

/* Lengths that no control message has: refused, and nobody reads behind the end. */
static void lengths(void)
{
	static const size_t len[] = { 0, 15, 17, 40, 1u << 30, 1ul << 40, SIZE_MAX };
	struct iovec iov = { "x", 1 };
	int pair[2];

	R(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		union {
			char buf[64];
			struct cmsghdr head;
		} u;
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.buf, .msg_controllen = 32
		};

		memset(&u, 0, sizeof(u));
		u.head.cmsg_level = SOL_SOCKET;
		u.head.cmsg_type = SCM_RIGHTS;
		u.head.cmsg_len = len[i];
		R(sendmsg(pair[0], &msg, 0));
	}
	close(pair[0]);
	close(pair[1]);
}

/* Nobody takes what is sent, and nobody accepts: for as long as the socket says. */
static void times(void)
{
	const struct timeval tv = { 0, 120000 };
	int full = new_socket(SOCK_DGRAM), deaf = new_socket(SOCK_STREAM), s;
	long r;

	R(bind_(full, "full"));
	s = new_socket(SOCK_DGRAM);
	R(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	do {
		r = sendto_(s, "more", "full");
	} while (r > 0);
	tap_result(&t, r, "a datagram too many");
	close(s);
	close(full);
	R(bind_(deaf, "deaf"));
	R(listen(deaf, 0));
	do {
		s = new_socket(SOCK_STREAM);
		R(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
		r = connect_(s, "deaf");
	} while (r == 0); /* (its own end of it stays until it exits) */
	tap_result(&t, r, "a connection too many");
	close(s);
	close(deaf);
}

static void show_cred(const char *what, const struct ucred *cred, pid_t pid)
{
	tap_check(&t, 1, "%s: %s, %s, %s", what,
		cred->pid == pid	? "who it was"
		: cred->pid == getpid() ? "we"
					: "another",
		cred->uid == geteuid() ? "our user" : "another user",
		cred->gid == getegid() ? "our group" : "another group");
}

static void show_peer(const char *what, int fd, pid_t pid)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	R(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len));
	show_cred(what, &cred, pid);
}

static void receive_cred(int s, pid_t pid)
{
	char control[CMSG_SPACE(sizeof(struct ucred))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct ucred cred = { 0 };

	R(recvmsg(s, &msg, 0));
	if (CMSG_FIRSTHDR(&msg))
		memcpy(&cred, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(cred));
	tap_check(&t, cred.pid == pid, "it says who sent it");
}

static void send_cred(int s, const struct ucred *cred)
{
	char control[CMSG_SPACE(sizeof(struct ucred))] = { 0 };
	struct iovec iov[] = { { "ab", 2 }, { "c", 1 } };
	struct sockaddr_un sun;
	struct msghdr msg = { .msg_name = &sun,
		.msg_namelen = address(&sun, "dcred"),
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_CREDENTIALS;
	cm->cmsg_len = CMSG_LEN(sizeof(*cred));
	memcpy(CMSG_DATA(cm), cred, sizeof(*cred));
	R(sendmsg(s, &msg, 0));
}

/* Who is at the other end. */
static void credentials(void)
{
	int s = new_socket(SOCK_STREAM), d = new_socket(SOCK_DGRAM), one = 1, c, st, pair[2];
	const struct ucred own = { getpid(), getuid(), getgid() },
			   other = { 1, getuid(), getgid() };
	pid_t child;

	R(bind_(s, "cred"));
	R(listen(s, 2));
	R(bind_(d, "dcred"));
	R(setsockopt(d, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	child = fork();
	if (child == 0) {
		int dc = new_socket(SOCK_DGRAM);

		c = new_socket(SOCK_STREAM);
		if (connect_(c, "cred") < 0)
			_exit(1);
		if (sendto_(dc, "x", "dcred") != 1)
			_exit(2);
		_exit(0);
	}
	c = accept(s, NULL, NULL);
	waitpid(child, &st, 0);
	tap_check(&t, st == 0, "the child connected");
	show_peer("accepted", c, child);
	receive_cred(d, child);
	close(c);
	c = new_socket(SOCK_DGRAM);
	send_cred(c, &own);
	receive_cred(d, getpid());
	if (getuid())
		send_cred(c, &other);
	close(c);
	c = new_socket(SOCK_STREAM);
	show_peer("not connected", c, 0);
	R(connect_(c, "cred"));
	show_peer("connected", c, getpid());
	close(c);
	R(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	show_peer("a pair", pair[0], getpid());
	close(pair[0]);
	close(pair[1]);
	close(d);
	close(s);
}

static void tick(int sig)
{
	(void)sig;
}

/* A signal ends the wait for somebody who accepts, or the call goes on after it. */
static void interrupted(void)
{
	int deaf = new_socket(SOCK_STREAM), c = new_socket(SOCK_STREAM), st;
	struct sigaction sa = { .sa_handler = tick };
	struct itimerval soon = { { 0, 0 }, { 0, 100000 } };
	pid_t child;

	R(bind_(deaf, "busy"));
	R(listen(deaf, 0));
	R(connect_(c, "busy"));
	close(c);
	c = new_socket(SOCK_STREAM);
	R(fcntl(c, F_SETFL, O_NONBLOCK));
	R(connect_(c, "busy"));
	close(c);
	c = new_socket(SOCK_STREAM);
	R(sigaction(SIGALRM, &sa, NULL));
	R(setitimer(ITIMER_REAL, &soon, NULL));
	R(connect_(c, "busy"));
	sa.sa_flags = SA_RESTART;
	R(sigaction(SIGALRM, &sa, NULL));
	child = fork();
	if (child == 0) {
		setitimer(ITIMER_REAL, &soon, NULL);
		_exit(connect_(c, "busy") == 0 ? 0 : 1);
	}
	usleep(300000);
	R(waitpid(child, &st, WNOHANG));
	close(accept(deaf, NULL, NULL));
	waitpid(child, &st, 0);
	tap_check(&t, st == 0, "it connected when there was room");
	child = fork();
	if (child == 0)
		_exit(connect_(new_socket(SOCK_STREAM), "busy"));
	usleep(100000);
	R(kill(child, SIGKILL));
	waitpid(child, &st, 0);
	tap_check(&t, WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "killed while it waits");
	close(c);
	close(deaf);
}

int main(void)
{
	umask(022);
	refusals();
	names();
	streams();
	datagrams();
	replies();
	lengths();
	times();
	credentials();
	interrupted();
	return tap_done(&t);
}
