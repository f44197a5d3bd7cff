/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mount/runmount.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "engine/nr.h"

/* An O_PATH descriptor of the directory, made when it is first asked for. */
static int open_dir(struct um *um)
{
	_cleanup_free_ char *path = str_printf("%s/run-mount", um->rundir);
	int fd;

	if (!path)
		return -ENOMEM;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int runmount_stat(struct um *um, const char *name, struct stat *ret)
{
	_cleanup_fd_ int dir = open_dir(um);

	if (dir < 0)
		return dir;
	if (fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return -errno;
	ret->st_uid = 0;
	ret->st_gid = 0;
	if (!name[0])
		ret->st_mode = S_IFDIR | 0755;
	return 0;
}

enum verdict runmount_open(struct call *c, const char *name, int flags)
{
	_cleanup_fd_ int dir = open_dir(c->um), fd = -1;

	if (dir < 0)
		return call_return(c, dir);
	fd = openat(dir, name[0] ? name : ".", flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return call_return(c, -errno);
	return guestfd_answer(c, fd, flags & O_CLOEXEC, ZONE_LOWEST);
}

int runmount_change(struct call *c, const char *name, const char *new_name)
{
	_cleanup_fd_ int dir = open_dir(c->um);
	struct stat st;
	int r;

	if (dir < 0)
		return dir;
	switch (c->nr) {
	case __NR_mkdir:
	case __NR_mkdirat:
		if (!name[0])
			return -EEXIST;
		r = mkdirat(dir, name, 0700);
		break;
	case __NR_unlink:
		r = unlinkat(dir, name, 0);
		break;
	case __NR_unlinkat:
		r = unlinkat(dir, name, (int)c->args[2]);
		break;
	case __NR_rmdir:
		r = unlinkat(dir, name, AT_REMOVEDIR);
		break;
	case __NR_rename:
	case __NR_renameat:
	case __NR_renameat2:
		if (!new_name)
			return -EXDEV;
		r = renameat(dir, name, dir, new_name);
		break;
	case __NR_link:
	case __NR_linkat:
		if (!new_name)
			return -EXDEV;
		r = linkat(dir, name, dir, new_name, 0);
		break;
	default: /* modes, owners and times are as good as any */
		r = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
		break;
	}
	return r < 0 ? -errno : 0;
}
