/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DHCP client through its states, the time being ours; and answers that are damaged:
 *	test-dhcp [SECONDS [SEED]]	so long at random, else a fixed number of them */
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include "net/dhcp/dhcp.h"
#include "tap.h"

static struct tap tap;
#define ok(cond, ...) tap_check(&tap, (cond) ? 1 : 0, __VA_ARGS__)

#define ROUNDS 300000
#define BOOTP (14 + 20 + 8)
#define OPTIONS (BOOTP + 240)

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

struct server {
	uint8_t answer[DHCP_FRAME_MAX];
	size_t len;
	uint32_t seconds; /* of its leases */
	uint8_t last;	  /* of the addresses that it gives */
};

static uint8_t type_of(const uint8_t *frame)
{
	return frame[OPTIONS + 2]; /* it is said first */
}

/* Turns what the client has said into an answer to it. */
static void answer(struct server *s, const uint8_t *said, enum dhcp_type type)
{
	uint8_t options[] = { 53, 1, (uint8_t)type, 54, 4, 10, 7, 0, 1, 51, 4, 0, 0, 0, 0, 1, 4,
		255, 255, 255, 0, 3, 4, 10, 7, 0, 1, 6, 8, 10, 7, 0, 1, 10, 7, 0, 2, 0, 255 };
	const uint32_t seconds = htonl(s->seconds);
	const struct iphdr ip = { .version = 4,
		.ihl = 5,
		.protocol = IPPROTO_UDP,
		.tot_len = htons(OPTIONS + sizeof(options) - 14) };
	const struct udphdr udp = {
		.source = htons(67), .dest = htons(68), .len = htons(OPTIONS + sizeof(options) - 34)
	};

	memcpy(options + 11, &seconds, sizeof(seconds));
	memcpy(s->answer, said, OPTIONS);
	memcpy(s->answer + 14, &ip, sizeof(ip));
	memcpy(s->answer + 34, &udp, sizeof(udp));
	s->answer[BOOTP] = 2;
	memcpy(s->answer + BOOTP + 16, (uint8_t[]){ 10, 7, 0, s->last }, 4); /* yiaddr */
	memcpy(s->answer + OPTIONS, options, sizeof(options));
	s->len = OPTIONS + sizeof(options);
}

/* Until it says something; the time goes to when it is due. */
static enum dhcp_news wait_for(struct dhcp *d, uint64_t *now, uint8_t *frame, size_t *len)
{
	enum dhcp_news news;

	do {
		if (*now < d->due)
			*now = d->due;
		news = dhcp_tick(d, *now, frame, len);
	} while (!*len && news == DHCP_SAME);
	return news;
}

/* From the beginning to a lease. */
static bool obtain(struct dhcp *d, struct server *s, uint64_t *now)
{
	uint8_t frame[DHCP_FRAME_MAX];
	size_t len;

	if (wait_for(d, now, frame, &len) != DHCP_SAME || type_of(frame) != DHCP_DISCOVER)
		return false;
	answer(s, frame, DHCP_OFFER);
	if (dhcp_input(d, *now, s->answer, s->len) != DHCP_SAME || d->due > *now)
		return false;
	wait_for(d, now, frame, &len);
	answer(s, frame, DHCP_ACK);
	return type_of(frame) == DHCP_REQUEST &&
	       dhcp_input(d, *now, s->answer, s->len) == DHCP_HELD && d->state == DHCP_BOUND;
}

static void test_lease(struct server *s)
{
	uint8_t frame[DHCP_FRAME_MAX];
	uint64_t now = NSEC_PER_SEC, held;
	char resolv[256];
	struct dhcp d;
	size_t len;
	int tries;

	dhcp_init(&d, mac, now);
	ok(obtain(&d, s, &now), "a lease");
	ok(d.lease.addr.s_addr == htonl(0x0a070032) && d.lease.prefix == 24 &&
			d.lease.router.s_addr == htonl(0x0a070001),
		"what it says");
	dhcp_resolv(&d.lease, resolv, sizeof(resolv));
	ok(strcmp(resolv, "nameserver 10.7.0.1\nnameserver 10.7.0.2\n") == 0, "name servers");
	held = now;
	ok(dhcp_input(&d, now, s->answer, s->len) == DHCP_SAME, "the same again");
	wait_for(&d, &now, frame, &len);
	ok(now - held > 400 * NSEC_PER_SEC && now - held < 600 * NSEC_PER_SEC &&
			d.state == DHCP_RENEWING && memcmp(frame + 30, &d.lease.server, 4) == 0 &&
			memcmp(frame + 26, &d.lease.addr, 4) == 0,
		"it goes on with the server");
	answer(s, frame, DHCP_ACK);
	held = now;
	ok(dhcp_input(&d, now, s->answer, s->len) == DHCP_HELD &&
			d.ends_at > held + 900 * NSEC_PER_SEC,
		"longer");
	for (tries = 0; wait_for(&d, &now, frame, &len) == DHCP_SAME; tries++) {
		if (d.state == DHCP_REBINDING &&
			(memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6) != 0 || frame[30] != 255))
			break;
	}
	ok(d.state == DHCP_SELECTING && now == held + 1000 * NSEC_PER_SEC && tries > 3 &&
			tries < 20,
		"nobody answers: it ends in time, after %d tries", tries);
	ok(obtain(&d, s, &now), "it begins anew");
	wait_for(&d, &now, frame, &len);
	answer(s, frame, DHCP_NAK);
	ok(dhcp_input(&d, now, s->answer, s->len) == DHCP_LOST && d.due > now, "refused");
	s->last++;
	ok(obtain(&d, s, &now) && (ntohl(d.lease.addr.s_addr) & 0xff) == s->last, "another one");
	s->seconds = UINT32_MAX;
	dhcp_init(&d, mac, now);
	ok(obtain(&d, s, &now) && d.due == UINT64_MAX, "for ever");
	s->seconds = 0;
	dhcp_init(&d, mac, now);
	ok(obtain(&d, s, &now) && d.due > now + NSEC_PER_SEC && d.due < UINT64_MAX, "of no time");
	s->seconds = 1000;
}

static void test_others(struct server *s)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 2 };
	uint8_t frame[DHCP_FRAME_MAX];
	uint64_t now = NSEC_PER_SEC;
	struct dhcp d;
	size_t len;

	dhcp_init(&d, mac, now);
	wait_for(&d, &now, frame, &len);
	answer(s, frame, DHCP_OFFER);
	memcpy(s->answer + BOOTP + 28, other, 6);
	(void)dhcp_input(&d, now, s->answer, s->len);
	ok(d.state == DHCP_SELECTING, "another client's");
	answer(s, frame, DHCP_OFFER);
	s->answer[BOOTP + 4] ^= 1;
	(void)dhcp_input(&d, now, s->answer, s->len);
	ok(d.state == DHCP_SELECTING, "of another exchange");
	answer(s, frame, DHCP_ACK);
	ok(dhcp_input(&d, now, s->answer, s->len) == DHCP_SAME && d.state == DHCP_SELECTING,
		"what was not asked for");
	for (len = 0; len < s->len; len++)
		(void)dhcp_input(&d, now, s->answer, len);
	ok(d.state == DHCP_SELECTING, "cut at each place");
	for (int i = 0; i < 8; i++)
		wait_for(&d, &now, frame, &len);
	ok(now > 60 * NSEC_PER_SEC && now < 300 * NSEC_PER_SEC, "asked less and less");
}

static uint64_t rnd(uint64_t *rng, uint64_t n)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return *rng % n;
}

/* Never before the time, nothing longer than there is room for, no loop. */
static bool one_at_random(struct server *s, struct dhcp *d, uint64_t *now, uint64_t *rng)
{
	uint8_t frame[DHCP_FRAME_MAX], *damaged;
	enum dhcp_news news;
	size_t len, size;

	for (int silent = 0; d->due != UINT64_MAX; silent++) {
		if (*now < d->due)
			*now = d->due;
		news = dhcp_tick(d, *now, frame, &len);
		if (len > sizeof(frame) || (news == DHCP_SAME && d->due <= *now) || silent > 3)
			return false;
		if (len)
			break;
	}
	if (d->due == UINT64_MAX)
		dhcp_init(d, mac, *now);
	else
		answer(s, frame, rnd(rng, 8) ? (rnd(rng, 2) ? DHCP_ACK : DHCP_OFFER) : DHCP_NAK);
	size = rnd(rng, 4) ? s->len : rnd(rng, s->len + 1);
	damaged = malloc(size + 1); /* which a sanitizer knows the end of */
	if (!damaged)
		return false;
	memcpy(damaged, s->answer, size);
	for (uint64_t i = rnd(rng, 6); i > 0 && size; i--)
		damaged[rnd(rng, 2) ? rnd(rng, size) : size - 1 - rnd(rng, size < 60 ? size : 60)] =
			(uint8_t)rnd(rng, 256);
	news = dhcp_input(d, *now, damaged, size);
	free(damaged);
	return d->lease.prefix >= 0 && d->lease.prefix <= 32 && d->lease.ndns <= DHCP_DNS_MAX &&
	       (news != DHCP_HELD || d->state == DHCP_BOUND);
}

static void test_random(struct server *s, uint64_t seconds, uint64_t seed)
{
	const uint64_t end = now_ns() + seconds * NSEC_PER_SEC;
	uint64_t rng = seed * 0x9e3779b97f4a7c15ull + 1, now = NSEC_PER_SEC, n = 0, held = 0;
	bool good = true;
	struct dhcp d;

	dhcp_init(&d, mac, now);
	while (good && (seconds ? now_ns() < end : n < ROUNDS)) {
		s->seconds = (uint32_t)rnd(&rng, 2000);
		good = one_at_random(s, &d, &now, &rng);
		held += d.state == DHCP_BOUND;
		n++;
		if (rnd(&rng, 1000) == 0 || now > UINT64_MAX / 4) /* a century */
			dhcp_init(&d, mac, now = NSEC_PER_SEC);
	}
	ok(good && held > 0, "%llu damaged answers, seed %llu", (unsigned long long)n,
		(unsigned long long)seed);
}

int main(int argc, char **argv)
{
	struct server s = { .seconds = 1000, .last = 50 };

	test_lease(&s);
	test_others(&s);
	test_random(&s, argc > 1 ? strtoull(argv[1], NULL, 10) : 0,
		argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
	return tap_done(&tap);
}
