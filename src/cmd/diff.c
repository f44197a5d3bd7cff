/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl diff: what a layer changed. */
#include <getopt.h>
#include <string.h>

#include "cmd/diff.h"
#include "cmd/layermsg.h"

struct diff_options {
	bool stat, patch, color;
};

static const struct {
	const char *color;
} looks[] = {
	[CHANGE_NONE] = { "" },
	[CHANGE_ADDED] = { "\033[32m" },
	[CHANGE_CONTENT] = { "\033[33m" },
	[CHANGE_REMOVED] = { "\033[31m" },
	[CHANGE_METADATA] = { "\033[36m" },
	[CHANGE_RENAMED] = { "\033[35m" },
};

static void show_item(const struct diff_item *item, const struct diff_options *d)
{
	printf("%s%-8s ", d->color ? looks[item->kind].color : "", change_kind_name(item->kind));
	if (item->from) {
		printf("/");
		put_name(stdout, item->from);
		printf(" -> ");
	}
	printf("/");
	put_name(stdout, item->path);
	printf("%s", S_ISDIR(item->mode) && *item->path ? "/" : "");
	if (d->stat && S_ISREG(item->mode))
		printf("  %lld -> %lld bytes", (long long)item->lower_size, (long long)item->size);
	printf("%s\n", d->color ? "\033[m" : "");
}

static void show_sums(const struct diff *d)
{
	struct diff_count count = { .all = d->n };
	_cleanup_free_ char *text = NULL;
	long long more = 0;

	for (size_t i = 0; i < d->n; i++) {
		count.kind[d->item[i].kind]++;
		if (S_ISREG(d->item[i].mode))
			more += d->item[i].size - d->item[i].lower_size;
	}
	text = diff_count_text(&count);
	printf("%s%s%+lld bytes\n", text ? text : "", d->n ? "; " : "", more);
}

static const char *type_name(mode_t mode)
{
	return S_ISDIR(mode)   ? "folder"
	       : S_ISREG(mode) ? "file"
	       : S_ISLNK(mode) ? "symlink"
			       : "special";
}

static void show_json(const struct diff *d)
{
	struct json_object *answer = ok_object(), *list = json_object_new_array();

	for (size_t i = 0; i < d->n; i++) {
		const struct diff_item *item = &d->item[i];
		struct json_object *o = json_object_new_object();

		put(o, "kind", change_kind_name(item->kind));
		put(o, "path", item->path);
		put(o, "from", item->from);
		put(o, "type", type_name(item->mode));
		json_object_object_add(o, "size", json_object_new_int64(item->size));
		json_object_object_add(o, "size_below", json_object_new_int64(item->lower_size));
		json_object_array_add(list, o);
	}
	json_object_object_add(answer, "changes", list);
	put_json(answer);
}

static bool color_wanted(const char *when)
{
	if (when && strcmp(when, "never") == 0)
		return false;
	return (when && strcmp(when, "always") == 0) || isatty(STDOUT_FILENO);
}

static int show(const struct options *o, struct opened *t, const struct diff_options *dopts,
	const char *path)
{
	_cleanup_diff_ struct diff d = { 0 };
	int err = diff_make(&t->walk, path, &d);

	if (err < 0)
		return walk_complain(o, t, err, "diff");
	if (o->json) {
		show_json(&d);
		return 0;
	}
	if (dopts->patch)
		return diff_patch(o, t, &d, dopts->color);
	for (size_t i = 0; i < d.n; i++)
		show_item(&d.item[i], dopts);
	if (dopts->stat)
		show_sums(&d);
	return 0;
}

int cmd_diff(const struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "stat", no_argument, NULL, 's' },
		{ "patch", no_argument, NULL, 'p' }, { "color", optional_argument, NULL, 'c' },
		{ 0 } };
	_cleanup_opened_ struct opened t = OPENED_INIT;
	_cleanup_free_ char *path = NULL;
	struct diff_options d = { .color = color_wanted(NULL) };
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "p", longs, NULL)) != -1) {
		if (c == 's')
			d.stat = true;
		else if (c == 'p')
			d.patch = true;
		else if (c == 'c')
			d.color = color_wanted(optarg ? optarg : "always");
		else
			return usage_error(o, "diff");
	}
	if (argc - optind < 1 || argc - optind > 2)
		return usage_error(o, "diff");
	status = open_tree(o, argv[optind], LAYER_LOOK, true, &t);
	if (status)
		return status;
	path = path_in_layer(&t.layer, argv[optind + 1] ? argv[optind + 1] : "");
	if (!path)
		return complain(o, -EINVAL, "%s is not below %s, which the layer is of",
			argv[optind + 1], t.layer.of);
	return show(o, &t, &d, path);
}
