/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/netd.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fdmsg.h"
#include "engine/call.h"
#include "engine/engine.h"

#define READY_MS 10000
#define END_MS 2000

struct netd {
	atomic_int refs;
	const char *program;
	int ctl;
	pid_t pid;
	bool ready;
	char resolv[sizeof(((struct net_ready *)0)->resolv)];
};

/* In the child, which has one thread of a program with several: system calls alone. */
static void run_child(int ctl, const char *path, char *const argv[])
{
	const struct task_mark service = { .service = true, .network_server = true };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* without the mark the view would not end before it does */
	if (task_mark_set(0, &service) < 0 || dup2(ctl, NET_FD) < 0 ||
		syscall(SYS_close_range, NET_FD + 1, ~0u, 0) < 0)
		_exit(127);
	execv(path, argv);
	_exit(127);
}

static int start_program(struct netd *d, int ctl, char *const specs[])
{
	_cleanup_free_ char **argv = NULL;
	char path[PATH_MAX];
	size_t count = 0;

	while (specs[count])
		count++;
	argv = calloc(count + 2, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	argv[0] = (char *)(uintptr_t)d->program;
	memcpy(argv + 1, specs, count * sizeof(*argv));
	own_program(d->program, path, sizeof(path));
	d->pid = fork();
	if (d->pid == 0)
		run_child(ctl, path, argv);
	return d->pid < 0 ? -errno : 0;
}

static int wait_ready(struct netd *d, char **ret_message)
{
	struct pollfd p = { .fd = d->ctl, .events = POLLIN };
	struct net_ready ready = { 0 };
	ssize_t len = poll(&p, 1, READY_MS) == 1 ? recv(d->ctl, &ready, sizeof(ready), 0) : -1;

	if (len < (ssize_t)offsetof(struct net_ready, text)) {
		*ret_message =
			str_printf(len == 0 ? "%s could not be run, or has ended: is it installed?"
					    : "%s does not answer",
				d->program);
		return -EIO;
	}
	ready.text[sizeof(ready.text) - 1] = '\0';
	ready.resolv[sizeof(ready.resolv) - 1] = '\0';
	strcpy(d->resolv, ready.resolv);
	if (ready.err < 0)
		*ret_message = str_printf("%s", ready.text);
	d->ready = ready.err == 0;
	return ready.err;
}

int netd_start(char *const specs[], enum net_stack stack, struct netd **ret, char **ret_message)
{
	struct netd *d = calloc(1, sizeof(*d));
	int ctl[2], r;

	if (!d)
		return -ENOMEM;
	atomic_init(&d->refs, 1);
	d->ctl = -1;
	d->program = stack == NET_STACK_LWIP ? "umview-lwip" : "umview-net";
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl) < 0) {
		r = -errno;
		netd_put(d);
		return r;
	}
	d->ctl = ctl[0];
	r = start_program(d, ctl[1], specs);
	close(ctl[1]);
	if (r == 0)
		r = wait_ready(d, ret_message);
	if (r < 0) {
		netd_put(d);
		return r;
	}
	*ret = d;
	return 0;
}

struct netd *netd_get(struct netd *d)
{
	atomic_fetch_add(&d->refs, 1);
	return d;
}

void netd_put(struct netd *d)
{
	if (!d || atomic_fetch_sub(&d->refs, 1) > 1)
		return;
	if (d->ctl >= 0)
		close(d->ctl);
	/* The end of the socket is what ends it, once it has sent what the view did (net/linger.h):
	 * where that takes longer it goes on alone. */
	for (int ms = 0; d->pid > 0 && waitpid(d->pid, NULL, WNOHANG) == 0; ms++) {
		if (ms == END_MS && d->ready)
			break;
		if (ms == END_MS)
			kill(d->pid, SIGKILL);
		usleep(1000);
	}
	free(d);
}

const char *netd_resolv(const struct netd *d)
{
	return d->resolv;
}

pid_t netd_pid(const struct netd *d)
{
	return d->pid;
}

int netd_fd(const struct netd *d)
{
	return d->ctl;
}

int netd_ask(struct netd *d, const struct net_request *rq, size_t len, int fds[], size_t nfds,
	uint32_t *ret_value)
{
	_cleanup_fd_ int mine = -1;
	struct net_reply reply;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	mine = pair[0];
	call_waits();
	r = fdmsg_send(d->ctl, rq, len, &pair[1], 1);
	close(pair[1]);
	if (r < 0)
		return r == -EPIPE || r == -ECONNRESET ? -ENETDOWN : r;
	r = fdmsg_recv(mine, &reply, sizeof(reply), fds, nfds);
	if (r < (int)sizeof(reply))
		return r < 0 ? r : -ENETDOWN;
	if (ret_value && reply.err == 0)
		*ret_value = reply.value;
	return reply.err;
}

int netd_connect(struct netd *d, const struct net_request *rq, size_t len, int fd)
{
	return fdmsg_send(d->ctl, rq, len, &fd, 1);
}
