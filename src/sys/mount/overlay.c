/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mount/overlay.h"

#include <stdio.h>
#include <string.h>

#include "sys/mount/calls.h"
#include "sys/mount/mountsrv.h"

/* What the options say; names are absolute and real. */
struct wanted {
	struct overlay_layers l;
	bool served; /* one is where no name of the host leads */
	char *names[OVERLAY_LOWER_MAX + 2];
	char *inside[OVERLAY_LOWER_MAX + 2]; /* by what names the view has them */
	struct inode *held[OVERLAY_LOWER_MAX +
			   2]; /* NULL, or the folder that the name leads to by a descriptor */
	unsigned n;
};

static void wanted_free(struct wanted *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < w->n; i++) {
		free(w->names[i]);
		free(w->inside[i]);
	}
	for (unsigned i = 0; i < w->n; i++) {
		if (w->held[i])
			inode_put(w->held[i]);
	}
	free(w);
}

static void wanted_cleanup(struct wanted **w)
{
	wanted_free(*w);
}

/* Those options of the kernel's that change nothing of what is seen here. */
static bool is_indifferent(const char *opt)
{
	static const char *const known[] = { "userxattr", "index=off", "nfs_export=off",
		"metacopy=off", "metacopy=on", "xino=off", "xino=auto", "xino=on", "uuid=on",
		"uuid=off", "uuid=auto", "uuid=null", "fsync=auto", "verity=off", "override_creds",
		"default_permissions", "rw", "ro" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(opt, known[i]) == 0)
			return true;
	}
	return false;
}

/* Is what a mount shows one folder of the host, with no rules of its own? */
static bool is_host_folder(const struct path *p)
{
	const struct fs *fs = p->mnt->fs;

	return fs->host_fd && !fs->host_folder;
}

/* A folder of the view, as the n-th. A real one has its own name, or, on a mount of such (a bind, a
 * tmpfs), that of its descriptor, which is valid while it is held. */
static int add_folder(struct um *um, struct call *c, const struct overlay_request *rq,
	struct wanted *w, const char *word, bool writes, char **ret_message)
{
	char path[FD_PATH_MAX];
	struct fs_req req = { .call = c, .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_free_ char *whole =
		word[0] == '/' ? strdup(word) : str_printf("%s/%s", rq->cwd ? rq->cwd : "", word);
	const unsigned n = w->n;
	int r = whole ? path_resolve_abs(&um->view, &req, whole, PATH_FOLLOW | PATH_DIRECTORY, &p)
		      : -ENOMEM;

	if (r < 0) {
		*ret_message = str_printf("%s: %s", word, strerror(-r));
		return r;
	}
	if (p.kind == PATH_VIRTUAL && writes && (p.mnt->flags & MS_RDONLY)) {
		*ret_message = str_printf("%s is on a mount of the view that is read-only", word);
		return -EROFS;
	}
	if (p.kind == PATH_VIRTUAL && is_host_folder(&p)) {
		w->names[n] = strdup(fd_path(path, inode_host_fd(p.inode)));
		w->held[n] = inode_get(p.inode);
		/* of those below the last that is taken counts, the lowest */
		if (!writes)
			w->l.owned_below = atomic_load(&p.mnt->fs->flags) & FS_KEEPS_OWNERS;
	} else {
		if (!writes)
			w->l.owned_below = false;
		w->served |= p.kind == PATH_VIRTUAL;
		w->names[n] = strdup(p.name);
	}
	w->inside[n] = strdup(p.name);
	w->n++;
	return w->names[n] && w->inside[n] ? 0 : -ENOMEM;
}

static int take_folder(struct um *um, struct call *c, const struct overlay_request *rq,
	struct wanted *w, const char *word, const char **ret, char **ret_message)
{
	bool writes = ret == &w->l.upper || ret == &w->l.work;
	int r = add_folder(um, c, rq, w, word, writes, ret_message);

	if (r == 0)
		*ret = w->names[w->n - 1];
	return r;
}

static int take_one(struct um *um, struct call *c, const struct overlay_request *rq,
	struct wanted *w, char *list, const char **ret, char **ret_message)
{
	return take_folder(um, c, rq, w, overlay_next_name(&list, '\0'), ret, ret_message);
}

static int take_lower(struct um *um, struct call *c, const struct overlay_request *rq,
	struct wanted *w, char *list, char **ret_message)
{
	for (char *word; (word = overlay_next_name(&list, ':'));) {
		int r;

		if (!*word) /* "::" before folders that only hold data: there is none */
			return -EINVAL;
		if (w->l.nlower >= OVERLAY_LOWER_MAX)
			return -E2BIG;
		r = take_folder(um, c, rq, w, word, &w->l.lower[w->l.nlower], ret_message);
		if (r < 0)
			return r;
		w->l.nlower++;
	}
	return 0;
}

static int take_option(struct um *um, struct call *c, const struct overlay_request *rq,
	struct wanted *w, char *opt, char **ret_message)
{
	if (strncmp(opt, "lowerdir=", 9) == 0)
		return take_lower(um, c, rq, w, opt + 9, ret_message);
	if (strncmp(opt, "lowerdir+=", 10) == 0)
		return take_lower(um, c, rq, w, opt + 10, ret_message);
	if (strncmp(opt, "upperdir=", 9) == 0 && !w->l.upper)
		return take_one(um, c, rq, w, opt + 9, &w->l.upper, ret_message);
	if (strncmp(opt, "workdir=", 8) == 0 && !w->l.work)
		return take_one(um, c, rq, w, opt + 8, &w->l.work, ret_message);
	if (strncmp(opt, "redirect_dir=", 13) == 0) {
		w->l.no_redirect = strcmp(opt + 13, "on") != 0;
		return 0;
	}
	if (strcmp(opt, "volatile") == 0) {
		w->l.durable = false;
		return 0;
	}
	if (strcmp(opt, "consistent") == 0) {
		w->l.consistent = true; /* as one that is served is by itself */
		return 0;
	}
	if (is_indifferent(opt))
		return 0;
	*ret_message = str_printf("overlay: the option %s is not known", opt);
	return -EINVAL;
}

/* Splits at commas; "\," is a comma of a name's own. */
static int parse(struct um *um, struct call *c, const struct overlay_request *rq, struct wanted *w,
	char **ret_message)
{
	_cleanup_free_ char *opt = malloc(strlen(rq->options) + 1);
	const char *p = rq->options;

	while (opt && *p) {
		size_t n = 0;
		int r;

		for (; *p && *p != ','; p++) {
			if (p[0] == '\\' && p[1])
				opt[n++] = *p++;
			opt[n++] = *p;
		}
		p += *p == ',';
		opt[n] = '\0';
		r = n ? take_option(um, c, rq, w, opt, ret_message) : 0;
		if (r < 0)
			return r;
	}
	return opt ? 0 : -ENOMEM;
}

int um_attach_overlay(struct um *um, const struct overlay_layers *layers,
	const struct overlay_request *rq, char **ret_message, struct mount **ret)
{
	_cleanup_inode_ struct inode *root = NULL;
	struct fs *fs = NULL;
	int r = overlay_new(layers, &fs, ret_message);

	if (r < 0)
		return r;
	r = inode_root(fs, S_IFDIR, &root);
	if (r == 0)
		r = view_mount(&um->view, fs, root, rq->where, rq->source, "overlay", rq->options,
			rq->flags, ret);
	if (r == 0 && layers->seen_through)
		view_see_through(&um->view, *ret, layers->root);
	if (r < 0)
		fs_discard(fs, take_ptr(&root));
	return r;
}

/* The view's name of a folder. */
static const char *inside(const struct wanted *w, const char *name)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (w->names[i] == name)
			return w->inside[i];
	}
	return name;
}

/* libfuse unescapes what it is given once itself. */
static void put_served(FILE *out, const char *before, const char *name)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return; /* the want of a folder is found by the server */
	overlay_put_name(f, "", name);
	if (fclose(f) == 0)
		mount_put_option(out, before, text);
}

/* The options of the server. */
static char *served_options(const struct wanted *w)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("default_permissions", out);
	for (unsigned i = 0; i < w->l.nlower; i++)
		put_served(out, i ? ":" : ",lowerdir=", inside(w, w->l.lower[i]));
	if (w->l.upper) {
		put_served(out, ",upperdir=", inside(w, w->l.upper));
		put_served(out, ",workdir=", inside(w, w->l.work));
	}
	if (w->l.layer)
		mount_put_option(out, ",layer=", w->l.layer);
	fprintf(out, "%s%s%s%s%s", w->l.no_redirect ? ",redirect_dir=off" : "",
		w->l.durable ? "" : ",volatile", w->l.owners ? ",owners" : "",
		w->l.root ? ",root" : "", w->l.fresh ? ",fresh" : "");
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

int um_mount_overlay(struct um *um, struct call *c, const struct overlay_request *rq,
	char **ret_options, char **ret_message)
{
	_cleanup_(wanted_cleanup) struct wanted *w = calloc(1, sizeof(*w));
	_cleanup_mount_ struct mount *m = NULL;
	int r;

	if (!w)
		return -ENOMEM;
	w->l.durable = !rq->layer; /* what lies below one that we keep is there whatever happens */
	r = parse(um, c, rq, w, ret_message);
	if (r < 0)
		return r;
	if (!w->l.nlower || !w->l.upper != !w->l.work) {
		*ret_message =
			strdup("overlay needs lowerdir=, and upperdir= and workdir= together");
		return -EINVAL;
	}
	w->l.layer = rq->layer;
	w->l.fresh = rq->fresh;
	w->l.root = um->ids;
	w->l.owners = um->ids || rq->layer;
	if (w->served) {
		*ret_options = served_options(w);
		return *ret_options ? 1 : -ENOMEM;
	}
	if (rq->dry_run) {
		*ret_message = str_printf("overlay on %s, of %s", rq->where->name, rq->options);
		return 0;
	}
	return um_attach_overlay(um, &w->l, rq, ret_message, &m);
}
