/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run directory of a view: what must have a name lives there and goes with the view. It is
 * $XDG_RUNTIME_DIR/umview/ID, else /tmp/umview-UID/ID, 0700, with a lock file that is held as long
 * as the supervisor lives: a directory whose lock is free was left by one that was killed.
 */
#ifndef UM_SYS_RUNDIR_H
#define UM_SYS_RUNDIR_H

#include "base/util.h"

/* The folder that holds all views of this user, malloc'ed; made if it is missing.
 * -EPERM when it is somebody else's. */
int MUST_CHECK rundir_base(char **ret);
/* Makes one; removes what killed views left. name NULL: the process id serves. ret_name is
 * malloc'ed. -EEXIST: a view of that name is alive. */
int MUST_CHECK rundir_new(const char *name, char **ret, char **ret_name);
void rundir_remove(char *dir);
/* Is the view of this directory alive? */
bool rundir_alive(const char *dir);

#endif
