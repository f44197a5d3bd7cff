/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks whose tree is not ours: in a mount namespace or a root of their own.
 */
#ifndef UM_VIEW_ELSEWHERE_H
#define UM_VIEW_ELSEWHERE_H

#include "view/path.h"

/* Has it namespaces of its own, got by a call that no filter can judge (clone3(2))? Asked where
 * that begins to matter: when it mounts something, or its ids are mapped. */
void elsewhere_note(struct view *v, pid_t tid);
/* Is the task in another root or mount namespace than we? */
bool is_elsewhere(struct view *v, pid_t tid);
/* Its mount namespace as struct mount has it: 0 for our own. */
ino_t elsewhere_ns(struct view *v, pid_t tid);
/* The path at which the task finds a mount of the view, malloc'ed; NULL: at none. info: its
 * mountinfo. */
char *elsewhere_name(struct view *v, pid_t tid, const char *info, struct mount *m);
/* path_of_inode() as the task would have it; tid 0: as we. */
char *elsewhere_path(struct view *v, pid_t tid, struct mount *m, struct inode *ino);

/* The same of what is at or below a place that the kernel has: malloc'ed, or NULL. */
char *elsewhere_own_name(pid_t tid, const struct own_place *own, struct inode *ino);

#endif
