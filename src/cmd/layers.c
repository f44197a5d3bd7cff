/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl layers: which layers are kept. */
#include <fcntl.h>
#include <string.h>

#include "cmd/layermsg.h"
#include "layer/diff.h"

/* So long it may take to count what one changes; then what it has is counted. */
#define COUNT_NS (NSEC_PER_SEC / 2)

struct amount {
	uint64_t bytes;	  /* on disk */
	uint64_t entries; /* folders on the way to others included */
};

/* Of all that can be looked at. */
static void measure(int dirfd, struct amount *a)
{
	_cleanup_names_ struct names names = { 0 };
	int err = names_read(dirfd, &names);

	for (size_t i = 0; err == 0 && i < names.n; i++) {
		_cleanup_fd_ int sub = -1;
		struct stat st;

		if (fstatat(dirfd, names.name[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		a->entries++;
		a->bytes += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode))
			sub = openat(dirfd, names.name[i],
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			measure(sub, a);
	}
}

/* What umctl diff would tell of it, or else the entries that it has. */
static uint64_t count_changes(const struct layer *l, int upper, uint64_t entries)
{
	struct layer_walk w = { .upper = upper, .deadline_ns = now_ns() + COUNT_NS };
	_cleanup_merged_ struct merged *lower = NULL;
	struct links *links = NULL;
	struct diff_count count;
	const char *missing;

	if (merged_open(l, &lower, &missing) == 0 && links_read(l->dirfd, &links) == 0) {
		w.lower = lower;
		w.links = links;
		if (diff_count(&w, &count) == 0)
			entries = count.all;
	}
	layer_walk_release(&w);
	links_free(links);
	return entries;
}

static void put_size(uint64_t bytes)
{
	static const char units[] = "BKMGTP";
	double size = (double)bytes;
	int unit = 0;

	for (; size >= 1024 && units[unit + 1]; unit++)
		size /= 1024;
	printf("%*.*f%c ", 7, unit && size < 100 ? 1 : 0, size, units[unit]);
}

static void put_age(time_t created)
{
	long s = (long)(time(NULL) - created);
	static const struct {
		long seconds;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;

	while (i < ARRAY_SIZE(units) - 1 && s < units[i].seconds)
		i++;
	printf("%6ld%c ", s > 0 ? s / units[i].seconds : 0, units[i].unit);
}

/* What is the matter with a layer that cannot be used; NULL: nothing. */
static const char *trouble_of(const struct layer *l, int err)
{
	struct stat st;

	if (err == -EPROTONOSUPPORT)
		return "of a newer umview";
	if (err < 0)
		return "damaged";
	if (layer_interrupted(l))
		return "commit interrupted";
	for (size_t i = 0; i < l->nlower; i++) {
		if (stat(l->lower[i], &st) < 0)
			return "its folder is missing";
	}
	return NULL;
}

static void show_one(struct json_object *list, const char *name)
{
	static const char *const uses[] = { "no", "read", "yes" };
	_cleanup_layer_ struct layer l = LAYER_INIT;
	_cleanup_fd_ int upper = -1;
	struct amount a = { 0 };
	int err = layer_open(name, LAYER_LOOK, &l), use = err == 0 ? layer_in_use(&l) : 0;
	const char *trouble = trouble_of(&l, err), *in_use = uses[use > 0 ? use : 0];
	struct json_object *o;

	if (err == 0)
		upper = tree_open(l.dirfd, "upper", O_RDONLY | O_DIRECTORY);
	if (upper >= 0)
		measure(upper, &a);
	if (a.entries)
		a.entries = count_changes(&l, upper, a.entries);
	if (!list) {
		printf("%-20s ", name);
		put_size(a.bytes);
		put_age(l.created);
		printf("%8llu %-6s ", (unsigned long long)a.entries, in_use);
		put_name(stdout, l.of ? l.of : "?");
		printf("%s%s%s\n", trouble ? "  (" : "", trouble ? trouble : "",
			trouble ? ")" : "");
		return;
	}
	o = json_object_new_object();
	put(o, "name", name);
	put(o, "of", l.of);
	put(o, "path", l.path);
	json_object_object_add(o, "created", json_object_new_int64(l.created));
	json_object_object_add(o, "bytes", json_object_new_int64((int64_t)a.bytes));
	json_object_object_add(o, "changes", json_object_new_int64((int64_t)a.entries));
	put(o, "in_use", in_use);
	put(o, "trouble", trouble);
	json_object_array_add(list, o);
}

int cmd_layers(const struct options *o, int argc, char **argv UNUSED)
{
	struct json_object *list = o->json ? json_object_new_array() : NULL, *answer;
	_cleanup_fd_ int base = layers_open(false, NULL);
	_cleanup_names_ struct names names = { 0 };
	int err = base == -ENOENT ? 0 : base < 0 ? base : names_read(base, &names);

	if (argc > 1)
		return usage_error(o, "layers");
	if (err < 0) {
		complain(o, err, "the folder of the layers: %s", strerror(-err));
		return 1;
	}
	if (!list && names.n)
		printf("%-20s %8s %7s %8s %-6s %s\n", "NAME", "SIZE", "AGE", "CHANGES", "IN USE",
			"OF");
	for (size_t i = 0; i < names.n; i++) {
		if (layer_name_valid(names.name[i]))
			show_one(list, names.name[i]);
	}
	if (list) {
		answer = ok_object();
		json_object_object_add(answer, "layers", list);
		put_json(answer);
	}
	return 0;
}
