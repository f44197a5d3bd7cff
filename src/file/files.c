/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file layer's beginning and end. */
#include "file/files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/log.h"
#include "file/cache.h"

static char *find_diskdir(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	_cleanup_free_ char *in_home = home ? str_printf("%s/.cache", home) : NULL;
	const char *try[] = { cache, in_home, "/var/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(try); i++) {
		_cleanup_fd_ int fd = -1;

		if (!try[i] || try[i][0] != '/')
			continue;
		fd = open(try[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0700);
		if (fd >= 0)
			return strdup(try[i]);
	}
	return NULL;
}

/* A directory made and removed costs 5 us in memory, and 50 and more on disk. */
static char *find_placedir(const char *rundir)
{
	const char *try[] = { rundir, "/dev/shm" };

	for (size_t i = 0; i < ARRAY_SIZE(try); i++) {
		struct statfs st;

		if (statfs(try[i], &st) == 0 && st.f_type == TMPFS_MAGIC &&
			access(try[i], W_OK | X_OK) == 0)
			return strdup(try[i]);
	}
	return strdup(rundir);
}

/* How many closed files may keep a descriptor and a watch. */
static size_t closed_max(void)
{
	_cleanup_free_ char *text = NULL;
	size_t max = 16384;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur / 4 < max)
		max = lim.rlim_cur / 4;
	if (read_file("/proc/sys/fs/inotify/max_user_watches", 64, &text, NULL) == 0 &&
		strtoul(text, NULL, 10) / 4 < max)
		max = strtoul(text, NULL, 10) / 4;
	return max;
}

static bool placeholder(
	void *arg, const struct stat *st, struct inode **ret, struct mount **ret_mnt)
{
	struct vfile *vf = files_find(arg, st);
	bool found = vf && vf->inode;

	if (found) {
		*ret = inode_get(vf->inode);
		*ret_mnt = mount_get(vf->mnt);
	}
	if (vf)
		vfile_put(vf);
	return found;
}

static int own_place(void *arg, const struct stat *st, struct own_place *ret)
{
	_cleanup_vfile_ struct vfile *vf = files_find(arg, st);

	return vf ? own_place_copy(ret, &vf->own) : 0;
}

static void no_op(UNUSED int sig)
{
}

/* A lease that is broken and a file-size limit that our own process has are no reason to end. Not
 * ignored, which guests would inherit: a handler is not inherited by exec. */
static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = no_op, .sa_flags = SA_RESTART };

	sigaction(SIGIO, &sa, NULL);
	sigaction(SIGXFSZ, &sa, NULL);
}

int files_new(struct view *v, const char *rundir, const uint64_t *keep, struct files **ret)
{
	struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->view = v;
	f->rundir = strdup(rundir);
	f->placedir = find_placedir(rundir);
	f->diskdir = find_diskdir();
	f->lru_max = keep ? *keep : memory_size() / 4;
	f->lru_count_max = closed_max();
	CDS_INIT_LIST_HEAD(&f->lru);
	CDS_INIT_LIST_HEAD(&f->writers);
	CDS_INIT_LIST_HEAD(&f->lockers);
	pthread_rwlock_init(&f->lock, NULL);
	pthread_mutex_init(&f->events_lock, NULL);
	pthread_mutex_init(&f->events_start, NULL);
	pthread_mutex_init(&f->lru_lock, NULL);
	pthread_mutex_init(&f->lockers_lock, NULL);
	pthread_mutex_init(&f->buf_lock, NULL);
	pthread_mutex_init(&f->fifo_make_lock, NULL);
	pthread_mutex_init(&f->fifo_lock, NULL);
	pthread_cond_init(&f->fifo_cond, NULL);
	catch_signals();
	f->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	f->wake = eventfd(0, EFD_CLOEXEC);
	if (f->inotify < 0 || f->wake < 0 || !f->rundir || !f->placedir) {
		r = f->rundir && f->placedir ? -errno : -ENOMEM;
		goto fail;
	}
	r = files_jobs_init(f);
	if (r < 0)
		goto fail;
	inode_set_cache_free(cache_free);
	inode_set_attr_hook(cache_attr_hook);
	v->placeholder_arg = f;
	v->placeholder = placeholder;
	v->own_place = own_place;
	*ret = f;
	return 0;
fail:
	if (f->inotify >= 0)
		close(f->inotify);
	if (f->wake >= 0)
		close(f->wake);
	free(f->rundir);
	free(f->placedir);
	free(f->diskdir);
	free(f);
	return r;
}

void files_free(struct files *f, uint64_t deadline_ns)
{
	int r;

	if (!f)
		return;
	r = files_sync_until(f, NULL, deadline_ns);
	if (r < 0)
		log_error("write-back at the end: %s", strerror(-r));
	files_events_stop(f);
	files_jobs_stop(f, deadline_ns);
	f->view->placeholder = NULL;
	for (size_t i = 0; i < FILES_BUCKETS; i++) {
		while (f->hash[i].next) {
			struct vfile *vf = cds_hlist_entry(f->hash[i].next, struct vfile, hash);

			if (vf->cache)
				cache_forget(vf);
			else
				files_remove(vf);
		}
	}
	while (f->nbufs > 0)
		munmap(f->bufs[--f->nbufs], BUF_SIZE);
	close(f->inotify);
	close(f->wake);
	free(f->rundir);
	free(f->placedir);
	free(f->diskdir);
	free(f);
}
