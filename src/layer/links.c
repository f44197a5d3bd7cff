/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/links.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layer/entry.h"

static const char header[] = "umview-links 1";

enum { LINKS_MAX = 1 << 28 };

struct links {
	size_t n;
	struct link {
		uintmax_t ino;
		size_t order;
		const char *owner; /* in text */
	} * link;		   /* by number, the last of equal ones first */
	char *text;
};

static int by_ino(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->order < y->order ? 1 : -1;
}

void links_free(struct links *links)
{
	if (!links)
		return;
	free(links->link);
	free(links->text);
	free(links);
}

static int parse(struct links *l, size_t len)
{
	size_t max = 0;

	for (size_t i = 0; i < len; i++)
		max += l->text[i] == 0;
	l->link = calloc(max + 1, sizeof(*l->link));
	if (!l->link)
		return -ENOMEM;
	for (char *p = l->text + sizeof(header), *end = l->text + len;
		p < end && memchr(p, 0, (size_t)(end - p)); p += strlen(p) + 1) {
		char *owner;
		uintmax_t ino = strtoumax(p, &owner, 10);

		if (*owner == ' ')
			l->link[l->n] = (struct link){ ino, l->n, owner + 1 }, l->n++;
	}
	qsort(l->link, l->n, sizeof(*l->link), by_ino);
	return 0;
}

int links_read(int layerfd, struct links **ret)
{
	_cleanup_fd_ int fd = openat(layerfd, "links", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct links *l;
	char path[FD_PATH_MAX];
	size_t len = 0;
	int err;

	*ret = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	err = read_file(fd_path(path, fd), LINKS_MAX, &l->text, &len);
	if (err == 0 && len && strcmp(l->text, header) != 0)
		err = -EPROTONOSUPPORT;
	if (err == 0 && len)
		err = parse(l, len);
	if (err < 0) {
		links_free(l);
		return err;
	}
	*ret = l;
	return 0;
}

void links_apply(const struct links *links, struct stat *st)
{
	size_t low = 0, high = links->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (links->link[mid].ino < st->st_ino)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < links->n && links->link[low].ino == st->st_ino)
		(void)entry_parse_override(links->link[low].owner, st); /* else it stays as it is */
}

int links_append(int layerfd, ino_t ino, const struct stat *st)
{
	_cleanup_fd_ int fd = openat(
		layerfd, "links", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat now;
	char owner[64], line[128];
	int err, n;

	if (fd < 0 || fstat(fd, &now) < 0)
		return -errno;
	err = now.st_size ? 0 : write_all(fd, header, sizeof(header));
	if (err < 0)
		return err;
	entry_format_override(st, owner);
	n = snprintf(line, sizeof(line), "%ju %s", (uintmax_t)ino, owner);
	return write_all(fd, line, (size_t)n + 1);
}
