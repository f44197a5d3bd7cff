/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What bench/net measures stacks by that are libraries, and ours beside them: one program, made for
 *each (-DLWIPV6, -DVDESTACK, or neither: the sockets of wherever it runs), with the same calls of
 *the same sizes.
 *
 *	netpeer SWITCH ADDRESS serve
 *	netpeer SWITCH ADDRESS stream SERVER SECONDS	prints Gbit/s: what was sent until the
 *server had all of it netpeer SWITCH ADDRESS connections SERVER COUNT	prints how many a second,
 *each with a byte and its answer netpeer SWITCH ADDRESS answer SERVER COUNT	prints the median
 *time of 64 bytes and their answer, in us
 *
 * SWITCH is the folder of a VDE switch and ADDRESS one of 24 bits for the library's stack; not
 *looked at without one.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* LAST is the first byte of a stream's last block: a shutdown(2) of LWIPv6's never arrives. */
enum { PORT = 7777, BLOCK = 131072, SMALL = 64, BACKLOG = 512, LAST = 1 };

#if defined(LWIPV6)
#include <lwipv6.h>

static void stack_join(const char *where, const char *address)
{
	struct stack *stack = lwip_stack_new();
	struct netif *vde = stack ? lwip_vdeif_add(stack, (void *)where) : NULL;
	struct ip_addr addr, mask;
	unsigned int a, b, c, d;

	if (!vde || sscanf(address, "%u.%u.%u.%u", &a, &b, &c, &d) != 4)
		errx(1, "no interface at %s", where);
	IP64_ADDR(&addr, a, b, c, d);
	IP64_MASKADDR(&mask, 255, 255, 255, 0);
	if (lwip_add_addr(vde, &addr, &mask) < 0 || lwip_ifup(vde) < 0)
		errx(1, "no address %s", address);
	lwip_stack_set(stack);
}

static void stack_leave(void)
{
}

#define socket lwip_socket
#define bind lwip_bind
#define listen lwip_listen
#define accept lwip_accept
#define connect lwip_connect
#define send lwip_send
#define recv lwip_recv
#define setsockopt lwip_setsockopt
#define close lwip_close

#elif defined(VDESTACK)
#include <vdestack.h>

static struct vdestack *stack;

static void stack_join(const char *where, const char *address)
{
	char link[256], commands[256];

	(void)snprintf(link, sizeof(link), "vde://%s", where);
	(void)snprintf(commands, sizeof(commands),
		"/bin/ip link set vde0 up;/bin/ip addr add %s/24 dev vde0", address);
	stack = vde_addstack(link, NULL);
	if (!stack || vde_stackcmd(stack, commands) != 0)
		err(1, "no stack at %s", where);
	vde_default_stack(stack);
}

/* Its process would stay. */
static void stack_leave(void)
{
	vde_delstack(stack);
}

#else
static void stack_join(const char *where, const char *address)
{
	(void)where;
	(void)address;
}

static void stack_leave(void)
{
}
#endif

static char block[BLOCK];

static struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	if (text && inet_pton(AF_INET, text, &a.sin_addr) != 1)
		errx(1, "%s: no address", text);
	return a;
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* All `n` bytes; ends the process where there are none. */
static void get(int fd, void *to, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t r = recv(fd, (char *)to + have, n - have, 0);

		if (r <= 0)
			err(1, "recv: %zd", r);
		have += (size_t)r;
	}
}

static void put(int fd, const void *from, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = send(fd, (const char *)from + done, n - done, 0);

		if (r <= 0)
			err(1, "send: %zd", r);
		done += (size_t)r;
	}
}

/* Without Nagle's delay, as small requests are sent. */
static void at_once(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* The first byte of a connection says what it is for. */
static void serve_one(int fd)
{
	char what;
	ssize_t r;

	if (recv(fd, &what, 1, 0) != 1)
		return;
	switch (what) {
	case 's':
		do
			get(fd, block, BLOCK);
		while (block[0] != LAST);
		put(fd, &what, 1);
		break;
	case 'c':
		put(fd, &what, 1);
		break;
	default:
		at_once(fd);
		while ((r = recv(fd, block, SMALL, 0)) > 0)
			put(fd, block, (size_t)r);
	}
}

static void leave(int number)
{
	(void)number;
	stack_leave();
	_exit(0);
}

static void serve(void)
{
	struct sockaddr_in a = address_of(NULL);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, BACKLOG) < 0)
		err(1, "listen");
	(void)signal(SIGTERM, leave);
	for (;;) {
		socklen_t n = sizeof(a);
		int c = accept(fd, (struct sockaddr *)&a, &n);

		if (c < 0)
			err(1, "accept");
		serve_one(c);
		(void)close(c);
	}
}

static int connect_for(const struct sockaddr_in *server, char what)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0)
		err(1, "connect");
	put(fd, &what, 1);
	return fd;
}

static double stream(const struct sockaddr_in *server, int seconds)
{
	int fd = connect_for(server, 's');
	uint64_t sent = 0;
	double began = now();
	char c;

	do {
		block[0] = now() - began < seconds ? 0 : LAST;
		put(fd, block, BLOCK);
		sent += BLOCK;
	} while (block[0] != LAST);
	get(fd, &c, 1);
	return (double)sent * 8 / (now() - began) / 1e9;
}

static double connections(const struct sockaddr_in *server, int count)
{
	double began = now();
	char c;

	for (int i = 0; i < count; i++) {
		int fd = connect_for(server, 'c');

		get(fd, &c, 1);
		(void)close(fd);
	}
	return count / (now() - began);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double answer(const struct sockaddr_in *server, int count)
{
	int fd = connect_for(server, 'a');
	double *took = calloc((size_t)count, sizeof(*took)), median;

	if (!took)
		err(1, "calloc");
	at_once(fd);
	for (int i = 0; i < count; i++) {
		double began = now();

		put(fd, block, SMALL);
		get(fd, block, SMALL);
		took[i] = now() - began;
	}
	qsort(took, (size_t)count, sizeof(*took), by_size);
	median = took[count / 2];
	free(took);
	return median * 1e6;
}

int main(int argc, char **argv)
{
	struct sockaddr_in server;
	double (*measure)(const struct sockaddr_in *, int);

	if (argc != 4 && (argc != 6 || atoi(argv[5]) <= 0))
		errx(2, "usage: netpeer SWITCH ADDRESS serve|stream|connections|answer [SERVER "
			"COUNT]");
	stack_join(argv[1], argv[2]);
	if (argc == 4)
		serve();
	server = address_of(argv[4]);
	measure = !strcmp(argv[3], "stream")   ? stream
		  : !strcmp(argv[3], "answer") ? answer
					       : connections;
	printf("%.6f\n", measure(&server, atoi(argv[5])));
	(void)fflush(stdout);
	stack_leave();
	_exit(0); /* LWIPv6's threads would be waited for */
}
