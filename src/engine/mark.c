/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/engine.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define MARK_SERVICE (1ull << 40)
#define MARK_UNDUMPABLE (1ull << 41)
#define MARK_NETWORK_SERVER (1ull << 42)
#define MARK_NETWORK_SHIFT 16
#define MARK_SPACE_SHIFT 28
#define RLIMIT_LOCKS_ ((enum __rlimit_resource)10) /* some libc headers hide the name */
#define MAX_TREE 4096
#define MAX_DEPTH 128
#define ANCESTRY_TRIES 8

int task_mark_get(pid_t pid, struct task_mark *ret)
{
	struct rlimit rl;
	int r = task_limit(pid, RLIMIT_LOCKS_, &rl);

	if (r < 0)
		return r;
	*ret = (struct task_mark){ 0 };
	if ((rl.rlim_cur & TASK_MARK_MASK) == TASK_MARK_MAGIC) {
		ret->service = rl.rlim_cur & MARK_SERVICE;
		ret->network_server = rl.rlim_cur & MARK_NETWORK_SERVER;
		ret->undumpable = rl.rlim_cur & MARK_UNDUMPABLE;
		ret->identity = (uint16_t)rl.rlim_cur;
		ret->network = (rl.rlim_cur >> MARK_NETWORK_SHIFT) & TASK_MARK_SPACE_MAX;
		ret->space = (rl.rlim_cur >> MARK_SPACE_SHIFT) & TASK_MARK_SPACE_MAX;
	}
	return 0;
}

int task_mark_set(pid_t pid, const struct task_mark *m)
{
	struct rlimit rl;

	if (prlimit(pid, RLIMIT_LOCKS_, NULL, &rl) < 0)
		return -errno;
	rl.rlim_cur = TASK_MARK_MAGIC | (m->service ? MARK_SERVICE : 0) |
		      (m->network_server ? MARK_NETWORK_SERVER : 0) |
		      (m->undumpable ? MARK_UNDUMPABLE : 0) |
		      (uint64_t)m->network << MARK_NETWORK_SHIFT |
		      (uint64_t)m->space << MARK_SPACE_SHIFT | m->identity;
	if (rl.rlim_cur > rl.rlim_max)
		return -EPERM;
	return prlimit(pid, RLIMIT_LOCKS_, &rl, NULL) < 0 ? -errno : 0;
}

bool task_is_ours(pid_t pid)
{
	pid_t self = getpid();

	for (int depth = 0; depth < MAX_DEPTH && pid > 1; depth++) {
		if (pid == self)
			return true;
		pid = process_parent(pid);
	}
	return false;
}

/* As task_is_ours(), while ancestors end. Where it cannot be told it is ours. */
static bool may_be_ours(pid_t pid)
{
	const pid_t self = getpid();

	for (int tries = 0; tries < ANCESTRY_TRIES; tries++) {
		pid_t at = pid, parent;

		while (at != self && at > 1 && (parent = process_parent(at)) > 0)
			at = parent;
		if (at == self)
			return true;
		/* it is nobody's child, or is gone itself */
		if (at == 1 || at == pid || kill(at, 0) == 0 || errno == EPERM)
			return false;
	}
	return true;
}

void task_mark_each(void (*fn)(pid_t pid, const struct task_mark *m, void *arg), void *arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;
	struct task_mark m;

	while (dir && (de = readdir(dir))) {
		pid_t pid = atoi(de->d_name);

		if (pid > 0 && task_mark_get(pid, &m) == 0 && may_be_ours(pid))
			fn(pid, &m, arg);
	}
	if (dir)
		closedir(dir);
}

/* Appends the children of one process (of all its threads' together: the kernel lists them by
 * thread, and servers fork from the first) to the list. */
static void add_children(pid_t pid, pid_t *list, size_t *n)
{
	char path[64], *p, *end;
	_cleanup_free_ char *text = NULL;
	long child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (read_file(path, 1 << 20, &text, NULL) < 0)
		return;
	for (p = text; *n < MAX_TREE && (child = strtol(p, &end, 10)) > 0; p = end)
		list[(*n)++] = (pid_t)child;
}

int task_mark_service_tree(pid_t pid)
{
	_cleanup_free_ pid_t *list = malloc(MAX_TREE * sizeof(*list));
	size_t n = 0;
	int r = 0;

	if (!list)
		return -ENOMEM;
	list[n++] = pid;
	for (size_t i = 0; i < n; i++) {
		struct task_mark m;
		int err = task_mark_get(list[i], &m);

		m.service = true;
		if (err == 0)
			err = task_mark_set(list[i], &m);
		if (i == 0)
			r = err; /* a child may have ended meanwhile */
		add_children(list[i], list, &n);
	}
	return r;
}
