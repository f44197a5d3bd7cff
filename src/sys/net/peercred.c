/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The kernel keeps the ids that a process had when it connected or listened,
 * which with a virtual identity are those of the user, and the process. What the process is now is
 * what it was then, unless it has changed since; one that has ended was root.
 */
#include "sys/net/peercred.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/abi32.h"
#include "engine/engine.h"
#include "engine/guestfd.h"
#include "engine/own.h"
#include "sys/net/stack.h"
#include "sys/table.h"
#include "sys/task/ids.h"
#include "sys/task/nsids.h"

/* NULL: it is no guest, or has ended. */
static const struct identity *identity_of(struct call *c, pid_t pid)
{
	const struct identity *id;

	return pid > 0 && task_is_ours(pid) && ids_of(c->um->ids, pid, &id) == 0 ? id : NULL;
}

static void show_cred(struct call *c, struct ucred *cred)
{
	const struct identity *id = identity_of(c, cred->pid);
	const struct own_ids own = call_own_ids(c);

	if (cred->uid == own.uid)
		cred->uid = id ? id->uid[ID_EFF] : 0;
	if (cred->gid == own.gid)
		cred->gid = id ? id->gid[ID_EFF] : 0;
	if (nsids_own(c)) {
		cred->uid = nsids_shown(c, NSID_UID, cred->uid);
		cred->gid = nsids_shown(c, NSID_GID, cred->gid);
	}
}

static int put_option(struct call *c, const void *value, size_t size, size_t room)
{
	int len = (int)(size < room ? size : room);
	int r = len ? guest_write(c, call_addr(c, 3), value, (size_t)len) : 0;

	return r < 0 ? r : guest_write(c, call_addr(c, 4), &len, sizeof(len));
}

/* Too little room is an error of this option alone, and the length is told all the same. */
static int put_groups(struct call *c, const struct identity *id, size_t room)
{
	int len = (int)(id->ngroups * sizeof(gid_t)), r;

	if ((size_t)len <= room)
		return put_option(c, id->groups, (size_t)len, room);
	r = guest_write(c, call_addr(c, 4), &len, sizeof(len));
	return r < 0 ? r : -ERANGE;
}

enum verdict sys_getsockopt(struct call *c)
{
	_cleanup_fd_ int fd = -1;
	const struct identity *id;
	struct ucred cred;
	socklen_t size = sizeof(cred);
	enum verdict v;
	int len, r;

	if (stack_call(c, &v))
		return v;
	if (!c->um->ids || (int)c->args[1] != SOL_SOCKET ||
		((int)c->args[2] != SO_PEERCRED && (int)c->args[2] != SO_PEERGROUPS))
		return CONTINUE;
	fd = guestfd_get(c, call_fd(c, 0));
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 || cred.pid <= 0)
		return CONTINUE;
	r = guest_read(c, call_addr(c, 4), &len, sizeof(len));
	if (r < 0 || len < 0)
		return call_return(c, r < 0 ? r : -EINVAL);
	if ((int)c->args[2] == SO_PEERGROUPS) {
		id = identity_of(c, cred.pid);
		return id ? call_return(c, put_groups(c, id, (size_t)len)) : CONTINUE;
	}
	show_cred(c, &cred);
	return call_return(c, put_option(c, &cred, sizeof(cred), (size_t)len));
}

/* ---- what is sent ---- */

static bool may_send(const struct identity *id, const struct ucred *cred)
{
	bool uid = id->eff & CAP_BIT(CAP_SETUID), gid = id->eff & CAP_BIT(CAP_SETGID);

	for (int i = ID_REAL; i <= ID_SAVED; i++) {
		uid = uid || cred->uid == id->uid[i];
		gid = gid || cred->gid == id->gid[i];
	}
	return uid && gid;
}

int peercred_send(struct call *c, gaddr_t control, struct msghdr *msg)
{
	/* a header of 32-bit programs is shorter, and they align by less */
	const size_t head = call_is32(c) ? sizeof(struct cmsghdr32) : CMSG_LEN(0);
	const size_t word = call_is32(c) ? 4 : 8;
	const struct own_ids own = call_own_ids(c);
	const struct identity *id;
	size_t at = 0;
	int r = c->um->ids && msg->msg_controllen ? ids_of(c->um->ids, c->tid, &id) : -ENOENT;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		size_t left = msg->msg_controllen - (size_t)((char *)cm - (char *)msg->msg_control);
		struct ucred cred;

		if (cm->cmsg_len > left || cm->cmsg_len < CMSG_LEN(0))
			return 0; /* the kernel refuses it */
		if (cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_CREDENTIALS &&
			cm->cmsg_len == CMSG_LEN(sizeof(cred))) {
			memcpy(&cred, CMSG_DATA(cm), sizeof(cred));
			if (may_send(id, &cred)) {
				cred.uid = own.uid;
				cred.gid = own.gid;
				memcpy(CMSG_DATA(cm), &cred, sizeof(cred));
				r = guest_write(
					c, gaddr_add(control, at + head), &cred, sizeof(cred));
				if (r < 0)
					return r;
			}
		}
		at += (head + cm->cmsg_len - CMSG_LEN(0) + word - 1) & ~(word - 1);
	}
	return 0;
}
