/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/front.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/log.h"
#include "engine/engine.h"

struct event {
	int kind;
	int value;
};

/* Whom signals go to. A signal handler can reach nothing but a static. */
static atomic_int front_command;
static _Atomic uint64_t front_early; /* signals that came before there was a command: bit n-1 */

void front_tell(const struct front_link *link, enum front_event ev, int value)
{
	struct event e = { (int)ev, value };

	/* the front may be gone: then nobody is to be told */
	if (send(link->fd, &e, sizeof(e), MSG_NOSIGNAL) < 0)
		log_debug("the front is gone");
}

/* A signal from the terminal went to the command as well: its whole process group has it. With
 * Ctrl-Z the front stops when it is told that the command has: were it first, the shell could
 * prompt, and what the user types next be read by the command. */
static void pass_on(int sig, siginfo_t *info, UNUSED void *ctx)
{
	int saved = errno;
	pid_t pid = atomic_load(&front_command);

	if (info->si_code <= 0 && pid > 0)
		kill(pid, sig);
	else if (info->si_code <= 0)
		atomic_fetch_or(&front_early, 1ull << (sig - 1));
	errno = saved;
}

static void install_handlers(void)
{
	static const int passed[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
		SIGWINCH, SIGCONT, SIGTSTP, SIGPIPE };
	struct sigaction sa = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART };

	for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
		struct sigaction old;

		/* what the user ignores (nohup) stays ignored */
		if (sigaction(passed[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(passed[i], &sa, NULL);
	}
}

/* Is the command stopped now (the message may be old)? */
static bool is_stopped(pid_t pid)
{
	char state = process_state(pid);

	return state == 'T' || state == 't';
}

void each_child(void (*fn)(pid_t pid, void *arg), void *arg)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		char path[320];
		_cleanup_free_ char *list = NULL;
		char *p, *end;
		long pid;

		if (ent->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/children", ent->d_name);
		if (read_file(path, 16u << 20, &list, NULL) < 0)
			continue;
		for (p = list; (pid = strtol(p, &end, 10)) > 0; p = end)
			fn((pid_t)pid, arg);
	}
	if (d)
		closedir(d);
}

struct kill_ctx {
	pid_t spare;
	bool servers; /* are to end by themselves */
	int left;
};

static bool is_server(pid_t pid)
{
	struct task_mark m;

	return task_mark_get(pid, &m) == 0 && m.service;
}

static void kill_one(pid_t pid, void *arg)
{
	struct kill_ctx *k = arg;

	if (pid == k->spare)
		return;
	if (k->servers && is_server(pid))
		process_continue(pid);
	else
		kill(pid, SIGKILL);
	k->left++;
}

/* What dies leaves its children to us, who are killed in the next round. */
static void end_descendants(struct kill_ctx *k)
{
	uint64_t until = now_ns() + 5 * NSEC_PER_SEC;

	do {
		k->left = 0;
		each_child(kill_one, k);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (k->left)
			usleep(2000);
	} while (k->left && now_ns() < until);
}

void kill_descendants(pid_t spare)
{
	struct kill_ctx k = { .spare = spare };

	end_descendants(&k);
}

/* The handler runs in this thread: it sees the command, or what it noted is seen here. */
static void command_started(pid_t pid)
{
	uint64_t early;

	atomic_store(&front_command, pid);
	early = atomic_exchange(&front_early, 0);
	for (int s = 1; s < NSIG; s++)
		if (early & (1ull << (s - 1)))
			kill(pid, s);
}

static int supervisor_died(const struct termios *tio, bool have_tio)
{
	/* a server sees that its mount is gone, and writes what it has not yet */
	struct kill_ctx guests = { .servers = true };

	end_descendants(&guests);
	kill_descendants(0);
	if (have_tio) {
		signal(SIGTTOU, SIG_IGN);
		tcsetattr(STDIN_FILENO, TCSANOW, tio);
	}
	log_user("the supervisor died; every process of the view has been ended");
	return 125;
}

static int front_main(int link)
{
	struct termios tio;
	bool have_tio = tcgetattr(STDIN_FILENO, &tio) == 0;
	struct pollfd p = { .fd = link, .events = POLLIN };
	struct event e;

	for (;;) {
		ssize_t n;

		/* not recv(2) alone: TSan runs signal handlers in poll(2), but not in it */
		if (poll(&p, 1, -1) < 0)
			continue;
		n = recv(link, &e, sizeof(e), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(e))
			return supervisor_died(&tio, have_tio);
		if (e.kind == FRONT_STARTED)
			command_started(e.value);
		else if (e.kind == FRONT_STOPPED && is_stopped(atomic_load(&front_command)))
			raise(SIGSTOP);
		else if (e.kind == FRONT_STATUS)
			return e.value;
	}
}

/* The supervisor is no part of the user's job: signals of the terminal do not concern it. Once it
 * has forked its launcher they do not reach it any more (front_leave_session()). */
static void leave_job(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU,
		SIGUSR1, SIGUSR2, SIGALRM, SIGTERM };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "umview-super");
}

int front_leave_session(void)
{
	return setsid() < 0 ? -errno : 0;
}

static uint64_t ignored_signals(void)
{
	uint64_t mask = 0;
	struct sigaction sa;

	for (int s = 1; s < NSIG; s++)
		if (sigaction(s, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			mask |= 1ull << (s - 1);
	return mask;
}

int front_run(int (*supervise)(void *arg, const struct front_link *link), void *arg)
{
	struct front_link link = { .pgid = getpgrp(), .ignored = ignored_signals() };
	int sv[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0) {
		log_user("no socket pair: %s", strerror(errno));
		return 125;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (pid < 0) {
		log_user("no process for the supervisor: %s", strerror(errno));
		return 125;
	}
	if (pid == 0) {
		close(sv[0]);
		link.fd = sv[1];
		leave_job();
		_exit(supervise(arg, &link));
	}
	close(sv[1]);
	install_handlers();
	status = front_main(sv[0]);
	/* the supervisor ends by itself after its last word */
	waitpid(pid, NULL, 0);
	return status;
}
