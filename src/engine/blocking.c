/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/blocking.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
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

void blocking_end(struct blocking *b)
{
	timer_delete(b->timer);
}

bool blocking_again(struct call *c, long err)
{
	return err == -EINTR && !call_interrupted(c) && call_alive(c);
}
