/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POSIX ACLs in the form of the attributes system.posix_acl_access and system.posix_acl_default
 * (linux/posix_acl_xattr.h): what they allow, and how they and a mode follow each other, as
 * fs/posix_acl.c of the kernel has it.
 */
#ifndef UM_VIEW_ACL_H
#define UM_VIEW_ACL_H

#include "view/inode.h"

enum acl_type { ACL_ACCESS, ACL_DEFAULT };
enum { ACL_VALUE_MAX = 65536 };

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

/* The value of an attribute. */
struct acl {
	uint32_t version;
	struct acl_entry e[];
};

/* The type that an attribute's name stands for, or -1. */
int acl_type_of(const char *name);
const char *acl_name(enum acl_type type);

/* posix_acl_from_xattr(): -EINVAL, -EOPNOTSUPP (of another version) for what is none; -ENOMEM. *ret
 * is NULL with 0: it has no entries, as if there were no attribute. n: how many it has. */
int MUST_CHECK acl_parse(const void *value, size_t size, struct acl **ret, unsigned *ret_n);
/* posix_acl_valid(): one of each kind, in order, and a mask where somebody is named. A server's may
 * be otherwise. */
bool acl_valid(const struct acl *acl, unsigned n);
static inline size_t acl_size(unsigned n)
{
	return sizeof(struct acl) + n * sizeof(struct acl_entry);
}

/* May req do this to a file of these attributes, of which it is not the owner? 0, -EACCES or -EIO.
 */
int acl_may(const struct acl *acl, unsigned n, const struct fs_attr *attr, const struct fs_req *req,
	int mask);
/* The permission bits that it stands for. true: it says more than they do. */
bool acl_to_mode(const struct acl *acl, unsigned n, mode_t *ret);
/* chmod(2) of a file that has it. */
void acl_chmod(struct acl *acl, unsigned n, mode_t mode);
/* A default ACL becomes the one of what is made with this mode; both take from each other what they
 * do not allow. As acl_to_mode(). */
bool acl_create(struct acl *acl, unsigned n, mode_t *mode);

/* Has this directory of the host a default ACL? */
bool acl_default_on_host(const char *path);

/* ---- of an inode (inode_acl.c) ---- */

/* *ret (malloc'ed) is NULL where it has none. Kept for as long as who may do what is. */
int MUST_CHECK inode_acl(struct inode *ino, const struct fs_req *req, enum acl_type type,
	struct acl **ret, unsigned *ret_n);
/* Puts or (NULL) removes it, and with FS_ACL_OURS makes the mode follow. Who may was seen to. */
int MUST_CHECK inode_set_acl(struct inode *ino, const struct fs_req *req, enum acl_type type,
	const struct acl *acl, unsigned n);
/* With FS_ACL_OURS: its mode was changed to this. */
int MUST_CHECK inode_acl_chmod(struct inode *ino, const struct fs_req *req, mode_t mode);

/* What something is made with in a directory that may have a default ACL. */
struct acl_made {
	struct acl *access;  /* of what is made; NULL: none */
	struct acl *inherit; /* the directory's; NULL: it has none */
	unsigned n;
	bool dir;
	mode_t mode; /* with inherit */
};
/* With FS_ACL_OURS, before it is made. A default ACL takes the umask's place. */
int MUST_CHECK acl_made_init(
	struct acl_made *m, struct inode *dir, const struct fs_req *req, mode_t mode);
/* After it. */
int MUST_CHECK acl_made_apply(struct acl_made *m, struct inode *made, const struct fs_req *req);
void acl_made_release(struct acl_made *m);
#define _cleanup_acl_made_ _cleanup_(acl_made_release)

#endif
