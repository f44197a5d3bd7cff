/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server that, as one of S3 or WebDAV, has a file where it belongs only once FUSE_FLUSH came:
 * what is written goes to a copy of its own, which FLUSH, after a while, puts in the file's place
 * below $UPLOADS. A file called "full" is refused then. RELEASE throws the copy away.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LATE_US = 100000, SIZE_MAX_KEPT = 1 << 20 };

static int place(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(getenv("UPLOADS"), O_RDONLY | O_DIRECTORY);
	return fd;
}

static int result(int r)
{
	return r < 0 ? -errno : r;
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	return result(fstatat(place(), path[1] ? path + 1 : ".", st, AT_SYMLINK_NOFOLLOW));
}

static int op_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	int fd = openat(place(), path + 1, O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (fd < 0)
		return -errno;
	close(fd);
	fi->fh = (uint64_t)(uintptr_t)tmpfile();
	return fi->fh ? 0 : -ENOMEM;
}

static int op_open(const char *path, struct fuse_file_info *fi)
{
	int fd = openat(place(), path + 1, O_RDONLY);
	char buf[4096];
	FILE *copy;
	ssize_t n;

	if (fd < 0)
		return -errno;
	copy = tmpfile();
	while (copy && (n = read(fd, buf, sizeof(buf))) > 0)
		(void)!write(fileno(copy), buf, (size_t)n);
	close(fd);
	fi->fh = (uint64_t)(uintptr_t)copy;
	return copy ? 0 : -ENOMEM;
}

static FILE *copy_of(const struct fuse_file_info *fi)
{
	return (FILE *)(uintptr_t)fi->fh;
}

static int op_read(const char *path, char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	(void)path;
	return result((int)pread(fileno(copy_of(fi)), buf, n, off));
}

/* What was written since the last: one program at a time is enough for the test. */
static int changed;

static int op_write(
	const char *path, const char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	(void)path;
	changed = 1;
	return result((int)pwrite(fileno(copy_of(fi)), buf, n, off));
}

static int op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	int fd, r;

	if (fi)
		return result(ftruncate(fileno(copy_of(fi)), size));
	fd = openat(place(), path + 1, O_WRONLY);
	r = fd < 0 ? -errno : result(ftruncate(fd, size));
	close(fd);
	return r;
}

static int op_flush(const char *path, struct fuse_file_info *fi)
{
	static char buf[SIZE_MAX_KEPT];
	ssize_t n;
	int fd;

	if (!changed)
		return 0; /* by a reader, or again */
	usleep(LATE_US);
	changed = 0;
	if (strcmp(path, "/full") == 0)
		return -EDQUOT;
	n = pread(fileno(copy_of(fi)), buf, sizeof(buf), 0);
	fd = openat(place(), path + 1, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return -errno;
	n = n > 0 ? write(fd, buf, (size_t)n) : n;
	close(fd);
	return n < 0 ? -EIO : 0;
}

static int op_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	fclose(copy_of(fi));
	return 0;
}

/* As an object store does it: what is there by then goes to another name. */
static int op_rename(const char *from, const char *to, unsigned flags)
{
	(void)flags;
	return result(renameat(place(), from + 1, place(), to + 1));
}

static int op_unlink(const char *path)
{
	return result(unlinkat(place(), path + 1, 0));
}

static int op_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	(void)fi;
	return result(fchmodat(place(), path + 1, mode, 0));
}

static int op_utimens(const char *path, const struct timespec ts[2], struct fuse_file_info *fi)
{
	(void)fi;
	return result(utimensat(place(), path + 1, ts, AT_SYMLINK_NOFOLLOW));
}

static const struct fuse_operations ops = {
	.getattr = op_getattr,
	.create = op_create,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.truncate = op_truncate,
	.flush = op_flush,
	.release = op_release,
	.rename = op_rename,
	.unlink = op_unlink,
	.chmod = op_chmod,
	.utimens = op_utimens,
};

int main(int argc, char **argv)
{
	umask(0);
	return place() < 0 || fuse_main(argc, argv, &ops, NULL);
}
