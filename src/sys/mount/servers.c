/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of servers: share/umview/servers, and the user's before it. Read anew for each mount:
 * mounts are rare, and a line added while a view runs counts at once.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "sys/mount/internal.h"

#define TABLE_MAX (256u << 10)

void server_release(struct server *s)
{
	free(s->type);
	free(s->command);
	free(s->package);
	*s = (struct server){ 0 };
}

char *server_command(const char *command)
{
	return strstr(command, "%m") ? strdup(command) : str_printf("%s %%s %%m -o %%o", command);
}

/* Cuts the next blank-separated word off *p. */
static char *next_word(char **p)
{
	char *s = *p + strspn(*p, " \t"), *end;

	if (!*s)
		return NULL;
	end = s + strcspn(s, " \t");
	*p = *end ? end + 1 : end;
	*end = '\0';
	return s;
}

static int find_in_file(const char *path, const char *type, struct server *ret)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	int r = read_file(path, TABLE_MAX, &text, NULL);

	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *name, *package, *command;

		name = next_word(&line);
		if (!name || name[0] == '#' || strcmp(name, type) != 0)
			continue;
		package = next_word(&line);
		command = line + strspn(line, " \t");
		if (!package || !*command) {
			log_warn("%s: the line for %s has no command", path, type);
			continue;
		}
		ret->type = strdup(type);
		ret->package = strdup(package);
		ret->command = strdup(command);
		if (ret->type && ret->package && ret->command)
			return 0;
		server_release(ret);
		return -ENOMEM;
	}
	return -ENOENT;
}

static char *user_table(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && config[0] == '/')
		return str_printf("%s/umview/servers", config);
	return str_printf("%s/.config/umview/servers", home ? home : "");
}

/* fuse.NAME that is in no table: NAME itself, as mount.fuse(8) does. */
static int find_by_name(const char *type, struct server *ret)
{
	const char *name = type + 5;

	if (strncmp(type, "fuse.", 5) != 0 || !*name)
		return -ENODEV;
	ret->type = strdup(type);
	ret->package = strdup(name);
	ret->command = str_printf("%s %%s %%m -o %%o", name);
	if (ret->type && ret->package && ret->command)
		return 0;
	server_release(ret);
	return -ENOMEM;
}

/* "TYPE=COMMAND": the last of a type counts. */
static int find_given(char *const *given, const char *type, struct server *ret)
{
	const char *command = NULL;
	size_t n = strlen(type);

	for (size_t i = 0; given && given[i]; i++) {
		if (strncmp(given[i], type, n) == 0 && given[i][n] == '=')
			command = given[i] + n + 1;
	}
	if (!command)
		return -ENOENT;
	ret->type = strdup(type);
	ret->command = server_command(command);
	if (ret->type && ret->command)
		return 0;
	server_release(ret);
	return -ENOMEM;
}

int server_find(char *const *given, const char *type, struct server *ret)
{
	_cleanup_free_ char *user = user_table();
	const char *const paths[] = { user, UM_DATADIR "/servers", UM_SOURCE_SHARE "/servers" };
	int found;

	if (!user)
		return -ENOMEM;
	*ret = (struct server){ 0 };
	found = find_given(given, type, ret);
	if (found != -ENOENT)
		return found;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = find_in_file(paths[i], type, ret);

		if (r == 0 || r == -ENOMEM)
			return r;
	}
	return find_by_name(type, ret);
}

static void put_place(FILE *out, char which, const struct server_places *at)
{
	switch (which) {
	case 's':
		fputs(at->source, out);
		break;
	case 'm':
		fputs(at->mountpoint, out);
		break;
	case 'o':
		fputs(at->options, out);
		break;
	case 'w':
		fprintf(out, "%.2s%s%s", at->options, at->options[1] == 'w' ? "+" : "",
			at->options + 2);
		break;
	case 'f':
		fprintf(out, "%llu", (unsigned long long)at->part.offset);
		break;
	case 'z':
		fprintf(out, "%llu", (unsigned long long)at->part.size);
		break;
	case 'U':
		fputs(at->url ? at->url->user : "", out);
		break;
	case 'H':
		fputs(at->url ? at->url->host : "", out);
		break;
	case 'N':
		fputs(at->url ? at->url->port : "", out);
		break;
	case 'A':
		fputs(at->url ? at->url->authority : "", out);
		break;
	case 'P':
		fputs(at->url ? at->url->path : "", out);
		break;
	case 'r':
		fputs(strncmp(at->options, "ro", 2) == 0 ? "-r" : "", out);
		break;
	default:
		fputc('%', out);
	}
}

/* One word of a template, with its places filled in and its quotes taken away. *drop: it is left
 * out. */
static int expand_word(FILE *out, const char **p, const struct server_places *at, bool *drop)
{
	char quote = 0;

	*drop = false;
	for (; **p && (quote || (**p != ' ' && **p != '\t')); (*p)++) {
		char ch = **p;

		if (quote ? ch == quote : ch == '"' || ch == '\'') {
			quote = quote ? 0 : ch;
		} else if (ch == '%' && (*p)[1] && strchr("smowfzrUHNAP%", (*p)[1])) {
			*drop = *drop || ((*p)[1] == 'N' && (!at->url || !at->url->port[0]));
			put_place(out, *++*p, at);
		} else {
			fputc(ch, out);
		}
	}
	return quote ? -EINVAL : 0;
}

void strv_free(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

int server_argv(const char *command, const struct server_places *places, char ***ret)
{
	char **v = NULL;
	size_t n = 0;
	int r = 0;

	for (;;) {
		char *word = NULL, **bigger;
		bool drop = false;
		size_t len;
		FILE *out;

		bigger = realloc(v, (n + 2) * sizeof(*v));
		if (!bigger) {
			r = -ENOMEM;
			break;
		}
		v = bigger;
		v[n] = NULL;
		command += strspn(command, " \t");
		if (!*command)
			break;
		out = open_memstream(&word, &len);
		if (!out) {
			r = -ENOMEM;
			break;
		}
		r = expand_word(out, &command, places, &drop);
		if (fclose(out) != 0 && r == 0)
			r = -ENOMEM;
		if (r == 0 && (drop || len == 0)) { /* a %r that says nothing */
			free(word);
			continue;
		}
		v[n++] = word;
		v[n] = NULL;
		if (r < 0)
			break;
	}
	if (r == 0 && n == 0)
		r = -EINVAL;
	if (r < 0) {
		strv_free(v);
		return r;
	}
	*ret = v;
	return 0;
}

/* As execvp(3) looks, and /sbin, /usr/sbin for a user whose PATH has them not. */
bool server_installed(const char *program)
{
	_cleanup_free_ char *path = path_with_sbin(), *dirs = NULL;
	char *save = NULL;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	dirs = strdup(path ? path + 5 : "/usr/local/bin:/usr/bin:/bin");
	for (char *d = dirs ? strtok_r(dirs, ":", &save) : NULL; d;
		d = strtok_r(NULL, ":", &save)) {
		_cleanup_free_ char *full = str_printf("%s/%s", d, program);

		if (full && access(full, X_OK) == 0)
			return true;
	}
	return false;
}
