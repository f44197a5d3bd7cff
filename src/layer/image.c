/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images, read: where their parts are, and each checked by its digest. */
#include "layer/image.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>

#include "base/json.h"
#include "layer/copy.h"
#include "layer/oci.h"
#include "layer/tree.h"

enum { JSON_MAX = 4 << 20, LAYERS_MAX = 1000, INDEXES_MAX = 3, BLOCK = 1 << 17 };

#define REF_NAME "org.opencontainers.image.ref.name"

/* ---- a file of an image ---- */

/* Where it is read from; what was read is hashed. */
struct blob {
	struct archive *tar; /* NULL: fd */
	int fd;
	struct sha256_ctx ctx;
	uint8_t block[BLOCK];
};

static void blob_free(struct blob *b)
{
	if (!b)
		return;
	archive_read_free(b->tar);
	um_cleanup_fd(&b->fd);
	free(b);
}

static void blob_cleanup(struct blob **b)
{
	blob_free(*b);
}

static struct archive *new_reader(void)
{
	struct archive *a = archive_read_new();

	archive_read_support_filter_all(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_empty(a);
	return a;
}

static struct archive *open_tar(const char *file, char **ret_why)
{
	struct archive *a = new_reader();

	if (archive_read_open_filename(a, file, BLOCK) == ARCHIVE_OK)
		return a;
	say(ret_why, "%s", archive_error_string(a));
	archive_read_free(a);
	return NULL;
}

/* Goes to a file in the tar: 0, or -ENOENT. */
static int seek_file(struct archive *a, const char *path)
{
	struct archive_entry *e;

	while (archive_read_next_header(a, &e) >= ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(e);

		if (name && strncmp(name, "./", 2) == 0)
			name += 2;
		if (name && strcmp(name, path) == 0)
			return 0;
	}
	return -ENOENT;
}

static int blob_open(const struct image *im, const char *path, struct blob **ret, char **ret_why)
{
	_cleanup_(blob_cleanup) struct blob *b = calloc(1, sizeof(*b));
	int err = 0;

	if (!b)
		return -ENOMEM;
	b->fd = -1;
	sha256_init(&b->ctx);
	if (im->folder >= 0) {
		b->fd = tree_open(im->folder, path, O_RDONLY | O_NONBLOCK);
		err = b->fd < 0 ? b->fd : 0;
	} else {
		b->tar = open_tar(im->file, ret_why);
		err = b->tar ? seek_file(b->tar, path) : -EBADMSG;
	}
	if (err == 0)
		*ret = take_ptr(&b);
	return err;
}

static la_ssize_t blob_read(struct archive *a UNUSED, void *arg, const void **ret)
{
	struct blob *b = arg;
	la_ssize_t n = b->tar ? archive_read_data(b->tar, b->block, sizeof(b->block))
			      : read(b->fd, b->block, sizeof(b->block));

	if (n > 0)
		sha256_update(&b->ctx, (size_t)n, b->block);
	*ret = b->block;
	return n;
}

/* A whole small file, an object or an array of JSON; digest: what it has, or room for it. */
static int read_json(const struct image *im, const char *path, char digest[DIGEST_TEXT],
	struct json_object **ret, char **ret_why)
{
	_cleanup_(blob_cleanup) struct blob *b = NULL;
	_cleanup_free_ char *text = malloc(JSON_MAX + 1);
	const void *part;
	size_t len = 0;
	la_ssize_t n = 0;
	int err = text ? blob_open(im, path, &b, ret_why) : -ENOMEM;

	while (err == 0 && (n = blob_read(NULL, b, &part)) > 0) {
		if (len + (size_t)n > JSON_MAX)
			return -EBADMSG;
		memcpy(text + len, part, (size_t)n);
		len += (size_t)n;
	}
	if (err < 0 || n < 0)
		return err < 0 ? err : -EBADMSG;
	text[len] = 0;
	digest_text(&b->ctx, digest);
	*ret = json_tokener_parse(text);
	return *ret ? 0 : -EBADMSG;
}

/* The digits of "sha256:DIGITS"; NULL: it is not that. */
static const char *digest_of(const char *text)
{
	return strncmp(text, "sha256:", 7) == 0 && strlen(text) == 7 + DIGEST_TEXT - 1 &&
			       strspn(text + 7, "0123456789abcdef") == DIGEST_TEXT - 1
		       ? text + 7
		       : NULL;
}

static size_t length_of(struct json_object *list)
{
	return list ? json_object_array_length(list) : 0;
}

/* ---- the OCI's layout ---- */

/* What a descriptor leads to, which must be what it says. */
static int read_described(const struct image *im, struct json_object *descriptor,
	char digest[DIGEST_TEXT], struct json_object **ret, char **ret_why)
{
	const char *wanted = digest_of(json_member_text(descriptor, "digest"));
	_cleanup_free_ char *path = wanted ? str_printf("blobs/sha256/%s", wanted) : NULL;
	int err = path ? read_json(im, path, digest, ret, ret_why) : -EBADMSG;

	if (err == 0 && strcmp(wanted, digest) != 0) {
		json_object_put(take_ptr(ret));
		say(ret_why, "%s: its content is another", path);
		err = -EBADMSG;
	}
	return err;
}

static bool is_for_us(struct json_object *descriptor)
{
	struct json_object *platform = json_member(descriptor, "platform", json_type_object);

	return strcmp(json_member_text(platform, "architecture"), "amd64") == 0 &&
	       strcmp(json_member_text(platform, "os"), "linux") == 0;
}

/* Of an index: the one of this name, else the one for this machine, else the first. */
static struct json_object *choose(struct json_object *list, const char *ref)
{
	size_t n = length_of(list);

	for (size_t i = 0; i < n; i++) {
		struct json_object *d = json_object_array_get_idx(list, i);

		if (ref ? strcmp(json_member_text(
					 json_member(d, "annotations", json_type_object), REF_NAME),
				  ref) == 0
			: is_for_us(d))
			return d;
	}
	return n && !ref ? json_object_array_get_idx(list, 0) : NULL;
}

/* From the index, perhaps by others, to the manifest; index is taken. */
static int read_manifest(const struct image *im, struct json_object *index, const char *ref,
	char id[DIGEST_TEXT], struct json_object **ret, char **ret_why)
{
	struct json_object *list, *next;
	int err = 0;

	for (int depth = 0; (list = json_member(index, "manifests", json_type_array)); depth++) {
		struct json_object *d = choose(list, depth ? NULL : ref);

		if (!d && ref)
			say(ret_why, "no image in it is named %s", ref);
		next = NULL;
		err = d && depth < INDEXES_MAX ? read_described(im, d, id, &next, ret_why)
					       : -EBADMSG;
		json_object_put(index);
		if (err < 0)
			return err;
		index = next;
	}
	*ret = index;
	return 0;
}

static int open_oci(struct image *im, struct json_object *index, const char *ref, char **ret_why)
{
	struct json_object *manifest = NULL, *config;
	int err = read_manifest(im, index, ref, im->id, &manifest, ret_why);

	if (err == 0)
		im->layers = json_object_get(json_member(manifest, "layers", json_type_array));
	config = json_member(manifest, "config", json_type_object);
	if (length_of(im->layers) == 0) {
		say(ret_why, "no manifest of an image is where index.json says");
		err = -EBADMSG;
	} else if (err == 0 && config) {
		err = read_described(im, config, im->id, &im->config, ret_why);
	}
	json_object_put(manifest);
	return err;
}

/* ---- what `docker save` writes ---- */

static bool has_tag(struct json_object *entry, const char *ref)
{
	struct json_object *tags = json_member(entry, "RepoTags", json_type_array);

	for (size_t i = 0; i < length_of(tags); i++) {
		const char *tag = json_object_get_string(json_object_array_get_idx(tags, i));

		if (tag && strcmp(tag, ref) == 0)
			return true;
	}
	return false;
}

static int open_docker(struct image *im, struct json_object *list, const char *ref, char **ret_why)
{
	struct json_object *entry = NULL, *rootfs;
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	int err = -EBADMSG;

	for (size_t i = 0; i < n && !entry; i++) {
		struct json_object *e = json_object_array_get_idx(list, i);

		if (!ref || has_tag(e, ref))
			entry = e;
	}
	if (!entry && ref)
		say(ret_why, "no image in it is named %s", ref);
	if (entry)
		err = read_json(
			im, json_member_text(entry, "Config"), im->id, &im->config, ret_why);
	rootfs = json_member(im->config, "rootfs", json_type_object);
	im->layers = json_object_get(json_member(entry, "Layers", json_type_array));
	im->digests = json_object_get(json_member(rootfs, "diff_ids", json_type_array));
	if (err < 0 || length_of(im->layers) == 0 ||
		length_of(im->layers) != length_of(im->digests)) {
		say(ret_why, "manifest.json does not tell the parts of an image");
		err = -EBADMSG;
	}
	return err;
}

/* ---- both ---- */

static int find_parts(struct image *im, const char *ref, char **ret_why)
{
	struct json_object *top = NULL;
	char digest[DIGEST_TEXT];
	int err = read_json(im, "index.json", digest, &top, ret_why);

	if (err != -ENOENT)
		return err < 0 ? err : open_oci(im, top, ref, ret_why);
	err = read_json(im, "manifest.json", digest, &top, ret_why);
	if (err == 0)
		err = open_docker(im, top, ref, ret_why);
	json_object_put(top);
	return err;
}

int image_open(const char *file, const char *ref, struct image *ret, char **ret_why)
{
	struct image im = IMAGE_INIT;
	int err;

	*ret_why = NULL;
	/* libarchive gives names in the charset of the locale */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	im.file = file;
	im.folder = open(file, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = find_parts(&im, ref, ret_why);
	if (err < 0)
		image_release(&im);
	else
		*ret = im;
	return err;
}

void image_release(struct image *im)
{
	um_cleanup_fd(&im->folder);
	json_object_put(im->config);
	json_object_put(im->layers);
	json_object_put(im->digests);
	*im = (struct image)IMAGE_INIT;
}

/* Where the i-th layer is, malloc'ed, and what its digest must be. NULL: that is not known. */
static char *layer_path(const struct image *im, size_t i, const char **ret_digest)
{
	struct json_object *part = json_object_array_get_idx(im->layers, i), *id;
	const char *text;

	if (im->digests) {
		id = json_object_array_get_idx(im->digests, i);
		text = json_object_get_string(id);
		*ret_digest = text ? digest_of(text) : NULL;
		text = json_object_get_string(part);
		return text && *ret_digest ? strdup(text) : NULL;
	}
	*ret_digest = digest_of(json_member_text(part, "digest"));
	return *ret_digest ? str_printf("blobs/sha256/%s", *ret_digest) : NULL;
}

static int unpack_layer(
	const struct image *im, size_t i, struct layer *into, int upper, char **ret_why)
{
	const char *wanted = NULL;
	_cleanup_free_ char *path = layer_path(im, i, &wanted);
	_cleanup_(blob_cleanup) struct blob *b = NULL;
	char digest[DIGEST_TEXT];
	struct archive *a;
	const void *rest;
	int err = path ? blob_open(im, path, &b, ret_why) : -EBADMSG;

	if (err < 0) {
		say(ret_why, "%s: it is not in the image", path ? path : "a layer");
		return err;
	}
	a = new_reader();
	if (archive_read_open(a, b, NULL, blob_read, NULL) != ARCHIVE_OK) {
		say(ret_why, "%s", archive_error_string(a));
		err = -EBADMSG;
	}
	err = err < 0 ? err : layertar_read(a, into, upper, ret_why);
	while (err == 0 && blob_read(a, b, &rest) > 0)
		;
	digest_text(&b->ctx, digest);
	/* docker's are of what is not compressed */
	if (err == 0 && strcmp(wanted, digest) != 0 &&
		!(im->digests && archive_filter_code(a, 0) != ARCHIVE_FILTER_NONE)) {
		say(ret_why, "%s: its content is another", path);
		err = -EBADMSG;
	}
	archive_read_free(a);
	return err;
}

int image_unpack(const struct image *im, struct layer *into, char **ret_why)
{
	_cleanup_fd_ int upper = tree_open(into->dirfd, "upper", O_RDONLY | O_DIRECTORY);
	size_t n = length_of(im->layers);
	int err = upper < 0 ? upper : n > LAYERS_MAX ? -E2BIG : 0;

	for (size_t i = 0; err == 0 && i < n; i++)
		err = unpack_layer(im, i, into, upper, ret_why);
	return err;
}

/* Where the archive says nothing of its top, that is as the folder that the layer is of. */
static int dress_top(const struct layer *into)
{
	const struct copy how = { .any_owner = true, .layerfd = into->dirfd };
	_cleanup_fd_ int upper = tree_open(into->dirfd, "upper", O_RDONLY | O_DIRECTORY);
	const struct attrs none = { 0 };
	struct stat st;

	if (upper < 0)
		return upper;
	if (stat(into->of, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0; /* it is not there yet */
	return copy_metadata(&how, &st, &none, upper);
}

int image_import(const char *file, struct layer *into, char **ret_why)
{
	_cleanup_image_ struct image im = IMAGE_INIT;
	_cleanup_fd_ int upper = -1;
	struct archive *a;
	int err = dress_top(into);

	if (err < 0)
		return err;
	err = image_open(file, NULL, &im, ret_why);
	if (err != -ENOENT)
		return err < 0 ? err : image_unpack(&im, into, ret_why);
	upper = tree_open(into->dirfd, "upper", O_RDONLY | O_DIRECTORY);
	if (upper < 0)
		return upper;
	a = open_tar(file, ret_why);
	err = a ? layertar_read(a, into, upper, ret_why) : -EBADMSG;
	archive_read_free(a);
	return err;
}
