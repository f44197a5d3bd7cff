/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/abi.h"

#include <string.h>

#include "engine/abi32.h"

#define MAX_NON_LFS 0x7fffffff
#define RLIM_INFINITY_32 0xffffffffu
#define RLIM_INFINITY_OLD 0x7fffffffu
#define ID_16_MAX 0xffffu
#define OVERFLOW_ID_16 65534
#define IDS_AT_ONCE 256

static enum call_form form(const struct call *c)
{
	return c->row32->form;
}

static uint16_t id16(uint32_t id)
{
	return id > ID_16_MAX ? OVERFLOW_ID_16 : (uint16_t)id;
}

/* ---- stat ---- */

/* In 16 bits: minor in the low half, major in the high one. */
static uint16_t old_dev(dev_t dev)
{
	return (uint16_t)((dev & 0xff) | (dev & 0xff00));
}

static struct time32 time32(const struct timespec *ts)
{
	return (struct time32){ (int32_t)ts->tv_sec, (uint32_t)ts->tv_nsec };
}

static int write_stat_old(struct call *c, gaddr_t to, const struct stat *st)
{
	struct stat_old32 o = {
		.dev = old_dev(st->st_dev),
		.ino = (uint16_t)st->st_ino,
		.mode = (uint16_t)st->st_mode,
		.nlink = (uint16_t)st->st_nlink,
		.uid = id16(st->st_uid),
		.gid = id16(st->st_gid),
		.rdev = old_dev(st->st_rdev),
		.size = (uint32_t)st->st_size,
		.atime = (uint32_t)st->st_atim.tv_sec,
		.mtime = (uint32_t)st->st_mtim.tv_sec,
		.ctime = (uint32_t)st->st_ctim.tv_sec,
	};

	if (o.ino != st->st_ino || o.nlink != st->st_nlink)
		return -EOVERFLOW;
	return guest_write(c, to, &o, sizeof(o));
}

static int write_stat32(struct call *c, gaddr_t to, const struct stat *st)
{
	struct stat32 o = {
		.dev = (uint32_t)st->st_dev,
		.ino = (uint32_t)st->st_ino,
		.mode = (uint16_t)st->st_mode,
		.nlink = (uint16_t)st->st_nlink,
		.uid = id16(st->st_uid),
		.gid = id16(st->st_gid),
		.rdev = (uint32_t)st->st_rdev,
		.size = (uint32_t)st->st_size,
		.blksize = (uint32_t)st->st_blksize,
		.blocks = (uint32_t)st->st_blocks,
		.atime = time32(&st->st_atim),
		.mtime = time32(&st->st_mtim),
		.ctime = time32(&st->st_ctim),
	};

	if (o.ino != st->st_ino || o.nlink != st->st_nlink || st->st_size > MAX_NON_LFS)
		return -EOVERFLOW;
	return guest_write(c, to, &o, sizeof(o));
}

static int write_stat64(struct call *c, gaddr_t to, const struct stat *st)
{
	struct stat64_32 o = {
		.dev = st->st_dev,
		.short_ino = (uint32_t)st->st_ino,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = st->st_rdev,
		.size = st->st_size,
		.blksize = (uint32_t)st->st_blksize,
		.blocks = (uint64_t)st->st_blocks,
		.atime = time32(&st->st_atim),
		.mtime = time32(&st->st_mtim),
		.ctime = time32(&st->st_ctim),
		.ino = st->st_ino,
	};

	return guest_write(c, to, &o, sizeof(o));
}

int abi_write_stat(struct call *c, gaddr_t to, const struct stat *st)
{
	if (!call_is32(c))
		return guest_write(c, to, st, sizeof(*st));
	switch (form(c)) {
	case FORM_64:
		return write_stat64(c, to, st);
	case FORM_OLD:
		return write_stat_old(c, to, st);
	default:
		return write_stat32(c, to, st);
	}
}

/* ---- statfs ---- */

static bool fits32(uint64_t v)
{
	return v <= UINT32_MAX;
}

static int write_statfs32(struct call *c, gaddr_t to, const struct statfs *st)
{
	struct statfs32 o = {
		.type = (uint32_t)st->f_type,
		.bsize = (uint32_t)st->f_bsize,
		.blocks = (uint32_t)st->f_blocks,
		.bfree = (uint32_t)st->f_bfree,
		.bavail = (uint32_t)st->f_bavail,
		.files = (uint32_t)st->f_files,
		.ffree = (uint32_t)st->f_ffree,
		.namelen = (uint32_t)st->f_namelen,
		.frsize = (uint32_t)st->f_frsize,
		.flags = (uint32_t)st->f_flags,
	};

	if (!fits32(st->f_blocks | st->f_bfree | st->f_bavail | (uint64_t)st->f_bsize |
		    (uint64_t)st->f_frsize))
		return -EOVERFLOW;
	/* -1, nobody knows, is in order */
	if ((st->f_files != UINT64_MAX && !fits32(st->f_files)) ||
		(st->f_ffree != UINT64_MAX && !fits32(st->f_ffree)))
		return -EOVERFLOW;
	memcpy(o.fsid, &st->f_fsid, sizeof(o.fsid));
	return guest_write(c, to, &o, sizeof(o));
}

static int write_statfs64(struct call *c, gaddr_t to, const struct statfs *st)
{
	struct statfs64_32 o = {
		.type = (uint32_t)st->f_type,
		.bsize = (uint32_t)st->f_bsize,
		.blocks = st->f_blocks,
		.bfree = st->f_bfree,
		.bavail = st->f_bavail,
		.files = st->f_files,
		.ffree = st->f_ffree,
		.namelen = (uint32_t)st->f_namelen,
		.frsize = (uint32_t)st->f_frsize,
		.flags = (uint32_t)st->f_flags,
	};

	if (!fits32((uint64_t)st->f_bsize | (uint64_t)st->f_frsize))
		return -EOVERFLOW;
	memcpy(o.fsid, &st->f_fsid, sizeof(o.fsid));
	return guest_write(c, to, &o, sizeof(o));
}

int abi_write_statfs(struct call *c, gaddr_t to, const struct statfs *st)
{
	if (!call_is32(c))
		return guest_write(c, to, st, sizeof(*st));
	return form(c) == FORM_64 ? write_statfs64(c, to, st) : write_statfs32(c, to, st);
}

/* ---- times ---- */

/* n: 2 at most. */
static int read_times(struct call *c, gaddr_t from, struct timespec ret[], size_t n)
{
	int32_t t[4];
	int r;

	if (!call_is32(c) || form(c) == FORM_64) {
		r = guest_read(c, from, ret, n * sizeof(*ret));
		/* the upper half is padding to a 32-bit program */
		for (size_t i = 0; r == 0 && i < n && call_is32(c); i++)
			ret[i].tv_nsec &= UINT32_MAX;
		return r;
	}
	r = guest_read(c, from, t, n * 2 * sizeof(*t));
	for (size_t i = 0; r == 0 && i < n; i++)
		ret[i] = (struct timespec){ t[2 * i], t[2 * i + 1] };
	return r;
}

int abi_read_timespec(struct call *c, gaddr_t from, struct timespec *ret)
{
	return read_times(c, from, ret, 1);
}

int abi_read_timespecs(struct call *c, gaddr_t from, struct timespec ret[2])
{
	return read_times(c, from, ret, 2);
}

int abi_read_timevals(struct call *c, gaddr_t from, struct timeval ret[2])
{
	int32_t t[4];
	int r;

	if (!call_is32(c))
		return guest_read(c, from, ret, 2 * sizeof(*ret));
	r = guest_read(c, from, t, sizeof(t));
	for (int i = 0; r == 0 && i < 2; i++)
		ret[i] = (struct timeval){ t[2 * i], t[2 * i + 1] };
	return r;
}

int abi_read_utimbuf(struct call *c, gaddr_t from, struct utimbuf *ret)
{
	int32_t t[2];
	int r;

	if (!call_is32(c))
		return guest_read(c, from, ret, sizeof(*ret));
	r = guest_read(c, from, t, sizeof(t));
	if (r == 0)
		*ret = (struct utimbuf){ t[0], t[1] };
	return r;
}

/* ---- limits, offsets, words ---- */

int abi_read_rlimit(struct call *c, gaddr_t from, struct rlimit *ret)
{
	uint32_t v[2];
	int r;

	if (!call_is32(c))
		return guest_read(c, from, ret, sizeof(*ret));
	r = guest_read(c, from, v, sizeof(v));
	if (r == 0) {
		ret->rlim_cur = v[0] == RLIM_INFINITY_32 ? RLIM_INFINITY : v[0];
		ret->rlim_max = v[1] == RLIM_INFINITY_32 ? RLIM_INFINITY : v[1];
	}
	return r;
}

int abi_write_rlimit(struct call *c, gaddr_t to, const struct rlimit *rl)
{
	rlim_t max;
	uint32_t v[2];

	if (!call_is32(c))
		return guest_write(c, to, rl, sizeof(*rl));
	max = form(c) == FORM_OLD ? RLIM_INFINITY_OLD : RLIM_INFINITY_32;
	v[0] = (uint32_t)(rl->rlim_cur > max ? max : rl->rlim_cur);
	v[1] = (uint32_t)(rl->rlim_max > max ? max : rl->rlim_max);
	return guest_write(c, to, v, sizeof(v));
}

int abi_read_off(struct call *c, gaddr_t from, off_t *ret)
{
	int32_t off;
	int r;

	if (!call_is32(c) || form(c) == FORM_64)
		return guest_read(c, from, ret, sizeof(*ret));
	r = guest_read(c, from, &off, sizeof(off));
	if (r == 0)
		*ret = off;
	return r;
}

int abi_write_off(struct call *c, gaddr_t to, off_t off)
{
	int32_t off32 = (int32_t)off;

	if (!call_is32(c) || form(c) == FORM_64)
		return guest_write(c, to, &off, sizeof(off));
	return off32 != off ? -EOVERFLOW : guest_write(c, to, &off32, sizeof(off32));
}

size_t abi_word_size(const struct call *c)
{
	return call_is32(c) ? sizeof(uint32_t) : sizeof(uint64_t);
}

int abi_read_ptr(struct call *c, gaddr_t array, uint64_t n, gaddr_t *ret)
{
	uint64_t v = 0; /* little-endian: the low half is first */
	int r = guest_read(c, gaddr_add(array, n * abi_word_size(c)), &v, abi_word_size(c));

	if (r == 0)
		ret->v = v;
	return r;
}

int abi_write_long(struct call *c, gaddr_t to, uint64_t value)
{
	return guest_write(c, to, &value, abi_word_size(c));
}

/* ---- ids ---- */

int abi_read_ids(struct call *c, gaddr_t from, uint32_t *ret, size_t n)
{
	uint16_t some[IDS_AT_ONCE];

	if (!call_is32(c) || form(c) != FORM_16)
		return guest_read(c, from, ret, n * sizeof(*ret));
	for (size_t done = 0; done < n;) {
		size_t m = n - done < IDS_AT_ONCE ? n - done : IDS_AT_ONCE;
		int r = guest_read(
			c, gaddr_add(from, done * sizeof(*some)), some, m * sizeof(*some));

		if (r < 0)
			return r;
		for (size_t i = 0; i < m; i++)
			ret[done++] = some[i] == ID_16_MAX ? UINT32_MAX : some[i];
	}
	return 0;
}

int abi_write_ids(struct call *c, gaddr_t to, const uint32_t *ids, size_t n)
{
	uint16_t some[IDS_AT_ONCE];

	if (!call_is32(c) || form(c) != FORM_16)
		return guest_write(c, to, ids, n * sizeof(*ids));
	for (size_t done = 0; done < n;) {
		size_t m = n - done < IDS_AT_ONCE ? n - done : IDS_AT_ONCE;
		int r;

		for (size_t i = 0; i < m; i++)
			some[i] = id16(ids[done + i]);
		r = guest_write(c, gaddr_add(to, done * sizeof(*some)), some, m * sizeof(*some));
		if (r < 0)
			return r;
		done += m;
	}
	return 0;
}
