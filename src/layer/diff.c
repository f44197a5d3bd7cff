/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. That a folder was renamed the format says. Of a file it does not: it is
 * there as new, and gone where it was. A new file that has size, time and content of one that is
 * gone is that one: mv keeps all three.
 */
#include "layer/diff.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "layer/base.h"
#include "layer/compare.h"

struct collect {
	struct diff *d;
	const char *path;
	size_t room;
};

const char *change_kind_name(enum change_kind kind)
{
	static const char *const names[] = { "same", "added", "changed", "removed", "metadata",
		"renamed" };

	return names[kind];
}

void diff_release(struct diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->item[i].path);
		free(d->item[i].from);
	}
	free(d->item);
	*d = (struct diff){ 0 };
}

static int collect_change(struct layer_walk *w, const struct change *c)
{
	struct collect *k = w->arg;
	const struct entry *e = c->entry ? c->entry : c->lower;
	struct diff_item *item;

	if (!tree_below(c->path, k->path))
		return tree_below(k->path, c->path) ? 0 : WALK_SKIP;
	if (c->kind == CHANGE_NONE)
		return 0;
	if (k->d->n == k->room) {
		k->room = k->room ? k->room * 2 : 64;
		item = reallocarray(k->d->item, k->room, sizeof(*item));
		if (!item)
			return -ENOMEM;
		k->d->item = item;
	}
	item = &k->d->item[k->d->n];
	*item = (struct diff_item){ .kind = c->kind,
		.path = strdup(c->path),
		.from = c->from ? strdup(c->from) : NULL,
		.mode = e->st.st_mode,
		.size = c->entry ? c->entry->st.st_size : 0,
		.mtime = e->st.st_mtim,
		.lower_size = c->lower ? c->lower->st.st_size : 0 };
	if (!item->path || (c->from && !item->from)) {
		free(item->path);
		return -ENOMEM;
	}
	k->d->n++;
	return 0;
}

/* New and gone files by size and time, so that those which may be one are beside each other. */
static int by_look(const void *a, const void *b)
{
	const struct diff_item *x = *(struct diff_item *const *)a,
			       *y = *(struct diff_item *const *)b;
	off_t xsize = x->kind == CHANGE_REMOVED ? x->lower_size : x->size;
	off_t ysize = y->kind == CHANGE_REMOVED ? y->lower_size : y->size;
	int c = xsize < ysize ? -1 : xsize > ysize;

	c = c ? c : base_compare_time(x->mtime, y->mtime);
	return c;
}

static bool alike(const struct diff_item *x, const struct diff_item *y)
{
	off_t xsize = x->kind == CHANGE_REMOVED ? x->lower_size : x->size;
	off_t ysize = y->kind == CHANGE_REMOVED ? y->lower_size : y->size;

	return xsize == ysize && base_compare_time(x->mtime, y->mtime) == 0;
}

static int open_below(struct layer_walk *w, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	_cleanup_merged_ struct merged *dir = NULL;
	_cleanup_entry_ struct entry e = ENTRY_INIT;
	int level, err = parent ? merged_walk(w->lower, parent, &dir) : -ENOMEM;

	if (err == 0)
		err = merged_lookup(dir, name, &level, &e);
	return err < 0 ? err : tree_look_at(dir->level[level].fd, name, O_RDONLY | O_NONBLOCK);
}

static bool is_same_file(
	struct layer_walk *w, const struct diff_item *gone, const struct diff_item *new)
{
	const char *name;
	_cleanup_fd_ int dir = tree_open_parent(w->upper, new->path, &name);
	_cleanup_fd_ int a = dir < 0 ? -1 : tree_peek_at(dir, name, O_RDONLY | O_NONBLOCK);
	_cleanup_fd_ int b = open_below(w, gone->path);

	return a >= 0 && b >= 0 && compare_content(a, b);
}

static bool may_be_renamed(const struct diff_item *item)
{
	return S_ISREG(item->mode) && ((item->kind == CHANGE_ADDED && item->size) ||
					      (item->kind == CHANGE_REMOVED && item->lower_size));
}

/* Finds which of the gone files a new one is, among those that look alike: they are a run. */
static void match(struct layer_walk *w, struct diff_item **list, size_t n, size_t i)
{
	size_t first = i;

	while (first > 0 && alike(list[first - 1], list[i]))
		first--;
	for (size_t j = first; j < n && alike(list[j], list[i]); j++) {
		if (list[j]->kind != CHANGE_REMOVED ||
			!((w->flags & WALK_CHEAP) || is_same_file(w, list[j], list[i])))
			continue;
		list[i]->kind = CHANGE_RENAMED;
		list[i]->from = list[j]->path;
		list[j]->path = NULL;
		list[j]->kind = CHANGE_NONE;
		return;
	}
}

static int find_renamed(struct layer_walk *w, struct diff *d)
{
	_cleanup_free_ struct diff_item **list = calloc(d->n + 1, sizeof(struct diff_item *));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < d->n; i++) {
		if (may_be_renamed(&d->item[i]))
			list[n++] = &d->item[i];
	}
	qsort(list, n, sizeof(*list), by_look);
	for (size_t i = 0; i < n; i++) {
		if (list[i]->kind == CHANGE_ADDED)
			match(w, list, n, i);
	}
	return 0;
}

/* A folder that was renamed is not removed as well. */
static void drop_moved(struct diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->item[i].kind != CHANGE_RENAMED || !S_ISDIR(d->item[i].mode))
			continue;
		for (size_t j = 0; j < d->n; j++) {
			if (d->item[j].kind == CHANGE_REMOVED &&
				strcmp(d->item[j].path, d->item[i].from) == 0)
				d->item[j].kind = CHANGE_NONE;
		}
	}
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct diff_item *)a)->path, ((const struct diff_item *)b)->path);
}

int diff_make(struct layer_walk *w, const char *path, struct diff *ret)
{
	struct collect k = { .d = ret, .path = path };
	size_t n = 0;
	int err;

	*ret = (struct diff){ 0 };
	w->visit = collect_change;
	w->arg = &k;
	err = layer_walk_run(w);
	if (err == 0 && w->lower)
		err = find_renamed(w, ret);
	if (err < 0)
		return err;
	drop_moved(ret);
	for (size_t i = 0; i < ret->n; i++) {
		if (ret->item[i].kind == CHANGE_NONE) {
			free(ret->item[i].path);
			free(ret->item[i].from);
		} else {
			ret->item[n++] = ret->item[i];
		}
	}
	ret->n = n;
	if (n)
		qsort(ret->item, n, sizeof(*ret->item), by_path);
	return 0;
}

int diff_count(struct layer_walk *w, struct diff_count *ret)
{
	_cleanup_diff_ struct diff d = { 0 };
	int err;

	w->flags |= WALK_CHEAP;
	err = diff_make(w, "", &d);
	*ret = (struct diff_count){ .all = d.n };
	for (size_t i = 0; i < d.n; i++)
		ret->kind[d.item[i].kind]++;
	return err;
}

char *diff_count_text(const struct diff_count *count)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool any = false;

	if (!out)
		return NULL;
	for (size_t k = CHANGE_ADDED; k < ARRAY_SIZE(count->kind); k++) {
		if (count->kind[k])
			fprintf(out, "%s%zu %s", any ? ", " : "", count->kind[k],
				change_kind_name((enum change_kind)k));
		any = any || count->kind[k];
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
