/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images in the store of layers. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/json.h"
#include "layer/copy.h"
#include "layer/image.h"
#include "layer/oci.h"
#include "layer/tree.h"

enum { NAME_DIGITS = 12, IMAGE_FILE_MAX = 8 << 20 };

/* What every system finds: runtimes of containers make it, so images may come without. */
static const struct {
	const char *path;
	mode_t mode;
} places[] = {
	{ "", S_IFDIR | 0755 },
	{ "proc", S_IFDIR | 0755 },
	{ "sys", S_IFDIR | 0755 },
	{ "dev", S_IFDIR | 0755 },
	{ "tmp", S_IFDIR | 01777 },
	{ "etc", S_IFDIR | 0755 },
	{ "etc/resolv.conf", S_IFREG | 0644 },
	{ "etc/hosts", S_IFREG | 0644 },
};

/* A folder or an empty file of root's, where the image has nothing. */
static int make_place(struct layer *l, int upper, const char *path, mode_t mode)
{
	const struct copy how = { .any_owner = true, .layerfd = l->dirfd };
	const struct attrs none = { 0 };
	struct stat st = { .st_mode = mode };
	const char *name;
	_cleanup_fd_ int dirfd = tree_open_parent(upper, path, &name), fd = -1;

	if (dirfd < 0)
		return 0; /* a link, or no folder, is in the way */
	if (S_ISDIR(mode) && *path && mkdirat(dirfd, name, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	fd = S_ISDIR(mode) ? tree_open(upper, path, O_RDONLY | O_DIRECTORY)
			   : openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (!*path && fgetxattr(fd, XATTR_OVERRIDE, NULL, 0) >= 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &st.st_mtim);
	st.st_atim = st.st_mtim;
	return copy_metadata(&how, &st, &none, fd);
}

/* A folder, with those that it is in. */
static int make_path(struct layer *l, int upper, char *path)
{
	int err = 0;

	for (char *slash = path; err == 0 && (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		err = make_place(l, upper, path, S_IFDIR | 0755);
		*slash = '/';
	}
	return err < 0 ? err : make_place(l, upper, path, S_IFDIR | 0755);
}

static int make_places(const struct image *im, struct layer *l)
{
	_cleanup_fd_ int upper = tree_open(l->dirfd, "upper", O_RDONLY | O_DIRECTORY);
	struct json_object *config = json_member(im->config, "config", json_type_object);
	const char *cwd = json_member_text(config, "WorkingDir");
	_cleanup_free_ char *path = strdup(cwd + strspn(cwd, "/"));
	int err = upper < 0 ? upper : path ? 0 : -ENOMEM;

	for (size_t i = 0; err == 0 && i < ARRAY_SIZE(places); i++)
		err = make_place(l, upper, places[i].path, places[i].mode);
	/* whoever begins in a folder with such a name finds that it is not there */
	if (err == 0 && tree_path_valid(path))
		err = make_path(l, upper, path);
	return err < 0 ? err : mkdirat(l->dirfd, "root", 0755) < 0 ? -errno : 0;
}

/* {"digest": ..., "config": ...} */
static int write_description(const struct image *im, const struct layer *l)
{
	_cleanup_fd_ int fd =
		openat(l->dirfd, "image", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct json_object *config = json_member(im->config, "config", json_type_object);
	struct json_object *o = json_object_new_object();
	const char *text;
	int err;

	json_object_object_add(o, "digest", json_object_new_string(im->id));
	json_object_object_add(o, "config", json_object_get(config));
	text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	err = fd < 0 ? -errno : write_all(fd, text, strlen(text));
	json_object_put(o);
	return err;
}

/* Is what the store has by this name this image? Names are only the beginnings of digests. */
static int check_kept(const struct image *im, const struct layer *l, char **ret_why)
{
	_cleanup_fd_ int fd = openat(l->dirfd, "image", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	char path[FD_PATH_MAX];
	int err = fd < 0 ? -errno : read_file(fd_path(path, fd), IMAGE_FILE_MAX, &text, NULL);

	if (err == 0 && strstr(text, im->id))
		return 0;
	say(ret_why, "the layer %s is another: umctl rename %s, or umctl discard %s", l->name,
		l->name, l->name);
	return -EEXIST;
}

static int make_kept(const struct image *im, const char *name, struct layer *ret, char **ret_why)
{
	_cleanup_layer_ struct layer l = LAYER_INIT;
	_cleanup_free_ char *where = NULL, *real = NULL, *of = NULL;
	_cleanup_fd_ int base = layers_open(true, &where);
	int err;

	if (base < 0)
		return base;
	real = realpath(where, NULL);
	of = real ? str_printf("%s/%s/root", real, name) : NULL;
	err = of ? layer_draft(name, of, &l) : -ENOMEM;
	if (err < 0)
		return err;
	err = image_unpack(im, &l, ret_why);
	err = err < 0 ? err : make_places(im, &l);
	err = err < 0 ? err : write_description(im, &l);
	err = err < 0 ? err : layer_publish(&l, name);
	if (err < 0) {
		(void)layer_remove(&l); /* the first error is the one to tell */
		return err;
	}
	layer_release(&l);
	return layer_open(name, LAYER_READ, ret);
}

int image_keep(const char *file, const char *ref, struct layer *ret, char **ret_why)
{
	_cleanup_image_ struct image im = IMAGE_INIT;
	_cleanup_layer_ struct layer l = LAYER_INIT;
	char name[sizeof("oci-") + NAME_DIGITS];
	int err = image_open(file, ref, &im, ret_why);

	if (err < 0) {
		if (err == -ENOENT)
			say(ret_why, "it is no image of OCI's layout, or of docker save");
		return err;
	}
	snprintf(name, sizeof(name), "oci-%.*s", NAME_DIGITS, im.id);
	err = layer_open(name, LAYER_READ, &l);
	if (err == -ENOENT) {
		err = make_kept(&im, name, &l, ret_why);
		if (err < 0 && layer_open(name, LAYER_READ, &l) == 0) /* by somebody else */
			err = 0;
	}
	err = err < 0 ? err : check_kept(&im, &l, ret_why);
	if (err < 0)
		return err;
	*ret = l;
	l = (struct layer)LAYER_INIT;
	return 0;
}
