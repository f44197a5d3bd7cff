/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. /proc/PID/task/TID/syscall says in which call a thread sleeps and with
 * which descriptor. The threads that sleep in a read of the device are seized and interrupted:
 * their reads then stand before their restart (-ERESTARTSYS). When all stand, the socket is closed,
 * and the result of each read is replaced by -ENODEV before its thread goes on. No wait(2) is used,
 * so that nobody else's news of children is taken. A server that cannot be seized (it is
 * being debugged) sees the end of the socket instead.
 */
#include "fs/fuse/dev-end.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/util.h"
#include "engine/arch/x86_64.h"
#include "engine/engine.h"

#define RESTART_SYS (-512)
#define STOP_WAIT_NS (2 * NSEC_PER_SEC) /* for all threads; on a busy machine it takes its time */
#define STOP_LOOK_NS 100000
#define READERS_MAX 128

struct reader {
	pid_t pid, tid;
	int fd;
	bool stopped;
};

struct readers {
	struct reader v[READERS_MAX];
	int n;
	char socket[48]; /* that they read, as /proc names it */
	bool coming;	 /* a thread beside them runs: it may be on its way to a read */
};

/* i386's, for which there is no header beside x86_64's */
enum { READ_32 = 3, READV_32 = 145, RECVFROM_32 = 371, RECVMSG_32 = 372 };

bool fuse_dev_reads(long nr, bool is32)
{
	if (is32)
		return nr == READ_32 || nr == READV_32 || nr == RECVFROM_32 || nr == RECVMSG_32;
	return nr == __NR_read || nr == __NR_readv || nr == __NR_recvfrom || nr == __NR_recvmsg;
}

enum { RUNS = -2 };

/* The descriptor that this thread sleeps reading on; RUNS; or -1. */
static int reading_fd(pid_t pid, const char *tid)
{
	char path[96], text[64];
	_cleanup_fd_ int fd = -1;
	unsigned long arg;
	ssize_t n;
	long nr;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/syscall", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	if (strncmp(text, "running", 7) == 0)
		return RUNS;
	if (sscanf(text, "%ld 0x%lx", &nr, &arg) != 2 ||
		(!fuse_dev_reads(nr, false) &&
			!fuse_dev_reads(nr, true))) /* which it is the stop will tell */
		return -1;
	return (int)arg;
}

static bool leads_to(pid_t pid, int fd, const char *want)
{
	char path[64], link[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	return read_link(AT_FDCWD, path, link, sizeof(link)) > 0 && strcmp(link, want) == 0;
}

/* In a stop: does it stand before the restart of its read? Then the read has failed. */
static bool fail_read(const struct reader *r)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, r->tid, 0, &regs) < 0 ||
		!fuse_dev_reads(arch_nr(&regs), arch_is32(&regs)) ||
		arch_result(&regs) != RESTART_SYS || (int)arch_arg0(&regs) != r->fd)
		return false;
	arch_set_result(&regs, -ENODEV);
	arch_set_no_restart(&regs);
	return ptrace(PTRACE_SETREGS, r->tid, 0, &regs) == 0;
}

static void stop_thread(struct reader *r)
{
	if (ptrace(PTRACE_SEIZE, r->tid, 0, 0) < 0)
		return;
	r->stopped = ptrace(PTRACE_INTERRUPT, r->tid, 0, 0) == 0;
}

/* Until it is in its stop, or does not come there. */
static void await_stop(struct reader *r, uint64_t deadline)
{
	siginfo_t si;

	while (ptrace(PTRACE_GETSIGINFO, r->tid, 0, &si) < 0) {
		if (now_ns() > deadline || syscall(SYS_tgkill, r->pid, r->tid, 0) < 0) {
			/* It cannot be let go; it is when this thread of ours ends. */
			r->stopped = false;
			return;
		}
		nanosleep(&(struct timespec){ .tv_nsec = STOP_LOOK_NS }, NULL);
	}
}

static void find_readers(pid_t pid, UNUSED const struct task_mark *m, void *arg)
{
	struct readers *rs = arg;
	int before = rs->n;
	bool runs = false;
	char path[64];
	DIR *tasks;
	struct dirent *t;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return;
	while ((t = readdir(tasks)) && rs->n < READERS_MAX) {
		int fd = *t->d_name >= '1' && *t->d_name <= '9' ? reading_fd(pid, t->d_name) : -1;

		runs |= fd == RUNS;
		if (fd >= 0 && leads_to(pid, fd, rs->socket))
			rs->v[rs->n++] = (struct reader){
				.pid = pid, .tid = (pid_t)atoi(t->d_name), .fd = fd
			};
	}
	closedir(tasks);
	rs->coming |= runs && rs->n > before;
}

int fuse_dev_end_readers(
	ino_t ino, bool all, void (*stopped)(void *arg, pid_t pid, int fd), void *arg)
{
	struct readers rs = { .n = 0 };
	const struct reader *one = NULL;
	uint64_t deadline;
	int n = 0;

	snprintf(rs.socket, sizeof(rs.socket), "socket:[%llu]", (unsigned long long)ino);
	task_mark_each(find_readers, &rs);
	if (all && rs.coming)
		return 0;
	for (int i = 0; i < rs.n; i++)
		stop_thread(&rs.v[i]);
	deadline = now_ns() + STOP_WAIT_NS;
	for (int i = 0; i < rs.n; i++) {
		if (rs.v[i].stopped)
			await_stop(&rs.v[i], deadline);
		if (rs.v[i].stopped)
			one = &rs.v[i];
	}
	if (one && stopped)
		stopped(arg, one->pid, one->fd);
	for (int i = 0; i < rs.n; i++) {
		if (!rs.v[i].stopped)
			continue;
		n += fail_read(&rs.v[i]);
		ptrace(PTRACE_DETACH, rs.v[i].tid, 0, 0);
	}
	return n;
}
