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

#include "base/log.h"
#include "engine/inject.h"
#include "engine/nr.h"
#include "sys/hop.h"
#include "sys/binfmt.h"
#include "sys/dumpable.h"
#include "sys/ids.h"
#include "sys/table.h"
#include "view/elsewhere.h"

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

#define SPILL_MAX 64 /* bytes of a traced guest's memory that its path may need */
#define MAX_DEPTH 5  /* of interpreters that are scripts, as exec_binprm() has it */

/* One file of the chain. */
struct image {
	struct path path; /* PATH_REAL or PATH_VIRTUAL */
	bool native;	  /* the kernel finds the same by the same words */
	int fd;		  /* open for reading; -1: not readable */
	char head[IMAGE_HEAD];
	size_t nhead;
	struct script script;
};

struct exec {
	struct call *c;
	struct fs_req req;
	int dirfd;
	char word[PATH_MAX];
	char filename[PATH_MAX +
		      32]; /* as the kernel calls it: AT_EXECFN, and a script's own name */
	gaddr_t word_at, argv, envp;
	unsigned flags;
	bool pinned;  /* it is to be run by its descriptor */
	bool changed; /* something is not what the kernel would find */
	struct image img[MAX_DEPTH + 1];
	int last; /* the image that is not a script */
	const char *head[2 * MAX_DEPTH + 3];
};

static void exec_init(struct exec *x, struct call *c)
{
	memset(x, 0, sizeof(*x));
	x->c = c;
	x->dirfd = AT_FDCWD;
	for (int i = 0; i <= MAX_DEPTH; i++)
		x->img[i] = (struct image){ .path = PATH_INIT, .fd = -1 };
}

static void exec_free(struct exec *x)
{
	if (!x)
		return;
	for (int i = 0; i <= MAX_DEPTH; i++) {
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

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int open_virtual(struct exec *x, struct image *img)
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

static void open_real(struct image *img)
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
static int keep_rules(struct exec *x, struct image *img, const char *word)
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
static int load(struct exec *x, int dirfd, const char *word, unsigned flags, struct image *img)
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
		r = open_virtual(x, img);
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
static int check_script(struct exec *x, struct image *img)
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
		struct image *img = &x->img[i];
		int r;

		x->last = i;
		if (img->fd < 0 || script_parse(img->head, img->nhead, &img->script) < 0)
			return 0;
		if (i == MAX_DEPTH)
			return -ELOOP;
		r = check_script(x, img);
		if (r == 0)
			r = load(x, AT_FDCWD, img->script.interp, PATH_FOLLOW | PATH_LOOK,
				&x->img[i + 1]);
		if (r < 0)
			return r;
	}
}

/* argv as the kernel makes it: the innermost interpreter first, the script's name last. */
static void make_head(struct exec *x)
{
	size_t n = 0;

	for (int i = x->last - 1; i >= 0; i--) {
		const struct script *s = &x->img[i].script;

		x->head[n++] = s->interp;
		if (s->arg)
			x->head[n++] = s->arg;
	}
	x->head[n++] = x->filename;
	x->head[n] = NULL;
}

/* Does the kernel find the same file all the same, without the mounts (/lib64 in a view is a link
 * to the host's)? Then the program needs no copy. */
static bool found_natively(struct exec *x, const char *word, const struct path *p)
{
	struct stat mine, theirs;

	return p->kind == PATH_REAL && word[0] == '/' && !atomic_load(&x->c->um->view.exotic) &&
	       stat(word, &theirs) == 0 &&
	       fstatat(p->dirfd, p->last, &mine, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

/* Where the ELF interpreter of the last image is not the kernel's: a copy that names ours. ret_fd
 * stays -1 when nothing is to be done; interp and hop keep alive what the copy's name leads to. */
static int change_interp(struct exec *x, struct image *interp, struct hop *hop, int *ret_fd)
{
	struct image *img = &x->img[x->last];
	char word[PATH_MAX], real[PATH_MAX];
	int r;

	if (img->fd < 0 || elf_interp(img->fd, word) <= 0)
		return 0;
	r = path_resolve(
		x->c, &x->c->um->view, AT_FDCWD, word, PATH_FOLLOW | PATH_LOOK, &interp->path);
	if (r < 0 || interp->path.kind == PATH_NATIVE || found_natively(x, word, &interp->path))
		return r;
	x->changed = true;
	if (interp->path.kind == PATH_VIRTUAL)
		r = open_virtual(x, interp);
	if (r < 0)
		return r;
	if (interp->path.kind == PATH_REAL) {
		r = hop_real_path(&interp->path, real, sizeof(real));
		if (r == 0)
			r = hop_make(x->c, -1, real, NULL, 0, hop);
	} else {
		r = hop_make(x->c, interp->fd, NULL, NULL, 0, hop);
	}
	if (r < 0)
		return r;
	*ret_fd =
		elf_with_interp(img->fd, img->path.name ? img->path.name : x->filename, hop->path);
	if (*ret_fd < 0)
		return *ret_fd;
	/* what is opened by /proc/PID/exe is the program, not the copy */
	if (img->path.kind == PATH_VIRTUAL)
		return file_alias(x->c->um->files, *ret_fd, img->path.mnt, img->path.inode);
	return 0;
}

/*
 * The guest has a tracer already: its path is written over where it is. What argv says beyond that
 * cannot be changed, so the kernel is left to make that of a script: of `fd`, whose interpreter is
 * found at `interp` (NULL: by its own words).
 */
static enum verdict write_over(struct exec *x, int fd, const char *real, const char *interp)
{
	/* what will run: of a script its interpreter */
	int exe = fd >= 0 && x->last == 0 ? fd : x->img[x->last].fd;
	_cleanup_hop_ struct hop hop = { 0 };
	struct in_place ip = { .at = x->word_at,
		.old = x->word,
		.argv = x->argv,
		.envp = x->envp,
		.shown = x->filename,
		.over = true,
		.interp = interp,
		.interp_shown = x->last > 0 ? x->img[x->last - 1].script.interp : NULL };
	size_t want = HOP_SHORTEST + 1 + strlen(basename_of(x->filename));
	size_t room = inject_room(x->c, x->word_at, x->word);
	enum verdict v;
	int r;

	if (x->flags & AT_SYMLINK_NOFOLLOW)
		return call_return(x->c, -EACCES);
	/* a script must be shown its own name, for which the path must have its length */
	if (room < want && want <= SPILL_MAX && inject_sole(x->c))
		room = want;
	if (x->last > 0 && room > strlen(x->filename) && strlen(x->filename) >= want)
		room = strlen(x->filename);
	r = hop_make_short(
		x->c, fd, real, basename_of(x->filename), strlen(x->filename), room, &hop);
	if (r < 0)
		return call_return(x->c, -EACCES);
	ip.path = hop.path;
	if ((exe >= 0 ? fstat(exe, &ip.then) : stat(real, &ip.then)) < 0)
		return call_return(x->c, -EACCES);
	v = inject_in_place(x->c, &ip);
	if (v == DONE && x->c->ret == -ENAMETOOLONG)
		x->c->ret = -EACCES;
	return v;
}

/* A script whose interpreter the kernel does not find: it gets one of a single line that says
 * where. */
static enum verdict write_over_script(struct exec *x, int fd, const char *real)
{
	const struct script *s = &x->img[0].script;
	_cleanup_hop_ struct hop hop = { 0 };
	_cleanup_fd_ int line = -1;
	struct image *last = &x->img[x->last];
	int own = last->fd, r;
	enum verdict v;

	if (x->last > 1) /* a line has room for one argument */
		return call_return(x->c, -ENOENT);
	r = hop_make_short(x->c, fd, real, NULL, strlen(s->interp), SPILL_MAX, &hop);
	if (r < 0)
		return call_return(x->c, -EACCES);
	line = script_with_interp(s, hop.path);
	if (line < 0)
		return call_return(x->c, line);
	if (fd >= 0)
		last->fd = fd; /* a copy, which is what runs */
	v = write_over(x, line, NULL, hop.path);
	last->fd = own;
	return v;
}

static enum verdict exec_in_place(struct exec *x, int fd, const char *real)
{
	if (x->last == 0)
		return write_over(x, fd, real, NULL);
	if (fd < 0 && x->img[x->last].native)
		return write_over(x, x->img[0].fd, real, NULL);
	return write_over_script(x, fd, real);
}

/* The name of the process; where only a descriptor was given, that of the file that is run. */
static const char *comm_of(const struct exec *x)
{
	const char *name = x->img[x->last].path.name;

	if (x->word[0] || !name || !basename_of(name)[0])
		return basename_of(x->filename);
	return basename_of(name);
}

/* argv, which is argument number `at` of the call, and envp after it. */
static void give_words(struct exec *x, struct inject_args *a, int at)
{
	a->args[at] = x->argv.v;
	a->args[at + 1] = x->envp.v;
	a->argv = x->argv;
	a->argv_arg = at;
	a->envp = x->envp;
	if (x->last > 0) {
		make_head(x);
		a->head = x->head;
		a->skip = 1;
	}
}

/* The guest has a tree of its own: it gets the descriptor. The name of the process is the kernel's.
 */
static enum verdict run_by_fd(struct exec *x, int fd)
{
	struct inject_args a = { .nr = __NR_execveat, .str = { [1] = "" } };
	_cleanup_hop_ struct hop hop = { 0 };
	int r = hop_give(x->c, fd, &hop);

	if (r < 0)
		return call_return(x->c, r);
	a.args[0] = (uint64_t)hop.guest_fd;
	a.args[4] = AT_EMPTY_PATH;
	a.close_fd = hop.guest_fd;
	give_words(x, &a, 2);
	return inject_call(x->c, &a);
}

/* Makes the guest exec our descriptor, or with fd < 0 the real path. */
static enum verdict run(struct exec *x, int fd, const char *real)
{
	struct inject_args a = { .nr = __NR_execve, .execfn = x->filename };
	_cleanup_hop_ struct hop hop = { 0 };
	const char *name;
	enum verdict v;
	int r;

	name = comm_of(x);
	r = hop_make(x->c, fd, real, name, strlen(x->filename), &hop);
	if (r < 0)
		return call_return(x->c, r);
	a.str[0] = hop.path;
	a.close_fd = hop.guest_fd;
	give_words(x, &a, 1);
	if (strlen(x->filename) > strlen(hop.path))
		a.execfn = NULL;
	v = inject_call(x->c, &a);
	if (v == DONE && x->c->ret == -EPERM) {
		hop_release(&hop);
		hop = (struct hop){ 0 };
		return exec_in_place(x, fd, real);
	}
	return v;
}

static enum verdict run_last(struct exec *x)
{
	struct image *img = &x->img[x->last], interp = { .path = PATH_INIT, .fd = -1 };
	struct hop hop = { 0 };
	_cleanup_fd_ int copy = -1;
	char real[PATH_MAX];
	enum verdict v;
	int r;

	r = change_interp(x, &interp, &hop, &copy);
	if (r == 0 && copy < 0 && img->path.kind == PATH_REAL)
		r = hop_real_path(&img->path, real, sizeof(real));
	if (r < 0)
		v = call_return(x->c, r);
	else if (!x->changed)
		v = CONTINUE;
	else if (x->flags & AT_EXECVE_CHECK)
		v = call_return(x->c, 0);
	else if (is_elsewhere(&x->c->um->view, x->c->tid))
		v = run_by_fd(x, copy >= 0 ? copy : img->fd);
	else if (copy >= 0)
		v = run(x, copy, NULL);
	else if (img->path.kind == PATH_REAL && !x->pinned)
		v = run(x, -1, real);
	else
		v = run(x, img->fd, NULL);
	hop_release(&hop);
	path_release(&interp.path);
	if (interp.fd >= 0)
		close(interp.fd);
	return v;
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

/* Our own program for what libfuse runs to mount, where it cannot mount itself: beside our binary,
 * or where it was installed. */
static int find_helper(char *buf, size_t size)
{
	ssize_t n = read_link(AT_FDCWD, "/proc/self/exe", buf, size);
	char *slash = n < 0 ? NULL : strrchr(buf, '/');

	if (slash && (size_t)(slash - buf) + sizeof("/umview-fusermount") <= size) {
		strcpy(slash, "/umview-fusermount");
		if (access(buf, X_OK) == 0)
			return 0;
	}
	snprintf(buf, size, "%s/umview-fusermount", UM_LIBEXECDIR);
	return access(buf, X_OK) < 0 ? -errno : 0;
}

/* mount and umount as well, where mount(2) never reaches us (sys/carry.h). */
static bool is_helpers(const struct um *um, const char *word)
{
	const char *base = basename_of(word);

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
		return run(x, -1, helper);
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
	return run_last(x);
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
