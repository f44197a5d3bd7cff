/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file/lease.h"

#include <fcntl.h>
#include <poll.h>

#include "file/locks.h"

#define TICK_MS 10

void lease_begin(struct filecache *c, int type)
{
	int fd = -1;

	pthread_mutex_lock(&c->lock);
	c->leased = true;
	c->leasing++;
	if (type == F_WRLCK) {
		fd = c->checker;
		c->checker = -1;
	}
	pthread_mutex_unlock(&c->lock);
	if (fd >= 0)
		close(fd);
}

void lease_end(struct filecache *c)
{
	pthread_mutex_lock(&c->lock);
	c->leasing--;
	pthread_mutex_unlock(&c->lock);
}

bool lease_held(struct filecache *c)
{
	if (c->leased && !c->leasing && locks_on_place(c, "LEASE", 0) == F_UNLCK)
		c->leased = false;
	return c->leased;
}

int lease_wait(const struct fs_req *req)
{
	if (!req->call)
		return -EWOULDBLOCK;
	call_waits();
	poll(NULL, 0, TICK_MS);
	return call_interrupted(req->call) ? -EINTR : 0;
}
