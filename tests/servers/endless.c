/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server of files that have no end (/endless, read past the page cache), or one that nobody lives
 * to see (/huge), and of one that is shorter than it says (/short).
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse.h>
#include <string.h>
#include <unistd.h>

enum { SHORT_SAYS = 100000, SHORT_HAS = 10 };

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
	st->st_mode = S_IFREG | 0644;
	if (strcmp(path, "/") == 0)
		st->st_mode = S_IFDIR | 0755;
	else if (strcmp(path, "/huge") == 0)
		st->st_size = 1ll << 62;
	else if (strcmp(path, "/short") == 0)
		st->st_size = SHORT_SAYS;
	else if (strcmp(path, "/endless") != 0)
		return -ENOENT;
	return 0;
}

static int op_open(const char *path, struct fuse_file_info *fi)
{
	fi->direct_io = strcmp(path, "/endless") == 0;
	return 0;
}

static int op_read(const char *path, char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	if (strcmp(path, "/short") == 0)
		size = off < SHORT_HAS ? SHORT_HAS - (size_t)off : 0;
	memset(buf, strcmp(path, "/huge") ? 'x' : 0, size);
	return (int)size;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations ops = {
		.getattr = op_getattr, .open = op_open, .read = op_read
	};

	return fuse_main(argc, argv, &ops, NULL);
}
