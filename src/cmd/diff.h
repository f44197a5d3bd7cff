/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The patch of umctl diff --patch. */
#ifndef UM_CMD_DIFF_H
#define UM_CMD_DIFF_H

#include "cmd/layermsg.h"
#include "layer/diff.h"

/* Prints what git-diff(1) says of the content of each change: the exit status, after a message.
 * What may not be read is left out, with one: 1 then. */
int diff_patch(const struct options *o, struct opened *t, const struct diff *d, bool color);

#endif
