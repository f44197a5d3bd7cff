/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended attributes, by the name of the descriptor, which leads to symbolic links too. What
 * those, fifos, sockets and devices cannot carry is kept beside them (record.c).
 */
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/overlay/internal.h"
#include "view/acl.h"

#define ACL "system.posix_acl_access"

/* What only root may set, or says who may use the file, is kept by another name where the guest may
 * be root. NULL: it needs none. */
static const char *kept_as(const struct ovl *o, const char *name, char buf[XATTR_NAME_MAX + 1])
{
	static const char *const kept[] = { "trusted.", "security.", "system.posix_acl_" };
	bool is_kept = false;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		is_kept |= strncmp(name, kept[i], strlen(kept[i])) == 0;
	if (!o->as_root || !is_kept ||
		snprintf(buf, XATTR_NAME_MAX + 1, XATTR_KEPT "%s", name) > XATTR_NAME_MAX)
		return NULL;
	return buf;
}

/* The name of an attribute in the layers; *ret_own: nothing but that, for others of this name are
 * the format's. */
static const char *key_of(
	const struct ovl *o, const char *name, char buf[XATTR_NAME_MAX + 1], bool *ret_own)
{
	const char *kept;

	*ret_own = entry_xattr_escape(name, buf);
	kept = *ret_own ? buf : kept_as(o, name, buf);
	return kept ? kept : name;
}

/* The name that an attribute of the layers is shown by; NULL: it says what we are. */
static const char *shown_as(const struct ovl *o, const char *name, char buf[XATTR_NAME_MAX + 1])
{
	if (entry_xattr_unescape(name, buf))
		return buf;
	if (entry_xattr_own(name))
		return NULL;
	return o->as_root ? entry_xattr_shown(name) : name;
}

/* Is it kept beside the file, which cannot carry it? */
static bool is_beside(const struct ovl *o, mode_t type, const char *name)
{
	char buf[XATTR_NAME_MAX + 1];

	return type != S_IFREG && type != S_IFDIR && kept_as(o, name, buf);
}

/* What is beside the topmost file. -ENODATA: nothing. */
static ssize_t beside_get(
	struct ovl *o, const struct ovl_node *n, const char *name, void *buf, size_t size)
{
	struct stat st;

	if (fstat(ovl_top(n), &st) < 0)
		return -errno;
	return is_beside(o, st.st_mode & S_IFMT, name) ? ovl_beside_get(o, n, &st, name, buf, size)
						       : -ENODATA;
}

int ovl_xattr_set(
	struct ovl *o, int fd, const char *name, const void *value, size_t size, int flags)
{
	char path[FD_PATH_MAX], buf[XATTR_NAME_MAX + 1];
	const char *kept = kept_as(o, name, buf);
	struct stat st;

	if (kept && fstat(fd, &st) < 0)
		return -errno;
	if (kept && is_beside(o, st.st_mode & S_IFMT, name))
		return ovl_beside_set(o, &st, name, value, size, flags);
	return setxattr(fd_path(path, fd), kept ? kept : name, value, size, flags) < 0 ? -errno : 0;
}

ssize_t ovl_getxattr_op(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	const char *name, void *buf, size_t size)
{
	struct ovl_node *on = ovl_node_of(node);
	char path[FD_PATH_MAX], other[XATTR_NAME_MAX + 1];
	struct ovl *o = ovl_of(fs);
	bool own;
	const char *key = key_of(o, name, other, &own);
	ssize_t n = on->type != S_IFREG && on->type != S_IFDIR ? beside_get(o, on, name, buf, size)
							       : -ENODATA;

	if (n != -ENODATA)
		return n;
	fd_path(path, ovl_top(on));
	n = getxattr(path, key, buf, size);
	if (n < 0 && key != name && !own && (errno == ENODATA || ovl_closed_to_us(o, errno)))
		n = getxattr(path, name, buf, size);
	return n < 0 ? -errno : n;
}

/* Without those that say what we are. */
ssize_t ovl_listxattr_op(
	struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, void *buf, size_t size)
{
	_cleanup_free_ char *all = malloc(XATTR_LIST_MAX);
	struct ovl_node *on = ovl_node_of(node);
	char path[FD_PATH_MAX], other[XATTR_NAME_MAX + 1];
	struct ovl *o = ovl_of(fs);
	size_t used = 0;
	ssize_t n;

	if (!all)
		return -ENOMEM;
	n = listxattr(fd_path(path, ovl_top(on)), all, XATTR_LIST_MAX);
	if (n >= 0 && o->as_root && on->type != S_IFREG && on->type != S_IFDIR)
		n += ovl_beside_list(o, on, all + n, XATTR_LIST_MAX - (size_t)n);
	if (n < 0)
		return -errno;
	for (char *p = all; p < all + n; p += strlen(p) + 1) {
		const char *shown = shown_as(o, p, other);
		size_t len = shown ? strlen(shown) + 1 : 0;

		if (size && used + len > size)
			return -ERANGE;
		if (size && shown)
			memcpy((char *)buf + used, shown, len);
		used += len;
	}
	return (ssize_t)used;
}

/* Before an attribute of it is changed. */
static int begin_change(struct ovl *o, struct ovl_node *n, const char *name, struct stat *ret)
{
	int r = ovl_copy_up(o, n, 0);

	if (r == 0 && strcmp(name, ACL) == 0)
		r = ovl_search_changes(o, n);
	return r == 0 && fstat(ovl_upper(n), ret) < 0 ? -errno : r;
}

int ovl_setxattr_op(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, const char *name,
	const void *value, size_t size, int flags)
{
	struct ovl_node *n = ovl_node_of(node);
	char path[FD_PATH_MAX], buf[XATTR_NAME_MAX + 1];
	struct ovl *o = ovl_of(fs);
	struct stat st;
	bool own;
	int r = begin_change(o, n, name, &st);

	if (r < 0)
		return r;
	if (is_beside(o, st.st_mode & S_IFMT, name)) {
		r = ovl_beside_set(o, &st, name, value, size, flags);
		return r < 0 ? r : ovl_touch(ovl_upper(n));
	}
	name = key_of(o, name, buf, &own);
	return setxattr(fd_path(path, ovl_upper(n)), name, value, size, flags) < 0 ? -errno : 0;
}

int ovl_removexattr_op(
	struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, const char *name)
{
	struct ovl_node *n = ovl_node_of(node);
	char path[FD_PATH_MAX], buf[XATTR_NAME_MAX + 1];
	struct ovl *o = ovl_of(fs);
	struct stat st;
	ssize_t there;
	bool own;
	int r;

	/* what is not there needs no copy to be removed from */
	there = ovl_getxattr_op(fs, req, node, name, NULL, 0);
	if (there == -ENODATA && ovl_upper(n) >= 0 && acl_type_of(name) >= 0)
		return 0; /* as on any file system with ACLs; of lower's the kernel says ENODATA,
			     too */
	if (there < 0)
		return (int)there;
	r = begin_change(o, n, name, &st);
	if (r < 0)
		return r;
	if (is_beside(o, st.st_mode & S_IFMT, name)) {
		r = ovl_beside_set(o, &st, name, NULL, 0, XATTR_REPLACE);
		if (r != -ENODATA)
			return r < 0 ? r : ovl_touch(ovl_upper(n));
	}
	name = key_of(o, name, buf, &own);
	return removexattr(fd_path(path, ovl_upper(n)), name) < 0 ? -errno : 0;
}
