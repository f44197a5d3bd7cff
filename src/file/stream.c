/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. poll(2) and its kin are not caught, so the placeholder must be as ready as
 * the file at any time, not only when somebody asks. The server is asked (FUSE_POLL) when the file
 * is opened, after each read and write, and whenever it says that something changed
 * (FUSE_NOTIFY_POLL, which it owes after every answer); a byte in the pipe then says that there is
 * something to read. It is put in anew each time, which is what edge-triggered epoll wants to see.
 * Nobody reads that byte: reads of the descriptor are caught. Guests have the reading end alone, so
 * the last close shows at ours.
 */
#include "file/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

enum { PIPE_SIZE = 4096 };

struct stream {
	struct fs_handle h;
	int end;	      /* ours: the writing one */
	int access;	      /* O_RDONLY, O_RDWR */
	pthread_mutex_t lock; /* pos, asked, said; a leaf */
	off_t pos;
	uint64_t asked, said; /* numbers of the last question, and of the last answer that counts */
};

static void stream_release(struct stream *s, struct fs *fs, uint64_t node)
{
	if (s->end >= 0)
		close(s->end);
	if (!(s->h.flags & FS_OPEN_NONE) && fs->file->release)
		fs->file->release(fs, node, &s->h);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void stream_free(struct vfile *vf)
{
	struct stream *s = vf->priv;
	struct fs_req req = { .uid = geteuid(), .gid = getegid() };
	struct fs *fs = vf->inode->fs;

	if (!s)
		return;
	/* what it says is nobody's to know any more */
	if (fs->file->flush)
		(void)!fs->file->flush(fs, &req, vf->inode->nodeid, &s->h);
	stream_release(s, fs, vf->inode->nodeid);
}

/* The pipe is made as ready as the file. A pipe that is empty can be written to: that nothing can
 * be read nor written cannot be shown. */
static void show(struct stream *s, unsigned revents)
{
	bool readable = revents & ~(unsigned)(POLLOUT | POLLWRNORM | POLLWRBAND);
	bool writable = revents & (POLLOUT | POLLWRNORM);
	_cleanup_fd_ int other = -1;
	char path[FD_PATH_MAX], buf[PIPE_SIZE] = { 0 };

	other = open(fd_path(path, s->end), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (other < 0)
		return;
	while (read(other, buf, sizeof(buf)) > 0)
		;
	if (readable && write(s->end, buf, s->access == O_RDWR && !writable ? sizeof(buf) : 1) < 0)
		log_debug("a pipe takes no byte: %s", strerror(errno));
}

/* -ENOSYS: the server does not answer it. Other errors make it ready, so that who reads is told of
 * them. */
static int stream_ask(struct stream *s, struct inode *ino, const struct fs_req *req)
{
	const unsigned events =
		POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND;
	unsigned revents = POLLERR | POLLOUT;
	struct fs *fs = ino->fs;
	uint64_t number;
	int r = -ENOSYS;

	pthread_mutex_lock(&s->lock);
	number = ++s->asked;
	pthread_mutex_unlock(&s->lock);
	if (fs->file->poll)
		r = fs->file->poll(fs, req, ino->nodeid, &s->h, events, &revents);
	if (r == -ENOSYS)
		return r;
	pthread_mutex_lock(&s->lock);
	if (number > s->said) { /* else somebody asked after us, and was told before */
		s->said = number;
		show(s, r < 0 ? POLLERR | POLLOUT : revents);
	}
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* The guest's end: fd or -errno. */
static int make_pipe(struct stream *s, int flags)
{
	_cleanup_fd_ int first = -1;
	char path[FD_PATH_MAX];
	int p[2], fd;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	first = p[0];
	s->end = p[1];
	s->access = flags & O_ACCMODE;
	if (fcntl(s->end, F_SETPIPE_SZ, PIPE_SIZE) < 0)
		log_debug("a pipe stays larger than a page");
	fd = open(fd_path(path, first), s->access | (flags & O_NONBLOCK) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int stream_open(struct files *f, struct mount *m, struct inode *ino, const struct fs_req *req,
	int flags, const struct fs_handle *h)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct vfile like = { VFILE_LIKE(VFILE_STREAM, ino, m), .priv = s }, *vf;
	_cleanup_fd_ int fd = -1;
	int r;

	if (!s)
		return -ENOSYS; /* it is opened like any other */
	s->h = *h;
	s->end = -1;
	pthread_mutex_init(&s->lock, NULL);
	fd = make_pipe(s, flags);
	r = fd < 0 ? fd : stream_ask(s, ino, req);
	if (r == -ENOSYS)
		s->h.flags |= FS_OPEN_NONE;
	if (r == 0) {
		atomic_store(&ino->fs->polled, f);
		r = files_add(f, &like, fd, &vf);
	}
	if (r < 0) {
		stream_release(s, ino->fs, ino->nodeid);
		return r;
	}
	vfile_put(vf);
	return take_fd(&fd);
}

/* The handle with the flags that the guest's open file has now. */
static struct fs_handle now(const struct stream *s, int fd)
{
	struct fs_handle h = s->h;
	int fl = fcntl(fd, F_GETFL);

	h.oflags = (h.oflags & ~O_NONBLOCK) | (fl < 0 ? 0 : fl & O_NONBLOCK);
	return h;
}

static off_t position(struct stream *s)
{
	off_t pos;

	pthread_mutex_lock(&s->lock);
	pos = s->pos;
	pthread_mutex_unlock(&s->lock);
	return pos;
}

static void moved(struct stream *s, struct inode *ino, const struct fs_req *req, ssize_t n)
{
	pthread_mutex_lock(&s->lock);
	if (n > 0 && !(s->h.flags & FS_OPEN_STREAM))
		s->pos += n;
	pthread_mutex_unlock(&s->lock);
	(void)!stream_ask(s, ino, req); /* it answered before */
}

/* Of several in flight the server could answer a later one with what is to be read first. */
static size_t one_request(size_t len, size_t max)
{
	return max && len > max ? max : len;
}

ssize_t stream_read(
	struct vfile *vf, const struct fs_req *req, int fd, void *buf, size_t len, off_t off)
{
	struct stream *s = vf->priv;
	struct fs_handle h = now(s, fd);
	struct fs *fs = vf->inode->fs;
	ssize_t n;

	if (off >= 0)
		return -ESPIPE;
	n = fs->file->read(fs, req, vf->inode->nodeid, &h, buf, one_request(len, fs->max_read),
		(uint64_t)position(s));
	moved(s, vf->inode, req, n);
	return n;
}

ssize_t stream_write(
	struct vfile *vf, const struct fs_req *req, int fd, const void *buf, size_t len, off_t off)
{
	struct stream *s = vf->priv;
	struct fs_handle h = now(s, fd);
	struct fs *fs = vf->inode->fs;
	ssize_t n;

	if (off >= 0)
		return -ESPIPE;
	n = fs->file->write(fs, req, vf->inode->nodeid, &h, buf, one_request(len, fs->max_write),
		(uint64_t)position(s), false);
	moved(s, vf->inode, req, n);
	return n;
}

struct fs_handle stream_handle(const struct vfile *vf)
{
	const struct stream *s = vf->priv;

	return s->h;
}

static int fill(struct vfile *vf, const struct fs_req *req, int fd, char *buf)
{
	struct stream *s = vf->priv;
	struct fs_handle h = s->h;
	struct fs *fs = vf->inode->fs;
	ssize_t n;
	int r;

	h.oflags |= O_NONBLOCK;
	do {
		n = fs->file->read(fs, req, vf->inode->nodeid, &h, buf,
			one_request(BUF_SIZE, fs->max_read), (uint64_t)position(s));
		moved(s, vf->inode, req, n);
		r = n > 0 ? write_all(fd, buf, (size_t)n) : n == -EAGAIN ? 0 : (int)n;
	} while (n > 0 && r == 0);
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r;
}

int stream_low(struct vfile *vf, const struct fs_req *req)
{
	_cleanup_fd_ int fd = memfd_create("umview", MFD_CLOEXEC);
	char *buf;
	int r;

	if (fd < 0)
		return -errno;
	buf = files_buf_get(vf->files);
	r = buf ? fill(vf, req, fd, buf) : -ENOMEM;
	files_buf_put(vf->files, buf);
	if (r == 0)
		r = file_alias(vf->files, fd, vf->mnt, vf->inode);
	return r < 0 ? r : take_fd(&fd);
}

int stream_fsync(struct vfile *vf, const struct fs_req *req, bool datasync)
{
	struct stream *s = vf->priv;
	struct fs *fs = vf->inode->fs;

	return fs->file->fsync ? fs->file->fsync(fs, req, vf->inode->nodeid, &s->h, datasync) : 0;
}

void stream_job(struct vfile *vf, unsigned jobs)
{
	struct stream *s = vf->priv;
	struct fs_req req = { .uid = geteuid(), .gid = getegid() };
	struct pollfd p = { .fd = s->end, .events = 0 };

	/* each close of an end is reported, ours as well */
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLERR)) {
		files_remove(vf);
		return;
	}
	if (jobs & JOB_POLL)
		(void)!stream_ask(s, vf->inode, &req);
}

void file_polled(struct fs *fs, uint64_t node)
{
	struct files *f = atomic_load(&fs->polled);

	if (!f)
		return;
	pthread_rwlock_rdlock(&f->lock);
	for (size_t i = 0; i < FILES_BUCKETS; i++) {
		struct cds_hlist_node *n;

		for (n = f->hash[i].next; n; n = n->next) {
			struct vfile *vf = cds_hlist_entry(n, struct vfile, hash);

			if (vf->kind == VFILE_STREAM && vf->inode->fs == fs &&
				(!node || vf->inode->nodeid == node))
				files_job(vf, JOB_POLL);
		}
	}
	pthread_rwlock_unlock(&f->lock);
}
