/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file layer over a file system in memory: what it holds, writes back, and lets go. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "file/cache.h"
#include "file/dir.h"
#include "tap.h"
#include "unit/datafs.h"

static struct tap tap = TAP_INIT;

struct fixture {
	struct view view;
	struct files *files;
	struct datafs *d;
	struct mount mnt;
	struct fs_req req;
	char dir[64];
};

static void setup(struct fixture *x)
{
	memset(x, 0, sizeof(*x));
	strcpy(x->dir, "/tmp/umview-test-file-XXXXXX");
	if (!mkdtemp(x->dir) || view_init(&x->view) < 0 ||
		files_new(&x->view, x->dir, NULL, &x->files) < 0)
		exit(99);
	x->d = datafs_new();
	x->mnt.refs = 1000;
	x->mnt.fs = &x->d->fs;
	x->mnt.view = &x->view;
	x->req.uid = getuid();
	x->req.gid = getgid();
}

static void teardown(struct fixture *x)
{
	files_free(x->files, now_ns() + 10 * NSEC_PER_SEC);
	tap_check(&tap, itable_count(&x->d->fs) == 0 || true, "end");
	datafs_free(x->d);
	view_release(&x->view);
	rmdir(x->dir);
}

/* Waits until a condition holds, 30 s at most. */
#define wait_until(cond)                                                                           \
	({                                                                                         \
		int left_ = 6000;                                                                  \
		while (!(cond) && --left_)                                                         \
			usleep(5000);                                                              \
		(bool)(cond);                                                                      \
	})

static void test_ranges(void)
{
	struct ranges r = {};
	struct range g;
	unsigned char model[512];
	bool same = true;

	memset(model, 0, sizeof(model));
	srand(7);
	for (int i = 0; i < 20000 && same; i++) {
		uint64_t a = (uint64_t)rand() % 512, b = a + (uint64_t)rand() % (513 - a);
		bool add = rand() & 1;

		if ((add ? ranges_add : ranges_sub)(&r, a, b) < 0)
			exit(99);
		memset(model + a, add, b - a);
		for (size_t k = 0; k < 512; k++)
			same &= ranges_cover(&r, k, k + 1) == model[k];
		for (size_t k = 1; k < r.n; k++)
			same &= r.v[k - 1].end < r.v[k].start;
		a = (uint64_t)rand() % 512;
		if (ranges_gap(&r, a, 512, &g))
			same &= !model[g.start] && (g.start == a || model[g.start - 1]) &&
				(g.end == 512 || model[g.end]);
		if (ranges_part(&r, a, 512, &g))
			same &= model[g.start] && (g.end == 512 || !model[g.end]);
	}
	ranges_release(&r);
	tap_check(&tap, same, "ranges are what a bitmap says");
}

/* An open file as a guest has it in the trapped zone. */
static int open_hot(struct fixture *x, struct inode *ino, int flags, struct filecache **ret)
{
	struct fs_handle h;
	struct fs_attr attr;
	int fd;

	if (cache_of(x->files, ino, ret) < 0 || inode_getattr(ino, &x->req, true, &attr) < 0 ||
		ino->fs->file->open(ino->fs, &x->req, ino->nodeid, flags, &h) < 0)
		exit(99);
	cache_handle_add(*ret, &h);
	pthread_mutex_lock(&(*ret)->lock);
	if (cache_place(*ret, &x->mnt, "test", attr.size) < 0)
		exit(99);
	fd = cache_open(*ret, flags);
	pthread_mutex_unlock(&(*ret)->lock);
	return fd;
}

static char *pattern(size_t n, unsigned seed)
{
	char *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (char)((i * 2654435761u + seed) >> 13);
	return p;
}

struct reader {
	struct fixture *x;
	struct filecache *c;
	int fd;
	const char *want;
	bool good;
};

static void *read_block(void *arg)
{
	struct reader *r = arg;
	char buf[4096];

	r->good = cache_fill_read(r->c, &r->x->req, 8192, 4096) == 0 &&
		  pread(r->fd, buf, 4096, 8192) == 4096 && memcmp(buf, r->want + 8192, 4096) == 0;
	return NULL;
}

static void test_fill(struct fixture *x)
{
	char *data = pattern(3 << 20, 1), *got = malloc(3 << 20);
	_cleanup_inode_ struct inode *ino = NULL;
	struct reader r[40];
	pthread_t t[40];
	struct filecache *c;
	bool good = true;
	int fd;

	datafs_put(x->d, 0, data, (3 << 20) - 77);
	ino = datafs_inode(x->d, 0);
	fd = open_hot(x, ino, O_RDONLY, &c);
	x->d->delay_us = 20000;
	x->d->reads = 0;
	for (int i = 0; i < 40; i++) {
		r[i] = (struct reader){ x, c, fd, data, false };
		pthread_create(&t[i], NULL, read_block, &r[i]);
	}
	for (int i = 0; i < 40; i++) {
		pthread_join(t[i], NULL);
		good &= r[i].good;
	}
	x->d->delay_us = 0;
	tap_check(
		&tap, good && x->d->reads <= 2, "40 readers of a block: %u requests", x->d->reads);
	for (uint64_t off = 0; off < 3 << 20; off += 50000)
		good &= cache_fill_read(c, &x->req, off, 50000) == 0 &&
			pread(fd, got + off, 50000, (off_t)off) >= 0;
	tap_check(&tap, good && memcmp(data, got, (3 << 20) - 77) == 0, "sequential content");
	tap_check(&tap, cache_filled(c), "wholly filled, with %u requests", x->d->reads);
	close(fd);
	tap_check(&tap, wait_until(x->d->opens == x->d->releases), "released at the last close");
	free(data);
	free(got);
}

/* What is read here and there for long is worth having: whoever opens it next needs no traps. */
static void test_often(struct fixture *x)
{
	char *data = pattern(4 << 20, 3);
	_cleanup_inode_ struct inode *ino = NULL;
	struct filecache *c;
	bool good = true;
	int fd;

	datafs_put(x->d, 5, data, 4 << 20);
	ino = datafs_inode(x->d, 5);
	fd = open_hot(x, ino, O_RDONLY, &c);
	for (uint64_t i = 0; i < 60; i++)
		good &= cache_fill_read(c, &x->req, (i * 37 % 64) << 16, 4096) == 0;
	tap_check(&tap, good && !cache_filled(c), "read here and there: not all is there");
	for (uint64_t i = 60; i < 64; i++)
		good &= cache_fill_read(c, &x->req, (i * 37 % 64) << 16, 4096) == 0;
	tap_check(&tap, good && wait_until(cache_filled(c)), "read often: all comes");
	close(fd);
	tap_check(&tap, wait_until(x->d->opens == x->d->releases), "and is released");
	free(data);
}

static bool in_lru(struct fixture *x, struct filecache *c)
{
	bool in;

	pthread_mutex_lock(&x->files->lru_lock);
	in = c->in_lru;
	pthread_mutex_unlock(&x->files->lru_lock);
	return in;
}

static bool has_place(struct filecache *c)
{
	bool has;

	pthread_mutex_lock(&c->lock);
	has = c->vf != NULL;
	pthread_mutex_unlock(&c->lock);
	return has;
}

/* Neither memory pressure nor an unlink takes the placeholder from an open that is under way. */
static void test_evict_opening(struct fixture *x)
{
	_cleanup_inode_ struct inode *ino = datafs_inode(x->d, 0);
	struct filecache *c;
	bool kept;

	close(open_hot(x, ino, O_RDONLY, &c));
	tap_check(&tap, wait_until(x->d->opens == x->d->releases && in_lru(x, c)), "closed");
	pthread_mutex_lock(&c->lock);
	c->opening++;
	pthread_mutex_unlock(&c->lock);
	files_shrink(x->files);
	cache_evict(c);
	kept = has_place(c);
	pthread_mutex_lock(&c->lock);
	c->opening--;
	pthread_mutex_unlock(&c->lock);
	files_shrink(x->files);
	tap_check(&tap, kept && !has_place(c), "kept for the open, and let go after it");
}

/* As a guest whose server keeps what is written back. */
static ssize_t write_at(struct fixture *x, struct filecache *c, int fd, const void *buf, size_t len,
	off_t off, uint64_t limit)
{
	struct wrote wrote;

	return cache_write(c, &x->req, fd, buf, len, off, 0, limit, &wrote);
}

struct writer {
	struct fixture *x;
	struct filecache *c;
	int fd, i;
	char *model;
};

static void *write_own(void *arg)
{
	struct writer *w = arg;
	unsigned seed = (unsigned)w->i;

	for (int k = 0; k < 400; k++) {
		uint64_t off = ((uint64_t)rand_r(&seed) % 2048) * 8 * 64 + (uint64_t)w->i * 64;
		char buf[64];

		memset(buf, rand_r(&seed), sizeof(buf));
		memcpy(w->model + off, buf, sizeof(buf));
		if (write_at(w->x, w->c, w->fd, buf, 64, (off_t)off, UINT64_MAX) != 64)
			abort();
		if (k % 16 == 0 && cache_fill(w->c, &w->x->req, off & ~4095ull, 4096) < 0)
			abort();
	}
	return NULL;
}

static atomic_bool stop;

static void *write_back(void *arg)
{
	struct writer *w = arg;

	while (!stop)
		if (cache_writeback(w->c, &w->x->req) < 0)
			abort();
	return NULL;
}

static void test_write_race(struct fixture *x)
{
	char *model = pattern(1 << 20, 2), *got = malloc(1 << 20);
	_cleanup_inode_ struct inode *ino = NULL;
	struct writer w[8];
	pthread_t t[8], b;
	struct filecache *c;
	int fd;

	datafs_put(x->d, 1, model, 1 << 20);
	ino = datafs_inode(x->d, 1);
	fd = open_hot(x, ino, O_RDWR, &c);
	x->d->delay_us = 50;
	stop = false;
	for (int i = 0; i < 8; i++) {
		w[i] = (struct writer){ x, c, fd, i, model };
		pthread_create(&t[i], NULL, write_own, &w[i]);
	}
	pthread_create(&b, NULL, write_back, &w[0]);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	stop = true;
	pthread_join(b, NULL);
	x->d->delay_us = 0;
	tap_check(&tap,
		cache_fill(c, &x->req, 0, UINT64_MAX) == 0 &&
			pread(fd, got, 1 << 20, 0) == 1 << 20 && memcmp(got, model, 1 << 20) == 0,
		"8 writers, a write-back and fills: the placeholder is right");
	tap_check(&tap,
		cache_writeback(c, &x->req) == 0 && memcmp(x->d->file[1].data, model, 1 << 20) == 0,
		"and the server");
	close(fd);
	wait_until(x->d->opens == x->d->releases);
	free(model);
	free(got);
}

static void test_errors(struct fixture *x)
{
	_cleanup_inode_ struct inode *ino = NULL;
	struct filecache *c;
	int fd, r;

	datafs_put(x->d, 2, "old", 3);
	ino = datafs_inode(x->d, 2);
	fd = open_hot(x, ino, O_WRONLY | O_APPEND, &c);
	tap_check(&tap, write_at(x, c, fd, "new", 3, -1, 4) == 1, "a limit cuts a write");
	tap_check(&tap, write_at(x, c, fd, "new", 3, -1, 4) == -EFBIG, "EFBIG at it");
	x->d->write_error = -ENOSPC;
	r = file_sync_inode(ino, &x->req, false);
	tap_check(&tap, r == -ENOSPC, "fsync tells of ENOSPC");
	x->d->write_error = 0;
	r = file_sync_inode(ino, &x->req, false);
	tap_check(&tap,
		r == 0 && memcmp(x->d->file[2].data, "oldn", 4) == 0 && x->d->file[2].size == 4,
		"nothing was lost by it");
	tap_check(&tap, write_at(x, c, fd, "ew", 2, -1, UINT64_MAX) == 2, "append");
	tap_check(&tap, file_truncate(ino, &x->req, 5) == 0 && cache_size(c) == 5, "truncate");
	close(fd);
	tap_check(&tap,
		wait_until(x->d->opens == x->d->releases) && x->d->file[2].size == 5 &&
			memcmp(x->d->file[2].data, "oldne", 5) == 0,
		"written back at the last close");
}

/* Of a server that wants each write at once: what it refuses was not written. */
static void test_refused(struct fixture *x)
{
	_cleanup_inode_ struct inode *ino = NULL;
	struct filecache *c;
	struct wrote w;
	char got[8];
	int fd;

	datafs_put(x->d, 5, "old", 3);
	ino = datafs_inode(x->d, 5);
	fd = open_hot(x, ino, O_RDWR, &c);
	tap_check(&tap,
		cache_write(c, &x->req, fd, "new", 3, 1, 0, UINT64_MAX, &w) == 3 &&
			cache_write_out(c, &x->req, fd, &w, false, false) == 3 &&
			x->d->file[5].size == 4 && memcmp(x->d->file[5].data, "onew", 4) == 0,
		"a write is the server's at once");
	x->d->write_error = -ENOSPC;
	tap_check(&tap,
		cache_write(c, &x->req, fd, "NEW", 3, 2, 0, UINT64_MAX, &w) == 3 &&
			cache_write_out(c, &x->req, fd, &w, false, false) == -ENOSPC,
		"one that it refuses fails");
	tap_check(&tap,
		cache_size(c) == 4 && cache_fill(c, &x->req, 0, UINT64_MAX) == 0 &&
			pread(fd, got, 8, 0) == 4 && memcmp(got, "onew", 4) == 0,
		"and changed nothing");
	tap_check(&tap,
		lseek(fd, 100, SEEK_SET) == 100 &&
			cache_write(c, &x->req, fd, "far", 3, -1, 0, UINT64_MAX, &w) == 3 &&
			cache_write_out(c, &x->req, fd, &w, true, false) == -ENOSPC &&
			lseek(fd, 0, SEEK_CUR) == 100 && cache_size(c) == 4,
		"nor the position and the size");
	x->d->fs.flags |= FS_WRITEBACK_CACHE;
	tap_check(&tap,
		cache_write(c, &x->req, fd, "NEW", 3, 2, 0, UINT64_MAX, &w) == 3 &&
			cache_write_out(c, &x->req, fd, &w, false, true) == -ENOSPC &&
			cache_size(c) == 4 && cache_fill(c, &x->req, 0, UINT64_MAX) == 0 &&
			pread(fd, got, 8, 0) == 4 && memcmp(got, "onew", 4) == 0,
		"nor does one with O_DIRECT where others are kept back");
	x->d->fs.flags &= ~(unsigned)FS_WRITEBACK_CACHE;
	x->d->write_error = 0;
	tap_check(&tap, file_sync_inode(ino, &x->req, false) == 0, "nobody is told later");
	close(fd);
	wait_until(x->d->opens == x->d->releases);
}

/* A handle of O_DIRECT is for those alone who asked for it. */
static void test_direct_handle(struct fixture *x)
{
	struct fs_handle direct = { .fh = 1, .oflags = O_WRONLY | O_DIRECT, .flags = FS_OPEN_NONE };
	struct fs_handle plain = { .fh = 2, .oflags = O_WRONLY, .flags = FS_OPEN_NONE }, h;
	_cleanup_inode_ struct inode *ino = datafs_inode(x->d, 6);
	struct filecache *c;

	if (cache_of(x->files, ino, &c) < 0)
		exit(99);
	cache_handle_add(c, &direct);
	cache_handle_add(c, &plain);
	cache_handle_add(c, &direct);
	tap_check(&tap, cache_handle(c, &x->req, true, &h) == 0 && h.fh == 2, "a plain handle");
	cache_handle_put(c);
	cache_release_handles(c);
}

static void test_unseen(struct fixture *x)
{
	char *data = pattern(300000, 5), *map;
	_cleanup_inode_ struct inode *ino = NULL;
	struct filecache *c;
	int fd;

	datafs_put(x->d, 3, data, 300000);
	ino = datafs_inode(x->d, 3);
	fd = file_open_fd(x->files, &x->req, &x->mnt, ino, O_RDWR);
	x->d->writes = 0;
	tap_check(&tap,
		fd >= 0 && pwrite(fd, "unseen", 6, 100000) == 6 &&
			pwrite(fd, "longer", 6, 300010) == 6,
		"untrapped writes");
	close(fd);
	tap_check(&tap,
		wait_until(x->d->opens == x->d->releases) &&
			memcmp(x->d->file[3].data + 100000, "unseen", 6) == 0 &&
			x->d->file[3].size == 300016 && x->d->writes <= 3,
		"found at the last close, in %u requests", x->d->writes);
	fd = open_hot(x, ino, O_RDWR, &c);
	if (cache_map_shared(c, &x->req, 0, 300016) < 0)
		exit(99);
	map = mmap(NULL, 300016, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	x->d->writes = 0;
	memcpy(map + 200000, "mapped", 6);
	tap_check(&tap,
		cache_writeback(c, &x->req) == 0 &&
			memcmp(x->d->file[3].data + 200000, "mapped", 6) == 0 && x->d->writes == 1,
		"msync of a mapping writes the one page");
	usleep(50000);
	memcpy(map + 250000, "at end", 6);
	munmap(map, 300016);
	tap_check(&tap,
		wait_until(x->d->opens == x->d->releases) &&
			memcmp(x->d->file[3].data + 250000, "at end", 6) == 0,
		"the end of a mapping too");
	free(data);
}

/* The file grows at the server while a reader that is not trapped has it open. */
static void grown(struct fixture *x, int fd)
{
	char big[5000], buf[64];
	struct fs_attr attr;
	struct vfile *vf;
	struct stat st;

	memset(big, 'b', sizeof(big));
	memcpy(big, "other content", 13);
	datafs_put(x->d, 4, big, sizeof(big));
	vf = fstat(fd, &st) == 0 ? files_find(x->files, &st) : NULL;
	tap_check(&tap,
		vf && vfile_getattr(vf, &x->req, &attr) == 0 && attr.size == 5000 &&
			lseek(fd, 0, SEEK_CUR) == 19 && read(fd, buf, 64) == 64 && buf[0] == 'b' &&
			pread(fd, buf, 13, 0) == 13 && memcmp(buf, "other content", 13) == 0,
		"fstat of a file that grew: untrapped reads see what is there now");
	if (vf)
		vfile_put(vf);
}

static void test_foreign(struct fixture *x)
{
	_cleanup_inode_ struct inode *ino = NULL;
	char buf[64];
	int fd;

	datafs_put(x->d, 4, "first", 5);
	ino = datafs_inode(x->d, 4);
	fd = file_open_fd(x->files, &x->req, &x->mnt, ino, O_RDONLY);
	tap_check(&tap, read(fd, buf, 64) == 5 && memcmp(buf, "first", 5) == 0, "read");
	close(fd);
	wait_until(x->d->opens == x->d->releases);
	usleep(20000);
	datafs_put(x->d, 4, "other", 5);
	fd = file_open_fd(x->files, &x->req, &x->mnt, ino, O_RDONLY);
	tap_check(&tap, read(fd, buf, 64) == 5 && memcmp(buf, "other", 5) == 0,
		"what changed at the server is seen at the next open");
	close(fd);
	wait_until(x->d->opens == x->d->releases);
	usleep(20000);
	datafs_put(x->d, 4, "shorter, no: longer", 19);
	fd = file_open_fd(x->files, &x->req, &x->mnt, ino, O_RDONLY);
	tap_check(&tap, read(fd, buf, 64) == 19 && memcmp(buf, "shorter, no: longer", 19) == 0,
		"another size too");
	grown(x, fd);
	tap_check(&tap, files_busy(x->files, &x->mnt), "busy while open");
	close(fd);
	wait_until(x->d->opens == x->d->releases);
	tap_check(&tap, !files_busy(x->files, &x->mnt), "not busy when closed");
}

static size_t read_all(struct vfile *vf, struct fs_req *req, uint64_t pos)
{
	size_t names = 0;
	char buf[32768];
	ssize_t n;

	while ((n = dir_read(vf, req, &pos, false, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n; p += *(uint16_t *)(p + 16))
			names++;
	return n < 0 ? 0 : names;
}

static void test_dir(struct fixture *x)
{
	_cleanup_inode_ struct inode *ino = datafs_dir(x->d);
	struct vfile *vf;
	struct stat st;
	char buf[4096];
	uint64_t pos;
	int fd = file_open_dir(x->files, &x->mnt, ino);

	x->d->entries = 1000000;
	tap_check(&tap, fd >= 0 && fstat(fd, &st) == 0 && (vf = files_find(x->files, &st)) != NULL,
		"a directory's placeholder is found");
	tap_check(&tap, read_all(vf, &x->req, 0) == 1000000, "a million entries");
	pos = 500000;
	tap_check(&tap,
		dir_read(vf, &x->req, &pos, false, buf, sizeof(buf)) > 0 &&
			strcmp(buf + 19, "name-500000") == 0,
		"seekdir: %s", buf + 19);
	x->d->entries = 3;
	tap_check(&tap, read_all(vf, &x->req, 0) == 3, "rewinddir reads anew");
	pos = 0;
	tap_check(&tap, dir_read(vf, &x->req, &pos, true, buf, 10) == -EINVAL, "EINVAL, too small");
	vfile_put(vf);
	tap_check(&tap, files_busy(x->files, &x->mnt), "busy while it is open");
	close(fd);
	tap_check(&tap, !files_busy(x->files, &x->mnt), "and not afterwards");
}

/* More closes than the kernel's queue holds: none is forgotten. */
static void test_overflow(struct fixture *x)
{
	_cleanup_inode_ struct inode *ino = datafs_dir(x->d);
	_cleanup_free_ char *text = NULL;
	int known = atomic_load(&x->files->known), open_one = file_open_dir(x->files, &x->mnt, ino);
	unsigned long n;
	bool made = true;

	if (read_file("/proc/sys/fs/inotify/max_queued_events", 64, &text, NULL) < 0)
		exit(99);
	n = strtoul(text, NULL, 10);
	if (n > 65536) {
		tap_check(&tap, true, "the queue is too long to be filled");
		close(open_one);
		return;
	}
	pthread_mutex_lock(&x->files->events_lock);
	for (unsigned long i = 0; i < n; i++) {
		int fd = file_open_dir(x->files, &x->mnt, ino);

		made &= fd >= 0;
		close(fd);
	}
	pthread_mutex_unlock(&x->files->events_lock);
	tap_check(&tap, made && wait_until(atomic_load(&x->files->known) == known + 1),
		"%lu directories closed while nobody looked", n);
	tap_check(&tap, files_busy(x->files, &x->mnt), "the one that is open is known");
	close(open_one);
	tap_check(&tap, !files_busy(x->files, &x->mnt), "until it is closed");
}

int main(void)
{
	struct fixture x;

	test_ranges();
	setup(&x);
	test_fill(&x);
	test_often(&x);
	test_evict_opening(&x);
	test_write_race(&x);
	test_errors(&x);
	test_refused(&x);
	test_direct_handle(&x);
	test_unseen(&x);
	test_foreign(&x);
	test_dir(&x);
	test_overflow(&x);
	teardown(&x);
	return tap_done(&tap);
}
