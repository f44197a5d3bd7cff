/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inode table and its caches over a file system in memory. */
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "fs/fuse/fuse.h"
#include "tap.h"
#include "unit/memfs.h"
#include "view/itable.h"
#include "view/path.h"

static struct tap tap;
#define ok(cond, ...) tap_check(&tap, (cond) ? 1 : 0, __VA_ARGS__)

#define HOUR (3600 * NSEC_PER_SEC)

struct fixture {
	struct memfs *m;
	struct fs *fs;
	struct inode *root;
	struct fs_req req;
};

static struct fixture setup(uint64_t valid)
{
	struct fixture f = { .m = memfs_new() };

	f.fs = &f.m->fs;
	f.m->entry_valid_ns = f.m->negative_valid_ns = f.m->attr_valid_ns = valid;
	fs_req_init(&f.req, NULL);
	if (inode_root(f.fs, S_IFDIR, &f.root) < 0)
		abort();
	return f;
}

static void teardown(struct fixture *f)
{
	size_t i;
	bool all = true;

	inode_put(f->root);
	itable_release(f->fs);
	ok(!f->fs->itable, "nothing is left of the table");
	for (i = 2; i < f->m->nnodes; i++)
		all = all && memfs_nlookup(f->m, i) < 1u << 20;
	ok(all, "no more was forgotten than looked up");
	memfs_free(f->m);
}

static unsigned lookups(struct fixture *f)
{
	return atomic_load(&f->m->count[MEMFS_LOOKUP]);
}

static void test_names(void)
{
	struct fixture f = setup(HOUR);
	struct inode *d = NULL, *x = NULL, *y = NULL;
	char *path;

	ok(inode_lookup(f.root, &f.req, "none", &x) == -ENOENT, "a missing name");
	ok(inode_lookup(f.root, &f.req, "none", &x) == -ENOENT && lookups(&f) == 1,
		"is asked for once");
	ok(inode_mkdir(f.root, &f.req, "none", 0755, &d) == 0, "mkdir of it");
	ok(inode_lookup(f.root, &f.req, "none", &x) == 0 && x == d, "it is there now");
	ok(lookups(&f) == 1, "and was not asked for");
	inode_put(x);
	ok(inode_mknod(d, &f.req, "file", S_IFREG | 0644, 0, &x) == 0, "a file in it");
	path = inode_path(x);
	ok(strcmp(path, "/none/file") == 0, "its path");
	free(path);
	ok(inode_link(x, &f.req, f.root, "second") == 0, "a second name");
	ok(inode_lookup(f.root, &f.req, "second", &y) == 0 && y == x, "leads to it");
	inode_put(y);
	ok(inode_unlink(f.root, &f.req, "second") == 0 && !x->deleted, "one name less");
	path = inode_path(x);
	ok(strcmp(path, "/none/file") == 0, "its path is the other name (%s)", path);
	free(path);
	ok(inode_rename(f.root, &f.req, "none", d, "in", 0) == -EINVAL, "a directory into itself");
	ok(inode_rename(d, &f.req, "file", f.root, "moved", 0) == 0, "rename");
	path = inode_path(x);
	ok(strcmp(path, "/moved") == 0, "its path follows");
	free(path);
	ok(inode_lookup(d, &f.req, "file", &y) == -ENOENT, "the old name is gone");
	ok(inode_unlink(f.root, &f.req, "none") == -EISDIR, "unlink of a directory");
	ok(inode_rmdir(f.root, &f.req, "moved") == -ENOTDIR, "rmdir of a file");
	ok(inode_unlink(f.root, &f.req, "moved") == 0 && x->deleted, "the last name");
	ok(inode_rmdir(f.root, &f.req, "none") == 0 && d->deleted, "rmdir");
	ok(inode_lookup(d, &f.req, "a", &y) == -ENOENT, "nothing is in a removed directory");
	ok(inode_mkdir(d, &f.req, "a", 0755, &y) == -ENOENT, "nor made in it");
	inode_put(x);
	inode_put(d);
	ok(itable_count(f.fs) == 1, "removed inodes are forgotten at once");
	teardown(&f);
}

static void test_exchange(void)
{
	struct fixture f = setup(HOUR);
	struct inode *a = NULL, *b = NULL, *ax = NULL, *got = NULL;
	char *path;

	ok(inode_mkdir(f.root, &f.req, "a", 0755, &a) == 0 &&
			inode_mkdir(f.root, &f.req, "b", 0755, &b) == 0 &&
			inode_mkdir(a, &f.req, "x", 0755, &ax) == 0,
		"a, a/x and b");
	ok(inode_rename(f.root, &f.req, "a", f.root, "b", RENAME_NOREPLACE) == -EEXIST,
		"RENAME_NOREPLACE");
	ok(inode_rename(f.root, &f.req, "a", f.root, "b", RENAME_EXCHANGE) == 0, "RENAME_EXCHANGE");
	ok(inode_lookup(f.root, &f.req, "a", &got) == 0 && got == b, "a is b");
	inode_put(got);
	ok(inode_lookup(f.root, &f.req, "b", &got) == 0 && got == a, "b is a");
	inode_put(got);
	path = inode_path(ax);
	ok(strcmp(path, "/b/x") == 0, "a/x is b/x");
	free(path);
	ok(inode_rename(a, &f.req, "x", f.root, "b", 0) == -ENOTEMPTY, "onto its own parent");
	ok(inode_rename(f.root, &f.req, "b", f.root, "a", 0) == 0 && b->deleted && !a->deleted,
		"rename over an empty directory");
	inode_put(ax);
	inode_put(a);
	inode_put(b);
	teardown(&f);
}

/* What happens between the server's answer and its arrival. */
struct race {
	struct fixture *f;
	enum memfs_op op;
	int runs;
	void (*run)(struct fixture *f);
};

static void race_after(void *arg, enum memfs_op op, UNUSED const char *name)
{
	struct race *r = arg;

	if (op == r->op && r->runs++ == 0)
		r->run(r->f);
}

static void race_mkdir(struct fixture *f)
{
	struct inode *d = NULL;

	if (inode_mkdir(f->root, &f->req, "d", 0755, &d) == 0)
		inode_put(d);
}

static void race_unlink(struct fixture *f)
{
	(void)!inode_rmdir(f->root, &f->req, "d"); /* the test looks at what is left */
}

static void race_chmod(struct fixture *f)
{
	struct fs_setattr set = { .set = FS_SET_MODE, .mode = 0700 };

	(void)!inode_setattr(f->root, &f->req, NULL, &set); /* the test looks at the mode */
}

static void race_invalidate(struct fixture *f)
{
	memfs_make(f->m, "late", S_IFREG | 0644, NULL);
	itable_invalidate_entry(f->fs, 1, "late", 4);
}

static void test_races(void)
{
	struct fixture f = setup(HOUR);
	struct race r = { .f = &f, .op = MEMFS_LOOKUP, .run = race_mkdir };
	struct inode *x = NULL;
	struct fs_attr attr;

	f.m->after = race_after;
	f.m->after_arg = &r;
	ok(inode_lookup(f.root, &f.req, "d", &x) == -ENOENT, "not there when it was asked");
	ok(inode_lookup(f.root, &f.req, "d", &x) == 0, "but mkdir came before the answer");
	inode_put(x);

	inode_invalidate_attr(f.root);
	itable_invalidate_entry(f.fs, 1, "d", 1);
	r = (struct race){ .f = &f, .op = MEMFS_LOOKUP, .run = race_unlink };
	ok(inode_lookup(f.root, &f.req, "d", &x) == 0, "there when it was asked");
	inode_put(x);
	ok(inode_lookup(f.root, &f.req, "d", &x) == -ENOENT, "but rmdir came before the answer");

	inode_invalidate_attr(f.root);
	r = (struct race){ .f = &f, .op = MEMFS_GETATTR, .run = race_chmod };
	ok(inode_getattr(f.root, &f.req, false, &attr) == 0 && (attr.mode & 0777) == 0700,
		"chmod came before the answer: it is asked for again");
	ok(inode_getattr(f.root, &f.req, false, &attr) == 0 && (attr.mode & 0777) == 0700,
		"and is the mode from then on");

	r = (struct race){ .f = &f, .op = MEMFS_LOOKUP, .run = race_invalidate };
	ok(inode_lookup(f.root, &f.req, "late", &x) == -ENOENT, "not there when it was asked");
	ok(inode_lookup(f.root, &f.req, "late", &x) == 0, "but the server said that it is new");
	inode_put(x);
	f.m->after = NULL;
	teardown(&f);
}

static void test_timeouts(void)
{
	struct fixture f = setup(0);
	struct inode *x = NULL;
	struct fs_attr attr;

	memfs_make(f.m, "x", S_IFREG | 0644, NULL);
	ok(inode_lookup(f.root, &f.req, "x", &x) == 0, "lookup");
	inode_put(x);
	ok(inode_lookup(f.root, &f.req, "x", &x) == 0 && lookups(&f) == 2, "is made each time");
	ok(memfs_nlookup(f.m, x->nodeid) == 2, "and counted");
	ok(inode_getattr(x, &f.req, false, &attr) == 0 &&
			inode_getattr(x, &f.req, false, &attr) == 0 &&
			atomic_load(&f.m->count[MEMFS_GETATTR]) == 2,
		"so is getattr");
	ok(inode_unlink(f.root, &f.req, "x") == 0 && x->deleted, "unlink knows what it removed");
	inode_put(x);
	ok(f.m->forgotten == 2, "both lookups were forgotten");
	teardown(&f);
}

/* An image that nobody else changes, whose server says that nothing may be kept (fuse2fs). */
static void test_sole_client(void)
{
	struct fixture f = setup(0);
	struct inode *x = NULL, *d = NULL;
	struct fs_attr attr;
	char body[PATH_MAX];
	unsigned asked;

	f.fs->flags |= FS_SOLE_CLIENT | FS_SOLE_NAMES;
	memfs_make(f.m, "x", S_IFREG | 0644, NULL);
	ok(inode_lookup(f.root, &f.req, "x", &x) == 0, "a lookup");
	inode_put(x);
	ok(inode_lookup(f.root, &f.req, "x", &x) == 0 && lookups(&f) == 1, "is kept");
	ok(inode_lookup(f.root, &f.req, "no", &d) == -ENOENT &&
			inode_lookup(f.root, &f.req, "no", &d) == -ENOENT && lookups(&f) == 2,
		"also one that found nothing");
	ok(inode_getattr(x, &f.req, false, &attr) == 0 &&
			atomic_load(&f.m->count[MEMFS_GETATTR]) == 0,
		"so are its attributes");
	ok(inode_link(x, &f.req, f.root, "no") == 0, "a second name");
	asked = atomic_load(&f.m->count[MEMFS_GETATTR]);
	ok(inode_getattr(x, &f.req, false, &attr) == 0 && attr.nlink == 2 &&
			atomic_load(&f.m->count[MEMFS_GETATTR]) == asked + 1,
		"attributes of a file with two names are asked for");
	inode_put(x);
	ok(inode_symlink(f.root, &f.req, "l", "body", &x) == 0 &&
			inode_readlink(x, &f.req, body) == 0 &&
			inode_readlink(x, &f.req, body) == 0 && strcmp(body, "body") == 0 &&
			atomic_load(&f.m->count[MEMFS_READLINK]) == 1,
		"the body of a link is asked for once");
	inode_put(x);
	ok(inode_mkdir(f.root, &f.req, "d", 0700, &d) == 0, "mkdir");
	ok(inode_lookup(f.root, &f.req, "d", &x) == 0 && x == d && lookups(&f) == 2, "is known");
	inode_put(x);
	inode_put(d);
	teardown(&f);
}

/* A directory that we made there has the names that we gave it. */
static void test_whole(void)
{
	struct fixture f = setup(0);
	struct inode *d = NULL, *x = NULL;
	unsigned asked;

	f.fs->flags |= FS_SOLE_CLIENT | FS_SOLE_NAMES;
	ok(inode_mkdir(f.root, &f.req, "d", 0700, &d) == 0, "a directory of ours");
	ok(inode_lookup(d, &f.req, "a", &x) == -ENOENT && lookups(&f) == 0, "is known to be empty");
	ok(inode_mknod(d, &f.req, "a", S_IFREG | 0644, 0, &x) == 0, "a file in it");
	inode_put(x);
	ok(inode_rename(d, &f.req, "a", d, "b", 0) == 0, "gets another name");
	ok(inode_lookup(d, &f.req, "a", &x) == -ENOENT && inode_lookup(d, &f.req, "b", &x) == 0 &&
			lookups(&f) == 0,
		"by which alone it is known");
	inode_put(x);
	inode_name_listed(d, "b");
	ok(inode_unlink(d, &f.req, "b") == 0 && inode_lookup(d, &f.req, "b", &x) == -ENOENT &&
			lookups(&f) == 0,
		"and is gone");
	memfs_make(f.m, "d/theirs", S_IFREG | 0644, NULL);
	inode_name_listed(d, "theirs");
	ok(inode_lookup(d, &f.req, "theirs", &x) == 0 && lookups(&f) == 1,
		"what the server lists besides is asked for");
	inode_put(x);
	inode_put(d);
	ok(inode_mkdir(f.root, &f.req, "e", 0700, &d) == 0 &&
			inode_mkdir(d, &f.req, "a", 0700, &x) == 0,
		"a name");
	inode_put(x);
	itable_drop_unused(f.fs);
	asked = lookups(&f);
	ok(inode_lookup(d, &f.req, "a", &x) == 0 && lookups(&f) == asked + 1,
		"that was forgotten is asked for");
	inode_put(x);
	ok(inode_lookup(d, &f.req, "no", &x) == -ENOENT && lookups(&f) == asked + 2,
		"as all others are then");
	inode_put(d);
	ok(inode_mkdir(f.root, &f.req, "g", 0700, &d) == 0, "one more directory");
	itable_invalidate_entry(f.fs, d->nodeid, "a", 1);
	asked = lookups(&f);
	ok(inode_lookup(d, &f.req, "a", &x) == -ENOENT && lookups(&f) == asked + 1,
		"what the server says of a name is believed");
	inode_put(d);
	ok(inode_mkdir(f.root, &f.req, "h", 0700, &d) == 0, "and another");
	memfs_make(f.m, "h/theirs", S_IFREG | 0644, NULL);
	ok(fuse_notify_view.inval_inode(f.fs, d->nodeid, 0, 0) == 0 &&
			inode_lookup(d, &f.req, "theirs", &x) == 0,
		"and of the directory as a whole");
	inode_put(x);
	inode_put(d);
	teardown(&f);
}

/* What is removed and in use is asked for in vain of a server that works by names. */
static int no_getattr(UNUSED struct fs *fs, UNUSED const struct fs_req *req, UNUSED uint64_t node,
	UNUSED const struct fs_handle *h, UNUSED struct fs_attr *ret)
{
	return -ENOENT;
}

static void test_removed(void)
{
	struct fixture f = setup(0);
	struct fs_node_ops ops = *f.fs->node;
	struct inode *d = NULL;
	struct fs_attr attr;

	ops.getattr = no_getattr;
	f.fs->node = &ops;
	ok(inode_mkdir(f.root, &f.req, "d", 0750, &d) == 0, "mkdir");
	ok(inode_getattr(d, &f.req, false, &attr) == -ENOENT, "the server knows nothing of it");
	ok(inode_rmdir(f.root, &f.req, "d") == 0, "rmdir");
	ok(inode_getattr(d, &f.req, false, &attr) == 0 && attr.mode == (S_IFDIR | 0750) &&
			attr.nlink == 0,
		"its attributes are what they were");
	inode_put(d);
	teardown(&f);
}

/* A server that says absurd things. */
enum lie { LIE_PARENT, LIE_SELF, LIE_ROOT, LIE_TYPE, LIE_BADTYPE, LIE_GENERATION };

static void twist(void *arg, UNUSED uint64_t parent, const char *name, struct fs_entry *e)
{
	const enum lie *lie = arg;

	if (strcmp(name, "lie") != 0)
		return;
	switch (*lie) {
	case LIE_PARENT:
		e->nodeid = 2;
		break;
	case LIE_SELF:
		e->nodeid = parent;
		break;
	case LIE_ROOT:
		e->nodeid = 1;
		break;
	case LIE_TYPE:
		e->attr.mode = S_IFREG | 0644;
		break;
	case LIE_BADTYPE:
		e->attr.mode = 0644;
		break;
	case LIE_GENERATION:
		e->generation = 7;
		break;
	}
}

static void test_hostile(void)
{
	struct fixture f = setup(0);
	struct inode *a = NULL, *b = NULL, *lie = NULL, *again = NULL;
	struct fs_attr attr;
	enum lie what = LIE_PARENT;
	char *path;

	memfs_make(f.m, "a", S_IFDIR | 0755, NULL);
	memfs_make(f.m, "a/b", S_IFDIR | 0755, NULL);
	memfs_make(f.m, "a/b/lie", S_IFDIR | 0755, NULL);
	ok(inode_lookup(f.root, &f.req, "a", &a) == 0 && inode_lookup(a, &f.req, "b", &b) == 0,
		"a/b");
	f.m->twist = twist;
	f.m->after_arg = &what;
	ok(inode_lookup(b, &f.req, "lie", &lie) == -ELOOP, "a/b/lie is a");
	what = LIE_SELF;
	ok(inode_lookup(b, &f.req, "lie", &lie) == -ELOOP, "a/b/lie is a/b");
	what = LIE_ROOT;
	ok(inode_lookup(b, &f.req, "lie", &lie) == -EIO, "a/b/lie is the root");
	what = LIE_BADTYPE;
	ok(inode_lookup(b, &f.req, "lie", &lie) == -EIO, "a/b/lie is of no type");
	path = inode_path(b);
	ok(strcmp(path, "/a/b") == 0, "the tree stands");
	free(path);
	what = LIE_GENERATION;
	ok(inode_lookup(b, &f.req, "lie", &lie) == 0, "a/b/lie, of generation 7");
	what = LIE_TYPE;
	ok(inode_lookup(b, &f.req, "lie", &again) == 0 && again != lie && again->type == S_IFREG,
		"now a file: another inode");
	ok(inode_getattr(lie, &f.req, true, &attr) == -EIO, "the old one is no more");
	ok(inode_getattr(again, &f.req, true, &attr) == -EIO, "getattr says a directory: EIO");
	inode_put(lie);
	inode_put(again);
	inode_put(a);
	inode_put(b);
	teardown(&f);
}

static void test_permission(void)
{
	struct fixture f = setup(HOUR);
	struct call c = { .tid = getpid() };
	struct fs_req req = { .call = &c, .uid = 1000, .gid = 1000 };
	uint64_t id = memfs_make(f.m, "x", S_IFREG | 0640, NULL);
	struct inode *x = NULL;

	memfs_chown(f.m, id, 1000, 2000);
	ok(inode_lookup(f.root, &f.req, "x", &x) == 0, "0640 1000:2000");
	f.m->access_error = -EACCES;
	ok(inode_permission(x, &req, MAY_WRITE) == 0, "the server will tell");
	ok(inode_permission(x, &req, MAY_WRITE | MAY_ACCESS) == -EACCES, "access(2) asks it");
	ok(inode_permission(x, &req, MAY_EXEC) == -EACCES, "no x bit, no exec");
	f.fs->flags |= FS_DEFAULT_PERMISSIONS;
	ok(inode_permission(x, &req, MAY_WRITE | MAY_READ) == 0, "the owner");
	req.uid = 3000;
	ok(inode_permission(x, &req, MAY_READ) == -EACCES, "others");
	req.gid = 2000;
	ok(inode_permission(x, &req, MAY_READ) == 0, "the group may read");
	ok(inode_permission(x, &req, MAY_WRITE) == -EACCES, "not write");
	req.uid = 0;
	req.gid = 0;
	ok(inode_permission(x, &req, MAY_WRITE | MAY_READ) == 0, "root");
	ok(inode_permission(x, &req, MAY_EXEC) == -EACCES, "not even root: no x bit");
	ok(atomic_load(&f.m->count[MEMFS_ACCESS]) == 1, "the server was asked once");
	f.fs->flags |= FS_READ_ONLY;
	ok(inode_permission(x, &req, MAY_WRITE) == -EROFS, "read-only");
	ok(inode_unlink(f.root, &f.req, "x") == -EROFS, "read-only unlink");
	inode_put(x);
	teardown(&f);
}

/* As the kernel: what is made in a directory changes its times, and nobody has to be asked again
 * who may do what. */
static void test_permission_kept(void)
{
	struct fixture f = setup(HOUR);
	struct call c = { .tid = getpid() };
	struct fs_req req = { .call = &c, .uid = 1000, .gid = 1000 };
	struct fs_setattr set = { .set = FS_SET_MODE, .mode = 0700 };
	struct inode *d = NULL, *x = NULL;
	struct fs_attr attr;
	unsigned asked;

	memfs_chown(f.m, memfs_make(f.m, "d", S_IFDIR | 0755, NULL), 2000, 2000);
	f.fs->flags |= FS_DEFAULT_PERMISSIONS;
	ok(inode_lookup(f.root, &f.req, "d", &d) == 0, "0755 2000:2000");
	ok(inode_mkdir(d, &f.req, "x", S_IFDIR | 0755, &x) == 0, "mkdir");
	ok(inode_permission(d, &req, MAY_EXEC) == 0 &&
			inode_permission(d, &req, MAY_WRITE) == -EACCES,
		"others may search, and not write");
	asked = atomic_load(&f.m->count[MEMFS_GETATTR]);
	ok(asked == 1, "a refusal is asked about once more");
	ok(inode_rmdir(d, &f.req, "x") == 0, "rmdir");
	ok(inode_permission(d, &req, MAY_EXEC) == 0, "still so");
	ok(atomic_load(&f.m->count[MEMFS_GETATTR]) == asked, "the server was not asked for it");
	ok(inode_getattr(d, &f.req, false, &attr) == 0 &&
			atomic_load(&f.m->count[MEMFS_GETATTR]) == asked + 1,
		"but for the times");
	ok(inode_setattr(d, &f.req, NULL, &set) == 0, "chmod 0700");
	ok(inode_permission(d, &req, MAY_EXEC) == -EACCES, "others may not search");
	inode_invalidate_attr(d);
	asked = atomic_load(&f.m->count[MEMFS_GETATTR]);
	ok(inode_permission(d, &req, MAY_EXEC) == -EACCES &&
			atomic_load(&f.m->count[MEMFS_GETATTR]) == asked + 1,
		"what the server made stale is asked for");
	inode_put(x);
	inode_put(d);
	teardown(&f);
}

static void test_many(void)
{
	struct fixture f = setup(HOUR);
	struct inode *x = NULL;
	char name[32];
	int i, bad = 0;

	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		/* the same directory 20,000 times would be slow in memfs: nodes by twist */
		struct fs_entry e = { .nodeid = 100 + (uint64_t)i,
			.entry_valid_ns = HOUR,
			.attr = { .mode = S_IFREG | 0644, .nlink = 1, .valid_ns = HOUR } };

		if (inode_from_entry(f.fs, &e, f.root, name, &x) < 0)
			bad++;
		else
			inode_put(x);
	}
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		if (inode_lookup(f.root, &f.req, name, &x) < 0 || x->nodeid != 100 + (uint64_t)i)
			bad++;
		else
			inode_put(x);
	}
	ok(bad == 0 && lookups(&f) == 0, "20,000 names are found");
	ok(itable_count(f.fs) == 20001, "20,001 inodes");
	teardown(&f);
}

int main(void)
{
	test_names();
	test_exchange();
	test_races();
	test_timeouts();
	test_sole_client();
	test_whole();
	test_removed();
	test_hostile();
	test_permission();
	test_permission_kept();
	test_many();
	return tap_done(&tap);
}
