/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl diff: what a layer changed. */
#include "layer/diff.h"

#include <getopt.h>
#include <string.h>
#include <sys/wait.h>

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
	size_t count[ARRAY_SIZE(looks)] = { 0 };
	long long more = 0;
	bool any = false;

	for (size_t i = 0; i < d->n; i++) {
		count[d->item[i].kind]++;
		if (S_ISREG(d->item[i].mode))
			more += d->item[i].size - d->item[i].lower_size;
	}
	for (size_t k = CHANGE_ADDED; k < ARRAY_SIZE(looks); k++) {
		if (count[k])
			printf("%s%zu %s", any ? ", " : "", count[k],
				change_kind_name((enum change_kind)k));
		any = any || count[k];
	}
	printf("%s%+lld bytes\n", any ? "; " : "", more);
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

/* In a folder where a and b are the tree below and the layer's. */
static int run_git(const char *a, const char *b, bool color)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execlp("git", "git", "diff", "--no-index", "--no-prefix", "--no-ext-diff",
			color ? "--color=always" : "--color=never", "--", a, b, NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static int patch_item(const struct diff_item *item, bool color)
{
	_cleanup_free_ char *a = NULL, *b = NULL;
	bool is_old = item->kind == CHANGE_REMOVED, is_new = item->kind == CHANGE_ADDED;

	if (item->kind == CHANGE_METADATA || (!S_ISREG(item->mode) && !S_ISLNK(item->mode)))
		return 0;
	a = is_new ? strdup("/dev/null") : str_printf("a/%s", item->from ? item->from : item->path);
	b = is_old ? strdup("/dev/null") : str_printf("b/%s", item->path);
	return a && b ? run_git(a, b, color) : 127;
}

/* git names the files as they are given: so a and b are links, in a folder for a moment. */
static int show_patch(
	const struct options *o, const struct opened *t, const struct diff *d, bool color)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *dir = str_printf("%s/umctl-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	_cleanup_free_ char *upper = str_printf("%s/upper", t->layer.path);
	int status = 0;

	if (!dir || !upper || !mkdtemp(dir) || chdir(dir) < 0 ||
		symlink(t->layer.lower[0], "a") < 0 || symlink(upper, "b") < 0) {
		complain(o, -errno, "%s: %m", dir ? dir : "");
		status = 1;
	}
	for (size_t i = 0; status == 0 && i < d->n; i++) {
		if (patch_item(&d->item[i], color) == 127) {
			complain(o, -ENOENT, "--patch needs git, which is not here (Debian: git)");
			status = 1;
		}
	}
	(void)!unlink("a"); /* what is left of them lies in a folder for such */
	(void)!unlink("b");
	if (dir && chdir("/") == 0)
		rmdir(dir);
	return status;
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
		return show_patch(o, t, &d, dopts->color);
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
