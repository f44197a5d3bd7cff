/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading directories (VFILE_DIR). */
#ifndef UM_FILE_DIR_H
#define UM_FILE_DIR_H

#include "file/files.h"

/* getdents64 (old: getdents) from position *pos on, which is moved. Bytes put into buf; 0 at the
 * end; -EINVAL when not one entry fits. */
ssize_t MUST_CHECK dir_read(struct vfile *vf, const struct fs_req *req, uint64_t *pos, bool old,
	char *buf, size_t size);

#endif
