/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/links.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layer/attrs.h"
#include "layer/entry.h"

static const char header[] = "umview-links 1";

enum {
	LINKS_MAX = 1 << 28,
	ROOM_FIRST = 64,
	/* ext4 has a block for those of a file */
	ATTRS_MAX = 1 << 14,
	ALL_ATTRS_MAX = 1 << 26,
};

struct link {
	uintmax_t ino; /* 0: free */
	bool owned;    /* uid, gid and mode are known */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	struct attrs attrs;
};

/* A hash table with open addressing, at most half full; room is a power of two. */
struct links {
	size_t n, room;
	size_t bytes; /* of attributes */
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
	for (size_t i = 0; i < links->room; i++)
		attrs_release(&links->link[i].attrs);
	free(links->link);
	free(links);
}

static int grow(struct links *l)
{
	struct links bigger = {
		.n = l->n, .bytes = l->bytes, .room = l->room ? l->room * 2 : ROOM_FIRST
	};

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

/* NULL: out of memory. */
static struct link *slot_for(struct links *l, uintmax_t ino)
{
	struct link *slot;

	if (l->n * 2 >= l->room && grow(l) < 0)
		return NULL;
	slot = slot_of(l, ino);
	l->n += !slot->ino;
	slot->ino = ino;
	return slot;
}

static int put(struct links *l, uintmax_t ino, const struct stat *st)
{
	struct link *slot = slot_for(l, ino);

	if (!slot)
		return -ENOMEM;
	slot->owned = true;
	slot->uid = st->st_uid;
	slot->gid = st->st_gid;
	slot->mode = st->st_mode & 07777;
	return 0;
}

static int begin(struct links **links)
{
	if (!*links)
		*links = calloc(1, sizeof(**links));
	return *links ? 0 : -ENOMEM;
}

int links_put(struct links **links, ino_t ino, const struct stat *st)
{
	int err = begin(links);

	return err < 0 ? err : put(*links, ino, st);
}

/* ---- attributes ---- */

static size_t bytes_of(const struct attrs *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += strlen(a->attr[i].key) + a->attr[i].len;
	return n;
}

static int put_attr(struct links *l, uintmax_t ino, const char *key, const void *value, size_t len)
{
	struct link *slot = slot_for(l, ino);
	const struct attr *old;
	size_t had, has;
	int err = 0;

	if (!slot)
		return -ENOMEM;
	had = bytes_of(&slot->attrs);
	old = attrs_find(&slot->attrs, key);
	has = had - (old ? strlen(key) + old->len : 0) + (value ? strlen(key) + len : 0);
	if (has > had && (has > ATTRS_MAX || l->bytes + (has - had) > ALL_ATTRS_MAX))
		return -ENOSPC;
	if (value)
		err = attrs_put(&slot->attrs, key, value, len);
	else
		attrs_drop(&slot->attrs, key);
	if (err == 0)
		l->bytes = l->bytes + has - had;
	return err;
}

int links_put_attr(struct links **links, ino_t ino, const char *key, const void *value, size_t len)
{
	int err = begin(links);

	return err < 0 ? err : put_attr(*links, ino, key, value, len);
}

const struct attrs *links_attrs(const struct links *links, ino_t ino)
{
	const struct link *l = links && links->room ? slot_of(links, ino) : NULL;

	return l && l->ino && l->attrs.n ? &l->attrs : NULL;
}

static void forget(struct links *l, uintmax_t ino)
{
	struct link *slot = l->room ? slot_of(l, ino) : NULL;

	if (!slot || !slot->ino)
		return;
	l->bytes -= bytes_of(&slot->attrs);
	attrs_release(&slot->attrs);
	slot->owned = false;
}

/* ---- the file ---- */

/* Digits up to what is none; malloc'ed, with a NUL behind it. NULL: out of memory. */
static char *from_hex(const char **s, size_t *ret_len)
{
	char *out = malloc(strlen(*s) / 2 + 1);
	size_t n = 0;

	for (; out && hex_digit((*s)[0]) >= 0 && hex_digit((*s)[1]) >= 0; *s += 2)
		out[n++] = (char)(hex_digit((*s)[0]) << 4 | hex_digit((*s)[1]));
	if (out)
		out[n] = '\0';
	*ret_len = n;
	return out;
}

static void put_hex(FILE *out, const void *data, size_t len)
{
	for (const unsigned char *p = data; len > 0; p++, len--)
		fprintf(out, "%02x", *p);
}

/* "NAME VALUE" or "NAME"; what is neither is passed over. */
static int parse_attr(struct links *l, uintmax_t ino, const char *text)
{
	_cleanup_free_ char *value = NULL, *key = NULL;
	size_t nkey, len = 0;
	int err;

	key = from_hex(&text, &nkey);
	if (!key)
		return -ENOMEM;
	if (nkey == 0 || nkey != strlen(key) || (*text && *text != ' '))
		return 0;
	if (*text) {
		text++;
		value = from_hex(&text, &len);
		if (!value)
			return -ENOMEM;
		if (*text)
			return 0;
	}
	err = put_attr(l, ino, key, value, len);
	return err == -ENOSPC ? 0 : err; /* none that we wrote */
}

static int parse(struct links *l, const char *text, size_t len)
{
	int err = 0;

	for (const char *p = text + sizeof(header), *end = text + len;
		err == 0 && p < end && memchr(p, 0, (size_t)(end - p)); p += strlen(p) + 1) {
		struct stat st = { .st_mode = S_IFLNK };
		char *owner;
		uintmax_t ino = strtoumax(p, &owner, 10);

		if (!ino || *owner != ' ')
			continue;
		if (strncmp(owner, " x ", 3) == 0)
			err = parse_attr(l, ino, owner + 3);
		else if (strcmp(owner, " -") == 0)
			forget(l, ino);
		else if (entry_parse_override(owner + 1, &st))
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

	if (!l || !l->ino || !l->owned)
		return false;
	st->st_uid = l->uid;
	st->st_gid = l->gid;
	st->st_mode = (st->st_mode & S_IFMT) | l->mode;
	return true;
}

static int append(int layerfd, const char *record, size_t len)
{
	_cleanup_fd_ int fd = openat(
		layerfd, "links", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat now;
	int err;

	if (fd < 0 || fstat(fd, &now) < 0)
		return -errno;
	if (now.st_size + (off_t)len >= LINKS_MAX)
		return -ENOSPC;
	err = now.st_size ? 0 : write_all(fd, header, sizeof(header));
	err = err < 0 ? err : write_all(fd, record, len);
	if (err < 0)
		(void)!ftruncate(fd, now.st_size); /* half a record would spoil the next one */
	return err;
}

int links_append(int layerfd, ino_t ino, const struct stat *st)
{
	char owner[64], line[128];
	int n;

	entry_format_override(st, owner);
	n = snprintf(line, sizeof(line), "%ju %s", (uintmax_t)ino, owner);
	return append(layerfd, line, (size_t)n + 1);
}

int links_append_attr(int layerfd, ino_t ino, const char *key, const void *value, size_t len)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	fprintf(out, "%ju x ", (uintmax_t)ino);
	put_hex(out, key, strlen(key));
	if (value) {
		fputc(' ', out);
		put_hex(out, value, len);
	}
	return fclose(out) == 0 ? append(layerfd, text, size + 1) : -ENOMEM;
}

int links_forget(struct links *links, int layerfd, ino_t ino)
{
	const struct link *slot = links && links->room ? slot_of(links, ino) : NULL;
	char line[32];
	int n, err = 0;

	if (!slot || !slot->ino || (!slot->owned && !slot->attrs.n))
		return 0;
	n = snprintf(line, sizeof(line), "%ju -", (uintmax_t)ino);
	if (layerfd >= 0)
		err = append(layerfd, line, (size_t)n + 1);
	if (err == 0)
		forget(links, ino);
	return err;
}
