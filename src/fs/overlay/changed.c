/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which names have something in a layer above the lowest. What has nothing is the lowest layer's
 * own file, to which the kernel finds by itself: one look here, and no system call, says so.
 *
 * It is a set of hashes of paths. A path is noted before the name changes on disk, and stays for
 * ever: to say "changed" too often costs time, never truth. All names above a noted one are noted
 * as well.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/overlay/internal.h"
#include "view/inode.h"

#define DEPTH_MAX 1000

struct changed {
	pthread_rwlock_t lock; /* all below; a leaf */
	uint64_t *v; /* open addressing; 0: free. The lowest bit: all that is below is changed as
			well */
	size_t n, mask;
};

#define WHOLE 1ull
#define HASH_BEGIN 0xcbf29ce484222325ull

static uint64_t hash_more(uint64_t h, const char *name, size_t len)
{
	h = (h ^ '/') * 0x100000001b3ull;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3ull;
	return h;
}

/* The key of a path: never 0, its lowest bit free. */
static uint64_t key_of(uint64_t h)
{
	return ((h ^ h >> 29) * 0xbf58476d1ce4e5b9ull | 2) & ~WHOLE;
}

uint64_t ovl_path_key(const char *path, size_t len)
{
	return key_of(hash_more(HASH_BEGIN, path, len));
}

static uint64_t *slot_of(const struct changed *c, uint64_t key)
{
	size_t i = (size_t)(key >> 20) & c->mask;

	while (c->v[i] && (c->v[i] & ~WHOLE) != key)
		i = (i + 1) & c->mask;
	return &c->v[i];
}

static int grow_locked(struct changed *c)
{
	struct changed bigger = { .mask = c->mask * 2 + 1 };

	bigger.v = calloc(bigger.mask + 1, sizeof(*bigger.v));
	if (!bigger.v)
		return -ENOMEM;
	for (size_t i = 0; i <= c->mask; i++) {
		if (c->v[i])
			*slot_of(&bigger, c->v[i] & ~WHOLE) = c->v[i];
	}
	free(c->v);
	c->v = bigger.v;
	c->mask = bigger.mask;
	return 0;
}

/* A path and all above it. "": the root. */
static int note_path(struct changed *c, const char *path, bool whole)
{
	uint64_t h = HASH_BEGIN, *slot;
	int r = 0;

	pthread_rwlock_wrlock(&c->lock);
	for (;;) {
		const char *end;

		if (c->n * 2 > c->mask)
			r = grow_locked(c);
		if (r < 0)
			break;
		slot = slot_of(c, key_of(h));
		c->n += !*slot;
		*slot |= key_of(h);
		while (*path == '/')
			path++;
		if (!*path) {
			*slot |= whole ? WHOLE : 0;
			break;
		}
		end = strchrnul(path, '/');
		h = hash_more(h, path, (size_t)(end - path));
		path = end;
	}
	pthread_rwlock_unlock(&c->lock);
	return r;
}

int ovl_changed_note(struct ovl *o, struct ovl_node *dir, const char *name, bool whole)
{
	_cleanup_free_ char *in = NULL, *path = NULL;

	if (!o->changed || atomic_load(&dir->all_changed))
		return 0;
	in = ovl_path(o, dir);
	if (!in)
		return 0; /* it has no place any more: no path leads there */
	path = str_printf("%s/%s", in, name);
	return path ? note_path(o->changed, path, whole) : -ENOMEM;
}

bool ovl_unchanged(struct fs *fs, const char *path)
{
	struct changed *c = ovl_of(fs)->changed;
	uint64_t h = HASH_BEGIN, found;
	const char *whole = path;
	bool unchanged = false;

	pthread_rwlock_rdlock(&c->lock);
	for (;;) {
		const char *end;

		found = *slot_of(c, key_of(h));
		unchanged = !found;
		while (*path == '/')
			path++;
		if (!found || (found & WHOLE) || !*path)
			break;
		end = strchrnul(path, '/');
		h = hash_more(h, path, (size_t)(end - path));
		path = end;
	}
	pthread_rwlock_unlock(&c->lock);
	return unchanged && !ovl_hardlink_changed(ovl_of(fs), whole);
}

/* May others search a folder than may do so below? */
static bool is_searched_alike(struct ovl *o, int fd, const char *path)
{
	char self[FD_PATH_MAX], acl[4];
	struct stat st, below;
	struct fs_attr attr;

	while (*path == '/')
		path++;
	if (fstat(fd, &st) < 0 || fstatat(o->layers[o->nlayers - 1].root, path, &below,
					  AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return true; /* there is none */
	fs_attr_of_stat(&st, &attr);
	if (o->owners)
		(void)ovl_override_get(fd_path(self, fd), &attr); /* else it has its own */
	return attr.uid == below.st_uid && attr.gid == below.st_gid && attr.mode == below.st_mode &&
	       getxattr(fd_path(self, fd), "system.posix_acl_access", acl, 0) < 0;
}

/* All that a layer holds already, from the folder on. */
static int scan(struct ovl *o, int at, const char *path, int depth)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *d;
	DIR *list;
	int r = 0;

	if (fd < 0)
		return errno == EACCES ? note_path(o->changed, path, true) : -errno;
	list = fdopendir(fd);
	if (!list) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (d = readdir(list))) {
		_cleanup_free_ char *below = str_printf("%s/%s", path, d->d_name);
		_cleanup_fd_ int sub = -1;
		char redirect[4];

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (!below)
			r = -ENOMEM;
		else if (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN)
			sub = openat(dirfd(list), d->d_name,
				O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (r == 0 && (sub < 0 || depth >= DEPTH_MAX || ovl_opaque(sub) == 'y' ||
				      !is_searched_alike(o, sub, below) ||
				      ovl_getxattr(sub, XATTR_OVERLAY "redirect", redirect,
					      sizeof(redirect)) != -ENODATA))
			r = note_path(o->changed, below, true);
		else if (r == 0)
			r = note_path(o->changed, below, false);
		if (r == 0 && sub >= 0 && depth < DEPTH_MAX)
			r = scan(o, sub, below, depth + 1);
	}
	closedir(list);
	return r;
}

int ovl_changed_new(struct ovl *o)
{
	struct changed *c = calloc(1, sizeof(*c));
	int r = 0;

	if (!c)
		return -ENOMEM;
	c->mask = 1023;
	c->v = calloc(c->mask + 1, sizeof(*c->v));
	pthread_rwlock_init(&c->lock, NULL);
	o->changed = c;
	if (!c->v)
		return -ENOMEM;
	if (!is_searched_alike(o, ovl_top(o->root), ""))
		r = note_path(c, "", true);
	if (r == 0 && ovl_upper(o->root) >= 0)
		r = scan(o, ovl_upper(o->root), "", 0);
	for (unsigned i = 0; r == 0 && i + 1 < o->nlayers; i++)
		r = scan(o, o->layers[i].root, "", 0);
	return r;
}

void ovl_changed_free(struct ovl *o)
{
	if (!o->changed)
		return;
	pthread_rwlock_destroy(&o->changed->lock);
	free(o->changed->v);
	free(o->changed);
}
