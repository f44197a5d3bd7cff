/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a mount: the options of fstab(5), and what -m takes. */
#include <stdio.h>
#include <string.h>

#include "sys/mount/internal.h"

void mount_options_release(struct mount_options *o)
{
	free(o->type);
	free(o->server);
	free(o->rest);
	free(o->partition);
	free(o->policy);
	free(o->make);
	free(o->offset);
}

static const struct {
	const char *name;
	unsigned long set, clear;
} flag_options[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },
	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME },
	{ "relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME },
	{ "strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "lazytime", MS_LAZYTIME, 0 },
	{ "nosymfollow", MS_NOSYMFOLLOW, 0 },
	{ "bind", MS_BIND, 0 },
	{ "rbind", MS_BIND | MS_REC, 0 },
	/* what mount(8) and fstab(5) mean for themselves */
	{ "defaults", 0, 0 },
	{ "auto", 0, 0 },
	{ "noauto", 0, 0 },
	{ "user", 0, 0 },
	{ "users", 0, 0 },
	{ "nouser", 0, 0 },
	{ "owner", 0, 0 },
	{ "nofail", 0, 0 },
	{ "_netdev", 0, 0 },
	{ "loop", 0, 0 },
};

static bool take_value(const char *opt, const char *name, char **value)
{
	size_t n = strlen(name);

	if (strncmp(opt, name, n) != 0)
		return false;
	free(*value);
	*value = strdup(opt + n);
	return true;
}

/* One option: its flags, or one of ours; false: the server's. */
static bool take_option(struct mount_options *o, const char *opt)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_options); i++) {
		if (strcmp(opt, flag_options[i].name) == 0) {
			o->flags = (o->flags & ~flag_options[i].clear) | flag_options[i].set;
			return true;
		}
	}
	if (take_value(opt, "type=", &o->type) || take_value(opt, "server=", &o->server) ||
		take_value(opt, "make=", &o->make) || take_value(opt, "policy=", &o->policy) ||
		take_value(opt, "partition=", &o->partition) ||
		take_value(opt, "offset=", &o->offset))
		return true;
	if (strcmp(opt, "backing-files") == 0) {
		o->backing_files = true;
		return true;
	}
	if (strcmp(opt, "fsck") == 0) {
		o->fsck = true;
		return true;
	}
	return strncmp(opt, "x-", 2) == 0 || strncmp(opt, "X-", 2) == 0 ||
	       strncmp(opt, "loop=", 5) == 0 || strncmp(opt, "comment=", 8) == 0;
}

bool mount_options_have(const char *options, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = options; p && *p; p += strcspn(p, ","), p += *p == ',')
		if (strncmp(p, word, n) == 0 && (p[n] == '\0' || p[n] == ','))
			return true;
	return false;
}

/* Is an option of that name, "NAME" or "NAME=VALUE", among others? */
static bool have_named(const char *options, const char *opt)
{
	size_t n = strcspn(opt, "=,");

	for (const char *p = options; *p; p += strcspn(p, ","), p += *p == ',')
		if (strncmp(p, opt, n) == 0 && strchr("=,", p[n]))
			return true;
	return false;
}

char *mount_options_merge(const char *old, const char *new)
{
	/* mount(8) names the old ones again, before the new */
	_cleanup_free_ char *all = str_printf("%s,%s", old, new);
	const char *comma = "", *next;
	char *text = NULL;
	size_t size;
	FILE *out = all ? open_memstream(&text, &size) : NULL;

	if (!out)
		return NULL;
	for (const char *p = all; *p; p = next) {
		int n = (int)strcspn(p, ",");

		next = p + n + (p[n] == ',');
		if (!n || have_named(next, p))
			continue;
		fprintf(out, "%s%.*s", comma, n, p);
		comma = ",";
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

void mount_put_option(FILE *out, const char *before, const char *opt)
{
	put_backslashed(out, before, opt, ",\\");
}

/* As it was given: what else is escaped in it is its reader's (names in lists of overlays). */
static void put_again(FILE *out, const char *opt)
{
	for (fputc(',', out); *opt; opt++) {
		if (*opt == ',')
			fputc('\\', out);
		else if (opt[0] == '\\' && opt[1])
			fputc(*opt++, out);
		fputc(*opt, out);
	}
}

/* Splits at commas; "\," is a comma of an option's own. */
int mount_options_parse(const char *options, unsigned long flags, struct mount_options *ret)
{
	struct mount_options o = { .flags = flags };
	size_t len;
	FILE *rest = open_memstream(&o.rest, &len);
	_cleanup_free_ char *opt = malloc(strlen(options ? options : "") + 1);
	int r = opt ? 0 : -ENOMEM;

	if (!rest)
		return -ENOMEM;
	for (const char *p = options ? options : ""; opt && *p;) {
		size_t n = 0;

		for (; *p && *p != ','; p++) {
			if (p[0] == '\\' && p[1] == ',')
				p++;
			else if (p[0] == '\\' && p[1])
				opt[n++] = *p++;
			opt[n++] = *p;
		}
		opt[n] = '\0';
		p += *p == ',';
		if (n && !take_option(&o, opt))
			put_again(rest, opt);
	}
	if (fclose(rest) != 0)
		r = -ENOMEM;
	if (r < 0)
		mount_options_release(&o);
	else
		*ret = o;
	return r;
}

static char *unescape(const char *s, size_t n)
{
	char *out = malloc(n + 1);
	size_t len = 0;

	for (size_t i = 0; out && i < n; i++) {
		if (s[i] == '\\' && i + 1 < n && strchr(":,\\", s[i + 1]))
			i++;
		out[len++] = s[i];
	}
	if (out)
		out[len] = '\0';
	return out;
}

/* The first of this character that no backslash stands before, or the end. */
static size_t find_plain(const char *s, char ch)
{
	size_t i;

	for (i = 0; s[i] && s[i] != ch; i++) {
		if (s[i] == '\\' && s[i + 1])
			i++;
	}
	return i;
}

int mount_spec_parse(const char *spec, char **ret_source, char **ret_target, char **ret_options)
{
	size_t total = find_plain(spec, ','), colon = 0, at = 0;
	bool found = false;

	/* the last colon before the options: "host:dir:/mnt" */
	while (at < total) {
		size_t n = find_plain(spec + at, ':');

		if (at + n >= total)
			break;
		colon = at + n;
		found = true;
		at = colon + 1;
	}
	if (!found || colon == 0 || colon + 1 >= total)
		return -EINVAL;
	*ret_source = unescape(spec, colon);
	*ret_target = unescape(spec + colon + 1, total - colon - 1);
	*ret_options = strdup(spec[total] ? spec + total + 1 : "");
	if (*ret_source && *ret_target && *ret_options)
		return 0;
	free(*ret_source);
	free(*ret_target);
	free(*ret_options);
	return -ENOMEM;
}
