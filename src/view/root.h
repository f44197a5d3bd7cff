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

/* An absolute path of the view as the task names it, in place: its root is taken off. False: its
 * root is not above the path, which stays. */
bool root_strip(struct view *v, struct call *c, char *path);

/* Which root has the caller? Set once, by sys/task/ids.c. */
void root_set_hook(unsigned (*fn)(struct call *c));

#endif
