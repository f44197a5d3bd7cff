/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>

#define BUCKETS 256

struct watches {
	struct source source;
	struct stack *st;
	struct endpoint *of[BUCKETS]; /* by their numbers */
};

static struct endpoint **bucket(struct watches *w, int watch)
{
	return &w->of[(unsigned)watch % BUCKETS];
}

void watch_take(struct endpoint *ep, int watch)
{
	struct endpoint **b = bucket(ep->st->watches, watch);

	ep->watch = watch;
	ep->next_watched = *b;
	*b = ep;
}

void watch_end(struct endpoint *ep)
{
	struct watches *w = ep->st->watches;
	struct endpoint **p;

	if (!ep->watch)
		return;
	p = bucket(w, ep->watch);
	while (*p && *p != ep)
		p = &(*p)->next_watched;
	if (*p)
		*p = ep->next_watched;
	/* (it ends by itself at the last close) */
	(void)inotify_rm_watch(w->source.fd, ep->watch);
	ep->watch = 0;
}

/* What has been written to it before is looked at. */
static void end(struct endpoint *ep)
{
	if (ep->source.fd >= 0)
		ep->ops->ready(ep, EPOLLHUP | EPOLLRDHUP);
	else
		endpoint_close(ep);
}

static void closed(struct watches *w, int watch)
{
	struct endpoint *ep = *bucket(w, watch);

	while (ep && ep->watch != watch)
		ep = ep->next_watched;
	if (ep)
		end(ep);
}

/* ---- more was closed at once than the kernel keeps events of ---- */

/* The numbers of all sockets that there are. */
static uint64_t *read_numbers(size_t *ret_n)
{
	_cleanup_free_ char *line = NULL;
	uint64_t *all = NULL;
	size_t room = 0, n = 0, size = 0;
	FILE *f = fopen("/proc/net/unix", "re");

	while (f && getline(&line, &size, f) > 0) {
		unsigned long long ino;

		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %llu", &ino) != 1)
			continue;
		if (n == room) {
			uint64_t *more = reallocarray(all, room + 4096, sizeof(*all));

			if (!more) {
				free(all);
				fclose(f);
				return NULL;
			}
			all = more;
			room += 4096;
		}
		all[n++] = ino;
	}
	if (f)
		fclose(f);
	*ret_n = n;
	return all;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

struct numbers {
	uint64_t *all;
	size_t n;
};

static bool close_if_gone(struct endpoint *ep, void *arg)
{
	const struct numbers *there = arg;

	if (ep->watch && !bsearch(&ep->ino, there->all, there->n, sizeof(*there->all), compare))
		end(ep);
	return false;
}

static void look_at_all(struct stack *st)
{
	struct numbers there = { 0 };

	there.all = read_numbers(&there.n);
	if (!there.all)
		return;
	qsort(there.all, there.n, sizeof(*there.all), compare);
	(void)endpoints_each(st, close_if_gone, &there);
	free(there.all);
}

void watches_look(struct stack *st)
{
	struct watches *w = st->watches;
	union {
		struct inotify_event ev;
		char bytes[4096];
	} buf;
	ssize_t n;

	while ((n = read(w->source.fd, &buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev = (const void *)(buf.bytes + at);

			if (ev->mask & IN_CLOSE)
				closed(w, ev->wd);
			if (ev->mask & IN_Q_OVERFLOW)
				look_at_all(st);
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	}
}

static void watches_ready(struct source *s, UNUSED uint32_t events)
{
	watches_look(container_of_(s, struct watches, source)->st);
}

int watches_init(struct stack *st)
{
	struct watches *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->st = st;
	w->source = (struct source){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.ready = watches_ready };
	st->watches = w;
	/* (without it sockets are pairs from the start) */
	return w->source.fd < 0 ? 0 : source_add(st, &w->source, EPOLLIN);
}

int watch_socket(struct stack *st, int fd)
{
	char path[FD_PATH_MAX];
	int r = inotify_add_watch(st->watches->source.fd, fd_path(path, fd), IN_CLOSE | IN_ONESHOT);

	return r < 0 ? -errno : r;
}

int watches_fd(const struct stack *st)
{
	return st->watches->source.fd;
}
