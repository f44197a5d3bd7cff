/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -F: a table of mounts in the form of fstab(5), made into what -m takes. Besides what fstab(5)
 * has, $VAR, ${VAR} and a leading ~ are replaced in source and target. A mount comes after those
 * that its source or its target lies on, else in the file's order.
 */
#include "cmd/fstab.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define FSTAB_MAX (1u << 20)

struct entry {
	char *source, *target, *type, *options;
	bool done;
};

struct table {
	struct entry *v;
	size_t n;
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

/* One line: 0, -EINVAL after a message. */
static int take_line(struct table *t, char *line, const char *file, unsigned number)
{
	char *save = NULL, *source = strtok_r(line, " \t", &save), *target, *type, *options;
	struct entry *more, *e;

	if (!source || source[0] == '#')
		return 0;
	target = strtok_r(NULL, " \t", &save);
	type = strtok_r(NULL, " \t", &save);
	options = strtok_r(NULL, " \t", &save);
	if (!target || !type) {
		log_user("%s:%u: a line has source, target, type and options, as in fstab(5)", file,
			number);
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
	return e->source && e->target && e->type && e->options ? 0 : -ENOMEM;
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

int fstab_read(const char *file, int (*fn)(void *arg, char *spec), void *arg)
{
	_cleanup_(table_release) struct table t = { NULL, 0 };
	_cleanup_free_ char *text = NULL, *line = NULL;
	_cleanup_(close_text) FILE *in = NULL;
	size_t size = 0, len = 0;
	unsigned number = 0;
	struct entry *e;
	int r = read_file(file, FSTAB_MAX, &text, &len);

	if (r < 0) {
		log_user("%s: %s", file, strerror(-r));
		return r;
	}
	in = len ? fmemopen(text, len, "r") : NULL;
	while (r == 0 && in && getline(&line, &size, in) > 0) {
		line[strcspn(line, "\n")] = '\0';
		r = take_line(&t, line, file, ++number);
	}
	while (r == 0 && (e = next_entry(&t))) {
		char *spec = spec_of(e);

		e->done = true;
		r = spec ? fn(arg, spec) : -ENOMEM;
	}
	return r;
}
