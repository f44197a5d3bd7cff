/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mount namespaces of the view: what its root, who may have none from the kernel, gets from
 * unshare(2). A mount made in one is seen in that alone, and in those made from it. Which one a
 * process is in rides on its mark (engine/engine.h).
 */
#ifndef UM_VIEW_SPACE_H
#define UM_VIEW_SPACE_H

#include "view/view.h"

struct spaces;
int MUST_CHECK spaces_new(struct spaces **ret);
void spaces_free(struct spaces *s);

/* The process of a thread goes into a new one: 0; -ENOSPC, -ESRCH. */
int MUST_CHECK space_unshare(struct view *v, pid_t tid);
/* One that nobody is in any more, whose mounts are to go; 0: none is known. Each is told once, in
 * batches: some time after its end. */
ino_t space_next_ended(struct view *v);
/* That of a task, as struct mount has it; 0: it is in none. Cheap while there is none. */
ino_t space_of(struct view *v, pid_t tid);
/* Is the mount seen there? */
bool space_sees(const struct view *v, ino_t ns, const struct mount *m);

#endif
