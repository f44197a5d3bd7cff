/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inodes of a served file system.
 *
 * Theory of operation. An inode is found by its node id and lives while somebody references it
 * (a walk, an open file, a mount, a child by its `parent`), then for a while on the list of
 * unused ones, then it is forgotten to the server with the number of lookups that it counted.
 * Children reference their parent, so what is known is always a set of trees; a server that
 * would make a directory its own ancestor is answered with ELOOP, as by the kernel.
 */
#include "view/itable.h"

#include <assert.h>
#include <string.h>

#include "base/log.h"

/* Set once, before anything is mounted. */
static void (*_Atomic cache_free_hook)(struct inode *ino);

void inode_set_cache_free(void (*fn)(struct inode *ino))
{
	atomic_store(&cache_free_hook, fn);
}

int itable_init(struct fs *fs)
{
	struct itable *t = calloc(1, sizeof(*t));
	pthread_condattr_t attr;

	if (!t)
		return -ENOMEM;
	t->fs = fs;
	t->inode_mask = 255;
	t->inodes = calloc(t->inode_mask + 1, sizeof(*t->inodes));
	if (!t->inodes || itable_names_init(t) < 0) {
		free(t->inodes);
		free(t);
		return -ENOMEM;
	}
	CDS_INIT_LIST_HEAD(&t->unused);
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->names_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->names_free, &attr);
	pthread_condattr_destroy(&attr);
	atomic_init(&t->version, 1);
	fs->itable = t;
	return 0;
}

static struct cds_hlist_head *inode_bucket(struct itable *t, uint64_t nodeid)
{
	uint64_t h = nodeid * 0x9e3779b97f4a7c15ull;

	return &t->inodes[(h >> 32) & t->inode_mask];
}

static void inodes_grow(struct itable *t)
{
	size_t old_mask = t->inode_mask, mask = old_mask * 4 + 3, i;
	struct cds_hlist_head *inodes, *old = t->inodes;

	if (t->ninodes <= 2 * old_mask || old_mask > ITABLE_MAX_UNUSED)
		return;
	inodes = calloc(mask + 1, sizeof(*inodes));
	if (!inodes)
		return;
	t->inodes = inodes;
	t->inode_mask = mask;
	for (i = 0; i <= old_mask; i++) {
		struct inode *ino, *next;

		cds_hlist_for_each_entry_safe_2(ino, next, &old[i], hash)
			cds_hlist_add_head(&ino->hash, inode_bucket(t, ino->nodeid));
	}
	free(old);
}

static struct inode *inode_find_locked(struct itable *t, uint64_t nodeid)
{
	struct inode *ino;

	cds_hlist_for_each_entry_2(ino, inode_bucket(t, nodeid), hash)
		if (ino->nodeid == nodeid)
			return ino;
	return NULL;
}

static struct inode *inode_new_locked(
	struct itable *t, uint64_t nodeid, uint64_t generation, mode_t type)
{
	struct inode *ino = calloc(1, sizeof(*ino));

	if (!ino)
		return NULL;
	ino->fs = t->fs;
	ino->nodeid = nodeid;
	ino->generation = generation;
	ino->type = type & S_IFMT;
	ino->attr.mode = ino->type;
	ino->hashed = true;
	atomic_init(&ino->refs, 1);
	pthread_mutex_init(&ino->lock, NULL);
	CDS_INIT_LIST_HEAD(&ino->names);
	CDS_INIT_LIST_HEAD(&ino->aliases);
	cds_hlist_add_head(&ino->hash, inode_bucket(t, nodeid));
	t->ninodes++;
	inodes_grow(t);
	return ino;
}

struct inode *inode_get_locked(struct itable *t, struct inode *ino)
{
	if (atomic_fetch_add(&ino->refs, 1) == 0) {
		cds_list_del(&ino->lru);
		t->nunused--;
	}
	return ino;
}

struct inode *inode_get(struct inode *ino)
{
	int before = atomic_fetch_add(&ino->refs, 1);

	assert(before > 0);
	return ino;
}

/* Nobody finds it any more. Returns its parent, whose reference is the caller's now. */
static struct inode *inode_unlink_locked(struct itable *t, struct inode *ino)
{
	names_drop_inode(t, ino);
	if (ino->hashed) {
		cds_hlist_del(&ino->hash);
		ino->hashed = false;
	}
	t->ninodes--;
	return take_ptr(&ino->parent);
}

static void inode_free(struct inode *ino, bool forget)
{
	void (*fn)(struct inode *) = atomic_load(&cache_free_hook);
	struct fs *fs = ino->fs;

	if (ino->cache && fn)
		fn(ino);
	if (forget && fs->node->forget && ino->nodeid != fs->root_node && ino->nlookup)
		fs->node->forget(fs, ino->nodeid, ino->nlookup);
	pthread_mutex_destroy(&ino->lock);
	free(ino->name);
	free(ino->body);
	for (size_t i = 0; i < ARRAY_SIZE(ino->acl); i++)
		free(ino->acl[i].acl);
	free(ino);
}

/* The last reference went: what is to be freed now, or NULL. */
static struct inode *inode_unused_locked(struct itable *t, struct inode *ino)
{
	struct inode *victim;

	/* The host's files cost a descriptor each: of those folders are kept, some. What has lost a
	 * name is not looked for again: libfuse has a node for each name of a file. */
	if (!ino->hashed || atomic_load(&ino->deleted) || atomic_load(&ino->unnamed) ||
		(ino->fs->flags & FS_KEEPS_NONE) ||
		(ino->fs->host_fd && (ino->type != S_IFDIR || !ino->fs->keep_max)))
		return ino;
	cds_list_add_tail(&ino->lru, &t->unused);
	if (++t->nunused <= (ino->fs->host_fd ? ino->fs->keep_max : ITABLE_MAX_UNUSED))
		return NULL;
	victim = cds_list_first_entry(&t->unused, struct inode, lru);
	cds_list_del(&victim->lru);
	t->nunused--;
	return victim;
}

void inode_put(struct inode *ino)
{
	while (ino) {
		struct itable *t = itable_of(ino->fs);
		struct inode *victim, *parent = NULL;
		int refs = atomic_load(&ino->refs);

		if (refs > 1) {
			if (atomic_compare_exchange_weak(&ino->refs, &refs, refs - 1))
				return;
			continue;
		}
		assert(refs == 1);
		pthread_mutex_lock(&t->lock);
		if (atomic_fetch_sub(&ino->refs, 1) != 1) {
			pthread_mutex_unlock(&t->lock);
			return;
		}
		victim = inode_unused_locked(t, ino);
		if (victim)
			parent = inode_unlink_locked(t, victim);
		pthread_mutex_unlock(&t->lock);
		if (victim)
			inode_free(victim, true);
		ino = parent;
	}
}

static void drop_unused(struct itable *t, bool forget)
{
	pthread_mutex_lock(&t->lock);
	while (!cds_list_empty(&t->unused)) {
		struct inode *ino = cds_list_first_entry(&t->unused, struct inode, lru), *parent;

		cds_list_del(&ino->lru);
		t->nunused--;
		parent = inode_unlink_locked(t, ino);
		pthread_mutex_unlock(&t->lock);
		inode_free(ino, forget);
		if (parent)
			inode_put(parent);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
}

void itable_drop_unused(struct fs *fs)
{
	drop_unused(itable_of(fs), true);
}

void itable_release(struct fs *fs)
{
	struct itable *t = fs->itable;

	if (!t)
		return;
	drop_unused(t, false);
	if (t->ninodes) {
		/* a reference was lost: leaking is better than freeing what is still used */
		log_error("%zu inodes of %s are in use after its end", t->ninodes,
			fs->type ? fs->type : "a file system");
		return;
	}
	itable_names_release(t);
	free(t->inodes);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->names_lock);
	pthread_cond_destroy(&t->names_free);
	free(t);
	fs->itable = NULL;
}

void fs_discard(struct fs *fs, struct inode *root)
{
	if (root)
		inode_put(root);
	itable_release(fs);
	fs->free(fs);
}

size_t itable_count(struct fs *fs)
{
	struct itable *t = itable_of(fs);
	size_t n;

	pthread_mutex_lock(&t->lock);
	n = t->ninodes;
	pthread_mutex_unlock(&t->lock);
	return n;
}

uint64_t itable_version(struct fs *fs)
{
	return atomic_load_explicit(&itable_of(fs)->version, memory_order_acquire);
}

int inode_root(struct fs *fs, mode_t type, struct inode **ret)
{
	struct itable *t = itable_of(fs);
	struct inode *ino;

	pthread_mutex_lock(&t->lock);
	ino = inode_find_locked(t, fs->root_node);
	if (ino)
		inode_get_locked(t, ino);
	else
		ino = inode_new_locked(t, fs->root_node, 0, type);
	pthread_mutex_unlock(&t->lock);
	if (!ino)
		return -ENOMEM;
	*ret = ino;
	return 0;
}

struct inode *itable_find(struct fs *fs, uint64_t nodeid)
{
	struct itable *t = itable_of(fs);
	struct inode *ino;

	pthread_mutex_lock(&t->lock);
	ino = inode_find_locked(t, nodeid);
	if (ino)
		inode_get_locked(t, ino);
	pthread_mutex_unlock(&t->lock);
	return ino;
}

/* ---- places ---- */

bool inode_above(const struct inode *dir, const struct inode *ino)
{
	for (; ino; ino = ino->parent)
		if (ino == dir)
			return true;
	return false;
}

int inode_place(struct inode *ino, struct inode *dir, const char *name, struct inode **drop)
{
	struct itable *t = itable_of(ino->fs);
	char *copy;

	if (ino->parent == dir && strcmp(ino->name, name) == 0)
		return 0;
	if (inode_above(ino, dir))
		return -ELOOP;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(ino->name);
	ino->name = copy;
	if (ino->parent != dir) {
		*drop = ino->parent;
		ino->parent = inode_get_locked(t, dir);
	}
	return 0;
}

/* The inode of an id, made or found; an old one of the same id but another file goes bad. */
static struct inode *inode_of_entry(struct itable *t, const struct fs_entry *e, struct inode **drop)
{
	mode_t type = e->attr.mode & S_IFMT;
	struct inode *ino = inode_find_locked(t, e->nodeid);

	if (ino && (ino->generation != e->generation || ino->type != type)) {
		*drop = inode_get_locked(t, ino);
		atomic_store(&ino->bad, true);
		names_drop_inode(t, ino);
		cds_hlist_del(&ino->hash);
		ino->hashed = false;
		ino = NULL;
	}
	if (ino)
		return inode_get_locked(t, ino);
	return inode_new_locked(t, e->nodeid, e->generation, type);
}

int inode_enter_locked(struct itable *t, const struct fs_entry *e, struct inode *parent,
	const char *name, uint64_t version, struct inode **ret, struct inode *drop[2])
{
	struct inode *ino;
	bool stale;
	int err = 0;

	if (e->nodeid == 0 || !mode_type_known(e->attr.mode) ||
		(parent && e->nodeid == t->fs->root_node))
		return -EIO;
	ino = inode_of_entry(t, e, &drop[0]);
	if (!ino)
		return -ENOMEM;
	ino->nlookup++;
	inode_attr_install(ino, &e->attr, version);
	if (parent) {
		stale = name_stale(parent, name_find(t, parent, name), version);
		if (!stale || !ino->parent)
			err = inode_place(ino, parent, name, &drop[1]);
		if (err == 0 && !stale) {
			/* (whether a name that is going is gone is told by who removes it, and what
			 * was written meanwhile is known to him: file_settled()) */
			if (atomic_exchange(&ino->deleted, false))
				atomic_store(&ino->orphan, false);
			name_set(t, parent, name, ino,
				valid_until(t->fs, e->entry_valid_ns, SOLE_NAMES_NS));
		}
	}
	/* on error too the lookup was counted: the caller puts the inode after the lock */
	*ret = ino;
	return err;
}

int inode_entered(struct fs *fs, const struct fs_entry *e, int err, struct inode *ino,
	struct inode *drop[2], struct inode **ret)
{
	inode_put(drop[0]);
	inode_put(drop[1]);
	if (err == 0)
		*ret = ino;
	else if (ino)
		inode_put(ino);
	else if (e->nodeid && e->nodeid != fs->root_node && fs->node->forget)
		fs->node->forget(fs, e->nodeid, 1);
	return err;
}

int inode_from_entry_at(struct fs *fs, const struct fs_entry *e, struct inode *parent,
	const char *name, uint64_t version, struct inode **ret)
{
	struct inode *drop[2] = { NULL, NULL }, *ino = NULL;
	struct itable *t = itable_of(fs);
	int err;

	pthread_mutex_lock(&t->lock);
	err = inode_enter_locked(t, e, parent, name, version, &ino, drop);
	pthread_mutex_unlock(&t->lock);
	return inode_entered(fs, e, err, ino, drop, ret);
}

int inode_from_entry(struct fs *fs, const struct fs_entry *e, struct inode *parent,
	const char *name, struct inode **ret)
{
	return inode_from_entry_at(fs, e, parent, name, UINT64_MAX, ret);
}

char *inode_path(struct inode *ino)
{
	struct itable *t = itable_of(ino->fs);
	struct inode *i;
	size_t len = 0;
	char *path;

	pthread_mutex_lock(&t->lock);
	for (i = ino; i->parent; i = i->parent)
		len += strlen(i->name) + 1;
	path = malloc(len + 2);
	if (path) {
		char *p = path + len;

		*p = '\0';
		if (len == 0)
			strcpy(path, "/");
		for (i = ino; i->parent; i = i->parent) {
			size_t n = strlen(i->name);

			p -= n + 1;
			*p = '/';
			memcpy(p + 1, i->name, n);
		}
	}
	pthread_mutex_unlock(&t->lock);
	return path;
}

struct inode *inode_place_of(struct inode *ino, char **ret_name)
{
	struct itable *t = itable_of(ino->fs);
	struct inode *parent = NULL;

	pthread_mutex_lock(&t->lock);
	*ret_name = ino->parent && ino->name ? strdup(ino->name) : NULL;
	if (*ret_name)
		parent = inode_get_locked(t, ino->parent);
	pthread_mutex_unlock(&t->lock);
	return parent;
}

struct inode *inode_parent(struct inode *ino)
{
	struct itable *t = itable_of(ino->fs);
	struct inode *parent;

	pthread_mutex_lock(&t->lock);
	parent = inode_get_locked(t, ino->parent ? ino->parent : ino);
	pthread_mutex_unlock(&t->lock);
	return parent;
}

bool inode_is_ancestor(struct inode *dir, struct inode *ino)
{
	struct itable *t = itable_of(ino->fs);
	bool above;

	if (dir->fs != ino->fs)
		return false;
	pthread_mutex_lock(&t->lock);
	above = inode_above(dir, ino);
	pthread_mutex_unlock(&t->lock);
	return above;
}
