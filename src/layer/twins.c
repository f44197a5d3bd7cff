/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/twins.h"

#include <search.h>
#include <string.h>
#include <unistd.h>

#include "layer/tree.h"

struct twin {
	dev_t dev;
	ino_t ino;
	char path[];
};

static int by_file(const void *a, const void *b)
{
	const struct twin *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino == y->ino ? 0 : x->ino < y->ino ? -1 : 1;
}

const char *twins_first(struct twins *t, const struct stat *st, const char *path)
{
	_cleanup_free_ struct twin *one = NULL;
	struct twin **found;
	size_t len = strlen(path) + 1;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return NULL;
	one = malloc(sizeof(*one) + len);
	if (!one)
		return NULL;
	one->dev = st->st_dev;
	one->ino = st->st_ino;
	memcpy(one->path, path, len);
	found = tsearch(one, &t->root, by_file);
	if (found && *found != one)
		return (*found)->path;
	if (found)
		(void)take_ptr(&one); /* the tree's */
	return NULL;
}

bool twins_link(struct twins *t, const struct stat *st, int top, const char *path, int dirfd,
	const char *name)
{
	const char *first = twins_first(t, st, path), *last;
	_cleanup_fd_ int from = first ? tree_open_parent(top, first, &last) : -1;

	return from >= 0 && linkat(from, last, dirfd, name, 0) == 0;
}

void twins_release(struct twins *t)
{
	tdestroy(t->root, free);
	t->root = NULL;
}
