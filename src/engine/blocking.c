/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/blocking.h"

#include "engine/internal.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCKING_SIGNAL (SIGRTMIN + 1)
#define MOMENT_MS 2 /* a signal and a time-out are not looked at meanwhile */

static void blocking_tick(UNUSED int sig)
{
}

static void blocking_install(void)
{
	struct sigaction sa = { .sa_handler = blocking_tick };

	sigaction(BLOCKING_SIGNAL, &sa, NULL);
}

/* Somebody else who is woken to receive, and put to sleep again when the wait is over, is two more
 * switches; so is a timer some calls more. */
bool blocking_moment(const struct call *c, const struct pollfd of[], size_t n)
{
	struct pollfd p[3] = { { .fd = c->engine->listener, .events = POLLIN } };

	if (p[0].fd < 0 || n >= ARRAY_SIZE(p))
		return false;
	memcpy(p + 1, of, n * sizeof(*of));
	if (poll(p, (nfds_t)n + 1, MOMENT_MS) <= 0)
		return false;
	for (size_t i = 1; i <= n; i++) {
		if (p[i].revents)
			return true;
	}
	return false;
}

static int begin(struct blocking *b)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = BLOCKING_SIGNAL };
	struct itimerspec every = { { 0, 50000000 }, { 0, 50000000 } };
	sigset_t set;

	b->deadline = 0;
	pthread_once(&once, blocking_install);
	sev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &sev, &b->timer) < 0)
		return -errno;
	sigemptyset(&set);
	sigaddset(&set, BLOCKING_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	timer_settime(b->timer, 0, &every, NULL);
	return 0;
}

int blocking_begin(struct blocking *b)
{
	call_waits();
	return begin(b);
}

int blocking_begin_ready(struct blocking *b, int fd, int option)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);
	int r = begin(b);

	if (r == 0 && getsockopt(fd, SOL_SOCKET, option, &tv, &len) == 0 &&
		(tv.tv_sec || tv.tv_usec) && tv.tv_sec < INT32_MAX)
		b->deadline =
			now_ns() + (uint64_t)tv.tv_sec * NSEC_PER_SEC + (uint64_t)tv.tv_usec * 1000;
	return r;
}

int blocking_begin_socket(struct blocking *b, int fd, int option)
{
	call_waits();
	return blocking_begin_ready(b, fd, option);
}

static bool is_over(const struct blocking *b)
{
	return b->deadline && now_ns() >= b->deadline;
}

bool blocking_again(const struct blocking *b, struct call *c, long err)
{
	return err == -EINTR && !is_over(b) && !call_interrupted(c) && call_alive(c);
}

long blocking_end(struct blocking *b, long err)
{
	timer_delete(b->timer);
	return err == -EINTR && is_over(b) ? -EAGAIN : err;
}

int blocking_open(
	struct call *c, mode_t type, int flags, int (*once)(void *arg, int flags), void *arg)
{
	struct blocking b;
	int fd, r;

	if ((flags & (O_NONBLOCK | O_PATH)) || (type != S_IFIFO && type != S_IFREG))
		return once(arg, flags);
	if (type == S_IFREG) {
		/* most have no lease, and nothing is prepared for a wait */
		fd = once(arg, flags | O_NONBLOCK);
		if (fd >= 0)
			(void)fcntl(fd, F_SETFL, flags); /* cannot fail */
		if (fd != -EWOULDBLOCK)
			return fd;
	}
	r = blocking_begin(&b);
	if (r < 0)
		return r;
	do {
		fd = once(arg, flags);
	} while (c && blocking_again(&b, c, fd));
	return (int)blocking_end(&b, fd);
}
