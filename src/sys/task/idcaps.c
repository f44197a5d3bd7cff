/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capget(2), capset(2) and the parts of prctl(2) that concern capabilities, on the virtual
 * identity; the rules are those of capabilities(7) and security/commoncap.c.
 */
#include <linux/prctl.h>
#include <string.h>

#include "engine/guestmem.h"
#include "sys/task/dumpable.h"
#include "sys/task/ids.h"
#include "sys/table.h"

/* Whose sets, and how many 32-bit words of them: 0; -EINVAL after telling the version we know. */
static int read_header(struct call *c, struct __user_cap_header_struct *hdr, int *ret_words)
{
	int r = guest_read(c, call_addr(c, 0), hdr, sizeof(*hdr));
	uint32_t known = _LINUX_CAPABILITY_VERSION_3;

	if (r < 0)
		return r;
	switch (hdr->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		*ret_words = 1;
		return 0;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		*ret_words = 2;
		return 0;
	default:
		r = guest_write(c, call_addr(c, 0), &known, sizeof(known));
		return r < 0 ? r : -EINVAL;
	}
}

enum verdict sys_capget(struct call *c)
{
	struct __user_cap_data_struct data[2] = { 0 };
	struct __user_cap_header_struct hdr;
	const struct identity *id;
	int words = 0, r;

	if (!ids_virtual(c))
		return CONTINUE;
	r = read_header(c, &hdr, &words);
	if (!c->args[1])
		return call_return(c, r == -EINVAL ? 0 : r);
	if (r < 0)
		return call_return(c, r);
	if (hdr.pid < 0)
		return call_return(c, -EINVAL);
	r = ids_of(c->um->ids, hdr.pid ? hdr.pid : c->tid, &id);
	if (r == -EPERM)
		return CONTINUE; /* somebody else's process: it has the host's */
	if (r < 0)
		return call_return(c, r);
	for (int i = 0; i < words; i++) {
		data[i].effective = (uint32_t)(id->eff >> (32 * i));
		data[i].permitted = (uint32_t)(id->prm >> (32 * i));
		data[i].inheritable = (uint32_t)(id->inh >> (32 * i));
	}
	return call_return(
		c, guest_write(c, call_addr(c, 1), data, (size_t)words * sizeof(data[0])));
}

struct sets {
	uint64_t eff, prm, inh;
};

static int do_capset(struct identity *id, void *arg)
{
	const struct sets *s = arg;

	if (!(id->eff & CAP_BIT(CAP_SETPCAP)) && (s->inh & ~(id->inh | id->prm)))
		return -EPERM;
	if ((s->inh & ~(id->inh | id->bnd)) || (s->prm & ~id->prm) || (s->eff & ~s->prm))
		return -EPERM;
	id->eff = s->eff;
	id->prm = s->prm;
	id->inh = s->inh;
	id->amb &= s->prm & s->inh;
	return 0;
}

enum verdict sys_capset(struct call *c)
{
	struct __user_cap_data_struct data[2] = { 0 };
	struct __user_cap_header_struct hdr;
	struct sets s = { 0 };
	int words = 0, r;

	if (!ids_virtual(c))
		return CONTINUE;
	r = read_header(c, &hdr, &words);
	if (r < 0)
		return call_return(c, r);
	if (hdr.pid != 0 && hdr.pid != c->tid)
		return call_return(c, -EPERM);
	r = guest_read(c, call_addr(c, 1), data, (size_t)words * sizeof(data[0]));
	if (r < 0)
		return call_return(c, r);
	for (int i = 0; i < words; i++) {
		s.eff |= (uint64_t)data[i].effective << (32 * i);
		s.prm |= (uint64_t)data[i].permitted << (32 * i);
		s.inh |= (uint64_t)data[i].inheritable << (32 * i);
	}
	s.eff &= CAP_ALL;
	s.prm &= CAP_ALL;
	s.inh &= CAP_ALL;
	return call_return(c, ids_change(c, do_capset, &s));
}

struct prctl_args {
	uint64_t a[5];
};

static int do_bset_drop(struct identity *id, void *arg)
{
	const struct prctl_args *p = arg;

	if (!(id->eff & CAP_BIT(CAP_SETPCAP)))
		return -EPERM;
	if (p->a[1] > CAP_LAST_CAP)
		return -EINVAL;
	id->bnd &= ~CAP_BIT(p->a[1]);
	return 0;
}

static int do_keepcaps(struct identity *id, void *arg)
{
	const struct prctl_args *p = arg;

	if (p->a[1] > 1)
		return -EINVAL;
	if (id->securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	id->securebits &= ~(unsigned)SECBIT_KEEP_CAPS;
	if (p->a[1])
		id->securebits |= SECBIT_KEEP_CAPS;
	return 0;
}

static int do_securebits(struct identity *id, void *arg)
{
	const struct prctl_args *p = arg;
	unsigned old = id->securebits, new = (unsigned)p->a[1];
	unsigned locks = old & SECURE_ALL_LOCKS;

	if (((locks >> 1) & (old ^ new)) || (locks & ~new) ||
		(p->a[1] & ~(uint64_t)(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) ||
		!(id->eff & CAP_BIT(CAP_SETPCAP)))
		return -EPERM;
	id->securebits = new;
	return 0;
}

static int do_ambient(struct identity *id, void *arg)
{
	const struct prctl_args *p = arg;
	uint64_t bit = CAP_BIT(p->a[2]);

	switch (p->a[1]) {
	case PR_CAP_AMBIENT_CLEAR_ALL:
		id->amb = 0;
		return 0;
	case PR_CAP_AMBIENT_RAISE:
		if (!(id->prm & id->inh & bit) || (id->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		id->amb |= bit;
		return 0;
	default:
		id->amb &= ~bit;
		return 0;
	}
}

static enum verdict ambient(struct call *c, struct prctl_args *p, const struct identity *id)
{
	if (p->a[3] || p->a[4])
		return call_return(c, -EINVAL);
	if (p->a[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (p->a[2])
			return call_return(c, -EINVAL);
		return call_return(c, ids_change(c, do_ambient, p));
	}
	if (p->a[2] > CAP_LAST_CAP)
		return call_return(c, -EINVAL);
	switch (p->a[1]) {
	case PR_CAP_AMBIENT_IS_SET:
		return call_return(c, (id->amb & CAP_BIT(p->a[2])) != 0);
	case PR_CAP_AMBIENT_RAISE:
	case PR_CAP_AMBIENT_LOWER:
		return call_return(c, ids_change(c, do_ambient, p));
	default:
		return call_return(c, -EINVAL);
	}
}

enum verdict sys_prctl(struct call *c)
{
	struct prctl_args p = { .a = { c->args[0], c->args[1], c->args[2], c->args[3],
					c->args[4] } };
	const struct identity *id;

	if ((int)p.a[0] == PR_SET_DUMPABLE)
		return dumpable_set(c);
	if ((int)p.a[0] == PR_GET_DUMPABLE)
		return dumpable_get(c);
	if (!c->um->ids || ids_of(c->um->ids, c->tid, &id) < 0)
		return CONTINUE;
	switch ((int)p.a[0]) {
	case PR_CAPBSET_READ:
		if (p.a[1] > CAP_LAST_CAP)
			return call_return(c, -EINVAL);
		return call_return(c, (id->bnd & CAP_BIT(p.a[1])) != 0);
	case PR_CAPBSET_DROP:
		return call_return(c, ids_change(c, do_bset_drop, &p));
	case PR_GET_KEEPCAPS:
		return call_return(c, (id->securebits & SECBIT_KEEP_CAPS) != 0);
	case PR_SET_KEEPCAPS:
		return call_return(c, ids_change(c, do_keepcaps, &p));
	case PR_GET_SECUREBITS:
		return call_return(c, id->securebits);
	case PR_SET_SECUREBITS:
		return call_return(c, ids_change(c, do_securebits, &p));
	case PR_CAP_AMBIENT:
		return ambient(c, &p, id);
	default:
		return CONTINUE;
	}
}
