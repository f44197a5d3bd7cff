/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Background threads: what may wait for a server, and no guest waits for. */
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "file/stream.h"

#define JOB_WORKERS_MAX 256 /* a stuck server takes some, others must go on */
#define JOB_STACK (256 * 1024)
#define JOB_IDLE_NS (2 * NSEC_PER_SEC)

static void deadline_ts(uint64_t ns, struct timespec *ret)
{
	ret->tv_sec = (time_t)(ns / NSEC_PER_SEC);
	ret->tv_nsec = (long)(ns % NSEC_PER_SEC);
}

int files_jobs_init(struct files *f)
{
	pthread_condattr_t attr;

	CDS_INIT_LIST_HEAD(&f->jobs);
	pthread_mutex_init(&f->job_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->job_cond, &attr);
	pthread_cond_init(&f->job_done, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

static void run(struct vfile *vf, unsigned jobs)
{
	if (vf->cache)
		cache_job(vf, jobs);
	else if (vf->kind == VFILE_STREAM)
		stream_job(vf, jobs);
	else if (jobs & JOB_CLOSED)
		files_remove(vf);
	vfile_put(vf);
}

static void *worker(void *arg)
{
	struct files *f = arg;
	struct timespec until;

	pthread_mutex_lock(&f->job_lock);
	for (;;) {
		struct vfile *vf;
		unsigned jobs;

		if (cds_list_empty(&f->jobs)) {
			int r;

			if (f->stop)
				break;
			deadline_ts(now_ns() + JOB_IDLE_NS, &until);
			f->idle++;
			r = pthread_cond_timedwait(&f->job_cond, &f->job_lock, &until);
			f->idle--;
			if (r == ETIMEDOUT && cds_list_empty(&f->jobs))
				break;
			continue;
		}
		vf = cds_list_first_entry(&f->jobs, struct vfile, job_node);
		cds_list_del(&vf->job_node);
		jobs = vf->jobs;
		vf->jobs = 0;
		pthread_mutex_unlock(&f->job_lock);
		run(vf, jobs);
		pthread_mutex_lock(&f->job_lock);
		if (--f->pending == 0)
			pthread_cond_broadcast(&f->job_done);
	}
	f->workers--;
	pthread_cond_broadcast(&f->job_done);
	pthread_mutex_unlock(&f->job_lock);
	return NULL;
}

/* With job_lock. Where no thread can be had, the next job tries again. */
static void add_worker(struct files *f)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, JOB_STACK);
	f->workers++;
	if (pthread_create(&t, &attr, worker, f) != 0) {
		f->workers--;
		log_error("no thread for write-back");
	}
	pthread_attr_destroy(&attr);
}

void files_job(struct vfile *vf, enum job job)
{
	struct files *f = vf->files;

	pthread_mutex_lock(&f->job_lock);
	if (!vf->jobs) {
		vfile_get(vf);
		cds_list_add_tail(&vf->job_node, &f->jobs);
		f->pending++;
		if (f->idle > 0)
			pthread_cond_signal(&f->job_cond);
		else if (f->workers < JOB_WORKERS_MAX)
			add_worker(f);
	}
	vf->jobs |= job;
	pthread_mutex_unlock(&f->job_lock);
}

void files_jobs_settle(struct files *f, uint64_t deadline_ns)
{
	struct timespec until;

	deadline_ts(deadline_ns, &until);
	pthread_mutex_lock(&f->job_lock);
	while (f->pending && now_ns() < deadline_ns)
		(void)pthread_cond_timedwait(&f->job_done, &f->job_lock, &until);
	pthread_mutex_unlock(&f->job_lock);
}

void files_settle_closed(struct files *f, uint64_t deadline_ns)
{
	if (!files_any(f))
		return;
	files_drain(f);
	call_waits();
	files_jobs_settle(f, deadline_ns);
}

void files_jobs_stop(struct files *f, uint64_t deadline_ns)
{
	struct timespec until;

	deadline_ts(deadline_ns, &until);
	pthread_mutex_lock(&f->job_lock);
	f->stop = true;
	pthread_cond_broadcast(&f->job_cond);
	while (f->workers && now_ns() < deadline_ns)
		(void)pthread_cond_timedwait(&f->job_done, &f->job_lock, &until);
	if (f->workers)
		log_warn("%d background threads are still at work at the end", f->workers);
	pthread_mutex_unlock(&f->job_lock);
}

void *files_buf_get(struct files *f)
{
	void *buf = NULL;

	pthread_mutex_lock(&f->buf_lock);
	if (f->nbufs > 0)
		buf = f->bufs[--f->nbufs];
	pthread_mutex_unlock(&f->buf_lock);
	if (buf)
		return buf;
	buf = mmap(NULL, BUF_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return buf == MAP_FAILED ? NULL : buf;
}

void files_buf_put(struct files *f, void *buf)
{
	if (!buf)
		return;
	pthread_mutex_lock(&f->buf_lock);
	if (f->nbufs < BUF_KEEP) {
		f->bufs[f->nbufs++] = buf;
		buf = NULL;
	}
	pthread_mutex_unlock(&f->buf_lock);
	if (buf)
		munmap(buf, BUF_SIZE);
}
