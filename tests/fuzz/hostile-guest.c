/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that wishes the supervisor ill: system calls with wild pointers, with paths that a
 * sibling thread changes while they are read, with descriptors of all numbers, from processes that
 * are killed in mid-call. Everything it does stays below the working directory, which is meant to
 * be on a mount of the view.
 *
 *	hostile-guest SECONDS SEED
 *
 * It ends with 0: whether the view survived is for the caller to see.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "int80.h"

#define PATHS 8
#define PATH_SIZE 64

static char (*paths)[PATH_SIZE];
static char *edge; /* its last byte is the last of a mapping */
static char *unmapped;
static char *readonly;

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*state >> 33);
}

/* No "..": nothing outside the working directory is ever named. */
static void scribble(char *p, uint64_t *s)
{
	static const char *const parts[] = { "a", "b", "d/a", "d", "d/./b", "l", "d/l/a", "", "a/",
		"longlonglonglonglonglonglonglong", "d//e", "." };

	strcpy(p, parts[next_random(s) % (sizeof(parts) / sizeof(parts[0]))]);
	if (next_random(s) % 16 == 0)
		memset(p, 'x', PATH_SIZE); /* runs on into the next */
}

static void *sibling(void *arg)
{
	uint64_t s = (uintptr_t)arg;

	for (;;) {
		scribble(paths[next_random(&s) % PATHS], &s);
		if (next_random(&s) % 64 == 0)
			usleep(100);
	}
	return NULL;
}

static long pointer(uint64_t *s)
{
	switch (next_random(s) % 8) {
	case 0:
		return 0;
	case 1:
		return (long)unmapped + next_random(s) % 4096;
	case 2:
		return (long)edge - next_random(s) % 4;
	case 3:
		return (long)readonly + next_random(s) % 64;
	case 4:
		return next_random(s) % 2 ? -1l - next_random(s) % 8 : (long)0x8000000000000000ull;
	default:
		return (long)paths[next_random(s) % PATHS];
	}
}

static long path(uint64_t *s)
{
	return next_random(s) % 4 ? (long)paths[next_random(s) % PATHS] : pointer(s);
}

static long number(uint64_t *s)
{
	static const long some[] = { 0, 1, -1, 512, 768, 769, 770, 771, 1023, 4096, 0x7fffffff,
		0x100000000l + 768, 0x40, 0x241, 0x242, 0x1000, 0x410000, 0xffffffffl };

	return next_random(s) % 3 ? some[next_random(s) % (sizeof(some) / sizeof(some[0]))]
				  : (long)(next_random(s) % 1200);
}

static long descriptor(uint64_t *s)
{
	int fd;

	if (next_random(s) % 3 == 0)
		return number(s);
	fd = open(paths[next_random(s) % PATHS],
		(next_random(s) % 2 ? O_RDWR | O_CREAT : O_RDONLY) | O_NONBLOCK, 0600);
	return fd;
}

#ifndef SYS_statmount
#define SYS_statmount 457
#endif

/* p path, a pointer, n number, f descriptor, d AT_FDCWD or descriptor, s small size, . zero */
struct known {
	int nr;
	const char *args;
};

static const struct known calls[] = {
	{ SYS_openat, "dpnn" },
	{ SYS_open, "pnn" },
	{ SYS_stat, "pa" },
	{ SYS_lstat, "pa" },
	{ SYS_newfstatat, "dpan" },
	{ SYS_statx, "dpnna" },
	{ SYS_access, "pn" },
	{ SYS_readlink, "pas" },
	{ SYS_mkdir, "pn" },
	{ SYS_rmdir, "p" },
	{ SYS_unlink, "p" },
	{ SYS_rename, "pp" },
	{ SYS_renameat2, "dpdpn" },
	{ SYS_link, "pp" },
	{ SYS_symlink, "pp" },
	{ SYS_chmod, "pn" },
	{ SYS_truncate, "ps" },
	{ SYS_statfs, "pa" },
	{ SYS_getxattr, "paas" },
	{ SYS_listxattr, "pas" },
	{ SYS_setxattr, "paasn" },
	{ SYS_utimensat, "dpan" },
	{ SYS_read, "fas" },
	{ SYS_write, "fas" },
	{ SYS_pread64, "fasn" },
	{ SYS_pwrite64, "fass" },
	{ SYS_readv, "fas" },
	{ SYS_writev, "fas" },
	{ SYS_lseek, "fnn" },
	{ SYS_fstat, "fa" },
	{ SYS_getdents64, "fas" },
	{ SYS_ftruncate, "fs" },
	{ SYS_fsync, "f" },
	{ SYS_fcntl, "fnn" },
	{ SYS_ioctl, "fna" },
	{ SYS_dup2, "fn" },
	{ SYS_close, "f" },
	{ SYS_fallocate, "fnss" },
	{ SYS_sendfile, "ffas" },
	{ SYS_copy_file_range, "fafasn" },
	{ SYS_splice, "fafasn" },
	{ SYS_chdir, "p" },
	{ SYS_getcwd, "as" },
	{ SYS_execve, "paa" },
	{ SYS_connect, "fas" },
	{ SYS_sendmsg, "fan" },
	{ SYS_mount, "ppana" },
	{ SYS_inotify_add_watch, "fpn" },
	{ SYS_openat2, "dpas" },
	{ SYS_faccessat2, "dpnn" },
	{ SYS_mknod, "pn." },
	{ SYS_close_range, "nn." },
	{ SYS_mmap, ".snnfs" },
	{ SYS_statmount, "aasn" },
};

/* The same for int $0x80, with i386's numbers. */
static const struct known calls32[] = {
	{ 5, "pnn" },
	{ 8, "pn" },
	{ 9, "pp" },
	{ 10, "p" },
	{ 11, "paa" },
	{ 12, "p" },
	{ 14, "pn." },
	{ 15, "pn" },
	{ 16, "pnn" },
	{ 18, "pa" },
	{ 19, "fnn" },
	{ 30, "pa" },
	{ 33, "pn" },
	{ 38, "pp" },
	{ 39, "pn" },
	{ 40, "p" },
	{ 54, "fna" },
	{ 55, "fna" },
	{ 76, "na" },
	{ 85, "pas" },
	{ 89, "fan" },
	{ 90, "a" },
	{ 92, "pn" },
	{ 93, "fn" },
	{ 99, "pa" },
	{ 100, "fa" },
	{ 102, "na" },
	{ 106, "pa" },
	{ 108, "fa" },
	{ 140, "fnnan" },
	{ 141, "fas" },
	{ 145, "fas" },
	{ 146, "fas" },
	{ 180, "fasnn" },
	{ 181, "fassn" },
	{ 182, "pnn" },
	{ 183, "as" },
	{ 187, "ffas" },
	{ 192, ".snnfs" },
	{ 193, "psn" },
	{ 194, "fsn" },
	{ 195, "pa" },
	{ 197, "fa" },
	{ 220, "fas" },
	{ 221, "fna" },
	{ 225, "fnns" },
	{ 229, "paas" },
	{ 239, "ffas" },
	{ 248, "nna" },
	{ 268, "pna" },
	{ 269, "fna" },
	{ 271, "pa" },
	{ 295, "dpnn" },
	{ 299, "dpa" },
	{ 300, "dpan" },
	{ 320, "dpan" },
	{ 324, "fnsnsn" },
	{ 333, "fasnn" },
	{ 334, "fasnn" },
	{ 345, "fann" },
	{ 362, "fas" },
	{ 370, "fan" },
	{ 377, "fafasn" },
	{ 383, "dpnna" },
	{ 412, "dpan" },
	{ 500, "ppp" },
};

static int compat; /* the kernel knows them */

static void one_call(uint64_t *s)
{
	int narrow = compat && next_random(s) % 3 == 0;
	const struct known *k =
		narrow ? &calls32[next_random(s) % (sizeof(calls32) / sizeof(calls32[0]))]
		       : &calls[next_random(s) % (sizeof(calls) / sizeof(calls[0]))];
	long a[6] = { 0 };
	const char *p = k->args;

	for (int n = 0; p[n]; n++) {
		a[n] = p[n] == 'p'   ? path(s)
		       : p[n] == 'a' ? pointer(s)
		       : p[n] == 'f' ? descriptor(s)
		       : p[n] == 'd' ? (next_random(s) % 2 ? AT_FDCWD : descriptor(s))
		       : p[n] == 's' ? (long)(next_random(s) % 5000)
		       : p[n] == 'n' ? number(s)
				     : 0;
	}
	if (narrow) {
		int80(k->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		return;
	}
	/* what it must not do: take its own standard error, or all of its descriptors, away */
	if (k->nr == SYS_close_range || k->nr == SYS_close || k->nr == SYS_dup2)
		if (a[k->nr == SYS_dup2] >= 0 && a[k->nr == SYS_dup2] < 3)
			return;
	syscall(k->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void child_work(uint64_t seed)
{
	uint64_t s = seed;
	pthread_t t;

	const struct rlimit small = { 1 << 20, 1 << 20 };
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(20);
	setrlimit(RLIMIT_FSIZE, &small);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (pthread_create(&t, NULL, sibling, (void *)(uintptr_t)(seed ^ 0x5555)) != 0)
		_exit(1);
	for (;;) {
		one_call(&s);
		for (int fd = 800; fd < 830; fd++)
			close(fd);
	}
}

static void map_memory(void)
{
	/* below 4 GiB, for int $0x80 */
	char *m = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (m == MAP_FAILED)
		exit(2);
	munmap(m + 4096, 4096);
	edge = m + 4095;
	unmapped = m + 4096;
	mprotect(m + 2 * 4096, 4096, PROT_READ);
	readonly = m + 2 * 4096;
	paths = (void *)(m + 3 * 4096);
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10;
	uint64_t s = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	time_t end = time(NULL) + seconds;
	int n = 0;

	map_memory();
	compat = has_int80();
	if (mkdir("d", 0700) < 0 && errno != EEXIST) {
		perror("d");
		return 2;
	}
	if (symlink("d", "l") < 0 && errno != EEXIST) {
		perror("l");
		return 2;
	}
	while (time(NULL) < end) {
		pid_t kids[4];

		for (int i = 0; i < 4; i++) {
			uint64_t seed = next_random(&s) | (uint64_t)n << 32;

			kids[i] = fork();
			if (kids[i] == 0)
				child_work(seed);
		}
		usleep(next_random(&s) % 300000);
		for (int i = 0; i < 4; i++) {
			if (kids[i] > 0) {
				kill(kids[i], SIGKILL);
				waitpid(kids[i], NULL, 0);
			}
		}
		n++;
	}
	printf("%d rounds of 4 processes\n", n);
	return 0;
}
