/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Path resolution: what the kernel's path walk (path_resolution(7)) would find, were the view's
 * mounts its own.
 */
#ifndef UM_VIEW_PATH_H
#define UM_VIEW_PATH_H

#include <limits.h>
#include <linux/capability.h>

#include "engine/guestmem.h"
#include "view/view.h"

enum path_kind {
	PATH_NATIVE,  /* the kernel finds the same from the guest's own words: CONTINUE */
	PATH_REAL,    /* a real file, that the guest's words do not lead the kernel to */
	PATH_VIRTUAL, /* on a served mount */
};

enum path_flag {
	PATH_FOLLOW = 1 << 0,	  /* a last symbolic link is followed */
	PATH_CREATE = 1 << 1,	  /* the last component may be missing (result: negative) */
	PATH_EMPTY = 1 << 2,	  /* AT_EMPTY_PATH: "" is dirfd itself */
	PATH_DIRECTORY = 1 << 3,  /* it must be a directory: -ENOTDIR */
	PATH_MOUNTPOINT = 1 << 4, /* stop below mounts on the last component (where to mount) */
	PATH_NO_MAGIC = 1 << 5,	  /* RESOLVE_NO_MAGICLINKS */
	PATH_NO_SYMLINKS = 1 << 6,
	PATH_NO_XDEV = 1 << 7,
	PATH_BENEATH = 1 << 8,
	PATH_IN_ROOT = 1 << 9,
	PATH_REALIZE = 1 << 10, /* what would be PATH_NATIVE is given as PATH_REAL, filled */
	/* The name itself is meant, as by mkdir, unlink, rename: a last symbolic link is not
	 * followed even before a trailing slash, and the last component may be missing. */
	PATH_PARENT = 1 << 11,
	PATH_HOST_ROOT = 1 << 13, /* from the host's root, where another is mounted on it */
	PATH_NO_RULES = 1 << 12,  /* as if there were no rules: for those who make them */
	/* It is only looked at (stat, exec, an open for reading): where a mount that is seen
	 * through has nothing changed, the kernel is left to what lies below. LOOK_FILE: unless it
	 * is a directory. */
	PATH_LOOK = 1 << 14,
	PATH_LOOK_FILE = 1 << 15,
	/* The last name is to be made, or replaced: where the server has others who change names it
	 * is asked, whatever it said before (LOOKUP_EXCL, LOOKUP_RENAME_TARGET). */
	PATH_FRESH = 1 << 16,
	PATH_VIEW_ROOT = 1 << 17, /* from the view's root, whatever root the guest has */
};

/*
 * Where the kernel has a place of a mount that is seen through, in the tree of a guest that is
 * elsewhere (view/elsewhere.h): what the guest mounts there is the kernel's to keep.
 */
struct own_place {
	int fd;		 /* O_PATH; -1: nowhere */
	unsigned below;	 /* it is of the folder so many names above, and the rest is not there */
	uint64_t mnt_id; /* the kernel's mount of fd */
	bool readonly;	 /* which the guest has made so: the host's is not */
};

#define OWN_PLACE_NONE                                                                             \
	{                                                                                          \
		.fd = -1                                                                           \
	}
void own_place_release(struct own_place *o);
/* Takes what `from` has. */
void own_place_move(struct own_place *to, struct own_place *from);
int MUST_CHECK own_place_copy(struct own_place *to, const struct own_place *from);

/* Where a path leads. Owned by the caller: path_release(). */
struct path {
	enum path_kind kind;
	/* PATH_REAL: an O_PATH descriptor of the parent directory, and the name in it. For a result
	 * with no parent of its own ("/", "..", a magic link) dirfd is the file itself and last "".
	 */
	int dirfd;
	/* PATH_VIRTUAL: */
	struct mount *mnt;
	struct inode *parent; /* NULL when the result is the root of mnt */
	struct inode *inode;  /* NULL when it does not exist (PATH_CREATE) */
	struct own_place own; /* of inode, or of parent where there is none */
	/* both: */
	char last[NAME_MAX + 1]; /* the last component; "" when there is none (root, "." or "..") */
	bool last_dot;		 /* the last component was "." or "..": unlink, rename refuse it */
	bool slash;		 /* the path ended in a slash */
	char *name;		 /* canonical absolute path in the view (a negative's too) */
	/* PATH_REAL: not NULL when the result is a link of /proc (not followed) whose body differs
	 * for the guest from what we would read: /proc/self, or /proc/PID/{cwd,exe,fd/N} that lead
	 * to something on a mount. It is what readlink(2) gives. */
	char *link;
	ino_t ns;  /* the caller's mount namespace of the view (view/space.h), or 0 */
	pid_t tid; /* PATH_REAL: the task in whose tree it is, if that is not ours; else 0 */
	/* PATH_NATIVE: -ENOENT, -EISDIR: that is what the kernel finds by the same words, from the
	 * root on and by no link; 0: it is not known */
	int seen;
};

#define PATH_INIT                                                                                  \
	{                                                                                          \
		.dirfd = -1, .own = OWN_PLACE_NONE                                                 \
	}
void path_release(struct path *p);
#define _cleanup_path_ _cleanup_(path_release)

/*
 * Resolves a guest's path, relative to its cwd (AT_FDCWD) or dirfd, `word` having been read
 * already. 0 and *ret filled; else -errno as the kernel would give, *ret untouched.
 * PATH_NATIVE is only a kind: nothing else is filled then, but for `seen`.
 * With nothing mounted it is always PATH_NATIVE.
 */
int MUST_CHECK path_resolve(struct call *c, struct view *v, int dirfd, const char *word,
	unsigned flags, struct path *ret);

/* The same, reading the path argument from the guest. -EFAULT, -ENAMETOOLONG, -ENOENT (""). */
int MUST_CHECK path_resolve_arg(
	struct call *c, struct view *v, int dirfd, gaddr_t word, unsigned flags, struct path *ret);

/* An absolute path of the view itself, as the supervisor names it (-m, umctl): no task. Real
 * results are PATH_REAL here, never PATH_NATIVE. */
int MUST_CHECK path_resolve_abs(struct view *v, const struct fs_req *req, const char *word,
	unsigned flags, struct path *ret);

/* A link of /proc that leads to a folder which was renamed or removed in the view since, and is
 * where it was on the host: its name in the view, or with " (deleted)", malloc'ed. NULL: the host's
 * name is right. */
char *path_moved_name(struct view *v, const char *link);
/* What a placeholder, to which `link` leads, stands for, as the caller has it in a tree of its own:
 * malloc'ed (with " (deleted)"), or NULL. c may be NULL. */
char *path_of_placeholder(
	struct view *v, struct call *c, const char *link, struct mount *mnt, struct inode *ino);
/* The canonical path in the view of a task's working directory, root or descriptor, malloc'ed
 * (with " (deleted)" as the kernel has it): -ENOENT, -EBADF, -ESRCH. */
int MUST_CHECK path_of_cwd(struct call *c, struct view *v, pid_t tid, char **ret);
int MUST_CHECK path_of_fd(struct call *c, struct view *v, pid_t tid, int fd, char **ret);
/* The canonical path of something on a mount: mount point + path within; malloc'ed or NULL. */
char *path_of_inode(struct view *v, struct mount *m, struct inode *ino);

/* PATH_VIRTUAL: may what is there be changed by this way? 0 or -EROFS. */
int MUST_CHECK path_want_write(const struct path *p);
/* Are both names, on two mounts of the guest's own? */
bool path_apart(const struct path *a, const struct path *b);

/* By a guest whose tree is ours: p->own of a virtual place that the host has as well. */
void path_seek_own(struct path *p);
/* Does the kernel come to the same place, or exactly to p->own, by the guest's word (read of it)?
 */
bool path_word_leads(struct call *c, int dirfd, const char *word, const struct path *p);

/* Whose call this is, for the server: filesystem uid and gid, umask, from /proc or the virtual
 * identity (set once by sys/task/ids.c; without: the task's own). in_group: is this one of its
 * supplementary groups; false when it cannot say. */
void path_set_cred_hook(void (*fn)(struct call *c, struct fs_req *ret),
	bool (*in_group)(struct call *c, gid_t gid, bool *ret));
void fs_req_init(struct fs_req *req, struct call *c);
/* Its umask, before a file is made in a call that need not make one: 0; -ESRCH: the guest is gone.
 */
int MUST_CHECK fs_req_need_umask(struct fs_req *req);
/* What odd_caps is of one who has these capabilities. */
uint64_t fs_req_odd_caps(uid_t uid, uint64_t caps);
/* Has the caller, or are we, this capability? Root has all unless it gave some up. */
bool fs_req_capable(const struct fs_req *req, int cap);
/* Is the caller in this group: its file-system gid, or one of its supplementary groups? */
bool fs_req_in_group(const struct fs_req *req, gid_t gid);

#endif
