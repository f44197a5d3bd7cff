/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RLIMIT_LOCKS, on which what we know of a process rides: to guests it is a limit that nobody has
 * set. The kernel has ignored it since Linux 2.4.25, so that a value that is set need not be kept.
 */
#include <sys/resource.h>

#include "engine/abi.h"
#include "engine/engine.h"
#include "sys/table.h"

static const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

enum verdict sys_prlimit64(struct call *c)
{
	pid_t pid = (pid_t)c->args[0];
	gaddr_t new = call_addr(c, 2), old = call_addr(c, 3);
	struct rlimit rl;
	int r = 0;

	if (new.v) {
		r = guest_read(c, new, &rl, sizeof(rl));
		if (r == 0 && rl.rlim_cur > rl.rlim_max)
			r = -EINVAL;
	}
	if (r == 0)
		r = task_limit(
			pid ? pid : c->tid, RLIMIT_NOFILE, &rl); /* is it there, and may we? */
	if (r == 0 && old.v)
		r = guest_write(c, old, &unlimited, sizeof(unlimited));
	return call_return(c, r);
}

enum verdict sys_getrlimit(struct call *c)
{
	return call_return(c, abi_write_rlimit(c, call_addr(c, 1), &unlimited));
}

enum verdict sys_setrlimit(struct call *c)
{
	struct rlimit rl;
	int r = abi_read_rlimit(c, call_addr(c, 1), &rl);

	if (r == 0 && rl.rlim_cur > rl.rlim_max)
		r = -EINVAL;
	return call_return(c, r);
}
