/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mount as a line of fstab(5), for umctl export. */
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "sys/mount/calls.h"
#include "sys/mount/internal.h"

/* $ and ~ too, which umview -F would replace. */
static void put_field(FILE *out, const char *s)
{
	mount_put_octal(out, s, " \t\n\\$~#");
}

char *mount_table_line(const char *source, const char *target, const char *type,
	const char *options, unsigned long flags)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	put_field(out, source);
	fputc('\t', out);
	put_field(out, target);
	fprintf(out, "\t%s\t", flags & MS_BIND ? "none" : type && *type ? type : "auto");
	put_field(out, options && *options ? options : "defaults");
	if ((flags & MS_BIND) && !mount_options_have(options, "bind"))
		fputs(",bind", out);
	if ((flags & MS_RDONLY) && !mount_options_have(options, "ro"))
		fputs(",ro", out);
	fputs("\t0 0", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

struct noting {
	const char *target;
	char *line;	  /* until a mount has it */
	struct mount *at; /* which one */
};

/* The newest of that place comes last: what was mounted by hand below it has none. */
static void note(struct mount *m, void *arg)
{
	struct noting *n = arg;
	char *none = NULL;

	if (strcmp(m->target, n->target) != 0 || atomic_load(&m->detached) ||
		atomic_load(&m->table_line))
		return;
	if (n->at)
		n->line = atomic_exchange(&n->at->table_line, NULL);
	n->at = m;
	if (atomic_compare_exchange_strong(&m->table_line, &none, n->line))
		n->line = NULL;
}

void mount_note_line(struct view *v, const char *target, char *line)
{
	struct noting n = { .target = target, .line = line };

	if (line)
		view_each_mount(v, note, &n);
	free(n.line);
}

void mount_note_brought(struct view *v, const char *target)
{
	mount_note_line(v, target, strdup(""));
}
