/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in for the files of passwords, which the user who started the view may not read. */
#ifndef UM_SYS_TASK_SHADOW_H
#define UM_SYS_TASK_SHADOW_H

#include "sys/um.h"

/* A text for the host's file of this path ("etc/shadow", without a slash at its beginning);
 * malloc'ed. -ENOENT: nothing stands in for it; -errno. */
int MUST_CHECK shadow_text(const char *path, char **ret, size_t *ret_len);
/* Is what is found at this absolute path the host's own file, that there is such a text for, and
 * one that we may not read? */
bool shadow_wanted(struct call *c, const char *path);

#endif
