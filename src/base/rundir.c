/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/rundir.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define HIDDEN "hidden-" /* names of rundir_bind_hidden() */

bool rundir_name_valid(const char *name)
{
	size_t len = strlen(name), digits = 0;

	if (len == 0 || len > RUNDIR_NAME_MAX || name[0] == '.' || name[0] == '-')
		return false;
	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
		digits += isdigit((unsigned char)*p) != 0;
	}
	return digits < len;
}

/* umctl may run in a view with --root, where geteuid(2) says 0: the owner of our files does not. */
static uid_t real_euid(void)
{
	struct stat st;

	return geteuid() == 0 && stat("/proc/self", &st) == 0 ? st.st_uid : geteuid();
}

/* The directory above all run directories of this user, malloc'ed. */
static char *base_path(void)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (xdg && xdg[0] == '/')
		return str_printf("%s/umview", xdg);
	return str_printf("/tmp/umview-%u", (unsigned)real_euid());
}

/* Opens it: nobody but us may write there, as its name in /tmp can be foreseen. */
static int base_open(const char *path, bool create)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (create && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != real_euid() || (st.st_mode & 022))
		return -EPERM;
	return take_fd(&fd);
}

/* Each folder that it is in costs a descriptor. */
enum { REMOVE_DEPTH = 200 };

static void remove_tree(int dirfd, const char *name, int depth)
{
	int fd;
	DIR *dir;
	struct dirent *de;

	if (unlinkat(dirfd, name, 0) == 0 || depth > REMOVE_DEPTH)
		return;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(dir))) {
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			remove_tree(fd, de->d_name, depth + 1);
	}
	closedir(dir);
	(void)unlinkat(dirfd, name, AT_REMOVEDIR); /* what stays is found at the next start */
}

/* Is the run directory's supervisor alive? */
static bool is_locked(int basefd, const char *id)
{
	char path[64];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_fd_ int fd = -1;

	if (atoi(id) == getpid())
		return true;
	snprintf(path, sizeof(path), "%s/lock", id);
	fd = openat(basefd, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool is_id(const char *name)
{
	return name[0] && strlen(name) < 12 && strspn(name, "0123456789") == strlen(name);
}

static int each(
	int basefd, const char *base, int (*fn)(const struct rundir_info *, void *), void *arg)
{
	int fd = openat(basefd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	int ret = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (ret == 0 && (de = readdir(dir))) {
		_cleanup_free_ char *path = NULL;
		_cleanup_free_ char *name_path = NULL;
		_cleanup_free_ char *name = NULL;
		struct rundir_info info = { .pid = atoi(de->d_name) };

		if (!is_id(de->d_name) || !is_locked(basefd, de->d_name))
			continue;
		path = str_printf("%s/%s", base, de->d_name);
		name_path = str_printf("%s/%s/name", base, de->d_name);
		if (!path || !name_path)
			break;
		if (read_file(name_path, RUNDIR_NAME_MAX, &name, NULL) < 0 ||
			!rundir_name_valid(name)) {
			free(name);
			name = strdup(de->d_name);
		}
		if (!name)
			break;
		info.path = path;
		info.name = name;
		ret = fn(&info, arg);
	}
	closedir(dir);
	return ret;
}

int rundir_each(int (*fn)(const struct rundir_info *info, void *arg), void *arg)
{
	_cleanup_free_ char *base = base_path();
	_cleanup_fd_ int fd = base ? base_open(base, false) : -1;

	return fd < 0 ? 0 : each(fd, base, fn, arg);
}

/* The lock file of an image (sys/mount/image.c), or another shared file, if nobody holds it. */
static void remove_lock_file(int basefd, const char *name)
{
	_cleanup_fd_ int fd = openat(basefd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(basefd, name, 0); /* who takes it just now sees that it is gone */
}

/* Removes what killed supervisors left. The caller holds the lock of the base. */
static void clean(int basefd)
{
	int fd = openat(basefd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(dir))) {
		if (is_id(de->d_name) && !is_locked(basefd, de->d_name))
			remove_tree(basefd, de->d_name, 0);
		else if (strncmp(de->d_name, "lock-", 5) == 0)
			remove_lock_file(basefd, de->d_name);
		else if (strncmp(de->d_name, HIDDEN, strlen(HIDDEN)) == 0)
			(void)unlinkat(basefd, de->d_name, 0);
	}
	closedir(dir);
}

int rundir_shared_file(const char *name, int *ret)
{
	_cleanup_free_ char *base = base_path();
	_cleanup_free_ char *file = str_printf("lock-%s", name);
	_cleanup_fd_ int basefd = -1;

	if (!base || !file)
		return -ENOMEM;
	if (!rundir_name_valid(name))
		return -EINVAL;
	basefd = base_open(base, true);
	if (basefd < 0)
		return basefd;
	for (;;) {
		_cleanup_fd_ int fd =
			openat(basefd, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat st;

		if (fd < 0 || flock(fd, LOCK_SH) < 0 || fstat(fd, &st) < 0)
			return -errno;
		if (st.st_nlink == 0)
			continue; /* clean() was faster */
		*ret = take_fd(&fd);
		return 0;
	}
}

bool rundir_shared_is_open(const char *name)
{
	_cleanup_free_ char *base = base_path();
	_cleanup_free_ char *file = str_printf("lock-%s", name);
	_cleanup_fd_ int basefd = base ? base_open(base, false) : -1;
	_cleanup_fd_ int fd =
		basefd < 0 || !file ? -1 : openat(basefd, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int rundir_bind_hidden(int sock, int *ret)
{
	_cleanup_free_ char *base = base_path();
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_fd_ int basefd = base ? base_open(base, true) : -ENOMEM;
	struct stat st;
	char name[32];
	int r = 0;

	if (basefd < 0)
		return basefd;
	if (fstat(sock, &st) < 0)
		return -errno;
	snprintf(name, sizeof(name), HIDDEN "%llx", (unsigned long long)st.st_ino);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", basefd, name);
	if (bind(sock, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	*ret = openat(basefd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (*ret < 0)
		r = -errno;
	(void)unlinkat(basefd, name, 0);
	return r;
}

struct wanted {
	const char *name;
	pid_t pid;
	char *path;
};

static int match_name(const struct rundir_info *info, void *arg)
{
	struct wanted *w = arg;

	if (strcmp(info->name, w->name) != 0 && (!is_id(w->name) || atoi(w->name) != info->pid))
		return 0;
	w->pid = info->pid;
	w->path = strdup(info->path);
	return 1;
}

/* Makes ID with its files in the open base. */
static int fill(int basefd, const char *id, const char *name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_fd_ int dir = -1;
	int fd;

	remove_tree(basefd, id, 0); /* of an older process with our number */
	if (mkdirat(basefd, id, 0700) < 0)
		return -errno;
	dir = openat(basefd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (name) {
		_cleanup_fd_ int f = openat(dir, "name", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		int ret = f < 0 ? -errno : write_all(f, name, strlen(name));

		if (ret < 0)
			return ret;
	}
	/* Kept open on purpose until the process ends: closing it would give the lock up. */
	fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0)
		return -errno;
	return 0;
}

int rundir_new(const char *name, char **ret, pid_t *ret_other, char **ret_where)
{
	_cleanup_free_ char *base = base_path();
	_cleanup_free_ char *path = NULL;
	_cleanup_fd_ int fd = -1;
	char id[16];
	int err;

	if (!base)
		return -ENOMEM;
	fd = base_open(base, true);
	if (fd < 0) {
		*ret_where = take_ptr(&base);
		return fd;
	}
	if (flock(fd, LOCK_EX) < 0)
		return -errno;
	clean(fd);
	if (name) {
		struct wanted w = { .name = name };

		if (each(fd, base, match_name, &w)) {
			*ret_where = w.path;
			*ret_other = w.pid;
			return -EEXIST;
		}
	}
	snprintf(id, sizeof(id), "%d", (int)getpid());
	path = str_printf("%s/%s", base, id);
	if (!path)
		return -ENOMEM;
	err = fill(fd, id, name);
	if (err < 0) {
		*ret_where = take_ptr(&path);
		return err;
	}
	*ret = take_ptr(&path);
	return 0;
}

void rundir_remove(const char *path)
{
	remove_tree(AT_FDCWD, path, 0);
}

int rundir_find(const char *name, char **ret)
{
	struct wanted w = { .name = name };

	if (!rundir_each(match_name, &w))
		return -ENOENT;
	if (!w.path)
		return -ENOMEM;
	*ret = w.path;
	return 0;
}

int rundir_connect_own(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memcpy(sa.sun_path + 1, RUNDIR_OWN, sizeof(RUNDIR_OWN) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, RUNDIR_OWN_LEN) < 0)
		return -errno;
	/* outside of all views anybody may listen there */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	return cred.uid == geteuid() ? take_fd(&fd) : -ECONNREFUSED;
}

int rundir_socket(
	const char *rundir, const char *name, struct sockaddr_un *addr, int *ret_dir, int *ret_sock)
{
	_cleanup_fd_ int dir = open(rundir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (dir < 0 || fd < 0)
		return -errno;
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", dir, name);
	*ret_dir = take_fd(&dir);
	*ret_sock = take_fd(&fd);
	return 0;
}
