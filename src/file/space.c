/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When write(2) is to say ENOSPC itself: where little is left, what is written goes to the server
 * at once. The kernel's FUSE asks no server for its space, and there are some that do not survive
 * it: so it is asked for once much waits to be written back, or the server has refused some.
 */
#include "file/cache.h"

#define SPACE_SLACK (16u << 20) /* less is little */
#define SPACE_MUCH (256u << 10) /* dirty, of one file */
#define SPACE_GOOD_NS NSEC_PER_SEC
/* A server that was full is asked again, but only when somebody writes. */
#define SPACE_FAILED_NS (NSEC_PER_SEC / 2)

/* With lru_lock. The entry of a file system; NULL: it has none. */
static struct space *find(struct files *f, const struct fs *fs)
{
	for (struct space *s = f->space; s < f->space + ARRAY_SIZE(f->space); s++)
		if (s->fs == fs)
			return s;
	return NULL;
}

static void note(struct files *f, struct fs *fs, bool low, uint64_t ns)
{
	struct space *s, *use, *oldest = NULL;

	pthread_mutex_lock(&f->lru_lock);
	use = find(f, fs);
	for (s = f->space; !use && s < f->space + ARRAY_SIZE(f->space); s++)
		if (!oldest || s->until < oldest->until)
			oldest = s;
	use = use ? use : oldest;
	*use = (struct space){ .fs = fs, .until = now_ns() + ns, .low = low };
	pthread_mutex_unlock(&f->lru_lock);
}

bool space_low(struct filecache *c, const struct fs_req *req, uint64_t dirty)
{
	struct fs *fs = c->ino->fs;
	struct files *f = c->files;
	const struct space *s;
	struct statfs st;
	bool fresh, low;

	pthread_mutex_lock(&f->lru_lock);
	s = find(f, fs);
	fresh = s && s->until > now_ns();
	low = s && s->low;
	pthread_mutex_unlock(&f->lru_lock);
	if (fresh)
		return low;
	if (!fs->node->statfs || (dirty < SPACE_MUCH && !low) ||
		fs->node->statfs(fs, req, fs->root_node, &st) < 0)
		return low;
	low = st.f_blocks && (uint64_t)st.f_bavail * (uint64_t)st.f_bsize < SPACE_SLACK;
	note(f, fs, low, SPACE_GOOD_NS);
	return low;
}

void space_failed(struct filecache *c, int err)
{
	if (err == -ENOSPC || err == -EDQUOT)
		note(c->files, c->ino->fs, true, SPACE_FAILED_NS);
}
