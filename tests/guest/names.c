/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkdir, mknod, link, symlink, unlink, rmdir, rename and their *at forms. */
#include <dirent.h>
#include <linux/fs.h>
#include <sys/sysmacros.h>

#include "guest.h"

static long renameat2_(int from, const char *a, int to, const char *b, unsigned flags)
{
	return syscall(SYS_renameat2, from, a, to, b, flags);
}

static void mkdirs(void)
{
	char longest[257];

	R(mkdir("d", 0777));
	show("d");
	R(mkdir("d", 0777));
	R(mkdir("d/", 0777));
	R(mkdir("e/", 01700));
	show("e");
	R(mkdir(".", 0777));
	R(mkdir("..", 0777));
	R(mkdir("/", 0777));
	R(mkdir("", 0777));
	R(mkdir("no/such", 0777));
	R(mkdir(BAD, 0777));
	make("f", "text");
	R(mkdir("f", 0777));
	R(mkdir("f/", 0777));
	R(mkdir("f/d", 0777));
	R(symlink("nowhere", "dangling"));
	R(mkdir("dangling", 0777));
	R(mkdir("dangling/", 0777));
	R(mkdirat(-1, "x", 0777));
	R(mkdirat(AT_FDCWD, "d/sub", 0750));
	show("d/sub");
	memset(longest, 'a', 256);
	longest[256] = '\0';
	R(mkdir(longest, 0777));
	longest[255] = '\0';
	R(mkdir(longest, 0777));
	R(rmdir(longest));
	umask(077);
	R(mkdir("masked", 0777));
	show("masked");
	umask(022);
	R(rmdir("masked"));
}

static void rmdirs(void)
{
	R(rmdir("d"));
	R(rmdir("d/."));
	R(rmdir("d/sub/.."));
	R(rmdir("."));
	R(rmdir(".."));
	R(rmdir("/"));
	R(rename("/", "/etc"));
	R(rename("/etc", "//"));
	R(rename("/", "/"));
	R(rmdir("f"));
	R(rmdir("f/"));
	R(rmdir("no"));
	R(rmdir("dangling"));
	R(symlink("e", "to-e"));
	R(rmdir("to-e"));
	R(rmdir("to-e/"));
	R(rmdir("e/"));
	R(unlink("to-e"));
	R(unlinkat(AT_FDCWD, "d/sub", AT_REMOVEDIR));
	R(unlinkat(AT_FDCWD, "d", 0));
	R(unlinkat(AT_FDCWD, "d", 0x1000));
	R(unlinkat(-1, "d", AT_REMOVEDIR));
	show("d");
}

static void unlinks(void)
{
	make("u", "1");
	R(unlink("u/"));
	R(unlink("u"));
	R(unlink("u"));
	R(unlink("d"));
	R(unlink("d/"));
	R(unlink("."));
	R(unlink("d/.."));
	R(unlink(""));
	R(unlink("f/x"));
	R(unlink("dangling/"));
	R(unlink("dangling"));
	show("dangling");
}

static void nodes(void)
{
	R(mknod("reg", S_IFREG | 0666, 0));
	show("reg");
	R(mknod("reg", S_IFREG | 0666, 0));
	R(mknod("plain", 0600, 0));
	show("plain");
	R(mknod("slash/", S_IFREG | 0600, 0));
	R(mknod("fifo", S_IFIFO | 0666, 0));
	show("fifo");
	R(mknod("sock", S_IFSOCK | 0777, 0));
	show("sock");
	if (getuid() != 0)
		R(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	R(mknod("dir", S_IFDIR | 0755, 0));
	R(mknod("link", S_IFLNK | 0755, 0));
	R(mknod("odd", 0170000, 0));
	R(unlink("reg"));
	R(unlink("plain"));
	R(unlink("fifo"));
	R(unlink("sock"));
}

static void links(void)
{
	int fd;

	make("one", "1");
	R(link("one", "two"));
	show("one");
	show("two");
	R(link("one", "two"));
	R(link("one", "d"));
	R(link("none", "three"));
	R(link("d", "e"));
	R(link("one/", "three"));
	R(link("one", "three/"));
	R(link("one", "."));
	R(link("one", "no/such"));
	R(link("", "three"));
	R(link("one", ""));
	R(symlink("one", "sym"));
	R(link("sym", "hard-sym"));
	show("hard-sym");
	R(linkat(AT_FDCWD, "sym", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	show("followed");
	R(linkat(AT_FDCWD, "one", AT_FDCWD, "flags", 0x4000));
	fd = FD(open("one", O_RDONLY));
	R(linkat(fd, "x", AT_FDCWD, "y", 0));
	close(fd);
	fd = FD(open("d", O_RDONLY | O_DIRECTORY));
	R(linkat(AT_FDCWD, "one", fd, "in-d", 0));
	show("d/in-d");
	R(unlinkat(fd, "in-d", 0));
	close(fd);
	R(link("one", "/dev/shm/umview-guest-names"));
	R(unlink("two"));
	R(unlink("hard-sym"));
	R(unlink("followed"));
	R(unlink("sym"));
	show("one");
}

static void symlinks(void)
{
	char buf[64], body[4097];

	R(symlink("", "empty"));
	R(symlink("body", "s"));
	R(symlink("body", "s"));
	R(symlink("body", "s2/"));
	R(symlink("body", "d"));
	R(symlink("body", "no/such"));
	R(symlink("body", ""));
	show("s");
	R(readlink("s", buf, sizeof(buf)));
	memset(body, 'b', 4096);
	body[4096] = '\0';
	R(symlink(body, "long"));
	body[1000] = '\0';
	R(symlink(body, "long"));
	show("long");
	R(unlink("long"));
	R(unlink("s"));
}

static void renames(void)
{
	int fd;

	make("a", "aa");
	make("b", "bbb");
	R(rename("a", "c"));
	show("a");
	show_text("c");
	R(rename("c", "b"));
	show_text("b");
	R(rename("b", "b"));
	R(rename("none", "x"));
	R(rename("", "x"));
	R(rename("b", ""));
	R(rename("b", "no/such"));
	R(rename("b", "d"));
	R(rename("b", "d/"));
	R(rename("b", "x/"));
	R(rename("b/", "x"));
	R(rename("d", "b"));
	R(rename(".", "x"));
	R(rename("d", "."));
	R(rename("d/.", "x"));
	R(rename("d/..", "x"));
	R(mkdir("d/s", 0755));
	R(rename("d", "d/s/x"));
	R(rename("d", "d/x"));
	R(rename("d/s", "d"));
	R(mkdir("g", 0755));
	R(rename("g", "d"));
	R(rename("d", "g"));
	show("g");
	show("g/s");
	R(rename("g/", "d/"));
	show("d");
	R(rename("d/s", "s"));
	show("d");
	R(rename("s", "d/s"));
	R(rename("d/s", "d/t"));
	R(rmdir("d/t"));
	/* two names of one file */
	R(link("b", "b2"));
	R(rename("b", "b2"));
	show("b");
	show("b2");
	R(unlink("b2"));
	/* symlinks are renamed themselves */
	R(symlink("d", "to-d"));
	R(rename("to-d/", "x"));
	R(rename("to-d", "x"));
	show("x");
	R(rename("b", "x"));
	show("x");
	/* flags */
	make("y", "yy");
	R(renameat2_(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE));
	R(rename("x", "z"));
	R(renameat2_(AT_FDCWD, "y", AT_FDCWD, "z", RENAME_NOREPLACE | RENAME_EXCHANGE));
	R(renameat2_(AT_FDCWD, "y", AT_FDCWD, "z", 64));
	R(renameat2_(AT_FDCWD, "y", AT_FDCWD, "none", RENAME_EXCHANGE));
	R(renameat2_(AT_FDCWD, "y", AT_FDCWD, ".", RENAME_NOREPLACE));
	R(renameat2_(-1, "y", AT_FDCWD, "q", 0));
	fd = FD(open("d", O_PATH));
	R(renameat(AT_FDCWD, "z", fd, "z"));
	show("d/z");
	R(renameat(fd, "z", AT_FDCWD, "z"));
	close(fd);
	R(rename("z", "/dev/shm/umview-guest-names"));
	/* an open file outlives its name */
	fd = FD(open("z", O_RDONLY));
	R(rename("y", "z"));
	{
		char buf[8] = "";

		R(read(fd, buf, 7));
		tap_check(&t, 1, "the old text: %s", buf);
	}
	close(fd);
	show_text("z");
	R(unlink("z"));
}

/* What not every server has: last, and explained in names.diff. */
static void exchange(void)
{
	make("n1", "1");
	R(renameat2_(AT_FDCWD, "n1", AT_FDCWD, "n2", RENAME_NOREPLACE));
	unlink("n1");
	unlink("n2");
	make("x1", "1");
	R(mkdir("x2", 0700));
	if (renameat2_(AT_FDCWD, "x1", AT_FDCWD, "x2", RENAME_EXCHANGE) == -1 && errno == EINVAL) {
		/* fuse2fs and others do not have it */
		tap_check(&t, 1, "exchange is not supported");
	} else {
		show("x1");
		show("x2");
	}
	unlink("x1");
	rmdir("x1");
	unlink("x2");
	rmdir("x2");
}

static void not_allowed(void)
{
	if (getuid() == 0)
		return;
	R(mkdir("ro", 0755));
	make("ro/f", "1");
	R(mkdir("ro/d", 0755));
	R(chmod("ro", 0555));
	R(mkdir("ro/x", 0755));
	R(mkdir("ro/d", 0755));
	R(symlink("x", "ro/x"));
	R(mknod("ro/x", S_IFREG | 0644, 0));
	R(link("ro/f", "ro/x"));
	R(link("ro/f", "out"));
	R(unlink("ro/f"));
	R(unlink("ro/none"));
	R(rmdir("ro/d"));
	R(rename("ro/f", "ro/g"));
	R(rename("ro/f", "g"));
	R(rename("ro/none", "g"));
	R(rename("out", "ro/f"));
	R(unlink("out"));
	R(chmod("ro", 0666));
	R(mkdir("ro/x", 0755));
	R(unlink("ro/f"));
	R(unlink("ro/none"));
	R(chmod("ro", 0755));
	R(chmod("ro/d", 0555));
	R(rename("ro/d", "moved"));
	R(rename("ro/d", "ro/moved"));
	R(chmod("ro/moved", 0755));
	R(rmdir("ro/moved"));
	R(unlink("ro/f"));
	R(rmdir("ro"));
}

/* A directory with the set-group-ID bit hands it down to directories. */
static void group_bit(void)
{
	R(mkdir("sg", 0755));
	R(chmod("sg", 02755));
	R(mkdir("sg/d", 0700));
	R(mkdir("sg/d/d", 0777));
	R(mknod("sg/p", S_IFIFO | 0644, 0));
	R(symlink("f", "sg/l"));
	make("sg/f", "x");
	close(open("sg/g", O_CREAT | O_WRONLY, 02755));
	show("sg/d");
	show("sg/d/d");
	show("sg/p");
	show("sg/l");
	show("sg/f");
	show("sg/g");
}

/* A file that was open when its name went is gone with its last close, and its directory can go. */
static void rmdir_after_close(void)
{
	int failed = 0;

	for (int i = 0; i < 50; i++) {
		int fd;

		mkdir("soon", 0755);
		fd = open("soon/f", O_CREAT | O_RDWR, 0644);
		failed += write(fd, "x", 1) != 1 || unlink("soon/f") < 0;
		close(fd);
		failed += rmdir("soon") < 0;
	}
	tap_check(&t, failed == 0, "a directory goes after the last close of what was in it");
}

/* What a folder says of names just made is what stat(2) says. */
static void numbers(void)
{
	struct dirent *e;
	struct stat st;
	DIR *d;

	mkdir("numbers", 0755);
	mkdir("numbers/dir", 0755);
	make("numbers/file", "x");
	R(symlink("file", "numbers/link"));
	d = opendir("numbers");
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "dir", "file", "link" };

		rewinddir(d);
		while ((e = readdir(d)) && strcmp(e->d_name, names[i]) != 0)
			;
		R(fstatat(dirfd(d), names[i], &st, AT_SYMLINK_NOFOLLOW));
		tap_check(&t, e != NULL, "%s: the number is that of stat(2): %d, the type: %d",
			names[i], e && e->d_ino == st.st_ino,
			e && DTTOIF(e->d_type) == (st.st_mode & S_IFMT));
	}
	closedir(d);
}

int main(void)
{
	numbers();
	umask(022);
	mkdirs();
	rmdirs();
	rmdir_after_close();
	unlinks();
	nodes();
	links();
	symlinks();
	renames();
	not_allowed();
	exchange();
	group_bit();
	return tap_done(&t);
}
