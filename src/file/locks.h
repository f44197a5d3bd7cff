/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks that a server keeps (FUSE_POSIX_LOCKS, FUSE_FLOCK_LOCKS). Those of fcntl(2) are asked for
 * in the name of the guest's process; the placeholder's own locks, which the guest then takes too,
 * agree with them. Those of open files (flock(2), F_OFD_SETLK) are taken on the placeholder first,
 * and the view has at the server what its guests have together.
 */
#ifndef UM_FILE_LOCKS_H
#define UM_FILE_LOCKS_H

#include "file/cache.h"

/* Does the server keep the locks of this kind? */
bool locks_served(const struct filecache *c, bool flock);
/* F_SETLK, F_SETLKW of process tgid, by an open file with these flags: 0, -EAGAIN, -EINTR, -errno.
 */
int MUST_CHECK locks_posix(struct filecache *c, const struct fs_req *req, pid_t tgid, int oflags,
	const struct fs_lock *lock, bool wait);
/* F_GETLK, F_OFD_GETLK: lock->type is F_UNLCK when nobody else is in the way. */
int MUST_CHECK locks_get(struct filecache *c, const struct fs_req *req, pid_t tgid, int oflags,
	struct fs_lock *lock);
/* The same for the open file `fd`, a dup of the guest's; of flock(2) where lock->flock. Makes the
 * lock of the placeholder as well. */
int MUST_CHECK locks_open_file(struct filecache *c, const struct fs_req *req, int fd, int oflags,
	const struct fs_lock *lock, bool wait);
/* A process closes a descriptor of the file: its locks of fcntl(2) go. */
void locks_close(struct filecache *c, const struct fs_req *req, pid_t tgid);

/* The strongest lock of this kind ("FLOCK", "POSIX", "LEASE") that anybody, or this process
 * (pid > 0), has on a file of the host, as /proc/locks tells: F_WRLCK, F_RDLCK, F_UNLCK. */
int locks_on_file(dev_t dev, ino_t file, const char *kind, pid_t pid);
/* The same of the placeholder. */
int locks_on_place(struct filecache *c, const char *kind, pid_t pid);

/* In the background: gives back what no guest has any more. */
void locks_check(struct filecache *c);
/* Nobody has the file open: gives back all. */
void locks_drop(struct filecache *c);
/* With c->lock: has the server anything of ours? */
bool locks_any(const struct filecache *c);

/* For the thread of the events: the processes to be watched, at most max; and those that ended. */
struct pollfd;
int locks_watched(struct files *f, struct pollfd *p, int max);
void locks_look(struct files *f);

#endif
