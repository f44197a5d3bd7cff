/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls that ask for and change user and group ids, on the virtual identity: setuid(2),
 * setreuid(2), setresuid(2), setfsuid(2), setgroups(2) and credentials(7), with the effects on
 * capabilities that capabilities(7) lists under "Effect of user ID changes". Trapped with --root
 * alone.
 */
#include <string.h>

#include "engine/abi.h"
#include "sys/task/ids.h"
#include "sys/table.h"

#define NO_ID ((uint32_t)-1)
/* What follows the file-system uid (capabilities(7)). */
#define CAP_FS_SET                                                                                 \
	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) |           \
		CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_LINUX_IMMUTABLE) |         \
		CAP_BIT(CAP_MAC_OVERRIDE) | CAP_BIT(CAP_MKNOD))

static enum verdict get_one(struct call *c, bool gid, enum id_kind kind)
{
	const struct identity *id;

	if (!c->um->ids || ids_of(c->um->ids, c->tid, &id) < 0)
		return CONTINUE;
	return call_return(c, gid ? id->gid[kind] : id->uid[kind]);
}

enum verdict sys_getuid(struct call *c)
{
	return get_one(c, false, ID_REAL);
}

enum verdict sys_geteuid(struct call *c)
{
	return get_one(c, false, ID_EFF);
}

enum verdict sys_getgid(struct call *c)
{
	return get_one(c, true, ID_REAL);
}

enum verdict sys_getegid(struct call *c)
{
	return get_one(c, true, ID_EFF);
}

static enum verdict get_three(struct call *c, bool gid)
{
	const struct identity *id;

	if (!c->um->ids || ids_of(c->um->ids, c->tid, &id) < 0)
		return CONTINUE;
	for (int i = 0; i < 3; i++) {
		const uint32_t *value = gid ? &id->gid[i] : &id->uid[i];
		int r = abi_write_ids(c, call_addr(c, i), value, 1);

		if (r < 0)
			return call_return(c, r);
	}
	return call_return(c, 0);
}

enum verdict sys_getresuid(struct call *c)
{
	return get_three(c, false);
}

enum verdict sys_getresgid(struct call *c)
{
	return get_three(c, true);
}

/* What is asked for, as the call's own function takes it. */
struct change {
	uint32_t a[3];
	bool gid;
	uint32_t old; /* out: setfsuid's result */
};

static uint32_t *ids_array(struct identity *id, bool gid)
{
	return gid ? id->gid : id->uid;
}

static bool may_set(const struct identity *id, bool gid)
{
	return id->eff & CAP_BIT(gid ? CAP_SETGID : CAP_SETUID);
}

/* Is value the real, effective or (n == 3) saved id? */
static bool is_own(const uint32_t *ids, uint32_t value, int n)
{
	for (int i = 0; i < n; i++) {
		if (ids[i] == value)
			return true;
	}
	return false;
}

/* Effect of user ID changes on capabilities. */
static void fix_caps(struct identity *id, const uint32_t *old)
{
	const uint32_t *new = id->uid;

	if (id->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (is_own(old, 0, 3) && !is_own(new, 0, 3)) {
		if (!(id->securebits & SECBIT_KEEP_CAPS))
			id->prm = id->eff = 0;
		id->amb = 0;
	}
	if (old[ID_EFF] == 0 && new[ID_EFF] != 0)
		id->eff = 0;
	if (old[ID_EFF] != 0 && new[ID_EFF] == 0)
		id->eff = id->prm;
}

static int do_set(struct identity *id, void *arg)
{
	struct change *ch = arg;
	uint32_t *v = ids_array(id, ch->gid), old[ID_KINDS], want = ch->a[0];

	memcpy(old, v, sizeof(old));
	if (want == NO_ID)
		return -EINVAL;
	if (may_set(id, ch->gid))
		v[ID_REAL] = v[ID_SAVED] = want;
	else if (want != v[ID_REAL] && want != v[ID_SAVED])
		return -EPERM;
	v[ID_EFF] = v[ID_FS] = want;
	if (!ch->gid)
		fix_caps(id, old);
	return 0;
}

static int do_setre(struct identity *id, void *arg)
{
	struct change *ch = arg;
	uint32_t *v = ids_array(id, ch->gid), old[ID_KINDS], real = ch->a[0], eff = ch->a[1];
	bool may = may_set(id, ch->gid);

	memcpy(old, v, sizeof(old));
	if (real != NO_ID) {
		if (!may && !is_own(old, real, 2))
			return -EPERM;
		v[ID_REAL] = real;
	}
	if (eff != NO_ID) {
		if (!may && !is_own(old, eff, 3))
			return -EPERM;
		v[ID_EFF] = eff;
	}
	if (real != NO_ID || (eff != NO_ID && eff != old[ID_REAL]))
		v[ID_SAVED] = v[ID_EFF];
	v[ID_FS] = v[ID_EFF];
	if (!ch->gid)
		fix_caps(id, old);
	return 0;
}

static int do_setres(struct identity *id, void *arg)
{
	struct change *ch = arg;
	uint32_t *v = ids_array(id, ch->gid), old[ID_KINDS];

	memcpy(old, v, sizeof(old));
	for (int i = 0; i < 3; i++) {
		if (ch->a[i] == NO_ID)
			continue;
		if (!may_set(id, ch->gid) && !is_own(old, ch->a[i], 3))
			return -EPERM;
		v[i] = ch->a[i];
	}
	v[ID_FS] = v[ID_EFF];
	if (!ch->gid)
		fix_caps(id, old);
	return 0;
}

static int do_setfs(struct identity *id, void *arg)
{
	struct change *ch = arg;
	uint32_t *v = ids_array(id, ch->gid), want = ch->a[0];

	ch->old = v[ID_FS];
	if (want == NO_ID || (!may_set(id, ch->gid) && !is_own(v, want, ID_KINDS)))
		return 0; /* as the kernel: no error, and the old id tells */
	v[ID_FS] = want;
	if (ch->gid || (id->securebits & SECBIT_NO_SETUID_FIXUP))
		return 0;
	if (ch->old == 0 && want != 0)
		id->eff &= ~CAP_FS_SET;
	if (ch->old != 0 && want == 0)
		id->eff |= id->prm & CAP_FS_SET;
	return 0;
}

static enum verdict change_ids(
	struct call *c, bool gid, int (*fn)(struct identity *id, void *arg), bool returns_old)
{
	struct change ch = { .gid = gid,
		.a = { (uint32_t)c->args[0], (uint32_t)c->args[1], (uint32_t)c->args[2] } };
	int r;

	if (!ids_virtual(c))
		return CONTINUE;
	r = ids_change(c, fn, &ch);
	if (r < 0)
		return call_return(c, r);
	return call_return(c, returns_old ? (int64_t)ch.old : 0);
}

enum verdict sys_setuid(struct call *c)
{
	return change_ids(c, false, do_set, false);
}

enum verdict sys_setgid(struct call *c)
{
	return change_ids(c, true, do_set, false);
}

enum verdict sys_setreuid(struct call *c)
{
	return change_ids(c, false, do_setre, false);
}

enum verdict sys_setregid(struct call *c)
{
	return change_ids(c, true, do_setre, false);
}

enum verdict sys_setresuid(struct call *c)
{
	return change_ids(c, false, do_setres, false);
}

enum verdict sys_setresgid(struct call *c)
{
	return change_ids(c, true, do_setres, false);
}

enum verdict sys_setfsuid(struct call *c)
{
	return change_ids(c, false, do_setfs, true);
}

enum verdict sys_setfsgid(struct call *c)
{
	return change_ids(c, true, do_setfs, true);
}

enum verdict sys_getgroups(struct call *c)
{
	const struct identity *id;
	int size = (int)c->args[0], r;

	if (!c->um->ids || ids_of(c->um->ids, c->tid, &id) < 0)
		return CONTINUE;
	if (size < 0 || (size > 0 && (uint32_t)size < id->ngroups))
		return call_return(c, -EINVAL);
	if (size > 0) {
		r = abi_write_ids(c, call_addr(c, 1), id->groups, id->ngroups);
		if (r < 0)
			return call_return(c, r);
	}
	return call_return(c, id->ngroups);
}

struct groups {
	const gid_t *list;
	uint32_t n;
};

static int do_setgroups(struct identity *id, void *arg)
{
	const struct groups *g = arg;

	if (!may_set(id, true))
		return -EPERM;
	id->groups = g->list;
	id->ngroups = g->n;
	return 0;
}

static int compare_gid(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

enum verdict sys_setgroups(struct call *c)
{
	_cleanup_free_ gid_t *list = NULL;
	struct groups g = { .n = (uint32_t)c->args[0] };
	int r;

	if (!ids_virtual(c))
		return CONTINUE;
	if (!ids_capable(c, CAP_SETGID))
		return call_return(c, -EPERM);
	if (g.n > IDS_GROUPS_MAX)
		return call_return(c, -EINVAL);
	list = malloc((g.n + 1) * sizeof(*list));
	if (!list)
		return call_return(c, -ENOMEM);
	r = g.n ? abi_read_ids(c, call_addr(c, 1), list, g.n) : 0;
	if (r < 0)
		return call_return(c, r);
	qsort(list, g.n, sizeof(*list), compare_gid); /* the kernel keeps them sorted */
	g.list = list;
	return call_return(c, ids_change(c, do_setgroups, &g));
}
