/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/proc/name.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "sys/net/calls.h"
#include "sys/net/networks.h"
#include "view/elsewhere.h"
#include "sys/task/nsids.h"
#include "view/path.h"
#include "view/root.h"
#include "view/space.h"

#define NS_GET_PID_FROM_PIDNS_ _IOR(0xb7, 0x6, int)

static bool all_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 10;
}

/* A descriptor, or the addresses of a mapping, if the folder is one of these; what the words do not
 * say may be. */
static bool is_number_of_proc(const char *word, const char *last)
{
	static const char *const folders[] = { "", ".", "..", "fd", "fdinfo", "map_files" };
	size_t n = last > word ? (size_t)(last - 1 - word) : 0;
	const char *dir = memrchr(word, '/', n);

	if (last[strspn(last, "0123456789abcdef-")] || !*last)
		return false;
	if (last == word)
		return true;
	dir = dir ? dir + 1 : word;
	n = (size_t)(last - 1 - dir);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (strlen(folders[i]) == n && memcmp(folders[i], dir, n) == 0)
			return true;
	}
	return false;
}

/* Can a path with this last component be one of ours? The common "no" must be cheap. */
static bool last_is_special(const char *word, const struct um *um)
{
	static const char *const names[] = { "mounts", "mountinfo", "mountstats", "mtab", "maps",
		"smaps", "exe", "cwd", "root", "fuse", "fd", "fdinfo", "map_files" };
	const char *last = strrchr(word, '/');

	last = last ? last + 1 : word;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(last, names[i]) == 0)
			return true;
	}
	if (is_number_of_proc(word, last))
		return true;
	if (networks_any(um) && (strstr(word, "net") || strcmp(last, "resolv.conf") == 0))
		return true;
	if (strcmp(last, "uid_map") == 0 || strcmp(last, "gid_map") == 0)
		return true;
	if (!um->ids)
		return false;
	return strcmp(last, "status") == 0 || strncmp(last, "loop", 4) == 0 ||
	       strcmp(last, "shadow") == 0 || strcmp(last, "gshadow") == 0 ||
	       strstr(word, "/loop") || strncmp(word, "loop/", 5) == 0 ||
	       strncmp(last, "utab", 4) == 0 || strcmp(last, "mount") == 0;
}

/* "/a/./b//../c/" to "/a/c", by words alone, in place; it begins with a slash. */
static void normalize(char *path)
{
	char *out = path, *in = path;

	while (*in) {
		size_t n;

		while (*in == '/')
			in++;
		n = strcspn(in, "/");
		if (n == 0)
			break;
		if (n == 2 && in[0] == '.' && in[1] == '.') {
			while (out > path && *--out != '/')
				;
		} else if (!(n == 1 && in[0] == '.')) {
			*out++ = '/';
			memmove(out, in, n);
			out += n;
		}
		in += n;
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

/* Is it the root of a /proc? One that was unmounted meanwhile has no path. */
static bool is_proc_root(struct call *c, int fd)
{
	char link[64];
	struct statfs sf;
	struct stat st;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", c->tid, fd);
	return stat(link, &st) == 0 && st.st_ino == 1 && statfs(link, &sf) == 0 &&
	       sf.f_type == PROC_SUPER_MAGIC;
}

char *special_absolute(struct call *c, int dirfd, const char *word)
{
	_cleanup_free_ char *base = NULL;
	char *path;
	int r;

	if (word[0] == '/') {
		path = strdup(word);
	} else if (dirfd != AT_FDCWD && atomic_load(&c->um->view.exotic) &&
		   is_proc_root(c, dirfd)) {
		path = str_printf("/proc/%s", word);
	} else {
		if (dirfd == AT_FDCWD)
			r = path_of_cwd(c, &c->um->view, c->tid, &base);
		else
			r = path_of_fd(c, &c->um->view, c->tid, dirfd, &base);
		if (r < 0 || base[0] != '/')
			return NULL; /* a pipe, a socket */
		path = str_printf("%s/%s", base, word);
	}
	if (path)
		normalize(path);
	return path;
}

pid_t special_pid(struct call *c, const char *digits)
{
	_cleanup_fd_ int ns = -1;
	struct stat ours, its;
	pid_t pid = atoi(digits);
	char path[64];

	if (!atomic_load(&c->um->view.exotic))
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/root/proc", c->tid);
	if (stat("/proc", &ours) < 0 || stat(path, &its) < 0 || ours.st_dev == its.st_dev)
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", c->tid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	pid = ns < 0 ? -1 : ioctl(ns, NS_GET_PID_FROM_PIDNS_, pid); /* Linux 6.11 */
	return pid < 0 ? 0 : pid;
}

static bool parse_proc(struct call *c, const char *p, struct special *s)
{
	static const struct {
		const char *name;
		enum special_kind kind;
		int detail;
	} files[] = {
		{ "mounts", SPECIAL_TABLE, TABLE_MOUNTS },
		{ "mountinfo", SPECIAL_TABLE, TABLE_MOUNTINFO },
		{ "mountstats", SPECIAL_TABLE, TABLE_MOUNTSTATS },
		{ "status", SPECIAL_STATUS, 0 },
		{ "uid_map", SPECIAL_IDMAP, NSID_UID },
		{ "gid_map", SPECIAL_IDMAP, NSID_GID },
		{ "maps", SPECIAL_MAPS, 0 },
		{ "smaps", SPECIAL_MAPS, 1 },
		{ "exe", SPECIAL_LINK, LINK_EXE },
		{ "cwd", SPECIAL_LINK, LINK_CWD },
		{ "root", SPECIAL_LINK, LINK_ROOT },
		{ "fd", SPECIAL_OURS, 0 },
		{ "fdinfo", SPECIAL_OURS, 0 },
		{ "map_files", SPECIAL_OURS, 0 },
	};
	char first[32];
	size_t n = strcspn(p, "/");
	pid_t process;

	if (strcmp(p, "mounts") == 0) {
		p = "self/mounts";
		n = 4;
	}
	if (n == 0 || n >= sizeof(first))
		return false;
	memcpy(first, p, n);
	first[n] = '\0';
	p += n;
	if (strcmp(first, "self") == 0)
		s->pid = call_tgid(c);
	else if (strcmp(first, "thread-self") == 0)
		s->pid = c->tid;
	else if (all_digits(first))
		s->pid = special_pid(c, first);
	else
		return false;
	if (*p++ != '/' || s->pid <= 0)
		return false;
	process = s->pid;
	if (strncmp(p, "task/", 5) == 0) {
		s->pid = special_pid(c, p + 5);
		p = strchr(p + 5, '/');
		if (!p++ || s->pid <= 0)
			return false;
	}
	if (strncmp(p, "fd/", 3) == 0 && all_digits(p + 3)) {
		s->kind = SPECIAL_LINK;
		s->link = LINK_FD;
		s->num = atoi(p + 3);
		return true;
	}
	if (strncmp(p, "map_files/", 10) == 0 && strlen(p + 10) < sizeof(s->rest)) {
		s->kind = SPECIAL_LINK;
		s->link = LINK_MAP;
		strcpy(s->rest, p + 10);
		return true;
	}
	if (strncmp(p, "fdinfo/", 7) == 0 && all_digits(p + 7)) {
		s->kind = SPECIAL_FDINFO;
		s->num = atoi(p + 7);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strcmp(p, files[i].name) != 0)
			continue;
		s->kind = files[i].kind;
		if (s->kind == SPECIAL_OURS)
			return process == getpid();
		if (s->kind == SPECIAL_TABLE)
			s->table = (enum procfile_table)files[i].detail;
		else if (s->kind == SPECIAL_LINK)
			s->link = (enum link_kind)files[i].detail;
		else
			s->num = files[i].detail;
		return true;
	}
	return false;
}

static bool parse_dev(const char *p, struct special *s)
{
	if (strcmp(p, "fuse") == 0) {
		s->kind = SPECIAL_FUSE;
		return true;
	}
	if (strcmp(p, "loop-control") == 0) {
		s->kind = SPECIAL_LOOP_CTL;
		return true;
	}
	if (strncmp(p, "loop", 4) == 0 && all_digits(p + 4)) {
		s->kind = SPECIAL_LOOP;
		s->num = atoi(p + 4);
		return true;
	}
	return false;
}

static bool parse_sys(const char *p, struct special *s)
{
	char *end;

	static const char *const prefixes[] = { "block/loop",
		"dev/block/7:", "devices/virtual/block/loop" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes) && !n; i++) {
		if (strncmp(p, prefixes[i], strlen(prefixes[i])) == 0)
			n = strlen(prefixes[i]);
	}
	if (!n)
		return false;
	p += n;
	if (*p < '0' || *p > '9')
		return false;
	s->num = (int)strtol(p, &end, 10);
	if (*end && *end != '/')
		return false;
	snprintf(s->rest, sizeof(s->rest), "%s", *end ? end + 1 : "");
	s->kind = SPECIAL_LOOP_SYS;
	return true;
}

/* Does the guest have this of its /proc? Where its root is a tree of its own, words alone do not
 * tell. */
static bool has_proc(struct call *c, const char *path)
{
	struct view *v = &c->um->view;
	_cleanup_mount_ struct mount *tree = NULL;
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_free_ char *root = NULL;

	if (is_elsewhere(v, c->tid))
		return true;
	tree = view_mount_at(v, space_of(v, c->tid), "/");
	root = root_name_of(v, c->um, c->tid);
	if (!root && !tree)
		return true;
	return path_resolve(c, v, AT_FDCWD, path, PATH_FOLLOW, &p) == 0 &&
	       (p.kind == PATH_NATIVE ||
		       (p.kind == PATH_REAL && strncmp(p.name, "/proc/", 6) == 0));
}

bool special_parse(struct call *c, int dirfd, const char *word, struct special *s)
{
	_cleanup_free_ char *path = NULL;
	const char *p;

	*s = (struct special){ .kind = SPECIAL_NONE };
	if (!last_is_special(word, c->um) || !call_alive(c))
		return false;
	path = special_absolute(c, dirfd, word);
	if (!path)
		return false;
	if (netfile_name(c, path, &s->pid, s->rest, sizeof(s->rest))) {
		s->kind = SPECIAL_NET;
		return true;
	}
	if (strncmp(path, "/proc/", 6) == 0)
		return parse_proc(c, path + 6, s) && has_proc(c, "/proc/self");
	if (strncmp(path, "/dev/", 5) == 0)
		return parse_dev(path + 5, s) && (s->kind == SPECIAL_FUSE || c->um->ids);
	if (strcmp(path, "/etc/mtab") == 0) {
		/* a link to /proc/self/mounts on every Debian */
		s->kind = SPECIAL_TABLE;
		s->table = TABLE_MOUNTS;
		s->pid = call_tgid(c);
		return has_proc(c, path);
	}
	if (!c->um->ids)
		return false;
	if (strcmp(path, "/etc/shadow") == 0 || strcmp(path, "/etc/gshadow") == 0) {
		snprintf(s->rest, sizeof(s->rest), "%s", path);
		s->kind = SPECIAL_SHADOW;
		return true;
	}
	if (strncmp(path, "/sys/", 5) == 0)
		return parse_sys(path + 5, s);
	p = path + (strncmp(path, "/var/", 5) == 0 ? 4 : 0);
	if (strncmp(p, "/run/mount", 10) == 0 && (p[10] == '/' || p[10] == '\0')) {
		snprintf(s->rest, sizeof(s->rest), "%s", p[10] ? p + 11 : "");
		s->kind = strchr(s->rest, '/') ? SPECIAL_NONE : SPECIAL_RUN;
		return s->kind == SPECIAL_RUN;
	}
	return false;
}
