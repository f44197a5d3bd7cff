/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals while a call is under way: restarted or EINTR as natively, and never done twice. */
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "guest.h"

static volatile sig_atomic_t ticks;
static volatile sig_atomic_t bad;
static bool restarts; /* SA_RESTART */

static void count(int sig)
{
	(void)sig;
	ticks++;
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	restarts = flags & SA_RESTART;
	sigaction(sig, &sa, NULL);
}

static void every(long us)
{
	struct itimerval it = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &it, NULL);
}

/* ---- a storm of signals: nothing fails, nothing is done twice ---- */

#define ROUNDS 60

static void note(long r, const char *what)
{
	if (r < 0 && !bad++)
		printf("# %s: %s\n", what, strerror(errno));
}
/*
 * Where a view cannot tell which call it was that a signal came before (doc/internals.md): EINTR
 * without SA_RESTART, and nothing was done.
 */
#define TRY(expr)                                                                                  \
	({                                                                                         \
		long r_;                                                                           \
		while ((r_ = (long)(expr)) < 0 && errno == EINTR && !restarts)                     \
			;                                                                          \
		r_;                                                                                \
	})
#define NOTE(expr) note((expr), #expr)
/* of i386 glibc loads their numbers long before the call */
#ifdef __x86_64__
#define NOTE_EARLY(expr) NOTE(expr)
#else
#define NOTE_EARLY(expr) note(TRY(expr), #expr)
#endif

static void one_round(int i, int log)
{
	char a[32], b[32], buf[64];
	struct stat st;
	int fd;

	snprintf(a, sizeof(a), "storm/%d", i);
	snprintf(b, sizeof(b), "storm/%d.new", i);
	NOTE(mkdir(a, 0755));
	NOTE(rename(a, b));
	NOTE(rmdir(b));
	NOTE(symlink("x", a));
	NOTE(readlink(a, buf, sizeof(buf)));
	NOTE(unlink(a));
	NOTE(fd = open(a, O_RDWR | O_CREAT | O_EXCL, 0644));
	NOTE(write(fd, "0123456789", 10));
	NOTE(pread(fd, buf, 10, 0));
	NOTE_EARLY(ftruncate(fd, 5));
	NOTE(fstat(fd, &st));
	NOTE(close(fd));
	NOTE(link(a, b));
	NOTE(stat(b, &st));
	NOTE(chmod(b, 0600));
	NOTE_EARLY(truncate(b, 3));
	NOTE(unlink(a));
	NOTE(access(b, R_OK));
	NOTE(fd = open("storm", O_RDONLY | O_DIRECTORY));
	NOTE(TRY(syscall(SYS_getdents64, fd, buf, sizeof(buf))));
	NOTE(close(fd));
	NOTE(unlink(b));
	NOTE(write(log, "line\n", 5));
}

static void storm(int flags)
{
	int log = open("log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
	struct stat st;
	int n = 0;

	R(mkdir("storm", 0755));
	handle(SIGALRM, count, flags);
	ticks = bad = 0;
	every(400);
	for (; n < ROUNDS || ticks < 5; n++)
		one_round(n, log);
	every(0);
	tap_check(&t, bad == 0, "nothing failed");
	fstat(log, &st);
	tap_check(&t, st.st_size == 5l * n, "each line written once");
	close(log);
	R(rmdir("storm"));
}

/* ---- calls that never say EINTR, whoever else has a handler ---- */

#ifdef __x86_64__
#define MANY_TICKS(expr)                                                                           \
	({                                                                                         \
		for (ticks = bad = 0; ticks < 60;)                                                 \
			NOTE(expr);                                                                \
		tap_check(&t, bad == 0, "never EINTR: " #expr);                                    \
	})

/* To a listener of this process: 0 or -1. What a signal ends goes on (connect(2)). */
static int connect_to(int listener, const struct sockaddr_in *to)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), r = connect(s, (const void *)to, sizeof(*to));
	struct pollfd p = { .fd = s, .events = POLLOUT };
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int err;

	if (r < 0 && errno == EINTR) {
		while (poll(&p, 1, 10000) < 0 && errno == EINTR)
			;
		r = getpeername(s, (void *)&peer, &len);
	}
	err = errno;
	while (r == 0 && (p.fd = accept(listener, NULL, NULL)) < 0 && errno == EINTR)
		;
	close(r == 0 ? p.fd : -1);
	close(s);
	errno = err;
	return r;
}

static void never_interrupted_sockets(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(to);

	NOTE(bind(listener, (void *)&to, sizeof(to)));
	NOTE(listen(listener, 16));
	NOTE(getsockname(listener, (void *)&to, &len));
	handle(SIGALRM, count, 0);
	every(400);
	MANY_TICKS(connect_to(listener, &to));
	MANY_TICKS(connect(datagrams, (void *)&to, sizeof(to)));
	MANY_TICKS(sendto(datagrams, "x", 1, 0, (void *)&to, sizeof(to)) < 0 && errno == EINTR ? -1
											       : 0);
	every(0);
	close(datagrams);
	close(listener);
}

/* One by one: in the storm none of them is often enough the one that a signal comes before. */
static void never_interrupted(void)
{
	int fd = open("never", O_RDWR | O_CREAT, 0644);

	handle(SIGALRM, count, 0);
	every(400);
	MANY_TICKS(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	MANY_TICKS(readahead(fd, 0, 10));
	MANY_TICKS((errno = posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL)) ? -1 : 0);
	MANY_TICKS((int)getuid());
	MANY_TICKS(setresgid(-1, -1, -1));
	every(0);
	close(fd);
}
#endif

/* ---- calls that wait for just that, and which a view never sees ---- */

static void wait_for_tick(const char *what, long r)
{
	tap_check(&t, r < 0 && errno == EINTR && ticks, "%s: EINTR", what);
	every(0);
	ticks = 0;
	every(20000);
}

static void kernels_own(void)
{
	const struct timespec long_time = { .tv_sec = 5 };
	sigset_t none;

	sigemptyset(&none);
	handle(SIGALRM, count, 0);
	ticks = 0;
	every(20000);
	wait_for_tick("sigsuspend", sigsuspend(&none));
	wait_for_tick("pause", pause());
	wait_for_tick("nanosleep", nanosleep(&long_time, NULL));
	wait_for_tick("poll", poll(NULL, 0, 5000));
	wait_for_tick("select", select(0, NULL, NULL, NULL, NULL));
	every(0);
}

/* ---- calls that wait ---- */

static pid_t parent;

/* After so many signals a child makes what is waited for. */
static pid_t helper(int signals, void (*then)(void))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (int i = 0; i < signals; i++) {
		usleep(20000);
		kill(parent, SIGUSR1);
	}
	usleep(20000);
	if (then)
		then();
	_exit(0);
}

static void write_fifo(void)
{
	(void)!open("fifo", O_WRONLY);
}

static void read_fifo(void)
{
	(void)!open("fifo", O_RDONLY);
}

static int pipes[2];

static void write_pipe(void)
{
	(void)!write(pipes[1], "piped", 5);
}

static void done_with(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Without SA_RESTART signals come until one has ended the wait. */
static int how_many(int flags)
{
	return flags & SA_RESTART ? 3 : 1000;
}

/* Another process holds a lock until the pipe is written to. */
static void waits_for_lock(int flags, bool whole)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open("locked", O_RDWR | O_CREAT, 0644), ready[2];
	pid_t pid, holder;
	char c;

	R(pipe(pipes));
	R(pipe(ready));
	holder = fork();
	if (holder == 0) {
		int mine = open("locked", O_RDWR);

		if ((whole ? flock(mine, LOCK_EX) : fcntl(mine, F_SETLK, &l)) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		(void)!read(pipes[0], &c, 1);
		_exit(0);
	}
	R(read(ready[0], &c, 1));
	pid = helper(how_many(flags), write_pipe);
	if (whole)
		R(flock(fd, LOCK_EX));
	else
		R(fcntl(fd, F_SETLKW, &l));
	done_with(pid);
	done_with(holder);
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(ready[i]);
	}
	close(fd);
}

static void waits(int flags)
{
	int fd, n = how_many(flags);
	pid_t pid;

	handle(SIGUSR1, count, flags);
	ticks = 0;
	pid = helper(n, write_fifo);
	fd = FD(open("fifo", O_RDONLY));
	close(fd);
	done_with(pid);
	pid = helper(n, read_fifo);
	fd = FD(open("fifo", O_WRONLY));
	close(fd);
	done_with(pid);
	tap_check(&t, ticks >= 2, "signals came");

	fd = open("spliced", O_RDWR | O_CREAT | O_TRUNC, 0644);
	R(pipe(pipes));
	pid = helper(n, write_pipe);
	R(splice(pipes[0], NULL, fd, NULL, 100, 0));
	done_with(pid);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	waits_for_lock(flags, true);
	waits_for_lock(flags, false);
}

/* ---- what a handler returns to ---- */

/* The next signal comes about when the handler ends. */
static void then_alarm(int sig)
{
	static int us;
	const struct itimerval it = { .it_value = { 0, us++ % 60 + 1 } };

	(void)sig;
	setitimer(ITIMER_REAL, &it, NULL);
}

/* A handler's end is no call that could be ended by EINTR, also where one was before. */
static void nested(void)
{
	int told = 0;
	pid_t pid;

	handle(SIGALRM, count, 0);
	handle(SIGUSR1, then_alarm, 0);
	pid = helper(1000, NULL);
	for (int i = 0; i < 40; i++)
		told += open("fifo", O_RDONLY) < 0 && errno == EINTR;
	done_with(pid);
	tap_check(&t, told == 40, "handlers of handlers: EINTR each time");
	handle(SIGUSR1, count, 0);
}

#ifdef __x86_64__
/* xor %r8d, %r8d ends with the bytes of xor %eax, %eax, which would make it a read(2). */
static void clears_another_register(void)
{
	int fd = memfd_create("locked", 0), other;
	long r = SYS_flock;
	char path[32];
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_RDWR);
	R(flock(other, LOCK_EX));
	pid = helper(1000, NULL);
	asm volatile("xor %%r8d, %%r8d\n\tsyscall"
		     : "+a"(r)
		     : "D"(fd), "S"(LOCK_EX), "d"(0)
		     : "rcx", "r8", "r11", "memory");
	done_with(pid);
	tap_check(&t, r == -EINTR, "flock with %%r8 cleared last: EINTR");
	close(other);
	close(fd);
}
#endif

/* ---- ends of handlers that are not libc's ---- */

#ifdef __x86_64__
asm(".globl ends_oddly, ends_shortly\n"
    "ends_oddly: mov $15, %edx; mov %edx, %eax; syscall\n"
    "ends_shortly: push $15; pop %rax; syscall");
#define ends_oddly_rt ends_shortly
#else
asm(".globl ends_oddly, ends_oddly_rt\n"
    "ends_oddly: pop %eax; mov $119, %edx; mov %edx, %eax; int $0x80\n"
    "ends_oddly_rt: mov $173, %edx; mov %edx, %eax; int $0x80");
#endif
void ends_oddly(void);
void ends_oddly_rt(void);

struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned char mask[8];
};

static void odd_ends(int flags, void (*restorer)(void))
{
	struct kernel_action sa = { count, (unsigned long)flags | 0x04000000 /* SA_RESTORER */,
		restorer, { 0 } };
	struct stat st;
	int good = 0, i;

	R(syscall(SYS_rt_sigaction, SIGALRM, &sa, NULL, sizeof(sa.mask)));
	R(syscall(SYS_rt_sigaction, SIGVTALRM, &sa, NULL, sizeof(sa.mask)));
	ticks = 0;
	every(400);
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ { 0, 700 }, { 0, 700 } }, NULL);
	for (i = 0; i < 300 || ticks < 20; i++)
		good += stat(".", &st) == 0;
	every(0);
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	tap_check(&t, good == i, "handlers that end otherwise");
}

/* ---- handlers that call into the view ---- */

static char alt[65536] __attribute__((aligned(16)));
static volatile sig_atomic_t on_alt;

static void works(int sig)
{
	char here, buf[16];
	struct stat st;
	int fd, e = errno;

	(void)sig;
	ticks++;
	on_alt += &here >= alt && &here < alt + sizeof(alt);
	fd = (int)TRY(open("handler", O_RDWR | O_CREAT | O_APPEND, 0644));
	NOTE(fd);
	NOTE(write(fd, "h", 1));
	NOTE(pread(fd, buf, 1, 0));
	NOTE(close(fd));
	NOTE(stat("handler", &st));
	NOTE(mkdir("handler.d", 0755));
	NOTE(rmdir("handler.d"));
	errno = e;
}

static void handlers(int flags)
{
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };
	struct stat st;
	int log = open("log", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	R(sigaltstack(&ss, NULL));
	unlink("handler");
	mkdir("storm", 0755);
	ticks = bad = on_alt = 0;
	handle(SIGALRM, works, flags);
	every(3000);
	for (int i = 0; i < ROUNDS / 3 || ticks < 5; i++)
		one_round(i, log);
	every(0);
	stat("handler", &st);
	tap_check(&t, bad == 0, "nothing failed");
	tap_check(&t, st.st_size == ticks, "each handler wrote once");
	tap_check(&t, flags & SA_ONSTACK ? on_alt == ticks : on_alt == 0, "on the right stack");
	close(log);
	rmdir("storm");
}

/* ---- many threads, one signal ---- */

static void *look(void *arg)
{
	volatile int *stop = arg;
	struct stat st;

	while (!*stop) {
		int fd = (int)TRY(open("handler", O_RDONLY));

		NOTE(stat("handler", &st));
		NOTE(close(fd));
	}
	return NULL;
}

static void threads(void)
{
	static volatile int stop;
	pthread_t th[8];
	char name[32];

	ticks = bad = 0;
	handle(SIGALRM, count, 0);
	for (int i = 0; i < 8; i++)
		pthread_create(&th[i], NULL, look, (void *)&stop);
	every(500);
	for (int i = 0; i < 100 || ticks < 5; i++) {
		snprintf(name, sizeof(name), "thread.%d", i);
		NOTE(mkdir(name, 0755));
		NOTE(rmdir(name));
	}
	every(0);
	stop = 1;
	for (int i = 0; i < 8; i++)
		pthread_join(th[i], NULL);
	tap_check(&t, bad == 0, "threads: nothing failed");
}

/* ---- children ---- */

static void children(void)
{
	siginfo_t si;
	int st, sigs = 0;
	pid_t pid;

	handle(SIGCHLD, count, SA_RESTART);
	ticks = 0;
	for (int i = 0; i < 5; i++) {
		pid = fork();
		if (pid == 0)
			_exit(close(open("handler", O_RDONLY)) == 0 ? i : 99);
		waitpid(pid, &st, 0);
		tap_check(&t, 1, "child: %d", WEXITSTATUS(st));
	}
	tap_check(&t, ticks >= 1, "SIGCHLD came");
	handle(SIGCHLD, SIG_DFL, 0);
	pid = fork();
	if (pid == 0) {
		kill(getpid(), SIGSTOP);
		_exit(unlink("handler"));
	}
	waitid(P_PID, (id_t)pid, &si, WSTOPPED);
	sigs += si.si_status == SIGSTOP;
	kill(pid, SIGCONT);
	/* it may have ended by now, and is waited for below */
	waitid(P_PID, (id_t)pid, &si, WCONTINUED | WEXITED | WNOWAIT);
	sigs += si.si_code == CLD_CONTINUED || si.si_code == CLD_EXITED;
	waitpid(pid, &st, 0);
	tap_check(&t, sigs == 2, "stopped and continued");
	tap_check(&t, 1, "status %d", WEXITSTATUS(st));
}

int main(void)
{
	parent = getpid();
	R(mkfifo("fifo", 0644));
	storm(SA_RESTART);
	storm(0);
	kernels_own();
#ifdef __x86_64__
	never_interrupted();
	never_interrupted_sockets();
#endif
	waits(SA_RESTART);
	waits(0);
	nested();
#ifdef __x86_64__
	clears_another_register();
#endif
	odd_ends(0, ends_oddly);
	odd_ends(SA_SIGINFO, ends_oddly_rt);
	handlers(SA_RESTART);
	handlers(SA_RESTART | SA_ONSTACK);
	handlers(SA_ONSTACK);
	threads();
	children();
	return tap_done(&t);
}
