/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * many-tasks WHAT COUNT FILE, as the first command of a view:
 *
 * alive	so many processes at once, each of which has FILE open
 * spawn	so many programs (FILE) one after the other; the supervisor does not grow
 * blocked	so many threads wait in an open(2) of a fifo FILE; the supervisor has no more
 * threads afterwards bomb		so many forks, of processes that fork as fast as they may
 * (RLIMIT_NPROC); all ask for FILE
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *file;
static pid_t supervisor;

static void must(int good, const char *what)
{
	if (!good) {
		printf("%s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static long count_dir(const char *path)
{
	DIR *d = opendir(path);
	long n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}

/* A number of the supervisor's status. */
static long status_of(const char *key)
{
	char path[64], line[256];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", supervisor);
	f = fopen(path, "r");
	must(f != NULL, path);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			n = atol(line + strlen(key));
	fclose(f);
	return n;
}

/* Waits, a minute at most, until the supervisor has at least (or at most) so many threads. */
static void wait_threads(long n, int at_least)
{
	time_t end = time(NULL) + 60;

	while (at_least ? status_of("Threads:") < n : status_of("Threads:") > n) {
		if (time(NULL) > end) {
			printf("%ld threads\n", status_of("Threads:"));
			exit(1);
		}
		usleep(10000);
	}
}

static int reap(void)
{
	int status, bad = 0;

	while (wait(&status) > 0 || errno == EINTR)
		bad += status != 0;
	return bad;
}

static void alive(int count)
{
	int up[2], down[2];
	char c;

	must(pipe(up) == 0 && pipe(down) == 0, "pipe");
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (pid == 0) {
			int fd = open(file, O_RDONLY);

			close(down[1]);
			c = read(fd, &c, 1) == 1 ? 'y' : 'n';
			if (write(up[1], &c, 1) == 1 && read(down[0], &c, 1) == 0)
				_exit(lseek(fd, 0, SEEK_CUR) != 1);
			_exit(1);
		}
	}
	for (int i = 0; i < count; i++)
		must(read(up[0], &c, 1) == 1 && c == 'y', "a process");
	printf("%d alive", count);
	close(down[1]);
	printf(", %d failed\n", reap());
}

static void spawn_some(int count)
{
	char *argv[] = { (char *)file, NULL };

	for (int i = 0; i < count; i++) {
		int status;
		pid_t pid;

		errno = posix_spawn(&pid, file, NULL, NULL, argv, argv + 1);
		must(errno == 0, "posix_spawn");
		must(waitpid(pid, &status, 0) == pid && status == 0, "its status");
	}
}

static void spawn(int count)
{
	char path[64];
	long fds, threads, kib;

	snprintf(path, sizeof(path), "/proc/%d/fd", supervisor);
	spawn_some(count / 10);
	fds = count_dir(path);
	threads = status_of("Threads:");
	kib = status_of("VmRSS:");
	spawn_some(count);
	fds = count_dir(path) - fds;
	threads = status_of("Threads:") - threads;
	kib = status_of("VmRSS:") - kib;
	/* a few come and go */
	if (fds > 8 || threads > 4 || kib > 512)
		printf("grown by %ld descriptors, %ld threads, %ld KiB\n", fds, threads, kib);
	printf("%d ended\n", count);
}

static void *opens(void *arg)
{
	int fd = open(file, O_RDONLY);

	(void)arg;
	if (fd >= 0)
		close(fd);
	return (void *)(intptr_t)(fd < 0);
}

static void blocked(int count)
{
	pthread_t *t = calloc((size_t)count, sizeof(*t));
	long threads = status_of("Threads:");
	pthread_attr_t attr;
	int fd, bad = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < count; i++)
		must((errno = pthread_create(&t[i], &attr, opens, NULL)) == 0, "pthread_create");
	wait_threads(count, 1);
	fd = open(file, O_WRONLY);
	must(fd >= 0, file);
	for (int i = 0; i < count; i++) {
		void *ret;

		pthread_join(t[i], &ret);
		bad += ret != NULL;
	}
	wait_threads(threads + 8, 0);
	printf("%d were blocked, %d failed\n", count, bad);
}

/* Processes and threads of our user: what RLIMIT_NPROC counts. */
static long of_user(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	long n = 0;

	while (d && (e = readdir(d))) {
		char path[300];
		struct stat st;

		snprintf(path, sizeof(path), "/proc/%.200s/task", e->d_name);
		if (stat(path, &st) == 0 && st.st_uid == getuid() && count_dir(path) > 0)
			n += count_dir(path);
	}
	if (d)
		closedir(d);
	return n;
}

static void explode(_Atomic int *left, _Atomic int *bad)
{
	int child = 0;

	while (atomic_fetch_sub(left, 1) > 0) {
		pid_t pid = fork();
		struct stat st;

		child |= pid == 0;
		if (stat(file, &st) < 0)
			atomic_fetch_add(bad, 1);
		if (pid < 0) { /* as many as may be */
			atomic_store(bad + 1, 1);
			atomic_fetch_add(left, 1);
			break;
		}
	}
	(void)reap();
	if (child)
		_exit(0);
}

static void bomb(int count)
{
	_Atomic int *left =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rlimit limit = { (rlim_t)of_user() + 150, RLIM_INFINITY };
	pid_t first;

	must(left != MAP_FAILED, "mmap");
	*left = count;
	first = fork();
	must(first >= 0, "fork");
	if (first == 0) {
		limit.rlim_max = limit.rlim_cur;
		must(setrlimit(RLIMIT_NPROC, &limit) == 0, "setrlimit");
		do
			explode(left, left + 1);
		while (*left > 0);
		_exit(0);
	}
	printf("%d forked", count);
	fflush(stdout);
	must(waitpid(first, NULL, 0) == first, "waitpid");
	printf(", %d failed, %s\n", left[1], left[2] ? "bounded" : "not bounded");
}

int main(int argc, char **argv)
{
	int count = argc > 3 ? atoi(argv[2]) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	supervisor = getppid();
	file = argv[3];
	if (!count)
		return 2;
	if (strcmp(argv[1], "alive") == 0)
		alive(count);
	else if (strcmp(argv[1], "spawn") == 0)
		spawn(count);
	else if (strcmp(argv[1], "blocked") == 0)
		blocked(count);
	else if (strcmp(argv[1], "bomb") == 0)
		bomb(count);
	return 0;
}
