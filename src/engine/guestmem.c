/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. process_vm_readv(2) on the thread that waits; where it is refused (a
 * process that is not dumpable) /proc/TID/mem, opened when needed. Neither holds the process in
 * place: the id may have been given to another one meanwhile, so each read is followed by
 * NOTIF_ID_VALID and each write preceded by it.
 *
 * Where both are refused (a program that runs from a file which we may not read) we are blind to
 * the guest: such calls go on in the kernel, and find what is there without the view.
 */
#include "engine/guestmem.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "engine/abi32.h"
#include "engine/nr.h"

#define PAGE 4096u
#define MAX_RW_COUNT 0x7ffff000ull

static int open_mem(const struct call *c, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", c->tid);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* One contiguous piece: bytes moved, or -errno. */
static ssize_t move_mem(struct call *c, gaddr_t at, void *buf, size_t len, bool write)
{
	_cleanup_fd_ int fd = open_mem(c, write ? O_RDWR : O_RDONLY);
	ssize_t n;

	if (fd < 0) {
		c->blind |= fd == -EACCES || fd == -EPERM;
		return -EFAULT;
	}
	n = write ? pwrite(fd, buf, len, (off_t)at.v) : pread(fd, buf, len, (off_t)at.v);
	return n < 0 ? -EFAULT : n;
}

static ssize_t read_some(struct call *c, gaddr_t src, void *dst, size_t len)
{
	struct iovec local = { dst, len };
	struct iovec remote = { (void *)(uintptr_t)src.v, len };
	uint64_t began = part_begin(c);
	ssize_t n = process_vm_readv(c->tid, &local, 1, &remote, 1, 0);
	int err = errno;

	part_end(c, PART_MEMORY, began);
	errno = err;
	if (n < 0 && (errno == EPERM || errno == ENOSYS))
		return move_mem(c, src, dst, len, false);
	if (n < 0)
		return errno == ESRCH ? -ESRCH : -EFAULT;
	return n;
}

static ssize_t write_some(struct call *c, gaddr_t dst, const void *src, size_t len)
{
	struct iovec local = { (void *)(uintptr_t)src, len };
	struct iovec remote = { (void *)(uintptr_t)dst.v, len };
	uint64_t began = part_begin(c);
	ssize_t n = process_vm_writev(c->tid, &local, 1, &remote, 1, 0);
	int err = errno;

	part_end(c, PART_MEMORY, began);
	errno = err;
	if (n < 0 && (errno == EPERM || errno == ENOSYS))
		return move_mem(c, dst, (void *)(uintptr_t)src, len, true);
	if (n < 0)
		return errno == ESRCH ? -ESRCH : -EFAULT;
	return n;
}

int guest_read(struct call *c, gaddr_t src, void *dst, size_t len)
{
	ssize_t n;

	if (len == 0)
		return 0;
	n = read_some(c, src, dst, len);
	if (n < 0)
		return (int)n;
	if (!call_alive(c))
		return -ESRCH;
	return (size_t)n == len ? 0 : -EFAULT;
}

int guest_write(struct call *c, gaddr_t dst, const void *src, size_t len)
{
	ssize_t n;

	if (len == 0)
		return 0;
	if (!call_alive(c))
		return -ESRCH;
	n = write_some(c, dst, src, len);
	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : -EFAULT;
}

ssize_t guest_read_word(struct call *c, gaddr_t src, char *dst, size_t size)
{
	size_t len = 0;

	while (len < size) {
		/* never across a page that the string may not reach; most strings need one read */
		size_t want = PAGE - (size_t)((src.v + len) & (PAGE - 1));
		ssize_t n;
		char *nul;

		if (want > size - len)
			want = size - len;
		if (len == 0 && want > 256)
			want = 256;
		n = read_some(c, gaddr_add(src, len), dst + len, want);
		if (n <= 0)
			return n == -ESRCH ? -ESRCH : -EFAULT;
		nul = memchr(dst + len, 0, (size_t)n);
		if (nul)
			return nul - dst;
		len += (size_t)n;
	}
	return -ENAMETOOLONG;
}

ssize_t guest_read_str(struct call *c, gaddr_t src, char *dst, size_t size)
{
	ssize_t n = guest_read_word(c, src, dst, size);

	return (n < 0 && n != -ENAMETOOLONG) || call_alive(c) ? n : -ESRCH;
}

bool guest_has(struct call *c, gaddr_t at)
{
	char path[64], line[PATH_MAX + 128], right;
	unsigned long long begin, end;
	FILE *f;
	bool has = c->blind;

	if (has)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/maps", c->tid);
	f = fopen(path, "re");
	while (f && !has && fgets(line, sizeof(line), f))
		has = sscanf(line, "%llx-%llx %c", &begin, &end, &right) == 3 && right == 'r' &&
		      at.v >= begin && at.v < end;
	if (f)
		(void)fclose(f); /* it was read from */
	return has && call_alive(c);
}

uint64_t guest_stack(struct call *c)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/syscall", c->tid);
	do {
		_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		unsigned long long sp;

		if (n <= 0)
			return 0;
		text[n] = '\0';
		if (sscanf(text, "%*s %*s %*s %*s %*s %*s %*s %llx", &sp) == 1)
			return sp;
		if (text[0] != 'r')
			return 0;
		sched_yield(); /* "running": it has asked us, and is not asleep yet */
	} while (call_alive(c));
	return 0;
}

/* The array of a 32-bit guest is read into the first half of the room, and widened from its end. */
static int read_iov32(struct call *c, gaddr_t iov, uint64_t count, struct iovec *v)
{
	const struct iovec32 *narrow = (const struct iovec32 *)v;
	int r = guest_read(c, iov, v, count * sizeof(*narrow));

	for (uint64_t i = count; r == 0 && i-- > 0;) {
		struct iovec32 one;

		memcpy(&one, narrow + i, sizeof(one));
		v[i].iov_base = (void *)(uintptr_t)one.base;
		v[i].iov_len = (size_t)(ssize_t)(int32_t)one.len; /* a negative one is refused */
	}
	return r;
}

int guest_read_iov(
	struct call *c, gaddr_t iov, uint64_t count, struct iovec **ret, size_t *ret_total)
{
	_cleanup_free_ struct iovec *v = NULL;
	uint64_t total = 0;
	int r;

	if (count > IOV_MAX)
		return -EINVAL;
	v = calloc(count ? count : 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	r = call_is32(c) ? read_iov32(c, iov, count, v) : guest_read(c, iov, v, count * sizeof(*v));
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < count; i++) {
		if ((ssize_t)v[i].iov_len < 0)
			return -EINVAL;
	}
	for (uint64_t i = 0; i < count; i++) {
		gaddr_t at = { (uint64_t)(uintptr_t)v[i].iov_base };

		if (!guest_range_ok(at, v[i].iov_len))
			return -EFAULT;
		if (v[i].iov_len > MAX_RW_COUNT - total)
			v[i].iov_len = MAX_RW_COUNT - total;
		total += v[i].iov_len;
	}
	*ret = take_ptr(&v);
	*ret_total = total;
	return 0;
}

/* The offset of the call; -1: it has none. */
static int io_offset(const struct call *c, int64_t *ret)
{
	const int64_t off = (int64_t)c->args[3];

	switch (c->nr) {
	case __NR_pread64:
	case __NR_pwrite64:
	case __NR_preadv:
	case __NR_pwritev:
		*ret = off;
		return off < 0 ? -EINVAL : 0;
	case __NR_preadv2:
	case __NR_pwritev2:
		*ret = off;
		return off < -1 ? -EINVAL : 0;
	default:
		*ret = -1;
		return 0;
	}
}

int guest_io_get(struct call *c, struct guest_io *ret)
{
	const uint64_t len = c->args[2];
	int r;

	*ret = (struct guest_io){ .n = 1 };
	r = io_offset(c, &ret->off);
	if (r < 0)
		return r;
	switch (c->nr) {
	case __NR_preadv2:
	case __NR_pwritev2:
		ret->rwf = (int)c->args[5];
		/* fall through */
	case __NR_readv:
	case __NR_writev:
	case __NR_preadv:
	case __NR_pwritev:
		ret->n = len;
		return guest_read_iov(c, call_addr(c, 1), len, &ret->many, &ret->total);
	default:
		if (!guest_range_ok(call_addr(c, 1), len))
			return -EFAULT;
		ret->total = len > MAX_RW_COUNT ? MAX_RW_COUNT : len;
		ret->one = (struct iovec){ (void *)(uintptr_t)c->args[1], ret->total };
		return 0;
	}
}

void guest_io_release(struct guest_io *io)
{
	free(io->many);
	io->many = NULL;
}

off_t guest_io_at(const struct guest_io *io, int fd)
{
	off_t at = io->off < 0 ? lseek(fd, 0, SEEK_CUR) : (off_t)io->off;

	return at < 0 ? -errno : at;
}

ssize_t guest_io_moved(const struct guest_io *io, int fd, off_t at, ssize_t n)
{
	return n > 0 && io->off < 0 && lseek(fd, at + n, SEEK_SET) < 0 ? -errno : n;
}

static ssize_t move_iov(struct call *c, const struct iovec *iov, size_t n, size_t skip, char *buf,
	size_t len, bool to_guest)
{
	size_t done = 0;

	if (to_guest && !call_alive(c))
		return -ESRCH;
	for (size_t i = 0; i < n && done < len; i++) {
		gaddr_t at = { (uint64_t)(uintptr_t)iov[i].iov_base };
		size_t want = iov[i].iov_len;
		ssize_t m;

		if (skip >= want) {
			skip -= want;
			continue;
		}
		at = gaddr_add(at, skip);
		want -= skip;
		skip = 0;
		if (want > len - done)
			want = len - done;
		m = to_guest ? write_some(c, at, buf + done, want)
			     : read_some(c, at, buf + done, want);
		if (m < 0)
			return done ? (ssize_t)done : m;
		done += (size_t)m;
		if ((size_t)m < want)
			break;
	}
	if (!to_guest && !call_alive(c))
		return -ESRCH;
	return (ssize_t)done;
}

ssize_t guest_gather(
	struct call *c, const struct iovec *iov, size_t n, size_t skip, void *dst, size_t len)
{
	return move_iov(c, iov, n, skip, dst, len, false);
}

ssize_t guest_scatter(
	struct call *c, const struct iovec *iov, size_t n, size_t skip, const void *src, size_t len)
{
	return move_iov(c, iov, n, skip, (char *)(uintptr_t)src, len, true);
}
