/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image that this view has mounted already is mounted again: as the kernel's superblock of a
 * device, the one file system then serves both places. So does one that umount -l has taken down
 * and somebody still uses; one that is just ending is waited for.
 */
#include <string.h>
#include <sys/stat.h>

#include "fs/fuse/fuse.h"
#include "sys/mount/calls.h"

#define ENDING_POLL_NS (NSEC_PER_SEC / 20)

int mount_note_image(struct mount_pending *p, int image, uint64_t offset)
{
	struct stat st;

	if (fstat(image, &st) < 0)
		return -errno;
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	p->offset = offset;
	return 0;
}

/* Under ms->lock. */
static struct mount_pending *live_one(struct mountsrv *ms, const struct mount_pending *p)
{
	struct mount_pending *q;

	cds_list_for_each_entry(q, &ms->live, node) {
		if (q->lock_fd >= 0 && q->dev == p->dev && q->ino == p->ino)
			return q;
	}
	return NULL;
}

static bool same(const struct mount_pending *a, const struct mount_pending *b)
{
	return a->offset == b->offset && a->loop == b->loop && strcmp(a->type, b->type) == 0 &&
	       !((a->flags ^ b->flags) & MS_RDONLY);
}

bool fs_join(struct fs *fs)
{
	int n = atomic_load(&fs->mounted);

	while (n > 0 && !atomic_compare_exchange_weak(&fs->mounted, &n, n + 1))
		;
	return n > 0;
}

/* Until its server is gone and the image free; a moment of it. Under ms->lock. */
static void ending_wait(struct mountsrv *ms)
{
	uint64_t until = now_ns() + ENDING_POLL_NS;
	struct timespec ts = { .tv_sec = (time_t)(until / NSEC_PER_SEC),
		.tv_nsec = (long)(until % NSEC_PER_SEC) };

	pthread_cond_timedwait(&ms->cond, &ms->lock, &ts);
}

/* 1 with the mount, whose file system has been joined; 0: none serves this; -EINTR. */
static int find(
	struct mountsrv *ms, struct call *c, const struct mount_pending *p, struct mount **ret)
{
	for (;;) {
		struct mount_pending *q;
		bool joined;

		pthread_mutex_lock(&ms->lock);
		q = live_one(ms, p);
		if (!q || !same(q, p) || fuse_conn_dead(q->mnt->fs)) {
			pthread_mutex_unlock(&ms->lock);
			return 0;
		}
		joined = fs_join(q->mnt->fs);
		if (joined)
			*ret = mount_get(q->mnt);
		else
			ending_wait(ms);
		pthread_mutex_unlock(&ms->lock);
		if (joined)
			return 1;
		if (c && call_interrupted(c))
			return -EINTR;
	}
}

int mount_again(struct mountsrv *ms, struct call *c, const struct mount_pending *p, bool dry_run)
{
	_cleanup_mount_ struct mount *first = NULL, *m = NULL;
	int r = find(ms, c, p, &first);

	if (r <= 0)
		return r;
	if (path_is_mount_root(p->where) && p->where->mnt->fs == first->fs)
		r = -EBUSY; /* as do_add_mount(): upon itself */
	else if (!dry_run)
		r = view_mount(&ms->um->view, first->fs, first->root, p->where, p->source, p->type,
			p->options, p->flags, &m);
	if (m)
		m->server = first->server;
	umount_leave(ms->um, first->fs);
	return r < 0 ? r : 1;
}
