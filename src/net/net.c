/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "engine/call.h"
#include "engine/engine.h"
#include "net/fdmsg.h"
#include "net/proto.h"
#include "net/spec.h"

#define READY_MS 10000
#define END_MS 2000

struct net {
	int ctl;
	pid_t pid;
	bool abstract_private;
	char *resolv;
	char *const *specs; /* the caller's */
};

/* umview-net beside this program, as in a build folder, or where it is installed. */
static void program_path(char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);
	char *slash;

	buf[n > 0 ? n : 0] = '\0';
	slash = strrchr(buf, '/');
	if (slash && (size_t)(slash - buf) + sizeof("/umview-net") <= size) {
		strcpy(slash, "/umview-net");
		if (access(buf, X_OK) == 0)
			return;
	}
	snprintf(buf, size, "%s/umview-net", UM_LIBEXECDIR);
}

/* In the child, which has one thread of a program with several: system calls alone. */
static void run_child(int ctl, const char *path, char *const argv[])
{
	const struct task_mark service = { .service = true };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* without the mark the view would not end before it does */
	if (task_mark_set(0, &service) < 0 || dup2(ctl, NET_FD) < 0 || syscall(SYS_close_range, NET_FD + 1, ~0u, 0) < 0)
		_exit(127);
	execv(path, argv);
	_exit(127);
}

static int start_program(struct net *n, int ctl, char *const specs[])
{
	_cleanup_free_ char **argv = NULL;
	char path[PATH_MAX];
	size_t count = 0;

	while (specs[count])
		count++;
	argv = calloc(count + 2, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	argv[0] = (char *)"umview-net";
	memcpy(argv + 1, specs, count * sizeof(*argv));
	program_path(path, sizeof(path));
	n->pid = fork();
	if (n->pid == 0)
		run_child(ctl, path, argv);
	return n->pid < 0 ? -errno : 0;
}

static int wait_ready(struct net *n, char **ret_message)
{
	struct pollfd p = { .fd = n->ctl, .events = POLLIN };
	struct net_ready ready = { 0 };
	ssize_t len = poll(&p, 1, READY_MS) == 1 ? recv(n->ctl, &ready, sizeof(ready), 0) : -1;

	if (len < (ssize_t)offsetof(struct net_ready, text)) {
		*ret_message = str_printf(len == 0 ? "umview-net could not be run, or has ended: is it installed?" :
						     "umview-net does not answer");
		return -EIO;
	}
	ready.text[sizeof(ready.text) - 1] = '\0';
	if (ready.err < 0)
		*ret_message = str_printf("%s", ready.text);
	return ready.err;
}

/* What the specs say to us. */
static int read_specs(struct net *n, char *const specs[], char **ret_message)
{
	struct net_spec s;

	for (int i = 0; specs[i]; i++) {
		int r = i < NET_MAX_LINKS ? net_spec_parse(specs[i], i, &s, ret_message) : -E2BIG;

		if (r == -E2BIG)
			*ret_message = str_printf("--net: %d interfaces at most", NET_MAX_LINKS);
		if (r < 0)
			return r;
		n->abstract_private |= s.abstract_private;
		if (s.link == NET_NONE || !n->resolv || !*n->resolv) {
			free(n->resolv);
			n->resolv = net_spec_resolv(&s);
			if (!n->resolv)
				return -ENOMEM;
		}
	}
	n->specs = specs;
	return 0;
}

int net_start(char *const specs[], struct net **ret, char **ret_message)
{
	struct net *n = calloc(1, sizeof(*n));
	int ctl[2], r;

	*ret_message = NULL;
	if (!n)
		return -ENOMEM;
	n->ctl = -1;
	r = read_specs(n, specs, ret_message);
	if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl) < 0)
		r = -errno;
	if (r < 0) {
		net_free(n);
		return r;
	}
	n->ctl = ctl[0];
	r = start_program(n, ctl[1], specs);
	close(ctl[1]);
	if (r == 0)
		r = wait_ready(n, ret_message);
	if (r < 0) {
		net_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void net_free(struct net *n)
{
	if (!n)
		return;
	if (n->ctl >= 0)
		close(n->ctl);
	/* the end of the socket is what ends it */
	for (int ms = 0; n->pid > 0 && waitpid(n->pid, NULL, WNOHANG) == 0; ms++) {
		if (ms == END_MS)
			kill(n->pid, SIGKILL);
		usleep(1000);
	}
	free(n->resolv);
	free(n);
}

pid_t net_pid(const struct net *n)
{
	return n->pid;
}

/* One request: 0 and nfds descriptors, or -errno. */
static int ask(struct net *n, const struct net_request *rq, size_t len, int fds[], size_t nfds)
{
	_cleanup_fd_ int mine = -1;
	struct net_reply reply;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	mine = pair[0];
	call_waits();
	r = fdmsg_send(n->ctl, rq, len, &pair[1], 1);
	close(pair[1]);
	if (r < 0)
		return r == -EPIPE || r == -ECONNRESET ? -ENETDOWN : r;
	r = fdmsg_recv(mine, &reply, sizeof(reply), fds, nfds);
	if (r < (int)sizeof(reply))
		return r < 0 ? r : -ENETDOWN;
	return reply.err;
}

int net_socket(struct net *n, int domain, int type, int protocol)
{
	const struct net_request rq = { .op = NET_OP_SOCKET, .a = domain, .b = type, .c = protocol };
	int fd = -1, r = ask(n, &rq, offsetof(struct net_request, path) + 1, &fd, 1);

	return r < 0 ? r : fd;
}

int net_socketpair(struct net *n, int domain, int type, int protocol, int ret[2])
{
	const struct net_request rq = { .op = NET_OP_SOCKETPAIR, .a = domain, .b = type, .c = protocol };

	return ask(n, &rq, offsetof(struct net_request, path) + 1, ret, 2);
}

int net_open(struct net *n, const char *path, int flags)
{
	struct net_request rq = { .op = NET_OP_OPEN, .a = flags };
	size_t len = strlen(path);
	int fd = -1, r;

	if (len >= sizeof(rq.path))
		return -ENAMETOOLONG;
	memcpy(rq.path, path, len + 1);
	r = ask(n, &rq, offsetof(struct net_request, path) + len + 1, &fd, 1);
	return r < 0 ? r : fd;
}

bool net_abstract_private(const struct net *n)
{
	return n->abstract_private;
}

const char *net_resolv(const struct net *n)
{
	return n->resolv && *n->resolv ? n->resolv : NULL;
}

char *const *net_specs(const struct net *n)
{
	return n->specs;
}
