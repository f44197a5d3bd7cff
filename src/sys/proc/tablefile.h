/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/PID/mounts and mountinfo as open files that poll(2), select(2) and epoll(7) can wait on: as
 * the kernel's they tell POLLERR and POLLPRI once after each change of what is mounted.
 */
#ifndef UM_SYS_PROC_TABLEFILE_H
#define UM_SYS_PROC_TABLEFILE_H

#include "sys/proc/file.h"

struct tablefiles;

int MUST_CHECK tablefiles_new(struct view *v, struct tablefiles **ret);
void tablefiles_free(struct tablefiles *t);

/* Answers an open with one, whose text is taken over where that is done. False: there can be none
 * here, and nothing was done. */
bool tablefile_open(struct call *c, pid_t pid, enum procfile_table kind, char **text, size_t len,
	int flags, enum verdict *ret);

#endif
