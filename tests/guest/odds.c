/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Odd ends: chains of links, whiteouts, odd names, what madvise(2) does, and descriptors that
 * several processes write by. */
#include <dirent.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "guest.h"

static void links(void)
{
	char name[16], to[16], *body = malloc(8192);

	make("link0", "the end");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "link%d", i);
		snprintf(to, sizeof(to), "link%d", i - 1);
		if (symlink(to, name) < 0)
			tap_check(&t, 0, "%s", name);
	}
	R(access("link39", F_OK));
	R(access("link40", F_OK));
	R(access("link41", F_OK));
	R(mkdir("ld", 0755));
	R(symlink("ld", "lk"));
	R(symlink("lk/../ld/./", "lm"));
	make("lm/f", "in it");
	show_text("ld/f");
	show_text("lm/../ld/../lm/f");
	R(access("lm/f/", F_OK));
	R(access("lm/f/.", F_OK));
	R(access("lm/", F_OK));
	R(symlink("lk/", "ln"));
	R(access("ln/f", F_OK));
	R(readlink("lk/", body, 10));
	R(unlink("lk/"));
	R(rename("lk/", "lo"));
	R(lchown("lk/", -1, -1));
	R(rmdir("lk"));
	memset(body, '/', 8192);
	body[4095] = '\0';
	R(symlink(body, "slashes"));
	body[1000] = '\0';
	R(symlink(body, "root"));
	R(readlink("root", body, 8192));
	R(access("root", F_OK));
	R(access("root/proc/self", F_OK));
	R(mkdir("root/", 0700));
	R(rmdir("root"));
	free(body);
}

static void whiteouts(void)
{
	struct stat st;

	if (getuid() == 0)
		return;
	R(mknod("white", S_IFCHR | 0644, 0));
	if (stat("white", &st) == 0)
		tap_check(&t, 1, "%c, device %d", type_letter(st.st_mode), (int)st.st_rdev);
	R(unlink("white"));
	R(mknod("white", S_IFBLK | 0644, 0));
	R(mknod("white", S_IFCHR | 0644, 1));
}

static void madvised(void)
{
	int fd = open("mad", O_RDWR | O_CREAT, 0644), r;
	static char page[8192];
	char *p;

	memset(page, 'm', sizeof(page));
	R(write(fd, page, sizeof(page)));
	R(fsync(fd));
	p = mmap(NULL, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	r = madvise(p, 4096, MADV_REMOVE);
	/* not every file system can */
	tap_check(&t, r == 0 ? p[0] == 0 && p[4096] == 'm' : errno == EOPNOTSUPP,
		"a hole is made, or nothing");
	R(madvise(p, 4096, MADV_DONTNEED));
	R(madvise(p, 4096, MADV_WILLNEED));
	p[4097] = 'n';
	R(madvise(p, sizeof(page), MADV_DONTNEED));
	tap_check(&t, p[4097] == 'n', "what was written stays");
	munmap(p, sizeof(page));
	close(fd);
}

/* Several processes append to one file, by one open file and by their own. */
static void appended(void)
{
	int shared = open("app", O_WRONLY | O_CREAT | O_APPEND, 0644),
	    plain = open("pos", O_WRONLY | O_CREAT, 0644);
	struct stat st;

	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			int own = open("app", O_WRONLY | O_APPEND);

			for (int j = 0; j < 25; j++) {
				(void)!write(j & 1 ? own : shared, "0123456789", 10);
				(void)!write(plain, "01234", 5);
			}
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	stat("app", &st);
	tap_check(&t, st.st_size == 1000, "appended %ld", (long)st.st_size);
	stat("pos", &st);
	tap_check(&t, st.st_size == 500, "written at one position %ld", (long)st.st_size);
	R(close(shared));
	R(close(plain));
}

static void names(void)
{
	static const char *const odd[] = { "\n", "\x80\xff", " ", "...", "-rf", "\\", "a\tb", "*",
		"\xf0\x9f\x98\x80", ".x", "~" };
	char name[257];
	int found = 0;
	struct dirent *e;
	DIR *d;

	R(mkdir("odd", 0755));
	R(chdir("odd"));
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		make(odd[i], odd[i]);
	memset(name, '\xe4', 255);
	name[255] = '\0';
	make(name, "long");
	R(access(name, F_OK));
	name[255] = 'x';
	name[256] = '\0';
	R(access(name, F_OK));
	R(mkdir(name, 0755));
	R(rename("...", name));
	R(symlink("x", name));
	R(unlink(name));
	R(rmdir(name));
	d = opendir(".");
	while ((e = readdir(d))) {
		struct stat st;

		if (lstat(e->d_name, &st) < 0 ||
			(e->d_type != DT_UNKNOWN && e->d_type << 12 != (st.st_mode & S_IFMT)))
			tap_check(&t, 0, "entry %s", e->d_name);
		found++;
	}
	closedir(d);
	tap_check(&t, 1, "found %d", found);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		found += unlink(odd[i]) == 0;
	name[255] = '\0';
	R(unlink(name));
	R(chdir(".."));
	R(rmdir("odd"));
	tap_check(&t, 1, "found %d", found);
}

int main(void)
{
	umask(022);
	links();
	whiteouts();
	madvised();
	appended();
	names();
	return tap_done(&t);
}
