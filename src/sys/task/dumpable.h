/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prctl(PR_SET_DUMPABLE, 0), with which ssh-agent and others keep debuggers off: it would take the
 * guest's memory and /proc files away from us as well. So the kernel is not told; the value is kept
 * in the task's mark, over fork, and PR_GET_DUMPABLE tells it. An exec ends it, as in the kernel.
 * Other processes of the same user can still read such a process's memory: see SECURITY.md.
 */
#ifndef UM_SYS_TASK_DUMPABLE_H
#define UM_SYS_TASK_DUMPABLE_H

#include "engine/call.h"

enum verdict dumpable_set(struct call *c);
enum verdict dumpable_get(struct call *c);
/* Before an exec. */
void dumpable_exec(struct call *c);

#endif
