/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of view/watch.h: the mirrors (watch.c), and the layers' files that some stand for
 * (watch_layers.c). */
#ifndef UM_VIEW_MIRROR_H
#define UM_VIEW_MIRROR_H

#include "view/relay.h"
#include "view/watch.h"

#define MIRROR_BUCKETS 256

enum { LAYERS_MAX = 4 };

/* What we watch of a layer; wd -1: nothing. */
struct real_watch {
	int wd;
	bool lower;
	struct mirror *m;
	struct cds_hlist_node node;
};

/* A mirror: "RUNDIR/watch-SERIAL". */
struct mirror {
	struct inode *ino; /* referenced: of an overlay, whose numbers are used again; else NULL */
	struct fs *fs;
	uint64_t nodeid;
	bool isdir;
	unsigned serial; /* its name: "watch-SERIAL"; a new one when it was moved */
	struct cds_hlist_node node;
	struct real_watch real[LAYERS_MAX];
};

struct watches {
	pthread_mutex_t lock; /* all of it, and the order of events; below no other, a leaf */
	char *rundir;
	unsigned serial;
	struct cds_hlist_head bucket[MIRROR_BUCKETS];
	struct cds_hlist_head by_wd[MIRROR_BUCKETS];
	struct relay *relay;	    /* NULL until a layer is watched */
	struct cds_hlist_head dead; /* mirrors that have ended: their inodes are still to be put */
};

/* The watches of this file system, if there is any. */
static inline struct watches *watched(const struct fs *fs)
{
	return atomic_load_explicit(&fs->nwatched, memory_order_relaxed) ? fs->watches : NULL;
}

static inline bool watch_has_layers(const struct fs *fs)
{
	return fs->host_fd && fs->host_folder;
}

/* Lets the lock go, and puts what has ended. */
void watches_unlock(struct watches *w);

/* Under the lock: */
struct mirror *mirror_find(struct watches *w, const struct fs *fs, uint64_t nodeid);
/* name NULL: the mirror itself. False when it does not fit. */
bool mirror_path(
	const struct watches *w, const struct mirror *m, const char *name, char path[PATH_MAX]);
/* Does to a file what the event tells. */
void mirror_tell(const char *path, bool isdir, enum watch_event ev);
int MUST_CHECK mirror_add(const char *path, bool isdir);
/* Watches the layers' files of this name, the topmost first. */
void mirror_watch_layers(struct watches *w, struct mirror *m, const char *path);
/* Passes on what the layers have told so far; not of the file that is `ours` and this node. */
void watches_pass_on(struct watches *w, uint64_t nodeid, const char *ours);
/* By the thread of w->relay, without the lock. */
void watches_relay(void *arg);

#endif
