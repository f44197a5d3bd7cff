/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Are two files the same? */
#ifndef UM_LAYER_COMPARE_H
#define UM_LAYER_COMPARE_H

#include "layer/walk.h"

/* Of two open files; false also when one cannot be read. */
bool compare_content(int a, int b);
bool compare_links(int adir, const char *a, int bdir, const char *b);
/* Mode, owner, attributes, and of what is no folder the time: is it as below? */
bool compare_metadata(const struct change *c);

#endif
