/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umview-net SPEC...: the network of one view. Started by the supervisor, which is at descriptor 3
 * (net/proto.h).
 *
 * Two processes: the holder is in the view's namespaces (holder.c); this one stays in the host's,
 * where each link has a thread that carries frames between a packet socket of the holder's and the
 * world. Both end when the supervisor does, and what was sent before has been acknowledged.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fdmsg.h"
#include "base/limit.h"
#include "net/daemon/holder.h"
#include "net/daemon/link.h"
#include "net/linger.h"
#include "net/proto.h"

#define MAP_BYTES (128 << 10) /* an allocation from here on is a mapping */

static const struct link_ops *const link_table[] = { &slirp_link, &vde_link, &tap_link, &far_link };

struct links {
	pthread_t thread[NET_MAX_LINKS];
	size_t n;
	int end[2]; /* a pipe: its end is the view's */
};

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

static int start_link(struct links *links, const struct net_spec *s, int32_t index,
	const int fds[LINK_FDS], char **ret_message)
{
	struct link *l = calloc(1, sizeof(*l));
	int r;

	if (!l || links->n == NET_MAX_LINKS)
		return -ENOMEM;
	*l = (struct link){ .spec = s,
		.ops = find_ops(s->link),
		.frames = fds[0],
		.control = fds[1],
		.end = links->end[0],
		.far = s->link == NET_PAIR ? fds[2] : -1,
		.outer = { -1, -1 } };
	if (s->link == NET_SLIRP) {
		l->outer.ask = fds[2];
		l->outer.inject = fds[3];
	}
	holder_peer_name(index, l->peer);
	r = l->ops ? l->ops->open(l, ret_message) : -EINVAL;
	if (r == 0)
		r = -pthread_create(&links->thread[links->n], NULL, run_link, l);
	if (r == 0)
		links->n++;
	return r;
}

/* Takes what the holder sends, until it has sent all. */
static int start_links(struct links *links, const struct net_spec specs[], size_t n, int holder,
	char **ret_message)
{
	for (;;) {
		int32_t index;
		int fds[LINK_FDS], r = fdmsg_recv(holder, &index, sizeof(index), fds, LINK_FDS);

		if (r < (int)sizeof(index))
			return r < 0 ? r : -EPIPE;
		if (index < 0)
			return 0;
		if ((size_t)index >= n || fds[1] < 0)
			return -EINVAL;
		r = start_link(links, &specs[index], index, fds, ret_message);
		if (r < 0)
			return r;
	}
}

static int run_links(const struct net_spec specs[], size_t n, int holder)
{
	_cleanup_free_ char *message = NULL;
	struct links links = { .end = { -1, -1 } };
	struct net_ready ready = { .err = pipe2(links.end, O_CLOEXEC) < 0 ? -errno : 0 };
	ssize_t got;
	char byte;

	if (ready.err == 0)
		ready.err = start_links(&links, specs, n, holder, &message);
	if (ready.err < 0)
		snprintf(ready.text, sizeof(ready.text), "%s",
			message ? message : strerror(-ready.err));
	if (fdmsg_send(holder, &ready, sizeof(ready), NULL, 0) < 0)
		return 1;
	/* its first word is that the view has ended */
	while ((got = recv(holder, &byte, 1, 0)) > 0 || (got < 0 && errno == EINTR)) {
		if (got > 0 && write(links.end[1], &byte, 1) < 0)
			break;
	}
	if (ready.err < 0)
		return 1;
	linger_begin();
	close(links.end[1]);
	for (size_t i = 0; i < links.n; i++)
		(void)pthread_join(links.thread[i], NULL);
	return 0;
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
	raise_limit(RLIMIT_NOFILE); /* a connection through slirp is one descriptor or two */
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
