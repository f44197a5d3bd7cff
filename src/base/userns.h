/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User namespaces (user_namespaces(7)), and mounts that an ordinary user may make in one and that
 * are attached nowhere: the descriptor of one works in every namespace.
 */
#ifndef UM_BASE_USERNS_H
#define UM_BASE_USERNS_H

#include "base/util.h"

/*
 * Runs fn in a child that is root of user and mount namespaces of its own and has our table of
 * descriptors: what it opens is ours. fn makes system calls only (the process has threads). Its
 * result, -errno or a descriptor; -EPERM and others where there can be no such namespaces.
 */
int MUST_CHECK userns_make(int (*fn)(void *arg), void *arg);

/* The same in this user namespace, which a child of ours made, and a new mount namespace. */
int MUST_CHECK userns_run(int ns, int (*fn)(void *arg), void *arg);

/* open(2) for such a child, close-on-exec: libc's, and a sanitizer's in its place, may take locks
 * that another thread held when the child was made. */
int userns_open(const char *path, int flags);

/*
 * Maps the user to himself, and nobody else, in the user namespace that the caller has just made:
 * which is all that the kernel allows an ordinary user. Prepared before, since he is nobody in it
 * until then.
 */
struct userns_maps {
	char uids[48], gids[48];
	size_t nu, ng;
};
void userns_prepare(struct userns_maps *ret);
/* The same for another process, in one that it has made: he has these ids there. 0 or -errno. */
int MUST_CHECK userns_map_of(pid_t pid, uid_t uid, gid_t gid);
/* System calls only. 0 or -errno. */
int MUST_CHECK userns_map(const struct userns_maps *m);

#endif
