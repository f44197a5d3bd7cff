/* SPDX-License-Identifier: GPL-2.0-or-later */
/* read, write, lseek, truncation, copying: what they return and leave. */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "guest.h"

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif

static unsigned long sum(const char *name)
{
	unsigned long h = 5381;
	char buf[65536];
	ssize_t n;
	int fd = open(name, O_RDONLY);

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			h = h * 33 + (unsigned char)buf[i];
	close(fd);
	return h;
}

static void size_of(const char *name)
{
	struct stat st;

	R(stat(name, &st));
	tap_check(&t, 1, "%s: size %ld, content %lx", name, (long)st.st_size, sum(name));
}

static void basic(void)
{
	char buf[64] = "", big[70000];
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL, 0644);

	R(write(fd, "hello, world", 12));
	R(lseek(fd, 0, SEEK_CUR));
	R(pread(fd, buf, 5, 7));
	tap_check(&t, 1, "read %s", buf);
	R(lseek(fd, -5, SEEK_END));
	R(read(fd, buf, 64));
	R(read(fd, buf, 64));
	R(lseek(fd, 100000, SEEK_SET));
	R(read(fd, buf, 1));
	R(write(fd, "x", 1));
	R(lseek(fd, 0, SEEK_END));
	size_of("a");
	memset(big, 7, sizeof(big));
	R(pwrite(fd, big, sizeof(big), 50));
	R(lseek(fd, 0, SEEK_CUR));
	size_of("a");
	R(lseek(fd, -1, SEEK_SET));
	R(lseek(fd, 0, 99));
	R(lseek(fd, 5, SEEK_SET));
	R(write(fd, "", 0));
	R(write(fd, (void *)1, 0));
	R(write(fd, (void *)1, 5));
	R(read(fd, (void *)1, 5));
	R(pread(fd, buf, 5, -1));
	R(pwrite(fd, buf, 5, -1));
	R(close(fd));
	R(read(fd, buf, 1));
	fd = open("a", O_WRONLY);
	R(read(fd, buf, 1));
	R(write(fd, "HELLO", 5));
	R(close(fd));
	fd = open("a", O_RDONLY);
	R(write(fd, "no", 2));
	R(write(fd, "", 0));
	R(pwrite(fd, "no", 2, 0));
	R(read(fd, buf, 12));
	tap_check(&t, 1, "read %.12s", buf);
	R(close(fd));
	fd = open(".", O_RDONLY);
	R(read(fd, buf, 1));
	R(write(fd, buf, 1));
	R(ftruncate(fd, 0));
	R(close(fd));
	fd = open("a", O_PATH);
	R(read(fd, buf, 1));
	R(lseek(fd, 0, SEEK_SET));
	R(ftruncate(fd, 0));
	R(fsync(fd));
	R(close(fd));
}

static void vectors(void)
{
	char a[10], b[10];
	struct iovec v[3] = { { a, 3 }, { b, 4 }, { a + 5, 2 } };
	struct iovec bad[2] = { { a, 3 }, { (void *)1, 4 } };
	struct iovec neg[1] = { { a, (size_t)-1 } };
	int fd = open("v", O_RDWR | O_CREAT | O_TRUNC, 0644);

	memcpy(a, "abcdefghij", 10);
	memcpy(b, "0123456789", 10);
	R(writev(fd, v, 3));
	R(pwritev(fd, v, 2, 20));
	R(pwritev2(fd, v, 1, -1, RWF_APPEND));
	R(pwritev2(fd, v, 1, 3, RWF_DSYNC));
	R(pwritev2(fd, v, 1, 3, 0x4000));
	R(writev(fd, bad, 2));
	R(writev(fd, neg, 1));
	R(writev(fd, v, 2000));
	R(writev(fd, v, 0));
	size_of("v");
	R(lseek(fd, 0, SEEK_SET));
	R(readv(fd, v, 3));
	tap_check(&t, 1, "%.10s %.10s", a, b);
	R(preadv(fd, v, 3, 20));
	R(preadv2(fd, v, 1, -1, 0));
	R(preadv2(fd, v, 1, 1, 0x4000));
	R(readv(fd, bad, 2));
	R(close(fd));
}

static void appending(void)
{
	int fd = open("ap", O_WRONLY | O_CREAT | O_APPEND, 0644), g, h;

	R(write(fd, "one", 3));
	g = open("ap", O_RDWR);
	R(lseek(g, 0, SEEK_END));
	R(write(g, "two", 3));
	R(lseek(fd, 0, SEEK_SET));
	R(write(fd, "three", 5));
	R(lseek(fd, 0, SEEK_CUR));
	R(pwrite(fd, "four", 4, 0));
	R(fcntl(g, F_SETFL, O_APPEND));
	R(lseek(g, 0, SEEK_SET));
	R(write(g, "five", 4));
	R(fcntl(fd, F_SETFL, 0));
	R(lseek(fd, 0, SEEK_SET));
	R(write(fd, "ONE", 3));
	R(fcntl(g, F_GETFL) & (O_ACCMODE | O_APPEND));
	h = dup(g);
	R(write(h, "six", 3));
	R(lseek(g, 0, SEEK_CUR));
	close(fd);
	close(g);
	close(h);
	size_of("ap");
}

static void truncation(void)
{
	char buf[16];
	int fd = open("t", O_RDWR | O_CREAT, 0644);

	R(write(fd, "0123456789", 10));
	R(ftruncate(fd, 5));
	R(ftruncate(fd, 12));
	R(pread(fd, buf, 16, 0));
	tap_check(&t, 1, "after growth: %d %d %d", buf[4], buf[5], buf[11]);
	R(truncate("t", 3));
	R(lseek(fd, 0, SEEK_END));
	R(pread(fd, buf, 16, 0));
	R(ftruncate(fd, -1));
	R(ftruncate(fd, 1 << 20));
	R(pwrite(fd, "x", 1, 500000));
	R(ftruncate(fd, 500001));
	close(fd);
	size_of("t");
	fd = open("t", O_RDONLY);
	R(ftruncate(fd, 1));
	R(close(fd));
	fd = open("t", O_WRONLY | O_TRUNC);
	R(lseek(fd, 0, SEEK_END));
	R(close(fd));
	size_of("t");
}

static void on_xfsz(int sig)
{
	(void)sig;
	tap_check(&t, 1, "SIGXFSZ");
}

static void limits(void)
{
	/* beyond what this program itself prints into a file */
	struct rlimit lim = { 200000, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = open("lim", O_WRONLY | O_CREAT, 0644);
	static char buf[120000];

	memset(buf, 'l', sizeof(buf));
	signal(SIGXFSZ, on_xfsz);
	R(setrlimit(RLIMIT_FSIZE, &lim));
	R(write(fd, buf, 120000));
	R(write(fd, buf, 120000));
	R(write(fd, buf, 120000));
	R(pwrite(fd, buf, 120000, 500000));
	R(ftruncate(fd, 300000));
	R(ftruncate(fd, 190000));
	R(setrlimit(RLIMIT_FSIZE, &none));
	R(close(fd));
	size_of("lim");
}

static void holes(void)
{
	int fd = open("h", O_RDWR | O_CREAT, 0644);

	R(pwrite(fd, "x", 1, 1 << 20));
	R(lseek(fd, 2 << 20, SEEK_DATA));
	R(lseek(fd, 2 << 20, SEEK_HOLE));
	R(lseek(fd, -1, SEEK_DATA));
	R(lseek(fd, 1 << 20, SEEK_DATA));
	R(lseek(fd, 1 << 20, SEEK_HOLE));
	R(lseek(fd, 0, SEEK_CUR));
	R(fallocate(fd, 0, 0, 100));
	R(fallocate(fd, 0, -1, 100));
	R(fallocate(fd, 0, 0, 0));
	R(fallocate(fd, 0x1000, 0, 1));
	R(posix_fallocate(fd, 0, 2 << 20));
	R(close(fd));
	size_of("h");
	fd = open("h", O_RDONLY);
	R(fallocate(fd, 0, 0, 100));
	R(close(fd));
}

static void copies(void)
{
	char *big = malloc(3 << 20), buf[100];
	int a = open("c1", O_RDWR | O_CREAT, 0644), b = open("c2", O_RDWR | O_CREAT, 0644), p[2];
	off_t in = 100, out = 7;

	for (int i = 0; i < 3 << 20; i++)
		big[i] = (char)(i * 7 >> 3);
	R(write(a, big, 3 << 20));
	R(lseek(a, 0, SEEK_SET));
	R(sendfile(b, a, NULL, 1 << 20));
	R(sendfile(b, a, &in, 1000));
	tap_check(&t, 1, "in %ld, a at %ld, b at %ld", (long)in, (long)lseek(a, 0, SEEK_CUR),
		(long)lseek(b, 0, SEEK_CUR));
	R(copy_file_range(a, &in, b, &out, 100000, 0));
	tap_check(&t, 1, "in %ld out %ld", (long)in, (long)out);
	R(copy_file_range(a, NULL, b, NULL, 5000, 0));
	R(copy_file_range(a, NULL, b, NULL, 5000, 1));
	in = 0;
	out = 10;
	R(copy_file_range(a, &in, a, &out, 100, 0));
	R(pipe(p));
	in = 5;
	R(splice(a, &in, p[1], NULL, 50, 0));
	R(splice(p[0], NULL, b, NULL, 50, 0));
	R(splice(p[0], NULL, b, NULL, 50, SPLICE_F_NONBLOCK));
	R(splice(a, NULL, b, NULL, 50, 0));
	R(sendfile(p[1], a, &in, 60));
	R(read(p[0], buf, 100));
	size_of("c2");
	close(b);
	b = open("c2", O_WRONLY | O_APPEND);
	R(sendfile(b, a, NULL, 10));
	R(copy_file_range(a, NULL, b, NULL, 10, 0));
	close(b);
	b = open("c2", O_RDONLY);
	R(copy_file_range(a, NULL, b, NULL, 10, 0));
	R(sendfile(b, a, NULL, 10));
	R(lseek(a, 0, SEEK_END));
	R(sendfile(p[1], a, NULL, 10));
	R(splice(p[0], NULL, b, NULL, 10, SPLICE_F_NONBLOCK));
	R(posix_fadvise(a, 0, 0, POSIX_FADV_WILLNEED));
	R(posix_fadvise(a, 0, 0, POSIX_FADV_DONTNEED));
	R(posix_fadvise(a, 0, 0, 77));
	R(readahead(a, 0, 4096));
	R(fsync(a));
	R(fdatasync(b));
	R(sync_file_range(a, 0, 0, SYNC_FILE_RANGE_WRITE));
	R(syncfs(a));
	R(close(a));
	R(close(b));
	R(fsync(a));
	free(big);
}

/* Files that fill the small and the trapped zone, read backwards. */
static void large(void)
{
	char *big = malloc(5 << 20), *got = malloc(5 << 20);
	int fd = open("L", O_RDWR | O_CREAT, 0644), bad = 0;

	for (int i = 0; i < 5 << 20; i++)
		big[i] = (char)(i ^ i >> 11);
	R(write(fd, big, 5 << 20));
	R(close(fd));
	fd = open("L", O_RDONLY);
	for (int at = (5 << 20) - 4096; at >= 0; at -= 4096)
		bad += pread(fd, got + at, 4096, at) != 4096;
	tap_check(&t, !bad && !memcmp(big, got, 5 << 20), "backwards");
	R(close(fd));
	R(unlink("L"));
	free(big);
	free(got);
}

/* What is written by one name is read by the others, also within a moment and after the name is
 * gone. */
static void many_names(void)
{
	int fd;

	make("n1", "first");
	show_text("n1");
	R(link("n1", "n2"));
	show_text("n2");
	make("n2", "other");
	show_text("n1");
	make("n1", "again");
	show_text("n2");
	fd = open("n2", O_WRONLY | O_APPEND);
	R(write(fd, "+", 1));
	close(fd);
	show_text("n1");
	R(truncate("n1", 3));
	show_text("n2");
	fd = open("n2", O_RDWR);
	R(pwrite(fd, "X", 1, 1));
	close(fd);
	show_text("n1");
	R(unlink("n2"));
	show_text("n1");
	R(link("n1", "n3"));
	make("n3", "new");
	R(unlink("n3"));
	show_text("n1");
	R(rename("n1", "n4"));
	R(link("n4", "n1"));
	make("n4", "ren");
	show_text("n1");
	R(symlink("n1", "n5"));
	make("n5", "sym");
	show_text("n4");
}

static void show_open(int fd, const char *what)
{
	char buf[64] = { 0 };
	struct stat st;
	long n = pread(fd, buf, sizeof(buf) - 1, 0);

	tap_check(&t, 1, "%s: %ld '%s', of %ld bytes", what, n, n > 0 ? buf : "",
		fstat(fd, &st) == 0 ? (long)st.st_size : -1);
}

/* Two names of a file are open at once: each shows at once what was done by the other. */
static void open_names(void)
{
	const struct timespec times[2] = { { 5, 0 }, { 6, 0 } };
	int a, b, reader;
	struct stat st;
	char *map, *view;

	make("o1", "first");
	R(link("o1", "o2"));
	a = open("o1", O_RDWR);
	R(pwrite(a, "FIRST+", 6, 0));
	show("o2");
	show_text("o2");
	b = open("o2", O_RDWR);
	reader = open("o2", O_RDONLY);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
	view = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader, 0);
	show_open(b, "b");
	R(pwrite(b, "second", 6, 0));
	show_open(a, "a");
	R(pwrite(a, "THIRD and longer", 16, 0));
	show_open(reader, "reader");
	tap_check(&t, view != MAP_FAILED && !memcmp(view, "THIRD", 5), "a mapping of it");
	R(ftruncate(b, 5));
	show_open(a, "a");
	show_open(reader, "reader");
	show("o1");
	tap_check(&t, map != MAP_FAILED && (map[0] = 't', msync(map, 4096, MS_SYNC)) == 0, "msync");
	show_open(b, "b");
	R(fallocate(b, 0, 0, 10));
	show_open(a, "a");
	R(dup2(a, 40));
	R(pwrite(40, "low", 3, 10));
	show_open(b, "b");
	R(truncate("o2", 4));
	show_open(a, "a");
	show_open(reader, "reader");
	R(pwrite(a, "late", 4, 0));
	R(utimensat(AT_FDCWD, "o2", times, 0));
	R(close(40));
	tap_check(&t, stat("o1", &st) == 0 && st.st_mtime == 6, "the time that was set");
	R(unlink("o1"));
	show_open(reader, "reader");
	R(pwrite(b, "end", 3, 0));
	show_text("o2");
	show_open(a, "a");
	R(ftruncate(b, 2));
	show_open(a, "a");
	R(pwrite(a, "A", 1, 1));
	show_text("o2");
	R(close(a));
	munmap(map, 4096);
	munmap(view, 4096);
	R(close(b));
	R(close(reader));
}

/* Memory that nobody else can read: what a guest has of a device, and this. */
static void secret(void)
{
	int mem = (int)syscall(447 /* memfd_secret */, 0),
	    fd = open("secret", O_RDWR | O_CREAT, 0644);
	struct iovec iov[3] = { { "ab", 2 }, { NULL, 0 } };
	char buf[64] = "", *p;

	if (mem < 0)
		mem = memfd_create("not so secret", 0);
	R(ftruncate(mem, 4096));
	p = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p = mmap(p, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, mem, 0);
	memset(p, 's', 4096);
	R(write(fd, "begin ", 6));
	R(write(fd, p, 10));
	iov[2] = (struct iovec){ p, 3 };
	R(writev(fd, iov, 3));
	R(pwrite(fd, p, 2, 4000));
	R(write(fd, "then", 4));
	R(write(fd, p + 4094, 5));
	R(write(fd, p + 4096, 5));
	R(lseek(fd, 0, SEEK_CUR));
	R(close(fd));
	size_of("secret");
	fd = open("secret", O_RDONLY);
	R(read(fd, p + 8, 20));
	memcpy(buf, p + 8, 20);
	tap_check(&t, 1, "read %s", buf);
	R(read(fd, p + 4096, 20));
	R(lseek(fd, 0, SEEK_CUR));
	close(fd);
	close(mem);
}

int main(void)
{
	basic();
	secret();
	vectors();
	appending();
	truncation();
	limits();
	holes();
	copies();
	large();
	many_names();
	open_names();
	return tap_done(&t);
}
