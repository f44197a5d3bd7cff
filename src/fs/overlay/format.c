/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The on-disk format: attributes, whiteouts, owners. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "fs/overlay/internal.h"

char *overlay_next_name(char **list, char sep)
{
	char *name = *list, *out = name, *p = name;

	if (!name)
		return NULL;
	for (; *p && *p != sep; p++) {
		if (p[0] == '\\' && p[1])
			p++;
		*out++ = *p;
	}
	*list = *p ? p + 1 : NULL;
	*out = '\0';
	return name;
}

void overlay_put_name(FILE *out, const char *before, const char *name)
{
	put_backslashed(out, before, name, "\\:,");
}

ssize_t ovl_getxattr(int fd, const char *name, char *buf, size_t size)
{
	char path[FD_PATH_MAX];
	ssize_t n = getxattr(fd_path(path, fd), name, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

int ovl_setxattr(int fd, const char *name, const char *value)
{
	char path[FD_PATH_MAX];

	return setxattr(fd_path(path, fd), name, value, strlen(value), 0) < 0 ? -errno : 0;
}

int ovl_opaque(int fd)
{
	char value[4];

	return ovl_getxattr(fd, XATTR_OVERLAY "opaque", value, sizeof(value)) == 1 ? value[0] : 0;
}

bool ovl_is_whiteout(int fd, const struct stat *st, bool xwhiteouts)
{
	char value[4];

	if (S_ISCHR(st->st_mode))
		return st->st_rdev == 0;
	return xwhiteouts && S_ISREG(st->st_mode) && st->st_size == 0 &&
	       ovl_getxattr(fd, XATTR_OVERLAY "whiteout", value, sizeof(value)) >= 0;
}

void ovl_work_name(struct ovl *o, char name[WORK_NAME_MAX])
{
	snprintf(name, WORK_NAME_MAX, "#%x", atomic_fetch_add(&o->made, 1));
}

/* The other form, where devices cannot be made: a file with an attribute, in a directory that says
 * so. */
static int xwhiteout_make(struct ovl *o, struct ovl_node *dir, const char *name)
{
	_cleanup_fd_ int fd = openat(o->work, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : ovl_setxattr(fd, XATTR_OVERLAY "whiteout", "y");

	if (r == 0 && !dir->xwhiteouts) {
		r = ovl_setxattr(ovl_upper(dir), XATTR_OVERLAY "opaque", "x");
		dir->xwhiteouts = r == 0;
	}
	return r;
}

/* One that waits in the work folder: all are links to it. A file system that has links makes one at
 * a fraction of the price of a new file, and need not remove one when it goes. */
#define SHARED "#whiteout"

static int shared_make(struct ovl *o)
{
	if (unlinkat(o->work, SHARED, 0) < 0 && errno != ENOENT)
		return -errno;
	return mknodat(o->work, SHARED, S_IFCHR, 0) < 0 && errno != EEXIST ? -errno : 0;
}

static int shared_link(struct ovl *o, int dir, const char *name)
{
	return linkat(o->work, SHARED, dir, name, 0) < 0 ? -errno : 0;
}

/* -EEXIST: there is something. */
static int whiteout_at(struct ovl *o, int dir, const char *name)
{
	int r = shared_link(o, dir, name);

	if (r == -ENOENT || r == -EMLINK) {
		r = shared_make(o);
		if (r == 0)
			r = shared_link(o, dir, name);
	}
	/* a file system without links, or another has just taken it away */
	if (r < 0 && r != -EEXIST)
		r = mknodat(dir, name, S_IFCHR, 0) < 0 ? -errno : 0;
	return r;
}

static bool knows_no_devices(int err)
{
	return err == -EPERM || err == -EOPNOTSUPP || err == -EINVAL;
}

int ovl_whiteout_make(struct ovl *o, struct ovl_node *dir, char name[WORK_NAME_MAX])
{
	ovl_work_name(o, name);
	if (!atomic_load(&o->no_devices)) {
		int r = whiteout_at(o, o->work, name);

		if (!knows_no_devices(r))
			return r;
		atomic_store(&o->no_devices, true);
	}
	return xwhiteout_make(o, dir, name);
}

int ovl_whiteout_put(struct ovl *o, struct ovl_node *dir, const char *name)
{
	char made[WORK_NAME_MAX];
	int r;

	if (!atomic_load(&o->no_devices)) {
		r = whiteout_at(o, ovl_upper(dir), name);
		if (!knows_no_devices(r))
			return r;
	}
	r = ovl_whiteout_make(o, dir, made);
	if (r == 0)
		r = ovl_rename2(o, o->work, made, ovl_upper(dir), name, RENAME_NOREPLACE);
	if (r < 0)
		ovl_remove_all(o->work, made);
	return r;
}

void ovl_whiteouts_end(struct ovl *o)
{
	(void)unlinkat(o->work, SHARED, 0); /* else at the next mount */
}

/* Whiteouts for all that a lower folder has. */
static int hide_names(int lower, int fd)
{
	int dir = openat(lower, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *list = dir < 0 ? NULL : fdopendir(dir);
	struct dirent *d;

	if (!list) {
		r = -errno;
		if (dir >= 0)
			close(dir);
		return r;
	}
	while (r == 0 && (d = readdir(list))) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
			mknodat(fd, d->d_name, S_IFCHR, 0) < 0 && errno != EEXIST)
			r = -errno;
	}
	closedir(list);
	return r;
}

int ovl_hide_below(const struct ovl_node *dir, const char *name, int fd)
{
	int r = ovl_setxattr(fd, XATTR_OVERLAY "opaque", "y");

	if (r != -EOPNOTSUPP)
		return r;
	r = 0;
	for (unsigned i = 0; r == 0 && i < dir->nlower; i++) {
		_cleanup_fd_ int lower = openat(
			dir->lower[i].fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (lower >= 0)
			r = hide_names(lower, fd);
	}
	return r;
}

static int rename1(int from, const char *name, int to, const char *new_name)
{
	return renameat(from, name, to, new_name) < 0 ? -errno : 0;
}

int ovl_rename2(
	struct ovl *o, int from, const char *name, int to, const char *new_name, unsigned flags)
{
	char aside[WORK_NAME_MAX];
	int r = syscall(SYS_renameat2, from, name, to, new_name, flags) < 0 ? -errno : 0;

	if (r != -EINVAL || (flags != RENAME_NOREPLACE && flags != RENAME_EXCHANGE))
		return r;
	if (flags == RENAME_NOREPLACE)
		return faccessat(to, new_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0
			       ? -EEXIST
			       : rename1(from, name, to, new_name);
	ovl_work_name(o, aside);
	r = rename1(to, new_name, o->work, aside);
	if (r < 0)
		return r;
	r = rename1(from, name, to, new_name);
	if (r == 0)
		return rename1(o->work, aside, from, name);
	(void)!rename1(o->work, aside, to, new_name); /* the first error is the one to tell */
	return r;
}

void ovl_remove_all(int dir, const char *name)
{
	struct dirent *d;
	DIR *list;
	int fd;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT ||
		unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return;
	(void)fchmodat(dir, name, 0700, 0); /* what was copied may be closed to its owner */
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(list))) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			ovl_remove_all(fd, d->d_name);
	}
	closedir(list);
	(void)unlinkat(dir, name, AT_REMOVEDIR); /* what is left is removed at the next mount */
}

/* ---- owners ---- */

/* "UID:GID:MODE", as fuse-overlayfs has it, and "block-8-1" or "char-1-3" after it as
 * containers/storage has it. */
bool ovl_override_get(const char *path, struct fs_attr *attr)
{
	char text[64], kind[8] = "";
	unsigned uid, gid, mode, maj = 0, min = 0;
	ssize_t len = getxattr(path, XATTR_OVERRIDE, text, sizeof(text) - 1);
	int n;

	if (len < 0)
		return false;
	text[len] = '\0';
	n = sscanf(text, "%u:%u:%o:%7[a-z]-%u-%u", &uid, &gid, &mode, kind, &maj, &min);
	if (n < 3)
		return false;
	attr->uid = uid;
	attr->gid = gid;
	attr->mode = (attr->mode & S_IFMT) | (mode & 07777);
	if (n == 6 && S_ISREG(attr->mode)) {
		attr->mode =
			(attr->mode & 07777) | (strcmp(kind, "block") == 0 ? S_IFBLK : S_IFCHR);
		attr->rdev = makedev(maj, min);
		attr->size = attr->blocks = 0;
	}
	return true;
}

static void override_text(const struct fs_attr *attr, char text[64])
{
	int n = snprintf(text, 64, "%u:%u:%04o", attr->uid, attr->gid, attr->mode & 07777);

	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode))
		snprintf(text + n, 64 - (size_t)n, ":%s-%u-%u",
			S_ISBLK(attr->mode) ? "block" : "char", major(attr->rdev),
			minor(attr->rdev));
}

/* The mode that the file really has: one that its owner can read and write, where another is shown.
 */
static mode_t real_mode(const struct fs_attr *attr)
{
	mode_t mode = attr->mode & 07777;

	if (S_ISDIR(attr->mode))
		return mode | 0700;
	return (mode & ~(mode_t)(S_ISUID | S_ISGID)) | 0600;
}

int ovl_touch(int fd)
{
	return fchownat(fd, "", (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* What cannot carry an attribute; its own owner was set, as far as that can be. */
static int special_set(struct ovl *o, int fd, struct stat *st, const struct fs_attr *attr)
{
	mode_t mode = o->as_root ? real_mode(attr) : attr->mode & 07777;
	char path[FD_PATH_MAX];

	/* what is kept elsewhere is a change of the file as well: its ctime says so; it takes these
	 * bits away */
	if (fchownat(fd, "", (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH) < 0)
		return -errno;
	st->st_mode &= ~(mode_t)(S_ISUID | S_ISGID);
	if (!S_ISLNK(st->st_mode) && (st->st_mode & 07777) != mode) {
		if (chmod(fd_path(path, fd), mode) < 0)
			return -errno;
		st->st_mode = (st->st_mode & S_IFMT) | mode;
	}
	return o->owners ? ovl_links_set(o, st, attr) : 0;
}

/* Its owner is its own, and was perhaps told to be another. */
static int plain_set(struct ovl *o, const char *path, struct stat *st, const struct fs_attr *attr)
{
	if ((st->st_mode & 07777) != (attr->mode & 07777) && chmod(path, attr->mode & 07777) < 0)
		return -errno;
	st->st_mode = (st->st_mode & S_IFMT) | (attr->mode & 07777);
	return ovl_links_set(o, st, attr);
}

int ovl_owner_set(struct ovl *o, int fd, const struct fs_attr *attr)
{
	char path[FD_PATH_MAX], text[64], old[64];
	mode_t need = S_ISDIR(attr->mode) ? 0700 : 0600;
	bool device, other;
	struct stat st;

	fd_path(path, fd);
	if (fstat(fd, &st) < 0)
		return -errno;
	if (attr->uid != st.st_uid || attr->gid != st.st_gid) {
		if (fchownat(fd, "", attr->uid, attr->gid, AT_EMPTY_PATH) < 0 && !o->owners)
			return -errno;
		if (fstat(fd, &st) < 0)
			return -errno;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return special_set(o, fd, &st, attr);
	device = (st.st_mode & S_IFMT) != (attr->mode & S_IFMT);
	other = attr->uid != st.st_uid || attr->gid != st.st_gid || device ||
		(o->as_root && (attr->mode & need) != need);
	if (o->owners && other && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		override_text(attr, text);
		if (chmod(path, real_mode(attr)) < 0)
			return -errno;
		st.st_mode = (st.st_mode & S_IFMT) | real_mode(attr);
		if (!S_ISDIR(st.st_mode))
			ovl_owners_begin(o);
		return o->no_xattrs && !device ? ovl_links_set(o, &st, attr)
					       : ovl_setxattr(fd, XATTR_OVERRIDE, text);
	}
	if (o->owners && o->no_xattrs)
		return plain_set(o, path, &st, attr);
	if (ovl_says_owner(o, st.st_mode) &&
		ovl_getxattr(fd, XATTR_OVERRIDE, old, sizeof(old)) >= 0)
		(void)removexattr(path, XATTR_OVERRIDE); /* it is the file's own again */
	return (st.st_mode & 07777) != (attr->mode & 07777) && chmod(path, attr->mode & 07777) < 0
		       ? -errno
		       : 0;
}

struct opened_up ovl_open_up(struct ovl *o, int dir)
{
	struct opened_up u = { .fd = -1 };
	char path[FD_PATH_MAX];
	struct stat st;

	if (geteuid() == 0 || fstat(dir, &st) < 0 || (st.st_mode & 0700) == 0700)
		return u;
	atomic_fetch_add(&o->open_now, 1);
	atomic_fetch_add(&o->open_ever, 1);
	if (chmod(fd_path(path, dir), (st.st_mode & 07777) | 0700) == 0)
		u = (struct opened_up){ .o = o, .fd = dir, .mode = st.st_mode & 07777 };
	else
		atomic_fetch_sub(&o->open_now, 1);
	return u;
}

void ovl_close_down(struct opened_up *u)
{
	char path[FD_PATH_MAX];
	int err = errno;

	if (u->fd >= 0) {
		(void)chmod(fd_path(path, u->fd), u->mode);
		atomic_fetch_sub(&u->o->open_now, 1);
	}
	errno = err;
}
