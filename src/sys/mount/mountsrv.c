/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A request is put in the list of pending ones under a mount point made for
 * it, then its server is started with that. The server opens /dev/fuse and calls mount(2) like any
 * other: sys_mount() finds the request by that mount point, puts the mount where it was asked for
 * and gives the mount the request's names. Then INIT is waited for: only its answer means that the
 * file system is mounted. The request lives as long as the mount, as it holds the image's lock and
 * knows the server's process.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "dev/loop/loop.h"
#include "engine/engine.h"
#include "fs/fuse/fuse.h"
#include "sys/mount/job.h"

#define MAX_ENDED 64
#define HELPERS_NS (10 * NSEC_PER_SEC)
#define SERVER_IDLE_NS (30 * NSEC_PER_SEC)

int mountsrv_new(struct um *um, struct mountsrv **ret)
{
	struct mountsrv *ms = calloc(1, sizeof(*ms));
	pthread_condattr_t attr;

	if (!ms)
		return -ENOMEM;
	ms->um = um;
	pthread_mutex_init(&ms->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ms->cond, &attr);
	pthread_condattr_destroy(&attr);
	CDS_INIT_LIST_HEAD(&ms->pending);
	CDS_INIT_LIST_HEAD(&ms->live);
	CDS_INIT_LIST_HEAD(&ms->ended);
	CDS_INIT_LIST_HEAD(&ms->lazy);
	*ret = ms;
	return 0;
}

void mount_pending_free(struct mount_pending *p)
{
	if (!p)
		return;
	service_release(&p->service);
	if (p->mnt)
		mount_put(p->mnt);
	if (p->lock_fd >= 0)
		image_unlock(p->lock_fd);
	if (p->loop >= 0)
		loop_unmounted(p->ms->um, p->loop);
	if (p->dir)
		(void)rmdir(p->dir); /* else it goes with the run directory */
	if (p->alias)
		(void)unlink(p->alias);
	mount_close_disks(p->ms->um, p->disks);
	free(p->alias);
	free(p->dir);
	free(p->mountpoint);
	free(p->source);
	free(p->type);
	free(p->options);
	free(p);
}

static void ended_drop(struct mountsrv *ms, struct ended *e)
{
	cds_list_del(&e->node);
	ms->nended--;
	free(e->target);
	free(e);
}

void mountsrv_free(struct mountsrv *ms)
{
	struct mount_pending *p, *next;
	struct ended *e, *next_e;

	if (!ms)
		return;
	cds_list_for_each_entry_safe(p, next, &ms->live, node) {
		cds_list_del(&p->node);
		mount_pending_free(p);
	}
	cds_list_for_each_entry_safe(e, next_e, &ms->ended, node)
		ended_drop(ms, e);
	pthread_cond_destroy(&ms->cond);
	pthread_mutex_destroy(&ms->lock);
	free(ms);
}

/* ---- the server's side: its mount(2) ---- */

struct mount_pending *mountsrv_pending_get(struct mountsrv *ms, const char *mountpoint)
{
	struct mount_pending *p, *found = NULL;

	pthread_mutex_lock(&ms->lock);
	cds_list_for_each_entry(p, &ms->pending, node) {
		if (!p->claimed && strcmp(p->mountpoint, mountpoint) == 0) {
			p->claimed = true;
			found = p;
			break;
		}
	}
	pthread_mutex_unlock(&ms->lock);
	return found;
}

void mountsrv_pending_done(struct mount_pending *p, struct mount *m, int error)
{
	struct mountsrv *ms = p->ms;

	pthread_mutex_lock(&ms->lock);
	p->done = true;
	p->error = error;
	p->mnt = m && error == 0 ? mount_get(m) : NULL;
	pthread_cond_broadcast(&ms->cond);
	pthread_mutex_unlock(&ms->lock);
}

/* ---- ended mounts ---- */

void mountsrv_remember_ended(struct mountsrv *ms, const struct mount *m)
{
	struct ended *e;

	if (!m->server)
		return;
	e = calloc(1, sizeof(*e));
	if (!e)
		return; /* a late umount2 then gets EINVAL, no more */
	e->target = strdup(m->target);
	e->server = m->server;
	if (!e->target) {
		free(e);
		return;
	}
	pthread_mutex_lock(&ms->lock);
	cds_list_add_tail(&e->node, &ms->ended);
	if (++ms->nended > MAX_ENDED)
		ended_drop(ms, cds_list_first_entry(&ms->ended, struct ended, node));
	pthread_mutex_unlock(&ms->lock);
}

bool mountsrv_any_ended(struct mountsrv *ms)
{
	bool any;

	pthread_mutex_lock(&ms->lock);
	any = ms->nended > 0;
	pthread_mutex_unlock(&ms->lock);
	return any;
}

/* Was the process started before the mount was made? In ticks, as /proc has it; within one of
 * them (10 ms) the lower id is the older, but for the rare moment when ids begin anew. */
static bool older_than(pid_t tgid, const struct mount *m)
{
	uint64_t then = m->since_ns / (NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
	uint64_t start = process_stat(tgid, STAT_START);

	if (!start)
		return false;
	return start == then ? tgid < m->server : start < then;
}

bool mountsrv_is_late(struct mountsrv *ms, const char *target, pid_t tgid, const struct mount *m)
{
	bool late = false, here = false;
	struct task_mark mark;
	struct ended *e;

	pthread_mutex_lock(&ms->lock);
	cds_list_for_each_entry(e, &ms->ended, node) {
		if (strcmp(e->target, target) != 0)
			continue;
		here = true;
		if (e->server == tgid)
			late = true;
	}
	pthread_mutex_unlock(&ms->lock);
	if (m && m->server == tgid)
		return false;
	if (late || !here)
		return late;
	/* with nothing there it is answered too: libfuse would run fusermount after an error, and
	 * that might find the next mount */
	return task_mark_get(tgid, &mark) == 0 && mark.service && (!m || older_than(tgid, m));
}

bool mountsrv_started(struct mountsrv *ms, const struct fs *fs)
{
	struct mount_pending *p;
	bool started = false;

	pthread_mutex_lock(&ms->lock);
	cds_list_for_each_entry(p, &ms->live, node)
		started = started || p->mnt->fs == fs;
	pthread_mutex_unlock(&ms->lock);
	return started;
}

bool mountsrv_whole_image(struct mountsrv *ms, const struct fs *fs)
{
	struct mount_pending *p;
	bool whole = false;

	pthread_mutex_lock(&ms->lock);
	cds_list_for_each_entry(p, &ms->live, node)
		whole = whole || (p->mnt->fs == fs && p->lock_fd >= 0 && p->offset == 0);
	pthread_mutex_unlock(&ms->lock);
	return whole;
}

/* How much the process has run, in ticks; 0 when it is gone. */
static uint64_t ran(pid_t pid)
{
	return process_stat(pid, STAT_USER) + process_stat(pid, STAT_SYSTEM);
}

/* Waits for a server that has nothing more to serve. It may have much to write (archivemount its
 * whole archive); one that does nothing at all for long hangs. */
static bool server_ends(struct service *s, uint64_t deadline_ns)
{
	uint64_t since = now_ns(), now = since;
	uint64_t before = 0;

	while (now < deadline_ns && now - since < SERVER_IDLE_NS) {
		uint64_t until = now + NSEC_PER_SEC;
		uint64_t cpu;

		if (service_ended(s, until < deadline_ns ? until : deadline_ns))
			return true;
		now = now_ns();
		cpu = ran(s->pid);
		if (cpu != before)
			since = now;
		before = cpu;
	}
	return service_ended(s, 0);
}

/* A program that it got its data from (nbdfuse has one) may have some to write yet. */
static void helpers_end(const struct mount_pending *p, uint64_t deadline_ns)
{
	uint64_t until = now_ns() + HELPERS_NS;

	if (!service_helpers_ended(&p->service, until < deadline_ns ? until : deadline_ns))
		log_warn("%s: what its server has started does not end", p->source);
}

void mountsrv_fs_ended(struct mountsrv *ms, struct fs *fs, uint64_t deadline_ns)
{
	struct mount_pending *p, *found = NULL;

	pthread_mutex_lock(&ms->lock);
	cds_list_for_each_entry(p, &ms->live, node) {
		if (p->mnt->fs == fs)
			found = p;
	}
	pthread_mutex_unlock(&ms->lock);
	if (!found)
		return;
	/* only when the server is gone is the image whole */
	if (!server_ends(&found->service, deadline_ns)) {
		log_warn("%s: its server does not end and is killed", found->source);
		service_stop(&found->service, NSEC_PER_SEC);
	}
	helpers_end(found, deadline_ns);
	if (found->lock_fd >= 0)
		image_unlock(found->lock_fd);
	pthread_mutex_lock(&ms->lock);
	found->lock_fd = -1;
	cds_list_del(&found->node);
	pthread_cond_broadcast(&ms->cond); /* for who waits to mount the image again */
	pthread_mutex_unlock(&ms->lock);
	mount_pending_free(found);
}
