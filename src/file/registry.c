/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A descriptor of a guest is known by the device and inode number of what it
 * is open on: the registry finds the vfile by them. It keeps a reference to each vfile until the
 * last open file of a guest is gone, which inotify tells (facts.md): of a placeholder with a page
 * cache IN_CLOSE is a hint, and a lease asks the kernel who else has it open; of a nameless
 * directory or O_PATH file, of which we hold no descriptor, IN_DELETE_SELF is the fact itself.
 */
#include "file/files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "base/log.h"
#include "file/cache.h"
#include "file/fifo.h"
#include "file/locks.h"
#include "file/stream.h"

#define TICK_MS 500
#define AGAIN_MS 5
#define LOCKERS_MAX 64		 /* watched; of more the ends are looked for now and then */
#define WATCHES_MAX (256u << 20) /* of fdinfo: some 150 bytes each */

static struct cds_hlist_head *bucket(struct files *f, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ ((uint64_t)dev << 40)) * 0x9e3779b97f4a7c15ull;

	return &f->hash[(h >> 40) % FILES_BUCKETS];
}

static struct vfile *find_locked(struct files *f, dev_t dev, ino_t ino)
{
	struct cds_hlist_node *n;

	for (n = bucket(f, dev, ino)->next; n; n = n->next) {
		struct vfile *vf = cds_hlist_entry(n, struct vfile, hash);

		if (vf->dev == dev && vf->ino == ino)
			return vf;
	}
	return NULL;
}

bool files_any(struct files *f)
{
	return f && atomic_load_explicit(&f->known, memory_order_acquire) > 0;
}

bool files_low(struct files *f)
{
	return f && atomic_load_explicit(&f->nlow, memory_order_acquire) > 0;
}

void vfile_note_low(struct vfile *vf)
{
	if (!atomic_exchange(&vf->low, true))
		atomic_fetch_add(&vf->files->nlow, 1);
}

void vfile_left_low(struct vfile *vf)
{
	if (atomic_exchange(&vf->low, false))
		atomic_fetch_sub(&vf->files->nlow, 1);
}

void files_note_low(struct files *f, int fd)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct stat st;

	if (fstat(fd, &st) == 0)
		vf = files_find(f, &st);
	if (vf)
		vfile_note_low(vf);
}

struct vfile *vfile_get(struct vfile *vf)
{
	atomic_fetch_add_explicit(&vf->refs, 1, memory_order_relaxed);
	return vf;
}

static void vfile_free(struct vfile *vf)
{
	int fd = vf->kind == VFILE_DEVICE ? atomic_exchange(&vf->device_fd, -1) : vf->place;

	if (fd >= 0)
		close(fd);
	if (vf->kind == VFILE_DEVICE && vf->ops->last_close)
		vf->ops->last_close(vf);
	if (vf->kind == VFILE_DIR)
		dir_free(vf);
	if (vf->kind == VFILE_SPECIAL)
		fifo_free(vf);
	if (vf->kind == VFILE_STREAM)
		stream_free(vf);
	if (vf->inode)
		inode_put(vf->inode);
	if (vf->mnt) /* last: the inode's file system ends with it */
		mount_put(vf->mnt);
	free(vf);
}

/* The maker of a device lets go of it: our copy must not keep it open. */
static void device_let_go(struct vfile *vf)
{
	int fd = atomic_exchange(&vf->device_fd, -1);

	if (fd >= 0)
		close(fd);
}

void vfile_put(struct vfile *vf)
{
	int refs = atomic_load(&vf->refs);

	do {
		if (refs == 2 && vf->kind == VFILE_DEVICE)
			device_let_go(vf);
	} while (!atomic_compare_exchange_weak(&vf->refs, &refs, refs - 1));
	if (refs == 1)
		vfile_free(vf);
}

struct vfile *files_find(struct files *f, const struct stat *st)
{
	struct vfile *vf;

	pthread_rwlock_rdlock(&f->lock);
	vf = find_locked(f, st->st_dev, st->st_ino);
	/* An inode number may be used again: ours have no name. */
	if (vf && st->st_nlink && vf->kind != VFILE_DEVICE && vf->kind != VFILE_SPECIAL &&
		vf->kind != VFILE_STREAM)
		vf = NULL;
	if (vf)
		vfile_get(vf);
	pthread_rwlock_unlock(&f->lock);
	return vf;
}

int vfile_of_fd(struct call *c, struct files *f, int fd, struct vfile **ret, int *ret_fd)
{
	_cleanup_fd_ int ours = -1;
	struct stat st;
	int r = 0;

	if (!ret_fd) {
		r = guestfd_stat(c, fd, &st);
	} else {
		ours = guestfd_get(c, fd);
		if (ours < 0)
			return ours;
		if (fstat(ours, &st) < 0)
			r = -errno;
	}
	if (r < 0)
		return r;
	*ret = files_find(f, &st);
	if (ret_fd)
		*ret_fd = take_fd(&ours);
	return 0;
}

static uint32_t watch_mask(enum vfile_kind kind)
{
	switch (kind) {
	case VFILE_DIR:
	case VFILE_PATH:
		return IN_DELETE_SELF;
	default:
		return IN_CLOSE;
	}
}

static void *events_main(void *arg);

static int start_events(struct files *f)
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

int files_add(struct files *f, const struct vfile *like, int fd, struct vfile **ret)
{
	struct vfile *vf, *old;
	char path[FD_PATH_MAX];
	struct stat st;
	int r = start_events(f);

	if (r < 0)
		return r;
	vf = malloc(sizeof(*vf));
	if (!vf)
		return -ENOMEM;
	if (fstat(fd, &st) < 0) {
		free(vf);
		return -errno;
	}
	*vf = *like;
	vf->files = f;
	vf->dev = st.st_dev;
	vf->ino = st.st_ino;
	vf->refs = 2;
	vf->hashed = vf->registered = true;
	if (vf->inode)
		inode_get(vf->inode);
	if (vf->mnt)
		mount_get(vf->mnt);
	atomic_fetch_add(&f->known, 1);
	pthread_rwlock_wrlock(&f->lock);
	vf->wd = inotify_add_watch(f->inotify, fd_path(path, fd), watch_mask(vf->kind));
	if (vf->wd < 0)
		log_warn("no inotify watch is left (fs.inotify.max_user_watches): files stay open "
			 "at their server until the end");
	/* A number that comes again: the old file is gone, its event is on the way. */
	old = find_locked(f, st.st_dev, st.st_ino);
	if (old) {
		cds_hlist_del(&old->hash);
		old->hashed = false;
	}
	cds_hlist_add_head(&vf->hash, bucket(f, vf->dev, vf->ino));
	if (vf->wd >= 0)
		cds_hlist_add_head(&vf->wdhash, &f->wds[vf->wd % FILES_BUCKETS]);
	pthread_rwlock_unlock(&f->lock);
	*ret = vf;
	return 0;
}

void files_remove(struct vfile *vf)
{
	struct files *f = vf->files;
	int wd;

	pthread_rwlock_wrlock(&f->lock);
	wd = vf->wd;
	if (!vf->registered) { /* two that saw its end */
		pthread_rwlock_unlock(&f->lock);
		return;
	}
	vf->registered = false;
	atomic_fetch_sub(&f->known, 1);
	if (vf->hashed)
		cds_hlist_del(&vf->hash);
	if (wd >= 0)
		cds_hlist_del(&vf->wdhash);
	vf->hashed = false;
	vf->wd = -1;
	pthread_rwlock_unlock(&f->lock);
	vfile_left_low(vf);
	/* fails where the kernel has removed it already, with the inode */
	if (wd >= 0)
		(void)inotify_rm_watch(f->inotify, wd);
	vfile_put(vf);
}

ssize_t files_collect(struct files *f, struct fs *fs, struct vfile ***ret)
{
	struct vfile **all = NULL;
	size_t n = 0, size = 0;

	pthread_rwlock_rdlock(&f->lock);
	for (size_t i = 0; i < FILES_BUCKETS; i++) {
		struct cds_hlist_node *node;

		for (node = f->hash[i].next; node; node = node->next) {
			struct vfile *vf = cds_hlist_entry(node, struct vfile, hash);

			if (!vf->cache || (fs && vf->inode->fs != fs))
				continue;
			if (n == size) {
				size_t more = size ? size * 2 : 64;
				struct vfile **bigger = reallocarray(all, more, sizeof(*all));

				if (!bigger)
					goto nomem;
				all = bigger;
				size = more;
			}
			all[n++] = vfile_get(vf);
		}
	}
	pthread_rwlock_unlock(&f->lock);
	*ret = all;
	return (ssize_t)n;
nomem:
	pthread_rwlock_unlock(&f->lock);
	while (n > 0)
		vfile_put(all[--n]);
	free(all);
	return -ENOMEM;
}

/* ---- events ---- */

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

static void *events_main(void *arg)
{
	struct files *f = arg;
	struct pollfd p[2 + LOCKERS_MAX] = { { .fd = f->inotify, .events = POLLIN },
		{ .fd = f->wake, .events = POLLIN } };
	uint64_t tick = now_ns() + TICK_MS * 1000000ull;

	for (;;) {
		uint64_t now = now_ns();
		bool idle, again;
		int n;

		if (now >= tick) {
			cache_tick(f);
			tick = now + TICK_MS * 1000000ull;
		}
		pthread_mutex_lock(&f->lru_lock);
		idle = cds_list_empty(&f->writers);
		pthread_mutex_unlock(&f->lru_lock);
		pthread_mutex_lock(&f->events_lock);
		again = f->nagain > 0;
		pthread_mutex_unlock(&f->events_lock);
		n = locks_watched(f, p + 2, LOCKERS_MAX);
		idle = idle && n < LOCKERS_MAX; /* the rest is not watched */
		/* Nobody can write: nothing is to be looked at before something happens. */
		(void)poll(p, (nfds_t)(2 + n), again ? AGAIN_MS : idle ? -1 : TICK_MS);
		if (p[1].revents & POLLIN) {
			uint64_t count;

			if (read(f->wake, &count, sizeof(count)) > 0 && count >= FILES_WAKE_STOP)
				return NULL;
		}
		if (n > 0)
			locks_look(f);
		files_drain(f);
	}
}

/* ---- life ---- */

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

int files_new(struct view *v, const char *rundir, struct files **ret)
{
	struct files *f = calloc(1, sizeof(*f));
	struct sysinfo si;
	int r;

	if (!f)
		return -ENOMEM;
	f->view = v;
	f->rundir = strdup(rundir);
	f->placedir = find_placedir(rundir);
	f->diskdir = find_diskdir();
	f->lru_max = sysinfo(&si) == 0 ? (uint64_t)si.totalram * si.mem_unit / 4 : 256u << 20;
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

void files_wake(struct files *f, uint64_t what)
{
	if (write(f->wake, &what, sizeof(what)) < 0)
		log_debug("the events thread could not be woken");
}

void files_free(struct files *f, uint64_t deadline_ns)
{
	int r;

	if (!f)
		return;
	r = files_sync_until(f, NULL, deadline_ns);
	if (r < 0)
		log_error("write-back at the end: %s", strerror(-r));
	if (atomic_load(&f->events_run)) {
		files_wake(f, FILES_WAKE_STOP);
		pthread_join(f->events, NULL);
	}
	look_again(f);
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
