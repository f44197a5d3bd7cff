/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listing: a merged folder is read whole when it is opened, each name once, from the top on. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "fs/overlay/internal.h"

#define DIRENTS_SIZE (64u << 10)

struct name {
	uint64_t ino;
	uint8_t type;
	bool gone;	   /* a whiteout: hides those below */
	bool upper, lower; /* upper has it; a lower layer has it as well */
	uint16_t len;
	char text[];
};

struct listing {
	struct name **v; /* in order */
	size_t n, size;
	struct name **hash; /* of the same; open addressing */
	size_t mask;
	bool told; /* of it somebody heard already */
	/* Guards all of it where it is told, also while the layers are read: who has given up on a
	 * server's answer asks again while that one is made still. */
	pthread_mutex_t lock;
};

static void listing_clear(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(take_ptr(&l->v));
	free(take_ptr(&l->hash));
	l->n = l->size = 0;
}

static void listing_free(struct listing *l)
{
	listing_clear(l);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct name **slot_of(struct name **hash, size_t mask, const char *text, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 0x100000001b3ull;
	for (i = (size_t)(h ^ h >> 32) & mask; hash[i]; i = (i + 1) & mask)
		if (hash[i]->len == len && memcmp(hash[i]->text, text, len) == 0)
			break;
	return &hash[i];
}

static int grow(struct listing *l)
{
	size_t size = l->size ? l->size * 2 : 64, mask = size * 2 - 1;
	struct name **v = reallocarray(l->v, size, sizeof(*v));
	struct name **hash = calloc(mask + 1, sizeof(*hash));

	if (v)
		l->v = v;
	if (!v || !hash) {
		free(hash);
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->n; i++)
		*slot_of(hash, mask, v[i]->text, v[i]->len) = v[i];
	free(l->hash);
	l->hash = hash;
	l->mask = mask;
	l->size = size;
	return 0;
}

static int add(struct listing *l, const struct dirent64 *d, bool gone, bool upper)
{
	size_t len = strlen(d->d_name);
	struct name **slot, *e;
	int r = l->n == l->size ? grow(l) : 0;

	if (r < 0)
		return r;
	slot = slot_of(l->hash, l->mask, d->d_name, len);
	if (*slot) {
		(*slot)->lower |= !upper;
		return 0;
	}
	e = malloc(sizeof(*e) + len + 1);
	if (!e)
		return -ENOMEM;
	*e = (struct name){ .ino = d->d_ino,
		.type = d->d_type,
		.gone = gone,
		.upper = upper,
		.len = (uint16_t)len };
	memcpy(e->text, d->d_name, len + 1);
	l->v[l->n++] = *slot = e;
	return 0;
}

/* Of a folder that cannot be read. */
static int add_dots(struct listing *l)
{
	static const struct dirent64 dots[] = { { .d_ino = 1, .d_type = DT_DIR, .d_name = "." },
		{ .d_ino = 1, .d_type = DT_DIR, .d_name = ".." } };
	int r = add(l, &dots[0], false, true);

	return r < 0 ? r : add(l, &dots[1], false, true);
}

/* Is the entry one that hides, and not one to be shown? */
static bool hides(struct ovl *o, int dir, const struct dirent64 *d, bool xwhiteouts)
{
	struct stat st;
	int fd;

	if (o->hide_ino && d->d_ino == o->hide_ino &&
		fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == o->hide_dev)
		return true;
	if (d->d_type != DT_CHR && d->d_type != DT_UNKNOWN && !(xwhiteouts && d->d_type == DT_REG))
		return false;
	if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISCHR(st.st_mode))
		return st.st_rdev == 0;
	if (!xwhiteouts || !S_ISREG(st.st_mode) || st.st_size)
		return false;
	fd = openat(dir, d->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	xwhiteouts = ovl_is_whiteout(fd, &st, true);
	close(fd);
	return xwhiteouts;
}

/* A server may know neither type nor number of what it lists. */
static void ask_server(int dir, struct dirent64 *d)
{
	struct stat st;

	if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	d->d_type = (uint8_t)IFTODT(st.st_mode);
	d->d_ino = st.st_ino;
}

/* A file whose owner is kept beside it may be shown as a device. */
static void true_type(struct ovl *o, int dir, struct dirent64 *d)
{
	struct fs_attr attr = { .mode = S_IFREG };
	char path[FD_PATH_MAX];
	int fd;

	if (!o->as_root || d->d_type != DT_REG)
		return;
	fd = openat(dir, d->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && ovl_override_get(fd_path(path, fd), &attr) && !S_ISREG(attr.mode))
		d->d_type = (uint8_t)IFTODT(attr.mode);
	if (fd >= 0)
		close(fd);
}

static int list_one(
	struct ovl *o, struct listing *l, int fd, bool xwhiteouts, bool upper, bool owned)
{
	/* that the guest may read it was checked; to remove it, it needs not */
	_cleanup_down_ struct opened_up up =
		upper ? ovl_open_up(o, fd) : (struct opened_up){ .fd = -1 };
	_cleanup_free_ char *buf = malloc(DIRENTS_SIZE);
	char path[FD_PATH_MAX];
	_cleanup_fd_ int dir = open(fd_path(path, fd), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	if (dir < 0)
		return ovl_closed_to_us(o, errno) ? add_dots(l) : -errno;
	/* names that lead nowhere: to a virtual root it is closed as well */
	if (!upper && faccessat(dir, ".", F_OK, 0) < 0 && ovl_closed_to_us(o, errno))
		return add_dots(l);
	while ((n = getdents64(dir, buf, DIRENTS_SIZE)) > 0) {
		for (ssize_t i = 0; i < n;) {
			struct dirent64 *d = (struct dirent64 *)(buf + i);
			bool gone;
			int r;

			if (o->served)
				ask_server(dir, d);
			gone = hides(o, dir, d, xwhiteouts);
			if (owned && !gone)
				true_type(o, dir, d);
			r = add(l, d, gone, upper);
			if (r < 0)
				return r;
			i += d->d_reclen;
		}
	}
	/* a lower folder that is removed, as is what a tree with owners lies on, holds nothing */
	return n < 0 && (upper || errno != ENOENT) ? -errno : 0;
}

/* d_ino is st_ino: of a copy, and of a merged folder, that of what lies below. */
static void true_number(
	struct ovl *o, struct ovl_node *dir, struct name *e, bool impure, struct found *f)
{
	const struct stat own = { .st_dev = o->upper_dev, .st_ino = e->ino };
	struct shown shown;

	if (ovl_number_kept(o, &own, &shown)) {
		e->ino = shown.ino;
	} else if (!(e->lower || impure || e->type == DT_DIR)) {
		e->ino = ovl_number_own(o, &own, dir).ino;
	} else if (ovl_find(o, dir, e->text, f) == 0) {
		e->ino = ovl_number_of(o, f, dir, e->text).ino;
		ovl_found_release(f);
	}
}

static ino_t number_above(struct ovl *o, struct ovl_node *n)
{
	char name[NAME_MAX + 1];
	struct ovl_node *dir = ovl_place(o, n, name);
	ino_t ino = (dir ? dir : n)->shown.ino;

	ovl_put(o, dir);
	return ino;
}

static int true_numbers(struct ovl *o, struct ovl_node *n, struct listing *l)
{
	char value[4];
	bool impure = ovl_getxattr(ovl_upper(n), XATTR_OVERLAY "impure", value, sizeof(value)) == 1;
	_cleanup_free_ struct found *f = malloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		struct name *e = l->v[i];

		if (strcmp(e->text, ".") == 0)
			e->ino = n->shown.ino;
		else if (strcmp(e->text, "..") == 0)
			e->ino = number_above(o, n);
		else if (e->upper && !e->gone)
			true_number(o, n, e, impure, f);
	}
	return 0;
}

static int list(struct ovl *o, struct ovl_node *n, struct listing *l)
{
	int r = 0, upper = ovl_upper(n);

	if (upper >= 0)
		r = list_one(o, l, upper, n->xwhiteouts, true, o->owners);
	for (unsigned i = 0; r == 0 && i < n->nlower; i++)
		r = list_one(o, l, n->lower[i].fd, n->lower[i].xwhiteouts, false,
			o->layers[n->lower[i].layer].owned);
	/* what is looked at for its names alone has no number */
	if (r == 0 && upper >= 0 && n->shown.ino)
		r = true_numbers(o, n, l);
	return r;
}

int ovl_opendir(
	struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, struct fs_handle *ret)
{
	struct listing *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	r = list(ovl_of(fs), ovl_node_of(node), l);
	if (r < 0) {
		listing_free(l);
		return r;
	}
	*ret = (struct fs_handle){ .fh = (uintptr_t)l };
	return 0;
}

static int list_again(struct ovl *o, struct ovl_node *n, struct listing *l)
{
	listing_clear(l);
	return list(o, n, l);
}

/* 1: to the end. */
static int tell(const struct listing *l, uint64_t off, fs_dirent_fn fn, void *arg)
{
	for (size_t i = off; i < l->n; i++) {
		const struct name *e = l->v[i];
		struct fs_dirent ent = { .ino = e->ino,
			.off = i + 1,
			.type = e->type,
			.name = e->text,
			.namelen = e->len };

		if (!e->gone && fn(arg, &ent) != 0)
			return 0;
	}
	return 1;
}

int ovl_readdir(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, uint64_t off, fs_dirent_fn fn, void *arg)
{
	struct listing *l = (struct listing *)(uintptr_t)h->fh;
	int r = 0;

	pthread_mutex_lock(&l->lock);
	/* rewinddir(3): what the folder holds now */
	if (off == 0 && l->told)
		r = list_again(ovl_of(fs), ovl_node_of(node), l);
	l->told = true;
	if (r == 0)
		r = tell(l, off, fn, arg);
	pthread_mutex_unlock(&l->lock);
	return r;
}

void ovl_releasedir(UNUSED struct fs *fs, UNUSED uint64_t node, const struct fs_handle *h)
{
	listing_free((struct listing *)(uintptr_t)h->fh);
}

int ovl_fsyncdir(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, UNUSED bool datasync)
{
	char path[FD_PATH_MAX];
	_cleanup_fd_ int fd = -1;

	(void)fs;
	if (ovl_upper(ovl_node_of(node)) < 0)
		return 0;
	fd = open(fd_path(path, ovl_upper(ovl_node_of(node))), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

bool ovl_listing_empty(const struct fs_handle *h)
{
	const struct listing *l = (const struct listing *)(uintptr_t)h->fh;

	for (size_t i = 0; i < l->n; i++) {
		const char *text = l->v[i]->text;

		if (!l->v[i]->gone && strcmp(text, ".") != 0 && strcmp(text, "..") != 0)
			return false;
	}
	return true;
}
