/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_AS, umask; programs that close, count or choose descriptors.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "guest.h"

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

/* The call, its result, and how many SIGXFSZ came. */
#define X(expr)                                                                                    \
	do {                                                                                       \
		signals = 0;                                                                       \
		R(expr);                                                                           \
		if (signals)                                                                       \
			tap_check(&t, 1, "  and SIGXFSZ %d times", (int)signals);                  \
	} while (0)

/* In a process of its own, whose limits are its own; the checks go on in it. */
static void apart(const char *what, void (*fn)(void))
{
	int st;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fn();
		fflush(stdout);
		_exit(t.count & 255);
	}
	waitpid(pid, &st, 0);
	t.count += WIFEXITED(st) ? (WEXITSTATUS(st) - t.count) & 255 : 0;
	tap_check(&t, 1, "%s: signal %d", what, WIFSIGNALED(st) ? WTERMSIG(st) : 0);
}

static void limit(int resource, rlim_t soft)
{
	struct rlimit rl;

	getrlimit(resource, &rl);
	rl.rlim_cur = soft;
	R(setrlimit(resource, &rl));
}

static int count_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 3; /* ".", ".." and the one that reads */
}

static int count_by_asking(int to)
{
	int n = 0;

	for (int i = 0; i < to; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

/* Opens files until it fails: how many, and whether each is what it should be. */
static void twenty(void)
{
	int fd[32], n = 0, good = 0;
	char buf[8];

	limit(RLIMIT_NOFILE, 20);
	for (; n < 32; n++) {
		fd[n] = open("twenty", O_RDWR | O_CREAT | (n ? 0 : O_TRUNC), 0644);
		if (fd[n] < 0)
			break;
		good += pwrite(fd[n], "x", 1, n) == 1;
	}
	tap_check(&t, 1, "%d more, %d written: %s", n, good, strerror(errno));
	R(open("twenty", O_RDONLY));
	R(open(".", O_RDONLY | O_DIRECTORY));
	R(open("twenty", O_PATH));
	R(open("new", O_WRONLY | O_CREAT | O_EXCL, 0644));
	R(access("new", F_OK));
	R(dup(fd[0]));
	R(fcntl(fd[0], F_DUPFD, 0));
	R(fcntl(fd[0], F_DUPFD, 20));
	R(dup2(fd[0], 19) == 19);
	R(dup2(fd[0], 20));
	R(close(fd[1]));
	fd[1] = open("twenty", O_RDONLY);
	tap_check(&t, fd[1] >= 0, "open again");
	R(read(fd[1], buf, 4));
	R(close(fd[1]));
	fd[1] = FD(open(".", O_RDONLY | O_DIRECTORY));
	for (int i = 0; i < n; i++)
		close(fd[i]);
	tap_check(&t, 1, "%d open", count_open());
}

/* Copies until no number is left, of which there are more than virtual files usually have. */
static void exhausted(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0644), first, n = 0, m = 0;

	limit(RLIMIT_NOFILE, 1024);
	first = count_open();
	while (dup(fd) >= 0)
		n++;
	tap_check(&t, 1, "%d copies: %s", n + first, strerror(errno));
	R(syscall(SYS_epoll_create, 1));
	R(fcntl(1, F_DUPFD, 1));
	closefrom(3);
	fd = open("file", O_RDWR);
	while (fcntl(fd, F_DUPFD, 3) >= 0)
		m++;
	tap_check(&t, 1, "%d copies: %s", m + 1, strerror(errno));
	R(open("file", O_WRONLY | O_CREAT, 0644));
	R(open("not made", O_WRONLY | O_CREAT, 0644));
	closefrom(3);
	R(access("not made", F_OK));
}

/* All are in use; what is closed then, wherever it is, can be opened again, and no more. */
static void closed_again(void)
{
	static const int at[] = { 1000, 600, 900, 5, 700, 1023, 512, 770 };
	struct stat a, b;
	int fd = open("file", O_RDWR), n = 0, last = -1;

	limit(RLIMIT_NOFILE, 1024);
	R(fstat(fd, &a));
	while ((fd = open("file", O_RDWR)) >= 0)
		last = fd;
	tap_check(&t, 1, "%d open, the last %d", count_open(), last >= 0);
	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		close(at[i]);
		fd = i & 1 ? dup(at[i] - 1) : open("file", O_RDWR);
		n += fd == at[i] && fstat(fd, &b) == 0 && a.st_ino == b.st_ino;
		R(open("file", O_RDWR));
		R(fcntl(fd, F_DUPFD, 3));
		R(open("not made", O_WRONLY | O_CREAT, 0644));
	}
	tap_check(&t, 1, "%d again", n);
	close(1001);
	close(6);
	R(open("file", O_RDONLY) >= 0);
	R(open("file", O_RDONLY) >= 0);
	R(open("file", O_RDONLY) >= 0);
	closefrom(3);
	R(access("not made", F_OK));
}

static void lower_than_open(void)
{
	int fd = FD(open("file", O_RDWR | O_CREAT, 0644)), dir = FD(open(".", O_RDONLY));
	char buf[8] = "";

	limit(RLIMIT_NOFILE, 4);
	R(pwrite(fd, "content", 7, 0));
	R(pread(fd, buf, 7, 0));
	R(fchdir(dir));
	R(dup2(fd, 100));
	R(dup2(fd, 0));
	R(pread(0, buf, 7, 0));
	tap_check(&t, 1, "read: %s", buf);
	R(close(fd));
}

static void close_loop(void)
{
	int n = 0, fd;
	struct stat st;

	for (int i = 0; i < 5; i++)
		FD(open(i & 1 ? "file" : ".", O_RDONLY));
	FD(open("file", O_RDWR));
	tap_check(&t, 1, "%d open, %d by asking", count_open(), count_by_asking(2000));
	for (int i = 3; i < 4096; i++)
		n += close(i) == 0;
	tap_check(&t, 1, "%d closed, %d left", n, count_open());
	fd = FD(open("file", O_RDONLY));
	R(fstat(fd, &st));
	for (int i = 0; i < 3; i++)
		open("file", O_RDWR);
	R(syscall(SYS_close_range, 3, ~0u, 0));
	tap_check(&t, 1, "%d left", count_open());
	R(fstat(fd, &st));
	fd = FD(open("file", O_RDWR));
	FD(open(".", O_RDONLY));
	R(syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */));
	R(fcntl(fd, F_GETFD));
	R(syscall(SYS_close_range, 3, ~0u, 2 /* CLOSE_RANGE_UNSHARE */));
	tap_check(&t, 1, "%d left", count_open());
	FD(open("file", O_RDONLY));
	FD(open("file", O_RDWR));
	closefrom(3);
	tap_check(&t, 1, "%d left", count_open());
	/* all of them, then the first again */
	fd = open("file", O_RDWR);
	n = dup(1);
	closefrom(0 + (fd < n ? n + 1 : fd + 1));
	close(0);
	R(open("file", O_RDWR));
	R(write(0, "CON", 3));
	R(lseek(0, 0, SEEK_CUR));
	tap_check(&t, 1, "%d open", count_open());
}

static void chosen_numbers(void)
{
	static const int wanted[] = { 100, 511, 512, 600, 767, 770, 900, 1000 };
	struct rlimit rl;
	char buf[16];
	int fd, last;

	getrlimit(RLIMIT_NOFILE, &rl);
	limit(RLIMIT_NOFILE, rl.rlim_max < 1048576 ? rl.rlim_max : 1048576);
	getrlimit(RLIMIT_NOFILE, &rl);
	last = (int)rl.rlim_cur - 1;
	fd = open("numbers", O_RDWR | O_CREAT | O_TRUNC, 0644);
	R(write(fd, "0123456789", 10));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		memset(buf, 0, sizeof(buf));
		tap_check(&t, dup2(fd, wanted[i]) == wanted[i], "dup2 to %d", wanted[i]);
		R(lseek(wanted[i], (long)i, SEEK_SET));
		R(read(wanted[i], buf, 3));
		tap_check(&t, 1, "read at %zu: %s", i, buf);
		R(write(wanted[i], "w", 1));
		R(close(wanted[i]));
	}
	R(dup2(fd, last) == last);
	memset(buf, 0, sizeof(buf));
	R(pread(last, buf, 15, 0));
	tap_check(&t, 1, "last: %s", buf);
	R(dup2(fd, last + 1));
	R(dup3(fd, last + 1, O_CLOEXEC));
	R(fcntl(fd, F_DUPFD, last + 1));
	R(fcntl(fd, F_DUPFD, last));
	R(close(last));
	R(fcntl(fd, F_DUPFD, last) == last);
	R(fcntl(fd, F_DUPFD, last));
	R(fcntl(fd, F_DUPFD, 700) >= 700);
	R(fcntl(fd, F_DUPFD, -1));
	tap_check(&t, 1, "%d open", count_open());
}

static void file_size(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	static char block[8192];
	char buf[64];
	struct stat st;
	int fd, in, p[2];
	off_t off;
	char *m;

	memset(block, 'b', sizeof(block));
	sigaction(SIGXFSZ, &sa, NULL);
	in = open("source", O_RDWR | O_CREAT | O_TRUNC, 0644);
	R(write(in, block, 8192));
	limit(RLIMIT_FSIZE, 10000);
	fd = open("sized", O_RDWR | O_CREAT | O_TRUNC, 0644);
	X(write(fd, block, 8192));
	X(write(fd, block, 8192));
	X(write(fd, block, 1));
	X(write(fd, block, 0));
	X(pwrite(fd, block, 100, 9950));
	X(pwrite(fd, block, 100, 10000));
	X(pwrite(fd, block, 100, 20000));
	X(pwrite(fd, block, 0, 20000));
	X(ftruncate(fd, 10000));
	X(ftruncate(fd, 10001));
	X(truncate("sized", 10001));
	X(truncate("sized", 9999));
	X(fallocate(fd, 0, 0, 10000));
	X(fallocate(fd, 0, 9000, 2000));
	lseek(fd, 9990, SEEK_SET);
	lseek(in, 0, SEEK_SET);
	X(sendfile(fd, in, NULL, 100));
	X(sendfile(fd, in, NULL, 100));
	off = 9996;
	X(syscall(SYS_copy_file_range, in, NULL, fd, &off, 100, 0));
	off = 10000;
	X(syscall(SYS_copy_file_range, in, NULL, fd, &off, 100, 0));
	R(pipe(p));
	R(write(p[1], block, 100));
	off = 9990;
	X(splice(p[0], NULL, fd, &off, 50, 0));
	off = 10000;
	X(splice(p[0], NULL, fd, &off, 50, 0));
	close(fd);
	fd = open("sized", O_WRONLY | O_APPEND);
	X(write(fd, block, 5));
	X(write(fd, block, 5));
	struct iovec v[2] = { { block, 5 }, { block, 5 } };
	X(writev(fd, v, 2));
	close(fd);
	fd = open("sized", O_RDWR);
	m = mmap(NULL, 12000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	R(m == MAP_FAILED ? -1 : 0);
	m[9999] = 'M';
	munmap(m, 12000);
	R(pread(fd, buf, 64, 9990));
	tap_check(&t, 1, "end: %.10s", buf);
	R(fstat(fd, &st));
	tap_check(&t, 1, "size %ld", (long)st.st_size);
	/* larger than the limit before it was set */
	limit(RLIMIT_FSIZE, 100);
	X(pwrite(fd, "x", 1, 200));
	X(pwrite(fd, "x", 1, 50));
	X(ftruncate(fd, 5000));
	X(ftruncate(fd, 6000));
	R(read(in, block, 10));
	limit(RLIMIT_FSIZE, 0);
	X(close(open("none", O_WRONLY | O_CREAT, 0644)));
	X(mkdir("sized.d", 0755));
	X(symlink("target", "sized.l"));
	X(write(fd, "x", 1));
	X(ftruncate(fd, 0));
}

static void file_size_kills(void)
{
	int fd = open("sized", O_RDWR | O_CREAT, 0644);
	struct rlimit core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &core);
	limit(RLIMIT_FSIZE, 10);
	R(pwrite(fd, "x", 1, 10));
	R(0); /* not reached */
}

static void file_size_ignored(void)
{
	int fd = open("sized", O_RDWR | O_CREAT, 0644);

	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_FSIZE, 10);
	R(pwrite(fd, "x", 1, 10));
	R(ftruncate(fd, 11));
	R(fallocate(fd, 0, 0, 11));
}

static void memory(void)
{
	int fd = open("memory", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char buf[16], *m;

	R(ftruncate(fd, 64 << 20));
	limit(RLIMIT_AS, 32 << 20);
	m = mmap(NULL, 64 << 20, PROT_READ, MAP_SHARED, fd, 0);
	R(m == MAP_FAILED ? -1 : 0);
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 32 << 20);
	R(m == MAP_FAILED ? -1 : 0);
	memcpy(m, "mapped", 6);
	R(pread(fd, buf, 6, 32 << 20));
	R(memcmp(buf, "mapped", 6));
	R(system("echo in a shell >>memory.sh; cat memory.sh"));
	limit(RLIMIT_AS, 0);
	m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	R(m == MAP_FAILED ? -1 : 0);
	R(pwrite(fd, "x", 1, 0));
	R(pread(fd, buf, 1, 0));
	R(close(fd));
	R(close(open("memory", O_RDONLY)));
	R(unlink("memory"));
}

static void masks(void)
{
	static const mode_t mask[] = { 0, 022, 077, 0777, 0117 };
	char name[32];

	for (size_t i = 0; i < sizeof(mask) / sizeof(*mask); i++) {
		umask(mask[i]);
		snprintf(name, sizeof(name), "mask%zu.f", i);
		close(open(name, O_WRONLY | O_CREAT, 06777));
		show(name);
		snprintf(name, sizeof(name), "mask%zu.d", i);
		R(mkdir(name, 01777));
		show(name);
		snprintf(name, sizeof(name), "mask%zu.p", i);
		R(mkfifo(name, 0666));
		show(name);
		snprintf(name, sizeof(name), "mask%zu.m", i);
		R(mknod(name, S_IFREG | 0666, 0));
		show(name);
		R(chmod(name, 0666));
		show(name);
		tap_check(&t, 1, "umask %03o", umask(0));
	}
}

int main(void)
{
	apart("20 descriptors", twenty);
	apart("all descriptors", exhausted);
	apart("closed again", closed_again);
	apart("lower than what is open", lower_than_open);
	apart("a loop of close", close_loop);
	apart("chosen numbers", chosen_numbers);
	apart("size of files", file_size);
	apart("SIGXFSZ kills", file_size_kills);
	apart("SIGXFSZ ignored", file_size_ignored);
	apart("memory", memory);
	apart("umask", masks);
	return tap_done(&t);
}
