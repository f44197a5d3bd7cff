/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places of a walk, and where the links of /proc lead. */
#include <fcntl.h>
#include <string.h>

#include "view/walk.h"

void own_place_release(struct own_place *o)
{
	if (o->fd >= 0)
		close(o->fd);
	*o = (struct own_place)OWN_PLACE_NONE;
}

void own_place_move(struct own_place *to, struct own_place *from)
{
	own_place_release(to);
	*to = *from;
	*from = (struct own_place)OWN_PLACE_NONE;
}

int own_place_copy(struct own_place *to, const struct own_place *from)
{
	int fd = from->fd < 0 ? -1 : fcntl(from->fd, F_DUPFD_CLOEXEC, 0);

	if (from->fd >= 0 && fd < 0)
		return -errno;
	own_place_release(to);
	*to = *from;
	to->fd = fd;
	return 0;
}

void place_init(struct place *p)
{
	p->mnt = NULL;
	p->ino = NULL;
	p->own = (struct own_place)OWN_PLACE_NONE;
	p->fd = -1;
	p->name[0] = '\0';
}

void place_release(struct place *p)
{
	if (p->ino)
		inode_put(p->ino);
	if (p->mnt)
		mount_put(p->mnt);
	if (p->fd >= 0)
		close(p->fd);
	own_place_release(&p->own);
	p->mnt = NULL;
	p->ino = NULL;
	p->fd = -1;
}

int place_copy(struct place *to, const struct place *from)
{
	place_init(to);
	if (from->mnt) {
		to->mnt = mount_get(from->mnt);
		to->ino = inode_get(from->ino);
		return own_place_copy(&to->own, &from->own);
	}
	strcpy(to->name, from->name);
	if (from->fd >= 0) {
		to->fd = fcntl(from->fd, F_DUPFD_CLOEXEC, 0);
		if (to->fd < 0)
			return -errno;
	}
	return 0;
}

void place_set_virtual(struct place *p, struct mount *mnt, struct inode *ino)
{
	place_release(p);
	p->mnt = mnt;
	p->ino = ino;
	p->name[0] = '\0';
}

void place_set_real(struct place *p, const char *name, size_t len, int fd)
{
	place_release(p);
	p->fd = fd;
	memmove(p->name, name, len);
	p->name[len] = '\0';
}

bool place_is_placeholder(
	struct view *v, const char *link, struct mount **ret_mnt, struct inode **ret)
{
	struct stat st;

	return v->placeholder && fstatat(AT_FDCWD, link, &st, 0) == 0 &&
	       v->placeholder(v->placeholder_arg, &st, ret, ret_mnt);
}

static bool says_deleted(const char *name, size_t len)
{
	static const char mark[] = " (deleted)";
	const size_t n = sizeof(mark) - 1;

	return len > n && memcmp(name + len - n, mark, n) == 0;
}

int place_of_link(struct view *v, const char *link, struct place *ret)
{
	struct inode *ino;
	struct mount *mnt;
	struct stat st;
	ssize_t n;
	int fd = -1;

	place_init(ret);
	n = read_link(AT_FDCWD, link, ret->name, sizeof(ret->name));
	if (n < 0)
		return (int)n;
	if (ret->name[0] == '/' && !says_deleted(ret->name, (size_t)n))
		return 0;
	if (place_is_placeholder(v, link, &mnt, &ino)) {
		place_set_virtual(ret, mnt, ino);
		return 0;
	}
	if (ret->name[0] != '/')
		return -ENOTDIR;
	/* a file that is gone, or one whose name ends like that */
	fd = open(link, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	ret->fd = fd;
	return 0;
}

/* Who is where needs no right to search the way there. */
static int inode_at(struct mount *m, const struct fs_req *req, const char *path, struct inode **ret)
{
	_cleanup_inode_ struct inode *at = inode_get(m->root);
	char name[NAME_MAX + 1];

	while (*path) {
		const char *end = strchrnul(path, '/');
		struct inode *next;
		int r;

		if ((size_t)(end - path) > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, (size_t)(end - path));
		name[end - path] = '\0';
		r = inode_lookup(at, req, name, &next);
		if (r < 0)
			return r;
		inode_put(at);
		at = next;
		path = end + (*end == '/');
	}
	*ret = take_ptr(&at);
	return 0;
}

int place_over(struct view *v, const struct fs_req *req, const char *name, bool moved,
	struct mount **ret_mnt, struct inode **ret)
{
	_cleanup_mount_ struct mount *m = NULL;
	_cleanup_free_ char *path = NULL;
	bool free_way;
	int r = 0;

	if (!atomic_load_explicit(&v->nseen_through, memory_order_relaxed))
		return 0;
	m = view_seen_through(v, name, &free_way);
	if (!m)
		return 0;
	name += m->target_len > 1 ? m->target_len : 0;
	if (m->fs->whereabouts)
		r = m->fs->whereabouts(m->fs, name, &path);
	if (r < 0 || (r == 0 && moved))
		return r;
	if (r == 0)
		path = strdup(name + strspn(name, "/"));
	if (!path)
		return -ENOMEM;
	if (inode_at(m, req, path, ret) < 0)
		return -ENOENT;
	*ret_mnt = take_ptr(&m);
	return 1;
}
