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

/* The line of the mount of this id. */
bool mountinfo_find(const char *text, uint64_t id, struct mountinfo *ret);

/* Where `path`, at or below the mount point, is in the mount's file system: malloc'ed; NULL when it
 * is not there, or out of memory. */
char *mountinfo_inside(const struct mountinfo *mi, const char *path);
/* The other way: the name by this mount of what is at `inside` in the file system `dev`. */
char *mountinfo_outside(const struct mountinfo *mi, dev_t dev, const char *inside);
/* What stands after " - ": malloc'ed, the options without the rw or ro they begin with. -EINVAL,
 * -ENOMEM. */
int MUST_CHECK mountinfo_super(
	const struct mountinfo *mi, char **ret_type, char **ret_source, char **ret_options);

/* The malloc'ed text of a task's; NULL. */
char *mountinfo_read(pid_t tid);

/* Is `path` at or below the directory `top`? What follows then ("", "/..."), else NULL. */
const char *path_below(const char *path, const char *top);

#endif
