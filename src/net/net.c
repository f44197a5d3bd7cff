/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fdmsg.h"
#include "net/netd.h"
#include "net/spec.h"

#define KINDS 4 /* of sockets that are kept ready */

/* Sockets of one kind, made before they are asked for: a request for sixteen costs what one for one
 * does. */
struct ready {
	int domain, type, protocol;
	unsigned asked; /* how often, by which it is guessed how many more will be */
	size_t n;
	int fds[FDMSG_MAX_FDS];
};

struct net {
	atomic_int refs;
	struct netd *netd;
	uint32_t number; /* there */
	dev_t dev;	 /* of its file, which a namespace has */
	ino_t ino;
	enum net_stack stack;
	bool abstract_private;
	int resolv;	      /* its resolv.conf, in memory; -1: it has none */
	char *text;	      /* its specs */
	pthread_mutex_t lock; /* guards what follows; a leaf */
	struct ready ready[KINDS];
	struct stack_conn *idle; /* connections that nobody uses */
	int junk;		 /* a file that fills sockets */
	int watches;		 /* the stack's inotify(7), or -1 */
	const struct stack_shared *shared;
	pthread_mutex_t adopting; /* no socket is seen between its connect(2) and its hello; the
				     stack's process waits for nobody */
	struct sockaddr_storage address; /* of the stack's process */
	socklen_t address_len;		 /* 0: not asked yet */
};

/* Whoever says first where names are looked up: an interface's spec, or what DHCP has told of. */
static int add_resolv(struct net *n, const char *text)
{
	_cleanup_fd_ int fd = -1;
	int r;

	if (!*text || n->resolv >= 0)
		return 0;
	fd = memfd_create("resolv.conf", MFD_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r == 0)
		n->resolv = take_fd(&fd);
	return r;
}

/* Has an interface before this one its name? */
static int check_name(
	const struct net_spec *s, int index, char names[][IFNAMSIZ], char **ret_message)
{
	if (s->link == NET_NONE)
		return 0;
	for (int i = 0; i < index; i++) {
		if (strcmp(names[i], s->name) != 0)
			continue;
		*ret_message = str_printf(
			"--net: two interfaces would be called %s: give one another name=",
			s->name);
		return -EINVAL;
	}
	strcpy(names[index], s->name);
	return 0;
}

/* What the specs say to us. */
static int read_specs(struct net *n, char *const specs[], char **ret_message)
{
	char names[NET_MAX_LINKS][IFNAMSIZ] = { 0 };
	struct net_spec s;

	for (int i = 0; specs[i]; i++) {
		_cleanup_free_ char *resolv = NULL;
		int r = i < NET_MAX_LINKS ? net_spec_parse(specs[i], i, &s, ret_message) : -E2BIG;

		if (r == -E2BIG)
			*ret_message = str_printf("--net: %d interfaces at most", NET_MAX_LINKS);
		if (r == 0)
			r = check_name(&s, i, names, ret_message);
		if (r < 0)
			return r;
		n->abstract_private |= s.abstract_private;
		resolv = net_spec_resolv(&s);
		r = resolv ? add_resolv(n, resolv) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

static int keep_text(struct net *n, char *const specs[])
{
	for (int i = 0; specs[i]; i++) {
		char *more =
			str_printf("%s%s%s", n->text ? n->text : "", n->text ? " " : "", specs[i]);

		if (!more)
			return -ENOMEM;
		free(n->text);
		n->text = more;
	}
	return 0;
}

/* Whoever is asked "which network is this?" has a file of it: by its number. */
static int find_number(struct net *n)
{
	_cleanup_fd_ int fd = net_open(n, NET_FILE, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	return 0;
}

static struct net *net_alloc(void)
{
	struct net *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	atomic_init(&n->refs, 1);
	n->junk = n->watches = n->resolv = -1;
	pthread_mutex_init(&n->lock, NULL);
	pthread_mutex_init(&n->adopting, NULL);
	return n;
}

static int find_stack(struct net *n);

int net_start(char *const specs[], enum net_stack stack, struct net **ret, char **ret_message)
{
	struct net *n = net_alloc();
	int r;

	*ret_message = NULL;
	if (!n)
		return -ENOMEM;
	n->stack = stack;
	r = read_specs(n, specs, ret_message);
	if (r == 0)
		r = keep_text(n, specs);
	if (r == 0)
		r = netd_start(specs, stack, &n->netd, ret_message);
	if (r == 0)
		r = add_resolv(n, netd_resolv(n->netd));
	if (r == 0)
		r = find_number(n);
	if (r == 0 && stack == NET_STACK_LWIP)
		r = find_stack(n);
	if (r < 0) {
		net_put(n);
		return r;
	}
	*ret = n;
	return 0;
}

int net_new_beside(struct net *of, struct net **ret)
{
	const struct net_request rq = { .op = NET_OP_NEW };
	struct net *n = net_alloc();
	int r;

	if (!n)
		return -ENOMEM;
	n->stack = of->stack;
	n->abstract_private = true;
	n->text = strdup("none");
	r = n->text ? 0 : -ENOMEM;
	if (r == 0)
		r = netd_ask(
			of->netd, &rq, offsetof(struct net_request, path) + 1, NULL, 0, &n->number);
	if (r == 0) {
		n->netd = netd_get(of->netd);
		r = find_number(n);
	}
	if (r < 0) {
		net_put(n);
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

struct net *net_get(struct net *n)
{
	atomic_fetch_add(&n->refs, 1);
	return n;
}

void net_put(struct net *n)
{
	const struct net_request rq = { .op = NET_OP_DROP, .net = n ? n->number : 0 };

	if (!n || atomic_fetch_sub(&n->refs, 1) > 1)
		return;
	for (int i = 0; i < KINDS; i++)
		drop_ready(&n->ready[i]);
	while (n->idle) {
		struct stack_conn *s = n->idle;

		n->idle = s->next;
		close(s->fd);
		free(s);
	}
	if (n->netd && n->number &&
		netd_ask(n->netd, &rq, offsetof(struct net_request, path) + 1, NULL, 0, NULL) < 0) {
		/* it has ended, and the namespace with it */
	}
	netd_put(n->netd);
	um_cleanup_fd(&n->junk);
	um_cleanup_fd(&n->watches);
	if (n->shared)
		munmap((void *)(uintptr_t)n->shared, sizeof(*n->shared));
	um_cleanup_fd(&n->resolv);
	free(n->text);
	free(n);
}

pid_t net_pid(const struct net *n)
{
	return netd_pid(n->netd);
}

ino_t net_ino(const struct net *n)
{
	return n->ino;
}

bool net_has_file(const struct net *n, const struct stat *st)
{
	return n->ino == st->st_ino && n->dev == st->st_dev;
}

/* Only what has no state of whoever made it. */
static bool may_be_ready(int domain, int type)
{
	const int kind = type & ~SOCK_NONBLOCK;

	return (domain == AF_INET || domain == AF_INET6) &&
	       (kind == SOCK_STREAM || kind == SOCK_DGRAM);
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

int net_socket(struct net *n, int domain, int type, int protocol, bool privileged)
{
	struct net_request rq = { .op = NET_OP_SOCKET,
		.net = n->number,
		.a = domain,
		.b = type & ~SOCK_CLOEXEC,
		.c = protocol,
		.count = 1,
		.privileged = privileged };
	int fds[FDMSG_MAX_FDS];
	size_t count = 1;
	int r;

	if (n->stack == NET_STACK_LWIP && (domain == AF_INET || domain == AF_INET6) &&
		(type & 0xf) == SOCK_STREAM)
		return net_stack_socket(n, domain, type, protocol);
	if (may_be_ready(domain, rq.b)) {
		r = take_ready(n, domain, rq.b, protocol, &count);
		if (r >= 0)
			return r;
		rq.count = (uint32_t)count;
	}
	r = netd_ask(n->netd, &rq, offsetof(struct net_request, path) + 1, fds, count, NULL);
	if (r < 0)
		return r;
	if (count > 1)
		keep_ready(n, &rq, fds + 1, count - 1);
	return fds[0] >= 0 ? fds[0] : -ENETDOWN;
}

int net_socketpair(struct net *n, int domain, int type, int protocol, int ret[2])
{
	const struct net_request rq = {
		.op = NET_OP_SOCKETPAIR, .net = n->number, .a = domain, .b = type, .c = protocol
	};

	return netd_ask(n->netd, &rq, offsetof(struct net_request, path) + 1, ret, 2, NULL);
}

int net_open(struct net *n, const char *path, int flags)
{
	struct net_request rq = { .op = NET_OP_OPEN, .net = n->number, .a = flags };
	size_t len = strlen(path);
	int fd = -1, r;

	if (len >= sizeof(rq.path))
		return -ENAMETOOLONG;
	memcpy(rq.path, path, len + 1);
	r = netd_ask(n->netd, &rq, offsetof(struct net_request, path) + len + 1, &fd, 1, NULL);
	return r < 0 ? r : fd;
}

bool net_abstract_private(const struct net *n)
{
	return n->abstract_private;
}

int net_resolv(const struct net *n)
{
	return n->resolv;
}

const char *net_text(const struct net *n)
{
	return n->text;
}

/* ---- the other stack ---- */

/* Can a user have a network namespace here? Tried by a child; a reason, or 0. */
static int namespaces_refused(void)
{
	int status, err;
	pid_t pid = fork();

	if (pid == 0) {
		err = unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? errno : 0;
		_exit(err < 255 ? err : 255);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 0; /* umview-net will say what is wrong */
	return WEXITSTATUS(status);
}

int net_choose_stack(char *const specs[], enum net_stack *ret, char **ret_message)
{
	enum net_stack stack = NET_STACK_AUTO;
	struct net_spec s;
	int refused;

	*ret_message = NULL;
	for (int i = 0; specs[i]; i++) {
		int r = net_spec_parse(specs[i], i, &s, ret_message);

		if (r < 0)
			return r;
		if (s.stack == NET_STACK_AUTO || s.stack == stack)
			continue;
		if (stack != NET_STACK_AUTO) {
			*ret_message = str_printf("--net %s: a view has one stack, and another "
						  "--net asks for the other",
				specs[i]);
			return -EINVAL;
		}
		stack = s.stack;
	}
	if (stack == NET_STACK_AUTO) {
		refused = namespaces_refused();
		stack = refused ? NET_STACK_LWIP : NET_STACK_KERNEL;
		if (refused)
			*ret_message = str_printf("--net: user namespaces are refused here (%s): "
						  "the network's stack is lwIP's "
						  "(stack=lwip)",
				strerror(refused));
	}
	*ret = stack;
	return 0;
}

enum net_stack net_stack(const struct net *n)
{
	return n->stack;
}

static struct stack_conn *new_connection(struct net *n)
{
	const struct net_request rq = { .op = NET_OP_STACK };
	struct stack_conn *s = calloc(1, sizeof(*s));
	int pair[2], r;

	if (!s || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(s);
		return NULL;
	}
	s->fd = pair[0];
	r = netd_connect(n->netd, &rq, offsetof(struct net_request, path) + 1, pair[1]);
	close(pair[1]);
	if (r == 0)
		return s;
	close(s->fd);
	free(s);
	return NULL;
}

struct stack_conn *net_stack_begin(struct net *n)
{
	struct stack_conn *s;

	pthread_mutex_lock(&n->lock);
	s = n->idle;
	if (s)
		n->idle = s->next;
	pthread_mutex_unlock(&n->lock);
	return s ? s : new_connection(n);
}

void net_stack_end(struct net *n, struct stack_conn *s)
{
	if (s->broken) {
		close(s->fd);
		free(s);
		return;
	}
	pthread_mutex_lock(&n->lock);
	s->next = n->idle;
	n->idle = s;
	pthread_mutex_unlock(&n->lock);
}

int net_stack_tell(struct stack_conn *s)
{
	if (send(s->fd, &s->msg, stack_msg_size(&s->msg), MSG_NOSIGNAL) >= 0)
		return 0;
	s->broken = true;
	return -ENETDOWN;
}

int net_stack_ask(struct stack_conn *s)
{
	ssize_t n;

	if (net_stack_tell(s) == 0) {
		do {
			n = recv(s->fd, &s->msg, sizeof(s->msg), 0);
		} while (n < 0 && errno == EINTR);
		if (n >= (ssize_t)offsetof(struct stack_msg, data) &&
			(size_t)n >= stack_msg_size(&s->msg))
			return s->msg.ret;
	}
	s->broken = true;
	return -ENETDOWN;
}

static int map_shared(struct net *n, int fd)
{
	void *p = mmap(NULL, sizeof(*n->shared), PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	n->shared = p;
	return 0;
}

uint32_t net_stack_failed(const struct net *n)
{
	return n->shared->failed;
}

/* What sockets are connected to it by. */
static int find_stack(struct net *n)
{
	const struct net_request watch = { .op = NET_OP_WATCH };
	struct stack_conn *s = net_stack_begin(n);
	int fds[2] = { -1, -1 }, r;

	r = netd_ask(n->netd, &watch, offsetof(struct net_request, path) + 1, fds, 2, NULL);
	/* (without it sockets are connected to the stack from the start) */
	n->watches = take_fd(&fds[1]);
	if (r == 0)
		r = map_shared(n, fds[0]);
	um_cleanup_fd(&fds[0]);
	n->junk = memfd_create("junk", MFD_CLOEXEC);
	if (n->junk < 0 || ftruncate(n->junk, STACK_JUNK) < 0)
		r = -errno;
	if (!s)
		r = -ENETDOWN;
	if (r == 0) {
		s->msg.op = STACK_ADDRESS;
		r = net_stack_ask(s);
	}
	if (r == 0) {
		n->address = s->msg.name;
		n->address_len = s->msg.namelen;
	}
	if (s)
		net_stack_end(n, s);
	return r;
}

int net_stack_socket(struct net *n, int domain, int type, int protocol)
{
	_cleanup_fd_ int fd = -1;
	const uint64_t tag =
		STACK_TAG | (uint64_t)net_pid(n) << STACK_TAG_PID_SHIFT | (unsigned)domain;
	const int bytes = STACK_SNDBUF;

	if (protocol != 0 && protocol != IPPROTO_TCP)
		return -EPROTONOSUPPORT;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &tag, sizeof(tag)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
		return -errno;
	return take_fd(&fd);
}

int net_stack_fresh(int fd, pid_t *ret_pid, bool *ret_watched)
{
	uint64_t tag = 0;
	socklen_t len = sizeof(tag);

	if (getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &tag, &len) < 0 ||
		(tag & STACK_TAG_MASK) != STACK_TAG)
		return -1;
	*ret_pid = (pid_t)((tag & ~STACK_TAG_MASK) >> STACK_TAG_PID_SHIFT);
	*ret_watched = tag & STACK_TAG_WATCHED;
	return (int)(tag & 0x7f);
}

int net_stack_fill(const struct net *n, int fd, size_t bytes)
{
	const off_t end = (off_t)bytes - 1;
	off_t at = 0;

	while (at < end) {
		ssize_t got = sendfile(fd, n->junk, &at, (size_t)(end - at));

		if (got <= 0)
			return got < 0 ? -errno : -ENOBUFS;
	}
	/* the last one, which stays, is a piece of its own */
	return send(fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int adopt(struct net *n, int fd, int domain, size_t junk)
{
	struct {
		struct stack_hello first;
		char junk;
	} __attribute__((packed)) hello = { .first = {
						    .domain = domain,
						    .protocol = IPPROTO_TCP,
						    .junk = 1 + (uint32_t)junk,
					    } };
	struct stat st;

	if (fstat(fd, &st) < 0 ||
		connect(fd, (const struct sockaddr *)&n->address, n->address_len) < 0)
		return errno == EISCONN				  ? 0
		       : errno == ECONNREFUSED || errno == ENOENT ? -ENETDOWN
								  : -errno;
	hello.first.socket = st.st_ino;
	if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(hello))
		return -ENETDOWN;
	return junk ? net_stack_fill(n, fd, junk) : 0;
}

int net_stack_adopt(struct net *n, int fd, int domain, size_t junk)
{
	int r;

	pthread_mutex_lock(&n->adopting);
	r = adopt(n, fd, domain, junk);
	pthread_mutex_unlock(&n->adopting);
	return r;
}

/* The stack is told of it, and by which watch it will hear of its end. */
static int know(struct net *n, int fd, int domain, int watch)
{
	const uint64_t tag = STACK_TAG | (uint64_t)net_pid(n) << STACK_TAG_PID_SHIFT |
			     STACK_TAG_WATCHED | (unsigned)domain;
	struct stack_conn *s = net_stack_begin(n);
	struct stat st;
	int r = s ? 0 : -ENETDOWN;

	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0) {
		s->msg.op = STACK_WATCH;
		s->msg.socket = st.st_ino;
		s->msg.a = domain;
		s->msg.b = watch;
		s->msg.namelen = s->msg.controllen = s->msg.len = 0;
		r = net_stack_ask(s);
	}
	if (s)
		net_stack_end(n, s);
	if (r == 0 && setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &tag, sizeof(tag)) < 0)
		r = -errno;
	return r;
}

int net_stack_watch(struct net *n, int fd, int domain)
{
	char path[FD_PATH_MAX];
	int watch;

	if (n->watches < 0)
		return -ENOSPC;
	watch = inotify_add_watch(n->watches, fd_path(path, fd), IN_CLOSE | IN_ONESHOT);
	return watch < 0 ? -errno : know(n, fd, domain, watch);
}

int net_stack_lifeline(const struct net *n)
{
	return netd_fd(n->netd);
}
