/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The kernel opens three kinds of file in an exec: the program, the
 * interpreter of a #! line, and the ELF interpreter; and none of them by a call that we see. So all
 * are found here first, as the kernel would find them in the view. If each is what the kernel finds
 * by itself, the call goes on. Else it is made to exec the last file of the chain by a path that
 * leads there (hop.h), with the argv that the kernel would have made, and with a copy of the
 * program that names another ELF interpreter where that one is not the host's.
 *
 * The name of the process is the last component of the path that the kernel is given, so the link
 * is called what the guest called the program; AT_EXECFN is written over after the exec.
 */
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/inject.h"
#include "sys/task/dumpable.h"
#include "sys/task/exec.h"
#include "sys/task/ids.h"
#include "sys/table.h"

static void exec_init(struct exec *x, struct call *c)
{
	memset(x, 0, sizeof(*x));
	x->c = c;
	x->dirfd = AT_FDCWD;
	for (int i = 0; i <= EXEC_DEPTH_MAX; i++)
		x->img[i] = (struct exec_image){ .path = PATH_INIT, .fd = -1 };
}

static void exec_free(struct exec *x)
{
	if (!x)
		return;
	for (int i = 0; i <= EXEC_DEPTH_MAX; i++) {
		path_release(&x->img[i].path);
		if (x->img[i].fd >= 0)
			close(x->img[i].fd);
	}
	free(x);
}

static void exec_cleanup(struct exec **x)
{
	exec_free(*x);
}

int exec_open_virtual(struct exec *x, struct exec_image *img)
{
	struct path *p = &img->path;
	struct fs_attr attr;
	int r;

	if (p->mnt->flags & MS_NOEXEC || atomic_load(&p->inode->fs->flags) & FS_NOEXEC)
		return -EACCES;
	if (!S_ISREG(inode_type(p->inode)))
		return S_ISLNK(inode_type(p->inode)) ? -ELOOP : -EACCES;
	r = inode_permission(p->inode, &x->req, MAY_EXEC);
	if (r == 0) /* whoever may do all may still not run what nobody may */
		r = inode_getattr(p->inode, &x->req, false, &attr);
	if (r < 0)
		return r;
	if (!(attr.mode & 0111))
		return -EACCES;
	img->fd = file_open_exec(x->c->um->files, &x->req, p->mnt, p->inode);
	return img->fd < 0 ? img->fd : 0;
}

static void open_real(struct exec_image *img)
{
	char name[FD_PATH_MAX];
	struct stat st;

	/* the opening of a device may do something */
	if (fstatat(img->path.dirfd, img->path.last, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) <
			0 ||
		!S_ISREG(st.st_mode))
		return;
	if (img->path.last[0])
		img->fd = openat(img->path.dirfd, img->path.last,
			O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	else
		img->fd = open(fd_path(name, img->path.dirfd), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* May somebody else than root change what names in this folder, or the link, lead to? */
static bool is_changeable(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 || st.st_uid != 0 ||
	       (!S_ISLNK(st.st_mode) && (st.st_mode & 022));
}

/* Will the kernel find the same by the same words, whatever the guest does meanwhile? */
static bool is_lasting(struct exec *x, const char *word, const char *name)
{
	char path[PATH_MAX];

	if (word[0] != '/' || geteuid() == 0 || strstr(word, "/../") ||
		strlen(word) >= sizeof(path) || !inject_sole(x->c))
		return false;
	for (int i = 0; i < 2; i++) {
		strcpy(path, i ? name : word);
		for (char *slash; (slash = strrchr(path, '/')) && slash != path; *slash = '\0') {
			if (is_changeable(path))
				return false;
		}
	}
	return true;
}

/* In a view with rules what was found is what is run, by its descriptor where it might be changed
 * meanwhile. A file with several names may be a hidden one. */
static int keep_rules(struct exec *x, struct exec_image *img, const char *word)
{
	struct view *v = &x->c->um->view;
	_cleanup_mount_ struct mount *m = NULL;
	struct stat st;

	if (!view_has_rules(v))
		return 0;
	if (img->fd < 0) /* not readable */
		img->fd = img->path.last[0] ? openat(img->path.dirfd, img->path.last,
						      O_PATH | O_NOFOLLOW | O_CLOEXEC)
					    : fcntl(img->path.dirfd, F_DUPFD_CLOEXEC, 3);
	if (img->fd < 0 || fstat(img->fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	m = view_rule_over(v, &st);
	if (m && m->rule == RULE_HIDE)
		return -ENOENT;
	if (!is_lasting(x, word, img->path.name))
		x->changed = x->pinned = true;
	return 0;
}

/* Finds one file of the chain and reads its beginning. */
static int load(struct exec *x, int dirfd, const char *word, unsigned flags, struct exec_image *img)
{
	struct view *v = &x->c->um->view;
	ssize_t n;
	int r = path_resolve(x->c, v, dirfd, word, flags, &img->path);

	if (r < 0)
		return r;
	if (img->path.kind == PATH_NATIVE) {
		img->native = true;
		r = path_resolve(x->c, v, dirfd, word, flags | PATH_REALIZE, &img->path);
		if (r < 0)
			return r;
	}
	if (img->path.kind == PATH_VIRTUAL) {
		r = exec_open_virtual(x, img);
		if (r < 0)
			return r;
	} else {
		open_real(img);
	}
	if (!img->native)
		x->changed = true;
	if (img->path.kind == PATH_REAL) {
		r = keep_rules(x, img, word);
		if (r < 0)
			return r;
	}
	if (img->fd < 0)
		return 0;
	n = pread(img->fd, img->head, sizeof(img->head), 0);
	if (n > 0)
		img->nhead = (size_t)n;
	return 0;
}

/* A script is not opened by the exec that is made of it: what the kernel checks is checked here. */
static int check_script(struct exec *x, struct exec_image *img)
{
	char name[FD_PATH_MAX];

	if (img->path.kind == PATH_REAL) {
		if (img->native && !x->pinned)
			return 0;
		if (faccessat(AT_FDCWD, fd_path(name, img->fd), X_OK, AT_EACCESS) < 0)
			return -errno;
		if (!x->pinned)
			return 0;
	}
	/* a lease for reading is refused while anybody has the file open for writing */
	if (fcntl(img->fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN ? -ETXTBSY : 0;
	(void)fcntl(img->fd, F_SETLEASE, F_UNLCK);
	return 0;
}

/* Follows #! lines to the file that is no script. */
static int follow_scripts(struct exec *x)
{
	for (int i = 0;; i++) {
		struct exec_image *img = &x->img[i];
		int r;

		x->last = i;
		if (img->fd < 0 || script_parse(img->head, img->nhead, &img->script) < 0)
			return 0;
		if (i == EXEC_DEPTH_MAX)
			return -ELOOP;
		r = check_script(x, img);
		if (r == 0)
			r = load(x, AT_FDCWD, img->script.interp, PATH_FOLLOW | PATH_LOOK,
				&x->img[i + 1]);
		if (r < 0)
			return r;
	}
}

/* The kernel's name of what it runs: "/dev/fd/N" or "/dev/fd/N/word" where a descriptor counts. */
static void set_filename(struct exec *x)
{
	if (x->word[0] == '/' || x->dirfd == AT_FDCWD)
		strcpy(x->filename, x->word);
	else if (!x->word[0])
		snprintf(x->filename, sizeof(x->filename), "/dev/fd/%d", x->dirfd);
	else
		snprintf(x->filename, sizeof(x->filename), "/dev/fd/%d/%s", x->dirfd, x->word);
}

/* A script that is named by a descriptor which the exec closes cannot be opened by anybody. */
static bool is_inaccessible(const struct exec *x)
{
	_cleanup_free_ char *info = NULL;
	char path[64];
	const char *p;

	if (strncmp(x->filename, "/dev/fd/", 8) != 0 || x->word[0] == '/')
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", x->c->tid, x->dirfd);
	if (read_file(path, 65536, &info, NULL) < 0)
		return false;
	p = strstr(info, "flags:");
	return p && (strtoul(p + 6, NULL, 8) & O_CLOEXEC);
}

/* Our own program for what libfuse runs to mount, where it cannot mount itself. */
static int find_helper(char *buf, size_t size)
{
	own_program("umview-fusermount", buf, size);
	return access(buf, X_OK) < 0 ? -errno : 0;
}

/* mount and umount as well, where mount(2) never reaches us (sys/mount/carry.h). */
static bool is_helpers(const struct um *um, const char *word)
{
	const char *base = exec_basename(word);

	if (um->mount_refused && (strcmp(base, "mount") == 0 || strcmp(base, "umount") == 0))
		return true;
	return strcmp(base, "fusermount") == 0 || strcmp(base, "fusermount3") == 0;
}

static enum verdict exec_word(struct exec *x)
{
	struct call *c = x->c;
	unsigned flags = PATH_LOOK;
	char helper[PATH_MAX];
	int r;

	set_filename(x);
	if (is_helpers(c->um, x->word) && find_helper(helper, sizeof(helper)) == 0)
		return exec_run_real(x, helper);
	if (!view_has_mounts(&c->um->view))
		return CONTINUE;
	if (!(x->flags & AT_SYMLINK_NOFOLLOW))
		flags |= PATH_FOLLOW;
	if (x->flags & AT_EMPTY_PATH)
		flags |= PATH_EMPTY;
	fs_req_init(&x->req, c);
	r = load(x, x->dirfd, x->word, flags, &x->img[0]);
	if (r == 0)
		r = follow_scripts(x);
	if (r == 0 && x->last > 0 && x->changed && is_inaccessible(x))
		r = -ENOENT;
	if (r < 0)
		return call_return(c, r);
	return exec_run(x);
}

static enum verdict do_exec(
	struct call *c, int dirfd, gaddr_t word, gaddr_t argv, gaddr_t envp, unsigned flags)
{
	_cleanup_(exec_cleanup) struct exec *x = malloc(sizeof(*x));
	ssize_t n;

	if (!x)
		return call_return(c, -ENOMEM);
	exec_init(x, c);
	x->dirfd = dirfd;
	x->word_at = word;
	x->argv = argv;
	x->envp = envp;
	x->flags = flags;
	n = guest_read_str(c, word, x->word, sizeof(x->word));
	if (n < 0)
		return call_return(c, n);
	snprintf(c->what, sizeof(c->what), "%.*s", (int)sizeof(c->what) - 1, x->word);
	return exec_word(x);
}

enum verdict sys_execve(struct call *c)
{
	ids_exec(c);
	dumpable_exec(c);
	return do_exec(c, AT_FDCWD, call_addr(c, 0), call_addr(c, 1), call_addr(c, 2), 0);
}

enum verdict sys_execveat(struct call *c)
{
	unsigned flags = (unsigned)c->args[4];

	if (flags & ~(unsigned)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_EXECVE_CHECK))
		return CONTINUE; /* EINVAL */
	if (!(flags & AT_EXECVE_CHECK)) {
		ids_exec(c);
		dumpable_exec(c);
	}
	return do_exec(c, call_fd(c, 0), call_addr(c, 1), call_addr(c, 2), call_addr(c, 3), flags);
}
