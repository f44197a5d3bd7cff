/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of the inode table, shared by inode.c, names.c and inode_ops.c. */
#ifndef UM_VIEW_ITABLE_H
#define UM_VIEW_ITABLE_H

#include "view/inode.h"

/*
 * A name in a directory, as last heard of. ino NULL with a time in the future: known not to
 * exist. A time in the past: nothing is known, the record stays for `seq`, and for whom the name
 * was last (which rename and unlink need). It references neither directory nor inode: it goes
 * when one of them is freed.
 */
struct dname {
	struct cds_hlist_node hash;
	struct cds_list_head sibling; /* dir->names */
	struct cds_list_head alias;   /* ino->aliases */
	struct cds_list_head lru;     /* itable->lru, oldest first */
	struct inode *dir;
	struct inode *ino;
	uint64_t until;
	uint64_t seq; /* itable version when the name was last changed by us or by notice */
	uint32_t hashval;
	uint16_t len;
	char name[];
};

struct itable {
	struct fs *fs;
	pthread_mutex_t lock; /* all below, and the places of inodes; then inode->lock */
	struct cds_hlist_head *inodes;
	size_t ninodes, inode_mask;
	struct cds_hlist_head *names;
	size_t nnames, name_mask;
	struct cds_list_head lru;    /* all names */
	struct cds_list_head unused; /* inodes without a reference, oldest first */
	size_t nunused;
	atomic_uint_least64_t version;
	pthread_mutex_t names_lock; /* names_* of all inodes, tree_busy; innermost */
	pthread_cond_t names_free;
	bool tree_busy;
};

enum { ITABLE_MAX_UNUSED = 131072, ITABLE_MAX_NAMES = 262144 };

static inline struct itable *itable_of(const struct fs *fs)
{
	return fs->itable;
}

static inline uint64_t itable_bump(struct itable *t)
{
	return atomic_fetch_add_explicit(&t->version, 1, memory_order_acq_rel) + 1;
}

/* For how long, at least, a sole client believes names and attributes. Times of access and the
 * like change without us: so not for ever. */
static const uint64_t SOLE_NAMES_NS = 60 * NSEC_PER_SEC, SOLE_ATTR_NS = 10 * NSEC_PER_SEC;

/* For how long a sole client believes attributes. A server of paths (libfuse's high level) gives
 * each name of a file a node of its own, so a change by one name is not seen to concern the others.
 */
static inline uint64_t sole_attr_ns(const struct fs_attr *attr)
{
	return attr->nlink > 1 && !S_ISDIR(attr->mode) ? 0 : SOLE_ATTR_NS;
}

/* now + valid (at least `sole` for a sole client), without overflow. */
static inline uint64_t valid_until(const struct fs *fs, uint64_t valid_ns, uint64_t sole)
{
	uint64_t now;

	if (valid_ns < sole && (fs->flags & FS_SOLE_NAMES))
		valid_ns = sole;
	if (valid_ns == 0)
		return 0;
	now = now_ns();
	return valid_ns > UINT64_MAX - now ? UINT64_MAX : now + valid_ns;
}

/* Until what that gave: is it yet? 0: it never was. */
static inline bool is_valid_yet(uint64_t until)
{
	return until == UINT64_MAX || (until && now_ns() < until);
}

/* ---- names.c; all with the table's lock held ---- */
int MUST_CHECK itable_names_init(struct itable *t);
void itable_names_release(struct itable *t);
struct dname *name_find(struct itable *t, struct inode *dir, const char *name);
/* Did the name change after `version`? d is its record or NULL. */
static inline bool name_stale(const struct inode *dir, const struct dname *d, uint64_t version)
{
	return dir->name_seq > version || (d && d->seq > version);
}
/* What the name leads to from now on, until when. ino NULL: nowhere, or not known (until 0). */
void name_set(
	struct itable *t, struct inode *dir, const char *name, struct inode *ino, uint64_t until);
/* It is not known any more what it leads to, nor whether it is there. */
void name_unsure(struct itable *t, struct inode *dir, const char *name);
/* Is it known not to be there? d is its record or NULL. */
bool name_absent(const struct inode *dir, const struct dname *d);
/* The name was changed: replies to what was asked before are no news. */
void name_changed(struct itable *t, struct inode *dir, const char *name);
void names_drop_inode(struct itable *t, struct inode *ino);

/* ---- inode.c ---- */
/* What nobody uses is forgotten. */
void itable_drop_unused(struct fs *fs);
/* Moves an inode in the tree; *drop gets a reference to put after the lock (or NULL).
 * -ELOOP: it would be above itself; -ENOMEM. */
int MUST_CHECK inode_place(
	struct inode *ino, struct inode *dir, const char *name, struct inode **drop);
bool inode_above(const struct inode *dir, const struct inode *ino);
struct inode *inode_get_locked(struct itable *t, struct inode *ino);
/* With the table's lock held; *stale gets an inode to put after it (or NULL). */
int MUST_CHECK inode_enter_locked(struct itable *t, const struct fs_entry *e, struct inode *parent,
	const char *name, uint64_t version, struct inode **ret, struct inode *drop[2]);
/* What follows it without the lock, err being what it gave: puts drop[], and ino or its lookup when
 * it failed, else *ret is ino. Returns err. */
int MUST_CHECK inode_entered(struct fs *fs, const struct fs_entry *e, int err, struct inode *ino,
	struct inode *drop[2], struct inode **ret);

/* ---- inode_attr.c ---- */
/* Keeps a reply's attributes unless the inode changed after `version`. */
void inode_attr_install(struct inode *ino, const struct fs_attr *attr, uint64_t version);

/* ---- inode_acl.c ---- */
/* With the inode's lock held: its ACLs are asked for again. */
void inode_acl_forget_locked(struct inode *ino);

#endif
