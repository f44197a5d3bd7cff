/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int userns_open(const char *path, int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC);
}

static int put(const char *path, const char *text, size_t len)
{
	int fd = userns_open(path, O_WRONLY), err = 0;

	if (fd < 0 || syscall(SYS_write, fd, text, len) != (long)len)
		err = -errno;
	if (fd >= 0)
		(void)syscall(SYS_close, fd);
	return err;
}

void userns_prepare(struct userns_maps *ret)
{
	ret->nu = (size_t)snprintf(ret->uids, sizeof(ret->uids), "%u %u 1", geteuid(), geteuid());
	ret->ng = (size_t)snprintf(ret->gids, sizeof(ret->gids), "%u %u 1", getegid(), getegid());
}

int userns_map(const struct userns_maps *m)
{
	/* which the kernel asks for before gid_map */
	int err = put("/proc/self/setgroups", "deny", 4);

	if (err == 0)
		err = put("/proc/self/uid_map", m->uids, m->nu);
	return err < 0 ? err : put("/proc/self/gid_map", m->gids, m->ng);
}

int userns_map_of(pid_t pid, uid_t uid, gid_t gid)
{
	const char *const files[] = { "setgroups", "uid_map", "gid_map" };
	char text[3][48] = { "deny" };
	int err = 0;

	snprintf(text[1], sizeof(text[1]), "%u %u 1", uid, geteuid());
	snprintf(text[2], sizeof(text[2]), "%u %u 1", gid, getegid());
	for (size_t i = 0; i < ARRAY_SIZE(files) && err == 0; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		err = put(path, text[i], strlen(text[i]));
	}
	return err;
}

/* In the child. */
static int become_root(int ns, const struct userns_maps *m)
{
	if (ns < 0)
		return userns_map(m);
	return setns(ns, CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNS) < 0 ? -errno : 0;
}

int userns_run(int ns, int (*fn)(void *arg), void *arg)
{
	const int flags = CLONE_FILES | (ns < 0 ? CLONE_NEWUSER | CLONE_NEWNS : 0);
	struct userns_maps m;
	int pipe_fd[2], ret = -EPERM;
	pid_t pid;

	userns_prepare(&m);
	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* no signal at its end: it is nobody's child to be reaped but ours */
	pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		ret = become_root(ns, &m) < 0 ? -EPERM : fn(arg);
		(void)syscall(SYS_write, pipe_fd[1], &ret, sizeof(ret));
		(void)syscall(SYS_exit_group, 0);
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

int userns_make(int (*fn)(void *arg), void *arg)
{
	return userns_run(-1, fn, arg);
}
