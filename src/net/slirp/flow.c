/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/slirp/flow.h"

#include <string.h>
#include <sys/epoll.h>

/* By the primes of xxHash32, whose bits are well mixed. */
static struct flows *bucket_of(struct direct *d, const struct flow_key *k)
{
	uint32_t hash = k->view.s_addr * 2654435761U ^ k->far.s_addr * 2246822519U ^
			((uint32_t)k->view_port << 16 | k->far_port) * 3266489917U;

	return &d->bucket[(hash ^ hash >> 15) % FLOW_BUCKETS];
}

struct flow *flow_new(struct direct *d, const struct flow_key *k)
{
	struct flow *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->key = *k;
	f->host = -1;
	LIST_INSERT_HEAD(bucket_of(d, k), f, in_bucket);
	return f;
}

struct flow *flow_find(struct direct *d, const struct flow_key *k)
{
	struct flow *f;

	LIST_FOREACH(f, bucket_of(d, k), in_bucket)
	{
		if (memcmp(&f->key, k, sizeof(*k)) == 0 && !f->relay.broken)
			return f;
	}
	return NULL;
}

void flow_set_state(struct direct *d, struct flow *f, enum flow_state s)
{
	d->nopening -= f->state == OPENING;
	d->nopening += s == OPENING;
	f->state = s;
}

void flow_unlist(struct flow *f)
{
	if (f->listed)
		LIST_REMOVE(f, in_list);
	f->listed = false;
}

static void put_in(struct flows *list, struct flow *f)
{
	flow_unlist(f);
	LIST_INSERT_HEAD(list, f, in_list);
	f->listed = true;
}

void flow_set_more(struct direct *d, struct flow *f)
{
	put_in(&d->more, f);
}

void flow_set_due(struct direct *d, struct flow *f, uint64_t in_ns)
{
	f->due = now_ns() + in_ns;
	put_in(&d->timed, f);
}

void flow_drop(struct direct *d, struct flow *f)
{
	LIST_REMOVE(f, in_bucket);
	if (f->state == OPEN)
		relay_close(&f->relay);
	else if (f->host >= 0)
		close_reset(f->host);
	free(take_ptr(&f->syn));
	flow_set_state(d, f, GONE);
	put_in(&d->gone, f);
}

void flow_free_gone(struct direct *d)
{
	struct flow *f;

	while ((f = LIST_FIRST(&d->gone))) {
		LIST_REMOVE(f, in_list);
		free(f);
	}
}

int watch_add(const struct direct *d, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	return epoll_ctl(d->epoll, EPOLL_CTL_ADD, w->fd, &e) < 0 ? -errno : 0;
}
