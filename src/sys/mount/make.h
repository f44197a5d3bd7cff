/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders and symbolic links that only the view has (--dir, --symlink; of a mount: make=). */
#ifndef UM_SYS_MOUNT_MAKE_H
#define UM_SYS_MOUNT_MAKE_H

#include "sys/um.h"
#include "view/path.h"

/* What is there, as S_IFDIR and so on; 0: nothing. */
mode_t make_type_there(const struct path *p);
/* A folder in memory, where none is. where: resolved with PATH_PARENT. 0, -EEXIST: something else
 * is there; -errno. */
int MUST_CHECK make_dir(struct um *um, const struct path *where);
/* A symbolic link, over what is there. */
int MUST_CHECK make_symlink(struct um *um, const char *target, const struct path *where);

#endif
