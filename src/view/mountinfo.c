/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/mountinfo.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MOUNTINFO_MAX (16u << 20)

/* One field, up to the next space, without its escapes. */
static void get_escaped(const char *s, char buf[PATH_MAX])
{
	size_t n = 0;

	while (*s && *s != ' ' && *s != '\n' && n + 1 < PATH_MAX)
		buf[n++] = unescape_next(&s);
	buf[n] = '\0';
}

bool mountinfo_next(const char **text, struct mountinfo *ret)
{
	while (**text) {
		const char *line = *text, *f;
		int at = 0;

		*text = strchrnul(line, '\n');
		*text += **text == '\n';
		if (sscanf(line, "%d %*d %u:%u %n", &ret->id, &ret->major, &ret->minor, &at) != 3 ||
			!at)
			continue;
		get_escaped(line + at, ret->root);
		f = strchr(line + at, ' ');
		if (!f)
			continue;
		get_escaped(f + 1, ret->point);
		ret->line = line;
		return true;
	}
	return false;
}

bool mountinfo_find(const char *text, uint64_t id, struct mountinfo *ret)
{
	while (mountinfo_next(&text, ret)) {
		if ((uint64_t)ret->id == id)
			return true;
	}
	return false;
}

char *mountinfo_inside(const struct mountinfo *mi, const char *path)
{
	const char *rest = path_below(path, mi->point);

	return rest ? str_printf("%s%s", mi->root[1] || !*rest ? mi->root : "", rest) : NULL;
}

char *mountinfo_outside(const struct mountinfo *mi, dev_t dev, const char *inside)
{
	const char *rest =
		makedev(mi->major, mi->minor) == dev ? path_below(inside, mi->root) : NULL;

	return rest ? str_printf("%s%s", mi->point[1] || !*rest ? mi->point : "", rest) : NULL;
}

/* The field at *f, however long, malloc'ed; *f moves on to the next. */
static char *take_field(const char **f)
{
	const char *p = *f, *end = p + strcspn(p, " \n");
	char *text = malloc((size_t)(end - p) + 1);
	size_t n = 0;

	while (text && p < end)
		text[n++] = unescape_next(&p);
	if (text)
		text[n] = '\0';
	*f = end + (*end == ' ');
	return text;
}

int mountinfo_super(
	const struct mountinfo *mi, char **ret_type, char **ret_source, char **ret_options)
{
	_cleanup_free_ char *type = NULL, *source = NULL, *super = NULL, *options = NULL;
	const char *f = strstr(mi->line, " - "), *comma;

	if (!f || f > strchrnul(mi->line, '\n'))
		return -EINVAL;
	f += 3;
	type = take_field(&f);
	source = take_field(&f);
	super = take_field(&f);
	comma = super ? strchr(super, ',') : NULL;
	options = strdup(comma ? comma + 1 : "");
	if (!type || !source || !super || !options)
		return -ENOMEM;
	*ret_type = take_ptr(&type);
	*ret_source = take_ptr(&source);
	*ret_options = take_ptr(&options);
	return 0;
}

char *mountinfo_read(pid_t tid)
{
	char path[64], *text;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", tid);
	return read_file(path, MOUNTINFO_MAX, &text, NULL) < 0 ? NULL : text;
}

const char *path_below(const char *path, const char *top)
{
	size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);

	if (strncmp(path, top, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return n == 0 && path[1] == '\0' ? path + 1 : path + n;
}
