/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run directories: where a view keeps what must have a name (its control socket, fifos), and how
 * views of the same user find each other.
 *
 * $XDG_RUNTIME_DIR/umview/ID, or /tmp/umview-UID/ID where that is not set. ID is the supervisor's
 * process id. "name" in it holds the view's name, "lock" is locked (fcntl) by the supervisor while
 * it lives: a run directory whose lock is free was left by a killed one, and the next start
 * removes it.
 */
#ifndef UM_BASE_RUNDIR_H
#define UM_BASE_RUNDIR_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/util.h"

#define RUNDIR_NAME_MAX 64

/* May a view be called so: letters, digits, "_.-", not only digits, not too long. */
bool rundir_name_valid(const char *name);

/*
 * Makes the run directory of the calling process, whose life it then is bound to (the lock is not
 * inherited by fork). name may be NULL. 0; -EEXIST: a view of that name runs, *ret_other is its
 * process; -EPERM: the directory above is not ours alone; or what mkdir failed with. On failure
 * *ret_where (malloc'ed, may be NULL) is the path that could not be had.
 */
int MUST_CHECK rundir_new(const char *name, char **ret, pid_t *ret_other, char **ret_where);
/* Removes it with all that is in it. */
void rundir_remove(const char *path);

/* Opens (makes) a small file beside the run directories that views of this user share; name is
 * letters, digits,
 * "_.-". While a process has what this gave open, the file stays; the next start after that removes
 * it. 0, -EINVAL, -errno. */
int MUST_CHECK rundir_shared_file(const char *name, int *ret);

/*
 * A new Unix socket (SOCK_STREAM), and in *addr the address of a name in a run directory, by way of
 * *dir, a descriptor that must be open when the address is used: sun_path holds 107 bytes, a run
 * directory's path may be longer. 0, -errno.
 */
int MUST_CHECK rundir_socket(
	const char *rundir, const char *name, struct sockaddr_un *addr, int *dir, int *sock);

/* Has another process that file open? */
bool rundir_shared_is_open(const char *name);

/*
 * Binds a Unix socket to a name beside the run directories that is gone at once: nobody can send to
 * it but by *ret (/proc/self/fd/N is a name of it). 0, -errno.
 */
int MUST_CHECK rundir_bind_hidden(int sock, int *ret);

/* The name of a view's control socket (ctl/ctl.h) in its run directory. */
#define RUNDIR_CTL "ctl"

struct rundir_info {
	const char *path;
	const char *name; /* the ID where it has no name */
	pid_t pid;
};
/* Calls fn for each running view of this user until it returns non-zero; that is the result. */
int rundir_each(int (*fn)(const struct rundir_info *info, void *arg), void *arg);
/* The run directory of a view by name or ID, malloc'ed: 0, -ENOENT, -ENOMEM. */
int MUST_CHECK rundir_find(const char *name, char **ret);

/* The abstract name (unix(7)) by which a guest reaches the control socket of the view that it is
 * in, whatever its root, mounts and processes: the view answers connect(2) to it. */
#define RUNDIR_OWN "umview/ctl"
/* Its length as an address. */
#define RUNDIR_OWN_LEN (offsetof(struct sockaddr_un, sun_path) + sizeof(RUNDIR_OWN))
/* A connection to it: a descriptor; -ECONNREFUSED: this process is in no view. */
int MUST_CHECK rundir_connect_own(void);

#endif
