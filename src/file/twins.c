/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes that are names of one file. libfuse's high level makes a node of each name, so a file with
 * several is as many inodes here, each with a content of its own; that they are one is told by
 * their number and fs->dev alone. Nothing is shared by them, for a number is but what a server
 * says: what one holds back goes to the server before another is read or written, and what has
 * changed there is asked for again by the others. While two are open at once nothing is held back.
 */
#include "file/cache.h"

#include <string.h>

#include "base/log.h"

static bool may_have(const struct filecache *c)
{
	return atomic_load_explicit(&c->ino->many_names, memory_order_relaxed) &&
	       !atomic_load(&c->ino->orphan);
}

/* How many there are, each referenced, in a malloc'ed array. */
static size_t twins_of(struct filecache *c, struct vfile ***ret)
{
	ssize_t n = may_have(c) ? files_collect_twins(c, ret) : 0;

	return n < 0 ? 0 : (size_t)n;
}

bool cache_twins_settle(struct filecache *c, const struct fs_req *req)
{
	struct vfile **all = NULL;
	size_t n = twins_of(c, &all);
	bool in_use = false;

	for (size_t i = 0; i < n; i++) {
		struct filecache *t = all[i]->cache;
		bool holds;

		pthread_mutex_lock(&t->lock);
		holds = t->vf && (t->late || t->telling || cache_unsent(t));
		in_use |= t->vf && !t->closed;
		pthread_mutex_unlock(&t->lock);
		if (holds)
			(void)!cache_writeback_quietly(t, req); /* the rest of it stays dirty */
		vfile_put(all[i]);
	}
	free(all);
	return in_use;
}

void cache_twins_before_open(struct filecache *c, const struct fs_req *req)
{
	struct vfile *vf;
	bool holds;

	if (!may_have(c))
		return;
	pthread_mutex_lock(&c->lock);
	holds = c->vf && cache_unsent(c);
	pthread_mutex_unlock(&c->lock);
	if (!holds)
		return;
	vf = cache_nobodys(c);
	if (!vf)
		(void)!cache_writeback_quietly(c, req); /* the rest of it stays dirty */
	else if (cache_settle_closed(vf, req, false) < 0)
		log_debug("write-back before a file is opened again failed");
	if (vf)
		vfile_put(vf);
}

void file_settle_names(struct files *f, struct inode *ino, const struct fs_req *req)
{
	struct filecache *c;

	if (inode_type(ino) == S_IFREG && atomic_load(&ino->many_names) && files_any(f) &&
		cache_of(f, ino, &c) == 0)
		(void)cache_twins_settle(c, req);
}

/* It is open: what it shows is to be what the server has now, in reads that are not trapped and
 * mappings too. */
static int renew(struct filecache *t, uint64_t start, uint64_t end)
{
	bool unseen, grows = false;
	struct fs_attr attr;
	struct fs_req req;
	int r;

	cache_req(t, &req);
	r = cache_forget_content(t, start, end);
	pthread_mutex_lock(&t->lock);
	unseen = t->untrapped || t->low || !ranges_empty(&t->mapped);
	/* What was written unseen. Not here: it is renewed by what the others write unseen. */
	if (t->vf && !ranges_empty(&t->dirty))
		files_job(t->vf, t->closed ? JOB_CLOSED : JOB_WRITEBACK);
	pthread_mutex_unlock(&t->lock);
	if (r == 0)
		r = inode_getattr(t->ino, &req, true, &attr);
	if (r < 0)
		return r;
	pthread_mutex_lock(&t->lock);
	if (t->vf && !cache_is_dirty(t)) {
		grows = attr.size > t->size;
		if (attr.size < t->size)
			r = cache_resize(t, attr.size);
		cache_of_server(t, &attr, true);
	}
	pthread_mutex_unlock(&t->lock);
	if (r == 0 && grows)
		r = cache_extend(t, &req, attr.size);
	if (r == 0 && unseen)
		r = cache_fill(t, &req, start, end - start);
	if (r < 0)
		log_debug("a name of a file that another changed: %s", strerror(-r));
	return r;
}

/* Its name went meanwhile. */
static bool is_unknown(int err)
{
	return err == -ENOENT || err == -ESTALE;
}

/* Its server, which works by names, may not find it any more: what it shows comes from another. */
static void copy_content(struct filecache *from, struct filecache *t, uint64_t at, uint64_t end)
{
	uint64_t size = cache_size(from);
	char *buf = files_buf_get(t->files);
	struct fs_req req;
	int r = buf ? 0 : -ENOMEM;

	if (end > size)
		end = size;
	cache_req(from, &req);
	if (r == 0 && at < end)
		r = cache_fill(from, &req, at, end - at);
	pthread_mutex_lock(&t->lock);
	if (r == 0 && t->vf && !cache_is_dirty(t) && t->size > size)
		r = cache_resize(t, size);
	pthread_mutex_unlock(&t->lock);
	while (r == 0 && at < end) {
		size_t want = end - at < BUF_SIZE ? (size_t)(end - at) : BUF_SIZE;
		ssize_t n = file_retrieve(from->ino, at, buf, want);

		if (n <= 0) /* who has changed it meanwhile comes here, too */
			break;
		r = file_store(t->ino, at, buf, (size_t)n);
		at += (uint64_t)n;
	}
	files_buf_put(t->files, buf);
	if (r < 0)
		log_debug("a file without a name does not follow the others: %s", strerror(-r));
}

void cache_twins_stale(struct filecache *c, uint64_t start, uint64_t end)
{
	struct vfile **all = NULL;
	size_t n = twins_of(c, &all);

	/* whole pages, since they are hashed */
	start -= start % PAGE_HASH;
	if (end < UINT64_MAX - PAGE_HASH)
		end = (end + PAGE_HASH - 1) / PAGE_HASH * PAGE_HASH;
	for (size_t i = 0; i < n; i++) {
		struct filecache *t = all[i]->cache;
		bool in_use, named = !atomic_load(&t->ino->unnamed);

		inode_invalidate_attr(t->ino);
		pthread_mutex_lock(&t->lock);
		/* what was written unseen is not taken for what the server has */
		in_use = t->vf && (!t->closed || t->opening || cache_unsent(t));
		if (named)
			cache_invalidate(t, start, end);
		t->srv_known = false;
		pthread_mutex_unlock(&t->lock);
		if (in_use && named)
			named = !is_unknown(renew(t, start, end));
		if (in_use && !named)
			copy_content(c, t, start, end);
		vfile_put(all[i]);
	}
	free(all);
}
