/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -F: a table of mounts in the form of fstab(5), made into what the options of the command line
 * take. Besides what fstab(5) has, $VAR, ${VAR} and a leading ~ are replaced in source and target.
 * A mount comes after those that its source or its target lies on, else in the file's order.
 *
 * What is no mount has a type of its own: "LAYER FOLDER cow", "TREE / rootfs", "LINK none net", and
 * "none none view" for what is said of the view as a whole. cmd/settings.c writes such lines.
 */
#include "cmd/fstab.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "fs/overlay/overlay.h"

#define FSTAB_MAX (1u << 20)

struct entry {
	char *source, *target, *type, *options;
	bool done;
};

struct table {
	struct entry *v;
	size_t n;
	const char *file;
	unsigned line; /* the number of the one that is read */
	fstab_fn *fn;
	void *arg;
};

static void table_release(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].source);
		free(t->v[i].target);
		free(t->v[i].type);
		free(t->v[i].options);
	}
	free(t->v);
}

static void close_text(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* $NAME or ${NAME} at s: its value goes out; the characters that it took, 0: it is none. */
static size_t put_variable(FILE *out, const char *s)
{
	bool braces = s[1] == '{';
	const char *name = s + 1 + braces;
	_cleanup_free_ char *word = NULL;
	size_t n = 0;

	while (isalnum((unsigned char)name[n]) || name[n] == '_')
		n++;
	if (n == 0 || (braces && name[n] != '}'))
		return 0;
	word = strndup(name, n);
	fputs((word ? getenv(word) : NULL) ?: "", out);
	return 1 + n + 2 * (size_t)braces;
}

/* A field with its \040 and so on, and with its variables where it is a path. malloc'ed. */
static char *field(const char *word, bool path)
{
	const char *home = getenv("HOME");
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	if (path && word[0] == '~' && (!word[1] || word[1] == '/') && home) {
		fputs(home, out);
		word++;
	}
	while (*word) {
		size_t n = path && *word == '$' ? put_variable(out, word) : 0;

		if (n == 0)
			fputc(unescape_next(&word), out);
		word += n;
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static bool has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = options; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		if (strncmp(p, name, n) == 0 && (p[n] == '\0' || p[n] == ','))
			return true;
	}
	return false;
}

static int refuse(const struct table *t, const char *what, const char *word)
{
	log_user("%s:%u: %s: \"%s\"", t->file, t->line, what, word);
	return -EINVAL;
}

/* ---- what is no mount ---- */

/* The next option of a list that mount(8) does not mean for itself; NULL: there is none. */
static char *next_setting(char **rest)
{
	char *opt;

	while ((opt = overlay_next_name(rest, ','))) {
		if (*opt && strcmp(opt, "defaults") != 0)
			return opt;
	}
	return NULL;
}

/* The option with what out (whose text is *text) has and the options of the line. */
static int give(
	const struct table *t, const char *option, const struct entry *e, FILE *out, char **text)
{
	_cleanup_free_ char *copy = strdup(e->options);
	char *rest = copy, *opt;

	while ((opt = next_setting(&rest)))
		put_backslashed(out, ",", opt, "\\,");
	if (fclose(out) == 0 && copy)
		return t->fn(t->arg, option, *text);
	free(*text);
	return -ENOMEM;
}

static int take_cow(const struct table *t, const struct entry *e)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	if (strcmp(e->source, "none") != 0)
		put_backslashed(out, "", e->source, "\\,");
	if (strcmp(e->target, "none") != 0)
		put_backslashed(out, ",of=", e->target, "\\,");
	return give(t, "cow", e, out, &text);
}

/* What has no options but those that follow its name. */
static int take_named(const struct table *t, const struct entry *e, const char *option)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	fputs(e->source, out);
	return give(t, option, e, out, &text);
}

static int take_net(const struct table *t, const struct entry *e)
{
	return take_named(t, e, "net");
}

static int take_rootfs(const struct table *t, const struct entry *e)
{
	_cleanup_free_ char *copy = strdup(e->options);
	char *rest = copy, *opt, *dir;
	int r = copy ? 0 : -ENOMEM;

	if (strncmp(e->source, "oci:", 4) == 0)
		return take_named(t, e, "rootfs");
	while (r == 0 && (opt = next_setting(&rest)))
		r = strcmp(opt, "host-basics") == 0
			    ? t->fn(t->arg, opt, NULL)
			    : refuse(t, "a folder as the root has the option host-basics", opt);
	dir = r == 0 ? strdup(e->source) : NULL;
	if (r == 0)
		r = dir ? t->fn(t->arg, "rootfs", dir) : -ENOMEM;
	return r;
}

/* One of those that are said of the view as a whole; else NULL. */
static const char *view_option(const char *opt)
{
	static const char *const names[] = { "root", "name", "cache-size", "net-family" };
	const size_t n = strcspn(opt, "=");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == n && strncmp(names[i], opt, n) == 0)
			return names[i];
	}
	return strncmp(opt, "server=", 7) == 0 ? "option" : NULL;
}

static int take_view(const struct table *t, const struct entry *e)
{
	_cleanup_free_ char *copy = strdup(e->options);
	char *rest = copy, *opt;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (opt = next_setting(&rest))) {
		const char *name = view_option(opt), *value = strchr(opt, '=');
		char *word = NULL;

		if (!name)
			return refuse(t,
				"a line of type view has the options root, name=, cache-size=, "
				"net-family= and server=",
				opt);
		if (strcmp(name, "option") == 0)
			value = opt - 1;
		if (value) {
			word = strdup(value + 1);
			r = word ? 0 : -ENOMEM;
		}
		if (r == 0)
			r = t->fn(t->arg, name, word);
	}
	return r;
}

static const struct setting {
	const char *type;
	const char *target; /* "none" will do, too; NULL: any */
	int (*take)(const struct table *t, const struct entry *e);
} settings[] = {
	{ "cow", NULL, take_cow },
	{ "net", "none", take_net },
	{ "rootfs", "/", take_rootfs },
	{ "view", "none", take_view },
};

static int take_setting(const struct table *t, struct entry *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const struct setting *s = &settings[i];

		if (strcmp(e->type, s->type) != 0)
			continue;
		e->done = true;
		if (s->target && strcmp(e->target, s->target) != 0 &&
			strcmp(e->target, "none") != 0)
			return refuse(t, "what is of this type has no other target than / or none",
				e->target);
		return s->take(t, e);
	}
	return 0;
}

/* ---- lines ---- */

/* One line: 0, -EINVAL after a message. */
static int take_line(struct table *t, char *line)
{
	char *save = NULL, *source = strtok_r(line, " \t", &save), *target, *type, *options;
	struct entry *more, *e;

	if (!source || source[0] == '#')
		return 0;
	target = strtok_r(NULL, " \t", &save);
	type = strtok_r(NULL, " \t", &save);
	options = strtok_r(NULL, " \t", &save);
	if (!target || !type) {
		log_user("%s:%u: a line has source, target, type and options, as in fstab(5)",
			t->file, t->line);
		return -EINVAL;
	}
	if (strcmp(type, "swap") == 0 || has_option(options, "noauto"))
		return 0;
	more = reallocarray(t->v, t->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->v = more;
	e = &t->v[t->n++];
	*e = (struct entry){ .source = field(source, true),
		.target = field(target, true),
		.type = field(type, false),
		.options = field(options ? options : "defaults", false) };
	return e->source && e->target && e->type && e->options ? take_setting(t, e) : -ENOMEM;
}

/* Does the path lie on (or in) this folder? */
static bool lies_on(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	while (n > 1 && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0' || folder[n - 1] == '/');
}

static bool must_wait(const struct table *t, const struct entry *e)
{
	for (const struct entry *o = t->v; o < t->v + t->n; o++) {
		if (o == e || o->done)
			continue;
		/* of two on the same place the earlier comes first */
		if (lies_on(e->source, o->target) ||
			(lies_on(e->target, o->target) &&
				(!lies_on(o->target, e->target) || o < e)))
			return true;
	}
	return false;
}

static struct entry *next_entry(const struct table *t)
{
	struct entry *first = NULL;

	for (struct entry *e = t->v; e < t->v + t->n; e++) {
		if (e->done)
			continue;
		if (!must_wait(t, e))
			return e;
		if (!first)
			first = e;
	}
	return first; /* each waits for another: as written */
}

static void put_name(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (strchr(":,\\", *s))
			fputc('\\', out);
		fputc(*s, out);
	}
}

/* What -m takes. malloc'ed. */
static char *spec_of(const struct entry *e)
{
	bool plain = strcmp(e->type, "auto") == 0 || strcmp(e->type, "none") == 0 ||
		     strcmp(e->type, "fuse") == 0;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	put_name(out, e->source);
	fputc(':', out);
	put_name(out, e->target);
	fprintf(out, ",%s%s%s", e->options, plain ? "" : ",type=", plain ? "" : e->type);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

int fstab_read(const char *file, fstab_fn *fn, void *arg)
{
	_cleanup_(table_release) struct table t = { .file = file, .fn = fn, .arg = arg };
	_cleanup_free_ char *text = NULL, *line = NULL;
	_cleanup_(close_text) FILE *in = NULL;
	size_t size = 0, len = 0;
	struct entry *e;
	int r = read_file(file, FSTAB_MAX, &text, &len);

	if (r < 0) {
		log_user("%s: %s", file, strerror(-r));
		return r;
	}
	in = len ? fmemopen(text, len, "r") : NULL;
	for (t.line = 1; r == 0 && in && getline(&line, &size, in) > 0; t.line++) {
		line[strcspn(line, "\n")] = '\0';
		r = take_line(&t, line);
	}
	while (r == 0 && (e = next_entry(&t))) {
		char *spec = spec_of(e);

		e->done = true;
		r = spec ? fn(arg, "mount", spec) : -ENOMEM;
	}
	return r;
}
