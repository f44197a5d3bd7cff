/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file system of a few files with content, in memory, that counts, waits and fails when told. */
#ifndef UM_TESTS_DATAFS_H
#define UM_TESTS_DATAFS_H

#include "view/inode.h"

#define DATAFS_FILES 8
#define DATAFS_DIR 100 /* node id of a directory with `entries` names */
#define DATAFS_MAX (64u << 20)

struct datafs {
	struct fs fs;
	pthread_mutex_t lock;
	struct datafile {
		char *data;
		uint64_t size;
		struct timespec mtime;
	} file[DATAFS_FILES]; /* node ids 2 ... */
	uint64_t entries;
	unsigned open_flags; /* enum fs_open_flag of each open */
	atomic_uint opens, releases, reads, writes, setattrs, readdirs;
	atomic_uint delay_us; /* of each read and write */
	atomic_int write_error;
	bool freed;
};

struct datafs *datafs_new(void);
void datafs_free(struct datafs *d);
/* File i (0 ...) with that content; at the server itself, as somebody else would. */
void datafs_put(struct datafs *d, int i, const void *data, uint64_t size);
struct inode *datafs_inode(struct datafs *d, int i);
struct inode *datafs_dir(struct datafs *d);

#endif
