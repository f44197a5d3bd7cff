/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of forgetting. As in the kernel, what is to be forgotten when all goes is not told.
 * FORGET has no answer, and of a server of several threads one may still be at those that were sent
 * last when another frees all nodes at DESTROY (passthrough_ll): so they are waited for, as far as
 * that can be seen.
 */
#include "fs/fuse/conn.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#define RECENT_NS NSEC_PER_SEC
#define PATIENCE_NS (NSEC_PER_SEC / 2)
#define LOOK_NS 1000000
#define QUIET_LOOKS 5

void fuse_end_forgets(struct fuse_conn *fc)
{
	pid_t pid = atomic_load(&fc->server_pid);
	uint64_t sent, end = now_ns() + PATIENCE_NS;
	int unread = 0, quiet = 0;

	pthread_mutex_lock(&fc->lock);
	fc->ending = true;
	fc->nforgets = 0;
	sent = fc->forgot_ns;
	pthread_mutex_unlock(&fc->lock);
	if (!sent || sent + RECENT_NS < now_ns())
		return;
	/* one thread may have gone to sleep, and another not woken, between our looks at them */
	while (quiet < QUIET_LOOKS && now_ns() < end) {
		quiet = (ioctl(fc->sock, SIOCOUTQ, &unread) == 0 && unread > 0) ||
					(pid > 0 && process_at_work(pid))
				? 0
				: quiet + 1;
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
	}
}
