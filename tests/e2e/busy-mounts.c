/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * busy-mounts TASKS ROUNDS FILE MOUNT UMOUNT: so many processes and threads ask for FILE without a
 * pause, while MOUNT and UMOUNT (shell commands) make it come and go. Whoever begins a call after a
 * command has ended must find what it did. Some are traced, some stopped and continued, some in a
 * vfork(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHANGING, THERE, GONE, END };

struct task {
	_Atomic unsigned seen; /* the round it has asked in */
	_Atomic unsigned long calls;
	_Atomic int tid;
};

struct shared {
	_Atomic unsigned round; /* times 4, and the state in it */
	_Atomic unsigned wrong;
	char what[200];
	struct task task[];
};

static struct shared *s;
static const char *file;

static void complain(const char *call, unsigned round, int got)
{
	if (atomic_fetch_add(&s->wrong, 1) == 0)
		snprintf(s->what, sizeof(s->what), "%s in state %u of round %u: %s", call,
			round & 3, round >> 2, got ? strerror(got) : "found");
}

/* One call, by turns of several kinds: 0 or an error. */
static int ask(unsigned long n, const char **ret_name)
{
	struct stat st;
	int fd;

	switch (n % 4) {
	case 0:
		*ret_name = "stat";
		return stat(file, &st) < 0 ? errno : 0;
	case 1:
		*ret_name = "access";
		return access(file, R_OK) < 0 ? errno : 0;
	case 2:
		*ret_name = "open";
		fd = open(file, O_PATH | O_CLOEXEC);
		if (fd < 0)
			return errno;
		close(fd);
		return 0;
	default:
		*ret_name = "lstat";
		return lstat(file, &st) < 0 ? errno : 0;
	}
}

static void work(struct task *me)
{
	atomic_store(&me->tid, (int)gettid());
	for (unsigned long n = 0;; n++) {
		unsigned before = atomic_load(&s->round), after;
		const char *name;
		int err;

		if ((before & 3) == END)
			return;
		err = ask(n, &name);
		after = atomic_load(&s->round);
		atomic_fetch_add(&me->calls, 1);
		if (err != 0 && err != ENOENT)
			complain(name, before, err);
		if (before == after) {
			if (((before & 3) == THERE && err) || ((before & 3) == GONE && !err))
				complain(name, before, err);
			atomic_store(&me->seen, before);
		}
	}
}

static void *thread(void *arg)
{
	work(arg);
	return NULL;
}

static void keep_stopping(pid_t pid)
{
	int st;

	while (waitpid(pid, &st, WNOHANG) == 0) {
		const struct timespec nap = { .tv_nsec = 3000000 };

		kill(pid, SIGSTOP);
		nanosleep(&nap, NULL);
		kill(pid, SIGCONT);
		nanosleep(&nap, NULL);
	}
	_exit(WIFEXITED(st) ? WEXITSTATUS(st) : 1);
}

static void trace(pid_t pid)
{
	int st;

	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) < 0 ||
		ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0)
		_exit(2);
	while (waitpid(pid, &st, __WALL) == pid && WIFSTOPPED(st))
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
	_exit(WIFEXITED(st) ? WEXITSTATUS(st) : 1);
}

/* A process of one of the kinds; it uses `n` tasks. */
static void process(unsigned kind, struct task *first, unsigned n)
{
	pthread_t th[8];
	pid_t pid;

	switch (kind) {
	case 0: /* threads */
		for (unsigned i = 1; i < n; i++) {
			if (pthread_create(&th[i], NULL, thread, &first[i]))
				_exit(3);
		}
		work(first);
		for (unsigned i = 1; i < n; i++)
			pthread_join(th[i], NULL);
		_exit(0);
	case 1: /* the parent waits in a vfork */
		pid = vfork();
		if (pid == 0) {
			work(first);
			_exit(0);
		}
		_exit(pid < 0 ? 3 : 0);
	case 2:
	case 3:
		pid = fork();
		if (pid == 0) {
			work(first);
			_exit(0);
		}
		if (pid < 0)
			_exit(3);
		if (kind == 2)
			keep_stopping(pid);
		trace(pid);
		_exit(3);
	default:
		work(first);
		_exit(0);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Where a task stands: is it a call that nobody answers, a stop, or a wait for the processor? */
static void tell(const char *what, int tid)
{
	char path[64], text[2000];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	printf("%s: %s\n", path, text);
}

/* Until each task has made a call that began and ended in this state. */
static int all_have_seen(unsigned round, unsigned ntasks)
{
	double end = now() + 60;

	for (unsigned i = 0; i < ntasks;) {
		const struct timespec nap = { .tv_nsec = 1000000 };

		if (atomic_load(&s->task[i].seen) == round) {
			i++;
			continue;
		}
		if (now() > end) {
			printf("task %u of %u makes no call in state %u of round %u (%lu made "
			       "before)\n",
				i, ntasks, round & 3, round >> 2, atomic_load(&s->task[i].calls));
			for (unsigned j = i; j < ntasks; j++) {
				int tid = atomic_load(&s->task[j].tid);

				if (atomic_load(&s->task[j].seen) == round)
					continue;
				tell("status", tid);
				tell("wchan", tid);
				tell("syscall", tid);
				tell("schedstat", tid);
			}
			return -1;
		}
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int change(const char *command, unsigned round, unsigned state, unsigned ntasks)
{
	atomic_store(&s->round, round << 2 | CHANGING);
	if (system(command) != 0) {
		printf("round %u: %s failed\n", round, command);
		return -1;
	}
	atomic_store(&s->round, round << 2 | state);
	return all_have_seen(round << 2 | state, ntasks);
}

int main(int argc, char **argv)
{
	unsigned ntasks = argc == 6 ? (unsigned)atoi(argv[1]) : 0, rounds, started = 0, bad = 0;
	unsigned long calls = 0;
	int st;

	if (!ntasks)
		return 2;
	if (setpgid(0, 0) < 0)
		return 2;
	rounds = (unsigned)atoi(argv[2]);
	file = argv[3];
	s = mmap(NULL, sizeof(*s) + ntasks * sizeof(struct task), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return 2;
	atomic_store(&s->round, 1 << 2 | GONE);
	for (unsigned kind = 0; started < ntasks; kind = (kind + 1) % 8) {
		unsigned n = kind == 0 && ntasks - started >= 8 ? 8 : 1;
		pid_t pid = fork();

		if (pid == 0)
			process(kind, &s->task[started], n);
		if (pid < 0)
			return 2;
		started += n;
	}
	st = all_have_seen(1 << 2 | GONE, ntasks);
	for (unsigned i = 2; i < rounds + 2 && st == 0 && !atomic_load(&s->wrong); i++) {
		st = change(argv[4], i, THERE, ntasks);
		if (st == 0)
			st = change(argv[5], i, GONE, ntasks);
	}
	bad = st != 0;
	atomic_store(&s->round, END);
	while (!bad && wait(&st) > 0)
		bad += st != 0;
	for (unsigned i = 0; i < ntasks; i++)
		calls += s->task[i].calls;
	fflush(stdout);
	if (bad)
		kill(0, SIGKILL); /* the group is ours */
	fprintf(stderr, "%lu calls\n", calls);
	printf("%u wrong %s\n", s->wrong, s->what);
	return s->wrong ? 1 : 0;
}
