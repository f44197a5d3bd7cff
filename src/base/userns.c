/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static bool put(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return good;
}

/* The user is himself there, and nobody else is anybody. */
struct maps {
	char uids[48], gids[48];
	size_t nu, ng;
};

static int in_child(const struct maps *m, int (*fn)(void *arg), void *arg)
{
	if (!put("/proc/self/setgroups", "deny", 4) || !put("/proc/self/uid_map", m->uids, m->nu) ||
		!put("/proc/self/gid_map", m->gids, m->ng))
		return -EPERM;
	return fn(arg);
}

int userns_make(int (*fn)(void *arg), void *arg)
{
	struct maps m;
	int pipe_fd[2], ret = -EPERM;
	pid_t pid;

	m.nu = (size_t)snprintf(m.uids, sizeof(m.uids), "%u %u 1", geteuid(), geteuid());
	m.ng = (size_t)snprintf(m.gids, sizeof(m.gids), "%u %u 1", getegid(), getegid());
	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* no signal at its end: it is nobody's child to be reaped but ours */
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | CLONE_FILES, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		ret = in_child(&m, fn, arg);
		_exit(write(pipe_fd[1], &ret, sizeof(ret)) == sizeof(ret) ? 0 : 1);
	}
	if (pid < 0)
		ret = -errno;
	while (pid > 0 && waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	if (pid > 0 && read(pipe_fd[0], &ret, sizeof(ret)) != sizeof(ret))
		ret = -EPERM;
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return ret;
}
