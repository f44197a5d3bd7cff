/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
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
#define KINDS 4 /* of sockets that are kept ready */

/* Sockets of one kind, made before they are asked for: a request for sixteen costs what one for one does. */
struct ready {
	int domain, type, protocol;
	unsigned asked; /* how often, by which it is guessed how many more will be */
	size_t n;
	int fds[FDMSG_MAX_FDS];
};

struct net {
	int ctl;
	pid_t pid;
	bool abstract_private;
	char *resolv;
	char *const *specs; /* the caller's */
	pthread_mutex_t lock; /* guards ready; a leaf */
	struct ready ready[KINDS];
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
	pthread_mutex_init(&n->lock, NULL);
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

static void drop_ready(struct ready *k)
{
	while (k->n > 0)
		close(k->fds[--k->n]);
}

void net_free(struct net *n)
{
	if (!n)
		return;
	if (n->ctl >= 0)
		close(n->ctl);
	for (int i = 0; i < KINDS; i++)
		drop_ready(&n->ready[i]);
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

/* Only what has no state of whoever made it. */
static bool may_be_ready(int domain, int type)
{
	const int kind = type & ~SOCK_NONBLOCK;

	return (domain == AF_INET || domain == AF_INET6) && (kind == SOCK_STREAM || kind == SOCK_DGRAM);
}

/* The place for a kind; the least asked for makes room. The lock is held. */
static struct ready *find_ready(struct net *n, int domain, int type, int protocol)
{
	struct ready *least = &n->ready[0];

	for (int i = 0; i < KINDS; i++) {
		struct ready *k = &n->ready[i];

		if (k->asked && k->domain == domain && k->type == type && k->protocol == protocol)
			return k;
		if (k->asked < least->asked)
			least = k;
	}
	drop_ready(least);
	*least = (struct ready){ .domain = domain, .type = type, .protocol = protocol };
	return least;
}

/* One that is ready, or -1 and how many to ask for. */
static int take_ready(struct net *n, int domain, int type, int protocol, size_t *ret_count)
{
	struct ready *k;
	int fd = -1;

	pthread_mutex_lock(&n->lock);
	k = find_ready(n, domain, type, protocol);
	k->asked++;
	if (k->n > 0)
		fd = k->fds[--k->n];
	*ret_count = k->asked < FDMSG_MAX_FDS ? k->asked : FDMSG_MAX_FDS;
	pthread_mutex_unlock(&n->lock);
	return fd;
}

/* Keeps what fits of more sockets of a kind. */
static void keep_ready(struct net *n, const struct net_request *rq, const int fds[], size_t nfds)
{
	struct ready *k;

	pthread_mutex_lock(&n->lock);
	k = find_ready(n, rq->a, rq->b, rq->c);
	for (size_t i = 0; i < nfds; i++) {
		if (fds[i] >= 0 && k->n < ARRAY_SIZE(k->fds))
			k->fds[k->n++] = fds[i];
		else if (fds[i] >= 0)
			close(fds[i]);
	}
	pthread_mutex_unlock(&n->lock);
}

int net_socket(struct net *n, int domain, int type, int protocol)
{
	struct net_request rq = { .op = NET_OP_SOCKET, .a = domain, .b = type & ~SOCK_CLOEXEC, .c = protocol,
		.count = 1 };
	int fds[FDMSG_MAX_FDS];
	size_t count = 1;
	int r;

	if (may_be_ready(domain, rq.b)) {
		r = take_ready(n, domain, rq.b, protocol, &count);
		if (r >= 0)
			return r;
		rq.count = (uint32_t)count;
	}
	r = ask(n, &rq, offsetof(struct net_request, path) + 1, fds, count);
	if (r < 0)
		return r;
	if (count > 1)
		keep_ready(n, &rq, fds + 1, count - 1);
	return fds[0] >= 0 ? fds[0] : -ENETDOWN;
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
