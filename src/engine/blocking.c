/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/blocking.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCKING_SIGNAL (SIGRTMIN + 1)

static void blocking_tick(UNUSED int sig)
{
}

static void blocking_install(void)
{
	struct sigaction sa = { .sa_handler = blocking_tick };

	sigaction(BLOCKING_SIGNAL, &sa, NULL);
}

int blocking_begin(struct blocking *b)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = BLOCKING_SIGNAL };
	struct itimerspec every = { { 0, 50000000 }, { 0, 50000000 } };
	sigset_t set;

	call_waits();
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

int blocking_begin_socket(struct blocking *b, int fd, int option)
{
	struct timeval tv = { 0 };
	socklen_t len = sizeof(tv);
	int r = blocking_begin(b);

	if (r == 0 && getsockopt(fd, SOL_SOCKET, option, &tv, &len) == 0 &&
		(tv.tv_sec || tv.tv_usec) && tv.tv_sec < INT32_MAX)
		b->deadline =
			now_ns() + (uint64_t)tv.tv_sec * NSEC_PER_SEC + (uint64_t)tv.tv_usec * 1000;
	return r;
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
