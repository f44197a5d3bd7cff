/* SPDX-License-Identifier: GPL-2.0-or-later */
/* getdents64(2), getdents(2), and readdir(2) of i386. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "file/dir.h"
#include "sys/fd/fd.h"

#define DENTS_MAX (256 << 10)

/* How much the guest has room for, which the kernel takes for an int: with less than nothing no
 * entry fits. */
static size_t dents_room(const struct call *c)
{
	int room = (int)c->args[2];

	return room < 0 ? 0 : room < DENTS_MAX ? (size_t)room : DENTS_MAX;
}

int vfd_dir_pos(struct vfd *v, struct call *c, uint64_t *ret)
{
	off_t at = guestfd_lends(c) ? lseek(v->fd, 0, SEEK_CUR)
				    : (off_t)atomic_load(&v->vf->unlent_pos);

	if (at < 0)
		return -errno;
	*ret = (uint64_t)at;
	return 0;
}

int vfd_dir_seek(struct vfd *v, struct call *c, uint64_t pos)
{
	if (guestfd_lends(c))
		return lseek(v->fd, (off_t)pos, SEEK_SET) < 0 ? -errno : 0;
	atomic_store(&v->vf->unlent_pos, pos);
	return 0;
}

/* Takes the names that are hidden out of what the kernel gave: how much is left. */
static size_t take_out(struct view *v, const struct stat *dir, char *buf, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n;) {
		const struct dirent64 *d = (const struct dirent64 *)(buf + i);
		size_t len = d->d_reclen;

		if (!view_hides(v, dir, NULL, d->d_name, strlen(d->d_name))) {
			memmove(buf + out, buf + i, len);
			out += len;
		}
		i += len;
	}
	return out;
}

/* The names that only the view has come first, when a folder is read from its beginning. */
struct made {
	char *buf;
	size_t size, used, n;
};

static void count_made(UNUSED struct mount *m, void *arg)
{
	((struct made *)arg)->n++;
}

static void put_made(struct mount *m, void *arg)
{
	struct made *d = arg;
	const size_t head = offsetof(struct dirent64, d_name), len = strlen(m->in_name);
	size_t reclen = (head + len + 1 + 7) & ~(size_t)7;
	struct dirent64 *e = (struct dirent64 *)(d->buf + d->used);

	/* half of the room stays for the kernel's, of which one must fit */
	if (d->used + reclen > d->size / 2)
		return;
	memset(e, 0, reclen);
	e->d_ino = inode_number(m->root) ?: 1;
	e->d_reclen = (uint16_t)reclen;
	e->d_type = IFTODT(inode_type(m->root));
	memcpy(e->d_name, m->in_name, len);
	d->used += reclen;
}

/* A folder of the host in which something is hidden, or only the view's, is read here, by the
 * guest's own open file. True when it was answered. (The old call, which no libc makes, is not
 * looked at.) */
static bool read_changed(struct call *c, enum dirent_form form, enum verdict *ret)
{
	struct view *v = &c->um->view;
	size_t size = dents_room(c), left;
	_cleanup_free_ char *buf = NULL;
	_cleanup_fd_ int fd = -1;
	struct stat st;
	struct made made = { .n = 0 };
	ssize_t n;
	int r;

	if ((!view_has_rules(v) && !atomic_load(&v->nmade)) || form != DIRENT_64 ||
		!guestfd_lends(c))
		return false;
	fd = guestfd_get(c, call_fd(c, 0));
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	view_each_made(v, &st, count_made, &made);
	if (!made.n && !view_hides_in(v, &st, NULL, NULL))
		return false;
	buf = malloc(size ? size : 1);
	if (!buf)
		return false;
	do {
		made = (struct made){ .buf = buf, .size = size };
		if (lseek(fd, 0, SEEK_CUR) == 0)
			view_each_made(v, &st, put_made, &made);
		n = getdents64(fd, buf + made.used, size - made.used);
		if (n < 0)
			n = -errno;
		left = made.used + (n > 0 ? take_out(v, &st, buf + made.used, (size_t)n) : 0);
	} while (n > 0 && !left);
	r = left ? guest_write(c, call_addr(c, 1), buf, left) : 0;
	*ret = call_return(c, r < 0 ? r : n < 0 && !left ? n : (ssize_t)left);
	return true;
}

/* Gives the guest n bytes of entries, and moves pos past them. Of a buffer that ends before it said
 * what fits is told, as by filldir() of the kernel: how much, or -errno. */
static ssize_t give_entries(struct call *c, enum dirent_form form, const char *buf, size_t n,
	uint64_t next, uint64_t *pos)
{
	const gaddr_t to = call_addr(c, 1);
	size_t done = 0;
	int r = guest_write(c, to, buf, n);

	if (r == 0) {
		*pos = next;
		return (ssize_t)n;
	}
	if (r == -ESRCH)
		return r;
	for (size_t len; done < n; done += len, (*pos)++) {
		len = dir_entry_length(form, buf + done);
		r = guest_write(c, gaddr_add(to, done), buf + done, len);
		if (r < 0)
			break;
	}
	return done ? (ssize_t)done : r;
}

static enum verdict do_getdents(struct call *c, enum dirent_form form)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	enum verdict verdict;
	const size_t size = dents_room(c);
	_cleanup_free_ char *buf = NULL;
	uint64_t pos, next;
	ssize_t n;
	int r;

	if (!vfd_get(&v, c, call_fd(c, 0)))
		return read_changed(c, form, &verdict) ? verdict : CONTINUE;
	if (v.vf->kind != VFILE_DIR)
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (atomic_load(&v.vf->inode->deleted))
		return call_return(c, -ENOENT);
	buf = malloc(size ? size : 1);
	if (!buf)
		return call_return(c, -ENOMEM);
	r = vfd_dir_pos(&v, c, &pos);
	if (r < 0)
		return call_return(c, r);
	fs_req_init(&v.req, c);
	next = pos;
	n = dir_read(v.vf, &v.req, &next, form, buf, size);
	if (n > 0)
		n = give_entries(c, form, buf, (size_t)n, next, &pos);
	if (n <= 0)
		return call_return(c, n);
	r = vfd_dir_seek(&v, c, pos);
	return call_return(c, r < 0 ? r : n);
}

enum verdict sys_getdents64(struct call *c)
{
	return do_getdents(c, DIRENT_64);
}

enum verdict sys_getdents(struct call *c)
{
	return do_getdents(c, call_is32(c) ? DIRENT_32 : DIRENT_OLD);
}

/* One entry a call: */
struct readdir_entry {
	uint32_t ino, off;
	uint16_t namlen;
	char name[NAME_MAX + 1];
} __attribute__((packed));

/* 1: an entry; 0: the end. */
static int read_one(struct vfd *v, struct call *c, uint64_t *pos, struct readdir_entry *ret)
{
	char buf[sizeof(struct readdir_entry) + 2 * sizeof(uint64_t)];
	const size_t head = offsetof(struct readdir_entry, name);
	uint64_t next = *pos;
	ssize_t n;

	fs_req_init(&v->req, c);
	n = dir_read(v->vf, &v->req, &next, DIRENT_32, buf, sizeof(buf));
	if (n <= 0)
		return (int)n;
	/* the first of them, which has the same head but for what is the length of */
	memcpy(ret, buf, head);
	ret->namlen = (uint16_t)strnlen(buf + head, NAME_MAX);
	memcpy(ret->name, buf + head, ret->namlen);
	ret->name[ret->namlen] = '\0';
	ret->off = (uint32_t)*pos;
	(*pos)++;
	return 1;
}

enum verdict sys32_readdir(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	struct readdir_entry e;
	uint64_t pos;
	int n, r;

	if (!vfd_get(&v, c, call_fd(c, 0)) || v.vf->kind != VFILE_DIR)
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (atomic_load(&v.vf->inode->deleted))
		return call_return(c, -ENOENT);
	r = vfd_dir_pos(&v, c, &pos);
	if (r < 0)
		return call_return(c, r);
	n = read_one(&v, c, &pos, &e);
	if (n <= 0)
		return call_return(c, n);
	r = guest_write(
		c, call_addr(c, 1), &e, offsetof(struct readdir_entry, name) + e.namlen + 1u);
	if (r == 0)
		r = vfd_dir_seek(&v, c, pos);
	return call_return(c, r < 0 ? r : n);
}
