/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a view was asked for that is no mount, for umctl export. */
#ifndef UM_CMD_SETTINGS_H
#define UM_CMD_SETTINGS_H

#include "cmd/run.h"

/* Lines of a table as cmd/fstab.h reads them: --root and the like, --rootfs, --cow, --net, and
 * rules of paths. Names are absolute. NULL-terminated, malloc'ed with its strings. 0, -errno after
 * a message. */
int MUST_CHECK settings_new(const struct run_options *o, char ***ret);
void settings_free(char **lines);

#endif
