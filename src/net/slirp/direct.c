/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The interface of the view has its other end in the outer namespace, whose
 * kernel takes in TCP for each port that is *listed* there, with a listener for any address, and
 * drops all else in silence. A listener takes no SYN that comes from the view. That is read here,
 * a socket of the host is connected, and only then it is put in by another interface, so that the
 * view's connect(2) ends as that one did (opening.c). All further frames of the connection are the
 * kernel's, and a filter keeps them from the packet socket (ports.c).
 */
#include "net/slirp/direct.h"

#include <fcntl.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>

#include "net/slirp/flow.h"
#include "net/slirp/opening.h"
#include "net/slirp/ports.h"

#define EVENTS 64

/* ---- frames ---- */

/* Is it TCP that can be ours? */
static bool parse(const struct direct *d, const uint8_t *frame, size_t len, struct flow_key *ret,
	struct tcphdr *ret_tcp)
{
	struct iphdr ip;
	size_t head;

	if (len < ETH_HLEN + sizeof(ip) || memcmp(frame, d->net.mac, ETH_ALEN) != 0 ||
		frame[12] != ETHERTYPE_IP >> 8 || frame[13] != (ETHERTYPE_IP & 0xff))
		return false;
	memcpy(&ip, frame + ETH_HLEN, sizeof(ip));
	head = ETH_HLEN + ip.ihl * 4U;
	if (ip.protocol != IPPROTO_TCP || ip.ihl < 5 || (ip.frag_off & htons(IP_OFFMASK | IP_MF)) ||
		len < head + sizeof(*ret_tcp))
		return false;
	memcpy(ret_tcp, frame + head, sizeof(*ret_tcp));
	*ret = (struct flow_key){ { ip.saddr }, { ip.daddr }, ret_tcp->source, ret_tcp->dest };
	return true;
}

/* Can it be of one host, elsewhere? (Others the kernel would not take in.) */
static bool is_unicast(struct in_addr a)
{
	const in_addr_t n = ntohl(a.s_addr);

	return !IN_MULTICAST(n) && !IN_BADCLASS(n) && n >> 24 != IN_LOOPBACKNET && n >> 24 != 0;
}

/* Others of slirp's own network than the host are nobody's, or libslirp's. */
static bool is_for_host(const struct direct *d, const struct flow_key *k)
{
	if (!is_unicast(k->view))
		return false;
	return k->far.s_addr == d->net.host.s_addr ||
	       ((k->far.s_addr & d->net.mask.s_addr) != d->net.net.s_addr && is_unicast(k->far));
}

/* The view has given up what it began, and says so to our answer. */
static bool is_given_up(const struct flow *f, const struct tcphdr *h)
{
	return f->state == OPENING && h->rst && ntohl(h->seq) == f->isn + 1;
}

static bool is_syn(const struct tcphdr *h)
{
	return (h->th_flags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) == TH_SYN;
}

bool direct_input(struct direct *d, const uint8_t *frame, size_t len)
{
	struct flow_key key;
	struct tcphdr h;
	struct flow *f;

	if (!parse(d, frame, len, &key, &h))
		return false;
	f = flow_find(d, &key);
	if (f) {
		if (is_given_up(f, &h))
			flow_drop(d, f);
		else if (is_syn(&h))
			opening_again(d, f, ntohl(h.seq), frame, len);
		return true;
	}
	if (!is_syn(&h) || !is_for_host(d, &key) ||
		ports_published(d->link->spec, ntohs(key.view_port)) ||
		ports_libslirp(d->ports, ntohs(key.far_port)))
		return false;
	opening_begin(d, &key, ntohl(h.seq), frame, len);
	return true;
}

/* ---- what happens ---- */

static void carry(struct direct *d, struct flow *f)
{
	switch (relay_run(&f->relay, d->buf)) {
	case RELAY_WAITS:
		flow_unlist(f);
		break;
	case RELAY_MORE:
		flow_set_more(d, f);
		break;
	case RELAY_DRAIN:
		flow_set_due(d, f, (uint64_t)f->relay.wait_ms * NSEC_PER_MSEC);
		break;
	case RELAY_OVER:
		flow_drop(d, f);
		break;
	}
}

static void handle(struct direct *d, struct watch *w, uint32_t events)
{
	struct flow *f = w->flow;

	if (!f) {
		opening_accept(d, w->fd);
	} else if (f->state == GONE) {
		return;
	} else if (f->state == CONNECTING) {
		(void)epoll_ctl(d->epoll, EPOLL_CTL_DEL, f->host, NULL);
		opening_connected(d, f);
	} else {
		relay_event(&f->relay, w->end, events);
		carry(d, f);
	}
}

static void run_due(struct direct *d)
{
	const uint64_t now = now_ns();
	struct flow *f, *next;

	for (f = LIST_FIRST(&d->timed); f; f = next) {
		next = LIST_NEXT(f, in_list);
		if (f->due > now)
			continue;
		if (f->state == OPEN)
			carry(d, f);
		else
			flow_drop(d, f);
	}
}

void direct_run(struct direct *d)
{
	struct epoll_event events[EVENTS];
	struct flow *f, *next;
	int n = epoll_wait(d->epoll, events, EVENTS, 0);

	for (int i = 0; i < n; i++)
		handle(d, events[i].data.ptr, events[i].events);
	for (f = LIST_FIRST(&d->more); f; f = next) {
		next = LIST_NEXT(f, in_list);
		carry(d, f);
	}
	run_due(d);
	flow_free_gone(d);
}

int direct_timeout(const struct direct *d)
{
	uint64_t due = UINT64_MAX, now;
	const struct flow *f;

	if (!LIST_EMPTY(&d->more))
		return 0;
	LIST_FOREACH(f, &d->timed, in_list)
	due = f->due < due ? f->due : due;
	if (due == UINT64_MAX)
		return -1;
	now = now_ns();
	return due > now ? (int)((due - now) / NSEC_PER_MSEC) + 1 : 0;
}

/* ---- the end of the view ---- */

/* What the view's kernel has written to, closed and forgotten may be waiting to be accepted; one
 * that is not is forgotten unopened. */
void direct_last(struct direct *d)
{
	for (size_t i = 0; i < OUTER_PORTS; i++) {
		if (d->listener[i].fd >= 0)
			opening_accept(d, d->listener[i].fd);
	}
	for (size_t i = 0; i < FLOW_BUCKETS; i++) {
		struct flow *f, *next;

		for (f = LIST_FIRST(&d->bucket[i]); f; f = next) {
			next = LIST_NEXT(f, in_bucket);
			if (f->state != OPEN)
				flow_drop(d, f);
		}
	}
}

uint64_t direct_owed(const struct direct *d)
{
	uint64_t left = 0;

	for (size_t i = 0; i < FLOW_BUCKETS; i++) {
		const struct flow *f;

		LIST_FOREACH(f, &d->bucket[i], in_bucket)
		left += f->state == OPEN ? relay_owed(&f->relay) : 0;
	}
	return left;
}

int direct_fd(const struct direct *d)
{
	return d->epoll;
}

struct direct *direct_new(struct link *l, const struct net_slirp *net)
{
	struct direct *d = l->outer.ask < 0 ? NULL : calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->link = l;
	d->net = *net;
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	d->ports = ports_new(l, net->mac);
	if (d->epoll < 0 || !d->ports) {
		um_cleanup_fd(&d->epoll);
		free(d->ports);
		free(d);
		return NULL;
	}
	for (size_t i = 0; i < OUTER_PORTS; i++)
		d->listener[i].fd = -1;
	d->spare = fcntl(d->epoll, F_DUPFD_CLOEXEC, 0);
	return d;
}
