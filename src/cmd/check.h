/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umview --check and --list. */
#ifndef UM_CMD_CHECK_H
#define UM_CMD_CHECK_H

#include "base/util.h"

/* What this kernel and container allow, and what to do about the rest: 0, or 1 when a view cannot
 * run here. */
int check_machine(bool json);
/* The views of this user that run now: 0. */
int list_views(bool json);

#endif
