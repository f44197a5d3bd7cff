/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl layer: what is done with a layer as a whole. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "cmd/layermsg.h"
#include "layer/build.h"

static int done(const struct options *o)
{
	if (o->json)
		put_json(ok_object());
	return 0;
}

static int named_complain(const struct options *o, const char *name, int err)
{
	if (err == -EINVAL)
		complain(o, err,
			"%s cannot be the name of a layer: letters, digits and _.-, not only "
			"digits",
			name);
	else if (err == -EEXIST)
		complain(o, err, "there is a layer %s already", name);
	else
		complain(o, err, "layer %s: %s", name, strerror(-err));
	return 1;
}

static int layer_cmd_create(const struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "of", required_argument, NULL, 'o' }, { 0 } };
	_cleanup_layer_ struct layer l = LAYER_INIT;
	_cleanup_free_ char *of = NULL;
	const char *word = "/";
	int c, err;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c != 'o')
			return usage_error(o, "layer create");
		word = optarg;
	}
	if (optind != argc - 1)
		return usage_error(o, "layer create");
	of = realpath(word, NULL);
	if (!of) {
		complain(o, -errno, "%s: %m", word);
		return 1;
	}
	err = layer_create(argv[optind], of, &l);
	if (err == 0)
		err = layer_set_last(&l);
	return err < 0 ? named_complain(o, argv[optind], err) : done(o);
}

int layer_cmd_rename(const struct options *o, int argc, char **argv)
{
	_cleanup_layer_ struct layer l = LAYER_INIT;
	int err, status;

	if (argc != 3)
		return usage_error(o, "layer rename");
	status = open_layer(o, argv[1], LAYER_WRITE, &l);
	if (status)
		return status;
	err = layer_rename(&l, argv[2]);
	return err < 0 ? named_complain(o, argv[2], err) : done(o);
}

int layer_cmd_copy(const struct options *o, int argc, char **argv)
{
	_cleanup_layer_ struct layer from = LAYER_INIT, to = LAYER_INIT;
	int err, status;

	if (argc != 3)
		return usage_error(o, "layer copy");
	status = open_layer(o, argv[1], LAYER_WRITE, &from);
	if (status)
		return status;
	err = layer_draft(argv[2], from.of, &to);
	if (err < 0)
		return named_complain(o, argv[2], err);
	err = layer_inherit(&to, &from);
	err = err < 0 ? err : build_clone(&from, &to);
	err = err < 0 ? err : layer_publish(&to, argv[2]);
	if (err < 0)
		layer_remove(&to);
	return err < 0 ? named_complain(o, argv[2], err) : done(o);
}

/* Puts a layer's changes upon what a draft has. 0, or the exit status after a message. */
static int build_upon(const struct options *o, struct opened *t, struct layer *draft)
{
	_cleanup_fd_ int upper = tree_open(draft->dirfd, "upper", O_RDONLY | O_DIRECTORY);
	int err = upper < 0 ? upper : build_from_walk(draft, upper, &t->walk);

	return err < 0 ? walk_complain(o, t, err, "copy") : 0;
}

static int layer_cmd_flatten(const struct options *o, int argc, char **argv)
{
	_cleanup_opened_ struct opened t = OPENED_INIT;
	_cleanup_layer_ struct layer draft = LAYER_INIT;
	_cleanup_free_ char *name = NULL;
	int err, status;

	if (argc != 2)
		return usage_error(o, "layer flatten");
	status = open_tree(o, argv[1], LAYER_WRITE, true, &t);
	if (status)
		return status;
	name = str_printf("%.40s.flat", t.layer.name);
	err = name ? layer_draft(name, t.layer.of, &draft) : -ENOMEM;
	if (err < 0)
		return named_complain(o, t.layer.name, err);
	draft.created = t.layer.created;
	err = layer_inherit(&draft, &t.layer);
	err = err < 0 ? err : build_base(&t.layer, &draft);
	status = err < 0 ? named_complain(o, t.layer.name, err) : build_upon(o, &t, &draft);
	if (status == 0) {
		err = layer_replace(&t.layer, &draft);
		status = err < 0 ? named_complain(o, t.layer.name, err) : done(o);
	}
	if (status)
		layer_remove(&draft);
	return status;
}

/* umctl layer squash NEW LAYER...: bottom first */
int layer_cmd_squash(const struct options *o, int argc, char **argv)
{
	_cleanup_layer_ struct layer draft = LAYER_INIT, bottom = LAYER_INIT;
	int err, status;

	if (argc < 4)
		return usage_error(o, "layer squash");
	status = open_layer(o, argv[2], LAYER_LOOK, &bottom);
	if (status)
		return status;
	err = layer_draft(argv[1], bottom.of, &draft);
	err = err < 0 ? err : layer_inherit(&draft, &bottom);
	if (err < 0)
		return named_complain(o, argv[1], err);
	for (int i = 2; status == 0 && i < argc; i++) {
		_cleanup_opened_ struct opened t = OPENED_INIT;

		status = open_tree(o, argv[i], LAYER_WRITE, true, &t);
		status = status ? status : build_upon(o, &t, &draft);
	}
	/* of what several changed, the lowest knows best what it was */
	for (int i = argc - 1; status == 0 && i >= 2; i--) {
		_cleanup_layer_ struct layer l = LAYER_INIT;

		status = open_layer(o, argv[i], LAYER_WRITE, &l);
		err = status ? 0 : build_base(&l, &draft);
		status = err < 0 ? named_complain(o, argv[i], err) : status;
	}
	if (status == 0) {
		err = layer_publish(&draft, argv[1]);
		status = err < 0 ? named_complain(o, argv[1], err) : done(o);
	}
	if (status)
		layer_remove(&draft);
	return status;
}

int cmd_layer(const struct options *o, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *o, int argc, char **argv);
	} parts[] = {
		{ "create", layer_cmd_create },
		{ "rename", layer_cmd_rename },
		{ "copy", layer_cmd_copy },
		{ "flatten", layer_cmd_flatten },
		{ "squash", layer_cmd_squash },
		{ "export", layer_cmd_export },
		{ "import", layer_cmd_import },
		{ "image", layer_cmd_image },
	};

	opterr = 0;
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(parts); i++) {
		if (strcmp(argv[1], parts[i].name) == 0)
			return parts[i].run(o, argc - 1, argv + 1);
	}
	return usage_error(o, "layer");
}
