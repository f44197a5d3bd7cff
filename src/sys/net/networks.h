/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The networks of a view beside its own: made by unshare(2), or by umctl net. Which of them a
 * process is in rides on its mark (engine/engine.h), which the kernel hands on over fork and exec;
 * 0 is the view's own, of --net, or the host's. It is the process's, where Linux has one a thread.
 */
#ifndef UM_SYS_NET_NETWORKS_H
#define UM_SYS_NET_NETWORKS_H

#include "net/net.h"
#include "sys/um.h"

int MUST_CHECK networks_new(struct networks **ret);
/* Ends them all. NULL is fine. */
void networks_free(struct networks *ns);

/* n is the view's own, of --net, from now on (and um's). 0 or -errno. */
int MUST_CHECK networks_set_own(struct um *um, struct net *n);

/* Is there any but the host's? Cheap. */
bool networks_any(const struct um *um);
/* Is any of them lwIP's? Cheap. */
bool networks_any_stack(const struct um *um);
/* Is the view's own? Then all calls on sockets are caught, else those on descriptors where virtual
 * files are. */
bool networks_own_stack(const struct um *um);
/* That of a process (any thread's id will do): 0 and a reference, NULL where it is the host's;
 * -ENETDOWN, -ESRCH. */
int MUST_CHECK network_of(struct um *um, pid_t pid, struct net **ret);

/* The caller goes into a new one, of loopback alone: 0 or -errno. */
int MUST_CHECK network_unshare(struct call *c);
/* That whose file this is: a reference, or NULL. */
struct net *network_by_file(struct um *um, const struct stat *st);
/* Is this the file of one of them? */
bool network_knows(struct um *um, const struct stat *st);
/* The caller goes into the one whose file this is: 0; -EPERM for the host's where the view has one
 * of its own; -ENOENT: it is none of ours. */
int MUST_CHECK network_enter(struct call *c, const struct stat *st);
/* The caller goes where that process is: 0 or -errno. */
int MUST_CHECK network_follow(struct call *c, pid_t pid);

/* That of this number, as net_ino(): a reference, or NULL. */
struct net *network_by_number(struct um *um, ino_t number);
/* That whose process it is: a reference, or NULL. */
struct net *network_by_process(struct um *um, pid_t pid);
/* Is it the process of one of them, which is no guest? */
bool network_process(const struct um *um, pid_t pid);

/* ---- those with a name (umctl net): that of the view itself, where it has one, is NETWORK_OWN
 * ---- */

#define NETWORK_OWN "default"

/* Starts one. -EEXIST, -EINVAL, -errno; *ret_message (malloc'ed, may be NULL): for the user. */
int MUST_CHECK network_add(
	struct um *um, const char *name, char *const specs[], char **ret_message);
/* -ENOENT; -EBUSY: *ret_pid is in it. */
int MUST_CHECK network_remove(struct um *um, const char *name, pid_t *ret_pid);
/* 0 and a reference, NULL for the host's; -ENOENT. */
int MUST_CHECK network_find(struct um *um, const char *name, struct net **ret);
/* That process of the view goes there: 0; -ENOENT, -ESRCH. */
int MUST_CHECK network_use(struct um *um, const char *name, pid_t pid);

struct network_info {
	const char *name; /* NULL: it has none */
	unsigned number;
	struct net *net;
	unsigned processes;
};
/* Calls fn for each that has a name or is used, without a lock. -ENOMEM. */
int MUST_CHECK networks_each(
	struct um *um, void (*fn)(const struct network_info *i, void *arg), void *arg);

#endif
