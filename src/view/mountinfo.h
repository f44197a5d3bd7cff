/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of /proc/PID/mountinfo. */
#ifndef UM_VIEW_MOUNTINFO_H
#define UM_VIEW_MOUNTINFO_H

#include <limits.h>

#include "base/util.h"

struct mountinfo {
	int id;
	unsigned major, minor;
	char root[PATH_MAX];  /* of the mount, in its file system */
	char point[PATH_MAX]; /* where it is, for PID */
};

/* Takes the next line from *text, which moves on: false at the end. */
bool mountinfo_next(const char **text, struct mountinfo *ret);

/* The malloc'ed text of a task's; NULL. */
char *mountinfo_read(pid_t tid);

/* Is `path` at or below the directory `top`? What follows then ("", "/..."), else NULL. */
const char *path_below(const char *path, const char *top);

#endif
