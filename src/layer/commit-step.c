/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of a commit, each of which is done, undone, or found done already.
 *
 * Theory of operation. A step keeps what it needs beside its place, under a name of its own: first
 * what was staged, then, once the two have changed places by one rename(2), what was there before.
 * Which of the two it is the inode number tells, so no record is needed of how far a commit came.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "layer/commit.h"
#include "layer/copy.h"

int step_open(struct commit *k, size_t i, const char **ret_name, char ret_tmp[STEP_TMP_MAX])
{
	const struct step *s = &k->j.step[i];
	_cleanup_fd_ int parent = tree_open_parent(k->target, s->path, ret_name);
	int fd;

	snprintf(ret_tmp, STEP_TMP_MAX, STEP_TMP "%zu", k->j.id, i);
	if (parent < 0 || (**ret_name && s->kind != STEP_FOLDER))
		return take_fd(&parent);
	if (!**ret_name) {
		*ret_name = ".";
		return take_fd(&parent);
	}
	/* what a folder needs lies in it: the one above may be another's */
	fd = openat(parent, *ret_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*ret_name = ".";
	return fd < 0 ? -errno : fd;
}

static ino_t ino_of(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* rename(2) that puts nothing in the place of something, where the file system can. */
static int move(int dirfd, const char *from, const char *to)
{
	if (renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (ino_of(dirfd, to))
		return -EEXIST;
	return renameat(dirfd, from, dirfd, to) < 0 ? -errno : 0;
}

/* The name of what was replaced where two names cannot change places at once. */
static void second_name(const char *tmp, char buf[STEP_TMP_MAX + 2])
{
	snprintf(buf, STEP_TMP_MAX + 2, "%s-b", tmp);
}

static int put(const struct step *s, int dirfd, const char *name, const char *tmp)
{
	char second[STEP_TMP_MAX + 2];
	ino_t there;
	int err;

	if (ino_of(dirfd, tmp) != s->staged)
		return 0; /* done */
	second_name(tmp, second);
	if (!s->was.st_ino || ino_of(dirfd, second) == s->was.st_ino) {
		err = move(dirfd, tmp, name);
		return err == -EEXIST ? -ESTALE : err;
	}
	there = ino_of(dirfd, name);
	if (there != s->was.st_ino)
		return -ESTALE;
	if (renameat2(dirfd, tmp, dirfd, name, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	err = move(dirfd, name, second);
	return err < 0 ? err : move(dirfd, tmp, name);
}

static int unput(const struct step *s, int dirfd, const char *name, const char *tmp)
{
	char second[STEP_TMP_MAX + 2];
	int err = 0;

	second_name(tmp, second);
	if (!s->staged)
		return tree_remove(dirfd, tmp); /* it was not even ready */
	if (ino_of(dirfd, tmp) != s->staged) {	/* done, if it is there */
		if (ino_of(dirfd, name) != s->staged)
			return 0;
		if (s->was.st_ino && ino_of(dirfd, tmp) == s->was.st_ino)
			err = renameat2(dirfd, tmp, dirfd, name, RENAME_EXCHANGE) < 0 ? -errno : 0;
		else
			err = move(dirfd, name, tmp);
	}
	if (err == 0 && s->was.st_ino && ino_of(dirfd, second) == s->was.st_ino)
		err = move(dirfd, second, name);
	return err < 0 ? err : tree_remove(dirfd, tmp);
}

int step_metadata(struct commit *k, size_t i)
{
	const struct step *s = &k->j.step[i];
	/* an owner that this user may not give a folder was refused by the plan, but for the one
	 * that it had below (commit_keeps_owner()) */
	const struct copy how = {
		.any_owner = (k->j.flags & COMMIT_FORCE) || s->kind == STEP_FOLDER, .layerfd = -1
	};
	_cleanup_entry_ struct entry e = ENTRY_INIT;
	_cleanup_attrs_ struct attrs attrs = { 0 };
	_cleanup_fd_ int from = -1, dirfd = -1, fd = -1;
	const char *upper, *name;
	char tmp[STEP_TMP_MAX];
	int err;

	from = tree_open_parent(k->walk->upper, s->path, &upper);
	dirfd = step_open(k, i, &name, tmp);
	if (from < 0 || dirfd < 0)
		return from < 0 ? from : dirfd;
	upper = *upper ? upper : ".";
	err = entry_read(from, upper, true, NULL, k->walk->links, &e);
	err = err < 0 ? err : attrs_read(from, upper, true, &attrs);
	if (err < 0)
		return err;
	fd = tree_peek_at(dirfd, name, O_RDONLY | O_NONBLOCK);
	return fd < 0 ? fd : copy_metadata(&how, &e.st, &attrs, fd);
}

int step_apply(struct commit *k, size_t i)
{
	const struct step *s = &k->j.step[i];
	const char *name;
	char tmp[STEP_TMP_MAX];
	_cleanup_fd_ int dirfd = -1;

	if (s->kind == STEP_DROP || s->kind == STEP_FOLDER)
		return 0;
	if (s->kind == STEP_META)
		return step_metadata(k, i);
	dirfd = step_open(k, i, &name, tmp);
	if (dirfd < 0)
		return dirfd;
	if (s->kind == STEP_PUT)
		return put(s, dirfd, name, tmp);
	if (ino_of(dirfd, tmp) == s->was.st_ino)
		return 0;
	return ino_of(dirfd, name) == s->was.st_ino ? move(dirfd, name, tmp) : -ESTALE;
}

/* Gives an entry back what stands in the journal, and the attributes that keep_metadata() kept,
 * whose entry goes. While all is but staged these may not be complete; nor were they touched. */
static int restore_metadata(
	const struct step *s, bool staging, int dirfd, const char *name, const char *tmp)
{
	static const struct copy how = { .any_owner = true, .layerfd = -1 };
	_cleanup_attrs_ struct attrs attrs = { 0 };
	_cleanup_fd_ int fd = -1;
	bool kept = ino_of(dirfd, tmp) != 0;
	struct stat st;
	int err;

	/* nothing was done to it, which may be for the reason that nothing may */
	if (!kept && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mode == s->was.st_mode && st.st_uid == s->was.st_uid &&
		base_compare_time(st.st_mtim, s->was.st_mtim) == 0)
		return 0;
	kept = kept && !staging;
	err = kept ? attrs_read(dirfd, tmp, true, &attrs) : 0;
	fd = tree_peek_at(dirfd, name, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (err == 0 && kept)
		err = copy_metadata(&how, &s->was, &attrs, fd);
	/* that of the top lies in it, where its mode may forbid to remove it */
	if (err == 0 && strcmp(name, ".") == 0 && (s->was.st_mode & 0300) != 0300 &&
		fchmod(fd, (s->was.st_mode & 07777) | 0300) < 0)
		err = -errno;
	err = err < 0 ? err : tree_remove(dirfd, tmp);
	attrs_release(&attrs);
	err = err < 0 ? err : attrs_read(dirfd, name, true, &attrs);
	return err < 0 ? err : copy_metadata(&how, &s->was, &attrs, fd);
}

int step_undo(struct commit *k, size_t i)
{
	const struct step *s = &k->j.step[i];
	const char *name;
	char tmp[STEP_TMP_MAX];
	_cleanup_fd_ int dirfd = step_open(k, i, &name, tmp);

	if (dirfd < 0)
		return dirfd;
	switch (s->kind) {
	case STEP_PUT:
		return unput(s, dirfd, name, tmp);
	case STEP_REMOVE:
		return ino_of(dirfd, tmp) == s->was.st_ino ? move(dirfd, tmp, name) : 0;
	case STEP_META:
	case STEP_FOLDER:
		return restore_metadata(s, k->j.state == JOURNAL_STAGE, dirfd, name, tmp);
	case STEP_DROP:
		break;
	}
	return 0;
}

int step_clean(struct commit *k, size_t i)
{
	const char *name;
	char tmp[STEP_TMP_MAX], second[STEP_TMP_MAX + 2];
	_cleanup_fd_ int dirfd = step_open(k, i, &name, tmp);
	int err;

	if (dirfd < 0)
		return dirfd;
	second_name(tmp, second);
	err = tree_remove(dirfd, tmp);
	return err < 0 ? err : tree_remove(dirfd, second);
}
