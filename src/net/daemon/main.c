/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umview-net SPEC...: the network of one view. Started by the supervisor, which is at descriptor 3
 * (net/proto.h).
 *
 * Two processes: the holder is in the view's namespaces (holder.c); this one stays in the host's,
 * where each link has a thread that carries frames between a packet socket of the holder's and the
 * world. Both end when the supervisor does.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fdmsg.h"
#include "net/daemon/holder.h"
#include "net/daemon/link.h"
#include "net/proto.h"

#define MAP_BYTES (128 << 10) /* an allocation from here on is a mapping */

static const struct link_ops *const link_table[] = { &slirp_link, &vde_link, &tap_link, &far_link };

static void *run_link(void *arg)
{
	struct link *l = arg;

	l->ops->run(l);
	return NULL;
}

static const struct link_ops *find_ops(enum net_link_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(link_table); i++) {
		if (link_table[i]->kind == kind)
			return link_table[i];
	}
	return NULL;
}

static int start_link(const struct net_spec *s, int32_t index, const int fds[3], char **ret_message)
{
	struct link *l = calloc(1, sizeof(*l));
	pthread_t thread;
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct link){ .spec = s,
		.ops = find_ops(s->link),
		.frames = fds[0],
		.control = fds[1],
		.far = fds[2] };
	holder_peer_name(index, l->peer);
	r = l->ops ? l->ops->open(l, ret_message) : -EINVAL;
	return r < 0 ? r : -pthread_create(&thread, NULL, run_link, l);
}

/* Takes what the holder sends, until it has sent all. */
static int start_links(const struct net_spec specs[], size_t n, int holder, char **ret_message)
{
	for (;;) {
		int32_t index;
		int fds[3], r = fdmsg_recv(holder, &index, sizeof(index), fds, 3);

		if (r < (int)sizeof(index))
			return r < 0 ? r : -EPIPE;
		if (index < 0)
			return 0;
		if ((size_t)index >= n || fds[1] < 0)
			return -EINVAL;
		r = start_link(&specs[index], index, fds, ret_message);
		if (r < 0)
			return r;
	}
}

static int run_links(const struct net_spec specs[], size_t n, int holder)
{
	_cleanup_free_ char *message = NULL;
	struct net_ready ready = { .err = start_links(specs, n, holder, &message) };
	char byte;

	if (ready.err < 0)
		snprintf(ready.text, sizeof(ready.text), "%s",
			message ? message : strerror(-ready.err));
	if (fdmsg_send(holder, &ready, sizeof(ready), NULL, 0) < 0)
		return 1;
	while (recv(holder, &byte, 1, 0) < 0 && errno == EINTR)
		;
	return ready.err < 0;
}

int main(int argc, char **argv)
{
	struct net_spec specs[NET_MAX_LINKS];
	size_t n = 0;
	pid_t parent = getpid(), holder;
	int pair[2];

	for (int i = 1; i < argc && n < NET_MAX_LINKS; i++) {
		_cleanup_free_ char *message = NULL;

		if (net_spec_parse(argv[i], i - 1, &specs[n++], &message) < 0)
			return 125; /* the supervisor has said so */
	}
	/* libslirp's buffers of a connection change their size as it begins: what is a mapping is
	 * not copied for that, and has no page that was not written to */
	(void)mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return 125;
	/* ^C is the guests' business */
	(void)setsid();
	holder = fork();
	if (holder < 0)
		return 125;
	if (holder == 0) {
		close(pair[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			return 125;
		return holder_run(specs, n, pair[1]);
	}
	close(pair[1]);
	close(NET_FD);
	return run_links(specs, n, pair[0]);
}
