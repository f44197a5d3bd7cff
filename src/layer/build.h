/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the upper folder of a layer, entry by entry. What is put replaces what was there. */
#ifndef UM_LAYER_BUILD_H
#define UM_LAYER_BUILD_H

#include "layer/copy.h"
#include "layer/store.h"

/* A name that is to hide what is below; nothing may be there. */
int MUST_CHECK build_whiteout(int dirfd, const char *name);
int MUST_CHECK build_opaque(int dirfd, const char *name);

/* Puts all of a layer's changes into another one's upper, upon what is there: as two layers that
 * lie on each other are seen. Renamed folders become plain ones. After a failure w->where tells
 * where. */
int MUST_CHECK build_from_walk(struct layer *into, int upper, struct layer_walk *w);

/* Copies a layer as it is, its format included. */
int MUST_CHECK build_clone(const struct layer *from, struct layer *into);

/* Appends the records of one layer's file `base` to another's, which then has the earlier ones. */
int MUST_CHECK build_base(const struct layer *from, struct layer *into);

#endif
