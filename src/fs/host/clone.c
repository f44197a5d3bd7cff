/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A read-only clone of a part of the host's tree, made by a child in namespaces of its own (as a
 * tmpfs is, see fs/tmpfs/kernel.c): an open file of it cannot be changed by any call, nor be opened
 * for writing by way of /proc.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/userns.h"
#include "fs/host/host.h"

struct wanted {
	const char *path;
};

static int make(void *arg)
{
	const struct wanted *w = arg;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, w->path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);

	if (fd < 0)
		return -errno;
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) ==
		0)
		return fd;
	close(fd);
	return -EPERM;
}

int hostfs_clone_ro(int of, const char *path)
{
	struct wanted w = { .path = path };
	_cleanup_fd_ int fd = userns_make(make, &w);
	struct stat st, st_of;

	if (fd < 0)
		return take_fd(&fd);
	if (fstat(fd, &st) < 0 || fstat(of, &st_of) < 0 || st.st_dev != st_of.st_dev ||
		st.st_ino != st_of.st_ino)
		return -ESTALE;
	return take_fd(&fd);
}
