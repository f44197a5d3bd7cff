/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server of a mount is started, and waited for until it has mounted and answered INIT. */
#include <stdio.h>
#include <string.h>

#include "fs/fuse/fuse.h"
#include "sys/mount/job.h"

#define MOUNT_TIMEOUT_NS (30 * NSEC_PER_SEC)
#define POLL_NS (20 * 1000 * 1000ull)

/* Waits until the server's mount(2) has come. */
static int wait_mounted(struct mount_job *j, uint64_t deadline)
{
	struct mountsrv *ms = j->um->mountsrv;
	struct mount_pending *p = j->p;
	bool ended = false;

	for (;;) {
		uint64_t until = now_ns() + POLL_NS;
		struct timespec ts = { .tv_sec = (time_t)(until / NSEC_PER_SEC),
			.tv_nsec = (long)(until % NSEC_PER_SEC) };
		bool done, claimed;

		pthread_mutex_lock(&ms->lock);
		if (!p->done)
			pthread_cond_timedwait(&ms->cond, &ms->lock, &ts);
		done = p->done;
		claimed = p->claimed;
		pthread_mutex_unlock(&ms->lock);
		if (done)
			return p->error;
		if (ended && !claimed)
			return -EIO;
		/* looked at before the list is: what it did while it lived has been seen then */
		ended = service_ended(&p->service, 0) && p->service.output < 0;
		if (now_ns() > deadline)
			return -ETIMEDOUT;
		if (j->c && call_interrupted(j->c))
			return -EINTR;
	}
}

static int wait_ready(struct mount_job *j)
{
	uint64_t deadline = now_ns() + MOUNT_TIMEOUT_NS;
	struct fs_req req = { .call = j->c };
	int r = wait_mounted(j, deadline);

	if (r < 0)
		return r;
	return fuse_conn_wait_init(j->p->mnt->fs, &req, deadline);
}

static void pending_unlink(struct mount_job *j)
{
	struct mountsrv *ms = j->um->mountsrv;

	pthread_mutex_lock(&ms->lock);
	cds_list_del(&j->p->node);
	pthread_mutex_unlock(&ms->lock);
}

/* Waits for a mount(2) of the server that is being answered just now. */
static void pending_settle(struct mount_job *j)
{
	struct mountsrv *ms = j->um->mountsrv;

	pthread_mutex_lock(&ms->lock);
	while (j->p->claimed && !j->p->done)
		pthread_cond_wait(&ms->cond, &ms->lock);
	pthread_mutex_unlock(&ms->lock);
}

static int start_failed(struct mount_job *j, int r, const char *program)
{
	struct mount_pending *p = j->p;

	service_stop(&p->service, 2 * NSEC_PER_SEC);
	if (r == -ETIMEDOUT)
		mount_job_fail(j, r, "%s: %s did not mount it within %llu s: %s",
			mount_job_source(j), program, MOUNT_TIMEOUT_NS / NSEC_PER_SEC,
			service_last_words(&p->service));
	else if (r != -EINTR)
		mount_job_fail(j, r, "%s: %s did not mount it: %s%s", mount_job_source(j), program,
			service_last_words(&p->service),
			mount_is_unclean(j) ? " (it was not unmounted when it was last in use: the "
					      "option fsck repairs that first)"
					    : "");
	/* a kernel says so of a bad superblock, or of an option that it does not know */
	if ((r == -EIO || r == -ENOTCONN) && !mount_job_is_fuse(j))
		r = -EINVAL;
	pending_unlink(j);
	pending_settle(j);
	if (p->mnt) {
		struct mount *m = mount_get(p->mnt);

		if (view_detach(&j->um->view, m, MNT_DETACH) == 0) {
			fuse_conn_abort(m->fs);
			files_drop_fs(j->um->files, m->fs);
			mount_end(m, now_ns());
		}
		mount_put(m);
	}
	return r;
}

/* Does the path lead anywhere in the view, or is it hidden below a mount (on /tmp, say)? */
static bool is_reachable(struct mount_job *j, const char *path, bool real)
{
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_path_ struct path p = PATH_INIT;

	return path_resolve_abs(&j->um->view, &req, path, 0, &p) == 0 &&
	       (!real || p.kind == PATH_REAL);
}

static int make_mountpoint(struct mount_job *j)
{
	_cleanup_free_ char *dir = str_printf("%s/mnt-XXXXXX", j->um->rundir);

	if (!dir)
		return -ENOMEM;
	if (!mkdtemp(dir))
		return mount_job_fail(j, -errno, "cannot make %s: %s", dir, strerror(errno));
	j->p->dir = take_ptr(&dir);
	j->p->mountpoint = realpath(j->p->dir, NULL);
	if (!j->p->mountpoint)
		return -errno;
	if (is_reachable(j, j->p->mountpoint, true))
		return 0;
	free(j->p->mountpoint);
	j->p->mountpoint = strdup(j->where.name);
	return j->p->mountpoint ? 0 : -ENOMEM;
}

/* Most servers put the source into an option, fsname=, as it is; e2fsck(8) takes what comes after a
 * "?" for options. */
static int make_alias(struct mount_job *j)
{
	if (j->image.file < 0 || !strpbrk(j->source, j->o.fsck ? ",\\?" : ",\\"))
		return 0;
	j->p->alias = str_printf("%s.image", j->p->dir);
	if (!j->p->alias)
		return -ENOMEM;
	return symlink(j->source, j->p->alias) < 0 ? -errno : 0;
}

int mount_start_server(struct mount_job *j)
{
	struct mountsrv *ms = j->um->mountsrv;
	char **argv = NULL;
	int r = make_mountpoint(j);

	if (r == 0)
		r = make_alias(j);
	if (r == 0)
		r = mount_fsck(j);
	if (r == 0)
		r = mount_server_argv(j, &argv);
	if (r < 0)
		return r;
	pthread_mutex_lock(&ms->lock);
	cds_list_add_tail(&j->p->node, &ms->pending);
	pthread_mutex_unlock(&ms->lock);
	r = service_start(j->um, argv,
		j->rq->cwd && is_reachable(j, j->rq->cwd, false) ? j->rq->cwd : "/",
		&j->p->service);
	if (r < 0) {
		pending_unlink(j);
		mount_job_fail(j, r, "cannot start %s: %s", argv[0], strerror(-r));
	} else {
		r = wait_ready(j);
		if (r < 0)
			r = start_failed(j, r, argv[0]);
	}
	if (r == 0) {
		pthread_mutex_lock(&ms->lock);
		cds_list_del(&j->p->node);
		cds_list_add_tail(&j->p->node, &ms->live);
		for (size_t i = 0; i < MOUNT_DISKS; i++)
			j->p->disks[i] = take_ptr(&j->disks[i]);
		j->p = NULL;
		pthread_mutex_unlock(&ms->lock);
	}
	strv_free(argv);
	return r;
}
