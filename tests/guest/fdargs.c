/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What descriptors of files refuse, by what they were opened with; what locks and mappings of them
 * do; and files that are known by /proc/self/fd alone.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "guest.h"

static sigjmp_buf jump;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

/* O_PATH: nearly all is EBADF. */
static void paths(void)
{
	char buf[64];
	struct stat st;
	struct statfs sf;
	struct flock fl = { .l_type = F_RDLCK };
	int fd, other, n = 0;

	make("f", "0123456789");
	R(mkdir("d", 0755));
	fd = FD(open("f", O_PATH));
	R(read(fd, buf, 1));
	R(pread(fd, buf, 1, 0));
	R(write(fd, buf, 1));
	R(lseek(fd, 0, SEEK_SET));
	R(ftruncate(fd, 1));
	R(fallocate(fd, 0, 0, 1));
	R(fsync(fd));
	R(fdatasync(fd));
	R(syncfs(fd));
	R(sync_file_range(fd, 0, 1, 0));
	R(readahead(fd, 0, 1));
	R(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL));
	R(ioctl(fd, FIONREAD, &n));
	R(flock(fd, LOCK_SH));
	R(fcntl(fd, F_GETLK, &fl));
	R(fcntl(fd, F_SETLK, &fl));
	R(fcntl(fd, F_SETFL, O_APPEND));
	R(fcntl(fd, F_GETFL) & (O_PATH | O_ACCMODE));
	R(fcntl(fd, F_GETOWN));
	R(fcntl(fd, F_GETPIPE_SZ));
	R(fcntl(fd, 9999));
	R(fchmod(fd, 0644));
	R(fchown(fd, -1, -1));
	R(futimens(fd, NULL));
	R(fgetxattr(fd, "user.a", buf, 1));
	R(fsetxattr(fd, "user.a", "v", 1, 0));
	R(flistxattr(fd, buf, 1));
	R(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	R(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	R(fchdir(fd));
	R(fstat(fd, &st));
	R(fstatfs(fd, &sf));
	R(openat(fd, "x", O_RDONLY));
	other = FD(dup(fd));
	R(read(other, buf, 1));
	R(fcntl(other, F_GETFL) & O_PATH);
	R(close(other));
	R(close(fd));
	fd = FD(open("d", O_PATH));
	R(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	R(fchmod(fd, 0700));
	R(flock(fd, LOCK_SH));
	R(read(fd, buf, 1));
	R(write(fd, buf, 1));
	R(lseek(fd, 0, SEEK_SET));
	R(fsync(fd));
	R(syncfs(fd));
	R(ioctl(fd, FIONREAD, &n));
	R(ioctl(fd, FIOCLEX));
	R(ftruncate(fd, 1));
	R(fallocate(fd, 0, 0, 1));
	R(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL));
	R(readahead(fd, 0, 1));
	R(sync_file_range(fd, 0, 1, 0));
	R(fcntl(fd, F_GETLK, &fl));
	R(fcntl(fd, F_GETOWN));
	R(fcntl(fd, F_SETFL, O_NONBLOCK));
	R(fgetxattr(fd, "user.a", buf, 1));
	R(fremovexattr(fd, "user.a"));
	R(futimens(fd, NULL));
	R(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	R(splice(fd, NULL, fd, NULL, 1, 0));
	R(copy_file_range(fd, NULL, fd, NULL, 1, 0));
	R(fstatfs(fd, &sf));
	R(fchdir(fd));
	R(chdir(".."));
	other = FD(openat(fd, "new", O_WRONLY | O_CREAT, 0644));
	R(close(other));
	R(unlinkat(fd, "new", 0));
	R(close(fd));
}

static void numbers(void)
{
	struct rlimit rl;
	int fd = open("f", O_RDONLY), wo = open("f", O_WRONLY);

	R(getrlimit(RLIMIT_NOFILE, &rl));
	R(dup2(fd, fd) == fd);
	R(dup3(fd, fd, 0));
	R(dup3(fd, 40, O_APPEND));
	R(dup3(fd, 40, 1));
	R(dup2(fd, -1));
	R(dup2(fd, (int)rl.rlim_cur));
	R(dup2(999, 40));
	R(dup2(999, 999));
	R(fcntl(fd, F_DUPFD, -1));
	R(fcntl(fd, F_DUPFD, (int)rl.rlim_cur));
	R(fcntl(fd, F_DUPFD_CLOEXEC, (int)rl.rlim_cur + 1));
	R(fcntl(fd, 9999));
	R(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_SETFD, 7));
	R(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_SETFL, O_WRONLY | O_CREAT | O_NONBLOCK));
	R(fcntl(fd, F_GETFL) & (O_ACCMODE | O_CREAT | O_NONBLOCK));
	R(fcntl(fd, F_SETOWN, getpid()));
	R(fcntl(fd, F_GETOWN) == getpid());
	R(fcntl(fd, F_SETSIG, 999));
	R(fcntl(fd, F_GETPIPE_SZ));
	R(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	R(fcntl(fd, F_GET_SEALS));
	R(write(fd, "x", 1));
	R(read(wo, &rl, 1));
	R(close(fd));
	R(close(fd));
	R(close(wo));
	R(syscall(SYS_close_range, 50, 40, 0));
	R(syscall(SYS_close_range, 900, 910, 0x40));
}

static int in_child(int (*fn)(int), int fd)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(fd));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int locks_it(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = 5, .l_len = 2 };

	return fcntl(fd, F_SETLK, &fl) < 0 ? errno == EAGAIN ? 1 : 2 : 0;
}

static int flocks_it(int fd)
{
	int own = open("f", O_RDONLY), r;

	(void)fd;
	r = flock(own, LOCK_EX | LOCK_NB);
	return r < 0 ? errno == EWOULDBLOCK ? 1 : 2 : 0;
}

static int asks(int fd)
{
	struct flock fl = { .l_type = F_WRLCK };

	if (fcntl(fd, F_GETLK, &fl) < 0)
		return 100;
	return (fl.l_type == F_UNLCK	      ? 0
		       : fl.l_type == F_RDLCK ? 40
					      : 80) +
	       (int)fl.l_start + (int)fl.l_len + (fl.l_pid == getppid() ? 1 : 0);
}

static void locks(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = 4, .l_len = 4 };
	int fd = open("f", O_RDWR), ro = open("f", O_RDONLY), wo = open("f", O_WRONLY), dup_fd;

	R(fcntl(fd, F_SETLK, &fl));
	R(in_child(locks_it, fd));
	R(in_child(asks, fd));
	fl.l_type = F_UNLCK;
	fl.l_start = 5;
	fl.l_len = 1;
	R(fcntl(fd, F_SETLK, &fl));
	R(in_child(asks, fd));
	fl = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = -3 };
	R(fcntl(ro, F_SETLK, &fl));
	fl.l_type = F_WRLCK;
	R(fcntl(ro, F_SETLK, &fl));
	fl.l_type = F_RDLCK;
	R(fcntl(wo, F_SETLK, &fl));
	fl.l_type = 9;
	R(fcntl(fd, F_SETLK, &fl));
	fl = (struct flock){ .l_type = F_WRLCK, .l_whence = 9 };
	R(fcntl(fd, F_SETLK, &fl));
	fl = (struct flock){ .l_type = F_WRLCK, .l_start = -1 };
	R(fcntl(fd, F_SETLK, &fl));
	fl = (struct flock){ .l_type = F_WRLCK, .l_start = 1, .l_len = -2 };
	R(fcntl(fd, F_SETLK, &fl));
	fl = (struct flock){ .l_type = F_UNLCK };
	R(fcntl(fd, F_GETLK, &fl));
	R(fcntl(fd, F_GETLK, BAD));
	fl = (struct flock){ .l_type = F_WRLCK, .l_pid = 5 };
	R(fcntl(fd, F_OFD_SETLK, &fl));
	fl.l_pid = 0;
	R(fcntl(wo, F_OFD_SETLK, &fl));
	R(close(wo)); /* and all locks of this process go */
	R(in_child(locks_it, fd));
	R(flock(fd, 0));
	R(flock(fd, LOCK_SH | LOCK_EX));
	R(flock(99, LOCK_SH));
	R(flock(ro, LOCK_EX | LOCK_NB));
	R(in_child(flocks_it, fd));
	R(flock(fd, LOCK_SH | LOCK_NB));
	dup_fd = dup(ro);
	R(close(ro));
	R(in_child(flocks_it, fd));
	R(flock(dup_fd, LOCK_SH));
	R(flock(fd, LOCK_SH | LOCK_NB));
	R(close(dup_fd));
	R(flock(fd, LOCK_UN));
	R(in_child(flocks_it, fd));
	R(close(fd));
}

static long maps(int prot, int flags, int fd, off_t off, size_t len)
{
	void *p = mmap(NULL, len, prot, flags, fd, off);

	if (p == MAP_FAILED)
		return -1;
	munmap(p, len);
	return 0;
}

static void mappings(void)
{
	int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0644), ro, wo, dir = open(".", O_RDONLY);
	char buf[32] = "", *volatile p, *volatile q;

	R(write(fd, "0123456789", 10));
	ro = open("m", O_RDONLY);
	wo = open("m", O_WRONLY);
	R(maps(PROT_READ, MAP_SHARED, fd, 0, 0));
	R(maps(PROT_READ, MAP_SHARED, fd, 1, 10));
	R(maps(PROT_READ, 0, fd, 0, 10));
	R(maps(PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0, 10));
	R(maps(PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0, 10));
	R(maps(PROT_READ, MAP_SHARED, wo, 0, 10));
	R(maps(PROT_WRITE, MAP_PRIVATE, wo, 0, 10));
	R(maps(PROT_NONE, MAP_SHARED, wo, 0, 10));
	R(maps(PROT_READ, MAP_PRIVATE, dir, 0, 10));
	R(maps(PROT_READ, MAP_SHARED, 99, 0, 10));
	R(maps(PROT_READ | PROT_EXEC, MAP_PRIVATE, ro, 0, 10));
	R(maps(PROT_READ, MAP_SHARED_VALIDATE, ro, 0, 10));
	R(maps(PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0, 10));
	R(maps(PROT_READ, MAP_SHARED_VALIDATE | (1 << 27), fd, 0, 10));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0);
	p[1] = 'S';
	q[2] = 'P';
	R(pread(fd, buf, 10, 0));
	tap_check(&t, 1, "read %s, mapped %.10s and %.10s", buf, p, q);
	R(pwrite(wo, "WW", 2, 5));
	tap_check(&t, 1, "mapped %.10s and %.10s", p, q);
	p[20] = 'x'; /* behind the end: in the page, not in the file */
	R(lseek(fd, 0, SEEK_END));
	signal(SIGBUS, on_bus);
	if (sigsetjmp(jump, 1) == 0)
		tap_check(&t, 1, "the second page %d", p[4096]);
	else
		tap_check(&t, 1, "SIGBUS in the second page");
	R(ftruncate(fd, 5000));
	tap_check(&t, 1, "byte 20 is %d, the second page %d", p[20], p[4096]);
	R(ftruncate(fd, 3));
	tap_check(&t, 1, "byte 2 %c, byte 3 %d", p[2], p[3]);
	R(mprotect(p, 4096, PROT_READ));
	R(msync(p, 4096, MS_SYNC | MS_ASYNC));
	R(msync(p, 4096, 64));
	R(msync(p + 1, 4096, MS_SYNC));
	R(msync((char *)65536, 4096, MS_SYNC));
	R(msync(p, 4096, MS_SYNC));
	R(msync(p, 4096, MS_ASYNC | MS_INVALIDATE));
	R(unlink("m"));
	R(close(fd));
	R(close(wo));
	tap_check(&t, 1, "mapped still %.3s", p);
	R(munmap(p, 8192));
	R(munmap(q, 4096));
	R(close(ro));
	R(close(dir));
}

/* A file by its descriptor's name. */
static void reopened(void)
{
	char name[64], link[512], buf[16] = "";
	int fd = open("g", O_RDONLY | O_CREAT, 0600), other;
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	other = open(name, O_RDWR | O_APPEND);
	R(write(other, "first", 5));
	R(close(other));
	R(read(fd, buf, 16));
	other = open(name, O_WRONLY | O_TRUNC);
	R(write(other, "2nd", 3));
	R(close(other));
	R(pread(fd, buf, 16, 0));
	R(chmod(name, 0400));
	show("g");
	if (getuid() != 0)
		R(open(name, O_WRONLY));
	R(chmod(name, 0600));
	R(truncate(name, 1));
	R(rename("g", "g2"));
	n = readlink(name, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	tap_check(&t, 1, "it is %s", n > 0 ? strrchr(link, '/') + 1 : "?");
	make("g3", "over");
	R(rename("g3", "g2"));
	n = readlink(name, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	tap_check(&t, 1, "it is %s", n > 0 ? strrchr(link, '/') + 1 : "?");
	show_text("g2");
	R(pread(fd, buf, 16, 0));
	R(linkat(AT_FDCWD, name, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
	other = open(name, O_RDWR);
	R(other < 0 ? -1 : write(other, "gone", 4));
	R(pread(fd, buf, 16, 0));
	R(other < 0 ? -1 : close(other));
	R(open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
	R(open(name, O_RDONLY | O_NOFOLLOW));
	R(open(name, O_RDONLY | O_DIRECTORY));
	R(unlink(name));
	R(mkdir(name, 0700));
	R(rename(name, "x"));
	R(close(fd));
	R(open(name, O_RDONLY));
	fd = open("d", O_RDONLY);
	snprintf(name, sizeof(name), "/proc/self/fd/%d/in", fd);
	R(mkdir(name, 0700));
	show("d/in");
	snprintf(name, sizeof(name), "/proc/self/fd/%d/../f", fd);
	R(access(name, R_OK));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	R(rmdir("d/in"));
	R(chdir(name));
	R(rmdir("../d"));
	R(mkdir("x", 0700));
	R(chdir(".."));
	R(access("f", F_OK));
	close(fd);
}

static void handles(void)
{
	struct {
		struct file_handle h;
		char more[128];
	} h;
	int id, fd = open("f", O_RDONLY);

	h.h.handle_bytes = 0;
	R(name_to_handle_at(AT_FDCWD, "none", &h.h, &id, 0x40000));
	R(name_to_handle_at(AT_FDCWD, "none", &h.h, &id, 0));
	R(name_to_handle_at(AT_FDCWD, "none", BAD, &id, 0));
	R(name_to_handle_at(AT_FDCWD, "f", BAD, &id, 0));
	R(name_to_handle_at(AT_FDCWD, "f", &h.h, &id, 0));
	tap_check(&t, h.h.handle_bytes > 0, "it is told how long it is");
	h.h.handle_bytes = 129;
	R(name_to_handle_at(AT_FDCWD, "f", &h.h, &id, 0));
	h.h.handle_bytes = 128;
	R(name_to_handle_at(AT_FDCWD, "f", &h.h, BAD, 0));
	h.h.handle_bytes = 128;
	R(name_to_handle_at(AT_FDCWD, "f", &h.h, &id, 0));
	R(name_to_handle_at(fd, "", &h.h, &id, 0));
	R(name_to_handle_at(fd, "", &h.h, &id, AT_EMPTY_PATH));
	R(name_to_handle_at(99, "", &h.h, &id, AT_EMPTY_PATH));
	close(fd);
}

int main(void)
{
	umask(022);
	paths();
	numbers();
	locks();
	mappings();
	reopened();
	handles();
	return tap_done(&t);
}
