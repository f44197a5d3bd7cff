/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system of libfuse's low level that keeps locks: locks BACKING [options] MOUNTPOINT. One
 * file, f, whose locks are those of the file BACKING: each owner of fcntl(2)'s has an open file of
 * it, and each handle, for flock(2)'s. Each request is a line on standard error.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { OWNERS_MAX = 64, FILE_INO = 2, SIZE = 100 };

static struct server {
	const char *backing;
	pthread_mutex_t lock;
	struct {
		uint64_t owner;
		int fd;
	} owners[OWNERS_MAX];
} sv = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void attr_of(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0666;
	st->st_nlink = ino == FUSE_ROOT_ID ? 2 : 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
	st->st_size = ino == FILE_INO ? SIZE : 0;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	attr_of(ino, &st);
	fuse_reply_attr(req, &st, 1);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .attr_timeout = 1, .entry_timeout = 1 };

	if (parent != FUSE_ROOT_ID || strcmp(name, "f") != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.ino = FILE_INO;
	attr_of(e.ino, &e.attr);
	fuse_reply_entry(req, &e);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int fd = ino == FILE_INO ? open(sv.backing, O_RDWR) : -1;

	if (fd < 0) {
		fuse_reply_err(req, EACCES);
		return;
	}
	fi->fh = (uint64_t)fd;
	fuse_reply_open(req, fi);
}

static void op_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	char zero[SIZE] = "";
	size_t left = off < SIZE ? (size_t)(SIZE - off) : 0;

	(void)ino;
	(void)fi;
	fuse_reply_buf(req, zero, left < size ? left : size);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	if (fi->flock_release)
		fprintf(stderr, "release with flock\n");
	close((int)fi->fh);
	fuse_reply_err(req, 0);
}

/* The open file of an owner; made when there is none. */
static int owner_fd(uint64_t owner)
{
	int fd = -1, spare = -1;

	pthread_mutex_lock(&sv.lock);
	for (int i = 0; i < OWNERS_MAX && fd < 0; i++) {
		if (sv.owners[i].owner == owner)
			fd = sv.owners[i].fd;
		else if (!sv.owners[i].owner && spare < 0)
			spare = i;
	}
	if (fd < 0 && spare >= 0) {
		fd = open(sv.backing, O_RDWR);
		sv.owners[spare].owner = owner;
		sv.owners[spare].fd = fd;
	}
	pthread_mutex_unlock(&sv.lock);
	return fd;
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	pthread_mutex_lock(&sv.lock);
	for (int i = 0; i < OWNERS_MAX; i++) {
		if (fi->lock_owner && sv.owners[i].owner == fi->lock_owner) {
			fprintf(stderr, "flush of an owner\n");
			close(sv.owners[i].fd);
			sv.owners[i].owner = 0;
		}
	}
	pthread_mutex_unlock(&sv.lock);
	fuse_reply_err(req, 0);
}

static void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock)
{
	(void)ino;
	lock->l_pid = 0;
	if (fcntl(owner_fd(fi->lock_owner), F_OFD_GETLK, lock) < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	lock->l_pid = 0; /* whose it is nobody knows */
	fuse_reply_lock(req, lock);
}

static void op_setlk(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock, int sleep)
{
	int fd = owner_fd(fi->lock_owner), r;

	(void)ino;
	fprintf(stderr, "setlk%s %s %d+%d\n", sleep ? "w" : "",
		lock->l_type == F_RDLCK	  ? "r"
		: lock->l_type == F_WRLCK ? "w"
					  : "u",
		(int)lock->l_start, (int)lock->l_len);
	lock->l_pid = 0;
	while ((r = fcntl(fd, F_OFD_SETLK, lock)) < 0 && errno == EAGAIN && sleep &&
		!fuse_req_interrupted(req))
		usleep(5000);
	fuse_reply_err(req, r == 0 ? 0 : fuse_req_interrupted(req) ? EINTR : errno);
}

static void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op)
{
	int r;

	(void)ino;
	fprintf(stderr, "flock %d\n", op);
	while ((r = flock((int)fi->fh, op | LOCK_NB)) < 0 && errno == EWOULDBLOCK &&
		!(op & LOCK_NB) && !fuse_req_interrupted(req))
		usleep(5000);
	fuse_reply_err(req, r == 0 ? 0 : fuse_req_interrupted(req) ? EINTR : errno);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = op_lookup,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.flush = op_flush,
	.release = op_release,
	.getlk = op_getlk,
	.setlk = op_setlk,
	.flock = op_flock,
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc - 1, argv + 1);
	struct fuse_loop_config config = { .max_idle_threads = 10 };
	struct fuse_cmdline_opts o;
	struct fuse_session *session;
	int r;

	if (argc < 3)
		return 1;
	sv.backing = argv[1];
	if (fuse_parse_cmdline(&args, &o) != 0 || !o.mountpoint)
		return 1;
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!session || fuse_session_mount(session, o.mountpoint) != 0)
		return 1;
	r = fuse_session_loop_mt(session, &config);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	return r != 0;
}
