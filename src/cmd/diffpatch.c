/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. git-diff(1) names files as they are given, and takes modes and links from
 * what is there. So each pair of files is put as a/PATH and b/PATH into a folder for a moment: they
 * may be in any layer, below a folder that was renamed, or in one whose mode keeps them from git.
 */
#include "cmd/diff.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "layer/copy.h"

struct patch {
	const struct options *o;
	const struct opened *t;
	const struct diff *d;
	bool color;
	bool left_out; /* something may not be read, which was said */
	int dirfd;     /* a and b are in it */
};

/* One file that is to be shown. */
struct side {
	const char *path; /* NULL: there is none */
	int dirfd;
	const char *name;
	const struct entry *entry;
};

static int run_git(const struct patch *p, const char *a, const char *b)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (fchdir(p->dirfd) == 0)
			execlp("git", "git", "diff", "--no-index", "--no-prefix", "--no-ext-diff",
				p->color ? "--color=always" : "--color=never", "--", a, b, NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static int make_folders(int dirfd, char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(dirfd, path, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

/* in: its content; -1: it is a link. */
static int put_file(int dirfd, const char *path, const struct side *s, int in)
{
	_cleanup_fd_ int out = -1;
	char to[PATH_MAX];
	ssize_t n;
	int err;

	if (in < 0) {
		n = read_link(s->dirfd, s->name, to, sizeof(to));
		return n < 0 ? (int)n : symlinkat(to, dirfd, path) < 0 ? -errno : 0;
	}
	out = openat(dirfd, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	err = copy_data(in, out);
	return err < 0 || fchmod(out, (s->entry->st.st_mode & 0100) | 0600) == 0 ? err : -errno;
}

/* *ret: the name for git. */
static int put_side(
	const struct patch *p, const char *top, const struct side *s, int in, char **ret)
{
	int err;

	*ret = s->path ? str_printf("%s/%s", top, s->path) : strdup("/dev/null");
	if (!*ret)
		return -ENOMEM;
	err = s->path ? make_folders(p->dirfd, *ret) : 0;
	return err < 0 || !s->path ? err : put_file(p->dirfd, *ret, s, in);
}

static int by_path(const void *key, const void *item)
{
	return strcmp(key, ((const struct diff_item *)item)->path);
}

static bool has_content(const struct entry *e)
{
	return S_ISREG(e->st.st_mode) || S_ISLNK(e->st.st_mode);
}

/* Its content, if it is no link; c: of the layer's. */
static int open_side(const struct side *s, struct layer_walk *w, const struct change *c, int *ret)
{
	int fd;

	if (!s->path || S_ISLNK(s->entry->real.st_mode))
		return 0;
	fd = c ? layer_walk_content(w, c) : tree_look_at(s->dirfd, s->name, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	*ret = fd;
	return 0;
}

static int show_pair(const struct patch *p, struct layer_walk *w, const struct change *c,
	const struct side *old, const struct side *new)
{
	_cleanup_free_ char *a = NULL, *b = NULL;
	_cleanup_fd_ int in_a = -1, in_b = -1;
	int err = open_side(old, w, NULL, &in_a);

	if (err == 0)
		err = open_side(new, w, c, &in_b);
	if (err == 0)
		err = put_side(p, "a", old, in_a, &a);
	if (err == 0)
		err = put_side(p, "b", new, in_b, &b);
	if (err == 0 && run_git(p, a, b) == 127)
		err = -ENOEXEC;
	tree_remove(p->dirfd, "a");
	tree_remove(p->dirfd, "b");
	return err;
}

/* What a renamed file was, which may be anywhere below. */
static int show_renamed(const struct patch *p, struct layer_walk *w, const struct change *c,
	const struct diff_item *item, const struct side *new)
{
	const char *slash = strrchr(item->from, '/'), *name = slash ? slash + 1 : item->from;
	_cleanup_free_ char *parent =
		slash ? strndup(item->from, (size_t)(slash - item->from)) : strdup("");
	_cleanup_merged_ struct merged *dir = NULL;
	_cleanup_entry_ struct entry e = ENTRY_INIT;
	struct side old = { .path = item->from, .name = name, .entry = &e };
	int level, err = parent ? merged_walk(w->lower, parent, &dir) : -ENOMEM;

	if (err == 0)
		err = merged_lookup(dir, name, &level, &e);
	if (err < 0)
		return err;
	old.dirfd = dir->level[level].fd;
	return show_pair(p, w, c, &old, new);
}

static int patch_change(struct layer_walk *w, const struct change *c)
{
	struct patch *p = w->arg;
	const struct diff_item *item =
		p->d->n ? bsearch(c->path, p->d->item, p->d->n, sizeof(*p->d->item), by_path)
			: NULL;
	struct side old = { .path = c->lower ? c->lower_path : NULL,
		.dirfd = c->lower_dirfd,
		.name = c->lower_name,
		.entry = c->lower };
	struct side new = { .path = c->entry ? c->path : NULL,
		.dirfd = c->dirfd,
		.name = c->name,
		.entry = c->entry };
	_cleanup_free_ char *shown = NULL;
	int err;

	if (!item || item->kind == CHANGE_METADATA || !has_content(c->entry ? c->entry : c->lower))
		return 0;
	if (old.path && !has_content(c->lower))
		old.path = NULL; /* a folder, say, was there */
	err = item->from && !S_ISDIR(item->mode) ? show_renamed(p, w, c, item, &new)
						 : show_pair(p, w, c, &old, &new);
	if (err != -EACCES && err != -EPERM)
		return err;
	shown = shown_name(c->path);
	(void)complain(p->o, err, "patch of layer %s: /%s: %s, it is left out", p->t->layer.name,
		shown ? shown : "", strerror(-err));
	p->left_out = true;
	return 0;
}

int diff_patch(const struct options *o, struct opened *t, const struct diff *d, bool color)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *dir = str_printf("%s/umctl-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	struct patch p = { .o = o, .t = t, .d = d, .color = color, .dirfd = -1 };
	int err;

	if (!dir || !mkdtemp(dir))
		return complain(o, -errno, "%s: %m", dir ? dir : "");
	p.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->walk.visit = patch_change;
	t->walk.leave = NULL;
	t->walk.arg = &p;
	err = p.dirfd < 0 ? -errno : layer_walk_run(&t->walk);
	if (p.dirfd >= 0)
		close(p.dirfd);
	(void)rmdir(dir); /* what is left lies in a folder for such */
	if (err == -ENOEXEC)
		return complain(o, -ENOENT, "--patch needs git, which is not here (Debian: git)");
	return err < 0 ? walk_complain(o, t, err, "patch") : p.left_out;
}
