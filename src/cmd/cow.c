/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layers of one folder lie on each other in the order of the options; the last is written to,
 * unless it is "ro". The mount is seen through: what nothing was changed of is the host's own.
 */
#include "cmd/cow.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/log.h"
#include "fs/overlay/overlay.h"
#include "layer/diff.h"
#include "layer/entry.h"
#include "layer/tree.h"

#define NAME_TRIES 100

int cow_parse(const char *spec, struct cow_layer *ret, char **ret_name)
{
	_cleanup_free_ char *copy = strdup(spec), *of = NULL, *name = NULL;
	char *rest = copy, *opt;
	bool first = true;

	if (!copy)
		return -ENOMEM;
	while ((opt = overlay_next_name(&rest, ','))) {
		if (strncmp(opt, "of=", 3) == 0) {
			free(of);
			of = realpath(opt + 3, NULL);
			if (!of) {
				log_user("--cow: %s: %s", opt + 3, strerror(errno));
				return -EINVAL;
			}
		} else if (strcmp(opt, "ro") == 0) {
			ret->ro = true;
		} else if (strcmp(opt, "consistent") == 0) {
			ret->consistent = true;
		} else if (first && *opt) {
			name = strdup(opt);
		} else if (*opt) {
			log_user("--cow=%s: it is --cow[=NAME][,of=FOLDER][,ro][,consistent]; "
				 "\"%s\" is not known",
				spec, opt);
			return -EINVAL;
		}
		first = false;
	}
	if (!of)
		of = strdup("/");
	ret->of = take_ptr(&of);
	*ret_name = take_ptr(&name);
	return ret->of ? 0 : -ENOMEM;
}

/* A layer that nobody gave a name has the time's. */
static int create_unnamed(const char *of, struct layer *ret)
{
	time_t now = time(NULL);
	struct tm tm;
	char name[40], stamp[24];
	int r = -EEXIST;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "cow-%Y%m%d-%H%M%S", &tm);
	for (int i = 0; r == -EEXIST && i < NAME_TRIES; i++) {
		snprintf(name, sizeof(name), i ? "%s-%d" : "%s", stamp, i);
		r = layer_create(name, of, ret);
	}
	return r;
}

static int say_open(const char *name, bool made, int r)
{
	_cleanup_free_ char *where = layers_path();

	if (r == -EINVAL)
		log_user("--cow=%s: this is no name of a layer", name);
	else if (r == -EBUSY)
		log_user("the layer %s is in use by another view", name);
	else if (r == -EPROTONOSUPPORT)
		log_user("the layer %s was made by a newer umview", name);
	else if (made)
		log_user("a layer cannot be made in %s: %s; $XDG_STATE_HOME/umview/layers is where "
			 "they are kept",
			where ? where : "", strerror(-r));
	else
		log_user("the layer %s in %s: %s", name, where ? where : "", strerror(-r));
	return r;
}

/* What cannot be kept there is said once. */
static void say_no_xattrs(const struct cow_layer *c)
{
	if (!c->ro && fgetxattr(c->layer.lockfd, "user.overlay.opaque", NULL, 0) < 0 &&
		errno == EOPNOTSUPP)
		log_user("the layer %s is on a file system without extended attributes: in it "
			 "folders are moved by "
			 "copying, devices cannot be made, and attributes not be set",
			c->layer.name);
}

/* The layer's folder must be that which it was made for. */
static int check_of(const struct cow_layer *c)
{
	_cleanup_free_ char *real = realpath(c->layer.of ? c->layer.of : "/", NULL);

	if (real && strcmp(real, c->of) == 0)
		return 0;
	log_user("the layer %s is one of %s, not of %s", c->layer.name,
		c->layer.of ? c->layer.of : "/", c->of);
	return -EINVAL;
}

static int open_layer(struct cow_layer *c, const char *name, bool dry_run)
{
	bool made = false;
	int r = name ? layer_open(name,
			       dry_run ? LAYER_LOOK
			       : c->ro ? LAYER_READ
				       : LAYER_WRITE,
			       &c->layer)
		     : -ENOENT;

	if (r == -ENOENT && dry_run)
		return 0;
	if (r == -ENOENT && (!c->ro || !name)) {
		made = true;
		r = name ? layer_create(name, c->of, &c->layer) : create_unnamed(c->of, &c->layer);
		c->fresh = r == 0;
		c->unnamed = !name;
	} else if (r == 0 && layer_interrupted(&c->layer)) {
		log_user("a commit of the layer %s was interrupted: umctl commit %s ends it", name,
			name);
		return -EBUSY;
	} else if (r == 0) {
		r = check_of(c);
		if (r < 0)
			return r;
	}
	return r < 0 ? say_open(name, made, r) : 0;
}

/* NULL: out of memory. */
static struct cow_layer *add_layer(struct cow *cow)
{
	struct cow_layer *more = reallocarray(cow->layers, cow->n + 1, sizeof(*more));

	if (!more)
		return NULL;
	cow->layers = more;
	more[cow->n] = (struct cow_layer){ .layer = LAYER_INIT };
	return &more[cow->n++];
}

/* The name of the layer whose upper folder this is; malloc'ed, NULL: it is none. */
static char *layer_of_upper(const char *path, const char *layers)
{
	size_t len = strlen(layers);
	const char *name = path + len + 1, *end;

	if (strncmp(path, layers, len) != 0 || path[len] != '/')
		return NULL;
	end = strchr(name, '/');
	return end && strcmp(end, "/upper") == 0 ? strndup(name, (size_t)(end - name)) : NULL;
}

static int take_lower(struct cow *cow, const struct cow_layer *top, const char *path,
	const char *layers, bool dry_run)
{
	_cleanup_free_ char *of = strdup(top->of), *name = layer_of_upper(path, layers);
	_cleanup_free_ char *over = strdup(top->layer.name);
	struct cow_layer *c;
	int r;

	if (!of || !over)
		return -ENOMEM;
	if (!name) {
		log_user("the layer %s lies on %s, which is no layer's", over, path);
		return -EINVAL;
	}
	c = add_layer(cow);
	if (!c)
		return -ENOMEM;
	c->of = take_ptr(&of);
	c->ro = true;
	r = layer_open(name, dry_run ? LAYER_LOOK : LAYER_READ, &c->layer);
	if (r == -ENOENT)
		log_user("the layer %s lies on the layer %s, which is gone; nothing was changed",
			over, name);
	else if (r < 0)
		(void)say_open(name, false, r);
	return r;
}

/* What a layer lay on when it was used last lies below it again, unless the user said what does. */
static int take_lowers(struct cow *cow, size_t top, const char *layers, bool dry_run)
{
	const struct layer *l = &cow->layers[top].layer;
	struct cow_layer c;
	int r = 0;

	for (size_t k = 0; k < top; k++) {
		if (strcmp(cow->layers[k].of, cow->layers[top].of) == 0)
			return 0;
	}
	for (size_t i = l->nlower; r == 0 && i-- > 0;) {
		const char *path = cow->layers[top].layer.lower[i];

		if (strcmp(path, cow->layers[top].of) != 0)
			r = take_lower(cow, &cow->layers[top], path, layers, dry_run);
	}
	c = cow->layers[top];
	memmove(&cow->layers[top], &cow->layers[top + 1], (cow->n - top - 1) * sizeof(c));
	cow->layers[cow->n - 1] = c;
	return r;
}

/* of is taken. */
static int take_layer(
	struct cow *cow, struct cow_layer with, const char *name, const char *layers, bool dry_run)
{
	struct cow_layer *c = add_layer(cow);
	int r;

	if (!c) {
		free(with.of);
		return -ENOMEM;
	}
	*c = with;
	r = open_layer(c, name, dry_run);
	/* a full disk is no reason not to look at what the layer has */
	if (r == 0 && !c->ro && !dry_run && layer_set_last(&c->layer) < 0)
		log_debug("LAST does not lead to the layer %s", c->layer.name);
	if (r == 0 && !dry_run)
		say_no_xattrs(c);
	if (r == 0 && layers)
		r = take_lowers(cow, cow->n - 1, layers, dry_run);
	return r;
}

static int take_spec(struct cow *cow, const char *spec, const char *layers, bool dry_run)
{
	struct cow_layer with = { .layer = LAYER_INIT };
	_cleanup_free_ char *name = NULL;
	int r = cow_parse(spec, &with, &name);

	return r < 0 ? r : take_layer(cow, with, name, layers, dry_run);
}

/* The image, which lies on an empty folder, and on it what is written to. */
static int take_image(struct cow *cow, struct rootfs *image)
{
	struct cow_layer with = { .layer = LAYER_INIT, .image = true };
	struct cow_layer *c = add_layer(cow);

	if (!c)
		return -ENOMEM;
	c->layer = image->layer;
	image->layer = (struct layer)LAYER_INIT;
	c->image = c->ro = true;
	c->of = strdup(c->layer.of);
	if (image->ro || !c->of)
		return c->of ? 0 : -ENOMEM;
	with.of = strdup(c->of);
	return with.of ? take_layer(cow, with, image->cow, NULL, false) : -ENOMEM;
}

/* containers/storage keeps owners so where it may not set them, beginning with the top; root of a
 * view where it does. */
static void find_owned(struct cow *cow, const struct run_options *o)
{
	if (o->rootfs && (o->root || getxattr(o->rootfs, XATTR_OVERRIDE, NULL, 0) >= 0))
		cow->owned = realpath(o->rootfs, NULL);
}

int cow_begin(struct cow *cow, struct um *um, const struct run_options *o, FILE *plan)
{
	const bool any = o->cows && o->cows[0], dry_run = o->dry_run;
	int fd, r = 0;

	if (!any && !o->image)
		return 0;
	fd = layers_open(!dry_run, &cow->hide);
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; any && o->cows[i] && r == 0; i++)
		r = take_spec(cow, o->cows[i], cow->hide, dry_run);
	find_owned(cow, o);
	if (r == 0)
		r = cow_find_late(cow, um, o->mounts);
	if (r == 0 && o->image && !dry_run)
		r = take_image(cow, o->image);
	if (r == 0 && any)
		r = cow_set_outside(um, dry_run ? plan : NULL);
	if (o->image && dry_run)
		fprintf(plan, "the image %s is the root\n", o->image->file);
	for (size_t i = 0; dry_run && i < cow->n && r == 0; i++)
		fprintf(plan, "changes of %s go to %s\n", cow->layers[i].of,
			cow->layers[i].layer.path ? cow->layers[i].layer.path : "a new layer");
	return r < 0 || dry_run ? r : cow_mount(cow, um, false);
}

/* ---- the end ---- */

/* So long the end of a view may take to count. */
#define COUNT_NS (2 * NSEC_PER_SEC)

/* Of a folder on a mount, which is gone: all that is no folder. */
static size_t count_files(int dirfd)
{
	_cleanup_names_ struct names names = { 0 };
	int err = names_read(dirfd, &names);
	size_t n = 0;

	for (size_t i = 0; err == 0 && i < names.n; i++) {
		_cleanup_fd_ int sub = openat(
			dirfd, names.name[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		n += sub < 0 ? 1 : count_files(sub);
	}
	return n;
}

static int stop_at_change(UNUSED struct layer_walk *w, const struct change *c)
{
	return c->kind == CHANGE_NONE ? 0 : -ECANCELED;
}

/* What umctl diff would tell of it; untouched: for certain nothing at all, asked of an unnamed
 * layer alone. 0; -ETIME, with a part of it. */
static int count_changes(
	const struct cow_layer *c, int upper, struct diff_count *ret, bool *ret_untouched)
{
	struct layer_walk w = { .upper = upper, .deadline_ns = now_ns() + COUNT_NS };
	_cleanup_merged_ struct merged *lower = NULL;
	struct links *links = NULL;
	const char *missing;
	int r = merged_open(&c->layer, &lower, &missing);

	if (r == 0)
		r = links_read(c->layer.dirfd, &links);
	w.lower = lower;
	w.links = links;
	if (r == 0 && !c->late)
		r = diff_count(&w, ret);
	if (c->late || (r < 0 && r != -ETIME))
		*ret = (struct diff_count){ .all = count_files(upper) };
	if (r == 0 && ret->all == 0 && c->unnamed) {
		w.flags = 0;
		w.visit = stop_at_change;
		*ret_untouched = layer_walk_run(&w) == 0;
	}
	layer_walk_release(&w);
	links_free(links);
	return r == -ETIME ? r : 0;
}

static void say_changes(const struct diff_count *count, bool part, const char *name)
{
	_cleanup_free_ char *kinds = diff_count_text(count);
	const bool told = kinds && *kinds && !part;

	dprintf(STDERR_FILENO,
		"umview: %s%zu file%s changed%s%s%s; umctl diff %s, umctl commit %s or umctl "
		"discard "
		"%s\n",
		part ? "more than " : "", count->all, count->all == 1 ? "" : "s", told ? " (" : "",
		told ? kinds : "", told ? ")" : "", name, name, name);
}

/* Who named a layer is told its name: LAST may lead elsewhere when he comes to type it. */
static const char *name_to_say(const struct cow_layer *c)
{
	return c->unnamed && layer_is_last(&c->layer) ? "LAST" : c->layer.name;
}

static void end_layer(struct cow_layer *c, bool only, bool ran)
{
	_cleanup_fd_ int upper =
		c->layer.dirfd < 0 || c->ro
			? -1
			: openat(c->layer.dirfd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct diff_count count = { 0 };
	bool untouched = false;
	int r = upper < 0 ? 0 : count_changes(c, upper, &count, &untouched);

	if (upper >= 0 && ran && (count.all || r < 0))
		say_changes(&count, r < 0, only ? name_to_say(c) : c->layer.name);
	else if (upper >= 0 && ran && isatty(STDERR_FILENO))
		dprintf(STDERR_FILENO, "umview: no file changed\n");
	if (untouched && layer_remove(&c->layer) < 0)
		log_debug("the empty layer %s stays", c->layer.name);
	layer_release(&c->layer);
	free(c->of);
}

void cow_end(struct cow *cow, bool ran)
{
	size_t written = 0;

	for (size_t i = 0; i < cow->n; i++)
		written += !cow->layers[i].ro;
	for (size_t i = 0; i < cow->n; i++)
		end_layer(&cow->layers[i], written == 1, ran);
	free(cow->layers);
	free(cow->hide);
	free(cow->owned);
	*cow = (struct cow){ 0 };
}
