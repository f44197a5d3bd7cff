/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mounts of a view.
 *
 * Theory of operation. A mount on the host's tree is found by the canonical path of its mount
 * point, a mount on another mount of the view by the inode that it covers. Where several lie at
 * one place the newest hides the others. The list owns a reference to each attached mount;
 * walks, open files and mounts that lie on it hold others, and the file system ends with the
 * last one, so that `umount -l` leaves open files usable.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "view/elsewhere.h"
#include "view/mountinfo.h"
#include "view/opened.h"
#include "view/path.h"
#include "view/root.h"
#include "view/space.h"
#include "view/watch.h"

#define STATX_MNT_ID_UNIQUE_ 0x4000u /* newer than the headers here */

enum {
	FIRST_MOUNT_ID = 1 << 20, /* the host's are small */
	FIRST_DEV_MINOR = 1 << 19,
	END_TIMEOUT_S = 10,
};

int view_init(struct view *v)
{
	struct stat st;

	memset(v, 0, sizeof(*v));
	pthread_rwlock_init(&v->lock, NULL);
	CDS_INIT_LIST_HEAD(&v->mounts);
	atomic_init(&v->nmounts, 0);
	v->next_id = FIRST_MOUNT_ID;
	if (spaces_new(&v->spaces) < 0)
		return -ENOMEM;
	v->mnt_ns = process_ns(0, "mnt");
	v->user_ns = process_ns(0, "user");
	if (stat("/proc", &st) == 0)
		v->proc = (struct fileid){ st.st_dev, st.st_ino };
	return 0;
}

void view_release(struct view *v)
{
	struct mount *m;

	roots_free(v);
	while ((m = view_last_mount(v))) {
		if (view_detach(v, m, MNT_DETACH) < 0) {
			mount_put(m);
			break;
		}
		mount_put(m);
	}
	view_opened_free(v);
	for (unsigned i = 0; i < v->noutside; i++)
		free(v->outside[i].path);
	free(v->outside);
	spaces_free(v->spaces);
	pthread_rwlock_destroy(&v->lock);
}

struct mount *mount_get(struct mount *m)
{
	atomic_fetch_add(&m->refs, 1);
	return m;
}

bool mount_ended(struct mount *m)
{
	return !atomic_exchange(&m->ended, true) && atomic_fetch_sub(&m->fs->mounted, 1) == 1;
}

void mount_end(struct mount *m, uint64_t deadline_ns)
{
	if (!mount_ended(m))
		return;
	watch_drop_fs(m->view->watches, m->fs);
	if (m->fs->unmount)
		m->fs->unmount(m->fs, deadline_ns);
}

static void drop_inodes(struct mount *m)
{
	if (m->root)
		inode_put(m->root);
	if (m->covers)
		inode_put(m->covers);
}

static void mount_free(struct mount *m)
{
	free(m->host.path);
	free(m->in_name);
	free(m->leads);
	free(m->target);
	free(m->source);
	free(m->type);
	free(m->options);
	free(atomic_load(&m->table_line));
	free(m);
}

void mount_put(struct mount *m)
{
	while (m && atomic_fetch_sub(&m->refs, 1) == 1) {
		struct mount *parent = m->parent;

		mount_end(m, now_ns() + END_TIMEOUT_S * NSEC_PER_SEC);
		drop_inodes(m);
		if (atomic_fetch_sub(&m->fs->nmounts, 1) == 1) {
			/* a call that was under way at the end may have made one more */
			watch_drop_fs(m->view->watches, m->fs);
			itable_release(m->fs);
			if (m->fs->free)
				m->fs->free(m->fs);
		}
		atomic_fetch_sub(&m->view->nmounts, 1);
		rule_count(m, -1);
		mount_free(m);
		m = parent;
	}
}

/* Is the place of the kind of the root: 0, -ENOTDIR, -ENOENT? */
static int place_check(const struct path *where, mode_t root_type, const struct mount_as *as)
{
	struct stat st;
	bool isdir;

	if (where->kind == PATH_VIRTUAL) {
		if (!where->inode)
			return as && (as->rule == RULE_MADE || as->rule == RULE_HIDE) ? 0 : -ENOENT;
		isdir = inode_type(where->inode) == S_IFDIR;
	} else if (where->kind == PATH_REAL) {
		if (fstatat(where->dirfd, where->last, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) <
			0)
			return errno == ENOENT
				       ? 0
				       : -errno; /* what only the view has (sys/mount/make.h) */
		isdir = S_ISDIR(st.st_mode);
	} else {
		return -EINVAL;
	}
	return isdir == (root_type == S_IFDIR) ? 0 : -ENOTDIR;
}

/* One that is in no list. */
static void mount_discard(struct mount *m)
{
	drop_inodes(m);
	mount_put(m->parent);
	mount_free(m);
}

/* Notes what a mount on the host's tree lies on. Nothing of it is needed while no guest has a mount
 * namespace or root of its own. */
static void note_covered(struct view *v, struct mount *m, const struct path *where)
{
	pid_t tid = where->tid ? where->tid : getpid();
	_cleanup_free_ char *text = NULL;
	struct covered *h = &m->host;
	struct mountinfo mi;
	struct statx sx;

	if (statx(where->dirfd, where->last, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		    STATX_INO | STATX_MNT_ID, &sx) < 0)
		return;
	h->dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
	h->ino = sx.stx_ino;
	h->mnt_id_old = (uint32_t)sx.stx_mnt_id;
	m->ns = where->tid ? elsewhere_ns(v, where->tid) : where->ns;
	text = mountinfo_read(tid);
	if (text && mountinfo_find(text, h->mnt_id_old, &mi))
		h->path = mountinfo_inside(&mi, where->name);
	if (statx(where->dirfd, where->last, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		    STATX_MNT_ID_UNIQUE_, &sx) == 0 &&
		(sx.stx_mask & STATX_MNT_ID_UNIQUE_))
		h->mnt_id = sx.stx_mnt_id;
}

int view_mount(struct view *v, struct fs *fs, struct inode *root, const struct path *where,
	const char *source, const char *type, const char *options, unsigned long flags,
	struct mount **ret)
{
	return view_mount_as(v, fs, root, where, source, type, options, flags, NULL, ret);
}

int view_mount_as(struct view *v, struct fs *fs, struct inode *root, const struct path *where,
	const char *source, const char *type, const char *options, unsigned long flags,
	const struct mount_as *as, struct mount **ret)
{
	int err = place_check(where, inode_type(root), as);
	struct timespec now;
	struct mount *m;

	if (err < 0)
		return err;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->target = strdup(where->name);
	m->source = strdup(source ? source : "none");
	m->type = strdup(type ? type : "fuse");
	m->options = strdup(options ? options : "");
	if (!m->target || !m->source || !m->type || !m->options) {
		mount_discard(m);
		return -ENOMEM;
	}
	m->target_len = strlen(m->target);
	m->view = v;
	m->fs = fs;
	m->root = inode_get(root);
	m->flags = flags;
	clock_gettime(CLOCK_BOOTTIME, &now);
	m->since_ns = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	atomic_init(&m->refs, 2); /* the list's and the caller's */
	if (where->kind == PATH_VIRTUAL) {
		m->parent = mount_get(where->mnt);
		m->absent = !where->inode;
		m->covers = inode_get(m->absent ? where->parent : where->inode);
		m->ns = where->ns ? where->ns : where->mnt->ns;
	} else {
		note_covered(v, m, where);
	}
	err = as ? rule_set(m, as, where) : 0;
	if (err < 0) {
		mount_discard(m);
		return err;
	}
	pthread_rwlock_wrlock(&v->lock);
	if (m->parent && atomic_load(&m->parent->detached)) {
		pthread_rwlock_unlock(&v->lock);
		mount_discard(m);
		return -EINVAL;
	}
	m->id = v->next_id++;
	m->unique_id = (1ull << 48) + (uint64_t)m->id;
	fs->watches = v->watches;
	atomic_fetch_add(&fs->mounted, 1);
	atomic_fetch_add(&fs->nmounts, 1);
	if (!fs->dev)
		fs->dev = makedev(0, FIRST_DEV_MINOR + (m->id - FIRST_MOUNT_ID));
	cds_list_add_tail(&m->node, &v->mounts);
	atomic_fetch_add(&v->nmounts, 1);
	if (fs->shown)
		atomic_fetch_add(&v->nshown, 1);
	rule_count(m, 1);
	pthread_rwlock_unlock(&v->lock);
	view_changed(v);
	*ret = m;
	return 0;
}

struct mount *view_mount_made_up(struct view *v, struct fs *fs, struct inode *root,
	const char *target, const struct mount_like *like)
{
	struct mount *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->target = strdup(target);
	m->source = strdup(like->type);
	m->type = strdup(like->type);
	m->options = strdup("");
	if (!m->target || !m->source || !m->type || !m->options) {
		mount_free(m);
		return NULL;
	}
	m->target_len = strlen(target);
	m->view = v;
	m->fs = fs;
	m->root = inode_get(root);
	m->flags = like->flags;
	m->id = like->id;
	m->unique_id = like->unique_id;
	m->made_up = true;
	atomic_init(&m->refs, 1);
	atomic_fetch_add(&fs->mounted, 1);
	atomic_fetch_add(&fs->nmounts, 1);
	atomic_fetch_add(&v->nmounts, 1);
	return m;
}

static bool mount_attached(const struct mount *m)
{
	return !atomic_load_explicit(&m->detached, memory_order_relaxed);
}

/* Does m lie on top, directly or not? */
static bool mount_above(const struct mount *m, const struct mount *top)
{
	for (; top; top = top->parent)
		if (top == m)
			return true;
	return false;
}

int view_detach(struct view *v, struct mount *m, int umount_flags)
{
	struct mount *i, *next;
	CDS_LIST_HEAD(gone);

	pthread_rwlock_wrlock(&v->lock);
	if (!mount_attached(m)) {
		pthread_rwlock_unlock(&v->lock);
		return -EINVAL;
	}
	cds_list_for_each_entry(i, &v->mounts, node)
		if (i->parent == m && !(umount_flags & MNT_DETACH)) {
			pthread_rwlock_unlock(&v->lock);
			return -EBUSY;
		}
	cds_list_for_each_entry_safe(i, next, &v->mounts, node)
		if (mount_above(m, i)) {
			atomic_store(&i->detached, true);
			cds_list_move(&i->node, &gone);
		}
	pthread_rwlock_unlock(&v->lock);
	/* newest first (cds_list_move reversed them): those above go before those below */
	cds_list_for_each_entry_safe(i, next, &gone, node)
		mount_put(i);
	view_changed(v);
	return 0;
}

/* Is target a prefix of path that ends at a component's end? */
static bool path_has_prefix(const char *path, size_t len, const struct mount *m)
{
	size_t n = m->target_len;

	if (n == 1)
		return true;
	return len >= n && memcmp(path, m->target, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Does a mount lead on from below a hidden folder? */
static bool view_below_hidden(
	struct view *v, ino_t ns, const char *path, size_t len, const struct mount *hidden)
{
	struct mount *m;

	cds_list_for_each_entry(m, &v->mounts, node)
		if (!m->parent && space_sees(v, ns, m) && m->target_len > hidden->target_len &&
			path_has_prefix(path, len, m))
			return true;
	return false;
}

struct mount *view_first_mount(
	struct view *v, ino_t ns, const char *path, size_t len, size_t above, bool rules)
{
	struct mount *m, *best = NULL;

	pthread_rwlock_rdlock(&v->lock);
	do {
		above = best ? best->target_len : above;
		best = NULL;
		cds_list_for_each_entry(m, &v->mounts, node)
			if (!m->parent && space_sees(v, ns, m) && !m->seen_through &&
				m->target_len > above && (rules || !rule_is_policy(m->rule)) &&
				path_has_prefix(path, len, m) &&
				(!best || m->target_len <= best->target_len))
				best = m;
	} while (best && best->rule == RULE_HIDE && view_below_hidden(v, ns, path, len, best));
	if (best)
		mount_get(best);
	pthread_rwlock_unlock(&v->lock);
	return best;
}

bool view_is_outside(const struct view *v, const char *path)
{
	for (unsigned i = 0; i < v->noutside; i++) {
		const struct outside *o = &v->outside[i];
		size_t n = strlen(o->path);

		if (strncmp(path, o->path, n) == 0 && (!path[n] || path[n] == '/'))
			return true;
	}
	return false;
}

struct mount *view_seen_through(struct view *v, const char *path, bool *ret_free)
{
	struct mount *m, *best = NULL;
	size_t len = strlen(path);
	bool free_way = true;

	if (!atomic_load_explicit(&v->nseen_through, memory_order_relaxed) ||
		view_is_outside(v, path))
		return NULL;
	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (!m->parent && m->seen_through && path_has_prefix(path, len, m) &&
			(!best || m->target_len > best->target_len))
			best = m;
	if (best) {
		mount_get(best);
		cds_list_for_each_entry(m, &v->mounts, node)
			if (m != best && m->target_len >= best->target_len &&
				path_has_prefix(path, len, m))
				free_way = false;
	}
	pthread_rwlock_unlock(&v->lock);
	*ret_free = free_way;
	return best;
}

char *mount_options_copy(struct mount *m)
{
	char *copy;

	pthread_rwlock_rdlock(&m->view->lock);
	copy = strdup(m->options);
	pthread_rwlock_unlock(&m->view->lock);
	return copy;
}

int view_set_options(struct view *v, const struct fs *fs, const char *options)
{
	struct mount *m;
	int r = 0;

	pthread_rwlock_wrlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node) {
		char *copy = m->fs == fs ? strdup(options) : NULL;

		if (copy) {
			free(m->options);
			m->options = copy;
		} else if (m->fs == fs) {
			r = -ENOMEM;
		}
	}
	pthread_rwlock_unlock(&v->lock);
	return r;
}

bool mount_leaves(const struct mount *m, const char *path, bool opens)
{
	if (opens && (atomic_load_explicit(&m->fs->flags, memory_order_relaxed) & FS_OPENS_ALL))
		return false;
	return m->fs->unchanged(m->fs, path + (m->target_len > 1 ? m->target_len : 0));
}

void view_see_through(struct view *v, struct mount *m, bool into_closed)
{
	pthread_rwlock_wrlock(&v->lock);
	m->seen_through = true;
	pthread_rwlock_unlock(&v->lock);
	atomic_fetch_add(&v->nseen_through, 1);
	if (into_closed)
		atomic_store(&v->sees_closed, true);
}

int view_add_outside(struct view *v, const char *path)
{
	struct outside *more = reallocarray(v->outside, v->noutside + 1, sizeof(*more));
	_cleanup_free_ char *real = realpath(path, NULL);
	struct stat st;

	if (!more)
		return -ENOMEM;
	v->outside = more;
	if (!real || stat(real, &st) < 0)
		return -errno;
	more[v->noutside++] =
		(struct outside){ .path = take_ptr(&real), .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

const char *view_outside_name(const struct view *v, dev_t dev, ino_t ino)
{
	for (unsigned i = 0; i < v->noutside; i++) {
		if (v->outside[i].ino == ino && v->outside[i].dev == dev)
			return v->outside[i].path;
	}
	return NULL;
}

struct mount *view_mount_over(struct view *v, ino_t ns, dev_t dev, ino_t ino)
{
	struct mount *m, *best = NULL;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (!m->parent && m->host.ino == ino && m->host.dev == dev && space_sees(v, ns, m))
			best = m;
	if (best)
		mount_get(best);
	pthread_rwlock_unlock(&v->lock);
	return best;
}

/* A rule holds on every bind of what it covers; and a mount that covers something is seen where a
 * rule shows that (but what the rule itself covers, which it is the newest on). What is made up is
 * so for each walk. */
static bool lies_on(const struct mount *m, const struct mount *on)
{
	if (m->parent == on || (on->made_up && m->parent->made_up && m->parent->fs == on->fs))
		return true;
	return (m->rule || on->rule) && m->parent->fs == on->fs && m->covers != on->root;
}

struct mount *view_mount_on(
	struct view *v, ino_t ns, struct mount *on, struct inode *ino, bool rules)
{
	struct mount *m, *best = NULL;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (m->covers == ino && !m->absent && space_sees(v, ns, m) &&
			(rules || !rule_is_policy(m->rule)) && lies_on(m, on))
			best = m;
	if (best)
		mount_get(best);
	pthread_rwlock_unlock(&v->lock);
	return best;
}

struct mount *view_mount_at(struct view *v, ino_t ns, const char *target)
{
	struct mount *m, *best = NULL;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (space_sees(v, ns, m) && strcmp(m->target, target) == 0)
			best = m;
	if (best)
		mount_get(best);
	pthread_rwlock_unlock(&v->lock);
	return best;
}

struct mount *view_leads_to(struct view *v, ino_t ns, const char *root, const char *place)
{
	struct mount *m, *best = NULL;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (m->leads && strcmp(m->leads, place) == 0 && space_sees(v, ns, m) &&
			path_below(m->target, root))
			best = m;
	if (best)
		mount_get(best);
	pthread_rwlock_unlock(&v->lock);
	return best;
}

struct mount *view_last_mount(struct view *v)
{
	struct mount *m = NULL;

	pthread_rwlock_rdlock(&v->lock);
	if (!cds_list_empty(&v->mounts))
		m = mount_get(cds_list_entry(v->mounts.prev, struct mount, node));
	pthread_rwlock_unlock(&v->lock);
	return m;
}

void view_each_mount(struct view *v, void (*fn)(struct mount *m, void *arg), void *arg)
{
	struct mount *m;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		fn(m, arg);
	pthread_rwlock_unlock(&v->lock);
}

bool view_covers(struct view *v, const char *path)
{
	size_t len = strlen(path);
	struct mount *m;
	bool covered = false;

	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (!m->ns && path_has_prefix(path, len, m)) {
			covered = true;
			break;
		}
	pthread_rwlock_unlock(&v->lock);
	return covered;
}

bool view_has_mount_below(struct view *v, const char *path, bool hidden)
{
	size_t len = strlen(path);
	struct mount *m;
	bool below = false;

	if (len == 1)
		len = 0;
	pthread_rwlock_rdlock(&v->lock);
	cds_list_for_each_entry(m, &v->mounts, node)
		if (!m->ns && m->target_len > len + 1 && memcmp(m->target, path, len) == 0 &&
			m->target[len] == '/' && (hidden || !m->absent || m->rule != RULE_HIDE)) {
			below = true;
			break;
		}
	pthread_rwlock_unlock(&v->lock);
	return below;
}
