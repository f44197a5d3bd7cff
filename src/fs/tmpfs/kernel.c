/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's tmpfs. An ordinary user may make one in a user namespace; the mount that fsmount(2)
 * gives is attached nowhere, and its descriptor works in any namespace. So a child enters one, makes
 * the mount, and ends; what it opened is ours, since it has our table of descriptors.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fs/tmpfs/internal.h"

/* The root's descriptor or -errno. Only system calls: it runs in a child of a process with threads. */
static int make(const struct tmpfs_words *w, size_t *ret_bad)
{
	int ctx = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), fd;
	int err = 0;

	if (ctx < 0)
		return -errno;
	for (size_t i = 0; i < w->n && err == 0; i++) {
		if (syscall(SYS_fsconfig, ctx, w->value[i] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			    w->word[i], w->value[i], 0) == 0)
			continue;
		err = -errno;
		*ret_bad = i;
	}
	if (err == 0 && syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		err = -errno;
	fd = err < 0 ? err : (int)syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC, 0);
	if (err == 0 && fd < 0)
		fd = -errno;
	close(ctx);
	return fd;
}

static bool put(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, len) == (ssize_t)len;

	if (fd >= 0)
		close(fd);
	return good;
}

struct answer {
	int fd;
	size_t bad;
};

int tmpfs_of_kernel(const struct tmpfs_words *w, size_t *ret_bad)
{
	struct answer a = { .bad = SIZE_MAX };
	char uids[48], gids[48];
	int fd = make(w, ret_bad), pipe_fd[2];
	size_t nu, ng;
	pid_t pid;
	ssize_t n;

	if (fd >= 0 || *ret_bad != SIZE_MAX)
		return fd;
	nu = (size_t)snprintf(uids, sizeof(uids), "%u %u 1", geteuid(), geteuid());
	ng = (size_t)snprintf(gids, sizeof(gids), "%u %u 1", getegid(), getegid());
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -errno;
	/* no signal at its end: it is nobody's child to be reaped but ours */
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | CLONE_FILES, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		a.fd = put("/proc/self/setgroups", "deny", 4) && put("/proc/self/uid_map", uids, nu) &&
				put("/proc/self/gid_map", gids, ng) ?
			make(w, &a.bad) : -EPERM;
		n = write(pipe_fd[1], &a, sizeof(a));
		_exit(n == sizeof(a) ? 0 : 1);
	}
	fd = pid < 0 ? -errno : 0;
	if (pid > 0) {
		while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
			;
		if (fcntl(pipe_fd[0], F_SETFL, O_NONBLOCK) == 0 &&
			read(pipe_fd[0], &a, sizeof(a)) == sizeof(a)) {
			fd = a.fd;
			*ret_bad = a.bad;
		} else {
			fd = -EPERM;
		}
	}
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return fd;
}
