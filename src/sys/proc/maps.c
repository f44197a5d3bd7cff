/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "sys/task/binfmt.h"
#include "sys/proc/file.h"
#include "view/opened.h"

#define MAPS_MAX (256u << 20)

/* The lines of one mapping follow one another: the last file is remembered. */
struct maps {
	struct um *um;
	FILE *out;
	struct stat st; /* the device and number of the last placeholder */
	char *name;	/* its name in the view; NULL: none yet */
	ino_t ino;
	dev_t dev;
};

static bool look_up(struct maps *m, dev_t dev, ino_t ino)
{
	_cleanup_inode_ struct inode *inode = NULL;
	_cleanup_mount_ struct mount *mnt = NULL;
	struct view *v = &m->um->view;
	struct stat st = { .st_dev = dev, .st_ino = ino, .st_mode = S_IFREG };
	_cleanup_free_ char *path = NULL;

	if (m->name && m->st.st_dev == dev && m->st.st_ino == ino)
		return true;
	if (!v->placeholder || !v->placeholder(v->placeholder_arg, &st, &inode, &mnt))
		return false;
	path = path_of_inode(v, mnt, inode);
	if (!path)
		return false;
	free(m->name);
	m->name = str_printf("%s%s", path, inode->deleted ? " (deleted)" : "");
	m->st = st;
	m->dev = mnt->fs->dev;
	m->ino = inode_number(inode);
	return m->name != NULL;
}

/* One line, of a placeholder. */
struct mapping {
	unsigned long long start, end, off;
	char perms[8];
};

/* "55f3102c8000-55f3102ca000 r--p 00000000 00:01 116228                     /memfd:sl (deleted)" */
static bool get_mapping(struct maps *m, const char *line, struct mapping *ret)
{
	unsigned long long ino;
	unsigned maj, min;

	return sscanf(line, "%llx-%llx %7s %llx %x:%x %llu", &ret->start, &ret->end, ret->perms,
		       &ret->off, &maj, &min, &ino) == 7 &&
	       ino != 0 && look_up(m, makedev(maj, min), ino);
}

static bool put_mapping(struct maps *m, const char *line)
{
	struct mapping g;
	int n;

	if (!get_mapping(m, line, &g))
		return false;
	n = fprintf(m->out, "%08llx-%08llx %s %08llx %02x:%02x %llu ", g.start, g.end, g.perms,
		g.off, major(m->dev), minor(m->dev), (unsigned long long)m->ino);
	fprintf(m->out, "%*s%s\n", n < 73 ? 73 - n : 0, "", m->name);
	return true;
}

/* A real program that runs as a copy (binfmt.h): only its name is not what it should be. */
static bool put_copy(struct maps *m, const char *line)
{
	size_t n = strcspn(line, "/");
	_cleanup_free_ char *name = line[n] ? exe_copy_name(line + n) : NULL;

	if (name)
		fprintf(m->out, "%.*s%s\n", (int)n, line, name);
	return name != NULL;
}

/* A file of the host, which was opened through a bind mount. */
static bool put_opened(struct maps *m, const char *line)
{
	size_t n = strcspn(line, "/");
	_cleanup_free_ char *name = NULL;
	unsigned maj, min;
	unsigned long long ino;

	if (!line[n] || !atomic_load(&m->um->view.opened) ||
		sscanf(line, "%*s %*s %*s %x:%x %llu", &maj, &min, &ino) != 3)
		return false;
	name = view_opened_name_of(&m->um->view, makedev(maj, min), ino, line + n);
	if (name)
		fprintf(m->out, "%.*s%s\n", (int)n, line, name);
	return name != NULL;
}

int maps_text(struct um *um, pid_t pid, const char *name, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *host = NULL, *text = NULL;
	struct maps m = { .um = um };
	bool changed = false;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	r = read_file(path, MAPS_MAX, &host, NULL);
	if (r < 0)
		return r;
	m.out = open_memstream(&text, ret_len);
	if (!m.out)
		return -ENOMEM;
	/* each line ended for itself: sscanf(3) looks for the end of what it is given */
	for (char *p = host, *line; (line = strsep(&p, "\n")) && (p || *line);) {
		if (put_mapping(&m, line) || put_copy(&m, line) || put_opened(&m, line))
			changed = true;
		else
			fprintf(m.out, p ? "%s\n" : "%s", line);
	}
	free(m.name);
	if (fclose(m.out) != 0)
		return -ENOMEM;
	*ret = take_ptr(&text);
	return changed;
}

int maps_target(struct um *um, pid_t pid, const char *range, char **ret)
{
	_cleanup_free_ char *host = NULL;
	struct maps m = { .um = um };
	unsigned long long start, end;
	struct mapping g;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if (sscanf(range, "%llx-%llx", &start, &end) != 2 ||
		read_file(path, MAPS_MAX, &host, NULL) < 0)
		return 0;
	for (const char *p = host; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strtoull(p, NULL, 16) == start && get_mapping(&m, p, &g) && g.end == end) {
			*ret = m.name;
			return 1;
		}
	}
	free(m.name);
	return 0;
}
