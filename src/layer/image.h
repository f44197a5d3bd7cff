/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images of systems, read: the OCI's image layout, in a tar or a folder, and the tar that
 * `docker save` writes (an archive with manifest.json). All that they say is hostile.
 */
#ifndef UM_LAYER_IMAGE_H
#define UM_LAYER_IMAGE_H

#include <json-c/json.h>
#include <nettle/sha2.h>

#include "layer/store.h"

/* A digest in hexadecimal digits, NUL-terminated. */
enum { DIGEST_TEXT = 2 * SHA256_DIGEST_SIZE + 1 };
void digest_text(struct sha256_ctx *ctx, char buf[DIGEST_TEXT]);

struct image {
	const char *file;
	int folder;		     /* open, or -1: file is a tar */
	char id[DIGEST_TEXT];	     /* of its configuration; where it has none, of the manifest */
	struct json_object *config;  /* the image's configuration, NULL: none */
	struct json_object *layers;  /* of OCI descriptors, of docker names */
	struct json_object *digests; /* docker's of the layers, not compressed; NULL: of OCI */
};

#define IMAGE_INIT                                                                                 \
	{                                                                                          \
		.folder = -1                                                                       \
	}
#define _cleanup_image_ _cleanup_(image_release)

/* ref: which of several, by its name; NULL: the first. -ENOENT: it is no image at all (and *ret_why
 * stays NULL); else *ret_why (malloc'ed, may be NULL) tells what is wrong with it. */
int MUST_CHECK image_open(const char *file, const char *ref, struct image *ret, char **ret_why);
void image_release(struct image *im);
/* All its layers, one upon the other, into a draft's upper. Nothing is written outside of that. */
int MUST_CHECK image_unpack(const struct image *im, struct layer *into, char **ret_why);

/* Fills a draft's empty upper from an image, or from the tar of a layer alone. */
int MUST_CHECK image_import(const char *file, struct layer *into, char **ret_why);

/* The layer of the store that holds this image, made if there is none: "oci-" and the beginning of
 * its digest. Beside its upper it has
 *	image	{"digest": TEXT, "config": the image's own}
 *	root	the empty folder that it lies on
 * Locked for reading. */
int MUST_CHECK image_keep(const char *file, const char *ref, struct layer *ret, char **ret_why);

#endif
