/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a view: what is mounted is written back, and its servers are waited for. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/runint.h"
#include "sys/mount/mountsrv.h"

#define SERVERS_END_NS (10 * NSEC_PER_SEC) /* for those that a user started, after that */
#define UNMOUNT_NS (300 * NSEC_PER_SEC)	   /* for all servers to write back what they have */

struct progress {
	pthread_mutex_t lock; /* guards all of it; a leaf */
	pthread_cond_t cond;
	char *what; /* until it has been told */
	bool over;
};

static void *tell_progress(void *arg)
{
	struct progress *p = arg;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&p->lock);
	while (!p->over && pthread_cond_timedwait(&p->cond, &p->lock, &until) != ETIMEDOUT)
		;
	while (!p->over) {
		char *what = p->what;

		if (!what) {
			pthread_cond_wait(&p->cond, &p->lock);
			continue;
		}
		/* a terminal may be stopped, which must not stop the writing back */
		p->what = NULL;
		pthread_mutex_unlock(&p->lock);
		dprintf(STDERR_FILENO, "umview: %s\n", what);
		free(what);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void progress_at(struct progress *p, char *what)
{
	pthread_mutex_lock(&p->lock);
	free(p->what);
	p->what = what;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->lock);
}

static void at_mount(void *arg, const char *target)
{
	progress_at(arg, str_printf("writing back %s", target));
}

/* Servers have lost their mounts: what they do after that (archivemount writes its archive, a cache
 * is written) they do before they end by themselves. */
static void wait_for_servers(struct run *r)
{
	const uint64_t deadline = now_ns() + SERVERS_END_NS;
	const struct timespec moment = { .tv_nsec = 10000000 };

	while (children_left(r, true) && now_ns() < deadline) {
		if (reap_child(r, 0) != 1)
			nanosleep(&moment, NULL);
	}
}

/* Nobody is left who could: a server that was stopped would keep us, and what it has not written.
 */
static void continue_server(pid_t pid, UNUSED void *arg)
{
	process_continue(pid);
}

void end_mounts(struct run *r)
{
	struct progress p = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_condattr_t monotonic;
	pthread_t thread;
	bool tell;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p.cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	tell = isatty(STDERR_FILENO) && pthread_create(&thread, NULL, tell_progress, &p) == 0;
	each_child(continue_server, NULL);
	um_umount_all(&r->um, now_ns() + UNMOUNT_NS, at_mount, &p);
	progress_at(&p, str_printf("waiting for the servers to end"));
	wait_for_servers(r);
	if (tell) {
		pthread_mutex_lock(&p.lock);
		p.over = true;
		pthread_cond_signal(&p.cond);
		pthread_mutex_unlock(&p.lock);
		pthread_join(thread, NULL);
	}
	free(p.what);
	pthread_cond_destroy(&p.cond);
}
