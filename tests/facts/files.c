/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What placeholders count on: memfds, last-close events, leases, deleted directories, sockets. */
#include "facts/list.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int probe_memfd(char *why, size_t size)
{
	_cleanup_fd_ int fd = memfd_create("umview-fact", MFD_CLOEXEC);
	_cleanup_fd_ int again = -1;
	char path[FD_PATH_MAX], byte = 0;
	struct stat a, b;

	if (fd < 0 || write(fd, "xy", 2) != 2)
		return fact_fail(why, size, "memfd_create");
	again = open(fd_path(path, fd), O_RDONLY | O_CLOEXEC);
	if (again < 0)
		return fact_fail(why, size, "open of /proc/self/fd/N");
	if (read(again, &byte, 1) != 1 || byte != 'x' || fstat(fd, &a) < 0 ||
		fstat(again, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return fact_fail(why, size, "an offset of its own, the same file");
	return 0;
}

const struct fact fact_memfd = {
	.name = "memfd",
	.what = "a memory file can be opened again, each open with an offset and flags of its own",
	.without = "umview needs a /proc that is mounted and memfd_create(2)",
	.must = true,
	.probe = probe_memfd,
};

static bool event(int inotify, uint32_t wanted, int ms)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n;

	if (!fact_readable(inotify, ms))
		return false;
	n = read(inotify, buf, sizeof(buf));
	for (char *p = buf; n > 0 && p < buf + n;) {
		struct inotify_event *e = (struct inotify_event *)p;

		if (e->mask & wanted)
			return true;
		p += sizeof(*e) + e->len;
	}
	return false;
}

static int probe_last_close(char *why, size_t size)
{
	_cleanup_fd_ int fd = memfd_create("umview-fact", MFD_CLOEXEC);
	_cleanup_fd_ int in = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[FD_PATH_MAX];
	int user, copy;
	void *map;

	if (fd < 0 || in < 0 || ftruncate(fd, 4096) < 0 ||
		inotify_add_watch(in, fd_path(path, fd), IN_CLOSE) < 0)
		return fact_fail(why, size, "inotify_add_watch of a memfd");
	user = open(path, O_RDWR | O_CLOEXEC);
	copy = dup(user);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, user, 0);
	if (user < 0 || copy < 0 || map == MAP_FAILED)
		return fact_fail(why, size, "open, dup, mmap");
	close(user);
	close(copy);
	errno = EPROTO;
	if (event(in, IN_CLOSE, 50)) {
		munmap(map, 4096);
		return fact_fail(why, size, "an event came before the mapping was gone");
	}
	munmap(map, 4096);
	if (!event(in, IN_CLOSE_WRITE, 5000))
		return fact_fail(why, size, "no event came at the last close");
	return 0;
}

const struct fact fact_last_close = {
	.name = "last-close",
	.what = "the last close of an open file, mappings included, is reported (inotify)",
	.without = "changes would be written back at fsync and umount alone: report this kernel",
	.must = true,
	.probe = probe_last_close,
};

static int probe_lease(char *why, size_t size)
{
	_cleanup_fd_ int fd = memfd_create("umview-fact", MFD_CLOEXEC);
	_cleanup_fd_ int probe = -1;
	char path[FD_PATH_MAX];
	int user;

	if (fd < 0)
		return fact_fail(why, size, "memfd_create");
	probe = open(fd_path(path, fd), O_RDONLY | O_CLOEXEC);
	if (probe < 0 || fcntl(probe, F_SETLEASE, F_WRLCK) < 0)
		return fact_fail(why, size, "a lease where nobody else has the file open");
	(void)fcntl(probe, F_SETLEASE, F_UNLCK);
	user = open(path, O_RDONLY | O_CLOEXEC);
	if (fcntl(probe, F_SETLEASE, F_WRLCK) == 0) {
		close(user);
		errno = EPROTO;
		return fact_fail(why, size, "a lease although somebody has the file open");
	}
	close(user);
	return 0;
}

const struct fact fact_lease = {
	.name = "lease",
	.what = "it can be asked whether anybody has a memory file open (F_SETLEASE)",
	.without = "umount would find mounts busy for too long: report this kernel",
	.must = true,
	.probe = probe_lease,
};

static int probe_directory(char *why, size_t size)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	_cleanup_free_ char *path = str_printf("%s/umview-fact-XXXXXX", base ? base : "/tmp");
	_cleanup_fd_ int in = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char name[FD_PATH_MAX];
	struct stat st;
	int fd, ret = 0;

	if (!path || !mkdtemp(path))
		return fact_fail(why, size, "mkdtemp in $XDG_RUNTIME_DIR or /tmp");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rmdir(path) < 0 || fd < 0)
		return fact_fail(why, size, path);
	if (fstat(fd, &st) < 0 || st.st_nlink != 0)
		ret = fact_fail(why, size, "a deleted directory has no links");
	else if (inotify_add_watch(in, fd_path(name, fd), IN_DELETE_SELF) < 0)
		ret = fact_fail(why, size, "inotify_add_watch of a deleted directory");
	else if (lseek(fd, 12345, SEEK_SET) != 12345)
		ret = fact_fail(why, size, "lseek on a directory");
	close(fd);
	if (ret == 0 && !event(in, IN_DELETE_SELF | IN_IGNORED, 5000)) {
		errno = EPROTO;
		ret = fact_fail(why, size, "no event came at the last close");
	}
	return ret;
}

const struct fact fact_directory = {
	.name = "directory",
	.what = "a deleted directory serves as descriptor, and its last close is reported",
	.without = "set XDG_RUNTIME_DIR to a folder on tmpfs or ext4",
	.must = true,
	.probe = probe_directory,
};

static int refusal(const char *path)
{
	struct open_how how = { .flags = O_WRONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

static int probe_refusals(char *why, size_t size)
{
	static const struct {
		const char *path;
		int error;
	} cases[] = { { "/", EISDIR }, { "/proc/self/status", ELOOP }, { "/proc/version", ENOTDIR },
		{ "/proc/self", ENOTDIR }, { "/umview-fact-none", ENOENT } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		errno = refusal(cases[i].path);
		if (errno != cases[i].error)
			return fact_fail(why, size, cases[i].path);
	}
	return 0;
}

const struct fact fact_refusals = {
	.name = "refusals",
	.what = "what a path leads to is told by how an open of a directory for writing fails",
	.without = "report this kernel",
	.must = true,
	.probe = probe_refusals,
};

static int probe_seqpacket(char *why, size_t size)
{
	static const int want = 4 << 20;
	size_t len = 132 << 10;
	_cleanup_free_ char *buf = calloc(1, len);
	int sv[2], ret = 0;

	if (!buf || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return fact_fail(why, size, "socketpair(SOCK_SEQPACKET)");
	(void)setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
	if (send(sv[0], buf, len, 0) != (ssize_t)len || recv(sv[1], buf, len, 0) != (ssize_t)len)
		ret = fact_fail(why, size, "a message of 132 KiB");
	close(sv[0]);
	close(sv[1]);
	return ret;
}

const struct fact fact_seqpacket = {
	.name = "seqpacket",
	.what = "a socket that stands for /dev/fuse takes messages of 132 KiB",
	.without = "writes to servers are cut smaller and slower: raise net.core.wmem_max (sysctl)",
	.must = false,
	.probe = probe_seqpacket,
};
