/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors: dup, fcntl, locks, inheritance, mappings, unlinked files, fifos. */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <linux/fs.h>

#include "guest.h"

static void content(const char *name)
{
	char buf[200];
	int fd = open(name, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = '\0';
	for (char *p = buf; *p; p++)
		if (*p < ' ')
			*p = '.';
	tap_check(&t, 1, "%s: %zd: %s", name, n, buf);
	close(fd);
}

static void dups(void)
{
	int fd = open("d", O_RDWR | O_CREAT | O_TRUNC, 0644), e, saved = dup(1);

	R(write(fd, "start ", 6));
	e = dup(fd);
	R(write(e, "dup ", 4));
	R(lseek(fd, 0, SEEK_CUR));
	R(dup2(fd, fd) == fd);
	fflush(stdout);
	R(dup2(fd, 50) == 50);
	R(write(50, "fifty ", 6));
	R(lseek(fd, 0, SEEK_CUR));
	e = dup2(fd, 1);
	ssize_t n = write(1, "stdout ", 7);
	dup2(saved, 1);
	R(n);
	R(e);
	R(close(50));
	e = fcntl(fd, F_DUPFD, 100);
	R(e >= 100);
	R(write(e, "dupfd ", 6));
	R(close(e));
	e = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	R(fcntl(e, F_GETFD));
	R(close(e));
	R(dup3(fd, 60, O_CLOEXEC) == 60);
	R(fcntl(60, F_GETFD));
	R(close(60));
	R(dup3(fd, fd, 0));
	R(dup2(fd, -1));
	R(fcntl(fd, F_GETFL) & O_ACCMODE);
	R(fcntl(fd, F_SETFD, FD_CLOEXEC));
	R(fcntl(fd, F_GETFD));
	R(fcntl(fd, 1034 /* F_GET_SEALS */));
	R(fcntl(fd, 1033 /* F_ADD_SEALS */, 1));
	R(fcntl(fd, F_GETPIPE_SZ));
	R(close(fd));
	R(close(fd));
	close(saved);
	content("d");
	/* the lowest number, where programs count on it */
	saved = fcntl(0, F_DUPFD, 20);
	close(0);
	fd = open("d", O_RDONLY);
	R(fd);
	char c[6] = "";
	R(read(0, c, 5));
	tap_check(&t, 1, "stdin: %s", c);
	dup2(saved, 0);
	close(saved);
}

static void children(void)
{
	int fd = open("ch", O_RDWR | O_CREAT | O_TRUNC, 0644), st;

	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			char x[8];

			(void)!write(fd, x, (size_t)snprintf(x, sizeof(x), "child%d ", i));
			_exit(i);
		}
		waitpid(pid, &st, 0);
	}
	R(lseek(fd, 0, SEEK_CUR));
	R(write(fd, "parent", 6));
	R(close(fd));
	content("ch");
	/* a shell with redirections */
	R(system("exec 3<>ch; read a b <&3; echo \"$a|$b\" >sh1; echo more >>sh1; cat <<X "
		 ">>sh1\nhere\nX\n"
		 "(echo sub; exec 1>&-) >>sh1; cat <sh1 >sh2; { cat sh2; cat sh2; } | sort >sh3"));
	content("sh1");
	content("sh3");
	R(system("for i in 1 2 3; do echo $i; done >loop; while read x; do echo \"<$x>\"; done "
		 "<loop >loop2"));
	content("loop2");
}

static void unlinked(void)
{
	struct stat st;
	char buf[16] = "";
	int fd = open("u", O_RDWR | O_CREAT, 0644), g;

	R(write(fd, "unlinked", 8));
	g = open("u", O_RDONLY);
	R(unlink("u"));
	R(fstat(fd, &st));
	tap_check(&t, 1, "nlink %ld size %ld", (long)st.st_nlink, (long)st.st_size);
	R(pwrite(fd, "U", 1, 0));
	R(read(g, buf, 16));
	tap_check(&t, 1, "read %s", buf);
	R(ftruncate(fd, 3));
	R(lseek(g, 0, SEEK_END));
	R(access("u", F_OK));
	close(fd);
	R(pread(g, buf, 16, 0));
	close(g);
	/* replaced by rename */
	fd = open("r1", O_WRONLY | O_CREAT, 0644);
	R(write(fd, "old", 3));
	g = open("r2", O_WRONLY | O_CREAT, 0644);
	R(write(g, "newer", 5));
	R(rename("r2", "r1"));
	R(write(fd, "OLD", 3));
	R(write(g, "NEW", 3));
	close(fd);
	close(g);
	content("r1");
}

static void locks(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10 };
	int fd = open("lk", O_RDWR | O_CREAT, 0644), g = open("lk", O_RDWR), st;
	pid_t pid;

	R(fcntl(fd, F_SETLK, &l));
	pid = fork();
	if (pid == 0) {
		struct flock q = l;

		if (fcntl(g, F_SETLK, &q) != -1 || errno != EAGAIN)
			_exit(1);
		if (fcntl(g, F_GETLK, &q) != 0 || q.l_type != F_WRLCK || q.l_pid != getppid())
			_exit(2);
		q = l;
		q.l_start = 10;
		if (fcntl(g, F_SETLK, &q) != 0)
			_exit(3);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	R(WEXITSTATUS(st));
	R(flock(fd, LOCK_EX | LOCK_NB));
	R(flock(g, LOCK_EX | LOCK_NB));
	R(flock(fd, LOCK_UN));
	R(flock(g, LOCK_SH | LOCK_NB));
	l.l_pid = 0;
	l.l_start = 100;
	R(fcntl(fd, 37 /* F_OFD_SETLK */, &l));
	R(fcntl(g, 37, &l));
	R(close(fd));
	R(fcntl(g, 37, &l));
	R(close(g));
}

static void maps(void)
{
	int fd = open("m", O_RDWR | O_CREAT, 0644), ro;
	char *p, *q;

	R(ftruncate(fd, 20000));
	R(pwrite(fd, "written", 7, 4096));
	p = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	tap_check(
		&t, p != MAP_FAILED && !memcmp(p + 4096, "written", 7), "a mapping shows a write");
	memcpy(p + 10000, "mapped", 6);
	char buf[8] = "";
	R(pread(fd, buf, 6, 10000));
	tap_check(&t, 1, "a read shows the mapping: %s", buf);
	R(pwrite(fd, "both", 4, 10002));
	tap_check(&t, 1, "and the mapping a write: %.6s", p + 10000);
	q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
	memcpy(q, "private", 7);
	tap_check(&t, 1, "private: %.7s shared: %.7s", q, p + 4096);
	R(msync(p, 20000, MS_SYNC));
	R(msync(p, 20000, MS_ASYNC));
	R(msync(p + 1, 1, MS_SYNC));
	R(munmap(q, 4096));
	R(close(fd));
	memcpy(p + 15000, "after close", 11);
	R(munmap(p, 20000));
	fd = open("m", O_RDONLY);
	memset(buf, 0, sizeof(buf));
	R(pread(fd, buf, 5, 15000));
	tap_check(&t, 1, "after close: %s", buf);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	R(p == MAP_FAILED ? -1 : 0);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	R(p == MAP_FAILED ? -1 : 0);
	R(mprotect(p, 4096, PROT_READ | PROT_WRITE));
	munmap(p, 4096);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 100);
	R(p == MAP_FAILED ? -1 : 0);
	R(close(fd));
	fd = open("m", O_WRONLY);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	R(p == MAP_FAILED ? -1 : 0);
	R(close(fd));
	ro = open(".", O_RDONLY);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
	R(p == MAP_FAILED ? -1 : 0);
	R(close(ro));
}

static void controls(void)
{
	int fd = open("d", O_RDWR), n = -1, dir = open(".", O_RDONLY);
	char buf[64];

	R(lseek(fd, 3, SEEK_SET));
	R(ioctl(fd, FIONREAD, &n));
	tap_check(&t, 1, "FIONREAD %d", n);
	R(ioctl(fd, TCGETS, buf));
	R(ioctl(dir, TCGETS, buf));
	R(ioctl(fd, FIOCLEX));
	R(fcntl(fd, F_GETFD));
	R(ioctl(fd, FIONCLEX));
	R(ioctl(fd, TIOCGWINSZ, buf));
	R(ioctl(fd, 0x1234567));
	R(isatty(fd));
	close(fd);
	close(dir);
}

static void fifos(void)
{
	char buf[32] = "";
	int st, fd, w;
	pid_t pid;

	R(mkfifo("fifo", 0644));
	R(open("fifo", O_WRONLY | O_NONBLOCK));
	pid = fork();
	if (pid == 0) {
		w = open("fifo", O_WRONLY);
		_exit(write(w, "through", 7) == 7 ? 0 : 1);
	}
	fd = open("fifo", O_RDONLY);
	R(read(fd, buf, 32));
	tap_check(&t, 1, "fifo: %s", buf);
	waitpid(pid, &st, 0);
	R(WEXITSTATUS(st));
	R(read(fd, buf, 32));
	R(close(fd));
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	R(read(fd, buf, 32));
	w = open("fifo", O_WRONLY | O_NONBLOCK);
	R(read(fd, buf, 32));
	R(write(w, "abc", 3));
	R(read(fd, buf, 32));
	R(lseek(fd, 0, SEEK_SET));
	close(w);
	close(fd);
	fd = open("fifo", O_RDWR);
	R(write(fd, "self", 4));
	R(read(fd, buf, 32));
	close(fd);
	R(system("echo shell >fifo & cat fifo"));
	/* interrupted while it waits */
	struct sigaction sa = { .sa_handler = (void (*)(int))(void *)getpid };
	sigaction(SIGALRM, &sa, NULL);
	ualarm(200000, 0);
	R(open("fifo", O_RDONLY));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Entries are given as far as they fit before memory that may not be written. */
static void short_buffer(int fd)
{
	const int page = 4096, room = 256;
	char *buf =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = buf + page - room;
	int within = 1;
	int names = 0;
	long n;

	mprotect(buf + page, page, PROT_NONE);
	while ((n = syscall(SYS_getdents64, fd, at, page)) > 0) {
		within = within && n <= room;
		for (long i = 0; i < n; i += ((struct dirent64 *)(at + i))->d_reclen)
			names++;
	}
	tap_check(&t, within, "a buffer that ends early: %ld, %d names", n, names);
	munmap(buf, 2 * page);
}

static void directories(void)
{
	char name[32], *names[400];
	struct dirent *e;
	long at, n = 0;
	DIR *d;

	R(mkdir("many", 0755));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "many/file-%03d", i);
		close(open(name, O_WRONLY | O_CREAT, 0644));
	}
	d = opendir("many");
	while ((e = readdir(d)))
		names[n++] = strdup(e->d_name);
	qsort(names, (size_t)n, sizeof(*names), by_name);
	tap_check(&t, 1, "%ld entries, %s %s %s", n, names[0], names[1], names[n - 1]);
	rewinddir(d);
	for (int i = 0; i < 100; i++)
		readdir(d);
	at = telldir(d);
	e = readdir(d);
	strcpy(name, e->d_name);
	for (int i = 0; i < 50; i++)
		readdir(d);
	seekdir(d, at);
	e = readdir(d);
	tap_check(&t, !strcmp(name, e->d_name), "seekdir");
	unlink("many/file-007");
	close(open("many/new", O_WRONLY | O_CREAT, 0644));
	rewinddir(d);
	for (n = 0; (e = readdir(d));)
		n += !strcmp(e->d_name, "file-007") ? 1000 : !strcmp(e->d_name, "new") ? 10000 : 1;
	tap_check(&t, 1, "rewinddir: %ld", n);
	closedir(d);
	R(syscall(SYS_getdents64, 0, name, 10));
	int fd = open("many", O_RDONLY);
	R(syscall(SYS_getdents64, fd, name, 10));
	R(syscall(SYS_getdents64, fd, name, INT_MAX + 1u));
	R(syscall(SYS_getdents64, fd, (void *)1, 4096));
	short_buffer(fd);
	R(fsync(fd));
	close(fd);
	fd = open("d", O_RDONLY);
	R(syscall(SYS_getdents64, fd, name, 32));
	close(fd);
}

/* As many as the usual limit lets a process have. */
static void many(void)
{
	struct rlimit lim = { 1024, 1024 };
	int fd[700], n = 0, written = 0, dirs = 0, right = 0;
	char name[32], buf[16];

	R(setrlimit(RLIMIT_NOFILE, &lim));
	R(mkdir("many", 0755));
	for (; n < 700; n++) {
		snprintf(name, sizeof(name), "many/%d", n);
		fd[n] = open(name, O_RDWR | O_CREAT, 0644);
		if (fd[n] < 0)
			break;
	}
	tap_check(&t, 1, "%d files open", n);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "file %d", i);
		written += write(fd[i], name, strlen(name)) == (ssize_t)strlen(name);
	}
	tap_check(&t, 1, "%d written", written);
	for (int i = 0; i < 200; i++)
		dirs += open("many", O_RDONLY | O_DIRECTORY) >= 0;
	tap_check(&t, 1, "%d directories open", dirs);
	for (int i = 0; i < n; i++)
		close(fd[i]);
	for (int i = 0; i < n; i++) {
		ssize_t len;

		snprintf(name, sizeof(name), "many/%d", i);
		fd[0] = open(name, O_RDONLY);
		len = read(fd[0], buf, sizeof(buf) - 1);
		buf[len > 0 ? len : 0] = '\0';
		snprintf(name, sizeof(name), "file %d", i);
		right += strcmp(name, buf) == 0;
		close(fd[0]);
	}
	tap_check(&t, 1, "%d have what was written", right);
}

/* A number that was closed is the next one again, as Perl's own tests have it. */
static void again(int flags)
{
	int a, b, c, d;

	make("again", "x");
	a = open("again", flags);
	b = open("again", flags);
	c = open("again", flags);
	close(a);
	d = open("again", flags);
	tap_check(&t, d == a, "the first number again");
	close(b);
	b = open("again", flags);
	a = open("again", flags);
	tap_check(&t, b < c && a > c, "the second, and then one behind the others");
	for (int i = 0; i < 30; i++) {
		close(a);
		a = open("again", flags);
		tap_check(&t, a == c + 1, "and that one again (%d)", i);
	}
	close(a);
	close(b);
	close(c);
	close(d);
}

int main(void)
{
	again(O_RDONLY);
	again(O_RDWR);
	dups();
	children();
	unlinked();
	locks();
	maps();
	controls();
	fifos();
	directories();
	many();
	return tap_done(&t);
}
