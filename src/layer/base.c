/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/base.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layer/tree.h"

static const char header[] = "umview-base 1";
static const char unread_word[] = "unread ";

enum {
	BASE_MAX = 1 << 30,
	NUMBERS_MAX = 256, /* the eleven of a record, as text */
};

int base_open(int layerfd)
{
	_cleanup_fd_ int fd = openat(
		layerfd, "base", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;
	int err;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	err = st.st_size ? 0 : write_all(fd, header, sizeof(header));
	return err < 0 ? err : take_fd(&fd);
}

int base_append(int fd, const struct stat *st, const char *path, bool unread)
{
	const size_t size = NUMBERS_MAX + sizeof(unread_word) + 2 * (strlen(path) + 1);
	_cleanup_free_ char *text = malloc(size);
	struct timespec at;
	size_t len;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	clock_gettime(CLOCK_REALTIME_COARSE, &at);
	len = (size_t)snprintf(text, size,
		      "%lld.%09ld %lld.%09ld %lld.%09ld %lld %" PRIuMAX " %o %u %u %s",
		      (long long)at.tv_sec, at.tv_nsec, (long long)st->st_ctim.tv_sec,
		      st->st_ctim.tv_nsec, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		      (long long)st->st_size, (uintmax_t)st->st_ino, st->st_mode, st->st_uid,
		      st->st_gid, path) +
	      1;
	if (unread)
		len += (size_t)snprintf(text + len, size - len, "%s%s", unread_word, path) + 1;
	n = write(fd, text, len);
	return n < 0 ? -errno : (size_t)n == len ? 0 : -ENOSPC;
}

static bool parse_record(const char *line, struct base_record *r)
{
	long long at, ctime, mtime, size;
	uintmax_t ino;
	int used = 0;

	if (sscanf(line, "%lld.%9ld %lld.%9ld %lld.%9ld %lld %" SCNuMAX " %o %u %u%n", &at,
		    &r->at.tv_nsec, &ctime, &r->ctime.tv_nsec, &mtime, &r->mtime.tv_nsec, &size,
		    &ino, &r->mode, &r->uid, &r->gid, &used) != 11 ||
		line[used] != ' ')
		return false;
	r->at.tv_sec = at;
	r->ctime.tv_sec = ctime;
	r->mtime.tv_sec = mtime;
	r->size = size;
	r->ino = (ino_t)ino;
	r->path = strdup(line + used + 1);
	return true;
}

/* Of equal paths the last record comes first, so that it is found. */
static int by_path(const void *a, const void *b)
{
	const struct base_record *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	return c ? c : x->order < y->order ? 1 : -1;
}

static void keep_last(struct base *base)
{
	size_t n = 0;

	for (size_t i = 0; i < base->n; i++) {
		if (n && strcmp(base->record[n - 1].path, base->record[i].path) == 0) {
			base->record[n - 1].unread |= base->record[i].unread;
			free(base->record[i].path);
		} else {
			base->record[n++] = base->record[i];
		}
	}
	base->n = n;
	for (size_t i = 0; i < n; i++)
		base->nunread += base->record[i].unread;
}

/* "unread PATH", which follows the record of that path. */
static bool take_unread(struct base *base, const char *line)
{
	const size_t len = sizeof(unread_word) - 1;

	if (strncmp(line, unread_word, len) != 0)
		return false;
	if (base->n && strcmp(base->record[base->n - 1].path, line + len) == 0)
		base->record[base->n - 1].unread = true;
	return true;
}

static int parse_all(struct base *base, const char *text, size_t len)
{
	size_t room = 0;

	for (const char *p = text, *end = text + len; p < end; p += strlen(p) + 1) {
		struct base_record r = { .order = base->n };

		if (!memchr(p, 0, (size_t)(end - p)))
			break; /* torn */
		if (p == text || take_unread(base, p) || !parse_record(p, &r))
			continue;
		if (base->n == room) {
			room = room ? room * 2 : 64;
			void *bigger = reallocarray(base->record, room, sizeof(r));

			if (!bigger)
				r.path = (free(r.path), NULL);
			else
				base->record = bigger;
		}
		if (!r.path)
			return -ENOMEM;
		base->record[base->n++] = r;
	}
	if (base->n)
		qsort(base->record, base->n, sizeof(*base->record), by_path);
	keep_last(base);
	return 0;
}

int base_read(int layerfd, struct base *ret)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int fd = openat(layerfd, "base", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char path[FD_PATH_MAX];
	size_t len;
	int err;

	*ret = (struct base){ 0 };
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = read_file(fd_path(path, fd), BASE_MAX, &text, &len);
	if (err < 0 || len == 0)
		return err;
	if (strcmp(text, header) != 0)
		return -EPROTONOSUPPORT;
	ret->recorded = true;
	return parse_all(ret, text, len);
}

void base_release(struct base *base)
{
	for (size_t i = 0; i < base->n; i++)
		free(base->record[i].path);
	free(base->record);
	*base = (struct base){ 0 };
}

const struct base_record *base_find(const struct base *base, const char *path)
{
	size_t low = 0, high = base->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = strcmp(path, base->record[mid].path);

		if (c == 0)
			return &base->record[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool base_unread_below(const struct base *base, const char *path)
{
	for (size_t i = 0; base->nunread && i < base->n; i++) {
		if (base->record[i].unread && tree_below(base->record[i].path, path))
			return true;
	}
	return false;
}

int base_compare_time(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec < b.tv_sec ? -1 : 1;
	return a.tv_nsec < b.tv_nsec ? -1 : a.tv_nsec > b.tv_nsec;
}

bool base_same(const struct base_record *r, const struct stat *st)
{
	if (r->mode != st->st_mode || r->uid != st->st_uid || r->gid != st->st_gid)
		return false;
	if (S_ISDIR(st->st_mode))
		return true;
	return r->ino == st->st_ino && r->size == st->st_size &&
	       base_compare_time(r->ctime, st->st_ctim) == 0 &&
	       base_compare_time(r->mtime, st->st_mtim) == 0;
}
