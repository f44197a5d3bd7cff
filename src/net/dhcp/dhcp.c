/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dhcp/dhcp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define TRIES 4		  /* of a request for what was offered */
#define BACKOFF_MAX 6	  /* a message is sent again after 1, 2, 4 ... 64 seconds */
#define RENEW_LEAST 60	  /* seconds between two tries to go on, unless less is left */
#define REFUSED_SECONDS 2 /* until it is tried anew after a NAK */

static void begin(struct dhcp *d, uint64_t due)
{
	/* what is left from before is no answer to this */
	if (getrandom(&d->xid, sizeof(d->xid), 0) != sizeof(d->xid))
		d->xid++;
	d->state = DHCP_SELECTING;
	d->tries = 0;
	d->due = due;
}

void dhcp_init(struct dhcp *d, const uint8_t mac[6], uint64_t now)
{
	*d = (struct dhcp){ .state = DHCP_SELECTING };
	memcpy(d->mac, mac, sizeof(d->mac));
	begin(d, now);
}

static uint64_t backoff(const struct dhcp *d)
{
	return NSEC_PER_SEC << (d->tries < BACKOFF_MAX ? d->tries : BACKOFF_MAX);
}

/* The next try of those that go on until `end`. */
static uint64_t next_try(uint64_t now, uint64_t end)
{
	uint64_t wait = (end - now) / 2;

	if (wait < RENEW_LEAST * NSEC_PER_SEC)
		wait = RENEW_LEAST * NSEC_PER_SEC;
	return now + wait < end ? now + wait : end;
}

static size_t say(const struct dhcp *d, enum dhcp_type type, uint8_t *frame)
{
	struct dhcp_request q = { .type = type, .xid = d->xid };

	memcpy(q.mac, d->mac, sizeof(q.mac));
	memcpy(q.server_mac, d->server_mac, sizeof(q.server_mac));
	if (d->state == DHCP_REQUESTING) {
		q.wanted = d->lease.addr;
		q.server = d->lease.server;
	}
	if (d->state == DHCP_RENEWING || d->state == DHCP_REBINDING)
		q.own = d->lease.addr;
	if (d->state == DHCP_RENEWING)
		q.to = d->lease.server;
	return dhcp_build(&q, frame);
}

enum dhcp_news dhcp_tick(struct dhcp *d, uint64_t now, uint8_t *frame, size_t *ret_len)
{
	*ret_len = 0;
	if (now < d->due)
		return DHCP_SAME;
	if (d->state == DHCP_REQUESTING && d->tries == TRIES)
		begin(d, now);
	if (d->state == DHCP_BOUND)
		d->state = DHCP_RENEWING;
	if (d->state == DHCP_RENEWING && now >= d->rebind_at)
		d->state = DHCP_REBINDING;
	if (d->state == DHCP_REBINDING && now >= d->ends_at) {
		begin(d, now);
		return DHCP_LOST;
	}
	*ret_len = say(d, d->state == DHCP_SELECTING ? DHCP_DISCOVER : DHCP_REQUEST, frame);
	if (d->state == DHCP_RENEWING)
		d->due = next_try(now, d->rebind_at);
	else if (d->state == DHCP_REBINDING)
		d->due = next_try(now, d->ends_at);
	else
		d->due = now + backoff(d);
	d->tries++;
	return DHCP_SAME;
}

static void hold(struct dhcp *d, uint64_t now, const struct dhcp_lease *l)
{
	d->lease = *l;
	d->state = DHCP_BOUND;
	d->tries = 0;
	d->due = UINT64_MAX;
	if (l->seconds == UINT32_MAX)
		return;
	d->renew_at = d->due = now + l->renew * NSEC_PER_SEC;
	d->rebind_at = now + l->rebind * NSEC_PER_SEC;
	d->ends_at = now + l->seconds * NSEC_PER_SEC;
}

static enum dhcp_news refused(struct dhcp *d, uint64_t now)
{
	const bool held = d->state != DHCP_REQUESTING;

	begin(d, now + REFUSED_SECONDS * NSEC_PER_SEC);
	return held ? DHCP_LOST : DHCP_SAME;
}

enum dhcp_news dhcp_input(struct dhcp *d, uint64_t now, const uint8_t *frame, size_t len)
{
	struct dhcp_lease l;
	int type;

	if (d->state == DHCP_BOUND) /* nothing has been asked */
		return DHCP_SAME;
	type = dhcp_parse(frame, len, d->mac, d->xid, &l);
	if (type < 0)
		return DHCP_SAME;
	if (d->state == DHCP_SELECTING) {
		if (type == DHCP_OFFER) {
			d->lease = l;
			d->state = DHCP_REQUESTING;
			d->tries = 0;
			d->due = now;
		}
		return DHCP_SAME;
	}
	/* another server than the one that was asked has nothing to say, unless all were */
	if (d->state != DHCP_REBINDING && l.server.s_addr != d->lease.server.s_addr)
		return DHCP_SAME;
	if (type == DHCP_NAK)
		return refused(d, now);
	if (type != DHCP_ACK || l.addr.s_addr != d->lease.addr.s_addr)
		return DHCP_SAME;
	memcpy(d->server_mac, frame + 6, sizeof(d->server_mac));
	hold(d, now, &l);
	return DHCP_HELD;
}

struct net_addr dhcp_address(const struct dhcp_lease *l)
{
	return (struct net_addr){ .family = AF_INET, .prefix = l->prefix, .v4 = l->addr };
}

bool dhcp_same(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	return a->addr.s_addr == b->addr.s_addr && a->prefix == b->prefix &&
	       a->router.s_addr == b->router.s_addr;
}

void dhcp_resolv(const struct dhcp_lease *l, char *buf, size_t size)
{
	char addr[INET_ADDRSTRLEN];
	size_t at = 0;

	*buf = '\0';
	for (size_t i = 0; i < l->ndns && at < size; i++) {
		inet_ntop(AF_INET, &l->dns[i], addr, sizeof(addr));
		at += (size_t)snprintf(buf + at, size - at, "nameserver %s\n", addr);
	}
}
