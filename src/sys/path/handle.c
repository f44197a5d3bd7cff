/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * name_to_handle_at(2) and open_by_handle_at(2). A handle on a mount is the one that the kernel's
 * FUSE gives: node and generation. It tells files apart and leads to the mount's id; opening one
 * asks for a capability over the host that no view gives.
 */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "sys/path/at.h"
#include "sys/table.h"

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif
#ifndef AT_HANDLE_MNT_ID_UNIQUE
#define AT_HANDLE_MNT_ID_UNIQUE 0x001
#endif
#ifndef AT_HANDLE_CONNECTABLE
#define AT_HANDLE_CONNECTABLE 0x002
#endif
#ifndef MAX_HANDLE_SZ
#define MAX_HANDLE_SZ 128
#endif
#define HANDLE_FLAGS (AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | AT_HANDLE_FID | AT_HANDLE_MNT_ID_UNIQUE)

enum { FILEID_INO64_GEN = 0x81, FILEID_INVALID = 0xff }; /* linux/exportfs.h */

struct handle {
	struct file_handle head;
	uint32_t body[3];
};

/* As fuse_encode_fh(). -EOVERFLOW: the guest is told how long it is. */
static int encode(const struct inode *ino, uint32_t room, struct handle *ret)
{
	ret->head.handle_bytes = sizeof(ret->body);
	ret->head.handle_type = room < sizeof(ret->body) ? FILEID_INVALID : FILEID_INO64_GEN;
	ret->body[0] = (uint32_t)(ino->nodeid >> 32);
	ret->body[1] = (uint32_t)ino->nodeid;
	ret->body[2] = (uint32_t)ino->generation;
	return room < sizeof(ret->body) ? -EOVERFLOW : 0;
}

static int write_mount_id(struct call *c, const struct mount *m, int flags)
{
	const int id = m->id;

	if (flags & AT_HANDLE_MNT_ID_UNIQUE)
		return guest_write(c, call_addr(c, 3), &m->unique_id, sizeof(m->unique_id));
	return guest_write(c, call_addr(c, 3), &id, sizeof(id));
}

/* A real file that only we find. */
static enum verdict handle_real(struct at *a, uint32_t room, int flags)
{
	union {
		struct file_handle head;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .head.handle_bytes = room };
	struct call *c = a->c;
	uint64_t id = 0;
	long r, err;

	flags &= ~AT_SYMLINK_FOLLOW;
	real_enter(a);
	err = real_result(a,
		name_to_handle_at(a->dirfd, a->name, &h.head, (int *)&id, flags | real_follow(a)));
	if (err < 0 && err != -EOVERFLOW)
		return call_return(c, err);
	r = guest_write(c, call_addr(c, 3), &id,
		flags & AT_HANDLE_MNT_ID_UNIQUE ? sizeof(id) : sizeof(int));
	if (r == 0)
		r = guest_write(c, call_addr(c, 2), &h,
			sizeof(h.head) + (err < 0 ? 0 : h.head.handle_bytes));
	return call_return(c, r < 0 ? r : err);
}

enum verdict sys_name_to_handle_at(struct call *c)
{
	_cleanup_at_ struct at a = AT_INIT;
	int flags = (int)c->args[4], r, err;
	unsigned pflags = (flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0) |
			  (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
	struct handle h = { 0 };
	uint32_t room;

	if (flags & ~(HANDLE_FLAGS | AT_HANDLE_CONNECTABLE))
		return CONTINUE; /* EINVAL, whatever the path is */
	if (!at_resolve(&a, c, call_fd(c, 0), 1, pflags))
		return a.verdict;
	r = guest_read(c, call_addr(c, 2), &room, sizeof(room));
	if (r < 0)
		return call_return(c, r);
	if (room > MAX_HANDLE_SZ)
		return call_return(c, -EINVAL);
	if (a.p.kind == PATH_REAL)
		return handle_real(&a, room, flags);
	if (flags & AT_HANDLE_CONNECTABLE)
		return call_return(c, -EINVAL);
	err = encode(a.p.inode, room, &h);
	r = write_mount_id(c, a.p.mnt, flags);
	if (r == 0)
		r = guest_write(c, call_addr(c, 2), &h, err < 0 ? sizeof(h.head) : sizeof(h));
	return call_return(c, r < 0 ? r : err);
}

/*
 * A handle leads to a file without a path: past rules, and past what lies over the host's files.
 * The roots of pidfs and nsfs, which have neither, are numbers below AT_FDCWD.
 */
enum verdict sys_open_by_handle_at(struct call *c)
{
	const struct view *v = &c->um->view;
	const bool covered =
		view_has_rules(v) || atomic_load_explicit(&v->nseen_through, memory_order_relaxed);

	return covered && call_fd(c, 0) >= AT_FDCWD ? call_return(c, -EPERM) : CONTINUE;
}
