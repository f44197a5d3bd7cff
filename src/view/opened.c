/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/opened.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "view/mountinfo.h"

#define SLOTS 4096u /* a power of two; a newer file takes the place of an older one */

struct slot {
	dev_t dev;
	ino_t ino;
	int mount; /* its id; 0: free */
};

struct opened {
	pthread_mutex_t lock; /* slots; a leaf */
	struct slot slots[SLOTS];
};

static struct slot *slot_of(struct opened *o, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15ull;

	return &o->slots[(h >> 32) & (SLOTS - 1)];
}

/* The table, made when the first file is opened. */
static struct opened *opened_of(struct view *v)
{
	struct opened *o = atomic_load(&v->opened), *none = NULL;

	if (o)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	pthread_mutex_init(&o->lock, NULL);
	if (atomic_compare_exchange_strong(&v->opened, &none, o))
		return o;
	free(o);
	return none;
}

void view_opened_free(struct view *v)
{
	struct opened *o = atomic_load(&v->opened);

	if (!o)
		return;
	pthread_mutex_destroy(&o->lock);
	free(o);
}

void view_note_opened(struct view *v, struct mount *m, struct inode *ino)
{
	struct opened *o = opened_of(v);
	struct stat st;
	struct slot *s;

	if (!o || fstat(inode_host_fd(ino), &st) < 0)
		return; /* it is told by its host's name then */
	s = slot_of(o, st.st_dev, st.st_ino);
	pthread_mutex_lock(&o->lock);
	*s = (struct slot){ .dev = st.st_dev, .ino = st.st_ino, .mount = m->id };
	pthread_mutex_unlock(&o->lock);
}

struct by_id {
	int id;
	struct mount *found;
};

static void find_id(struct mount *m, void *arg)
{
	struct by_id *b = arg;

	if (m->id == b->id && m->fs->host_fd)
		b->found = mount_get(m);
}

/* Through which mount a file was opened last: referenced, or NULL. */
static struct mount *opened_through(struct view *v, dev_t dev, ino_t ino)
{
	struct opened *o = atomic_load(&v->opened);
	struct by_id b = { 0 };
	struct slot *s;

	if (!o)
		return NULL;
	s = slot_of(o, dev, ino);
	pthread_mutex_lock(&o->lock);
	if (s->dev == dev && s->ino == ino)
		b.id = s->mount;
	pthread_mutex_unlock(&o->lock);
	if (b.id)
		view_each_mount(v, find_id, &b);
	return b.found;
}

bool view_was_opened(struct view *v, const struct mount *m, dev_t dev, ino_t ino)
{
	_cleanup_mount_ struct mount *through = opened_through(v, dev, ino);

	return through == m;
}

struct by_shown {
	unsigned skip;
	struct mount *found;
};

static void find_shown(struct mount *m, void *arg)
{
	struct by_shown *b = arg;

	if (m->fs->shown && atomic_load(&m->fs->shows) && !b->found && b->skip-- == 0)
		b->found = mount_get(m);
}

bool view_shows(struct view *v)
{
	_cleanup_mount_ struct mount *first = NULL;
	struct by_shown b = { 0 };

	if (!atomic_load_explicit(&v->nshown, memory_order_relaxed))
		return false;
	view_each_mount(v, find_shown, &b);
	first = b.found;
	return first != NULL;
}

bool view_shown(struct view *v, const char *link, struct fs_attr *ret)
{
	struct stat st;
	bool shown = false;

	if (!view_shows(v) || stat(link, &st) < 0)
		return false;
	fs_attr_of_stat(&st, ret);
	ret->dev = st.st_dev;
	for (unsigned i = 0; !shown; i++) {
		struct by_shown b = { .skip = i };

		view_each_mount(v, find_shown, &b);
		if (!b.found)
			break;
		shown = b.found->fs->shown(b.found->fs, link, ret);
		mount_put(b.found);
	}
	return shown;
}

/* The host's name of what lies below a folder of the host, as the view's. */
static char *name_below(const struct mount *m, int folder, const char *name)
{
	char self[FD_PATH_MAX], root[PATH_MAX];
	ssize_t n = read_link(AT_FDCWD, fd_path(self, folder), root, sizeof(root));
	const char *below;

	if (n < 0)
		return NULL;
	if (n == 1)
		n = 0;
	if (strncmp(name, root, (size_t)n) != 0)
		return NULL;
	below = name + n;
	if (*below && *below != '/' && *below != ' ') /* " (deleted)" of a file that is bound */
		return NULL;
	return str_printf("%s%s", m->target_len > 1 ? m->target : "", below);
}

/* The mount shows a folder of the file system's: the name from there. */
static void cut_root(const struct mount *m, char *name)
{
	_cleanup_free_ char *top = inode_path(m->root);
	size_t at = m->target_len > 1 ? m->target_len : 0, n = top ? strlen(top) : 0;

	if (n && strncmp(name + at, top, n) == 0 && (name[at + n] == '/' || !name[at + n]))
		memmove(name + at, name + at + n, strlen(name + at + n) + 1);
}

static char *name_in(const struct mount *m, const char *name)
{
	char *ret = NULL;
	int fd;

	if (!m->fs->host_folder)
		return name_below(m, inode_host_fd(m->root), name);
	for (unsigned i = 0; !ret && (fd = m->fs->host_folder(m->fs, i)) >= 0; i++)
		ret = name_below(m, fd, name);
	if (ret && m->root->nodeid != m->fs->root_node)
		cut_root(m, ret);
	return ret;
}

char *view_opened_name_of(struct view *v, dev_t dev, ino_t ino, const char *name)
{
	_cleanup_mount_ struct mount *m = opened_through(v, dev, ino);

	return m && name[0] == '/' ? name_in(m, name) : NULL;
}

struct by_folder {
	const char *name;
	struct mount *found; /* referenced */
};

static void find_upper(struct mount *m, void *arg)
{
	char self[FD_PATH_MAX], top[PATH_MAX];
	struct by_folder *b = arg;

	if (!b->found && m->seen_through && m->fs->host_folder && !(m->fs->flags & FS_READ_ONLY) &&
		read_link(AT_FDCWD, fd_path(self, m->fs->host_folder(m->fs, 0)), top, sizeof(top)) >
			0 &&
		path_below(b->name, top))
		b->found = mount_get(m);
}

/* The mount that is seen through, and writes to a folder which has this name in it; or NULL. */
static struct mount *upper_of(struct view *v, const char *name)
{
	struct by_folder b = { .name = name };

	view_each_mount(v, find_upper, &b);
	return b.found;
}

bool view_is_upper(struct view *v, const char *name)
{
	_cleanup_mount_ struct mount *m = upper_of(v, name);

	return m != NULL;
}

/* A name says little where another namespace may have mounted something else at it. */
static bool on_one_mount(int a, int b)
{
	struct statx x, y;

	return statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) == 0 &&
	       statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &y) == 0 &&
	       (x.stx_mask & y.stx_mask & STATX_MNT_ID) && x.stx_mnt_id == y.stx_mnt_id;
}

bool view_is_plain_upper(struct view *v, int fd)
{
	_cleanup_mount_ struct mount *m = NULL;
	char self[FD_PATH_MAX], name[PATH_MAX];
	struct fs *fs;

	if (read_link(AT_FDCWD, fd_path(self, fd), name, sizeof(name)) <= 0)
		return false;
	m = upper_of(v, name);
	if (!m || (m->flags & MS_RDONLY))
		return false;
	fs = m->fs;
	return fs->plain && !atomic_load(&fs->nwatched) && fs->plain(fs, fd) &&
	       on_one_mount(fd, fs->host_folder(fs, 0));
}

char *view_opened_name(struct view *v, const char *link)
{
	char name[PATH_MAX];
	struct stat st;

	if (!atomic_load(&v->opened) || stat(link, &st) < 0 ||
		read_link(AT_FDCWD, link, name, sizeof(name)) < 0)
		return NULL;
	return view_opened_name_of(v, st.st_dev, st.st_ino, name);
}
