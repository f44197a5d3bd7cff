/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The walk of the layer gives steps, each of which is one rename(2) in the
 * folder where it belongs (layer/journal.h), or metadata. First all that is new is made, under
 * names that nobody looks at; then the steps are done, which is quick and can fail little; then
 * what was replaced goes, folders get their modes and times, deepest first, and the layer is
 * emptied. Until what was replaced goes, all can be undone.
 */
#include "layer/commit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int commit_failed(struct commit *k, const char *path, int err)
{
	if (!k->where)
		k->where = strdup(path);
	return err;
}

bool commit_keeps_owner(const struct change *c)
{
	return c->merged && c->lower && S_ISDIR(c->entry->st.st_mode) &&
	       c->lower->st.st_uid == c->entry->st.st_uid &&
	       c->lower->st.st_gid == c->entry->st.st_gid;
}

bool commit_includes(const struct commit *k, const char *path)
{
	for (size_t i = 0; i < k->j.npaths; i++) {
		if (tree_below(path, k->j.path[i]))
			return true;
	}
	return false;
}

bool commit_leads_to(const struct commit *k, const char *path)
{
	for (size_t i = 0; i < k->j.npaths; i++) {
		if (tree_below(k->j.path[i], path))
			return true;
	}
	return false;
}

int commit_open(
	struct commit *k, struct layer *l, struct layer_walk *w, const char *to, unsigned flags)
{
	uint64_t id;

	k->layer = l;
	k->walk = w;
	k->j.flags = flags;
	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return -EIO;
	snprintf(k->j.id, sizeof(k->j.id), "%016llx", (unsigned long long)id);
	k->j.to = strdup(to);
	k->target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!k->j.to)
		return -ENOMEM;
	return k->target < 0 ? -errno : 0;
}

void commit_release(struct commit *k)
{
	um_cleanup_fd(&k->target);
	journal_release(&k->j);
	base_release(&k->base);
	for (size_t i = 0; i < k->nconflicts; i++)
		free(k->conflict[i].path);
	free(k->conflict);
	free(k->forbidden);
	free(k->unread);
	free(k->where);
	*k = (struct commit)COMMIT_INIT;
}

static int set_state(struct commit *k, enum journal_state state)
{
	k->j.state = state;
	return journal_write(k->layer->dirfd, &k->j);
}

/* What was undone has new times of change: they are not somebody else's. */
static int note_base(struct commit *k)
{
	_cleanup_fd_ int fd = -1;
	int err = 0;

	if (k->j.flags & COMMIT_ELSEWHERE)
		return 0;
	fd = base_open(k->layer->dirfd);
	if (fd < 0)
		return fd;
	for (size_t i = 0; err == 0 && i < k->j.n; i++) {
		const char *name;
		char tmp[STEP_TMP_MAX];
		_cleanup_fd_ int dirfd = step_open(k, i, &name, tmp);
		struct stat st;

		if (dirfd >= 0 && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			err = base_append(fd, &st, k->j.step[i].path, false);
	}
	return err;
}

int commit_undo(struct commit *k)
{
	int err = 0;

	if (k->j.state >= JOURNAL_CLEAN)
		return -EALREADY;
	for (size_t i = k->j.n; i-- > 0;) {
		err = step_undo(k, i);
		if (err < 0)
			return commit_failed(k, k->j.step[i].path, err);
	}
	err = note_base(k);
	return err < 0 ? err : journal_remove(k->layer->dirfd);
}

/* A path of the layer, and fuse-overlayfs's mark in its place. */
static int clear_path(struct commit *k, const char *path)
{
	const char *name;
	_cleanup_fd_ int dirfd = tree_open_parent(k->walk->upper, path, &name);
	_cleanup_free_ char *mark = NULL;
	struct timespec times[2];
	struct stat st;
	int err;

	if (dirfd < 0)
		return dirfd == -ENOENT ? 0 : dirfd;
	mark = str_printf(".wh.%s", name);
	if (!mark || fstat(dirfd, &st) < 0)
		return mark ? -errno : -ENOMEM;
	err = tree_remove(dirfd, name);
	err = err < 0 ? err : tree_remove(dirfd, mark);
	/* the folder stays, with the time that the view showed */
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	return err == 0 && utimensat(dirfd, ".", times, 0) < 0 ? -errno : err;
}

/* The layer gives up what the tree below now has. */
static int clear_layer(struct commit *k)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < k->j.npaths; i++) {
		if (*k->j.path[i])
			err = clear_path(k, k->j.path[i]);
		else
			err = tree_empty(k->walk->upper);
		if (err == 0 && !*k->j.path[i] &&
			((unlinkat(k->layer->dirfd, "base", 0) < 0 && errno != ENOENT) ||
				(unlinkat(k->layer->dirfd, "links", 0) < 0 && errno != ENOENT)))
			err = -errno;
	}
	return err;
}

static int switch_all(struct commit *k)
{
	for (size_t i = 0; i < k->j.n; i++) {
		int err = step_apply(k, i);

		if (err < 0)
			return commit_failed(k, k->j.step[i].path, err);
	}
	return 0;
}

static int clean_all(struct commit *k)
{
	int err = 0;

	for (size_t i = k->j.n; i-- > 0;) {
		err = step_clean(k, i);
		if (err < 0)
			return commit_failed(k, k->j.step[i].path, err);
	}
	/* a folder after all that is in it */
	for (size_t i = k->j.n; i-- > 0;) {
		err = k->j.step[i].kind == STEP_FOLDER ? step_metadata(k, i) : 0;
		if (err < 0)
			return commit_failed(k, k->j.step[i].path, err);
	}
	return 0;
}

/* From where the journal says to the end. */
static int go_on(struct commit *k)
{
	int err = 0;

	if (k->j.state == JOURNAL_SWITCH) {
		err = switch_all(k);
		err = err < 0 ? err : set_state(k, JOURNAL_CLEAN);
	}
	if (err == 0 && k->j.state == JOURNAL_CLEAN) {
		err = clean_all(k);
		/* what the layer had must be on disk before the layer gives it up */
		if (err == 0 && syncfs(k->target) < 0)
			err = -errno;
		err = err < 0 ? err : set_state(k, JOURNAL_CLEAR);
	}
	if (err == 0 && !(k->j.flags & COMMIT_ELSEWHERE))
		err = clear_layer(k);
	return err < 0 ? err : journal_remove(k->layer->dirfd);
}

int commit_resume(struct commit *k)
{
	int err;

	if (k->j.state > JOURNAL_STAGE)
		return go_on(k);
	err = commit_undo(k);
	return err < 0 ? err : -EAGAIN;
}

int commit_run(struct commit *k, bool *ret_stuck)
{
	int err;

	*ret_stuck = false;
	if (!k->j.n)
		return 0;
	err = set_state(k, JOURNAL_STAGE);
	if (err < 0)
		return commit_failed(k, "", err);
	err = commit_stage(k);
	/* else a power failure could leave empty files in the places of good ones */
	if (err == 0 && syncfs(k->target) < 0)
		err = -errno;
	err = err < 0 ? err : set_state(k, JOURNAL_SWITCH);
	err = err < 0 ? err : go_on(k);
	if (err < 0)
		*ret_stuck = commit_undo(k) < 0;
	return err;
}

int commit_load(struct layer *l, struct journal *ret)
{
	return journal_read(l->dirfd, ret);
}
