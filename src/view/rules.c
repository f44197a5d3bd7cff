/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts that are rules: what is hidden, read-only, or writable again below that.
 *
 * Theory of operation. A rule lies on a path as every mount does. But where one comes to a file by
 * another way than by path from the root (a descriptor or working directory from before, a link of
 * /proc, a bind of a folder above it), the rule is looked for as well: by the name that the kernel
 * has for a place of the host, and on a bind by the device and inode number of what a name leads
 * to.
 */
#include <string.h>

#include "view/mountinfo.h"
#include "view/path.h"
#include "view/space.h"

/* The host's folder that a mount which is seen through shows as it is, where nothing was changed.
 */
static int host_folder(const struct mount *m, struct stat *ret)
{
	_cleanup_free_ char *path = strdup(m->target);

	if (!path || !m->parent->seen_through)
		return -ENOENT;
	*strrchr(path, '/') = '\0';
	return stat(*path ? path : "/", ret) < 0 ? -errno : 0;
}

int rule_set(struct mount *m, const struct mount_as *as, const struct path *where)
{
	const char *leads = as->rule == RULE_RW && !m->parent ? m->target : as->leads;
	struct stat st;

	m->rule = as->rule;
	m->guests = as->guests;
	m->locked_ro = as->locked_ro || as->rule == RULE_RO || as->rule == RULE_EMPTY;
	if (m->rule == RULE_NONE)
		return 0;
	m->in_name = strdup(m->absent ? strrchr(m->target, '/') + 1 : where->last);
	m->leads = leads ? strdup(leads) : NULL;
	if (!m->in_name || (leads && !m->leads))
		return -ENOMEM;
	if (m->absent ? host_folder(m, &st) == 0
		      : where->kind == PATH_REAL && where->last[0] &&
				fstat(where->dirfd, &st) == 0) {
		m->in.dev = st.st_dev;
		m->in.ino = st.st_ino;
	}
	return 0;
}

void rule_count(struct mount *m, int n)
{
	if (rule_is_policy(m->rule))
		atomic_fetch_add(&m->view->nrules, n);
	if (m->rule == RULE_MADE)
		atomic_fetch_add(&m->view->nmade, n);
	if (m->absent)
		atomic_fetch_add(&m->view->nabsent, n);
}

struct mount *view_rule_at(struct view *v, const char *path)
{
	size_t len = strlen(path);
	struct mount *m, *best = NULL;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (!m->parent && !m->ns && rule_is_policy(m->rule) &&
			(!best || m->target_len >= best->target_len) &&
			path_below(path, m->target) && len >= m->target_len)
			best = m;
	if (best)
		mount_get(best);
	pthread_rwlock_unlock(&v->lock);
	return best;
}

struct mount *view_rule_over(struct view *v, const struct stat *st)
{
	struct mount *m, *best = NULL;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (!m->parent && rule_is_policy(m->rule) && m->host.ino == st->st_ino &&
			m->host.dev == st->st_dev)
			best = m;
	if (best)
		mount_get(best);
	pthread_rwlock_unlock(&v->lock);
	return best;
}

static bool hides(const struct mount *m, const struct stat *dir, const struct inode *ino)
{
	if (m->rule != RULE_HIDE)
		return false;
	if (m->absent && ino)
		return m->covers == ino;
	if (m->parent && !m->absent)
		return ino && m->covers->parent == ino;
	return dir && m->in.ino == dir->st_ino && m->in.dev == dir->st_dev;
}

void view_each_made(
	struct view *v, const struct stat *dir, void (*fn)(struct mount *m, void *arg), void *arg)
{
	struct mount *m;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (m->rule == RULE_MADE && (!m->parent || m->absent) && !m->host.ino &&
			m->in.ino == dir->st_ino && m->in.dev == dir->st_dev)
			fn(m, arg);
	pthread_rwlock_unlock(&v->lock);
}

/* Does an absent mount lie in the folder of this path? */
static bool is_in(const struct mount *m, const char *dir)
{
	size_t n = dir[1] ? strlen(dir) : 0;

	return m->absent && strncmp(m->target, dir, n) == 0 && m->target[n] == '/' &&
	       !strchr(m->target + n + 1, '/');
}

/* Of one such mount the folder is noted, which may have been made since: true and what is to be put
 * instead, if one was left. */
static bool note_folder(
	struct view *v, struct mount *on, struct inode *dir, const char *path, struct inode **ret)
{
	struct mount *m;
	bool found = false;

	pthread_rwlock_wrlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node) {
		if (m->parent != on || m->covers == dir || !is_in(m, path))
			continue;
		*ret = m->covers;
		m->covers = inode_get(dir);
		found = true;
		break;
	}
	pthread_rwlock_unlock(&v->lock);
	return found;
}

static void see_absent(struct view *v, struct mount *on, struct inode *dir)
{
	_cleanup_free_ char *path = NULL;
	struct inode *old;

	if (!on || !atomic_load_explicit(&v->nabsent, memory_order_acquire))
		return;
	path = path_of_inode(v, on, dir);
	while (path && note_folder(v, on, dir, path, &old))
		inode_put(old);
}

struct mount *view_absent_at(
	struct view *v, ino_t ns, struct mount *on, struct inode *dir, const char *name, bool rules)
{
	struct mount *m, *found = NULL;

	if (!atomic_load_explicit(&v->nabsent, memory_order_acquire))
		return NULL;
	see_absent(v, on, dir);
	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (m->absent && m->covers == dir && space_sees(v, ns, m) &&
			(rule_is_policy(m->rule) ? rules : m->parent == on) &&
			strcmp(m->in_name, name) == 0)
			found = m;
	if (found)
		mount_get(found);
	pthread_rwlock_unlock(&v->lock);
	return found;
}

struct inode *mount_absent_folder(struct mount *m)
{
	struct inode *dir;

	pthread_rwlock_rdlock(&m->view->lock);
	dir = inode_get(m->covers);
	pthread_rwlock_unlock(&m->view->lock);
	return dir;
}

void view_each_made_on(struct view *v, struct mount *on, struct inode *dir,
	void (*fn)(struct mount *m, void *arg), void *arg)
{
	struct mount *m;

	see_absent(v, on, dir);
	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (m->absent && m->rule == RULE_MADE && m->parent == on && m->covers == dir)
			fn(m, arg);
	pthread_rwlock_unlock(&v->lock);
}

bool view_hides_in(struct view *v, const struct stat *dir, struct mount *on, struct inode *ino)
{
	struct mount *m;
	bool found = false;

	see_absent(v, on, ino);
	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		found = found || hides(m, dir, ino);
	pthread_rwlock_unlock(&v->lock);
	return found;
}

bool view_hides(
	struct view *v, const struct stat *dir, struct inode *ino, const char *name, size_t len)
{
	struct mount *m;
	bool found = false;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		found = found || (hides(m, dir, ino) && strlen(m->in_name) == len &&
					 memcmp(m->in_name, name, len) == 0);
	pthread_rwlock_unlock(&v->lock);
	return found;
}
