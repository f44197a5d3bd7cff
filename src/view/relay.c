/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/relay.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "base/util.h"

#define EVENTS_SIZE 16384

struct relay {
	int inotify, stop;
	void (*ready)(void *arg);
	void *arg;
	pthread_t thread;
	bool running;
};

static void *relay_main(void *arg)
{
	struct relay *r = arg;
	struct pollfd p[2] = { { .fd = r->inotify, .events = POLLIN },
		{ .fd = r->stop, .events = POLLIN } };

	while (poll_until(p, 2, -1) >= 0 && !p[1].revents)
		r->ready(r->arg);
	return NULL;
}

struct relay *relay_new(void (*ready)(void *arg), void *arg)
{
	struct relay *r = malloc(sizeof(*r));
	int err;

	if (!r)
		return NULL;
	*r = (struct relay){ .inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.stop = eventfd(0, EFD_CLOEXEC),
		.ready = ready,
		.arg = arg };
	err = r->inotify < 0 || r->stop < 0 ? errno
					    : pthread_create(&r->thread, NULL, relay_main, r);
	r->running = err == 0;
	if (err) {
		log_warn("changes of files are not told to who watches: %s", strerror(err));
		relay_free(r);
		return NULL;
	}
	return r;
}

int relay_fd(const struct relay *r)
{
	return r->inotify;
}

void relay_read(struct relay *r, void (*fn)(void *arg, const struct inotify_event *ev), void *arg)
{
	char buf[EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
	int left = 0;
	ssize_t n;

	/* what comes meanwhile is for the next time: whoever writes all the time would keep us */
	(void)ioctl(r->inotify, FIONREAD, &left); /* cannot fail */
	while (left > 0 && (n = read(r->inotify, buf, sizeof(buf))) > 0) {
		const struct inotify_event *ev;

		left -= (int)n;
		for (char *p = buf; p < buf + n; p += sizeof(*ev) + ev->len) {
			ev = (const struct inotify_event *)p;
			fn(arg, ev);
		}
	}
}

void relay_stop(struct relay *r)
{
	const uint64_t one = 1;

	if (!r || !r->running)
		return;
	if (write(r->stop, &one, sizeof(one)) < 0)
		log_debug("the thread of inotify could not be woken");
	pthread_join(r->thread, NULL);
	r->running = false;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	relay_stop(r);
	if (r->inotify >= 0)
		close(r->inotify);
	if (r->stop >= 0)
		close(r->stop);
	free(r);
}
