/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static int copy_range(int in, int out, off_t from, off_t to)
{
	_cleanup_free_ char *buf = NULL;

	while (from < to) {
		loff_t a = from, b = from;
		ssize_t n = buf ? 0 : copy_file_range(in, &a, out, &b, (size_t)(to - from), 0);

		if (n == 0 || (n < 0 && (errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL ||
						errno == ENOSYS))) {
			buf = buf ? buf : malloc(1 << 17);
			if (!buf)
				return -ENOMEM;
			n = pread(in, buf, 1 << 17, from);
			if (n > to - from)
				n = (ssize_t)(to - from);
			if (n > 0)
				n = pwrite(out, buf, (size_t)n, from);
			else if (n == 0)
				break; /* it became shorter */
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		from += n > 0 ? n : 0;
	}
	return 0;
}

int copy_data(int in, int out)
{
	struct stat st;
	off_t data = 0, hole;
	int err = 0;

	if (fstat(in, &st) < 0)
		return -errno;
	if (st.st_size == 0 || ioctl(out, FICLONE, in) == 0)
		return 0;
	while (err == 0 && data < st.st_size) {
		data = lseek(in, data, SEEK_DATA);
		if (data < 0)
			break; /* a hole to the end */
		hole = lseek(in, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		err = copy_range(in, out, data, hole);
		data = hole;
	}
	return err == 0 && ftruncate(out, st.st_size) < 0 ? -errno : err;
}

/* Or EINVAL: our user namespace maps no such id, as in a container. */
static bool owner_refused(int err)
{
	return err == EPERM || err == EINVAL;
}

static int set_owner(const struct copy *how, const struct stat *st, int fd)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return -errno;
	if (now.st_uid == st->st_uid && now.st_gid == st->st_gid)
		return 0;
	if (fchown(fd, st->st_uid, st->st_gid) == 0)
		return 0;
	return owner_refused(errno) && how->any_owner ? 0 : -errno;
}

/* In a layer: what the file itself is to have, and what is said of it. */
static int set_virtual(const struct copy *how, const struct stat *st, int fd)
{
	mode_t need = S_ISDIR(st->st_mode) ? 0700 : 0600;
	struct stat now;
	char text[64];

	if (fstat(fd, &now) < 0)
		return -errno;
	if (geteuid() == 0 && !S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode) &&
		fchown(fd, st->st_uid, st->st_gid) == 0)
		now.st_uid = st->st_uid, now.st_gid = st->st_gid;
	if (now.st_uid != st->st_uid || now.st_gid != st->st_gid ||
		(now.st_mode & S_IFMT) != (st->st_mode & S_IFMT) || (st->st_mode & need) != need) {
		entry_format_override(st, text);
		if (fchmod(fd, (st->st_mode & 01777) | need) < 0)
			return -errno;
		if (fsetxattr(fd, XATTR_OVERRIDE, text, strlen(text), 0) == 0)
			return 0;
		return errno == EOPNOTSUPP && (now.st_mode & S_IFMT) == (st->st_mode & S_IFMT)
			       ? links_append(how->layerfd, now.st_ino, st)
			       : -errno;
	}
	return fchmod(fd, st->st_mode & 07777) < 0 ? -errno : 0;
}

int copy_metadata(const struct copy *how, const struct stat *st, const struct attrs *attrs, int fd)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	bool layer = how->layerfd >= 0, virtual = layer && !how->real;
	int err = virtual ? set_virtual(how, st, fd) : set_owner(how, st, fd);

	/* attributes first: the mode may then keep us out; an ACL sets a mode as well */
	if (err == 0 && attrs)
		err = attrs_write(fd, attrs, layer);
	if (err == 0 && !virtual && fchmod(fd, st->st_mode & 07777) < 0)
		err = -errno;
	return err == 0 && futimens(fd, times) < 0 ? -errno : err;
}

/* The same file in another place. Without the attribute that tells where it was copied from, which
 * is of no use there, nor to a layer that gives it up. */
static bool share_file(const struct change *c, int dirfd, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (c->entry->private || !S_ISREG(c->entry->real.st_mode))
		return false;
	if (c->entry->origin) {
		path = str_printf("/proc/self/fd/%d/%s", c->dirfd, c->name);
		if (!path || lremovexattr(path, XATTR_OVERLAY "origin") < 0)
			return false;
	}
	return linkat(c->dirfd, c->name, dirfd, name, 0) == 0;
}

static int copy_file(const struct copy *how, struct layer_walk *w, const struct change *c,
	int dirfd, const char *name)
{
	_cleanup_attrs_ struct attrs attrs = { 0 };
	_cleanup_fd_ int in = -1, out = -1;
	int err;

	if (how->link && share_file(c, dirfd, name))
		return 0;
	out = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	if (S_ISREG(c->entry->st.st_mode)) {
		in = layer_walk_content(w, c);
		err = in < 0 ? in : copy_data(in, out);
		if (err < 0)
			return err;
	}
	/* of the upper's own entry, even where the content is below; a fifo has none */
	err = S_ISREG(c->entry->real.st_mode) ? attrs_read(c->dirfd, c->name, c->ours, &attrs) : 0;
	return err < 0 ? err : copy_metadata(how, &c->entry->st, &attrs, out);
}

/* ---- what stands beside a layer's files ---- */

static int note_owner(const struct copy *how, ino_t ino, const struct stat *st)
{
	int err = links_append(how->layerfd, ino, st);

	return err == 0 && how->beside ? links_put(how->beside, ino, st) : err;
}

static int note_attr(const struct copy *how, ino_t ino, const struct attr *x)
{
	int err = links_append_attr(how->layerfd, ino, x->key, x->value, x->len);

	return err == 0 && how->beside ? links_put_attr(how->beside, ino, x->key, x->value, x->len)
				       : err;
}

/* Of what cannot be opened, in a real tree: as attrs_write() has it. */
static int write_attr_at(const struct attr *x, int dirfd, const char *name)
{
	_cleanup_free_ char *path = str_printf("/proc/self/fd/%d/%s", dirfd, name);

	if (!path)
		return -ENOMEM;
	if (lsetxattr(path, x->key, x->value, x->len, 0) == 0)
		return 0;
	return errno == EPERM || errno == EOPNOTSUPP ? -EPERM : -errno;
}

/* In a layer what cannot be set stands beside it; elsewhere it is left out. */
static int write_attrs_at(
	const struct copy *how, const struct attrs *attrs, ino_t ino, int dirfd, const char *name)
{
	int err = 0;

	for (size_t i = 0; attrs && i < attrs->n && err == 0; i++) {
		const struct attr *x = &attrs->attr[i];
		const bool layer = how->layerfd >= 0;

		if (layer && x->kept)
			err = -EPERM;
		else
			err = attrs_wanted(x->key) ? write_attr_at(x, dirfd, name) : 0;
		if (err == -EPERM)
			err = layer ? note_attr(how, ino, x) : 0;
	}
	return err;
}

int copy_metadata_at(const struct copy *how, const struct stat *st, const struct attrs *attrs,
	int dirfd, const char *name)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	/* in a layer we can open what we made, whatever it says; a link has no mode of its own */
	mode_t need = how->layerfd >= 0 ? 0600 : 0, mode = st->st_mode & 07777;
	struct stat now;
	bool same;
	int err = 0;

	if (fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (how->beside)
		err = links_forget(*how->beside, how->layerfd, now.st_ino);
	if (err < 0)
		return err;
	same = (now.st_uid == st->st_uid && now.st_gid == st->st_gid) ||
	       fchownat(dirfd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) == 0;
	if (!same && how->layerfd < 0 && (!owner_refused(errno) || !how->any_owner))
		return -errno;
	/* an ACL sets a mode as well */
	err = write_attrs_at(how, attrs, now.st_ino, dirfd, name);
	if (err < 0)
		return err;
	if (!S_ISLNK(now.st_mode)) {
		if (fchmodat(dirfd, name, mode | need, 0) < 0)
			return -errno;
		same = same && (mode & need) == need;
	}
	if (!same && how->layerfd >= 0)
		err = note_owner(how, now.st_ino, st);
	if (err == 0 && utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		err = -errno;
	return err;
}

static int copy_symlink(const struct copy *how, const struct change *c, const struct attrs *attrs,
	int dirfd, const char *name)
{
	char to[PATH_MAX];
	ssize_t n = read_link(c->dirfd, c->name, to, sizeof(to));

	if (n < 0)
		return (int)n;
	if (symlinkat(to, dirfd, name) < 0)
		return -errno;
	return copy_metadata_at(how, &c->entry->st, attrs, dirfd, name);
}

int copy_special(const struct copy *how, const struct stat *st, const struct attrs *attrs,
	int dirfd, const char *name)
{
	if (mknodat(dirfd, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0)
		return owner_refused(errno) && how->any_owner ? 0 : -errno;
	return copy_metadata_at(how, st, attrs, dirfd, name);
}

/* In a layer, what can be real is: it was in the layer that it comes from. */
static struct copy way_of(const struct copy *how, const struct entry *e)
{
	struct copy way = *how;

	way.real = e->st.st_mode == e->real.st_mode && e->st.st_uid == e->real.st_uid &&
		   e->st.st_gid == e->real.st_gid && (geteuid() == 0 || e->st.st_uid == geteuid());
	return way;
}

int copy_entry(const struct copy *how, struct layer_walk *w, const struct change *c, int dirfd,
	const char *name)
{
	const struct copy way = way_of(how, c->entry);
	_cleanup_attrs_ struct attrs attrs = { 0 };
	mode_t mode = c->entry->st.st_mode;
	int err;

	if (S_ISDIR(mode))
		return mkdirat(dirfd, name, 0700) < 0 ? -errno : 0;
	err = S_ISREG(c->entry->real.st_mode)
		      ? 0
		      : attrs_of_entry(c->dirfd, c->name, c->ours, c->entry, &attrs);
	if (err < 0)
		return err;
	if (S_ISLNK(c->entry->real.st_mode))
		return copy_symlink(how, c, &attrs, dirfd, name);
	/* a virtual symbolic link is a file with its text, a layer's device an empty one */
	if (S_ISREG(mode) || S_ISLNK(mode) ||
		(way.layerfd >= 0 && (S_ISCHR(mode) || S_ISBLK(mode))))
		return copy_file(&way, w, c, dirfd, name);
	return copy_special(&way, &c->entry->st, &attrs, dirfd, name);
}

int copy_folder_end(const struct copy *how, const struct change *c, int fd)
{
	const struct copy way = way_of(how, c->entry);
	_cleanup_attrs_ struct attrs attrs = { 0 };
	int err = attrs_read(c->dirfd, c->name, c->ours, &attrs);

	return err < 0 ? err : copy_metadata(&way, &c->entry->st, &attrs, fd);
}
