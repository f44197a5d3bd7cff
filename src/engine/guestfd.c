/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. ADDFD can take the lowest free number, or a number of our choice, which it
 * replaces in silence if it is in use. There is no "lowest from N": so a free one is looked for by
 * pidfd_getfd(2) (EBADF), and a lock per process (a stripe of locks by process id) is held until
 * the descriptor is in, so that two opens of one process cannot choose the same. Other threads of
 * the guest open files meanwhile without us. They get the lowest free number: so ours is one below
 * which more are free than they can open before it is in (SPARE). Where there is none such, near
 * the limit, the file gets the lowest number, as the kernel gives it.
 */
#include "engine/guestfd.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "engine/pidfd.h"

#define SHORTAGE_TRIES 20
#define SHORTAGE_US 1000
#define LOOKED_AT 8 /* numbers of a zone that are looked at always */
#define SPARE 128   /* numbers that are free below one that we choose */
#define CHOICES 4   /* looks for a number before we take the lowest */

/* The way where pidfd_getfd(2) is refused (Docker): the file behind /proc, which is the same
 * inode but another open file. Good enough to know which file it is. */
static int get_by_proc(struct call *c, int fd)
{
	char path[64];
	int got;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", c->tid, fd);
	got = open(path, O_PATH | O_CLOEXEC);
	return got < 0 ? (errno == ENOENT ? -EBADF : -errno) : got;
}

static int get_once(struct call *c, int fd)
{
	int got = pidfd_lend(c, fd);

	return got == -EPERM ? get_by_proc(c, fd) : got;
}

/* Of ours, not of the guest's. */
static bool is_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

/* Other workers have descriptors for a moment: what they give back is waited for, once in a call.
 */
static int get_waiting(struct call *c, int fd)
{
	int got = get_once(c, fd);

	for (int i = 0; is_shortage(got) && !c->unseen && i < SHORTAGE_TRIES; i++) {
		call_waits();
		usleep(SHORTAGE_US);
		got = get_once(c, fd);
	}
	return got;
}

int guestfd_get(struct call *c, int fd)
{
	int got;

	if (fd < 0)
		return -EBADF;
	got = get_waiting(c, fd);
	if (is_shortage(got))
		c->unseen = got == -EMFILE ? -ENFILE : got;
	if (got < 0)
		return got == -EBADF ? -EBADF : -ESRCH;
	return got;
}

bool guestfd_lends(const struct call *c)
{
	return c->engine->lends;
}

int guestfd_flags(struct call *c, int fd, int ours)
{
	_cleanup_free_ char *info = NULL;
	char path[64];
	const char *p;

	if (guestfd_lends(c))
		return fcntl(ours, F_GETFL);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", c->tid, fd);
	if (read_file(path, 65536, &info, NULL) < 0)
		return O_PATH;
	p = strstr(info, "flags:");
	return p ? (int)strtoul(p + 6, NULL, 8) : O_PATH;
}

int guestfd_stat(struct call *c, int fd, struct stat *ret)
{
	_cleanup_fd_ int got = guestfd_get(c, fd);

	if (got < 0)
		return got;
	return fstat(got, ret) < 0 ? -errno : 0;
}

bool guestfd_free(struct call *c, int fd)
{
	int got = guestfd_get(c, fd);

	if (got >= 0)
		close(got);
	return got == -EBADF;
}

static int nofile_limit(struct call *c)
{
	struct rlimit rl;
	int r;

	if (c->nofile_ > 0)
		return c->nofile_;
	r = task_limit(c->tid, RLIMIT_NOFILE, &rl);
	if (r == 0)
		r = rl.rlim_cur > INT32_MAX ? INT32_MAX : (int)rl.rlim_cur;
	c->nofile_ = r;
	return r;
}

/* Are both numbers in use? kcmp(2) tells of two at once, and leaves nothing to be closed. */
static bool in_use(struct call *c, int a, int b)
{
	if (syscall(SYS_kcmp, c->tid, c->tid, KCMP_FILE, a, b) >= 0)
		return true;
	if (errno == EBADF)
		return false;
	return !guestfd_free(c, a) && !guestfd_free(c, b);
}

static int addfd(struct call *c, int fd, int number, unsigned how, int flags)
{
	struct seccomp_notif_addfd a = { .id = c->id,
		.flags = how,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)(number < 0 ? 0 : number),
		.newfd_flags = (uint32_t)(flags & O_CLOEXEC) };
	uint64_t began = part_begin(c);
	int n;

	do {
		n = ioctl(c->engine->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
		n = n < 0 ? -errno : n;
	} while (n == -EINTR);
	part_end(c, PART_ANSWER, began);
	return n;
}

static struct fd_slot *slot_of(struct call *c)
{
	pid_t tgid = call_tgid(c);

	return &c->engine->fds[(unsigned)(tgid > 0 ? tgid : c->tid) % FD_LOCKS];
}

/* Where the kernel (before 6.2) does not say it at once. */
static int count_names(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* "." and ".." */
}

/* How many descriptors it has; 0 where it is gone. */
static int count_open(struct call *c)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd", c->tid);
	if (stat(path, &st) < 0)
		return 0;
	return st.st_size > 0 ? (int)st.st_size : count_names(path);
}

/*
 * Is there room enough below the number that no other open of the guest comes to it in a moment?
 * What nearly all have, the end of the numbers of real files free, is seen by two looks.
 */
static bool has_spare(struct call *c, int number)
{
	if (guestfd_free(c, VFD_BASE - 1) && guestfd_free(c, VFD_BASE - SPARE))
		return true;
	return number - count_open(c) >= SPARE;
}

/* Was no number from VFD_HOT on to be had when we last looked, and has it not fewer open since?
 * A guess, which saves a look at each of them: where it is wrong a file gets a low number. */
static bool seems_full(struct call *c, struct fd_slot *s)
{
	int n;

	if (!s->full || s->tgid != c->tgid_)
		return false;
	n = count_open(c);
	s->full = n >= s->full ? n : 0;
	return s->full;
}

bool guestfd_full(struct call *c)
{
	struct fd_slot *s = slot_of(c);
	int limit = nofile_limit(c);
	bool full;

	if (!guestfd_lends(c))
		return true;
	if (limit >= 0 && limit <= VFD_HOT)
		return true;
	pthread_mutex_lock(&s->lock);
	full = seems_full(c, s);
	pthread_mutex_unlock(&s->lock);
	return full;
}

bool guestfd_wants_low(struct call *c)
{
	return guestfd_full(c) || !in_use(c, 0, 1) || !in_use(c, 2, 2);
}

/*
 * A free number of [from, to): the lowest, as programs expect that close it and open again, for
 * those that have few open; else, since each look costs a call, one behind the last.
 */
static int find_free(struct call *c, struct fd_slot *s, int from, int to)
{
	int start = from, tgid = c->tgid_;

	for (int fd = from; fd < to && fd < from + LOOKED_AT; fd++) {
		if (guestfd_free(c, fd))
			return fd;
		if (c->unseen)
			return c->unseen;
	}
	if (s->tgid == tgid && s->next > from && s->next < to)
		start = s->next;
	for (int i = 0; i < to - from; i++) {
		int fd = start + i < to ? start + i : start + i - (to - from);

		if (i > 0 && fd + 1 < to && in_use(c, fd, fd + 1)) {
			i++;
			continue;
		}
		if (guestfd_free(c, fd)) {
			if (s->tgid != tgid)
				s->full = 0;
			s->tgid = tgid;
			s->next = fd + 1;
			return fd;
		}
		if (c->unseen)
			return c->unseen;
	}
	return -EMFILE;
}

/* A free number of [from, to) that stays free until our descriptor is in. */
static int find_safe(struct call *c, struct fd_slot *s, int from, int to)
{
	for (int i = 0; i < CHOICES && from < to; i++) {
		int n = find_free(c, s, from, to), spared;

		if (n < 0 || has_spare(c, n))
			return n;
		spared = count_open(c) + SPARE;
		from = n + 1 > spared ? n + 1 : spared;
	}
	return -EMFILE;
}

static int find_hot(struct call *c, struct fd_slot *s, int limit)
{
	int n = find_safe(c, s, VFD_HOT, limit);

	s->full = 0;
	if (n == -EMFILE) {
		s->tgid = c->tgid_;
		s->full = count_open(c);
	}
	return n;
}

static bool room_below(struct call *c, int number)
{
	for (; number > 1 && !c->unseen; number -= 2) {
		if (!in_use(c, number - 1, number - 2))
			return true;
	}
	return number == 1 && guestfd_free(c, 0);
}

bool guestfd_room(struct call *c)
{
	int limit = nofile_limit(c), n;

	if (limit < 0)
		return true; /* it is gone, or going */
	if (limit > 0 && guestfd_free(c, limit - 1))
		return true;
	/* (of those that are open some may lie above the limit) */
	n = count_open(c);
	return (n > 0 && n < limit) || room_below(c, limit);
}

/* Puts fd at a free number of the zone; how is 0 or SECCOMP_ADDFD_FLAG_SEND. */
static int place(struct call *c, int fd, int flags, enum guestfd_zone zone, unsigned how)
{
	struct fd_slot *s = slot_of(c);
	int limit = nofile_limit(c), n = -EMFILE;

	if (limit < 0)
		return -ESRCH;
	pthread_mutex_lock(&s->lock);
	if (zone != ZONE_HOT && limit > VFD_BASE)
		n = find_safe(c, s, VFD_BASE, limit < VFD_HOT ? limit : VFD_HOT);
	if (n == -EMFILE && limit > VFD_HOT)
		n = find_hot(c, s, limit);
	if (n >= 0)
		n = addfd(c, fd, n, how | SECCOMP_ADDFD_FLAG_SETFD, flags);
	else if (n == -EMFILE && zone == ZONE_ANY)
		n = addfd(c, fd, -1, how, flags);
	pthread_mutex_unlock(&s->lock);
	return n == -EBADF ? -EMFILE : n;
}

enum verdict guestfd_answer(struct call *c, int fd, int flags, enum guestfd_zone zone)
{
	int n = zone == ZONE_LOWEST ? addfd(c, fd, -1, SECCOMP_ADDFD_FLAG_SEND, flags)
				    : place(c, fd, flags, zone, SECCOMP_ADDFD_FLAG_SEND);

	c->ret = n;
	return n < 0 && n != -ENOENT ? DONE : ANSWERED;
}

enum verdict guestfd_answer_last(struct call *c, int *fd, int flags, enum guestfd_zone zone)
{
	int n = zone == ZONE_LOWEST ? addfd(c, *fd, -1, 0, flags) : place(c, *fd, flags, zone, 0);

	close(take_fd(fd));
	return call_return(c, n == -ENOENT ? -ESRCH : n);
}

enum verdict guestfd_answer_at(struct call *c, int fd, int number, int flags)
{
	int n = addfd(c, fd, number, SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND, flags);

	c->ret = n;
	return n < 0 && n != -ENOENT ? DONE : ANSWERED;
}

int guestfd_add_lowest(struct call *c, int fd, int flags)
{
	int n = addfd(c, fd, -1, 0, flags);

	return n == -ENOENT ? -ESRCH : n;
}

int guestfd_add(struct call *c, int fd, int flags)
{
	int n = place(c, fd, flags, ZONE_HOT, 0);

	if (n == -EMFILE) /* few are allowed, or all from VFD_HOT on in use */
		n = addfd(c, fd, -1, 0, flags);
	return n == -ENOENT ? -ESRCH : n;
}

int guestfd_replace(struct call *c, int fd, int at, int flags)
{
	int n = addfd(c, fd, at, SECCOMP_ADDFD_FLAG_SETFD, flags);

	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	return 0;
}
