/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes of virtual files as the calls give them, and the VFS's own rules about who may
 * change what (fs/namei.c, fs/attr.c of the kernel).
 */
#ifndef UM_SYS_PATH_ATTRS_H
#define UM_SYS_PATH_ATTRS_H

#include <linux/stat.h>

#include "engine/guestmem.h"
#include "view/path.h"

void attrs_to_stat(const struct fs_attr *attr, dev_t dev, struct stat *ret);
/* mnt may be NULL (a device of the view). is_root: it is the root of the mount. */
void attrs_to_statx(const struct fs_attr *attr, dev_t dev, const struct mount *mnt, bool is_root,
	struct statx *ret);

/* Was it mounted as a file system of the kernel (ext4), not as one of FUSE (fuse.sshfs)? Then what
 * a server leaves undone that the kernel's would do is done here. */
bool attrs_kernel_type(const struct mount *m);
/* The flags of statfs(2) of a mount, ST_VALID included. */
long attrs_statfs_flags(const struct mount *m);

static inline bool attrs_owner(const struct fs_req *req, const struct fs_attr *attr)
{
	return req->uid == attr->uid || fs_req_capable(req, CAP_FOWNER);
}

/* may_create() of the kernel: may a name be added to the directory? */
int MUST_CHECK attrs_may_create(struct inode *dir, const struct fs_req *req);
/* may_delete(): may this name be taken away? isdir: by rmdir, or by rename with a directory. */
int MUST_CHECK attrs_may_delete(
	struct inode *dir, struct inode *victim, const struct fs_req *req, bool isdir);

/*
 * notify_change(): checks the change, of a file on a mount that may be written to, and makes it.
 * `touch`: utimes(NULL), for which write permission suffices; `times_set`: explicit times, even
 * where UTIME_NOW or UTIME_OMIT stand in them; `chown`, even of neither id, drops set-user-id and
 * set-group-id bits.
 */
enum attrs_how { ATTRS_TOUCH = 1 << 0, ATTRS_TIMES_SET = 1 << 1, ATTRS_CHOWN = 1 << 2 };
int MUST_CHECK attrs_change(struct mount *m, struct inode *ino, const struct fs_req *req,
	struct fs_setattr *set, unsigned how);

#endif
