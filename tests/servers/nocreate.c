/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server without CREATE: an open(2) that makes a file is a MKNOD and an OPEN, as for the kernel.
 * It keeps the modes of /a, /b and /c and nothing else.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 3 };

static mode_t modes[FILES]; /* 0: not made yet */

/* Which of them a path is, or -1. */
static int number(const char *path)
{
	int i = path[1] - 'a';

	return path[1] && !path[2] && i >= 0 && i < FILES ? i : -1;
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	const int i = number(path);

	(void)fi;
	memset(st, 0, sizeof(*st));
	st->st_uid = getuid();
	st->st_gid = getgid();
	st->st_nlink = 1;
	st->st_mode = strcmp(path, "/") == 0 ? S_IFDIR | 0755 : i >= 0 ? modes[i] : 0;
	return st->st_mode ? 0 : -ENOENT;
}

static int op_mknod(const char *path, mode_t mode, dev_t rdev)
{
	const int i = number(path);

	(void)rdev;
	if (i < 0)
		return -EPERM;
	modes[i] = mode;
	return 0;
}

static int op_open(const char *path, struct fuse_file_info *fi)
{
	(void)fi;
	return number(path) < 0 ? -ENOENT : 0;
}

static int op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)path;
	(void)size;
	(void)fi;
	return 0;
}

static const struct fuse_operations ops = {
	.getattr = op_getattr,
	.mknod = op_mknod,
	.open = op_open,
	.truncate = op_truncate,
};

int main(int argc, char **argv)
{
	return fuse_main(argc, argv, &ops, NULL);
}
