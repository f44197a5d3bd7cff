/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's descriptor table, reached from outside: pidfd_getfd(2), SECCOMP_IOCTL_NOTIF_ADDFD.
 * The kernel keeps the table; nothing here remembers what a number is.
 */
#ifndef UM_ENGINE_GUESTFD_H
#define UM_ENGINE_GUESTFD_H

#include <sys/stat.h>

#include "engine/call.h"

/* Virtual files live at VFD_BASE and up. Below VFD_HOT are those whose content is wholly in the
 * placeholder and that are open for reading alone: read, lseek and mmap of them are native.
 * From VFD_HOT on every call on them is trapped. */
#define VFD_BASE 512
#define VFD_HOT 768

/* Another descriptor of the guest's own open file (same offset and flags): fd >= 0, to be closed
 * by the caller; -EBADF, -ESRCH. Also for O_PATH descriptors. Where we are short of descriptors or
 * memory, for longer than a moment, it is -ESRCH too, and c->unseen says so. */
int MUST_CHECK guestfd_get(struct call *c, int fd);
/* Which file it is, without keeping it: 0, -EBADF, -ESRCH. */
int MUST_CHECK guestfd_stat(struct call *c, int fd, struct stat *ret);
/* Can guestfd_get() lend the guest's own open file? Where pidfd_getfd(2) is refused (Docker's
 * default profile) it gives an O_PATH descriptor of the same file: enough to know which one it is.
 * Regular files then all are filled ones at low numbers, with native reads and writes. */
bool guestfd_lends(const struct call *c);
/* F_GETFL of the guest's descriptor, of which `ours` is what guestfd_get() gave. */
int guestfd_flags(struct call *c, int fd, int ours);
/* Is the number free in the guest's table? */
bool guestfd_free(struct call *c, int fd);

enum guestfd_zone {
	ZONE_LOWEST, /* as open(2): the lowest free number (a redirected real file) */
	ZONE_FILLED, /* the first free of VFD_BASE .. VFD_HOT-1, then of VFD_HOT up */
	ZONE_HOT,    /* the first free from VFD_HOT up */
	ZONE_ANY,    /* as ZONE_FILLED, and once there is none the lowest free number */
};
/* (Of a process with hundreds of other descriptors it is a higher one, and there is none where it
 * has nearly as many as it may: other threads must not come to the number by themselves.) */

/*
 * Answers the call with a new descriptor for the open file `fd` (which stays the caller's).
 * flags: O_CLOEXEC or 0. In all but ZONE_LOWEST a free number of 0, 1, 2 is not chosen:
 * see guestfd_wants_low(). Returns ANSWERED, or DONE with -EMFILE (the limit is reached),
 * -ESRCH.
 */
enum verdict guestfd_answer(struct call *c, int fd, int flags, enum guestfd_zone zone);
/* The same, our own copy being closed (*fd becomes -1) before the guest goes on: for a fifo, where
 * it would count as a reader or writer, for what is open for writing, which cannot be run, and for
 * what is in use until its last close is seen, where the guest closes it and unmounts at once. */
enum verdict guestfd_answer_last(struct call *c, int *fd, int flags, enum guestfd_zone zone);

/* The same as dup2(2) answers: at this number, whatever was there. */
enum verdict guestfd_answer_at(struct call *c, int fd, int number, int flags);

/* Adds a descriptor without answering: the number in the guest (from VFD_HOT up if it can be), or
 * -errno. */
int MUST_CHECK guestfd_add(struct call *c, int fd, int flags);

/* The same at the lowest free number, as natively. */
int MUST_CHECK guestfd_add_lowest(struct call *c, int fd, int flags);

/* Makes the guest's number `at` stand for the open file `fd` (which stays the caller's), as dup2(2)
 * does, without answering: 0 or -errno. */
int MUST_CHECK guestfd_replace(struct call *c, int fd, int at, int flags);

/* Is there a number that the next virtual file can have? Asked before one is made: open(2) fails
 * with EMFILE before it creates anything. */
bool guestfd_room(struct call *c);

/* Is there no number from VFD_HOT on to be had: none is allowed (RLIMIT_NOFILE), descriptors are
 * not lent, or all are in use, as far as is known without a look at each? */
bool guestfd_full(struct call *c);

/* Must the next virtual file take the lowest number: because 0, 1 or 2 is free (programs count
 * on close(0); open()), or guestfd_full()? Then the file is filled first and answered with
 * ZONE_LOWEST. */
bool guestfd_wants_low(struct call *c);

#endif
