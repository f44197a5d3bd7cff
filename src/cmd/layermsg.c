/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/layermsg.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

int usage_error(const struct options *o, const char *command)
{
	return complain(
		o, -EINVAL, "%s: wrong arguments; see umctl --help, umview-layers(7)", command);
}

static int open_complain(const struct options *o, const char *name, const struct layer *l, int err)
{
	if (err == -EINVAL)
		complain(o, err, "%s cannot be the name of a layer", name);
	else if (err == -ENOENT && strcmp(name, "LAST") == 0)
		complain(o, err, "there is no last layer; umctl layers shows which there are");
	else if (err == -ENOENT)
		complain(o, err, "there is no layer %s; umctl layers shows which there are", name);
	else if (err == -EBUSY)
		complain(o, err, "layer %s is in use by a view or another umctl: end that first",
			name);
	else if (err == -EPROTONOSUPPORT)
		complain(o, err,
			"layer %s has format %d, made by a newer umview; this one knows %d. "
			"Nothing was "
			"changed",
			name, l->format, LAYER_FORMAT);
	else if (err == -EBADMSG)
		complain(o, err, "layer %s: its file `layer` cannot be understood", name);
	else
		complain(o, err, "layer %s: %s", name, strerror(-err));
	return 1;
}

int open_layer(const struct options *o, const char *name, enum layer_use use, struct layer *ret)
{
	int err = layer_open(name, use, ret);

	if (err < 0)
		return open_complain(o, name, ret, err);
	if (use == LAYER_WRITE && layer_interrupted(ret)) {
		complain(o, -EUCLEAN,
			"layer %s: a commit was interrupted: umctl commit %s --resume or --undo",
			ret->name, ret->name);
		return 1;
	}
	return 0;
}

void opened_release(struct opened *t)
{
	layer_walk_release(&t->walk);
	um_cleanup_fd(&t->walk.upper);
	links_free(t->links);
	merged_free(t->lower);
	layer_release(&t->layer);
}

int open_tree(const struct options *o, const char *name, enum layer_use use, bool needs_lower,
	struct opened *ret)
{
	const char *missing = "";
	int err, status = open_layer(o, name, use, &ret->layer);

	if (status)
		return status;
	ret->walk.upper = tree_open(ret->layer.dirfd, "upper", O_RDONLY | O_DIRECTORY);
	if (ret->walk.upper < 0) {
		complain(o, ret->walk.upper, "layer %s: upper: %s", ret->layer.name,
			strerror(-ret->walk.upper));
		return 1;
	}
	err = merged_open(&ret->layer, &ret->lower, &missing);
	if (err < 0 && needs_lower) {
		complain(o, err,
			"layer %s: the folder that it is of, %s: %s. The layer is left as it is",
			ret->layer.name, missing, strerror(-err));
		return 1;
	}
	err = links_read(ret->layer.dirfd, &ret->links);
	if (err < 0) {
		complain(o, err, "layer %s: links: %s", ret->layer.name, strerror(-err));
		return 1;
	}
	ret->walk.lower = ret->lower;
	ret->walk.links = ret->links;
	return 0;
}

int walk_complain(const struct options *o, const struct opened *t, int err, const char *what)
{
	_cleanup_free_ char *where = shown_name(t->walk.where ? t->walk.where : "");
	const char *why = err == -EBADMSG ? "it is not in overlayfs's format" : strerror(-err);

	complain(o, err, "%s of layer %s: /%s: %s", what, t->layer.name, where ? where : "", why);
	return 1;
}

void put_name(FILE *f, const char *name)
{
	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		if (iscntrl(*p) || *p == '\\')
			fprintf(f, "\\%03o", *p);
		else
			fputc(*p, f);
	}
}

char *shown_name(const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	put_name(f, name);
	fclose(f);
	return text;
}

char *path_in_layer(const struct layer *l, const char *word)
{
	_cleanup_free_ char *path = NULL;
	size_t len;

	if (word[0] == '/') {
		if (strcmp(l->of, "/") != 0) {
			if (!tree_below(word, l->of))
				return NULL;
			word += strlen(l->of);
		}
		word += strspn(word, "/");
	}
	while (strncmp(word, "./", 2) == 0)
		word += 2;
	if (strcmp(word, ".") == 0)
		word++;
	path = strdup(word);
	len = path ? strlen(path) : 0;
	while (len && path[len - 1] == '/')
		path[--len] = 0;
	return path && tree_path_valid(path) ? take_ptr(&path) : NULL;
}

void put_json(struct json_object *o)
{
	printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

struct json_object *ok_object(void)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(true));
	return o;
}
