/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespaces are the kernel's. A guest that changes its root or its mount or network namespace may
 * see other files under the same words than we do: from then on each call asks the kernel whose
 * they are.
 *
 * But a network namespace that a guest may not have from the kernel, being no root, it has from the
 * view (sys/net/networks.h), and root of a view a mount namespace alone (view/space.h). Others it
 * has from the kernel within a user namespace, of which it is then root: there are its own ids
 * alone.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/userns.h"
#include "engine/guestfd.h"
#include "engine/inject.h"
#include "engine/nr.h"
#include "sys/path/chroot.h"
#include "sys/task/ids.h"
#include "sys/mount/mountsrv.h"
#include "sys/net/calls.h"
#include "sys/net/networks.h"
#include "sys/table.h"
#include "sys/task/nsids.h"
#include "view/space.h"

static enum verdict note(struct call *c, uint64_t flags)
{
	if (flags & (CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWNET))
		atomic_store(&c->um->view.exotic, true);
	return CONTINUE;
}

/* Are the guest's namespaces the view's affair? Not what it does as root of a user namespace of its
 * own, or of the host. */
static bool are_ours(struct call *c)
{
	if (ids_kernel_capable(c, CAP_SYS_ADMIN) && !c->um->ids)
		return false;
	return !nsids_elsewhere(&c->um->view, c->tid);
}

/* Which of them are: mounts need a root of the view. */
static uint64_t our_flags(struct call *c, uint64_t flags)
{
	uint64_t ours = CLONE_NEWNET | (c->um->ids ? CLONE_NEWNS : 0);

	return (flags & ours) && !(flags & CLONE_NEWUSER) && are_ours(c) ? flags & ours : 0;
}

static int unshare_mounts(struct call *c)
{
	struct view *v = &c->um->view;
	ino_t ended;

	while ((ended = space_next_ended(v)))
		um_umount_space(c->um, ended);
	return space_unshare(v, c->tid);
}

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define NEEDS_KERNEL (CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Does root of the view ask for what the kernel gives to a root alone? Not one who has another root
 * or mounts than the view's: those are ours, and would not be there. */
static bool wants_user_ns(struct call *c, uint64_t flags)
{
	const struct identity *id;
	struct task_mark m;

	return c->um->ids && flags && !ids_kernel_capable(c, CAP_SYS_ADMIN) &&
	       ids_of(c->um->ids, c->tid, &id) == 0 && (id->eff & CAP_BIT(CAP_SYS_ADMIN)) &&
	       !id->root && task_mark_get(c->tid, &m) == 0 && !m.space;
}

/* Who was root of the view is root of its user namespace. */
static void map_made(pid_t pid, void *arg)
{
	const struct fs_req *req = arg;
	int r = userns_map_of(pid, req->uid, req->gid);

	if (r < 0)
		log_warn("%d: the ids of its user namespace: %s", pid, strerror(-r));
}

static enum verdict make_in_user_ns(struct call *c, int nr, uint64_t flags)
{
	struct inject_args a = { .nr = nr, .made = map_made };
	struct fs_req req;

	fs_req_init(&req, c);
	memcpy(a.args, c->args, sizeof(a.args));
	a.args[0] = flags | CLONE_NEWUSER;
	a.made_arg = &req;
	(void)note(c, CLONE_NEWUSER);
	return inject_is_foreign(c) ? call_return(c, -EPERM) : inject_call(c, &a);
}

enum verdict sys_unshare(struct call *c)
{
	uint64_t flags = c->args[0], ours = our_flags(c, flags), rest = flags & ~ours;
	const struct inject_args a = { .nr = __NR_unshare, .args = { rest } };
	int r = 0;

	if (!(flags & CLONE_NEWUSER) && wants_user_ns(c, flags & (NEEDS_KERNEL | CLONE_NEWTIME)))
		return make_in_user_ns(c, __NR_unshare, flags);
	if (!ours)
		return note(c, flags);
	if (!net_capable(c, CAP_SYS_ADMIN))
		return call_return(c, -EPERM);
	if (ours & CLONE_NEWNET)
		r = network_unshare(c);
	if (r == 0 && (ours & CLONE_NEWNS))
		r = unshare_mounts(c);
	if (r < 0 || !rest)
		return call_return(c, r);
	(void)note(c, rest);
	return inject_call(c, &a);
}

enum verdict sys_clone(struct call *c)
{
	uint64_t flags = c->args[0];

	if (!(flags & CLONE_NEWUSER) &&
		wants_user_ns(c, flags & (NEEDS_KERNEL | CLONE_NEWNS | CLONE_NEWNET))) {
		/* without a tracer of its own they mean nothing; to us they would hide the child */
		flags &= ~(uint64_t)(CLONE_PTRACE | CLONE_UNTRACED);
		return make_in_user_ns(c, __NR_clone, flags);
	}
	return note(c, flags);
}

/* The process that a pidfd stands for; 0: it is none. */
static pid_t pid_of_pidfd(int fd)
{
	_cleanup_free_ char *info = NULL;
	char path[64];
	const char *p;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (read_file(path, 4096, &info, NULL) < 0)
		return 0;
	p = strstr(info, "\nPid:");
	return p ? (pid_t)atoi(p + 5) : 0;
}

/* 0, -errno; 1: it is not ours to answer. */
static int enter_network(struct call *c, int fd)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!network_knows(c->um, &st) && ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		pid_t pid = c->args[1] == CLONE_NEWNET ? pid_of_pidfd(fd) : 0;

		return pid > 0 && net_capable(c, CAP_SYS_ADMIN) ? network_follow(c, pid) : 1;
	}
	r = net_capable(c, CAP_SYS_ADMIN) ? network_enter(c, &st) : -EPERM;
	return r == -ENOENT ? 1 : r;
}

enum verdict sys_setns(struct call *c)
{
	int type = (int)c->args[1];
	_cleanup_fd_ int fd = -1;
	int r;

	if ((type == 0 || type == CLONE_NEWNET) && networks_any(c->um) && are_ours(c)) {
		fd = guestfd_get(c, call_fd(c, 0));
		r = fd < 0 ? 1 : enter_network(c, fd);
		if (r <= 0)
			return call_return(c, r);
	}
	/* flags 0: whatever the descriptor is */
	return note(c, c->args[1] ? c->args[1] : CLONE_NEWNS);
}

enum verdict sys_pivot_root(struct call *c)
{
	if (chroot_is_virtual(c, CAP_SYS_ADMIN))
		return pivot_virtual(c);
	atomic_store(&c->um->view.exotic, true);
	return CONTINUE;
}
