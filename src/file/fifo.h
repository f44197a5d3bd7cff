/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fifos on a served mount: real ones in the run directory, one an inode. */
#ifndef UM_FILE_FIFO_H
#define UM_FILE_FIFO_H

#include "file/files.h"

/* As open(2); waits for the other side as long as the guest does. fd or -errno. */
int MUST_CHECK fifo_open(
	struct files *f, struct mount *m, struct inode *ino, const struct fs_req *req, int flags);
/* Has anybody this one (VFILE_SPECIAL) open? */
bool fifo_busy(struct vfile *vf);
void fifo_free(struct vfile *vf);

#endif
