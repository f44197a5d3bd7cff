/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a view consists of beside its engine: made before the engine starts, gone after it ended. */
#ifndef UM_SYS_SETUP_H
#define UM_SYS_SETUP_H

#include "sys/um.h"

/* um->rundir and um->name are set. root: --root. 0 or -errno; um_release() also after failure. */
int MUST_CHECK um_init(struct um *um, bool root);
void um_release(struct um *um);

#endif
