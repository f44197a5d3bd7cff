/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread of the events: what inotify tells of placeholders, and the ends of processes that have
 * locks at a server.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/log.h"
#include "file/cache.h"
#include "file/files.h"
#include "file/locks.h"

#define TICK_MS 500
#define AGAIN_MS 5
#define GATHER_NS NSEC_PER_MSEC
#define LOCKERS_MAX 64		 /* watched; of more the ends are looked for now and then */
#define WATCHES_MAX (256u << 20) /* of fdinfo: some 150 bytes each */

/* What an event is about, referenced if it has a page cache. Of others the end alone is of
 * interest, where a server may have to be told: so a thread that may block does all of it, and not
 * even the last reference may be put here. */
static struct vfile *find_wd(struct files *f, int wd, uint32_t mask)
{
	struct vfile *found = NULL;
	struct cds_hlist_node *n;

	pthread_rwlock_rdlock(&f->lock);
	for (n = f->wds[(unsigned)wd % FILES_BUCKETS].next; n; n = n->next) {
		struct vfile *vf = cds_hlist_entry(n, struct vfile, wdhash);

		if (vf->wd != wd)
			continue;
		if (vf->cache)
			found = vfile_get(vf);
		else if (vf->kind == VFILE_DEVICE || vf->kind == VFILE_STREAM ||
			 (mask & (IN_DELETE_SELF | IN_IGNORED)))
			files_job(vf, JOB_CLOSED);
		break;
	}
	pthread_rwlock_unlock(&f->lock);
	return found;
}

/* Events were lost. The watch of what has no name goes with it: those that are left are listed. */
static void check_nameless(struct files *f)
{
	_cleanup_free_ char *info = NULL;
	struct ranges alive = {};
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", f->inotify);
	pthread_rwlock_rdlock(&f->lock);
	r = read_file(path, WATCHES_MAX, &info, NULL);
	for (char *p = info; r >= 0 && p && (p = strstr(p, "inotify wd:")); p++) {
		uint64_t wd = strtoull(p + 11, NULL, 16);

		r = ranges_add(&alive, wd, wd + 1);
	}
	for (size_t i = 0; i < FILES_BUCKETS && r >= 0; i++) {
		struct cds_hlist_node *n;

		for (n = f->wds[i].next; n; n = n->next) {
			struct vfile *vf = cds_hlist_entry(n, struct vfile, wdhash);

			if (!vf->cache &&
				!ranges_cover(&alive, (uint64_t)vf->wd, (uint64_t)vf->wd + 1))
				files_job(vf, JOB_CLOSED);
		}
	}
	pthread_rwlock_unlock(&f->lock);
	ranges_release(&alive);
	if (r < 0)
		log_error("what was closed is not known: %s", strerror(-r));
}

static void check_all(struct files *f)
{
	struct vfile **all;
	ssize_t n = files_collect(f, NULL, &all);

	for (ssize_t i = 0; i < n; i++) {
		(void)cache_closed_event(all[i]);
		vfile_put(all[i]);
	}
	if (n >= 0)
		free(all);
	check_nameless(f);
}

static void event(struct files *f, const struct inotify_event *ev)
{
	struct vfile *vf;

	if (ev->mask & IN_Q_OVERFLOW) {
		check_all(f);
		return;
	}
	vf = find_wd(f, ev->wd, ev->mask);
	if (!vf)
		return;
	if (cache_closed_event(vf) || f->nagain == AGAIN_MAX)
		vfile_put(vf);
	else
		f->again[f->nagain++] = vf;
}

/* With events_lock. */
static void look_again(struct files *f)
{
	while (f->nagain > 0) {
		struct vfile *vf = f->again[--f->nagain];

		(void)cache_closed_event(vf);
		vfile_put(vf);
	}
}

void files_drain(struct files *f)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));

	pthread_mutex_lock(&f->events_lock);
	look_again(f);
	for (;;) {
		ssize_t n = read(f->inotify, buf, sizeof(buf));

		if (n <= 0)
			break;
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *ev = (void *)p;

			event(f, ev);
			p += sizeof(*ev) + ev->len;
		}
	}
	pthread_mutex_unlock(&f->events_lock);
}

/* Where many files are closed one after the other they are seen to together, once in a while: to be
 * woken for each costs the guest that closes them more than the rest. *last: when that was. */
static void gather(uint64_t *last)
{
	uint64_t now = now_ns(), due = *last + GATHER_NS;

	if (now < due)
		nanosleep(&(struct timespec){ .tv_nsec = (long)(due - now) }, NULL);
	*last = now < due ? due : now;
}

static void *events_main(void *arg)
{
	struct files *f = arg;
	struct pollfd p[2 + LOCKERS_MAX] = { { .fd = f->inotify, .events = POLLIN },
		{ .fd = f->wake, .events = POLLIN } };
	uint64_t tick = now_ns() + TICK_MS * 1000000ull;
	bool quiet = true, idle;
	uint64_t last = 0;

	for (;;) {
		uint64_t now = now_ns();
		bool again;
		int n;

		if (now >= tick) {
			cache_tick(f);
			tick = now + TICK_MS * 1000000ull;
		}
		/* One tick longer: who makes one file after the other need not wake us for each. */
		pthread_mutex_lock(&f->lru_lock);
		f->ticks = !quiet || !cds_list_empty(&f->writers);
		idle = !f->ticks;
		pthread_mutex_unlock(&f->lru_lock);
		pthread_mutex_lock(&f->events_lock);
		again = f->nagain > 0;
		pthread_mutex_unlock(&f->events_lock);
		n = locks_watched(f, p + 2, LOCKERS_MAX);
		idle = idle && n < LOCKERS_MAX; /* the rest is not watched */
		/* Nobody can write: nothing is to be looked at before something happens. */
		quiet = poll(p, (nfds_t)(2 + n), again ? AGAIN_MS : idle ? -1 : TICK_MS) == 0;
		if (p[1].revents & POLLIN) {
			uint64_t count;

			if (read(f->wake, &count, sizeof(count)) > 0 && count >= FILES_WAKE_STOP)
				return NULL;
		}
		if (n > 0)
			locks_look(f);
		if (p[0].revents & POLLIN)
			gather(&last);
		files_drain(f);
	}
}

int files_events_start(struct files *f)
{
	int r = 0;

	if (atomic_load(&f->events_run))
		return 0;
	pthread_mutex_lock(&f->events_start);
	if (!atomic_load(&f->events_run)) {
		r = -pthread_create(&f->events, NULL, events_main, f);
		atomic_store(&f->events_run, r == 0);
	}
	pthread_mutex_unlock(&f->events_start);
	return r;
}

void files_wake(struct files *f, uint64_t what)
{
	if (write(f->wake, &what, sizeof(what)) < 0)
		log_debug("the events thread could not be woken");
}

void files_events_stop(struct files *f)
{
	if (atomic_load(&f->events_run)) {
		files_wake(f, FILES_WAKE_STOP);
		pthread_join(f->events, NULL);
	}
	look_again(f);
}
