/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file system in memory behind the driver interface, with knobs for tests. */
#ifndef UM_TESTS_MEMFS_H
#define UM_TESTS_MEMFS_H

#include "view/inode.h"

enum memfs_op {
	MEMFS_LOOKUP,
	MEMFS_GETATTR,
	MEMFS_SETATTR,
	MEMFS_MAKE, /* mkdir, mknod, symlink, create */
	MEMFS_UNLINK,
	MEMFS_RENAME,
	MEMFS_READLINK,
	MEMFS_ACCESS,
	MEMFS_FORGET,
	MEMFS_NOPS
};

struct memfs {
	struct fs fs;
	pthread_mutex_t lock;
	struct memnode **nodes; /* by node id */
	size_t nnodes, max_nodes;
	uint64_t entry_valid_ns, negative_valid_ns, attr_valid_ns;
	atomic_uint count[MEMFS_NOPS];
	/* Called, unlocked, when an op is done and its reply not yet returned. */
	void (*after)(void *arg, enum memfs_op op, const char *name);
	void *after_arg;
	/* Called, unlocked, to change what a lookup found. */
	void (*twist)(void *arg, uint64_t parent, const char *name, struct fs_entry *e);
	int access_error;
	atomic_bool freed; /* set by fs->free; the test frees with memfs_free() */
	atomic_uint_least64_t forgotten;
};

/* With its inode table and a root of mode 0755. NULL: out of memory. */
struct memfs *memfs_new(void);
void memfs_free(struct memfs *m);
/* Makes "a/b/c" (directories must exist): S_IFLNK with the target as data. Its node id, 0: no. */
uint64_t memfs_make(struct memfs *m, const char *path, mode_t mode, const char *data);
void memfs_chown(struct memfs *m, uint64_t node, uid_t uid, gid_t gid);
/* The number of lookups of a node that were not forgotten. */
uint64_t memfs_nlookup(struct memfs *m, uint64_t node);

#endif
