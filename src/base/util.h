/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cleanup, descriptors and time: what every layer uses and that knows nothing of a guest.
 */
#ifndef UM_BASE_UTIL_H
#define UM_BASE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _cleanup_free_ _cleanup_(um_cleanup_free)
#define _cleanup_fd_ _cleanup_(um_cleanup_fd)
#define MUST_CHECK __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of_(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull

static inline void um_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void um_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Moves ownership of a descriptor out of *fd, which becomes -1. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Moves ownership of an allocation out of *p, which becomes NULL. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(*(p)) taken_ = *(p);                                                    \
		*(p) = NULL;                                                                       \
		taken_;                                                                            \
	})

/* FNV-1a of 64 bits (its authors: http://www.isthe.com/chongo/tech/comp/fnv/): begins with
 * HASH_BEGIN, and goes on with what came out. */
#define HASH_BEGIN 0xcbf29ce484222325ull
uint64_t hash_bytes(uint64_t h, const void *p, size_t len);

/* CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* "/proc/self/fd/N": the name by which an open file is opened again. */
#define FD_PATH_MAX 32
const char *fd_path(char buf[FD_PATH_MAX], int fd);

/* Reads a whole small file (at most max bytes) into a malloc'ed, NUL-terminated string.
 * ret_len may be NULL. 0, or -errno; -EFBIG when it is longer. */
int MUST_CHECK read_file(const char *path, size_t max, char **ret, size_t *ret_len);

/* readlink(2) into a buffer, NUL-terminated: its length, or -errno (-ENAMETOOLONG). */
ssize_t MUST_CHECK read_link(int dirfd, const char *path, char *buf, size_t size);

/* write(2) until all is written: 0 or -errno. */
int MUST_CHECK write_all(int fd, const void *buf, size_t len);

struct pollfd;
/* poll(2) of which nothing is the end but what happens and the time: no signal, no want of memory.
 * The number, 0, or -errno. */
int MUST_CHECK poll_until(struct pollfd *p, unsigned n, int ms);

/* The character at *s, which moves on; "\\040" and the like of fstab(5) and /proc/PID/mounts is
 * one. */
char unescape_next(const char **s);

/* A malloc'ed printf, NULL when out of memory. */
char *str_printf(const char *fmt, ...) PRINTF(1, 2);
/* The text behind what comes before it, with a backslash before each of these characters. */
void put_backslashed(FILE *out, const char *before, const char *text, const char *special);

/* The value of "0" to "9" and "a" to "f"; -1: it is none of those. */
static inline int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Our environment with one variable ("NAME=VALUE") in place of its own: malloc'ed, the strings are
 * not; NULL: no memory. */
char **environ_with(const char *variable);
/* "PATH=..." of ours, at whose end are the folders of administration that Debian's users have not.
 * malloc'ed; NULL: there is none, or no memory. */
char *path_with_sbin(void);

/* Where a program of ours is: beside this one, as in a build folder, or where it was installed. It
 * need not be there. */
void own_program(const char *name, char *buf, size_t size);

/* A number of /proc/PID/stat, by its place in proc_pid_stat(5), from 4 on; 0 where the process is
 * gone. */
uint64_t process_stat(pid_t pid, int field);
enum {
	STAT_PARENT = 4,
	STAT_GROUP = 5,
	STAT_USER = 14, /* ticks */
	STAT_SYSTEM = 15,
	STAT_START = 22, /* ticks since boot; with it a number stands for one process only */
	STAT_ARG_START = 48,
	STAT_ENV_END = 51,
};
/* 'R', 'S', 'T', 'Z' ...; 0 where it is gone. */
char process_state(pid_t pid);
/* A descriptor of it that /proc shows as this ("socket:[123]"), or -1. */
int process_fd_of(pid_t pid, const char *link);
/* Does a thread of it run, or wait for a disk? */
bool process_at_work(pid_t pid);
/* SIGCONT for a process that is stopped. */
void process_continue(pid_t pid);
/* The parent of a process; 0 where it is gone. */
pid_t process_parent(pid_t pid);
/* The number of its namespace of this kind ("user"), pid 0: of ours; 0 where it is not known. */
ino_t process_ns(pid_t pid, const char *kind);

/* How much memory the machine has, in bytes. */
uint64_t memory_size(void);

/* "64M", "50%" of `whole`, "1000": 0 or -EINVAL. */
int MUST_CHECK size_parse(const char *value, uint64_t whole, uint64_t *ret);

#endif
