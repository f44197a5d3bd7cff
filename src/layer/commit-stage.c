/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes all that a commit puts, beside its places. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "layer/commit.h"
#include "layer/copy.h"
#include "layer/twins.h"

enum { DEPTH_MAX = 4096 };

struct stage {
	struct copy how;
	struct step **by_path; /* sorted */
	size_t step;	       /* the one whose folder is being made */
	char *staged;	       /* its path below the target while it is staged */
	struct {
		int fd;
		const char *path;
	} * folder; /* from the step's down to the one we are in */
	size_t depth;
	struct twins twins; /* by where they were made, below the target */
	size_t done;
};

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct step *const *)a)->path, (*(struct step *const *)b)->path);
}

static struct step *find_step(struct commit *k, const char *path)
{
	struct step key = { .path = (char *)(uintptr_t)path }, *pkey = &key, **found;

	found = k->j.n ? bsearch(&pkey, k->stage->by_path, k->j.n, sizeof(pkey), by_path) : NULL;
	return found ? *found : NULL;
}

/* Where a path below the step's folder is while it is staged. */
static char *staged_path(const struct commit *k, const char *path)
{
	const struct stage *s = k->stage;

	return str_printf("%s%s", s->staged, path + strlen(k->j.step[s->step].path));
}

/* path: where it is made, below the target; taken. A file of several names is made once, and
 * linked.
 */
static int make(struct commit *k, const struct change *c, int dirfd, const char *name, char *path)
{
	_cleanup_free_ char *where = path;

	if (!where)
		return -ENOMEM;
	if (twins_link(&k->stage->twins, &c->entry->real, k->target, where, dirfd, name))
		return 0;
	return copy_entry(&k->stage->how, k->walk, c, dirfd, name);
}

/* Begins to make what is in a folder that was just made. */
static int enter(struct commit *k, const struct change *c, int dirfd, const char *name)
{
	struct stage *s = k->stage;
	int fd;
	void *bigger;

	if (s->depth == DEPTH_MAX)
		return -ENAMETOOLONG;
	fd = tree_open_at(dirfd, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	bigger = reallocarray(s->folder, s->depth + 1, sizeof(*s->folder));
	if (!bigger) {
		close(fd);
		return -ENOMEM;
	}
	s->folder = bigger;
	s->folder[s->depth].fd = fd;
	s->folder[s->depth++].path = c->path;
	return 0;
}

static int stage_inside(struct commit *k, const struct change *c)
{
	struct stage *s = k->stage;
	int dirfd = s->folder[s->depth - 1].fd, err;
	bool folder = c->entry && S_ISDIR(c->entry->real.st_mode);

	if (!c->entry || !(commit_includes(k, c->path) || (folder && commit_leads_to(k, c->path))))
		return folder ? WALK_SKIP : 0;
	err = make(k, c, dirfd, c->name, staged_path(k, c->path));
	return err == 0 && folder ? enter(k, c, dirfd, c->name) : err;
}

/* What is needed to give an entry its old metadata back: an empty one that has it, but the mode,
 * which stands in the journal. */
static int keep_metadata(int dirfd, const char *name, const char *tmp)
{
	static const struct copy how = { .any_owner = true, .layerfd = -1 };
	_cleanup_attrs_ struct attrs attrs = { 0 };
	_cleanup_fd_ int fd = -1;
	struct stat st;
	int err;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	err = attrs_read(dirfd, name, true, &attrs);
	if (err < 0)
		return err;
	if (S_ISDIR(st.st_mode) && mkdirat(dirfd, tmp, 0700) < 0)
		return -errno;
	fd = S_ISDIR(st.st_mode)
		     ? tree_open_at(dirfd, tmp, O_RDONLY | O_DIRECTORY)
		     : openat(dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fd == -1 ? -errno : fd;
	st.st_mode = S_ISDIR(st.st_mode) ? 0700 : 0600;
	return copy_metadata(&how, &st, &attrs, fd);
}

/* The folder of a step, if its owner may not write there, is opened up: it gets its mode at the
 * end. */
static void let_us_write(int folder)
{
	char path[FD_PATH_MAX];
	struct stat st;

	if (fstat(folder, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0700) != 0700)
		(void)chmod(fd_path(path, folder),
			(st.st_mode & 07777) | 0700); /* else what needs it fails */
}

static int stage_step(struct commit *k, const struct change *c, struct step *step)
{
	struct stage *s = k->stage;
	size_t i = (size_t)(step - k->j.step);
	const char *name;
	char tmp[STEP_TMP_MAX];
	_cleanup_fd_ int dirfd = step_open(k, i, &name, tmp);
	_cleanup_free_ char *parent = strdup(c->path);
	struct stat st;
	int err;

	if (dirfd < 0 || !parent)
		return dirfd < 0 ? dirfd : -ENOMEM;
	if (step->kind == STEP_FOLDER)
		let_us_write(dirfd);
	if (step->kind == STEP_META || step->kind == STEP_FOLDER)
		return keep_metadata(dirfd, name, tmp);
	if (step->kind != STEP_PUT)
		return 0;
	parent[strrchr(parent, '/') ? strrchr(parent, '/') - parent : 0] = 0;
	free(s->staged);
	s->staged = tree_join(parent, tmp);
	s->step = i;
	err = s->staged ? make(k, c, dirfd, tmp, strdup(s->staged)) : -ENOMEM;
	if (err == 0 && fstatat(dirfd, tmp, &st, AT_SYMLINK_NOFOLLOW) == 0)
		step->staged = st.st_ino;
	else if (err == 0)
		step->kind = STEP_DROP; /* a device that was left out */
	return err == 0 && S_ISDIR(c->entry->real.st_mode) ? enter(k, c, dirfd, tmp) : err;
}

static int stage_change(struct layer_walk *w, const struct change *c)
{
	struct commit *k = w->arg;
	struct stage *s = k->stage;
	bool folder = c->entry && S_ISDIR(c->entry->real.st_mode);
	struct step *step;
	int err;

	if (s->depth) {
		err = stage_inside(k, c);
	} else {
		step = find_step(k, c->path);
		if (!step && folder && !commit_includes(k, c->path) && !commit_leads_to(k, c->path))
			return WALK_SKIP;
		if (step && step->kind == STEP_DROP && folder && !c->merged)
			return WALK_SKIP;
		err = step ? stage_step(k, c, step) : 0;
	}
	if (k->progress && c->entry)
		k->progress(k->arg, ++s->done, k->total);
	return err < 0 ? commit_failed(k, c->path, err) : err;
}

static int stage_leave(struct layer_walk *w, const struct change *c)
{
	struct commit *k = w->arg;
	struct stage *s = k->stage;
	struct copy how = s->how;
	int err;

	if (!s->depth || strcmp(s->folder[s->depth - 1].path, c->path) != 0)
		return 0;
	how.any_owner = how.any_owner || commit_keeps_owner(c);
	err = copy_folder_end(&how, c, s->folder[s->depth - 1].fd);
	close(s->folder[--s->depth].fd);
	return err < 0 ? commit_failed(k, c->path, err) : 0;
}

static void stage_release(struct stage *s)
{
	while (s->depth)
		close(s->folder[--s->depth].fd);
	twins_release(&s->twins);
	free(s->folder);
	free(s->staged);
	free(s->by_path);
}

int commit_stage(struct commit *k)
{
	struct stage s = { .how = { .link = !(k->j.flags & COMMIT_ELSEWHERE),
				   .any_owner = (k->j.flags & COMMIT_FORCE) != 0,
				   .layerfd = -1 } };
	char own[STEP_TMP_MAX];
	int err;

	snprintf(own, sizeof(own), STEP_TMP, k->j.id);
	s.by_path = calloc(k->j.n + 1, sizeof(struct step *));
	if (!s.by_path)
		return -ENOMEM;
	for (size_t i = 0; i < k->j.n; i++)
		s.by_path[i] = &k->j.step[i];
	qsort(s.by_path, k->j.n, sizeof(*s.by_path), by_path);
	k->stage = &s;
	k->walk->flags = WALK_EXPAND | WALK_QUICK;
	k->walk->except = own; /* below a folder that moves may be what another step keeps in it */
	k->walk->visit = stage_change;
	k->walk->leave = stage_leave;
	k->walk->arg = k;
	err = layer_walk_run(k->walk);
	k->walk->except = NULL;
	stage_release(&s);
	k->stage = NULL;
	return err;
}
