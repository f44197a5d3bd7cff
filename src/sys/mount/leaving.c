/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mount/leaving.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "engine/engine.h"
#include "engine/status.h"
#include "fs/fuse/fuse.h"

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

static bool has_open(pid_t pid, const char *socket)
{
	char path[64], link[64];
	struct dirent *e;
	bool found = false;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = opendir(path);
	while (fds && !found && (e = readdir(fds)))
		found = *e->d_name != '.' &&
			read_link(dirfd(fds), e->d_name, link, sizeof(link)) > 0 &&
			strcmp(link, socket) == 0;
	if (fds)
		closedir(fds);
	return found;
}

void leaving_note(struct leaving *l, struct call *c, struct fs *fs)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	char socket[48];

	*l = (struct leaving){ 0 };
	snprintf(socket, sizeof(socket), "socket:[%llu]", (unsigned long long)fuse_conn_peer(fs));
	while (proc && l->n < LEAVING_MAX && (e = readdir(proc))) {
		pid_t pid = atoi(e->d_name);
		struct task_mark m;
		int fd;

		if (pid <= 0 || task_mark_get(pid, &m) < 0 || !m.service ||
			!has_open(pid, socket) || (c && is_ancestor(pid, c)))
			continue;
		fd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (fd >= 0)
			l->pidfd[l->n++] = fd;
	}
	if (proc)
		closedir(proc);
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
