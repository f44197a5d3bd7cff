/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading directories (VFILE_DIR). */
#ifndef UM_FILE_DIR_H
#define UM_FILE_DIR_H

#include "file/files.h"

enum dirent_form {
	DIRENT_64,  /* getdents64's */
	DIRENT_OLD, /* getdents' */
	DIRENT_32,  /* getdents' of a 32-bit guest */
};

/* getdents64 or getdents from position *pos on, which is moved. Bytes put into buf; 0 at the
 * end; -EINVAL when not one entry fits; -EOVERFLOW when an inode number does not. */
ssize_t MUST_CHECK dir_read(struct vfile *vf, const struct fs_req *req, uint64_t *pos,
	enum dirent_form form, char *buf, size_t size);

/* The bytes that an entry of what dir_read() gave takes. */
size_t dir_entry_length(enum dirent_form form, const char *entry);

/* A handle of the server of its own, O_DIRECTORY among its oflags; to be given back. */
int MUST_CHECK dir_handle(struct inode *dir, const struct fs_req *req, struct fs_handle *ret);
void dir_handle_put(struct inode *dir, const struct fs_handle *h);

#endif
