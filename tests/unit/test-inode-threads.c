/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inode table under many threads: what is left at the end is what the server has. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "unit/memfs.h"
#include "view/path.h"

enum { NTHREADS = 6, NROUNDS = 3000, NNAMES = 8 };

static const uint64_t HOUR = 3600 * NSEC_PER_SEC;

struct worker {
	struct memfs *m;
	struct inode *root, *dirs[2];
	struct fs_req req;
	bool ours;
	unsigned seed;
	int errors; /* that no race explains */
};

static void expected(struct worker *w, int err)
{
	if (err < 0 && err != -ENOENT && err != -EEXIST && err != -ENOTEMPTY && err != -ENOTDIR &&
		err != -EISDIR && err != -EINVAL && err != -EIO)
		w->errors++;
}

static void one(struct worker *w)
{
	struct inode *dir = w->dirs[rand_r(&w->seed) % 2], *to = w->dirs[rand_r(&w->seed) % 2];
	_cleanup_inode_ struct inode *ino = NULL;
	struct fs_attr attr;
	char a[8], b[8], *path;

	snprintf(a, sizeof(a), "n%d", rand_r(&w->seed) % NNAMES);
	snprintf(b, sizeof(b), "n%d", rand_r(&w->seed) % NNAMES);
	switch (rand_r(&w->seed) % 10) {
	case 0:
		expected(w, inode_mkdir(dir, &w->req, a, 0755, &ino));
		break;
	case 1:
		expected(w, inode_mknod(dir, &w->req, a, S_IFREG | 0644, 0, &ino));
		break;
	case 2:
		expected(w, inode_unlink(dir, &w->req, a));
		break;
	case 3:
		expected(w, inode_rmdir(dir, &w->req, a));
		break;
	case 4:
		expected(w, inode_rename(dir, &w->req, a, to, b, 0));
		break;
	case 5:
		if (inode_lookup(dir, &w->req, a, &ino) == 0)
			(void)!inode_link(ino, &w->req, to, b); /* EPERM for a directory */
		break;
	case 6:
		if (!w->ours) /* it ends what is known of the whole directory */
			itable_invalidate_entry(&w->m->fs, dir->nodeid, a, strlen(a));
		break;
	default:
		expected(w, inode_lookup(dir, &w->req, a, &ino));
		if (ino) {
			path = inode_path(ino);
			free(path);
			expected(w, inode_getattr(ino, &w->req, false, &attr));
		}
	}
}

static void *run(void *arg)
{
	struct worker *w = arg;
	int i;

	for (i = 0; i < NROUNDS; i++)
		one(w);
	return NULL;
}

/* Does each name lead where the server says? */
static int disagreements(struct worker *w)
{
	struct inode *cached[2][NNAMES] = { { NULL } };
	int i, d, n = 0;

	for (d = 0; d < 2; d++)
		for (i = 0; i < NNAMES; i++) {
			char name[8];

			snprintf(name, sizeof(name), "n%d", i);
			(void)!inode_lookup(w->dirs[d], &w->req, name, &cached[d][i]);
		}
	for (d = 0; d < 2; d++) {
		for (i = 0; i < NNAMES; i++) {
			_cleanup_inode_ struct inode *was = cached[d][i];
			_cleanup_inode_ struct inode *asked = NULL;
			char name[8];

			snprintf(name, sizeof(name), "n%d", i);
			itable_invalidate_entry(&w->m->fs, w->dirs[d]->nodeid, name, strlen(name));
			(void)!inode_lookup(w->dirs[d], &w->req, name, &asked);
			if (was != asked)
				n++;
		}
	}
	return n;
}

/* ours: the directories are ones that we made on a file system which is ours alone. */
static void test(struct tap *tap, bool ours)
{
	struct worker w[NTHREADS] = { { 0 } };
	struct memfs *m = memfs_new();
	pthread_t threads[NTHREADS];
	struct inode *made = NULL;
	struct fs_req req;
	int i, errors = 0;

	m->entry_valid_ns = m->negative_valid_ns = m->attr_valid_ns = HOUR;
	if (ours)
		m->fs.flags |= FS_SOLE_CLIENT | FS_SOLE_NAMES;
	fs_req_init(&req, NULL);
	if (inode_root(&m->fs, S_IFDIR, &w[0].root) < 0)
		abort();
	for (i = 0; i < 2; i++) {
		if (!ours)
			memfs_make(m, i ? "d1" : "d0", S_IFDIR | 0755, NULL);
		else if (inode_mkdir(w[0].root, &req, i ? "d1" : "d0", 0755, &made) == 0)
			inode_put(made);
	}
	for (i = 0; i < NTHREADS; i++) {
		w[i].m = m;
		w[i].ours = ours;
		w[i].req = req;
		w[i].seed = (unsigned)i + 1;
		if ((i > 0 && inode_root(&m->fs, S_IFDIR, &w[i].root) < 0) ||
			inode_lookup(w[i].root, &req, "d0", &w[i].dirs[0]) < 0 ||
			inode_lookup(w[i].root, &req, "d1", &w[i].dirs[1]) < 0)
			abort();
	}
	for (i = 0; i < NTHREADS; i++)
		if (pthread_create(&threads[i], NULL, run, &w[i]) != 0)
			abort();
	for (i = 0; i < NTHREADS; i++) {
		pthread_join(threads[i], NULL);
		errors += w[i].errors;
	}
	tap_check(tap, errors == 0, "no error that no race explains (%d)", errors);
	i = disagreements(&w[0]);
	tap_check(tap, i == 0, "what is cached is what the server has (%d names differ)", i);
	for (i = 0; i < NTHREADS; i++) {
		inode_put(w[i].dirs[0]);
		inode_put(w[i].dirs[1]);
		inode_put(w[i].root);
	}
	itable_release(&m->fs);
	tap_check(tap, !m->fs.itable, "no reference was lost");
	for (i = 2; i < (int)m->nnodes; i++)
		if (memfs_nlookup(m, (uint64_t)i) > 1u << 20)
			errors++;
	tap_check(tap, errors == 0, "no more was forgotten than looked up");
	memfs_free(m);
}

int main(void)
{
	struct tap tap = { 0 };

	test(&tap, false);
	test(&tap, true);
	return tap_done(&tap);
}
