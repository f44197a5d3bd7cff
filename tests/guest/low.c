/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open file at a low number, by each way that it can come there: it is the same file, and what
 * is asked of it is answered, as long as it is open, in children too. */
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "guest.h"

static int by_dup2(int fd)
{
	return dup2(fd, 40);
}

static int by_dup3(int fd)
{
	return dup3(fd, 41, O_CLOEXEC);
}

static int by_fcntl(int fd)
{
	return fcntl(fd, F_DUPFD, 42);
}

/* The lowest number: 0 is free. */
static int by_dup(int fd)
{
	int saved = fcntl(0, F_DUPFD, 60), new, kept;

	close(0);
	new = dup(fd);
	kept = fcntl(new, F_DUPFD, 43);
	dup2(saved, 0);
	close(saved);
	return kept;
}

static int by_message(int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} u = { 0 };
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = u.buf,
		.msg_controllen = sizeof(u.buf) };
	int pair[2], got = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	u.head.cmsg_level = SOL_SOCKET;
	u.head.cmsg_type = SCM_RIGHTS;
	u.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.head), &fd, sizeof(fd));
	if (sendmsg(pair[0], &m, 0) == 1 && recvmsg(pair[1], &m, 0) == 1)
		memcpy(&got, CMSG_DATA(&u.head), sizeof(got));
	close(pair[0]);
	close(pair[1]);
	return got;
}

static int by_pidfd(int fd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0), got;

	got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	close(pidfd);
	return got;
}

static void look(const char *name, const char *how, int fd)
{
	struct stat a, b;
	char buf[8] = "";

	memset(&b, 0, sizeof(b));
	R(stat(name, &a));
	R(fstat(fd, &b));
	tap_check(&t, 1, "%s of %s: same file %d, size %ld, %o", how, name,
		a.st_dev == b.st_dev && a.st_ino == b.st_ino,
		S_ISDIR(b.st_mode) ? 0L : (long)b.st_size, b.st_mode);
	if (!S_ISREG(b.st_mode))
		return;
	R(pread(fd, buf, 4, 0));
	tap_check(&t, 1, "\"%s\"", buf);
}

static void change(const char *name, int fd)
{
	struct stat st;

	R(ftruncate(fd, 5));
	R(pwrite(fd, "+", 1, 4));
	R(fsync(fd));
	R(stat(name, &st));
	R(st.st_size);
}

static void try(const char *name, int flags, const char *how, int (*way)(int fd))
{
	int fd = FD(open(name, flags)), low = way(fd), status;
	pid_t pid;

	look(name, how, low);
	close(fd);
	look(name, "the only one", low);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		look(name, "a child's", low);
		if ((flags & O_ACCMODE) == O_RDWR)
			change(name, low);
		fflush(stdout);
		_exit(0);
	}
	R(waitpid(pid, &status, 0) == pid);
	look(name, "afterwards", low);
	R(close(low));
}

int main(void)
{
	static const struct {
		const char *name;
		int (*way)(int fd);
	} ways[] = { { "dup2", by_dup2 }, { "dup3", by_dup3 }, { "F_DUPFD", by_fcntl },
		{ "dup", by_dup }, { "SCM_RIGHTS", by_message }, { "pidfd_getfd", by_pidfd } };
	int big = open("big", O_RDWR | O_CREAT, 0644);

	make("file", "content");
	R(mkdir("dir", 0755));
	R(ftruncate(big, 3 << 20)); /* too much to be read at once when it is opened */
	R(pwrite(big, "begin", 5, 0));
	R(close(big));
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		try("file", O_RDONLY, ways[i].name, ways[i].way);
		try("big", O_RDONLY, ways[i].name, ways[i].way);
		try("file", O_RDWR, ways[i].name, ways[i].way);
		try("dir", O_RDONLY | O_DIRECTORY, ways[i].name, ways[i].way);
		try("dir", O_PATH, ways[i].name, ways[i].way);
	}
	return tap_done(&t);
}
