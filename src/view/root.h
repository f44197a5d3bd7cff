/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Roots that chroot(2) gave to processes which are root of the view alone: the kernel's root stays
 * what it is, and the walk begins and ends elsewhere. Which one a process has, a number, is a part
 * of its identity (sys/task/ids.h).
 */
#ifndef UM_VIEW_ROOT_H
#define UM_VIEW_ROOT_H

#include "view/path.h"

struct place;
struct walk;

/* The number of a directory as root, at least 1 (0: the view's own). -ENOSPC: too many; -ENOMEM. */
int MUST_CHECK root_add(struct view *v, const struct path *p);
void roots_free(struct view *v);

/* The root of the walk's task, in w->root, if it has one of its own. -ENOMEM, -errno. */
int MUST_CHECK root_begin(struct walk *w);

/* Where a process of the view has its root: its name, malloc'ed; NULL: the view's own. */
char *root_name_of(struct view *v, struct um *um, pid_t tid);
/* /proc/PID/root of a process with a root of its own: 1, with the walk there; 0: it has none. */
int MUST_CHECK root_enter(struct walk *w, pid_t tid);

/* An absolute path of the view as the task names it, in place: its root is taken off. False: its
 * root is not above the path, which stays. */
bool root_strip(struct view *v, struct call *c, char *path);

/* Which root has a process? Set once, by sys/task/ids.c. */
void root_set_hook(unsigned (*fn)(struct um *um, pid_t tid));

#endif
