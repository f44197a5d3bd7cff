/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs started from the working directory: of all kinds, by all ways, and failing. Started as
 * "report" this program says what it sees of itself. Paths are shown relative to the directory.
 */
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#include "tap.h"

static char here[PATH_MAX];

/* A path without the working directory, and without what may differ. */
static const char *shown(const char *path)
{
	static char by_fd[PATH_MAX];
	size_t n = strlen(here), digits;

	if (strncmp(path, "/dev/fd/", 8) == 0) {
		/* which number it is differs */
		digits = strspn(path + 8, "0123456789");
		snprintf(by_fd, sizeof(by_fd), "/dev/fd/N%s", path + 8 + digits);
		return by_fd;
	}
	return n > 1 && strncmp(path, here, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static void report_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *ent;
	int n = 0;

	while (d && (ent = readdir(d))) {
		int fd = atoi(ent->d_name);

		n += ent->d_name[0] != '.' && fd > 2 && fd != dirfd(d);
	}
	if (d)
		closedir(d);
	printf(" fds=%d", n);
}

static void report_signals(void)
{
	sigset_t blocked, pending;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	sigpending(&pending);
	printf(" blocked=");
	for (int s = 1; s < 32; s++)
		printf(sigismember(&blocked, s) == 1 ? "%d," : "", s);
	printf(" pending=");
	for (int s = 1; s < 32; s++)
		printf(sigismember(&pending, s) == 1 ? "%d," : "", s);
	printf(" ignored=");
	for (int s = 1; s < 32; s++) {
		struct sigaction sa;

		if (sigaction(s, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			printf("%d,", s);
	}
}

static void report_cmdline(void)
{
	char buf[4096];
	int fd = open("/proc/self/cmdline", O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof(buf) - 1);

	printf(" cmdline=");
	buf[n > 0 ? n : 0] = '\0';
	for (const char *p = buf; p < buf + n; p += strlen(p) + 1)
		printf("%s|", shown(p));
	if (fd >= 0)
		close(fd);
}

static int report(int argc, char **argv)
{
	char exe[PATH_MAX] = "?", comm[32] = "?", *cwd = getcwd(here, sizeof(here));
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	prctl(PR_GET_NAME, comm);
	printf("# report: execfn=%s exe=%s comm=%s cwd=%d argv=",
		shown((char *)getauxval(AT_EXECFN)), shown(exe), comm, cwd != NULL);
	for (int i = 0; i < argc; i++)
		printf("[%s]", shown(argv[i]));
	report_fds();
	report_signals();
	if (argc < 3)
		report_cmdline();
	putchar('\n');
	fflush(stdout);
	return 7;
}

/* ---- what is started ---- */

static void put_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		printf("# cannot write %s: %s\n", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	chmod(name, mode);
}

static int copy_file(const char *from, const char *to)
{
	static char buf[1 << 16];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n = -1;

	while (in >= 0 && out >= 0 && (n = read(in, buf, sizeof(buf))) > 0) {
		if (write(out, buf, (size_t)n) != n)
			break;
	}
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) < 0)
		n = -1;
	if (n != 0)
		printf("# cannot copy %s to %s: %s\n", from, to, strerror(errno));
	return n == 0 ? 0 : -1;
}

/* A copy of a dynamic program whose ELF interpreter is ./ld.so. */
static int relink(const char *from, const char *to)
{
	struct stat st;
	Elf64_Ehdr *eh;
	int fd, found = 0;

	if (copy_file(from, to) < 0)
		return -1;
	fd = open(to, O_RDWR);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	eh = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (eh == MAP_FAILED) {
		close(fd);
		return -1;
	}
	for (int i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr *ph = (Elf64_Phdr *)((char *)eh + eh->e_phoff) + i;

		if (ph->p_type != PT_INTERP)
			continue;
		strcpy((char *)eh + ph->p_offset, "./ld.so");
		ph->p_filesz = 8;
		found = 1;
	}
	munmap(eh, (size_t)st.st_size);
	close(fd);
	return found ? 0 : -1;
}

/* ---- ways to start ---- */

static void finish(struct tap *t, pid_t pid, const char *what)
{
	int st = -1;

	if (pid > 0)
		waitpid(pid, &st, 0);
	if (pid > 0 && WIFEXITED(st) && WEXITSTATUS(st) > 100)
		tap_check(t, 1, "%s: %s", what, strerrorname_np(WEXITSTATUS(st) - 100));
	else
		tap_check(t, 1, "%s: status %x", what, (unsigned)st);
}

static void child_exec(struct tap *t, const char *what, const char *path, char *const argv[])
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execve(path, argv, environ);
		_exit(100 + errno);
	}
	finish(t, pid, what);
}

#define RUN(t, path, ...) child_exec(t, path, path, (char *const[]){ __VA_ARGS__, NULL })

static void *exec_in_thread(void *arg)
{
	char *argv[] = { "thread", "quiet", NULL };

	execve(arg, argv, environ);
	_exit(100 + errno);
}

static void *sleep_in_thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void on_signal(int sig)
{
	char room[512];

	memset(room, sig, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
}

/* ---- checks ---- */

static void make_files(struct tap *t)
{
	const char *self = getenv("GUEST_PROGRAM");

	mkdir("dir", 0755);
	tap_check(t, copy_file(self ? self : "/proc/self/exe", "prog") == 0, "copy of the program");
	tap_check(t, copy_file("/bin/sh", "shell") == 0, "copy of the shell");
	tap_check(t, copy_file("/lib64/ld-linux-x86-64.so.2", "ld.so") == 0, "copy of ld.so");
	tap_check(t, relink("/bin/sh", "shell2") == 0, "copy with another ELF interpreter");
	symlink("prog", "link");
	symlink("loop", "loop");
	copy_file("prog", "dir/prog");
	put_file("script",
		"#!/bin/sh\necho \"# script $0 $*\"; read -r c </proc/$$/comm; echo \"# $c\"\n"
		"exit 3\n",
		0755);
	put_file("dir/script", "#!/bin/sh\necho \"# script $0 $*\"\n", 0755);
	put_file("script-arg", "#! \t./prog  report a  b \t \nx", 0755);
	put_file("script-noarg", "#!./prog", 0755);
	put_file("script-shell", "#!./shell\necho \"# by its own shell: $0 $*\"\n", 0755);
	put_file("script-shell2", "#!./shell2\necho \"# by relinked shell: $0 $*\"\n", 0755);
	put_file("script-crlf", "#!/bin/sh\r\necho no\n", 0755);
	put_file("script-none", "#!/nonexistent/sh\necho no\n", 0755);
	put_file("script-dir", "#!./dir\necho no\n", 0755);
	put_file("script-blank", "#!   \n", 0755);
	put_file("script-nox", "#!/bin/sh\necho no\n", 0644);
	put_file("script-bad", "#!./script-nox\necho no\n", 0755);
	put_file("chain1", "#!./script-arg one two\n", 0755);
	put_file("chain2", "#!./chain1\n", 0755);
	put_file("chain3", "#!./chain2\n", 0755);
	put_file("chain4", "#!./chain3\n", 0755);
	put_file("chain5", "#!./chain4\n", 0755);
	put_file("text", "echo \"# no line\"\n", 0755);
	put_file("empty", "", 0755);
	put_file("elf-short", "\177ELF\2\1\1", 0755);
}

static void check_kinds(struct tap *t)
{
	char path[PATH_MAX + 16];

	RUN(t, "./prog", "zero", "report");
	RUN(t, "prog", "report");
	RUN(t, "dir/../prog", "zero", "report", "with spaces", "");
	RUN(t, "./link", "zero", "report");
	snprintf(path, sizeof(path), "%s/dir/prog", here);
	child_exec(t, "absolute", path, (char *const[]){ path, "report", NULL });
	RUN(t, "./shell", "my-shell", "-c", "read -r c </proc/$$/comm; echo \"# $0 $* $c\"", "zero",
		"one");
	RUN(t, "./shell2", "my-shell", "-c", "read -r c </proc/$$/comm; echo \"# $0 $* $c\"",
		"zero", "one");
	RUN(t, "./script", "ignored", "one", "two words");
	RUN(t, "dir/script", "ignored");
	RUN(t, "./script-arg", "ignored", "c");
	RUN(t, "./script-noarg", "ignored", "report");
	RUN(t, "./script-shell", "ignored", "one");
	RUN(t, "./script-shell2", "ignored", "one");
	RUN(t, "./chain1", "ignored", "last");
	RUN(t, "./chain4", "ignored", "last");
	RUN(t, "/bin/sh", "sh", "-c", "./script from shell; echo \"# $?\"; . ./text; ./text");
	child_exec(t, "no argv", "./prog", NULL);
	chmod("link", 0111); /* of the program: it may be run, not read */
	RUN(t, "./prog", "zero", "report", "not readable");
	tap_result(t, open("prog", O_RDONLY), "open of it");
	chmod("script", 0111);
	RUN(t, "./script", "ignored");
	chmod("script", 0755);
	chmod("prog", 0755);
}

/* A running program cannot be opened for writing. */
static void check_busy(struct tap *t)
{
	struct stat st = { .st_size = -1 };
	int p[2], out[2];
	char ch;
	pid_t pid;

	if (pipe(p) < 0 || pipe(out) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		dup2(p[0], 0);
		dup2(out[1], 1);
		close_range(3, ~0u, 0);
		execl("./prog", "zero", "wait", NULL);
		_exit(100);
	}
	close(p[0]);
	close(out[1]);
	(void)!read(out[0], &ch, 1);
	tap_result(t, open("prog", O_WRONLY), "open of a running program");
	tap_result(t, open("prog", O_WRONLY | O_TRUNC), "the same, to cut it off");
	tap_result(t, truncate("prog", 1), "truncate of a running program");
	tap_check(t, stat("prog", &st) == 0 && st.st_size > 1, "all of it is there");
	close(p[1]);
	close(out[0]);
	finish(t, pid, "it");
}

static void check_errors(struct tap *t)
{
	static char big[200 * 1024];
	char long_name[300];
	int fd;

	RUN(t, "./nonexistent", "x");
	RUN(t, "nodir/prog", "x");
	RUN(t, "", "x");
	RUN(t, "./dir", "x");
	RUN(t, "./prog/", "x");
	RUN(t, "./prog/x", "x");
	RUN(t, "./loop", "x");
	RUN(t, "./text", "x");
	RUN(t, "./empty", "x");
	RUN(t, "./elf-short", "x");
	RUN(t, "./script-none", "x");
	RUN(t, "./script-crlf", "x");
	RUN(t, "./script-dir", "x");
	RUN(t, "./script-blank", "x");
	RUN(t, "./script-nox", "x");
	RUN(t, "./script-bad", "x");
	RUN(t, "./chain5", "x");
	memset(long_name, 'n', sizeof(long_name));
	long_name[299] = '\0';
	child_exec(t, "long name", long_name, (char *const[]){ "x", NULL });
	child_exec(t, "bad path", (char *)8, (char *const[]){ "x", NULL });
	memset(big, 'b', sizeof(big) - 1);
	RUN(t, "./prog", "zero", "report", big);
	RUN(t, "./script", "zero", big);
	chmod("prog", 0644);
	RUN(t, "./prog", "x");
	chmod("prog", 0755);
	fd = open("prog", O_WRONLY);
	RUN(t, "./prog", "zero", "report");
	close(fd);
	fd = open("script", O_WRONLY);
	RUN(t, "./script", "zero");
	close(fd);
	check_busy(t);
	RUN(t, "./prog", "zero", "report");
}

static void check_threads(struct tap *t)
{
	int bad = 0;
	pid_t pid;

	for (int i = 0; i < 20; i++) {
		int st;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			pthread_t th;

			pthread_create(&th, NULL, sleep_in_thread, NULL);
			pthread_create(&th, NULL, exec_in_thread, "./prog");
			if (i & 1)
				exec_in_thread("./prog");
			pthread_join(th, NULL);
			_exit(99);
		}
		waitpid(pid, &st, 0);
		bad += st != 0;
	}
	tap_check(t, bad == 0, "exec by a thread (%d failed)", bad);
}

static void check_signals(struct tap *t)
{
	int bad = 0, st;
	char *none[] = { "x", NULL };
	pid_t pid, parent = getpid(), killer;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		sigset_t s;

		sigemptyset(&s);
		sigaddset(&s, SIGUSR1);
		sigprocmask(SIG_BLOCK, &s, NULL);
		raise(SIGUSR1);
		signal(SIGUSR2, SIG_IGN);
		signal(SIGTERM, on_signal);
		execl("./prog", "zero", "report", "masked", NULL);
		_exit(100 + errno);
	}
	finish(t, pid, "mask, pending and ignored signals");
	signal(SIGUSR1, on_signal);
	killer = fork();
	if (killer == 0) {
		for (int i = 0; i < 20000 && kill(parent, SIGUSR1) == 0; i++)
			usleep(100);
		_exit(0);
	}
	for (int i = 0; i < 100; i++) {
		errno = 0;
		bad += execve("./script-bad", none, environ) != -1 || errno != EACCES;
		errno = 0;
		bad += execve("./script-none", none, environ) != -1 || errno != ENOENT;
		pid = vfork();
		if (pid == 0) {
			execve("./text", none, environ);
			execl("./prog", "zero", "quiet", NULL);
			_exit(1);
		}
		while (waitpid(pid, &st, 0) < 0)
			;
		bad += st != 0;
	}
	kill(killer, SIGKILL);
	waitpid(killer, NULL, 0);
	signal(SIGUSR1, SIG_DFL);
	tap_check(t, bad == 0, "failing execs under signals (%d wrong)", bad);
}

static void check_spawn(struct tap *t)
{
	char *argv[] = { "zero", "report", NULL }, *quiet[] = { "zero", "quiet", NULL };
	int bad = 0, st, r;
	pid_t pid, pids[50];

	fflush(stdout);
	r = posix_spawn(&pid, "./prog", NULL, NULL, argv, environ);
	finish(t, r ? -1 : pid, "posix_spawn");
	r = posix_spawn(&pid, "./script", NULL, NULL, argv, environ);
	finish(t, r ? -1 : pid, "posix_spawn of a script");
	tap_check(t, 1, "posix_spawn of nothing: %s",
		strerrorname_np(posix_spawn(&pid, "./nonexistent", NULL, NULL, argv, environ)));
	st = system("./script by system");
	tap_check(t, 1, "system: %x", (unsigned)st);
	for (int i = 0; i < 50; i++)
		bad += posix_spawn(&pids[i], i & 1 ? "./prog" : "./link", NULL, NULL, quiet,
			       environ) != 0;
	for (int i = 0; i < 50; i++)
		bad += waitpid(pids[i], &st, 0) != pids[i] || st != 0;
	tap_check(t, bad == 0, "50 at once (%d failed)", bad);
}

static void child_at(struct tap *t, const char *what, int dirfd, const char *path, int flags)
{
	char *argv[] = { "zero", "report", NULL };
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		syscall(SYS_execveat, dirfd, path, argv, environ, flags);
		_exit(100 + errno);
	}
	finish(t, pid, what);
}

static void check_at(struct tap *t)
{
	int dir = open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	child_at(t, "execveat", dir, "prog", 0);
	child_at(t, "execveat, dot dot", dir, "../prog", 0);
	child_at(t, "execveat AT_FDCWD", AT_FDCWD, "prog", 0);
	child_at(t, "execveat of a link", AT_FDCWD, "link", 0);
	child_at(t, "execveat of a link, not followed", AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW);
	child_at(t, "execveat, not a directory", 0, "prog", 0);
	child_at(t, "execveat, bad descriptor", 999999, "prog", 0);
	child_at(t, "execveat, bad flags", AT_FDCWD, "prog", 0x8000000);
	child_at(t, "execveat, empty path", AT_FDCWD, "", 0);
	child_at(t, "execveat of a directory", dir, "", AT_EMPTY_PATH);
	fd = open("prog", O_RDONLY | O_CLOEXEC);
	child_at(t, "by descriptor, close-on-exec", fd, "", AT_EMPTY_PATH);
	close(fd);
	fd = open("prog", O_PATH | O_CLOEXEC);
	child_at(t, "by O_PATH descriptor", fd, "", AT_EMPTY_PATH);
	close(fd);
	fd = open("script", O_RDONLY | O_CLOEXEC);
	child_at(t, "script by descriptor, close-on-exec", fd, "", AT_EMPTY_PATH);
	close(fd);
	close(dir);
}

static void check_deleted(struct tap *t)
{
	int fd;

	copy_file("prog", "gone");
	fd = open("gone", O_RDONLY | O_CLOEXEC);
	unlink("gone");
	child_at(t, "deleted, by descriptor", fd, "", AT_EMPTY_PATH);
	close(fd);
	RUN(t, "./gone", "x");
}

int main(int argc, char **argv)
{
	struct tap t = TAP_INIT;

	if (argc > 0 && strcmp(argv[0], "x") == 0)
		return 9; /* was not to be started at all */
	if (argc > 1 && strcmp(argv[1], "quiet") == 0)
		return 0;
	if (argc > 1 && strcmp(argv[1], "wait") == 0)
		return write(1, "", 1) + read(0, here, 1) - 1;
	if (argc > 1 || argc == 0 || (argv[0] && strcmp(argv[0], "report") == 0) ||
		(argv[0] && !argv[0][0]))
		return report(argc, argv);
	if (!getcwd(here, sizeof(here)) || close_range(3, ~0u, 0) < 0)
		return 1;
	make_files(&t);
	check_kinds(&t);
	check_errors(&t);
	check_threads(&t);
	check_signals(&t);
	check_spawn(&t);
	check_at(&t);
	check_deleted(&t);
	return tap_done(&t);
}
