/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A name of a network is a bind mount of its file in /proc, as under the
 * kernel. The file that is bound is the network's own: what a guest opens there is known again by
 * setns(2), and by the kernel when an interface is moved to it. In /run, which is root's, the
 * folder is a tmpfs of the view.
 */
#include "sys/net/netns.h"

#include <fcntl.h>
#include <string.h>

#include "engine/guestmem.h"
#include "fs/host/host.h"
#include "sys/task/ids.h"
#include "sys/mount/memory.h"
#include "sys/mount/calls.h"
#include "sys/net/calls.h"
#include "sys/proc/name.h"

#define FOLDER "/run/netns"

bool netns_mkdir(struct call *c, int arg, int *ret)
{
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	struct memory_request rq = { .source = "none",
		.type = "tmpfs",
		.options = "mode=755",
		.flags = mount_flags_new(0) };
	_cleanup_path_ struct path where = PATH_INIT;
	char bad[256], word[64];
	ssize_t n = c->um->ids ? guest_read_str(c, call_addr(c, arg), word, sizeof(word)) : 0;
	bool there;

	/* most have another name */
	if (n < (ssize_t)strlen(FOLDER) || word[0] != '/' ||
		strcmp(strrchr(word, '/'), "/netns") != 0 || !ids_capable(c, CAP_SYS_ADMIN) ||
		path_resolve_abs(&c->um->view, &req, word, PATH_PARENT | PATH_CREATE, &where) < 0 ||
		where.kind != PATH_REAL || strcmp(where.name, FOLDER) != 0)
		return false;
	there = access(FOLDER, F_OK) == 0;
	if (access(there ? FOLDER : "/run", W_OK) == 0)
		return false;
	rq.where = &where;
	rq.made = !there;
	*ret = um_mount_memory(c->um, &rq, bad);
	return true;
}

/* fd: its file, which is closed. */
static int bind_network(struct call *c, pid_t pid, int fd, const char *target)
{
	_cleanup_path_ struct path where = PATH_INIT;
	_cleanup_inode_ struct inode *root = NULL;
	_cleanup_mount_ struct mount *m = NULL;
	char name[64];
	struct fs *fs;
	mode_t type;
	int r = mount_where(c, AT_FDCWD, target, PATH_FOLLOW, &where);

	if (r == 0) {
		ssize_t n = netfile_namespace(c, pid, name, sizeof(name) - 1);

		r = n < 0 ? (int)n : 0;
		name[n < 0 ? 0 : n] = '\0';
	}
	if (r == 0)
		r = hostfs_new(fd, name, &fs, &type);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = inode_root(fs, type, &root);
	if (r == 0)
		r = view_mount(
			&c->um->view, fs, root, &where, "nsfs", "nsfs", "", mount_flags_new(0), &m);
	if (r < 0)
		fs_discard(fs, take_ptr(&root));
	return r;
}

bool netns_mount(struct call *c, const char *source, const char *target, const char *type,
	unsigned long flags, int *ret)
{
	struct special s;
	int fd;

	if (!networks_any(c->um) || !ids_capable(c, CAP_SYS_ADMIN))
		return false;
	if (strcmp(type, "sysfs") == 0 && strcmp(target, "/sys") == 0 &&
		!(flags & (MS_BIND | MS_MOVE | MS_REMOUNT))) {
		*ret = 0;
		return true;
	}
	if (!(flags & MS_BIND) || (flags & MS_REMOUNT) || !special_parse(c, AT_FDCWD, source, &s) ||
		s.kind != SPECIAL_NET || !netfile_is_namespace(s.rest))
		return false;
	fd = netfile_open(c, s.pid, s.rest, O_RDONLY);
	*ret = fd < 0 ? fd : bind_network(c, s.pid, fd, target);
	return true;
}
