/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mount/leaving.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "engine/engine.h"
#include "engine/status.h"
#include "fs/fuse/fuse.h"
#include "sys/mount/mountsrv.h"

#define LEAVING_WAIT_NS (2 * NSEC_PER_SEC)
#define LEAVING_LOOK_MS 50

/* Is the caller of this process's making? */
static bool is_ancestor(pid_t pid, struct call *c)
{
	pid_t at = call_tgid(c);
	char text[4096];

	while (at > 1 && at != getpid()) {
		if (at == pid)
			return true;
		if (status_read(at, text, sizeof(text)) < 0)
			return false;
		at = (pid_t)status_number(text, "\nPPid:", 10);
	}
	return false;
}

/* For each service that has the server's end of the mount's device open. */
struct holders {
	char socket[48];
	void (*fn)(pid_t pid, int pidfd, void *arg);
	void *arg;
};

static void look_at_one(pid_t pid, const struct task_mark *m, void *arg)
{
	const struct holders *h = arg;
	_cleanup_fd_ int pidfd = m->service ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pidfd >= 0 && process_fd_of(pid, h->socket) >= 0)
		h->fn(pid, pidfd, h->arg);
}

static void each_holder(struct fs *fs, void (*fn)(pid_t pid, int pidfd, void *arg), void *arg)
{
	struct holders h = { .fn = fn, .arg = arg };

	if (!fuse_is(fs))
		return;
	snprintf(h.socket, sizeof(h.socket), "socket:[%llu]",
		(unsigned long long)fuse_conn_peer(fs));
	task_mark_each(look_at_one, &h);
}

struct noting {
	struct leaving *l;
	struct call *c;
};

static void note_one(pid_t pid, int pidfd, void *arg)
{
	struct noting *n = arg;
	int fd = -1;

	if (n->l->n < LEAVING_MAX && !(n->c && is_ancestor(pid, n->c)))
		fd = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		n->l->pidfd[n->l->n++] = fd;
}

void leaving_note(struct leaving *l, struct call *c, struct fs *fs)
{
	struct noting n = { l, c };

	*l = (struct leaving){ 0 };
	each_holder(fs, note_one, &n);
}

void leaving_wait(struct leaving *l, struct call *c)
{
	const uint64_t deadline = now_ns() + LEAVING_WAIT_NS;

	for (int i = 0; i < l->n; i++) {
		struct pollfd p = { .fd = l->pidfd[i], .events = POLLIN };

		while (poll(&p, 1, LEAVING_LOOK_MS) == 0 && now_ns() < deadline &&
			!(c && call_interrupted(c)))
			;
		close(l->pidfd[i]);
	}
	l->n = 0;
}

static void add_work(pid_t pid, UNUSED int pidfd, void *arg)
{
	_cleanup_free_ char *io = NULL;
	uint64_t *sum = arg;
	const char *wrote;
	char path[48];

	*sum += process_stat(pid, STAT_USER) + process_stat(pid, STAT_SYSTEM);
	snprintf(path, sizeof(path), "/proc/%d/io", pid);
	wrote = read_file(path, 4096, &io, NULL) < 0 ? NULL : strstr(io, "wchar: ");
	if (wrote)
		*sum += strtoull(wrote + strlen("wchar: "), NULL, 10);
	if (process_at_work(pid))
		*sum += now_ns();
}

uint64_t um_mount_work(struct mount *m)
{
	struct fuse_stats st;
	uint64_t sum = 0;

	if (fuse_is(m->fs)) {
		fuse_conn_stats(m->fs, &st);
		sum = st.bytes_received;
	}
	each_holder(m->fs, add_work, &sum);
	return sum;
}

static void kill_one(UNUSED pid_t pid, int pidfd, UNUSED void *arg)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

void um_mount_give_up(struct mount *m)
{
	each_holder(m->fs, kill_one, NULL);
	fuse_conn_abort(m->fs);
}
