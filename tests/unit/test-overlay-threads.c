/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One open folder of an overlay, told from its beginning to many at once: a server's client may
 * have given up on an answer that is still being made. And files that are copied up while they are
 * looked for: each stays the one it was, where numbers are looked at as well (served). */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/overlay/overlay.h"
#include "tap.h"
#include "view/inode.h"
#include "view/path.h"

enum { NTHREADS = 4, NROUNDS = 300, NNAMES = 40, NRAISED = 400 };

struct worker {
	struct fs *fs;
	struct inode *root;
	struct fs_handle h;
	int errors;
};

static int count(void *arg, const struct fs_dirent *ent)
{
	*(int *)arg += ent->namelen > 0;
	return 0;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct fs_req req;

	fs_req_init(&req, NULL);
	for (int i = 0; i < NROUNDS; i++) {
		int n = 0;
		int r = w->fs->file->readdir(w->fs, &req, w->root->nodeid, &w->h, 0, count, &n);

		w->errors += r < 0 || n != NNAMES + 2;
	}
	return NULL;
}

/* Files that are looked for, each until it has been copied up. */
struct looker {
	struct fs *fs;
	struct inode *root;
	atomic_int at; /* which is looked for */
	int others;    /* answers that said another file */
};

static int look(struct fs *fs, struct inode *root, int i, struct fs_entry *ret)
{
	struct fs_req req;
	char name[32];

	fs_req_init(&req, NULL);
	snprintf(name, sizeof(name), "raised-%d", i);
	return fs->node->lookup(fs, &req, root->nodeid, name, ret);
}

static void *look_again(void *arg)
{
	struct looker *l = arg;
	struct fs_entry first, now;

	for (int i = 0; i < NRAISED; i++) {
		l->others += look(l->fs, l->root, i, &first) < 0;
		atomic_store(&l->at, i + 1);
		while (atomic_load(&l->at) == i + 1) {
			if (look(l->fs, l->root, i, &now) < 0) {
				l->others++;
				continue;
			}
			l->others += now.nodeid != first.nodeid;
			l->fs->node->forget(l->fs, now.nodeid, 1);
		}
		l->fs->node->forget(l->fs, first.nodeid, 1);
	}
	return NULL;
}

/* Returns how many were copied up. */
static int raise_all(struct looker *l)
{
	struct fs_setattr set = { .set = FS_SET_MODE, .mode = 0600 };
	struct fs_entry e;
	struct fs_req req;
	int n = 0;

	fs_req_init(&req, NULL);
	for (int i = 0; i < NRAISED; i++) {
		while (atomic_load(&l->at) != i + 1)
			sched_yield();
		if (look(l->fs, l->root, i, &e) == 0) {
			n += l->fs->node->setattr(l->fs, &req, e.nodeid, NULL, &set, &e.attr) == 0;
			l->fs->node->forget(l->fs, e.nodeid, 1);
		}
		atomic_store(&l->at, 0);
	}
	return n;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int make(const char *top, const char *name, int nfiles)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	if (mkdir(path, 0755) < 0)
		return -1;
	for (int i = 0; i < nfiles; i++) {
		snprintf(path, sizeof(path), "%s/%s/%s-%d", top, name, name, i);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	}
	return 0;
}

static void looked_for(struct tap *tap, struct overlay_layers *l)
{
	struct looker looker = { .at = 0 };
	char *message = NULL;
	pthread_t thread;
	int raised;

	l->served = true;
	if (overlay_new(l, &looker.fs, &message) < 0 ||
		inode_root(looker.fs, S_IFDIR, &looker.root) < 0 ||
		pthread_create(&thread, NULL, look_again, &looker) != 0) {
		tap_check(tap, 0, "a served overlay: %s", message ? message : "none");
		return;
	}
	raised = raise_all(&looker);
	pthread_join(thread, NULL);
	tap_check(tap, raised == NRAISED, "%d of %d are copied up", raised, NRAISED);
	tap_check(
		tap, looker.others == 0, "each stays the file it was (%d did not)", looker.others);
	fs_discard(looker.fs, looker.root);
}

int main(void)
{
	char top[] = "/tmp/umview-overlay-XXXXXX", lower[64], upper[64], work[64], *message = NULL;
	struct overlay_layers l = { .lower = { lower }, .nlower = 1, .upper = upper, .work = work };
	struct worker w[NTHREADS] = { 0 };
	pthread_t threads[NTHREADS];
	struct tap tap = TAP_INIT;
	struct inode *root;
	struct fs_req req;
	struct fs *fs;
	int errors = 0;

	if (!mkdtemp(top) || make(top, "lower", NNAMES / 2) < 0 ||
		make(top, "upper", NNAMES / 2) < 0 || make(top, "work", 0) < 0 ||
		make(top, "raised", NRAISED) < 0 || make(top, "changed", 0) < 0)
		return 1;
	snprintf(lower, sizeof(lower), "%s/lower", top);
	snprintf(upper, sizeof(upper), "%s/upper", top);
	snprintf(work, sizeof(work), "%s/work", top);
	fs_req_init(&req, NULL);
	if (overlay_new(&l, &fs, &message) < 0 || inode_root(fs, S_IFDIR, &root) < 0 ||
		fs->file->opendir(fs, &req, root->nodeid, &w[0].h) < 0)
		return 1;
	for (int i = 0; i < NTHREADS; i++) {
		w[i] = (struct worker){ .fs = fs, .root = root, .h = w[0].h };
		if (pthread_create(&threads[i], NULL, run, &w[i]) != 0)
			return 1;
	}
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(threads[i], NULL);
		errors += w[i].errors;
	}
	tap_check(&tap, errors == 0, "each is told all names (%d were not)", errors);
	fs->file->releasedir(fs, root->nodeid, &w[0].h);
	fs_discard(fs, root);
	snprintf(lower, sizeof(lower), "%s/raised", top);
	snprintf(upper, sizeof(upper), "%s/changed", top);
	looked_for(&tap, &l);
	nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done(&tap);
}
