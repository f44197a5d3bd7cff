/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Path resolution: "..", symbolic links, trailing slashes, dirfd, limits. */
#include <limits.h>
#include <linux/openat2.h>

#include "guest.h"

static void stat_of(const char *name)
{
	struct stat st;

	if (stat(name, &st) < 0)
		tap_result(&t, -1, "stat %s", name);
	else
		tap_check(&t, 1, "stat %s: %c", name, type_letter(st.st_mode));
}

static int beneath(int dirfd, const char *name, uint64_t resolve)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = resolve };

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

static void words(void)
{
	static const char *const names[] = { "a", "a/", "a/.", "a/..", "a/b/../..", "a//b",
		"./a/./b/.", "a/b/f", "a/b/f/", "a/b/f/.", "a/b/f/..", "a/none", "a/none/",
		"a/none/..", "a/none/x", "", "/", "//", "/..", "/../..", "lb", "lb/", "lb/f", "lf",
		"lf/", "lf/x", "labs", "labs/f", "dangling", "dangling/", "dangling/x", "loop1",
		"loop1/", "loop1/x", "lup", "lup/a", "lb/../b/f", "lroot", "lroot/usr", "ldot",
		"ldot/a" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		stat_of(names[i]);
		if (strcmp(names[i], "labs")) /* as long as the path */
			show(names[i]);
	}
}

static void chain(void)
{
	char from[16], to[16];

	make("c0", "end");
	for (int i = 1; i <= 42; i++) {
		snprintf(from, sizeof(from), "c%d", i);
		snprintf(to, sizeof(to), "c%d", i - 1);
		if (symlink(to, from) < 0)
			tap_result(&t, -1, "symlink");
	}
	stat_of("c39");
	stat_of("c40");
	stat_of("c41");
	stat_of("c42");
	for (int i = 0; i <= 42; i++) {
		snprintf(from, sizeof(from), "c%d", i);
		unlink(from);
	}
}

static void lengths(void)
{
	char path[PATH_MAX + 2], name[NAME_MAX + 2];

	memset(name, 'n', NAME_MAX + 1);
	name[NAME_MAX + 1] = '\0';
	R(access(name, F_OK));
	name[NAME_MAX] = '\0';
	R(access(name, F_OK));
	for (size_t i = 0; i < PATH_MAX; i += 2)
		memcpy(path + i, "./", 2);
	path[PATH_MAX] = '\0';
	R(access(path, F_OK));
	path[PATH_MAX - 1] = '\0';
	R(access(path, F_OK));
}

static void fds(void)
{
	char back[PATH_MAX];
	int a = FD(open("a", O_RDONLY | O_DIRECTORY)), f = FD(open("a/b/f", O_RDONLY));
	int p = FD(open("a", O_PATH)), fd;

	R(faccessat(a, "b/f", F_OK, 0));
	R(faccessat(p, "b/f", F_OK, 0));
	R(faccessat(f, "b/f", F_OK, 0));
	R(faccessat(-1, "b/f", F_OK, 0));
	R(faccessat(-1, "/", F_OK, 0));
	R(faccessat(a, "..", F_OK, 0));
	R(faccessat(a, "../lb/f", F_OK, 0));
	R(faccessat(a, "", F_OK, 0));
	R(syscall(SYS_faccessat2, f, "", R_OK, AT_EMPTY_PATH));
	snprintf(back, sizeof(back), "/proc/self/fd/%d/b/f", a);
	stat_of("/proc/self/cwd");
	tap_check(&t, access(back, F_OK) == 0, "through /proc/self/fd");
	snprintf(back, sizeof(back), "/proc/self/fd/%d", f);
	tap_check(&t, (fd = open(back, O_RDONLY)) >= 0, "reopen a file");
	close(fd);
	/* what the directory is called does not matter to who has it open */
	R(rename("a", "renamed"));
	R(faccessat(a, "b/f", F_OK, 0));
	R(rename("renamed", "a"));
	close(a);
	close(f);
	close(p);
}

/* Names are looked up in directories alone, whatever a descriptor is of. */
static void no_directory(const char *what, int fd)
{
	static const char *const names[] = { "x", ".", "..", "../a" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct stat st;

		tap_result(&t, fstatat(fd, names[i], &st, 0), "fstatat %s of %s", names[i], what);
		tap_result(&t, faccessat(fd, names[i], W_OK, 0), "faccessat %s", names[i]);
		tap_result(&t, mkdirat(fd, names[i], 0755), "mkdirat %s", names[i]);
		tap_result(&t, fchmodat(fd, names[i], 0755, 0), "fchmodat %s", names[i]);
		tap_result(&t, openat(fd, names[i], O_RDWR | O_CREAT, 0644), "openat %s", names[i]);
	}
	close(fd);
}

static void no_directories(void)
{
	int pair[2], gone = FD(open("gone", O_RDWR | O_CREAT, 0644));

	no_directory("a file", FD(open("a/b/f", O_RDONLY)));
	no_directory("a file by O_PATH", FD(open("a/b/f", O_PATH)));
	no_directory("a file of the host", FD(open("/proc/version", O_RDONLY)));
	R(unlink("gone"));
	no_directory("a deleted file", gone);
	no_directory("a file in memory", FD(memfd_create("memory", 0)));
	R(pipe(pair));
	close(pair[1]);
	no_directory("a pipe", pair[0]);
}

static void cwd(void)
{
	char here[PATH_MAX], now[PATH_MAX];

	R(chdir("a/b") == 0);
	stat_of("f");
	stat_of("../b/f");
	stat_of("../../lb");
	R(chdir("../.."));
	R(chdir("lb"));
	stat_of("f");
	R(chdir("../.."));
	R(chdir("a/b/f"));
	R(chdir("none"));
	R(chdir(""));
	if (!getcwd(here, sizeof(here)))
		tap_result(&t, -1, "getcwd");
	R(chdir("a"));
	if (!getcwd(now, sizeof(now)))
		tap_result(&t, -1, "getcwd");
	tap_check(&t, !strncmp(here, now, strlen(here)) && !strcmp(now + strlen(here), "/a"),
		"getcwd: %s", now + strlen(here));
	R(mkdir("gone", 0755));
	R(chdir("gone"));
	R(rmdir("../gone"));
	R(access(".", F_OK));
	R(access("x", F_OK));
	R(mkdir("x", 0755));
	FD(open("x", O_CREAT | O_RDWR, 0644));
	R(getcwd(now, sizeof(now)) ? 0 : -1);
	R(chdir(here));
}

static void openat2s(void)
{
	int a = FD(open("a", O_RDONLY | O_DIRECTORY));

	close(FD(beneath(a, "b/f", RESOLVE_BENEATH)));
	FD(beneath(a, "../a/b/f", RESOLVE_BENEATH));
	FD(beneath(a, "/a", RESOLVE_BENEATH));
	close(FD(beneath(a, "../b/f", RESOLVE_IN_ROOT)));
	close(FD(beneath(a, "/b/f", RESOLVE_IN_ROOT)));
	FD(beneath(AT_FDCWD, "lb/f", RESOLVE_NO_SYMLINKS));
	close(FD(beneath(AT_FDCWD, "a/b/f", RESOLVE_NO_SYMLINKS)));
	FD(beneath(AT_FDCWD, "/proc/self/cwd", RESOLVE_NO_MAGICLINKS));
	close(FD(beneath(AT_FDCWD, "lb/f", RESOLVE_NO_MAGICLINKS)));
	FD(beneath(AT_FDCWD, "/proc", RESOLVE_NO_XDEV));
	close(FD(beneath(AT_FDCWD, "a/b/f", RESOLVE_NO_XDEV)));
	FD(beneath(AT_FDCWD, "a", 1 << 20));
	FD(beneath(AT_FDCWD, "a", RESOLVE_BENEATH | RESOLVE_IN_ROOT));
	R(syscall(SYS_openat2, AT_FDCWD, "a", NULL, sizeof(struct open_how)));
	R(syscall(SYS_openat2, AT_FDCWD, "a", "x", 8));
	close(a);
}

static void search(void)
{
	if (getuid() == 0)
		return;
	R(chmod("a/b", 0600));
	R(access("a/b", F_OK));
	R(access("a/b/f", F_OK));
	R(access("a/b/none", F_OK));
	R(access("a/b/..", F_OK));
	R(access("lb/f", F_OK));
	R(chdir("a/b"));
	R(chmod("a/b", 0755));
}

int main(void)
{
	char here[PATH_MAX];

	umask(022);
	if (!getcwd(here, sizeof(here) - 8))
		tap_result(&t, -1, "getcwd");
	strcat(here, "/a/b");
	R(mkdir("a", 0755));
	R(mkdir("a/b", 0755));
	make("a/b/f", "text");
	R(symlink("a/b", "lb"));
	R(symlink("a/b/f", "lf"));
	if (symlink(here, "labs") < 0)
		tap_result(&t, -1, "symlink labs");
	R(symlink("a/none", "dangling"));
	R(symlink("loop2", "loop1"));
	R(symlink("loop1", "loop2"));
	R(symlink("a/..", "lup"));
	R(symlink("/", "lroot"));
	R(symlink(".", "ldot"));
	unlink("labs");
	if (symlink(here, "labs") < 0)
		tap_result(&t, -1, "symlink labs");
	words();
	chain();
	lengths();
	fds();
	no_directories();
	cwd();
	openat2s();
	search();
	return tap_done(&t);
}
