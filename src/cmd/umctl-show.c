/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a view answered, as text. */
#include <stdio.h>

#include "cmd/umctl.h"

const char *get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) && v ? json_object_get_string(v) : "";
}

static struct json_object *list_of(struct json_object *o, const char *key)
{
	return json_member(o, key, json_type_array);
}

bool truth_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) && json_object_get_boolean(v);
}

void show_ls(struct json_object *answer)
{
	struct json_object *list = list_of(answer, "mounts");

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *m = json_object_array_get_idx(list, i);
		const char *options = get(m, "options");

		printf("%s on %s type %s (%s%s%s)\n", get(m, "source"), get(m, "target"),
			get(m, "type"), truth_of(m, "readonly") ? "ro" : "rw", *options ? "," : "",
			options);
	}
}

void show_export(struct json_object *answer)
{
	struct json_object *list = list_of(answer, "settings");

	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		printf("%s\n", json_object_get_string(json_object_array_get_idx(list, i)));
	list = list_of(answer, "mounts");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *m = json_object_array_get_idx(list, i);

		if (*get(m, "fstab"))
			printf("%s\n", get(m, "fstab"));
		else if (!json_object_object_get_ex(m, "fstab", NULL))
			printf("# %s (%s) was mounted by hand\n", get(m, "target"), get(m, "type"));
	}
}

void show_ps(struct json_object *answer)
{
	struct json_object *list = list_of(answer, "processes");

	printf("%7s %7s S %s\n", "PID", "PPID", "COMMAND");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);

		printf("%7s %7s %s %s%s\n", get(p, "pid"), get(p, "ppid"), get(p, "state"),
			get(p, "command"), truth_of(p, "service") ? "  (server)" : "");
	}
}

static double number_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return json_object_get_double(v);
}

static void show_mount_stat(struct json_object *m)
{
	struct json_object *list = list_of(m, "requests");

	printf("\n%s: FUSE 7.%s, in flight: %s\n", get(m, "target"), get(m, "protocol_minor"),
		get(m, "in_flight"));
	printf("opens: %s, kept: %s; reads: %s, kept: %s\n", get(m, "opens"), get(m, "opens_kept"),
		get(m, "reads"), get(m, "reads_kept"));
	printf("%-20s %10s %8s %9s %9s %9s %9s %9s\n", "REQUEST", "COUNT", "FAILED", "AVG us",
		"50% us", "95% us", "99% us", "MAX us");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i);

		printf("%-20s %10s %8s %9.1f %9.1f %9.1f %9.1f %9.1f\n", get(r, "request"),
			get(r, "count"), get(r, "failed"), number_of(r, "average_us"),
			number_of(r, "p50_us"), number_of(r, "p95_us"), number_of(r, "p99_us"),
			number_of(r, "max_us"));
	}
}

/* In KiB, as df(1). */
void show_df(struct json_object *answer)
{
	struct json_object *list = list_of(answer, "mounts");

	printf("%-20s %-10s %12s %12s %12s %s\n", "SOURCE", "TYPE", "KiB", "USED", "AVAILABLE",
		"TARGET");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *m = json_object_array_get_idx(list, i);

		if (*get(m, "error"))
			printf("%-20s %-10s %38s %s\n", get(m, "source"), get(m, "type"),
				get(m, "error"), get(m, "target"));
		else
			printf("%-20s %-10s %12.0f %12.0f %12.0f %s\n", get(m, "source"),
				get(m, "type"), number_of(m, "size") / 1024,
				(number_of(m, "size") - number_of(m, "free")) / 1024,
				number_of(m, "available") / 1024, get(m, "target"));
	}
}

void show_cache(struct json_object *answer)
{
	struct json_object *list = list_of(answer, "mounts");

	printf("%8s %8s %8s %14s %14s %s\n", "INODES", "FILES", "OPEN", "BYTES", "DIRTY", "TARGET");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *m = json_object_array_get_idx(list, i);

		printf("%8s %8s %8s %14s %14s %s\n", get(m, "inodes"), get(m, "files"),
			get(m, "open"), get(m, "bytes"), get(m, "dirty"), get(m, "target"));
	}
}

static void show_profile(struct json_object *p)
{
	static const char *const parts[] = { "receive", "memory", "resolve", "answer", "other",
		"total" };

	printf("\n%-20s %10s\n", "PART OF A CALL", "AVG us");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_free_ char *key = str_printf("%s_us", parts[i]);

		printf("%-20s %10.2f\n", parts[i], key ? number_of(p, key) : 0);
	}
	printf("calls: %s\n", get(p, "calls"));
}

void show_networks(struct json_object *answer)
{
	struct json_object *list = list_of(answer, "networks");

	printf("%-12s %9s %-12s %14s %10s %14s %10s  %s\n", "NETWORK", "PROCESSES", "INTERFACE",
		"RECEIVED", "FRAMES", "SENT", "FRAMES", "LINKS");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *n = json_object_array_get_idx(list, i),
				   *all = list_of(n, "interfaces");
		const char *name = *get(n, "name") ? get(n, "name") : get(n, "number");

		for (size_t k = 0; all && k < json_object_array_length(all); k++) {
			struct json_object *f = json_object_array_get_idx(all, k);

			printf("%-12s %9s %-12s %14s %10s %14s %10s  %s\n", name,
				get(n, "processes"), get(f, "name"), get(f, "rx_bytes"),
				get(f, "rx_packets"), get(f, "tx_bytes"), get(f, "tx_packets"),
				get(n, "links"));
		}
	}
}

void show_stat(struct json_object *answer)
{
	struct json_object *profile = NULL;
	struct json_object *list = list_of(answer, "calls");

	if (!list) { /* of one mount */
		list = list_of(answer, "mounts");
		for (size_t i = 0; list && i < json_object_array_length(list); i++)
			show_mount_stat(json_object_array_get_idx(list, i));
		return;
	}
	printf("%-20s %10s %10s %10s %10s %10s\n", "CALL", "CALLS", "CONTINUED", "FAILED", "AVG us",
		"MAX us");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *s = json_object_array_get_idx(list, i);

		printf("%-20s %10s %10s %10s %10.1f %10.1f\n", get(s, "call"), get(s, "calls"),
			get(s, "continued"), get(s, "failed"), number_of(s, "average_us"),
			number_of(s, "max_us"));
	}
	printf("workers: %s, idle: %s\n", get(answer, "workers"), get(answer, "idle"));
	list = list_of(answer, "networks");
	if (list && json_object_array_length(list) > 0) {
		printf("\n");
		show_networks(answer);
	}
	list = list_of(answer, "mounts");
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		show_mount_stat(json_object_array_get_idx(list, i));
	if (json_object_object_get_ex(answer, "profile", &profile) &&
		number_of(profile, "calls") > 0)
		show_profile(profile);
}

void show_level(struct json_object *answer)
{
	printf("%s\n", get(answer, "level"));
}
