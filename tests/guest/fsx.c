/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random operations on one file, each checked against a copy in memory, in the manner of fsx:
 * through descriptors of both zones, mappings, other processes, and after closing it.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "guest.h"

#define MAX (1 << 20)
#define LOW 40

static unsigned char model[MAX], buf[MAX];
static int size, fd = -1;
static unsigned seed;

static int rnd(int n)
{
	return n <= 0 ? 0 : (int)(rand_r(&seed) % (unsigned)n);
}

static void fail(int op, const char *what)
{
	printf("not ok %d - operation %d: %s (size %d, %s)\n", ++t.count, op, what, size,
		strerror(errno));
	exit(1);
}

static void fill(int off, int len)
{
	int v = rnd(256);

	for (int i = 0; i < len; i++)
		buf[i] = (unsigned char)(v + i * 3 + off);
}

static void put(int off, int len)
{
	if (off > size)
		memset(model + size, 0, (size_t)(off - size));
	memcpy(model + off, buf, (size_t)len);
	if (off + len > size)
		size = off + len;
}

static void do_write(int op, int to)
{
	int off = rnd(MAX - 70000), len = rnd(rnd(3) ? 5000 : 70000) + 1;

	fill(off, len);
	if (pwrite(to, buf, (size_t)len, off) != len)
		fail(op, "write");
	put(off, len);
}

static void do_read(int op, int from)
{
	int off = rnd(size + 1), len = rnd(rnd(3) ? 5000 : 200000) + 1;
	int want = off + len > size ? size - off : len;

	if (pread(from, buf, (size_t)len, off) != want)
		fail(op, "length of a read");
	if (memcmp(buf, model + off, (size_t)want))
		fail(op, "content of a read");
}

static void do_truncate(int op)
{
	int to = rnd(MAX);

	if (rnd(2) ? ftruncate(fd, to) : truncate("x", to))
		fail(op, "truncate");
	if (to > size)
		memset(model + size, 0, (size_t)(to - size));
	size = to;
}

static void do_map(int op, int write)
{
	int off = rnd(size) & ~4095, len = size - off;
	unsigned char *p;

	if (len <= 0)
		return;
	if (len > 100000)
		len = 100000;
	p = mmap(NULL, (size_t)len, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, off);
	if (p == MAP_FAILED)
		fail(op, "mmap");
	if (memcmp(p, model + off, (size_t)len))
		fail(op, "content of a mapping");
	if (write) {
		fill(off, len);
		memcpy(p, buf, (size_t)len);
		put(off, len);
		if (rnd(3) == 0 && msync(p, (size_t)len, MS_SYNC))
			fail(op, "msync");
	}
	munmap(p, (size_t)len);
}

static void do_reopen(int op)
{
	if (close(fd))
		fail(op, "close");
	fd = open("x", O_RDWR);
	if (fd < 0)
		fail(op, "open");
}

/* A descriptor at a low number: its writes are nobody's to see. */
static void do_low(int op)
{
	if (dup2(fd, LOW) != LOW)
		fail(op, "dup2");
	for (int i = rnd(5); i >= 0; i--)
		do_write(op, LOW);
	do_read(op, LOW);
	do_read(op, fd);
	if (rnd(2) && fsync(LOW))
		fail(op, "fsync");
	close(LOW);
}

static void do_append(int op)
{
	int a = open("x", O_WRONLY | O_APPEND), len = rnd(4000) + 1;

	if (size + len < MAX) {
		fill(size, len);
		if (rnd(2) && dup2(a, LOW) == LOW) {
			close(a);
			a = LOW;
		}
		if (write(a, buf, (size_t)len) != len)
			fail(op, "append");
		put(size, len);
	}
	close(a);
}

static void do_child(int op)
{
	int off = rnd(MAX - 5000), len = rnd(5000) + 1, st;
	pid_t pid;

	fill(off, len);
	pid = fork();
	if (pid == 0) {
		int own = open("x", O_RDWR);

		_exit(pwrite(rnd(2) ? own : fd, buf, (size_t)len, off) != len);
	}
	waitpid(pid, &st, 0);
	if (st)
		fail(op, "child");
	put(off, len);
}

static void do_copy(int op)
{
	int from = rnd(size), to = rnd(MAX - 60000), len = rnd(50000);
	off_t in = from, out = to;

	if (from + len > size)
		len = size - from;
	if (len <= 0 || (from < to + len && to < from + len))
		return;
	if (copy_file_range(fd, &in, fd, &out, (size_t)len, 0) != len)
		fail(op, "copy_file_range");
	memcpy(buf, model + from, (size_t)len);
	put(to, len);
}

static void do_stat(int op)
{
	struct stat st;

	if ((rnd(2) ? stat("x", &st) : fstat(fd, &st)) || st.st_size != size)
		fail(op, "size in stat");
}

static void run(unsigned start, int ops)
{
	seed = start;
	size = 0;
	fd = open("x", O_RDWR | O_CREAT | O_TRUNC, 0644);
	for (int op = 0; op < ops; op++) {
		switch (rnd(14)) {
		case 0:
		case 1:
		case 2:
			do_write(op, fd);
			break;
		case 3:
		case 4:
			do_read(op, fd);
			break;
		case 5:
			do_truncate(op);
			break;
		case 6:
			do_map(op, 1);
			break;
		case 7:
			do_map(op, 0);
			break;
		case 8:
			do_reopen(op);
			break;
		case 9:
			do_low(op);
			break;
		case 10:
			do_append(op);
			break;
		case 11:
			do_child(op);
			break;
		case 12:
			do_copy(op);
			break;
		case 13:
			do_stat(op);
			if (rnd(5) == 0 && fsync(fd))
				fail(op, "fsync");
			break;
		}
	}
	close(fd);
	fd = open("x", O_RDONLY);
	if (pread(fd, buf, MAX, 0) != size || memcmp(buf, model, (size_t)size))
		fail(ops, "content at the end");
	close(fd);
	tap_check(&t, 1, "%d operations from %u, size %d", ops, start, size);
}

int main(int argc, char **argv)
{
	int ops = argc > 1 ? atoi(argv[1]) : 300;
	unsigned first = argc > 2 ? (unsigned)atoi(argv[2]) : 1;

	for (unsigned s = first; s < first + 10; s++)
		run(s, ops);
	return tap_done(&t);
}
