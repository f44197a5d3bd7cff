/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl layer export, import and image. */
#include <getopt.h>
#include <string.h>

#include "cmd/layermsg.h"
#include "layer/image.h"
#include "layer/oci.h"

int layer_cmd_export(const struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "oci", required_argument, NULL, 'o' }, { 0 } };
	_cleanup_opened_ struct opened t = OPENED_INIT;
	_cleanup_free_ char *why = NULL;
	const char *file = NULL;
	int c, err, status;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c != 'o')
			return usage_error(o, "layer export");
		file = optarg;
	}
	if (optind != argc - 1 || !file)
		return usage_error(o, "layer export");
	status = open_tree(o, argv[optind], LAYER_READ, false, &t);
	if (status)
		return status;
	err = oci_export(&t.walk, t.layer.name, file, &why);
	if (err < 0) {
		_cleanup_free_ char *where = shown_name(t.walk.where ? t.walk.where : "");

		complain(o, err, "export of layer %s to %s: %s%s%s", t.layer.name, file,
			where && *where ? where : "", where && *where ? ": " : "",
			why ? why : strerror(-err));
		return 1;
	}
	if (o->json)
		put_json(ok_object());
	return 0;
}

int layer_cmd_import(const struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "of", required_argument, NULL, 'o' }, { 0 } };
	_cleanup_layer_ struct layer l = LAYER_INIT;
	_cleanup_free_ char *why = NULL, *of = NULL, *shown = NULL;
	const char *word = "/";
	int c, err;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c != 'o')
			return usage_error(o, "layer import");
		word = optarg;
	}
	if (optind != argc - 2)
		return usage_error(o, "layer import");
	of = realpath(word, NULL);
	if (!of) {
		complain(o, -errno, "%s: %m", word);
		return 1;
	}
	err = layer_draft(argv[optind + 1], of, &l);
	if (err == 0) {
		err = image_import(argv[optind], &l, &why);
		err = err < 0 ? err : layer_publish(&l, argv[optind + 1]);
		if (err < 0)
			layer_remove(&l);
		else
			err = layer_set_last(&l);
	} else if (err == -EINVAL) {
		why = strdup("that cannot be the name of a layer");
	} else if (err == -EEXIST) {
		why = strdup("there is a layer of that name already");
	}
	if (err < 0) {
		shown = shown_name(why ? why : strerror(-err));
		complain(o, err, "import of %s as layer %s: %s. Nothing was kept", argv[optind],
			argv[optind + 1], shown ? shown : "");
		return 1;
	}
	if (o->json)
		put_json(ok_object());
	return 0;
}

int layer_cmd_image(const struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "ref", required_argument, NULL, 'r' }, { 0 } };
	_cleanup_layer_ struct layer l = LAYER_INIT;
	_cleanup_free_ char *why = NULL, *shown = NULL;
	const char *ref = NULL;
	struct json_object *answer;
	int c, err;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c != 'r')
			return usage_error(o, "layer image");
		ref = optarg;
	}
	if (optind != argc - 1)
		return usage_error(o, "layer image");
	err = image_keep(argv[optind], ref, &l, &why);
	if (err < 0) {
		shown = shown_name(why ? why : strerror(-err));
		complain(o, err, "image %s: %s", argv[optind], shown ? shown : "");
		return 1;
	}
	if (!o->json) {
		printf("%s\n", l.name);
		return 0;
	}
	answer = ok_object();
	put(answer, "layer", l.name);
	put_json(answer);
	return 0;
}
