/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hello that is late is not waited for: a request about that socket follows, at which it is
 * looked for. */
#include "net/lwip/embryo.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "net/lwip/endpoint.h"

/* One of which the hello has not come yet. */
struct embryo {
	int fd; /* -1: it has come */
	struct embryo *next;
};

struct embryos {
	struct source listener;
	struct stack *st;
	struct sockaddr_storage name;
	socklen_t namelen;
	struct embryo *waiting;
};

/* The name can be anybody's who reads /proc/net/unix. */
static bool is_supervisor(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid == getppid();
}

/* It has come, or never will. */
static void hatch(struct stack *st, struct embryo *e)
{
	struct stack_hello hello;
	ssize_t n = recv(e->fd, &hello, sizeof(hello), MSG_DONTWAIT);
	int fd;

	if (n < 0 && errno == EAGAIN)
		return;
	fd = take_fd(&e->fd);
	if (n != sizeof(hello) || endpoint_adopt(st, &hello, fd) < 0)
		close(fd);
}

static void hatch_all(struct stack *st)
{
	for (struct embryo **p = &st->embryos->waiting, *e; (e = *p);) {
		hatch(st, e);
		if (e->fd >= 0) {
			p = &e->next;
			continue;
		}
		*p = e->next;
		free(e);
	}
}

void embryos_accept(struct stack *st)
{
	struct embryos *all = st->embryos;
	int fd;

	while ((fd = accept4(all->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct embryo *e = is_supervisor(fd) ? calloc(1, sizeof(*e)) : NULL;

		if (!e) {
			close(fd);
			continue;
		}
		e->fd = fd;
		e->next = all->waiting;
		all->waiting = e;
	}
	hatch_all(st);
}

static void listener_ready(struct source *s, UNUSED uint32_t events)
{
	embryos_accept(container_of_(s, struct embryos, listener)->st);
}

int embryos_listen(struct stack *st)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	struct embryos *all = calloc(1, sizeof(*all));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (!all || fd < 0) {
		um_cleanup_fd(&fd);
		free(all);
		return -ENOMEM;
	}
	all->listener = (struct source){ .fd = fd, .ready = listener_ready };
	all->st = st;
	all->namelen = sizeof(all->name);
	st->embryos = all;
	/* a name that the kernel chooses */
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) < 0 ||
		listen(fd, 4096) < 0 ||
		getsockname(fd, (struct sockaddr *)&all->name, &all->namelen) < 0)
		return -errno;
	return source_add(st, &all->listener, EPOLLIN);
}

int embryos_address(struct stack *st, struct sockaddr_storage *ret, uint32_t *ret_len)
{
	*ret = st->embryos->name;
	*ret_len = st->embryos->namelen;
	return 0;
}
