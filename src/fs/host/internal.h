/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share. */
#ifndef UM_FS_HOST_INTERNAL_H
#define UM_FS_HOST_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>
#include <urcu/hlist.h>

#include "fs/host/host.h"
#include "view/acl.h"
#include "view/hostids.h"

/* A file that the view knows: its address is the node id. The descriptor keeps the kernel from
 * giving its inode number to another file. */
struct host_node {
	int fd; /* O_PATH */
	dev_t dev;
	ino_t ino;
	uint64_t nlookup;
	struct cds_hlist_node hash;
};

struct hostfs {
	struct fs fs;
	pthread_mutex_t lock; /* the table and the nodes' nlookup; a leaf */
	struct cds_hlist_head *table;
	size_t mask, count;
	struct host_node *root;
	char *host_root;
};

extern const struct fs_node_ops hostfs_node_ops;
extern const struct fs_file_ops hostfs_file_ops;

static inline int hostfs_fd(uint64_t node)
{
	return ((struct host_node *)(uintptr_t)node)->fd;
}

/* The entry of a file that was just found or made; takes fd, an O_PATH descriptor. Counts a lookup.
 */
int MUST_CHECK hostfs_enter(struct fs *fs, int fd, struct fs_entry *ret);

/* What is made there with this mode: the kernel looks at a default ACL in place of an umask. */
static inline mode_t hostfs_mode(const struct fs_req *req, uint64_t parent, mode_t mode)
{
	char path[FD_PATH_MAX];

	return acl_default_on_host(fd_path(path, hostfs_fd(parent))) ? mode : mode & ~req->umask;
}

/* Around calls on the host's files; h is what hostfs_begin() gave. */
static inline bool hostfs_begin(const struct fs_req *req)
{
	return hostids_enter(req ? req->call : NULL);
}
/* The result as -errno, for r == -1. */
static inline ssize_t hostfs_end(bool h, ssize_t r)
{
	if (r == -1)
		r = -errno;
	hostids_leave(h);
	return r;
}

#endif
