/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/task/nsids.h"

#include <linux/posix_acl.h>
#include <stdio.h>

#include "engine/own.h"
#include "sys/um.h"
#include "view/path.h"

#define OVERFLOW_ID 65534

bool nsids_elsewhere(const struct view *v, pid_t tid)
{
	ino_t its;

	if (!atomic_load_explicit(&v->exotic, memory_order_relaxed) || !v->user_ns)
		return false;
	its = process_ns(tid, "user");
	return its && its != v->user_ns;
}

bool nsids_own(struct call *c)
{
	return nsids_elsewhere(&c->um->view, c->tid);
}

bool nsids_next(const char **at, uint32_t ret[3])
{
	int len = 0;

	if (sscanf(*at, "%u %u %u%n", &ret[0], &ret[1], &ret[2], &len) != 3)
		return false;
	*at += len;
	return true;
}

/* Through its map, whose second column is as we see it. False: there is nothing for it. */
static bool mapped(struct call *c, enum nsid kind, bool inwards, uint32_t *id)
{
	_cleanup_free_ char *text = NULL;
	uint32_t range[3];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", c->tid,
		kind == NSID_UID ? "uid_map" : "gid_map");
	if (read_file(path, 65536, &text, NULL) < 0)
		return false;
	for (const char *p = text; nsids_next(&p, range);) {
		uint32_t from = range[inwards], to = range[!inwards];

		if (*id - from < range[2]) {
			*id = *id - from + to;
			return true;
		}
	}
	return false;
}

/* With --root: the id that the kernel knows, and what it is to the caller. */
static bool is_virtual(struct call *c, enum nsid kind, uint32_t *ret_own, uint32_t *ret_virtual)
{
	const struct own_ids own = call_own_ids(c);
	struct fs_req req;

	if (!c->um->ids)
		return false;
	fs_req_init(&req, c);
	*ret_own = kind == NSID_UID ? own.uid : own.gid;
	*ret_virtual = kind == NSID_UID ? req.uid : req.gid;
	return true;
}

static bool shown(struct call *c, enum nsid kind, uint32_t *id)
{
	uint32_t own, virtual;

	if (is_virtual(c, kind, &own, &virtual) && *id == virtual)
		*id = own;
	return mapped(c, kind, true, id);
}

uint32_t nsids_shown(struct call *c, enum nsid kind, uint32_t id)
{
	return shown(c, kind, &id) ? id : OVERFLOW_ID;
}

int nsids_meant(struct call *c, enum nsid kind, bool hosts, uint32_t *id)
{
	uint32_t own, virtual;

	if (*id == UINT32_MAX)
		return 0;
	if (!mapped(c, kind, false, id))
		return -EINVAL;
	if (!hosts && is_virtual(c, kind, &own, &virtual) && *id == own)
		*id = virtual;
	return 0;
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

int nsids_meant_owner(struct call *c, bool hosts, uid_t *uid, gid_t *gid)
{
	int r;

	if (!nsids_own(c))
		return 0;
	r = nsids_meant(c, NSID_UID, hosts, uid);
	return r < 0 ? r : nsids_meant(c, NSID_GID, hosts, gid);
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
		if (acl_kind(&acl->e[i], &kind) && !shown(c, kind, &acl->e[i].id))
			acl->e[i].id = UINT32_MAX;
}

int nsids_acl_meant(struct call *c, struct acl *acl, unsigned n)
{
	enum nsid kind;
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i++)
		if (acl_kind(&acl->e[i], &kind))
			r = nsids_meant(c, kind, false, &acl->e[i].id);
	return r;
}
