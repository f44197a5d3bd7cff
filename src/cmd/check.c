/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json.h"
#include "base/rundir.h"
#include "facts/fact.h"

/* Where the user reads one, "Linux 6.1.0 x86_64" is worth a line; ours come before 5.14. */
static void show_kernel(void)
{
	struct utsname u;

	if (uname(&u) == 0)
		printf("%s %s %s\n", u.sysname, u.release, u.machine);
}

static struct json_object *fact_object(const struct fact *f, int err, const char *why)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_text(f->name));
	json_object_object_add(o, "what", json_text(f->what));
	json_object_object_add(o, "needed", json_object_new_boolean(f->must));
	json_object_object_add(o, "holds", json_object_new_boolean(err == 0));
	if (err < 0) {
		json_object_object_add(o, "why", json_text(why));
		json_object_object_add(o, "advice", json_text(f->without));
	}
	return o;
}

int check_machine(bool json)
{
	struct json_object *list = json_object_new_array();
	int status = 0;

	if (!json)
		show_kernel();
	for (size_t i = 0; i < facts_len; i++) {
		const struct fact *f = facts[i];
		char why[256] = "";
		int err = f->probe(why, sizeof(why));

		if (err < 0 && f->must)
			status = 1;
		json_object_array_add(list, fact_object(f, err, why));
		if (json)
			continue;
		printf("%-4s %s\n", err == 0 ? "yes" : f->must ? "NO" : "no", f->what);
		if (err < 0)
			printf("     (%s)\n     %s\n", why, f->without);
	}
	if (json)
		printf("%s\n", json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN));
	else
		printf("%s\n", status ? "umview cannot run here." : "umview can run here.");
	json_object_put(list);
	return status;
}

struct listing {
	struct json_object *json; /* NULL: print as text */
	bool any;
};

static int list_view(const struct rundir_info *info, void *arg)
{
	struct listing *l = arg;
	struct json_object *o;

	if (!l->json) {
		if (!l->any)
			printf("%-20s %8s %s\n", "NAME", "PID", "DIRECTORY");
		printf("%-20s %8d %s\n", info->name, (int)info->pid, info->path);
		l->any = true;
		return 0;
	}
	o = json_object_new_object();
	json_object_object_add(o, "name", json_text(info->name));
	json_object_object_add(o, "pid", json_object_new_int(info->pid));
	json_object_object_add(o, "rundir", json_text(info->path));
	json_object_array_add(l->json, o);
	return 0;
}

int list_views(bool json)
{
	struct listing l = { .json = json ? json_object_new_array() : NULL };

	(void)rundir_each(list_view, &l); /* list_view never stops it */
	if (json) {
		printf("%s\n", json_object_to_json_string_ext(l.json, JSON_C_TO_STRING_PLAIN));
		json_object_put(l.json);
	}
	return 0;
}
