/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mount/memory.h"

#include "fs/tmpfs/tmpfs.h"

int um_mount_memory(struct um *um, const struct memory_request *rq, char ret_option[256])
{
	struct tmpfs_request t = { .type = rq->type,
		.options = rq->options,
		.rundir = um->rundir,
		.virtual_root = um->ids };
	_cleanup_mount_ struct mount *m = NULL;
	const struct mount_as as = { .rule = rq->made ? RULE_MADE : RULE_NONE };
	struct inode *root = NULL;
	struct fs *fs;
	int r = tmpfs_new(&t, &fs, ret_option);

	if (r < 0)
		return r;
	r = inode_root(fs, S_IFDIR, &root);
	if (r == 0 && !rq->dry_run)
		r = view_mount_as(&um->view, fs, root, rq->where, rq->source, rq->type, rq->options,
			rq->flags, &as, &m);
	if (m)
		inode_put(root);
	else
		fs_discard(fs, root);
	return r;
}
