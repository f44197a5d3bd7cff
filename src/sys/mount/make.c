/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A mount is found by its path, so that it can lie where the host has nothing:
 * it is crossed onto before the host is asked. Its folder lists it (read_changed() in
 * sys/fd/dir.c). In a file system in memory things are made.
 */
#include "sys/mount/make.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/host/host.h"
#include "sys/mount/memory.h"
#include "sys/mount/calls.h"

static bool in_memory(const struct path *p)
{
	return p->kind == PATH_VIRTUAL && mount_type_is_memory(p->mnt->type);
}

mode_t make_type_there(const struct path *p)
{
	struct stat st;

	if (p->kind == PATH_VIRTUAL)
		return p->inode ? inode_type(p->inode) : 0;
	return fstatat(p->dirfd, p->last, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0
		       ? 0
		       : st.st_mode & S_IFMT;
}

int make_dir(struct um *um, const struct path *where)
{
	struct memory_request rq = { .where = where,
		.source = "none",
		.type = "tmpfs",
		.options = "mode=755",
		.flags = mount_flags_new(0),
		.made = true };
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_inode_ struct inode *ino = NULL;
	mode_t there = make_type_there(where);
	char bad[256];

	if (there)
		return there == S_IFDIR ? 0 : -EEXIST;
	if (in_memory(where))
		return inode_mkdir(where->parent, &req, where->last, 0755, &ino);
	return um_mount_memory(um, &rq, bad);
}

static int mount_link(struct um *um, int fd, const struct path *where)
{
	_cleanup_mount_ struct mount *m = NULL;
	struct inode *root = NULL;
	struct fs *fs;
	mode_t type;
	int r = hostfs_new(fd, "/", &fs, &type);

	if (r < 0) {
		close(fd);
		return r;
	}
	r = inode_root(fs, type, &root);
	if (r == 0)
		r = view_mount_as(&um->view, fs, root, where, "none", "none", "",
			mount_flags_new(0), &(struct mount_as){ .rule = RULE_MADE }, &m);
	if (m)
		inode_put(root);
	else
		fs_discard(fs, root);
	return r;
}

int make_symlink(struct um *um, const char *target, const struct path *where)
{
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_free_ char *path = NULL;
	int fd;

	if (in_memory(where) && !where->inode)
		return inode_symlink(where->parent, &req, where->last, target, &ino);
	if (make_type_there(where) == S_IFDIR || where->inode)
		return -EEXIST;
	path = str_printf("%s/link-%d", um->rundir, um->view.next_id);
	if (!path)
		return -ENOMEM;
	(void)unlink(path); /* of a mount that could not be made */
	if (symlink(target, path) < 0)
		return -errno;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : mount_link(um, fd, where);
}
