/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ids of a guest in a user namespace of its own. All that the view has are as we see them; what
 * such a guest is shown, and what it gives, is as its namespace has them. Under --root the kernel
 * knows one id of ours, which is there what the guest was when it entered that namespace.
 */
#ifndef UM_SYS_NSIDS_H
#define UM_SYS_NSIDS_H

#include <sys/stat.h>

#include "engine/call.h"
#include "view/acl.h"
#include "view/view.h"

enum nsid { NSID_UID, NSID_GID };

/* Is the task in one? */
bool nsids_elsewhere(const struct view *v, pid_t tid);
bool nsids_own(struct call *c);
/* The ranges of a map's text, one by one: the first id inside, the first outside, and how many. */
bool nsids_next(const char **at, uint32_t ret[3]);
/* What it is shown of an id: the kernel's overflow id where that has none there. */
uint32_t nsids_shown(struct call *c, enum nsid kind, uint32_t id);
/* What it means (hosts: of a file of the host's, which knows of no virtual root): 0 and *id,
 * -EINVAL for what it does not have. (uint32_t)-1 stays what it is. */
int MUST_CHECK nsids_meant(struct call *c, enum nsid kind, bool hosts, uint32_t *id);

void nsids_stat(struct call *c, struct stat *st);
void nsids_statx(struct call *c, struct statx *stx);
int MUST_CHECK nsids_meant_owner(struct call *c, bool hosts, uid_t *uid, gid_t *gid);
/* An ACL as it is shown, in which those who have no id there are (uint32_t)-1; and the other way.
 */
void nsids_acl_shown(struct call *c, struct acl *acl, unsigned n);
int MUST_CHECK nsids_acl_meant(struct call *c, struct acl *acl, unsigned n);

#endif
