/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * open, creat, openat, openat2. Which file is found or made is decided here; opening an inode is
 * file_open()'s.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sys/path/at.h"
#include "sys/path/attrs.h"
#include "sys/path/opath.h"
#include "sys/proc/file.h"
#include "sys/table.h"

/* O_TMPFILE without the O_DIRECTORY that it contains */
#define LARGEFILE_BIT 0100000 /* O_LARGEFILE, which libc calls 0 */
#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

/* A name that comes and goes while it is opened: so often, and no more. */
#define OPEN_TRIES 100

/* What the guest asks for. */
struct want {
	int dirfd;
	int arg; /* of the path */
	int flags;
	mode_t mode;
	uint64_t resolve; /* openat2's RESOLVE_* */
};

/* build_open_flags() of the kernel, for what openat(2) lets pass: 0 or -EINVAL. */
static int flags_check(struct want *w)
{
	if (w->flags & O_PATH)
		w->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((w->flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	if (w->flags & TMPFILE_BIT) {
		if (!(w->flags & O_DIRECTORY) || (w->flags & O_ACCMODE) == O_RDONLY)
			return -EINVAL;
	}
	w->mode &= 07777;
	return 0;
}

static unsigned path_flags(const struct want *w)
{
	const int exclusive = O_CREAT | O_EXCL;
	unsigned flags = PATH_FOLLOW;

	if ((w->flags & O_NOFOLLOW) || (w->flags & exclusive) == exclusive)
		flags = 0;
	if ((w->flags & exclusive) == exclusive)
		flags |= PATH_FRESH;
	if (w->flags & O_CREAT)
		flags |= PATH_CREATE;
	/* only what is no directory: the names in it may change while it is open */
	if (w->flags & O_PATH)
		flags |= PATH_LOOK;
	else if (!(w->flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_DIRECTORY)))
		flags |= PATH_LOOK | PATH_LOOK_FILE;
	if (w->flags & O_DIRECTORY)
		flags |= PATH_DIRECTORY;
	if (w->resolve & RESOLVE_NO_MAGICLINKS)
		flags |= PATH_NO_MAGIC;
	if (w->resolve & RESOLVE_NO_SYMLINKS)
		flags |= PATH_NO_SYMLINKS;
	if (w->resolve & RESOLVE_NO_XDEV)
		flags |= PATH_NO_XDEV;
	if (w->resolve & RESOLVE_BENEATH)
		flags |= PATH_BENEATH;
	if (w->resolve & RESOLVE_IN_ROOT)
		flags |= PATH_IN_ROOT;
	return flags;
}

/* In a view with rules opens are made here, so that nobody changes what the words lead to in
 * between. Not of terminals, which become those of who opens them, or are: no link is on the way to
 * them. */
static unsigned as_said(const char *word)
{
	const char *last = strrchr(word, '/');

	if ((strncmp(word, "/dev/tty", 8) == 0 && last == word + 4) ||
		(strncmp(word, "/dev/pts/", 9) == 0 && last == word + 8))
		return AT_AS_SAID;
	return 0;
}

/* O_TMPFILE: a file with no name in the directory that the path leads to. */
static enum verdict open_tmpfile(struct at *a, const struct want *w)
{
	struct fs_handle handle = { 0 };
	struct path file = a->p; /* borrows all but the inode */
	enum verdict v;
	int r = path_want_write(&a->p);

	if (r == 0)
		r = attrs_may_create(a->p.inode, &a->req);
	if (r == 0)
		r = inode_tmpfile(a->p.inode, &a->req, S_IFREG | w->mode,
			w->flags & ~(O_CLOEXEC | O_DIRECTORY), &file.inode, &handle);
	if (r < 0)
		return call_return(a->c, r == -ENOSYS ? -EOPNOTSUPP : r);
	file.parent = NULL;
	v = file_open(a->c, a->c->um->files, &file, w->flags & ~(O_TMPFILE | O_EXCL), &handle);
	inode_put(file.inode);
	return v;
}

/* O_CREAT of a name that is not there. 1: made; 0: it is there by now, in p.inode. */
static int open_create(struct at *a, const struct want *w, struct fs_handle *handle)
{
	int r = at_lock(a, false);

	if (r < 0 || a->p.inode)
		return r;
	r = path_want_write(&a->p);
	if (r == 0)
		r = attrs_may_create(a->p.parent, &a->req);
	if (r == 0 && !guestfd_room(a->c))
		r = -EMFILE;
	if (r < 0)
		return r;
	r = inode_create(a->p.parent, &a->req, a->p.last, S_IFREG | w->mode,
		w->flags & ~(O_CLOEXEC | O_NOCTTY | O_TRUNC), &a->p.inode, handle);
	return r < 0 ? r : 1;
}

/* O_CREAT of a file that exists. */
static int open_existing(const struct at *a, const struct want *w)
{
	mode_t type = inode_type(a->p.inode);

	if (!(w->flags & O_CREAT))
		return 0;
	if (w->flags & O_EXCL)
		return -EEXIST;
	return type == S_IFDIR ? -EISDIR : 0;
}

/* A 32-bit program has to say that it can cope with large files (generic_file_open). */
static int open_large(const struct at *a, const struct want *w)
{
	struct fs_attr attr;
	int r;

	if (!call_is32(a->c) || (w->flags & LARGEFILE_BIT) || inode_type(a->p.inode) != S_IFREG)
		return 0;
	r = inode_getattr(a->p.inode, &a->req, false, &attr);
	if (r < 0)
		return r;
	return attr.size > INT32_MAX ? -EOVERFLOW : 0;
}

/* An open said v. Where its file was removed since it was found, or made, it is to be made again,
 * once who removes it is ready. */
static enum verdict removed_since(struct at *a, const struct want *w, enum verdict v, bool *again)
{
	struct call *c = a->c;
	int r;

	if (v != DONE || !(w->flags & O_CREAT) || !a->p.parent || !a->p.last[0] ||
		(c->ret != -ENOENT && c->ret != -ESTALE))
		return v;
	r = at_lock(a, false);
	if (r < 0)
		return call_return(c, r);
	itable_invalidate_entry(a->p.mnt->fs, a->p.parent->nodeid, a->p.last, strlen(a->p.last));
	names_unlock(&a->lock);
	*again = true;
	return v;
}

static enum verdict open_virtual(struct at *a, const struct want *w, bool *again)
{
	struct fs_handle handle = { 0 };
	struct call *c = a->c;
	enum verdict v;
	int r;

	/* a trailing slash means a directory, which O_CREAT does not make, even where none is */
	if ((w->flags & O_CREAT) && a->p.slash && a->p.last[0])
		return call_return(c, -EISDIR);
	if (!a->p.inode) {
		r = open_create(a, w, &handle);
		names_unlock(&a->lock);
		if ((r == -EEXIST && !(w->flags & O_EXCL)) ||
			(r == 0 && inode_type(a->p.inode) == S_IFLNK)) {
			*again = true; /* another client of the server made it; or a link to follow
					*/
			return DONE;
		}
		if (r < 0)
			return call_return(c, r);
		if (r == 1) {
			v = file_open(c, c->um->files, &a->p,
				w->flags & ~(O_CREAT | O_EXCL | O_TRUNC), &handle);
			return removed_since(a, w, v, again);
		}
	}
	r = open_existing(a, w);
	if (r < 0)
		return call_return(c, r);
	if (w->flags & TMPFILE_BIT)
		return open_tmpfile(a, w);
	if (w->flags & O_PATH)
		return opath_virtual(a, w->flags);
	if (inode_type(a->p.inode) == S_IFLNK)
		return call_return(c, w->flags & O_DIRECTORY ? -ENOTDIR : -ELOOP);
	r = open_large(a, w);
	if (r < 0)
		return call_return(c, r);
	v = file_open(c, c->um->files, &a->p, w->flags & ~(O_CREAT | O_EXCL), NULL);
	return removed_since(a, w, v, again);
}

static enum verdict open_real(struct at *a, const struct want *w, bool *again)
{
	/* what is not pinned was not there: it is to be made, and no link to be followed */
	bool shut = view_has_rules(&a->c->um->view) && !a->self && !(w->flags & O_NOFOLLOW);
	struct stat st;
	_cleanup_fd_ int fd = -1;
	int r;

	if (w->flags & O_PATH)
		return opath_real(a, w->flags);
	if ((w->flags & O_CREAT) && a->p.slash && !a->p.last_dot)
		return call_return(
			a->c, -EISDIR); /* of a pinned one no name is left that ends so */
	if (shut && !(w->flags & O_CREAT))
		return call_return(a->c, -ENOENT);
	if ((w->flags & O_CREAT) && !guestfd_room(a->c))
		return call_return(a->c, -EMFILE);
	if (call_is32(a->c) && !(w->flags & LARGEFILE_BIT) &&
		fstatat(a->dirfd, a->name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
		st.st_size > INT32_MAX)
		return call_return(a->c, -EOVERFLOW);
	r = w->flags & O_CREAT ? fs_req_need_umask(&a->req) : 0;
	if (r < 0)
		return call_return(a->c, r);
	fd = real_open(a, w->flags | (shut ? O_EXCL : 0),
		w->flags & O_CREAT ? real_mode(a, w->mode) : w->mode & ~a->req.umask);
	if (fd == -EEXIST && shut && !(w->flags & O_EXCL)) {
		*again = true;
		return DONE;
	}
	if (fd < 0)
		return call_return(a->c, fd);
	return guestfd_answer_last(a->c, &fd, w->flags & O_CLOEXEC, ZONE_LOWEST);
}

static enum verdict do_open(struct call *c, struct want *w)
{
	char word[PATH_MAX];
	enum verdict v;
	ssize_t n;
	int r;

	if (!procfile_maybe(c, w->flags))
		return CONTINUE;
	r = flags_check(w);
	if (r < 0)
		return call_return(c, r);
	n = guest_read_word(c, call_addr(c, w->arg), word, sizeof(word));
	if (n <= 0)
		return call_return(c, n < 0 ? n : -ENOENT);
	if (!w->resolve && procfile_open(c, w->dirfd, word, w->flags, &v))
		return v;
	if (!view_has_paths(&c->um->view))
		return CONTINUE;
	/* between lookup and create another may have made the name */
	for (int i = 0; i < OPEN_TRIES; i++) {
		_cleanup_at_ struct at a = AT_INIT;
		bool again = false;

		if (!at_resolve_word(&a, c, w->dirfd, word, path_flags(w) | as_said(word)))
			return a.verdict;
		if (a.p.kind == PATH_REAL)
			v = open_real(&a, w, &again);
		else
			v = open_virtual(&a, w, &again);
		if (!again)
			return v;
	}
	return call_return(c, -EBUSY);
}

enum verdict sys_open(struct call *c)
{
	return do_open(c, &(struct want){ .dirfd = AT_FDCWD,
				  .arg = 0,
				  .flags = (int)c->args[1],
				  .mode = (mode_t)c->args[2] });
}

enum verdict sys_creat(struct call *c)
{
	return do_open(c, &(struct want){ .dirfd = AT_FDCWD,
				  .arg = 0,
				  .flags = O_CREAT | O_WRONLY | O_TRUNC,
				  .mode = (mode_t)c->args[1] });
}

enum verdict sys_openat(struct call *c)
{
	return do_open(c, &(struct want){ .dirfd = call_fd(c, 0),
				  .arg = 1,
				  .flags = (int)c->args[2],
				  .mode = (mode_t)c->args[3] });
}

/* ---- openat2 ---- */

#define HOW_FLAGS                                                                                  \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |      \
		O_ASYNC | O_DIRECT | LARGEFILE_BIT | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |        \
		O_CLOEXEC | O_PATH | O_TMPFILE)
#define HOW_RESOLVE                                                                                \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |         \
		RESOLVE_IN_ROOT | RESOLVE_CACHED)
#define PATH_ONLY_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Unlike openat(2) it refuses what it does not know. */
static int how_check(const struct open_how *how)
{
	bool creates = how->flags & (O_CREAT | TMPFILE_BIT);

	if ((how->flags & ~(uint64_t)HOW_FLAGS) || (how->resolve & ~(uint64_t)HOW_RESOLVE))
		return -EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	if (creates ? how->mode & ~(uint64_t)07777 : how->mode != 0)
		return -EINVAL;
	if ((how->flags & O_PATH) && (how->flags & ~(uint64_t)PATH_ONLY_FLAGS))
		return -EINVAL;
	/* what is cached is the kernel's to know: the caller asks again without */
	if (how->resolve & RESOLVE_CACHED)
		return -EAGAIN;
	return 0;
}

enum verdict sys_openat2(struct call *c)
{
	struct open_how how = { 0 };
	struct want w;
	int r;

	if (!view_has_paths(&c->um->view))
		return CONTINUE;
	r = at_read_struct(c, call_addr(c, 2), c->args[3], &how, sizeof(how));
	if (r == 0)
		r = how_check(&how);
	if (r < 0)
		return call_return(c, r);
	w = (struct want){ .dirfd = call_fd(c, 0),
		.arg = 1,
		.flags = (int)how.flags,
		.mode = (mode_t)how.mode,
		.resolve = how.resolve };
	return do_open(c, &w);
}
