/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/front.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/fdmsg.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/nr.h"

#define SERVERS_NS (5 * NSEC_PER_SEC) /* for servers to end by themselves, */
#define END_TICK_MS 2
#define LISTENER_NS (2 * NSEC_PER_SEC) /* in which their calls are answered for so long */

struct event {
	int kind;
	int value;
};

/* Whom signals go to. A signal handler can reach nothing but a static. */
static atomic_int front_command;
static _Atomic uint64_t front_early; /* signals that came before there was a command: bit n-1 */
static atomic_int front_ending = -1; /* after the command: where it is told that one came */

/* With a descriptor, unless it is -1. */
static void tell(const struct front_link *link, struct event e, int fd)
{
	/* the front may be gone: then nobody is to be told */
	if (fdmsg_send(link->fd, &e, sizeof(e), &fd, fd >= 0) < 0)
		log_debug("the front is gone");
}

void front_tell(const struct front_link *link, enum front_event ev, int value)
{
	tell(link, (struct event){ (int)ev, value }, -1);
}

void front_lend(const struct front_link *link, int listener)
{
	tell(link, (struct event){ FRONT_LISTENER, 0 }, listener);
}

/* An event, and the descriptor that came with it in *fd. False: there will be none any more. */
static bool receive(int link, struct event *e, int *fd)
{
	int with, n = fdmsg_recv(link, e, sizeof(*e), &with, 1);

	/* that it ended without reading all that we said comes before its own last word */
	if (n == -ECONNRESET)
		n = fdmsg_recv(link, e, sizeof(*e), &with, 1);
	if (with >= 0)
		*fd = with;
	return n == sizeof(*e);
}

/* A signal from the terminal went to the command as well: its whole process group has it. With
 * Ctrl-Z the front stops when it is told that the command has: were it first, the shell could
 * prompt, and what the user types next be read by the command. */
static void pass_on(int sig, siginfo_t *info, UNUSED void *ctx)
{
	int saved = errno;
	pid_t pid = atomic_load(&front_command);
	int ending = atomic_load(&front_ending);

	if (ending >= 0 && (sig == SIGINT || sig == SIGQUIT || sig == SIGTERM))
		(void)!send(ending, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (ending >= 0)
		;
	else if (info->si_code <= 0 && pid > 0)
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
	int listener; /* for their calls, or -1 */
	int left;
};

static bool is_server(pid_t pid)
{
	struct task_mark m;

	return task_mark_get(pid, &m) == 0 && m.service;
}

/* It notices that the supervisor, or its interest, is gone. */
static bool ends_by_itself(pid_t pid)
{
	struct task_mark m;

	return task_mark_get(pid, &m) == 0 && m.network_server;
}

static void kill_one(pid_t pid, void *arg)
{
	struct kill_ctx *k = arg;

	if (pid == k->spare || ends_by_itself(pid))
		return;
	if (k->servers && is_server(pid))
		process_continue(pid);
	else
		kill(pid, SIGKILL);
	k->left++;
}

/* May a server make this call, now that nobody answers any? What changes no name. */
static bool is_harmless(const struct seccomp_data *d)
{
	if (d->arch == AUDIT_ARCH_I386)
		return d->nr == NR32_SIGRETURN || d->nr == NR32_RT_SIGRETURN;
	if (d->arch != AUDIT_ARCH_X86_64)
		return false;
	switch (d->nr) {
	case __NR_openat:
		return !(d->args[2] & (O_ACCMODE | O_CREAT | O_TRUNC));
	case __NR_newfstatat:
	case __NR_fstat:
	case __NR_fsync:
	case __NR_fdatasync:
	case __NR_close:
	case __NR_rt_sigreturn:
		return true;
	default:
		return false;
	}
}

/* Answers one call that waits, or waits for one for a moment. */
static void serve_one(int listener)
{
	/* newer kernels may have larger ones */
	union {
		struct seccomp_notif n;
		char room[512];
	} in = { 0 };
	union {
		struct seccomp_notif_resp r;
		char room[256];
	} out = { 0 };
	struct pollfd p = { .fd = listener, .events = POLLIN };

	if (poll(&p, 1, END_TICK_MS) != 1 || !(p.revents & POLLIN) ||
		ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in.n) < 0)
		return;
	out.r.id = in.n.id;
	if (is_server((pid_t)in.n.pid) && is_harmless(&in.n.data))
		out.r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		out.r.error = -ENOSYS;				 /* as with no listener */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out.r); /* it may have been killed */
}

/* What dies leaves its children to us, who are killed in the next round. */
static void end_descendants(struct kill_ctx *k)
{
	const uint64_t begin = now_ns(), until = begin + SERVERS_NS;
	uint64_t now;

	do {
		k->left = 0;
		each_child(kill_one, k);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		now = now_ns();
		/* what the supervisor had not answered yet is, by the kernel, when it closes */
		if (k->listener >= 0 && now >= begin + LISTENER_NS)
			close(take_fd(&k->listener));
		if (k->left && k->listener >= 0)
			serve_one(k->listener);
		else if (k->left)
			usleep(END_TICK_MS * 1000);
	} while (k->left && now < until);
}

void kill_descendants(pid_t spare)
{
	struct kill_ctx k = { .spare = spare, .listener = -1 };

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

static int supervisor_died(const struct termios *tio, bool have_tio, int listener)
{
	/* a server sees that its mount is gone, and writes what it has not yet */
	struct kill_ctx guests = { .servers = true, .listener = listener };

	end_descendants(&guests);
	if (guests.listener >= 0)
		close(guests.listener);
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
	int listener = -1;
	struct event e;

	for (;;) {
		/* not recv(2) alone: TSan runs signal handlers in poll(2), but not in it */
		if (poll(&p, 1, -1) < 0)
			continue;
		if (!receive(link, &e, &listener))
			return supervisor_died(&tio, have_tio, listener);
		if (e.kind == FRONT_STARTED)
			command_started(e.value);
		else if (e.kind == FRONT_STOPPED && is_stopped(atomic_load(&front_command)))
			raise(SIGSTOP);
		else if (e.kind == FRONT_ENDING)
			atomic_store(&front_ending, link);
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
