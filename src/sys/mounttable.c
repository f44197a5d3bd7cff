/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mount tables of /proc as a task of the view sees them: the host's lines, as the kernel gives
 * them for that task, then those of the view's own mounts, in the same formats
 * (Documentation/filesystems/proc.rst; fs/proc_namespace.c).
 */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sys/procfile.h"

#define TABLE_MAX (16u << 20)

struct text {
	FILE *out;
	struct view *view;
	enum procfile_table kind;
	const char *host; /* the task's mountinfo, for the parents of our mounts */
};

/* As the kernel's mangle(): what would break a line is written in octal. */
static void put_escaped(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (strchr(" \t\n\\#", *s))
			fprintf(out, "\\%03o", (unsigned char)*s);
		else
			fputc(*s, out);
	}
}

/* Undoes the escapes of one field of a host's line, up to the next space. */
static size_t get_escaped(const char *s, char *buf, size_t size)
{
	size_t n = 0;

	while (*s && *s != ' ' && *s != '\n' && n + 1 < size) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			buf[n++] = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			buf[n++] = *s++;
		}
	}
	buf[n] = '\0';
	return n;
}

/* Is `path` at or below the directory `top`? */
static bool lies_in(const char *path, const char *top, size_t top_len)
{
	if (top_len == 1 && top[0] == '/')
		return true;
	return strncmp(path, top, top_len) == 0 && (path[top_len] == '\0' || path[top_len] == '/');
}

/* The id of the host's mount that a path lies on: the last of those with the longest mount point. */
static int host_parent(const char *host, const char *path)
{
	size_t best_len = 0;
	int best = 1;

	for (const char *line = host; line && *line; line = strchr(line, '\n')) {
		char point[PATH_MAX];
		const char *f;
		size_t len;
		int id;

		if (*line == '\n')
			line++;
		if (sscanf(line, "%d", &id) != 1)
			continue;
		f = line;
		for (int i = 0; f && i < 4; i++) {
			f = strchr(f, ' ');
			f = f ? f + 1 : NULL;
		}
		if (!f)
			continue;
		len = get_escaped(f, point, sizeof(point));
		if (len >= best_len && lies_in(path, point, len)) {
			best_len = len;
			best = id;
		}
	}
	return best;
}

static void put_flags(FILE *out, unsigned long flags, bool with_ro)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} names[] = {
		{ MS_NOSUID, ",nosuid" },
		{ MS_NODEV, ",nodev" },
		{ MS_NOEXEC, ",noexec" },
		{ MS_NOATIME, ",noatime" },
		{ MS_NODIRATIME, ",nodiratime" },
		{ MS_RELATIME, ",relatime" },
		{ MS_NOSYMFOLLOW, ",nosymfollow" },
	};

	if (with_ro)
		fputs(flags & MS_RDONLY ? "ro" : "rw", out);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (flags & names[i].flag)
			fputs(names[i].name, out);
	}
}

static void put_super_flags(FILE *out, unsigned long flags)
{
	if (flags & MS_SYNCHRONOUS)
		fputs(",sync", out);
	if (flags & MS_DIRSYNC)
		fputs(",dirsync", out);
	if (flags & MS_LAZYTIME)
		fputs(",lazytime", out);
}

static bool read_only(const struct mount *m)
{
	return (m->flags & MS_RDONLY) || (m->fs->flags & FS_READ_ONLY);
}

static void put_options(FILE *out, const struct mount *m)
{
	if (m->options && m->options[0])
		fprintf(out, ",%s", m->options);
}

static void put_mountinfo(struct text *t, struct mount *m)
{
	int parent = m->parent ? m->parent->id : host_parent(t->host, m->target);
	_cleanup_free_ char *root = m->root->nodeid == m->fs->root_node ? NULL : inode_path(m->root);
	const char *above = m->fs->host_root && m->fs->host_root[1] ? m->fs->host_root : "";

	fprintf(t->out, "%d %d %u:%u ", m->id, parent, major(m->fs->dev), minor(m->fs->dev));
	put_escaped(t->out, above);
	if (root || !*above)
		put_escaped(t->out, root ? root : "/");
	fputc(' ', t->out);
	put_escaped(t->out, m->target);
	fputc(' ', t->out);
	put_flags(t->out, m->flags, true);
	fputs(" - ", t->out);
	put_escaped(t->out, m->type);
	fputc(' ', t->out);
	put_escaped(t->out, m->source);
	fputs(read_only(m) ? " ro" : " rw", t->out);
	put_super_flags(t->out, m->flags);
	put_options(t->out, m);
	fputc('\n', t->out);
}

static void put_mounts(struct text *t, struct mount *m)
{
	put_escaped(t->out, m->source);
	fputc(' ', t->out);
	put_escaped(t->out, m->target);
	fputc(' ', t->out);
	put_escaped(t->out, m->type);
	fputs(read_only(m) ? " ro" : " rw", t->out);
	put_super_flags(t->out, m->flags);
	put_flags(t->out, m->flags, false);
	put_options(t->out, m);
	fputs(" 0 0\n", t->out);
}

static void put_mountstats(struct text *t, struct mount *m)
{
	fputs("device ", t->out);
	put_escaped(t->out, m->source);
	fputs(" mounted on ", t->out);
	put_escaped(t->out, m->target);
	fputs(" with fstype ", t->out);
	put_escaped(t->out, m->type);
	fputc('\n', t->out);
}

/* The table of mounts is read-locked: only memory is touched here. */
static void put_mount(struct mount *m, void *arg)
{
	struct text *t = arg;

	if (m->detached)
		return;
	switch (t->kind) {
	case TABLE_MOUNTINFO:
		put_mountinfo(t, m);
		break;
	case TABLE_MOUNTS:
		put_mounts(t, m);
		break;
	case TABLE_MOUNTSTATS:
		put_mountstats(t, m);
		break;
	}
}

static int read_host(pid_t tid, const char *name, char **ret, size_t *ret_len)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	return read_file(path, TABLE_MAX, ret, ret_len);
}

int mounttable_text(
	struct um *um, pid_t tid, enum procfile_table kind, char **ret, size_t *ret_len)
{
	static const char *const names[] = { "mounts", "mountinfo", "mountstats" };
	_cleanup_free_ char *own = NULL, *info = NULL;
	struct text t = { .view = &um->view, .kind = kind };
	size_t own_len;
	int r;

	r = read_host(tid, names[kind], &own, &own_len);
	if (r < 0)
		return r;
	t.host = own;
	t.out = open_memstream(&info, ret_len);
	if (!t.out)
		return -ENOMEM;
	fwrite(own, 1, own_len, t.out);
	view_each_mount(&um->view, put_mount, &t);
	r = ferror(t.out) ? -ENOMEM : 0;
	if (fclose(t.out) != 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	*ret = take_ptr(&info);
	return 0;
}
