/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. An interface gets a block of its own before its first frame, and its frames
 * name it by the number of that block. The signals are blocked but for the wait, so that no block
 * is torn.
 */
#include "cmd/pcapng.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SNAP_MAX 262144
#define INTERFACES_MAX 256
#define RECEIVE_BYTES (8 << 20)
#define GRACE_NS 100000000 /* lwIP's frames have the time when they are read */

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { OPT_END = 0, OPT_APPLICATION = 4, OPT_IF_NAME = 2, OPT_IF_TSRESOL = 9, OPT_EPB_FLAGS = 2 };
enum { LINK_ETHERNET = 1, INBOUND = 1, OUTBOUND = 2 };

struct capture {
	int packets, out;
	int known[INTERFACES_MAX]; /* their indexes, by the number of their block */
	uint32_t nknown;
	uint8_t *frame;
};

/* A block without its lengths, which finish_block() adds. */
struct block {
	uint8_t v[256];
	size_t n;
};

static void add(struct block *b, const void *what, size_t n)
{
	const size_t pad = -n & 3;

	if (n == 0 || b->n + n + pad > sizeof(b->v))
		return; /* none is so long */
	memcpy(b->v + b->n, what, n);
	memset(b->v + b->n + n, 0, pad);
	b->n += n + pad;
}

static void add32(struct block *b, uint32_t value)
{
	add(b, &value, sizeof(value));
}

static void add_option(struct block *b, uint16_t code, const void *what, size_t n)
{
	const uint16_t head[2] = { code, (uint16_t)n };

	add(b, head, sizeof(head));
	add(b, what, n);
}

/* The block, then n bytes of data with options behind, as one write. */
static int write_block(struct capture *cap, uint32_t type, const struct block *b, const void *data,
	size_t n, const struct block *options)
{
	static const uint8_t zero[4];
	const size_t pad = -n & 3, behind = options ? options->n : 0;
	const uint32_t len = (uint32_t)(12 + b->n + n + pad + behind);
	const uint32_t head[2] = { type, len };
	const struct iovec iov[] = { { (void *)(uintptr_t)head, sizeof(head) },
		{ (void *)(uintptr_t)b->v, b->n }, { (void *)(uintptr_t)data, n },
		{ (void *)(uintptr_t)zero, pad },
		{ (void *)(uintptr_t)(options ? options->v : zero), behind },
		{ (void *)(uintptr_t)&len, sizeof(len) } };
	ssize_t got = writev(cap->out, iov, ARRAY_SIZE(iov));

	return got < 0 ? -errno : (size_t)got < len ? -ENOSPC : 0;
}

static int write_section(struct capture *cap)
{
	static const char name[] = "umctl net capture";
	struct block b = { .n = 0 };
	const uint16_t version[2] = { 1, 0 };
	const uint64_t length = UINT64_MAX; /* not known yet */

	add32(&b, 0x1a2b3c4d);
	add(&b, version, sizeof(version));
	add(&b, &length, sizeof(length));
	add_option(&b, OPT_APPLICATION, name, sizeof(name) - 1);
	add_option(&b, OPT_END, NULL, 0);
	return write_block(cap, BLOCK_SECTION, &b, NULL, 0, NULL);
}

/* The number of an interface's block; -errno. */
static int interface_block(struct capture *cap, int index)
{
	struct ifreq ifr = { .ifr_ifindex = index };
	const uint16_t link[2] = { LINK_ETHERNET, 0 };
	const uint8_t nanoseconds = 9;
	struct block b = { .n = 0 };
	int r;

	for (uint32_t i = 0; i < cap->nknown; i++) {
		if (cap->known[i] == index)
			return (int)i;
	}
	if (cap->nknown == INTERFACES_MAX)
		return INTERFACES_MAX - 1;
	if (index && ioctl(cap->packets, SIOCGIFNAME, &ifr) < 0)
		snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%d", index); /* it is gone already */
	add(&b, link, sizeof(link));
	add32(&b, SNAP_MAX);
	if (index)
		add_option(&b, OPT_IF_NAME, ifr.ifr_name, strnlen(ifr.ifr_name, IFNAMSIZ));
	add_option(&b, OPT_IF_TSRESOL, &nanoseconds, 1);
	add_option(&b, OPT_END, NULL, 0);
	r = write_block(cap, BLOCK_INTERFACE, &b, NULL, 0, NULL);
	if (r < 0)
		return r;
	cap->known[cap->nknown] = index;
	return (int)cap->nknown++;
}

static uint64_t as_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * NSEC_PER_SEC + (uint64_t)t->tv_nsec;
}

static int write_frame(struct capture *cap, const struct sockaddr_ll *from, uint64_t ns, size_t len)
{
	const uint32_t flags = from->sll_pkttype == PACKET_OUTGOING ? OUTBOUND : INBOUND;
	const size_t kept = len < SNAP_MAX ? len : SNAP_MAX;
	struct block b = { .n = 0 }, options = { .n = 0 };
	int number = interface_block(cap, from->sll_ifindex);

	if (number < 0)
		return number;
	add32(&b, (uint32_t)number);
	add32(&b, (uint32_t)(ns >> 32));
	add32(&b, (uint32_t)ns);
	add32(&b, (uint32_t)kept);
	add32(&b, (uint32_t)len);
	/* (a socket of lwIP's tells where a frame comes from to who is in the view alone) */
	if (from->sll_family == AF_PACKET)
		add_option(&options, OPT_EPB_FLAGS, &flags, sizeof(flags));
	add_option(&options, OPT_END, NULL, 0);
	return write_block(cap, BLOCK_PACKET, &b, cap->frame, kept, &options);
}

/* 1: a frame, and when it came; 0: none to be written; -EAGAIN: none is there; -errno. */
static int take_frame(struct capture *cap, uint64_t *ret_ns)
{
	union {
		char buf[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr align;
	} control;
	struct sockaddr_ll from = { 0 };
	struct iovec iov = { cap->frame, SNAP_MAX };
	struct msghdr msg = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(cap->packets, &msg, MSG_DONTWAIT | MSG_TRUNC);
	struct cmsghdr *cm;
	struct timespec at;
	int r;

	if (n < 0)
		return errno == ENETDOWN ? 0 : -errno; /* an interface went down, or away */
	/* loopback shows each twice */
	if (from.sll_hatype == 772 && from.sll_pkttype == PACKET_OUTGOING)
		return 0;
	clock_gettime(CLOCK_REALTIME, &at);
	cm = CMSG_FIRSTHDR(&msg);
	if (cm && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SO_TIMESTAMPNS)
		memcpy(&at, CMSG_DATA(cm), sizeof(at));
	r = write_frame(cap, &from, as_ns(&at), (size_t)n);
	if (r < 0)
		return r;
	*ret_ns = as_ns(&at);
	return 1;
}

static void on_signal(UNUSED int sig)
{
}

/* Has a signal come? When, roughly. */
static uint64_t told_to_end(const sigset_t *ends)
{
	const struct timespec none = { 0 };
	struct timespec now;

	if (sigtimedwait(ends, NULL, &none) < 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	return as_ns(&now) + GRACE_NS;
}

/* Until a signal, and all that came before that is written. */
static int run(struct capture *cap, unsigned long count)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	uint64_t end = 0, at = 0;
	struct pollfd p = { .fd = cap->packets, .events = POLLIN };
	unsigned long got = 0;
	sigset_t ends, old;
	int r = write_section(cap);

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &old);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	while (r >= 0 && (!count || got < count) && !(end && at > end)) {
		r = take_frame(cap, &at);
		if (r > 0)
			got++;
		if (r >= 0 && !end)
			end = told_to_end(&ends);
		else if (r == -EAGAIN && end)
			break;
		if (r == -EAGAIN)
			r = ppoll(&p, 1, NULL, &old) < 0 ? -errno : 0;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r == -EINTR || r == -EAGAIN || r > 0 ? 0 : r;
}

int pcapng_capture(int packets, const char *file, unsigned long count)
{
	const int on = 1, bytes = RECEIVE_BYTES;
	struct capture cap = { .packets = packets, .out = STDOUT_FILENO };
	_cleanup_fd_ int out = -1;
	int r;

	if (strcmp(file, "-") != 0) {
		cap.out = out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (out < 0)
			return -errno;
	}
	/* not every stack stamps them, nor gives as much room as the user may have */
	(void)setsockopt(packets, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	(void)setsockopt(packets, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	cap.frame = malloc(SNAP_MAX);
	if (!cap.frame)
		return -ENOMEM;
	r = run(&cap, count);
	free(cap.frame);
	return r;
}
