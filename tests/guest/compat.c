/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of i386 by int $0x80, old ones and new: the same in a 32-bit program and in a 64-bit one,
 * whose memory for it has to lie below 4 GiB. Structures are looked at by offset.
 */
#include <linux/fs.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "guest.h"
#include "int80.h"

#define LOW_SIZE (1u << 20)
#define SCRATCH (LOW_SIZE / 2) /* where the part begins that is used again and again */
#define LARGEFILE 0100000

/* i386's numbers */
enum {
	OPEN = 5,
	CREAT = 8,
	LINK = 9,
	UNLINK = 10,
	EXECVE = 11,
	CHDIR = 12,
	LCHOWN = 16,
	OLDSTAT = 18,
	LSEEK = 19,
	GETUID = 24,
	OLDFSTAT = 28,
	UTIME = 30,
	RENAME = 38,
	MKDIR = 39,
	FCNTL = 55,
	GETRLIMIT = 76,
	GETGROUPS = 80,
	OLDLSTAT = 84,
	READDIR = 89,
	MMAP = 90,
	TRUNCATE = 92,
	FTRUNCATE = 93,
	FCHOWN = 95,
	STATFS = 99,
	FSTATFS = 100,
	SOCKETCALL = 102,
	STAT = 106,
	LSTAT = 107,
	FSTAT = 108,
	LLSEEK = 140,
	GETDENTS = 141,
	READV = 145,
	WRITEV = 146,
	GETRESUID = 165,
	PREAD64 = 180,
	PWRITE64 = 181,
	CHOWN = 182,
	GETCWD = 183,
	SENDFILE = 187,
	UGETRLIMIT = 191,
	MMAP2 = 192,
	TRUNCATE64 = 193,
	FTRUNCATE64 = 194,
	STAT64 = 195,
	LSTAT64 = 196,
	FSTAT64 = 197,
	LCHOWN32 = 198,
	GETUID32 = 199,
	CHOWN32 = 212,
	FCNTL64 = 221,
	READAHEAD = 225,
	SENDFILE64 = 239,
	FADVISE64 = 250,
	STATFS64 = 268,
	FSTATFS64 = 269,
	UTIMES = 271,
	FADVISE64_64 = 272,
	FUTIMESAT = 299,
	FSTATAT64 = 300,
	SYNC_FILE_RANGE = 314,
	UTIMENSAT = 320,
	FALLOCATE = 324,
	PREADV = 333,
	PWRITEV = 334,
	PRLIMIT64 = 340,
	SENDMMSG = 345,
	BIND = 361,
	COPY_FILE_RANGE = 377,
	STATX = 383,
	UTIMENSAT_TIME64 = 412,
	NEWER = 500,
	IO_SETUP = 245,
	IO_DESTROY = 246,
	IO_GETEVENTS = 247,
	IO_SUBMIT = 248,
};

static char *low; /* memory that 32 bits reach */
static size_t low_used;
static char *buf; /* its scratch half */

static long result(int ret)
{
	if (ret < 0 && ret > -4096) {
		errno = -ret;
		return -1;
	}
	return ret;
}

#define CALL_(nr, a, b, c, d, e, f, ...)                                                           \
	result(int80(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define CALL(...) CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define C(...) tap_result(&t, CALL(__VA_ARGS__), "%s", #__VA_ARGS__)
#define CFD(...)                                                                                   \
	({                                                                                         \
		long fd_ = CALL(__VA_ARGS__);                                                      \
		tap_result(&t, fd_ < 0 ? fd_ : 0, "%s", #__VA_ARGS__);                             \
		(int)fd_;                                                                          \
	})

/* Bytes in low memory, for good. */
static void *keep(const void *data, size_t len)
{
	void *p = low + low_used;

	low_used += (len + 15) & ~(size_t)15;
	memcpy(p, data, len);
	return p;
}

#define S(text) keep(text, strlen(text) + 1)
#define WORDS(...) keep((uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }))
#define P(p) ((uint32_t)(uintptr_t)(p))

static uint32_t u16(size_t off)
{
	uint16_t v;

	memcpy(&v, buf + off, sizeof(v));
	return v;
}

static uint32_t u32(size_t off)
{
	uint32_t v;

	memcpy(&v, buf + off, sizeof(v));
	return v;
}

static uint64_t u64(size_t off)
{
	uint64_t v;

	memcpy(&v, buf + off, sizeof(v));
	return v;
}

/* ---- attributes ---- */

/* Its inode numbers have 16 bits. */
static void show_old(int nr, long arg, const struct stat *st)
{
	long r = CALL(nr, arg, buf);

	if (st->st_ino > 0xffff) {
		tap_check(&t, r == -1 && errno == EOVERFLOW, "oldstat");
		return;
	}
	tap_check(&t,
		r == 0 && u16(2) == (uint16_t)st->st_ino && u16(4) == st->st_mode &&
			u16(6) == st->st_nlink && u32(16) == st->st_size && u32(24) == st->st_mtime,
		"oldstat");
}

static void show_stat(const struct stat *st)
{
	tap_check(&t,
		u32(4) == st->st_ino && u16(8) == st->st_mode && u16(10) == st->st_nlink &&
			u32(20) == st->st_size && u32(40) == st->st_mtime &&
			u32(44) == (uint32_t)st->st_mtim.tv_nsec,
		"stat: mode %o, %u links, size %u, blksize %s", u16(8), u16(10), u32(20),
		u32(24) == st->st_blksize ? "right" : "wrong");
	tap_check(&t, u32(0) == st->st_dev && u16(12) == st->st_uid && u16(14) == st->st_gid,
		"device and owner");
}

static void show_stat64(const struct stat *st)
{
	tap_check(&t,
		u32(12) == (uint32_t)st->st_ino && u64(88) == st->st_ino &&
			u32(16) == st->st_mode && u32(20) == st->st_nlink &&
			u64(44) == (uint64_t)st->st_size && u64(56) == (uint64_t)st->st_blocks,
		"stat64: mode %o, %u links, size %llu", u32(16), u32(20),
		(unsigned long long)u64(44));
	tap_check(&t,
		u64(0) == st->st_dev && u32(24) == st->st_uid && u32(72) == st->st_mtime &&
			u32(76) == (uint32_t)st->st_mtim.tv_nsec,
		"device, owner, time");
}

static void stats(void)
{
	struct stat st;
	int fd;

	make("f", "nine here");
	R(stat("f", &st));
	show_old(OLDSTAT, (long)S("f"), &st);
	if (C(STAT, S("f"), buf) == 0)
		show_stat(&st);
	if (C(STAT64, S("f"), buf) == 0)
		show_stat64(&st);
	if (C(FSTATAT64, AT_FDCWD, S("f"), buf, 0) == 0)
		show_stat64(&st);
	R(symlink("f", "l"));
	R(lstat("l", &st));
	if (C(LSTAT64, S("l"), buf) == 0)
		show_stat64(&st);
	if (C(LSTAT, S("l"), buf) == 0)
		show_stat(&st);
	show_old(OLDLSTAT, (long)S("l"), &st);
	fd = CFD(OPEN, S("f"), O_RDWR);
	R(fstat(fd, &st));
	if (C(FSTAT64, fd, buf) == 0)
		show_stat64(&st);
	if (C(FSTAT, fd, buf) == 0)
		show_stat(&st);
	show_old(OLDFSTAT, fd, &st);
	C(FSTATAT64, fd, S(""), buf, AT_EMPTY_PATH);
	C(STATX, AT_FDCWD, S("f"), 0, 0x7ff, buf);
	tap_check(&t, u16(28) == st.st_mode && u64(40) == 9, "statx");
	close(fd);
	C(STAT64, S("none"), buf);
	C(STAT64, S("f"), 8);
	C(STAT64, 8, buf);
	C(STATFS, S("."), buf);
	tap_check(&t, u32(4) > 0 && u32(8) > 0 && u32(12) <= u32(8) && u32(36) == 255, "statfs");
	memset(buf, 0, 128);
	C(STATFS64, S("."), 84, buf);
	tap_check(&t, u32(4) > 0 && u64(8) > 0 && u64(16) <= u64(8) && u32(56) == 255, "statfs64");
	C(STATFS64, S("."), 88, buf);
	fd = open(".", O_RDONLY);
	C(FSTATFS, fd, buf);
	C(FSTATFS64, fd, 84, buf);
	C(FSTATFS64, fd, 64, buf);
	close(fd);
}

/* A file system may keep whole seconds alone. */
static void show_mtime(const char *how, long nsec)
{
	struct stat st = { 0 };

	stat("f", &st);
	tap_check(&t, st.st_mtim.tv_nsec == nsec || st.st_mtim.tv_nsec == 0, "%s: %lld", how,
		(long long)st.st_mtime);
}

static void times(void)
{
	int fd = open("f", O_RDWR);

	C(UTIME, S("f"), WORDS(1000, 2000));
	show_mtime("utime", 0);
	C(UTIMES, S("f"), WORDS(1000, 500, 3000, 250000));
	show_mtime("utimes", 250000000);
	C(UTIMES, S("f"), WORDS(1000, 1000000, 3000, 0));
	C(FUTIMESAT, AT_FDCWD, S("f"), WORDS(1000, 500, 4000, 1));
	show_mtime("futimesat", 1000);
	C(UTIMENSAT, AT_FDCWD, S("f"), WORDS(1000, 500, 5000, 7), 0);
	show_mtime("utimensat", 7);
	C(UTIMENSAT, fd, 0, WORDS(1000, 500, 6000, 9), 0);
	show_mtime("futimens", 9);
	C(UTIMENSAT, AT_FDCWD, S("f"), WORDS(1, 1000000000, 5000, 7), 0);
	/* the upper half of a time64's nanoseconds is not looked at */
	C(UTIMENSAT_TIME64, AT_FDCWD, S("f"), WORDS(1, 0, 500, 99, 7000, 0, 11, 99), 0);
	show_mtime("utimensat_time64", 11);
	C(UTIMENSAT, AT_FDCWD, S("f"), WORDS(0, UTIME_OMIT, 0, UTIME_OMIT), 0);
	C(UTIME, S("f"), 0);
	close(fd);
}

static void owners(void)
{
	struct stat st;
	int fd = open("f", O_RDWR);

	C(CHOWN, S("f"), 0xffff, 0xffff);
	C(CHOWN, S("f"), getuid(), getgid());
	C(CHOWN32, S("f"), -1, -1);
	C(LCHOWN, S("l"), 0xffff, getgid());
	C(LCHOWN32, S("l"), getuid(), -1);
	C(FCHOWN, fd, 0xffff, getgid());
	close(fd);
	R(stat("f", &st));
	tap_check(&t, st.st_uid == getuid() && st.st_gid == getgid(), "the owner is the same");
	tap_check(&t, CALL(GETUID) == (long)(getuid() > 65535 ? 65534 : getuid()), "getuid");
	tap_check(&t, CALL(GETUID32) == (long)getuid(), "getuid32");
	C(GETRESUID, buf, buf + 2, buf + 4);
	tap_check(&t, u16(0) == u16(2) && u16(4) == (getuid() > 65535 ? 65534 : getuid()),
		"three ids of 16 bits");
	tap_check(&t, CALL(GETGROUPS, 0, 0) == getgroups(0, NULL), "getgroups");
}

/* ---- limits ---- */

static void limits(void)
{
	C(GETRLIMIT, 10, buf);
	tap_check(&t, 1, "old getrlimit of RLIMIT_LOCKS: %x %x", u32(0), u32(4));
	C(UGETRLIMIT, 10, buf);
	tap_check(&t, 1, "getrlimit: %x %x", u32(0), u32(4));
	C(PRLIMIT64, 0, 10, 0, buf);
	tap_check(&t, 1, "prlimit64: %llx %llx", (unsigned long long)u64(0),
		(unsigned long long)u64(8));
	C(UGETRLIMIT, 10, 8);
	C(NEWER, S("f"), 1, 2);
}

/* ---- data ---- */

static void data(void)
{
	int fd = CFD(OPEN, S("f"), O_RDWR | O_TRUNC);
	uint32_t iov[4] = { P(S("hello ")), 6, P(S("world")), 5 };
	uint32_t in[4] = { P(buf), 3, P(buf + 100), 20 };

	C(WRITEV, fd, keep(iov, sizeof(iov)), 2);
	C(LSEEK, fd, -5, SEEK_END);
	memset(buf, 0, 128);
	C(READV, fd, keep(in, sizeof(in)), 2);
	tap_check(&t, 1, "read '%s' and '%s'", buf, buf + 100);
	C(READV, fd, WORDS(P(buf), 0x80000000u), 1);
	C(READV, fd, 8, 1);
	C(PWRITE64, fd, S("W"), 1, 6, 0);
	C(PWRITE64, fd, S("W"), 1, 6, 0x80000000);
	C(PREAD64, fd, buf, 5, 6, 0);
	tap_check(&t, 1, "pread64: %.5s", buf);
	C(PREAD64, fd, buf, 5, 0, 1);
	C(PWRITEV, fd, WORDS(P(S("xy")), 2), 1, 9, 0);
	C(PREADV, fd, WORDS(P(buf), 20), 1, 4, 0);
	tap_check(&t, 1, "preadv: %.7s", buf);
	C(LLSEEK, fd, 0, 3, buf, SEEK_SET);
	tap_check(&t, u64(0) == 3, "at %llu", (unsigned long long)u64(0));
	C(LLSEEK, fd, 1, 5, buf, SEEK_SET);
	tap_check(&t, u64(0) == 0x100000005ull, "at %llx", (unsigned long long)u64(0));
	C(LSEEK, fd, 0, SEEK_CUR);
	C(LLSEEK, fd, 0, 0, buf, SEEK_END);
	tap_check(&t, 1, "at %llu", (unsigned long long)u64(0));
	C(LLSEEK, fd, -1, -1, buf, SEEK_SET);
	C(LLSEEK, fd, 0, 0, buf, SEEK_DATA);
	C(LSEEK, fd, -1, SEEK_SET);
	C(FTRUNCATE, fd, 4);
	C(FTRUNCATE, fd, -1);
	C(FTRUNCATE64, fd, 6, 0);
	C(FTRUNCATE64, fd, 0, 0x80000000);
	C(TRUNCATE, S("f"), -1);
	C(FALLOCATE, fd, 1, 0, 0, 65536, 0);
	C(FALLOCATE, fd, 0, 0, 0, 0, 0);
	C(FADVISE64, fd, 0, 0, 4096, 3);
	C(FADVISE64_64, fd, 0, 0, 4096, 0, 3);
	C(FADVISE64_64, fd, 0, 0, 4096, 0, 99);
	C(READAHEAD, fd, 0, 0, 4096);
	C(SYNC_FILE_RANGE, fd, 0, 0, 4096, 0, 2);
	C(SYNC_FILE_RANGE, fd, 0, 0x80000000, 4096, 0, 2);
	close(fd);
	show("f");
}

static void large(void)
{
	struct stat st;
	int fd;

	make("big", "begin");
	C(TRUNCATE64, S("big"), 0xc0000000, 0);
	CFD(OPEN, S("big"), O_RDONLY);
	CFD(OPEN, S("big"), O_RDWR | O_TRUNC);
	C(STAT, S("big"), buf);
	if (C(STAT64, S("big"), buf) == 0 && stat("big", &st) == 0)
		show_stat64(&st);
	fd = CFD(OPEN, S("big"), O_RDWR | LARGEFILE);
	C(PWRITE64, fd, S("end"), 3, 0xbffffff0, 0);
	C(PREAD64, fd, buf, 20, 0xbffffff0, 0);
	tap_check(&t, 1, "pread64 at 3 GiB: %.3s", buf);
	C(LSEEK, fd, 0, SEEK_END);
	C(LLSEEK, fd, 0, 0, buf, SEEK_END);
	close(fd);
	R(unlink("big"));
}

/* ---- copies, mappings ---- */

static void copies(void)
{
	int in, out;
	char *p;

	make("f", "0123456789");
	in = open("f", O_RDONLY);
	out = CFD(CREAT, S("g"), 0644);
	C(SENDFILE, out, in, WORDS(2), 3);
	C(SENDFILE64, out, in, WORDS(5, 0), 3);
	C(SENDFILE64, out, in, WORDS(0, 0x80000000u), 3);
	C(SENDFILE, out, in, WORDS(0x80000000u), 3);
	C(COPY_FILE_RANGE, in, WORDS(8, 0), out, 0, 9, 0);
	show_text("g");
	memcpy(buf, &(uint32_t){ 2 }, 4);
	C(SENDFILE, out, in, buf, 100);
	tap_check(&t, u32(0) == 10, "the position is %u", u32(0));
	p = (char *)(uintptr_t)(uint32_t)CALL(MMAP2, 0, 4096, PROT_READ, MAP_PRIVATE, in, 0);
	tap_check(&t, (uintptr_t)p > 4096 && !memcmp(p, "0123456789", 10), "mmap2");
	p = (char *)(uintptr_t)(uint32_t)CALL(
		MMAP, WORDS(0, 4096, PROT_READ, MAP_PRIVATE, (uint32_t)in, 0));
	tap_check(&t, (uintptr_t)p > 4096 && !memcmp(p, "0123456789", 10), "the first mmap");
	C(MMAP2, 0, 4096, PROT_READ, MAP_PRIVATE, 999, 0);
	close(in);
	close(out);
}

static void asynchronous(void)
{
	int fd = open("f", O_RDWR);
	char *event = buf + 64, *text = buf + 256;
	/* data, key and flags, opcode (PREAD) and priority, fd, buffer, length, offset, ... */
	uint32_t *io = WORDS(7, 0, 0, 0, 0, (uint32_t)fd, P(text), 0, 4, 0, 3, 0, 0, 0, 0, 0);
	uint32_t ctx;

	memset(buf, 0, 512);
	C(IO_SETUP, 4, buf);
	ctx = u32(0);
	C(IO_SUBMIT, ctx, 1, WORDS(P(io)));
	C(IO_GETEVENTS, ctx, 1, 1, event, 0);
	tap_check(&t, u32(64) == 7 && u64(64 + 16) == 4, "4 bytes: '%s'", text);
	C(IO_SUBMIT, ctx, -1, WORDS(P(io)));
	C(IO_DESTROY, ctx);
	close(fd);
}

/* ---- directories ---- */

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* form: readdir, getdents */
static void list(const char *dir, int nr)
{
	char names[32][32];
	int n = 0, fd = open(dir, O_RDONLY | O_DIRECTORY);
	long r;

	for (;;) {
		r = nr == READDIR ? CALL(READDIR, fd, buf, 1) : CALL(GETDENTS, fd, buf, 4096);
		if (r <= 0)
			break;
		for (long at = 0; at < r && n < 32;
			at += nr == READDIR ? r : (long)u16((size_t)at + 8)) {
			snprintf(names[n], sizeof(names[n]), "%s", buf + at + 10);
			if (nr == READDIR && strlen(names[n]) != u16(8))
				strcat(names[n], " of a wrong length");
			n++;
		}
	}
	close(fd);
	qsort(names, (size_t)n, sizeof(names[0]), compare);
	tap_check(&t, r == 0, "%s by %s: %d names", dir, nr == READDIR ? "readdir" : "getdents", n);
	for (int i = 0; i < n; i++)
		tap_check(&t, 1, "%s", names[i]);
}

static void dirs(void)
{
	int fd;

	C(MKDIR, S("dir"), 0755);
	make("dir/one", "");
	make("dir/another", "");
	C(LINK, S("dir/one"), S("dir/three"));
	C(RENAME, S("dir/one"), S("dir/1"));
	list("dir", READDIR);
	list("dir", GETDENTS);
	fd = open("dir", O_RDONLY);
	C(GETDENTS, fd, buf, 4);
	C(READDIR, fd, 8, 1);
	close(fd);
	C(CHDIR, S("dir"));
	tap_check(&t, CALL(GETCWD, buf, 4096) > 4 && strstr(buf, "/dir"), "getcwd");
	C(CHDIR, S(".."));
	C(UNLINK, S("dir/none"));
}

/* ---- locks ---- */

static void locks(void)
{
	int fd = open("f", O_RDWR);
	/* l_type, l_whence, l_start, l_len, l_pid */
	uint32_t *lock = WORDS(F_WRLCK, 2, 5, 0), *lock64 = WORDS(F_WRLCK, 20, 0, 5, 0, 0);

	C(FCNTL, fd, 6, lock);
	C(FCNTL64, fd, 13, lock64);
	C(FCNTL, fd, 13, lock64);
	if (fork() == 0) {
		C(FCNTL, fd, 5, lock);
		tap_check(&t, (lock[0] & 0xffff) == F_WRLCK && lock[1] == 2 && lock[2] == 5,
			"the lock is seen");
		C(FCNTL64, fd, 12, lock64);
		tap_check(&t, (lock64[0] & 0xffff) == F_WRLCK && lock64[1] == 20, "the other");
		_exit(0);
	}
	wait(NULL);
	close(fd);
}

/* ---- sockets ---- */

static void receive(int fd)
{
	char text[64] = "", control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *cm;
	int got;

	R(recvmsg(fd, &m, 0));
	tap_check(&t, 1, "received '%s'", text);
	cm = CMSG_FIRSTHDR(&m);
	if (!cm)
		return;
	memcpy(&got, CMSG_DATA(cm), sizeof(got));
	memset(text, 0, sizeof(text));
	R(pread(got, text, 10, 0));
	tap_check(&t, 1, "read from what came along: %s", text);
	close(got);
}

static void sockets(void)
{
	struct sockaddr_un sun = { AF_UNIX, "socket" };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), to = socket(AF_UNIX, SOCK_DGRAM, 0);
	int other = socket(AF_UNIX, SOCK_DGRAM, 0), file = open("f", O_RDONLY);
	uint32_t addr = P(keep(&sun, sizeof(sun)));
	uint32_t iov = P(WORDS(P(S("message")), 7));
	uint32_t cm = P(WORDS(16, SOL_SOCKET, SCM_RIGHTS, (uint32_t)file));
	uint32_t bad = P(WORDS(17, SOL_SOCKET, SCM_RIGHTS, (uint32_t)file));

	C(SOCKETCALL, 2, WORDS((uint32_t)to, addr, sizeof(sun)));
	C(SOCKETCALL, 2, WORDS((uint32_t)other, addr, sizeof(sun)));
	C(BIND, other, addr, sizeof(sun));
	show("socket");
	/* sendto, sendmsg with a name and a file, connect, sendmsg, sendmmsg */
	C(SOCKETCALL, 11, WORDS((uint32_t)fd, P(S("one")), 3, 0, addr, sizeof(sun)));
	receive(to);
	C(SOCKETCALL, 16, WORDS((uint32_t)fd, P(WORDS(addr, sizeof(sun), iov, 1, cm, 16, 0)), 0));
	receive(to);
	C(SOCKETCALL, 16, WORDS((uint32_t)fd, P(WORDS(addr, sizeof(sun), iov, 1, bad, 16, 0)), 0));
	C(SOCKETCALL, 3, WORDS((uint32_t)fd, addr, sizeof(sun)));
	C(SOCKETCALL, 16, WORDS((uint32_t)fd, P(WORDS(0, 0, iov, 1, cm, 16, 0)), 0));
	receive(to);
	C(SENDMMSG, other, WORDS(addr, sizeof(sun), iov, 1, 0, 0, 0, 0), 1, 0);
	receive(to);
	C(SOCKETCALL, 16, WORDS((uint32_t)fd, 8, 0));
	C(SOCKETCALL, 16, 8);
	C(SOCKETCALL, 99, 8);
	close(fd);
	close(to);
	close(other);
	close(file);
}

/* ---- exec ---- */

static void spawn(const char *path, uint32_t argv, uint32_t envp)
{
	void *word = S(path);
	int status = 0;

	fflush(stdout);
	if (fork() == 0) {
		C(EXECVE, word, argv, envp);
		_exit(1);
	}
	wait(&status);
	t.count += 2;
	tap_check(&t, 1, "%s ended with %x", path, status);
}

static void copy_program(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
	static char block[65536];
	ssize_t n;

	while ((n = read(in, block, sizeof(block))) > 0) {
		if (write(out, block, (size_t)n) != n)
			break;
	}
	tap_check(&t, n == 0, "a copy of the program");
	close(in);
	close(out);
}

static void execs(void)
{
	uint32_t argv = P(WORDS(P(S("name")), P(S("echo")), P(S("two words")), 0));
	uint32_t envp = P(WORDS(P(S("COMPAT=yes")), P(S("X=")), 0));

	copy_program("prog");
	make("script", "#!./prog echo\n");
	R(chmod("script", 0755));
	spawn("./prog", argv, envp);
	spawn("./script", argv, envp);
	spawn("./prog", argv, 0);
	spawn("./none", argv, envp);
	spawn("./f", argv, envp);
	spawn("./prog", 8, envp);
}

/* What the programs that are started above do. */
static int echo(int argc, char **argv)
{
	t.count = 1000;
	for (int i = 0; i < argc; i++)
		tap_check(&t, 1, "argument %d: %s", i, argv[i]);
	tap_check(&t, 1, "COMPAT is %s", getenv("COMPAT") ? getenv("COMPAT") : "not set");
	return 7;
}

int main(int argc, char **argv)
{
	umask(022);
	if (argc > 1 && !strcmp(argv[1], "echo"))
		return echo(argc, argv);
	if (!has_int80()) {
		puts("this kernel has no int $0x80");
		return 77;
	}
	/* as low as a non-PIE program's own */
	low = mmap((void *)0x20000000, LOW_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (low == MAP_FAILED)
		return 1;
	buf = low + SCRATCH;
	stats();
	times();
	owners();
	limits();
	data();
	large();
	copies();
	asynchronous();
	dirs();
	locks();
	sockets();
	execs();
	return tap_done(&t);
}
