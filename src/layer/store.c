/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/store.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rundir.h"
#include "layer/tree.h"

/* A draft's name cannot be one of a layer. */
#define DRAFT ".new-"
#define GONE ".gone-"

enum { LAYER_FILE_MAX = 1 << 20 };

bool layer_name_valid(const char *name)
{
	return rundir_name_valid(name) && strcmp(name, "LAST") != 0;
}

char *layers_path(void)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const struct passwd *pw;

	if (xdg && xdg[0] == '/')
		return str_printf("%s/umview/layers", xdg);
	if (!home || home[0] != '/') {
		pw = getpwuid(geteuid());
		home = pw ? pw->pw_dir : "/";
	}
	return str_printf("%s/.local/state/umview/layers", home);
}

/* mkdir -p, with modes of a private folder. */
static int make_path(const char *path)
{
	_cleanup_free_ char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(part, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int layers_open(bool create, char **ret_path)
{
	_cleanup_free_ char *path = layers_path();
	int fd, err = create && path ? make_path(path) : 0;

	if (!path)
		return -ENOMEM;
	if (err < 0)
		return err;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ret_path)
		*ret_path = take_ptr(&path);
	return fd;
}

void layer_release(struct layer *l)
{
	um_cleanup_fd(&l->dirfd);
	um_cleanup_fd(&l->lockfd);
	free(l->name);
	free(l->path);
	free(l->of);
	free(l->others);
	for (size_t i = 0; i < l->nlower; i++)
		free(l->lower[i]);
	*l = (struct layer)LAYER_INIT;
}

/* In place: "\\n" is a newline, "\\\\" a backslash. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1])
			*out++ = *++s == 'n' ? '\n' : *s;
		else
			*out++ = *s;
	}
	*out = 0;
}

static void put_escaped(FILE *f, const char *key, const char *value)
{
	fprintf(f, "%s=", key);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", f);
		else if (*value == '\\')
			fputs("\\\\", f);
		else
			fputc(*value, f);
	}
	fputc('\n', f);
}

static int keep_other(struct layer *l, const char *line)
{
	char *all = str_printf("%s%s\n", l->others ? l->others : "", line);

	free(l->others);
	l->others = all;
	return all ? 0 : -ENOMEM;
}

static int parse_line(struct layer *l, char *line)
{
	char *value = strchr(line, '='), *end = NULL;

	if (!value)
		return *line ? keep_other(l, line) : 0;
	if (strncmp(line, "of=", 3) != 0 && strncmp(line, "lower=", 6) != 0 &&
		strncmp(line, "format=", 7) != 0 && strncmp(line, "created=", 8) != 0)
		return keep_other(l, line);
	*value++ = 0;
	unescape(value);
	if (strcmp(line, "format") == 0) {
		l->format = (int)strtol(value, &end, 10);
	} else if (strcmp(line, "created") == 0) {
		l->created = strtol(value, &end, 10);
	} else if (value[0] != '/') {
		return -EBADMSG;
	} else if (strcmp(line, "of") == 0) {
		free(l->of);
		l->of = strdup(value);
		return l->of ? 0 : -ENOMEM;
	} else {
		if (l->nlower == LAYER_LOWER_MAX)
			return -EBADMSG;
		l->lower[l->nlower] = strdup(value);
		return l->lower[l->nlower] ? (l->nlower++, 0) : -ENOMEM;
	}
	return end == value || *end ? -EBADMSG : 0;
}

static int layer_parse(struct layer *l)
{
	_cleanup_free_ char *text = NULL;
	char path[FD_PATH_MAX], *line, *rest;
	int err = read_file(fd_path(path, l->lockfd), LAYER_FILE_MAX, &text, NULL);

	if (err < 0)
		return err;
	for (rest = text; err == 0 && (line = strsep(&rest, "\n"));)
		err = parse_line(l, line);
	if (l->format > LAYER_FORMAT)
		return -EPROTONOSUPPORT;
	if (err == 0 && (l->format < 1 || (!l->of && !l->nlower)))
		err = -EBADMSG;
	if (err == 0 && !l->of) {
		l->of = strdup(l->lower[0]);
		err = l->of ? 0 : -ENOMEM;
	} else if (err == 0 && !l->nlower) {
		l->lower[0] = strdup(l->of);
		err = l->lower[0] ? (l->nlower = 1, 0) : -ENOMEM;
	}
	return err;
}

/* Locks the file `layer`, which may have been replaced by a new one meanwhile. */
static int layer_lock(struct layer *l, enum layer_use use)
{
	struct flock fl = { .l_type = use == LAYER_READ ? F_RDLCK : F_WRLCK };
	struct stat mine, now;

	for (;;) {
		um_cleanup_fd(&l->lockfd);
		l->lockfd = openat(l->dirfd, "layer",
			(use == LAYER_LOOK || use == LAYER_READ ? O_RDONLY : O_RDWR) | O_NOFOLLOW |
				O_CLOEXEC);
		if (l->lockfd < 0 || fstat(l->lockfd, &mine) < 0)
			return -errno;
		if (use == LAYER_LOOK)
			return 0;
		if (fcntl(l->lockfd, F_OFD_SETLK, &fl) < 0)
			return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
		if (fstatat(l->dirfd, "layer", &now, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (mine.st_ino == now.st_ino)
			return 0;
	}
}

static int layer_open_at(int base, const char *where, const char *name, struct layer *l)
{
	l->name = strdup(name);
	l->path = str_printf("%s/%s", where, name);
	l->dirfd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!l->name || !l->path)
		return -ENOMEM;
	return l->dirfd < 0 ? -errno : 0;
}

int layer_open(const char *name, enum layer_use use, struct layer *ret)
{
	_cleanup_layer_ struct layer l = LAYER_INIT;
	_cleanup_free_ char *where = NULL;
	_cleanup_fd_ int base = layers_open(false, &where);
	char last[RUNDIR_NAME_MAX + 1];
	int err;

	if (strcmp(name, "LAST") == 0 && base >= 0) {
		if (read_link(base, "LAST", last, sizeof(last)) < 0)
			return -ENOENT;
		name = last;
	}
	if (!layer_name_valid(name) && strcmp(name, "LAST") != 0)
		return -EINVAL;
	if (base < 0)
		return base;
	err = layer_open_at(base, where, name, &l);
	if (err == 0)
		err = layer_lock(&l, use);
	if (err == 0)
		err = layer_parse(&l);
	if (err < 0 && err != -EPROTONOSUPPORT && err != -EBADMSG)
		return err;
	*ret = l;
	l = (struct layer)LAYER_INIT;
	return err;
}

int layer_save(struct layer *l)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int err;

	if (!f)
		return -ENOMEM;
	fprintf(f, "format=%d\ncreated=%lld\n", LAYER_FORMAT, (long long)l->created);
	put_escaped(f, "of", l->of);
	for (size_t i = 0; i < l->nlower; i++)
		put_escaped(f, "lower", l->lower[i]);
	fputs(l->others ? l->others : "", f);
	if (fclose(f) != 0)
		return -ENOMEM;
	/* it is shorter than a block, and stays the same file: it carries the lock */
	err = lseek(l->lockfd, 0, SEEK_SET) < 0 ? -errno : write_all(l->lockfd, text, size);
	return err == 0 && ftruncate(l->lockfd, (off_t)size) < 0 ? -errno : err;
}

/* The folder and what has to be in it. */
static int layer_make(int base, const char *where, const char *name, struct layer *l)
{
	struct flock fl = { .l_type = F_WRLCK };
	int err;

	if (mkdirat(base, name, 0700) < 0)
		return -errno;
	err = layer_open_at(base, where, name, l);
	if (err < 0)
		return err;
	if (mkdirat(l->dirfd, "upper", 0755) < 0 || mkdirat(l->dirfd, "work", 0755) < 0)
		return -errno;
	l->lockfd = openat(l->dirfd, "layer", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (l->lockfd < 0 || fcntl(l->lockfd, F_OFD_SETLK, &fl) < 0)
		return -errno;
	return layer_save(l);
}

int layer_draft(const char *name, const char *of, struct layer *ret)
{
	_cleanup_layer_ struct layer l = LAYER_INIT;
	_cleanup_free_ char *where = NULL, *draft = str_printf(DRAFT "%s", name);
	_cleanup_fd_ int base = layers_open(true, &where);
	struct stat st;
	int err;

	if (!layer_name_valid(name))
		return -EINVAL;
	if (base < 0)
		return base;
	if (fstatat(base, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	l.created = time(NULL);
	l.format = LAYER_FORMAT;
	l.of = strdup(of);
	l.lower[0] = strdup(of);
	if (!draft || !l.of || !l.lower[0])
		return -ENOMEM;
	l.nlower = 1;
	err = layer_make(base, where, draft, &l);
	if (err == -EEXIST) { /* left by one that was killed, or made at this moment: then rename
				 fails */
		err = tree_remove(base, draft);
		err = err < 0 ? err : layer_make(base, where, draft, &l);
	}
	if (err < 0) {
		(void)tree_remove(base, draft); /* the first error is the one to tell */
		return err;
	}
	*ret = l;
	l = (struct layer)LAYER_INIT;
	return 0;
}

static int rename_to(struct layer *l, const char *name)
{
	_cleanup_free_ char *where = NULL, *mine = strdup(name), *path = NULL;
	_cleanup_fd_ int base = layers_open(false, &where);
	int err;

	if (base < 0)
		return base;
	path = str_printf("%s/%s", where, name);
	if (!mine || !path)
		return -ENOMEM;
	err = renameat2(base, l->name, base, name, RENAME_NOREPLACE) < 0 ? -errno : 0;
	if (err < 0)
		return err;
	free(l->name);
	free(l->path);
	l->name = take_ptr(&mine);
	l->path = take_ptr(&path);
	return 0;
}

int layer_publish(struct layer *l, const char *name)
{
	return layer_name_valid(name) ? rename_to(l, name) : -EINVAL;
}

int layer_inherit(struct layer *l, const struct layer *from)
{
	for (size_t i = 0; i < l->nlower; i++)
		free(l->lower[i]);
	free(l->others);
	for (l->nlower = 0; l->nlower < from->nlower; l->nlower++) {
		l->lower[l->nlower] = strdup(from->lower[l->nlower]);
		if (!l->lower[l->nlower])
			return -ENOMEM;
	}
	l->others = from->others ? strdup(from->others) : NULL;
	if (from->others && !l->others)
		return -ENOMEM;
	return layer_save(l);
}

int layer_set_lower(struct layer *l, const char *const *lower, size_t n)
{
	size_t same = 0;

	while (same < n && same < l->nlower && strcmp(l->lower[same], lower[same]) == 0)
		same++;
	if (same == n && n == l->nlower)
		return 0;
	if (n > LAYER_LOWER_MAX)
		return -E2BIG;
	while (l->nlower > 0)
		free(l->lower[--l->nlower]);
	for (; l->nlower < n; l->nlower++) {
		l->lower[l->nlower] = strdup(lower[l->nlower]);
		if (!l->lower[l->nlower])
			return -ENOMEM;
	}
	return layer_save(l);
}

int layer_replace(struct layer *l, struct layer *draft)
{
	_cleanup_fd_ int base = layers_open(false, NULL);

	if (base < 0)
		return base;
	if (renameat2(base, l->name, base, draft->name, RENAME_EXCHANGE) < 0)
		return -errno;
	return tree_remove(base, draft->name);
}

int layer_create(const char *name, const char *of, struct layer *ret)
{
	_cleanup_layer_ struct layer l = LAYER_INIT;
	int err = layer_draft(name, of, &l);

	if (err < 0)
		return err;
	err = layer_publish(&l, name);
	if (err < 0) {
		(void)layer_remove(&l); /* the first error is the one to tell */
		return err;
	}
	*ret = l;
	l = (struct layer)LAYER_INIT;
	return 0;
}

/* LAST follows a layer that it leads to. */
static bool is_last(int base, const char *name)
{
	char last[RUNDIR_NAME_MAX + 1];

	return read_link(base, "LAST", last, sizeof(last)) > 0 && strcmp(last, name) == 0;
}

int layer_set_last(const struct layer *l)
{
	_cleanup_fd_ int base = layers_open(false, NULL);
	_cleanup_free_ char *tmp = str_printf(".last-%d", (int)getpid());

	if (base < 0 || !tmp)
		return base < 0 ? base : -ENOMEM;
	(void)unlinkat(base, tmp, 0); /* left by a process that had our number */
	if (symlinkat(l->name, base, tmp) < 0 || renameat(base, tmp, base, "LAST") < 0)
		return -errno;
	return 0;
}

bool layer_is_last(const struct layer *l)
{
	_cleanup_fd_ int base = layers_open(false, NULL);

	return base >= 0 && is_last(base, l->name);
}

int layer_rename(struct layer *l, const char *name)
{
	bool last = layer_is_last(l);
	int err = layer_publish(l, name);

	return err == 0 && last ? layer_set_last(l) : err;
}

int layer_remove(struct layer *l)
{
	_cleanup_free_ char *gone = str_printf(GONE "%s-%d", l->name, (int)getpid());
	_cleanup_fd_ int base = layers_open(false, NULL);
	bool last = base >= 0 && is_last(base, l->name);
	int err;

	if (base < 0 || !gone)
		return base < 0 ? base : -ENOMEM;
	err = rename_to(l, gone);
	if (err < 0)
		return err;
	if (last)
		(void)unlinkat(base, "LAST", 0); /* it leads nowhere now */
	return tree_remove(base, gone);
}

int layer_in_use(const struct layer *l)
{
	struct flock fl = { .l_type = F_WRLCK };

	if (fcntl(l->lockfd, F_OFD_GETLK, &fl) < 0)
		return -errno;
	return fl.l_type == F_UNLCK ? 0 : fl.l_type == F_RDLCK ? 1 : 2;
}

bool layer_interrupted(const struct layer *l)
{
	return faccessat(l->dirfd, "journal", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
