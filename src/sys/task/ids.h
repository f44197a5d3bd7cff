/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual identity (--root): user, group and capability sets that a process believes to have. They
 * are interned, never changed, and kept to the end; which of them is a process's rides on its
 * RLIMIT_LOCKS (engine/engine.h: task_mark), which the kernel hands on over fork and exec.
 * A process that nobody has marked is root with all capabilities.
 *
 * In a user namespace of its own a process has the kernel's ids and capabilities. To the files of
 * the view it is there who it was when it entered that (sys/task/nsids.h).
 *
 * It is the process's, where Linux has one a thread: what libc's setuid() makes of it anyway.
 */
#ifndef UM_SYS_TASK_IDS_H
#define UM_SYS_TASK_IDS_H

#include <linux/capability.h>
#include <linux/securebits.h>

#include "sys/um.h"

#define CAP_ALL ((1ull << (CAP_LAST_CAP + 1)) - 1)
#define CAP_BIT(cap) (1ull << (cap))
#define IDS_GROUPS_MAX 65536

enum id_kind { ID_REAL, ID_EFF, ID_SAVED, ID_FS, ID_KINDS };

struct identity {
	uid_t uid[ID_KINDS];
	gid_t gid[ID_KINDS];
	uint64_t inh, prm, eff, bnd, amb;
	unsigned securebits; /* SECBIT_KEEP_CAPS is keepcaps */
	unsigned root;	     /* view/root.h */
	uint32_t ngroups;
	const gid_t *groups;
};

int MUST_CHECK ids_new(const struct view *view, struct ids **ret);
void ids_free(struct ids *ids);

/* Of a process (any thread's id will do): 0 or -ESRCH; -EPERM: it has the kernel's, being another
 * user's, or in a user namespace of its own. Valid as long as ids is. */
int MUST_CHECK ids_of(struct ids *ids, pid_t pid, const struct identity **ret);

/* The same in a user namespace of its own: with which it entered that. */
int MUST_CHECK ids_given(struct ids *ids, pid_t pid, const struct identity **ret);
/* Has the caller one? */
bool ids_virtual(struct call *c);

/* Changes that of the caller: fn edits a copy (groups: may be pointed elsewhere) and returns 0, or
 * -errno for no change. What it returned; -EAGAIN, -ENOMEM. */
int MUST_CHECK ids_change(struct call *c, int (*fn)(struct identity *id, void *arg), void *arg);

/* All processes that have the caller's root, in its mount namespace of the view, get this one
 * (view/root.h). */
int MUST_CHECK ids_move_root(struct call *c, unsigned root);

/* Has the caller this capability? Without --root: false. */
bool ids_capable(struct call *c, int cap);
/* Has the guest an effective capability of the kernel's? */
bool ids_kernel_capable(struct call *c, int cap);
/* Is it in a user namespace of its own without its own mounts? Then it may change none. */
bool ids_mounts_are_others(struct call *c);
/* May it mount? */
bool ids_may_mount(struct call *c);
/* Before an exec is let go: sets recomputed as capabilities(7) has it. Does nothing without --root.
 */
void ids_exec(struct call *c);
/* /proc/PID/status with the virtual identity; malloc'ed. */
int MUST_CHECK ids_status_text(struct ids *ids, pid_t pid, char **ret, size_t *ret_len);
/* chown, lchown, fchownat of a real file: true when the virtual root may have it as a no-op,
 * because the file is the user's and 0, the user's own or no id is asked for. */
bool ids_chown(struct call *c, int dirfd, const char *word);
/* The same for fchown, by the file's attributes. */
bool ids_chown_is_noop(struct call *c, const struct stat *st, uid_t uid, gid_t gid);
/* Makes served mounts see it: sets the hook of view/path.h. Once, before the first call. */
void ids_install(struct ids *ids);

#endif
