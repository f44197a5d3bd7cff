/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes: by which files they are found, how long they are known, and where they are. */
#include <string.h>

#include "fs/overlay/internal.h"

static size_t bucket_of(const struct ovl *o, dev_t dev, ino_t ino)
{
	uint64_t key = ((uint64_t)ino ^ (uint64_t)dev << 40) * 0x9e3779b97f4a7c15ull;

	return (key >> 32) & o->mask;
}

static void hash_locked(struct ovl *o, struct ovl_node *n)
{
	n->unhashed = false;
	cds_hlist_add_head(&n->hash, &o->table[bucket_of(o, n->dev, n->ino)]);
	if (n->is_raised)
		cds_hlist_add_head(
			&n->raised, &o->raised[bucket_of(o, n->below_dev, n->below_ino)]);
}

static void unhash_locked(struct ovl_node *n)
{
	if (n->unhashed)
		return;
	cds_hlist_del(&n->hash);
	if (n->is_raised)
		cds_hlist_del(&n->raised);
}

static void grow_locked(struct ovl *o)
{
	size_t old_mask = o->mask, mask = old_mask * 4 + 3;
	struct cds_hlist_head *old = o->table, *table, *raised;

	if (o->count <= 2 * old_mask)
		return;
	table = calloc(mask + 1, sizeof(*table));
	raised = calloc(mask + 1, sizeof(*raised));
	if (!table || !raised) {
		free(table);
		free(raised);
		return;
	}
	free(o->raised);
	o->table = table;
	o->raised = raised;
	o->mask = mask;
	for (size_t i = 0; i <= old_mask; i++) {
		struct ovl_node *n, *next;

		cds_hlist_for_each_entry_safe_2(n, next, &old[i], hash) hash_locked(o, n);
	}
	free(old);
}

static struct ovl_node *find_locked(struct ovl *o, dev_t dev, ino_t ino)
{
	struct ovl_node *n;

	cds_hlist_for_each_entry_2(n, &o->table[bucket_of(o, dev, ino)], hash)
		if (n->dev == dev && n->ino == ino)
			return n;
	return NULL;
}

static void node_free(struct ovl *o, struct ovl_node *n)
{
	if (!n)
		return;
	ovl_outside_unwatch(o, n);
	if (ovl_upper(n) >= 0)
		close(ovl_upper(n));
	for (unsigned i = 0; i < n->nlower; i++)
		close(n->lower[i].fd);
	if (n->data >= 0)
		close(n->data);
	free(n->lower);
	free(n->lower_path);
	free(n->name);
	pthread_mutex_destroy(&n->copying);
	pthread_mutex_destroy(&n->names);
	free(n);
}

static struct ovl_node *node_new(struct found *f, struct shown shown)
{
	struct ovl_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->lower = calloc(f->nlower + 1, sizeof(*n->lower));
	if (!n->lower) {
		free(n);
		return NULL;
	}
	pthread_mutex_init(&n->copying, NULL);
	pthread_mutex_init(&n->names, NULL);
	memcpy(n->lower, f->lower, f->nlower * sizeof(*n->lower));
	n->nlower = f->nlower;
	n->data = f->has_data ? f->lower[f->nlower].fd : -1;
	atomic_init(&n->is_meta, f->has_data);
	atomic_init(&n->opened, false);
	atomic_init(&n->upper, f->upper);
	n->xwhiteouts = f->xwhiteouts;
	n->lower_path = f->lower_path;
	n->dev = f->st.st_dev;
	n->ino = f->st.st_ino;
	n->shown = shown;
	n->type = f->st.st_mode & S_IFMT;
	f->upper = -1;
	f->nlower = 0;
	f->has_data = false;
	f->lower_path = NULL;
	return n;
}

/* Nothing holds it any more: taken out, and its directory is to be looked at next. */
static struct ovl_node *unused_locked(struct ovl *o, struct ovl_node *n)
{
	struct ovl_node *parent = n->parent;

	unhash_locked(n);
	o->count--;
	if (parent)
		parent->children--;
	return parent;
}

static void node_drop(struct ovl *o, struct ovl_node *n, uint64_t nlookup, unsigned children)
{
	pthread_mutex_lock(&o->lock);
	n->nlookup -= nlookup < n->nlookup ? nlookup : n->nlookup;
	n->children -= children;
	while (n && !n->nlookup && !n->children) {
		struct ovl_node *gone = n;

		n = unused_locked(o, gone);
		pthread_mutex_unlock(&o->lock);
		node_free(o, gone);
		pthread_mutex_lock(&o->lock);
	}
	pthread_mutex_unlock(&o->lock);
}

void ovl_hold(struct ovl *o, struct ovl_node *n)
{
	pthread_mutex_lock(&o->lock);
	n->children++;
	pthread_mutex_unlock(&o->lock);
}

void ovl_put(struct ovl *o, struct ovl_node *n)
{
	if (n)
		node_drop(o, n, 0, 1);
}

void ovl_forget(struct fs *fs, uint64_t node, uint64_t nlookup)
{
	node_drop(ovl_of(fs), ovl_node_of(node), nlookup, 0);
}

/* The directory that it was in, whose reference is the caller's. */
static struct ovl_node *place_locked(struct ovl_node *n, struct ovl_node *dir, char *name)
{
	struct ovl_node *old = n->parent;

	free(n->name);
	n->name = name;
	n->parent = dir;
	if (dir)
		dir->children++;
	return old;
}

void ovl_place_set(struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name)
{
	char *copy = dir ? strdup(name) : NULL;
	struct ovl_node *old;

	if (dir && !copy)
		dir = NULL; /* out of memory: it cannot be copied up until it is found again */
	pthread_mutex_lock(&o->lock);
	old = place_locked(n, dir, copy);
	pthread_mutex_unlock(&o->lock);
	ovl_put(o, old);
}

void ovl_lost(struct ovl *o, struct ovl_node *n, struct ovl_node *dir, const char *name)
{
	char at[NAME_MAX + 1];
	struct ovl_node *in = ovl_place(o, n, at);

	if (in == dir && strcmp(at, name) == 0)
		ovl_place_set(o, n, NULL, NULL);
	ovl_put(o, in);
	if (!o->served || n->type == S_IFDIR)
		return;
	pthread_mutex_lock(&o->lock);
	if (!n->is_raised && ovl_upper(n) >= 0) {
		unhash_locked(n);
		n->unhashed = true;
	}
	pthread_mutex_unlock(&o->lock);
}

struct ovl_node *ovl_place(struct ovl *o, struct ovl_node *n, char name[NAME_MAX + 1])
{
	struct ovl_node *dir;

	pthread_mutex_lock(&o->lock);
	dir = n->parent;
	if (dir) {
		strcpy(name, n->name);
		dir->children++;
	}
	pthread_mutex_unlock(&o->lock);
	return dir;
}

struct ovl_node *ovl_known(struct ovl *o, const struct stat *st)
{
	struct ovl_node *n;

	pthread_mutex_lock(&o->lock);
	n = find_locked(o, st->st_dev, st->st_ino);
	if (n)
		n->children++;
	pthread_mutex_unlock(&o->lock);
	return n;
}

static struct ovl_node *raised_locked(struct ovl *o, const struct stat *below)
{
	struct ovl_node *n;

	cds_hlist_for_each_entry_2(
		n, &o->raised[bucket_of(o, below->st_dev, below->st_ino)], raised)
		if (n->below_dev == below->st_dev && n->below_ino == below->st_ino)
			return n;
	return NULL;
}

struct ovl_node *ovl_raised(struct ovl *o, const struct stat *below)
{
	struct ovl_node *n;

	pthread_mutex_lock(&o->lock);
	n = raised_locked(o, below);
	if (n && ovl_upper(n) < 0)
		n = NULL;
	if (n)
		n->children++;
	pthread_mutex_unlock(&o->lock);
	return n;
}

char *ovl_path(struct ovl *o, struct ovl_node *n)
{
	_cleanup_free_ char *buf = malloc(PATH_MAX);
	size_t at = PATH_MAX - 1;

	if (!buf)
		return NULL;
	buf[at] = '\0';
	pthread_mutex_lock(&o->lock);
	for (; n->parent; n = n->parent) {
		size_t len = strlen(n->name);

		if (at < len + 1)
			break;
		at -= len;
		memcpy(buf + at, n->name, len);
		buf[--at] = '/';
	}
	pthread_mutex_unlock(&o->lock);
	if (n != o->root)
		return NULL;
	return strdup(buf + at + (buf[at] == '/'));
}

/* Who looked before a file was copied up comes with what it was below. */
static struct ovl_node *found_locked(struct ovl *o, const struct found *f)
{
	struct ovl_node *n = f->upper < 0 ? raised_locked(o, &f->st) : NULL;

	return n ? n : find_locked(o, f->st.st_dev, f->st.st_ino);
}

/* Of ovl_top(). */
static ino_t top_ino_locked(const struct ovl_node *n)
{
	return n->is_raised && ovl_upper(n) < 0 ? n->below_ino : n->ino;
}

/* Is the file, by whose number the node is found, there yet? */
static bool is_there(int fd, ino_t ino)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink && st.st_ino == ino;
}

/* The known node of what was found, referenced as by a look-up; NULL: none. One whose file was
 * removed is taken out of the table: a server may have given its number to the one found. */
static struct ovl_node *known_node(struct ovl *o, const struct found *f)
{
	for (;;) {
		struct ovl_node *n;
		ino_t ino = 0;
		int top = -1;

		pthread_mutex_lock(&o->lock);
		n = found_locked(o, f);
		if (n) {
			n->nlookup++;
			/* (both at once: a copy-up changes them) */
			top = ovl_top(n);
			ino = top_ino_locked(n);
		}
		pthread_mutex_unlock(&o->lock);
		if (!n || !o->served || is_there(top, ino))
			return n;
		pthread_mutex_lock(&o->lock);
		if (top_ino_locked(n) == ino) { /* not copied up meanwhile */
			unhash_locked(n);
			n->unhashed = true;
		}
		pthread_mutex_unlock(&o->lock);
		node_drop(o, n, 1, 0);
	}
}

/* False: one is known meanwhile. NULL in *ret: out of memory. */
static bool add_node(struct ovl *o, struct found *f, struct shown shown, struct ovl_node **ret)
{
	bool is_new;

	pthread_mutex_lock(&o->lock);
	is_new = !found_locked(o, f);
	*ret = is_new ? node_new(f, shown) : NULL;
	if (*ret) {
		(*ret)->nlookup = 1;
		hash_locked(o, *ret);
		o->count++;
		grow_locked(o);
	}
	pthread_mutex_unlock(&o->lock);
	return is_new;
}

/* The node that was looked for, known or new. NULL: out of memory. */
static struct ovl_node *node_of(
	struct ovl *o, struct found *f, struct ovl_node *dir, const char *name)
{
	struct ovl_node *n = known_node(o, f);
	struct shown shown;

	if (n)
		return n;
	shown = ovl_number_of(o, f, dir, name);
	if (f->upper >= 0 || o->layers[f->lower[0].layer].upper)
		ovl_number_keep(o, &f->st, shown);
	while (!n && !add_node(o, f, shown, &n))
		n = known_node(o, f);
	return n;
}

int ovl_enter(struct ovl *o, struct found *f, struct ovl_node *dir, const char *name,
	struct fs_entry *ret)
{
	const bool in_upper = f->upper >= 0;
	const int looked = f->looked;
	struct ovl_node *n = node_of(o, f, dir, name);
	bool joins = n && dir && !in_upper && n->type != S_IFDIR && ovl_upper(n) >= 0;
	int r;

	ovl_found_release(f);
	if (!n)
		return -ENOMEM;
	if (n == o->root) {
		node_drop(o, n, 1, 0);
		return -ELOOP;
	}
	if (dir)
		ovl_place_set(o, n, dir, name);
	atomic_store(&n->looked, looked);
	atomic_store(&n->seen, 0);
	/* what is below may have another name too, by a bind of the host's; what was made here not
	 */
	if (dir && (n->nlower || atomic_load(&dir->all_changed)))
		atomic_store(&n->all_changed, atomic_load(&dir->all_changed));
	*ret = (struct fs_entry){ .nodeid = (uintptr_t)n };
	if (dir && n->type == S_IFDIR && looked >= 0)
		ret->entry_valid_ns = UINT64_MAX; /* ovl_still() is asked */
	r = joins ? ovl_hardlink_join(o, n, dir, name) : 0;
	/* by another name of it a server may not know yet what was written by our descriptor */
	if (r == 0 && o->served && f->st.st_nlink > 1 && n->type != S_IFDIR &&
		ovl_getattr_fd(o, n, &ret->attr) == 0)
		return 0;
	if (r == 0 && in_upper == (ovl_upper(n) >= 0))
		ovl_attr_of_stat(o, n, &f->st, &ret->attr);
	else if (r == 0)
		r = ovl_getattr_fd(o, n, &ret->attr);
	if (r < 0)
		node_drop(o, n, 1, 0);
	return r;
}

int ovl_raise_begin(struct ovl *o, struct ovl_node *n, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	ovl_number_keep(o, &st, n->shown);
	pthread_mutex_lock(&o->lock);
	unhash_locked(n);
	n->below_dev = n->dev;
	n->below_ino = n->ino;
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	n->is_raised = true;
	hash_locked(o, n);
	pthread_mutex_unlock(&o->lock);
	return 0;
}

void ovl_raise_end(struct ovl *o, struct ovl_node *n, int fd)
{
	struct stat below;

	pthread_mutex_lock(&o->lock);
	if (fd >= 0) {
		atomic_store(&n->upper, fd);
	} else {
		unhash_locked(n);
		n->is_raised = false;
		n->dev = n->below_dev;
		n->ino = n->below_ino;
		hash_locked(o, n);
	}
	pthread_mutex_unlock(&o->lock);
	if (fd >= 0 && n->type != S_IFDIR && fstat(n->lower[0].fd, &below) == 0 &&
		below.st_nlink > 1)
		ovl_hardlink_keep(o, n, &below);
}

int ovl_table_new(struct ovl *o, struct found *root)
{
	struct shown shown = { root->below.st_dev, root->below.st_ino };

	o->mask = 255;
	o->table = calloc(o->mask + 1, sizeof(*o->table));
	o->raised = calloc(o->mask + 1, sizeof(*o->raised));
	o->root = o->table && o->raised ? node_new(root, shown) : NULL;
	if (!o->root)
		return -ENOMEM;
	o->root->nlookup = 1;
	hash_locked(o, o->root);
	o->count = 1;
	return 0;
}

void ovl_table_free(struct ovl *o)
{
	for (size_t i = 0; o->table && i <= o->mask; i++) {
		struct ovl_node *n, *next;

		cds_hlist_for_each_entry_safe_2(n, next, &o->table[i], hash) node_free(o, n);
	}
	free(o->table);
	free(o->raised);
}
