/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/memfs.h"

#include <linux/fs.h>
#include <string.h>

struct memnode {
	uint64_t id;
	struct fs_attr attr;
	char *data;
	struct memname *names; /* of a directory */
	uint64_t parent;
	uint64_t nlookup;
};

struct memname {
	struct memname *next;
	uint64_t node;
	char name[];
};

static struct memfs *memfs_of(struct fs *fs)
{
	return container_of_(fs, struct memfs, fs);
}

static struct memnode *node_of(struct memfs *m, uint64_t id)
{
	return id > 0 && id < m->nnodes ? m->nodes[id] : NULL;
}

static struct memname **name_of(struct memnode *dir, const char *name)
{
	struct memname **p;

	for (p = &dir->names; *p && strcmp((*p)->name, name) != 0; p = &(*p)->next)
		;
	return p;
}

static void done(struct memfs *m, enum memfs_op op, const char *name)
{
	atomic_fetch_add(&m->count[op], 1);
	pthread_mutex_unlock(&m->lock);
	if (m->after)
		m->after(m->after_arg, op, name);
}

static void fill_attr(struct memfs *m, const struct memnode *n, struct fs_attr *ret)
{
	*ret = n->attr;
	ret->ino = n->id;
	ret->blksize = 4096;
	ret->valid_ns = m->attr_valid_ns;
}

static void fill_entry(struct memfs *m, struct memnode *n, struct fs_entry *ret)
{
	*ret = (struct fs_entry){ .nodeid = n->id, .entry_valid_ns = m->entry_valid_ns };
	fill_attr(m, n, &ret->attr);
	n->nlookup++;
}

static struct memnode *node_new(struct memfs *m, mode_t mode, const char *data)
{
	struct memnode *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	if (m->nnodes == m->max_nodes) {
		size_t max = m->max_nodes ? m->max_nodes * 2 : 64;
		struct memnode **nodes = realloc(m->nodes, max * sizeof(*nodes));

		if (!nodes) {
			free(n);
			return NULL;
		}
		m->nodes = nodes;
		m->max_nodes = max;
	}
	n->id = m->nnodes++;
	n->attr.mode = mode;
	n->attr.nlink = S_ISDIR(mode) ? 2 : 1;
	n->attr.uid = geteuid();
	n->attr.gid = getegid();
	if (data) {
		n->data = strdup(data);
		n->attr.size = strlen(data);
	}
	m->nodes[n->id] = n;
	return n;
}

static int name_add(struct memnode *dir, const char *name, struct memnode *n)
{
	struct memname *e = malloc(sizeof(*e) + strlen(name) + 1);

	if (!e)
		return -ENOMEM;
	strcpy(e->name, name);
	e->node = n->id;
	e->next = dir->names;
	dir->names = e;
	if (S_ISDIR(n->attr.mode)) {
		n->parent = dir->id;
		dir->attr.nlink++;
	}
	return 0;
}

static void name_remove(struct memfs *m, struct memnode *dir, struct memname **p)
{
	struct memname *e = *p;
	struct memnode *n = node_of(m, e->node);

	*p = e->next;
	free(e);
	if (S_ISDIR(n->attr.mode))
		dir->attr.nlink--;
}

static int mem_lookup(struct fs *fs, UNUSED const struct fs_req *req, uint64_t parent,
	const char *name, struct fs_entry *ret)
{
	struct memfs *m = memfs_of(fs);
	struct memnode *dir, *n = NULL;
	struct fs_entry e = { .entry_valid_ns = m->negative_valid_ns };
	int err = 0;

	pthread_mutex_lock(&m->lock);
	dir = node_of(m, parent);
	if (!dir)
		err = -ESTALE;
	else if (*name_of(dir, name))
		n = node_of(m, (*name_of(dir, name))->node);
	if (n)
		fill_entry(m, n, &e);
	else if (!err && !m->negative_valid_ns)
		err = -ENOENT;
	done(m, MEMFS_LOOKUP, name);
	if (m->twist)
		m->twist(m->after_arg, parent, name, &e);
	if (err == 0)
		*ret = e;
	return err;
}

static void mem_forget(struct fs *fs, uint64_t node, uint64_t nlookup)
{
	struct memfs *m = memfs_of(fs);
	struct memnode *n;

	pthread_mutex_lock(&m->lock);
	n = node_of(m, node);
	if (n)
		n->nlookup -= nlookup;
	m->forgotten += nlookup;
	done(m, MEMFS_FORGET, NULL);
}

static int mem_getattr(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, struct fs_attr *ret)
{
	struct memfs *m = memfs_of(fs);
	struct memnode *n;
	struct fs_attr attr = { 0 };

	pthread_mutex_lock(&m->lock);
	n = node_of(m, node);
	if (n)
		fill_attr(m, n, &attr);
	done(m, MEMFS_GETATTR, NULL);
	if (!n)
		return -ESTALE;
	*ret = attr;
	return 0;
}

static int mem_setattr(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, const struct fs_setattr *set, struct fs_attr *ret)
{
	struct memfs *m = memfs_of(fs);
	struct memnode *n;
	struct fs_attr attr = { 0 };

	pthread_mutex_lock(&m->lock);
	n = node_of(m, node);
	if (n) {
		if (set->set & FS_SET_MODE)
			n->attr.mode = (n->attr.mode & S_IFMT) | (set->mode & 07777);
		if (set->set & FS_SET_UID)
			n->attr.uid = set->uid;
		if (set->set & FS_SET_GID)
			n->attr.gid = set->gid;
		if (set->set & FS_SET_SIZE)
			n->attr.size = set->size;
		if (set->set & FS_SET_MTIME)
			n->attr.mtime = set->mtime;
		fill_attr(m, n, &attr);
	}
	done(m, MEMFS_SETATTR, NULL);
	if (!n)
		return -ESTALE;
	*ret = attr;
	return 0;
}

static int mem_readlink(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, char *buf)
{
	struct memfs *m = memfs_of(fs);
	struct memnode *n;

	pthread_mutex_lock(&m->lock);
	n = node_of(m, node);
	if (n)
		strcpy(buf, n->data ? n->data : "");
	done(m, MEMFS_READLINK, NULL);
	return n ? 0 : -ESTALE;
}

static int make(struct memfs *m, uint64_t parent, const char *name, mode_t mode, dev_t rdev,
	const char *data, struct fs_entry *ret)
{
	struct memnode *dir, *n = NULL;
	struct fs_entry e;
	int err = 0;

	pthread_mutex_lock(&m->lock);
	dir = node_of(m, parent);
	if (!dir)
		err = -ESTALE;
	else if (*name_of(dir, name))
		err = -EEXIST;
	else
		n = node_new(m, mode, data);
	if (!err && !n)
		err = -ENOMEM;
	if (n) {
		n->attr.rdev = rdev;
		err = name_add(dir, name, n);
		fill_entry(m, n, &e);
	}
	done(m, MEMFS_MAKE, name);
	if (err == 0)
		*ret = e;
	return err;
}

static int mem_mknod(struct fs *fs, UNUSED const struct fs_req *req, uint64_t parent,
	const char *name, mode_t mode, dev_t rdev, struct fs_entry *ret)
{
	return make(memfs_of(fs), parent, name, mode, rdev, NULL, ret);
}

static int mem_mkdir(struct fs *fs, UNUSED const struct fs_req *req, uint64_t parent,
	const char *name, mode_t mode, struct fs_entry *ret)
{
	return make(memfs_of(fs), parent, name, S_IFDIR | (mode & 07777), 0, NULL, ret);
}

static int mem_symlink(struct fs *fs, UNUSED const struct fs_req *req, uint64_t parent,
	const char *name, const char *target, struct fs_entry *ret)
{
	return make(memfs_of(fs), parent, name, S_IFLNK | 0777, 0, target, ret);
}

static int mem_link(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, uint64_t parent,
	const char *name, struct fs_entry *ret)
{
	struct memfs *m = memfs_of(fs);
	struct memnode *dir, *n;
	struct fs_entry e;
	int err = 0;

	pthread_mutex_lock(&m->lock);
	dir = node_of(m, parent);
	n = node_of(m, node);
	if (!dir || !n)
		err = -ESTALE;
	else if (*name_of(dir, name))
		err = -EEXIST;
	else
		err = name_add(dir, name, n);
	if (err == 0) {
		n->attr.nlink++;
		fill_entry(m, n, &e);
	}
	done(m, MEMFS_MAKE, name);
	if (err == 0)
		*ret = e;
	return err;
}

static int mem_unlink(
	struct fs *fs, UNUSED const struct fs_req *req, uint64_t parent, const char *name)
{
	struct memfs *m = memfs_of(fs);
	struct memnode *dir, *n = NULL;
	int err = 0;

	pthread_mutex_lock(&m->lock);
	dir = node_of(m, parent);
	if (!dir)
		err = -ESTALE;
	else if (!*name_of(dir, name))
		err = -ENOENT;
	else
		n = node_of(m, (*name_of(dir, name))->node);
	if (n && n->names)
		err = -ENOTEMPTY;
	if (n && err == 0) {
		name_remove(m, dir, name_of(dir, name));
		n->attr.nlink -= S_ISDIR(n->attr.mode) ? 2 : 1;
	}
	done(m, MEMFS_UNLINK, name);
	return err;
}

static int mem_rename(struct fs *fs, UNUSED const struct fs_req *req, uint64_t parent,
	const char *name, uint64_t newparent, const char *newname, unsigned flags)
{
	struct memfs *m = memfs_of(fs);
	struct memnode *dir, *newdir, *a = NULL, *b = NULL;
	int err = 0;

	pthread_mutex_lock(&m->lock);
	dir = node_of(m, parent);
	newdir = node_of(m, newparent);
	if (!dir || !newdir)
		err = -ESTALE;
	else if (!*name_of(dir, name))
		err = -ENOENT;
	if (err == 0) {
		a = node_of(m, (*name_of(dir, name))->node);
		if (*name_of(newdir, newname))
			b = node_of(m, (*name_of(newdir, newname))->node);
		if (b && (flags & RENAME_NOREPLACE))
			err = -EEXIST;
		else if (!b && (flags & RENAME_EXCHANGE))
			err = -ENOENT;
		else if (b && b->names && !(flags & RENAME_EXCHANGE))
			err = -ENOTEMPTY;
	}
	if (err == 0 && a != b) {
		name_remove(m, dir, name_of(dir, name));
		if (b) {
			name_remove(m, newdir, name_of(newdir, newname));
			if (flags & RENAME_EXCHANGE)
				err = name_add(dir, name, b);
			else
				b->attr.nlink -= S_ISDIR(b->attr.mode) ? 2 : 1;
		}
		if (err == 0)
			err = name_add(newdir, newname, a);
	}
	done(m, MEMFS_RENAME, name);
	return err;
}

static int mem_access(
	struct fs *fs, UNUSED const struct fs_req *req, UNUSED uint64_t node, UNUSED int mask)
{
	struct memfs *m = memfs_of(fs);

	atomic_fetch_add(&m->count[MEMFS_ACCESS], 1);
	return m->access_error;
}

static void mem_fs_free(struct fs *fs)
{
	memfs_of(fs)->freed = true;
}

static const struct fs_node_ops mem_node_ops = {
	.size = sizeof(mem_node_ops),
	.lookup = mem_lookup,
	.forget = mem_forget,
	.getattr = mem_getattr,
	.setattr = mem_setattr,
	.readlink = mem_readlink,
	.mknod = mem_mknod,
	.mkdir = mem_mkdir,
	.symlink = mem_symlink,
	.link = mem_link,
	.unlink = mem_unlink,
	.rmdir = mem_unlink,
	.rename = mem_rename,
	.access = mem_access,
};
static const struct fs_file_ops mem_file_ops = { .size = sizeof(mem_file_ops) };

struct memfs *memfs_new(void)
{
	struct memfs *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	m->fs.node = &mem_node_ops;
	m->fs.file = &mem_file_ops;
	m->fs.free = mem_fs_free;
	m->fs.root_node = 1;
	m->fs.type = "memfs";
	if (!node_new(m, 0, NULL) || !node_new(m, S_IFDIR | 0755, NULL) ||
		itable_init(&m->fs) < 0) {
		memfs_free(m);
		return NULL;
	}
	m->nodes[1]->parent = 1;
	return m;
}

void memfs_free(struct memfs *m)
{
	size_t i;

	for (i = 0; i < m->nnodes; i++) {
		while (m->nodes[i]->names) {
			struct memname *e = m->nodes[i]->names;

			m->nodes[i]->names = e->next;
			free(e);
		}
		free(m->nodes[i]->data);
		free(m->nodes[i]);
	}
	free(m->nodes);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

uint64_t memfs_make(struct memfs *m, const char *path, mode_t mode, const char *data)
{
	struct memnode *dir, *n = NULL;
	char name[256];

	pthread_mutex_lock(&m->lock);
	dir = m->nodes[1];
	for (;;) {
		const char *end = strchrnul(path, '/');
		struct memname *e;

		memcpy(name, path, (size_t)(end - path));
		name[end - path] = '\0';
		if (!*end)
			break;
		e = *name_of(dir, name);
		if (!e)
			goto out;
		dir = m->nodes[e->node];
		path = end + 1;
	}
	if (*name_of(dir, name))
		goto out;
	n = node_new(m, mode, data);
	if (n && name_add(dir, name, n) < 0)
		n = NULL;
out:
	pthread_mutex_unlock(&m->lock);
	return n ? n->id : 0;
}

void memfs_chown(struct memfs *m, uint64_t node, uid_t uid, gid_t gid)
{
	pthread_mutex_lock(&m->lock);
	m->nodes[node]->attr.uid = uid;
	m->nodes[node]->attr.gid = gid;
	pthread_mutex_unlock(&m->lock);
}

uint64_t memfs_nlookup(struct memfs *m, uint64_t node)
{
	uint64_t n;

	pthread_mutex_lock(&m->lock);
	n = m->nodes[node]->nlookup;
	pthread_mutex_unlock(&m->lock);
	return n;
}
