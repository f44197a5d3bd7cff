/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. As dev-end.c, of servers that wait in poll(2) and its like and read then
 * (mount.davfs). Such a thread is stopped, our end of the socket closed, which ends its wait, and
 * it is let go on from system call to system call until it has read the socket: what that says is
 * replaced by -ENODEV. Again there is no wait(2): each stop is looked for.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/util.h"
#include "engine/arch/x86_64.h"
#include "engine/engine.h"
#include "fs/fuse/dev-end.h"

#define READ_WAIT_NS (2 * NSEC_PER_SEC)
#define LOOK_NS 100000
#define WAITERS_MAX 16

struct waiter {
	pid_t pid, tid;
	int fd;	      /* the socket */
	bool reading; /* has entered a read of it */
	bool seized;
};

struct waiters {
	struct waiter v[WAITERS_MAX];
	int n;
	char socket[48]; /* that they wait for, as /proc names it */
};

static bool waits_in(long nr, bool is32)
{
	/* i386's, for which there is no header beside x86_64's */
	static const long waits32[] = { 142, 168, 256, 308, 309, 319, 413, 414, 441 },
			  waits[] = { __NR_select, __NR_pselect6, __NR_poll, __NR_ppoll,
				  __NR_epoll_wait, __NR_epoll_pwait, __NR_epoll_pwait2 };
	const long *list = is32 ? waits32 : waits;
	const size_t n = is32 ? ARRAY_SIZE(waits32) : ARRAY_SIZE(waits);

	for (size_t i = 0; i < n; i++)
		if (list[i] == nr)
			return true;
	return false;
}

/* In a poll(2) or the like, of whichever kind of program. */
static bool sleeps_waiting(pid_t pid, const char *tid)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	long nr;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/syscall", pid, tid);
	return read_file(path, 4096, &text, NULL) >= 0 && sscanf(text, "%ld", &nr) == 1 &&
	       (waits_in(nr, false) || waits_in(nr, true));
}

static void seize(struct waiters *ws, pid_t pid, pid_t tid, int fd)
{
	if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) < 0)
		return;
	ws->v[ws->n++] = (struct waiter){ .pid = pid, .tid = tid, .fd = fd, .seized = true };
	(void)ptrace(PTRACE_INTERRUPT, tid, 0, 0); /* fails when it ends: then it is not found */
}

static void find_waiters_of(struct waiters *ws, pid_t pid, int fd)
{
	char path[64];
	struct dirent *t;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (t = readdir(tasks)) && ws->n < WAITERS_MAX)
		if (t->d_name[0] != '.' && sleeps_waiting(pid, t->d_name))
			seize(ws, pid, atoi(t->d_name), fd);
	if (tasks)
		closedir(tasks);
}

static void find_waiters(pid_t pid, UNUSED const struct task_mark *m, void *arg)
{
	struct waiters *ws = arg;
	int fd = process_fd_of(pid, ws->socket);

	if (fd >= 0)
		find_waiters_of(ws, pid, fd);
}

/* In a stop at a system call: true once its read of the socket has been failed. */
static bool at_call(struct waiter *w)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, w->tid, sizeof(info), &info) <= 0 ||
		ptrace(PTRACE_GETREGS, w->tid, 0, &regs) < 0)
		return false;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		w->reading = fuse_dev_reads(arch_nr(&regs), arch_is32(&regs)) &&
			     (int)arch_arg0(&regs) == w->fd;
	if (info.op != PTRACE_SYSCALL_INFO_EXIT || !w->reading)
		return false;
	w->reading = false;
	if (arch_result(&regs) > 0)
		return false; /* what dev_hang_up() has sent through the socket */
	arch_set_result(&regs, -ENODEV);
	return ptrace(PTRACE_SETREGS, w->tid, 0, &regs) == 0;
}

/* If it is in a stop: on to the next call, with the signal that it was stopped for. Lets go of one
 * that has read its end, and of one that is to stop for its user. */
static void step(struct waiter *w, bool last)
{
	siginfo_t si;
	int sig = 0;

	if (ptrace(PTRACE_GETSIGINFO, w->tid, 0, &si) < 0) {
		/* it runs; or it has ended, which its parent hears of once we have gone, too */
		w->seized = !strchr("ZX", process_state(w->tid));
		return;
	}
	if (si.si_code == (SIGTRAP | 0x80))
		last = at_call(w) || last;
	else if (si.si_code >> 8 == PTRACE_EVENT_STOP)
		last = last || si.si_signo != SIGTRAP;
	else
		sig = si.si_signo;
	(void)ptrace(last ? PTRACE_DETACH : PTRACE_SYSCALL, w->tid, 0, sig); /* or it ends */
	w->seized = !last;
}

static bool step_all(struct waiters *ws, bool last)
{
	bool any = false;

	for (int i = 0; i < ws->n; i++) {
		if (ws->v[i].seized)
			step(&ws->v[i], last);
		any |= ws->v[i].seized;
	}
	if (any)
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
	return any;
}

bool fuse_dev_end_waiters(ino_t ino, void (*stopped)(void *arg, pid_t pid, int fd), void *arg)
{
	const uint64_t deadline = now_ns() + READ_WAIT_NS;
	struct waiters ws = { .n = 0 };

	snprintf(ws.socket, sizeof(ws.socket), "socket:[%llu]", (unsigned long long)ino);
	task_mark_each(find_waiters, &ws);
	if (ws.n == 0)
		return false;
	stopped(arg, ws.v[0].pid, ws.v[0].fd);
	while (step_all(&ws, false) && now_ns() < deadline)
		;
	for (int i = 0; i < ws.n; i++)
		if (ws.v[i].seized)
			(void)ptrace(PTRACE_INTERRUPT, ws.v[i].tid, 0, 0);
	while (step_all(&ws, true) && now_ns() < deadline + READ_WAIT_NS)
		;
	return true;
}
