/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walking mounts of the view, component by component, and crossing between them and the host's
 * tree.
 */
#include "view/walk.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "view/mountinfo.h"
#include "view/root.h"

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

static bool with_rules(const struct walk *w)
{
	return view_has_rules(w->v) && !(w->flags & PATH_NO_RULES);
}

/* Onto the host's folder of this name: as a guest in a tree of its own has it, where it does. */
static int stand_on_host(struct walk *w, const char *name)
{
	int fd;

	if (w->root_fd < 0) {
		place_set_real(&w->at, name, strlen(name), -1);
		w->led = true;
		return 0;
	}
	if (walk_elsewhere_at(w, name) == 0)
		return 0;
	fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	place_set_real(&w->at, name, strlen(name), fd);
	return 0;
}

/* To a place of the host's tree from a mount that leads there. Where the guest's words name that
 * place as it is on the host, without a link, the kernel comes to it by them as well. */
static int leave_to_host(struct walk *w, struct mount *m)
{
	size_t n = m->target_len;
	int r = stand_on_host(w, m->leads);

	if (r < 0) {
		mount_put(m);
		return r;
	}
	walk_no_last(w, false);
	w->touched = true;
	if (!w->rest_buf && !w->root && !(w->flags & PATH_REALIZE) && w->root_fd < 0 && w->c &&
		w->rest == w->word + n && memcmp(w->word, m->target, n) == 0 &&
		strcmp(m->target, m->leads) == 0)
		w->touched = false;
	mount_put(m);
	return WALK_MORE;
}

/* Is it a folder that no mount which is seen through changes? Then the walk goes on at the host's.
 */
static bool leave_outside(struct walk *w, struct inode *ino)
{
	const char *name;
	struct fs_attr attr;

	if (!w->v->noutside)
		return false;
	pthread_mutex_lock(&ino->lock);
	attr = ino->attr;
	pthread_mutex_unlock(&ino->lock);
	name = view_outside_name(w->v, attr.dev, attr.ino);
	if (!name)
		return false;
	if (w->root_fd < 0)
		place_set_real(&w->at, name, strlen(name), -1);
	else if (walk_elsewhere_at(w, name) < 0)
		return false;
	walk_no_last(w, false);
	return true;
}

/* Is it the host's /proc, on a bind of a folder that it lies in? There each process is shown what
 * is its own, and ours is not that. */
static bool leave_to_proc(struct walk *w, struct inode *ino)
{
	const struct fileid *proc = &w->v->proc;

	if (!ino->fs->host_fd || !inode_is(ino, proc->dev, proc->ino) ||
		stand_on_host(w, "/proc") < 0)
		return false;
	walk_no_last(w, false);
	return true;
}

int walk_cross_on(struct walk *w, struct mount *mnt, struct inode *ino)
{
	struct mount *m;

	if (inode_type(ino) == S_IFDIR &&
		(mnt->fs->unchanged ? leave_outside(w, ino) : leave_to_proc(w, ino))) {
		mount_put(mnt);
		inode_put(ino);
		return w->flags & PATH_NO_XDEV ? -EXDEV : WALK_MORE;
	}
	place_set_virtual(&w->at, mnt, ino);
	while ((m = view_mount_on(
			w->v, w->ns, w->at.mnt, w->at.ino, !(w->flags & PATH_NO_RULES)))) {
		if (m->rule == RULE_HIDE) {
			mount_put(m);
			return -ENOENT;
		}
		if (m->leads)
			return leave_to_host(w, m);
		if (w->flags & PATH_NO_XDEV) {
			mount_put(m);
			return -EXDEV;
		}
		place_set_virtual(&w->at, m, inode_get(m->root));
		walk_no_last(w, false);
	}
	if (w->at.mnt->seen_through)
		own_place_move(&w->at.own, &w->next);
	else
		own_place_release(&w->next);
	return WALK_MORE;
}

int walk_cross(struct walk *w, struct mount *m)
{
	if (w->flags & PATH_NO_XDEV) {
		mount_put(m);
		return -EXDEV;
	}
	if (m->rule == RULE_HIDE) {
		mount_put(m);
		return -ENOENT;
	}
	w->touched = true;
	w->led = false;
	w->start_link[0] = '\0';
	walk_no_last(w, false);
	if (m->leads && w->root_fd < 0)
		return leave_to_host(w, m);
	return walk_cross_on(w, m, inode_get(m->root));
}

int walk_cross_here(struct walk *w)
{
	size_t len = strlen(w->at.name);
	struct mount *m;

	if ((w->flags & PATH_MOUNTPOINT) && walk_rest_empty(w->rest))
		return WALK_MORE;
	if ((w->flags & PATH_HOST_ROOT) && len == 1)
		return WALK_MORE;
	m = view_first_mount(w->v, w->ns, w->at.name, len, len - 1, !(w->flags & PATH_NO_RULES));
	return m ? walk_cross(w, m) : WALK_MORE;
}

int walk_to_root(struct walk *w)
{
	w->start_link[0] = '\0';
	w->led = false;
	if (w->flags & PATH_BENEATH)
		return -EXDEV;
	if (w->root) {
		w->touched |= w->rooted;
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

bool walk_is_ruled(struct walk *w, const char *link, const char *name)
{
	_cleanup_mount_ struct mount *m = NULL;
	struct stat st, by_name;

	if (!with_rules(w) || name[0] != '/')
		return false;
	m = view_rule_at(w->v, name);
	return m && m->rule != RULE_RW && stat(link, &st) == 0 && lstat(name, &by_name) == 0 &&
	       st.st_dev == by_name.st_dev && st.st_ino == by_name.st_ino;
}

int walk_by_name(struct walk *w, const char *name)
{
	char *buf = str_printf("%s%s%s", name, *w->rest && *w->rest != '/' ? "/" : "", w->rest);

	if (!buf)
		return -ENOMEM;
	free(w->rest_buf);
	w->rest = w->rest_buf = buf;
	return walk_to_root(w);
}

/* Below a hidden folder something may be shown again: its words, as far as they are plain, lead to
 * a mount. Then the walk goes on in the host's tree, where that is crossed onto next. */
static bool past_hidden(struct walk *w, const struct mount *hidden)
{
	_cleanup_free_ char *path = NULL;
	struct mount *m;
	const char *p = w->rest;
	size_t n = strlen(p);

	while (*p == '/')
		p++;
	if (hidden->parent || !*p || strstr(p, "/./") || strstr(p, "//"))
		return false;
	if (strstr(p, "/.."))
		n = (size_t)(strstr(p, "/..") - w->rest);
	path = str_printf("%s/%.*s", hidden->target, (int)(n - (size_t)(p - w->rest)), p);
	m = path ? view_first_mount(w->v, w->ns, path, strlen(path), hidden->target_len, true)
		 : NULL;
	if (!m)
		return false;
	mount_put(m);
	place_set_real(&w->at, hidden->target, hidden->target_len, -1);
	return true;
}

/* What a name on a bind of the host's files leads to may have a rule by another name. */
static bool cross_rule(struct walk *w, struct inode *child, int *ret)
{
	struct stat st;
	struct mount *m;

	if (!with_rules(w) || !child->fs->host_fd || fstat(inode_host_fd(child), &st) < 0)
		return false;
	/* where a rule shows a place as it is, so are the mounts in it */
	m = w->at.mnt->rule ? view_mount_over(w->v, 0, st.st_dev, st.st_ino)
			    : view_rule_over(w->v, &st);
	if (!m)
		return false;
	if (m->rule == RULE_HIDE && past_hidden(w, m)) {
		w->touched = true;
		walk_no_last(w, false);
		mount_put(m);
		*ret = WALK_MORE;
	} else {
		*ret = walk_cross(w, m);
	}
	return true;
}

/* ".." on a mount. */
static int virtual_dotdot(struct walk *w)
{
	struct place *at = &w->at;

	if (w->root && w->root->mnt == at->mnt && w->root->ino == at->ino)
		return w->flags & PATH_BENEATH ? -EXDEV : WALK_MORE;
	if (at->own.fd >= 0)
		return walk_elsewhere_up(w);
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
		if (m->absent)
			return walk_cross_on(w, mount_get(m->parent), mount_absent_folder(m));
		place_set_virtual(at, mount_get(m->parent), inode_get(m->covers));
	}
	return walk_cross_on(w, mount_get(at->mnt), inode_parent(at->ino));
}

bool walk_lead_dotdot(struct walk *w, int *ret)
{
	_cleanup_free_ char *root = w->rooted ? root_name_of(w->v, w->c->um, w->c->tid) : NULL;
	_cleanup_mount_ struct mount *m = NULL;

	if (!root || path_below(w->at.name, root))
		return false;
	m = view_leads_to(w->v, w->ns, root, w->at.name);
	if (!m && strcmp(w->at.name, "/proc") != 0)
		return false;
	w->touched = true;
	if (!m) {
		*ret = walk_to_root(w);
	} else if (m->absent) {
		*ret = walk_cross_on(w, mount_get(m->parent), mount_absent_folder(m));
	} else if (m->parent) {
		place_set_virtual(&w->at, mount_get(m->parent), inode_get(m->covers));
		*ret = virtual_dotdot(w);
	} else if (m->target_len >= PATH_MAX) {
		*ret = -ENAMETOOLONG;
	} else {
		place_set_real(&w->at, m->target, m->target_len, -1);
		*ret = walk_real_dotdot(w);
	}
	return true;
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

/* The root of a mount is a symbolic link, which lies in the folder of the mount point
 * (sys/mount/make.h): is it followed? */
static bool root_link_counts(const struct walk *w)
{
	return !walk_rest_empty(w->rest) || (w->flags & PATH_FOLLOW) ||
	       (*w->rest == '/' && !(w->flags & PATH_PARENT));
}

static int follow_root_link(struct walk *w)
{
	struct mount *m = w->at.mnt;
	char name[PATH_MAX];
	char *slash;
	int err;

	if (w->links >= WALK_MAX_LINKS || m->target_len >= sizeof(name))
		return -ELOOP;
	err = inode_readlink(m->root, walk_req(w), w->body);
	if (err < 0)
		return err;
	if (m->absent) {
		place_set_virtual(&w->at, mount_get(m->parent), mount_absent_folder(m));
		return walk_follow(w, w->body);
	}
	strcpy(name, m->target);
	slash = strrchr(name, '/');
	slash[slash == name] = '\0';
	place_set_real(&w->at, name, strlen(name), -1);
	return walk_follow(w, w->body);
}

/* What others change while it goes on may be seen or not: they are heard once. */
static void hear_once(struct walk *w, struct fs *fs)
{
	if (!fs->hear || walk_req(w) != &w->reqbuf || w->reqbuf.heard == fs)
		return;
	fs->hear(fs);
	w->reqbuf.heard = fs;
}

/* One component on a mount. */
static int walk_virtual(struct walk *w)
{
	_cleanup_inode_ struct inode *child = NULL;
	struct place *at = &w->at;
	const char *p = w->rest, *end;
	bool last, slash, left;
	size_t n;
	int err;

	if (at->ino == at->mnt->root && inode_type(at->ino) == S_IFLNK && root_link_counts(w))
		return follow_root_link(w);
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
		err = at->ino->fs->host_fd
			      ? inode_permission(at->ino, walk_req(w), MAY_EXEC | MAY_ACCESS)
			      : 0;
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
	if (!last || !(w->flags & PATH_MOUNTPOINT)) {
		struct mount *m = view_absent_at(
			w->v, w->ns, at->mnt, at->ino, w->last, !(w->flags & PATH_NO_RULES));

		if (m)
			return walk_cross(w, m);
	}
	if (last && (w->flags & PATH_FRESH))
		inode_distrust(at->ino, w->last);
	hear_once(w, at->ino->fs);
	err = inode_lookup(at->ino, walk_req(w), w->last, &child);
	if (err == -ENOENT && last && (w->flags & PATH_CREATE)) {
		w->negative = true;
		return WALK_END;
	}
	if (err < 0 || cross_rule(w, child, &err))
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
	if (at->own.fd >= 0) {
		err = walk_elsewhere_beside(w, child, &left);
		if (err < 0 || left)
			return err;
	}
	return walk_cross_on(w, mount_get(at->mnt), take_ptr(&child));
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
