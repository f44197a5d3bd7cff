/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl layer: what is done with a layer as a whole. */
#include <getopt.h>
#include <string.h>

#include "cmd/layermsg.h"

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

static int layer_cmd_rename(const struct options *o, int argc, char **argv)
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

int cmd_layer(const struct options *o, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *o, int argc, char **argv);
	} parts[] = {
		{ "create", layer_cmd_create },
		{ "rename", layer_cmd_rename },
	};

	opterr = 0;
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(parts); i++) {
		if (strcmp(argv[1], parts[i].name) == 0)
			return parts[i].run(o, argc - 1, argv + 1);
	}
	return usage_error(o, "layer");
}
