/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open files whose last name is gone: their folder can be removed, and all that an open file can do
 * goes on. */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "guest.h"

static void look(int fd)
{
	struct stat st;
	char buf[64] = "";

	R(fstat(fd, &st));
	R(pread(fd, buf, sizeof(buf) - 1, 0));
	tap_check(&t, 1, "links %d, size %ld, mode %o, %s", (int)st.st_nlink, (long)st.st_size,
		(unsigned)st.st_mode, buf);
}

static void times(int fd)
{
	struct timespec ts[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };
	struct stat st;

	R(pwrite(fd, "w", 1, 3));
	R(futimens(fd, ts));
	R(fstat(fd, &st));
	tap_check(&t, 1, "times %ld %ld", (long)st.st_atime, (long)st.st_mtime);
	ts[1].tv_nsec = UTIME_OMIT;
	ts[0].tv_sec = 3000;
	R(futimens(fd, ts));
	R(fstat(fd, &st));
	tap_check(&t, 1, "times %ld %ld", (long)st.st_atime, (long)st.st_mtime);
	R(pwrite(fd, "x", 1, 3));
	R(fstat(fd, &st));
	tap_check(&t, 1, "written now: %d", st.st_mtime > 1000000);
}

static void use(int fd)
{
	char path[64], buf[64] = "", *p;
	int again;

	look(fd);
	R(lseek(fd, 0, SEEK_END));
	R(write(fd, "more", 4));
	look(fd);
	R(ftruncate(fd, 3));
	look(fd);
	R(ftruncate(fd, 10000));
	R(fchmod(fd, 0600));
	R(fsync(fd));
	look(fd);
	times(fd);
	R(fallocate(fd, 0, 0, 20000));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2));
	look(fd);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED) {
		memcpy(p, "mapped", 6);
		R(msync(p, 4096, MS_SYNC));
		munmap(p, 4096);
	}
	look(fd);
	R(flock(fd, LOCK_EX));
	R(lockf(fd, F_LOCK, 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	R(again >= 0);
	R(write(again, "AGAIN", 5));
	R(read(again, buf, 1));
	close(again);
	look(fd);
	R(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
}

/* What it had stays, what is set is there. */
static void attributes(void)
{
	char value[64] = "", list[256];
	int fd = open("dir/file", O_RDWR);
	long n;

	R(setxattr("dir/file", "user.kept", "value", 5, 0));
	R(setxattr("dir/file", "user.gone", "x", 1, 0));
	R(unlink("dir/file"));
	R(fgetxattr(fd, "user.kept", value, sizeof(value)));
	tap_check(&t, 1, "it is %s", value);
	R(fgetxattr(fd, "user.kept", value, 3));
	R(fgetxattr(fd, "user.none", value, sizeof(value)));
	R(fgetxattr(fd, "none", value, sizeof(value)));
	R(fsetxattr(fd, "user.new", "longer value", 12, XATTR_CREATE));
	R(fsetxattr(fd, "user.new", "y", 1, XATTR_CREATE));
	R(fsetxattr(fd, "user.none", "y", 1, XATTR_REPLACE));
	R(fgetxattr(fd, "user.new", value, sizeof(value)));
	R(fremovexattr(fd, "user.gone"));
	R(fremovexattr(fd, "user.gone"));
	R(flistxattr(fd, NULL, 0));
	n = flistxattr(fd, list, sizeof(list));
	tap_check(&t,
		n > 0 && memmem(list, (size_t)n, "user.new", 9) &&
			memmem(list, (size_t)n, "user.kept", 10),
		"both are listed");
	R(close(fd));
}

int main(void)
{
	int fd, old, dirty;

	mkdir("dir", 0755);
	make("dir/file", "hello, world");
	attributes();
	make("dir/file", "hello, world");
	fd = open("dir/file", O_RDWR);
	R(unlink("dir/file"));
	R(open("dir/file", O_RDWR));
	R(rmdir("dir"));
	R(access("dir", F_OK));
	use(fd);
	R(close(fd));
	/* what was never written back, and a second user */
	mkdir("dir", 0755);
	dirty = open("dir/new", O_RDWR | O_CREAT, 0644);
	old = open("dir/new", O_RDONLY);
	R(write(dirty, "not written back", 16));
	R(unlink("dir/new"));
	R(rmdir("dir"));
	look(old);
	R(write(dirty, ", and more", 10));
	R(close(dirty));
	look(old);
	R(close(old));
	/* another takes its name */
	make("a", "old");
	make("b", "new");
	old = open("a", O_RDONLY);
	R(rename("b", "a"));
	look(old);
	fd = open("a", O_RDONLY);
	look(fd);
	/* one of two names */
	R(link("a", "c"));
	R(unlink("a"));
	look(fd);
	R(unlink("c"));
	look(fd);
	R(close(fd));
	R(close(old));
	return tap_done(&t);
}
