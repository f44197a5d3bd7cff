/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A view: its mounts, and where a path of a guest leads in it.
 */
#ifndef UM_VIEW_VIEW_H
#define UM_VIEW_VIEW_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mount.h>
#include <urcu/list.h>

#include "view/inode.h"

/* A place of the host's tree, so that it is known again in another mount namespace or root. */
struct covered {
	dev_t dev;
	ino_t ino;
	uint64_t mnt_id;     /* of the host's mount: as in statmount(2), */
	uint32_t mnt_id_old; /* and as in mountinfo */
	char *path;	     /* in its file system; NULL: not known */
};

/* What a mount is for, beside showing something: the path policy (sys/mount/rule.h). */
enum mount_rule {
	RULE_NONE,
	RULE_HIDE,  /* nothing is there */
	RULE_EMPTY, /* something empty is there */
	RULE_RO,    /* what is there, read-only */
	RULE_RW,    /* what is there, as if no rule were above it */
	RULE_MADE,  /* what only the view has (no rule of the policy either) */
	RULE_HOST,  /* what the host has there, whatever lies above it (it is no rule of the policy)
		     */
};

static inline bool rule_is_policy(enum mount_rule rule)
{
	return rule == RULE_HIDE || rule == RULE_EMPTY || rule == RULE_RO || rule == RULE_RW;
}

struct mount {
	int id;		    /* as in mountinfo; above all of the host's */
	uint64_t unique_id; /* as in statmount(2) */
	atomic_int refs;
	struct mount *parent; /* NULL: it lies on the host's tree; referenced */
	struct fs *fs;
	struct inode *root;
	struct inode *covers; /* the inode it lies on when parent is set */
	struct covered host;  /* what it lies on when parent is not */
	bool seen_through;    /* it covers what it shows where nothing was changed: fs->unchanged */
	ino_t ns; /* the mount namespace (or view/space.h) in which alone it is seen; 0: in all */
	struct view *view;
	char *target; /* canonical absolute path of the mount point in the view */
	size_t target_len;
	char *source; /* as mountinfo shows it */
	char *type;   /* "fuse.sshfs", "fuseblk", "ext4" ... as mountinfo shows it */
	/* fstab(5)'s, of one that was asked for as a whole; "": another's line brings it; NULL:
	 * none */
	char *_Atomic table_line;
	char *options;		     /* super-block options beyond rw/ro: "user_id=0,group_id=0";
				      * under the view's lock, or mount_options_copy() */
	_Atomic unsigned long flags; /* MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME ... */
	atomic_bool expiring; /* a first umount2(MNT_EXPIRE) has found it unused: mount_used() */
	atomic_bool detached; /* umount -l, or not attached yet: no path leads to it */
	atomic_bool ended;    /* mount_end() was called */
	uint64_t since_ns;    /* CLOCK_BOOTTIME, when it was attached */
	enum mount_rule rule;
	struct covered in; /* of a rule on the host's tree: the folder that it is in, */
	char *leads;	   /* RULE_RW on the host's tree, RULE_HOST: to this place of the host */
	char *in_name;	   /* and its name there (or in the folder of m->covers) */
	bool absent;	/* on a mount, with nothing below it: it is found by its path, and covers is
			 * the folder that it was last seen in (view->lock) */
	bool locked_ro; /* no remount makes it writable */
	bool guests;	/* a rule that can be unmounted */
	bool made_up;	/* view_mount_made_up() */
	_Atomic pid_t server;	   /* the service task that serves it, 0 when not known */
	struct cds_list_head node; /* view->mounts, newest last */
};

struct own_place;

struct view {
	pthread_rwlock_t lock; /* mounts and their places; never held across a request */
	struct cds_list_head mounts;
	/* Mounts that are alive, those too that are detached and still in use. Read without the
	 * lock: 0 means that nothing is virtual. */
	atomic_int nmounts;
	atomic_int nrules; /* mounts that are rules of the policy */
	atomic_int nmade;  /* RULE_MADE */
	atomic_int nabsent;
	int next_id;
	/* How many mounts are seen through, and the folders that are never changed by one: the
	 * kernel's own, as ever. Set once, at the start. */
	atomic_int nseen_through;
	/* One of them says to a virtual root what is in a folder that is closed to us. */
	atomic_bool sees_closed;
	bool virtual_root; /* --root: its ids are files' owners, and device files are opened where a
			      mount is not nodev */
	atomic_int nshown; /* mounts that were made with fs->shown */
	struct outside {
		char *path;
		dev_t dev;
		ino_t ino;
	} * outside;
	unsigned noutside;
	struct watches *watches;     /* inotify on served files; NULL: none */
	struct spaces *spaces;	     /* view/space.h */
	struct roots *_Atomic roots; /* view/root.h; NULL: nobody has one of its own */
	struct fileid {
		dev_t dev;
		ino_t ino;
	} proc;		       /* the root of the host's /proc */
	ino_t mnt_ns, user_ns; /* our own namespaces, compared with a guest's when exotic */
	/* Has any guest changed its root or a namespace? Then each call asks the kernel. */
	atomic_bool exotic;
	/* The file layer's answer to "which virtual file is this real one?" by device and inode
	 * number: a referenced inode (and mount) of a placeholder, or false. Set once. */
	bool (*placeholder)(
		void *arg, const struct stat *st, struct inode **ret, struct mount **ret_mnt);
	/* Where the kernel has the place that a placeholder was opened for; 0 also where that is
	 * not known. */
	int (*own_place)(void *arg, const struct stat *st, struct own_place *ret);
	void *placeholder_arg;
	/* Called after something was mounted or unmounted, or has other flags, with no lock of the
	 * view's held. NULL: nobody asked. Set once. */
	void (*changed)(void *arg);
	void *changed_arg;
	struct opened *_Atomic opened; /* view/opened.h; NULL: none */
	/* Does this canonical path of the host's tree lead, with more than its first `above` bytes,
	 * into a folder that is made up for who asks, whatever the host has there? As
	 * view_mount_made_up(), or NULL. Asked where view_may_lead(). NULL: there are none. */
	struct mount *(*_Atomic leads)(void *arg, struct call *c, const char *path, size_t above);
	void *leads_arg;
	atomic_bool leads_all; /* in all calls that take a path; else in chdir(2) */
};

int MUST_CHECK view_init(struct view *v);
void view_release(struct view *v);

static inline bool view_has_mounts(const struct view *v)
{
	return atomic_load_explicit(&v->nmounts, memory_order_acquire) != 0 ||
	       atomic_load_explicit(&v->roots, memory_order_acquire);
}

/* Can a path lead to anything but what the kernel comes to? */
static inline bool view_has_paths(const struct view *v)
{
	return view_has_mounts(v) || atomic_load_explicit(&v->leads_all, memory_order_acquire);
}

/* Can a path of these words lead to what is made up? The folders of networks alone are. */
static inline bool view_may_lead(const struct view *v, const char *words)
{
	return atomic_load_explicit(&v->leads, memory_order_acquire) && strstr(words, "net");
}

/* What is mounted, or how, is another: tells whom view->changed is set for. */
static inline void view_changed(const struct view *v)
{
	if (v->changed)
		v->changed(v->changed_arg);
}

struct mount *mount_get(struct mount *m);
void mount_put(struct mount *m);
static inline void mount_cleanup(struct mount **m)
{
	if (*m)
		mount_put(*m);
}
#define _cleanup_mount_ _cleanup_(mount_cleanup)

/* Notes that a detached mount has ended, once: true when it was the last of its file system (others
 * are binds of it), which the caller then ends with fs->unmount. */
bool mount_ended(struct mount *m);
/* The same and, if it was the last, fs->unmount: also called when the last reference goes. */
void mount_end(struct mount *m, uint64_t deadline_ns);

/* Something on it was named: it is not unused any more. */
static inline void mount_used(struct mount *m)
{
	if (atomic_load_explicit(&m->expiring, memory_order_relaxed))
		atomic_store(&m->expiring, false);
}

/* May names and data be changed through this mount? 0 or -EROFS. */
static inline int mount_want_write(const struct mount *m)
{
	return (m->flags & MS_RDONLY) || (m->fs->flags & FS_READ_ONLY) ? -EROFS : 0;
}

struct path;

/*
 * Attaches a file system at a resolved place (a directory, or a file if the root is a file).
 * On success the view owns fs, and the mount is returned referenced. Strings are copied.
 * -ENOTDIR, -ENOMEM. What lay there is covered: mounts stack.
 */
int MUST_CHECK view_mount(struct view *v, struct fs *fs, struct inode *root,
	const struct path *where, const char *source, const char *type, const char *options,
	unsigned long flags, struct mount **ret);

/* The same for one that is more than that. */
struct mount_as {
	enum mount_rule rule;
	const char *leads; /* RULE_HOST */
	bool locked_ro;
	bool guests; /* a guest asked for it, and may end it; else a rule holds as long as the view
		      */
};
int MUST_CHECK view_mount_as(struct view *v, struct fs *fs, struct inode *root,
	const struct path *where, const char *source, const char *type, const char *options,
	unsigned long flags, const struct mount_as *as, struct mount **ret);

/* A folder of the host's tree that is made up (view->leads), for as long as somebody is there: it
 * is in no list, and the kernel's mount there is what it shows itself to be on. Referenced or NULL.
 */
struct mount_like {
	const char *type;
	int id;
	uint64_t unique_id;
	unsigned long flags; /* MS_* */
};
struct mount *view_mount_made_up(struct view *v, struct fs *fs, struct inode *root,
	const char *target, const struct mount_like *like);
/* Is it the root of a mount, as the guest is told? */
static inline bool mount_root_is(const struct mount *m, const struct inode *ino)
{
	return m->root == ino && !m->made_up;
}

/* Takes a mount out of the tree: no path leads to it from now on. -EBUSY when other mounts lie on
 * it (and not MNT_DETACH). The caller checks users of its files (file/), then ends fs. */
int MUST_CHECK view_detach(struct view *v, struct mount *m, int umount_flags);

/* The topmost mount whose mount point is exactly this canonical path, for a task in the namespace;
 * referenced or NULL. */
struct mount *view_mount_at(struct view *v, ino_t ns, const char *target);
/* The newest mount at all, referenced or NULL: for the end of the view. */
struct mount *view_last_mount(struct view *v);
/* Calls fn for each mount, oldest first, under the read lock: fn must not block. */
void view_each_mount(struct view *v, void (*fn)(struct mount *m, void *arg), void *arg);

/* Internal to path resolution. The outermost mount on the host's tree whose mount point is a
 * prefix of path (of len bytes) longer than `above`; referenced or NULL. rules: those too. What
 * lies below a hidden folder is found without it. */
struct mount *view_first_mount(
	struct view *v, ino_t ns, const char *path, size_t len, size_t above, bool rules);
/* The newest mount that lies on this file of the host's, for a task in the namespace; referenced or
 * NULL. */
struct mount *view_mount_over(struct view *v, ino_t ns, dev_t dev, ino_t ino);
/* The newest mount that covers an inode of another mount; referenced or NULL. */
struct mount *view_mount_on(
	struct view *v, ino_t ns, struct mount *m, struct inode *ino, bool rules);

static inline bool view_has_rules(const struct view *v)
{
	return atomic_load_explicit(&v->nrules, memory_order_acquire) != 0;
}
/* The inside of mount.c: a mount that is in no list yet becomes a rule, -ENOMEM; one comes, or
 * goes. */
int MUST_CHECK rule_set(struct mount *m, const struct mount_as *as, const struct path *where);
void rule_count(struct mount *m, int n);
/* The rule that says what a canonical path of the host is: referenced or NULL. */
struct mount *view_rule_at(struct view *v, const char *path);
/* The rule that lies on this file of the host, by whatever name it was found: referenced or NULL.
 */
struct mount *view_rule_over(struct view *v, const struct stat *st);
/* The names that only the view has in this folder of the host: fn is called for each under the
 * lock. */
void view_each_made(
	struct view *v, const struct stat *dir, void (*fn)(struct mount *m, void *arg), void *arg);
/* The same in a folder of a mount. */
void view_each_made_on(struct view *v, struct mount *on, struct inode *dir,
	void (*fn)(struct mount *m, void *arg), void *arg);
/* The mount that lies at this name, which is not there, in a folder of a mount; referenced or NULL.
 */
struct mount *view_absent_at(struct view *v, ino_t ns, struct mount *on, struct inode *dir,
	const char *name, bool rules);
/* The folder above the root of such a mount. */
struct inode *mount_absent_folder(struct mount *m);
/* Is something hidden in this folder: of the host, or (dir NULL) of a mount? */
bool view_hides_in(struct view *v, const struct stat *dir, struct mount *on, struct inode *ino);
/* Is this name? */
bool view_hides(
	struct view *v, const struct stat *dir, struct inode *ino, const char *name, size_t len);

/* malloc'ed; NULL: out of memory. */
char *mount_options_copy(struct mount *m);
/* All mounts of a file system have these from now on. */
int MUST_CHECK view_set_options(struct view *v, const struct fs *fs, const char *options);

/* The mount that is seen through and covers this canonical path; referenced, or NULL, also where
 * the path is outside. *ret_free: no other mount lies on the way, so that fs->unchanged decides. */
struct mount *view_seen_through(struct view *v, const char *path, bool *ret_free);
/* Is that path left to the kernel by the mount? opens: a file is to be opened there. */
bool mount_leaves(const struct mount *m, const char *path, bool opens);
/* A mount of a file system with fs->unchanged, on the folder that it shows. into_closed: also where
 * the kernel would not let us. */
void view_see_through(struct view *v, struct mount *m, bool into_closed);
/* One more folder that stays as it is. */
int MUST_CHECK view_add_outside(struct view *v, const char *path);
/* The mount below `root` that leads to this place of the host's tree (referenced), or NULL. */
struct mount *view_leads_to(struct view *v, ino_t ns, const char *root, const char *place);
/* Is this canonical path, or what of it is there, in such a folder? */
bool view_is_outside(const struct view *v, const char *path);
/* The name of an outside folder, by its numbers; or NULL. */
const char *view_outside_name(const struct view *v, dev_t dev, ino_t ino);

/* Does a mount lie at, or above (as a prefix of), this canonical path? No reference. */
bool view_covers(struct view *v, const char *path);
/* Does a mount lie below this canonical directory? rename and rmdir of it are EBUSY. hidden: also
 * one that hides what is not there. */
bool view_has_mount_below(struct view *v, const char *path, bool hidden);

#endif
