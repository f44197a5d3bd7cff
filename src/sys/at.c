/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/at.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "engine/own.h"
#include "sys/procfile.h"

void at_release(struct at *a)
{
	names_unlock(&a->lock);
	path_release(&a->p);
}

int at_lookup_again(struct at *a)
{
	struct inode *now = NULL;
	int r;

	if (!names_changed_since(a->p.parent, a->c->t_recv))
		return 0;
	r = inode_lookup(a->p.parent, &a->req, a->p.last, &now);
	if (r < 0 && r != -ENOENT)
		return r;
	if (a->p.inode)
		inode_put(a->p.inode);
	a->p.inode = now;
	return 0;
}

int at_lock(struct at *a, bool victim)
{
	if (!a->p.parent || !a->p.last[0])
		return 0;
	for (;;) {
		_cleanup_inode_ struct inode *old = a->p.inode ? inode_get(a->p.inode) : NULL;
		int r;

		names_lock_add(&a->lock, a->p.parent);
		if (victim && old)
			names_lock_add(&a->lock, old);
		r = names_lock(&a->lock, &a->req);
		if (r == 0)
			r = at_lookup_again(a);
		if (r < 0 || !victim || !a->p.inode || a->p.inode == old)
			return r;
		names_unlock(&a->lock);
	}
}

static bool at_answer(struct at *a, int64_t ret)
{
	a->verdict = call_return(a->c, ret);
	return false;
}

static bool at_resolved(struct at *a, int r)
{
	if (r < 0)
		return at_answer(a, r);
	if (a->p.kind == PATH_NATIVE) {
		a->verdict = CONTINUE;
		return false;
	}
	fs_req_init(&a->req, a->c);
	if (a->p.kind == PATH_VIRTUAL) {
		snprintf(a->c->what, sizeof(a->c->what), "%s:%s", a->p.mnt->type,
			a->p.name ? a->p.name : "");
		return true;
	}
	snprintf(a->c->what, sizeof(a->c->what), "real:%s", a->p.name ? a->p.name : "");
	a->dirfd = a->p.dirfd;
	a->self = a->p.last[0] == '\0';
	if (a->self) {
		fd_path(a->name, a->p.dirfd);
		a->dirfd = AT_FDCWD;
	} else {
		/* the slash makes the kernel say ENOTDIR, EISDIR or ENOENT where it should */
		snprintf(a->name, sizeof(a->name), "%s%s", a->p.last, a->p.slash ? "/" : "");
	}
	return true;
}

bool at_resolve(struct at *a, struct call *c, int dirfd, int arg, unsigned flags)
{
	char word[PATH_MAX];
	ssize_t n;

	a->c = c;
	if (!at_maybe(c, flags)) {
		a->verdict = CONTINUE;
		return false;
	}
	n = flags & AT_CHANGES ? guest_read_str(c, call_addr(c, arg), word, sizeof(word)) :
				 guest_read_word(c, call_addr(c, arg), word, sizeof(word));
	if (n == 0 && !(flags & PATH_EMPTY))
		n = -ENOENT;
	if (n < 0)
		return at_answer(a, n);
	return at_resolve_word(a, c, dirfd, word, flags);
}

bool at_resolve_word(struct at *a, struct call *c, int dirfd, const char *word, unsigned flags)
{
	int r;

	a->c = c;
	if ((flags & AT_CHANGES) && procfile_change(c, dirfd, word, &r))
		return at_answer(a, r);
	if (!view_has_mounts(&c->um->view)) {
		a->verdict = CONTINUE;
		return false;
	}
	flags &= ~AT_CHANGES;
	return at_resolved(a, path_resolve(c, &c->um->view, dirfd, word, flags, &a->p));
}

const char *real_path(const struct at *a, char buf[REAL_PATH_MAX])
{
	char dir[FD_PATH_MAX];

	if (a->self)
		snprintf(buf, REAL_PATH_MAX, "%s", a->name);
	else
		snprintf(buf, REAL_PATH_MAX, "%s/%s", fd_path(dir, a->dirfd), a->name);
	return buf;
}

/* The ids that the kernel has for the guest: never the virtual ones of --root, with which
 * nothing on real files is decided. */
struct host_ids {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
};

static int host_ids_read(pid_t tid, struct host_ids *ret)
{
	char path[64], *text, *line;
	unsigned id[4];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	r = read_file(path, 1 << 20, &text, NULL);
	if (r < 0)
		return r;
	*ret = (struct host_ids){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
	line = strstr(text, "\nUid:");
	if (line && sscanf(line, "\nUid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4)
		ret->uid = id[3];
	line = strstr(text, "\nGid:");
	if (line && sscanf(line, "\nGid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4)
		ret->gid = id[3];
	line = strstr(text, "\nGroups:");
	if (line) {
		char *p = line + strlen("\nGroups:"), *end = strchr(p, '\n');

		ret->groups = calloc(
			(size_t)((end ? end : p + strlen(p)) - p) / 2 + 1, sizeof(*ret->groups));
		while (ret->groups && p < end) {
			char *next;
			unsigned long g = strtoul(p, &next, 10);

			if (next == p)
				break;
			ret->groups[ret->ngroups++] = (gid_t)g;
			p = next + strspn(next, " \t");
		}
	}
	free(text);
	if (ret->uid == (uid_t)-1 || ret->gid == (gid_t)-1 || !ret->groups) {
		free(ret->groups);
		return -ESRCH;
	}
	return 0;
}

/*
 * Only a supervisor that is root can have a guest of another user: no_new_privs keeps the others
 * as they are. Ids belong to the thread in the kernel (the raw calls change this one alone), and
 * a file-system uid other than 0 takes the file-system capabilities away until it is 0 again.
 */
void real_enter(struct at *a)
{
	struct host_ids ids;

	a->switched = false;
	if (call_own_ids(a->c).uid != 0 || host_ids_read(a->c->tid, &ids) < 0)
		return;
	if (ids.uid != 0) {
		syscall(SYS_setgroups, ids.ngroups, ids.groups);
		syscall(SYS_setfsgid, ids.gid);
		syscall(SYS_setfsuid, ids.uid);
		a->switched = true;
	}
	free(ids.groups);
}

long real_result(struct at *a, long ret)
{
	long r = ret == -1 ? -errno : ret;

	if (a->switched) {
		syscall(SYS_setfsuid, 0);
		syscall(SYS_setfsgid, 0);
		syscall(SYS_setgroups, 0, NULL);
		a->switched = false;
	}
	return r;
}

enum verdict real_leave(struct at *a, long ret)
{
	return call_return(a->c, real_result(a, ret));
}

bool at_fd(struct call *c, int fd, bool opath, struct vfile **ret, enum verdict *ret_verdict)
{
	_cleanup_fd_ int dup = -1;
	int r = -EBADF;

	if (files_possible(c->um->files, fd))
		r = vfile_of_fd(c, c->um->files, fd, ret, opath ? NULL : &dup);
	/* a bad number is the kernel's to refuse */
	if (r < 0 || !*ret) {
		*ret_verdict = r == -ESRCH ? call_return(c, r) : CONTINUE;
		return false;
	}
	if (!opath && ((*ret)->opath || (fcntl(dup, F_GETFL) & O_PATH))) {
		vfile_put(take_ptr(ret));
		*ret_verdict = call_return(c, -EBADF);
		return false;
	}
	return true;
}

int at_read_struct(struct call *c, gaddr_t src, uint64_t usize, void *dst, size_t known)
{
	char rest[256];
	int r;

	if (usize < known)
		return -EINVAL;
	if (usize > 4096)
		return -E2BIG;
	for (uint64_t off = known; off < usize;) {
		size_t n = usize - off < sizeof(rest) ? usize - off : sizeof(rest);

		r = guest_read(c, gaddr_add(src, off), rest, n);
		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			if (rest[i])
				return -E2BIG;
		}
		off += n;
	}
	return guest_read(c, src, dst, known);
}

/* ---- calls that block ---- */

#define BLOCKING_SIGNAL (SIGRTMIN + 1)

static void blocking_tick(UNUSED int sig)
{
}

static void blocking_install(void)
{
	struct sigaction sa = { .sa_handler = blocking_tick };

	sigaction(BLOCKING_SIGNAL, &sa, NULL);
}

int blocking_begin(struct blocking *b)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = BLOCKING_SIGNAL };
	struct itimerspec every = { { 0, 50000000 }, { 0, 50000000 } };
	sigset_t set;

	call_waits();
	pthread_once(&once, blocking_install);
	sev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &sev, &b->timer) < 0)
		return -errno;
	sigemptyset(&set);
	sigaddset(&set, BLOCKING_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	timer_settime(b->timer, 0, &every, NULL);
	return 0;
}

void blocking_end(struct blocking *b)
{
	timer_delete(b->timer);
}

bool blocking_again(struct call *c, long err)
{
	return err == -EINTR && !call_interrupted(c) && call_alive(c);
}

/* O_CLOEXEC would be seen in the guest's F_GETFL: it is ours in the table alone. */
static long open_once(struct at *a, int flags, mode_t mode)
{
	long fd;

	real_enter(a);
	fd = real_result(a, openat(a->dirfd, a->name, flags, mode));
	if (fd >= 0)
		(void)fcntl((int)fd, F_SETFD, FD_CLOEXEC); /* cannot fail */
	return fd;
}

/* An open blocks on a fifo without its other end. */
int real_open(struct at *a, int flags, mode_t mode)
{
	struct blocking b;
	struct stat st;
	long r;

	/* a terminal must not become the supervisor's */
	flags |= O_NOCTTY;
	if (a->self)
		flags &= ~O_NOFOLLOW;
	if ((flags & (O_NONBLOCK | O_PATH)) || fstatat(a->dirfd, a->name, &st, 0) < 0 ||
		!S_ISFIFO(st.st_mode))
		return (int)open_once(a, flags, mode);
	r = blocking_begin(&b);
	if (r < 0)
		return (int)r;
	do {
		r = open_once(a, flags, mode);
	} while (blocking_again(a->c, r));
	blocking_end(&b);
	return (int)r;
}
