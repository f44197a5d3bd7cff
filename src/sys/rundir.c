/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/rundir.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static int own_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	return 0;
}

int rundir_base(char **ret)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	_cleanup_free_ char *base = NULL;
	struct stat st;
	int r;

	if (xdg && xdg[0] == '/' && stat(xdg, &st) == 0 && st.st_uid == geteuid())
		base = str_printf("%s/umview", xdg);
	else
		base = str_printf("/tmp/umview-%u", geteuid());
	if (!base)
		return -ENOMEM;
	r = own_dir(base);
	if (r < 0)
		return r;
	*ret = take_ptr(&base);
	return 0;
}

static int lock_dir(const char *dir, bool create)
{
	_cleanup_free_ char *path = str_printf("%s/lock", dir);
	_cleanup_fd_ int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return take_fd(&fd);
}

bool rundir_alive(const char *dir)
{
	_cleanup_fd_ int fd = lock_dir(dir, false);

	return fd == -EWOULDBLOCK;
}

static int remove_entry(
	const char *path, UNUSED const struct stat *st, UNUSED int type, UNUSED struct FTW *ftw)
{
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

static void remove_tree(const char *dir)
{
	(void)nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void remove_dead(const char *base)
{
	DIR *d = opendir(base);
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		_cleanup_free_ char *dir = NULL;
		_cleanup_fd_ int lock = -1;

		if (ent->d_name[0] == '.')
			continue;
		dir = str_printf("%s/%s", base, ent->d_name);
		lock = dir ? lock_dir(dir, false) : -1;
		if (lock >= 0)
			remove_tree(dir);
	}
	if (d)
		closedir(d);
}

int rundir_new(const char *name, char **ret, char **ret_name)
{
	_cleanup_free_ char *base = NULL, *own = NULL, *dir = NULL;
	int r = rundir_base(&base);

	if (r < 0)
		return r;
	remove_dead(base);
	own = name ? strdup(name) : str_printf("%d", getpid());
	dir = own ? str_printf("%s/%s", base, own) : NULL;
	if (!dir)
		return -ENOMEM;
	if (mkdir(dir, 0700) < 0)
		return -errno;
	r = lock_dir(dir, true); /* held until we end */
	if (r < 0)
		return r;
	*ret = take_ptr(&dir);
	*ret_name = take_ptr(&own);
	return 0;
}

void rundir_remove(char *dir)
{
	if (dir)
		remove_tree(dir);
	free(dir);
}
