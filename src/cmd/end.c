/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a view: what is mounted is written back, and its servers are waited for. A thread
 * watches that: once it takes longer than a second a terminal is told what is waited for, and the
 * user may give it up. A server that does nothing at all for long is given up by itself.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/runint.h"
#include "sys/mount/mountsrv.h"

#define SERVERS_END_NS (10 * NSEC_PER_SEC) /* for those that a user started, after that */
#define UNMOUNT_NS (300 * NSEC_PER_SEC)	   /* for all servers to write back what they have */
#define IDLE_NS (60 * NSEC_PER_SEC)	   /* for one that neither answers nor works */
#define HASTE_NS (NSEC_PER_SEC / 2)	   /* who asks sooner than that has not read what is told */
#define LOOK_MS 1000

struct ending {
	const struct front_link *link;
	uint64_t begin;
	int wake;	      /* eventfd: what follows has changed */
	pthread_mutex_t lock; /* guards what follows; a leaf */
	struct mount *at;     /* is waited for; referenced; NULL: all servers are, to end */
	uint64_t told_ns;     /* when that was told; 0: not yet */
	bool over;
	bool lost; /* a mount was given up */
};

/* What the watch last saw of a mount's server. */
struct watched {
	const struct mount *m; /* to compare with only */
	uint64_t work, since;
	bool given_up;
};

static void end_server(pid_t pid, UNUSED void *arg)
{
	struct task_mark m;

	if (task_mark_get(pid, &m) == 0 && m.service)
		kill(pid, SIGKILL);
}

static void give_up(struct mount *m, const char *why)
{
	if (!m) {
		each_child(end_server, NULL);
		return;
	}
	log_user("%s: %s; what was not written back is lost", m->target, why);
	um_mount_give_up(m);
}

static void tell(const struct mount *m)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (m)
		log_user("writing back %s (Ctrl-C gives it up)", m->target);
	else
		log_user("waiting for the servers to end (Ctrl-C kills them)");
}

static bool is_idle(struct watched *w, struct mount *m)
{
	const uint64_t now = now_ns(), work = m ? um_mount_work(m) : 0;

	if (!m || w->m != m || w->work != work)
		*w = (struct watched){ m, work, now, w->m == m && w->given_up };
	return now - w->since > IDLE_NS;
}

/* Takes what the front has sent. */
static bool is_asked(struct pollfd *front)
{
	bool asked = false;
	char byte;
	ssize_t n;

	if (!front->revents)
		return false;
	while ((n = recv(front->fd, &byte, sizeof(byte), MSG_DONTWAIT)) > 0)
		asked = true;
	if (n == 0 || errno != EAGAIN)
		front->fd = -1; /* it is gone */
	return asked;
}

/* What is waited for now (ret_m, referenced, may be NULL), and since when that has been told (0: it
 * is to be told now, UINT64_MAX: later). false: no more. */
static bool look(struct ending *e, struct mount **ret_m, uint64_t *ret_told)
{
	const uint64_t now = now_ns();
	bool over;
	uint64_t n;

	(void)!read(e->wake, &n, sizeof(n));
	pthread_mutex_lock(&e->lock);
	*ret_m = e->at ? mount_get(e->at) : NULL;
	*ret_told = now - e->begin > NSEC_PER_SEC ? e->told_ns : UINT64_MAX;
	if (*ret_told == 0)
		e->told_ns = now;
	over = e->over;
	pthread_mutex_unlock(&e->lock);
	return !over;
}

static void watch_mount(struct ending *e, struct watched *w, struct mount *m, bool asked)
{
	const bool idle = is_idle(w, m);

	if (w->given_up || !(asked || idle))
		return;
	give_up(m, asked ? "given up" : "its server has done nothing for a minute and is killed");
	w->given_up = m != NULL;
	pthread_mutex_lock(&e->lock);
	e->lost |= w->given_up;
	pthread_mutex_unlock(&e->lock);
}

/* Not by who waits: a terminal may be stopped, which must not stop the writing back. */
static void *watch(void *arg)
{
	struct ending *e = arg;
	struct pollfd p[] = { { .fd = e->wake, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	struct watched w = { 0 };
	struct mount *m = NULL;
	uint64_t told;

	while (look(e, &m, &told)) {
		if (told == 0)
			tell(m);
		if (told == 0 && p[1].fd < 0) { /* signals from before were for the command */
			front_tell(e->link, FRONT_ENDING, 0);
			p[1].fd = e->link->fd;
		}
		if (told != UINT64_MAX) /* most ends are over before that */
			watch_mount(
				e, &w, m, is_asked(&p[1]) && told && told < now_ns() - HASTE_NS);
		if (m)
			mount_put(m);
		p[0].revents = p[1].revents = 0;
		(void)poll(p, 2, LOOK_MS);
	}
	if (m)
		mount_put(m);
	return NULL;
}

/* What is waited for from now on; NULL: all servers. */
static void ending_at(void *arg, struct mount *m)
{
	const uint64_t one = 1;
	struct ending *e = arg;
	struct mount *before;

	pthread_mutex_lock(&e->lock);
	before = e->at;
	e->at = m ? mount_get(m) : NULL;
	e->told_ns = 0;
	pthread_mutex_unlock(&e->lock);
	if (before)
		mount_put(before);
	(void)!write(e->wake, &one, sizeof(one)); /* full means that it wakes anyway */
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

bool end_mounts(struct run *r)
{
	struct ending e = { .link = r->link,
		.begin = now_ns(),
		.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t thread;
	const bool watched = pthread_create(&thread, NULL, watch, &e) == 0;
	bool kept;

	each_child(continue_server, NULL);
	kept = um_umount_all(&r->um, now_ns() + UNMOUNT_NS, ending_at, &e);
	ending_at(&e, NULL);
	wait_for_servers(r);
	pthread_mutex_lock(&e.lock);
	e.over = true;
	pthread_mutex_unlock(&e.lock);
	ending_at(&e, NULL);
	if (watched)
		pthread_join(thread, NULL);
	if (e.wake >= 0)
		close(e.wake);
	return kept && !e.lost;
}
