/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A server's open("/dev/fuse") is answered with one end of a SOCK_SEQPACKET
 * pair, at a number where read and write are not trapped: a request and an answer are one message
 * each, blocking, polling and signals are the kernel's. We keep no descriptor of the server's end,
 * so that the end of the server hangs up ours.
 *
 * What a socket does not do by itself is done here. splice(2) onto it would cut one answer into
 * several messages: it is trapped and sent as one. And after an unmount the kernel's device answers
 * ENODEV, where a socket that was shut down gives 0, which servers take for a failure: so the
 * socket is left open a little longer, until threads are found that sleep reading it; their reads
 * are ended with ENODEV from outside (dev-end.c). The device stays known until its last close.
 */
#include "fs/fuse/dev.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "fs/fuse/conn.h"
#include "fs/fuse/dev-end.h"

#define DEV_FUSE makedev(10, 229)
#define MESSAGE_MAX ((128u << 10) + 4096)
#define POLL_MS 50

enum dev_state { DEV_OPEN, DEV_MOUNTED, DEV_ENDED };

struct fuse_dev {
	atomic_int refs; /* the vfile, the connection, the ending */
	int sock;	 /* our end */
	ino_t ino;	 /* of the server's end */
	struct files *files;
	atomic_int state; /* enum dev_state */
};

static void dev_put(struct fuse_dev *d)
{
	if (atomic_fetch_sub(&d->refs, 1) != 1)
		return;
	if (d->sock >= 0)
		close(d->sock);
	free(d);
}

static struct fuse_dev *dev_get(struct fuse_dev *d)
{
	atomic_fetch_add(&d->refs, 1);
	return d;
}

/* ---- the calls that are trapped ---- */

/* What the kernel's device answers when there is no connection (any more), else 0. */
static int dev_error(const struct fuse_dev *d)
{
	switch (atomic_load(&d->state)) {
	case DEV_OPEN:
		return -EPERM;
	case DEV_ENDED:
		return -ENODEV;
	default:
		return 0;
	}
}

static enum verdict dev_rw(struct vfile *vf, struct call *c, UNUSED int fd)
{
	int err = dev_error(vf->priv);

	return err ? call_return(c, err) : CONTINUE;
}

/*
 * A second channel of a mounted device, for another thread. One socket serves any number of
 * readers, so the number that was to be the clone becomes another descriptor of the same socket.
 */
static enum verdict dev_clone(struct fuse_dev *d, struct call *c)
{
	_cleanup_vfile_ struct vfile *from = NULL;
	_cleanup_fd_ int fd = -1;
	struct fuse_dev *source;
	uint32_t number;
	int err = guest_read(c, call_addr(c, 2), &number, sizeof(number));

	if (!err)
		err = vfile_of_fd(c, d->files, (int)number, &from, &fd);
	if (err)
		return call_return(c, err);
	if (!fuse_dev_is(from) || !guestfd_lends(c))
		return call_return(c, -EINVAL);
	source = from->priv;
	if (source == d || atomic_load(&source->state) != DEV_MOUNTED ||
		atomic_load(&d->state) != DEV_OPEN)
		return call_return(c, -EINVAL);
	return call_return(c, guestfd_replace(c, fd, call_fd(c, 0), O_CLOEXEC));
}

static enum verdict dev_ioctl(struct vfile *vf, struct call *c, UNUSED int fd)
{
	if ((uint32_t)c->args[1] == FUSE_DEV_IOC_CLONE)
		return dev_clone(vf->priv, c);
	return call_return(c, -ENOTTY);
}

/* Waits until the socket is ready: 0, -EINTR, -EAGAIN when it must not block. */
static int wait_ready(struct call *c, int fd, short events, bool nonblock)
{
	struct pollfd p = { .fd = fd, .events = events };

	if (!nonblock)
		call_waits();
	for (;;) {
		if (poll(&p, 1, nonblock ? 0 : POLL_MS) > 0)
			return 0;
		if (nonblock)
			return -EAGAIN;
		if (call_interrupted(c))
			return -EINTR;
	}
}

/* What is in the pipe, at most len bytes, as one message. */
static ssize_t splice_out(struct call *c, int pipe, int fd, size_t len, bool nonblock)
{
	_cleanup_free_ char *buf = NULL;
	size_t have = 0;
	ssize_t n;
	int err;

	if (len > MESSAGE_MAX)
		return -EINVAL;
	buf = malloc(len ? len : 1);
	if (!buf)
		return -ENOMEM;
	while (have < len) {
		/* The rest of an answer is in the pipe already, or never comes. */
		err = wait_ready(c, pipe, POLLIN, nonblock || have);
		if (err == -EAGAIN && have)
			break;
		if (err)
			return err;
		n = read(pipe, buf + have, len - have);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	for (;;) {
		n = send(fd, buf, have, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0)
			return n;
		if (errno == EPIPE || errno == ECONNREFUSED || errno == ENOTCONN)
			return -ENODEV;
		if (errno != EAGAIN)
			return -errno;
		err = wait_ready(c, fd, POLLOUT, false);
		if (err)
			return err;
	}
}

/* One request into the pipe. Several threads of a server do this at once: what one has looked at
 * another may have taken, so the room is that of any request. */
static ssize_t splice_in(struct call *c, int fd, int pipe, size_t len, bool nonblock)
{
	_cleanup_free_ char *buf = NULL;
	int err, used = 0, size = fcntl(pipe, F_GETPIPE_SZ);
	size_t room;
	ssize_t n;

	for (;;) {
		err = wait_ready(c, fd, POLLIN, nonblock);
		if (err)
			return err;
		/* Not taken out unless the pipe has room for it: a slot a page. */
		n = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODEV;
		if (size < 0 || ioctl(pipe, FIONREAD, &used) < 0)
			return -EINVAL;
		used = (used + 4095) & ~4095;
		room = used < size ? (size_t)(size - used) : 0;
		if (room > len)
			room = len;
		if ((size_t)n > room)
			return -EIO; /* so the buffer is not of 0 bytes */
		if (!buf)
			buf = malloc(len < (size_t)size ? len : (size_t)size);
		if (!buf)
			return -ENOMEM;
		n = recv(fd, buf, room, MSG_TRUNC | MSG_DONTWAIT);
		if (n > 0)
			break;
		if (n == 0 || errno != EAGAIN)
			return n < 0 ? -errno : -ENODEV;
	}
	if ((size_t)n > room)
		return -EIO;
	err = write_all(pipe, buf, (size_t)n);
	return err ? err : n;
}

static enum verdict dev_splice(struct vfile *vf, struct call *c, int fd)
{
	_cleanup_fd_ int pipe = -1;
	bool nonblock;
	struct stat st;
	int flags, err = dev_error(vf->priv);
	bool out;

	if (c->nr != __NR_splice)
		return CONTINUE; /* no pipe: the kernel's error */
	if (err)
		return call_return(c, err);
	if (c->args[1] || c->args[3])
		return CONTINUE; /* no offsets on either */
	out = guestfd_stat(c, call_fd(c, 2), &st) == 0 && st.st_ino == vf->ino &&
	      st.st_dev == vf->dev;
	pipe = guestfd_get(c, call_fd(c, out ? 0 : 2));
	if (pipe < 0)
		return call_return(c, pipe);
	if (fstat(pipe, &st) < 0 || !S_ISFIFO(st.st_mode))
		return call_return(c, -EINVAL);
	flags = fcntl(fd, F_GETFL);
	nonblock = (c->args[5] & SPLICE_F_NONBLOCK) || (flags >= 0 && (flags & O_NONBLOCK));
	if (!call_alive(c))
		return call_return(c, -ESRCH);
	return call_return(c, out ? splice_out(c, pipe, fd, c->args[4], nonblock)
				  : splice_in(c, fd, pipe, c->args[4], nonblock));
}

static int dev_getattr(struct vfile *vf, struct fs_attr *ret)
{
	*ret = (struct fs_attr){ .ino = vf->ino,
		.mode = S_IFCHR | 0666,
		.nlink = 1,
		.rdev = DEV_FUSE,
		.blksize = 4096 };
	return 0;
}

static void dev_last_close(struct vfile *vf)
{
	dev_put(vf->priv);
}

static const struct vfile_ops dev_ops = {
	.size = sizeof(dev_ops),
	.ioctl = dev_ioctl,
	.read = dev_rw,
	.write = dev_rw,
	.splice = dev_splice,
	.getattr = dev_getattr,
	.last_close = dev_last_close,
	.path = "/dev/fuse",
};

/* ---- opening and mounting ---- */

/* ret_fd: the server's end. */
static int dev_new(int flags, struct fuse_dev **ret, int *ret_fd)
{
	_cleanup_fd_ int ours = -1, theirs = -1;
	struct fuse_dev *d;
	struct stat st;
	int sv[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	ours = sv[0];
	theirs = sv[1];
	r = fuse_socket_setup(theirs);
	if (r >= 0)
		r = fuse_socket_setup(ours);
	if (r < 0)
		return r;
	if (fstat(theirs, &st) < 0 ||
		((flags & O_NONBLOCK) && fcntl(theirs, F_SETFL, O_NONBLOCK) < 0))
		return -errno;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->refs = 1;
	d->sock = take_fd(&ours);
	d->ino = st.st_ino;
	*ret = d;
	*ret_fd = take_fd(&theirs);
	return 0;
}

enum verdict fuse_dev_open(struct call *c, struct files *f, int flags)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct fuse_dev *d = NULL;
	int fd = -1, err;
	enum verdict v;

	if ((flags & O_ACCMODE) != O_RDWR)
		return call_return(c, -EACCES); /* of no use, and a socket cannot tell */
	err = dev_new(flags, &d, &fd);
	if (err)
		return call_return(c, err);
	d->files = f;
	err = vfile_new_device(f, fd, &dev_ops, d, &vf);
	if (err) {
		dev_put(d);
		return call_return(c, err);
	}
	v = guestfd_answer(c, vf->place, flags & O_CLOEXEC, ZONE_FILLED);
	if (v == DONE &&
		c->ret == -EMFILE) { /* no number so high is allowed: splice is native then */
		vfile_note_low(vf);
		v = guestfd_answer(c, vf->place, flags & O_CLOEXEC, ZONE_LOWEST);
	}
	return v;
}

bool fuse_dev_is(const struct vfile *vf)
{
	return vf && vf->kind == VFILE_DEVICE && vf->ops == &dev_ops;
}

/*
 * The server's readers stand still: our end is closed so that poll(2) on theirs tells POLLERR, as
 * it does on the kernel's device. libfuse looks for that before it unmounts by itself what lies at
 * its mount point, which by now may be another mount. A socket has an error when its peer was
 * closed with something unread: so something is sent through the server's own end.
 */
static void dev_hang_up(void *arg, pid_t pid, int fd)
{
	struct fuse_dev *d = arg;
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	_cleanup_fd_ int theirs = -1;
	struct stat st;
	bool it = false;

	if (pidfd >= 0)
		theirs = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	/* a thread beside those may have closed it, and opened something else */
	if (theirs >= 0)
		it = fstat(theirs, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == d->ino;
	/* More than one: a reader of ours that the end has surprised may still take one. */
	for (int i = 0; it && i < 4; i++)
		(void)!send(theirs, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(d->sock);
	d->sock = -1;
}

/*
 * The server's threads sleep in read, or come back to it from what they were at: each gets ENODEV.
 * One that found the end of the socket instead would say so on stderr while libfuse 2 cancels it,
 * and leave the lock of that for ever. So they are waited for; but not for long, since some threads
 * always run.
 */
static void *dev_linger(void *arg)
{
	static const int wait_ms[] = { 1, 2, 4, 8, 15, 30, 60, 120 };
	struct fuse_dev *d = arg;
	bool gone = false;

	for (unsigned i = 0; i < ARRAY_SIZE(wait_ms); i++) {
		struct pollfd p = { .fd = d->sock };

		fuse_dev_end_readers(d->ino, i + 2 < ARRAY_SIZE(wait_ms), dev_hang_up, d);
		if (d->sock < 0)
			break;
		if (poll(&p, 1, wait_ms[i]) > 0 && (p.revents & POLLHUP)) {
			gone = true; /* the server */
			break;
		}
	}
	if (d->sock >= 0 && !gone)
		(void)fuse_dev_end_waiters(d->ino, dev_hang_up, d);
	if (d->sock >= 0)
		shutdown(d->sock, SHUT_RDWR);
	dev_put(d);
	return NULL;
}

static void dev_end(void *arg, bool started)
{
	struct fuse_dev *d = arg;
	struct pollfd p = { .fd = d->sock };
	sigset_t all, old;
	pthread_t t;
	int err;

	if (!started) {
		atomic_store(&d->state, DEV_OPEN);
		dev_put(d);
		return;
	}
	atomic_store(&d->state, DEV_ENDED);
	if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP)) {
		dev_put(d);
		return;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&t, NULL, dev_linger, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err) {
		pthread_detach(t);
		return;
	}
	shutdown(d->sock, SHUT_RDWR);
	dev_put(d);
}

int fuse_dev_mount(struct vfile *vf, const struct fuse_options *o,
	const struct fuse_notify_ops *notify, struct fs **ret)
{
	int was = DEV_OPEN, sock, err;
	struct fuse_dev *d;
	struct fs *fs;

	if (!fuse_dev_is(vf))
		return -EINVAL;
	d = vf->priv;
	if (!atomic_compare_exchange_strong(&d->state, &was, DEV_MOUNTED))
		return -EINVAL;
	sock = fcntl(d->sock, F_DUPFD_CLOEXEC, 0);
	err = sock < 0 ? -errno : fuse_conn_new(o, sock, notify, &fs);
	if (err) {
		atomic_store(&d->state, DEV_OPEN);
		return err;
	}
	fuse_conn_of(fs)->peer = d->ino;
	fuse_conn_on_end(fs, dev_end, dev_get(d));
	*ret = fs;
	return 0;
}
