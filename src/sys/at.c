/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/at.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/log.h"

void at_release(struct at *a)
{
	path_release(&a->p);
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
	a->c = c;
	if (!view_has_mounts(&c->um->view)) {
		a->verdict = CONTINUE;
		return false;
	}
	return at_resolved(
		a, path_resolve_arg(c, &c->um->view, dirfd, call_addr(c, arg), flags, &a->p));
}

bool at_resolve_word(struct at *a, struct call *c, int dirfd, const char *word, unsigned flags)
{
	a->c = c;
	return at_resolved(a, path_resolve(c, &c->um->view, dirfd, word, flags, &a->p));
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

		ret->groups = calloc((size_t)((end ? end : p + strlen(p)) - p) / 2 + 1,
			sizeof(*ret->groups));
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
	if (geteuid() != 0 || host_ids_read(a->c->tid, &ids) < 0)
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
	int r = vfile_of_fd(c, c->um->files, fd, ret, opath ? NULL : &dup);

	/* a bad number is the kernel's to refuse */
	if (r < 0 || !*ret) {
		*ret_verdict = r == -ESRCH ? call_return(c, r) : CONTINUE;
		return false;
	}
	if (!opath && dup >= 0 && (fcntl(dup, F_GETFL) & O_PATH)) {
		vfile_put(take_ptr(ret));
		*ret_verdict = call_return(c, -EBADF);
		return false;
	}
	return true;
}

static void open_tick(UNUSED int sig)
{
}

static void open_tick_install(void)
{
	struct sigaction sa = { .sa_handler = open_tick };

	sigaction(SIGRTMIN + 1, &sa, NULL);
}

/*
 * An open that blocks (a fifo without its other end) must end when the guest is interrupted. A
 * timer of this thread breaks it off every 50 ms to look.
 */
int real_open(struct at *a, int flags, mode_t mode)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sigevent sev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1 };
	struct itimerspec it = { { 0, 50000000 }, { 0, 50000000 } };
	struct stat st;
	bool blocks;
	timer_t timer;
	long r;

	/* a terminal must not become the supervisor's */
	flags |= O_CLOEXEC | O_NOCTTY;
	if (a->self)
		flags &= ~O_NOFOLLOW;
	blocks = !(flags & (O_NONBLOCK | O_PATH)) &&
		fstatat(a->dirfd, a->name, &st, 0) == 0 && S_ISFIFO(st.st_mode);
	if (!blocks) {
		real_enter(a);
		return (int)real_result(a, openat(a->dirfd, a->name, flags, mode));
	}
	pthread_once(&once, open_tick_install);
	sev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &sev, &timer) < 0)
		return -errno;
	timer_settime(timer, 0, &it, NULL);
	do {
		real_enter(a);
		r = real_result(a, openat(a->dirfd, a->name, flags, mode));
	} while (r == -EINTR && !call_interrupted(a->c) && call_alive(a->c));
	timer_delete(timer);
	return (int)r;
}
