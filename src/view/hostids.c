/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/hostids.h"

#include <string.h>
#include <sys/syscall.h>

#include "engine/own.h"
#include "engine/status.h"

struct host_ids {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
};

#define STATUS_WHOLE (1u << 20) /* with 65,536 groups */

static int host_ids_read(pid_t tid, struct host_ids *ret)
{
	_cleanup_free_ char *text = malloc(STATUS_WHOLE);
	uint32_t uid[4], gid[4];
	const char *at;
	ssize_t n = text ? status_read(tid, text, STATUS_WHOLE) : -ENOMEM;
	gid_t group;

	if (n < 0)
		return (int)n;
	at = status_field(text, "\nGroups:\t");
	if (status_ids(text, "\nUid:\t", uid) != 4 || status_ids(text, "\nGid:\t", gid) != 4 || !at)
		return -ESRCH;
	*ret = (struct host_ids){ .uid = uid[3], .gid = gid[3] };
	ret->groups = calloc(strcspn(at, "\n") / 2 + 1, sizeof(*ret->groups));
	if (!ret->groups)
		return -ENOMEM;
	while (status_next_group(&at, &group))
		ret->groups[ret->ngroups++] = group;
	return 0;
}

/*
 * Only a supervisor that is root can have a guest of another user: no_new_privs keeps the others
 * as they are. Ids belong to the thread in the kernel (the raw calls change this one alone), and
 * a file-system uid other than 0 takes the file-system capabilities away until it is 0 again.
 */
bool hostids_enter(struct call *c)
{
	struct host_ids ids = { 0 };
	bool other;

	if (!c || call_own_ids(c).uid != 0 || host_ids_read(c->tid, &ids) < 0)
		return false;
	other = ids.uid != 0;
	if (other) {
		syscall(SYS_setgroups, ids.ngroups, ids.groups);
		syscall(SYS_setfsgid, ids.gid);
		syscall(SYS_setfsuid, ids.uid);
	}
	free(ids.groups);
	return other;
}

bool hostids_differ(struct call *c)
{
	struct host_ids ids = { 0 };

	if (call_own_ids(c).uid != 0 || host_ids_read(c->tid, &ids) < 0)
		return false;
	free(ids.groups);
	return ids.uid != 0;
}

void hostids_leave(bool entered)
{
	int err = errno;

	if (!entered)
		return;
	syscall(SYS_setfsuid, 0);
	syscall(SYS_setfsgid, 0);
	syscall(SYS_setgroups, 0, NULL);
	errno = err;
}
