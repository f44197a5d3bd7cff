/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that may be written without our seeing it (shared mappings, descriptors below VFD_BASE) are
 * compared by a 64-bit hash with what the server was last given or gave.
 */
#include "file/cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* The table is mapped, so that what belongs to the holes of a large file costs nothing. */
#define HASH_STEP ((size_t)4096)

static uint64_t hash_page(const unsigned char *p, size_t len)
{
	const uint64_t k = 0x9e3779b97f4a7c15ull;
	uint64_t h[4] = { k, k * 3, k * 5, k * 7 }, w[4];
	size_t i;

	for (i = 0; i + 32 <= len; i += 32) {
		memcpy(w, p + i, 32);
		for (int j = 0; j < 4; j++) {
			h[j] = (h[j] ^ w[j]) * k;
			h[j] ^= h[j] >> 29;
		}
	}
	for (; i < len; i++)
		h[0] = (h[0] ^ p[i]) * k;
	for (int j = 1; j < 4; j++) {
		h[0] = (h[0] ^ h[j]) * k;
		h[0] ^= h[0] >> 32;
	}
	h[0] ^= len;
	return h[0] ? h[0] : 1;
}

static int hash_room(struct filecache *c, uint64_t end)
{
	const size_t old = c->nhash * sizeof(*c->hash), step = HASH_STEP;
	size_t n = (size_t)((end + PAGE_HASH - 1) / PAGE_HASH),
	       size = (n * sizeof(*c->hash) + step - 1) & ~(step - 1);
	void *more;

	if (n <= c->nhash)
		return 0;
	more = c->hash ? mremap(c->hash, old, size, MREMAP_MAYMOVE)
		       : mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (more == MAP_FAILED)
		return -ENOMEM;
	c->hash = more;
	c->nhash = size / sizeof(*c->hash);
	return 0;
}

void cache_hash_free(struct filecache *c)
{
	if (c->hash)
		munmap(c->hash, c->nhash * sizeof(*c->hash));
	c->hash = NULL;
	c->nhash = 0;
}

void cache_hash_cut(struct filecache *c, uint64_t size)
{
	const size_t first = size / PAGE_HASH, step = HASH_STEP / sizeof(*c->hash);
	size_t whole = (first + step - 1) / step * step;

	for (size_t i = first; i < whole && i < c->nhash; i++)
		c->hash[i] = 0;
	if (whole < c->nhash)
		(void)madvise(
			c->hash + whole, (c->nhash - whole) * sizeof(*c->hash), MADV_DONTNEED);
}

/* Compares the pages of buf, the placeholder's content from off on; with the lock. Pages of which
 * the hash is another become dirty when `mark`, else they are as the server has them. */
static int hash_piece(
	struct filecache *c, const unsigned char *buf, uint64_t off, size_t len, bool mark)
{
	int r = hash_room(c, off + len);

	for (size_t at = 0; r == 0 && at < len; at += PAGE_HASH) {
		size_t n = len - at < PAGE_HASH ? len - at : PAGE_HASH;
		size_t page = (size_t)((off + at) / PAGE_HASH);
		uint64_t h = hash_page(buf + at, n);

		if (c->hash[page] == h)
			continue;
		if (mark) {
			uint64_t start = off + at, end = start + n;

			if (end > c->size)
				end = c->size;
			r = ranges_reserve(&c->filled, 1);
			if (r == 0)
				r = ranges_add(&c->dirty, start, end);
			if (r == 0)
				r = ranges_add(&c->filled, start, end);
		}
		if (r == 0)
			c->hash[page] = h;
	}
	return r;
}

void cache_hash_given(struct filecache *c, const void *buf, uint64_t off, size_t len)
{
	const uint64_t page = PAGE_HASH, first = (off + page - 1) / page * page;
	uint64_t end = off + len;

	/* the last page ends with the file */
	if (end < c->size)
		end = end / page * page;
	/* without memory for it a page is taken for written, which costs a write-back */
	if (c->hash && first < end)
		(void)!hash_piece(c, (const unsigned char *)buf + (first - off), first,
			(size_t)(end - first), false);
}

/* With the lock: what of [start, end) is a hole now and was none, since a guest has made it one
 * (MADV_REMOVE). */
static int hash_hole(struct filecache *c, uint64_t start, uint64_t end)
{
	static const unsigned char zero[PAGE_HASH];
	int r = 0;

	if (end > c->size)
		end = c->size;
	for (uint64_t at = start; r == 0 && at < end && at / PAGE_HASH < c->nhash;
		at += PAGE_HASH) {
		size_t len = end - at < PAGE_HASH ? (size_t)(end - at) : PAGE_HASH;

		if (c->hash[at / PAGE_HASH])
			r = hash_piece(c, zero, at, len, true);
	}
	return r;
}

bool cache_next_data(struct filecache *c, uint64_t *start, uint64_t end, uint64_t *ret_end)
{
	off_t at = *start <= INT64_MAX ? lseek(c->vf->place, (off_t)*start, SEEK_DATA) : -1, hole;

	if (at < 0 || (uint64_t)at >= end)
		return false;
	hole = lseek(c->vf->place, at, SEEK_HOLE);
	*start = (uint64_t)at & ~(uint64_t)(PAGE_HASH - 1);
	*ret_end = hole < 0 ? end : ((uint64_t)hole + PAGE_HASH - 1) & ~(uint64_t)(PAGE_HASH - 1);
	if (*ret_end > end)
		*ret_end = end;
	return true;
}

/* A piece of data. 1: there is more behind it, 0: the end of the file, -errno. */
static int hash_data(struct filecache *c, unsigned char *buf, uint64_t *at, uint64_t end, bool mark)
{
	size_t want = end - *at < BUF_SIZE ? (size_t)(end - *at) : BUF_SIZE;
	ssize_t n;
	int r;

	/* with the lock: what is filled in meanwhile has its hash with it */
	pthread_mutex_lock(&c->lock);
	n = pread(c->vf->place, buf, want, (off_t)*at);
	r = n < 0 ? -errno : n == 0 ? 0 : hash_piece(c, buf, *at, (size_t)n, mark);
	pthread_mutex_unlock(&c->lock);
	if (n <= 0)
		return r;
	*at += (uint64_t)n;
	return r < 0 ? r : *at % PAGE_HASH == 0;
}

int cache_hash_range(struct filecache *c, uint64_t start, uint64_t end, bool mark)
{
	uint64_t at = start & ~(uint64_t)(PAGE_HASH - 1);
	unsigned char *buf = files_buf_get(c->files);
	int r = buf ? 1 : -ENOMEM;

	while (r == 1 && at < end) {
		uint64_t data = at, to = end;
		bool more = cache_next_data(c, &data, end, &to);

		if (mark) {
			pthread_mutex_lock(&c->lock);
			r = hash_hole(c, at, more ? data : end);
			pthread_mutex_unlock(&c->lock);
			if (r < 0)
				break;
		}
		at = data;
		r = more ? hash_data(c, buf, &at, to, mark) : 0;
	}
	files_buf_put(c->files, buf);
	return r < 0 ? r : 0;
}
