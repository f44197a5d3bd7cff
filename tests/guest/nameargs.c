/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the calls with names refuse, and in which order: flags, times, ids, attributes and links
 * that are wrong in one way or in two. */
#include <dirent.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include "guest.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_newfstatat
#define SYS_newfstatat SYS_fstatat64
#endif
#define ODD_FLAG 0x40000

static char longest[NAME_MAX + 2], deep[4200];

static long rename2(const char *a, const char *b, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags);
}

static void opens(void)
{
	struct open_how how = { .flags = O_RDONLY };
	int fd;

	make("f", "text");
	R(mkdir("d", 0755));
	R(symlink("f", "l"));
	R(symlink("loop", "loop"));
	fd = FD(open("f", O_ACCMODE));
	R(read(fd, deep, 1));
	R(write(fd, "x", 1));
	R(fcntl(fd, F_GETFL) & O_ACCMODE);
	close(fd);
	FD(open("d", O_ACCMODE));
	FD(open("f", O_RDONLY | O_DIRECTORY | O_CREAT, 0600));
	FD(open("none", O_TMPFILE | O_RDONLY, 0600));
	FD(open("f", O_TMPFILE | O_RDWR | O_CREAT, 0600));
	FD(open("none", O_PATH | O_CREAT, 0600));
	FD(open("d/", O_WRONLY | O_CREAT | O_EXCL, 0600));
	FD(open("none/", O_WRONLY | O_CREAT | O_EXCL, 0600));
	FD(open("l/", O_RDONLY));
	FD(open("l/x", O_RDONLY | O_CREAT, 0600));
	FD(open("loop", O_RDONLY));
	FD(open("loop", O_RDONLY | O_NOFOLLOW));
	FD(open("loop/", O_RDONLY | O_NOFOLLOW));
	FD(open("loop", O_RDWR | O_CREAT, 0600));
	FD(open("loop", O_RDWR | O_CREAT | O_EXCL, 0600));
	FD(open("loop/x", O_RDONLY));
	FD(open(longest, O_RDONLY));
	FD(open(deep, O_RDONLY));
	deep[4095] = '\0';
	FD(open(deep, O_RDONLY));
	deep[4095] = '/';
	FD(open(".", O_RDWR));
	FD(open("..", O_RDONLY | O_CREAT | O_EXCL, 0600));
	FD(open("d/.", O_RDWR | O_CREAT, 0600));
	FD(openat(99, "f", O_RDONLY));
	FD(openat(99, "", O_RDONLY));
	FD(openat(99, BAD, O_RDONLY));
	FD(openat(99, longest, O_RDONLY));
	FD(openat(99, deep, O_RDONLY));
	fd = open("f", O_RDONLY);
	FD(openat(fd, "f", O_RDONLY));
	FD(openat(fd, ".", O_RDONLY));
	FD(openat(fd, "", O_RDONLY));
	close(fd);
	how.resolve = 0x1000;
	FD(syscall(SYS_openat2, AT_FDCWD, "none", &how, sizeof(how)));
	how.resolve = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
	FD(syscall(SYS_openat2, AT_FDCWD, "none", &how, sizeof(how)));
	how.resolve = RESOLVE_BENEATH;
	FD(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof(how)));
	FD(syscall(SYS_openat2, AT_FDCWD, "../none", &how, sizeof(how)));
	how.resolve = RESOLVE_NO_SYMLINKS;
	FD(syscall(SYS_openat2, AT_FDCWD, "l", &how, sizeof(how)));
	how = (struct open_how){ .flags = O_TMPFILE | O_RDWR | O_PATH };
	FD(syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how)));
	how = (struct open_how){ .flags = O_RDWR | O_CREAT, .mode = 010000 };
	FD(syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof(how)));
	FD(syscall(SYS_openat2, AT_FDCWD, BAD, &how, sizeof(how)));
	FD(syscall(SYS_openat2, AT_FDCWD, "f", BAD, sizeof(how)));
	FD(syscall(SYS_openat2, AT_FDCWD, BAD, BAD, 4));
}

static long scoped(const char *path, int flags, int resolve)
{
	struct open_how how = { .flags = (uint64_t)flags,
		.mode = flags & O_CREAT ? 0644 : 0,
		.resolve = (uint64_t)resolve };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		(void)!write(fd, "scoped", 6);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

/* openat2(2)'s walks that may not leave where they begin. */
static void scopes(void)
{
	char name[64];
	int fd;

	make("scoped", "");
	R(scoped("scoped", O_WRONLY, RESOLVE_NO_XDEV));
	R(scoped("made", O_WRONLY | O_CREAT | O_EXCL, RESOLVE_NO_XDEV));
	R(scoped("d/../made", O_WRONLY | O_APPEND, RESOLVE_NO_XDEV | RESOLVE_BENEATH));
	R(scoped("../none", O_RDONLY, RESOLVE_BENEATH));
	R(scoped("d/../../none", O_RDONLY, RESOLVE_BENEATH));
	R(scoped("/made", O_WRONLY | O_APPEND, RESOLVE_IN_ROOT));
	R(scoped("../../made", O_WRONLY | O_APPEND, RESOLVE_IN_ROOT));
	R(scoped("/../d/../made", O_WRONLY | O_APPEND, RESOLVE_IN_ROOT));
	R(symlink("/made", "absolute"));
	R(scoped("absolute", O_RDONLY, RESOLVE_IN_ROOT));
	R(scoped("absolute", O_RDONLY, RESOLVE_BENEATH));
	R(scoped("/proc/self/status", O_RDONLY, RESOLVE_NO_XDEV));
	R(scoped("/proc/self/status", O_RDONLY, RESOLVE_NO_MAGICLINKS));
	fd = open("made", O_RDONLY);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	tap_result(&t, scoped(name, O_RDONLY, RESOLVE_NO_MAGICLINKS), "no magic links");
	tap_result(&t, scoped(name, O_RDONLY, RESOLVE_NO_SYMLINKS), "no symbolic links");
	close(fd);
	show_text("scoped");
	show_text("made");
}

static void stats(void)
{
	struct stat st;
	struct statx sx;
	struct statfs sf;
	char buf[64];

	R(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, ODD_FLAG));
	R(syscall(SYS_newfstatat, AT_FDCWD, "none", &st, ODD_FLAG));
	R(syscall(SYS_newfstatat, AT_FDCWD, "none", BAD, 0));
	R(syscall(SYS_newfstatat, AT_FDCWD, "f", BAD, 0));
	R(syscall(SYS_newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH));
	R(syscall(SYS_newfstatat, AT_FDCWD, "", &st, 0));
	R(syscall(SYS_newfstatat, 99, "", &st, AT_EMPTY_PATH));
	R(syscall(SYS_newfstatat, 99, "", &st, 0));
	R(syscall(SYS_newfstatat, 99, "/", &st, 0));
	R(syscall(SYS_statx, AT_FDCWD, "none", ODD_FLAG, 0, &sx));
	R(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x80000000u, &sx));
	R(syscall(SYS_statx, AT_FDCWD, "f", AT_STATX_SYNC_TYPE, 0, &sx));
	R(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7fffffff, &sx));
	tap_check(
		&t, 1, "size %d, unknown bits %d", (int)sx.stx_size, !!(sx.stx_mask & 0x60000000));
	R(syscall(SYS_statx, AT_FDCWD, "f", 0, 0, BAD));
	R(syscall(SYS_statx, AT_FDCWD, "f", 0, 0, &sx));
	R(syscall(SYS_statx, AT_FDCWD, NULL, AT_EMPTY_PATH, STATX_SIZE, &sx));
	R(syscall(SYS_statx, 99, NULL, 0, STATX_SIZE, &sx));
	R(syscall(SYS_faccessat2, AT_FDCWD, "none", 8, 0));
	R(syscall(SYS_faccessat2, AT_FDCWD, "none", 0, ODD_FLAG));
	R(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
	R(syscall(SYS_faccessat2, AT_FDCWD, "loop", F_OK, AT_SYMLINK_NOFOLLOW));
	R(syscall(SYS_faccessat2, AT_FDCWD, "loop", F_OK, 0));
	R(syscall(SYS_faccessat2, AT_FDCWD, "", F_OK, AT_EMPTY_PATH));
	R(access("f/", F_OK));
	R(access("f", X_OK));
	R(access("d/", X_OK));
	R(access(BAD, 8));
	R(syscall(SYS_readlink, "none", buf, 0));
	R(syscall(SYS_readlink, "l", buf, -1));
	R(syscall(SYS_readlink, "l", BAD, 5));
	R(syscall(SYS_readlink, "f", buf, 5));
	R(syscall(SYS_readlink, "l/", buf, 5));
	R(syscall(SYS_readlink, "l", buf, 0x7fffffff));
	R(syscall(SYS_readlinkat, 99, "", buf, 5));
	R(syscall(SYS_readlinkat, AT_FDCWD, "", buf, 5));
	R(statfs("none", BAD));
	R(statfs("f", BAD));
	R(statfs("f/", &sf));
	R(statfs("loop", &sf));
	R(fstatfs(99, BAD));
	R(syscall(SYS_getcwd, buf, 0));
	R(syscall(SYS_getcwd, BAD, 4096));
	R(syscall(SYS_getcwd, BAD, 1));
}

static void attributes(void)
{
	struct timespec bad_ts[2] = { { 0, 1000000000 }, { 0, 0 } },
			omit[2] = { { 0, UTIME_OMIT }, { 5, -1 } },
			both[2] = { { 77, UTIME_OMIT }, { 77, UTIME_OMIT } };
	struct timeval bad_tv[2] = { { 0, 1000000 }, { 0, 0 } };
	int fd = open("f", O_PATH), rd = open("f", O_RDONLY);

	R(utimensat(AT_FDCWD, "none", bad_ts, 0));
	R(utimensat(AT_FDCWD, "f", bad_ts, 0));
	R(utimensat(AT_FDCWD, "f", omit, 0));
	R(utimensat(AT_FDCWD, "none", both, 0));
	R(utimensat(AT_FDCWD, "none", both, ODD_FLAG));
	R(utimensat(AT_FDCWD, "none", bad_ts, ODD_FLAG));
	R(utimensat(AT_FDCWD, "none", NULL, ODD_FLAG));
	R(syscall(SYS_utimensat, AT_FDCWD, "none", BAD, ODD_FLAG));
	R(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
	R(syscall(SYS_utimensat, 99, NULL, NULL, 0));
	R(syscall(SYS_utimensat, rd, NULL, bad_ts, 0));
	R(syscall(SYS_utimensat, rd, NULL, NULL, AT_SYMLINK_NOFOLLOW));
	R(syscall(SYS_utimensat, 99, NULL, NULL, AT_SYMLINK_NOFOLLOW));
	R(syscall(SYS_utimensat, fd, NULL, NULL, 0));
	R(syscall(SYS_utimensat, fd, "", NULL, AT_EMPTY_PATH));
	R(syscall(SYS_utimensat, fd, "", NULL, 0));
	R(utimes("none", bad_tv));
	R(syscall(SYS_utimes, NULL, bad_tv));
	R(syscall(SYS_utimes, "none", BAD));
	R(syscall(SYS_utime, "none", BAD));
	R(syscall(SYS_utime, "f/", NULL));
	R(syscall(SYS_utime, "loop", NULL));
	R(syscall(SYS_fchmodat2, AT_FDCWD, "none", 0644, ODD_FLAG));
	R(syscall(SYS_fchmodat2, AT_FDCWD, "l", 0644, AT_SYMLINK_NOFOLLOW));
	R(syscall(SYS_fchmodat2, fd, "", 0644, AT_EMPTY_PATH));
	R(syscall(SYS_fchmodat2, fd, "", 0644, 0));
	R(fchmod(fd, 0644));
	R(fchmod(rd, 0177644));
	R(chmod("f", 0170600));
	show("f");
	R(chmod("f", 0644));
	R(chmod("f/", 0644));
	R(fchownat(AT_FDCWD, "none", -1, -1, ODD_FLAG));
	R(fchownat(fd, "", -1, -1, AT_EMPTY_PATH));
	R(fchownat(fd, "", -1, -1, 0));
	R(fchown(fd, -1, -1));
	R(chmod("f", 06755));
	R(chown("f", -1, -1));
	show("f");
	R(chmod("f", 02644));
	R(chown("f", -1, getgid()));
	show("f");
	R(chmod("d", 06755));
	R(chown("d", getuid(), getgid()));
	show("d");
	R(chmod("d", 0755));
	R(chmod("f", 0644));
	if (getuid() != 0) {
		R(chown("f", 0, -1));
		R(chown("f", -1, 0));
		R(lchown("loop", 0, -1));
	}
	R(lchown("loop", getuid(), -1));
	R(truncate("d", 0));
	R(truncate("loop", 0));
	R(truncate("f/", 0));
	R(truncate(BAD, -1));
	R(truncate("none/", 5));
	close(fd);
	close(rd);
}

static void names(void)
{
	int fd = open("f", O_RDONLY);

	R(mkdir("d/.", 0755));
	R(mkdir("d/..", 0755));
	R(mkdir("/", 0755));
	R(mkdir("new///", 0755));
	R(mkdir("new/", 0755));
	R(mkdir("f/", 0755));
	R(mkdir("l/", 0755));
	R(mkdir("loop/", 0755));
	R(mkdir(longest, 0755));
	R(mkdir("none/x", 0755));
	R(rmdir("new/."));
	R(rmdir("new/./"));
	R(rmdir("new/.."));
	R(rmdir("f/"));
	R(rmdir("l/"));
	R(rmdir("new//"));
	R(rmdir("/"));
	R(mknod("node", S_IFDIR | 0755, 0));
	R(mknod("none/node", S_IFLNK | 0755, 0));
	R(mknod("node/", S_IFREG | 0644, 0));
	R(mknod("f", S_IFREG | 0644, 0));
	R(mknod("d/", S_IFREG | 0644, 0));
	if (getuid() != 0) {
		R(mknod("dev", S_IFCHR | 0644, makedev(1, 3)));
		R(mknod("f", S_IFCHR | 0644, makedev(1, 3)));
	}
	R(symlink("", "sl"));
	R(symlink(BAD, "f"));
	R(symlink("x", "f"));
	R(symlink("x", "sl/"));
	R(symlink("x", "d/"));
	R(symlink("x", "loop"));
	R(symlink("x", ""));
	R(symlink("", ""));
	R(link("none", "f"));
	R(link("f", "f"));
	R(link("f", "x/"));
	R(link("f/", "x"));
	R(link("d", "x"));
	R(link("d", "f"));
	R(link("loop", "loop2"));
	R(unlink("loop2"));
	R(linkat(AT_FDCWD, "f", AT_FDCWD, "x", ODD_FLAG));
	R(linkat(AT_FDCWD, "loop", AT_FDCWD, "x", AT_SYMLINK_FOLLOW));
	R(linkat(99, "f", AT_FDCWD, "x", 0));
	R(linkat(AT_FDCWD, "f", 99, "x", 0));
	R(linkat(fd, "", AT_FDCWD, "byfd", 0));
	R(linkat(AT_FDCWD, "", AT_FDCWD, "x", AT_EMPTY_PATH));
	R(linkat(fd, "", AT_FDCWD, "byfd", AT_EMPTY_PATH));
	show("byfd");
	R(linkat(99, "", AT_FDCWD, "x", AT_EMPTY_PATH));
	R(unlink("byfd"));
	R(unlink("f/"));
	R(unlink("d"));
	R(unlink("d/"));
	R(unlink("d/."));
	R(unlink("none/"));
	R(unlink("l/"));
	R(unlink("/"));
	R(unlinkat(AT_FDCWD, "f", ODD_FLAG));
	R(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR | ODD_FLAG));
	R(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
	R(unlinkat(99, "f", 0));
	R(unlinkat(fd, "f", 0));
	close(fd);
}

static void renames(void)
{
	R(mkdir("e", 0755));
	R(mkdir("e/sub", 0755));
	make("r", "r");
	R(rename2("r", "s", ODD_FLAG));
	R(rename2("r", "s", RENAME_NOREPLACE | RENAME_EXCHANGE));
	R(rename2("r", "s", RENAME_WHITEOUT | RENAME_EXCHANGE));
	R(rename2("none", "s", RENAME_NOREPLACE | RENAME_EXCHANGE));
	R(rename2("r", "none", RENAME_EXCHANGE));
	R(rename2("none", "r", RENAME_NOREPLACE));
	R(rename2("none", "r", RENAME_EXCHANGE));
	R(rename("r", "r/"));
	R(rename("r/", "s"));
	R(rename("r", "d/"));
	R(rename("d", "r"));
	R(rename("r", "d"));
	R(rename("e", "e/sub/x"));
	R(rename("e/sub", "e"));
	R(rename("e", "e"));
	R(rename("e/.", "x"));
	R(rename("e/..", "x"));
	R(rename("e", "d/."));
	R(rename("none", "e/."));
	R(rename("none/", "x"));
	R(rename("l/", "x"));
	R(rename("r", "none/x"));
	R(rename("r", "f/x"));
	R(rename("r", longest));
	R(rename("r", ""));
	R(rename("", "r"));
	R(rename(BAD, ""));
	R(rename("d", "e"));
	R(rename("d", "newdir/"));
	R(rename("newdir/", "d//"));
	show("d");
	R(link("r", "r2"));
	R(rename("r", "r2"));
	show("r");
	R(rename("loop", "loop3"));
	R(rename("loop3", "loop"));
	R(renameat(99, "r", AT_FDCWD, "x"));
	R(renameat(AT_FDCWD, "r", 99, "x"));
}

static void xattrs(void)
{
	char buf[64];
	int fd = open("f", O_RDONLY);

	R(setxattr("f", "user.a", "v", 1, 0));
	if (errno == EOPNOTSUPP)
		return;
	R(setxattr("f", "user.a", "v", 1, XATTR_CREATE | XATTR_REPLACE));
	R(setxattr("f", "user.b", "v", 1, XATTR_CREATE | XATTR_REPLACE));
	R(setxattr("f", "user.", "v", 1, 0));
	R(setxattr("f", "user", "v", 1, 0));
	R(getxattr("f", "user.", buf, sizeof(buf)));
	R(getxattr("f", "user", buf, sizeof(buf)));
	R(getxattr("f", "nosuch.a", buf, sizeof(buf)));
	R(getxattr("f", "system.nosuch", buf, sizeof(buf)));
	R(setxattr("f", "system.nosuch", "v", 1, 0));
	R(removexattr("f", "user."));
	R(removexattr("f", "plain"));
	R(removexattr("f", ""));
	R(removexattr("none", ""));
	R(setxattr("none", "user.a", "v", 1, 8));
	R(setxattr("none", BAD, "v", 1, 0));
	R(setxattr("none", "user.a", BAD, 1, 0));
	R(setxattr("none", "user.a", "v", 65537, 0));
	R(setxattr("f", "user.a", NULL, 1, 0));
	R(setxattr("f", "user.a", NULL, 0, 0));
	R(getxattr("f", "user.a", buf, 5));
	R(getxattr("f", "user.none", BAD, 5));
	R(getxattr("f", "user.a", NULL, 5));
	R(fsetxattr(99, "user.a", "v", 1, 8));
	R(fsetxattr(99, BAD, "v", 1, 0));
	R(fgetxattr(99, "", buf, 5));
	R(flistxattr(99, BAD, 5));
	R(fsetxattr(fd, "user.a", "v", 1, 8));
	R(fremovexattr(fd, ""));
	R(removexattr("f", "user.a"));
	R(removexattr("f", "user.a"));
	close(fd);
}

static void directories(void)
{
	char buf[1024];
	int fd = open("e", O_RDONLY), file = open("f", O_RDONLY), path = open("e", O_PATH);

	R(syscall(SYS_getdents64, fd, buf, 0));
	R(syscall(SYS_getdents64, fd, buf, 10));
	R(syscall(SYS_getdents64, fd, BAD, sizeof(buf)));
	R(syscall(SYS_getdents64, file, buf, sizeof(buf)));
	R(syscall(SYS_getdents64, path, buf, sizeof(buf)));
	R(syscall(SYS_getdents64, 99, buf, sizeof(buf)));
	R(syscall(SYS_getdents64, fd, buf, sizeof(buf)) > 0);
	R(syscall(SYS_getdents64, fd, buf, 0));
	R(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	R(syscall(SYS_getdents64, fd, BAD, sizeof(buf)));
	R(lseek(fd, 0, SEEK_SET));
	R(lseek(fd, -1, SEEK_SET));
	R(lseek(fd, 0, 7));
	R(fchdir(file));
	R(fchdir(99));
	R(ftruncate(fd, 0));
	R(rmdir("e/sub"));
	R(rmdir("e"));
	R(syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	FD(openat(fd, "x", O_WRONLY | O_CREAT, 0600));
	FD(openat(fd, ".", O_RDONLY));
	FD(openat(fd, "..", O_RDONLY));
	R(mkdirat(fd, "x", 0700));
	R(symlinkat("x", fd, "x"));
	R(linkat(AT_FDCWD, "f", fd, "x", 0));
	R(renameat(AT_FDCWD, "f", fd, "x"));
	R(unlinkat(fd, "x", 0));
	R(fstat(fd, &(struct stat){}));
	R(fchmod(fd, 0700));
	R(fchdir(fd));
	R(syscall(SYS_getcwd, buf, sizeof(buf)));
	FD(open("x", O_WRONLY | O_CREAT, 0600));
	R(access(".", R_OK));
	R(rmdir("."));
	close(fd);
	close(file);
	close(path);
}

int main(void)
{
	umask(022);
	memset(longest, 'n', NAME_MAX + 1);
	memset(deep, '/', sizeof(deep) - 1);
	opens();
	scopes();
	stats();
	attributes();
	names();
	renames();
	xattrs();
	directories();
	return tap_done(&t);
}
