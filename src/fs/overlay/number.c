/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device and inode numbers, which stay when a file is copied up. A file is shown by the numbers of
 * what lies below it, if anything does, also after it was copied up: then user.overlay.origin of
 * the copy says by a file handle of what, which is believed where the lower name still leads there.
 * What upper alone has is shown by its own number, marked by a bit where upper is on another file
 * system than the folder that shows it.
 *
 * Files of upper are kept in a table of numbers, from the first look to the end of the view:
 * whoever has one open may ask fstat(2) for it when its node is forgotten, or its name is another.
 */
#include <assert.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "fs/overlay/internal.h"

#define ORIGIN XATTR_OVERLAY "origin"
#define OTHER_FS (1ull << 62)

/* struct ovl_fb of the kernel: a file handle, and of which file system. */
struct fb {
	uint8_t version, magic, len, flags, type, uuid[16];
	uint8_t fid[MAX_HANDLE_SZ];
} __attribute__((packed));
static_assert(offsetof(struct fb, fid) == 21, "struct ovl_fb");

/* FS_IOC_GETFSUUID, newer than the headers here. */
struct fsuuid {
	uint8_t len, uuid[16];
};
#define GET_FSUUID _IOR(0x15, 0, struct fsuuid)

struct number {
	ino_t own; /* in upper's file system; 0: free */
	struct shown shown;
};

/* Open addressing, at most half full; room is a power of two. */
struct numbers {
	pthread_mutex_t lock; /* all; a leaf */
	struct number *v;
	size_t n, room;
};

static struct number *slot_of(const struct numbers *t, ino_t own)
{
	size_t i = (size_t)((own * 0x9e3779b97f4a7c15ull) >> 32) & (t->room - 1);

	while (t->v[i].own && t->v[i].own != own)
		i = (i + 1) & (t->room - 1);
	return &t->v[i];
}

static int grow_locked(struct numbers *t)
{
	struct numbers bigger = { .room = t->room * 2 };

	bigger.v = calloc(bigger.room, sizeof(*bigger.v));
	if (!bigger.v)
		return -ENOMEM;
	for (size_t i = 0; i < t->room; i++) {
		if (t->v[i].own)
			*slot_of(&bigger, t->v[i].own) = t->v[i];
	}
	free(t->v);
	t->v = bigger.v;
	t->room = bigger.room;
	return 0;
}

int ovl_numbers_new(struct ovl *o)
{
	struct numbers *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->room = 256;
	t->v = calloc(t->room, sizeof(*t->v));
	pthread_mutex_init(&t->lock, NULL);
	o->numbers = t;
	return t->v ? 0 : -ENOMEM;
}

void ovl_numbers_free(struct ovl *o)
{
	if (!o->numbers)
		return;
	pthread_mutex_destroy(&o->numbers->lock);
	free(o->numbers->v);
	free(o->numbers);
}

void ovl_number_keep(struct ovl *o, const struct stat *own, struct shown shown)
{
	struct numbers *t = o->numbers;
	struct number *slot;

	if (own->st_dev != o->upper_dev)
		return;
	/* guests have no folder open that is ours */
	if (!S_ISDIR(own->st_mode) && (shown.dev != own->st_dev || shown.ino != own->st_ino))
		atomic_store(&o->fs.shows, true);
	pthread_mutex_lock(&t->lock);
	slot = slot_of(t, own->st_ino);
	t->n += !slot->own;
	*slot = (struct number){ own->st_ino, shown };
	if (t->n * 2 >= t->room && grow_locked(t) < 0 && t->n + 1 >= t->room) {
		*slot = (struct number){ 0 }; /* no memory: it is told by its own number */
		t->n--;
	}
	pthread_mutex_unlock(&t->lock);
}

bool ovl_number_kept(struct ovl *o, const struct stat *own, struct shown *ret)
{
	struct numbers *t = o->numbers;
	const struct number *slot;
	bool found;

	if (own->st_dev != o->upper_dev)
		return false;
	pthread_mutex_lock(&t->lock);
	slot = slot_of(t, own->st_ino);
	found = slot->own;
	if (found)
		*ret = slot->shown;
	pthread_mutex_unlock(&t->lock);
	return found;
}

/* ---- user.overlay.origin ---- */

void ovl_origin_init(struct ovl *o)
{
	for (unsigned i = 0; i < o->nlayers; i++) {
		struct fsuuid id = { 0 };
		_cleanup_fd_ int fd =
			openat(o->layers[i].root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		o->layers[i].has_uuid =
			fd >= 0 && ioctl(fd, GET_FSUUID, &id) == 0 && id.len == sizeof(id.uuid);
		memcpy(o->layers[i].uuid, id.uuid, sizeof(id.uuid));
	}
}

/* The attribute for a file below; its length, 0 where the file system tells no handle. */
static size_t origin_of(const struct ovl *o, int fd, unsigned layer, struct fb *ret)
{
	struct {
		struct file_handle h;
		uint8_t room[MAX_HANDLE_SZ];
	} handle = { .h.handle_bytes = MAX_HANDLE_SZ };
	size_t len;
	int mount;

	if (!o->layers[layer].has_uuid ||
		name_to_handle_at(fd, "", &handle.h, &mount, AT_EMPTY_PATH) < 0 ||
		handle.h.handle_bytes > MAX_HANDLE_SZ || handle.h.handle_type < 0 ||
		handle.h.handle_type > 0xfe)
		return 0;
	len = offsetof(struct fb, fid) + handle.h.handle_bytes;
	*ret = (struct fb){ .magic = 0xfb,
		.len = (uint8_t)len,
		.type = (uint8_t)handle.h.handle_type,
		.flags = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ };
	memcpy(ret->uuid, o->layers[layer].uuid, sizeof(ret->uuid));
	memcpy(ret->fid, handle.h.f_handle, handle.h.handle_bytes);
	return len;
}

void ovl_origin_set(struct ovl *o, const struct ovl_node *n, int fd)
{
	char path[FD_PATH_MAX];
	struct fb fb;
	size_t len;

	if (n->type != S_IFREG && n->type != S_IFDIR)
		return;
	len = origin_of(o, n->lower[0].fd, n->lower[0].layer, &fb);
	/* empty, as the kernel's of a user has it: it is a copy, and not said of what. At best, as
	 * the kernel */
	(void)setxattr(fd_path(path, fd), ORIGIN, &fb, len, 0);
}

void ovl_impure_set(struct ovl_node *dir)
{
	char path[FD_PATH_MAX];

	if (!atomic_exchange(&dir->impure, true)) /* at best, as the kernel */
		(void)setxattr(fd_path(path, ovl_upper(dir)), XATTR_OVERLAY "impure", "y", 1, 0);
}

/* Is fd, in a layer, what the attribute of a copy tells? */
static bool is_origin(const struct ovl *o, int fd, unsigned layer, const char *value, size_t len)
{
	struct fb fb;

	return len && origin_of(o, fd, layer, &fb) == len && memcmp(&fb, value, len) == 0;
}

/* The file below of which f is a copy, by the same name. */
static bool find_origin(
	struct ovl *o, const struct ovl_node *dir, const char *name, int upper, struct shown *ret)
{
	char value[sizeof(struct fb) + 1];
	ssize_t len = ovl_getxattr(upper, ORIGIN, value, sizeof(value));

	for (unsigned i = 0; len > 0 && i < dir->nlower; i++) {
		const struct lower *in = &dir->lower[i];
		_cleanup_fd_ int fd = openat(in->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;

		if (fd < 0)
			continue;
		if (fstat(fd, &st) < 0 || !is_origin(o, fd, in->layer, value, (size_t)len))
			return false;
		*ret = (struct shown){ st.st_dev, st.st_ino };
		return true;
	}
	return false;
}

struct shown ovl_number_own(const struct ovl *o, const struct stat *st, const struct ovl_node *dir)
{
	dev_t around = (dir ? dir : o->root)->shown.dev;

	if (st->st_dev == around)
		return (struct shown){ st->st_dev, st->st_ino };
	return (struct shown){ around, st->st_ino | OTHER_FS };
}

struct shown ovl_number_of(
	struct ovl *o, const struct found *f, const struct ovl_node *dir, const char *name)
{
	struct shown ret;

	if (f->upper < 0)
		return (struct shown){ f->st.st_dev, f->st.st_ino };
	if (ovl_number_kept(o, &f->st, &ret))
		return ret;
	if (S_ISDIR(f->st.st_mode) && f->nlower)
		return (struct shown){ f->below.st_dev, f->below.st_ino };
	if (S_ISREG(f->st.st_mode) && dir && find_origin(o, dir, name, f->upper, &ret))
		return ret;
	return ovl_number_own(o, &f->st, dir);
}
