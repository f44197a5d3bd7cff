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
	const char *line;     /* in the text */
};

/* Takes the next line from *text, which moves on: false at the end. */
bool mountinfo_next(const char **text, struct mountinfo *ret);

/* Where `path`, at or below the mount point, is in the mount's file system: malloc'ed; NULL when it
 * is not there, or out of memory. */
char *mountinfo_inside(const struct mountinfo *mi, const char *path);
/* What stands after " - ": malloc'ed, the options without the rw or ro they begin with. -EINVAL,
 * -ENOMEM. */
int MUST_CHECK mountinfo_super(
	const struct mountinfo *mi, char **ret_type, char **ret_source, char **ret_options);

/* The malloc'ed text of a task's; NULL. */
char *mountinfo_read(pid_t tid);

/* Is `path` at or below the directory `top`? What follows then ("", "/..."), else NULL. */
const char *path_below(const char *path, const char *top);

#endif
