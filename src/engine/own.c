/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/own.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#include "engine/internal.h"

void own_ids_read(struct own_ids *ret)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { { 0 } };
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	*ret = (struct own_ids){ .uid = geteuid(), .gid = getegid() };
	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0 ||
		syscall(SYS_capget, &head, caps) < 0)
		return;
	ret->fixed = ruid != 0 && ruid == euid && ruid == suid && rgid == egid && rgid == sgid &&
		     !caps[0].permitted && !caps[1].permitted;
}

void own_ids_read_groups(struct own_ids *ids)
{
	int n = getgroups(0, NULL);
	gid_t *groups = n >= 0 ? calloc((size_t)n + 1, sizeof(*groups)) : NULL;

	if (groups)
		n = getgroups(n, groups);
	if (n < 0 || !groups) {
		free(groups);
		return;
	}
	ids->groups = groups;
	ids->ngroups = n;
}

struct own_ids call_own_ids(const struct call *c)
{
	struct own_ids own;

	if (c && c->engine)
		return c->engine->own;
	own_ids_read(&own);
	return own;
}
