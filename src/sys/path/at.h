/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame of each call that takes a path: resolve it, leave what is native to the kernel, do
 * on real files what the guest's own words would not reach, and hand virtual ones to the handler.
 *
 *	_cleanup_at_ struct at a = AT_INIT;
 *
 *	if (!at_resolve(&a, c, dirfd, 1, PATH_FOLLOW))
 *		return a.verdict;
 *	if (a.p.kind == PATH_REAL) {
 *		real_enter(&a);
 *		return real_leave(&a, fchmodat(a.dirfd, a.name, mode, 0));
 *	}
 *	... a.p.inode
 */
#ifndef UM_SYS_PATH_AT_H
#define UM_SYS_PATH_AT_H

#include "engine/blocking.h"
#include "sys/um.h"

struct at {
	struct call *c;
	struct path p;
	struct fs_req req;    /* whose call it is; filled by at_resolve */
	enum verdict verdict; /* what to return when at_resolve was false */
	/* PATH_REAL: the place as a *at() call takes it. self: the name is /proc/self/fd/N of the
	 * file itself, and is to be followed whatever the call. */
	int dirfd;
	char name[NAME_MAX + 2];
	bool self;
	struct names_lock lock; /* at_lock; given up by at_release at the latest */
	bool switched; /* this thread runs with the guest's ids: between real_enter and real_leave
			*/
};

#define AT_INIT                                                                                    \
	{                                                                                          \
		.p = PATH_INIT, .dirfd = -1                                                        \
	}
void at_release(struct at *a);
#define _cleanup_at_ _cleanup_(at_release)

/* Added to the flags by calls that change names or attributes: a made-up file (sys/proc/file.h) may
 * answer them. */
#define AT_CHANGES (1u << 31)

/* Added by those who may leave a path to the kernel even in a view with rules, where otherwise all
 * is PATH_REALIZE. */
#define AT_AS_SAID (1u << 30)

/* Could a path mean anything else than to the kernel? Asked before any of the guest is read. */
static inline bool at_maybe(const struct call *c, unsigned flags)
{
	return view_has_paths(&c->um->view) || ((flags & AT_CHANGES) && c->um->ids);
}

/* False: return a->verdict (CONTINUE, or DONE with an error). With nothing mounted it reads
 * nothing of the guest. */
bool at_resolve(struct at *a, struct call *c, int dirfd, int arg, unsigned flags);
/* The same with the words read already. */
bool at_resolve_word(struct at *a, struct call *c, int dirfd, const char *word, unsigned flags);

/* at_resolve was false, for a call that only looks: what the walk has seen is told at once, where
 * the kernel would tell the guest the same. is_dir: the error for a directory; 0: it is none. */
enum verdict at_seen(struct at *a, int is_dir);

/*
 * PATH_VIRTUAL: keeps others from changing names in p.parent until the end, and looks the name up
 * again where one did since the call was made (p.inode may come and go). victim: nothing is to
 * come into p.inode either, which is going to be removed. 0 without a parent; -EINTR, -errno.
 */
int MUST_CHECK at_lock(struct at *a, bool victim);
/* The second half, for who holds the lock by itself. */
int MUST_CHECK at_lookup_again(struct at *a);

/* Around a call on a real file: from real_enter to real_leave the thread has the guest's
 * file-system ids and groups, where the supervisor is root and the guest is not. real_leave takes
 * the call's result (-1: errno), and answers it. */
void real_enter(struct at *a);
enum verdict real_leave(struct at *a, long ret);
/* The same, for callers that have more to do: the result, or -errno. */
long real_result(struct at *a, long ret);
/* For calls that have no *at() form: /proc/self/fd/N, or /proc/self/fd/N/name. */
#define REAL_PATH_MAX (FD_PATH_MAX + NAME_MAX + 3)
const char *real_path(const struct at *a, char buf[REAL_PATH_MAX]);
/* What a real file is to be made with: the guest's umask is ours to apply, but where its directory
 * has a default ACL, in whose place the kernel puts it. */
mode_t real_mode(const struct at *a, mode_t mode);

/* AT_SYMLINK_NOFOLLOW, unless the name is the file itself. */
static inline int real_nofollow(const struct at *a, bool nofollow)
{
	return nofollow && !a->self ? 0x100 : 0;
}
/* AT_SYMLINK_FOLLOW for linkat, where the name is the file itself. */
static inline int real_follow(const struct at *a)
{
	return a->self ? 0x400 : 0;
}

/*
 * Which virtual file is the descriptor? True with *ret set; false: return c's verdict in
 * *ret_verdict (CONTINUE for a real one; DONE -EBADF for O_PATH unless opath is allowed).
 */
bool at_fd(struct call *c, int fd, bool opath, struct vfile **ret, enum verdict *ret_verdict);

/* The same for an open file that is real: is it one of a mount that is seen through, or that keeps
 * owners for a virtual root? 1: where it is there; 0: it is none, and the kernel's to change.
 * -EROFS: it is the host's, was removed or replaced in the view since, and is not to be changed. */
int MUST_CHECK at_resolve_open(struct at *a, struct call *c, int fd);
/* Is it one that the kernel may change as it is asked to, in its attributes too? What is not sure
 * is not. */
bool at_is_plain(struct call *c, int fd);
/* Is such a file the host's, with a mount that is seen through over it? What that has copied is
 * not. */
bool at_is_hosts(struct call *c, int fd);

/* A structure that grows with the kernel (copy_struct_from_user): what the guest gives beyond
 * `known` must be zero. -EINVAL when it is shorter, -E2BIG. */
int MUST_CHECK at_read_struct(struct call *c, gaddr_t src, uint64_t usize, void *dst, size_t known);

/* open(2) on behalf of a guest, that may block (a fifo): ends with -EINTR when the guest is
 * interrupted. A descriptor, or -errno. */
int real_open(struct at *a, int flags, mode_t mode);

#endif
