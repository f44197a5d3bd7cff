/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs of tests/guest share: R() makes a call and prints it with its result. */
#ifndef UM_TESTS_GUEST_H
#define UM_TESTS_GUEST_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tap.h"

static struct tap t = TAP_INIT;

/* An address that nothing is mapped at. */
static void *volatile bad_address = (void *)8;
#define BAD bad_address

/* The call as it is written, and its result. */
#define R(expr) tap_result(&t, (long)(expr), "%s", #expr)
/* The same for a result that is a descriptor: its number is not the point. */
#define FD(expr)                                                                                   \
	({                                                                                         \
		long fd_ = (long)(expr);                                                           \
		int e_ = errno;                                                                    \
		errno = e_;                                                                        \
		tap_result(&t, fd_ >= 0 ? 0 : fd_, "%s", #expr);                                   \
		(int)fd_;                                                                          \
	})

static inline void make(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		tap_check(&t, 0, "make %s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static inline char type_letter(mode_t mode)
{
	return S_ISREG(mode)	? '-'
	       : S_ISDIR(mode)	? 'd'
	       : S_ISLNK(mode)	? 'l'
	       : S_ISFIFO(mode) ? 'p'
	       : S_ISSOCK(mode) ? 's'
	       : S_ISCHR(mode)	? 'c'
				: 'b';
}

/* Type, mode, links and (but for directories) size. */
static inline void show(const char *name)
{
	struct stat st;

	if (lstat(name, &st) < 0) {
		tap_result(&t, -1, "lstat %s", name);
		return;
	}
	tap_check(&t, 1, "lstat %s: %c%04o nlink %lu size %ld%s%s", name, type_letter(st.st_mode),
		st.st_mode & 07777, (unsigned long)st.st_nlink,
		S_ISDIR(st.st_mode) ? 0 : (long)st.st_size,
		st.st_uid == getuid() ? "" : " other uid",
		st.st_gid == getgid() ? "" : " other gid");
}

static inline void show_text(const char *name)
{
	char buf[256];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0)
		tap_result(&t, -1, "read %s", name);
	else
		tap_check(&t, 1, "read %s: \"%.*s\"", name, (int)n, buf);
	if (fd >= 0)
		close(fd);
}

#endif
