/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walking mounts of the view, component by component, and crossing between them and the host's
 * tree.
 */
#include "view/walk.h"

#include <string.h>

const struct fs_req *walk_req(struct walk *w)
{
	if (!w->req) {
		fs_req_init(&w->reqbuf, w->c);
		w->req = &w->reqbuf;
		if (w->c && w->c->cred_.asked)
			w->alive = false;
	}
	return w->req;
}

void walk_no_last(struct walk *w, bool dot)
{
	inode_cleanup(&w->parent);
	w->parent = NULL;
	w->last[0] = '\0';
	w->last_dot = dot;
}

/* Onto what lies on a place of a mount. */
static int cross_on(struct walk *w, struct mount *mnt, struct inode *ino)
{
	struct mount *m;

	place_set_virtual(&w->at, mnt, ino);
	while ((m = view_mount_on(w->v, w->at.mnt, w->at.ino))) {
		if (w->flags & PATH_NO_XDEV) {
			mount_put(m);
			return -EXDEV;
		}
		place_set_virtual(&w->at, m, inode_get(m->root));
		walk_no_last(w, false);
	}
	return WALK_MORE;
}

int walk_cross(struct walk *w, struct mount *m)
{
	if (w->flags & PATH_NO_XDEV) {
		mount_put(m);
		return -EXDEV;
	}
	w->touched = true;
	w->start_link[0] = '\0';
	walk_no_last(w, false);
	return cross_on(w, m, inode_get(m->root));
}

int walk_cross_here(struct walk *w)
{
	size_t len = strlen(w->at.name);
	struct mount *m;

	if ((w->flags & PATH_MOUNTPOINT) && walk_rest_empty(w->rest))
		return WALK_MORE;
	m = view_first_mount(w->v, w->at.name, len, len - 1);
	return m ? walk_cross(w, m) : WALK_MORE;
}

int walk_to_root(struct walk *w)
{
	w->start_link[0] = '\0';
	if (w->flags & PATH_BENEATH)
		return -EXDEV;
	if (w->root) {
		place_release(&w->at);
		return place_copy(&w->at, w->root);
	}
	if (w->at.mnt && (w->flags & PATH_NO_XDEV))
		return -EXDEV;
	if (w->root_fd >= 0)
		return walk_elsewhere_root(w);
	place_set_real(&w->at, "/", 1, -1);
	return walk_cross_here(w);
}

int walk_follow(struct walk *w, const char *body)
{
	char *buf;

	if (++w->links > WALK_MAX_LINKS || (w->flags & PATH_NO_SYMLINKS))
		return -ELOOP;
	if (!*body)
		return -ENOENT;
	walk_no_last(w, false);
	buf = str_printf("%s%s%s", body, *w->rest && *w->rest != '/' ? "/" : "", w->rest);
	if (!buf)
		return -ENOMEM;
	free(w->rest_buf);
	w->rest = w->rest_buf = buf;
	return *buf == '/' ? walk_to_root(w) : WALK_MORE;
}

/* ".." on a mount. */
static int virtual_dotdot(struct walk *w)
{
	struct place *at = &w->at;

	if (w->root && w->root->mnt == at->mnt && w->root->ino == at->ino)
		return w->flags & PATH_BENEATH ? -EXDEV : WALK_MORE;
	while (at->ino == at->mnt->root) {
		struct mount *m = at->mnt;

		if (atomic_load(&m->detached) || m->target_len == 1)
			return WALK_MORE;
		if (w->flags & PATH_NO_XDEV)
			return -EXDEV;
		if (!m->parent && w->root_fd >= 0)
			return walk_elsewhere_above(w, m);
		if (!m->parent) {
			char name[PATH_MAX];

			if (m->target_len >= sizeof(name))
				return -ENAMETOOLONG;
			strcpy(name, m->target);
			place_set_real(at, name, m->target_len, -1);
			return walk_real_dotdot(w);
		}
		place_set_virtual(at, mount_get(m->parent), inode_get(m->covers));
	}
	return cross_on(w, mount_get(at->mnt), inode_parent(at->ino));
}

static int virtual_link(struct walk *w, struct inode *link)
{
	int err;

	if (w->at.mnt->flags & MS_NOSYMFOLLOW)
		return -ELOOP;
	if (w->links >= WALK_MAX_LINKS || (w->flags & PATH_NO_SYMLINKS))
		return -ELOOP;
	err = inode_readlink(link, walk_req(w), w->body);
	return err < 0 ? err : walk_follow(w, w->body);
}

/* One component on a mount. */
static int walk_virtual(struct walk *w)
{
	_cleanup_inode_ struct inode *child = NULL;
	struct place *at = &w->at;
	const char *p = w->rest, *end;
	bool last, slash;
	size_t n;
	int err;

	while (*p == '/')
		p++;
	if (!*p) {
		w->rest = p;
		return WALK_END;
	}
	end = strchrnul(p, '/');
	n = (size_t)(end - p);
	if (inode_type(at->ino) != S_IFDIR)
		return -ENOTDIR;
	err = inode_permission_modes(at->ino, walk_req(w), MAY_EXEC);
	if (err < 0)
		return err;
	w->rest = end;
	last = walk_rest_empty(end);
	slash = last && *end == '/';
	w->slash = slash;
	if (n <= 2 && p[0] == '.' && (n == 1 || p[1] == '.')) {
		/* names are looked up by the host, which asks for the search permission */
		err = at->ino->fs->host_fd ?
			inode_permission(at->ino, walk_req(w), MAY_EXEC | MAY_ACCESS) : 0;
		if (err < 0)
			return err;
		walk_no_last(w, true);
		return n == 1 ? WALK_MORE : virtual_dotdot(w);
	}
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(w->last, p, n);
	w->last[n] = '\0';
	w->last_dot = false;
	err = inode_lookup(at->ino, walk_req(w), w->last, &child);
	if (err == -ENOENT && last && (w->flags & PATH_CREATE)) {
		w->negative = true;
		return WALK_END;
	}
	if (err < 0)
		return err;
	if (inode_type(child) == S_IFLNK &&
		(!last || (w->flags & PATH_FOLLOW) || (slash && !(w->flags & PATH_PARENT))))
		return virtual_link(w, child);
	inode_cleanup(&w->parent);
	w->parent = inode_get(at->ino);
	if (last && (w->flags & PATH_MOUNTPOINT)) {
		place_set_virtual(at, mount_get(at->mnt), take_ptr(&child));
		return WALK_END;
	}
	return cross_on(w, mount_get(at->mnt), take_ptr(&child));
}

bool walk_alive(struct walk *w)
{
	if (!w->alive)
		w->alive = !w->c || !w->c->engine || call_alive(w->c);
	return w->alive;
}

int walk_run(struct walk *w)
{
	int err;

	do {
		/* what was read may be another task's by now, and a server is going to hear it */
		if (w->at.mnt && !walk_alive(w))
			return -ESRCH;
		err = w->at.mnt		? walk_virtual(w)
		      : w->root_fd >= 0 ? walk_elsewhere(w)
					: walk_real(w);
	} while (err == WALK_MORE);
	return err;
}
