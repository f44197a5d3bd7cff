/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ids that we run with: they never change, and most often every guest has them. */
#ifndef UM_ENGINE_OWN_H
#define UM_ENGINE_OWN_H

#include "engine/call.h"

struct own_ids {
	uid_t uid;
	gid_t gid;
	/* No guest can have others: all of ours are equal and we hold no capability, guests have
	 * no_new_privs, and a user namespace of their own maps no other. */
	bool fixed;
	/* the supplementary groups, which then are every guest's as well; NULL: not known */
	gid_t *groups;
	int ngroups;
};

/* Without the groups. */
void own_ids_read(struct own_ids *ret);
void own_ids_read_groups(struct own_ids *ids);
/* The same, without asking the kernel where the call has an engine. c may be NULL. */
struct own_ids call_own_ids(const struct call *c);

#endif
