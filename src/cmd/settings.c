/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/settings.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cow.h"
#include "cmd/rootfs.h"
#include "net/family.h"
#include "sys/mount/calls.h"
#include "sys/mount/mountsrv.h"

struct lines {
	char **v;
	size_t n;
};

static int add(struct lines *l, const char *source, const char *target, const char *type,
	const char *options)
{
	char **more = reallocarray(l->v, l->n + 2, sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->v = more;
	more[l->n + 1] = NULL;
	more[l->n] = mount_table_line(source, target, type, options, 0);
	return more[l->n] ? (l->n++, 0) : -ENOMEM;
}

/* A list of options that is being written: the text goes to *text at fclose(). */
static void put_option(FILE *out, const char *name, const char *value)
{
	if (ftell(out) > 0)
		fputc(',', out);
	fputs(name, out);
	if (value)
		put_backslashed(out, "=", value, "\\,");
}

static int add_view(struct lines *l, const struct run_options *o)
{
	_cleanup_free_ char *text = NULL, *size = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r = 0;

	if (!out)
		return -ENOMEM;
	if (o->root && !o->image)
		put_option(out, "root", NULL);
	if (o->name)
		put_option(out, "name", o->name);
	if (o->cache_size) {
		size = str_printf("%llu", (unsigned long long)*o->cache_size);
		put_option(out, "cache-size", size ? size : "");
	}
	for (size_t i = 0; o->net_families && o->net_families[i]; i++)
		put_option(out, "net-family", o->net_families[i]);
	for (size_t i = 0; o->servers && o->servers[i]; i++)
		put_option(out, "server", o->servers[i]);
	if (fclose(out) != 0)
		return -ENOMEM;
	if (len > 0)
		r = add(l, "none", "none", "view", text);
	return r;
}

static int add_image(struct lines *l, const struct rootfs *image)
{
	_cleanup_free_ char *text = NULL, *real = realpath(image->file, NULL);
	_cleanup_free_ char *source = str_printf("oci:%s", real ? real : image->file);
	size_t len;
	FILE *out = source ? open_memstream(&text, &len) : NULL;

	if (!out)
		return -ENOMEM;
	if (image->ref)
		put_option(out, "ref", image->ref);
	if (image->cow)
		put_option(out, "cow", image->cow);
	if (image->ro)
		put_option(out, "ro", NULL);
	if (image->entrypoint)
		put_option(out, "entrypoint", image->entrypoint);
	return fclose(out) == 0 ? add(l, source, "/", "rootfs", text) : -ENOMEM;
}

static int add_rootfs(struct lines *l, const struct run_options *o)
{
	_cleanup_free_ char *real = o->rootfs ? realpath(o->rootfs, NULL) : NULL;

	if (o->image)
		return add_image(l, o->image);
	return o->rootfs ? add(l, real ? real : o->rootfs, "/", "rootfs", NULL) : 0;
}

static int add_cow(struct lines *l, const char *spec)
{
	struct cow_layer c = { 0 };
	_cleanup_free_ char *name = NULL;
	int r = cow_parse(spec, &c, &name);

	if (r == 0)
		r = add(l, name ? name : "none", c.of, "cow",
			c.ro && c.consistent ? "ro,consistent"
			: c.ro		     ? "ro"
			: c.consistent	     ? "consistent"
					     : NULL);
	free(c.of);
	return r;
}

static int add_net(struct lines *l, const char *spec)
{
	_cleanup_free_ char *link = strdup(spec);
	char *comma = link ? strchr(link, ',') : NULL;

	if (comma)
		*comma = '\0';
	return link ? add(l, link, "none", "net", comma ? comma + 1 : NULL) : -ENOMEM;
}

/* A mount of -m, if it is a rule. */
static int add_rule(struct lines *l, const char *spec)
{
	_cleanup_free_ char *source = NULL, *target = NULL, *options = NULL, *cwd = NULL;
	_cleanup_free_ char *whole = NULL;

	if (!strstr(spec, ",policy=") || mount_spec_parse(spec, &source, &target, &options) < 0)
		return 0;
	cwd = target[0] == '/' ? NULL : getcwd(NULL, 0);
	whole = str_printf("%s%s%s", cwd ? cwd : "", cwd ? "/" : "", target);
	return whole ? add(l, "none", whole, "none", options) : -ENOMEM;
}

static int add_each(
	struct lines *l, char *const *list, int (*fn)(struct lines *l, const char *spec))
{
	int r = 0;

	for (size_t i = 0; list && list[i] && r == 0; i++)
		r = fn(l, list[i]);
	return r;
}

int settings_new(const struct run_options *o, char ***ret)
{
	struct lines l = { NULL, 0 };
	int r = add_view(&l, o);

	if (r == 0)
		r = add_rootfs(&l, o);
	if (r == 0)
		r = add_each(&l, o->cows, add_cow);
	if (r == 0)
		r = add_each(&l, o->nets, add_net);
	if (r == 0)
		r = add_each(&l, o->mounts, add_rule);
	if (r == 0)
		*ret = l.v;
	else
		settings_free(l.v);
	return r;
}

void settings_free(char **lines)
{
	for (size_t i = 0; lines && lines[i]; i++)
		free(lines[i]);
	free(lines);
}
