/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After an unmount: ENODEV for the threads that sleep in a native read of the device. */
#ifndef UM_FS_FUSE_DEV_END_H
#define UM_FS_FUSE_DEV_END_H

#include <stdbool.h>
#include <sys/types.h>

/* Ends each read(2) of the socket with this inode number, in whatever process, with -ENODEV.
 * While their threads stand still (if there are any), stopped (may be NULL) is called once, with a
 * process and its number of the socket.
 * all: does nothing while another thread of theirs runs, which would come to find the end of a
 * socket. How many were ended. For a thread that ends soon: what it could not let go of again goes
 * then. */
int fuse_dev_end_readers(
	ino_t ino, bool all, void (*stopped)(void *arg, pid_t pid, int fd), void *arg);

/* Is it read(2), or another call by which a server takes requests? */
bool fuse_dev_reads(long nr, bool is32);
/* The same for threads that wait in poll(2) and the like, and read then: stopped is called once,
 * and is to end their wait. false: there are none. */
bool fuse_dev_end_waiters(ino_t ino, void (*stopped)(void *arg, pid_t pid, int fd), void *arg);

#endif
