/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/task/nsids.h"

#include <linux/posix_acl.h>
#include <stdio.h>

#include "sys/um.h"

#define OVERFLOW_ID 65534

bool nsids_own(struct call *c)
{
	struct stat ours, its;
	char path[64];

	if (!atomic_load_explicit(&c->um->view.exotic, memory_order_relaxed) || c->um->ids)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", c->tid);
	return stat("/proc/self/ns/user", &ours) == 0 && stat(path, &its) == 0 &&
	       ours.st_ino != its.st_ino;
}

/* Through its map, whose second column is as we see it. False: there is nothing for it. */
static bool mapped(struct call *c, enum nsid kind, bool inwards, uint32_t *id)
{
	_cleanup_free_ char *text = NULL;
	unsigned inside, outside, count;
	char path[64];
	int len = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", c->tid,
		kind == NSID_UID ? "uid_map" : "gid_map");
	if (read_file(path, 65536, &text, NULL) < 0)
		return false;
	for (const char *p = text; sscanf(p, "%u %u %u%n", &inside, &outside, &count, &len) == 3;
		p += len) {
		uint32_t from = inwards ? outside : inside;

		if (*id >= from && *id - from < count) {
			*id = *id - from + (inwards ? inside : outside);
			return true;
		}
	}
	return false;
}

uint32_t nsids_shown(struct call *c, enum nsid kind, uint32_t id)
{
	return mapped(c, kind, true, &id) ? id : OVERFLOW_ID;
}

int nsids_meant(struct call *c, enum nsid kind, uint32_t *id)
{
	return *id == UINT32_MAX || mapped(c, kind, false, id) ? 0 : -EINVAL;
}

void nsids_stat(struct call *c, struct stat *st)
{
	if (!nsids_own(c))
		return;
	st->st_uid = nsids_shown(c, NSID_UID, st->st_uid);
	st->st_gid = nsids_shown(c, NSID_GID, st->st_gid);
}

void nsids_statx(struct call *c, struct statx *stx)
{
	if (!nsids_own(c))
		return;
	stx->stx_uid = nsids_shown(c, NSID_UID, stx->stx_uid);
	stx->stx_gid = nsids_shown(c, NSID_GID, stx->stx_gid);
}

int nsids_meant_owner(struct call *c, uid_t *uid, gid_t *gid)
{
	int r;

	if (!nsids_own(c))
		return 0;
	r = nsids_meant(c, NSID_UID, uid);
	return r < 0 ? r : nsids_meant(c, NSID_GID, gid);
}

/* Whose id an entry has; false: it has none. */
static bool acl_kind(const struct acl_entry *e, enum nsid *ret)
{
	*ret = e->tag == ACL_USER ? NSID_UID : NSID_GID;
	return e->tag == ACL_USER || e->tag == ACL_GROUP;
}

void nsids_acl_shown(struct call *c, struct acl *acl, unsigned n)
{
	enum nsid kind;

	for (unsigned i = 0; i < n; i++)
		if (acl_kind(&acl->e[i], &kind))
			acl->e[i].id = nsids_shown(c, kind, acl->e[i].id);
}

int nsids_acl_meant(struct call *c, struct acl *acl, unsigned n)
{
	enum nsid kind;
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++)
		if (acl_kind(&acl->e[i], &kind))
			r = nsids_meant(c, kind, &acl->e[i].id);
	return r;
}
