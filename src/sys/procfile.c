/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: the path handlers show us each word before it is resolved. Nearly all are
 * turned down by their last component alone. What remains is made absolute by words ("." and ".."
 * as well: symbolic links to these files, but for /etc/mtab, are not looked for), recognised, and
 * answered: a table as a memfd that is read-only for the guest, a device by its driver.
 */
#include "sys/procfile.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "dev/loop/loop.h"
#include "fs/fuse/dev.h"
#include "engine/nr.h"
#include "sys/ids.h"
#include "sys/runmount.h"

#define SHADOW_MAX (4u << 20)

enum special_kind {
	SPECIAL_NONE,
	SPECIAL_TABLE,	  /* /proc/PID/mounts & co */
	SPECIAL_STATUS,	  /* /proc/PID/status */
	SPECIAL_LINK,	  /* /proc/PID/{exe,cwd,root}, /proc/PID/fd/N */
	SPECIAL_FUSE,	  /* /dev/fuse */
	SPECIAL_LOOP,	  /* /dev/loopN, /dev/loop/N */
	SPECIAL_LOOP_CTL, /* /dev/loop-control */
	SPECIAL_LOOP_SYS, /* /sys/block/loopN/... */
	SPECIAL_RUN,	  /* /run/mount/... */
	SPECIAL_SHADOW,	  /* /etc/shadow */
};

enum link_kind { LINK_EXE, LINK_CWD, LINK_ROOT, LINK_FD };

struct special {
	enum special_kind kind;
	enum procfile_table table;
	enum link_kind link;
	pid_t pid;	/* whose file of /proc it is */
	int num;	/* descriptor, loop device */
	char rest[256]; /* what follows /sys/block/loopN/ or /run/mount/ */
};

static bool all_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 10;
}

/* Can a path with this last component be one of ours? The common "no" must be cheap. */
static bool last_is_special(const char *word, const struct um *um)
{
	static const char *const names[] = { "mounts", "mountinfo", "mountstats", "mtab", "exe",
		"cwd", "root", "fuse" };
	const char *last = strrchr(word, '/');

	last = last ? last + 1 : word;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(last, names[i]) == 0)
			return true;
	}
	if (all_digits(last))
		return true;
	if (!um->ids)
		return false;
	return strcmp(last, "status") == 0 || strncmp(last, "loop", 4) == 0 ||
	       strcmp(last, "shadow") == 0 || strstr(word, "/loop") || strncmp(word, "loop/", 5) == 0 || strncmp(last, "utab", 4) == 0 || strcmp(last, "mount") == 0;
}

/* "/a/./b//../c/" to "/a/c", by words alone, in place. */
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

static char *make_absolute(struct call *c, int dirfd, const char *word)
{
	_cleanup_free_ char *base = NULL;
	char *path;
	int r;

	if (word[0] == '/') {
		path = strdup(word);
	} else {
		if (dirfd == AT_FDCWD)
			r = path_of_cwd(c, &c->um->view, c->tid, &base);
		else
			r = path_of_fd(c, &c->um->view, c->tid, dirfd, &base);
		if (r < 0)
			return NULL;
		path = str_printf("%s/%s", base, word);
	}
	if (path)
		normalize(path);
	return path;
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
		{ "exe", SPECIAL_LINK, LINK_EXE },
		{ "cwd", SPECIAL_LINK, LINK_CWD },
		{ "root", SPECIAL_LINK, LINK_ROOT },
	};
	char first[32];
	size_t n = strcspn(p, "/");

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
		s->pid = atoi(first);
	else
		return false;
	if (*p++ != '/')
		return false;
	if (strncmp(p, "task/", 5) == 0) {
		char *end;

		s->pid = (pid_t)strtol(p + 5, &end, 10);
		if (*end != '/')
			return false;
		p = end + 1;
	}
	if (strncmp(p, "fd/", 3) == 0 && all_digits(p + 3)) {
		s->kind = SPECIAL_LINK;
		s->link = LINK_FD;
		s->num = atoi(p + 3);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strcmp(p, files[i].name) != 0)
			continue;
		s->kind = files[i].kind;
		if (s->kind == SPECIAL_TABLE)
			s->table = (enum procfile_table)files[i].detail;
		else
			s->link = (enum link_kind)files[i].detail;
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

	static const char *const prefixes[] = { "block/loop", "dev/block/7:",
		"devices/virtual/block/loop" };
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

static bool special_parse(struct call *c, int dirfd, const char *word, struct special *s)
{
	_cleanup_free_ char *path = NULL;
	const char *p;

	*s = (struct special){ .kind = SPECIAL_NONE };
	if (!last_is_special(word, c->um))
		return false;
	path = make_absolute(c, dirfd, word);
	if (!path)
		return false;
	if (strncmp(path, "/proc/", 6) == 0)
		return parse_proc(c, path + 6, s);
	if (strncmp(path, "/dev/", 5) == 0)
		return parse_dev(path + 5, s) && (s->kind == SPECIAL_FUSE || c->um->ids);
	if (strcmp(path, "/etc/mtab") == 0) {
		/* a link to /proc/self/mounts on every Debian */
		s->kind = SPECIAL_TABLE;
		s->table = TABLE_MOUNTS;
		s->pid = call_tgid(c);
		return true;
	}
	if (!c->um->ids)
		return false;
	if (strcmp(path, "/etc/shadow") == 0) {
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

/* Is this task one of the view's: a descendant of ours? Others have the host's tables. */
static bool in_view(pid_t pid)
{
	pid_t self = getpid();

	for (int depth = 0; depth < 128 && pid > 1; depth++) {
		_cleanup_free_ char *stat = NULL;
		char path[64], *p;

		if (pid == self)
			return true;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (read_file(path, 4096, &stat, NULL) < 0)
			return false;
		p = strrchr(stat, ')');
		if (!p || sscanf(p + 1, " %*c %d", &pid) != 1)
			return false;
	}
	return false;
}

/* Answers with a file of this content, which the guest can only read. */
static enum verdict answer_text(
	struct call *c, const char *name, const char *text, size_t len, int flags)
{
	_cleanup_fd_ int mem = -1, ro = -1;
	char path[FD_PATH_MAX];
	int r;

	if ((flags & O_ACCMODE) != O_RDONLY)
		return call_return(c, -EACCES);
	if (flags & O_DIRECTORY)
		return call_return(c, -ENOTDIR);
	mem = memfd_create(name, MFD_CLOEXEC);
	if (mem < 0)
		return call_return(c, -errno);
	r = write_all(mem, text, len);
	if (r < 0)
		return call_return(c, r);
	ro = open(fd_path(path, mem), O_RDONLY | O_CLOEXEC);
	if (ro < 0)
		return call_return(c, -errno);
	return guestfd_answer(c, ro, flags & O_CLOEXEC, ZONE_LOWEST);
}

static bool open_table(struct call *c, const struct special *s, int flags, enum verdict *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	if ((flags & O_PATH) || !view_has_mounts(&c->um->view) || !in_view(s->pid))
		return false;
	r = mounttable_text(c->um, s->pid, s->table, &text, &len);
	*ret = r < 0 ? call_return(c, r) : answer_text(c, "mounts", text, len, flags);
	return true;
}

static bool open_status(struct call *c, const struct special *s, int flags, enum verdict *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	if ((flags & O_PATH) || !c->um->ids || !in_view(s->pid))
		return false;
	r = ids_status_text(c->um->ids, s->pid, &text, &len);
	*ret = r < 0 ? call_return(c, r) : answer_text(c, "status", text, len, flags);
	return true;
}

/*
 * The virtual root may read /etc/shadow, which the user may not: without any entry in it PAM takes every
 * account for an expired one, and su(1) refuses. So there is one for each user, with no password.
 */
static bool open_shadow(struct call *c, int flags, enum verdict *ret)
{
	_cleanup_free_ char *passwd = NULL, *text = NULL;
	char *save = NULL;
	size_t len;
	FILE *out;

	if ((flags & (O_PATH | O_ACCMODE)) != O_RDONLY || access("/etc/shadow", R_OK) == 0 ||
		!ids_capable(c, CAP_DAC_OVERRIDE) ||
		read_file("/etc/passwd", SHADOW_MAX, &passwd, NULL) < 0)
		return false;
	out = open_memstream(&text, &len);
	if (!out)
		return false;
	for (char *l = strtok_r(passwd, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		fprintf(out, "%.*s:*:19000:0:99999:7:::\n", (int)strcspn(l, ":"), l);
	if (fclose(out) != 0)
		return false;
	*ret = answer_text(c, "shadow", text, len, flags);
	return true;
}

bool procfile_open(struct call *c, int dirfd, const char *word, int flags, enum verdict *ret)
{
	struct special s;

	if (!special_parse(c, dirfd, word, &s))
		return false;
	switch (s.kind) {
	case SPECIAL_TABLE:
		return open_table(c, &s, flags, ret);
	case SPECIAL_STATUS:
		return open_status(c, &s, flags, ret);
	case SPECIAL_FUSE:
		if (flags & O_PATH)
			return false;
		*ret = fuse_dev_open(c, c->um->files, flags);
		return true;
	case SPECIAL_LOOP:
		return loop_open(c, s.num, flags, ret);
	case SPECIAL_LOOP_CTL:
		return loop_ctl_open(c, flags, ret);
	case SPECIAL_LOOP_SYS: {
		char text[PATH_MAX + 2];
		ssize_t n = loop_sys_read(c->um, s.num, s.rest, text, sizeof(text));

		if (n == 0 || (n < 0 && strncmp(s.rest, "loop", 4) != 0))
			return false;
		*ret = n < 0 ? call_return(c, (int)n) : answer_text(c, "loop", text, (size_t)n, flags);
		return true;
	}
	case SPECIAL_SHADOW:
		return open_shadow(c, flags, ret);
	case SPECIAL_RUN:
		*ret = runmount_open(c, s.rest, flags);
		return true;
	case SPECIAL_LINK:
	case SPECIAL_NONE:
		break;
	}
	return false;
}

static void device_stat(struct stat *st, mode_t mode, unsigned maj, unsigned min)
{
	*st = (struct stat){
		.st_mode = mode,
		.st_nlink = 1,
		.st_rdev = makedev(maj, min),
		.st_blksize = 4096,
		.st_ino = 0x10000 + maj * 256 + min,
		.st_dev = makedev(0, 5),
	};
	clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	st->st_atim = st->st_ctim = st->st_mtim;
}

bool procfile_stat(struct call *c, int dirfd, const char *word, UNUSED bool follow, struct stat *ret)
{
	struct special s;
	char text[PATH_MAX + 2];
	ssize_t n;

	if (!special_parse(c, dirfd, word, &s))
		return false;
	switch (s.kind) {
	case SPECIAL_FUSE:
		device_stat(ret, S_IFCHR | 0666, 10, 229);
		return true;
	case SPECIAL_LOOP_CTL:
		device_stat(ret, S_IFCHR | 0660, 10, 237);
		return true;
	case SPECIAL_LOOP:
		if (!loop_exists(c->um, s.num))
			return false;
		device_stat(ret, S_IFBLK | 0660, 7, (unsigned)s.num);
		ret->st_gid = 6;
		return true;
	case SPECIAL_LOOP_SYS:
		n = loop_sys_read(c->um, s.num, s.rest, text, sizeof(text));
		ret->st_mode = 0;
		if (n < 0)
			return strncmp(s.rest, "loop", 4) == 0;
		device_stat(ret, n > 0 ? S_IFREG | 0444 : S_IFDIR | 0755, 0, 0);
		ret->st_size = n > 0 ? 4096 : 0;
		return true;
	case SPECIAL_RUN:
		if (runmount_stat(c->um, s.rest, ret) < 0)
			ret->st_mode = 0;
		return true;
	default:
		return false;
	}
}

/* Where a link of /proc leads, when it is a placeholder of ours; else 0. */
static int link_target(struct call *c, const struct special *s, char **ret)
{
	static const char *const names[] = { "exe", "cwd", "root" };
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_mount_ struct mount *mnt = NULL;
	struct view *v = &c->um->view;
	struct stat st;
	char path[64];

	if (s->link == LINK_FD)
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", s->pid, s->num);
	else
		snprintf(path, sizeof(path), "/proc/%d/%s", s->pid, names[s->link]);
	if (stat(path, &st) < 0)
		return 0;
	if (!v->placeholder || !v->placeholder(v->placeholder_arg, &st, &ino, &mnt)) {
		_cleanup_vfile_ struct vfile *vf = files_find(c->um->files, &st);

		if (!vf || !vf->ops || !vf->ops->path)
			return 0;
		*ret = strdup(vf->ops->path);
		return *ret ? 1 : -ENOMEM;
	}
	*ret = path_of_inode(v, mnt, ino);
	if (!*ret)
		return -ENOMEM;
	if (ino->deleted) {
		char *with = str_printf("%s (deleted)", *ret);

		free(*ret);
		*ret = with;
	}
	return *ret ? 1 : -ENOMEM;
}

ssize_t procfile_readlink(struct call *c, int dirfd, const char *word, char *buf, size_t size)
{
	_cleanup_free_ char *target = NULL;
	struct special s;
	size_t len;
	int r;

	if (!special_parse(c, dirfd, word, &s) || s.kind != SPECIAL_LINK)
		return 0;
	r = link_target(c, &s, &target);
	if (r <= 0)
		return r;
	len = strlen(target);
	if (len > size)
		len = size;
	memcpy(buf, target, len);
	return (ssize_t)len;
}

/* The new name of a rename or link, when it is in /run/mount too. */
static bool new_run_name(struct call *c, char *buf, size_t size)
{
	bool at = c->nr == __NR_renameat || c->nr == __NR_renameat2 || c->nr == __NR_linkat;
	char word[PATH_MAX];
	struct special s;

	if (guest_read_str(c, call_addr(c, at ? 3 : 1), word, sizeof(word)) < 0 ||
		!special_parse(c, at ? call_fd(c, 2) : AT_FDCWD, word, &s) || s.kind != SPECIAL_RUN)
		return false;
	snprintf(buf, size, "%s", s.rest);
	return true;
}

static bool renames(int nr)
{
	return nr == __NR_rename || nr == __NR_renameat || nr == __NR_renameat2 ||
	       nr == __NR_link || nr == __NR_linkat;
}

bool procfile_change(struct call *c, int dirfd, const char *word, int *ret)
{
	char new_name[sizeof(((struct special *)0)->rest)];
	bool has_new;
	struct special s;

	if (!c->um->ids)
		return false;
	if (c->nr == __NR_chown || c->nr == __NR_lchown || c->nr == __NR_fchownat) {
		if (ids_chown(c, dirfd, word)) {
			*ret = 0;
			return true;
		}
	}
	if (!special_parse(c, dirfd, word, &s) || s.kind != SPECIAL_RUN)
		return false;
	has_new = renames(c->nr) && new_run_name(c, new_name, sizeof(new_name));
	*ret = runmount_change(c, s.rest, has_new ? new_name : NULL);
	return true;
}
