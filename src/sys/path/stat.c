/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stat and its family. glibc's fstat is newfstatat(fd, "", AT_EMPTY_PATH), the most frequent
 * call here: for a real file it costs one look at the descriptor.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "engine/abi.h"
#include "sys/path/at.h"
#include "sys/path/attrs.h"
#include "sys/proc/file.h"
#include "sys/table.h"
#include "sys/task/nsids.h"
#include "view/opened.h"

/* Newer than the headers here. */
#define STATX_MNT_ID_ 0x1000u
#define STATX_MNT_ID_UNIQUE_ 0x4000u

/* One file's attributes, and what stat(2) and statx(2) say beside them. */
struct found {
	struct fs_attr attr;
	dev_t dev;
	struct mount *mnt; /* not referenced: the path or the open file holds it */
	bool is_root;
};

static enum verdict answer_stat(struct call *c, gaddr_t buf, const struct found *f)
{
	struct stat st;

	attrs_to_stat(&f->attr, f->dev, &st);
	nsids_stat(c, &st);
	return call_return(c, abi_write_stat(c, buf, &st));
}

static enum verdict answer_statx(struct call *c, gaddr_t buf, unsigned mask, const struct found *f)
{
	struct statx stx;

	attrs_to_statx(&f->attr, f->dev, f->mnt, f->is_root, &stx);
	if (f->mnt && (mask & STATX_MNT_ID_UNIQUE_)) {
		stx.stx_mask ^= STATX_MNT_ID_ | STATX_MNT_ID_UNIQUE_;
		stx.stx_mnt_id = f->mnt->unique_id;
	}
	nsids_statx(c, &stx);
	return call_return(c, guest_write(c, buf, &stx, sizeof(stx)));
}

/* How the result is wanted. */
struct want {
	bool statx;
	bool force;    /* AT_STATX_FORCE_SYNC */
	unsigned mask; /* statx: for real files */
	int flags;     /* the AT_ flags, for real files */
	gaddr_t buf;
};

static enum verdict answer(struct call *c, const struct want *w, const struct found *f)
{
	return w->statx ? answer_statx(c, w->buf, w->mask, f) : answer_stat(c, w->buf, f);
}

/* A descriptor. */
static enum verdict stat_fd(struct call *c, int fd, const struct want *w)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct found f = { 0 };
	struct fs_req req;
	enum verdict v;
	int r;

	if (!at_fd(c, fd, true, &vf, &v))
		return v;
	fs_req_init(&req, c);
	r = vfile_getattr(vf, &req, &f.attr);
	if (r < 0)
		return r == -ENOSYS ? CONTINUE : call_return(c, r);
	f.dev = f.attr.dev ? f.attr.dev : vf->inode ? vf->inode->fs->dev : vf->dev;
	f.mnt = vf->mnt;
	f.is_root = vf->mnt && mount_root_is(vf->mnt, vf->inode);
	return answer(c, w, &f);
}

static enum verdict stat_open(struct call *c, int fd, const struct want *w, bool possible)
{
	enum verdict v = possible ? stat_fd(c, fd, w) : CONTINUE;
	struct found f = { 0 };
	char link[48];

	if (v != CONTINUE || fd < 0 || !view_shows(&c->um->view))
		return v;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", c->tid, fd);
	if (!view_shown(&c->um->view, link, &f.attr) || !call_alive(c))
		return CONTINUE;
	f.dev = f.attr.dev;
	return answer(c, w, &f);
}

/* A made-up device: its attributes are all in a struct stat. */
static enum verdict stat_made_up(struct call *c, const struct want *w, const struct stat *st)
{
	struct found f = { .dev = st->st_dev };

	fs_attr_of_stat(st, &f.attr);
	return answer(c, w, &f);
}

/* A real file that only we find. */
static enum verdict stat_real(struct at *a, const struct want *w)
{
	int flags = w->flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
	struct call *c = a->c;
	struct statx stx;
	struct stat st;
	long r;

	flags |= real_nofollow(a, w->flags & AT_SYMLINK_NOFOLLOW);
	real_enter(a);
	if (w->statx) {
		r = real_result(a, statx(a->dirfd, a->name, flags, w->mask, &stx));
		if (r == 0) {
			nsids_statx(c, &stx);
			r = guest_write(c, w->buf, &stx, sizeof(stx));
		}
	} else {
		r = real_result(a, syscall(SYS_newfstatat, a->dirfd, a->name, &st, flags));
		if (r == 0) {
			nsids_stat(c, &st);
			r = abi_write_stat(c, w->buf, &st);
		}
	}
	return call_return(c, r);
}

static enum verdict stat_word(struct call *c, int dirfd, const char *word, const struct want *w)
{
	_cleanup_at_ struct at a = AT_INIT;
	unsigned flags = PATH_LOOK | (w->flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW);
	struct found f = { 0 };
	struct stat st;
	int r;

	if (procfile_stat(c, dirfd, word, !(w->flags & AT_SYMLINK_NOFOLLOW), &st))
		return st.st_mode ? stat_made_up(c, w, &st) : call_return(c, -ENOENT);
	if (!view_has_paths(&c->um->view))
		return CONTINUE;
	if (!at_resolve_word(&a, c, dirfd, word, flags))
		return at_seen(&a, 0);
	if (a.p.kind == PATH_REAL)
		return stat_real(&a, w);
	file_settle_names(c->um->files, a.p.inode, &a.req);
	r = inode_getattr(a.p.inode, &a.req, w->force, &f.attr);
	if (r < 0)
		return call_return(c, r);
	f.dev = f.attr.dev ? f.attr.dev : a.p.mnt->fs->dev;
	f.mnt = a.p.mnt;
	f.is_root = mount_root_is(a.p.mnt, a.p.inode);
	return answer(c, w, &f);
}

static enum verdict do_stat(struct call *c, int dirfd, int arg, const struct want *w)
{
	bool possible = files_possible(c->um->files, dirfd);
	char word[PATH_MAX];
	ssize_t n;

	if (w->flags & AT_EMPTY_PATH) {
		if (!possible && !procfile_maybe_stat(c) && !view_shows(&c->um->view))
			return CONTINUE;
		/* since Linux 6.11 NULL is as good as "" */
		n = c->args[arg] ? guest_read_word(c, call_addr(c, arg), word, sizeof(word)) : 0;
		if (n == 0 && dirfd != AT_FDCWD)
			return stat_open(c, dirfd, w, possible);
		if (n == 0)
			strcpy(word, ".");
	} else {
		if (!procfile_maybe_stat(c))
			return CONTINUE;
		n = guest_read_word(c, call_addr(c, arg), word, sizeof(word));
		if (n == 0)
			n = -ENOENT;
	}
	if (n < 0)
		return call_return(c, n);
	return stat_word(c, dirfd, word, w);
}

enum verdict sys_stat(struct call *c)
{
	return do_stat(c, AT_FDCWD, 0, &(struct want){ .buf = call_addr(c, 1) });
}

enum verdict sys_lstat(struct call *c)
{
	return do_stat(c, AT_FDCWD, 0,
		&(struct want){ .buf = call_addr(c, 1), .flags = AT_SYMLINK_NOFOLLOW });
}

enum verdict sys_fstat(struct call *c)
{
	return stat_open(c, call_fd(c, 0), &(struct want){ .buf = call_addr(c, 1) }, true);
}

enum verdict sys_newfstatat(struct call *c)
{
	int flags = (int)c->args[3];

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return CONTINUE; /* EINVAL */
	return do_stat(
		c, call_fd(c, 0), 1, &(struct want){ .buf = call_addr(c, 2), .flags = flags });
}

enum verdict sys_statx(struct call *c)
{
	int flags = (int)c->args[2];
	struct want w = {
		.statx = true,
		.force = (flags & AT_STATX_SYNC_TYPE) == AT_STATX_FORCE_SYNC,
		.mask = (unsigned)c->args[3],
		.flags = flags,
		.buf = call_addr(c, 4),
	};

	if ((w.mask & STATX__RESERVED) || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
		(flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
				 AT_STATX_SYNC_TYPE)))
		return CONTINUE; /* EINVAL */
	return do_stat(c, call_fd(c, 0), 1, &w);
}
