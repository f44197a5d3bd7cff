/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A network namespace lives as long as a descriptor of it does, or a socket in
 * it. Its /sys is a mount of its own, attached nowhere, since a sysfs shows the interfaces of the
 * namespace that it was made in.
 */
#include "net/daemon/space.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

struct space {
	int net;   /* -1: none */
	int sysfs; /* -1: a container that covers parts of /sys refuses one, and the host's is seen
		    */
};

struct spaces {
	struct space *v;
	uint32_t n;
	uint32_t now; /* where the process is */
};

int spaces_new(struct spaces **ret)
{
	struct spaces *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	/* which mounts can be made in; without it there are none */
	(void)unshare(CLONE_NEWNS);
	*ret = s;
	return 0;
}

static int new_sysfs(void)
{
	_cleanup_fd_ int fs = fsopen("sysfs", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC,
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static int free_place(struct spaces *s)
{
	struct space *more;

	for (uint32_t i = 0; i < s->n; i++) {
		if (s->v[i].net < 0)
			return (int)i;
	}
	if (s->n >= SPACES_MAX)
		return -ENOSPC;
	more = reallocarray(s->v, s->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->v = more;
	s->v[s->n] = (struct space){ -1, -1 };
	return (int)s->n++;
}

int space_new(struct spaces *s)
{
	int number = free_place(s), r;

	if (number < 0)
		return number;
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	s->v[number].net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (s->v[number].net < 0) {
		r = -errno;
		/* a place that nobody is in: the next request goes to its own */
		s->now = SPACES_MAX;
		return r;
	}
	s->v[number].sysfs = new_sysfs();
	s->now = (uint32_t)number;
	return number;
}

void space_write_sysctl(const char *name, const char *value)
{
	_cleanup_fd_ int fd = open(name, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, value, strlen(value)) < 0) {
		/* an older kernel without it: then ping(8) needs a raw socket, which it gets */
	}
}

void space_open_sysctls(void)
{
	char range[64];

	snprintf(range, sizeof(range), "%u %u", getegid(), getegid());
	space_write_sysctl("/proc/sys/net/ipv4/ping_group_range", range);
	space_write_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
}

int space_fd(const struct spaces *s, uint32_t number)
{
	return number < s->n ? s->v[number].net : -1;
}

int space_enter(struct spaces *s, uint32_t number)
{
	int fd = space_fd(s, number);

	if (fd < 0)
		return -ENOENT;
	if (s->now == number)
		return 0;
	if (setns(fd, CLONE_NEWNET) < 0)
		return -errno;
	s->now = number;
	return 0;
}

void space_drop(struct spaces *s, uint32_t number)
{
	/* it is not kept by the process being in it */
	if (space_fd(s, number) < 0 || (s->now == number && space_enter(s, 0) < 0))
		return;
	close(s->v[number].net);
	if (s->v[number].sysfs >= 0)
		close(s->v[number].sysfs);
	s->v[number] = (struct space){ -1, -1 };
}

int space_open(const struct spaces *s, const char *path, int flags)
{
	const int sysfs = s->now < s->n ? s->v[s->now].sysfs : -1;
	int fd;

	if (strncmp(path, "/sys/", 5) == 0 && sysfs >= 0)
		fd = openat(sysfs, path + 5, flags | O_CLOEXEC | O_NOCTTY);
	else
		fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}
