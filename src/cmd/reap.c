/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of the view's processes: the supervisor is their subreaper. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "cmd/runint.h"
#include "engine/engine.h"
#include "sys/net/networks.h"

struct search {
	const struct um *um; /* whose own processes are not looked at */
	bool service;	     /* what is looked for */
	bool found;
};

static void search_child(pid_t pid, void *arg)
{
	struct search *s = arg;
	struct task_mark m;

	if (pid != engine_launcher_pid(s->um->engine) && !network_process(s->um, pid) &&
		task_mark_get(pid, &m) == 0 && m.service == s->service)
		s->found = true;
}

bool children_left(struct run *r, bool service)
{
	struct search s = { .um = &r->um, .service = service };

	each_child(search_child, &s);
	return s.found;
}

static int status_of(const siginfo_t *si)
{
	return si->si_code == CLD_EXITED ? si->si_status : 128 + si->si_status;
}

static void child_changed(struct run *r, const siginfo_t *si)
{
	if (si->si_pid != r->um.first)
		return;
	if (si->si_code == CLD_STOPPED) {
		front_tell(r->link, FRONT_STOPPED, 0);
	} else if (si->si_code != CLD_CONTINUED) {
		r->status = status_of(si);
		r->command_ended = true;
	}
}

/* Without WNOWAIT it would take away the stops of a child that a worker has seized (inject.c):
 * those show here as CLD_TRAPPED, and are not ours to take. */
#define REAP_FLAGS (WEXITED | WSTOPPED | WCONTINUED | WNOHANG | __WNOTHREAD)

/* Looks at one child (0: any) and takes note of what became of it. */
int reap_child(struct run *r, pid_t pid)
{
	siginfo_t si = { 0 };

	if (waitid(pid ? P_PID : P_ALL, (id_t)pid, &si, REAP_FLAGS | WNOWAIT) < 0)
		return -errno;
	if (si.si_pid == 0)
		return 0;
	if (si.si_code == CLD_TRAPPED)
		return -EBUSY;
	pid = si.si_pid;
	if (waitid(P_PID, (id_t)pid, &si, REAP_FLAGS) == 0 && si.si_pid == pid)
		child_changed(r, &si);
	return 1;
}

static void reap_one(pid_t pid, void *arg)
{
	(void)reap_child(arg, pid); /* nothing happened to most */
}

/* Waits for children until no guest is left or the front is gone. SIGCHLD is blocked but for
 * the wait itself, so that none is missed. */
void reap(struct run *r)
{
	struct pollfd p = { .fd = r->link->fd, .events = POLLIN };
	const struct timespec second = { .tv_sec = 1 };
	sigset_t unblocked;

	sigprocmask(SIG_SETMASK, NULL, &unblocked);
	sigdelset(&unblocked, SIGCHLD);
	for (;;) {
		int got = reap_child(r, 0);

		if (got == -ECHILD)
			return;
		if (got == 1)
			continue;
		if (got == -EBUSY)
			each_child(reap_one, r);
		if (r->command_ended && !children_left(r, false))
			return;
		if (ppoll(&p, 1, &second, &unblocked) == 1 && (p.revents & POLLHUP))
			return;
	}
}

static void on_child(UNUSED int sig)
{
}

/* Before any thread is there: they all inherit that SIGCHLD is blocked. */
void hold_sigchld(void)
{
	struct sigaction sa = { .sa_handler = on_child };
	sigset_t chld;

	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
}
