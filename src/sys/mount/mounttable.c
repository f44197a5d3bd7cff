/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mount tables of /proc as a task of the view sees them: the host's lines, as the kernel gives
 * them for that task, then those of the view's own mounts, in the same formats
 * (Documentation/filesystems/proc.rst; fs/proc_namespace.c). Where the task has a root that the
 * kernel does not know of, names begin there, and what is not below it is left out, as the kernel
 * does.
 */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sys/mount/calls.h"
#include "sys/proc/file.h"
#include "view/elsewhere.h"
#include "view/mountinfo.h"
#include "view/root.h"
#include "view/space.h"

#define TABLE_MAX (16u << 20)

struct text {
	FILE *out;
	struct view *view;
	enum procfile_table kind;
	pid_t tid;
	const char *host; /* its mountinfo, for the places and parents of our mounts */
	struct mount **mounts;
	size_t n, size;
	char *root; /* the task's, by the view's name; NULL: the view's own */
	bool elsewhere;
	const struct mount *tree; /* what is mounted on the host's root, of which nothing is below
				     it then; or NULL */
};

void mount_put_octal(FILE *out, const char *s, const char *which)
{
	for (; *s; s++) {
		if (strchr(which, *s))
			fprintf(out, "\\%03o", (unsigned char)*s);
		else
			fputc(*s, out);
	}
}

/* As the kernel's mangle(): what would break a line. */
static void put_escaped(FILE *out, const char *s)
{
	mount_put_octal(out, s, " \t\n\\#");
}

/* The id of the host's mount that a path lies on: the last of those with the longest mount point.
 */
static int host_parent(const char *host, const char *path)
{
	size_t best_len = 0;
	struct mountinfo mi;
	int best = 1;

	while (mountinfo_next(&host, &mi)) {
		size_t len = strlen(mi.point);

		if (len >= best_len && path_below(path, mi.point)) {
			best_len = len;
			best = mi.id;
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

char *mount_root_name(const struct mount *m)
{
	_cleanup_free_ char *root =
		m->root->nodeid == m->fs->root_node ? NULL : inode_path(m->root);
	const char *above = m->fs->host_root && m->fs->host_root[1] ? m->fs->host_root : "";

	return str_printf("%s%s", above, root ? root : *above ? "" : "/");
}

static void put_mountinfo(struct text *t, struct mount *m, const char *target)
{
	int parent = m->parent ? m->parent->id : host_parent(t->host, target);
	_cleanup_free_ char *root = mount_root_name(m);

	fprintf(t->out, "%d %d %u:%u ", m->id, parent, major(m->fs->dev), minor(m->fs->dev));
	put_escaped(t->out, root ? root : "/");
	fputc(' ', t->out);
	put_escaped(t->out, target);
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

static void put_mounts(struct text *t, struct mount *m, const char *target)
{
	put_escaped(t->out, m->source);
	fputc(' ', t->out);
	put_escaped(t->out, target);
	fputc(' ', t->out);
	put_escaped(t->out, m->type);
	fputs(read_only(m) ? " ro" : " rw", t->out);
	put_super_flags(t->out, m->flags);
	put_flags(t->out, m->flags, false);
	put_options(t->out, m);
	fputs(" 0 0\n", t->out);
}

static void put_mountstats(struct text *t, struct mount *m, const char *target)
{
	fputs("device ", t->out);
	put_escaped(t->out, m->source);
	fputs(" mounted on ", t->out);
	put_escaped(t->out, target);
	fputs(" with fstype ", t->out);
	put_escaped(t->out, m->type);
	fputc('\n', t->out);
}

/* The table of mounts is read-locked: only memory is touched here. */
static void count(UNUSED struct mount *m, void *arg)
{
	((struct text *)arg)->size++;
}

static void collect(struct mount *m, void *arg)
{
	struct text *t = arg;

	if (!m->detached && t->n < t->size)
		t->mounts[t->n++] = mount_get(m);
}

/* What a path of the view is called below the task's root; NULL: it is not there. */
static const char *below_root(const struct text *t, const char *path)
{
	const char *rest = t->root ? path_below(path, t->root) : path;

	return rest && !*rest ? "/" : rest;
}

static void put_mount(struct text *t, struct mount *m, const char *target)
{
	target = below_root(t, target);
	if (!target)
		return;
	switch (t->kind) {
	case TABLE_MOUNTINFO:
		put_mountinfo(t, m, target);
		break;
	case TABLE_MOUNTS:
		put_mounts(t, m, target);
		break;
	case TABLE_MOUNTSTATS:
		put_mountstats(t, m, target);
		break;
	}
}

/* A whole tree in the place of the host's, by --rootfs or a bind. */
static bool is_tree(const struct mount *m)
{
	return m->target_len == 1 && !m->seen_through && m->rule == RULE_NONE;
}

static int collect_all(struct text *t)
{
	ino_t space = space_of(t->view, t->tid);

	view_each_mount(t->view, count, t);
	t->mounts = calloc(t->size + 1, sizeof(*t->mounts));
	if (!t->mounts)
		return -ENOMEM;
	view_each_mount(t->view, collect, t);
	for (size_t i = 0; i < t->n && !t->elsewhere; i++) {
		if (space_sees(t->view, space, t->mounts[i]) && is_tree(t->mounts[i]))
			t->tree = t->mounts[i];
	}
	return 0;
}

static void put_all(struct text *t)
{
	ino_t space = space_of(t->view, t->tid);
	bool below = t->tree;

	for (size_t i = 0; i < t->n; i++) {
		struct mount *m = t->mounts[i];
		_cleanup_free_ char *name = NULL;

		below &= m != t->tree;
		if (below && m->target_len == 1)
			continue;
		if (t->elsewhere)
			name = elsewhere_name(t->view, t->tid, t->host, m);
		if (t->elsewhere ? name != NULL : space_sees(t->view, space, m))
			put_mount(t, m, name ? name : m->target);
	}
}

/* ---- the host's, where the root is another ---- */

/* The name by which the view has one of the host's mounts, whose parent's id becomes another with
 * it; malloc'ed. NULL: it is seen nowhere. */
static char *host_target(const struct text *t, const char *point, const struct mount **ret_on)
{
	*ret_on = NULL;
	if (!t->tree)
		return strdup(point);
	for (size_t i = t->n; i-- > 0;) {
		const struct mount *m = t->mounts[i];
		const char *rest = m->leads ? path_below(point, m->leads) : NULL;

		if (rest && *rest) {
			*ret_on = m;
			return str_printf("%s%s", m->target_len > 1 ? m->target : "", rest);
		}
	}
	return NULL;
}

/* A line of the task's own table, which is of the mount mi. */
static void put_host_line(struct text *t, const char *line, size_t len, const struct mountinfo *mi)
{
	/* how many fields stand before the mount point */
	const int before = t->kind == TABLE_MOUNTS ? 1 : 4;
	const struct mount *on = NULL;
	_cleanup_free_ char *whole = host_target(t, mi->point, &on);
	const char *name = whole ? below_root(t, whole) : NULL, *start = line, *p;
	int parent, at = 0;

	if (!name)
		return;
	if (on && t->kind == TABLE_MOUNTINFO && sscanf(line, "%*d %d%n", &parent, &at) == 1) {
		struct mountinfo above;
		bool direct = mountinfo_find(t->host, (uint64_t)parent, &above) &&
			      strcmp(above.point, on->leads) == 0;

		fprintf(t->out, "%d %d", mi->id, direct ? on->id : parent);
		start = line + at;
	}
	p = start;
	for (int i = at ? 1 : 0; i < before; i++) {
		p = memchr(p, ' ', (size_t)(line + len - p));
		if (!p++)
			return;
	}
	fwrite(start, 1, (size_t)(p - start), t->out);
	put_escaped(t->out, name);
	p += strcspn(p, " \n");
	fwrite(p, 1, (size_t)(line + len - p), t->out);
}

static const char *after_line(const char *line, const char *end)
{
	const char *newline = memchr(line, '\n', (size_t)(end - line));

	return newline ? newline + 1 : end;
}

static void put_host(struct text *t, const char *own, size_t own_len)
{
	const char *info = t->host, *end = own + own_len;
	struct mountinfo mi;

	if (!t->root && !t->tree) {
		fwrite(own, 1, own_len, t->out);
		return;
	}
	/* the tables have the same mounts, in the same order */
	while (own < end && mountinfo_next(&info, &mi)) {
		const char *next = after_line(own, end);

		/* what NFS has to tell in mountstats are lines of their own */
		while (next < end && (*next == '\t' || *next == '\n'))
			next = after_line(next, end);
		put_host_line(t, own, (size_t)(next - own), &mi);
		own = next;
	}
}

static void text_release(struct text *t)
{
	for (size_t i = 0; i < t->n; i++)
		mount_put(t->mounts[i]);
	free(t->mounts);
	free(t->root);
}

static int read_host(pid_t tid, const char *name, char **ret, size_t *ret_len)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	return read_file(path, TABLE_MAX, ret, ret_len);
}

int mounttable_text(struct um *um, pid_t tid, enum procfile_table kind, char **ret, size_t *ret_len)
{
	static const char *const names[] = { "mounts", "mountinfo", "mountstats" };
	struct view *v = &um->view;
	_cleanup_free_ char *own = NULL, *info = NULL, *out = NULL;
	_cleanup_(text_release) struct text t = { .view = v,
		.kind = kind,
		.tid = tid,
		.elsewhere = is_elsewhere(v, tid),
		.root = root_name_of(v, um, tid) };
	size_t own_len;
	int r;

	r = read_host(tid, names[kind], &own, &own_len);
	if (r < 0)
		return r;
	info = kind == TABLE_MOUNTINFO ? NULL : mountinfo_read(tid);
	if (!info && kind != TABLE_MOUNTINFO)
		return -ESRCH;
	t.host = info ? info : own;
	r = collect_all(&t);
	if (r < 0)
		return r;
	t.out = open_memstream(&out, ret_len);
	if (!t.out)
		return -ENOMEM;
	put_host(&t, own, own_len);
	put_all(&t);
	r = ferror(t.out) ? -ENOMEM : 0;
	if (fclose(t.out) != 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	*ret = take_ptr(&out);
	return 0;
}
