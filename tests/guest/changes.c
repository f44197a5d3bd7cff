/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What else changes with a call: times, sizes, links, and the right to run as another. */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>

#include "guest.h"

struct thing {
	const char *name;
	void (*change)(const char *name);
	struct stat before;
};

static void empty_write(const char *name)
{
	int fd = open(name, O_WRONLY);

	(void)!write(fd, "", 0);
	close(fd);
}

static void short_write(const char *name)
{
	int fd = open(name, O_WRONLY);

	(void)!write(fd, "x", 1);
	close(fd);
}

static void over_write(const char *name)
{
	int fd = open(name, O_WRONLY);
	struct iovec v = { "x", 1 };

	(void)!pwritev(fd, &v, 1, 2);
	close(fd);
}

static void same_truncate(const char *name)
{
	(void)!truncate(name, 4);
}

static void other_truncate(const char *name)
{
	(void)!truncate(name, 2);
}

static void same_ftruncate(const char *name)
{
	int fd = open(name, O_WRONLY);

	(void)!ftruncate(fd, 4);
	close(fd);
}

static void opened(const char *name)
{
	close(open(name, O_RDWR | O_CREAT, 0600));
}

static void opened_truncated(const char *name)
{
	close(open(name, O_WRONLY | O_TRUNC));
}

static void mapped(const char *name)
{
	int fd = open(name, O_RDWR);
	char *p = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	p[0] = 'm';
	msync(p, 4, MS_SYNC);
	munmap(p, 4);
	close(fd);
}

static void modes(const char *name)
{
	chmod(name, 0600);
}

static void same_mode(const char *name)
{
	chmod(name, 0644);
}

static void owned(const char *name)
{
	(void)!chown(name, getuid(), -1);
}

static void linked(const char *name)
{
	char other[64];

	snprintf(other, sizeof(other), "%s.link", name);
	(void)!link(name, other);
}

static void unlinked(const char *name)
{
	char other[64];

	snprintf(other, sizeof(other), "%s.other", name);
	unlink(other);
}

static void renamed(const char *name)
{
	char other[64];

	snprintf(other, sizeof(other), "%s.new", name);
	rename(name, other);
	rename(other, name);
}

static void attributed(const char *name)
{
	(void)!setxattr(name, "user.x", "1", 1, 0);
}

static void touched(const char *name)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };

	utimensat(AT_FDCWD, name, ts, 0);
}

static void untouched(const char *name)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };

	utimensat(AT_FDCWD, name, ts, 0);
}

static void copied(const char *name)
{
	int in = open("source", O_RDONLY), out = open(name, O_WRONLY);

	(void)!copy_file_range(in, NULL, out, NULL, 2, 0);
	close(in);
	close(out);
}

static void sent(const char *name)
{
	int in = open("source", O_RDONLY), out = open(name, O_WRONLY);

	(void)!sendfile(out, in, NULL, 2);
	close(in);
	close(out);
}

static void failed(const char *name)
{
	(void)!mkdir(name, 0700);
	(void)!rmdir(name);
	(void)!symlink("x", name);
	(void)!truncate(name, -1);
}

static void dir_new(const char *name)
{
	char in[64];

	snprintf(in, sizeof(in), "%s/new", name);
	close(open(in, O_WRONLY | O_CREAT, 0600));
}

static void dir_gone(const char *name)
{
	char in[64];

	snprintf(in, sizeof(in), "%s/old", name);
	unlink(in);
}

static void dir_moved(const char *name)
{
	char in[64], to[64];

	snprintf(in, sizeof(in), "%s/old", name);
	snprintf(to, sizeof(to), "%s/older", name);
	rename(in, to);
}

static void dir_written(const char *name)
{
	char in[64];

	snprintf(in, sizeof(in), "%s/old", name);
	short_write(in);
}

static void dir_made(const char *name)
{
	char in[64];

	snprintf(in, sizeof(in), "%s/dir", name);
	mkdir(in, 0700);
}

#define T(f)                                                                                       \
	{                                                                                          \
#f, f,                                                                             \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
static struct thing files[] = { T(empty_write), T(short_write), T(over_write), T(same_truncate),
	T(other_truncate), T(same_ftruncate), T(opened), T(opened_truncated), T(mapped), T(modes),
	T(same_mode), T(owned), T(linked), T(unlinked), T(renamed), T(attributed), T(touched),
	T(untouched), T(copied), T(sent), T(failed) };
static struct thing dirs[] = { T(dir_new), T(dir_gone), T(dir_moved), T(dir_written), T(dir_made),
	T(modes), T(failed) };
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int later(struct timespec a, struct timespec b)
{
	return b.tv_sec > a.tv_sec;
}

static void show_change(const char *kind, const struct thing *f)
{
	struct stat st;

	if (stat(f->name, &st) < 0) {
		tap_result(&t, -1, "stat %s", f->name);
		return;
	}
	tap_check(&t, 1, "%s %s: mtime %s ctime %s size %ld nlink %ld mode %o", kind, f->name,
		later(f->before.st_mtim, st.st_mtim) ? "new" : "old",
		later(f->before.st_ctim, st.st_ctim) ? "new" : "old",
		S_ISDIR(st.st_mode) ? 0 : (long)st.st_size, (long)st.st_nlink, st.st_mode & 07777);
}

static void times(void)
{
	char name[64];

	make("source", "source");
	for (size_t i = 0; i < COUNT(files); i++) {
		make(files[i].name, "text");
		snprintf(name, sizeof(name), "%s.other", files[i].name);
		(void)!link(files[i].name, name);
	}
	R(mkdir("dirs", 0755));
	R(chdir("dirs"));
	for (size_t i = 0; i < COUNT(dirs); i++) {
		mkdir(dirs[i].name, 0755);
		snprintf(name, sizeof(name), "%s/old", dirs[i].name);
		make(name, "old");
	}
	R(chdir(".."));
	/* times of whole seconds are to be told apart, those of a clock that is a tick behind */
	for (time_t made = time(NULL); time(NULL) <= made;)
		usleep(10000);
	usleep(20000);
	for (size_t i = 0; i < COUNT(files); i++) {
		stat(files[i].name, &files[i].before);
		files[i].change(files[i].name);
		show_change("file", &files[i]);
	}
	R(chdir("dirs"));
	for (size_t i = 0; i < COUNT(dirs); i++) {
		stat(dirs[i].name, &dirs[i].before);
		dirs[i].change(dirs[i].name);
		show_change("directory", &dirs[i]);
	}
	R(chdir(".."));
}

/* Who changes a file takes its right to run as its owner away. */
static void rights(void)
{
	static void (*const change[])(const char *) = { empty_write, short_write, over_write,
		same_truncate, other_truncate, same_ftruncate, opened, opened_truncated, owned,
		linked, copied, sent, attributed, touched };
	static const char *const what[] = { "empty_write", "short_write", "over_write",
		"same_truncate", "other_truncate", "same_ftruncate", "opened", "opened_truncated",
		"owned", "linked", "copied", "sent", "attributed", "touched" };
	char name[64];

	for (size_t i = 0; i < COUNT(change); i++) {
		for (int mode = 06755; mode; mode = mode == 06755 ? 06744 : 0) {
			snprintf(name, sizeof(name), "s%zu-%o", i, mode);
			make(name, "text");
			chmod(name, mode);
			change[i](name);
			tap_check(&t, 1, "%s:", what[i]);
			show(name);
		}
	}
}

static void inherits(void)
{
	R(mkdir("sg", 0755));
	R(chmod("sg", 02775));
	R(mkdir("sg/d", 0700));
	show("sg/d");
	make("sg/f", "x");
	show("sg/f");
	close(open("sg/x", O_WRONLY | O_CREAT, 02775));
	show("sg/x");
	R(mknod("sg/n", S_IFREG | 06777, 0));
	show("sg/n");
	R(mkdir("sg/m", 07777));
	show("sg/m");
	R(symlink("x", "sg/l"));
	R(mkfifo("sg/p", 06666));
	show("sg/p");
	umask(0);
	R(mkdir("sg/u", 0777));
	show("sg/u");
	close(open("u", O_WRONLY | O_CREAT, 0666));
	show("u");
	umask(0777);
	R(mkdir("none", 0777));
	show("none");
	close(open("nothing", O_WRONLY | O_CREAT, 0666));
	show("nothing");
	umask(022);
}

int main(void)
{
	umask(022);
	times();
	rights();
	inherits();
	return tap_done(&t);
}
