/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the engine share, and nobody else sees. */
#ifndef UM_ENGINE_INTERNAL_H
#define UM_ENGINE_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <urcu/list.h>

#include "engine/engine.h"
#include "engine/nr.h"
#include "engine/own.h"

#define FD_LOCKS 64
#define TOLD_EINTR 256

struct seccomp_notif;
struct seccomp_notif_resp;

struct fd_slot {
	pthread_mutex_t lock; /* held from choosing a number to its injection */
	pid_t tgid;
	int next; /* where the last free number was found */
	int full; /* how many it had open when none was to be had from VFD_HOT on; 0: not so */
};

/* The workers (pool.c). */
struct pool {
	atomic_int alive;     /* threads */
	atomic_int receivers; /* of them that receive, or are on their way to it: one at most */
	atomic_int parked;    /* that wait for `token`, and have none on its way to them */
	atomic_int waiting;   /* whose handler waits or has waited for somebody */
	sem_t token;	      /* who takes it is a receiver */
	int cpus;
	atomic_bool stopping;
	atomic_bool starved;  /* the last worker that was wanted could not be had */
	atomic_uint received; /* calls */
	pthread_t watch;      /* the thread that finds handlers which wait without saying so */
	bool watched;
	atomic_bool watch_asleep;
	sem_t watch_wake;
};

struct engine {
	struct engine_options o;
	int listener;
	pid_t launcher;
	int launcher_sock;
	int launcher_end;	       /* the launcher's side, until it has a table of its own */
	struct boot *boot;	       /* launcher.c: shared while the launcher starts */
	pthread_mutex_t launcher_lock; /* one request at a time */
	uint32_t launcher_serial;      /* of the last one; under it */
	const struct sysrow *by_nr[NR_LAST + 1];
	const struct sysrow32 *by_nr32[NR_LAST + 1];
	size_t notif_size, resp_size;
	struct own_ids own;
	bool lends; /* pidfd_getfd(2) is allowed */
	struct pool pool;
	atomic_bool profile; /* calls are received so that their parts can be timed */
	struct fd_slot fds[FD_LOCKS];
	/* the threads that were answered EINTR last, for call_told_eintr(); 0: none */
	_Atomic pid_t told_eintr[TOLD_EINTR];
	atomic_uint next_told;
	/* claim.h: the threads whose next call is ours */
	atomic_int ninject;
	pthread_mutex_t inject_lock;
	pthread_cond_t inject_gone; /* a claim was removed */
	struct cds_list_head injecting;
};

/* Answers a call at once, before its handler is through: -error (SECCOMP_IOCTL_NOTIF_SEND's), or
 * its flags. 0, -errno (ENOENT: it does not wait any more). */
int notify_answer(struct call *c, int error, unsigned flags);
int MUST_CHECK notify_start(struct engine *e);
/* Receives one call, handles and answers it. 1: done; 0: there was none; -1: there will be none. */
int notify_serve(struct engine *e, struct seccomp_notif *n, struct seccomp_notif_resp *r);

int MUST_CHECK pool_start(struct engine *e);
void pool_stop(struct engine *e);
/* The calling worker has a call and receives no more. */
void pool_received(struct engine *e, const struct call *c);

#endif
