/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/hostids.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "engine/own.h"

struct host_ids {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t ngroups;
};

static int host_ids_read(pid_t tid, struct host_ids *ret)
{
	char path[64], *text, *line;
	unsigned id[4];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	r = read_file(path, 1 << 20, &text, NULL);
	if (r < 0)
		return r;
	*ret = (struct host_ids){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
	line = strstr(text, "\nUid:");
	if (line && sscanf(line, "\nUid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4)
		ret->uid = id[3];
	line = strstr(text, "\nGid:");
	if (line && sscanf(line, "\nGid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4)
		ret->gid = id[3];
	line = strstr(text, "\nGroups:");
	if (line) {
		char *p = line + strlen("\nGroups:"), *end = strchr(p, '\n');

		ret->groups = calloc(
			(size_t)((end ? end : p + strlen(p)) - p) / 2 + 1, sizeof(*ret->groups));
		while (ret->groups && p < end) {
			char *next;
			unsigned long g = strtoul(p, &next, 10);

			if (next == p)
				break;
			ret->groups[ret->ngroups++] = (gid_t)g;
			p = next + strspn(next, " \t");
		}
	}
	free(text);
	if (ret->uid == (uid_t)-1 || ret->gid == (gid_t)-1 || !ret->groups) {
		free(ret->groups);
		return -ESRCH;
	}
	return 0;
}

/*
 * Only a supervisor that is root can have a guest of another user: no_new_privs keeps the others
 * as they are. Ids belong to the thread in the kernel (the raw calls change this one alone), and
 * a file-system uid other than 0 takes the file-system capabilities away until it is 0 again.
 */
bool hostids_enter(struct call *c)
{
	struct host_ids ids;
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
