/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespaces are the kernel's. A guest that changes its root or its mount or network namespace may see other
 * files under the same words than we do: from then on each call asks the kernel whose they are.
 */
#include <sched.h>

#include "sys/table.h"
#include "sys/um.h"

static enum verdict note(struct call *c, uint64_t flags)
{
	if (flags & (CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWNET))
		atomic_store(&c->um->view.exotic, true);
	return CONTINUE;
}

enum verdict sys_unshare(struct call *c)
{
	return note(c, c->args[0]);
}

enum verdict sys_clone(struct call *c)
{
	return note(c, c->args[0]);
}

enum verdict sys_setns(struct call *c)
{
	/* flags 0: whatever the descriptor is */
	return note(c, c->args[1] ? c->args[1] : CLONE_NEWNS);
}

enum verdict sys_pivot_root(struct call *c)
{
	atomic_store(&c->um->view.exotic, true);
	return CONTINUE;
}
