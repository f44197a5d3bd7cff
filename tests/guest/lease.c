/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leases (fcntl(2), F_SETLEASE): who gets one, what they keep others from, who is told. */
#include <signal.h>
#include <sys/wait.h>

#include "guest.h"

#ifndef F_SETSIG
#define F_SETSIG 10
#endif

static volatile sig_atomic_t told, told_fd;

static void on_break(int sig, siginfo_t *info, void *ctx)
{
	(void)ctx;
	told = sig;
	told_fd = info->si_fd;
}

static void who_gets_one(void)
{
	int rd = open("f", O_RDONLY), wr, other, dir = open(".", O_RDONLY);

	R(fcntl(rd, F_GETLEASE) == F_UNLCK);
	R(fcntl(rd, F_SETLEASE, F_RDLCK));
	R(fcntl(rd, F_GETLEASE) == F_RDLCK);
	R(fcntl(rd, F_SETLEASE, F_WRLCK));
	R(fcntl(rd, F_GETLEASE) == F_WRLCK);
	R(fcntl(rd, F_SETLEASE, F_UNLCK));
	R(fcntl(rd, F_SETLEASE, F_UNLCK));
	R(fcntl(rd, F_SETLEASE, 77));
	R(fcntl(dir, F_SETLEASE, F_RDLCK));
	other = open("f", O_RDONLY);
	R(fcntl(rd, F_SETLEASE, F_RDLCK));
	R(fcntl(other, F_SETLEASE, F_RDLCK));
	R(fcntl(other, F_GETLEASE) == F_RDLCK);
	R(fcntl(rd, F_SETLEASE, F_WRLCK));
	R(fcntl(other, F_SETLEASE, F_UNLCK));
	close(other);
	close(rd);
	wr = open("f", O_WRONLY);
	R(fcntl(wr, F_SETLEASE, F_RDLCK));
	R(fcntl(wr, F_SETLEASE, F_WRLCK));
	R(fcntl(wr, F_GETLEASE) == F_WRLCK);
	close(wr);
	close(dir);
}

/* In another process, who waits for nothing: as open(2) does with O_NONBLOCK. */
static int tried(int flags)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open("f", flags | O_NONBLOCK);

		_exit(fd < 0 ? errno : 0);
	}
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

/* One that waits: what it then reads or writes. */
static int waits(int fd, int flags, int lease)
{
	int status;
	pid_t pid;

	told = 0;
	R(fcntl(fd, F_SETLEASE, lease));
	pid = fork();
	if (pid == 0) {
		int got = flags == O_CREAT ? truncate("f", 3) : open("f", flags);

		_exit(got < 0 ? errno : 0);
	}
	while (!told && waitpid(pid, &status, WNOHANG) == 0)
		usleep(1000);
	tap_check(&t, told != 0, "the holder is told");
	tap_check(&t, fcntl(fd, F_GETLEASE) != lease, "and what to come down to");
	R(fcntl(fd, F_SETLEASE, F_UNLCK));
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

static void breaks(void)
{
	int fd = open("f", O_RDONLY);

	R(fcntl(fd, F_SETLEASE, F_RDLCK));
	R(tried(O_RDONLY));
	R(fcntl(fd, F_GETLEASE) == F_RDLCK);
	told = 0;
	R(tried(O_WRONLY) == EWOULDBLOCK);
	R(told == SIGIO);
	R(fcntl(fd, F_SETLEASE, F_UNLCK));
	R(tried(O_WRONLY));
	R(fcntl(fd, F_SETSIG, SIGUSR1));
	R(waits(fd, O_RDWR, F_RDLCK));
	R(told == SIGUSR1);
	R(told_fd == fd);
	R(waits(fd, O_RDONLY, F_WRLCK));
	R(waits(fd, O_WRONLY | O_TRUNC, F_WRLCK));
	R(waits(fd, O_CREAT, F_RDLCK));
	show("f");
	/* it goes with the file */
	R(fcntl(fd, F_SETLEASE, F_WRLCK));
	close(fd);
	R(tried(O_RDWR));
}

/* A signal ends the wait. */
static void interrupted(void)
{
	int fd = open("f", O_RDONLY), status;
	struct sigaction sa = { .sa_sigaction = on_break, .sa_flags = SA_SIGINFO };
	pid_t pid;

	R(fcntl(fd, F_SETLEASE, F_RDLCK));
	told = 0;
	pid = fork();
	if (pid == 0) {
		sigaction(SIGALRM, &sa, NULL);
		alarm(1);
		_exit(open("f", O_WRONLY) < 0 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	R(WEXITSTATUS(status) == EINTR);
	close(fd);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_break, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigaction(SIGIO, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	make("f", "content");
	who_gets_one();
	breaks();
	interrupted();
	return tap_done(&t);
}
