/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server that answers late: what names a file "slow*" waits until the file $SLOW_GO is there;
 * signals (FUSE_INTERRUPT) do not concern it. Each request that changes something, and each stat
 * that waits, is a line in $SLOW_LOG. With $SLOW_HANGS it hangs at its end, having made that file.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX = 64 };

static struct {
	pthread_mutex_t lock;
	char dirs[MAX][64];
	int n;
	size_t size; /* of /slow-file */
} sv = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void be_slow(const char *path)
{
	while (strncmp(path, "/slow", 5) == 0 && access(getenv("SLOW_GO"), F_OK) < 0)
		usleep(20000);
}

static void note(const char *what, const char *path)
{
	FILE *f = fopen(getenv("SLOW_LOG"), "a");

	if (f) {
		fprintf(f, "%s %s\n", what, path);
		fclose(f);
	}
}

static int find(const char *path)
{
	for (int i = 0; i < sv.n; i++)
		if (strcmp(sv.dirs[i], path) == 0)
			return i;
	return -1;
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	int r = 0;

	(void)fi;
	if (strcmp(path, "/slow-stat") == 0) {
		note("stat", path);
		be_slow(path);
	}
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
	pthread_mutex_lock(&sv.lock);
	if (strcmp(path, "/") == 0 || find(path) >= 0) {
		st->st_mode = S_IFDIR | 0755;
	} else if (strcmp(path, "/slow-file") == 0) {
		st->st_mode = S_IFREG | 0644;
		st->st_size = (off_t)sv.size;
	} else {
		r = -ENOENT;
	}
	pthread_mutex_unlock(&sv.lock);
	return r;
}

static int op_mkdir(const char *path, mode_t mode)
{
	int r = 0;

	(void)mode;
	note("mkdir", path);
	be_slow(path);
	pthread_mutex_lock(&sv.lock);
	if (find(path) >= 0)
		r = -EEXIST;
	else if (sv.n < MAX)
		snprintf(sv.dirs[sv.n++], sizeof(sv.dirs[0]), "%s", path);
	pthread_mutex_unlock(&sv.lock);
	return r;
}

static int op_read(const char *path, char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	be_slow(path);
	if ((size_t)off >= sv.size)
		return 0;
	if (size > sv.size - (size_t)off)
		size = sv.size - (size_t)off;
	memset(buf, 'r', size);
	return (int)size;
}

static int op_write(
	const char *path, const char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)buf;
	(void)fi;
	note("write", path);
	be_slow(path);
	pthread_mutex_lock(&sv.lock);
	if ((size_t)off + size > sv.size)
		sv.size = (size_t)off + size;
	pthread_mutex_unlock(&sv.lock);
	return (int)size;
}

static int op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)path;
	(void)fi;
	sv.size = (size_t)size;
	return 0;
}

static void op_destroy(void *data)
{
	const char *mark = getenv("SLOW_HANGS");

	(void)data;
	if (!mark)
		return;
	close(open(mark, O_CREAT | O_WRONLY, 0600));
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	static const struct fuse_operations ops = { .getattr = op_getattr,
		.mkdir = op_mkdir,
		.read = op_read,
		.write = op_write,
		.truncate = op_truncate,
		.destroy = op_destroy };

	sv.size = 100;
	return fuse_main(argc, argv, &ops, NULL);
}
