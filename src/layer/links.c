/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/links.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layer/entry.h"

static const char header[] = "umview-links 1";

enum { LINKS_MAX = 1 << 28, ROOM_FIRST = 64 };

struct link {
	uintmax_t ino; /* 0: free */
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/* A hash table with open addressing, at most half full; room is a power of two. */
struct links {
	size_t n, room;
	struct link *link;
};

static struct link *slot_of(const struct links *l, uintmax_t ino)
{
	size_t i = (size_t)((ino * 0x9e3779b97f4a7c15ull) >> 32) & (l->room - 1);

	while (l->link[i].ino && l->link[i].ino != ino)
		i = (i + 1) & (l->room - 1);
	return &l->link[i];
}

void links_free(struct links *links)
{
	if (!links)
		return;
	free(links->link);
	free(links);
}

static int grow(struct links *l)
{
	struct links bigger = { .n = l->n, .room = l->room ? l->room * 2 : ROOM_FIRST };

	bigger.link = calloc(bigger.room, sizeof(*bigger.link));
	if (!bigger.link)
		return -ENOMEM;
	for (size_t i = 0; i < l->room; i++) {
		if (l->link[i].ino)
			*slot_of(&bigger, l->link[i].ino) = l->link[i];
	}
	free(l->link);
	*l = bigger;
	return 0;
}

static int put(struct links *l, uintmax_t ino, const struct stat *st)
{
	int err = l->n * 2 >= l->room ? grow(l) : 0;
	struct link *slot;

	if (err < 0)
		return err;
	slot = slot_of(l, ino);
	l->n += !slot->ino;
	*slot = (struct link){ ino, st->st_uid, st->st_gid, st->st_mode & 07777 };
	return 0;
}

int links_put(struct links **links, ino_t ino, const struct stat *st)
{
	if (!*links)
		*links = calloc(1, sizeof(**links));
	return *links ? put(*links, ino, st) : -ENOMEM;
}

static int parse(struct links *l, const char *text, size_t len)
{
	int err = 0;

	for (const char *p = text + sizeof(header), *end = text + len;
		err == 0 && p < end && memchr(p, 0, (size_t)(end - p)); p += strlen(p) + 1) {
		struct stat st = { .st_mode = S_IFLNK };
		char *owner;
		uintmax_t ino = strtoumax(p, &owner, 10);

		if (ino && *owner == ' ' && entry_parse_override(owner + 1, &st))
			err = put(l, ino, &st);
	}
	return err;
}

int links_read(int layerfd, struct links **ret)
{
	_cleanup_fd_ int fd = openat(layerfd, "links", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
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
	err = read_file(fd_path(path, fd), LINKS_MAX, &text, &len);
	if (err == 0 && len && strcmp(text, header) != 0)
		err = -EPROTONOSUPPORT;
	if (err == 0 && len)
		err = parse(l, text, len);
	if (err < 0) {
		links_free(l);
		return err;
	}
	*ret = l;
	return 0;
}

bool links_apply(const struct links *links, struct stat *st)
{
	const struct link *l = links && links->room ? slot_of(links, st->st_ino) : NULL;

	if (!l || !l->ino)
		return false;
	st->st_uid = l->uid;
	st->st_gid = l->gid;
	st->st_mode = (st->st_mode & S_IFMT) | l->mode;
	return true;
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
