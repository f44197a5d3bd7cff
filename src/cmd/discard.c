/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl discard: a layer goes. */
#include <getopt.h>
#include <string.h>

#include "cmd/layermsg.h"

int cmd_discard(const struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "force", no_argument, NULL, 'f' }, { 0 } };
	_cleanup_layer_ struct layer l = LAYER_INIT;
	bool force = false;
	int c, err, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "f", longs, NULL)) != -1) {
		if (c != 'f')
			return usage_error(o, "discard");
		force = true;
	}
	if (optind != argc - 1)
		return usage_error(o, "discard");
	/* by force also one that cannot be understood, or is in use */
	if (!force || layer_open(argv[optind], LAYER_LOOK, &l) != -EBADMSG) {
		layer_release(&l);
		status = open_layer(o, argv[optind], force ? LAYER_LOOK : LAYER_WRITE, &l);
		if (status)
			return status;
	}
	if (force && layer_interrupted(&l)) {
		complain(o, -EUCLEAN,
			"layer %s: a commit was interrupted, and the layer holds what it needs: "
			"umctl commit "
			"%s --resume or --undo",
			l.name, l.name);
		return 1;
	}
	err = layer_remove(&l);
	if (err < 0) {
		complain(o, err, "layer %s: %s: not all of it could be removed; the rest is %s",
			argv[optind], strerror(-err), l.path);
		return 1;
	}
	if (o->json)
		put_json(ok_object());
	return 0;
}
