/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_add(struct names *names, const char *name)
{
	char **bigger;

	if ((names->n & (names->n - 1)) == 0) {
		bigger = reallocarray(names->name, names->n ? names->n * 2 : 1, sizeof(char *));
		if (!bigger)
			return -ENOMEM;
		names->name = bigger;
	}
	names->name[names->n] = strdup(name);
	return names->name[names->n] ? (names->n++, 0) : -ENOMEM;
}

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int names_read(int dirfd, struct names *ret)
{
	_cleanup_(cleanup_dir) DIR *dir = NULL;
	char path[FD_PATH_MAX];
	/* "." is a name, which takes the permission to search */
	int err = 0, fd = open(fd_path(path, dirfd), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *de;

	*ret = (struct names){ 0 };
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		err = -errno;
		close(fd);
		return err;
	}
	while (err == 0 && (errno = 0, de = readdir(dir))) {
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			err = names_add(ret, de->d_name);
	}
	if (err == 0 && errno)
		err = -errno;
	if (err == 0 && ret->n)
		qsort(ret->name, ret->n, sizeof(char *), by_bytes);
	return err;
}

void names_release(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct names){ 0 };
}

int tree_open(int dirfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (!*path)
		path = ".";
	do {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR)); /* a rename went on meanwhile */
	return fd < 0 ? -errno : (int)fd;
}

/* Gives the owner what it lacks, of the file itself: never of what a link leads to. */
static int let_owner(int dirfd, const char *name, struct stat *ret)
{
	_cleanup_fd_ int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[FD_PATH_MAX];

	if (fd < 0 || fstat(fd, ret) < 0)
		return -errno;
	if (ret->st_uid != geteuid() || S_ISLNK(ret->st_mode))
		return -EACCES;
	fd_path(path, fd);
	return chmod(path, (ret->st_mode & 07777) | (S_ISDIR(ret->st_mode) ? 0700 : 0600)) < 0
		       ? -errno
		       : 0;
}

int tree_look_at(int dirfd, const char *name, int flags)
{
	int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* A folder that can be listed, and whose names lead nowhere. */
static bool is_unsearchable(int fd)
{
	return faccessat(fd, ".", F_OK, 0) < 0 && errno == EACCES;
}

int tree_open_at(int dirfd, const char *name, int flags)
{
	_cleanup_fd_ int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && !is_unsearchable(fd))
		return take_fd(&fd);
	if (fd < 0 && errno != EACCES)
		return -errno;
	if (let_owner(dirfd, name, &st) < 0)
		return -EACCES;
	if (fd < 0)
		fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) && fchmod(fd, st.st_mode & 07777) < 0)
		return -errno;
	return take_fd(&fd);
}

int tree_peek_at(int dirfd, const char *name, int flags)
{
	int fd = tree_look_at(dirfd, name, flags);
	struct stat st;

	if (fd != -EACCES || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fd;
	fd = tree_open_at(dirfd, name, flags);
	if (fd >= 0 && S_ISDIR(st.st_mode) && fchmod(fd, st.st_mode & 07777) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

int tree_open_parent(int dirfd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	int fd;

	if (!parent)
		return -ENOMEM;
	fd = tree_open(dirfd, parent, O_PATH | O_DIRECTORY);
	if (fd >= 0)
		*ret_name = slash ? slash + 1 : path;
	return fd;
}

int tree_remove(int dirfd, const char *name)
{
	_cleanup_fd_ int fd = -1;
	int err;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EACCES && errno != EEXIST)
		return -errno;
	fd = tree_open_at(dirfd, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	err = tree_empty(fd);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && err == 0)
		err = -errno;
	return err;
}

int tree_empty(int dirfd)
{
	_cleanup_names_ struct names names;
	struct stat st;
	int err = names_read(dirfd, &names), first;

	/* names of a folder that may not be changed: it is to go anyway */
	if (err == 0 && names.n && faccessat(dirfd, ".", W_OK | X_OK, AT_EACCESS) < 0 &&
		fstat(dirfd, &st) == 0)
		(void)fchmod(dirfd, (st.st_mode & 07777) | 0700); /* removing will tell */
	first = err;
	for (size_t i = 0; i < names.n; i++) {
		err = tree_remove(dirfd, names.name[i]);
		if (first == 0)
			first = err;
	}
	return first;
}

char *tree_join(const char *a, const char *b)
{
	return str_printf("%s%s%s", a, *a && *b ? "/" : "", b);
}

bool tree_below(const char *path, const char *above)
{
	size_t len = strlen(above);

	return len == 0 || (strncmp(path, above, len) == 0 && (!path[len] || path[len] == '/'));
}

bool tree_path_valid(const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 0 || (len == 1 && path[0] == '.') ||
			(len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
		if (*path && !*++path)
			return false;
	}
	return true;
}
