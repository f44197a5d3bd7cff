/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What read, write, splice and their kin refuse, and in which order: arguments that are wrong in
 * one way or in two. */
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "guest.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

static int signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

/* Was SIGXFSZ sent by what came before? */
static void show_signals(const char *what)
{
	tap_check(&t, 1, "%s: %d signals", what, signals);
	signals = 0;
}

static long write_raw(int fd, const void *buf, size_t n)
{
	return syscall(SYS_write, fd, buf, n);
}

static long splice_raw(int in, off_t *in_off, int out, off_t *out_off, size_t n, unsigned flags)
{
	return syscall(SYS_splice, in, in_off, out, out_off, n, flags);
}

static void counts(void)
{
	static char buf[64];
	int fd = open("counts", O_RDWR | O_CREAT, 0644);

	R(write_raw(fd, "0123456789", 10));
	if (sizeof(long) < 8) {
		close(fd);
		return;
	}
	/* a buffer that would end beyond all addresses is refused as a whole */
	R(write_raw(fd, buf, (size_t)-1));
	R(write_raw(fd, buf, (size_t)SSIZE_MAX));
	R(syscall(SYS_read, fd, buf, (size_t)-1));
	R(pwrite(fd, buf, (size_t)-1, 0));
	R(lseek(fd, 0, SEEK_END));
	R(write_raw(-1, buf, (size_t)-1));
	R(syscall(SYS_write, fd, BAD, (size_t)-1));
	R(close(fd));
}

static void positions(void)
{
	static char buf[4096];
	int fd = open("positions", O_RDWR | O_CREAT, 0644);

	signal(SIGXFSZ, on_signal);
	R(write(fd, "abc", 3));
	R(pread(fd, buf, 10, LLONG_MAX - 4));
	R(pwrite(fd, buf, 10, LLONG_MAX - 4));
	show_signals("pwrite over the end of all offsets");
	R(pwrite(fd, buf, 0, LLONG_MAX));
	R(pread(fd, buf, 0, -1));
	R(pread(fd, buf, 1, LLONG_MIN));
	R(lseek(fd, LLONG_MIN, SEEK_SET));
	R(lseek(fd, LLONG_MIN, SEEK_END));
	R(lseek(fd, LLONG_MIN, SEEK_CUR));
	R(lseek(fd, -4, SEEK_END));
	R(lseek(fd, -3, SEEK_END));
	R(lseek(fd, 0, 5));
	R(lseek(fd, 0, -1));
	R(lseek(fd, 3, SEEK_DATA));
	R(lseek(fd, 3, SEEK_HOLE));
	R(lseek(fd, 2, SEEK_HOLE));
	R(lseek(fd, LLONG_MAX, SEEK_DATA));
	R(lseek(fd, 0, SEEK_CUR));
	R(ftruncate(fd, LLONG_MIN));
	R(ftruncate(-1, -1));
	R(truncate("none", -1));
	R(close(fd));
}

static void vectors(void)
{
	char a[8] = "aaaaaaaa", b[8] = "bbbbbbbb";
	struct iovec two[2] = { { a, 4 }, { b, 4 } };
	struct iovec far[2] = { { a, 4 }, { (void *)(LONG_MAX - 100), 4 } };
	struct iovec high[2] = { { a, 4 }, { (void *)-8L, 4 } };
	struct iovec nothing[2] = { { a, 0 }, { BAD, 0 } };
	struct iovec negative[2] = { { a, 4 }, { b, (size_t)SSIZE_MAX + 1 } };
	struct iovec huge[3] = { { a, 4 }, { b, SSIZE_MAX }, { b, SSIZE_MAX } };
	int fd = open("vectors", O_RDWR | O_CREAT, 0644), ro = open("vectors", O_RDONLY);

	R(pwritev2(fd, two, 2, 0, RWF_APPEND | RWF_NOAPPEND));
	R(pwritev2(fd, two, 2, 0, RWF_NOAPPEND));
	R(pwritev2(fd, two, 2, -2, 0));
	R(pwritev2(fd, two, 2, 0, 0x40000000));
	R(pwritev2(fd, nothing, 2, 0, 0x40000000));
	R(pwritev2(ro, two, 2, 0, 0x40000000));
	R(preadv2(fd, two, 2, 0, RWF_APPEND | RWF_NOAPPEND));
	R(preadv2(fd, nothing, 2, 0, 0x40000000));
	R(preadv2(fd, two, 2, -2, 0));
	R(writev(fd, far, 2));
	R(writev(fd, high, 2));
	R(readv(fd, high, 2));
	R(writev(fd, nothing, 2));
	R(writev(ro, nothing, 2));
	R(writev(fd, negative, 2));
	R(readv(fd, negative, 2));
	if (sizeof(long) == 8)
		R(writev(fd, huge, 3));
	R(writev(fd, two, -1));
	R(writev(fd, BAD, 2));
	R(writev(fd, BAD, 0));
	R(writev(ro, BAD, 2));
	R(writev(fd, two, IOV_MAX + 1));
	R(pwritev(fd, two, 2, -1));
	R(preadv(fd, two, 2, LLONG_MAX - 4));
	R(lseek(fd, 0, SEEK_END));
	R(close(fd));
	R(close(ro));
}

/* RWF_NOAPPEND: at the position, though the file was opened with O_APPEND. */
static void no_append(void)
{
	struct iovec one = { "ABC", 3 };
	int fd = open("no-append", O_WRONLY | O_CREAT | O_APPEND, 0644);

	R(write(fd, "0123456789", 10));
	R(pwritev2(fd, &one, 1, 2, RWF_NOAPPEND));
	R(pwritev2(fd, &one, 1, 2, 0));
	R(pwritev2(fd, &one, 1, 2, RWF_APPEND));
	R(close(fd));
	show_text("no-append");
}

static void splices(void)
{
	int fd = open("s1", O_RDWR | O_CREAT, 0644), ro, ap,
	    real = open("/proc/self/exe", O_RDONLY), p[2], s[2];
	off_t off = 0, negative = -5;
	char buf[64];

	R(write(fd, "0123456789", 10));
	ro = open("s1", O_RDONLY);
	ap = open("s1", O_WRONLY | O_APPEND);
	R(pipe(p));
	R(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	R(write(p[1], "pipe", 4));
	R(write(s[1], "sock", 4));
	R(splice_raw(p[0], NULL, fd, NULL, 2, 0x1000));
	R(splice_raw(p[0], &off, fd, NULL, 2, 0));
	R(splice_raw(fd, NULL, p[1], &off, 2, 0));
	R(splice_raw(real, NULL, fd, NULL, 2, 0));
	R(splice_raw(s[0], NULL, fd, NULL, 2, 0));
	R(splice_raw(fd, NULL, s[0], NULL, 2, 0));
	R(splice_raw(fd, NULL, real, NULL, 2, 0));
	R(splice_raw(p[0], NULL, ap, NULL, 2, 0));
	R(splice_raw(p[0], NULL, ro, NULL, 2, 0));
	R(splice_raw(p[1], NULL, fd, NULL, 2, 0));
	R(splice_raw(p[0], NULL, fd, &negative, 2, 0));
	R(splice_raw(p[0], NULL, fd, BAD, 2, 0));
	R(splice_raw(p[0], NULL, -1, NULL, 2, 0));
	R(splice_raw(-1, NULL, fd, NULL, 2, 0));
	R(splice_raw(-1, NULL, fd, NULL, 0, 0));
	R(splice_raw(p[0], NULL, fd, NULL, 0, 0x1000));
	R(splice_raw(p[0], NULL, fd, &off, 2, 0));
	tap_check(&t, 1, "off %ld", (long)off);
	R(lseek(fd, 100, SEEK_SET));
	R(splice_raw(fd, NULL, p[1], NULL, 10, 0));
	R(tee(p[0], fd, 2, 0));
	R(tee(fd, p[1], 2, 0));
	R(vmsplice(fd, &(struct iovec){ buf, 2 }, 1, 0));
	R(vmsplice(fd, &(struct iovec){ buf, 2 }, 1, 0x1000));
	R(read(p[0], buf, sizeof(buf)));
	R(lseek(fd, 0, SEEK_END));
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(s[i]);
	}
	close(fd);
	close(ro);
	close(ap);
	close(real);
}

static void sendfiles(void)
{
	int a = open("sf1", O_RDWR | O_CREAT, 0644), b = open("sf2", O_RDWR | O_CREAT, 0644),
	    ro = open("sf2", O_RDONLY), wo = open("sf1", O_WRONLY), dir = open(".", O_RDONLY), p[2],
	    s[2];
	off_t off = 0, negative = -5;
	char buf[64];

	R(write(a, "0123456789", 10));
	R(pipe(p));
	R(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	R(write(p[1], "pipe", 4));
	R(write(s[1], "sock", 4));
	R(lseek(a, 0, SEEK_SET));
	R(sizeof(long) == 8 ? sendfile(b, a, NULL, (size_t)-1) : 0);
	R(lseek(a, 0, SEEK_SET));
	R(sendfile(b, p[0], NULL, 2));
	R(sendfile(b, p[0], &off, 2));
	R(sendfile(b, s[0], NULL, 2));
	R(sendfile(b, dir, NULL, 2));
	R(sendfile(dir, a, NULL, 2));
	R(sendfile(ro, a, NULL, 2));
	R(sendfile(b, wo, NULL, 2));
	R(sendfile(b, a, &negative, 2));
	R(sendfile(b, a, BAD, 2));
	R(sendfile(b, -1, NULL, 2));
	R(sendfile(-1, a, NULL, 2));
	R(sendfile(b, a, NULL, 0));
	off = LLONG_MAX - 1;
	R(sendfile(b, a, &off, 10));
	off = 50;
	R(sendfile(b, a, &off, 10));
	tap_check(&t, 1, "off %ld", (long)off);
	R(sendfile(s[0], a, NULL, 4));
	R(read(s[1], buf, sizeof(buf)));
	R(lseek(a, 0, SEEK_CUR));
	R(lseek(b, 0, SEEK_END));
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(s[i]);
	}
	close(a);
	close(b);
	close(ro);
	close(wo);
	close(dir);
}

static void ranges(void)
{
	int a = open("r1", O_RDWR | O_CREAT, 0644), b = open("r2", O_RDWR | O_CREAT, 0644),
	    ro = open("r2", O_RDONLY), wo = open("r1", O_WRONLY), dir = open(".", O_RDONLY), p[2];
	off_t in, out;
	char buf[128];

	memset(buf, 'r', sizeof(buf));
	R(write(a, buf, 100));
	R(pipe(p));
	/* what is behind the end of the file is no part of the ranges, so these do not overlap */
	in = 50;
	out = 0;
	R(copy_file_range(a, &in, a, &out, 1000, 0));
	tap_check(&t, 1, "in %ld out %ld", (long)in, (long)out);
	in = 100;
	out = 100;
	R(copy_file_range(a, &in, a, &out, 1000, 0));
	in = 0;
	out = 99;
	R(copy_file_range(a, &in, a, &out, 1000, 0));
	in = 0;
	out = 100;
	R(copy_file_range(a, &in, a, &out, 1000, 0));
	R(lseek(a, 0, SEEK_END));
	in = 10;
	out = 0;
	R(copy_file_range(a, &in, b, &out, (size_t)-1, 0));
	in = 0;
	out = LLONG_MAX - 5;
	R(copy_file_range(a, &in, b, &out, 100, 0));
	show_signals("copy_file_range at the end of all offsets");
	R(ftruncate(b, 0));
	in = 5;
	out = 1ll << 32;
	R(copy_file_range(a, &in, b, &out, 100, 0));
	tap_check(&t, in == 105 && out == (1ll << 32) + 100, "behind 32 bits");
	R(ftruncate(b, 0));
	in = LLONG_MAX - 5;
	out = 0;
	R(copy_file_range(a, &in, b, &out, 100, 0));
	in = -1;
	R(copy_file_range(a, &in, b, NULL, 100, 0));
	R(copy_file_range(a, BAD, b, NULL, 100, 0));
	R(copy_file_range(a, NULL, b, NULL, 100, 8));
	R(copy_file_range(a, NULL, ro, NULL, 100, 0));
	R(copy_file_range(wo, NULL, b, NULL, 100, 0));
	R(copy_file_range(dir, NULL, b, NULL, 100, 0));
	R(copy_file_range(a, NULL, dir, NULL, 100, 0));
	R(copy_file_range(p[0], NULL, b, NULL, 100, 0));
	R(copy_file_range(a, NULL, p[1], NULL, 100, 0));
	R(copy_file_range(-1, NULL, b, NULL, 100, 0));
	R(copy_file_range(a, NULL, -1, NULL, 100, 0));
	R(copy_file_range(a, NULL, ro, NULL, 0, 0));
	R(lseek(b, 0, SEEK_END));
	close(p[0]);
	close(p[1]);
	close(a);
	close(b);
	close(ro);
	close(wo);
	close(dir);
}

static void hints(void)
{
	int fd = open("hints", O_RDWR | O_CREAT, 0644), dir = open(".", O_RDONLY),
	    wo = open("hints", O_WRONLY), ro = open("hints", O_RDONLY), p[2];
	int n = 0;

	R(pipe(p));
	R(write(fd, "0123456789", 10));
	R(posix_fadvise(fd, 0, -1, POSIX_FADV_WILLNEED));
	R(posix_fadvise(fd, -1, 5, POSIX_FADV_NORMAL));
	R(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL));
	R(posix_fadvise(dir, 0, 0, POSIX_FADV_WILLNEED));
	R(readahead(wo, 0, 10));
	R(readahead(dir, 0, 10));
	R(readahead(p[0], 0, 10));
	R(sync_file_range(fd, 0, 0, 8));
	R(sync_file_range(fd, -1, 0, 1));
	R(sync_file_range(fd, LLONG_MAX, LLONG_MAX, 1));
	R(sync_file_range(p[0], 0, 0, 1));
	R(fsync(p[0]));
	R(fdatasync(dir));
	R(ioctl(fd, FIONREAD, &n));
	tap_check(&t, 1, "FIONREAD %d", n);
	R(lseek(fd, 4, SEEK_SET));
	R(ioctl(fd, FIONREAD, &n));
	tap_check(&t, 1, "FIONREAD %d", n);
	R(ioctl(fd, FIONREAD, BAD));
	R(ioctl(fd, 0x12345678, &n));
	R(ioctl(fd, 0x5413 /* TIOCGWINSZ */, BAD));
	R(fallocate(fd, 0, LLONG_MAX, 1));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 0));
	R(fallocate(fd, 0x8000, 0, 0));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 1));
	for (int mode = 0; mode < 0x80; mode++) {
		/* which of them the file system has is another matter */
		errno = 0;
		tap_check(&t, fallocate(ro, mode, 0, 1) < 0, "fallocate of mode %#x: %s", mode,
			strerrorname_np(errno));
	}
	R(fallocate(ro, FALLOC_FL_PUNCH_HOLE, 0, 0));
	R(fallocate(ro, 0, LLONG_MAX, 1));
	R(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, LLONG_MAX, 1));
	R(fallocate(p[1], 0, 0, 1));
	R(fallocate(dir, 0, 0, 1));
	R(lseek(fd, 0, SEEK_END));
	close(p[0]);
	close(p[1]);
	close(fd);
	close(wo);
	close(ro);
	close(dir);
}

int main(void)
{
	umask(022);
	counts();
	positions();
	vectors();
	no_append();
	splices();
	sendfiles();
	ranges();
	hints();
	return tap_done(&t);
}
