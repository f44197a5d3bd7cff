/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An OCI image layout in a tar, written. */
#include "layer/image.h"
#include "layer/oci.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK = 1 << 17 };

void digest_text(struct sha256_ctx *ctx, char buf[DIGEST_TEXT])
{
	uint8_t raw[SHA256_DIGEST_SIZE];

	sha256_digest(ctx, sizeof(raw), raw);
	for (size_t i = 0; i < sizeof(raw); i++)
		sprintf(buf + 2 * i, "%02x", raw[i]);
}

/* Of a layer: with all that an entry has, names being bytes. Or of an image, where they are plain.
 */
static struct archive *open_tar(bool layer)
{
	struct archive *a = archive_write_new();
	int r = ARCHIVE_FATAL;

	if (a && layer)
		r = archive_write_set_format_pax(a);
	else if (a)
		r = archive_write_set_format_pax_restricted(a);
	if (layer && r >= ARCHIVE_WARN)
		r = archive_write_set_format_option(a, "pax", "hdrcharset", "BINARY");
	if (r >= ARCHIVE_WARN)
		return a;
	archive_write_free(a);
	return NULL;
}

static int hash_file(int fd, char buf[DIGEST_TEXT], off_t *ret_size)
{
	_cleanup_free_ uint8_t *block = malloc(BLOCK);
	struct sha256_ctx ctx;
	ssize_t n = 0;

	if (!block)
		return -ENOMEM;
	sha256_init(&ctx);
	for (*ret_size = 0; (n = pread(fd, block, BLOCK, *ret_size)) > 0; *ret_size += n)
		sha256_update(&ctx, (size_t)n, block);
	digest_text(&ctx, buf);
	return n < 0 ? -errno : 0;
}

/* By this user: skopeo 1.9 gives each file that it takes out its owner, or fails. */
static int put_header(struct archive *a, const char *path, mode_t mode, la_int64_t size)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	archive_entry_set_pathname(e, path);
	archive_entry_set_mode(e, mode);
	archive_entry_set_uid(e, geteuid());
	archive_entry_set_gid(e, getegid());
	archive_entry_set_size(e, size);
	r = archive_write_header(a, e);
	archive_entry_free(e);
	return r < ARCHIVE_WARN ? -EIO : 0;
}

static int put_text(struct archive *a, const char *path, const char *text)
{
	int err = put_header(a, path, S_IFREG | 0644, (la_int64_t)strlen(text));

	return err == 0 && archive_write_data(a, text, strlen(text)) < 0 ? -EIO : err;
}

/* A JSON object as a blob, freed: its descriptor. */
static struct json_object *put_blob(
	struct archive *a, struct json_object *o, const char *type, int *err)
{
	const char *text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	struct json_object *d = json_object_new_object();
	char digest[DIGEST_TEXT];
	struct sha256_ctx ctx;
	_cleanup_free_ char *path = NULL, *name = NULL;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(text), (const uint8_t *)text);
	digest_text(&ctx, digest);
	path = str_printf("blobs/sha256/%s", digest);
	name = str_printf("sha256:%s", digest);
	if (*err == 0)
		*err = path && name ? put_text(a, path, text) : -ENOMEM;
	json_object_object_add(d, "mediaType", json_object_new_string(type));
	json_object_object_add(d, "digest", json_object_new_string(name ? name : ""));
	json_object_object_add(d, "size", json_object_new_int64((int64_t)strlen(text)));
	json_object_put(o);
	return d;
}

static struct json_object *config_object(const char *diff_id)
{
	struct json_object *o = json_object_new_object(), *rootfs = json_object_new_object();
	struct json_object *ids = json_object_new_array();

	json_object_array_add(ids, json_object_new_string(diff_id));
	json_object_object_add(rootfs, "type", json_object_new_string("layers"));
	json_object_object_add(rootfs, "diff_ids", ids);
	json_object_object_add(o, "architecture", json_object_new_string("amd64"));
	json_object_object_add(o, "os", json_object_new_string("linux"));
	json_object_object_add(o, "config", json_object_new_object());
	json_object_object_add(o, "rootfs", rootfs);
	return o;
}

/* All but the layer's own blob. */
static int put_image(struct archive *a, const char *digest, off_t size, const char *name)
{
	_cleanup_free_ char *id = str_printf("sha256:%s", digest);
	struct json_object *manifest = json_object_new_object(), *layers = json_object_new_array();
	struct json_object *index = json_object_new_object(), *list = json_object_new_array();
	struct json_object *layer = json_object_new_object(), *notes = json_object_new_object(), *d;
	int err = put_text(a, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");

	err = err < 0 ? err : put_header(a, "blobs", S_IFDIR | 0755, 0);
	err = err < 0 ? err : put_header(a, "blobs/sha256", S_IFDIR | 0755, 0);
	json_object_object_add(layer, "mediaType",
		json_object_new_string("application/vnd.oci.image.layer.v1.tar"));
	json_object_object_add(layer, "digest", json_object_new_string(id ? id : ""));
	json_object_object_add(layer, "size", json_object_new_int64(size));
	json_object_array_add(layers, layer);
	json_object_object_add(manifest, "schemaVersion", json_object_new_int(2));
	json_object_object_add(manifest, "config",
		put_blob(a, config_object(id ? id : ""), "application/vnd.oci.image.config.v1+json",
			&err));
	json_object_object_add(manifest, "layers", layers);
	d = put_blob(a, manifest, "application/vnd.oci.image.manifest.v1+json", &err);
	json_object_object_add(
		notes, "org.opencontainers.image.ref.name", json_object_new_string(name));
	json_object_object_add(d, "annotations", notes);
	json_object_array_add(list, d);
	json_object_object_add(index, "schemaVersion", json_object_new_int(2));
	json_object_object_add(index, "manifests", list);
	if (err == 0)
		err = put_text(a, "index.json",
			json_object_to_json_string_ext(
				index, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(index);
	return err;
}

static int put_layer(struct archive *a, int fd, const char *digest, off_t size)
{
	_cleanup_free_ char *block = malloc(BLOCK), *path = str_printf("blobs/sha256/%s", digest);
	int err = block && path ? put_header(a, path, S_IFREG | 0644, size) : -ENOMEM;

	for (off_t at = 0; err == 0 && at < size;) {
		ssize_t n = pread(fd, block, BLOCK, at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (archive_write_data(a, block, (size_t)n) < 0)
			err = -EIO;
		at += n;
	}
	return err;
}

/* The layer's own tar, in a file that has no name. */
static int write_layer(struct layer_walk *w, int fd, char **ret_why)
{
	struct archive *a = open_tar(true);
	int err = a && archive_write_open_fd(a, fd) >= ARCHIVE_WARN ? 0 : -ENOMEM;

	err = err < 0 ? err : layertar_write(w, a, ret_why);
	if (a && archive_write_close(a) < ARCHIVE_WARN && err == 0) {
		say(ret_why, "%s", archive_error_string(a));
		err = -EIO;
	}
	archive_write_free(a);
	return err;
}

static int write_image(int fd, int layer, const char *name, char **ret_why)
{
	struct archive *a = open_tar(false);
	char digest[DIGEST_TEXT];
	off_t size = 0;
	int err = a && archive_write_open_fd(a, fd) >= ARCHIVE_WARN ? 0 : -ENOMEM;

	err = err < 0 ? err : hash_file(layer, digest, &size);
	err = err < 0 ? err : put_image(a, digest, size, name);
	err = err < 0 ? err : put_layer(a, layer, digest, size);
	if (a && (archive_write_close(a) < ARCHIVE_WARN || err < 0)) {
		say(ret_why, "%s",
			archive_error_string(a) ? archive_error_string(a) : strerror(-err));
		err = err < 0 ? err : -EIO;
	}
	archive_write_free(a);
	return err;
}

int oci_export(struct layer_walk *w, const char *name, const char *file, char **ret_why)
{
	_cleanup_free_ char *part = str_printf("%s.part", file);
	_cleanup_fd_ int out = -1, layer = -1;
	int err;

	*ret_why = NULL;
	if (!part)
		return -ENOMEM;
	layer = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (layer < 0)
		return -errno;
	unlink(part);
	out = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (out < 0)
		return -errno;
	err = write_layer(w, layer, ret_why);
	err = err < 0 ? err : write_image(out, layer, name, ret_why);
	if (err == 0 && (fsync(out) < 0 || rename(part, file) < 0))
		err = -errno;
	if (err < 0)
		unlink(part);
	return err;
}
