/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inodes and names of served file systems: identity, attributes and directory entries kept for
 * as long as the server allowed, and nothing longer.
 */
#ifndef UM_VIEW_INODE_H
#define UM_VIEW_INODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <urcu/hlist.h>
#include <urcu/list.h>

#include "view/fs.h"

struct filecache; /* the file layer's: pages, open handles, dirty ranges */

struct inode {
	struct fs *fs;
	uint64_t nodeid;
	uint64_t generation;
	atomic_int refs;
	mode_t type; /* S_IFMT part; never changes: a node whose type changed is another inode */
	uint64_t nlookup; /* what the server must be told to forget; the table's lock */
	/* attr, attr_until, attr_seq, acl, body, cache pointer; innermost but for caches */
	pthread_mutex_t lock;
	struct fs_attr attr;
	uint64_t attr_until;	   /* now_ns() until which attr may be used; 0: not valid */
	uint64_t attr_call;	   /* the call (its id) that has just asked for it; 0: none */
	uint64_t perm_until;	   /* the same for attr's mode, uid and gid */
	_Atomic uint64_t attr_seq; /* itable_version() when attr last became stale: older replies
				are not kept */
	/* by enum acl_type, while perm_until (view/inode_acl.c) */
	struct kept_acl {
		struct acl *acl; /* NULL: it has none */
		unsigned n;
		bool known;
	} acl[2];
	char *body;		 /* of a symbolic link, where it may be kept, else NULL */
	struct filecache *cache; /* NULL while never opened; owned; freed by the hook below */
	/* Where a directory (or file, as last looked up) is: guarded by the table's lock. */
	struct inode *parent; /* referenced; NULL for a root */
	char *name;
	atomic_bool deleted; /* its last name was removed */
	/* The last name of an open file was taken from a server that would only have hidden it:
	 * what is left of it is here (file/orphan.c), and the server is asked for nothing. */
	atomic_bool orphan;
	atomic_bool unnamed;  /* a name of it was removed, */
	atomic_bool unknown;  /* and its server, which works by names, does not find it any more */
	atomic_bool linkable; /* of O_TMPFILE: may get a name though it is deleted */
	/* It has or had several names: libfuse's high level makes a node of each, so that the
	 * content of one changes by the others, unseen. */
	atomic_bool many_names;
	atomic_bool no_caps; /* of the view's own image: it has no XATTR_NAME_CAPS */
	/* Of a directory: since its names were read last with their attributes these were wanted,
	 * by a lookup at the server or of one that was `listed` so and not used since. */
	atomic_bool looked, listed;
	atomic_bool bad;   /* the server gave its node id to something else: -EIO */
	bool hashed;	   /* the table finds it by its node id */
	bool names_busy;   /* nameslock.c: a change of names in it, or of it, is under way; */
	int names_readers; /* it is being read; */
	int names_wanted;  /* changes wait for that */
	uint64_t names_ns; /* and when the last one was over */
	uint64_t name_seq; /* as attr_seq, for names in it that the cache holds no record of */
	/* Of a directory: it was made by us, is ours alone, and all names in it are in the cache.
	 * Written under the table's lock. */
	atomic_bool whole;
	struct cds_list_head names;   /* cached names in it */
	struct cds_list_head aliases; /* cached names of it */
	struct cds_hlist_node hash;
	struct cds_list_head lru; /* linked while unreferenced */
};

/* The O_PATH descriptor of an inode whose file system has such (fs->host_fd): while it is
 * referenced. */
static inline int inode_host_fd(const struct inode *ino)
{
	return ino->fs->host_fd(ino->fs, ino->nodeid);
}

/* Before it is opened with these flags of open(2), or a name made in it (O_CREAT), by that
 * descriptor. */
static inline int inode_host_prepare(struct inode *ino, const struct fs_req *req, int flags)
{
	struct fs *fs = ino->fs;

	return fs->host_prepare ? fs->host_prepare(fs, req, ino->nodeid, flags) : 0;
}

/* Attributes as the kernel has them; valid_ns is 0. */
void fs_attr_of_stat(const struct stat *st, struct fs_attr *ret);

/* The table of a file system's inodes. */
int MUST_CHECK itable_init(struct fs *fs);
/* Drops everything; no inode may be referenced any more but by the table. */
void itable_release(struct fs *fs);
/* Ends a file system that could not be mounted, with its root (taken; NULL: it has none yet). */
void fs_discard(struct fs *fs, struct inode *root);
/* How many inodes are known, for umctl and limits. */
size_t itable_count(struct fs *fs);
/* Counts changes. Read before a request is sent, it tells whether its reply is still news: see
 * inode_from_entry_at(). */
uint64_t itable_version(struct fs *fs);
/* The root, of type S_IFDIR (or S_IFREG ...), without asking the server: referenced. */
int MUST_CHECK inode_root(struct fs *fs, mode_t type, struct inode **ret);
/* Called when an inode with a cache is freed (set once by the file layer). */
void inode_set_cache_free(void (*fn)(struct inode *ino));
/* Called with an inode whose attributes are filled for a caller, so that the file layer can put
 * the size and times that are not yet with the server (set once by the file layer). */
void inode_set_attr_hook(void (*fn)(struct inode *ino, struct fs_attr *attr));

struct inode *inode_get(struct inode *ino);
void inode_put(struct inode *ino);
static inline void inode_cleanup(struct inode **ino)
{
	if (*ino)
		inode_put(*ino);
}
#define _cleanup_inode_ _cleanup_(inode_cleanup)

/* The inode of an entry that a server gave (counts one lookup): referenced; -ENOMEM, -EIO when
 * the type of a known node changed. parent/name may be NULL (root, tmpfile). */
int MUST_CHECK inode_from_entry(struct fs *fs, const struct fs_entry *e, struct inode *parent,
	const char *name, struct inode **ret);
/* The same for a reply to a request sent at `version`: neither its attributes nor its name are
 * kept if they changed since (readdirplus). -ELOOP: a directory that is above itself. */
int MUST_CHECK inode_from_entry_at(struct fs *fs, const struct fs_entry *e, struct inode *parent,
	const char *name, uint64_t version, struct inode **ret);

/* That there is such a name is not believed any longer: the server is asked next time. */
void inode_distrust(struct inode *dir, const char *name);
/* A name in a directory. -ENOENT; positive results are referenced. Uses and fills the cache. */
int MUST_CHECK inode_lookup(
	struct inode *dir, const struct fs_req *req, const char *name, struct inode **ret);
/* The server lists this name. */
void inode_name_listed(struct inode *dir, const char *name);
/* Number and type of what a name led to when the server was asked for it last; "." too. False: it
 * never was. */
bool inode_known(struct inode *dir, const char *name, uint64_t *ret_ino, mode_t *ret_type);
/* Attributes, asked for where they are not valid, corrected by the attr hook. force: ask. */
int MUST_CHECK inode_getattr(
	struct inode *ino, const struct fs_req *req, bool force, struct fs_attr *ret);
/* The same where mode, uid and gid alone are of interest. */
int MUST_CHECK inode_getperm(struct inode *ino, const struct fs_req *req, struct fs_attr *ret);
/* Would that be without asking the server? */
bool inode_perm_kept(struct inode *ino);
/* Does it show these numbers? By what was last asked. */
bool inode_is(struct inode *ino, dev_t dev, ino_t nr);
/* dentry_needs_remove_privs(): does a change of its content take the right to run as another away?
 * Then the mode that is left. As the kernel does for all but root. Without a call the group is not
 * looked at. */
bool inode_drops_privs(struct inode *ino, const struct fs_req *req, mode_t *ret);
/* Before its content or owner changes: capabilities that a program has as a file go, whoever
 * changes it (security_inode_killpriv()). A server that refuses keeps them. */
void inode_drop_caps(struct inode *ino, const struct fs_req *req);
int MUST_CHECK inode_setattr(struct inode *ino, const struct fs_req *req, const struct fs_handle *h,
	const struct fs_setattr *set);
/* A fresh struct stat / statx fields are filled by the callers in sys/ from fs_attr + fs->dev. */

static inline mode_t inode_type(const struct inode *ino)
{
	return ino->type;
}

/* st_ino, as it was told last. */
static inline uint64_t inode_number(struct inode *ino)
{
	uint64_t n;

	pthread_mutex_lock(&ino->lock);
	n = ino->attr.ino;
	pthread_mutex_unlock(&ino->lock);
	return n;
}

/* Operations that change names: they run the driver's op and keep the caches right, refuse what
 * the state of the tree forbids (-ENOENT in a removed directory, -EROFS with FS_READ_ONLY,
 * -EINVAL for a directory renamed into itself), and apply the umask where the server does not.
 * Permissions and mount flags are the caller's. */
int MUST_CHECK inode_mknod(struct inode *dir, const struct fs_req *req, const char *name,
	mode_t mode, dev_t rdev, struct inode **ret);
int MUST_CHECK inode_mkdir(struct inode *dir, const struct fs_req *req, const char *name,
	mode_t mode, struct inode **ret);
int MUST_CHECK inode_symlink(struct inode *dir, const struct fs_req *req, const char *name,
	const char *target, struct inode **ret);
int MUST_CHECK inode_link(
	struct inode *ino, const struct fs_req *req, struct inode *dir, const char *name);
int MUST_CHECK inode_unlink(struct inode *dir, const struct fs_req *req, const char *name);
int MUST_CHECK inode_rmdir(struct inode *dir, const struct fs_req *req, const char *name);
int MUST_CHECK inode_rename(struct inode *dir, const struct fs_req *req, const char *name,
	struct inode *newdir, const char *newname, unsigned flags);
/* O_CREAT: ret_h is the open handle. Falls back to mknod + open where the server has no create. */
int MUST_CHECK inode_create(struct inode *dir, const struct fs_req *req, const char *name,
	mode_t mode, int flags, struct inode **ret, struct fs_handle *ret_h);
/* O_TMPFILE: an inode without a name. -EOPNOTSUPP where the server has none. */
int MUST_CHECK inode_tmpfile(struct inode *dir, const struct fs_req *req, mode_t mode, int flags,
	struct inode **ret, struct fs_handle *ret_h);
int MUST_CHECK inode_readlink(
	struct inode *ino, const struct fs_req *req, char buf[/* PATH_MAX */]);

/* MAY_ACCESS is added by access(2) and chdir(2): only then is a server without
 * default_permissions asked by its access op, as the kernel does. */
enum inode_may { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4, MAY_ACCESS = 0x10 };

/* May req do this (enum inode_may)? default_permissions: by mode, uid and
 * gid with the kernel's rules for root; else by the server's access op where it has one. */
int MUST_CHECK inode_permission(struct inode *ino, const struct fs_req *req, int mask);
/* The same by modes alone: without default_permissions everything is allowed. For the search of
 * a directory on a walk. */
int MUST_CHECK inode_permission_modes(struct inode *ino, const struct fs_req *req, int mask);

/*
 * One change of a directory at a time, from the last lookup of the name to the reply of the server
 * (nameslock.c): the directories whose names change, and what is removed. tree: a directory gets
 * another parent; one such rename at a time.
 */
enum { NAMES_LOCK_MAX = 4 };
struct names_lock {
	struct inode *ino[NAMES_LOCK_MAX]; /* referenced */
	unsigned n;
	bool tree;
	bool held;
};
void names_lock_add(struct names_lock *l, struct inode *ino);
/* Waits; -EINTR when the guest was killed. */
int MUST_CHECK names_lock(struct names_lock *l, const struct fs_req *req);
/* Gives up what is held, and forgets the inodes. */
void names_unlock(struct names_lock *l);
/* While the server is asked for the names in it: no change is under way, other readers may be. */
int MUST_CHECK names_lock_read(struct inode *dir, const struct fs_req *req);
void names_unlock_read(struct inode *dir);
/* Was a change of names in dir over after this moment (now_ns())? */
bool names_changed_since(struct inode *dir, uint64_t ns);

/* What a server's notification or our own change makes stale. */
void inode_invalidate_attr(struct inode *ino);
/* Names in it came or went: its times, size and links are others, but not who may do what. */
void inode_touch_attr(struct inode *ino);
/* by id: for notifications. len < 0: to the end; attributes always. */
struct inode *itable_find(struct fs *fs, uint64_t nodeid);
void itable_invalidate_entry(struct fs *fs, uint64_t parent, const char *name, size_t namelen);

/* The path of a directory or file from its file system's root ("/a/b"; "/" for the root),
 * malloc'ed; NULL when out of memory. " (deleted)" is not appended: see ino->deleted. */
char *inode_path(struct inode *ino);
/* Where it is, as last looked up: its directory, referenced, and its name, malloc'ed; NULL for a
 * root, a nameless file, or out of memory. */
struct inode *inode_place_of(struct inode *ino, char **ret_name);
/* The parent of a directory, referenced; itself for a root. */
struct inode *inode_parent(struct inode *ino);
/* Is `dir` the same as or above `ino`? */
bool inode_is_ancestor(struct inode *dir, struct inode *ino);

#endif
