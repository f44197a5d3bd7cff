/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layers as OCI images have them (opencontainers/image-spec): a tar of what is there, ".wh.NAME"
 * for what is hidden, ".wh..wh..opq" in a folder that hides what is below it. Written is an image
 * layout in a tar, with one layer; layer/image.h reads.
 */
#ifndef UM_LAYER_OCI_H
#define UM_LAYER_OCI_H

#include "layer/store.h"
#include "layer/walk.h"

/* Writes to a new file; on failure it is removed, and *ret_why (malloc'ed, may be NULL) tells. */
int MUST_CHECK oci_export(struct layer_walk *w, const char *name, const char *file, char **ret_why);

/* The tar of one layer. archive is libarchive's. */
struct archive;
int MUST_CHECK layertar_write(struct layer_walk *w, struct archive *a, char **ret_why);
/* A layer upon what upper has: one of several is read after those below it. */
int MUST_CHECK layertar_read(struct archive *a, struct layer *into, int upper, char **ret_why);

/* What there is, unless there is something: str_printf() of a text. */
#define say(ret_why, ...) (*(ret_why) = *(ret_why) ? *(ret_why) : str_printf(__VA_ARGS__))

#endif
