/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share. */
#ifndef UM_FS_OVERLAY_INTERNAL_H
#define UM_FS_OVERLAY_INTERNAL_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <urcu/hlist.h>

#include "fs/overlay/overlay.h"
#include "layer/entry.h"

#define REDIRECT_MAX 256 /* as the kernel has it */

struct layer {
	int root;   /* O_PATH */
	bool upper; /* it was an upper folder: it may have whiteouts, and attributes of ours */
	bool owned; /* its files say by an attribute whose they are: it was, or is as podman's */
	struct links *links; /* record.c; NULL: none */
	bool has_uuid;	     /* of its file system, for handles */
	uint8_t uuid[16];
};

/* st_dev and st_ino, as guests see them. */
struct shown {
	dev_t dev;
	ino_t ino;
};

/* What a name is in one lower layer. */
struct lower {
	int fd; /* O_PATH */
	unsigned layer;
	bool xwhiteouts; /* a directory whose whiteouts are files with an attribute */
	/* By which find.c knows it again; the time where attributes say something as well. */
	dev_t dev;
	ino_t ino;
	struct timespec ctime;
	struct watch *watch; /* outside.c; NULL: none */
};

/* A file that the view knows: its address is the node id. */
struct ovl_node {
	uint64_t nlookup;  /* the table's lock, as for children and place */
	unsigned children; /* nodes whose parent it is */
	dev_t dev;	   /* of the topmost file: by these it is found */
	ino_t ino;
	struct shown shown; /* number.c */
	atomic_bool impure; /* a directory: its attribute was set */
	atomic_uint others; /* names that it has below and not in upper: hardlink.c */
	struct cds_hlist_node hash;
	/* Once it is copied up (while upper is -1 it is about to be) it is found by what it was
	 * below as well: whoever looked before that comes with those. */
	struct cds_hlist_node raised;
	bool is_raised;
	dev_t below_dev;
	ino_t below_ino;
	bool unhashed; /* its file is gone, and the number another's */
	mode_t type;
	_Atomic int upper;   /* O_PATH; -1: not copied up */
	bool xwhiteouts;     /* of upper */
	struct lower *lower; /* all those merged, the topmost first; of what is no directory at most
				one */
	unsigned nlower;
	atomic_int looked; /* a directory: as found.looked when it was last found; -1: nothing is
			      to be believed of its name */
	/* A directory: its parent's outlook when that was last seen to be true; 0: none. And its
	 * own (outside.c): 1: watched; -1: cannot be; 0: was not tried. */
	_Atomic uint64_t seen;
	atomic_int watching;
	unsigned watch_id;
	atomic_bool all_changed; /* a directory: below it nothing need be noted (changed.c) */
	char *lower_path; /* of lower[0] in its layer, without a slash at its beginning; NULL: has
			     none */
	struct ovl_node *parent; /* where it was last found or put; NULL: the root, or no name */
	char *name;
	/* metacopy: a file whose content is in another one, `data` (O_PATH), until it is copied */
	atomic_bool is_meta;
	int data;
	atomic_bool opened;	 /* somebody opened the file since the node is known */
	pthread_mutex_t copying; /* one copy-up at a time; that of a parent is never taken in it */
	pthread_mutex_t names;	 /* of a directory: who changes names in upper. Two: by address */
};

struct changed; /* changed.c */
struct moved;	/* moved.c */
struct links;	/* layer/links.h */
struct numbers; /* number.c */
struct outside; /* outside.c */

struct ovl {
	struct fs fs;
	pthread_mutex_t lock; /* the table, and what nodes say; a leaf */
	struct cds_hlist_head *table,
		*raised; /* of nodes, by the topmost file, and by what was below */
	size_t mask, count;
	struct ovl_node *root;
	struct layer *layers;
	unsigned nlayers;
	int work;	  /* folder for what is being made */
	int lock_fd;	  /* holds the lock on the upper folder */
	dev_t upper_dev;  /* without an upper folder: of the topmost that was one */
	atomic_uint made; /* names in work */
	/* How many folders have a mode for the moment that is not their own (ovl_open_up()), and
	 * how many had. */
	atomic_uint open_now, open_ever;
	bool redirect, owners, as_root, consistent, durable;
	atomic_bool no_clones; /* FICLONE is not known to upper's file system */
	bool no_metacopy;      /* upper was empty when it was mounted, and we write none */
	/* Has a file of upper, that is no folder, its owner by an attribute? Not before we set the
	 * first, where upper was empty. Of folders many have: they are asked. */
	atomic_bool any_owner;
	long magic;	      /* of statfs(2), */
	fsfilcnt_t own_files; /* which does not count these */
	bool shared;	      /* upper may be changed by others: nothing of it is kept */
	bool served;	      /* numbers may be used again while a descriptor holds the file */
	atomic_bool no_devices;
	bool no_xattrs; /* of upper's file system: owners are kept as those of links are */
	dev_t hide_dev;
	ino_t hide_ino;
	char *host_root;
	int (*stand_in)(const char *path, char **ret, size_t *ret_len);
	struct changed *changed; /* NULL: nobody asks */
	struct moved *moved;	 /* moved.c; NULL with changed */
	pthread_mutex_t records; /* base and links; a leaf */
	int record_dir;		 /* of the layer; -1: no layer is kept */
	int base;		 /* open for base_append(); -1: nothing is recorded */
	struct links *links;	 /* of upper */
	struct numbers *numbers; /* number.c */
	struct outside *outside;
	atomic_bool any_hardlinks;
};

extern const struct fs_node_ops ovl_node_ops;
extern const struct fs_file_ops ovl_file_ops;

static inline struct ovl *ovl_of(struct fs *fs)
{
	return container_of_(fs, struct ovl, fs);
}
static inline struct ovl_node *ovl_node_of(uint64_t node)
{
	return (struct ovl_node *)(uintptr_t)node;
}
static inline int ovl_upper(const struct ovl_node *n)
{
	return atomic_load(&n->upper);
}
/* May a file or folder of upper say by an attribute whose it is? */
static inline bool ovl_says_owner(const struct ovl *o, mode_t type)
{
	return o->owners && (S_ISDIR(type) || atomic_load(&o->any_owner));
}
static inline void ovl_owners_begin(struct ovl *o)
{
	atomic_store(&o->any_owner, true);
	atomic_store(&o->fs.shows, true);
}
/* A guest may be root, to whom nothing is closed: what we may not read of a layer has nothing in
 * it. */
static inline bool ovl_closed_to_us(const struct ovl *o, int err)
{
	return o->as_root && err == EACCES;
}
/* The file that is shown. */
static inline int ovl_top(const struct ovl_node *n)
{
	int upper = ovl_upper(n);

	return upper >= 0 ? upper : n->lower[0].fd;
}

/* ---- format.c: attributes and whiteouts; descriptors may be O_PATH ---- */
ssize_t ovl_getxattr(int fd, const char *name, char *buf, size_t size);
int MUST_CHECK ovl_setxattr(int fd, const char *name, const char *value);
/* What user.overlay.opaque says: 'y', 'x' (its whiteouts are files with an attribute), or 0. */
int ovl_opaque(int fd);
/* Is what was found in dir a whiteout? */
bool ovl_is_whiteout(int fd, const struct stat *st, bool xwhiteouts);
/* Makes one with a new name in the work folder, which it tells. */
#define WORK_NAME_MAX 16
int MUST_CHECK ovl_whiteout_make(struct ovl *o, struct ovl_node *dir, char name[WORK_NAME_MAX]);
/* Makes one in dir itself, at a name that upper has nothing at. */
int MUST_CHECK ovl_whiteout_put(struct ovl *o, struct ovl_node *dir, const char *name);
/* What they share goes. */
void ovl_whiteouts_end(struct ovl *o);
/* fd, a new folder, is to stand at a name of dir: nothing of what the lower layers have there shows
 * through. */
int MUST_CHECK ovl_hide_below(const struct ovl_node *dir, const char *name, int fd);
void ovl_work_name(struct ovl *o, char name[WORK_NAME_MAX]);
/* renameat2(2), among folders whose names nobody else changes now; where the file system knows no
 * such flags, by several renames. */
int MUST_CHECK ovl_rename2(
	struct ovl *o, int from, const char *name, int to, const char *new_name, unsigned flags);
/* Removes a name of a folder of ours with all that it holds. */
void ovl_remove_all(int dir, const char *name);
/* Owner, mode and device as they are to be shown. False: the file's own. */
bool ovl_override_get(const char *path, struct fs_attr *attr);
/* Sets them on a file of upper, truly as far as that can be. */
int MUST_CHECK ovl_owner_set(struct ovl *o, int fd, const struct fs_attr *attr);

/* An attribute of a file of upper (O_PATH will do). */
int MUST_CHECK ovl_xattr_set(
	struct ovl *o, int fd, const char *name, const void *value, size_t size, int flags);
/* The file's ctime becomes the present. */
int MUST_CHECK ovl_touch(int fd);

/* ---- find.c ---- */
struct found {
	int upper; /* -1; taken by ovl_enter() with the others */
	bool xwhiteouts;
	struct lower lower[OVERLAY_LOWER_MAX];
	unsigned nlower;
	bool has_data;	   /* the topmost has no content of its own: lower[nlower] has it */
	struct stat st;	   /* of the topmost */
	struct stat below; /* of lower[0] */
	char *lower_path;
	bool whiteout; /* upper has a whiteout there (and nothing was found) */
	/* In how many of dir's lower folders that name was looked for, each of which had a
	 * directory, found here, or nothing; -1: it was another name, or there was something else
	 */
	int looked;
};
/* Nothing is found. All but lower[], which is large, is set. */
void ovl_found_init(struct found *f);
void ovl_found_release(struct found *f);
/* -ENOENT leaves f->whiteout. */
int MUST_CHECK ovl_find(struct ovl *o, struct ovl_node *dir, const char *name, struct found *f);
/* Did nobody else change what this name of a folder leads to? What upper has changes by us alone.
 */
bool ovl_still(struct fs *fs, uint64_t parent, const char *name, uint64_t node);
/* Does a lower layer show this name? */
bool ovl_lower_has(struct ovl *o, struct ovl_node *dir, const char *name);

/* ---- outside.c: what others change in lower folders ---- */
int MUST_CHECK ovl_outside_new(struct ovl *o);
void ovl_outside_free(struct ovl *o);
/* Takes in what changed by now, of all that is watched. */
void ovl_outside_hear(struct fs *fs);
/* The lower folders of a directory are watched from now on, where that can be. */
void ovl_outside_watch(struct ovl *o, struct ovl_node *dir);
void ovl_outside_unwatch(struct ovl *o, struct ovl_node *dir);
/* While it is the same, other than 0, nobody has changed a name in one of them, as far as was taken
 * in. Of no two directories it is the same. */
uint64_t ovl_outlook(struct ovl *o, const struct ovl_node *dir);

/* ---- table.c: the nodes ---- */
int MUST_CHECK ovl_table_new(struct ovl *o, struct found *root);
void ovl_table_free(struct ovl *o);
void ovl_forget(struct fs *fs, uint64_t node, uint64_t nlookup);
/* The node of what was found, and its entry; takes f's descriptors. Counts a lookup. */
int MUST_CHECK ovl_enter(struct ovl *o, struct found *f, struct ovl_node *dir, const char *name,
	struct fs_entry *ret);
/* Where a node is: its directory, to be given back by ovl_put(), and its name. NULL: it has none.
 */
struct ovl_node *ovl_place(struct ovl *o, struct ovl_node *n, char name[NAME_MAX + 1]);
void ovl_put(struct ovl *o, struct ovl_node *n);
void ovl_hold(struct ovl *o, struct ovl_node *n);
/* A node got another name, or (dir NULL) none. */
void ovl_place_set(struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name);
/* A name of it is about to go, and it was opened: where upper is a mount of a view, or the kernel's
 * FUSE, an O_PATH descriptor alone does not keep the file for whoever has it open. Where it may be
 * neither read nor written it stays as it is. */
void ovl_keep_open(struct ovl *o, struct ovl_node *n);
/* This name of it is gone. Where a server works by names (libfuse does), that may be the name by
 * which our descriptor leads to the file: by the names that are left it gets a node of its own. */
void ovl_lost(struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name);
/* This file is about to get its name in upper: whoever finds it there finds the node. Then the node
 * is shown by it, or (fd -1) it did not come to that. fd is taken. */
int MUST_CHECK ovl_raise_begin(struct ovl *o, struct ovl_node *n, int fd);
void ovl_raise_end(struct ovl *o, struct ovl_node *n, int fd);
/* The known node of a file; with a reference for ovl_put(), or NULL. */
struct ovl_node *ovl_known(struct ovl *o, const struct stat *st);
/* The known node of what was a file below and was copied up; with a reference for ovl_put(), or
 * NULL. */
struct ovl_node *ovl_raised(struct ovl *o, const struct stat *below);
/* The path of a node from the root ("a/b"); malloc'ed; NULL: none, or no memory. */
char *ovl_path(struct ovl *o, struct ovl_node *n);
/* node.c */
bool ovl_shown(struct fs *fs, const char *link, struct fs_attr *attr);
bool ovl_plain(struct fs *fs, int fd);
int MUST_CHECK ovl_getattr_fd(struct ovl *o, struct ovl_node *n, struct fs_attr *ret);
/* Who may search a folder is another: what is in it is not left to the kernel, which asks the
 * folder below. */
int MUST_CHECK ovl_search_changes(struct ovl *o, struct ovl_node *n);
/* The same from what was just seen of the topmost file; nothing is to be kept for longer. */
void ovl_attr_of_stat(
	struct ovl *o, const struct ovl_node *n, const struct stat *st, struct fs_attr *ret);
/* A file of upper is written to: where the writer may not keep them, the bits that let others run
 * it as its owner go. */
int MUST_CHECK ovl_drop_privs(struct ovl *o, const struct fs_req *req, struct ovl_node *n);

/* ---- copyup.c ---- */
/* Makes it a file of upper, with its content. flags: of open(2), whose O_TRUNC saves that. */
int MUST_CHECK ovl_copy_up(struct ovl *o, struct ovl_node *n, int flags);

/* ---- number.c: st_dev and st_ino ---- */
int MUST_CHECK ovl_numbers_new(struct ovl *o);
void ovl_numbers_free(struct ovl *o);
void ovl_origin_init(struct ovl *o);
/* A file of upper, whose own attributes these are, is shown so from now on. */
void ovl_number_keep(struct ovl *o, const struct stat *own, struct shown shown);
/* Is there anything to be said of it, other than its own? */
bool ovl_number_kept(struct ovl *o, const struct stat *own, struct shown *ret);
/* By which numbers what was found is shown. dir NULL: it has no name. */
struct shown ovl_number_of(
	struct ovl *o, const struct found *f, const struct ovl_node *dir, const char *name);
/* The same of what upper alone has. */
struct shown ovl_number_own(const struct ovl *o, const struct stat *st, const struct ovl_node *dir);
/* fd is a copy of what lies below the node. */
void ovl_origin_set(struct ovl *o, const struct ovl_node *n, int fd);
/* A folder of upper has copies in it. */
void ovl_impure_set(struct ovl_node *dir);

/* ---- hardlink.c: names of one lower file ---- */
/* A file with several names below, which was copied up: its node stays to the end. */
void ovl_hardlink_keep(struct ovl *o, struct ovl_node *n, const struct stat *below);
/* The node of such a file, by another name, not referenced; NULL: none. */
struct ovl_node *ovl_hardlink_find(struct ovl *o, const struct stat *below);
/* The name of it becomes one in upper. */
int MUST_CHECK ovl_hardlink_join(
	struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name);
/* Is what the lowest layer has at a path such a file? */
bool ovl_hardlink_changed(struct ovl *o, const char *path);

/* ---- record.c: what a layer keeps beside its upper folder ---- */
/* Of l->layer and those below. Before anything is changed. */
int MUST_CHECK ovl_record_open(struct ovl *o, const struct overlay_layers *l);
void ovl_record_close(struct ovl *o);
/* What a path of the lower tree was (fd: the file itself), before the upper gets something for it
 * where it had nothing. */
int MUST_CHECK ovl_record_base(struct ovl *o, int fd, const struct stat *st, const char *path);
/* The same of what lies below a node, if anything does. */
int MUST_CHECK ovl_record_lower(struct ovl *o, const struct ovl_node *n);
/* The owner of a symbolic link, fifo or socket: st is its own, of which the owner is changed. */
void ovl_links_get(struct ovl *o, const struct ovl_node *n, struct stat *st);
/* The same of an open one of upper, by its own number there. */
void ovl_links_shown(struct ovl *o, ino_t ino, struct fs_attr *attr);
/* st: its own, in upper. */
int MUST_CHECK ovl_links_set(struct ovl *o, const struct stat *st, const struct fs_attr *attr);
/* An attribute that the topmost file of a node, whose stat st is, cannot carry: as getxattr(2) has
 * it, but -errno. */
ssize_t MUST_CHECK ovl_beside_get(struct ovl *o, const struct ovl_node *n, const struct stat *st,
	const char *name, void *buf, size_t size);
/* As setxattr(2), of a file of upper whose stat st is; value NULL: as removexattr(2). */
int MUST_CHECK ovl_beside_set(struct ovl *o, const struct stat *st, const char *name,
	const void *value, size_t size, int flags);
/* The names of all of them as listxattr(2) has them: how many bytes went to buf. */
ssize_t ovl_beside_list(struct ovl *o, const struct ovl_node *n, char *buf, size_t size);
/* Those of the lower file of a node, to its copy. */
int MUST_CHECK ovl_beside_copy(struct ovl *o, const struct ovl_node *n, int to);
/* What is neither file nor folder was just made in upper, with a number that perhaps another had.
 */
int MUST_CHECK ovl_beside_forget(struct ovl *o, int fd);

/* ---- changed.c: which names have something in a layer above the lowest ---- */
int MUST_CHECK ovl_changed_new(struct ovl *o);
void ovl_changed_free(struct ovl *o);
/* whole: all that is below it is changed as well. */
int MUST_CHECK ovl_changed_note(struct ovl *o, struct ovl_node *dir, const char *name, bool whole);
bool ovl_unchanged(struct fs *fs, const char *path);
/* The key of a path without a slash at its beginning, by which the above knows it. Never 0. */
uint64_t ovl_path_key(const char *path, size_t len);

/* ---- moved.c: where folders of the lowest layer are ---- */
int MUST_CHECK ovl_moved_new(struct ovl *o);
void ovl_moved_free(struct ovl *o);
/* What was a folder at lower_path is this node, wherever that is; NULL: it was removed. */
void ovl_moved_note(struct ovl *o, const char *lower_path, struct ovl_node *n);
int ovl_whereabouts(struct fs *fs, const char *path, char **ret);

/* ---- change.c, rename.c, dir.c: operations of view/fs.h ---- */
ssize_t ovl_getxattr_op(struct fs *fs, const struct fs_req *req, uint64_t node, const char *name,
	void *buf, size_t size);
ssize_t ovl_listxattr_op(
	struct fs *fs, const struct fs_req *req, uint64_t node, void *buf, size_t size);
int ovl_setxattr_op(struct fs *fs, const struct fs_req *req, uint64_t node, const char *name,
	const void *value, size_t size, int flags);
int ovl_removexattr_op(struct fs *fs, const struct fs_req *req, uint64_t node, const char *name);
int ovl_mknod(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, dev_t rdev, struct fs_entry *ret);
int ovl_mkdir(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, struct fs_entry *ret);
int ovl_symlink(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	const char *target, struct fs_entry *ret);
int ovl_link(struct fs *fs, const struct fs_req *req, uint64_t node, uint64_t parent,
	const char *name, struct fs_entry *ret);
int ovl_create(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	mode_t mode, int flags, struct fs_entry *ret, struct fs_handle *ret_h);
int ovl_tmpfile(struct fs *fs, const struct fs_req *req, uint64_t parent, mode_t mode, int flags,
	struct fs_entry *ret, struct fs_handle *ret_h);
void ovl_release(struct fs *fs, uint64_t node, const struct fs_handle *h);
int ovl_unlink(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name);
int ovl_rmdir(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name);
int ovl_rename(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
	uint64_t newparent, const char *newname, unsigned flags);
int ovl_opendir(struct fs *fs, const struct fs_req *req, uint64_t node, struct fs_handle *ret);
int ovl_readdir(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	uint64_t off, fs_dirent_fn fn, void *arg);
void ovl_releasedir(struct fs *fs, uint64_t node, const struct fs_handle *h);
int ovl_fsyncdir(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	bool datasync);
/* Of what ovl_opendir() gave: are only "." and ".." in it? */
bool ovl_listing_empty(const struct fs_handle *h);

/* Around changes in a folder of upper that its owner may not change: whoever mounted it may. */
struct opened_up {
	struct ovl *o;
	int fd; /* -1: nothing to be undone */
	mode_t mode;
};
struct opened_up ovl_open_up(struct ovl *o, int dir);
void ovl_close_down(struct opened_up *u);
#define _cleanup_down_ _cleanup_(ovl_close_down)

#endif
