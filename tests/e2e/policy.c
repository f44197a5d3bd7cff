/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy SECONDS [write|both]: looks at, reads, writes and runs what a path leads to, while a
 * thread makes it lead to open/ and shut/ in turn: by a symbolic link in the middle, one at the
 * end, and by the words in memory. Prints how often each was come to. It goes on for longer until
 * it has come to open/, with `both` to shut/ as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 50 }; /* seconds more */

static atomic_bool stop;
static char word[] = "open/file";

static void turn(const char *target, const char *name)
{
	char tmp[64];

	snprintf(tmp, sizeof(tmp), "%s.new", name);
	unlink(tmp);
	if (symlink(target, tmp) < 0 || rename(tmp, name) < 0)
		perror(name);
}

static void *turner(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !stop; i++) {
		turn(i & 1 ? "shut" : "open", "dir");
		turn(i & 1 ? "shut/file" : "open/file", "link");
		turn(i & 1 ? "shut/prog" : "open/prog", "prog");
		turn(i & 1 ? "shut/only" : "open/only", "only");
		memcpy(word, i & 1 ? "shut" : "open", 4);
	}
	return NULL;
}

static const char *const paths[] = { "dir/file", "link", word };
static unsigned looked; /* a bit for each call of sees() */
static unsigned long opened, shut, wrote, ran, ran_shut;

/* Each call that looks, at a name that is in shut/ alone. */
static bool sees(unsigned call, const char *path, const char *link)
{
	union {
		struct file_handle head;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .head.handle_bytes = MAX_HANDLE_SZ };
	struct statfs fs;
	char buf[64];
	int id;

	switch (call % 7) {
	case 0:
		return access(path, F_OK) == 0;
	case 1:
		return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
	case 2:
		return readlink(link, buf, sizeof(buf)) > 0;
	case 3:
		return statfs(path, &fs) == 0;
	case 4:
		return getxattr(path, "user.none", buf, sizeof(buf)) >= 0 || errno == ENODATA;
	case 5:
		return listxattr(path, NULL, 0) >= 0;
	default:
		return name_to_handle_at(AT_FDCWD, path, &h.head, &id, AT_SYMLINK_FOLLOW) == 0;
	}
}

static void read_one(const char *path)
{
	static unsigned turns;
	char buf[16];
	struct stat st;
	ssize_t n;
	int fd;

	if (sees(turns, turns & 8 ? "dir/only" : "only", "dir/lead")) {
		shut++;
		looked |= 1u << turns % 7;
	}
	turns++;
	if (stat(path, &st) == 0 && (st.st_mode & S_IRGRP)) /* open/file has it not */
		shut++;
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (n > 0 && buf[0] == 's')
		shut++;
	else if (n > 0)
		opened++;
	if (fd >= 0)
		close(fd);
}

static void write_one(const char *path)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd >= 0 && write(fd, "open\n", 5) == 5)
		wrote++;
	if (fd >= 0)
		close(fd);
	if (truncate(path, 5) == 0)
		wrote++;
}

static void run_one(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(path, path, NULL);
		_exit(99);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 7)
		ran_shut++;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
		ran++;
}

/* However busy the machine is, what may be come to has been. */
static bool enough(bool writes, bool both)
{
	if (writes)
		return wrote;
	return opened && ran && (!both || (shut && ran_shut && looked == 0x7f));
}

int main(int argc, char **argv)
{
	bool writes = argc > 2 && strcmp(argv[2], "write") == 0;
	bool both = argc > 2 && strcmp(argv[2], "both") == 0;
	time_t until = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
	pthread_t t;

	turn("open", "dir");
	turn("open/file", "link");
	turn("open/prog", "prog");
	turn("open/only", "only");
	if (pthread_create(&t, NULL, turner, NULL))
		return 1;
	while (time(NULL) < until || (!enough(writes, both) && time(NULL) < until + LONGEST)) {
		for (int i = 0; i < 100; i++) {
			if (writes)
				write_one(paths[i % 3]);
			else
				read_one(paths[i % 3]);
		}
		if (!writes) {
			run_one("dir/prog");
			run_one("prog");
		}
	}
	stop = true;
	pthread_join(t, NULL);
	if (shut && !both)
		printf("looked at by calls %#x; ", looked);
	printf("opened %s, shut %s; wrote %s; ran %s, shut %s\n", opened ? "some" : "none",
		shut ? "some" : "none", wrote ? "some" : "none", ran ? "some" : "none",
		ran_shut ? "some" : "none");
	return 0;
}
