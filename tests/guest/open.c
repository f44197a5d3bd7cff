/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open, creat, openat, openat2: each flag, and what each refuses. */
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "guest.h"

static void fl(const char *what, int fd)
{
	int flags = fcntl(fd, F_GETFL), cloexec = fcntl(fd, F_GETFD);

	if (flags < 0)
		tap_result(&t, -1, "F_GETFL of %s", what);
	else
		tap_check(
			&t, 1, "%s: flags %#o, close-on-exec %d", what, flags & ~0100000, cloexec);
}

static void creates(void)
{
	char buf[16] = "";
	int fd;

	fd = FD(open("f", O_RDWR | O_CREAT | O_EXCL, 0666));
	fl("f", fd);
	show("f");
	R(write(fd, "hello", 5));
	R(lseek(fd, 0, SEEK_SET));
	R(read(fd, buf, sizeof(buf)));
	tap_check(&t, 1, "read \"%s\"", buf);
	close(fd);
	FD(open("f", O_RDWR | O_CREAT | O_EXCL, 0666));
	fd = FD(open("f", O_WRONLY | O_CREAT, 0600));
	R(read(fd, buf, 1));
	close(fd);
	show("f");
	fd = FD(open("f", O_RDONLY));
	R(write(fd, "x", 1));
	close(fd);
	fd = FD(open("f", O_WRONLY | O_TRUNC));
	close(fd);
	show("f");
	fd = FD(open("f", O_RDWR | O_APPEND));
	fl("append", fd);
	R(write(fd, "one", 3));
	R(lseek(fd, 0, SEEK_SET));
	R(write(fd, "two", 3));
	R(lseek(fd, 0, SEEK_CUR));
	close(fd);
	show_text("f");
	fd = FD(creat("c", 0640));
	fl("creat", fd);
	close(fd);
	show("c");
	fd = FD(open("f", O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	fl("cloexec", fd);
	close(fd);
	umask(077);
	close(FD(open("masked", O_WRONLY | O_CREAT, 0666)));
	show("masked");
	umask(022);
	/* a new file may be written through the descriptor that made it, whatever its mode */
	fd = FD(open("readonly", O_RDWR | O_CREAT, 0400));
	R(write(fd, "x", 1));
	close(fd);
	show("readonly");
	if (getuid() != 0)
		FD(open("readonly", O_RDWR));
	fd = FD(open("readonly", O_RDONLY));
	close(fd);
	close(FD(open("sticky", O_RDWR | O_CREAT, 07755)));
	show("sticky");
}

static void refusals(void)
{
	char longest[257];

	R(mkdir("d", 0755));
	R(symlink("f", "l"));
	R(symlink("made", "dangling"));
	R(symlink("no/such", "lost"));
	R(symlink("d", "ld"));
	FD(open("none", O_RDONLY));
	FD(open("", O_RDONLY));
	FD(open(BAD, O_RDONLY));
	FD(open("f/", O_RDONLY));
	FD(open("f/x", O_RDONLY));
	FD(open("f/x", O_RDWR | O_CREAT, 0600));
	FD(open("none/x", O_RDWR | O_CREAT, 0600));
	FD(open("new/", O_RDWR | O_CREAT, 0600));
	FD(open("f/", O_RDWR | O_CREAT, 0600));
	FD(open("d", O_WRONLY));
	FD(open("d", O_RDWR));
	FD(open("d", O_RDONLY | O_CREAT, 0600));
	FD(open("d", O_RDONLY | O_CREAT | O_EXCL, 0600));
	FD(open("d/", O_RDONLY | O_CREAT, 0600));
	FD(open(".", O_RDONLY | O_CREAT, 0600));
	FD(open("d", O_RDONLY | O_TRUNC));
	close(FD(open("d", O_RDONLY)));
	close(FD(open("d/", O_RDONLY)));
	close(FD(open("d", O_RDONLY | O_DIRECTORY)));
	FD(open("f", O_RDONLY | O_DIRECTORY));
	FD(open("d", O_RDONLY | O_DIRECT));
	FD(open("l", O_RDONLY | O_NOFOLLOW));
	FD(open("ld", O_RDONLY | O_NOFOLLOW));
	FD(open("ld", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
	close(FD(open("ld/", O_RDONLY | O_NOFOLLOW)));
	close(FD(open("l", O_RDONLY)));
	FD(open("l", O_RDWR | O_CREAT | O_EXCL, 0600));
	FD(open("dangling", O_RDONLY));
	FD(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600));
	FD(open("dangling", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
	close(FD(open("dangling", O_RDWR | O_CREAT, 0600)));
	show("made");
	FD(open("lost", O_RDWR | O_CREAT, 0600));
	memset(longest, 'n', 256);
	longest[256] = '\0';
	FD(open(longest, O_RDWR | O_CREAT, 0600));
	longest[255] = '\0';
	close(FD(open(longest, O_RDWR | O_CREAT, 0600)));
	R(unlink(longest));
	FD(openat(-1, "f", O_RDONLY));
	FD(openat(-1, "f", O_RDWR | O_CREAT, 0600));
	R(mknod("s", S_IFSOCK | 0777, 0));
	FD(open("s", O_RDWR));
	if (getuid() != 0) {
		R(chmod("d", 0555));
		FD(open("d/x", O_RDWR | O_CREAT, 0600));
		FD(open("d/x", O_RDONLY));
		R(chmod("d", 0755));
		R(chmod("f", 0));
		FD(open("f", O_RDONLY));
		FD(open("f", O_WRONLY));
		FD(open("f", O_RDWR | O_CREAT, 0600));
		close(FD(open("f", O_PATH)));
		R(chmod("f", 0644));
	}
}

static void paths(void)
{
	char buf[4];
	int fd, dir;

	fd = FD(open("f", O_PATH));
	fl("O_PATH", fd);
	R(read(fd, buf, 1));
	R(write(fd, buf, 1));
	R(fchmod(fd, 0600));
	R(lseek(fd, 0, SEEK_SET));
	close(fd);
	fd = FD(open("l", O_PATH | O_NOFOLLOW));
	R(read(fd, buf, 1));
	close(fd);
	FD(open("l", O_PATH | O_NOFOLLOW | O_DIRECTORY));
	dir = FD(open("d", O_PATH | O_DIRECTORY));
	fl("O_PATH of a directory", dir);
	close(FD(openat(dir, "../f", O_RDONLY)));
	close(FD(openat(dir, "new", O_RDWR | O_CREAT, 0600)));
	show("d/new");
	close(FD(openat(dir, "/", O_RDONLY)));
	close(dir);
	dir = FD(open("f", O_RDONLY));
	FD(openat(dir, "x", O_RDONLY));
	close(dir);
}

static void flags(void)
{
	struct open_how how = { .flags = O_RDONLY };
	int fd;

	FD(open("f", O_RDONLY | O_TMPFILE));
	FD(open("f", O_RDWR | O_TMPFILE, 0600));
	FD(open("none", O_RDWR | O_TMPFILE, 0600));
	FD(open("x", O_RDWR | O_CREAT | O_DIRECTORY, 0600));
	show("x");
	close(FD(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how))));
	R(syscall(SYS_openat2, AT_FDCWD, "f", &how, 0));
	R(syscall(SYS_openat2, AT_FDCWD, "f", &how, 8192));
	how.mode = 0600;
	FD(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)));
	how.flags = O_RDWR | O_CREAT;
	how.mode = 0200000;
	FD(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)));
	how.mode = 0600;
	close(FD(syscall(SYS_openat2, AT_FDCWD, "how", &how, sizeof(how))));
	show("how");
	how.flags = 1ull << 40;
	how.mode = 0;
	FD(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)));
	how.flags = O_PATH | O_RDWR;
	FD(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)));
	how.flags = O_RDWR | O_CREAT | O_DIRECTORY;
	FD(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof(how)));
	/* unknown bits of openat are ignored */
	fd = FD(open("f", O_RDONLY | 0x10000000));
	close(fd);
	fd = FD(open("f", O_RDWR | O_SYNC));
	fl("O_SYNC", fd);
	close(fd);
	fd = FD(open("f", O_RDONLY | O_NOATIME));
	close(fd);
}

/* O_TMPFILE: nameless until it is linked. */
static void tmpfiles(void)
{
	char name[64];
	int fd = open("d", O_RDWR | O_TMPFILE, 0600);

	if (fd < 0) {
		tap_check(&t, errno == EOPNOTSUPP, "O_TMPFILE is not supported");
		return;
	}
	R(write(fd, "tmp", 3));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	tap_check(&t, linkat(AT_FDCWD, name, AT_FDCWD, "d/linked", AT_SYMLINK_FOLLOW) == 0,
		"link it");
	close(fd);
	show("d/linked");
}

/* The lowest number is promised. */
static void numbers(void)
{
	int fd, keep = dup(0);

	close(0);
	fd = open("f", O_RDONLY);
	tap_check(&t, fd == 0, "open after close(0) gives 0");
	close(fd);
	dup2(keep, 0);
	close(keep);
	fd = open("f", O_RDONLY);
	R(dup2(fd, 7) == 7);
	{
		char buf[8] = "";

		R(read(7, buf, 3));
		tap_check(&t, 1, "read \"%s\" by the duplicate", buf);
		R(read(fd, buf, 3));
		tap_check(&t, 1, "then \"%s\"", buf);
	}
	close(7);
	close(fd);
}

/* The third access mode asks for both permissions and gives neither. Who else has the file open is
 * not hindered by it. */
static void neither(void)
{
	char c = 0;
	int fd, other, reader;

	fd = FD(open("neither", O_ACCMODE | O_CREAT, 0644));
	fl("neither", fd);
	R(read(fd, &c, 1));
	R(pread(fd, &c, 1, 0));
	R(write(fd, "x", 1));
	R(pwrite(fd, "x", 1, 0));
	R(ftruncate(fd, 3));
	R(posix_fallocate(fd, 0, 3));
	R(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	R(fsync(fd));
	other = FD(open("neither", O_RDWR));
	R(write(other, "by another", 10));
	R(fsync(other));
	R(sendfile(other, fd, NULL, 1));
	R(sendfile(fd, other, NULL, 1));
	R(copy_file_range(fd, NULL, other, NULL, 1, 0));
	R(copy_file_range(other, NULL, fd, NULL, 1, 0));
	R(close(other));
	show_text("neither");
	R(close(fd));
	fd = FD(open("neither", O_ACCMODE | O_TRUNC));
	other = FD(open("neither", O_WRONLY));
	R(write(other, "again", 5));
	R(close(other));
	R(close(fd));
	show_text("neither");
	reader = FD(open("neither", O_RDONLY));
	R(read(reader, &c, 1));
	close(reader);
	chmod("neither", 0444);
	FD(open("neither", O_ACCMODE));
	chmod("neither", 0222);
	FD(open("neither", O_ACCMODE));
	unlink("neither");
}

int main(void)
{
	umask(022);
	creates();
	refusals();
	paths();
	flags();
	numbers();
	neither();
	tmpfiles();
	return tap_done(&t);
}
