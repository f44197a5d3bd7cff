/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that their server wants asked for each read and write (cache_direct()). */
#ifndef UM_FILE_DIRECT_H
#define UM_FILE_DIRECT_H

#include "file/cache.h"

/* `fd`: our dup of the guest's open file, which has the position that off < 0 means. */
ssize_t MUST_CHECK direct_read(
	struct filecache *c, const struct fs_req *req, int fd, void *buf, size_t len, off_t off);
/* Where a write goes: -ESPIPE and the like. rwf: RWF_APPEND, RWF_NOAPPEND. */
off_t MUST_CHECK direct_write_pos(
	struct filecache *c, const struct fs_req *req, int fd, off_t off, int rwf);
/* moves: the position follows. */
ssize_t MUST_CHECK direct_write(struct filecache *c, const struct fs_req *req, int fd,
	const void *buf, size_t len, off_t pos, bool moves);
/* Do guests write to it unseen, or has it data that the server has not? Then writes go by way of
 * the placeholder. */
bool direct_shared(struct filecache *c);
/* Where the disk under a placeholder is full (r is what came of filling or writing it), reads and
 * writes go past it. A server gives no such error for a read, or gives it again. */
static inline bool direct_no_room(ssize_t r)
{
	return r == -ENOSPC || r == -EDQUOT;
}
/* May a write go past the placeholder? What the server has not yet is sent first; false as well
 * where guests read or write the content unseen. */
bool MUST_CHECK direct_past(struct filecache *c, const struct fs_req *req);
/* Puts all that the server has, up to its end wherever that is said to be, into the placeholder.
 * -EFBIG: there seems to be none. */
int MUST_CHECK direct_fill(struct filecache *c, const struct fs_req *req);

#endif
