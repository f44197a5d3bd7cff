/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/entry.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "layer/links.h"
#include "layer/tree.h"

void entry_release(struct entry *e)
{
	free(e->redirect);
	e->redirect = NULL;
}

#define ESCAPE "overlay."

/* The length of what a name of the format begins with, be it escaped or not; 0: it is none. */
static size_t own_prefix(const char *name)
{
	const size_t n = strlen(XATTR_KEPT), more = strlen(ESCAPE);
	const char *p = name + n;

	if (strncmp(name, XATTR_OVERLAY, strlen(XATTR_OVERLAY)) == 0)
		return strlen(XATTR_OVERLAY);
	if (strncmp(name, XATTR_KEPT, n) != 0)
		return 0;
	while (strncmp(p, ESCAPE, more) == 0)
		p += more;
	return strcmp(p, XATTR_OVERRIDE + n) == 0 ? n : 0;
}

bool entry_xattr_escape(const char *name, char buf[XATTR_NAME_MAX + 1])
{
	const size_t n = own_prefix(name);

	/* one that is cut short is of the format and not there */
	if (n)
		snprintf(buf, XATTR_NAME_MAX + 1, "%.*s" ESCAPE "%s", (int)n, name, name + n);
	return n > 0;
}

bool entry_xattr_unescape(const char *name, char buf[XATTR_NAME_MAX + 1])
{
	const size_t n = own_prefix(name);

	if (!n || entry_xattr_own(name))
		return false;
	snprintf(buf, XATTR_NAME_MAX + 1, "%.*s%s", (int)n, name, name + n + strlen(ESCAPE));
	return true;
}

bool entry_xattr_own(const char *name)
{
	const size_t n = own_prefix(name);

	return n && strncmp(name + n, ESCAPE, strlen(ESCAPE)) != 0;
}

bool entry_private_xattr(const char *name)
{
	return entry_xattr_own(name) || strncmp(name, "trusted.overlay.", 16) == 0 ||
	       strncmp(name, "user.fuseoverlayfs.", 19) == 0;
}

const char *entry_xattr_shown(const char *name)
{
	static const char *const kept[] = { "security.", "trusted.", "system." };
	const size_t n = strlen(XATTR_KEPT);

	for (size_t i = 0; strncmp(name, XATTR_KEPT, n) == 0 && i < ARRAY_SIZE(kept); i++) {
		if (strncmp(name + n, kept[i], strlen(kept[i])) == 0)
			return name + n;
	}
	return name;
}

const char *entry_dot_wh(const char *name)
{
	if (strncmp(name, ".wh.", 4) != 0)
		return NULL;
	return strncmp(name, ".wh..wh.", 8) == 0 ? "" : name + 4;
}

void entry_format_override(const struct stat *st, char buf[64])
{
	int n = snprintf(
		buf, 64, "%u:%u:%o", st->st_uid, st->st_gid, (unsigned)(st->st_mode & 07777));
	size_t room = 64 - (size_t)n;

	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		snprintf(buf + n, room, ":%s-%u-%u", S_ISCHR(st->st_mode) ? "char" : "block",
			major(st->st_rdev), minor(st->st_rdev));
	else if (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode))
		snprintf(buf + n, room, ":%s", S_ISFIFO(st->st_mode) ? "pipe" : "socket");
}

static bool parse_type(const char *type, struct stat *st)
{
	static const struct {
		const char *name;
		mode_t mode;
	} types[] = {
		{ "file", S_IFREG },
		{ "dir", S_IFDIR },
		{ "symlink", S_IFLNK },
		{ "pipe", S_IFIFO },
		{ "socket", S_IFSOCK },
	};
	unsigned maj, min;
	int used = 0;
	bool block = strncmp(type, "block-", 6) == 0;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		/* what is no empty file cannot stand for something else */
		if (strcmp(type, types[i].name) == 0) {
			if (S_ISREG(st->st_mode) && types[i].mode != S_IFDIR)
				st->st_mode = types[i].mode | (st->st_mode & 07777);
			return true;
		}
	}
	if ((!block && strncmp(type, "char-", 5) != 0) ||
		sscanf(strchr(type, '-'), "-%u-%u%n", &maj, &min, &used) != 2 ||
		strchr(type, '-')[used])
		return false;
	if (S_ISREG(st->st_mode)) {
		st->st_mode = (block ? S_IFBLK : S_IFCHR) | (st->st_mode & 07777);
		st->st_rdev = makedev(maj, min);
	}
	return true;
}

bool entry_parse_override(const char *text, struct stat *st)
{
	struct stat s = *st;
	unsigned uid, gid, mode;
	int used = 0;

	if (sscanf(text, "%u:%u:%o%n", &uid, &gid, &mode, &used) != 3)
		return false;
	s.st_uid = uid;
	s.st_gid = gid;
	s.st_mode = (st->st_mode & S_IFMT) | (mode & 07777);
	if (text[used] && (text[used] != ':' || !parse_type(text + used + 1, &s)))
		return false;
	*st = s;
	return true;
}

ssize_t entry_getxattr(
	int dirfd, const char *name, bool ours, const char *key, char *buf, size_t size)
{
	_cleanup_free_ char *path = str_printf("/proc/self/fd/%d/%s", dirfd, name);
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	if (!path)
		return -ENOMEM;
	n = lgetxattr(path, key, buf, size - 1);
	if (n < 0 && errno == EACCES && ours) {
		fd = tree_peek_at(dirfd, name, O_RDONLY | O_NONBLOCK);
		n = fd < 0 ? -1 : fgetxattr(fd, key, buf, size - 1);
		if (fd < 0)
			return fd;
	}
	if (n < 0)
		return errno == ENOTSUP ? -ENODATA : -errno;
	buf[n] = 0;
	return n;
}

static bool has_value(int dirfd, const char *name, bool ours, const char *key, const char *value)
{
	char buf[16];

	return entry_getxattr(dirfd, name, ours, key, buf, sizeof(buf)) >= 0 &&
	       strcmp(buf, value) == 0;
}

/* What one of the format's attributes says. */
static int take_xattr(int dirfd, const char *name, bool ours, const char *key, struct entry *e)
{
	char buf[PATH_MAX + 1];
	const char *what = strrchr(key, '.') + 1;
	ssize_t n;

	if (strcmp(key, XATTR_OVERLAY "origin") == 0) {
		e->origin = true;
		return 0;
	}
	e->private = true;
	if (strcmp(what, "opaque") == 0) {
		e->opaque = e->opaque || has_value(dirfd, name, ours, key, "y");
		e->xwhiteouts = e->xwhiteouts || has_value(dirfd, name, ours, key, "x");
	} else if (strcmp(what, "whiteout") == 0) {
		e->whiteout = e->whiteout || (S_ISREG(e->real.st_mode) && e->real.st_size == 0);
	} else if (strcmp(what, "metacopy") == 0) {
		e->metacopy = S_ISREG(e->real.st_mode);
	} else if (strcmp(what, "redirect") == 0 && strncmp(key, XATTR_OVERLAY, 13) == 0) {
		n = entry_getxattr(dirfd, name, ours, key, buf, sizeof(buf));
		if (n <= 0)
			return n < 0 ? (int)n : -EBADMSG;
		free(e->redirect);
		e->redirect = strdup(buf);
		return e->redirect ? 0 : -ENOMEM;
	} else if (strcmp(what, "override_stat") == 0) {
		n = entry_getxattr(dirfd, name, ours, key, buf, sizeof(buf));
		if (n < 0)
			return (int)n;
		if (!entry_parse_override(buf, &e->st))
			return -EBADMSG;
	}
	return 0;
}

static int take_xattrs(int dirfd, const char *name, bool ours, struct entry *e)
{
	_cleanup_free_ char *path = str_printf("/proc/self/fd/%d/%s", dirfd, name), *list = NULL;
	ssize_t n;
	int err = 0;

	if (!path)
		return -ENOMEM;
	n = llistxattr(path, NULL, 0);
	if (n <= 0)
		return n < 0 && errno != ENOTSUP ? -errno : 0;
	list = malloc((size_t)n);
	if (!list)
		return -ENOMEM;
	n = llistxattr(path, list, (size_t)n);
	for (char *key = list; err == 0 && n > 0 && key < list + n; key += strlen(key) + 1) {
		if (entry_private_xattr(key))
			err = take_xattr(dirfd, name, ours, key, e);
	}
	return n < 0 ? -errno : err;
}

/* fuse-overlayfs has a file for it where it could not set the attribute. */
static bool has_opaque_mark(int dirfd, const char *name)
{
	_cleanup_free_ char *path = tree_join(name, ".wh..wh..opq");
	_cleanup_fd_ int fd = path ? tree_open(dirfd, path, O_PATH) : -1;

	return fd >= 0;
}

static int read_statx(int dirfd, const char *name, struct entry *e)
{
	struct statx x;

	if (fstatat(dirfd, name, &e->real, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &x) == 0 &&
		(x.stx_mask & STATX_BTIME)) {
		e->btime.tv_sec = x.stx_btime.tv_sec;
		e->btime.tv_nsec = x.stx_btime.tv_nsec;
	}
	return 0;
}

/* Where the file system keeps none, owners of all are beside it. */
static bool no_attributes(int dirfd)
{
	return fgetxattr(dirfd, XATTR_OVERRIDE, NULL, 0) < 0 && errno == EOPNOTSUPP;
}

int entry_read(int dirfd, const char *name, bool ours, const struct entry *parent,
	const struct links *links, struct entry *ret)
{
	_cleanup_entry_ struct entry e = ENTRY_INIT;
	int err = read_statx(dirfd, name, &e);

	if (err < 0)
		return err;
	e.st = e.real;
	e.hidden = entry_dot_wh(name) != NULL;
	e.whiteout = S_ISCHR(e.real.st_mode) && e.real.st_rdev == 0;
	if (S_ISREG(e.real.st_mode) || S_ISDIR(e.real.st_mode))
		err = take_xattrs(dirfd, name, ours, &e);
	if (err < 0)
		return err;
	if (S_ISDIR(e.real.st_mode))
		e.opaque = e.opaque || has_opaque_mark(dirfd, name);
	if (parent && !parent->xwhiteouts && S_ISREG(e.real.st_mode))
		e.whiteout = false; /* the attribute counts where the folder says so */
	if ((!S_ISREG(e.real.st_mode) && !S_ISDIR(e.real.st_mode) && !e.whiteout) ||
		(links && no_attributes(dirfd)))
		(void)links_apply(links, &e.st); /* most have none */
	if (!S_ISREG(e.real.st_mode) && !S_ISDIR(e.real.st_mode) && !e.whiteout)
		e.beside = links_attrs(links, e.real.st_ino);
	*ret = e;
	e.redirect = NULL;
	return 0;
}
