/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ids of a guest in a user namespace of its own. All that the view has are as we see them; what
 * such a guest is shown, and what it gives, is as its namespace has them. Not under --root, whose
 * ids are not the kernel's.
 */
#ifndef UM_SYS_NSIDS_H
#define UM_SYS_NSIDS_H

#include <sys/stat.h>

#include "engine/call.h"
#include "view/acl.h"

enum nsid { NSID_UID, NSID_GID };

/* Is it in one? */
bool nsids_own(struct call *c);
/* What it is shown of an id: the kernel's overflow id where that has none there. */
uint32_t nsids_shown(struct call *c, enum nsid kind, uint32_t id);
/* What it means: 0 and *id, -EINVAL for what it does not have. (uint32_t)-1 stays what it is. */
int MUST_CHECK nsids_meant(struct call *c, enum nsid kind, uint32_t *id);

void nsids_stat(struct call *c, struct stat *st);
void nsids_statx(struct call *c, struct statx *stx);
int MUST_CHECK nsids_meant_owner(struct call *c, uid_t *uid, gid_t *gid);
/* posix_acl_fix_xattr_to_user(), and the other way. */
void nsids_acl_shown(struct call *c, struct acl *acl, unsigned n);
int MUST_CHECK nsids_acl_meant(struct call *c, struct acl *acl, unsigned n);

#endif
