/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file/locks.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/log.h"

#define LOCAL_WAIT_MS 20
#define YOUNG_NS (NSEC_PER_SEC / 5)
#define PROC_LOCKS_MAX (16u << 20)
#define OWNER_FILES (1ull << 63) /* the view's open files together; processes are small numbers */

/* What the server has of ours; under c->lock. */
struct locks {
	struct fs_handle h[HANDLE_KINDS]; /* opened for locks alone */
	bool have[HANDLE_KINDS];
	int flock, flock_kind; /* type that it has, by which handle */
	bool ofd;	       /* it may have some of F_OFD_SETLK */
	bool busy;	       /* what is left of those is being looked at */
};

/* A process that has, or had, locks of fcntl(2) at a server. */
struct locker {
	struct vfile *vf;
	pid_t tgid;
	int pidfd;
	bool told;	 /* its end, to a background thread */
	unsigned asking; /* its threads that the server has not answered yet */
	uint64_t since;	 /* now_ns() when it asked last */
	struct cds_list_head node;
};

bool locks_served(const struct filecache *c, bool flock)
{
	return c->ino->fs->flags & (flock ? FS_FLOCK_LOCKS : FS_POSIX_LOCKS) &&
	       !atomic_load(&c->ino->orphan) && c->ino->fs->file && c->ino->fs->file->setlk;
}

bool locks_any(const struct filecache *c)
{
	return c->locks && (c->locks->have[0] || c->locks->have[1] || c->locks->have[2]);
}

static bool locks_of_files(const struct filecache *c)
{
	return c->locks && (c->locks->ofd || c->locks->flock != F_UNLCK);
}

static int kind_of(int oflags)
{
	oflags &= O_ACCMODE;
	return oflags == O_RDONLY ? HANDLE_RD : oflags == O_WRONLY ? HANDLE_WR : HANDLE_RDWR;
}

/* With c->lock. A handle that can do what this kind can; any: which one does not matter. */
static int find_handle(const struct filecache *c, int kind, bool any)
{
	const struct locks *l = c->locks;

	for (int i = 0; l && i < HANDLE_KINDS; i++)
		if (l->have[i] && (any || i == kind || i == HANDLE_RDWR))
			return i;
	return -1;
}

/* With c->lock. */
static int await_busy(struct filecache *c, const struct fs_req *req)
{
	int r = c->locks ? 0 : -ENOMEM;

	while (r == 0 && c->locks->busy)
		r = cache_wait(c, req);
	return r;
}

/* Before the server is asked for a lock: whoever looks what is left of others is done with it, or
 * sees this one. */
static int begin(struct filecache *c, const struct fs_req *req)
{
	int r;

	pthread_mutex_lock(&c->lock);
	if (!c->locks) {
		c->locks = calloc(1, sizeof(*c->locks));
		if (c->locks)
			c->locks->flock = F_UNLCK;
	}
	r = await_busy(c, req);
	pthread_mutex_unlock(&c->lock);
	return r;
}

static int set_busy(struct filecache *c, const struct fs_req *req)
{
	int r;

	pthread_mutex_lock(&c->lock);
	r = await_busy(c, req);
	if (r == 0)
		c->locks->busy = true;
	pthread_mutex_unlock(&c->lock);
	return r;
}

static void clear_busy(struct filecache *c)
{
	pthread_mutex_lock(&c->lock);
	c->locks->busy = false;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* A handle for locks; opened when there is none. Its kind, or -errno. */
static int handle(
	struct filecache *c, const struct fs_req *req, int oflags, bool any, struct fs_handle *ret)
{
	struct fs *fs = c->ino->fs;
	struct fs_handle h = { .flags = FS_OPEN_NONE, .oflags = oflags & O_ACCMODE };
	int kind = kind_of(oflags), at, r;
	bool spare = false;

	pthread_mutex_lock(&c->lock);
	r = c->dead ? -ENOTCONN : 0;
	at = r < 0 ? r : find_handle(c, kind, any);
	if (at >= 0)
		*ret = c->locks->h[at];
	pthread_mutex_unlock(&c->lock);
	if (r < 0 || at >= 0)
		return r < 0 ? r : at;
	if (fs->file->open)
		r = fs->file->open(fs, req, c->ino->nodeid, h.oflags, &h);
	if (r < 0 && r != -ENOSYS)
		return r;
	pthread_mutex_lock(&c->lock);
	spare = c->locks->have[kind];
	*ret = spare ? c->locks->h[kind] : h;
	c->locks->h[kind] = *ret;
	c->locks->have[kind] = true;
	pthread_mutex_unlock(&c->lock);
	if (spare && !(h.flags & FS_OPEN_NONE) && fs->file->release)
		fs->file->release(fs, c->ino->nodeid, &h);
	return kind;
}

static int ask(struct filecache *c, const struct fs_req *req, const struct fs_handle *h,
	const struct fs_lock *lock, uint64_t owner, bool wait)
{
	struct fs *fs = c->ino->fs;

	return fs->file->setlk(fs, req, c->ino->nodeid, h, lock, owner, wait);
}

static uint64_t owner_files(const struct filecache *c)
{
	return OWNER_FILES | c->ino->nodeid;
}

/* ---- of processes ---- */

/* With lockers_lock. */
static struct locker *find_locker(const struct filecache *c, pid_t tgid)
{
	struct locker *l;

	cds_list_for_each_entry(l, &c->files->lockers, node)
		if (l->vf->cache == c && l->tgid == tgid)
			return l;
	return NULL;
}

/* One that is about to ask. */
static int note_locker(struct filecache *c, pid_t tgid)
{
	struct files *f = c->files;
	struct locker *l = calloc(1, sizeof(*l)), *old;
	bool known;
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->tgid = tgid;
	l->asking = 1;
	l->pidfd = (int)syscall(SYS_pidfd_open, tgid, 0);
	pthread_mutex_lock(&c->lock);
	l->vf = c->vf ? vfile_get(c->vf) : NULL;
	pthread_mutex_unlock(&c->lock);
	if (l->pidfd < 0 || !l->vf)
		r = l->vf ? -EAGAIN : -EIO;
	pthread_mutex_lock(&f->lockers_lock);
	old = r == 0 ? find_locker(c, tgid) : NULL;
	known = old != NULL;
	if (known)
		old->asking++;
	if (r == 0 && !known)
		cds_list_add_tail(&l->node, &f->lockers);
	pthread_mutex_unlock(&f->lockers_lock);
	if (r == 0 && !known) {
		files_wake(f, 1);
		return 0;
	}
	if (l->pidfd >= 0)
		close(l->pidfd);
	if (l->vf)
		vfile_put(l->vf);
	free(l);
	return r;
}

/* It has been answered. */
static void locker_answered(struct filecache *c, pid_t tgid)
{
	struct locker *l;

	pthread_mutex_lock(&c->files->lockers_lock);
	l = find_locker(c, tgid);
	if (l && l->asking > 0)
		l->asking--;
	if (l)
		l->since = now_ns();
	pthread_mutex_unlock(&c->files->lockers_lock);
}

/* As the kernel: FUSE_FLUSH names whose locks go. A server without it is told so. */
static void give_back(struct filecache *c, const struct fs_req *req, pid_t tgid)
{
	struct fs_lock all = { .end = UINT64_MAX, .type = F_UNLCK };
	struct fs_req flush = *req;
	struct fs *fs = c->ino->fs;
	struct fs_handle h;
	int r = -ENOSYS;

	if (handle(c, req, O_RDONLY, true, &h) < 0)
		return;
	flush.lock_owner = (uint64_t)tgid;
	if (fs->file->flush)
		r = fs->file->flush(fs, &flush, c->ino->nodeid, &h);
	if (r == -ENOSYS)
		r = ask(c, req, &h, &all, (uint64_t)tgid, false);
	if (r < 0)
		log_debug("locks of process %d: %s", tgid, strerror(-r));
}

static bool ended(const struct locker *l)
{
	struct pollfd p = { .fd = l->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Takes one out that has ended, or (all) any. */
static struct locker *take_locker(struct filecache *c, bool all)
{
	struct locker *l, *found = NULL;

	pthread_mutex_lock(&c->files->lockers_lock);
	cds_list_for_each_entry(l, &c->files->lockers, node) {
		if (l->vf->cache == c && (all || ended(l))) {
			found = l;
			cds_list_del(&l->node);
			break;
		}
	}
	pthread_mutex_unlock(&c->files->lockers_lock);
	return found;
}

static void free_locker(struct locker *l)
{
	close(l->pidfd);
	vfile_put(l->vf);
	free(l);
}

int locks_posix(struct filecache *c, const struct fs_req *req, pid_t tgid, int oflags,
	const struct fs_lock *lock, bool wait)
{
	bool unlock = lock->type == F_UNLCK;
	struct fs_handle h;
	int r = unlock ? 0 : note_locker(c, tgid);

	if (r < 0)
		return r;
	r = begin(c, req);
	if (r == 0)
		r = handle(c, req, oflags, unlock, &h);
	if (r >= 0)
		r = ask(c, req, &h, lock, (uint64_t)tgid, wait);
	if (!unlock)
		locker_answered(c, tgid);
	return r;
}

int locks_get(
	struct filecache *c, const struct fs_req *req, pid_t tgid, int oflags, struct fs_lock *lock)
{
	struct fs *fs = c->ino->fs;
	uint64_t owner = tgid ? (uint64_t)tgid : owner_files(c);
	struct fs_handle h;
	int r = begin(c, req);

	if (r == 0)
		r = handle(c, req, oflags, false, &h);
	if (r < 0 || !fs->file->getlk)
		return r < 0 ? r : -ENOSYS;
	return fs->file->getlk(fs, req, c->ino->nodeid, &h, lock, owner);
}

/* Takes this one out, unless threads of it still wait for a lock. Was it there? */
static bool drop_locker(struct filecache *c, pid_t tgid)
{
	struct locker *l;
	bool idle;

	pthread_mutex_lock(&c->files->lockers_lock);
	l = find_locker(c, tgid);
	idle = l && l->asking == 0;
	if (idle)
		cds_list_del(&l->node);
	pthread_mutex_unlock(&c->files->lockers_lock);
	if (idle)
		free_locker(l);
	return l != NULL;
}

void locks_close(struct filecache *c, const struct fs_req *req, pid_t tgid)
{
	if (c->locks && drop_locker(c, tgid))
		give_back(c, req, tgid);
}

/* ---- of open files ---- */

/* The placeholder's lock, through the guest's open file. */
static int local(int fd, const struct fs_lock *lock)
{
	struct flock fl = {
		.l_type = (short)lock->type, .l_whence = SEEK_SET, .l_start = (off_t)lock->start
	};
	int op = lock->type == F_UNLCK ? LOCK_UN : lock->type == F_RDLCK ? LOCK_SH : LOCK_EX;

	if (lock->flock)
		return flock(fd, op | LOCK_NB) < 0 ? -errno : 0;
	if (lock->end < INT64_MAX)
		fl.l_len = (off_t)(lock->end - lock->start + 1);
	return fcntl(fd, F_OFD_SETLK, &fl) < 0 ? -errno : 0;
}

static int local_wait(const struct fs_req *req, int fd, const struct fs_lock *lock, bool wait)
{
	int r = local(fd, lock);

	if (r == -EAGAIN && wait)
		call_waits();
	while (r == -EAGAIN && wait && req->call) {
		poll(NULL, 0, LOCAL_WAIT_MS);
		r = call_interrupted(req->call) ? -EINTR : local(fd, lock);
	}
	return r == -EACCES ? -EAGAIN : r;
}

int locks_on_file(dev_t dev, ino_t file, const char *kind, pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	int type = F_UNLCK;
	char *save = NULL;

	if (read_file("/proc/locks", PROC_LOCKS_MAX, &text, NULL) < 0)
		return F_WRLCK;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char its_kind[16], mode[16]; /* who waits for one is of kind "->" */
		unsigned long long ino;
		unsigned maj, min;
		int owner;

		if (sscanf(line, "%*d: %15s %*s %15s %d %x:%x:%llu", its_kind, mode, &owner, &maj,
			    &min, &ino) != 6 ||
			strcmp(its_kind, kind) != 0 || makedev(maj, min) != dev || ino != file ||
			(pid > 0 && owner != pid))
			continue;
		if (strcmp(mode, "WRITE") == 0)
			return F_WRLCK;
		type = F_RDLCK;
	}
	return type;
}

int locks_on_place(struct filecache *c, const char *kind, pid_t pid)
{
	return locks_on_file(c->vf->dev, c->vf->ino, kind, pid);
}

/* Is a range free of locks of open files? They are the only ones that no process has. */
static bool local_free(struct filecache *c, const struct fs_lock *lock)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)lock->start
	};
	char path[FD_PATH_MAX];
	_cleanup_fd_ int fd = open(fd_path(path, c->vf->place), O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (lock->end < INT64_MAX)
		fl.l_len = (off_t)(lock->end - lock->start + 1);
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type == F_UNLCK;
}

/* Brings the server's flock down to what is left of it. Busy. */
static int less_flock(struct filecache *c, const struct fs_req *req)
{
	struct fs_lock lock = { .end = UINT64_MAX, .flock = true };
	struct fs_handle h;
	int has, r;

	pthread_mutex_lock(&c->lock);
	has = c->locks->flock;
	h = c->locks->h[c->locks->flock_kind];
	pthread_mutex_unlock(&c->lock);
	lock.type = has == F_UNLCK ? F_UNLCK : locks_on_place(c, "FLOCK", 0);
	if (lock.type == has || lock.type == F_WRLCK)
		return 0;
	r = ask(c, req, &h, &lock, owner_files(c), false);
	pthread_mutex_lock(&c->lock);
	if (r == 0)
		c->locks->flock = lock.type;
	pthread_mutex_unlock(&c->lock);
	return r;
}

static int less_ofd(struct filecache *c, const struct fs_req *req, const struct fs_lock *range)
{
	struct fs_lock lock = { .start = range->start, .end = range->end, .type = F_UNLCK };
	struct fs_handle h;

	if (!local_free(c, range) || handle(c, req, O_RDONLY, true, &h) < 0)
		return 0;
	return ask(c, req, &h, &lock, owner_files(c), false);
}

/* The server's part of a lock that the guest has on the placeholder. */
static int more(struct filecache *c, const struct fs_req *req, int oflags,
	const struct fs_lock *lock, bool wait)
{
	struct fs_handle h;
	int r = begin(c, req), kind = r < 0 ? r : handle(c, req, oflags, false, &h);
	bool enough;

	if (kind < 0)
		return kind;
	pthread_mutex_lock(&c->lock);
	enough = lock->flock && c->locks->flock == lock->type;
	if (lock->flock && c->locks->flock != F_UNLCK)
		h = c->locks->h[kind = c->locks->flock_kind];
	pthread_mutex_unlock(&c->lock);
	r = enough ? 0 : ask(c, req, &h, lock, owner_files(c), wait);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	if (lock->flock) {
		c->locks->flock = lock->type;
		c->locks->flock_kind = kind;
	} else {
		c->locks->ofd = true;
	}
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static int less(struct filecache *c, const struct fs_req *req, const struct fs_lock *lock)
{
	bool any;
	int r;

	pthread_mutex_lock(&c->lock);
	any = locks_of_files(c);
	pthread_mutex_unlock(&c->lock);
	if (!any)
		return 0;
	r = set_busy(c, req);
	if (r < 0)
		return r;
	r = lock->flock ? less_flock(c, req) : less_ofd(c, req, lock);
	clear_busy(c);
	return r;
}

int locks_open_file(struct filecache *c, const struct fs_req *req, int fd, int oflags,
	const struct fs_lock *lock, bool wait)
{
	struct fs_lock undo = *lock;
	int r = local_wait(req, fd, lock, wait);

	if (r < 0)
		return r;
	if (lock->type == F_UNLCK)
		return less(c, req, lock);
	r = more(c, req, oflags, lock, wait);
	if (r < 0) {
		undo.type = F_UNLCK;
		(void)!local(
			fd, &undo); /* what the guest had of it goes too, as in a failed change */
	}
	return r;
}

/* ---- what is over ---- */

/*
 * The first process of them that has closed the file without our seeing it (exec, close_range,
 * numbers that are not trapped): the kernel has taken its locks of the placeholder then. Who waits
 * for one has none there yet. Who was given one just now is about to take it there as well:
 * ret_young tells when to ask again, 0 never. 0: none.
 */
static pid_t closed_unseen(struct filecache *c, uint64_t *ret_young)
{
	pid_t tgid[16];
	struct locker *l;
	size_t n = 0;

	*ret_young = 0;
	pthread_mutex_lock(&c->files->lockers_lock);
	cds_list_for_each_entry(l, &c->files->lockers, node) {
		if (l->vf->cache != c || l->asking > 0 || n == ARRAY_SIZE(tgid))
			continue;
		if (l->since + YOUNG_NS > now_ns())
			*ret_young = l->since + YOUNG_NS;
		else
			tgid[n++] = l->tgid;
	}
	pthread_mutex_unlock(&c->files->lockers_lock);
	while (n-- > 0)
		if (locks_on_place(c, "POSIX", tgid[n]) == F_UNLCK)
			return tgid[n];
	return 0;
}

static void check_closed(struct filecache *c, const struct fs_req *req)
{
	uint64_t young, end = now_ns() + 4 * YOUNG_NS;

	do {
		pid_t tgid;

		if (set_busy(c, req) < 0)
			return;
		while ((tgid = closed_unseen(c, &young)))
			locks_close(c, req, tgid);
		clear_busy(c);
		if (young)
			poll(NULL, 0, YOUNG_NS / 1000000);
	} while (young && now_ns() < end);
}

void locks_check(struct filecache *c)
{
	const struct fs_lock all = { .end = UINT64_MAX }, flock_all = { .flock = true };
	struct fs_req req;
	struct locker *l;
	bool files;

	cache_req(c, &req);
	if (begin(c, &req) < 0)
		return;
	while ((l = take_locker(c, false))) {
		give_back(c, &req, l->tgid);
		free_locker(l);
	}
	check_closed(c, &req);
	pthread_mutex_lock(&c->lock);
	files = locks_of_files(c);
	pthread_mutex_unlock(&c->lock);
	if (!files)
		return;
	if (less(c, &req, &flock_all) < 0 || less(c, &req, &all) < 0)
		log_debug("locks of closed files could not be given back");
}

/* With c->lock. Takes out the handles for locks: how many. */
static int take_handles(struct filecache *c, struct fs_handle h[HANDLE_KINDS])
{
	struct locks *l = c->locks;
	int n = 0;

	for (int i = 0; i < HANDLE_KINDS; i++) {
		if (!l->have[i])
			continue;
		l->have[i] = false;
		h[n] = l->h[i];
		h[n].flags |= FS_RELEASE_WAIT;
		if (l->flock != F_UNLCK && i == l->flock_kind) {
			h[n].flags |= FS_RELEASE_FLOCK;
			h[n].lock_owner = owner_files(c);
		}
		n++;
	}
	l->flock = F_UNLCK;
	l->ofd = false;
	return n;
}

void locks_drop(struct filecache *c)
{
	struct fs *fs = c->ino->fs;
	struct fs_handle h[HANDLE_KINDS];
	struct fs_req req;
	struct locker *l;
	int n;

	cache_req(c, &req);
	pthread_mutex_lock(&c->lock);
	/* opened again meanwhile: who did so may have locks already */
	if (!c->locks || await_busy(c, NULL) < 0 || (!c->closed && !c->dead) || c->opening) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	c->locks->busy = true;
	pthread_mutex_unlock(&c->lock);
	while ((l = take_locker(c, true))) {
		if (!c->dead)
			give_back(c, &req, l->tgid);
		free_locker(l);
	}
	pthread_mutex_lock(&c->lock);
	n = take_handles(c, h);
	pthread_mutex_unlock(&c->lock);
	while (n-- > 0)
		if (!(h[n].flags & FS_OPEN_NONE) && fs->file && fs->file->release && !c->dead)
			fs->file->release(fs, c->ino->nodeid, &h[n]);
	clear_busy(c);
}

/* ---- processes that end ---- */

int locks_watched(struct files *f, struct pollfd *p, int max)
{
	struct locker *l;
	int n = 0;

	pthread_mutex_lock(&f->lockers_lock);
	cds_list_for_each_entry(l, &f->lockers, node) {
		if (n < max && !l->told)
			p[n++] = (struct pollfd){ .fd = l->pidfd, .events = POLLIN };
	}
	pthread_mutex_unlock(&f->lockers_lock);
	return n;
}

void locks_look(struct files *f)
{
	struct locker *l;

	pthread_mutex_lock(&f->lockers_lock);
	cds_list_for_each_entry(l, &f->lockers, node) {
		if (!l->told && ended(l)) {
			l->told = true;
			files_job(l->vf, JOB_LOCKS);
		}
	}
	pthread_mutex_unlock(&f->lockers_lock);
}
