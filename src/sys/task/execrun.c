/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a guest run what exec.c has found: by a path that leads there, by a descriptor, or in
 * place where a tracer forbids both. */
#include <string.h>
#include <sys/stat.h>

#include "engine/inject.h"
#include "engine/nr.h"
#include "sys/task/exec.h"
#include "sys/task/hop.h"
#include "view/elsewhere.h"

#define SPILL_MAX 64 /* bytes of a traced guest's memory that its path may need */

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
static int change_interp(struct exec *x, struct exec_image *interp, struct hop *hop, int *ret_fd)
{
	struct exec_image *img = &x->img[x->last];
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
		r = exec_open_virtual(x, interp);
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
	size_t want = HOP_SHORTEST + 1 + strlen(exec_basename(x->filename));
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
		x->c, fd, real, exec_basename(x->filename), strlen(x->filename), room, &hop);
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
	struct exec_image *last = &x->img[x->last];
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

	if (x->word[0] || !name || !exec_basename(name)[0])
		return exec_basename(x->filename);
	return exec_basename(name);
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

enum verdict exec_run(struct exec *x)
{
	struct exec_image *img = &x->img[x->last], interp = { .path = PATH_INIT, .fd = -1 };
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

enum verdict exec_run_real(struct exec *x, const char *real)
{
	return run(x, -1, real);
}
