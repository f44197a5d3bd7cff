/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a commit is going to do, and what speaks against it. */
#include <fcntl.h>
#include <string.h>

#include "layer/commit.h"
#include "layer/compare.h"

static int add_conflict(struct commit *k, const char *path, const char *why)
{
	struct conflict *bigger = reallocarray(k->conflict, k->nconflicts + 1, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	k->conflict = bigger;
	bigger[k->nconflicts] = (struct conflict){ strdup(path), why };
	return bigger[k->nconflicts].path ? (k->nconflicts++, 0) : -ENOMEM;
}

/* Was anything in a folder changed after a moment? */
static bool changed_since(int dirfd, const char *name, struct timespec since)
{
	_cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_names_ struct names names = { 0 };
	struct stat st;

	if (fd < 0 || names_read(fd, &names) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		if (fstatat(fd, names.name[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (base_compare_time(st.st_ctim, since) > 0)
			return true;
		if (S_ISDIR(st.st_mode) && changed_since(fd, names.name[i], since))
			return true;
	}
	return false;
}

/* Was the same done on both sides? */
static bool same_change(struct commit *k, const struct change *c, int dirfd, const char *name,
	const struct stat *now)
{
	const struct stat *st = c->entry ? &c->entry->st : NULL;
	_cleanup_fd_ int mine = -1, theirs = -1;

	if (!st || !S_ISREG(st->st_mode) || st->st_mode != now->st_mode ||
		st->st_uid != now->st_uid || st->st_gid != now->st_gid ||
		st->st_size != now->st_size)
		return false;
	mine = layer_walk_content(k->walk, c);
	theirs = tree_look_at(dirfd, name, O_RDONLY | O_NONBLOCK);
	return mine >= 0 && theirs >= 0 && compare_content(mine, theirs);
}

/* Into the tree below: is what a step finds there what the layer was made over? NULL: yes. */
static const char *conflict_below(struct commit *k, const struct change *c, enum step_kind kind,
	int dirfd, const char *name, const struct stat *now)
{
	const struct base_record *r = base_find(&k->base, c->path);
	struct timespec since = r ? r->at : c->since;
	bool folder = now && S_ISDIR(now->st_mode);

	if (k->base.recorded) {
		if (r && !now)
			return "was removed below";
		if (!r && now && kind != STEP_FOLDER && !same_change(k, c, dirfd, name, now))
			return "appeared below";
		if (r && now && !base_same(r, now) && !same_change(k, c, dirfd, name, now))
			return "was changed below";
	} else if (now && !folder && since.tv_sec && base_compare_time(now->st_ctim, since) > 0 &&
		   !same_change(k, c, dirfd, name, now)) {
		return "was changed below";
	}
	/* a folder that goes: with what is in it now */
	if (folder && kind != STEP_FOLDER && since.tv_sec && changed_since(dirfd, name, since))
		return "something in it was changed below";
	return NULL;
}

/* Does a step put something in the place of what we may not read? A virtual root that changed it
 * did so without its content. */
static const char *conflict_unread(
	enum step_kind kind, int dirfd, const char *name, const struct stat *now)
{
	if (kind != STEP_PUT || !now || !S_ISREG(now->st_mode) || !now->st_size ||
		faccessat(dirfd, name, R_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) == 0 ||
		errno != EACCES)
		return NULL;
	return "cannot be read below, so the layer's may have been made without it";
}

/* Would a step take away what the layer was made without having read? It stays, or nothing is done.
 */
static int keep_unread(
	struct commit *k, enum step_kind kind, const char *path, const struct stat *now)
{
	if (!now || (kind != STEP_PUT && kind != STEP_REMOVE) || !base_unread_below(&k->base, path))
		return kind;
	if (k->j.flags & COMMIT_THEIRS)
		return STEP_DROP;
	if (!k->nunread++)
		k->unread = strdup(path);
	return kind;
}

/* Into another folder: does a step find there what is in the tree below? */
static const char *conflict_elsewhere(
	const struct change *c, enum step_kind kind, const struct stat *now)
{
	const struct stat *lower = c->lower ? &c->lower->st : NULL;

	if (!now || kind == STEP_FOLDER)
		return NULL;
	if (!lower)
		return "is there already";
	if ((now->st_mode & S_IFMT) != (lower->st_mode & S_IFMT))
		return "is of another kind there";
	if (S_ISREG(now->st_mode) && (now->st_size != lower->st_size ||
					     base_compare_time(now->st_mtim, lower->st_mtim) != 0))
		return "is another file there";
	return NULL;
}

/* Owners and devices need privileges that users have not. */
static int check_allowed(struct commit *k, const struct change *c)
{
	const struct stat *st = &c->entry->st;

	if (geteuid() == 0 ||
		(st->st_uid == geteuid() && !S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode)))
		return 0;
	if (commit_keeps_owner(c))
		return 0;
	if (!k->nforbidden++)
		k->forbidden = strdup(c->path);
	return 0;
}

/* May we set its times? */
static bool is_ours(const struct stat *st)
{
	return geteuid() == 0 || st->st_uid == geteuid();
}

/* What is to be done for a change; now is what is there (NULL: nothing). 0: nothing. */
static int step_for(const struct commit *k, const struct change *c, const struct stat *now)
{
	bool elsewhere = k->j.flags & COMMIT_ELSEWHERE;
	bool folder_there = now && S_ISDIR(now->st_mode);

	if (!c->entry)
		return now ? STEP_REMOVE : 0;
	if (S_ISDIR(c->entry->real.st_mode)) {
		/* of a folder that is another's, and not different, the times are left to the
		 * kernel */
		if (folder_there && c->merged && c->kind == CHANGE_NONE && !is_ours(now))
			return 0;
		if (folder_there && (c->merged || (!c->lower && !c->from)))
			return STEP_FOLDER;
		return STEP_PUT;
	}
	if (c->kind == CHANGE_NONE)
		return 0;
	if (c->kind == CHANGE_METADATA && !elsewhere && now && S_ISREG(now->st_mode))
		return STEP_META;
	return STEP_PUT;
}

static int plan_step(struct commit *k, const struct change *c)
{
	const char *name, *why;
	_cleanup_fd_ int dirfd = tree_open_parent(k->target, c->path, &name);
	struct stat st;
	bool there;
	int kind, err;

	if (dirfd < 0)
		return commit_failed(k, c->path, dirfd);
	name = *name ? name : ".";
	there = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	kind = step_for(k, c, there ? &st : NULL);
	if (!kind)
		return 0;
	if (k->j.flags & COMMIT_ELSEWHERE)
		why = conflict_elsewhere(c, kind, there ? &st : NULL);
	else
		why = conflict_below(k, c, kind, dirfd, name, there ? &st : NULL);
	if (!why)
		why = conflict_unread(kind, dirfd, name, there ? &st : NULL);
	if (why) {
		err = add_conflict(k, c->path, why);
		if (err < 0)
			return err;
		if (k->j.flags & COMMIT_THEIRS)
			kind = STEP_DROP;
	}
	if (c->entry && kind != STEP_DROP) {
		err = check_allowed(k, c);
		if (err < 0)
			return err;
	}
	kind = keep_unread(k, kind, c->path, there ? &st : NULL);
	k->total++;
	err = journal_add(&k->j, kind, c->path, there ? &st : NULL);
	return err < 0 ? err : kind;
}

static int plan_change(struct layer_walk *w, const struct change *c)
{
	struct commit *k = w->arg;
	bool folder = c->entry && S_ISDIR(c->entry->real.st_mode), in = commit_includes(k, c->path);
	const struct step *last = k->j.n ? &k->j.step[k->j.n - 1] : NULL;
	int kind;

	if (!in && !(folder && commit_leads_to(k, c->path)))
		return folder ? WALK_SKIP : 0;
	/* in what goes as a whole: commit_stage() makes it. Steps are in the order of the walk. */
	if (last && last->kind == STEP_PUT && *last->path && tree_below(c->path, last->path)) {
		if (c->entry && strcmp(c->path, last->path) != 0) {
			k->total++;
			return check_allowed(k, c);
		}
		return 0;
	}
	if (!in && c->merged && !(k->j.flags & COMMIT_ELSEWHERE))
		return 0; /* on the way to what was named */
	if (!in && (c->lower || c->from) && !c->merged)
		return commit_failed(k, c->path, -ENOTSUP);
	kind = plan_step(k, c);
	if (kind < 0)
		return kind;
	return folder && kind == STEP_DROP && !c->merged ? WALK_SKIP : 0;
}

int commit_plan(struct commit *k)
{
	int err = base_read(k->layer->dirfd, &k->base);

	if (err < 0)
		return commit_failed(k, "", err);
	k->walk->flags = WALK_EXPAND;
	k->walk->visit = plan_change;
	k->walk->leave = NULL;
	k->walk->arg = k;
	return layer_walk_run(k->walk);
}
