/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl commit: what a layer changed goes into the tree below. */
#include "layer/commit.h"

#include <getopt.h>
#include <string.h>

#include "cmd/layermsg.h"

struct commit_options {
	const char *name, *to;
	char **path; /* the user's words */
	int npaths;
	unsigned flags;
	bool dry_run, resume, undo;
};

/* Of a commit that takes long, on a terminal: a line that is written over. */
struct progress {
	uint64_t next;
	bool shown;
};

static void show_progress(void *arg, size_t done, size_t total)
{
	struct progress *p = arg;
	uint64_t now = now_ns();

	if (now < p->next)
		return;
	p->next = now + NSEC_PER_SEC / 5;
	p->shown = true;
	fprintf(stderr, "\rumctl: commit: %zu of %zu ", done < total ? done : total, total);
}

static void end_progress(const struct progress *p)
{
	if (p->shown)
		fprintf(stderr, "\r\033[K");
}

static const char *why_failed(int err)
{
	if (err == -ESTALE)
		return "it was changed by somebody else meanwhile";
	if (err == -ENOTSUP)
		return "the folder is new as a whole, or hides one below: name the folder itself";
	if (err == -EBADMSG)
		return "it is not in overlayfs's format";
	return strerror(-err);
}

static int failed(const struct options *o, const struct commit *k, int err, const char *then)
{
	const char *where = k->where ? k->where : k->walk && k->walk->where ? k->walk->where : "";
	_cleanup_free_ char *shown = shown_name(where);

	complain(o, err, "commit of layer %s: /%s: %s%s", k->layer->name, shown ? shown : "",
		why_failed(err), then);
	return 1;
}

static const char *const verbs[256] = {
	[STEP_PUT] = "put",
	[STEP_REMOVE] = "remove",
	[STEP_META] = "metadata",
	[STEP_FOLDER] = "folder",
	[STEP_DROP] = "keep",
};

static void show_conflicts(const struct options *o, const struct commit *k)
{
	for (size_t i = 0; !o->json && i < k->nconflicts; i++) {
		fprintf(stderr, "umctl: /");
		put_name(stderr, k->conflict[i].path);
		fprintf(stderr, " %s\n", k->conflict[i].why);
	}
}

static struct json_object *plan_object(const struct commit *k)
{
	struct json_object *answer = ok_object(), *steps = json_object_new_array();
	struct json_object *conflicts = json_object_new_array(), *one;

	for (size_t i = 0; i < k->j.n; i++) {
		one = json_object_new_object();
		put(one, "do", verbs[k->j.step[i].kind]);
		put(one, "path", k->j.step[i].path);
		json_object_array_add(steps, one);
	}
	for (size_t i = 0; i < k->nconflicts; i++) {
		one = json_object_new_object();
		put(one, "path", k->conflict[i].path);
		put(one, "why", k->conflict[i].why);
		json_object_array_add(conflicts, one);
	}
	json_object_object_add(answer, "steps", steps);
	json_object_object_add(answer, "conflicts", conflicts);
	return answer;
}

static void show_plan(const struct options *o, const struct commit *k)
{
	if (o->json) {
		put_json(plan_object(k));
		return;
	}
	for (size_t i = 0; i < k->j.n; i++) {
		if (k->j.step[i].kind == STEP_FOLDER)
			continue;
		printf("%-8s /", verbs[k->j.step[i].kind]);
		put_name(stdout, k->j.step[i].path);
		printf("\n");
	}
}

/* What speaks against it, and was not allowed by an option. */
static int refuse(const struct options *o, const struct commit *k)
{
	_cleanup_free_ char *shown = shown_name(k->forbidden ? k->forbidden : "");
	_cleanup_free_ char *unread = shown_name(k->unread ? k->unread : "");

	if (k->nunread) {
		complain(o, -EPERM,
			"commit of layer %s: whoever made it could not read /%s, which it replaces "
			"or removes (%zu such in all): what it has was made without that content. "
			"--theirs keeps what is there, or name what else is to go; nothing was "
			"changed",
			k->layer->name, unread ? unread : "", k->nunread);
		return 1;
	}
	if (k->nforbidden && !(k->j.flags & COMMIT_FORCE)) {
		complain(o, -EPERM,
			"commit of layer %s: this user cannot give %zu entries their owner, or "
			"make the "
			"device, as for /%s. --force leaves that out; nothing was changed",
			k->layer->name, k->nforbidden, shown ? shown : "");
		return 1;
	}
	if (k->nconflicts && !(k->j.flags & (COMMIT_FORCE | COMMIT_OURS | COMMIT_THEIRS))) {
		show_conflicts(o, k);
		complain(o, -EEXIST,
			"commit of layer %s: %zu conflicts; --ours takes the layer's, --theirs "
			"keeps what is "
			"there. Nothing was changed",
			k->layer->name, k->nconflicts);
		return 1;
	}
	return 0;
}

static int run(const struct options *o, struct commit *k, bool dry_run)
{
	struct progress progress = { .next = now_ns() + NSEC_PER_SEC };
	bool stuck;
	int err = commit_plan(k), status;

	if (err < 0)
		return failed(o, k, err, ". Nothing was changed");
	if (dry_run) {
		show_plan(o, k);
		show_conflicts(o, k);
		return k->nconflicts ? 1 : 0;
	}
	status = refuse(o, k);
	if (status)
		return status;
	if (isatty(STDERR_FILENO)) {
		k->progress = show_progress;
		k->arg = &progress;
	}
	err = commit_run(k, &stuck);
	end_progress(&progress);
	if (err < 0)
		return failed(o, k, err,
			!stuck ? ". Nothing was changed"
			       : ". It is not at its end: umctl commit NAME --resume or --undo");
	if (o->json)
		put_json(ok_object());
	return 0;
}

static int add_paths(const struct options *o, struct commit *k, const struct commit_options *c)
{
	int err = c->npaths ? 0 : journal_add_path(&k->j, "");

	for (int i = 0; err == 0 && i < c->npaths; i++) {
		_cleanup_free_ char *path = path_in_layer(k->layer, c->path[i]);

		if (!path)
			return complain(o, -EINVAL, "%s is not below %s, which the layer is of",
				c->path[i], k->layer->of);
		err = journal_add_path(&k->j, path);
	}
	return err < 0 ? failed(o, k, err, "") : 0;
}

/* Opens the layer and the folder that is written to, and begins. */
static int begin(
	const struct options *o, const struct commit_options *c, struct opened *t, struct commit *k)
{
	_cleanup_free_ char *to = c->to ? realpath(c->to, NULL) : strdup(t->layer.lower[0]);
	int err, status;

	if (!to) {
		complain(o, -errno, "%s: %m", c->to);
		return 1;
	}
	if (!c->to && t->layer.nlower > 1) {
		complain(o, -EINVAL,
			"layer %s lies on other layers: umctl layer squash makes one of them, "
			"commit --to "
			"writes into a folder",
			t->layer.name);
		return 1;
	}
	err = commit_open(k, &t->layer, &t->walk, to, c->flags | (c->to ? COMMIT_ELSEWHERE : 0));
	if (err < 0)
		return failed(o, k, err, "");
	status = add_paths(o, k, c);
	return status ? status : run(o, k, c->dry_run);
}

static int begin_again(const struct options *o, struct opened *t, const struct journal *j)
{
	struct commit k = COMMIT_INIT;
	int err = commit_open(&k, &t->layer, &t->walk, j->to, j->flags), status = 0;

	for (size_t i = 0; err == 0 && i < j->npaths; i++)
		err = journal_add_path(&k.j, j->path[i]);
	status = err < 0 ? failed(o, &k, err, "") : run(o, &k, false);
	commit_release(&k);
	return status;
}

/* Ends or undoes one that was interrupted. */
static int mend(const struct options *o, const struct commit_options *c, struct opened *t)
{
	struct commit k = COMMIT_INIT;
	_cleanup_journal_ struct journal j = { 0 };
	int status = 0, err = commit_load(&t->layer, &j);

	if (err == -ENOENT) {
		complain(o, err, "layer %s: no commit was interrupted", t->layer.name);
		return 1;
	}
	err = err < 0 ? err : commit_open(&k, &t->layer, &t->walk, j.to, j.flags);
	if (err == 0) {
		journal_release(&k.j);
		k.j = j;
		j = (struct journal){ 0 };
		err = c->undo ? commit_undo(&k) : commit_resume(&k);
	}
	if (err == -EAGAIN)
		status = begin_again(o, t, &k.j);
	else if (err == -EALREADY)
		status = failed(o, &k, err, ": nearly all is done: umctl commit NAME --resume");
	else if (err < 0)
		status = failed(
			o, &k, err, ". It is not at its end: umctl commit NAME --resume or --undo");
	else if (o->json)
		put_json(ok_object());
	commit_release(&k);
	return status;
}

static bool parse(int argc, char **argv, struct commit_options *ret)
{
	static const struct option longs[] = { { "dry-run", no_argument, NULL, 'n' },
		{ "to", required_argument, NULL, 't' }, { "force", no_argument, NULL, 'f' },
		{ "ours", no_argument, NULL, 'o' }, { "theirs", no_argument, NULL, 'T' },
		{ "resume", no_argument, NULL, 'r' }, { "undo", no_argument, NULL, 'u' }, { 0 } };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "nf", longs, NULL)) != -1) {
		switch (c) {
		case 'n':
			ret->dry_run = true;
			break;
		case 't':
			ret->to = optarg;
			break;
		case 'f':
			ret->flags |= COMMIT_FORCE;
			break;
		case 'o':
			ret->flags |= COMMIT_OURS;
			break;
		case 'T':
			ret->flags |= COMMIT_THEIRS;
			break;
		case 'r':
			ret->resume = true;
			break;
		case 'u':
			ret->undo = true;
			break;
		default:
			return false;
		}
	}
	if (optind >= argc || ret->resume + ret->undo + ret->dry_run > 1 ||
		__builtin_popcount(ret->flags) > 1)
		return false;
	ret->name = argv[optind];
	ret->path = argv + optind + 1;
	ret->npaths = argc - optind - 1;
	return !((ret->resume || ret->undo) && (ret->npaths || ret->flags || ret->to));
}

int cmd_commit(const struct options *o, int argc, char **argv)
{
	_cleanup_opened_ struct opened t = OPENED_INIT;
	struct commit_options c = { 0 };
	struct commit k = COMMIT_INIT;
	int status;

	if (!parse(argc, argv, &c))
		return usage_error(o, "commit");
	if (c.resume || c.undo) {
		status = open_tree(o, c.name, LAYER_MEND, true, &t);
		return status ? status : mend(o, &c, &t);
	}
	status = open_tree(o, c.name, c.dry_run ? LAYER_LOOK : LAYER_WRITE, true, &t);
	if (status)
		return status;
	status = begin(o, &c, &t, &k);
	commit_release(&k);
	return status;
}
