/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of paths. */
#ifndef UM_LAYER_PATHSET_H
#define UM_LAYER_PATHSET_H

#include "base/util.h"

struct pathset {
	void *root; /* of tsearch(3) */
};

/* With all folders that it is in. */
int MUST_CHECK pathset_add(struct pathset *set, const char *path);
bool pathset_has(const struct pathset *set, const char *path);
void pathset_release(struct pathset *set);

#endif
