/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * um_mount(): a request, step by step. What it is (what.c) and whether it is ours alone; then
 * the server is started (start.c). Some need none (kinds.c).
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sys/mount/job.h"
#include "sys/mount/make.h"

char *mount_job_path(const struct mount_job *j, const char *path)
{
	if (path[0] == '/' || !j->rq->cwd)
		return strdup(path);
	return str_printf("%s/%s", j->rq->cwd, path);
}

int mount_job_fail(struct mount_job *j, int err, const char *fmt, ...)
{
	va_list ap;

	if (*j->ret_message)
		return err;
	va_start(ap, fmt);
	if (vasprintf(j->ret_message, fmt, ap) < 0)
		*j->ret_message = NULL;
	va_end(ap);
	return err;
}

static void job_release(struct mount_job *j)
{
	mount_options_release(&j->o);
	free(j->source);
	free(j->type);
	server_release(&j->server);
	path_release(&j->where);
	free(j->shown);
	image_file_release(&j->image);
	mount_close_disks(j->um, j->disks);
}

/* The place of what is not there, nor perhaps the folder that it is in: what there is of the way to
 * it is resolved, the rest is taken as it stands. */
static int resolve_absent(struct mount_job *j, const struct fs_req *req, const char *word)
{
	_cleanup_free_ char *cut = strdup(word);
	char *name, *slash;
	int r = cut ? -ENOENT : -ENOMEM;

	while (r == -ENOENT) {
		r = path_resolve_abs(&j->um->view, req, cut,
			PATH_PARENT | PATH_CREATE | PATH_NO_RULES, &j->where);
		slash = strrchr(cut, '/');
		if (r != -ENOENT || !slash || slash == cut || strcmp(slash, "/..") == 0)
			break;
		*slash = '\0';
	}
	if (r < 0)
		return r;
	name = str_printf("%s%s", j->where.name, word + strlen(cut));
	free(j->where.name);
	j->where.name = name;
	return name ? 0 : -ENOMEM;
}

/* The folders on the way there that are not, made in memory. */
static int make_way(struct mount_job *j, const struct fs_req *req, const char *word)
{
	_cleanup_free_ char *way = strdup(word);
	int r = way ? 0 : -ENOMEM;

	for (char *slash = way ? strchr(way + 1, '/') : NULL; r == 0 && slash;
		slash = strchr(slash + 1, '/')) {
		_cleanup_path_ struct path there = PATH_INIT, at = PATH_INIT;

		*slash = '\0';
		r = path_resolve_abs(&j->um->view, req, way, PATH_FOLLOW, &there);
		if (r == -ENOENT) {
			r = path_resolve_abs(
				&j->um->view, req, way, PATH_PARENT | PATH_CREATE, &at);
			if (r == 0)
				r = make_dir(j->um, &at);
		}
		*slash = '/';
	}
	return r;
}

/* The place of what the view alone is to have. */
static int resolve_made(struct mount_job *j, const struct fs_req *req, const char *word)
{
	int r;

	if (j->rq->dry_run)
		return resolve_absent(j, req, word);
	r = make_way(j, req, word);
	if (r == 0)
		r = path_resolve_abs(&j->um->view, req, word, PATH_PARENT | PATH_CREATE, &j->where);
	return r;
}

/* Binds and file systems in memory are put where nothing is as well, by who started the view. */
static bool makes_target(const struct mount_job *j)
{
	const char *type = mount_job_type(j);

	return !j->c && (j->o.flags & MS_BIND || (type && mount_type_is_memory(type)));
}

static int resolve_target(struct mount_job *j)
{
	_cleanup_free_ char *word = mount_job_path(j, j->rq->target);
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	int r;

	if (!word)
		return -ENOMEM;
	if (j->o.make)
		r = resolve_made(j, &req, word);
	else if (j->o.policy)
		r = path_resolve_abs(
			&j->um->view, &req, word, PATH_FOLLOW | PATH_NO_RULES, &j->where);
	else if (j->c)
		r = mount_where(j->c, AT_FDCWD, word, PATH_FOLLOW, &j->where);
	else
		r = path_resolve_abs(&j->um->view, &req, word, PATH_FOLLOW, &j->where);
	if (r == -ENOENT && j->o.policy && strcmp(j->o.policy, "hide") == 0)
		r = resolve_absent(j, &req, word);
	if (r == -ENOENT && makes_target(j))
		r = resolve_made(j, &req, word);
	if (r == 0 && makes_target(j) && make_type_there(&j->where) == S_IFLNK)
		r = -ENOENT; /* it leads nowhere */
	if (r < 0)
		return mount_job_fail(j, r, "mount point %s: %s", word, strerror(-r));
	return 0;
}

static int make_pending(struct mount_job *j)
{
	struct mount_pending *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->ms = j->um->mountsrv;
	p->service = (struct service)SERVICE_INIT;
	p->lock_fd = p->loop = -1;
	j->p = p;
	return 0;
}

static int fill_pending(struct mount_job *j)
{
	struct mount_pending *p = j->p;
	bool plain = strncmp(j->type, "fuse", 4) != 0;

	p->where = &j->where;
	p->source = strdup(p->loop >= 0 ? j->rq->source : mount_job_source(j));
	p->type = strdup(j->type);
	/* a fuse.* mount shows user_id= and so on, as the kernel has it */
	if (plain && !p->options)
		p->options = strdup(mount_job_options(j));
	p->flags = mount_flags_new(j->o.flags);
	return p->source && p->type && (p->options || !plain) ? 0 : -ENOMEM;
}

static int say_plan(struct mount_job *j)
{
	_cleanup_free_ char *line = NULL;
	char **argv = NULL;
	size_t len;
	FILE *out;
	int r = mount_server_argv(j, &argv);

	if (r < 0)
		return r;
	out = open_memstream(&line, &len);
	if (out) {
		fprintf(out, "%s on %s, type %s, served by:", mount_job_source(j), j->where.name,
			j->type);
		for (size_t i = 0; argv[i]; i++)
			fprintf(out, " %s", argv[i]);
		fclose(out);
		*j->ret_message = take_ptr(&line);
	}
	strv_free(argv);
	return 0;
}

/* An image is served by one server: 1, it is already, and now here too; 0, it is ours alone. */
static int take_image(struct mount_job *j)
{
	int r = mount_note_image(j->p, j->image.file, j->part.offset);

	if (r == 0 && !mount_job_is_fuse(j))
		r = mount_again(j->um->mountsrv, j->c, j->p, j->rq->dry_run);
	if (r == -EBUSY)
		return mount_job_fail(
			j, r, "%s is mounted on %s already", mount_job_source(j), j->where.name);
	if (r != 0)
		return r;
	r = image_lock(j->um, j->image.file, &j->part, mount_job_source(j),
		!(j->o.flags & MS_RDONLY), j->ret_message);
	if (r < 0)
		return r;
	j->p->lock_fd = r;
	return 0;
}

/* What is mounted and who serves it is known. */
static int serve_job(struct mount_job *j)
{
	int r = fill_pending(j);

	if (r == 0 && j->image.file >= 0)
		r = take_image(j);
	if (r < 0)
		return r;
	if (j->rq->dry_run)
		return say_plan(j);
	return r > 0 ? 0 : mount_start_server(j);
}

static int run_job(struct mount_job *j)
{
	const char *type;
	int r = mount_options_parse(j->rq->options, j->rq->flags, &j->o);

	if (r < 0)
		return mount_job_fail(j, r, "mount options \"%s\": too long", j->rq->options);
	r = make_pending(j);
	if (r == 0)
		r = resolve_target(j);
	if (r == 0 && j->o.make)
		return mount_run_make(j);
	if (r == 0 && j->o.policy)
		return mount_run_rule(j);
	if (r == 0 && (j->o.flags & MS_BIND))
		return mount_run_bind(j);
	type = mount_job_type(j);
	if (r == 0 && type && mount_type_is_memory(type))
		return mount_run_memory(j, type);
	if (r == 0 && type && mount_type_is_overlay(type)) {
		r = mount_run_overlay(j);
		return r > 0 ? serve_job(j) : r;
	}
	if (r == 0)
		r = mount_find_type(j);
	if (r == 0)
		r = mount_check_target(j);
	if (r == 0)
		r = mount_find_server(j);
	if (r == 0)
		r = serve_job(j);
	return r > 0 ? 0 : r; /* 1: a dry run that can see no further */
}

/* A mount of mount(2) has no line: it may be of a loop device, which another view has not. */
static void note_line(struct mount_job *j)
{
	const struct mount_request *rq = j->rq;

	if (rq->disk || rq->told)
		mount_note_brought(&j->um->view, j->where.name);
	else if (!j->c && !j->o.policy)
		mount_note_line(&j->um->view, j->where.name,
			mount_table_line(mount_job_source(j) ? mount_job_source(j) : rq->source,
				j->where.name, rq->type, rq->options,
				rq->flags | (j->o.flags & MS_BIND)));
}

int um_mount(struct um *um, struct call *c, const struct mount_request *rq, char **ret_message)
{
	struct mount_job j = {
		.um = um, .c = c, .rq = rq, .image = IMAGE_FILE_NONE, .where = PATH_INIT
	};
	char *message = NULL;
	int r;

	j.ret_message = &message;
	call_waits();
	r = run_job(&j);
	if (r < 0 && !message)
		mount_job_fail(&j, r, "%s on %s: %s", rq->source, rq->target, strerror(-r));
	if (r == 0 && !rq->dry_run && j.where.name)
		note_line(&j);
	mount_pending_free(j.p);
	job_release(&j);
	if (ret_message)
		*ret_message = message;
	else
		free(message);
	return r;
}
