/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ids that the kernel has for a guest: never the virtual ones of --root, with which nothing on
 * the host's files is decided.
 */
#ifndef UM_VIEW_HOSTIDS_H
#define UM_VIEW_HOSTIDS_H

#include "engine/call.h"

/* From here to hostids_leave() this thread works on the host's files with the guest's file-system
 * ids and groups, where the supervisor is root and the guest is not. c NULL: the supervisor's own
 * work. What it returns is for hostids_leave(). */
bool hostids_enter(struct call *c);
/* Would it change them? */
bool hostids_differ(struct call *c);
void hostids_leave(bool entered); /* leaves errno as it is */

#endif
