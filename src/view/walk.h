/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of path resolution, shared by path.c, place.c, walk.c and walk_real.c. */
#ifndef UM_VIEW_WALK_H
#define UM_VIEW_WALK_H

#include "view/path.h"

/* Where a walk is: on a mount of the view, or on the host's tree. */
struct place {
	struct mount *mnt; /* NULL: on the host's tree */
	struct inode *ino;
	struct own_place own; /* on a mount that is seen through, by a guest that is elsewhere */
	/* On the host's tree: `name` is the canonical path and leads there, unless there is an
	 * O_PATH descriptor (a directory that is deleted, that no path we may search leads to, or
	 * that a link of /proc led to). */
	int fd;
	char name[PATH_MAX];
};

void place_init(struct place *p);
void place_release(struct place *p);
int MUST_CHECK place_copy(struct place *to, const struct place *from);
/* These take the references. */
void place_set_virtual(struct place *p, struct mount *mnt, struct inode *ino);
void place_set_real(struct place *p, const char *name, size_t len, int fd);
/*
 * Where a link of /proc leads: "/proc/TID/cwd", "/proc/TID/fd/N". -ENOTDIR: to something that is
 * in no tree (a pipe), -ENAMETOOLONG: so deep that its path cannot be told, -errno.
 */
int MUST_CHECK place_of_link(struct view *v, const char *link, struct place *ret);
/* What a virtual placeholder stands for, by a link of /proc that leads to it: both referenced. */
bool place_is_placeholder(
	struct view *v, const char *link, struct mount **ret_mnt, struct inode **ret);

/*
 * A file of the host's by its name, which a guest may have entered while nothing there was changed.
 * 1: what a mount that is seen through has in its place, both referenced (moved: only if that has
 * another name now); 0: it is what its name says; -ENOENT: in the view it was removed.
 */
int MUST_CHECK place_over(struct view *v, const struct fs_req *req, const char *name, bool moved,
	struct mount **ret_mnt, struct inode **ret);

/* How a step of a walk ended; errors are negative. */
enum walk_step {
	WALK_MORE,
	WALK_END,      /* `at` (or the negative name in it) is the result */
	WALK_END_REAL, /* dirfd and last are */
	WALK_NATIVE,   /* the kernel finds the same, or fails in the same way */
};

struct walk {
	struct call *c; /* NULL: the supervisor's own */
	struct view *v;
	unsigned flags;
	const struct fs_req *req; /* NULL until needed: walk_req() */
	struct fs_req reqbuf;
	struct place at;
	struct place *root;    /* where ".." and "/" end: PATH_BENEATH, PATH_IN_ROOT; or the task's
				  (view/root.h) */
	bool rooted;	       /* it is the task's */
	int root_fd;	       /* the guest's root, when it is elsewhere (elsewhere.c); else -1 */
	ino_t ns;	       /* its mount namespace, then; or view/space.h's */
	uint64_t own_mount;    /* then: the kernel's mount over which nothing is seen through; 0 */
	struct own_place next; /* then: of the place that the walk is about to come to */
	char start_link[CALL_START_MAX]; /* where `at` came from, while it is the start and only a
					    name */
	bool led;     /* on the host's tree since a mount led there: no mount that is seen through
			 covers it */
	bool touched; /* something that the kernel does not see was used: never native again */
	int seen;     /* see struct path */
	bool alive;   /* the guest waited still after all that was read of it so far */
	int links;
	const char *word; /* what the guest said, */
	const char *rest; /* what is still to be walked */
	char *rest_buf;	  /* owned: rest points into it once a link was followed */
	/* the result's name */
	struct inode *parent; /* referenced */
	int dirfd;	      /* WALK_END_REAL */
	bool negative;
	bool last_dot, slash;
	char *link; /* see struct path */
	char last[NAME_MAX + 1];
	char body[PATH_MAX];	   /* of a symbolic link */
	char full[PATH_MAX + 256]; /* a stretch of the host's tree */
};

enum { WALK_MAX_LINKS = 40 };

const struct fs_req *walk_req(struct walk *w);
/* No name leads to what `at` is: "/", ".", "..", a mount's root. */
void walk_no_last(struct walk *w, bool dot);
/* A symbolic link of this body is followed from `at`. */
int MUST_CHECK walk_follow(struct walk *w, const char *body);
/* From the host's tree, or from below another mount, onto m (whose reference is taken) and what
 * lies on it. */
int MUST_CHECK walk_cross(struct walk *w, struct mount *m);
/* To the root of the tree. */
int MUST_CHECK walk_to_root(struct walk *w);
/* Is the place that a link of /proc leads to, of this name, one that a rule says something of? Then
 * the walk comes to it by name. */
bool walk_is_ruled(struct walk *w, const char *link, const char *name);
int MUST_CHECK walk_by_name(struct walk *w, const char *name);
/* `at` on the host's tree is exactly a mount point: onto the mount. */
int MUST_CHECK walk_cross_here(struct walk *w);
/* Are only slashes left? */
static inline bool walk_rest_empty(const char *p)
{
	while (*p == '/')
		p++;
	return *p == '\0';
}

/* The kernel fails as we did if it goes the same way: WALK_NATIVE, or err. */
int walk_real_error(const struct walk *w, int err);
/* Links below /proc/PID lead to files, the others of /proc to names. */
bool walk_is_magic(const char *path);
/* Those of them that may lead to a virtual file. */
bool walk_is_magic_file(const char *path);
/* Whose root /proc/PID/root or /proc/PID/task/TID/root is; 0: it is another link. */
pid_t walk_root_link(const char *link);
/* Follows the link w->full[0..len) of /proc to what it leads to. */
int MUST_CHECK walk_follow_magic(struct walk *w, size_t len);

/* From a mount onto what lies on this place of it. Takes the references, and w->next. */
int MUST_CHECK walk_cross_on(struct walk *w, struct mount *mnt, struct inode *ino);

/* Is what a link of /proc leads to something that a mount which is seen through covers? Then the
 * walk stands at its name, from which it goes onto the mount. */
bool walk_seen_through_file(struct walk *w, const char *link);

/* The next stretch of the host's tree. */
int MUST_CHECK walk_real(struct walk *w);
/*
 * The tree of a guest that is elsewhere. walk_elsewhere_begin() says whether it is, in w->root_fd;
 * then the others stand for those of the host's tree: a component, from the root, from a link of
 * /proc, and from a mount to above it.
 */
int MUST_CHECK walk_elsewhere_begin(struct walk *w);
int MUST_CHECK walk_elsewhere(struct walk *w);
int MUST_CHECK walk_elsewhere_root(struct walk *w);
/* To the folder that is at w->next, or that the guest has by this name. */
int MUST_CHECK walk_elsewhere_at(struct walk *w, const char *name);
int MUST_CHECK walk_elsewhere_start(struct walk *w, const char *link);
/* What the guest has open at w->start_link is the result. */
int MUST_CHECK walk_elsewhere_empty(struct walk *w);
int MUST_CHECK walk_elsewhere_above(struct walk *w, struct mount *m);
/* From w->at.own to its child w->last, which `child` is on the mount: w->next; or, with *ret_left,
 * onto what the guest has mounted there. And "..". */
int MUST_CHECK walk_elsewhere_beside(struct walk *w, struct inode *child, bool *ret_left);
int MUST_CHECK walk_elsewhere_up(struct walk *w);
/* Onto the file `fd` (taken), where something else than the walk's words leads to it. */
int MUST_CHECK walk_elsewhere_onto(struct walk *w, int fd);
/* Is it a file of a /proc? */
bool walk_on_proc(int fd);
bool walk_elsewhere_is_root(const struct walk *w, int fd);
/* Is the guest's file, open as fd, one that a mount which is seen through has in the host's place?
 * 1 with the walk there; 0; -errno: it was removed there. walk_over_opened(): which the guest has
 * open. */
int MUST_CHECK walk_over(struct walk *w, int fd, const struct stat *st);
int MUST_CHECK walk_over_opened(struct walk *w, int fd, const struct stat *st);

/* ".." from where a mount below the task's root leads to the host's tree (or /proc on a bind),
 * which that root is not above. False: `at` is no such place. */
bool walk_lead_dotdot(struct walk *w, int *ret);
/* ".." on the host's tree, from a directory. */
int MUST_CHECK walk_real_dotdot(struct walk *w);
/* Does the guest that all was read of still wait? */
bool walk_alive(struct walk *w);
/* The whole walk. */
int MUST_CHECK walk_run(struct walk *w);

#endif
