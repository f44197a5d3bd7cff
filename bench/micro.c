/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One operation again and again: micro OPERATION COUNT PATH prints nanoseconds an operation.
 *
 * getppid stat open-close read-1 read-64k lseek fstat   PATH is a file
 * seq-read seq-write random-read map-read               COUNT is in MiB, or reads of 4 KiB
 * stat-many create rename unlink                        PATH is a folder, COUNT files
 * command                                               PATH is a shell command, run COUNT times
 * spawn                                                 PATH is a program, run COUNT times
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096

static char buf[1 << 20];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void check(int good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	check(fd >= 0, path);
	return fd;
}

static void run_call(const char *op, long count, const char *path, int fd)
{
	struct stat st;

	for (long i = 0; i < count; i++) {
		if (strcmp(op, "getppid") == 0)
			check(syscall(SYS_getppid) >= 0, op);
		else if (strcmp(op, "stat") == 0)
			check(stat(path, &st) == 0, op);
		else if (strcmp(op, "open-close") == 0)
			close(must_open(path, O_RDONLY));
		else if (strcmp(op, "read-1") == 0)
			check(pread(fd, buf, 1, 0) == 1, op);
		else if (strcmp(op, "read-64k") == 0)
			check(pread(fd, buf, 65536, 0) > 0, op);
		else if (strcmp(op, "lseek") == 0)
			check(lseek(fd, 0, SEEK_SET) == 0, op);
		else if (strcmp(op, "fstat") == 0)
			check(fstat(fd, &st) == 0, op);
		else
			check(0, "no such operation");
	}
}

/* Somewhere in the file, where a block begins. */
static off_t random_block(uint64_t *seed, off_t size)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (off_t)(*seed >> 16) % (size / BLOCK) * BLOCK;
}

static void run_map(long count, const char *path)
{
	int fd = must_open(path, O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t seed = 1;
	const char *map;

	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	check(map != MAP_FAILED, "mmap");
	for (long i = 0; i < count; i++)
		memcpy(buf, map + random_block(&seed, size), BLOCK);
	check(munmap((void *)map, (size_t)size) == 0 && close(fd) == 0, "munmap");
}

static void run_bulk(const char *op, long count, const char *path)
{
	uint64_t seed = 1;
	int fd;

	if (strcmp(op, "seq-write") == 0) {
		fd = must_open(path, O_WRONLY | O_CREAT | O_TRUNC);
		for (long i = 0; i < count; i++)
			check(write(fd, buf, sizeof(buf)) == sizeof(buf), op);
		check(fsync(fd) == 0, op);
	} else if (strcmp(op, "seq-read") == 0) {
		fd = must_open(path, O_RDONLY);
		for (long i = 0; i < count; i++)
			check(read(fd, buf, sizeof(buf)) == sizeof(buf), op);
	} else {
		off_t size;

		fd = must_open(path, O_RDONLY);
		size = lseek(fd, 0, SEEK_END);
		for (long i = 0; i < count; i++)
			check(pread(fd, buf, BLOCK, random_block(&seed, size)) == BLOCK, op);
	}
	check(close(fd) == 0, op);
}

static void run_folder(const char *op, long count, const char *path)
{
	char name[4096], to[4096];
	struct stat st;

	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/f%ld", path, i);
		snprintf(to, sizeof(to), "%s/t%ld", path, i);
		if (strcmp(op, "stat-many") == 0)
			check(stat(name, &st) == 0, name);
		else if (strcmp(op, "create") == 0)
			close(must_open(name, O_WRONLY | O_CREAT));
		else
			check((strcmp(op, "rename") ? unlink(name) : rename(name, to)) == 0, name);
	}
}

static void run_spawn(long count, const char *path)
{
	for (long i = 0; i < count; i++) {
		int status = 1;
		pid_t pid = fork();

		check(pid >= 0, "fork");
		if (pid == 0) {
			execl(path, path, NULL);
			_exit(127);
		}
		check(waitpid(pid, &status, 0) == pid && status == 0, path);
	}
}

int main(int argc, char **argv)
{
	const char *op = argc == 4 ? argv[1] : "";
	long count = argc == 4 ? atol(argv[2]) : 0;
	double start;
	int fd = -1;

	if (count <= 0)
		return 2;
	memset(buf, 'b', sizeof(buf));
	if (strncmp(op, "read-", 5) == 0 || strcmp(op, "lseek") == 0 || strcmp(op, "fstat") == 0)
		fd = must_open(argv[3], O_RDONLY);
	start = now();
	if (strcmp(op, "command") == 0)
		for (long i = 0; i < count; i++)
			check(system(argv[3]) == 0, argv[3]);
	else if (strcmp(op, "spawn") == 0)
		run_spawn(count, argv[3]);
	else if (strncmp(op, "seq-", 4) == 0 || strcmp(op, "random-read") == 0)
		run_bulk(op, count, argv[3]);
	else if (strcmp(op, "map-read") == 0)
		run_map(count, argv[3]);
	else if (strcmp(op, "stat-many") == 0 || strcmp(op, "create") == 0 ||
		 strcmp(op, "rename") == 0 || strcmp(op, "unlink") == 0)
		run_folder(op, count, argv[3]);
	else
		run_call(op, count, argv[3], fd);
	printf("%.1f\n", (now() - start) / (double)count);
	return 0;
}
