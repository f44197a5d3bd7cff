/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/daemon/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static int write_file(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

int userns_enter(int flags, char **ret_message)
{
	const unsigned uid = geteuid(), gid = getegid();
	char map[64];
	int r;

	if (unshare(CLONE_NEWUSER | flags) < 0) {
		r = -errno;
		*ret_message = str_printf("--net: a network of one's own needs user namespaces, which are refused "
					  "here (%s): see /proc/sys/user/max_user_namespaces, "
					  "kernel.apparmor_restrict_unprivileged_userns, or the container's seccomp "
					  "profile",
			strerror(-r));
		return r;
	}
	/* who is outside no more may map himself alone, and the kernel asks for this before gid_map */
	r = write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	if (r == 0)
		r = write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	if (r == 0)
		r = write_file("/proc/self/gid_map", map);
	return r;
}
