/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What direct.c, opening.c and flow.c share: the connections of a link that the kernel ends, or
 * shall, each by its key, and in one list at most of those that are to be run though nothing
 * happens.
 */
#ifndef UM_NET_SLIRP_FLOW_H
#define UM_NET_SLIRP_FLOW_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "net/daemon/link.h"
#include "net/daemon/outer.h"
#include "net/slirp/relay.h"

#define FLOW_BUCKETS 1024

enum flow_state {
	CONNECTING, /* the host has not answered */
	OPENING,    /* it has; the view's kernel has not answered ours */
	OPEN,
	GONE, /* events of it may be about still */
};

struct flow_key {
	struct in_addr view, far;
	uint16_t view_port, far_port; /* in network byte order */
};

/* What an event is of: a listener (flow is NULL), or an end of a flow. */
struct watch {
	struct flow *flow;
	int fd;
	int end;
};

struct flow {
	LIST_ENTRY(flow) in_bucket, in_list;
	bool listed; /* is it in a list: of those that have a time, or more to do */
	struct flow_key key;
	enum flow_state state;
	struct watch watch[2];
	struct relay relay; /* OPEN */
	int host;	    /* before */
	bool host_failed;   /* it has been reset since it was connected */
	uint8_t *syn;	    /* not OPEN */
	size_t syn_len;
	uint32_t isn;
	uint64_t due; /* of those with a time */
};

LIST_HEAD(flows, flow);

struct direct {
	struct link *link;
	struct net_slirp net;
	int epoll;
	int spare; /* given up for the moment when there are no descriptors; -1 */
	struct flows bucket[FLOW_BUCKETS], more, timed, gone;
	size_t nopening;
	struct ports *ports;
	struct watch listener[OUTER_PORTS]; /* as in `ports`; fd -1: not watched */
	uint8_t buf[RELAY_BUFFER];
};

/* One that has nothing yet, CONNECTING; NULL: no memory. */
struct flow *flow_new(struct direct *d, const struct flow_key *k);
/* One that was reset by either side is over, and not found: the view may begin another. */
struct flow *flow_find(struct direct *d, const struct flow_key *k);
void flow_set_state(struct direct *d, struct flow *f, enum flow_state s);
/* It waits for events alone; is run again in the next turn; in so many nanoseconds. */
void flow_unlist(struct flow *f);
void flow_set_more(struct direct *d, struct flow *f);
void flow_set_due(struct direct *d, struct flow *f, uint64_t in_ns);
/* Ends it: both sides are reset but where it was over. It is there until flow_free_gone(). */
void flow_drop(struct direct *d, struct flow *f);
void flow_free_gone(struct direct *d);
/* Has w told of when its descriptor has these events. 0 or -errno. */
int MUST_CHECK watch_add(const struct direct *d, struct watch *w, uint32_t events);

#endif
