/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts that need no server: binds, rules, folders and links made, memory, overlays. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "sys/mount/bind.h"
#include "sys/mount/make.h"
#include "sys/mount/memory.h"
#include "sys/mount/job.h"
#include "sys/mount/overlay.h"
#include "sys/mount/rule.h"

/* An image's root is a directory: what it covers must be one. (A FUSE server may serve one file.)
 */
int mount_check_target(struct mount_job *j)
{
	struct stat st;

	if (mount_job_is_fuse(j) || j->where.kind == PATH_VIRTUAL || !j->where.name ||
		stat(j->where.name, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	return mount_job_fail(j, -ENOTDIR, "mount point %s is not a directory", j->where.name);
}

/* Where nothing is, a folder is made first, which what leads to the host's can lie on. */
static int bind_there(struct mount_job *j, const struct path *from, struct mount **ret)
{
	const struct mount_as made = { .rule = RULE_MADE };
	unsigned long flags = mount_flags_new(j->o.flags);
	_cleanup_path_ struct path folder = PATH_INIT;
	const struct path *where = &j->where;
	int r;

	if (!make_type_there(where) && make_type_there(from) != S_IFDIR)
		return um_bind_as(j->um, from, where, flags, &made, ret);
	if (!make_type_there(where)) {
		r = make_dir(j->um, where);
		if (r == 0)
			r = path_resolve_abs(&j->um->view, NULL, where->name, PATH_FOLLOW, &folder);
		if (r < 0)
			return r;
		where = &folder;
	}
	if (mount_options_have(mount_job_options(j), "owners"))
		return um_bind_owned(j->um, from, where, flags, ret);
	if (j->o.flags & MS_REC)
		return um_bind_all(j->um, j->c, from, where, flags, ret);
	return um_bind(j->um, from, where, flags, ret);
}

/* The option bind: a directory or file of the view is shown at another place too. */
int mount_run_bind(struct mount_job *j)
{
	struct fs_req req = { .call = j->c, .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_free_ char *word = mount_job_path(j, j->rq->source);
	_cleanup_path_ struct path from = PATH_INIT;
	_cleanup_mount_ struct mount *m = NULL;
	int r = word ? path_resolve_abs(&j->um->view, &req, word, mount_source_flags(j), &from)
		     : -ENOMEM;

	if (r == 0 && from.kind == PATH_REAL &&
		faccessat(from.dirfd, from.last, F_OK, AT_EMPTY_PATH) < 0)
		r = -errno;
	if (r < 0)
		return mount_job_fail(j, r, "%s: %s", j->rq->source, strerror(-r));
	if (j->rq->dry_run) {
		*j->ret_message = str_printf("%s on %s, a bind", from.name, j->where.name);
		return 0;
	}
	r = bind_there(j, &from, &m);
	if (r == -ENOTDIR)
		return mount_job_fail(j, r,
			"%s and %s: one of them is a directory, the other is not", from.name,
			j->where.name);
	return r;
}

/* The option policy=: no mount is asked for, but that something be hidden, read-only ... */
int mount_run_rule(struct mount_job *j)
{
	enum mount_rule rule;
	int r = rule_parse(j->o.policy, &rule);

	if (r < 0)
		return mount_job_fail(
			j, r, "policy=%s: it is hide, empty, ro, rw or host", j->o.policy);
	if (j->rq->dry_run) {
		*j->ret_message = str_printf("%s %s%s", j->where.name, rule_says(rule),
			access(j->where.name, F_OK) < 0 && errno == ENOENT ? " (there is none now)"
									   : "");
		return 0;
	}
	r = rule_make(j->um, rule, &j->where);
	return r < 0 ? mount_job_fail(j, r, "%s: %s", j->where.name, strerror(-r)) : 0;
}

/* The option make=. */
int mount_run_make(struct mount_job *j)
{
	bool dir = strcmp(j->o.make, "dir") == 0;
	int r = 0;

	if (!dir && strcmp(j->o.make, "symlink") != 0)
		return mount_job_fail(j, -EINVAL, "make=%s: it is dir or symlink", j->o.make);
	if (j->rq->dry_run && dir)
		*j->ret_message = str_printf("%s is made, a folder in memory", j->where.name);
	else if (j->rq->dry_run)
		*j->ret_message =
			str_printf("%s is made, a link to %s", j->where.name, j->rq->source);
	else
		r = dir ? make_dir(j->um, &j->where)
			: make_symlink(j->um, j->rq->source, &j->where);
	return r < 0 ? mount_job_fail(j, r, "%s cannot be made: %s", j->where.name, strerror(-r))
		     : 0;
}

/* A file system in memory, which needs no server. */
int mount_run_memory(struct mount_job *j, const char *type)
{
	struct memory_request rq = { .where = &j->where,
		.source = j->rq->source,
		.type = type,
		.options = mount_job_options(j),
		.flags = mount_flags_new(j->o.flags),
		.made = !make_type_there(&j->where),
		.dry_run = j->rq->dry_run };
	char bad[256] = "";
	int r = mount_check_target(j);

	if (r == 0)
		r = um_mount_memory(j->um, &rq, bad);
	if (r < 0)
		return mount_job_fail(j, r, "%s on %s: %s%s%s", type, j->where.name, bad,
			bad[0] ? ": " : "", strerror(-r));
	if (rq.dry_run)
		*j->ret_message = str_printf("%s on %s, in memory", type, j->where.name);
	return 0;
}

/* The server of an overlay whose folders are where no name of the host leads. */
static int plan_overlay(struct mount_job *j, const char *options)
{
	char program[PATH_MAX];

	own_program("umview-overlay", program, sizeof(program));
	/* what was asked for is shown */
	j->p->options = strdup(mount_job_options(j));
	free(j->o.rest);
	j->o.rest = str_printf(",%s", options);
	j->type = strdup("overlay");
	j->source = strdup(j->rq->source);
	j->server.command = str_printf("'%s' %%m -o %%o", program);
	return j->p->options && j->o.rest && j->type && j->source && j->server.command ? 1
										       : -ENOMEM;
}

/* Folders over each other. 1: for a server, which j tells. */
int mount_run_overlay(struct mount_job *j)
{
	struct overlay_request rq = { .where = &j->where,
		.source = j->rq->source,
		.cwd = j->rq->cwd,
		.options = mount_job_options(j),
		.flags = mount_flags_new(j->o.flags),
		.layer = j->rq->layer,
		.fresh = j->rq->fresh,
		.dry_run = j->rq->dry_run };
	_cleanup_free_ char *options = NULL;
	int r = mount_check_target(j);

	if (r == 0)
		r = um_mount_overlay(j->um, j->c, &rq, &options, j->ret_message);
	return r > 0 ? plan_overlay(j, options) : r;
}
