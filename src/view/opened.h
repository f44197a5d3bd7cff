/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of the host that guests opened through a bind mount. They are the host's own, and the
 * kernel shows them by their host's names in /proc/PID/fd, exe and maps; guests are told the
 * view's.
 */
#ifndef UM_VIEW_OPENED_H
#define UM_VIEW_OPENED_H

#include "view/inode.h"
#include "view/view.h"

/* A guest gets this file, opened through m. The last few thousand are known. */
void view_note_opened(struct view *v, struct mount *m, struct inode *ino);
/* The name in the view of the file that a link of /proc leads to, " (deleted)" and all; malloc'ed,
 * or NULL: it is the host's name. */
char *view_opened_name(struct view *v, const char *link);
/* The same by device and inode number, and the host's name. */
char *view_opened_name_of(struct view *v, dev_t dev, ino_t ino, const char *name);
/* Is this host's name one in the folder to which a mount that is seen through writes? */
bool view_is_upper(struct view *v, const char *name);
/* Is `fd`, an open file of a guest's and lent to us, one of such a folder of which nothing is to be
 * said that the kernel does not say, and nobody to be told when it is changed? */
bool view_is_plain_upper(struct view *v, int fd);
/* Was it opened through this mount? */
bool view_was_opened(struct view *v, const struct mount *m, dev_t dev, ino_t ino);
/* Does any mount show an open file of the host by other numbers or owners? */
bool view_shows(struct view *v);
/* That of this link of /proc? */
bool view_shown(struct view *v, const char *link, struct fs_attr *ret);
void view_opened_free(struct view *v);

#endif
