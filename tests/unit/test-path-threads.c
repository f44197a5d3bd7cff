/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths are resolved while mounts come and go: an answer is one that was right at some moment. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "unit/memfs.h"
#include "view/path.h"

enum { NWALKERS = 4, NMOUNTS = 60 };

static const uint64_t HOUR = 3600 * NSEC_PER_SEC;

struct shared {
	struct view view;
	char top[64];
	atomic_bool stop;
	atomic_int wrong;
	atomic_uint_least64_t virtual, real;
};

/* "a" is a mount for ever, "a/m" and "b" come and go. */
static void walk_one(struct shared *s, struct call *c, unsigned i)
{
	static const char *const words[] = { "a/d/f", "a/m/d/f", "b/d/f", "b/../a/d", "a/m/../d/f",
		"l/f", "a/m/d/up" };
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_free_ char *word = str_printf("%s/%s", s->top, words[i % ARRAY_SIZE(words)]);
	unsigned flags = PATH_FOLLOW | (i % 2 ? PATH_REALIZE : 0);
	int err = word ? path_resolve(c, &s->view, AT_FDCWD, word, flags, &p) : -ENOMEM;

	if (err < 0 && err != -ENOENT)
		atomic_fetch_add(&s->wrong, 1);
	if (err == 0 && p.kind == PATH_VIRTUAL) {
		atomic_fetch_add(&s->virtual, 1);
		if (!p.inode || strncmp(p.name, s->top, strlen(s->top)) != 0)
			atomic_fetch_add(&s->wrong, 1);
	} else {
		atomic_fetch_add(&s->real, 1);
	}
}

static void *walker(void *arg)
{
	struct shared *s = arg;
	struct call c = { .tid = getpid(), .tgid_ = getpid() };
	unsigned i;

	for (i = 0; !atomic_load(&s->stop); i++)
		walk_one(s, &c, i);
	return NULL;
}

static struct memfs *tree(void)
{
	struct memfs *m = memfs_new();

	if (!m)
		abort();
	m->entry_valid_ns = m->negative_valid_ns = m->attr_valid_ns = HOUR;
	memfs_make(m, "d", S_IFDIR | 0755, NULL);
	memfs_make(m, "m", S_IFDIR | 0755, NULL);
	memfs_make(m, "d/f", S_IFREG | 0644, NULL);
	memfs_make(m, "d/up", S_IFLNK | 0777, "../../d/f");
	return m;
}

static struct mount *attach(struct shared *s, struct memfs *m, const char *at)
{
	_cleanup_free_ char *name = str_printf("%s/%s", s->top, at);
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_inode_ struct inode *root = NULL;
	struct mount *mnt = NULL;

	if (path_resolve_abs(&s->view, NULL, name, PATH_MOUNTPOINT, &p) < 0 ||
		inode_root(&m->fs, S_IFDIR, &root) < 0 ||
		view_mount(&s->view, &m->fs, root, &p, "m", "memfs", "", 0, &mnt) < 0)
		abort();
	return mnt;
}

/* Detaches, and waits until the last walk has left it. */
static bool take_down(struct shared *s, struct mount *mnt, struct memfs *m)
{
	bool ok = view_detach(&s->view, mnt, MNT_DETACH) == 0;
	int i;

	mount_put(mnt);
	for (i = 0; i < 5000 && !atomic_load(&m->freed); i++)
		usleep(1000);
	ok = ok && m->freed && !m->fs.itable;
	memfs_free(m);
	return ok;
}

int main(void)
{
	static struct shared s;
	pthread_t threads[NWALKERS];
	struct tap tap = { 0 };
	struct memfs *base;
	struct mount *base_mnt;
	char path[128];
	int i, lost = 0;

	strcpy(s.top, "/tmp/umpath-XXXXXX");
	if (!mkdtemp(s.top) || view_init(&s.view) < 0)
		return 1;
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%c", s.top, 'a' + i);
		if (mkdir(path, 0755) < 0)
			return 1;
	}
	snprintf(path, sizeof(path), "%s/l", s.top);
	if (symlink("b/../a/m/../d", path) < 0)
		return 1;
	base = tree();
	base_mnt = attach(&s, base, "a");
	for (i = 0; i < NWALKERS; i++)
		if (pthread_create(&threads[i], NULL, walker, &s) != 0)
			return 1;
	for (i = 0; i < NMOUNTS; i++) {
		struct memfs *m1 = tree(), *m2 = tree();
		struct mount *b = attach(&s, m1, "b"), *in = attach(&s, m2, "a/m");

		usleep(2000);
		lost += !take_down(&s, b, m1) + !take_down(&s, in, m2);
	}
	atomic_store(&s.stop, true);
	for (i = 0; i < NWALKERS; i++)
		pthread_join(threads[i], NULL);
	tap_check(&tap, s.wrong == 0, "no wrong answer in %lu virtual and %lu other ones",
		(unsigned long)s.virtual, (unsigned long)s.real);
	tap_check(&tap, lost == 0, "each mount was freed with its last user (%d were not)", lost);
	mount_put(base_mnt);
	view_release(&s.view);
	tap_check(&tap, base->freed && !base->fs.itable, "the last one too");
	memfs_free(base);
	snprintf(path, sizeof(path), "rm -rf '%s'", s.top);
	return system(path) == 0 ? tap_done(&tap) : 1;
}
