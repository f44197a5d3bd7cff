/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umview-overlay: the server of an overlay whose folders lie on mounts of the view. It runs in the
 * view, so that those folders are to it what they are to any program, and is fs/overlay behind
 * FUSE.
 */
#include <stdio.h>
#include <string.h>

#include "base/limit.h"
#include "cmd/overlayops.h"
#include "fs/overlay/overlay.h"
#include "view/inode.h"

struct options {
	char *lower, *upper, *work, *layer, *redirect;
	int owners, root, fresh, is_volatile;
};

static int parse(struct fuse_args *args, struct options *o)
{
	static const struct fuse_opt known[] = { { "lowerdir=%s", offsetof(struct options, lower),
							 0 },
		{ "upperdir=%s", offsetof(struct options, upper), 0 },
		{ "workdir=%s", offsetof(struct options, work), 0 },
		{ "layer=%s", offsetof(struct options, layer), 0 },
		{ "redirect_dir=%s", offsetof(struct options, redirect), 0 },
		{ "owners", offsetof(struct options, owners), 1 },
		{ "volatile", offsetof(struct options, is_volatile), 1 },
		{ "root", offsetof(struct options, root), 1 },
		{ "fresh", offsetof(struct options, fresh), 1 }, FUSE_OPT_END };

	return fuse_opt_parse(args, o, known, NULL);
}

/* The view has found the folders before; what remains is that they can be used. */
static int open_overlay(struct options *o, struct fs **ret, char **ret_message)
{
	_cleanup_free_ struct overlay_layers *l = calloc(1, sizeof(*l));
	char *rest = o->lower, *word;

	if (!l)
		return -ENOMEM;
	while ((word = overlay_next_name(&rest, ':')) && l->nlower < OVERLAY_LOWER_MAX)
		l->lower[l->nlower++] = word;
	l->upper = overlay_next_name(&o->upper, '\0');
	l->work = overlay_next_name(&o->work, '\0');
	l->layer = o->layer;
	l->no_redirect = o->redirect && strcmp(o->redirect, "on") != 0;
	l->owners = o->owners;
	l->root = o->root;
	l->fresh = o->fresh;
	l->durable = !o->is_volatile;
	l->served = true;
	return l->nlower ? overlay_new(l, ret, ret_message) : -EINVAL;
}

static int serve(struct fuse_args *args, const char *mountpoint, struct fs *fs)
{
	struct fuse_session *se = fuse_session_new(args, &overlay_ops, sizeof(overlay_ops), fs);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r = -1;

	if (se && config && fuse_set_signal_handlers(se) == 0) {
		if (fuse_session_mount(se, mountpoint) == 0) {
			r = fuse_session_loop_mt(se, config);
			fuse_session_unmount(se);
		}
		fuse_remove_signal_handlers(se);
	}
	if (config)
		fuse_loop_cfg_destroy(config);
	if (se)
		fuse_session_destroy(se);
	return r;
}

/* umview-overlay MOUNTPOINT -o OPTIONS */
int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	_cleanup_free_ char *message = NULL;
	struct options o = { 0 };
	struct fs *fs = NULL;
	int r = -EINVAL;

	umask(0);
	raise_limit(RLIMIT_NOFILE); /* each file that the view knows is one or two descriptors */
	if (argc > 1 && fuse_opt_add_arg(&args, argv[0]) == 0) {
		for (int i = 2; i < argc; i++)
			r = fuse_opt_add_arg(&args, argv[i]);
	}
	if (r == 0 && parse(&args, &o) == 0 && o.lower)
		r = open_overlay(&o, &fs, &message);
	else
		r = -EINVAL;
	if (r < 0)
		fprintf(stderr, "%s\n", message ? message : strerror(-r));
	else
		r = serve(&args, argv[1], fs);
	if (fs)
		fs_discard(fs, NULL);
	fuse_opt_free_args(&args);
	return r < 0;
}
