/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many threads change the same few names at once: each call does it all, or fails as it should. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "guest.h"

#define THREADS 8
#define ROUNDS 100

static struct thread {
	pthread_t id;
	unsigned seed;
	int made, removed, odd;
} threads[THREADS];

static void count(struct thread *me, int r, int *good)
{
	if (r == 0)
		(*good)++;
	else if (errno != EEXIST && errno != ENOENT && errno != ENOTEMPTY)
		me->odd++;
}

/* One name is made and removed by all. */
static void *same_dir(void *arg)
{
	struct thread *me = arg;

	for (int i = 0; i < ROUNDS; i++) {
		count(me, mkdir("dir", 0755), &me->made);
		count(me, rmdir("dir"), &me->removed);
	}
	return NULL;
}

static void *same_file(void *arg)
{
	struct thread *me = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0644);

		count(me, fd < 0 ? -1 : 0, &me->made);
		if (fd >= 0)
			close(fd);
		count(me, unlink("file"), &me->removed);
	}
	return NULL;
}

/* Everybody may create, nobody excludes: an open always succeeds. */
static void *shared_file(void *arg)
{
	struct thread *me = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int fd = open("shared", O_RDWR | O_CREAT, 0644);

		if (fd < 0)
			me->odd++;
		else
			close(fd);
		if (rand_r(&me->seed) % 4 == 0 && unlink("shared") < 0 && errno != ENOENT)
			me->odd++;
	}
	return NULL;
}

/* One file that many carry between two directories: it is always somewhere. */
static void *carry(void *arg)
{
	struct thread *me = arg;

	for (int i = 0; i < ROUNDS; i++) {
		bool there = rand_r(&me->seed) % 2;

		count(me, rename(there ? "a/token" : "b/token", there ? "b/token" : "a/token"),
			&me->made);
	}
	return NULL;
}

/* Two directories into each other: never both. */
static void *into(void *arg)
{
	struct thread *me = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int r = rand_r(&me->seed) % 4;
		int e = r == 0	 ? rename("p", "q/p")
			: r == 1 ? rename("q", "p/q")
			: r == 2 ? rename("q/p", "p")
				 : rename("p/q", "q");

		if (e < 0 && errno != ENOENT && errno != EINVAL && errno != ENOTEMPTY)
			me->odd++;
	}
	return NULL;
}

static void run(const char *what, void *(*fn)(void *))
{
	int made = 0, removed = 0, odd = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .seed = i + 1 };
		pthread_create(&threads[i].id, NULL, fn, &threads[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		made += threads[i].made;
		removed += threads[i].removed;
		odd += threads[i].odd;
	}
	tap_check(&t, odd == 0, "%s: no strange errors", what);
	if (fn == same_dir || fn == same_file)
		tap_check(&t, made > 0 && made == removed, "%s: as many made as removed", what);
}

/* Closed just before its name goes: nothing of it stays. */
static void closed_at_once(void)
{
	int stays = 0;
	char c;

	R(mkdir("short", 0755));
	for (int i = 0; i < 3 * ROUNDS; i++) {
		int fd = open("short/f", O_RDWR | O_CREAT | O_EXCL, 0644);

		stays += write(fd, "x", 1) != 1;
		close(fd);
		fd = open("short/f", O_RDONLY);
		stays += read(fd, &c, 1) != 1;
		close(fd);
		stays += unlink("short/f") < 0;
	}
	R(stays);
	R(rmdir("short"));
}

/* Descriptors of the kernel's own, of which a program has more than most: the numbers that follow
 * are the next ones, for files of the folder as well. */
#define HELD 800
#define COPYING 4 /* threads */
#define COPIES 40

static atomic_bool opened;

static void *opens_files(void *arg)
{
	struct thread *me = arg;
	struct stat st, want;

	me->odd += stat("numbered", &want) < 0;
	for (int i = 0; i < 20 * ROUNDS; i++) {
		int fd = open("numbered", i % 2 ? O_RDWR : O_RDONLY);

		me->odd += fstat(fd, &st) < 0 || st.st_ino != want.st_ino;
		me->odd += close(fd) < 0;
	}
	opened = true;
	return NULL;
}

static void *copies_others(void *arg)
{
	struct thread *me = arg;

	while (!opened) {
		struct stat st;
		int fd[COPIES];

		for (size_t i = 0; i < COPIES; i++)
			fd[i] = dup(HELD / 2);
		for (size_t i = 0; i < COPIES; i++) {
			me->odd += fstat(fd[i], &st) < 0 || !S_ISFIFO(st.st_mode);
			me->odd += close(fd[i]) < 0;
		}
	}
	return NULL;
}

/* A number is one file's: nobody else's open takes it away. */
static void numbers(void)
{
	int ends[2], n = 0;

	make("numbered", "text");
	if (pipe(ends) < 0)
		return;
	while (n < HELD && n >= 0)
		n = dup(ends[0]);
	tap_check(&t, n >= HELD, "many descriptors");
	for (unsigned i = 0; i < COPYING + 1; i++) {
		threads[i] = (struct thread){ .seed = i };
		pthread_create(&threads[i].id, NULL, i ? copies_others : opens_files, &threads[i]);
	}
	for (unsigned i = 0; i < COPYING + 1; i++) {
		pthread_join(threads[i].id, NULL);
		tap_check(&t, threads[i].odd == 0, "numbers of %s are theirs",
			i ? "others" : "files");
	}
	while (n > ends[1])
		close(n--);
	close(ends[0]);
	close(ends[1]);
	R(unlink("numbered"));
}

int main(void)
{
	umask(022);
	closed_at_once();
	run("one directory", same_dir);
	show("dir");
	run("one file", same_file);
	show("file");
	run("a shared file", shared_file);
	R(mkdir("a", 0755));
	R(mkdir("b", 0755));
	make("a/token", "token");
	run("a token", carry);
	tap_check(&t, access("a/token", F_OK) != access("b/token", F_OK), "it is in one place");
	R(mkdir("p", 0755));
	R(mkdir("q", 0755));
	run("into each other", into);
	tap_check(&t, access("p", F_OK) == 0 || access("q", F_OK) == 0, "one is left outside");
	tap_check(&t, access("p", F_OK) == 0 || access("q/p", F_OK) == 0, "p is somewhere");
	tap_check(&t, access("q", F_OK) == 0 || access("p/q", F_OK) == 0, "q is somewhere");
	numbers();
	return tap_done(&t);
}
