/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases of guests (fcntl(2), F_SETLEASE) are the placeholder's, so the kernel gives them, breaks
 * them and tells their holders. What it counts as an open of somebody else's might be one of ours:
 * where a lease may be held, no open of ours asks whether the file is still in use, and an open for
 * a guest does not wait for the holder with a lock held.
 */
#ifndef UM_FILE_LEASE_H
#define UM_FILE_LEASE_H

#include "file/cache.h"

/* A guest is about to ask for one (F_RDLCK, F_WRLCK), and has been answered. */
void lease_begin(struct filecache *c, int type);
void lease_end(struct filecache *c);
/* With c->lock: has anybody one? */
bool lease_held(struct filecache *c);
/* After an open of ours with O_NONBLOCK was EWOULDBLOCK, without the lock: waits a moment for the
 * holder to give it up. 0: try again; -EINTR, -EWOULDBLOCK. */
int MUST_CHECK lease_wait(const struct fs_req *req);

#endif
