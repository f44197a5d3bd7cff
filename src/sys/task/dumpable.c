/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/task/dumpable.h"

#include "engine/engine.h"

static int mark(struct call *c, bool undumpable)
{
	struct task_mark m;
	int r = task_mark_get(c->tid, &m);

	if (r < 0 || m.undumpable == undumpable)
		return r;
	m.undumpable = undumpable;
	return task_mark_set(c->tid, &m);
}

enum verdict dumpable_set(struct call *c)
{
	int r;

	if (c->args[1] > 1)
		return CONTINUE; /* EINVAL */
	r = mark(c, c->args[1] == 0);
	/* a limit that cannot be set hides the value, nothing else */
	return c->args[1] == 0 ? call_return(c, r == -ESRCH ? r : 0) : CONTINUE;
}

enum verdict dumpable_get(struct call *c)
{
	struct task_mark m;

	return task_mark_get(c->tid, &m) == 0 && m.undumpable ? call_return(c, 0) : CONTINUE;
}

void dumpable_exec(struct call *c)
{
	(void)!mark(c, false); /* one that is gone has no exec either */
}
