/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where layers are laid. Those of the host's folders lie below the mounts that were asked for;
 * those of a folder on such a mount come after it, as any mount of type overlay.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/cow.h"
#include "sys/mount/calls.h"
#include "sys/mount/mountsrv.h"
#include "sys/mount/overlay.h"
#include "sys/task/shadow.h"
#include "view/mountinfo.h"

int cow_set_outside(struct um *um, FILE *plan)
{
	const char *const dirs[] = { "/proc", "/sys", "/dev", getenv("XDG_RUNTIME_DIR"),
		um->rundir };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (!dirs[i])
			continue;
		if (view_add_outside(&um->view, dirs[i]) == -ENOMEM)
			return -ENOMEM;
		if (plan && dirs[i] != um->rundir)
			fprintf(plan, "%s stays as it is\n", dirs[i]);
	}
	return 0;
}

static char *inside(const struct layer *l, const char *name)
{
	return str_printf("%s/%s", l->path, name);
}

/* The layers of the folder that the i-th one is of; *names are to be freed. -EINVAL after a
 * message. */
static int collect(
	const struct cow *cow, size_t i, struct overlay_layers *l, char *names[], size_t *n)
{
	const char *of = cow->layers[i].of;

	for (size_t k = cow->n; k-- > 0;) {
		const struct cow_layer *c = &cow->layers[k];

		if (strcmp(c->of, of) != 0)
			continue;
		l->consistent |= c->consistent;
		if (*n + 2 >= LAYER_LOWER_MAX)
			return -E2BIG;
		names[*n] = inside(&c->layer, "upper");
		if (!names[*n])
			return -ENOMEM;
		if (!c->ro && (l->upper || l->nlower)) {
			log_user("--cow: only the last layer of %s can be written to: say ro of "
				 "the others",
				of);
			return -EINVAL;
		}
		if (c->ro) {
			l->lower[l->nlower++] = names[(*n)++];
			continue;
		}
		l->fresh = c->fresh;
		l->layer = c->layer.path;
		l->upper = names[(*n)++];
		l->work = names[*n] = inside(&c->layer, "work");
		if (!names[(*n)++])
			return -ENOMEM;
	}
	if (!l->layer) /* the topmost, of the readable ones: whose owners of links are kept beside
			  them */
		l->layer = cow->layers[i].layer.path;
	l->lower[l->nlower++] = of;
	return 0;
}

/* What a layer lies on is kept with it. */
static int note_lower(struct cow *cow, const struct overlay_layers *l)
{
	for (size_t k = 0; l->upper && k < cow->n; k++) {
		if (cow->layers[k].layer.path == l->layer)
			return layer_set_lower(&cow->layers[k].layer, l->lower, l->nlower);
	}
	return 0;
}

static int attach(const struct cow *cow, const struct cow_layer *c, struct overlay_layers *l,
	struct um *um, char **ret_message)
{
	_cleanup_free_ char *options = str_printf(
		"lowerdir=%s%s%s", c->of, l->upper ? ",upperdir=" : "", l->upper ? l->upper : "");
	_cleanup_path_ struct path where = PATH_INIT;
	_cleanup_mount_ struct mount *m = NULL;
	struct overlay_request rq = {
		.source = c->image ? "image" : "cow", .options = options, .where = &where
	};
	int r = options ? path_resolve_abs(&um->view, NULL, c->image ? "/" : c->of,
				  PATH_FOLLOW | PATH_DIRECTORY, &where)
			: -ENOMEM;

	if (r < 0)
		return r;
	l->hide = cow->hide;
	l->owners = true;
	l->seen_through = !c->image;
	l->owned_below = cow->owned && path_below(cow->owned, c->of);
	l->root = um->ids;
	l->stand_in = strcmp(c->of, "/") == 0 ? shadow_text : NULL;
	r = um_attach_overlay(um, l, &rq, ret_message, &m);
	if (r == 0)
		mount_note_brought(&um->view, m->target); /* um->settings tells of it */
	return r;
}

/* ---- on mounts ---- */

/* Is a folder on what -m and the like mount? */
static bool is_on_mount(const char *of, char *const *mounts)
{
	bool on = false;

	for (size_t i = 0; mounts && mounts[i] && !on; i++) {
		_cleanup_free_ char *source = NULL, *target = NULL, *options = NULL, *real = NULL;

		if (strstr(mounts[i], ",policy=") ||
			mount_spec_parse(mounts[i], &source, &target, &options) < 0)
			continue;
		real = realpath(target, NULL);
		/* what is the root (--rootfs) lies on the layers */
		on = real && strcmp(real, "/") != 0 && path_below(of, real);
	}
	return on;
}

int cow_find_late(struct cow *cow, struct um *um, char *const *mounts)
{
	int r = 0;

	for (size_t i = 0; r != -ENOMEM && i < cow->n; i++) {
		struct cow_layer *c = &cow->layers[i];

		c->late = is_on_mount(c->of, mounts);
		/* its server is in the view, where the folder of layers may be hidden */
		if (c->late && c->layer.path)
			r = view_add_outside(&um->view, c->layer.path);
	}
	return r == -ENOMEM ? r : 0;
}

static char *overlay_options(const struct overlay_layers *l)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (unsigned i = 0; i < l->nlower; i++)
		overlay_put_name(out, i ? ":" : "lowerdir=", l->lower[i]);
	if (l->upper) {
		overlay_put_name(out, ",upperdir=", l->upper);
		overlay_put_name(out, ",workdir=", l->work);
	}
	if (l->consistent)
		fputs(",consistent", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int mount_late(const struct cow_layer *c, const struct overlay_layers *l, struct um *um,
	char **ret_message)
{
	_cleanup_free_ char *options = overlay_options(l);
	struct mount_request rq = { .source = "cow",
		.target = c->of,
		.type = "overlay",
		.options = options,
		.layer = l->layer,
		.fresh = l->fresh,
		.told = true,
		.from_host = true };

	return options ? um_mount(um, NULL, &rq, ret_message) : -ENOMEM;
}

static int mount_one(struct cow *cow, size_t i, struct um *um)
{
	_cleanup_free_ struct overlay_layers *l = calloc(1, sizeof(*l));
	const struct cow_layer *c = &cow->layers[i];
	_cleanup_free_ char *message = NULL;
	char *names[LAYER_LOWER_MAX];
	size_t n = 0;
	int r = l ? collect(cow, i, l, names, &n) : -ENOMEM;
	bool told = r == -EINVAL;

	if (r == 0)
		r = note_lower(cow, l);
	if (r == 0)
		r = c->late ? mount_late(c, l, um, &message) : attach(cow, c, l, um, &message);
	while (n > 0)
		free(names[--n]);
	if (r < 0 && !told)
		log_user("--cow of %s: %s", c->of, message ? message : strerror(-r));
	return r;
}

bool cow_covers(const struct cow *cow, const char *target)
{
	_cleanup_free_ char *real = cow->n ? realpath(target, NULL) : NULL;

	for (size_t i = 0; real && i < cow->n; i++) {
		if (cow->layers[i].late && strcmp(cow->layers[i].of, real) == 0)
			return true;
	}
	return false;
}

/* Is it the first of its folder? One mount stands for all. */
static bool is_first(const struct cow *cow, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(cow->layers[k].of, cow->layers[i].of) == 0)
			return false;
	}
	return true;
}

int cow_mount(struct cow *cow, struct um *um, bool late)
{
	int r = 0;

	for (size_t i = 0; i < cow->n && r == 0; i++) {
		if (cow->layers[i].late == late && is_first(cow, i))
			r = mount_one(cow, i, um);
	}
	return r;
}
